/*
 * The table of digests and ciphers: see algorithms.h for the contract.
 *
 * Object identifiers: RFC 8018 B, RFC 7292 C, RFC 3370, RFC 3565, RFC 4231, NIST's registry of
 * 2.16.840.1.101.3.4, RFC 3657 (Camellia), RFC 5794 (ARIA), RFC 4269 (SEED), RFC 2984 (CAST5).
 */
#include "crypto/algorithms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "crypto/crypto.h"
#include "crypto/gosthash.h"
#include "crypto/md2.h"
#include "crypto/oid.h"

#define OID(text)                                                                                  \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
#define KF_OID_MAX 64 /* bytes of an OID that is shown */
#define NO_OID                                                                                     \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

#define RSADSI "\x2a\x86\x48\x86\xf7\x0d"             /* 1.2.840.113549 */
#define NIST   "\x60\x86\x48\x01\x65\x03\x04"         /* 2.16.840.1.101.3.4 */
#define BLAKE  "\x2b\x06\x01\x04\x01\x8d\x3a\x0c\x02" /* 1.3.6.1.4.1.1722.12.2 */
#define IPSEC  "\x2b\x06\x01\x05\x05\x08\x01"         /* 1.3.6.1.5.5.8.1 */
#define CHINA  "\x2a\x81\x1c\xcf\x55\x01"             /* 1.2.156.10197.1 */
#define NTT    "\x2a\x83\x08\x8c\x9a\x4b\x3d\x01\x01\x01"
#define RUSSIA "\x2a\x85\x03" /* 1.2.643 */
#define KOREA  "\x2a\x83\x1a\x8c\x9a"

struct hash_facts {
    const char *name;
    const char *fetch; /* OpenSSL's name; NULL where it has none */
    size_t size;
    size_t block;
    struct kf_slice oid;
    struct kf_slice hmac_oid;
};

static const struct hash_facts hashes[KF_HASH_COUNT] = {
    /* RFC 7292 B.2 takes 64 bytes for MD2's v, though its own block has 16 */
    [KF_HASH_MD2] = {"MD2", NULL, 16, 64, OID(RSADSI "\x02\x02"), NO_OID},
    [KF_HASH_MD5] = {"MD5", "MD5", 16, 64, OID(RSADSI "\x02\x05"), OID(RSADSI "\x02\x06")},
    [KF_HASH_SHA1] = {"SHA-1", "SHA1", 20, 64, OID("\x2b\x0e\x03\x02\x1a"), OID(RSADSI "\x02\x07")},
    [KF_HASH_SHA224] = {"SHA-224", "SHA224", 28, 64, OID(NIST "\x02\x04"), OID(RSADSI "\x02\x08")},
    [KF_HASH_SHA256] = {"SHA-256", "SHA256", 32, 64, OID(NIST "\x02\x01"), OID(RSADSI "\x02\x09")},
    [KF_HASH_SHA384] = {"SHA-384", "SHA384", 48, 128, OID(NIST "\x02\x02"), OID(RSADSI "\x02\x0a")},
    [KF_HASH_SHA512] = {"SHA-512", "SHA512", 64, 128, OID(NIST "\x02\x03"), OID(RSADSI "\x02\x0b")},
    [KF_HASH_SHA512_224] = {"SHA-512/224", "SHA512-224", 28, 128, OID(NIST "\x02\x05"),
                            OID(RSADSI "\x02\x0c")},
    [KF_HASH_SHA512_256] = {"SHA-512/256", "SHA512-256", 32, 128, OID(NIST "\x02\x06"),
                            OID(RSADSI "\x02\x0d")},
    [KF_HASH_SHA3_224] = {"SHA3-224", "SHA3-224", 28, 144, OID(NIST "\x02\x07"),
                          OID(NIST "\x02\x0d")},
    [KF_HASH_SHA3_256] = {"SHA3-256", "SHA3-256", 32, 136, OID(NIST "\x02\x08"),
                          OID(NIST "\x02\x0e")},
    [KF_HASH_SHA3_384] = {"SHA3-384", "SHA3-384", 48, 104, OID(NIST "\x02\x09"),
                          OID(NIST "\x02\x0f")},
    [KF_HASH_SHA3_512] = {"SHA3-512", "SHA3-512", 64, 72, OID(NIST "\x02\x0a"),
                          OID(NIST "\x02\x10")},
    [KF_HASH_RIPEMD160] = {"RIPEMD-160", "RIPEMD160", 20, 64, OID("\x2b\x24\x03\x02\x01"),
                           OID(IPSEC "\x04")},
    [KF_HASH_WHIRLPOOL] = {"Whirlpool", "whirlpool", 64, 64, OID("\x28\xcf\x06\x03\x00\x37"),
                           NO_OID},
    [KF_HASH_BLAKE2S] = {"BLAKE2s-256", "BLAKE2S-256", 32, 64, OID(BLAKE "\x02\x08"), NO_OID},
    [KF_HASH_BLAKE2B] = {"BLAKE2b-512", "BLAKE2B-512", 64, 128, OID(BLAKE "\x01\x10"), NO_OID},
    [KF_HASH_SM3] = {"SM3", "SM3", 32, 64, OID(CHINA "\x83\x11"), OID(CHINA "\x83\x11\x02")},
    [KF_HASH_GOST94] = {"GOST R 34.11-94", NULL, 32, 32, OID(RUSSIA "\x02\x02\x09"),
                        OID(RUSSIA "\x02\x02\x0a")},
    [KF_HASH_STREEBOG256] = {"Streebog-256", NULL, 32, 64, OID(RUSSIA "\x07\x01\x01\x02\x02"),
                             OID(RUSSIA "\x07\x01\x01\x04\x01")},
    [KF_HASH_STREEBOG512] = {"Streebog-512", NULL, 64, 64, OID(RUSSIA "\x07\x01\x01\x02\x03"),
                             OID(RUSSIA "\x07\x01\x01\x04\x02")},
};

/* OIDs that mean the same as the one in the table */
static const struct {
    struct kf_slice oid;
    enum kf_hash hash;
} hmac_aliases[] = {
    {OID(IPSEC "\x01"), KF_HASH_MD5},
    {OID(IPSEC "\x02"), KF_HASH_SHA1},
};

struct cipher_facts {
    const char *name;
    const char *fetch;
    size_t key;
    size_t iv;
    struct kf_slice oid;
};

static const struct cipher_facts ciphers[KF_CIPHER_COUNT] = {
    [KF_CIPHER_RC4] = {"RC4", "RC4", 16, 0, OID(RSADSI "\x03\x04")},
    [KF_CIPHER_RC2] = {"RC2-CBC", "RC2-CBC", 16, 8, OID(RSADSI "\x03\x02")},
    [KF_CIPHER_DES] = {"DES-CBC", "DES-CBC", 8, 8, OID("\x2b\x0e\x03\x02\x07")},
    [KF_CIPHER_DES3_2KEY] = {"2-key 3DES-CBC", "DES-EDE-CBC", 16, 8, NO_OID},
    [KF_CIPHER_DES3] = {"3DES-CBC", "DES-EDE3-CBC", 24, 8, OID(RSADSI "\x03\x07")},
    [KF_CIPHER_AES128] = {"AES-128-CBC", "AES-128-CBC", 16, 16, OID(NIST "\x01\x02")},
    [KF_CIPHER_AES192] = {"AES-192-CBC", "AES-192-CBC", 24, 16, OID(NIST "\x01\x16")},
    [KF_CIPHER_AES256] = {"AES-256-CBC", "AES-256-CBC", 32, 16, OID(NIST "\x01\x2a")},
    [KF_CIPHER_CAMELLIA128] = {"Camellia-128-CBC", "CAMELLIA-128-CBC", 16, 16, OID(NTT "\x02")},
    [KF_CIPHER_CAMELLIA192] = {"Camellia-192-CBC", "CAMELLIA-192-CBC", 24, 16, OID(NTT "\x03")},
    [KF_CIPHER_CAMELLIA256] = {"Camellia-256-CBC", "CAMELLIA-256-CBC", 32, 16, OID(NTT "\x04")},
    [KF_CIPHER_ARIA128] = {"ARIA-128-CBC", "ARIA-128-CBC", 16, 16, OID(KOREA "\x6e\x01\x01\x02")},
    [KF_CIPHER_ARIA192] = {"ARIA-192-CBC", "ARIA-192-CBC", 24, 16, OID(KOREA "\x6e\x01\x01\x07")},
    [KF_CIPHER_ARIA256] = {"ARIA-256-CBC", "ARIA-256-CBC", 32, 16, OID(KOREA "\x6e\x01\x01\x0c")},
    [KF_CIPHER_CAST5] = {"CAST5-CBC", "CAST5-CBC", 16, 8,
                         OID("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0a")},
    [KF_CIPHER_BLOWFISH] = {"Blowfish-CBC", "BF-CBC", 16, 8,
                            OID("\x2b\x06\x01\x04\x01\x97\x55\x01\x02")},
    [KF_CIPHER_SEED] = {"SEED-CBC", "SEED-CBC", 16, 16, OID(KOREA "\x44\x01\x04")},
    [KF_CIPHER_SM4] = {"SM4-CBC", "SM4-CBC", 16, 16, OID(CHINA "\x68\x02")},
    [KF_CIPHER_GOST28147] = {"GOST 28147-89-CFB", NULL, 32, 8, OID(RUSSIA "\x02\x02\x15")},
};

struct kf_algorithms {
    OSSL_LIB_CTX *library;
    EVP_MD *hashes[KF_HASH_COUNT];
    EVP_CIPHER *ciphers[KF_CIPHER_COUNT];
    EVP_MAC *hmac;
    EVP_MD *shake128, *shake256;
};

enum kf_status kf_algorithms_new(OSSL_LIB_CTX *library, struct kf_algorithms **out,
                                 struct kf_error *error)
{
    struct kf_algorithms *algorithms = calloc(1, sizeof(*algorithms));

    *out = algorithms;
    if (algorithms == NULL)
        return kf_fail_memory(error);
    algorithms->library = library;
    for (size_t i = 0; i < KF_HASH_COUNT; i++) {
        if (hashes[i].fetch != NULL)
            algorithms->hashes[i] = EVP_MD_fetch(library, hashes[i].fetch, NULL);
    }
    for (size_t i = 0; i < KF_CIPHER_COUNT; i++) {
        if (ciphers[i].fetch != NULL)
            algorithms->ciphers[i] = EVP_CIPHER_fetch(library, ciphers[i].fetch, NULL);
    }
    algorithms->hmac = EVP_MAC_fetch(library, "HMAC", NULL);
    algorithms->shake128 = EVP_MD_fetch(library, "SHAKE128", NULL);
    algorithms->shake256 = EVP_MD_fetch(library, "SHAKE256", NULL);
    ERR_clear_error(); /* what is not there is refused when a file needs it */
    return KF_OK;
}

void kf_algorithms_free(struct kf_algorithms *algorithms)
{
    if (algorithms == NULL)
        return;
    for (size_t i = 0; i < KF_HASH_COUNT; i++)
        EVP_MD_free(algorithms->hashes[i]);
    for (size_t i = 0; i < KF_CIPHER_COUNT; i++)
        EVP_CIPHER_free(algorithms->ciphers[i]);
    EVP_MAC_free(algorithms->hmac);
    EVP_MD_free(algorithms->shake128);
    EVP_MD_free(algorithms->shake256);
    free(algorithms);
}

OSSL_LIB_CTX *kf_algorithms_library(const struct kf_algorithms *algorithms)
{
    return algorithms->library;
}

const EVP_MD *kf_hash_md(const struct kf_algorithms *algorithms, enum kf_hash hash)
{
    return algorithms->hashes[hash];
}

const EVP_CIPHER *kf_cipher_evp(const struct kf_algorithms *algorithms, enum kf_cipher cipher)
{
    return algorithms->ciphers[cipher];
}

const EVP_MD *kf_shake_md(const struct kf_algorithms *algorithms, unsigned bits)
{
    return bits == 128 ? algorithms->shake128 : algorithms->shake256;
}

const char *kf_hash_name(enum kf_hash hash)
{
    return hashes[hash].name;
}

const char *kf_cipher_name(enum kf_cipher cipher)
{
    return ciphers[cipher].name;
}

size_t kf_hash_size(enum kf_hash hash)
{
    return hashes[hash].size;
}

size_t kf_hash_block(enum kf_hash hash)
{
    return hashes[hash].block;
}

size_t kf_cipher_key_size(enum kf_cipher cipher)
{
    return ciphers[cipher].key;
}

size_t kf_cipher_iv_size(enum kf_cipher cipher)
{
    return ciphers[cipher].iv;
}

bool kf_hash_by_oid(struct kf_slice oid, enum kf_hash *out)
{
    for (size_t i = 0; i < KF_HASH_COUNT; i++) {
        if (oid.len != 0 && kf_slice_equal(oid, hashes[i].oid)) {
            *out = (enum kf_hash)i;
            return true;
        }
    }
    return false;
}

bool kf_hash_by_hmac_oid(struct kf_slice oid, enum kf_hash *out)
{
    for (size_t i = 0; i < KF_HASH_COUNT; i++) {
        if (oid.len != 0 && kf_slice_equal(oid, hashes[i].hmac_oid)) {
            *out = (enum kf_hash)i;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(hmac_aliases) / sizeof(hmac_aliases[0]); i++) {
        if (kf_slice_equal(oid, hmac_aliases[i].oid)) {
            *out = hmac_aliases[i].hash;
            return true;
        }
    }
    return false;
}

bool kf_cipher_by_oid(struct kf_slice oid, enum kf_cipher *out)
{
    for (size_t i = 0; i < KF_CIPHER_COUNT; i++) {
        if (oid.len != 0 && kf_slice_equal(oid, ciphers[i].oid)) {
            *out = (enum kf_cipher)i;
            return true;
        }
    }
    return false;
}

void kf_oid_text(struct kf_slice oid, char *out, size_t size)
{
    struct kf_buf text = KF_PUBLIC_BUF;

    (void)snprintf(out, size, "?");
    if (oid.len <= KF_OID_MAX && kf_oid_append(oid, &text, NULL) == KF_OK)
        (void)snprintf(out, size, "%.*s", (int)text.len, (const char *)text.data);
    kf_buf_reset(&text);
}

static enum kf_status missing(const char *name, struct kf_error *error)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL, "this OpenSSL has no %s", name);
}

static void md2_digest(const struct kf_slice *parts, size_t count, uint8_t *out)
{
    struct kf_md2 md2;

    kf_md2_init(&md2);
    for (size_t i = 0; i < count; i++)
        kf_md2_update(&md2, parts[i]);
    kf_md2_final(&md2, out);
}

enum kf_status kf_hash_digest(const struct kf_algorithms *algorithms, enum kf_hash hash,
                              const struct kf_slice *parts, size_t count, uint8_t *out,
                              struct kf_error *error)
{
    const EVP_MD *md = algorithms->hashes[hash];
    EVP_MD_CTX *context;
    int done;

    if (hash == KF_HASH_MD2) {
        md2_digest(parts, count, out);
        return KF_OK;
    }
    if (kf_hash_is_gost(hash))
        return kf_gost_digest(hash, parts, count, out, error);
    if (md == NULL)
        return missing(kf_hash_name(hash), error);
    context = EVP_MD_CTX_new();
    done = context != NULL && EVP_DigestInit_ex2(context, md, NULL) == 1;
    for (size_t i = 0; i < count && done; i++)
        done = EVP_DigestUpdate(context, parts[i].data, parts[i].len);
    done = done && EVP_DigestFinal_ex(context, out, NULL) == 1;
    EVP_MD_CTX_free(context);
    return done ? KF_OK
                : kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "digest failed");
}

enum kf_status kf_hmac(const struct kf_algorithms *algorithms, enum kf_hash hash,
                       struct kf_slice key, struct kf_slice data, uint8_t *out,
                       struct kf_error *error)
{
    static const uint8_t nothing[1] = {0};
    const EVP_MD *md = algorithms->hashes[hash];
    OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
    char name[32];
    EVP_MAC_CTX *context;
    size_t len = 0;
    int done;

    if (kf_hash_is_gost(hash))
        return kf_gost_hmac(hash, key, data, out, error);
    if (md == NULL)
        return missing(kf_hash_name(hash), error);
    (void)snprintf(name, sizeof(name), "%s", EVP_MD_get0_name(md));
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
    context = EVP_MAC_CTX_new(algorithms->hmac);
    done = context != NULL &&
           EVP_MAC_init(context, key.len != 0 ? key.data : nothing, key.len, params) == 1 &&
           EVP_MAC_update(context, data.data, data.len) == 1 &&
           EVP_MAC_final(context, out, &len, KF_HASH_MAX_SIZE) == 1;
    EVP_MAC_CTX_free(context);
    return done ? KF_OK : kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "HMAC failed");
}
