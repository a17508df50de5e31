/*
 * PKCS #12 files by hand: see pfx_builder.h.
 */
#include "tests/support/pfx_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/objects.h>
#include <openssl/pkcs12.h>

#include "core/der.h"
#include "crypto/md2.h"
#include "tests/support/material.h"

#define PKCS7  "1.2.840.113549.1.7."
#define PKCS5  "1.2.840.113549.1.5."
#define PKCS12 "1.2.840.113549.1.12."

static void check(bool done, const char *what)
{
    if (done)
        return;
    (void)fprintf(stderr, "pfx_builder: %s\n", what);
    exit(1);
}

static void put(struct kf_buf *out, struct kf_slice bytes)
{
    check(kf_buf_append(out, bytes.data, bytes.len, NULL) == KF_OK, "memory");
}

static void wrap(struct kf_buf *out, size_t mark, uint8_t tag)
{
    check(kf_der_wrap(out, mark, tag, NULL) == KF_OK, "memory");
}

static void put_uint(struct kf_buf *out, uint64_t value)
{
    check(kf_der_put_uint(out, value, NULL) == KF_OK, "memory");
}

void build_value(struct kf_buf *out, uint8_t tag, struct kf_slice content)
{
    check(kf_der_put(out, tag, content, NULL) == KF_OK, "memory");
}

void build_oid(struct kf_buf *out, const char *dotted)
{
    ASN1_OBJECT *object = OBJ_txt2obj(dotted, 1);

    check(object != NULL, "OID");
    build_value(out, KF_DER_OID, (struct kf_slice){OBJ_get0_data(object), OBJ_length(object)});
    ASN1_OBJECT_free(object);
}

struct build_password build_bmp(const char *ascii)
{
    static uint8_t space[16][256]; /* a test needs few at a time */
    static size_t next;
    uint8_t *out = space[next++ % 16];
    size_t len = strlen(ascii);

    check(2 * len + 2 <= sizeof(space[0]), "a password that is too long");
    for (size_t i = 0; i <= len; i++) {
        out[2 * i] = 0;
        out[2 * i + 1] = (uint8_t)ascii[i];
    }
    return (struct build_password){out, 2 * len + 2};
}

struct build_password build_raw(const char *text)
{
    return (struct build_password){text, strlen(text)};
}

struct scheme {
    const char *name;
    const char *oid;
    const char *cipher; /* OpenSSL's name */
    const char *digest;
    int key;
    int iv;
};

static const struct scheme schemes[] = {
    {"pkcs12:rc4-128", PKCS12 "1.1", "RC4", "SHA1", 16, 0},
    {"pkcs12:rc4-40", PKCS12 "1.2", "RC4", "SHA1", 5, 0},
    {"pkcs12:3des", PKCS12 "1.3", "DES-EDE3-CBC", "SHA1", 24, 8},
    {"pkcs12:3des-2key", PKCS12 "1.4", "DES-EDE-CBC", "SHA1", 16, 8},
    {"pkcs12:rc2-128", PKCS12 "1.5", "RC2-CBC", "SHA1", 16, 8},
    {"pkcs12:rc2-40", PKCS12 "1.6", "RC2-40-CBC", "SHA1", 5, 8},
    {"pbes1:md2-des", PKCS5 "1", "DES-CBC", "MD2", 8, 8},
    {"pbes1:md2-rc2", PKCS5 "4", "RC2-64-CBC", "MD2", 8, 8},
    {"pbes1:md5-des", PKCS5 "3", "DES-CBC", "MD5", 8, 8},
    {"pbes1:md5-rc2", PKCS5 "6", "RC2-64-CBC", "MD5", 8, 8},
    {"pbes1:sha1-des", PKCS5 "10", "DES-CBC", "SHA1", 8, 8},
    {"pbes1:sha1-rc2", PKCS5 "11", "RC2-64-CBC", "SHA1", 8, 8},
};

static const struct {
    const char *digest;
    const char *oid;
} prfs[] = {
    {"md5", "1.2.840.113549.2.6"},           {"sha1", "1.2.840.113549.2.7"},
    {"sha224", "1.2.840.113549.2.8"},        {"sha256", "1.2.840.113549.2.9"},
    {"sha384", "1.2.840.113549.2.10"},       {"sha512", "1.2.840.113549.2.11"},
    {"sha512-224", "1.2.840.113549.2.12"},   {"sha512-256", "1.2.840.113549.2.13"},
    {"sha3-256", "2.16.840.1.101.3.4.2.14"},
};

static const char *prf_oid(const char *digest)
{
    for (size_t i = 0; i < sizeof(prfs) / sizeof(prfs[0]); i++) {
        if (strcmp(digest, prfs[i].digest) == 0)
            return prfs[i].oid;
    }
    check(false, digest);
    return NULL;
}

static OSSL_LIB_CTX *library(void)
{
    return material_crypto()->library;
}

static EVP_MD *digest_of(const char *name)
{
    EVP_MD *md = EVP_MD_fetch(library(), name, NULL);

    check(md != NULL, name);
    return md;
}

/* A salt of its own for each use, the same in each run */
static struct kf_slice next_salt(uint8_t salt[8])
{
    static uint32_t counter;

    counter++;
    memset(salt, 0x5a, 8);
    memcpy(salt, &counter, sizeof(counter));
    return (struct kf_slice){salt, 8};
}

struct material {
    uint8_t key[128];
    uint8_t iv[16];
};

static void derive_pkcs12(const struct scheme *scheme, struct build_password password,
                          struct kf_slice salt, int iterations, struct material *out)
{
    EVP_MD *md = digest_of(scheme->digest);
    uint8_t *bytes = (uint8_t *)(uintptr_t)password.bytes;
    uint8_t *salted = (uint8_t *)(uintptr_t)salt.data;

    check(PKCS12_key_gen_uni_ex(bytes, (int)password.len, salted, (int)salt.len, PKCS12_KEY_ID,
                                iterations, scheme->key, out->key, md, library(), NULL) == 1 &&
              (scheme->iv == 0 ||
               PKCS12_key_gen_uni_ex(bytes, (int)password.len, salted, (int)salt.len, PKCS12_IV_ID,
                                     iterations, scheme->iv, out->iv, md, library(), NULL) == 1),
          "PKCS12_key_gen");
    EVP_MD_free(md);
}

/* RFC 8018 5.1; MD2 is the project's own here, and proven by its own vectors elsewhere */
static void derive_pbes1(const struct scheme *scheme, struct build_password password,
                         struct kf_slice salt, int iterations, struct material *out)
{
    bool is_md2 = strcmp(scheme->digest, "MD2") == 0;
    EVP_MD *md = is_md2 ? NULL : digest_of(scheme->digest);
    uint8_t state[512];
    size_t len = password.len + salt.len;

    check(len <= sizeof(state), "a password that is too long");
    if (password.len != 0)
        memcpy(state, password.bytes, password.len);
    memcpy(state + password.len, salt.data, salt.len);
    for (int i = 0; i < iterations; i++) {
        if (is_md2) {
            struct kf_md2 md2;

            kf_md2_init(&md2);
            kf_md2_update(&md2, (struct kf_slice){state, len});
            kf_md2_final(&md2, state);
            len = KF_MD2_SIZE;
        } else {
            unsigned size = 0;

            check(EVP_Digest(state, len, state, &size, md, NULL) == 1, "digest");
            len = size;
        }
    }
    memcpy(out->key, state, 8);
    memcpy(out->iv, state + 8, 8);
    EVP_MD_free(md);
}

/* Encrypts with padding; the key's length is what it is */
static void encrypt(const char *name, int key_len, const struct material *material,
                    struct kf_slice plain, struct kf_buf *out)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(library(), name, NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t *space = malloc(plain.len + 64);
    int len = 0;
    int more = 0;

    check(cipher != NULL && context != NULL && space != NULL, name);
    check(EVP_EncryptInit_ex2(context, cipher, NULL, NULL, NULL) == 1 &&
              (EVP_CIPHER_CTX_get_key_length(context) == key_len ||
               EVP_CIPHER_CTX_set_key_length(context, key_len) == 1) &&
              EVP_EncryptInit_ex2(context, NULL, material->key, material->iv, NULL) == 1 &&
              EVP_EncryptUpdate(context, space, &len, plain.data, (int)plain.len) == 1 &&
              EVP_EncryptFinal_ex(context, space + len, &more) == 1,
          name);
    put(out, (struct kf_slice){space, (size_t)(len + more)});
    free(space);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
}

static unsigned iterations_of(const struct build_encryption *encryption)
{
    return encryption->iterations == 0 ? 1 : encryption->iterations;
}

static uint64_t claimed(const struct build_encryption *encryption)
{
    return encryption->claim != 0 ? encryption->claim : iterations_of(encryption);
}

static void encrypt_one_step(const struct scheme *scheme, const struct build_encryption *encryption,
                             struct kf_slice salt, struct kf_slice plain, struct kf_buf *algorithm,
                             struct kf_buf *ciphertext)
{
    struct material material = {.key = {0}};
    size_t mark;

    build_oid(algorithm, scheme->oid);
    mark = algorithm->len;
    build_value(algorithm, KF_DER_OCTET_STRING, salt);
    put_uint(algorithm, claimed(encryption));
    wrap(algorithm, mark, KF_DER_SEQUENCE);
    wrap(algorithm, 0, KF_DER_SEQUENCE);
    if (!encryption->claim_only && strncmp(scheme->name, "pkcs12", 6) == 0)
        derive_pkcs12(scheme, encryption->password, salt, (int)iterations_of(encryption),
                      &material);
    else if (!encryption->claim_only)
        derive_pbes1(scheme, encryption->password, salt, (int)iterations_of(encryption), &material);
    encrypt(scheme->cipher, scheme->key, &material, plain, ciphertext);
}

/* PBKDF2-params or scrypt-params in their AlgorithmIdentifier, and the key that they give */
static void derive_pbes2(const struct build_encryption *encryption, const char *digest,
                         struct kf_slice salt, size_t key_len, struct kf_buf *algorithm,
                         uint8_t *key)
{
    bool is_scrypt = digest == NULL;
    uint64_t n = encryption->n != 0 ? encryption->n : 2;
    uint64_t r = encryption->r != 0 ? encryption->r : 1;
    uint64_t p = encryption->p != 0 ? encryption->p : 1;
    const char *password = encryption->password.bytes != NULL ? encryption->password.bytes : "";
    size_t start = algorithm->len;
    size_t mark;
    EVP_MD *md;

    build_oid(algorithm, is_scrypt ? "1.3.6.1.4.1.11591.4.11" : PKCS5 "12");
    mark = algorithm->len;
    build_value(algorithm, KF_DER_OCTET_STRING, salt);
    put_uint(algorithm, is_scrypt ? n : claimed(encryption));
    if (is_scrypt) {
        put_uint(algorithm, r);
        put_uint(algorithm, p);
    }
    if (encryption->key_length != 0)
        put_uint(algorithm, encryption->key_length);
    if (!is_scrypt && strcmp(digest, "sha1") != 0) {
        size_t prf = algorithm->len;

        build_oid(algorithm, prf_oid(digest));
        build_value(algorithm, KF_DER_NULL, (struct kf_slice){NULL, 0});
        wrap(algorithm, prf, KF_DER_SEQUENCE);
    }
    wrap(algorithm, mark, KF_DER_SEQUENCE);
    wrap(algorithm, start, KF_DER_SEQUENCE);
    if (encryption->claim_only)
        return;
    if (is_scrypt) {
        check(EVP_PBE_scrypt_ex(password, encryption->password.len, salt.data, salt.len, n, r, p,
                                1u << 30, key, key_len, library(), NULL) == 1,
              "scrypt");
        return;
    }
    md = digest_of(digest);
    check(PKCS5_PBKDF2_HMAC(password, (int)encryption->password.len, salt.data, (int)salt.len,
                            (int)iterations_of(encryption), md, (int)key_len, key) == 1,
          "PBKDF2");
    EVP_MD_free(md);
}

/* The cipher's AlgorithmIdentifier, with an IV of zeros and ones */
static void put_cipher(struct kf_buf *algorithm, const char *cipher, uint8_t *iv, size_t iv_len)
{
    size_t mark = algorithm->len;
    ASN1_OBJECT *object = OBJ_txt2obj(cipher, 0);
    char dotted[64];

    check(object != NULL && OBJ_obj2txt(dotted, sizeof(dotted), object, 1) > 0, cipher);
    ASN1_OBJECT_free(object);
    build_oid(algorithm, dotted);
    for (size_t i = 0; i < iv_len; i++)
        iv[i] = (uint8_t)(i & 1);
    if (strcmp(cipher, "rc2-cbc") == 0) {
        size_t inner = algorithm->len;

        put_uint(algorithm, 58); /* 128 bits */
        build_value(algorithm, KF_DER_OCTET_STRING, (struct kf_slice){iv, iv_len});
        wrap(algorithm, inner, KF_DER_SEQUENCE);
    } else {
        build_value(algorithm, KF_DER_OCTET_STRING, (struct kf_slice){iv, iv_len});
    }
    wrap(algorithm, mark, KF_DER_SEQUENCE);
}

static void encrypt_pbes2(const struct build_encryption *encryption, struct kf_slice salt,
                          struct kf_slice plain, struct kf_buf *algorithm,
                          struct kf_buf *ciphertext)
{
    bool is_scrypt = strncmp(encryption->name, "scrypt:", 7) == 0;
    char cipher[64];
    char *digest;
    EVP_CIPHER *evp;
    struct material material = {.key = {0}};
    size_t key_len;
    size_t iv_len;
    size_t mark;

    (void)snprintf(cipher, sizeof(cipher), "%s", strchr(encryption->name, ':') + 1);
    digest = is_scrypt ? NULL : strchr(cipher, ':');
    if (digest != NULL)
        *digest++ = '\0';
    check(is_scrypt || digest != NULL, encryption->name);
    evp = EVP_CIPHER_fetch(library(), cipher, NULL);
    check(evp != NULL, cipher);
    key_len = (size_t)EVP_CIPHER_get_key_length(evp);
    iv_len = (size_t)EVP_CIPHER_get_iv_length(evp);
    EVP_CIPHER_free(evp);
    build_oid(algorithm, PKCS5 "13");
    mark = algorithm->len;
    derive_pbes2(encryption, digest, salt, key_len, algorithm, material.key);
    put_cipher(algorithm, cipher, material.iv, iv_len);
    wrap(algorithm, mark, KF_DER_SEQUENCE);
    wrap(algorithm, 0, KF_DER_SEQUENCE);
    encrypt(cipher, (int)key_len, &material, plain, ciphertext);
}

/* AlgorithmIdentifier and ciphertext, each into an empty buffer */
static void build_cipher(const struct build_encryption *encryption, struct kf_slice plain,
                         struct kf_buf *algorithm, struct kf_buf *ciphertext)
{
    uint8_t own[8];
    struct kf_slice salt = {encryption->salt, encryption->salt_len};

    if (encryption->salt == NULL)
        salt = next_salt(own);
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strcmp(encryption->name, schemes[i].name) == 0) {
            encrypt_one_step(&schemes[i], encryption, salt, plain, algorithm, ciphertext);
            return;
        }
    }
    encrypt_pbes2(encryption, salt, plain, algorithm, ciphertext);
}

static void put_attributes(struct kf_buf *out, const struct build_attributes *attributes)
{
    size_t start = out->len;

    if (attributes == NULL)
        return;
    put(out, attributes->raw);
    if (attributes->friendly_name != NULL) {
        struct build_password name = build_bmp(attributes->friendly_name);
        size_t mark = out->len;
        size_t set;

        build_oid(out, "1.2.840.113549.1.9.20");
        set = out->len;
        build_value(out, KF_DER_BMP_STRING, (struct kf_slice){name.bytes, name.len - 2});
        wrap(out, set, KF_DER_SET);
        wrap(out, mark, KF_DER_SEQUENCE);
    }
    if (attributes->local_key_id != NULL) {
        size_t mark = out->len;
        size_t set;

        build_oid(out, "1.2.840.113549.1.9.21");
        set = out->len;
        build_value(out, KF_DER_OCTET_STRING, kf_slice_of(attributes->local_key_id));
        wrap(out, set, KF_DER_SET);
        wrap(out, mark, KF_DER_SEQUENCE);
    }
    if (out->len != start)
        wrap(out, start, KF_DER_SET);
}

void build_bag(struct kf_buf *out, unsigned type, struct kf_slice value,
               const struct build_attributes *attributes)
{
    char oid[48];
    size_t mark = out->len;

    (void)snprintf(oid, sizeof(oid), PKCS12 "10.1.%u", type);
    build_oid(out, oid);
    build_value(out, KF_DER_CONTEXT_CONSTRUCTED, value);
    put_attributes(out, attributes);
    wrap(out, mark, KF_DER_SEQUENCE);
}

void build_key(struct kf_buf *out, struct kf_slice pkcs8, const struct build_attributes *attributes)
{
    build_bag(out, 1, pkcs8, attributes);
}

void build_shrouded(struct kf_buf *out, struct kf_slice pkcs8,
                    const struct build_encryption *encryption,
                    const struct build_attributes *attributes)
{
    struct kf_buf value = KF_PUBLIC_BUF;
    struct kf_buf ciphertext = KF_PUBLIC_BUF;

    build_cipher(encryption, pkcs8, &value, &ciphertext);
    build_value(&value, KF_DER_OCTET_STRING, kf_buf_slice(&ciphertext));
    wrap(&value, 0, KF_DER_SEQUENCE);
    build_bag(out, 2, kf_buf_slice(&value), attributes);
    kf_buf_reset(&ciphertext);
    kf_buf_reset(&value);
}

static void put_typed(struct kf_buf *out, unsigned type, const char *oid, struct kf_slice value,
                      const struct build_attributes *attributes)
{
    struct kf_buf content = KF_PUBLIC_BUF;

    build_oid(&content, oid);
    build_value(&content, KF_DER_CONTEXT_CONSTRUCTED, value);
    wrap(&content, 0, KF_DER_SEQUENCE);
    build_bag(out, type, kf_buf_slice(&content), attributes);
    kf_buf_reset(&content);
}

void build_cert(struct kf_buf *out, struct kf_slice der, const struct build_attributes *attributes)
{
    struct kf_buf octets = KF_PUBLIC_BUF;

    build_value(&octets, KF_DER_OCTET_STRING, der);
    put_typed(out, 3, "1.2.840.113549.1.9.22.1", kf_buf_slice(&octets), attributes);
    kf_buf_reset(&octets);
}

void build_typed(struct kf_buf *out, unsigned type, const char *oid, struct kf_slice value)
{
    put_typed(out, type, oid, value, NULL);
}

void build_safe(struct kf_buf *out, struct kf_slice bags, bool set)
{
    build_value(out, set ? KF_DER_SET : KF_DER_SEQUENCE, bags);
}

void build_content(struct kf_buf *out, const char *oid, struct kf_slice content)
{
    size_t mark = out->len;

    build_oid(out, oid);
    if (content.len != 0)
        build_value(out, KF_DER_CONTEXT_CONSTRUCTED, content);
    wrap(out, mark, KF_DER_SEQUENCE);
}

void build_plain(struct kf_buf *out, struct kf_slice safe)
{
    struct kf_buf octets = KF_PUBLIC_BUF;

    build_value(&octets, KF_DER_OCTET_STRING, safe);
    build_content(out, PKCS7 "1", kf_buf_slice(&octets));
    kf_buf_reset(&octets);
}

void build_encrypted(struct kf_buf *out, struct kf_slice safe,
                     const struct build_encryption *encryption)
{
    struct kf_buf data = KF_PUBLIC_BUF;
    struct kf_buf algorithm = KF_PUBLIC_BUF;
    struct kf_buf ciphertext = KF_PUBLIC_BUF;
    size_t mark;

    build_cipher(encryption, safe, &algorithm, &ciphertext);
    put_uint(&data, 0);
    mark = data.len;
    build_oid(&data, PKCS7 "1");
    put(&data, kf_buf_slice(&algorithm));
    build_value(&data, KF_DER_CONTEXT, kf_buf_slice(&ciphertext));
    wrap(&data, mark, KF_DER_SEQUENCE);
    wrap(&data, 0, KF_DER_SEQUENCE);
    build_content(out, PKCS7 "6", kf_buf_slice(&data));
    kf_buf_reset(&data);
    kf_buf_reset(&algorithm);
    kf_buf_reset(&ciphertext);
}

static void put_digest_algorithm(struct kf_buf *out, const EVP_MD *md)
{
    size_t mark = out->len;
    char dotted[64];

    check(OBJ_obj2txt(dotted, sizeof(dotted), OBJ_nid2obj(EVP_MD_get_type(md)), 1) > 0, "OID");
    build_oid(out, dotted);
    build_value(out, KF_DER_NULL, (struct kf_slice){NULL, 0});
    wrap(out, mark, KF_DER_SEQUENCE);
}

static void put_pbmac1(struct kf_buf *out, const struct build_mac *mac, struct kf_slice salt,
                       size_t key_len)
{
    size_t start = out->len;
    size_t params;
    size_t kdf;
    size_t inner;
    size_t mark;

    build_oid(out, PKCS5 "14");
    params = out->len;
    kdf = out->len;
    build_oid(out, PKCS5 "12");
    inner = out->len;
    build_value(out, KF_DER_OCTET_STRING, salt);
    put_uint(out, mac->claim != 0 ? mac->claim : mac->iterations != 0 ? mac->iterations : 1);
    if (!mac->no_key_length)
        put_uint(out, key_len);
    mark = out->len;
    build_oid(out, prf_oid(mac->pbmac1));
    wrap(out, mark, KF_DER_SEQUENCE);
    wrap(out, inner, KF_DER_SEQUENCE);
    wrap(out, kdf, KF_DER_SEQUENCE);
    mark = out->len;
    build_oid(out, prf_oid(mac->digest));
    wrap(out, mark, KF_DER_SEQUENCE);
    wrap(out, params, KF_DER_SEQUENCE);
    wrap(out, start, KF_DER_SEQUENCE);
}

static void put_mac(struct kf_buf *out, const struct build_mac *mac, struct kf_slice over)
{
    EVP_MD *md = digest_of(mac->digest);
    size_t size = (size_t)EVP_MD_get_size(md);
    size_t key_len = mac->pbmac1 == NULL ? size : mac->key_length != 0 ? mac->key_length : 32;
    int iterations = mac->iterations != 0 ? (int)mac->iterations : 1;
    uint8_t own[8];
    struct kf_slice salt = next_salt(own);
    uint8_t key[2048];
    uint8_t digest[EVP_MAX_MD_SIZE];
    size_t len = 0;
    size_t start = out->len;
    size_t info;

    if (mac->pbmac1 != NULL) {
        EVP_MD *prf = digest_of(mac->pbmac1);

        check(PKCS5_PBKDF2_HMAC(mac->password.bytes, (int)mac->password.len, salt.data,
                                (int)salt.len, iterations, prf, (int)key_len, key) == 1,
              "PBKDF2");
        EVP_MD_free(prf);
    } else {
        check(PKCS12_key_gen_uni_ex((uint8_t *)(uintptr_t)mac->password.bytes,
                                    (int)mac->password.len, own, (int)salt.len, PKCS12_MAC_ID,
                                    iterations, (int)key_len, key, md, library(), NULL) == 1,
              "PKCS12_key_gen");
    }
    check(EVP_Q_mac(library(), "HMAC", NULL, mac->digest, NULL, key, key_len, over.data, over.len,
                    digest, sizeof(digest), &len) != NULL,
          "HMAC");
    if (mac->damage)
        digest[0] ^= 1;
    info = out->len;
    if (mac->pbmac1 != NULL)
        put_pbmac1(out, mac, salt, key_len);
    else
        put_digest_algorithm(out, md);
    build_value(out, KF_DER_OCTET_STRING, (struct kf_slice){digest, len});
    wrap(out, info, KF_DER_SEQUENCE);
    build_value(out, KF_DER_OCTET_STRING, salt);
    if (mac->claim != 0 || iterations != 1)
        put_uint(out, mac->claim != 0 ? mac->claim : (uint64_t)iterations);
    wrap(out, start, KF_DER_SEQUENCE);
    EVP_MD_free(md);
}

void build_pfx(struct kf_buf *out, struct kf_slice contents, const struct build_mac *mac)
{
    struct kf_buf auth_safe = KF_PUBLIC_BUF;
    size_t mark = out->len;

    build_value(&auth_safe, KF_DER_SEQUENCE, contents);
    put_uint(out, 3);
    build_plain(out, kf_buf_slice(&auth_safe));
    if (mac != NULL && mac->digest != NULL)
        put_mac(out, mac, kf_buf_slice(&auth_safe));
    wrap(out, mark, KF_DER_SEQUENCE);
    kf_buf_reset(&auth_safe);
}

static void put_pieces(struct kf_buf *out, struct kf_slice bytes, size_t chunk)
{
    static const uint8_t begin[] = {0x24, 0x80};
    static const uint8_t end[] = {0, 0};

    put(out, (struct kf_slice){begin, sizeof(begin)});
    while (bytes.len != 0) {
        size_t take = bytes.len < chunk ? bytes.len : chunk;

        build_value(out, KF_DER_OCTET_STRING, (struct kf_slice){bytes.data, take});
        bytes.data += take;
        bytes.len -= take;
    }
    put(out, (struct kf_slice){end, sizeof(end)});
}

void build_ber(struct kf_buf *out, struct kf_slice der, size_t chunk)
{
    static const uint8_t end[] = {0, 0};
    struct kf_slice levels[32];
    size_t depth = 1;

    levels[0] = der;
    while (depth != 0) {
        struct kf_tlv tlv;
        uint8_t begin[2];

        if (levels[depth - 1].len == 0) {
            if (--depth != 0)
                put(out, (struct kf_slice){end, sizeof(end)});
            continue;
        }
        check(kf_der_any(&levels[depth - 1], &tlv), "not DER");
        if ((tlv.tag & 0x20) != 0) {
            begin[0] = tlv.tag;
            begin[1] = 0x80;
            put(out, (struct kf_slice){begin, sizeof(begin)});
            check(depth < 32, "too deep");
            levels[depth++] = tlv.value;
        } else if (tlv.tag == KF_DER_OCTET_STRING && tlv.value.len > chunk) {
            put_pieces(out, tlv.value, chunk);
        } else {
            put(out, tlv.whole);
        }
    }
}
