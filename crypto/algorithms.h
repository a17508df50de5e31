/*
 * The digests and ciphers that old files name, by their object identifiers.
 *
 * crypto.h holds what this program itself writes with; here is what it must be able to read. All
 * are fetched once, with the library context, from OpenSSL's default and legacy providers; one that
 * this OpenSSL lacks is known by name and refused when it is needed. MD2 and GOST's, which OpenSSL
 * no longer has, are computed here.
 */
#ifndef KF_CRYPTO_ALGORITHMS_H
#define KF_CRYPTO_ALGORITHMS_H

#include <openssl/evp.h>

#include "core/bytes.h"

enum kf_hash {
    KF_HASH_MD2,
    KF_HASH_MD5,
    KF_HASH_SHA1,
    KF_HASH_SHA224,
    KF_HASH_SHA256,
    KF_HASH_SHA384,
    KF_HASH_SHA512,
    KF_HASH_SHA512_224,
    KF_HASH_SHA512_256,
    KF_HASH_SHA3_224,
    KF_HASH_SHA3_256,
    KF_HASH_SHA3_384,
    KF_HASH_SHA3_512,
    KF_HASH_RIPEMD160,
    KF_HASH_WHIRLPOOL,
    KF_HASH_BLAKE2S,
    KF_HASH_BLAKE2B,
    KF_HASH_SM3,
    KF_HASH_GOST94,
    KF_HASH_STREEBOG256,
    KF_HASH_STREEBOG512,
};
#define KF_HASH_COUNT     21
#define KF_HASH_MAX_SIZE  64  /* bytes of the largest digest */
#define KF_HASH_MAX_BLOCK 144 /* bytes of the largest block: SHA3-224's */

enum kf_cipher {
    KF_CIPHER_RC4,
    KF_CIPHER_RC2,
    KF_CIPHER_DES,
    KF_CIPHER_DES3_2KEY,
    KF_CIPHER_DES3,
    KF_CIPHER_AES128,
    KF_CIPHER_AES192,
    KF_CIPHER_AES256,
    KF_CIPHER_CAMELLIA128,
    KF_CIPHER_CAMELLIA192,
    KF_CIPHER_CAMELLIA256,
    KF_CIPHER_ARIA128,
    KF_CIPHER_ARIA192,
    KF_CIPHER_ARIA256,
    KF_CIPHER_CAST5,
    KF_CIPHER_BLOWFISH,
    KF_CIPHER_SEED,
    KF_CIPHER_SM4,
    KF_CIPHER_GOST28147, /* in CFB mode */
};
#define KF_CIPHER_COUNT 19

struct kf_algorithms; /* fetched methods; part of struct kf_crypto, used by any thread */

/* KF_FATAL: out of memory. */
enum kf_status kf_algorithms_new(OSSL_LIB_CTX *library, struct kf_algorithms **out,
                                 struct kf_error *error) KF_MUST_USE;
void kf_algorithms_free(struct kf_algorithms *algorithms); /* NULL-safe */

/* The library context that they came from. */
OSSL_LIB_CTX *kf_algorithms_library(const struct kf_algorithms *algorithms);

/* OpenSSL's method; NULL where there is none (always for MD2 and GOST's). */
const EVP_MD *kf_hash_md(const struct kf_algorithms *algorithms, enum kf_hash hash);
const EVP_CIPHER *kf_cipher_evp(const struct kf_algorithms *algorithms, enum kf_cipher cipher);

/* SHAKE128 or SHAKE256; NULL where there is none. */
const EVP_MD *kf_shake_md(const struct kf_algorithms *algorithms, unsigned bits);

/* "SHA-256", "AES-256-CBC": as people write them. */
const char *kf_hash_name(enum kf_hash hash);
const char *kf_cipher_name(enum kf_cipher cipher);

/* Bytes of a digest, and of the block that HMAC and the PKCS #12 derivation pad to. */
size_t kf_hash_size(enum kf_hash hash);
size_t kf_hash_block(enum kf_hash hash);

/* Bytes of the key and of the initialization vector; the key's is the usual one for RC2 and RC4. */
size_t kf_cipher_key_size(enum kf_cipher cipher);
size_t kf_cipher_iv_size(enum kf_cipher cipher);

/* By the content of an OBJECT IDENTIFIER; false for an unknown one. */
bool kf_hash_by_oid(struct kf_slice oid, enum kf_hash *out) KF_MUST_USE;      /* SHA-256 itself */
bool kf_hash_by_hmac_oid(struct kf_slice oid, enum kf_hash *out) KF_MUST_USE; /* HMAC with it */
bool kf_cipher_by_oid(struct kf_slice oid, enum kf_cipher *out) KF_MUST_USE;

/* "1.2.840.113549.1.12.1.6" from the content octets, cut at size, "?" where they are none. */
void kf_oid_text(struct kf_slice oid, char *out, size_t size);

/* One digest over the parts in order; out has kf_hash_size bytes. KF_SKIP: OpenSSL has no such. */
enum kf_status kf_hash_digest(const struct kf_algorithms *algorithms, enum kf_hash hash,
                              const struct kf_slice *parts, size_t count, uint8_t *out,
                              struct kf_error *error) KF_MUST_USE;

/* HMAC (RFC 2104) of data; out has kf_hash_size bytes. KF_SKIP: OpenSSL has no such digest. */
enum kf_status kf_hmac(const struct kf_algorithms *algorithms, enum kf_hash hash,
                       struct kf_slice key, struct kf_slice data, uint8_t *out,
                       struct kf_error *error) KF_MUST_USE;

#endif
