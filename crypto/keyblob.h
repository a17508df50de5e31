/*
 * The private key blob: the plaintext of an archived key ([MS-WCCE] 2.2.2.9).
 *
 * RSA ([MS-WCCE] 2.2.2.9.1, MSBLOB to OpenSSL) for two primes and an exponent of at most 32 bits;
 * ECC
 * ([MS-WCCE] 2.2.2.9.3) for P-256, P-384 and P-521; everything else stays PKCS #8. Reading checks
 * every length, and takes RSA blobs marked CALG_RSA_KEYX or CALG_RSA_SIGN.
 */
#ifndef KF_CRYPTO_KEYBLOB_H
#define KF_CRYPTO_KEYBLOB_H

#include "crypto/privkey.h"

/* Which blob holds this key. */
enum kf_blob_type kf_keyblob_type(const struct kf_privkey *key);

/* Appends the blob of kf_keyblob_type to out, which must be a secret buffer. */
enum kf_status kf_keyblob_write(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

/* Which type of blob these bytes begin like; KF_BLOB_NONE for none. */
enum kf_blob_type kf_keyblob_bid(struct kf_slice blob);

/* Appends the PKCS #8 of any of the three to out, a secret buffer. KF_SKIP: broken. */
enum kf_status kf_keyblob_read(const struct kf_crypto *crypto, struct kf_slice blob,
                               struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

/*
 * The numbers of an RSA blob as magnitudes, which replace what space holds, a secret buffer. false:
 * not an RSA blob, or one that leaves numbers to be computed; kf_keyblob_read does, and says what
 * is wrong with a broken one.
 */
bool kf_keyblob_rsa_numbers(struct kf_slice blob, struct kf_buf *space,
                            struct kf_rsa_numbers *out) KF_MUST_USE;

/*
 * Whether a blob is the RSA key of this SubjectPublicKeyInfo, whole and consistent, as
 * kf_keyblob_read and kf_privkey_match would find at a higher price. false: it is not, or no RSA
 * key: those two say which, and why. space is a secret buffer that the caller keeps for many; it is
 * empty afterwards.
 */
bool kf_keyblob_proves(const struct kf_crypto *crypto, struct kf_slice blob, struct kf_slice spki,
                       struct kf_buf *space) KF_MUST_USE;

#endif
