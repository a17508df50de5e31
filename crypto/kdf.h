/*
 * Keys from passwords: the derivations of PKCS #12 (RFC 7292 B) and PKCS #5 (RFC 8018 5), and the
 * MAC key of RFC 9579, which is PBKDF2's.
 *
 * Callers hold iterations against their budget first (core/limits.h); nothing is limited here but
 * sizes. A password is bytes in the encoding that the derivation wants: see crypto/text.h.
 */
#ifndef KF_CRYPTO_KDF_H
#define KF_CRYPTO_KDF_H

#include "crypto/algorithms.h"

#define KF_KDF_MAX_KEY  1024u  /* bytes that one derivation may give */
#define KF_KDF_MAX_SALT 65536u /* bytes of salt */

/* What RFC 7292 B.3 derives: the diversifier. */
enum kf_kdf_purpose {
    KF_KDF_KEY = 1,
    KF_KDF_IV = 2,
    KF_KDF_MAC = 3,
};

struct kf_kdf_input {
    enum kf_hash hash; /* PBKDF2: of the HMAC that is its PRF */
    struct kf_slice password;
    struct kf_slice salt;
    uint64_t iterations; /* at least 1 */
};

/*
 * Each fills out with len bytes. KF_SKIP: KF_CAUSE_LIMIT for sizes beyond the two limits or no
 * iterations; KF_CAUSE_UNSUPPORTED where OpenSSL lacks the digest. out is wiped on failure.
 */
enum kf_status kf_kdf_pkcs12(const struct kf_algorithms *algorithms,
                             const struct kf_kdf_input *input, enum kf_kdf_purpose purpose,
                             uint8_t *out, size_t len, struct kf_error *error) KF_MUST_USE;

/* len is at most the digest's size. */
enum kf_status kf_kdf_pbkdf1(const struct kf_algorithms *algorithms,
                             const struct kf_kdf_input *input, uint8_t *out, size_t len,
                             struct kf_error *error) KF_MUST_USE;

enum kf_status kf_kdf_pbkdf2(const struct kf_algorithms *algorithms,
                             const struct kf_kdf_input *input, uint8_t *out, size_t len,
                             struct kf_error *error) KF_MUST_USE;

/* scrypt (RFC 7914) by OpenSSL. n is a power of two above 1; memory is the most it may take. */
struct kf_scrypt_input {
    struct kf_slice password;
    struct kf_slice salt;
    uint64_t n, r, p;
    uint64_t memory;
};
enum kf_status kf_kdf_scrypt(const struct kf_algorithms *algorithms,
                             const struct kf_scrypt_input *input, uint8_t *out, size_t len,
                             struct kf_error *error) KF_MUST_USE;

#endif
