/*
 * Private keys: PrivateKeyInfo / OneAsymmetricKey (RFC 5958) read in place, matched to
 * certificates.
 *
 * A key is accepted by algebra, not by the primality check: for RSA n = p·q, d·e ≡ 1, the CRT
 * values, and the public key of the certificate; for the others the public key is computed and
 * compared. Reads RSA (two primes and more), RSA-PSS, EC with named and explicit curves, Ed25519,
 * Ed448, X25519, X448, DSA and DH. Anything after the key is refused.
 */
#ifndef KF_CRYPTO_PRIVKEY_H
#define KF_CRYPTO_PRIVKEY_H

#include "core/record.h"
#include "crypto/crypto.h"

enum kf_key_type {
    KF_KEY_RSA,
    KF_KEY_RSA_PSS,
    KF_KEY_EC,
    KF_KEY_ED25519,
    KF_KEY_ED448,
    KF_KEY_X25519,
    KF_KEY_X448,
    KF_KEY_DSA,
    KF_KEY_DH,
    KF_KEY_GOST,   /* R 34.10-2001 and -2012 */
    KF_KEY_ML_KEM, /* FIPS 203 */
};

/* The RSA numbers as magnitudes without leading zeros; they point into the PKCS #8. */
struct kf_rsa_numbers {
    struct kf_slice n, e, d, p, q, dp, dq, qinv;
    struct kf_slice
        other_primes; /* OtherPrimeInfos content (RFC 8017 A.1.2), empty for two primes */
};

/* A key read in place: everything points into the PKCS #8 bytes, which must outlive it. */
struct kf_privkey {
    enum kf_key_type type;
    struct kf_slice pkcs8;      /* whole */
    struct kf_slice algorithm;  /* its OID, content */
    struct kf_slice parameters; /* of the algorithm, whole value, or empty */
    struct kf_rsa_numbers rsa;  /* RSA and RSA-PSS */
    int curve;                  /* EC: OpenSSL's NID, 0 for an explicit or unknown curve */
    struct kf_slice scalar;     /* EC, Ed*, X*, DSA, DH: the private value, big endian or raw;
                                   GOST, ML-KEM: what PKCS #8 holds, in one of its forms */
    struct kf_slice public_key; /* bits of the public key where it came along (RFC 5958, SEC 1) */
};

/* KF_SKIP with KF_CAUSE_DATA or KF_CAUSE_UNSUPPORTED: not a private key that is known here. */
enum kf_status kf_privkey_parse(struct kf_slice pkcs8, struct kf_privkey *key,
                                struct kf_error *error) KF_MUST_USE;

/* The key's numbers are consistent with one another, without a certificate. KF_SKIP: they are not.
 */
enum kf_status kf_privkey_check(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_error *error) KF_MUST_USE;

/*
 * Whether the key belongs to a SubjectPublicKeyInfo (whole SEQUENCE), and is consistent. *belongs
 * is false for another key. KF_SKIP: the key's own numbers are wrong, or the public key is
 * unreadable.
 */
enum kf_status kf_privkey_match(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_slice spki, bool *belongs,
                                struct kf_error *error) KF_MUST_USE;

/*
 * A fingerprint of the public key that is the same for a private key and for each certificate of
 * it, to find which belongs to which among many: SHA-256 over the algorithm's public value (RSA: n
 * and e, minimal; EC and the rest: the public point or value, uncompressed). Not a proof: match
 * decides. KF_SKIP: no public value can be had.
 */
enum kf_status kf_privkey_fingerprint(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                      uint8_t out[KF_SHA256_SIZE],
                                      struct kf_error *error) KF_MUST_USE;
enum kf_status kf_spki_fingerprint(const struct kf_crypto *crypto, struct kf_slice spki,
                                   uint8_t out[KF_SHA256_SIZE], struct kf_error *error) KF_MUST_USE;

/*
 * Wraps what other formats hold bare into PKCS #8, appended to out, which must be a secret buffer:
 * RSAPrivateKey (RFC 8017 A.1.2), and ECPrivateKey (RFC 5915 3), which must name its curve. Looks
 * no further than that; kf_privkey_parse does. KF_SKIP: it is not one.
 */
enum kf_status kf_privkey_wrap_pkcs1(struct kf_slice rsa, struct kf_buf *out,
                                     struct kf_error *error) KF_MUST_USE;
enum kf_status kf_privkey_wrap_sec1(struct kf_slice ec, struct kf_buf *out,
                                    struct kf_error *error) KF_MUST_USE;

/* An OpenSSL key in the private library context, for signing or decrypting; NULL with *error
 * filled. */
EVP_PKEY *kf_privkey_to_openssl(const struct kf_crypto *crypto, const struct kf_privkey *key,
                                struct kf_error *error) KF_MUST_USE;

/* PKCS #8 of an OpenSSL key, appended to out, which must be a secret buffer. */
enum kf_status kf_privkey_from_openssl(const EVP_PKEY *key, struct kf_buf *out,
                                       struct kf_error *error) KF_MUST_USE;

#endif
