/*
 * Streebog, GOST R 34.11-2012 (RFC 6986), of 256 and of 512 bits: OpenSSL has it not.
 */
#ifndef KF_CRYPTO_STREEBOG_H
#define KF_CRYPTO_STREEBOG_H

#include "core/bytes.h"

#define KF_STREEBOG_BLOCK 64u

/* What one table look-up does to a byte of the state: substitute, move, multiply. */
struct kf_streebog_tables {
    uint64_t of[8][256];
};
void kf_streebog_tables_make(struct kf_streebog_tables *tables);

struct kf_streebog {
    const struct kf_streebog_tables *tables;
    size_t size; /* bytes of the digest: 32 or 64 */
    uint64_t h[8], n[8], sigma[8];
    uint64_t key[8], state[8], in[8]; /* on the way through a block */
    uint8_t block[KF_STREEBOG_BLOCK];
    size_t used;
};
void kf_streebog_init(struct kf_streebog *hash, const struct kf_streebog_tables *tables,
                      size_t size);
void kf_streebog_update(struct kf_streebog *hash, struct kf_slice bytes);
void kf_streebog_final(struct kf_streebog *hash, uint8_t *out); /* wipes hash */

#endif
