/*
 * Opening recovery blobs: see recblob.h for the contract.
 *
 * The key decides which certificate is its own. The signed hash only says where to look first, so
 * that among several certificates of one key it is the one that was asked for.
 */
#include <openssl/err.h>

#include "core/limits.h"
#include "crypto/keyblob.h"
#include "crypto/recblob.h"
#include "crypto/seal.h"

/* Tries each identity; one that is no recipient is passed over. */
static enum kf_status unseal(const struct kf_crypto *crypto, const struct kf_recblob *blob,
                             const struct kf_identity *identities, size_t count,
                             struct kf_buf *plain, struct kf_error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct kf_error why = {.cause = KF_CAUSE_NONE};
        enum kf_status status =
            kf_unseal(crypto, kf_buf_slice(&blob->sealed), &identities[i], plain, &why);

        if (status == KF_OK)
            return KF_OK;
        if (why.cause != KF_CAUSE_SECRET) {
            if (error != NULL && error->cause == KF_CAUSE_NONE)
                *error = why;
            return status;
        }
    }
    return kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, "RFC 5652 6.2",
                   count == 0 ? "there is no key to open it with"
                              : "not sealed to any of the keys at hand");
}

static bool has_hash(const struct kf_crypto *crypto, const struct kf_recblob *blob,
                     const X509 *certificate)
{
    uint8_t sha1[KF_SHA1_SIZE];

    return blob->has_certificate_sha1 && X509_digest(certificate, crypto->sha1, sha1, NULL) == 1 &&
           kf_slice_equal((struct kf_slice){sha1, sizeof(sha1)},
                          (struct kf_slice){blob->certificate_sha1, KF_SHA1_SIZE});
}

/* A certificate whose public key cannot be read belongs to nobody. */
static bool belongs(const struct kf_crypto *crypto, const struct kf_privkey *key,
                    const X509 *certificate)
{
    unsigned char *spki = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
    bool matches = false;

    if (len <= 0 || kf_privkey_match(crypto, key, (struct kf_slice){spki, (size_t)len}, &matches,
                                     NULL) != KF_OK)
        matches = false;
    OPENSSL_free(spki);
    kf_openssl_forget();
    return matches;
}

/* with_hash: only those that the blob names; else all. NULL: none belongs to the key. */
static X509 *find(const struct kf_crypto *crypto, const struct kf_recblob *blob,
                  const struct kf_privkey *key, const STACK_OF(X509) * pool, bool with_hash)
{
    for (int i = 0; pool != NULL && i < sk_X509_num(pool); i++) {
        X509 *certificate = sk_X509_value(pool, i);

        if ((!with_hash || has_hash(crypto, blob, certificate)) &&
            belongs(crypto, key, certificate))
            return certificate;
    }
    return NULL;
}

static enum kf_status find_certificate(const struct kf_crypto *crypto,
                                       const struct kf_recblob *blob, struct kf_slice pkcs8,
                                       const STACK_OF(X509) * extra, X509 **out,
                                       struct kf_error *error)
{
    struct kf_privkey key;
    enum kf_status status = kf_privkey_parse(pkcs8, &key, error);

    if (status == KF_OK)
        status = kf_privkey_check(crypto, &key, error);
    if (status != KF_OK)
        return status;
    for (int with_hash = 1; *out == NULL && with_hash >= 0; with_hash--) {
        *out = find(crypto, blob, &key, blob->certificates, with_hash != 0);
        if (*out == NULL)
            *out = find(crypto, blob, &key, extra, with_hash != 0);
    }
    if (*out != NULL && X509_up_ref(*out) != 1) {
        *out = NULL;
        return kf_fail_memory(error);
    }
    return KF_OK;
}

enum kf_status kf_recblob_open(const struct kf_crypto *crypto, const struct kf_recblob *blob,
                               const struct kf_identity *identities, size_t identity_count,
                               const STACK_OF(X509) * extra, struct kf_buf *key, X509 **certificate,
                               struct kf_error *error)
{
    struct kf_buf plain = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    enum kf_status status;

    *certificate = NULL;
    status = unseal(crypto, blob, identities, identity_count, &plain, error);
    if (status == KF_OK)
        status = kf_keyblob_read(crypto, kf_buf_slice(&plain), &pkcs8, error);
    if (status == KF_OK)
        status = find_certificate(crypto, blob, kf_buf_slice(&pkcs8), extra, certificate, error);
    if (status == KF_OK)
        kf_buf_move(key, &pkcs8); /* the caller owns the key now */
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&plain);
    return status;
}
