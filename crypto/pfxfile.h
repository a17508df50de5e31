/*
 * Making a PKCS #12 file (RFC 7292) of one key: what recoverkey hands out.
 */
#ifndef KF_CRYPTO_PFXFILE_H
#define KF_CRYPTO_PFXFILE_H

#include "core/bytes.h"
#include "crypto/crypto.h"

#include <openssl/x509.h>

/* Of each derivation. A person types the password of a recovered key, so it may be weak: */
#define KF_PFX_ITERATIONS     100000 /* modern: about 0.1 s for a file */
#define KF_PFX_OLD_ITERATIONS 10000  /* the others: Windows itself writes 2,000 */

enum kf_pfx_profile {
    KF_PFX_MODERN,  /* PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256; MAC SHA-256 */
    KF_PFX_WINDOWS, /* for Windows Server 2012: 3DES for key and certificates; MAC SHA-1 */
    KF_PFX_LEGACY,  /* 3DES for the key, RC2-40 for certificates as of old; MAC SHA-1 */
};

/*
 * Makes a file of one key with its certificate and chain, either of which may be NULL; certificates
 * that come twice are written once. Key and certificate get friendly_name (UTF-8, NULL for none,
 * left out where no BMPString holds it) and the same localKeyID, the SHA-1 of the certificate.
 * password is UTF-8, and may be empty. Appends DER to out, a secret buffer. KF_SKIP: pkcs8 is none.
 */
enum kf_status kf_pfx_make(const struct kf_crypto *crypto, struct kf_slice pkcs8, X509 *certificate,
                           STACK_OF(X509) * chain, const char *friendly_name,
                           const struct kf_buf *password, enum kf_pfx_profile profile,
                           struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

#endif
