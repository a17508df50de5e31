/*
 * The inner loops of key derivation: a digest, or an HMAC, applied to itself many times.
 *
 * A derivation spends all its time here, on messages of one block. EVP's cost for each call is
 * several times that of the block itself, and so these loops run libcrypto's block functions
 * directly, for the digests that files use: MD5, SHA-1, SHA-256 and SHA-512 (with SHA-224 and
 * SHA-384). For the others they say no, and crypto/kdf.c goes through EVP.
 */
#ifndef KF_CRYPTO_ITERATE_H
#define KF_CRYPTO_ITERATE_H

#include "crypto/algorithms.h"

/* Whether hash is one of these. */
bool kf_iterate_knows(enum kf_hash hash);

/* digest = H(digest), count times. False, with nothing done, where hash is not one of these. */
bool kf_iterate_digest(enum kf_hash hash, uint8_t *digest, uint64_t count) KF_MUST_USE;

/*
 * PBKDF2's F (RFC 8018 5.2): u = HMAC(key, u); t ^= u, count times. u and t have the digest's size.
 * False, with nothing done, where hash is not one of these.
 */
bool kf_iterate_hmac(enum kf_hash hash, struct kf_slice key, uint8_t *u, uint8_t *t,
                     uint64_t count) KF_MUST_USE;

#endif
