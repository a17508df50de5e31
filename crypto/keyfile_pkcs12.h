/*
 * The PKCS #12 files (RFC 7292) among the key files: used by crypto/keyfile.c alone. What is to be
 * imported is read by readers/pfx.c, which is far more patient.
 */
#ifndef KF_CRYPTO_KEYFILE_PKCS12_H
#define KF_CRYPTO_KEYFILE_PKCS12_H

#include <openssl/x509.h>

#include "crypto/crypto.h"

DEFINE_STACK_OF(EVP_PKEY)

/* true where the bytes begin as a PFX does. */
bool kf_is_pkcs12(struct kf_slice bytes);

/*
 * Pushes every key and certificate. password NULL: none, and the empty one, are tried. *refused:
 * it does not open with that, and KF_OK is returned. KF_FATAL: KF_CAUSE_DATA for a broken one,
 * KF_CAUSE_UNSUPPORTED for PBMAC1.
 */
enum kf_status kf_pkcs12_load(const struct kf_crypto *crypto, struct kf_slice bytes,
                              const struct kf_buf *password, STACK_OF(EVP_PKEY) * keys,
                              STACK_OF(X509) * certificates, bool *refused,
                              struct kf_error *error) KF_MUST_USE;

#endif
