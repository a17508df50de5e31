/*
 * ML-KEM private keys in PKCS #8 (RFC 9935 6): the seed, the expanded key, or both.
 *
 *     ML-KEM-PrivateKey ::= CHOICE { seed [0] OCTET STRING (SIZE (64)), expandedKey OCTET STRING,
 *                                    both SEQUENCE { seed OCTET STRING, expandedKey OCTET STRING }
 * }
 *
 * Where there is a seed, the key is made from it again, and has to be the expanded one.
 */
#include <string.h>

#include "crypto/mlkem.h"
#include "crypto/oid.h"
#include "crypto/privkey_parts.h"

#define RULE "RFC 9935 6"

/* 2, 3 or 4; 0 for another algorithm */
static unsigned parameter_set(struct kf_slice oid)
{
    const struct kf_slice prefix = KF_OID(KF_OID_ML_KEM);

    if (oid.len != prefix.len + 1 || memcmp(oid.data, prefix.data, prefix.len) != 0)
        return 0;
    return oid.data[prefix.len] >= 1 && oid.data[prefix.len] <= 3 ? oid.data[prefix.len] + 1u : 0;
}

static bool split(struct kf_slice content, struct kf_slice *seed, struct kf_slice *expanded)
{
    struct kf_slice both;

    *seed = (struct kf_slice){NULL, 0};
    *expanded = (struct kf_slice){NULL, 0};
    switch (kf_der_peek(&content)) {
    case KF_DER_CONTEXT:
        return kf_der_get(&content, KF_DER_CONTEXT, seed) && kf_der_end(&content);
    case KF_DER_OCTET_STRING:
        return kf_der_get(&content, KF_DER_OCTET_STRING, expanded) && kf_der_end(&content);
    default:
        return kf_der_get(&content, KF_DER_SEQUENCE, &both) && kf_der_end(&content) &&
               kf_der_get(&both, KF_DER_OCTET_STRING, seed) &&
               kf_der_get(&both, KF_DER_OCTET_STRING, expanded) && kf_der_end(&both);
    }
}

static enum kf_status from_seed(const struct kf_crypto *crypto, unsigned k, struct kf_slice seed,
                                struct kf_slice expanded, struct kf_buf *out,
                                struct kf_error *error)
{
    struct kf_buf secret = KF_SECRET_BUF;
    enum kf_status status = kf_buf_reserve(&secret, KF_MLKEM_SECRET(k), error);

    if (status == KF_OK) {
        secret.len = KF_MLKEM_SECRET(k);
        status = kf_mlkem_generate(crypto, k, seed.data, secret.data, error);
    }
    if (status == KF_OK && expanded.len != 0 && !kf_slice_equal(kf_buf_slice(&secret), expanded))
        status = kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                         "the ML-KEM key is inconsistent: its seed gives another one");
    if (status == KF_OK)
        status = kf_buf_append(out, secret.data + KF_MLKEM_AT(k), KF_MLKEM_PUBLIC(k), error);
    kf_buf_reset(&secret);
    return status;
}

enum kf_status kf_mlkem_compute(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_buf *out, struct kf_error *error)
{
    unsigned k = parameter_set(key->algorithm);
    struct kf_slice seed;
    struct kf_slice expanded;
    enum kf_status status;

    if (k == 0 || !split(key->scalar, &seed, &expanded) ||
        (seed.data != NULL && seed.len != KF_MLKEM_SEED))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE, "broken ML-KEM private key");
    if (seed.data != NULL)
        return from_seed(crypto, k, seed, expanded, out, error);
    status = kf_mlkem_check(crypto, k, expanded, error);
    if (status != KF_OK)
        return status;
    return kf_buf_append(out, expanded.data + KF_MLKEM_AT(k), KF_MLKEM_PUBLIC(k), error);
}
