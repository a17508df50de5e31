/*
 * What the files of the private key code share; not for others.
 */
#ifndef KF_CRYPTO_PRIVKEY_PARTS_H
#define KF_CRYPTO_PRIVKEY_PARTS_H

#include <openssl/bn.h>

#include "core/der.h"
#include "crypto/privkey.h"

#define KF_RSA_BITS_MIN  512u
#define KF_RSA_BITS_MAX  16384u
#define KF_RSA_PRIMES    5u     /* as many as OpenSSL takes */
#define KF_GROUP_BITS    10000u /* DSA and DH: as OpenSSL */
#define KF_EC_SCALAR_MAX 83u    /* bytes: as large as the largest field, 661 bits */

/* The next OtherPrimeInfo (RFC 8017 A.1.2). */
struct kf_other_prime {
    struct kf_slice prime, exponent, coefficient;
};
bool kf_other_prime_next(struct kf_slice *cursor, struct kf_other_prime *out) KF_MUST_USE;

/* PKCS #8 of an algorithm, its parameters whole, and what the OCTET STRING holds; appended. */
enum kf_status kf_pkcs8_wrap(struct kf_slice oid, struct kf_slice parameters,
                             struct kf_slice content, struct kf_buf *out,
                             struct kf_error *error) KF_MUST_USE;

/* RFC 8017 3.2: every number of an RSA key by its definition. KF_SKIP: one is wrong. */
enum kf_status kf_rsa_check(const struct kf_crypto *crypto, const struct kf_rsa_numbers *rsa,
                            struct kf_error *error) KF_MUST_USE;

/*
 * The public value in the one form that can be compared: RSA two INTEGERs, EC the point
 * uncompressed, DSA and DH the magnitude, the others their bytes. From a private key it is
 * computed; from a public key's bits it is rewritten. Appended to out, a public buffer.
 */
enum kf_status kf_public_compute(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                 struct kf_buf *out, struct kf_error *error) KF_MUST_USE;
enum kf_status kf_public_rewrite(const struct kf_crypto *crypto, enum kf_key_type type,
                                 struct kf_slice parameters, struct kf_slice bits,
                                 struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

/* The two above for EC alone. */
enum kf_status kf_ec_compute(const struct kf_crypto *crypto, const struct kf_privkey *key,
                             struct kf_buf *out, struct kf_error *error) KF_MUST_USE;
enum kf_status kf_ec_rewrite(const struct kf_crypto *crypto, struct kf_slice parameters,
                             struct kf_slice bits, struct kf_buf *out,
                             struct kf_error *error) KF_MUST_USE;

/* Whether both are parameters of one curve, by name or by value. */
bool kf_ec_same_curve(const struct kf_crypto *crypto, struct kf_slice a,
                      struct kf_slice b) KF_MUST_USE;

/* ML-KEM: the encapsulation key, from the seed or the expanded key, which are checked. */
enum kf_status kf_mlkem_compute(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

/* y = g^x mod p for DSA and DH. */
enum kf_status kf_group_compute(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_buf *out, struct kf_error *error) KF_MUST_USE;

/* Whether both have the same p and g, and q for DSA. */
bool kf_group_same(enum kf_key_type type, struct kf_slice a, struct kf_slice b) KF_MUST_USE;

/* Length of a raw key (RFC 8410), and OpenSSL's name; 0 and NULL for other types. */
size_t kf_raw_size(enum kf_key_type type);
const char *kf_raw_name(enum kf_key_type type);

#endif
