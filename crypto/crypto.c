/*
 * The library context: see crypto.h for the contract.
 */
#include "crypto/crypto.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "crypto/algorithms.h"

#undef kf_fail_openssl /* the function itself, for clang-tidy too */

struct fetch {
    const char *name;
    size_t offset; /* of the pointer in struct kf_crypto */
};

static const struct fetch digests[] = {
    {"MD5", offsetof(struct kf_crypto, md5)},       {"SHA1", offsetof(struct kf_crypto, sha1)},
    {"SHA224", offsetof(struct kf_crypto, sha224)}, {"SHA256", offsetof(struct kf_crypto, sha256)},
    {"SHA384", offsetof(struct kf_crypto, sha384)}, {"SHA512", offsetof(struct kf_crypto, sha512)},
};

static const struct fetch ciphers[] = {
    {"AES-128-CBC", offsetof(struct kf_crypto, aes128_cbc)},
    {"AES-192-CBC", offsetof(struct kf_crypto, aes192_cbc)},
    {"AES-256-CBC", offsetof(struct kf_crypto, aes256_cbc)},
    {"AES-128-GCM", offsetof(struct kf_crypto, aes128_gcm)},
    {"AES-256-GCM", offsetof(struct kf_crypto, aes256_gcm)},
    {"DES-EDE3-CBC", offsetof(struct kf_crypto, des3_cbc)},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static EVP_MD **digest_slot(struct kf_crypto *crypto, const struct fetch *fetch)
{
    return (EVP_MD **)(void *)((char *)crypto + fetch->offset);
}

static EVP_CIPHER **cipher_slot(struct kf_crypto *crypto, const struct fetch *fetch)
{
    return (EVP_CIPHER **)(void *)((char *)crypto + fetch->offset);
}

static enum kf_status fetch_all(struct kf_crypto *crypto, struct kf_error *error)
{
    for (size_t i = 0; i < COUNT(digests); i++) {
        EVP_MD *md = EVP_MD_fetch(crypto->library, digests[i].name, NULL);

        *digest_slot(crypto, &digests[i]) = md;
        if (md == NULL)
            return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "this OpenSSL has no %s",
                                   digests[i].name);
    }
    for (size_t i = 0; i < COUNT(ciphers); i++) {
        EVP_CIPHER *cipher = EVP_CIPHER_fetch(crypto->library, ciphers[i].name, NULL);

        *cipher_slot(crypto, &ciphers[i]) = cipher;
        if (cipher == NULL)
            return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "this OpenSSL has no %s",
                                   ciphers[i].name);
    }
    return kf_algorithms_new(crypto->library, &crypto->algorithms, error);
}

static void free_numbers(void *numbers)
{
    BN_CTX_free(numbers);
}

BN_CTX *kf_secret_numbers(const struct kf_crypto *crypto)
{
    BN_CTX *numbers = pthread_getspecific(crypto->numbers);

    if (numbers != NULL)
        return numbers;
    numbers = BN_CTX_secure_new_ex(crypto->library);
    if (numbers != NULL && pthread_setspecific(crypto->numbers, numbers) != 0) {
        BN_CTX_free(numbers);
        numbers = NULL;
    }
    return numbers;
}

enum kf_status kf_crypto_open(struct kf_crypto **out, struct kf_error *error)
{
    struct kf_crypto *crypto = calloc(1, sizeof(*crypto));

    *out = NULL;
    if (crypto == NULL)
        return kf_fail_memory(error);
    if (pthread_key_create(&crypto->numbers, free_numbers) != 0) {
        free(crypto);
        return kf_fail_memory(error);
    }
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    crypto->library = OSSL_LIB_CTX_new();
    if (crypto->library != NULL) {
        crypto->default_provider = OSSL_PROVIDER_load(crypto->library, "default");
        crypto->legacy_provider = OSSL_PROVIDER_load(crypto->library, "legacy");
    }
    if (crypto->default_provider == NULL || crypto->legacy_provider == NULL) {
        enum kf_status status =
            kf_fail_openssl(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL,
                            "OpenSSL's default and legacy providers cannot be loaded");

        kf_crypto_close(crypto);
        return status;
    }
    if (fetch_all(crypto, error) != KF_OK) {
        kf_crypto_close(crypto);
        return KF_FATAL;
    }
    *out = crypto;
    return KF_OK;
}

void kf_crypto_close(struct kf_crypto *crypto)
{
    if (crypto == NULL)
        return;
    free_numbers(pthread_getspecific(crypto->numbers));
    (void)pthread_key_delete(crypto->numbers);
    for (size_t i = 0; i < COUNT(digests); i++)
        EVP_MD_free(*digest_slot(crypto, &digests[i]));
    for (size_t i = 0; i < COUNT(ciphers); i++)
        EVP_CIPHER_free(*cipher_slot(crypto, &ciphers[i]));
    kf_algorithms_free(crypto->algorithms);
    (void)OSSL_PROVIDER_unload(crypto->legacy_provider);
    (void)OSSL_PROVIDER_unload(crypto->default_provider);
    OSSL_LIB_CTX_free(crypto->library);
    free(crypto);
}

enum kf_status kf_fail_openssl(struct kf_error *error, enum kf_status status, enum kf_cause cause,
                               const char *rule, const char *format, ...)
{
    char text[256];
    unsigned long first = ERR_peek_error();
    const char *reason = first != 0 ? ERR_reason_error_string(first) : NULL;
    bool no_memory = kf_openssl_no_memory();
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (no_memory)
        return kf_fail_memory(error);
    if (reason == NULL)
        return kf_fail(error, status, cause, rule, "%s", text);
    return kf_fail(error, status, cause, rule, "%s: %s", text, reason);
}

bool kf_openssl_no_memory(void)
{
    /* the oldest: those after it may say so of whatever went wrong before (ASN1_item_pack, say) */
    unsigned long first = ERR_get_error();

    ERR_clear_error();
    return first != 0 && ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE;
}

void kf_openssl_forget(void)
{
    if (kf_openssl_no_memory())
        ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
}

enum kf_status kf_digest(const EVP_MD *md, struct kf_slice bytes, uint8_t *out,
                         struct kf_error *error)
{
    if (EVP_Digest(bytes.data, bytes.len, out, NULL, md, NULL) != 1)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "digest failed");
    return KF_OK;
}

enum kf_status kf_random(const struct kf_crypto *crypto, uint8_t *out, size_t len, bool secret,
                         struct kf_error *error)
{
    int done = secret ? RAND_priv_bytes_ex(crypto->library, out, len, 0)
                      : RAND_bytes_ex(crypto->library, out, len, 0);

    if (done != 1)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                               "the random number generator failed"); /* not the input's fault */
    return KF_OK;
}
