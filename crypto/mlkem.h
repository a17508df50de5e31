/*
 * ML-KEM key pairs (FIPS 203): only what it takes to say whose a private key is. OpenSSL has it
 * from 3.5 on; files with such keys exist already.
 *
 * k is 2, 3 or 4 for ML-KEM-512, 768 and 1024. A decapsulation key is FIPS 203's expanded form: the
 * secret vector, the encapsulation key, its hash, and z.
 */
#ifndef KF_CRYPTO_MLKEM_H
#define KF_CRYPTO_MLKEM_H

#include "crypto/crypto.h"

#define KF_MLKEM_SEED      ((size_t)64) /* bytes: d and z */
#define KF_MLKEM_PUBLIC(k) ((size_t)384 * (k) + 32)
#define KF_MLKEM_SECRET(k) ((size_t)768 * (k) + 96)
#define KF_MLKEM_AT(k)     ((size_t)384 * (k)) /* where the encapsulation key stands in the other */

/* ML-KEM.KeyGen_internal (FIPS 203 6.1): secret gets the decapsulation key. KF_FATAL: OpenSSL
 * failed. */
enum kf_status kf_mlkem_generate(const struct kf_crypto *crypto, unsigned k,
                                 const uint8_t seed[KF_MLKEM_SEED], uint8_t *secret,
                                 struct kf_error *error) KF_MUST_USE;

/*
 * Whether a decapsulation key belongs together: the hash is that of the encapsulation key, and what
 * the secret vector leaves of it (t - A·s) is as small as an error vector is. KF_SKIP: it does not.
 */
enum kf_status kf_mlkem_check(const struct kf_crypto *crypto, unsigned k, struct kf_slice secret,
                              struct kf_error *error) KF_MUST_USE;

#endif
