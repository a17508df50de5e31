/*
 * Public keys as they stand in certificates: see spki.h.
 *
 * Elliptic curves by name are any that OpenSSL knows; explicit ones (SEC 1 C.2) are taken over
 * prime fields only, and OpenSSL bounds the size of the field.
 */
#include "crypto/spki.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

#include "crypto/oid.h"

static const struct {
    struct kf_slice oid;
    enum kf_key_type type;
} algorithms[] = {
#define ALGORITHM(octets, kind)                                                                    \
    {                                                                                              \
        {(const uint8_t *)(octets), sizeof(octets) - 1}, (kind)                                    \
    }
    ALGORITHM(KF_OID_RSA, KF_KEY_RSA),
    ALGORITHM(KF_OID_RSA_PSS, KF_KEY_RSA_PSS),
    ALGORITHM(KF_OID_EC, KF_KEY_EC),
    ALGORITHM(KF_OID_ED25519, KF_KEY_ED25519),
    ALGORITHM(KF_OID_ED448, KF_KEY_ED448),
    ALGORITHM(KF_OID_X25519, KF_KEY_X25519),
    ALGORITHM(KF_OID_X448, KF_KEY_X448),
    ALGORITHM(KF_OID_DSA, KF_KEY_DSA),
    ALGORITHM(KF_OID_DH_PKCS3, KF_KEY_DH),
    ALGORITHM(KF_OID_DH_X942, KF_KEY_DH),
    ALGORITHM(KF_OID_GOST_2001, KF_KEY_GOST),
    ALGORITHM(KF_OID_GOST_2012_256, KF_KEY_GOST),
    ALGORITHM(KF_OID_GOST_2012_512, KF_KEY_GOST),
    ALGORITHM(KF_OID_ML_KEM "\x01", KF_KEY_ML_KEM),
    ALGORITHM(KF_OID_ML_KEM "\x02", KF_KEY_ML_KEM),
    ALGORITHM(KF_OID_ML_KEM "\x03", KF_KEY_ML_KEM),
    ALGORITHM(KF_OID_RSA_OAEP, KF_KEY_RSA), /* RFC 4055 4.1: an RSA key, for one use */
    ALGORITHM(KF_OID_RSA_X500, KF_KEY_RSA),
#undef ALGORITHM
};

bool kf_key_type_find(struct kf_slice oid, enum kf_key_type *type)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (kf_bytes_equal(oid, algorithms[i].oid)) {
            *type = algorithms[i].type;
            return true;
        }
    }
    return false;
}

bool kf_spki_split(struct kf_slice spki, struct kf_spki *out)
{
    struct kf_slice members;

    *out = (struct kf_spki){.is_known = false};
    if (!kf_der_get(&spki, KF_DER_SEQUENCE, &members) || !kf_der_end(&spki) ||
        !kf_der_algorithm(&members, &out->oid, &out->parameters) ||
        !kf_der_bytes(&members, &out->bits) || !kf_der_end(&members))
        return false;
    out->is_known = kf_key_type_find(out->oid, &out->type);
    return true;
}

bool kf_rsa_public_split(struct kf_slice bits, struct kf_slice *n, struct kf_slice *e)
{
    struct kf_slice members;

    return kf_der_get(&bits, KF_DER_SEQUENCE, &members) && kf_der_end(&bits) &&
           kf_der_unsigned(&members, n) && kf_der_unsigned(&members, e) && kf_der_end(&members);
}

size_t kf_magnitude_bits(struct kf_slice magnitude)
{
    size_t bits = magnitude.len * 8;

    if (magnitude.len == 0)
        return 0;
    for (unsigned top = magnitude.data[0]; top < 0x80; top = top << 1 | 1)
        bits--;
    return bits;
}

/* Those that nearly every key has, without a search. */
static const struct {
    struct kf_slice oid;
    int nid;
    unsigned bits;
} usual_curves[] = {
    {{(const uint8_t *)KF_OID_P256, sizeof(KF_OID_P256) - 1}, NID_X9_62_prime256v1, 256},
    {{(const uint8_t *)KF_OID_P384, sizeof(KF_OID_P384) - 1}, NID_secp384r1, 384},
    {{(const uint8_t *)KF_OID_P521, sizeof(KF_OID_P521) - 1}, NID_secp521r1, 521},
};

#define USUAL_COUNT (sizeof(usual_curves) / sizeof(usual_curves[0]))

unsigned kf_ec_bits(const struct kf_crypto *crypto, int nid, struct kf_slice parameters)
{
    EC_GROUP *group;
    unsigned bits;

    for (size_t i = 0; i < USUAL_COUNT; i++) {
        if (usual_curves[i].nid == nid)
            return usual_curves[i].bits;
    }
    group = kf_ec_group(crypto, parameters);
    bits = group != NULL ? (unsigned)EC_GROUP_get_degree(group) : 0;
    EC_GROUP_free(group);
    return bits;
}

int kf_ec_curve_named(struct kf_slice oid)
{
    for (size_t i = 0; i < USUAL_COUNT; i++) {
        if (kf_bytes_equal(oid, usual_curves[i].oid))
            return usual_curves[i].nid;
    }
    return kf_oid_nid(oid);
}

int kf_ec_curve(const struct kf_crypto *crypto, struct kf_slice parameters)
{
    EC_GROUP *group;
    struct kf_slice oid;
    int nid;

    if (kf_der_peek(&parameters) == KF_DER_OID) {
        if (!kf_der_get(&parameters, KF_DER_OID, &oid) || !kf_der_end(&parameters))
            return 0;
        return kf_ec_curve_named(oid);
    }
    group = kf_ec_group(crypto, parameters);
    nid = group != NULL ? EC_GROUP_get_curve_name(group) : 0;
    EC_GROUP_free(group);
    return nid;
}

/* The values of explicit ECParameters, as they stand there. */
struct explicit_curve {
    struct kf_slice p, a, b, base, order, cofactor;
};

static bool split_explicit(struct kf_slice parameters, struct explicit_curve *out)
{
    static const uint8_t prime_field[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01};
    struct kf_slice members;
    struct kf_slice field;
    struct kf_slice curve;
    struct kf_slice oid;
    uint64_t version;

    *out = (struct explicit_curve){.p = {NULL, 0}};
    if (!kf_der_get(&parameters, KF_DER_SEQUENCE, &members) || !kf_der_end(&parameters) ||
        !kf_der_uint(&members, 3, &version) || !kf_der_get(&members, KF_DER_SEQUENCE, &field) ||
        !kf_der_get(&members, KF_DER_SEQUENCE, &curve) ||
        !kf_der_get(&members, KF_DER_OCTET_STRING, &out->base) ||
        !kf_der_unsigned(&members, &out->order))
        return false;
    if (kf_der_peek(&members) == KF_DER_INTEGER && !kf_der_unsigned(&members, &out->cofactor))
        return false;
    if (!kf_der_get(&field, KF_DER_OID, &oid) || !kf_der_unsigned(&field, &out->p) ||
        !kf_bytes_equal(oid, (struct kf_slice){prime_field, sizeof(prime_field)}))
        return false;
    return kf_der_get(&curve, KF_DER_OCTET_STRING, &out->a) &&
           kf_der_get(&curve, KF_DER_OCTET_STRING, &out->b);
}

#define FIELD_MAX 83 /* bytes: OpenSSL's OPENSSL_ECC_MAX_FIELD_BITS, 661 */

static bool push_number(OSSL_PARAM_BLD *builder, const char *name, struct kf_slice magnitude,
                        BIGNUM **kept)
{
    if (magnitude.len > FIELD_MAX)
        return false;
    *kept = BN_bin2bn(magnitude.data, (int)magnitude.len, NULL);
    return *kept != NULL && OSSL_PARAM_BLD_push_BN(builder, name, *kept) == 1;
}

static EC_GROUP *explicit_group(const struct kf_crypto *crypto, const struct explicit_curve *curve)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EC_GROUP *group = NULL;
    BIGNUM *kept[5] = {NULL};
    bool pushed;

    pushed = builder != NULL &&
             OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_EC_FIELD_TYPE,
                                             SN_X9_62_prime_field, 0) == 1 &&
             push_number(builder, OSSL_PKEY_PARAM_EC_P, curve->p, &kept[0]) &&
             push_number(builder, OSSL_PKEY_PARAM_EC_A, curve->a, &kept[1]) &&
             push_number(builder, OSSL_PKEY_PARAM_EC_B, curve->b, &kept[2]) &&
             push_number(builder, OSSL_PKEY_PARAM_EC_ORDER, curve->order, &kept[3]) &&
             OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_EC_GENERATOR,
                                              curve->base.data, curve->base.len) == 1;
    if (pushed && curve->cofactor.len != 0)
        pushed = push_number(builder, OSSL_PKEY_PARAM_EC_COFACTOR, curve->cofactor, &kept[4]);
    if (pushed)
        params = OSSL_PARAM_BLD_to_param(builder);
    if (params != NULL)
        group = EC_GROUP_new_from_params(params, crypto->library, NULL);
    OSSL_PARAM_free(params);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        BN_free(kept[i]);
    OSSL_PARAM_BLD_free(builder);
    return group;
}

EC_GROUP *kf_ec_group(const struct kf_crypto *crypto, struct kf_slice parameters)
{
    struct explicit_curve curve;
    EC_GROUP *group = NULL;
    int nid;

    if (kf_der_peek(&parameters) == KF_DER_OID) {
        nid = kf_ec_curve(crypto, parameters);
        if (nid != 0)
            group = EC_GROUP_new_by_curve_name_ex(crypto->library, NULL, nid);
    } else if (split_explicit(parameters, &curve)) {
        group = explicit_group(crypto, &curve);
    }
    if (group == NULL)
        kf_openssl_forget();
    return group;
}
