/*
 * Password-based encryption as an AlgorithmIdentifier names it: PKCS #12's own (RFC 7292 C), PBES1
 * and PBES2 (RFC 8018 6, with PBKDF2 or with scrypt, RFC 7914 7).
 *
 * Parsing takes the parameters apart and holds sizes against limits; it does no work. What the work
 * would be is told before it is done, so that the caller can hold it against its budget. Parameters
 * that make no sense (no iterations, an IV of the wrong size, anything left over) are refused.
 */
#ifndef KF_CRYPTO_PBE_H
#define KF_CRYPTO_PBE_H

#include "core/limits.h"
#include "crypto/crypto.h"
#include "crypto/gost28147.h"
#include "crypto/kdf.h"

enum kf_pbe_scheme {
    KF_PBE_PKCS12, /* key and IV by RFC 7292 B */
    KF_PBE_PBES1,  /* key and IV by PBKDF1 */
    KF_PBE_PBKDF2, /* PBES2 */
    KF_PBE_SCRYPT, /* PBES2 */
};

#define KF_PBE_MAX_KEY 128u /* bytes: RC2 takes keys of any length up to this */
#define KF_PBE_MAX_IV  16u

/* An algorithm taken apart; slices point into what was parsed. */
struct kf_pbe {
    enum kf_pbe_scheme scheme;
    enum kf_hash hash; /* not for scrypt */
    enum kf_cipher cipher;
    size_t key_size;   /* bytes that are derived for the key */
    unsigned rc2_bits; /* RC2's effective key length */
    enum kf_gost_boxes gost_boxes;
    struct kf_slice salt; /* of the derivation */
    uint64_t iterations;  /* at least 1; 0 for scrypt */
    uint64_t n, r, p;     /* scrypt */
    struct kf_slice iv;   /* PBES2; the others derive it */
};

/* What a derivation gives. */
struct kf_pbe_key {
    uint8_t key[KF_PBE_MAX_KEY];
    uint8_t iv[KF_PBE_MAX_IV];
};

/*
 * Takes the next AlgorithmIdentifier from cursor. KF_SKIP: KF_CAUSE_UNSUPPORTED with the OID or
 * name of what is not known here, KF_CAUSE_DATA for parameters that break their rule.
 */
enum kf_status kf_pbe_parse(struct kf_slice *cursor, struct kf_pbe *pbe,
                            struct kf_error *error) KF_MUST_USE;

/* PBKDF2-params (RFC 8018 A.2), where an AlgorithmIdentifier of it comes next: for PBMAC1 as well.
 * *key_size is 0 where it is absent. */
enum kf_status kf_pbkdf2_parse(struct kf_slice *cursor, struct kf_pbe *pbe, uint64_t *key_size,
                               struct kf_error *error) KF_MUST_USE;

/* Whether the password is wanted as a BMPString (true) or as its bytes. */
bool kf_pbe_wants_bmp(const struct kf_pbe *pbe);

/* What deriving costs, in iterations; scrypt's steps are counted as if each were one. */
uint64_t kf_pbe_cost(const struct kf_pbe *pbe);

/* KF_SKIP with KF_CAUSE_LIMIT where one derivation asks for more than the limits allow. */
enum kf_status kf_pbe_within(const struct kf_pbe *pbe, const struct kf_limits *limits,
                             struct kf_error *error) KF_MUST_USE;

/* True where the two derive the same key from the same password: all but the IV is equal. */
bool kf_pbe_same_key(const struct kf_pbe *a, const struct kf_pbe *b) KF_MUST_USE;

/* "PBES2, PBKDF2, HMAC-SHA-256, AES-256-CBC". */
void kf_pbe_name(const struct kf_pbe *pbe, char *out, size_t size);

/* password is in the encoding that the algorithm wants. KF_SKIP: this OpenSSL cannot. */
enum kf_status kf_pbe_derive(const struct kf_crypto *crypto, const struct kf_pbe *pbe,
                             struct kf_slice password, const struct kf_limits *limits,
                             struct kf_pbe_key *key, struct kf_error *error) KF_MUST_USE;

/*
 * Decrypts and removes the padding. out may be in.data, and has room for in.len bytes; *len is what
 * is left. KF_SKIP with KF_CAUSE_SECRET: the length or the padding is wrong, so that the password
 * is, or the data; out then holds nothing of use and is wiped.
 */
enum kf_status kf_pbe_decrypt(const struct kf_crypto *crypto, const struct kf_pbe *pbe,
                              const struct kf_pbe_key *key, struct kf_slice in, uint8_t *out,
                              size_t *len, struct kf_error *error) KF_MUST_USE;

/*
 * Whether the key seems right, by a look at both ends and without decrypting what is between: the
 * padding fits, and the plaintext is one SEQUENCE (or SET) as long as that allows. Cheap, and wrong
 * once in some millions.
 */
#define KF_PBE_HEAD 32u /* bytes of plaintext that are looked at */
enum kf_status kf_pbe_probe(const struct kf_crypto *crypto, const struct kf_pbe *pbe,
                            const struct kf_pbe_key *key, struct kf_slice in, bool *right,
                            struct kf_error *error) KF_MUST_USE;

#endif
