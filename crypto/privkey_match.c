/*
 * Which certificate a private key belongs to: see privkey.h for the contract.
 *
 * RSA keys are held against n and e of the certificate and against their own algebra; of all others
 * the public value is computed from the private one and compared. RSA and RSA-PSS are one family
 * here: what the certificate restricts the key to does not change whose key it is.
 */
#include <openssl/err.h>

#include "crypto/gost.h"
#include "crypto/oid.h"
#include "crypto/privkey_parts.h"
#include "crypto/spki.h"

size_t kf_raw_size(enum kf_key_type type)
{
    switch (type) {
    case KF_KEY_ED25519:
    case KF_KEY_X25519:
        return 32;
    case KF_KEY_ED448:
        return 57;
    case KF_KEY_X448:
        return 56;
    case KF_KEY_RSA:
    case KF_KEY_RSA_PSS:
    case KF_KEY_EC:
    case KF_KEY_DSA:
    case KF_KEY_DH:
    case KF_KEY_GOST:
    case KF_KEY_ML_KEM:
        break;
    }
    return 0;
}

const char *kf_raw_name(enum kf_key_type type)
{
    switch (type) {
    case KF_KEY_ED25519:
        return "ED25519";
    case KF_KEY_ED448:
        return "ED448";
    case KF_KEY_X25519:
        return "X25519";
    case KF_KEY_X448:
        return "X448";
    case KF_KEY_RSA:
    case KF_KEY_RSA_PSS:
    case KF_KEY_EC:
    case KF_KEY_DSA:
    case KF_KEY_DH:
    case KF_KEY_GOST:
    case KF_KEY_ML_KEM:
        break;
    }
    return NULL;
}

static bool is_rsa(enum kf_key_type type)
{
    return type == KF_KEY_RSA || type == KF_KEY_RSA_PSS;
}

static bool same_family(enum kf_key_type a, enum kf_key_type b)
{
    return a == b || (is_rsa(a) && is_rsa(b));
}

static enum kf_status append_rsa(struct kf_slice n, struct kf_slice e, struct kf_buf *out,
                                 struct kf_error *error)
{
    if (kf_der_put_unsigned(out, n, error) != KF_OK)
        return KF_FATAL;
    return kf_der_put_unsigned(out, e, error);
}

static enum kf_status compute_raw(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                  struct kf_buf *out, struct kf_error *error)
{
    EVP_PKEY *openssl = EVP_PKEY_new_raw_private_key_ex(crypto->library, kf_raw_name(key->type),
                                                        NULL, key->scalar.data, key->scalar.len);
    size_t size = kf_raw_size(key->type);
    enum kf_status status = kf_buf_reserve(out, size, error);

    if (status == KF_OK) {
        if (openssl != NULL &&
            EVP_PKEY_get_raw_public_key(openssl, out->data + out->len, &size) == 1)
            out->len += size;
        else
            status = kf_fail_openssl(error, KF_SKIP, KF_CAUSE_DATA, "RFC 8410",
                                     "the public key of a %s key cannot be computed",
                                     kf_raw_name(key->type));
    }
    EVP_PKEY_free(openssl);
    return status;
}

enum kf_status kf_public_compute(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                 struct kf_buf *out, struct kf_error *error)
{
    switch (key->type) {
    case KF_KEY_RSA:
    case KF_KEY_RSA_PSS:
        return append_rsa(key->rsa.n, key->rsa.e, out, error);
    case KF_KEY_EC:
        return kf_ec_compute(crypto, key, out, error);
    case KF_KEY_ED25519:
    case KF_KEY_ED448:
    case KF_KEY_X25519:
    case KF_KEY_X448:
        return compute_raw(crypto, key, out, error);
    case KF_KEY_DSA:
    case KF_KEY_DH:
        return kf_group_compute(crypto, key, out, error);
    case KF_KEY_GOST:
        return kf_gost_compute(crypto, key->parameters, key->scalar, out, error);
    case KF_KEY_ML_KEM:
        return kf_mlkem_compute(crypto, key, out, error);
    }
    return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "key of an impossible type");
}

enum kf_status kf_public_rewrite(const struct kf_crypto *crypto, enum kf_key_type type,
                                 struct kf_slice parameters, struct kf_slice bits,
                                 struct kf_buf *out, struct kf_error *error)
{
    struct kf_slice n;
    struct kf_slice e;

    switch (type) {
    case KF_KEY_RSA:
    case KF_KEY_RSA_PSS:
        if (!kf_rsa_public_split(bits, &n, &e))
            break;
        return append_rsa(n, e, out, error);
    case KF_KEY_EC:
        return kf_ec_rewrite(crypto, parameters, bits, out, error);
    case KF_KEY_ED25519:
    case KF_KEY_ED448:
    case KF_KEY_X25519:
    case KF_KEY_X448:
        if (bits.len != kf_raw_size(type))
            break;
        return kf_buf_append(out, bits.data, bits.len, error);
    case KF_KEY_DSA:
    case KF_KEY_DH:
        if (!kf_der_unsigned(&bits, &n) || !kf_der_end(&bits))
            break;
        return kf_buf_append(out, n.data, n.len, error);
    case KF_KEY_GOST:
        if (!kf_gost_public(bits, &n))
            break;
        return kf_buf_append(out, n.data, n.len, error);
    case KF_KEY_ML_KEM:
        return kf_buf_append(out, bits.data, bits.len, error);
    }
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1.2.7",
                   "a public key cannot be read");
}

/* computed is the public value; the one that came along with the key must be the same. */
static enum kf_status check_public(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                   const struct kf_buf *computed, struct kf_error *error)
{
    struct kf_buf stated = KF_PUBLIC_BUF;
    enum kf_status status;

    if (key->public_key.len == 0)
        return KF_OK;
    status = kf_public_rewrite(crypto, key->type, key->parameters, key->public_key, &stated, error);
    if (status == KF_OK && !kf_slice_equal(kf_buf_slice(&stated), kf_buf_slice(computed)))
        status = kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5958 2",
                         "the private key is inconsistent: it comes with another public key");
    kf_buf_reset(&stated);
    return status;
}

/* The algebra and the public key that came along; public gets the public value. */
static enum kf_status check_into(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                 struct kf_buf *public, struct kf_error *error)
{
    enum kf_status status = is_rsa(key->type) ? kf_rsa_check(crypto, &key->rsa, error) : KF_OK;

    if (status == KF_OK)
        status = kf_public_compute(crypto, key, public, error);
    if (status == KF_OK)
        status = check_public(crypto, key, public, error);
    return status;
}

enum kf_status kf_privkey_check(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_error *error)
{
    struct kf_buf public = KF_PUBLIC_BUF;
    enum kf_status status = check_into(crypto, key, &public, error);

    kf_buf_reset(&public);
    return status;
}

/* Where the public key's algorithm has parameters, they are those of the private key. */
static bool same_parameters(const struct kf_crypto *crypto, const struct kf_privkey *key,
                            const struct kf_spki *spki)
{
    switch (key->type) {
    case KF_KEY_EC:
        return kf_ec_same_curve(crypto, key->parameters, spki->parameters.whole);
    case KF_KEY_DSA: /* RFC 3279 2.3.2: absent where they are the issuer's */
        return spki->parameters.tag != KF_DER_SEQUENCE ||
               kf_group_same(key->type, key->parameters, spki->parameters.whole);
    case KF_KEY_DH:
        return kf_group_same(key->type, key->parameters, spki->parameters.whole);
    case KF_KEY_GOST:
        return kf_gost_same_curve(key->parameters, spki->parameters.whole);
    case KF_KEY_RSA:
    case KF_KEY_RSA_PSS:
    case KF_KEY_ED25519:
    case KF_KEY_ED448:
    case KF_KEY_X25519:
    case KF_KEY_X448:
    case KF_KEY_ML_KEM:
        break;
    }
    return true;
}

/* The common case by itself, since millions of them come: nothing is written down to compare. */
static enum kf_status match_rsa(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                const struct kf_spki *spki, bool *belongs, struct kf_error *error)
{
    struct kf_slice n;
    struct kf_slice e;
    enum kf_status status;

    if (!kf_rsa_public_split(spki->bits, &n, &e))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 8017 A.1.1",
                       "the RSA public key cannot be read");
    if (key->public_key.len != 0)
        status = kf_privkey_check(crypto, key, error);
    else
        status = kf_rsa_check(crypto, &key->rsa, error);
    *belongs = status == KF_OK && kf_bytes_equal(n, key->rsa.n) && kf_bytes_equal(e, key->rsa.e);
    return status;
}

enum kf_status kf_privkey_match(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_slice spki_der, bool *belongs, struct kf_error *error)
{
    struct kf_spki spki;
    struct kf_buf computed = KF_PUBLIC_BUF;
    struct kf_buf stated = KF_PUBLIC_BUF;
    enum kf_status status;

    *belongs = false;
    if (!kf_spki_split(spki_der, &spki))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5280 4.1.2.7",
                       "a public key cannot be read");
    if (!spki.is_known || !same_family(key->type, spki.type))
        return kf_privkey_check(crypto, key, error);
    if (is_rsa(key->type))
        return match_rsa(crypto, key, &spki, belongs, error);
    status = check_into(crypto, key, &computed, error);
    if (status == KF_OK)
        status =
            kf_public_rewrite(crypto, spki.type, spki.parameters.whole, spki.bits, &stated, error);
    *belongs = status == KF_OK && kf_slice_equal(kf_buf_slice(&computed), kf_buf_slice(&stated)) &&
               same_parameters(crypto, key, &spki);
    kf_buf_reset(&computed);
    kf_buf_reset(&stated);
    return status;
}

/* SHA-256 of one byte for the family, and the public value. */
static enum kf_status fingerprint(const struct kf_crypto *crypto, enum kf_key_type type,
                                  struct kf_buf *value, uint8_t *out, struct kf_error *error)
{
    uint8_t family = (uint8_t)(is_rsa(type) ? KF_KEY_RSA : type);

    if (kf_buf_append(value, &family, 1, error) != KF_OK)
        return KF_FATAL;
    return kf_digest(crypto->sha256, kf_buf_slice(value), out, error);
}

enum kf_status kf_privkey_fingerprint(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                      uint8_t out[KF_SHA256_SIZE], struct kf_error *error)
{
    struct kf_buf value = KF_PUBLIC_BUF;
    enum kf_status status = kf_public_compute(crypto, key, &value, error);

    if (status == KF_OK)
        status = fingerprint(crypto, key->type, &value, out, error);
    kf_buf_reset(&value);
    return status;
}

enum kf_status kf_spki_fingerprint(const struct kf_crypto *crypto, struct kf_slice spki_der,
                                   uint8_t out[KF_SHA256_SIZE], struct kf_error *error)
{
    struct kf_buf value = KF_PUBLIC_BUF;
    struct kf_spki spki;
    enum kf_status status;

    if (!kf_spki_split(spki_der, &spki) || !spki.is_known)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, "RFC 5280 4.1.2.7",
                       "a public key of an unknown kind");
    status = kf_public_rewrite(crypto, spki.type, spki.parameters.whole, spki.bits, &value, error);
    if (status == KF_OK)
        status = fingerprint(crypto, spki.type, &value, out, error);
    kf_buf_reset(&value);
    return status;
}
