/*
 * Keys from passwords: see kdf.h for the contract.
 *
 * OpenSSL 3.0 has these too, but not PBKDF1 with MD2, and not at a speed at which a file of ten
 * thousand keys, each with a salt of its own, is pleasant. tests/test_kdf.c holds them against the
 * vectors of the RFCs and against OpenSSL.
 */
#include "crypto/kdf.h"

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto/crypto.h"
#include "crypto/gosthash.h"
#include "crypto/iterate.h"

static enum kf_status check(const struct kf_kdf_input *input, size_t len, struct kf_error *error)
{
    if (len > KF_KDF_MAX_KEY)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "a derived key of %zu bytes, more than %u", len, KF_KDF_MAX_KEY);
    if (input->salt.len > KF_KDF_MAX_SALT)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "a salt of %zu bytes, more than %u",
                       input->salt.len, KF_KDF_MAX_SALT);
    if (input->iterations == 0)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "a derivation of no iterations");
    return KF_OK;
}

/* digest = H(digest), count times */
static enum kf_status iterate(const struct kf_algorithms *algorithms, enum kf_hash hash,
                              uint8_t *digest, uint64_t count, struct kf_error *error)
{
    const struct kf_slice part = {digest, kf_hash_size(hash)};

    if (kf_iterate_digest(hash, digest, count))
        return KF_OK;
    for (uint64_t i = 0; i < count; i++) {
        enum kf_status status = kf_hash_digest(algorithms, hash, &part, 1, digest, error);

        if (status != KF_OK)
            return status;
    }
    return KF_OK;
}

/* Repeats pattern until out is full; nothing where the pattern is empty */
static void repeat(struct kf_slice pattern, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = pattern.data[i % pattern.len];
}

static size_t round_up(size_t len, size_t block)
{
    return (len + block - 1) / block * block;
}

/* I_j = (I_j + B + 1) mod 2^v for each block of I (RFC 7292 B.2 step 6 C) */
static void advance(uint8_t *blocks, size_t len, const uint8_t *add, size_t v)
{
    for (size_t start = 0; start < len; start += v) {
        unsigned carry = 1;

        for (size_t i = v; i-- > 0;) {
            carry += (unsigned)blocks[start + i] + add[i];
            blocks[start + i] = (uint8_t)carry;
            carry >>= 8;
        }
    }
}

enum kf_status kf_kdf_pkcs12(const struct kf_algorithms *algorithms,
                             const struct kf_kdf_input *input, enum kf_kdf_purpose purpose,
                             uint8_t *out, size_t len, struct kf_error *error)
{
    size_t u = kf_hash_size(input->hash);
    size_t v = kf_hash_block(input->hash);
    size_t salt = round_up(input->salt.len, v);
    size_t password = round_up(input->password.len, v);
    uint8_t diversifier[KF_HASH_MAX_BLOCK];
    uint8_t add[KF_HASH_MAX_BLOCK];
    uint8_t a[KF_HASH_MAX_SIZE];
    struct kf_buf blocks = KF_SECRET_BUF;
    enum kf_status status = check(input, len, error);

    if (status == KF_OK)
        status = kf_buf_reserve(&blocks, salt + password + 1, error);
    if (status == KF_OK) {
        blocks.len = salt + password;
        repeat(input->salt, blocks.data, salt);
        repeat(input->password, blocks.data + salt, password);
    }
    memset(diversifier, (int)purpose, v);
    for (size_t done = 0; done < len && status == KF_OK; done += u) {
        const struct kf_slice parts[] = {{diversifier, v}, {blocks.data, blocks.len}};
        size_t take = len - done < u ? len - done : u;

        status = kf_hash_digest(algorithms, input->hash, parts, 2, a, error);
        if (status == KF_OK)
            status = iterate(algorithms, input->hash, a, input->iterations - 1, error);
        if (status != KF_OK)
            break;
        memcpy(out + done, a, take);
        repeat((struct kf_slice){a, u}, add, v);
        advance(blocks.data, blocks.len, add, v);
    }
    kf_wipe(a, sizeof(a));
    kf_wipe(add, sizeof(add));
    kf_buf_reset(&blocks);
    if (status != KF_OK)
        kf_wipe(out, len);
    return status;
}

enum kf_status kf_kdf_pbkdf1(const struct kf_algorithms *algorithms,
                             const struct kf_kdf_input *input, uint8_t *out, size_t len,
                             struct kf_error *error)
{
    const struct kf_slice parts[] = {input->password, input->salt};
    uint8_t digest[KF_HASH_MAX_SIZE];
    enum kf_status status = check(input, len, error);

    if (status == KF_OK && len > kf_hash_size(input->hash))
        status = kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, "RFC 8018 5.1",
                         "a derived key of %zu bytes, more than %s gives", len,
                         kf_hash_name(input->hash));
    if (status == KF_OK)
        status = kf_hash_digest(algorithms, input->hash, parts, 2, digest, error);
    if (status == KF_OK)
        status = iterate(algorithms, input->hash, digest, input->iterations - 1, error);
    if (status == KF_OK)
        memcpy(out, digest, len);
    else
        kf_wipe(out, len);
    kf_wipe(digest, sizeof(digest));
    return status;
}

/* OpenSSL takes pointers to bytes that it does not change */
static OSSL_PARAM octets(const char *name, struct kf_slice bytes)
{
    void *data;

    memcpy(&data, &bytes.data, sizeof(data)); /* drops the const, which a cast may not */
    return OSSL_PARAM_construct_octet_string(name, data, bytes.len);
}

/* OpenSSL's own, for the digests that crypto/iterate.c leaves out */
static enum kf_status pbkdf2_by_openssl(const struct kf_algorithms *algorithms,
                                        const struct kf_kdf_input *input, uint8_t *out, size_t len,
                                        struct kf_error *error)
{
    const EVP_MD *md = kf_hash_md(algorithms, input->hash);
    uint64_t iterations = input->iterations;
    int lenient = 1; /* it refuses short salts and keys otherwise, and those exist */
    uint8_t nothing = 0;
    char name[32];
    OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PASSWORD, &nothing, 0),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, &nothing, 0),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_ITER, &iterations),
        OSSL_PARAM_int(OSSL_KDF_PARAM_PKCS5, &lenient),
        OSSL_PARAM_END,
        OSSL_PARAM_END,
    };
    EVP_KDF *kdf;
    EVP_KDF_CTX *context;
    int done;

    if (md == NULL)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL, "this OpenSSL has no %s",
                       kf_hash_name(input->hash));
    if (input->password.len != 0)
        params[0] = octets(OSSL_KDF_PARAM_PASSWORD, input->password);
    if (input->salt.len != 0)
        params[1] = octets(OSSL_KDF_PARAM_SALT, input->salt);
    (void)snprintf(name, sizeof(name), "%s", EVP_MD_get0_name(md));
    params[4] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0);
    kdf = EVP_KDF_fetch(kf_algorithms_library(algorithms), "PBKDF2", NULL);
    context = EVP_KDF_CTX_new(kdf);
    done = context != NULL && EVP_KDF_derive(context, out, len, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return done ? KF_OK
                : kf_fail_openssl(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL, "PBKDF2 failed");
}

/* HMAC hashes a key that is longer than a block (RFC 2104 2); doing it once saves doing it often */
static enum kf_status shorten(const struct kf_algorithms *algorithms,
                              const struct kf_kdf_input *input, uint8_t *space,
                              struct kf_slice *key, struct kf_error *error)
{
    *key = input->password;
    if (key->len <= kf_hash_block(input->hash))
        return KF_OK;
    *key = (struct kf_slice){space, kf_hash_size(input->hash)};
    return kf_hash_digest(algorithms, input->hash, &input->password, 1, space, error);
}

/* RFC 8018 5.2, block by block; first is the salt and a place for the block's number */
static enum kf_status pbkdf2_blocks(const struct kf_algorithms *algorithms,
                                    const struct kf_kdf_input *input, struct kf_buf *first,
                                    uint8_t *out, size_t len, struct kf_error *error)
{
    size_t size = kf_hash_size(input->hash);
    uint8_t space[KF_HASH_MAX_SIZE];
    uint8_t u[KF_HASH_MAX_SIZE];
    uint8_t t[KF_HASH_MAX_SIZE];
    struct kf_slice key = {NULL, 0};
    enum kf_status status = shorten(algorithms, input, space, &key, error);

    for (size_t done = 0, number = 1; done < len && status == KF_OK; done += size, number++) {
        for (size_t i = 0; i < 4; i++)
            first->data[first->len - 1 - i] = (uint8_t)(number >> (8 * i));
        status = kf_hmac(algorithms, input->hash, key, kf_buf_slice(first), u, error);
        if (status != KF_OK)
            break;
        memcpy(t, u, size);
        if (!kf_iterate_hmac(input->hash, key, u, t, input->iterations - 1))
            status = kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "PBKDF2 has no such loop");
        memcpy(out + done, t, len - done < size ? len - done : size);
    }
    kf_wipe(space, sizeof(space));
    kf_wipe(u, sizeof(u));
    kf_wipe(t, sizeof(t));
    return status;
}

enum kf_status kf_kdf_pbkdf2(const struct kf_algorithms *algorithms,
                             const struct kf_kdf_input *input, uint8_t *out, size_t len,
                             struct kf_error *error)
{
    const uint8_t zero[4] = {0, 0, 0, 0};
    struct kf_buf first = KF_PUBLIC_BUF;
    enum kf_status status = check(input, len, error);

    if (status == KF_OK && kf_hash_is_gost(input->hash)) {
        status = kf_gost_pbkdf2(input, out, len, error);
    } else if (status == KF_OK && !kf_iterate_knows(input->hash)) {
        status = pbkdf2_by_openssl(algorithms, input, out, len, error);
    } else if (status == KF_OK) {
        status = kf_buf_set(&first, input->salt, error);
        if (status == KF_OK)
            status = kf_buf_append(&first, zero, sizeof(zero), error);
        if (status == KF_OK)
            status = pbkdf2_blocks(algorithms, input, &first, out, len, error);
    }
    kf_buf_reset(&first);
    if (status != KF_OK)
        kf_wipe(out, len);
    return status;
}

enum kf_status kf_kdf_scrypt(const struct kf_algorithms *algorithms,
                             const struct kf_scrypt_input *input, uint8_t *out, size_t len,
                             struct kf_error *error)
{
    static const uint8_t nothing[1] = {0};
    const struct kf_kdf_input sizes = {.salt = input->salt, .iterations = 1};
    const uint8_t *password = input->password.len != 0 ? input->password.data : nothing;
    const uint8_t *salt = input->salt.len != 0 ? input->salt.data : nothing;
    enum kf_status status = check(&sizes, len, error);

    if (status == KF_OK &&
        EVP_PBE_scrypt_ex((const char *)password, input->password.len, salt, input->salt.len,
                          input->n, input->r, input->p, input->memory, out, len,
                          kf_algorithms_library(algorithms), NULL) != 1)
        status = kf_fail_openssl(error, KF_SKIP, KF_CAUSE_LIMIT, "RFC 7914 2", "scrypt failed");
    if (status != KF_OK)
        kf_wipe(out, len);
    return status;
}
