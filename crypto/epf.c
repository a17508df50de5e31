/*
 * The dialects of profiles: see epf.h for the contract.
 *
 * Source: docs/formats/epf.md, which says what of this was published, and what is only one way to
 * read it. CAST5 is CAST-128 (RFC 2144), whose keys of 80 bits and fewer have twelve rounds.
 */
#include "crypto/epf.h"

#include <stdio.h>
#include <string.h>

#include "crypto/iterate.h"

#define MAX_VALUES   8
#define REPEAT_CHUNK 4096 /* bytes that a repeated digest takes at once */

struct axis {
    const char *what;
    const char *values[MAX_VALUES + 1];
};

/* The space of dialects, one line a dimension; the first of each is the published one. */
static const struct axis axes[KF_EPF_DIMENSIONS] = {
    [KF_EPF_DIGEST] = {"digest", {"sha1", "md5", "sha256"}},
    [KF_EPF_COUNT] = {"count",
                      {"total", "extra", "repeat", "before", "before-extra", "after",
                       "after-extra"}},
    [KF_EPF_SALT] = {"salt", {"text", "raw"}},
    [KF_EPF_REST] = {"rest", {"first", "last"}},
    [KF_EPF_CIPHER] = {"cipher",
                       {"cast5-128", "cast5-80", "cast5-64", "cast5-40", "3des", "aes-128",
                        "aes-256"}},
    [KF_EPF_PLAINTEXT] = {"plaintext", {"pkcs8", "pkcs1", "sec1"}},
};

struct digest {
    enum kf_hash hash;
    unsigned block_cost;  /* nanoseconds for each step of one block */
    unsigned byte_cost16; /* sixteenths of a nanosecond for each byte of a long message */
};

static const struct digest digests[] = {
    [KF_EPF_SHA1] = {KF_HASH_SHA1, 105, 16},
    [KF_EPF_MD5] = {KF_HASH_MD5, 145, 32},
    [KF_EPF_SHA256] = {KF_HASH_SHA256, 125, 16},
};

struct cipher {
    enum kf_cipher cipher;
    size_t key_size;
    size_t block_size;
};

static const struct cipher ciphers[] = {
    [KF_EPF_CAST5_128] = {KF_CIPHER_CAST5, 16, 8}, [KF_EPF_CAST5_80] = {KF_CIPHER_CAST5, 10, 8},
    [KF_EPF_CAST5_64] = {KF_CIPHER_CAST5, 8, 8},   [KF_EPF_CAST5_40] = {KF_CIPHER_CAST5, 5, 8},
    [KF_EPF_DES3] = {KF_CIPHER_DES3, 24, 8},       [KF_EPF_AES128] = {KF_CIPHER_AES128, 16, 16},
    [KF_EPF_AES256] = {KF_CIPHER_AES256, 32, 16},
};

size_t kf_epf_values(enum kf_epf_dimension dimension)
{
    size_t count = 0;

    while (axes[dimension].values[count] != NULL)
        count++;
    return count;
}

void kf_epf_name(const struct kf_epf_dialect *dialect, char out[KF_EPF_NAME_SIZE])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < KF_EPF_DIMENSIONS && len < KF_EPF_NAME_SIZE; i++)
        len += (size_t)snprintf(out + len, KF_EPF_NAME_SIZE - len, "%s%s", i > 0 ? "/" : "",
                                axes[i].values[dialect->at[i]]);
}

static bool find_value(const char *text, size_t len, size_t *dimension, size_t *value)
{
    for (size_t i = 0; i < KF_EPF_DIMENSIONS; i++) {
        for (size_t j = 0; axes[i].values[j] != NULL; j++) {
            if (strlen(axes[i].values[j]) != len || memcmp(axes[i].values[j], text, len) != 0)
                continue;
            *dimension = i;
            *value = j;
            return true;
        }
    }
    return false;
}

enum kf_status kf_epf_space_parse(const char *text, struct kf_epf_space *out,
                                  struct kf_error *error)
{
    uint32_t named[KF_EPF_DIMENSIONS] = {0};
    const char *at = text != NULL ? text : "";

    while (*at != '\0') {
        size_t len = strcspn(at, "/");
        size_t dimension = 0;
        size_t value = 0;

        if (!find_value(at, len, &dimension, &value))
            return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                           "\"%.*s\" is no part of an .epf dialect such as "
                           "sha1/total/text/first/cast5-128/pkcs8",
                           len < 40 ? (int)len : 40, at);
        named[dimension] |= UINT32_C(1) << value;
        at += len;
        at += *at == '/' ? 1 : 0;
    }
    for (size_t i = 0; i < KF_EPF_DIMENSIONS; i++) {
        uint32_t all = (UINT32_C(1) << kf_epf_values((enum kf_epf_dimension)i)) - 1;

        out->allowed[i] = named[i] != 0 ? named[i] : all;
    }
    return KF_OK;
}

bool kf_epf_space_has(const struct kf_epf_space *space, enum kf_epf_dimension dimension,
                      size_t value)
{
    return (space->allowed[dimension] >> value & 1) != 0;
}

uint32_t kf_epf_pack(const struct kf_epf_dialect *dialect)
{
    uint32_t number = 1;

    for (size_t i = 0; i < KF_EPF_DIMENSIONS; i++)
        number = number << 4 | dialect->at[i];
    return number;
}

bool kf_epf_unpack(uint32_t number, struct kf_epf_dialect *out)
{
    for (size_t i = KF_EPF_DIMENSIONS; i-- > 0;) {
        out->at[i] = (uint8_t)(number & 15);
        if (out->at[i] >= kf_epf_values((enum kf_epf_dimension)i))
            return false;
        number >>= 4;
    }
    return number == 1;
}

size_t kf_epf_digest_size(size_t digest)
{
    return kf_hash_size(digests[digest].hash);
}

size_t kf_epf_key_size(size_t cipher)
{
    return ciphers[cipher].key_size;
}

size_t kf_epf_block_size(size_t cipher)
{
    return ciphers[cipher].block_size;
}

void kf_epf_walk_begin(struct kf_epf_walk *walk, const struct kf_crypto *crypto, size_t digest,
                       size_t count, struct kf_slice base)
{
    *walk = (struct kf_epf_walk){.crypto = crypto, .digest = digest, .count = count, .base = base};
}

void kf_epf_walk_end(struct kf_epf_walk *walk)
{
    if (walk == NULL)
        return;
    EVP_MD_CTX_free(walk->context);
    kf_wipe(walk, sizeof(*walk));
}

uint64_t kf_epf_walk_cost(const struct kf_epf_walk *walk, uint64_t to)
{
    const struct digest *digest = &digests[walk->digest];
    uint64_t steps = to - walk->done;
    uint64_t blocks;

    if (walk->count == KF_EPF_TOTAL)
        return steps * digest->block_cost;
    if (walk->count == KF_EPF_REPEAT)
        return steps * walk->base.len * digest->byte_cost16 / 16 + 1000;
    blocks = (kf_hash_size(digest->hash) + walk->base.len + 8) / 64;
    return steps * (2 + blocks) * digest->block_cost; /* through EVP, which adds about a block's */
}

/* KF_OK, or what OpenSSL failed at */
static enum kf_status checked(int done, struct kf_error *error)
{
    return done == 1 ? KF_OK
                     : kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "digest failed");
}

/* The first digest of b, or an empty state for REPEAT. */
static enum kf_status start(struct kf_epf_walk *walk, struct kf_error *error)
{
    const EVP_MD *md = kf_hash_md(walk->crypto->algorithms, digests[walk->digest].hash);

    walk->context = EVP_MD_CTX_new();
    if (walk->context == NULL)
        return kf_fail_memory(error);
    if (md == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "this OpenSSL has no %s",
                       axes[KF_EPF_DIGEST].values[walk->digest]);
    if (checked(EVP_DigestInit_ex2(walk->context, md, NULL), error) != KF_OK)
        return KF_FATAL;
    if (walk->count == KF_EPF_REPEAT)
        return KF_OK;
    walk->done = 1;
    return checked(EVP_DigestUpdate(walk->context, walk->base.data, walk->base.len) == 1 &&
                       EVP_DigestFinal_ex(walk->context, walk->value, NULL) == 1,
                   error);
}

/* Whole copies of b, as many as fit into a chunk, at a time */
static int repeat(struct kf_epf_walk *walk, uint64_t times)
{
    uint8_t chunk[REPEAT_CHUNK];
    size_t copies = sizeof(chunk) / walk->base.len;
    int done = 1;

    if (copies < 2 || times < 2) {
        for (; times > 0 && done == 1; times--)
            done = EVP_DigestUpdate(walk->context, walk->base.data, walk->base.len);
        return done;
    }
    for (size_t i = 0; i < copies; i++)
        memcpy(chunk + i * walk->base.len, walk->base.data, walk->base.len);
    while (times > 0 && done == 1) {
        size_t now = times < copies ? (size_t)times : copies;

        done = EVP_DigestUpdate(walk->context, chunk, now * walk->base.len);
        times -= now;
    }
    kf_wipe(chunk, sizeof(chunk));
    return done;
}

/* d = H(d || b) or H(b || d), times over */
static int mix(struct kf_epf_walk *walk, uint64_t times)
{
    struct kf_slice value = {walk->value, kf_epf_digest_size(walk->digest)};
    struct kf_slice one = walk->count == KF_EPF_BEFORE ? value : walk->base;
    struct kf_slice two = walk->count == KF_EPF_BEFORE ? walk->base : value;
    int done = 1;

    for (; times > 0 && done == 1; times--)
        done = EVP_DigestInit_ex2(walk->context, NULL, NULL) == 1 &&
               EVP_DigestUpdate(walk->context, one.data, one.len) == 1 &&
               EVP_DigestUpdate(walk->context, two.data, two.len) == 1 &&
               EVP_DigestFinal_ex(walk->context, walk->value, NULL) == 1;
    return done;
}

enum kf_status kf_epf_walk_to(struct kf_epf_walk *walk, uint64_t to, struct kf_error *error)
{
    uint64_t times;
    int done = 1;

    if (walk->context == NULL && start(walk, error) != KF_OK)
        return KF_FATAL;
    if (walk->done >= to)
        return KF_OK;
    times = to - walk->done;
    if (walk->count == KF_EPF_TOTAL)
        done = kf_iterate_digest(digests[walk->digest].hash, walk->value, times) ? 1 : 0;
    else if (walk->count == KF_EPF_REPEAT)
        done = walk->base.len > 0 ? repeat(walk, times) : 1;
    else
        done = mix(walk, times);
    walk->done = to;
    return checked(done, error);
}

enum kf_status kf_epf_walk_value(const struct kf_epf_walk *walk, uint8_t out[KF_HASH_MAX_SIZE],
                                 struct kf_error *error)
{
    EVP_MD_CTX *copy = NULL;
    int done;

    if (walk->count != KF_EPF_REPEAT) {
        memcpy(out, walk->value, KF_HASH_MAX_SIZE);
        return KF_OK;
    }
    copy = EVP_MD_CTX_new();
    done = copy != NULL && EVP_MD_CTX_copy_ex(copy, walk->context) == 1 &&
           EVP_DigestFinal_ex(copy, out, NULL) == 1;
    EVP_MD_CTX_free(copy);
    return checked(done, error);
}

bool kf_epf_key_needs_second(size_t digest, size_t cipher)
{
    return ciphers[cipher].key_size > kf_epf_digest_size(digest);
}

bool kf_epf_iv_needs_second(size_t digest, size_t cipher)
{
    return ciphers[cipher].key_size + ciphers[cipher].block_size > kf_epf_digest_size(digest);
}

bool kf_epf_is_possible(size_t digest, size_t cipher)
{
    return ciphers[cipher].key_size + ciphers[cipher].block_size <= 2 * kf_epf_digest_size(digest);
}

void kf_epf_cut(const struct kf_epf_dialect *dialect, const uint8_t *first, const uint8_t *second,
                struct kf_epf_key *out)
{
    uint8_t stream[2 * KF_HASH_MAX_SIZE] = {0};
    const struct cipher *cipher = &ciphers[dialect->at[KF_EPF_CIPHER]];
    size_t size = kf_epf_digest_size(dialect->at[KF_EPF_DIGEST]);
    size_t want = cipher->key_size + cipher->block_size;
    size_t rest = want > size ? want - size : 0;
    size_t from = dialect->at[KF_EPF_REST] == KF_EPF_LAST ? size - rest : 0;

    memcpy(stream, first, size);
    if (rest > 0 && second != NULL)
        memcpy(stream + size, second + from, rest);
    memcpy(out->key, stream, cipher->key_size);
    if (rest == 0 || second != NULL)
        memcpy(out->iv, stream + cipher->key_size, cipher->block_size);
    else
        memset(out->iv, 0, sizeof(out->iv));
    kf_wipe(stream, sizeof(stream));
}

/* One digest of the two */
static enum kf_status digest_of(const struct kf_crypto *crypto,
                                const struct kf_epf_dialect *dialect, struct kf_slice base,
                                uint64_t count, uint8_t out[KF_HASH_MAX_SIZE],
                                struct kf_error *error)
{
    size_t how = dialect->at[KF_EPF_COUNT];
    bool is_extra = how == KF_EPF_EXTRA || how == KF_EPF_BEFORE_EXTRA || how == KF_EPF_AFTER_EXTRA;
    struct kf_epf_walk walk;
    enum kf_status status;

    kf_epf_walk_begin(&walk, crypto, dialect->at[KF_EPF_DIGEST], is_extra ? how - 1 : how, base);
    status = kf_epf_walk_to(&walk, is_extra ? count + 1 : count, error);
    if (status == KF_OK)
        status = kf_epf_walk_value(&walk, out, error);
    kf_epf_walk_end(&walk);
    return status;
}

enum kf_status kf_epf_derive(const struct kf_crypto *crypto, const struct kf_epf_dialect *dialect,
                             struct kf_slice password, struct kf_slice salt, uint64_t count,
                             struct kf_epf_key *out, struct kf_error *error)
{
    struct kf_buf base = KF_SECRET_BUF;
    struct kf_slice one = {NULL, 0};
    uint8_t first[KF_HASH_MAX_SIZE];
    uint8_t second[KF_HASH_MAX_SIZE];
    enum kf_status status = KF_FATAL;

    if (kf_buf_append(&base, password.data, password.len, error) != KF_OK ||
        kf_buf_append(&base, salt.data, salt.len, error) != KF_OK ||
        kf_buf_append(&base, "\1", 1, error) != KF_OK)
        goto out;
    one = (struct kf_slice){base.data, base.len - 1};
    if (digest_of(crypto, dialect, one, count, first, error) != KF_OK ||
        digest_of(crypto, dialect, kf_buf_slice(&base), count, second, error) != KF_OK)
        goto out;
    kf_epf_cut(dialect, first, second, out);
    status = KF_OK;
out:
    kf_wipe(first, sizeof(first));
    kf_wipe(second, sizeof(second));
    kf_buf_reset(&base);
    return status;
}

static enum kf_status begin_cipher(const struct kf_crypto *crypto, EVP_CIPHER_CTX *context,
                                   size_t cipher, const uint8_t *key, const uint8_t *iv,
                                   bool encrypting, struct kf_error *error)
{
    const EVP_CIPHER *evp = kf_cipher_evp(crypto->algorithms, ciphers[cipher].cipher);
    int direction = encrypting ? 1 : 0;

    if (evp == NULL)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "this OpenSSL has no %s",
                       axes[KF_EPF_CIPHER].values[cipher]);
    /* the length of CAST5's key, and with it the number of rounds, must be known before the key */
    if (EVP_CipherInit_ex2(context, evp, NULL, NULL, direction, NULL) != 1 ||
        EVP_CIPHER_CTX_set_key_length(context, (int)ciphers[cipher].key_size) != 1 ||
        EVP_CipherInit_ex2(context, NULL, key, iv, direction, NULL) != 1)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "%s cannot be used",
                               axes[KF_EPF_CIPHER].values[cipher]);
    return KF_OK;
}

enum kf_status kf_epf_decrypt(const struct kf_crypto *crypto, EVP_CIPHER_CTX *context,
                              size_t cipher, const uint8_t *key, const uint8_t *iv,
                              struct kf_slice in, uint8_t *out, struct kf_error *error)
{
    int len = 0;

    if (begin_cipher(crypto, context, cipher, key, iv, false, error) != KF_OK)
        return KF_FATAL;
    if (EVP_CIPHER_CTX_set_padding(context, 0) != 1 ||
        EVP_CipherUpdate(context, out, &len, in.data, (int)in.len) != 1)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "cannot decrypt");
    return KF_OK;
}

enum kf_status kf_epf_encrypt(const struct kf_crypto *crypto, size_t cipher,
                              const struct kf_epf_key *key, struct kf_slice plaintext,
                              struct kf_buf *out, struct kf_error *error)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    enum kf_status status = KF_FATAL;
    int len = 0;
    int last = 0;

    if (context == NULL)
        return kf_fail_memory(error);
    if (kf_buf_reserve(out, plaintext.len + KF_EPF_MAX_BLOCK, error) != KF_OK ||
        begin_cipher(crypto, context, cipher, key->key, key->iv, true, error) != KF_OK)
        goto out;
    if (EVP_CIPHER_CTX_set_padding(context, 1) != 1 ||
        EVP_CipherUpdate(context, out->data + out->len, &len, plaintext.data, (int)plaintext.len) !=
            1 ||
        EVP_CipherFinal_ex(context, out->data + out->len + len, &last) != 1) {
        status = kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "cannot encrypt");
        goto out;
    }
    out->len += (size_t)len + (size_t)last;
    status = KF_OK;
out:
    EVP_CIPHER_CTX_free(context);
    return status;
}
