/*
 * Making PKCS #12 files (RFC 7292): what recoverkey hands out, and what convert writes.
 */
#ifndef KF_CRYPTO_PFXFILE_H
#define KF_CRYPTO_PFXFILE_H

#include "core/bytes.h"
#include "crypto/crypto.h"

#include <openssl/x509.h>

/* Of each derivation. A person types the password of a recovered key, so it may be weak: */
#define KF_PFX_ITERATIONS     100000 /* modern: about 0.1 s for a file */
#define KF_PFX_OLD_ITERATIONS 10000  /* the others: Windows itself writes 2,000 */
#define KF_PFX_MAX_ITERATIONS 5000000

enum kf_pfx_profile {
    KF_PFX_MODERN,  /* PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256; MAC SHA-256 */
    KF_PFX_WINDOWS, /* for Windows Server 2012: 3DES for key and certificates; MAC SHA-1 */
    KF_PFX_LEGACY,  /* 3DES for the key, RC2-40 for certificates as of old; MAC SHA-1 */
};

/* A key of a file: certificate and chain may be NULL. All borrowed. */
struct kf_pfx_key {
    struct kf_slice pkcs8;
    X509 *certificate;
    STACK_OF(X509) * chain;
    const char *friendly_name; /* UTF-8, NULL for none, left out where no BMPString holds it */
};

struct kf_pfx_request {
    const struct kf_pfx_key *keys;
    size_t count;
    const struct kf_buf *password; /* UTF-8, may be empty */
    enum kf_pfx_profile profile;
    unsigned iterations; /* of each derivation; 0: the default of the profile */
};

/*
 * Makes a file of these keys. Certificates that come twice are written once. A key and its
 * certificate have the friendly name and the same localKeyID, the SHA-1 of the certificate. Appends
 * DER to out, a secret buffer. KF_SKIP: a key is no PKCS #8.
 */
enum kf_status kf_pfx_make_many(const struct kf_crypto *crypto,
                                const struct kf_pfx_request *request, struct kf_buf *out,
                                struct kf_error *error) KF_MUST_USE;

/* The same of one key, with the iterations of the profile. */
enum kf_status kf_pfx_make(const struct kf_crypto *crypto, struct kf_slice pkcs8, X509 *certificate,
                           STACK_OF(X509) * chain, const char *friendly_name,
                           const struct kf_buf *password, enum kf_pfx_profile profile,
                           struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

#endif
