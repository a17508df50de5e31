/*
 * Public points of elliptic keys: computed from the private value, and read from public keys
 * (SEC 1 2.3, RFC 5480). The point at infinity and values outside of 1 to order - 1 are refused.
 */
#include <openssl/err.h>

#include "crypto/oid.h"
#include "crypto/privkey_parts.h"
#include "crypto/spki.h"

#define POINT_RULE "SEC 1 2.3.4"

static enum kf_status unknown_curve(struct kf_error *error)
{
    if (kf_openssl_no_memory())
        return kf_fail_memory(error);
    return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, "RFC 5480 2.1.1",
                   "an elliptic key on a curve that is not known here");
}

static enum kf_status append_point(const EC_GROUP *group, const EC_POINT *point, BN_CTX *context,
                                   struct kf_buf *out, struct kf_error *error)
{
    size_t size = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, NULL, 0, context);

    if (size == 0)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                               "a point cannot be written");
    if (kf_buf_reserve(out, size, error) != KF_OK)
        return KF_FATAL;
    out->len += EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED,
                                   out->data + out->len, size, context);
    return KF_OK;
}

static enum kf_status compute(const EC_GROUP *group, struct kf_slice scalar, BN_CTX *context,
                              struct kf_buf *out, struct kf_error *error)
{
    EC_POINT *point = EC_POINT_new(group);
    BIGNUM *d = BN_CTX_get(context);
    enum kf_status status;

    if (point == NULL || d == NULL || BN_bin2bn(scalar.data, (int)scalar.len, d) == NULL) {
        EC_POINT_free(point);
        return kf_fail_memory(error);
    }
    BN_set_flags(d, BN_FLG_CONSTTIME);
    if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
        status = kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "SEC 1 3.2.1",
                         "the private value of the elliptic key is out of range");
    else if (EC_POINT_mul(group, point, d, NULL, NULL, context) != 1)
        status = kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, "SEC 1 3.2.1",
                                 "the public key of the elliptic key cannot be computed");
    else
        status = append_point(group, point, context, out, error);
    EC_POINT_free(point);
    return status;
}

enum kf_status kf_ec_compute(const struct kf_crypto *crypto, const struct kf_privkey *key,
                             struct kf_buf *out, struct kf_error *error)
{
    EC_GROUP *group = kf_ec_group(crypto, key->parameters);
    BN_CTX *context;
    enum kf_status status;

    if (group == NULL)
        return unknown_curve(error);
    context = BN_CTX_secure_new_ex(crypto->library);
    if (context == NULL) {
        EC_GROUP_free(group);
        return kf_fail_memory(error);
    }
    BN_CTX_start(context);
    status = compute(group, key->scalar, context, out, error);
    BN_CTX_end(context);
    BN_CTX_free(context);
    EC_GROUP_free(group);
    return status;
}

static enum kf_status broken_point(struct kf_error *error)
{
    return kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, POINT_RULE,
                           "the public key of an elliptic key is not a point of its curve");
}

enum kf_status kf_ec_rewrite(const struct kf_crypto *crypto, struct kf_slice parameters,
                             struct kf_slice bits, struct kf_buf *out, struct kf_error *error)
{
    EC_GROUP *group;
    EC_POINT *point;
    enum kf_status status;

    /* as it should be, already: whether it is on the curve shows when it is compared */
    if (bits.len > 2 && bits.len % 2 == 1 && bits.data[0] == POINT_CONVERSION_UNCOMPRESSED)
        return kf_buf_append(out, bits.data, bits.len, error);
    group = kf_ec_group(crypto, parameters);
    if (group == NULL)
        return unknown_curve(error);
    point = EC_POINT_new(group);
    if (point == NULL)
        status = kf_fail_memory(error);
    else if (EC_POINT_oct2point(group, point, bits.data, bits.len, NULL) != 1 ||
             EC_POINT_is_at_infinity(group, point))
        status = broken_point(error);
    else
        status = append_point(group, point, NULL, out, error);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return status;
}

bool kf_ec_same_curve(const struct kf_crypto *crypto, struct kf_slice a, struct kf_slice b)
{
    EC_GROUP *first;
    EC_GROUP *second;
    bool same;

    if (kf_bytes_equal(a, b))
        return a.len != 0;
    first = kf_ec_group(crypto, a);
    second = kf_ec_group(crypto, b);
    same = first != NULL && second != NULL && EC_GROUP_cmp(first, second, NULL) == 0;
    EC_GROUP_free(first);
    EC_GROUP_free(second);
    return same;
}
