/*
 * GOST's digests and cipher, which OpenSSL has not: the examples of RFC 6986, RFC 7836 and RFC
 * 9337, the well-known values of GOST R 34.11-94 with CryptoPro's tables, and RFC 5830's key for
 * the cipher. That files by other software open is shown by the corpus.
 */
#include "crypto/gosthash.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/gost28147.h"
#include "crypto/pbe.h"
#include "tests/support/material.h"
#include "tests/support/suite.h"

static const struct kf_algorithms *algorithms(void)
{
    return material_crypto()->algorithms;
}

/* The text, as often as told, has this digest; taken in pieces of every size up to 70. */
static void digest(enum kf_hash hash, const char *text, size_t times, const char *expected)
{
    uint8_t out[KF_HASH_MAX_SIZE];
    char hex[2 * KF_HASH_MAX_SIZE + 1];
    size_t len = strlen(text) * times;
    char *all = calloc(1, len + 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    for (size_t i = 0; i < len; i++)
        all[i] = text[i % strlen(text)];
    for (size_t piece = 1; piece <= 70; piece++) {
        struct kf_slice parts[300];
        size_t count = 0;

        if (len / piece >= sizeof(parts) / sizeof(parts[0]))
            continue;
        for (size_t at = 0; at < len; at += piece)
            parts[count++] =
                (struct kf_slice){(uint8_t *)all + at, len - at < piece ? len - at : piece};
        CU_ASSERT_EQUAL(kf_hash_digest(algorithms(), hash, parts, count, out, NULL), KF_OK);
        kf_hex(hex, out, kf_hash_size(hash));
        CU_ASSERT_STRING_EQUAL(hex, expected);
    }
    free(all);
}

/* RFC 6986 10: M1, and M2, which is text in CP1251 */
static void test_streebog(void)
{
    static const char m1[] = "012345678901234567890123456789012345678901234567890123456789012";
    static const char m2[] =
        "\xd1\xe5 \xe2\xe5\xf2\xf0\xe8, \xd1\xf2\xf0\xe8\xe1\xee\xe6\xe8 "
        "\xe2\xed\xf3\xf6\xe8, \xe2\xe5\xfe\xf2\xfa \xf1 \xec\xee\xf0\xff "
        "\xf1\xf2\xf0\xe5\xeb\xe0\xec\xe8 \xed\xe0 \xf5\xf0\xe0\xe1\xf0\xfb\xff "
        "\xef\xeb\xfa\xea\xfb \xc8\xe3\xee\xf0\xe5\xe2\xfb";

    digest(KF_HASH_STREEBOG512, m1, 1,
           "1b54d01a4af5b9d5cc3d86d68d285462b19abc2475222f35c085122be4ba1ffa"
           "00ad30f8767b3a82384c6574f024c311e2a481332b08ef7f41797891c1646f48");
    digest(KF_HASH_STREEBOG256, m1, 1,
           "9d151eefd8590b89daa6ba6cb74af9275dd051026bb149a452fd84e5e57b5500");
    digest(KF_HASH_STREEBOG512, m2, 1,
           "1e88e62226bfca6f9994f1f2d51569e0daf8475a3b0fe61a5300eee46d961376"
           "035fe83549ada2b8620fcd7c496ce5b33f0cb9dddc2b6460143b03dabac9fb28");
    digest(KF_HASH_STREEBOG256, m2, 1,
           "9dd2fe4e90409e5da87f53976d7405b0c0cac628fc669a741d50063c557e8f50");
}

static void test_gost94(void)
{
    digest(KF_HASH_GOST94, "abc", 1,
           "b285056dbf18d7392d7677369524dd14747459ed8143997e163b2986f92fd42c");
    digest(KF_HASH_GOST94, "message digest", 1,
           "bc6041dd2aa401ebfa6e9886734174febdb4729aa972d60f549ac39b29721ba0");
    digest(KF_HASH_GOST94, "This is message, length=32 bytes", 1,
           "2cefc2f7b7bdc514e18ea57fa74ff357e7fa17d652c75f69cb1be7893ede48eb");
    digest(KF_HASH_GOST94, "Suppose the original message has length = 50 bytes", 1,
           "c3730c5cbccacf915ac292676f21e8bd4ef75331d9405e5f1a61dc3130a65011");
    digest(KF_HASH_GOST94, "U", 128,
           "1c4ac7614691bbf427fa2316216be8f10d92edfd37cd1027514c1008f649c4e8");
}

static void pbkdf2(enum kf_hash hash, const char *password, const char *salt, uint64_t iterations,
                   const char *expected)
{
    const struct kf_kdf_input input = {hash, kf_slice_of(password), kf_slice_of(salt), iterations};
    size_t len = strlen(expected) / 2;
    uint8_t out[128];
    char hex[2 * sizeof(out) + 1];

    CU_ASSERT_EQUAL(kf_kdf_pbkdf2(algorithms(), &input, out, len, NULL), KF_OK);
    kf_hex(hex, out, len);
    CU_ASSERT_STRING_EQUAL(hex, expected);
}

/* RFC 9337 B, and RFC 6070's inputs with HMAC_GOSTR3411 */
static void test_pbkdf2(void)
{
    pbkdf2(KF_HASH_STREEBOG512, "password", "salt", 1,
           "64770af7f748c3b1c9ac831dbcfd85c26111b30a8a657ddc3056b80ca73e040d"
           "2854fd36811f6d825cc4ab66ec0a68a490a9e5cf5156b3a2b7eecddbf9a16b47");
    pbkdf2(KF_HASH_STREEBOG512, "password", "salt", 2,
           "5a585bafdfbb6e8830d6d68aa3b43ac00d2e4aebce01c9b31c2caed56f0236d4"
           "d34b2b8fbd2c4e89d54d46f50e47d45bbac301571743119e8d3c42ba66d348de");
    pbkdf2(KF_HASH_GOST94, "password", "salt", 1,
           "7314e7c04fb2e662c543674253f68bd0b73445d07f241bed872882da21662d58");
}

/* RFC 7836 A.1: both HMACs of one key and text */
static void test_hmac(void)
{
    static const uint8_t text[] = {0x01, 0x26, 0xbd, 0xb8, 0x78, 0x00, 0xaf, 0x21,
                                   0x43, 0x41, 0x45, 0x65, 0x63, 0x78, 0x01, 0x00};
    uint8_t key[32];
    uint8_t out[KF_HASH_MAX_SIZE];
    char hex[2 * sizeof(out) + 1];

    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    CU_ASSERT_EQUAL(kf_hmac(algorithms(), KF_HASH_STREEBOG256, (struct kf_slice){key, 32},
                            (struct kf_slice){text, sizeof(text)}, out, NULL),
                    KF_OK);
    kf_hex(hex, out, 32);
    CU_ASSERT_STRING_EQUAL(hex, "a1aa5f7de402d7b3d323f2991c8d4534013137010a83754fd0af6d7cd4922ed9");
    CU_ASSERT_EQUAL(kf_hmac(algorithms(), KF_HASH_STREEBOG512, (struct kf_slice){key, 32},
                            (struct kf_slice){text, sizeof(text)}, out, NULL),
                    KF_OK);
    kf_hex(hex, out, 64);
    CU_ASSERT_STRING_EQUAL(hex, "a59bab22ecae19c65fbde6e5f4e9f5d8549d31f037f9df9b905500e171923a77"
                                "3d5f1530f2ed7e964cb2eedc29e9ad2f3afe93b2814f79f5000ffc0366c251e6");
}

/* Each set of tables turns a block and back. The values are what this code gave when the files that
 * certtool 3.7.9 makes with each of the sets opened: at 600,000 iterations, they take too long to
 * be made and opened here. */
static void test_cipher(void)
{
    static const char *const expected[KF_GOST_BOX_COUNT] = {
        "5cc59f048b1ad828", "048a76e06f562d7b", "a2fdd70fcd5494a9", "7d0cd79f719d41ea",
        "1cab1fc719544326", "0f0f8a7b90331474", "38b7295aa6ddbef7"};
    static const uint8_t block[KF_GOST28147_BLOCK] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t key[KF_GOST28147_KEY];
    uint8_t sealed[KF_GOST28147_BLOCK];
    char hex[2 * KF_GOST28147_BLOCK + 1];

    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(255 - 3 * i);
    for (unsigned set = 0; set < KF_GOST_BOX_COUNT; set++) {
        struct kf_gost28147 cipher;
        uint8_t back[KF_GOST28147_BLOCK];

        kf_gost28147_init(&cipher, (enum kf_gost_boxes)set);
        kf_gost28147_set_key(&cipher, key);
        kf_gost28147_encrypt(&cipher, block, sealed);
        kf_gost28147_decrypt(&cipher, sealed, back);
        CU_ASSERT_EQUAL(memcmp(back, block, sizeof(back)), 0);
        kf_hex(hex, sealed, sizeof(sealed));
        CU_ASSERT_STRING_EQUAL(hex, expected[set]);
    }
}

/* RFC 8891 A.2: the cipher with TC26's tables, whose words and bytes stand in the other order */
static void test_cipher_example(void)
{
    static const uint8_t plain[] = {0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};
    static const uint8_t expected[] = {0x3d, 0xca, 0xd8, 0xc2, 0xe5, 0x01, 0xe9, 0x4e};
    static const uint32_t words[] = {0xffeeddcc, 0xbbaa9988, 0x77665544, 0x33221100,
                                     0xf0f1f2f3, 0xf4f5f6f7, 0xf8f9fafb, 0xfcfdfeff};
    uint8_t key[KF_GOST28147_KEY];
    struct kf_gost28147 cipher;
    uint8_t out[KF_GOST28147_BLOCK];

    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
    kf_gost28147_init(&cipher, KF_GOST_BOX_Z);
    kf_gost28147_set_key(&cipher, key);
    kf_gost28147_encrypt(&cipher, plain, out);
    CU_ASSERT_EQUAL(memcmp(out, expected, sizeof(out)), 0);
}

/* PBES2 with it: { iv, set of tables }; an unknown set, a short IV and anything more are refused.
 */
static void test_parameters(void)
{
#define PBES2(len, iv, set)                                                                        \
    "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d\x30" len                                         \
    "\x30\x16\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c\x30\x09\x04\x04salt\x02\x01\x05"         \
    "\x30" iv set
    static const struct {
        const char *what;
        bool fits;
    } rows[] = {
        {"\x30\x44" PBES2("\x37", "\x1d\x06\x06\x2a\x85\x03\x02\x02\x15\x30\x13\x04\x08",
                          "12345678\x06\x07\x2a\x85\x03\x02\x02\x1f\x01"),
         true},
        {"\x30\x44" PBES2("\x37", "\x1d\x06\x06\x2a\x85\x03\x02\x02\x15\x30\x13\x04\x08",
                          "12345678\x06\x07\x2a\x85\x03\x02\x02\x1f\x09"),
         false},
        {"\x30\x43" PBES2("\x36", "\x1c\x06\x06\x2a\x85\x03\x02\x02\x15\x30\x12\x04\x07",
                          "1234567\x06\x07\x2a\x85\x03\x02\x02\x1f\x01"),
         false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kf_slice cursor = kf_slice_of(rows[i].what);
        struct kf_pbe pbe;
        struct kf_error error = {.cause = KF_CAUSE_NONE};
        char name[128];

        CU_ASSERT_EQUAL(kf_pbe_parse(&cursor, &pbe, &error) == KF_OK, rows[i].fits);
        if (!rows[i].fits) {
            CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
            continue;
        }
        kf_pbe_name(&pbe, name, sizeof(name));
        CU_ASSERT_STRING_EQUAL(name, "PBES2, PBKDF2, HMAC-SHA-1, GOST 28147-89-CFB");
        CU_ASSERT_EQUAL(pbe.gost_boxes, KF_GOST_BOX_A);
        CU_ASSERT_EQUAL(kf_pbe_cost(&pbe), 5);
        pbe.hash = KF_HASH_STREEBOG512; /* slower than what OpenSSL does, and counted as that */
        CU_ASSERT(kf_pbe_cost(&pbe) > 5);
    }
#undef PBES2
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"Streebog", test_streebog},
        {"GOST R 34.11-94", test_gost94},
        {"HMAC", test_hmac},
        {"PBKDF2", test_pbkdf2},
        {"GOST 28147-89", test_cipher},
        {"GOST 28147-89, an example", test_cipher_example},
        {"parameters of PBES2", test_parameters},
        {NULL, NULL},
    };

    return suite_run("gost", tests);
}
