/*
 * Keys and certificates that the user names by option: PKCS #12, PEM or DER files, or any URI that
 * OpenSSL's store opens.
 */
#ifndef KF_CRYPTO_KEYFILE_H
#define KF_CRYPTO_KEYFILE_H

#include <openssl/x509.h>

#include "crypto/crypto.h"

/* A private key and what came with it. Zero-initialize; any member may be NULL. */
struct kf_identity {
    EVP_PKEY *key;
    X509 *certificate;       /* the one that belongs to the key, where there is one */
    STACK_OF(X509) * others; /* the rest, in the order of the file */
    char *label;             /* the path or URI, for messages */
};
void kf_identity_reset(struct kf_identity *identity); /* NULL-safe */

/*
 * Loads a private key and its certificates. password may be NULL: then a file that needs one gives
 * KF_FATAL with KF_CAUSE_SECRET, as a wrong one does. KF_CAUSE_DATA: there is no private key in it.
 */
enum kf_status kf_identity_load(const struct kf_crypto *crypto, const char *path,
                                const struct kf_buf *password, struct kf_identity *out,
                                struct kf_error *error) KF_MUST_USE;

/* Loads certificates only, PEM (one or more), DER, PKCS #7 or PKCS #12; at least one. */
enum kf_status kf_certificates_load(const struct kf_crypto *crypto, const char *path,
                                    const struct kf_buf *password, STACK_OF(X509) * *out,
                                    struct kf_error *error) KF_MUST_USE;

#endif
