/*
 * Making a PKCS #12 file (RFC 7292) of one key: what recoverkey hands out.
 */
#ifndef KF_CRYPTO_PFXFILE_H
#define KF_CRYPTO_PFXFILE_H

#include "core/bytes.h"
#include "crypto/crypto.h"

#include <openssl/x509.h>

enum kf_pfx_profile {
    KF_PFX_MODERN,  /* PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256; MAC SHA-256 */
    KF_PFX_WINDOWS, /* what Windows Server 2012 opens: 3DES for the key and certificates, MAC SHA-1
                     */
    KF_PFX_LEGACY,  /* 3DES, RC2-40 for certificates as of old; MAC SHA-1 */
};

/* password is UTF-8; certificate and chain may be NULL. Appends DER to out, a secret buffer. */
enum kf_status kf_pfx_make(const struct kf_crypto *crypto, struct kf_slice pkcs8, X509 *certificate,
                           STACK_OF(X509) * chain, const char *friendly_name,
                           const struct kf_buf *password, enum kf_pfx_profile profile,
                           struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

#endif
