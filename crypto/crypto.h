/*
 * The library context: OpenSSL with the default and the legacy provider, private to this program.
 *
 * Nothing depends on the machine's openssl.cnf. Algorithms are fetched once, when the context is
 * made, and may be used by any thread; EVP_*_CTX objects are the caller's and belong to one thread.
 */
#ifndef KF_CRYPTO_CRYPTO_H
#define KF_CRYPTO_CRYPTO_H

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "core/bytes.h"

struct kf_crypto {
    OSSL_LIB_CTX *library;
    OSSL_PROVIDER *default_provider;
    OSSL_PROVIDER *legacy_provider;
    EVP_MD *md5, *sha1, *sha224, *sha256, *sha384, *sha512;
    EVP_CIPHER *aes128_cbc, *aes192_cbc, *aes256_cbc, *aes128_gcm, *aes256_gcm, *des3_cbc;
    struct kf_algorithms *algorithms; /* what old files need: crypto/algorithms.h */
    pthread_key_t numbers;            /* for kf_secret_numbers */
};

/* KF_FATAL with KF_CAUSE_SYSTEM where OpenSSL cannot be set up (no legacy provider installed, say).
 */
enum kf_status kf_crypto_open(struct kf_crypto **out, struct kf_error *error) KF_MUST_USE;
void kf_crypto_close(struct kf_crypto *crypto); /* NULL-safe */

/*
 * As kf_fail, with the reason of OpenSSL's oldest queued error at the end of the text, where there
 * is one. Drains the queue.
 */
enum kf_status kf_fail_openssl(struct kf_error *error, enum kf_status status, enum kf_cause cause,
                               const char *rule, const char *format, ...)
    KF_PRINTF(5, 6) KF_MUST_USE;
#ifdef __clang_analyzer__ /* as in core/error.h */
#define kf_fail_openssl(error, status, ...)                                                        \
    ((void)kf_fail_openssl(error, status, __VA_ARGS__), (status))
#endif

/*
 * The calling thread's room for secret numbers, in the secure heap; made when first asked for. What
 * was computed there lingers, locked in memory and kept out of core dumps, until the thread ends or
 * the context is closed, and is wiped then. For code that runs once a key, where taking memory from
 * that heap costs more than the arithmetic. NULL: no memory.
 */
BN_CTX *kf_secret_numbers(const struct kf_crypto *crypto) KF_MUST_USE;

/*
 * Where OpenSSL's failure would mean something (it does not decrypt, there is no such curve), lack
 * of memory means nothing. no_memory drains the queue, and is true where that is the oldest in it.
 * forget drains it as well, but leaves word of that for whoever decides further up.
 */
bool kf_openssl_no_memory(void);
void kf_openssl_forget(void);

/* A digest of bytes; out has room for md's size. KF_FATAL: OpenSSL failed. */
enum kf_status kf_digest(const EVP_MD *md, struct kf_slice bytes, uint8_t *out,
                         struct kf_error *error) KF_MUST_USE;

/* Random bytes, for private use where secret is true. */
enum kf_status kf_random(const struct kf_crypto *crypto, uint8_t *out, size_t len, bool secret,
                         struct kf_error *error) KF_MUST_USE;

#endif
