/*
 * GOST 28147-89 (RFC 5830), the block cipher of old Russian software, as far as it takes to read
 * what was encrypted with it: OpenSSL has it no more.
 *
 * A key of 256 bits, blocks of 64, and eight tables of sixteen values that every user of the cipher
 * may choose; those that object identifiers name are here (RFC 4357 11, RFC 7836 C).
 */
#ifndef KF_CRYPTO_GOST28147_H
#define KF_CRYPTO_GOST28147_H

#include "core/bytes.h"

enum kf_gost_boxes {
    KF_GOST_BOX_HASH, /* of GOST R 34.11-94, CryptoPro's */
    KF_GOST_BOX_TEST,
    KF_GOST_BOX_A,
    KF_GOST_BOX_B,
    KF_GOST_BOX_C,
    KF_GOST_BOX_D,
    KF_GOST_BOX_Z,
};
#define KF_GOST_BOX_COUNT 7

#define KF_GOST28147_KEY   32u
#define KF_GOST28147_BLOCK 8u

struct kf_gost28147 {
    uint32_t boxes[4][256]; /* two tables each, turned by 11 bits */
    uint32_t key[8];
};

void kf_gost28147_init(struct kf_gost28147 *cipher, enum kf_gost_boxes boxes);
void kf_gost28147_set_key(struct kf_gost28147 *cipher, const uint8_t key[KF_GOST28147_KEY]);
void kf_gost28147_encrypt(const struct kf_gost28147 *cipher, const uint8_t *in, uint8_t *out);
void kf_gost28147_decrypt(const struct kf_gost28147 *cipher, const uint8_t *in, uint8_t *out);

/* CFB mode with CryptoPro's key meshing every 1024 bytes (RFC 4357 2.3.2). out may be in. */
void kf_gost28147_cfb_decrypt(enum kf_gost_boxes boxes, const uint8_t *key, const uint8_t *iv,
                              struct kf_slice in, uint8_t *out);

/* The tables that an encryptionParamSet names; false for an unknown one. */
bool kf_gost_boxes_by_oid(struct kf_slice oid, enum kf_gost_boxes *out) KF_MUST_USE;

#endif
