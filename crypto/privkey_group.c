/*
 * Public values of DSA and DH keys: y = g^x mod p (FIPS 186-4 4.1, PKCS #3 7, X9.42). The modulus
 * is bounded, since whoever wrote the file chose it and the work grows with its cube.
 */
#include <openssl/bn.h>
#include <openssl/err.h>

#include "crypto/oid.h"
#include "crypto/privkey_parts.h"
#include "crypto/spki.h"

struct group {
    struct kf_slice p, g;
    struct kf_slice q; /* DSA: the order; empty for DH */
};

/* DSA has p, q, g; both kinds of DH begin with p, g, and what follows does not matter here. */
static bool split_group(enum kf_key_type type, struct kf_slice parameters, struct group *out)
{
    struct kf_slice members;

    *out = (struct group){.p = {NULL, 0}};
    if (!kf_der_get(&parameters, KF_DER_SEQUENCE, &members) || !kf_der_end(&parameters) ||
        !kf_der_unsigned(&members, &out->p))
        return false;
    if (type == KF_KEY_DSA && !kf_der_unsigned(&members, &out->q))
        return false;
    return kf_der_unsigned(&members, &out->g) && (type != KF_KEY_DSA || kf_der_end(&members));
}

bool kf_group_same(enum kf_key_type type, struct kf_slice a, struct kf_slice b)
{
    struct group first;
    struct group second;

    return split_group(type, a, &first) && split_group(type, b, &second) &&
           kf_bytes_equal(first.p, second.p) && kf_bytes_equal(first.q, second.q) &&
           kf_bytes_equal(first.g, second.g);
}

static BIGNUM *load(BN_CTX *context, struct kf_slice magnitude)
{
    BIGNUM *number = BN_CTX_get(context);

    return number != NULL ? BN_bin2bn(magnitude.data, (int)magnitude.len, number) : NULL;
}

static enum kf_status compute(const struct group *group, struct kf_slice scalar, BN_CTX *context,
                              struct kf_buf *out, struct kf_error *error)
{
    BIGNUM *p = load(context, group->p);
    BIGNUM *g = load(context, group->g);
    BIGNUM *bound = load(context, group->q.len != 0 ? group->q : group->p);
    BIGNUM *x = load(context, scalar);
    BIGNUM *y = BN_CTX_get(context);

    if (p == NULL || g == NULL || bound == NULL || x == NULL || y == NULL)
        return kf_fail_memory(error);
    if (!BN_is_odd(p) || BN_cmp(g, p) >= 0 || BN_is_zero(g) || BN_is_one(g))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "FIPS 186-4 4.1",
                       "the group of the key is impossible");
    if (BN_is_zero(x) || BN_cmp(x, bound) >= 0)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "FIPS 186-4 4.1",
                       "the private value of the key is out of range");
    BN_set_flags(x, BN_FLG_CONSTTIME);
    if (BN_mod_exp(y, g, x, p, context) != 1)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                               "modular exponentiation failed");
    if (kf_buf_reserve(out, (size_t)BN_num_bytes(y) + 1, error) != KF_OK)
        return KF_FATAL;
    out->len += (size_t)BN_bn2bin(y, out->data + out->len);
    return KF_OK;
}

enum kf_status kf_group_compute(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_buf *out, struct kf_error *error)
{
    struct group group;
    BN_CTX *context;
    enum kf_status status;

    if (!split_group(key->type, key->parameters, &group))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 3279 2.3",
                       "the group of the key cannot be read");
    if (kf_magnitude_bits(group.p) > KF_GROUP_BITS || group.q.len > group.p.len ||
        group.g.len > group.p.len || key->scalar.len > group.p.len)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL,
                       "a key with numbers longer than its modulus or %u bits", KF_GROUP_BITS);
    context = BN_CTX_secure_new_ex(crypto->library);
    if (context == NULL)
        return kf_fail_memory(error);
    BN_CTX_start(context);
    status = compute(&group, key->scalar, context, out, error);
    BN_CTX_end(context);
    BN_CTX_free(context);
    return status;
}
