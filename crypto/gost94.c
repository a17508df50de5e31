/*
 * GOST R 34.11-94: see gost94.h for the contract. Byte 0 of an array is the lowest (RFC 5831 4).
 */
#include "crypto/gost94.h"

#include <string.h>

#define SIZE KF_GOST94_SIZE

void kf_gost94_init(struct kf_gost94 *hash)
{
    memset(hash, 0, sizeof(*hash));
    kf_gost28147_init(&hash->cipher, KF_GOST_BOX_HASH);
}

static void exclusive_or(uint8_t *out, const uint8_t *a, const uint8_t *b)
{
    for (size_t i = 0; i < SIZE; i++)
        out[i] = a[i] ^ b[i];
}

/* A(Y) = (y1 ^ y2) | y4 | y3 | y2, of words of 64 bits */
static void mix_a(uint8_t *y)
{
    uint8_t top[8];

    for (size_t i = 0; i < sizeof(top); i++)
        top[i] = y[i] ^ y[i + 8];
    memmove(y, y + 8, 24);
    memcpy(y + 24, top, sizeof(top));
}

/* P: the bytes of the key for the cipher */
static void make_key(const uint8_t *u, const uint8_t *v, uint8_t *key)
{
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 8; k++)
            key[i + 4 * k] = u[8 * i + k] ^ v[8 * i + k];
    }
}

/* psi, of 16-bit words: (y1 ^ y2 ^ y3 ^ y4 ^ y13 ^ y16) | y16 | ... | y2; as often as told */
static void mix_psi(struct kf_gost94 *hash, uint8_t *y, size_t times)
{
    uint16_t *w = hash->words;

    for (size_t i = 0; i < 16; i++)
        w[i] = (uint16_t)(y[2 * i] | y[2 * i + 1] << 8);
    for (size_t i = 0; i < times; i++)
        w[i + 16] = w[i] ^ w[i + 1] ^ w[i + 2] ^ w[i + 3] ^ w[i + 12] ^ w[i + 15];
    for (size_t i = 0; i < 16; i++) {
        y[2 * i] = (uint8_t)w[times + i];
        y[2 * i + 1] = (uint8_t)(w[times + i] >> 8);
    }
}

/* The step function: the hash takes m in. */
static void step(struct kf_gost94 *hash, const uint8_t *m)
{
    static const uint8_t c3[SIZE] = {0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff,
                                     0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00,
                                     0x00, 0xff, 0xff, 0x00, 0xff, 0x00, 0x00, 0xff,
                                     0xff, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00, 0xff};
    uint8_t *u = hash->u;
    uint8_t *v = hash->v;
    uint8_t *s = hash->s;

    memcpy(u, hash->h, SIZE);
    memcpy(v, m, SIZE);
    for (size_t part = 0; part < 4; part++) {
        if (part != 0) {
            mix_a(u);
            mix_a(v);
            mix_a(v);
        }
        if (part == 2)
            exclusive_or(u, u, c3);
        make_key(u, v, hash->key);
        kf_gost28147_set_key(&hash->cipher, hash->key);
        kf_gost28147_encrypt(&hash->cipher, hash->h + 8 * part, s + 8 * part);
    }
    mix_psi(hash, s, 12);
    exclusive_or(s, s, m);
    mix_psi(hash, s, 1);
    exclusive_or(s, s, hash->h);
    mix_psi(hash, s, 61);
    memcpy(hash->h, s, SIZE);
}

static void take_block(struct kf_gost94 *hash)
{
    unsigned carry = 0;

    step(hash, hash->block);
    for (size_t i = 0; i < SIZE; i++) {
        carry += (unsigned)hash->sigma[i] + hash->block[i];
        hash->sigma[i] = (uint8_t)carry;
        carry >>= 8;
    }
    hash->length += hash->used;
    hash->used = 0;
}

void kf_gost94_update(struct kf_gost94 *hash, struct kf_slice bytes)
{
    while (bytes.len != 0) {
        size_t len = bytes.len < SIZE - hash->used ? bytes.len : SIZE - hash->used;

        memcpy(hash->block + hash->used, bytes.data, len);
        hash->used += len;
        bytes.data += len;
        bytes.len -= len;
        if (hash->used == SIZE)
            take_block(hash);
    }
}

void kf_gost94_final(struct kf_gost94 *hash, uint8_t out[KF_GOST94_SIZE])
{
    uint8_t length[SIZE] = {0};

    if (hash->used != 0) {
        memset(hash->block + hash->used, 0, SIZE - hash->used);
        take_block(hash);
    }
    for (size_t i = 0; i < 8; i++)
        length[i] = (uint8_t)(hash->length * 8 >> (8 * i));
    step(hash, length);
    step(hash, hash->sigma);
    memcpy(out, hash->h, SIZE);
    kf_wipe(hash, sizeof(*hash));
}
