/*
 * GOST R 34.11-94 (RFC 5831) with CryptoPro's tables (RFC 4357): OpenSSL has it no more.
 */
#ifndef KF_CRYPTO_GOST94_H
#define KF_CRYPTO_GOST94_H

#include "crypto/gost28147.h"

#define KF_GOST94_SIZE 32u /* of the digest, and of a block */

struct kf_gost94 {
    struct kf_gost28147 cipher;
    uint8_t h[KF_GOST94_SIZE];
    uint8_t sigma[KF_GOST94_SIZE];
    uint8_t block[KF_GOST94_SIZE];
    uint8_t u[KF_GOST94_SIZE], v[KF_GOST94_SIZE]; /* on the way through a block */
    uint8_t s[KF_GOST94_SIZE], key[KF_GOST94_SIZE];
    uint16_t words[16 + 61];
    size_t used;
    uint64_t length; /* bytes of whole blocks */
};
void kf_gost94_init(struct kf_gost94 *hash);
void kf_gost94_update(struct kf_gost94 *hash, struct kf_slice bytes);
void kf_gost94_final(struct kf_gost94 *hash, uint8_t out[KF_GOST94_SIZE]); /* wipes hash */

#endif
