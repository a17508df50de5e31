/*
 * A private key as a PEM file (RFC 7468): PKCS #8, in the clear or encrypted (RFC 5958).
 */
#ifndef KF_CLI_KEYPEM_H
#define KF_CLI_KEYPEM_H

#include "core/bytes.h"
#include "crypto/crypto.h"

/*
 * Appends the key to out, a secret buffer: "PRIVATE KEY", or, with a password, "ENCRYPTED PRIVATE
 * KEY" by PBES2 with AES-256-CBC. KF_FATAL: OpenSSL failed.
 */
enum kf_status kf_key_to_pem(const struct kf_crypto *crypto, EVP_PKEY *key,
                             const struct kf_buf *password, struct kf_buf *out,
                             struct kf_error *error) KF_MUST_USE;

/* Appends a certificate, "CERTIFICATE". */
enum kf_status kf_certificate_to_pem(struct kf_slice der, struct kf_buf *out,
                                     struct kf_error *error) KF_MUST_USE;

#endif
