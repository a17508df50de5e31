/*
 * Elliptic keys of GOST R 34.10: see gost.h for the contract.
 *
 * Refused on purpose: parameter sets that are not public standards.
 */
#include "crypto/gost.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>

#include "core/der.h"
#include "crypto/oid.h"

#define OID(text)                                                                                  \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
#define RULE      "RFC 9215 4"
#define MAX_BYTES 64
#define MAX_MASKS 8u /* and the value itself among them */

/* y^2 = x^3 + ax + b over p, and the point (x, y) of prime order q */
struct curve {
    size_t bytes;
    const char *p, *a, *b, *q, *x, *y;
};

static const struct curve curves[] = {
    /* test */
    {32, "8000000000000000000000000000000000000000000000000000000000000431", "07",
     "5fbff498aa938ce739b8e022fbafef40563f6e6a3472fc2a514c0ce9dae23b7e",
     "8000000000000000000000000000000150fe8a1892976154c59cfc193accf5b3", "02",
     "08e2a8a0e65147d4bd6316030e16d19c85c97f0a9ca267122b96abbcea7e8fc8"},
    /* CryptoPro A */
    {32, "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd97",
     "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd94", "a6",
     "ffffffffffffffffffffffffffffffff6c611070995ad10045841b09b761b893", "01",
     "8d91e471e0989cda27df505a453f2b7635294f2ddf23e3b122acc99c9e9f1e14"},
    /* CryptoPro B */
    {32, "8000000000000000000000000000000000000000000000000000000000000c99",
     "8000000000000000000000000000000000000000000000000000000000000c96",
     "3e1af419a269a5f866a7d3c25c3df80ae979259373ff2b182f49d4ce7e1bbc8b",
     "800000000000000000000000000000015f700cfff1a624e5e497161bcc8a198f", "01",
     "3fa8124359f96680b83d1c3eb2c070e5c545c9858d03ecfb744bf8d717717efc"},
    /* CryptoPro C */
    {32, "9b9f605f5a858107ab1ec85e6b41c8aacf846e86789051d37998f7b9022d759b",
     "9b9f605f5a858107ab1ec85e6b41c8aacf846e86789051d37998f7b9022d7598", "805a",
     "9b9f605f5a858107ab1ec85e6b41c8aa582ca3511eddfb74f02f3a6598980bb9", "00",
     "41ece55743711a8c3cbf3783cd08c0ee4d4dc440d4641a8f366e550dfdb3bb67"},
    /* TC26 256 A */
    {32, "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd97",
     "c2173f1513981673af4892c23035a27ce25e2013bf95aa33b22c656f277e7335",
     "295f9bae7428ed9ccc20e7c359a9d41a22fccd9108e17bf7ba9337a6f8ae9513",
     "400000000000000000000000000000000fd8cddfc87b6635c115af556c360c67",
     "91e38443a5e82c0d880923425712b2bb658b9196932e02c78b2582fe742daa28",
     "32879423ab1a0375895786c4bb46e9565fde0b5344766740af268adb32322e5c"},
    /* TC26 512 A */
    {64,
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffdc7",
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffdc4",
     "e8c2505dedfc86ddc1bd0b2b6667f1da34b82574761cb0e879bd081cfd0b6265"
     "ee3cb090f30d27614cb4574010da90dd862ef9d4ebee4761503190785a71c760",
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "27e69532f48d89116ff22b8d4e0560609b4b38abfad2b85dcacdb1411f10b275",
     "03",
     "7503cfe87a836ae3a61b8816e25450e6ce5e1c93acf1abc1778064fdcbefa921"
     "df1626be4fd036e93d75e6a50e3a41e98028fe5fc235f5b889a589cb5215f2a4"},
    /* TC26 512 B */
    {64,
     "8000000000000000000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000000000000000000000000000006f",
     "8000000000000000000000000000000000000000000000000000000000000000"
     "000000000000000000000000000000000000000000000000000000000000006c",
     "687d1b459dc841457e3e06cf6f5e2517b97c7d614af138bcbf85dc806c4b289f"
     "3e965d2db1416d217f8b276fad1ab69c50f78bee1fa3106efb8ccbc7c5140116",
     "8000000000000000000000000000000000000000000000000000000000000001"
     "49a1ec142565a545acfdb77bd9d40cfa8b996712101bea0ec6346c54374f25bd",
     "02",
     "1a8f7eda389b094c2c071e3647a8940f3c123b697578c213be6dd9e6c8ec7335"
     "dcb228fd1edf4a39152cbcaaf8c0398828041055f94ceeec7e21340780fe41bd"},
    /* TC26 512 C */
    {64,
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffdc7",
     "dc9203e514a721875485a529d2c722fb187bc8980eb866644de41c68e1430645"
     "46e861c0e2c9edd92ade71f46fcf50ff2ad97f951fda9f2a2eb6546f39689bd3",
     "b4c4ee28cebc6c2c8ac12952cf37f16ac7efb6a9f69f4b57ffda2e4f0de5ade0"
     "38cbc2fff719d2c18de0284b8bfef3b52b8cc7a5f5bf0a3c8d2319a5312557e1",
     "3fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
     "c98cdba46506ab004c33a9ff5147502cc8eda9e7a769a12694623cef47f023ed",
     "e2e31edfc23de7bdebe241ce593ef5de2295b7a9cbaef021d385f7074cea043a"
     "a27272a7ae602bf2a7b9033db9ed3610c6fb85487eae97aac5bc7928c1950148",
     "f5ce40d95b5eb899abbccff5911cb8577939804d6527378b8c108c3d2090ff9b"
     "e18e2d33e3021ed2ef32d85822423b6304f726aa854bae07d0396e9a9addc40f"},
};

static const struct {
    struct kf_slice oid;
    size_t curve;
} names[] = {
    {OID("\x2a\x85\x03\x02\x02\x23\x00"), 0},         /* 1.2.643.2.2.35.0 */
    {OID("\x2a\x85\x03\x02\x02\x23\x01"), 1},         /* 1.2.643.2.2.35.1 */
    {OID("\x2a\x85\x03\x02\x02\x24\x00"), 1},         /* 1.2.643.2.2.36.0 */
    {OID("\x2a\x85\x03\x07\x01\x02\x01\x01\x02"), 1}, /* 1.2.643.7.1.2.1.1.2 */
    {OID("\x2a\x85\x03\x02\x02\x23\x02"), 2},         /* 1.2.643.2.2.35.2 */
    {OID("\x2a\x85\x03\x07\x01\x02\x01\x01\x03"), 2}, /* 1.2.643.7.1.2.1.1.3 */
    {OID("\x2a\x85\x03\x02\x02\x23\x03"), 3},         /* 1.2.643.2.2.35.3 */
    {OID("\x2a\x85\x03\x02\x02\x24\x01"), 3},         /* 1.2.643.2.2.36.1 */
    {OID("\x2a\x85\x03\x07\x01\x02\x01\x01\x04"), 3}, /* 1.2.643.7.1.2.1.1.4 */
    {OID("\x2a\x85\x03\x07\x01\x02\x01\x01\x01"), 4}, /* 1.2.643.7.1.2.1.1.1 */
    {OID("\x2a\x85\x03\x07\x01\x02\x01\x02\x01"), 5}, /* 1.2.643.7.1.2.1.2.1 */
    {OID("\x2a\x85\x03\x07\x01\x02\x01\x02\x02"), 6}, /* 1.2.643.7.1.2.1.2.2 */
    {OID("\x2a\x85\x03\x07\x01\x02\x01\x02\x03"), 7}, /* 1.2.643.7.1.2.1.2.3 */
};

static const struct curve *find_curve(struct kf_slice parameters)
{
    struct kf_slice in;
    struct kf_slice oid;

    if (!kf_der_get(&parameters, KF_DER_SEQUENCE, &in) || !kf_der_get(&in, KF_DER_OID, &oid))
        return NULL;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (kf_bytes_equal(oid, names[i].oid))
            return &curves[names[i].curve];
    }
    return NULL;
}

bool kf_gost_same_curve(struct kf_slice a, struct kf_slice b)
{
    const struct curve *first = find_curve(a);

    return first != NULL && first == find_curve(b);
}

bool kf_gost_public(struct kf_slice bits, struct kf_slice *value)
{
    return kf_der_get(&bits, KF_DER_OCTET_STRING, value) && kf_der_end(&bits) &&
           (value->len == 64 || value->len == 128);
}

static BIGNUM *number(BN_CTX *context, const char *hex)
{
    BIGNUM *out = BN_CTX_get(context);

    return out != NULL && BN_hex2bn(&out, hex) != 0 ? out : NULL;
}

/* NULL: memory */
static EC_GROUP *make_group(const struct curve *curve, BN_CTX *context)
{
    BIGNUM *p = number(context, curve->p);
    BIGNUM *a = number(context, curve->a);
    BIGNUM *b = number(context, curve->b);
    BIGNUM *q = number(context, curve->q);
    BIGNUM *x = number(context, curve->x);
    BIGNUM *y = number(context, curve->y);
    EC_GROUP *group = NULL;
    EC_POINT *generator = NULL;

    if (p != NULL && a != NULL && b != NULL && q != NULL && x != NULL && y != NULL)
        group = EC_GROUP_new_curve_GFp(p, a, b, context);
    if (group != NULL)
        generator = EC_POINT_new(group);
    if (generator == NULL ||
        EC_POINT_set_affine_coordinates(group, generator, x, y, context) != 1 ||
        EC_GROUP_set_generator(group, generator, q, NULL) != 1) {
        EC_GROUP_free(group);
        group = NULL;
    }
    EC_POINT_free(generator);
    return group;
}

/* The value, and the masks that it has to be multiplied by (RFC 9548 5); false for other lengths */
static bool unmask(const struct curve *curve, struct kf_slice bytes, const BIGNUM *order,
                   BN_CTX *context, BIGNUM *d)
{
    BIGNUM *mask = BN_CTX_get(context);
    int size = (int)curve->bytes;

    if (mask == NULL || bytes.len == 0 || bytes.len % curve->bytes != 0 ||
        bytes.len > MAX_MASKS * curve->bytes || BN_lebin2bn(bytes.data, size, d) == NULL)
        return false;
    for (size_t at = curve->bytes; at < bytes.len; at += curve->bytes) {
        if (BN_lebin2bn(bytes.data + at, size, mask) == NULL ||
            BN_mod_mul(d, d, mask, order, context) != 1)
            return false;
    }
    return true;
}

/* The private value from any of the forms that are in use; false for others */
static bool read_value(const struct curve *curve, struct kf_slice content, const BIGNUM *order,
                       BN_CTX *context, BIGNUM *d)
{
    struct kf_slice in = content;
    struct kf_slice value;

    if (content.len % curve->bytes == 0)
        return unmask(curve, content, order, context, d);
    if (kf_der_get(&in, KF_DER_OCTET_STRING, &value) && kf_der_end(&in))
        return unmask(curve, value, order, context, d);
    in = content;
    return kf_der_unsigned(&in, &value) && kf_der_end(&in) && value.len <= curve->bytes &&
           BN_bin2bn(value.data, (int)value.len, d) != NULL;
}

static enum kf_status append_point(const struct curve *curve, const EC_GROUP *group,
                                   const EC_POINT *point, BN_CTX *context, struct kf_buf *out,
                                   struct kf_error *error)
{
    BIGNUM *x = BN_CTX_get(context);
    BIGNUM *y = BN_CTX_get(context);
    uint8_t bytes[2 * MAX_BYTES];
    int size = (int)curve->bytes;

    if (y == NULL || EC_POINT_get_affine_coordinates(group, point, x, y, context) != 1 ||
        BN_bn2lebinpad(x, bytes, size) != size || BN_bn2lebinpad(y, bytes + size, size) != size)
        return kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                               "the public key of the GOST key cannot be computed");
    return kf_buf_append(out, bytes, 2 * curve->bytes, error);
}

static enum kf_status compute(const struct curve *curve, struct kf_slice content, BN_CTX *context,
                              struct kf_buf *out, struct kf_error *error)
{
    EC_GROUP *group = make_group(curve, context);
    EC_POINT *point = group != NULL ? EC_POINT_new(group) : NULL;
    BIGNUM *d = BN_CTX_get(context);
    enum kf_status status = KF_OK;

    if (point == NULL || d == NULL)
        status = kf_fail_memory(error);
    else if (!read_value(curve, content, EC_GROUP_get0_order(group), context, d))
        status = kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                         "the private value of the GOST key has the wrong length");
    else if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
        status = kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                         "the private value of the GOST key is out of range");
    if (status == KF_OK) {
        BN_set_flags(d, BN_FLG_CONSTTIME);
        if (EC_POINT_mul(group, point, d, NULL, NULL, context) != 1)
            status = kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                                     "the public key of the GOST key cannot be computed");
    }
    if (status == KF_OK)
        status = append_point(curve, group, point, context, out, error);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return status;
}

enum kf_status kf_gost_compute(const struct kf_crypto *crypto, struct kf_slice parameters,
                               struct kf_slice content, struct kf_buf *out, struct kf_error *error)
{
    const struct curve *curve = find_curve(parameters);
    BN_CTX *context;
    enum kf_status status;

    if (curve == NULL)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, RULE,
                       "a GOST key with a parameter set that is not known here");
    context = BN_CTX_secure_new_ex(crypto->library);
    if (context == NULL)
        return kf_fail_memory(error);
    BN_CTX_start(context);
    status = compute(curve, content, context, out, error);
    BN_CTX_end(context);
    BN_CTX_free(context);
    return status;
}
