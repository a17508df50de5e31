/*
 * MD2 (RFC 1319), for PBES1 files of the nineties. OpenSSL has dropped it; nothing new uses it.
 */
#ifndef KF_CRYPTO_MD2_H
#define KF_CRYPTO_MD2_H

#include "core/bytes.h"

#define KF_MD2_SIZE 16

struct kf_md2 {
    uint8_t state[48];
    uint8_t checksum[16];
    uint8_t block[16];
    size_t used; /* bytes in block */
};

void kf_md2_init(struct kf_md2 *md2);
void kf_md2_update(struct kf_md2 *md2, struct kf_slice bytes);
void kf_md2_final(struct kf_md2 *md2, uint8_t out[KF_MD2_SIZE]); /* wipes md2 */

#endif
