/*
 * GOST 28147-89: see gost28147.h for the contract. The tables are RFC 4357's and RFC 7836's, the
 * one for the lowest four bits first.
 */
#include "crypto/gost28147.h"

#include <string.h>

#define MESH 1024u /* bytes under one key */
#define OID(text)                                                                                  \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }
#define CRYPTOPRO "\x2a\x85\x03\x02\x02\x1f" /* 1.2.643.2.2.31 */

static const char *const tables[KF_GOST_BOX_COUNT][8] = {
    [KF_GOST_BOX_HASH] = {"a4568137dce092bf", "5f402db91763cea8", "7fce94103b526a8d",
                          "4a7c0f28e165db93", "764b9c2a180efd35", "7624d9f0a15b8ec3",
                          "de41705a3c8f629b", "13a95b4f867ed02c"},
    [KF_GOST_BOX_TEST] = {"42f59108e3bcd7a6", "c9fe813a274d60b5", "d8ec739a15246f0b",
                          "e9b25f710dc6a438", "3e59680dab7c21f4", "8f6b19c5d37a0e24",
                          "9bc0367548ef1a2d", "c652b09d3e7af418"},
    [KF_GOST_BOX_A] = {"96328b17a4efc0d5", "37e98af0526cb4d1", "e462b3d8cf5a0719",
                       "e7acd13902b4f856", "b5198df0e423c7a6", "3adc120b75948fe6",
                       "1d297a608c45f3be", "baf50ce8623917d4"},
    [KF_GOST_BOX_B] = {"84b135092eacd67f", "012a4d5c973fb86e", "ec0a92db758f3614",
                       "750db6123acf4e98", "27cf95ab140d68e3", "83264debc17fa095",
                       "52ab91c374d06f8e", "04be8371a296fd5c"},
    [KF_GOST_BOX_C] = {"1bc29d0f458ea763", "017db4528efc9a63", "825049fa37cd6e1b",
                       "36015da8b297efc4", "8db0451293ce6fa7", "c9b18e247365a0fd",
                       "a968de20f35b41c7", "7405a2fec61bd938"},
    [KF_GOST_BOX_D] = {"fc2a645079ed1b83", "b634cfe27d805a91", "1cb0fe65ad489372",
                       "15eca70d62b493f8", "0c89d2ab73654ef1", "80f325eb1a47c9d6",
                       "306f1e92d8c4ba57", "1a68fb04c3597d2e"},
    [KF_GOST_BOX_Z] = {"c462a5b9e8d703f1", "68239a5c1e47bd0f", "b3582fade174c960",
                       "c821d4f670a53e9b", "7f5a816d093eb42c", "5df692cab78143e0",
                       "8e25691cf4b0da37", "17ed05834fa69cb2"},
};

static const struct {
    struct kf_slice oid;
    enum kf_gost_boxes boxes;
} parameter_sets[] = {
    {OID(CRYPTOPRO "\x00"), KF_GOST_BOX_TEST},
    {OID(CRYPTOPRO "\x01"), KF_GOST_BOX_A},
    {OID(CRYPTOPRO "\x02"), KF_GOST_BOX_B},
    {OID(CRYPTOPRO "\x03"), KF_GOST_BOX_C},
    {OID(CRYPTOPRO "\x04"), KF_GOST_BOX_D},
    {OID("\x2a\x85\x03\x07\x01\x02\x05\x01\x01"), KF_GOST_BOX_Z},
};

/* RFC 4357 2.3.2 */
static const uint8_t meshing[KF_GOST28147_KEY] = {
    0x69, 0x00, 0x72, 0x22, 0x64, 0xc9, 0x04, 0x23, 0x8d, 0x3a, 0xdb, 0x96, 0x46, 0xe9, 0x2a, 0xc4,
    0x18, 0xfe, 0xac, 0x94, 0x00, 0xed, 0x07, 0x12, 0xc0, 0x86, 0xdc, 0xc2, 0xef, 0x4c, 0xa9, 0x2b};

bool kf_gost_boxes_by_oid(struct kf_slice oid, enum kf_gost_boxes *out)
{
    for (size_t i = 0; i < sizeof(parameter_sets) / sizeof(parameter_sets[0]); i++) {
        if (kf_slice_equal(oid, parameter_sets[i].oid)) {
            *out = parameter_sets[i].boxes;
            return true;
        }
    }
    return false;
}

static uint32_t load(const uint8_t *in)
{
    return in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static void store(uint32_t value, uint8_t *out)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t digit(char c)
{
    return (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

void kf_gost28147_init(struct kf_gost28147 *cipher, enum kf_gost_boxes boxes)
{
    for (size_t byte = 0; byte < 4; byte++) {
        const char *low = tables[boxes][2 * byte];
        const char *high = tables[boxes][2 * byte + 1];

        for (unsigned x = 0; x < 256; x++) {
            uint32_t value = (digit(high[x >> 4]) << 4 | digit(low[x & 15])) << (8 * byte);

            cipher->boxes[byte][x] = value << 11 | value >> 21;
        }
    }
}

void kf_gost28147_set_key(struct kf_gost28147 *cipher, const uint8_t key[KF_GOST28147_KEY])
{
    for (unsigned i = 0; i < 8; i++)
        cipher->key[i] = load(key + (size_t)4 * i);
}

static uint32_t turn(const struct kf_gost28147 *cipher, uint32_t x)
{
    return cipher->boxes[0][x & 255] ^ cipher->boxes[1][x >> 8 & 255] ^
           cipher->boxes[2][x >> 16 & 255] ^ cipher->boxes[3][x >> 24];
}

/* 32 rounds; first and last are the rounds in which the order of the key's words changes. */
static void crypt(const struct kf_gost28147 *cipher, const uint8_t *in, uint8_t *out,
                  unsigned forward)
{
    uint32_t a = load(in);
    uint32_t b = load(in + 4);

    for (unsigned round = 0; round < 32; round++) {
        unsigned word = round < forward ? round % 8 : 7 - round % 8;
        uint32_t next = b ^ turn(cipher, a + cipher->key[word]);

        b = a;
        a = next;
    }
    store(b, out);
    store(a, out + 4);
}

void kf_gost28147_encrypt(const struct kf_gost28147 *cipher, const uint8_t *in, uint8_t *out)
{
    crypt(cipher, in, out, 24);
}

void kf_gost28147_decrypt(const struct kf_gost28147 *cipher, const uint8_t *in, uint8_t *out)
{
    crypt(cipher, in, out, 8);
}

/* A new key is the constant decrypted with the old one, and the IV is encrypted with it. */
static void mesh(struct kf_gost28147 *cipher, uint8_t *iv)
{
    uint8_t key[KF_GOST28147_KEY];

    for (size_t i = 0; i < sizeof(key); i += KF_GOST28147_BLOCK)
        kf_gost28147_decrypt(cipher, meshing + i, key + i);
    kf_gost28147_set_key(cipher, key);
    kf_gost28147_encrypt(cipher, iv, iv);
    kf_wipe(key, sizeof(key));
}

void kf_gost28147_cfb_decrypt(enum kf_gost_boxes boxes, const uint8_t *key, const uint8_t *iv,
                              struct kf_slice in, uint8_t *out)
{
    struct kf_gost28147 cipher;
    uint8_t feedback[KF_GOST28147_BLOCK];
    uint8_t gamma[KF_GOST28147_BLOCK];

    kf_gost28147_init(&cipher, boxes);
    kf_gost28147_set_key(&cipher, key);
    memcpy(feedback, iv, sizeof(feedback));
    for (size_t at = 0; at < in.len; at += KF_GOST28147_BLOCK) {
        size_t len = in.len - at < sizeof(gamma) ? in.len - at : sizeof(gamma);

        if (at != 0 && at % MESH == 0)
            mesh(&cipher, feedback);
        kf_gost28147_encrypt(&cipher, feedback, gamma);
        for (size_t i = 0; i < len; i++) {
            feedback[i] = in.data[at + i];
            out[at + i] = feedback[i] ^ gamma[i];
        }
    }
    kf_wipe(&cipher, sizeof(cipher));
    kf_wipe(gamma, sizeof(gamma));
}
