/*
 * What protects a KMS export: the lock box (XML Encryption key transport), the bulk ciphers, and
 * the detached signature. The document itself is readers/kms.c and writers/kms.c.
 */
#ifndef KF_CRYPTO_LOCKBOX_H
#define KF_CRYPTO_LOCKBOX_H

#include "core/input.h"
#include "crypto/keyfile.h"

enum kf_transport {
    KF_TRANSPORT_RSA_1_5,     /* http://www.w3.org/2001/04/xmlenc#rsa-1_5, read only */
    KF_TRANSPORT_OAEP_SHA1,   /* http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p */
    KF_TRANSPORT_OAEP_SHA256, /* http://www.w3.org/2009/xmlenc11#rsa-oaep, SHA-256 and mgf1sha256 */
};

enum kf_bulk {
    KF_BULK_AES128_GCM,
    KF_BULK_AES256_GCM,
    KF_BULK_AES128_CBC,
    KF_BULK_AES256_CBC,
    KF_BULK_3DES_CBC,
};

/* Key length in bytes: 16, 32 or 24. */
size_t kf_bulk_key_size(enum kf_bulk bulk);
/* The algorithm's URI, and back; NULL-safe. */
const char *kf_bulk_uri(enum kf_bulk bulk);
bool kf_bulk_find(const char *uri, enum kf_bulk *out) KF_MUST_USE;

/*
 * Opens a lock box with the export-signing key. session gets the key (secret). With PKCS #1 v1.5 a
 * wrong key may give a random session key instead of an error (implicit rejection): the caller
 * finds out by the first entry. KF_SKIP with KF_CAUSE_SECRET: this key does not open it.
 */
enum kf_status kf_lockbox_open(const struct kf_crypto *crypto, EVP_PKEY *key,
                               enum kf_transport transport, struct kf_slice wrapped,
                               struct kf_buf *session, struct kf_error *error) KF_MUST_USE;
/* Writes one; transport is one of the OAEP two. */
enum kf_status kf_lockbox_seal(const struct kf_crypto *crypto, EVP_PKEY *key,
                               enum kf_transport transport, struct kf_slice session,
                               struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

/*
 * XML Encryption's layout (xmlenc-core1 5.2): IV, ciphertext, and the 16-byte tag for GCM; for CBC
 * the last byte of the padding is its length. Appends the plaintext to out (secret). KF_SKIP with
 * KF_CAUSE_DATA: does not decrypt. Uses no state: any thread.
 */
enum kf_status kf_bulk_decrypt(const struct kf_crypto *crypto, enum kf_bulk bulk,
                               struct kf_slice key, struct kf_slice sealed, struct kf_buf *out,
                               struct kf_error *error) KF_MUST_USE;
/* iv: 12 bytes for GCM, else the block size; never the same twice under one key with GCM. */
enum kf_status kf_bulk_encrypt(const struct kf_crypto *crypto, enum kf_bulk bulk,
                               struct kf_slice key, const uint8_t *iv, struct kf_slice plaintext,
                               struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

/*
 * Verifies a detached CMS signature (DER or PEM, RFC 5652 5) over all bytes of input, which is read
 * to its end in one pass and constant memory. The signer must be one of the allowed certificates
 * (DER), byte for byte; SHA-256 or better. KF_FATAL: KF_CAUSE_DATA for a broken or wrong signature,
 * KF_CAUSE_SECRET for a signer who is not allowed.
 */
enum kf_status kf_detached_verify(const struct kf_crypto *crypto, struct kf_slice signature,
                                  struct kf_input *input, const struct kf_slice *allowed,
                                  size_t allowed_count, char **signer,
                                  struct kf_error *error) KF_MUST_USE;

/* Signs all bytes of input; appends DER with the signer's certificate inside to out (public). */
enum kf_status kf_detached_sign(const struct kf_crypto *crypto, const struct kf_identity *signer,
                                struct kf_input *input, struct kf_buf *out,
                                struct kf_error *error) KF_MUST_USE;

#endif
