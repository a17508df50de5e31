/*
 * The inner loops of key derivation: see iterate.h for the contract.
 *
 * This is the one file that uses libcrypto's low-level digests, which OpenSSL 3.0 marks as
 * deprecated: they are its only way to reach a single block, and they stay in 3.x. tests/test_kdf.c
 * holds every result against EVP's.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/iterate.h"

#include <string.h>

#include <openssl/md5.h>
#include <openssl/sha.h>

#define MAX_BLOCK 128

union state {
    MD5_CTX md5;
    SHA_CTX sha1;
    SHA256_CTX sha256;
    SHA512_CTX sha512;
};

/* One family of digests: how a state begins, takes a block, and shows its words */
struct family {
    size_t block;
    bool big_endian;
    void (*begin)(union state *state);
    void (*absorb)(union state *state, const uint8_t *block);
    void (*words)(const union state *state, uint8_t *out, size_t len);
};

static void put32(uint8_t *out, uint32_t word)
{
    out[0] = (uint8_t)(word >> 24);
    out[1] = (uint8_t)(word >> 16);
    out[2] = (uint8_t)(word >> 8);
    out[3] = (uint8_t)word;
}

static void put32_little(uint8_t *out, uint32_t word)
{
    out[0] = (uint8_t)word;
    out[1] = (uint8_t)(word >> 8);
    out[2] = (uint8_t)(word >> 16);
    out[3] = (uint8_t)(word >> 24);
}

static void md5_begin(union state *state)
{
    (void)MD5_Init(&state->md5);
}

static void md5_absorb(union state *state, const uint8_t *block)
{
    MD5_Transform(&state->md5, block);
}

static void md5_words(const union state *state, uint8_t *out, size_t len)
{
    (void)len;
    put32_little(out, state->md5.A);
    put32_little(out + 4, state->md5.B);
    put32_little(out + 8, state->md5.C);
    put32_little(out + 12, state->md5.D);
}

static void sha1_begin(union state *state)
{
    (void)SHA1_Init(&state->sha1);
}

static void sha1_absorb(union state *state, const uint8_t *block)
{
    SHA1_Transform(&state->sha1, block);
}

static void sha1_words(const union state *state, uint8_t *out, size_t len)
{
    (void)len;
    put32(out, state->sha1.h0);
    put32(out + 4, state->sha1.h1);
    put32(out + 8, state->sha1.h2);
    put32(out + 12, state->sha1.h3);
    put32(out + 16, state->sha1.h4);
}

static void sha224_begin(union state *state)
{
    (void)SHA224_Init(&state->sha256);
}

static void sha256_begin(union state *state)
{
    (void)SHA256_Init(&state->sha256);
}

static void sha256_absorb(union state *state, const uint8_t *block)
{
    SHA256_Transform(&state->sha256, block);
}

static void sha256_words(const union state *state, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len / 4; i++)
        put32(out + 4 * i, state->sha256.h[i]);
}

static void sha384_begin(union state *state)
{
    (void)SHA384_Init(&state->sha512);
}

static void sha512_begin(union state *state)
{
    (void)SHA512_Init(&state->sha512);
}

static void sha512_absorb(union state *state, const uint8_t *block)
{
    SHA512_Transform(&state->sha512, block);
}

static void sha512_words(const union state *state, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len / 8; i++) {
        put32(out + 8 * i, (uint32_t)(state->sha512.h[i] >> 32));
        put32(out + 8 * i + 4, (uint32_t)state->sha512.h[i]);
    }
}

static const struct family *find_family(enum kf_hash hash)
{
    static const struct family md5 = {64, false, md5_begin, md5_absorb, md5_words};
    static const struct family sha1 = {64, true, sha1_begin, sha1_absorb, sha1_words};
    static const struct family sha224 = {64, true, sha224_begin, sha256_absorb, sha256_words};
    static const struct family sha256 = {64, true, sha256_begin, sha256_absorb, sha256_words};
    static const struct family sha384 = {128, true, sha384_begin, sha512_absorb, sha512_words};
    static const struct family sha512 = {128, true, sha512_begin, sha512_absorb, sha512_words};
    static const struct family *const families[KF_HASH_COUNT] = {
        [KF_HASH_MD5] = &md5,       [KF_HASH_SHA1] = &sha1,     [KF_HASH_SHA224] = &sha224,
        [KF_HASH_SHA256] = &sha256, [KF_HASH_SHA384] = &sha384, [KF_HASH_SHA512] = &sha512,
    };
    return families[hash];
}

bool kf_iterate_knows(enum kf_hash hash)
{
    return find_family(hash) != NULL;
}

/* The last block of a message whose last len bytes are a digest, after before other bytes */
static void pad(const struct family *family, uint8_t *block, size_t len, size_t before)
{
    uint32_t bits = (uint32_t)(8 * (before + len));

    memset(block + len, 0, family->block - len);
    block[len] = 0x80;
    if (family->big_endian)
        put32(block + family->block - 4, bits);
    else
        put32_little(block + family->block - 8, bits);
}

bool kf_iterate_digest(enum kf_hash hash, uint8_t *digest, uint64_t count)
{
    const struct family *family = find_family(hash);
    size_t len = kf_hash_size(hash);
    union state first;
    union state state;
    uint8_t block[MAX_BLOCK];

    if (family == NULL)
        return false;
    family->begin(&first);
    pad(family, block, len, 0);
    memcpy(block, digest, len);
    for (uint64_t i = 0; i < count; i++) {
        state = first;
        family->absorb(&state, block);
        family->words(&state, block, len);
    }
    memcpy(digest, block, len);
    kf_wipe(&state, sizeof(state));
    kf_wipe(block, sizeof(block));
    return true;
}

/* The states after HMAC's inner and outer pad (RFC 2104 2); the key has at most a block's bytes */
static void begin_hmac(const struct family *family, struct kf_slice key, union state *inner,
                       union state *outer)
{
    uint8_t block[MAX_BLOCK];

    memset(block, 0x36, sizeof(block));
    for (size_t i = 0; i < key.len; i++)
        block[i] ^= key.data[i];
    family->begin(inner);
    family->absorb(inner, block);
    for (size_t i = 0; i < family->block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    family->begin(outer);
    family->absorb(outer, block);
    kf_wipe(block, sizeof(block));
}

bool kf_iterate_hmac(enum kf_hash hash, struct kf_slice key, uint8_t *u, uint8_t *t, uint64_t count)
{
    const struct family *family = find_family(hash);
    size_t len = kf_hash_size(hash);
    union state inner;
    union state outer;
    union state state;
    uint8_t block[MAX_BLOCK];

    if (family == NULL || key.len > family->block)
        return false;
    begin_hmac(family, key, &inner, &outer);
    pad(family, block, len, family->block);
    memcpy(block, u, len);
    for (uint64_t i = 0; i < count; i++) {
        state = inner;
        family->absorb(&state, block);
        family->words(&state, block, len);
        state = outer;
        family->absorb(&state, block);
        family->words(&state, block, len);
        for (size_t k = 0; k < len && k < KF_HASH_MAX_SIZE; k++)
            t[k] ^= block[k];
    }
    memcpy(u, block, len);
    kf_wipe(&inner, sizeof(inner));
    kf_wipe(&outer, sizeof(outer));
    kf_wipe(&state, sizeof(state));
    kf_wipe(block, sizeof(block));
    return true;
}
