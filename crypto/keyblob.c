/*
 * The private key blob that an archived key holds: see keyblob.h for the contract.
 *
 * RSA ([MS-WCCE] 2.2.2.9.1): PUBLICKEYSTRUC, RSAPUBKEY and the numbers, all little-endian; modulus
 * and private exponent take (bits + 7) / 8 bytes, all others (bits + 15) / 16. A key whose primes
 * do not fit, or whose exponent is over 32 bits, or of more than two primes, is not held by it.
 * Writing computes nothing: every number is in the key. Reading computes what is zero in the blob.
 *
 * ECC ([MS-WCCE] 2.2.2.9.3): the magic of BCRYPT_ECCPRIVATE_BLOB for ECDH, the length of a
 * coordinate, then X, Y and d, big-endian and padded to that length.
 *
 * PKCS #8 stands for itself. On all three, bytes after the key are refused.
 */
#include "crypto/keyblob.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "core/limits.h"
#include "crypto/oid.h"
#include "crypto/privkey_parts.h"
#include "crypto/spki.h"

#define RSA_RULE "[MS-WCCE] 2.2.2.9.1"
#define ECC_RULE "[MS-WCCE] 2.2.2.9.3"

#define RSA_HEADER 20u         /* bytes: PUBLICKEYSTRUC and RSAPUBKEY */
#define RSA_MAGIC  0x32415352u /* "RSA2" */
#define ALG_KEYX   0x0000a400u /* CALG_RSA_KEYX */
#define ALG_SIGN   0x00002400u /* CALG_RSA_SIGN */
#define BLOB_TYPE  0x00000207u /* PRIVATEKEYBLOB, version 2, nothing reserved */
#define ECC_HEADER 8u          /* bytes: magic and length */

struct ecc_kind {
    int curve;
    uint32_t magic;      /* for ECDH, which is written: "ECK2", "ECK4", "ECK6" */
    uint32_t sign_magic; /* for ECDSA, read only: "ECS2", "ECS4", "ECS6" */
    size_t size;         /* of a coordinate, bytes */
    struct kf_slice oid;
};

static const struct ecc_kind ecc_kinds[] = {
    {NID_X9_62_prime256v1,
     0x324b4345,
     0x32534345,
     32,
     {(const uint8_t *)KF_OID_P256, sizeof(KF_OID_P256) - 1}},
    {NID_secp384r1,
     0x344b4345,
     0x34534345,
     48,
     {(const uint8_t *)KF_OID_P384, sizeof(KF_OID_P384) - 1}},
    {NID_secp521r1,
     0x364b4345,
     0x36534345,
     66,
     {(const uint8_t *)KF_OID_P521, sizeof(KF_OID_P521) - 1}},
};

#define ECC_COUNT (sizeof(ecc_kinds) / sizeof(ecc_kinds[0]))

static struct kf_slice without_zeros(struct kf_slice number)
{
    while (number.len != 0 && number.data[0] == 0) {
        number.data++;
        number.len--;
    }
    return number;
}

static bool rsa_fits(const struct kf_rsa_numbers *rsa)
{
    size_t bits = kf_magnitude_bits(rsa->n);
    size_t half = (bits + 15) / 16;

    return rsa->other_primes.len == 0 && rsa->e.len <= 4 && rsa->p.len <= half &&
           rsa->q.len <= half && rsa->dp.len <= half && rsa->dq.len <= half &&
           rsa->qinv.len <= half && rsa->d.len <= (bits + 7) / 8;
}

/* NULL where the key is not on one of the three curves. */
static const struct ecc_kind *ecc_kind_of(const struct kf_privkey *key)
{
    for (size_t i = 0; i < ECC_COUNT; i++) {
        if (key->type == KF_KEY_EC && key->curve == ecc_kinds[i].curve &&
            without_zeros(key->scalar).len <= ecc_kinds[i].size)
            return &ecc_kinds[i];
    }
    return NULL;
}

enum kf_blob_type kf_keyblob_type(const struct kf_privkey *key)
{
    if (key->type == KF_KEY_RSA && rsa_fits(&key->rsa))
        return KF_BLOB_RSA;
    if (ecc_kind_of(key) != NULL)
        return KF_BLOB_ECC;
    return KF_BLOB_PKCS8;
}

/* Room for it is reserved. */
static void put_u32(struct kf_buf *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out->data[out->len++] = (uint8_t)(value >> 8 * i);
}

/* The number backwards, padded to size; it fits, and room is reserved. */
static void put_little(struct kf_buf *out, struct kf_slice number, size_t size)
{
    for (size_t i = 0; i < number.len; i++)
        out->data[out->len + i] = number.data[number.len - 1 - i];
    memset(out->data + out->len + number.len, 0, size - number.len);
    out->len += size;
}

static void put_big(struct kf_buf *out, struct kf_slice number, size_t size)
{
    memset(out->data + out->len, 0, size - number.len);
    memcpy(out->data + out->len + size - number.len, number.data, number.len);
    out->len += size;
}

static enum kf_status write_rsa(const struct kf_rsa_numbers *rsa, struct kf_buf *out,
                                struct kf_error *error)
{
    uint32_t bits = (uint32_t)kf_magnitude_bits(rsa->n);
    size_t full = (bits + 7) / 8;
    size_t half = (bits + 15) / 16;
    uint32_t exponent = 0;

    if (kf_buf_reserve(out, RSA_HEADER + 2 * full + 5 * half, error) != KF_OK)
        return KF_FATAL;
    for (size_t i = 0; i < rsa->e.len; i++)
        exponent = exponent << 8 | rsa->e.data[i];
    put_u32(out, BLOB_TYPE);
    put_u32(out, ALG_KEYX);
    put_u32(out, RSA_MAGIC);
    put_u32(out, bits);
    put_u32(out, exponent);
    put_little(out, rsa->n, full);
    put_little(out, rsa->p, half);
    put_little(out, rsa->q, half);
    put_little(out, rsa->dp, half);
    put_little(out, rsa->dq, half);
    put_little(out, rsa->qinv, half);
    put_little(out, rsa->d, full);
    return KF_OK;
}

static enum kf_status write_ecc(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_buf *out, struct kf_error *error)
{
    const struct ecc_kind *kind = ecc_kind_of(key);
    struct kf_buf point = KF_PUBLIC_BUF;
    enum kf_status status = kf_ec_compute(crypto, key, &point, error);

    if (status == KF_OK && point.len != 1 + 2 * kind->size)
        status = kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, ECC_RULE,
                         "a point of an unexpected length");
    if (status == KF_OK)
        status = kf_buf_reserve(out, ECC_HEADER + 3 * kind->size, error);
    if (status == KF_OK) {
        put_u32(out, kind->magic);
        put_u32(out, (uint32_t)kind->size);
        put_big(out, (struct kf_slice){point.data + 1, point.len - 1}, 2 * kind->size);
        put_big(out, without_zeros(key->scalar), kind->size);
    }
    kf_buf_reset(&point);
    return status;
}

enum kf_status kf_keyblob_write(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_buf *out, struct kf_error *error)
{
    switch (kf_keyblob_type(key)) {
    case KF_BLOB_RSA:
        return write_rsa(&key->rsa, out, error);
    case KF_BLOB_ECC:
        return write_ecc(crypto, key, out, error);
    case KF_BLOB_PKCS8:
    case KF_BLOB_NONE:
        break;
    }
    return kf_buf_append(out, key->pkcs8.data, key->pkcs8.len, error);
}

static uint32_t get_u32(struct kf_slice bytes, size_t at)
{
    const uint8_t *p = bytes.data + at;

    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static const struct ecc_kind *ecc_kind_by_magic(uint32_t magic)
{
    for (size_t i = 0; i < ECC_COUNT; i++) {
        if (ecc_kinds[i].magic == magic || ecc_kinds[i].sign_magic == magic)
            return &ecc_kinds[i];
    }
    return NULL;
}

enum kf_blob_type kf_keyblob_bid(struct kf_slice blob)
{
    if (blob.len >= RSA_HEADER && get_u32(blob, 0) == BLOB_TYPE && get_u32(blob, 8) == RSA_MAGIC)
        return KF_BLOB_RSA;
    if (blob.len >= ECC_HEADER && ecc_kind_by_magic(get_u32(blob, 0)) != NULL)
        return KF_BLOB_ECC;
    return kf_der_peek(&blob) == KF_DER_SEQUENCE ? KF_BLOB_PKCS8 : KF_BLOB_NONE;
}

static enum kf_status broken(struct kf_error *error, const char *rule, const char *why)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, rule, "broken private key blob: %s", why);
}

/* The numbers of an RSA blob in the order of RSAPrivateKey. */
enum { RSA_N, RSA_E, RSA_D, RSA_P, RSA_Q, RSA_DP, RSA_DQ, RSA_QINV, RSA_COUNT };

struct rsa_blob {
    BIGNUM *numbers[RSA_COUNT];
    BN_CTX *context;
};

/* The order of the blob, after its header. */
static const struct {
    int number;
    bool is_full;
} layout[] = {{RSA_N, true},   {RSA_P, false},    {RSA_Q, false}, {RSA_DP, false},
              {RSA_DQ, false}, {RSA_QINV, false}, {RSA_D, true}};

#define LAYOUT_COUNT (sizeof(layout) / sizeof(layout[0]))

/* Header and size; *full and *half get the sizes of the two kinds of numbers, bytes. */
static enum kf_status check_layout(struct kf_slice blob, size_t *full, size_t *half,
                                   struct kf_error *error)
{
    uint32_t bits = get_u32(blob, 12);

    if (get_u32(blob, 4) != ALG_KEYX && get_u32(blob, 4) != ALG_SIGN)
        return broken(error, RSA_RULE, "its algorithm is not RSA");
    if (bits < KF_RSA_BITS_MIN || bits > KF_RSA_BITS_MAX)
        return broken(error, RSA_RULE, "its length is not from 512 to 16384 bits");
    *full = (bits + 7) / 8;
    *half = (bits + 15) / 16;
    if (blob.len != RSA_HEADER + 2 * *full + 5 * *half)
        return broken(error, RSA_RULE, "its size does not fit the length of the key");
    return KF_OK;
}

static enum kf_status load_rsa(struct kf_slice blob, struct rsa_blob *rsa, struct kf_error *error)
{
    size_t at = RSA_HEADER;
    size_t full;
    size_t half;
    enum kf_status status = check_layout(blob, &full, &half, error);

    if (status != KF_OK)
        return status;
    if (BN_set_word(rsa->numbers[RSA_E], get_u32(blob, 16)) != 1)
        return kf_fail_memory(error);
    for (size_t i = 0; i < LAYOUT_COUNT; i++) {
        size_t size = layout[i].is_full ? full : half;

        if (BN_lebin2bn(blob.data + at, (int)size, rsa->numbers[layout[i].number]) == NULL)
            return kf_fail_memory(error);
        at += size;
    }
    return KF_OK;
}

/* Appends size bytes backwards; what they are without leading zeros. Room is reserved. */
static struct kf_slice turn_round(struct kf_buf *space, const uint8_t *bytes, size_t size)
{
    uint8_t *to = space->data + space->len;

    for (size_t i = 0; i < size; i++)
        to[i] = bytes[size - 1 - i];
    space->len += size;
    return without_zeros((struct kf_slice){to, size});
}

bool kf_keyblob_rsa_numbers(struct kf_slice blob, struct kf_buf *space, struct kf_rsa_numbers *out)
{
    struct kf_slice *const numbers[RSA_COUNT] = {
        [RSA_N] = &out->n, [RSA_E] = &out->e,   [RSA_D] = &out->d,   [RSA_P] = &out->p,
        [RSA_Q] = &out->q, [RSA_DP] = &out->dp, [RSA_DQ] = &out->dq, [RSA_QINV] = &out->qinv};
    size_t at = RSA_HEADER;
    size_t full;
    size_t half;

    kf_buf_clear(space);
    *out = (struct kf_rsa_numbers){.other_primes = {NULL, 0}};
    if (kf_keyblob_bid(blob) != KF_BLOB_RSA || check_layout(blob, &full, &half, NULL) != KF_OK ||
        kf_buf_reserve(space, blob.len, NULL) != KF_OK)
        return false;
    out->e = turn_round(space, blob.data + 16, 4);
    for (size_t i = 0; i < LAYOUT_COUNT; i++) {
        size_t size = layout[i].is_full ? full : half;

        *numbers[layout[i].number] = turn_round(space, blob.data + at, size);
        at += size;
    }
    for (size_t i = 0; i < RSA_COUNT; i++) {
        if (numbers[i]->len == 0)
            return false;
    }
    return kf_magnitude_bits(out->n) >= KF_RSA_BITS_MIN;
}

/* out = in^-1 mod modulus, or in mod modulus, where out is not there yet */
static bool supply(BIGNUM *out, const BIGNUM *in, const BIGNUM *modulus, bool inverse,
                   BN_CTX *context)
{
    if (!BN_is_zero(out))
        return true;
    return inverse ? BN_mod_inverse(out, in, modulus, context) != NULL
                   : BN_mod(out, in, modulus, context) == 1;
}

/* Computes what the blob has no value for; the primes must be there (RFC 8017 3.2). */
static bool complete(struct rsa_blob *rsa)
{
    BIGNUM *const *n = rsa->numbers;
    BIGNUM *p1 = BN_CTX_get(rsa->context);
    BIGNUM *q1 = BN_CTX_get(rsa->context);
    BIGNUM *phi = BN_CTX_get(rsa->context);

    if (phi == NULL || BN_is_zero(n[RSA_P]) || BN_is_zero(n[RSA_Q]) ||
        BN_sub(p1, n[RSA_P], BN_value_one()) != 1 || BN_sub(q1, n[RSA_Q], BN_value_one()) != 1 ||
        BN_mul(phi, p1, q1, rsa->context) != 1)
        return false;
    BN_set_flags(phi, BN_FLG_CONSTTIME);
    return !BN_is_zero(phi) && supply(n[RSA_D], n[RSA_E], phi, true, rsa->context) &&
           supply(n[RSA_DP], n[RSA_D], p1, false, rsa->context) &&
           supply(n[RSA_DQ], n[RSA_D], q1, false, rsa->context) &&
           supply(n[RSA_QINV], n[RSA_Q], n[RSA_P], true, rsa->context);
}

static enum kf_status put_number(const BIGNUM *number, struct kf_buf *out, struct kf_error *error)
{
    struct kf_buf bytes = KF_SECRET_BUF;
    enum kf_status status = kf_buf_reserve(&bytes, (size_t)BN_num_bytes(number) + 1, error);

    if (status == KF_OK) {
        bytes.len = (size_t)BN_bn2bin(number, bytes.data);
        status = kf_der_put_unsigned(out, kf_buf_slice(&bytes), error);
    }
    kf_buf_reset(&bytes);
    return status;
}

static enum kf_status put_rsa(const struct rsa_blob *rsa, struct kf_buf *out,
                              struct kf_error *error)
{
    struct kf_buf content = KF_SECRET_BUF;
    enum kf_status status = kf_der_put_uint(&content, 0, error);

    for (size_t i = 0; i < RSA_COUNT && status == KF_OK; i++)
        status = put_number(rsa->numbers[i], &content, error);
    if (status == KF_OK)
        status = kf_der_wrap(&content, 0, KF_DER_SEQUENCE, error);
    if (status == KF_OK)
        status = kf_privkey_wrap_pkcs1(kf_buf_slice(&content), out, error);
    kf_buf_reset(&content);
    return status;
}

static enum kf_status read_rsa(const struct kf_crypto *crypto, struct kf_slice blob,
                               struct kf_buf *out, struct kf_error *error)
{
    struct rsa_blob rsa = {.context = BN_CTX_secure_new_ex(crypto->library)};
    enum kf_status status = KF_OK;

    if (rsa.context == NULL)
        return kf_fail_memory(error);
    BN_CTX_start(rsa.context);
    for (size_t i = 0; i < RSA_COUNT && status == KF_OK; i++) {
        rsa.numbers[i] = BN_CTX_get(rsa.context);
        if (rsa.numbers[i] == NULL)
            status = kf_fail_memory(error);
        else
            BN_set_flags(rsa.numbers[i], BN_FLG_CONSTTIME);
    }
    if (status == KF_OK)
        status = load_rsa(blob, &rsa, error);
    if (status == KF_OK && !complete(&rsa))
        status = kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, RSA_RULE,
                                 "broken private key blob: its numbers are not an RSA key");
    if (status == KF_OK)
        status = put_rsa(&rsa, out, error);
    BN_CTX_end(rsa.context);
    BN_CTX_free(rsa.context);
    return status;
}

/* ECPrivateKey (RFC 5915 3) with its public key: version 1, d, [1] point */
static enum kf_status put_sec1(const struct ecc_kind *kind, struct kf_slice blob,
                               struct kf_buf *out, struct kf_error *error)
{
    static const uint8_t bits_and_form[] = {0, 0x04};
    struct kf_slice point = {blob.data + ECC_HEADER, 2 * kind->size};
    struct kf_slice scalar = {point.data + point.len, kind->size};
    size_t mark;
    enum kf_status status = kf_der_put_uint(out, 1, error);

    if (status == KF_OK)
        status = kf_der_put(out, KF_DER_OCTET_STRING, scalar, error);
    mark = out->len;
    if (status == KF_OK)
        status = kf_buf_append(out, bits_and_form, sizeof(bits_and_form), error);
    if (status == KF_OK)
        status = kf_buf_append(out, point.data, point.len, error);
    if (status == KF_OK)
        status = kf_der_wrap(out, mark, KF_DER_BIT_STRING, error);
    if (status == KF_OK)
        status = kf_der_wrap(out, mark, KF_DER_CONTEXT_CONSTRUCTED | 1, error);
    return status == KF_OK ? kf_der_wrap(out, 0, KF_DER_SEQUENCE, error) : status;
}

static enum kf_status read_ecc(struct kf_slice blob, struct kf_buf *out, struct kf_error *error)
{
    const struct ecc_kind *kind = ecc_kind_by_magic(get_u32(blob, 0));
    struct kf_buf content = KF_SECRET_BUF;
    struct kf_buf curve = KF_PUBLIC_BUF;
    enum kf_status status;

    if (get_u32(blob, 4) != kind->size || blob.len != ECC_HEADER + 3 * kind->size)
        return broken(error, ECC_RULE, "its size does not fit the curve");
    status = put_sec1(kind, blob, &content, error);
    if (status == KF_OK)
        status = kf_der_put(&curve, KF_DER_OID, kind->oid, error);
    if (status == KF_OK)
        status = kf_pkcs8_wrap(KF_OID(KF_OID_EC), kf_buf_slice(&curve), kf_buf_slice(&content), out,
                               error);
    kf_buf_reset(&content);
    kf_buf_reset(&curve);
    return status;
}

/* What was read must be a key by its own algebra, whichever way it came. */
static enum kf_status check(const struct kf_crypto *crypto, struct kf_slice pkcs8,
                            struct kf_error *error)
{
    struct kf_privkey key;
    enum kf_status status = kf_privkey_parse(pkcs8, &key, error);

    return status == KF_OK ? kf_privkey_check(crypto, &key, error) : status;
}

enum kf_status kf_keyblob_read(const struct kf_crypto *crypto, struct kf_slice blob,
                               struct kf_buf *out, struct kf_error *error)
{
    size_t start = out->len;
    enum kf_status status = KF_OK;

    switch (kf_keyblob_bid(blob)) {
    case KF_BLOB_RSA:
        status = read_rsa(crypto, blob, out, error);
        break;
    case KF_BLOB_ECC:
        status = read_ecc(blob, out, error);
        break;
    case KF_BLOB_PKCS8:
        if (blob.len > KF_MAX_PKCS8)
            return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                           "a private key of %zu bytes; at most %u are taken", blob.len,
                           KF_MAX_PKCS8);
        status = kf_buf_append(out, blob.data, blob.len, error);
        break;
    case KF_BLOB_NONE:
        return broken(error, "[MS-WCCE] 2.2.2.9", "neither RSA, nor ECC, nor PKCS #8");
    }
    if (status == KF_OK)
        status = check(crypto, (struct kf_slice){out->data + start, out->len - start}, error);
    if (status != KF_OK && out->len > start) {
        kf_wipe(out->data + start, out->len - start);
        out->len = start;
    }
    return status;
}
