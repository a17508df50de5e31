/*
 * The digests of GOST R 34.11 where others come from OpenSSL: digest, HMAC (RFC 4357 3, RFC 7836
 * 4.1) and PBKDF2 with it (RFC 9337 4). hash is one for which kf_hash_is_gost.
 */
#ifndef KF_CRYPTO_GOSTHASH_H
#define KF_CRYPTO_GOSTHASH_H

#include "crypto/kdf.h"

/* What an iteration with one of them counts, in those of the others: it takes longer still, but the
 * two derivations of 600,000 that certtool makes have to fit into the budget of a file. */
#define KF_GOST_COST 6u

bool kf_hash_is_gost(enum kf_hash hash);

/* out has kf_hash_size bytes. KF_FATAL: memory. */
enum kf_status kf_gost_digest(enum kf_hash hash, const struct kf_slice *parts, size_t count,
                              uint8_t *out, struct kf_error *error) KF_MUST_USE;
enum kf_status kf_gost_hmac(enum kf_hash hash, struct kf_slice key, struct kf_slice data,
                            uint8_t *out, struct kf_error *error) KF_MUST_USE;

/* The input's sizes and iterations were held against limits before. */
enum kf_status kf_gost_pbkdf2(const struct kf_kdf_input *input, uint8_t *out, size_t len,
                              struct kf_error *error) KF_MUST_USE;

#endif
