/*
 * Key derivation: the vectors of RFC 1319, RFC 6070, RFC 7914 and those that go round for PKCS #12,
 * and OpenSSL as the second opinion on everything else.
 */
#include "crypto/kdf.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/pkcs12.h>

#include "crypto/iterate.h"
#include "crypto/md2.h"
#include "tests/support/material.h"
#include "tests/support/suite.h"

static const struct kf_algorithms *algorithms(void)
{
    return material_crypto()->algorithms;
}

static bool is_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    uint8_t expected[256];

    return strlen(hex) == 2 * len && kf_hex_decode(hex, 2 * len, expected, len) &&
           memcmp(bytes, expected, len) == 0;
}

/* RFC 1319 A.5 */
static void test_md2(void)
{
    static const struct {
        const char *text;
        const char *digest;
    } vectors[] = {
        {"", "8350e5a3e24c153df2275c9f80692773"},
        {"a", "32ec01ec4a6dac72c0ab96fb34c0b5d1"},
        {"abc", "da853b0d3f88d99b30283a69e6ded6bb"},
        {"message digest", "ab4f496bfb2a530b219ff33031fe06b0"},
        {"abcdefghijklmnopqrstuvwxyz", "4e8ddff3650292ab5a4108c3aa47940b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "da33def2a42df13975352846c30338cd"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "d5976f79d83d3a0dc9806c3c66f3efd8"},
    };

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct kf_slice part = kf_slice_of(vectors[i].text);
        uint8_t digest[KF_MD2_SIZE];

        CU_ASSERT_EQUAL(kf_hash_digest(algorithms(), KF_HASH_MD2, &part, 1, digest, NULL), KF_OK);
        CU_ASSERT(is_hex(digest, sizeof(digest), vectors[i].digest));
    }
}

static void pbkdf2(enum kf_hash hash, const char *password, size_t password_len, const char *salt,
                   size_t salt_len, uint64_t iterations, const char *hex)
{
    const struct kf_kdf_input input = {hash,
                                       {(const uint8_t *)password, password_len},
                                       {(const uint8_t *)salt, salt_len},
                                       iterations};
    uint8_t out[64];
    size_t len = strlen(hex) / 2;

    CU_ASSERT_EQUAL(kf_kdf_pbkdf2(algorithms(), &input, out, len, NULL), KF_OK);
    CU_ASSERT(is_hex(out, len, hex));
}

/* RFC 6070 2, RFC 7914 11 */
static void test_pbkdf2_vectors(void)
{
    pbkdf2(KF_HASH_SHA1, "password", 8, "salt", 4, 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6");
    pbkdf2(KF_HASH_SHA1, "password", 8, "salt", 4, 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
    pbkdf2(KF_HASH_SHA1, "password", 8, "salt", 4, 4096,
           "4b007901b765489abead49d926f721d065a429c1");
    pbkdf2(KF_HASH_SHA1, "passwordPASSWORDpassword", 24, "saltSALTsaltSALTsaltSALTsaltSALTsalt", 36,
           4096, "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
    pbkdf2(KF_HASH_SHA1, "pass\0word", 9, "sa\0lt", 5, 4096, "56fa6aa75548099dcc37d7f03425e0c3");
    pbkdf2(KF_HASH_SHA256, "passwd", 6, "salt", 4, 1,
           "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
           "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783");
    pbkdf2(KF_HASH_SHA256, "Password", 8, "NaCl", 4, 80000,
           "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
           "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d");
}

/* RFC 7914 12 */
static void test_scrypt_vectors(void)
{
    const struct kf_scrypt_input empty = {{NULL, 0}, {NULL, 0}, 16, 1, 1, 1u << 20};
    struct kf_scrypt_input other = {
        kf_slice_of("password"), kf_slice_of("NaCl"), 1024, 8, 16, 32u << 20};
    uint8_t out[64];
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_kdf_scrypt(algorithms(), &empty, out, 64, NULL), KF_OK);
    CU_ASSERT(is_hex(out, 64,
                     "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                     "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"));
    CU_ASSERT_EQUAL(kf_kdf_scrypt(algorithms(), &other, out, 64, NULL), KF_OK);
    CU_ASSERT(is_hex(out, 64,
                     "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                     "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"));
    other.memory = 1u << 20;
    CU_ASSERT_EQUAL(kf_kdf_scrypt(algorithms(), &other, out, 64, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_LIMIT);
}

/* the vectors that implementations of RFC 7292 B have in common ("smeg", "queeg") */
static void test_pkcs12_vectors(void)
{
    static const char smeg[] = "\0s\0m\0e\0g\0";
    static const char queeg[] = "\0q\0u\0e\0e\0g\0";
    static const struct {
        const char *password;
        size_t len;
        const char *salt;
        uint64_t iterations;
        enum kf_kdf_purpose purpose;
        const char *out;
    } vectors[] = {
        {smeg, sizeof(smeg), "0a58cf64530d823f", 1, KF_KDF_KEY,
         "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3"},
        {smeg, sizeof(smeg), "0a58cf64530d823f", 1, KF_KDF_IV, "79993dfe048d3b76"},
        {smeg, sizeof(smeg), "642b99ab44fb4b1f", 1, KF_KDF_KEY,
         "f3a95fec48d7711e985cfe67908c5ab79fa3d7c5caa5d966"},
        {smeg, sizeof(smeg), "642b99ab44fb4b1f", 1, KF_KDF_IV, "c0a38d64a79bea1d"},
        {smeg, sizeof(smeg), "3d83c0e4546ac140", 1, KF_KDF_MAC,
         "8d967d88f6caa9d714800ab3d48051d63f73a312"},
        {queeg, sizeof(queeg), "05dec959acff72f7", 1000, KF_KDF_KEY,
         "ed2034e36328830ff09df1e1a07dd357185dac0d4f9eb3d4"},
        {queeg, sizeof(queeg), "05dec959acff72f7", 1000, KF_KDF_IV, "11dedad7758d4860"},
        {queeg, sizeof(queeg), "1682c0fc5b3f7ec5", 1000, KF_KDF_KEY,
         "483dd6e919d7de2e8e648ba8f862f3fbfbdc2bcb2c02957f"},
        {queeg, sizeof(queeg), "1682c0fc5b3f7ec5", 1000, KF_KDF_IV, "9d461d1b00355c50"},
        {queeg, sizeof(queeg), "263216fcc2fab31c", 1000, KF_KDF_MAC,
         "5ec4c7a80df652294c3925b6489a7ab857c83476"},
    };

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        uint8_t salt[8];
        uint8_t out[24];
        size_t len = strlen(vectors[i].out) / 2;
        const struct kf_kdf_input input = {KF_HASH_SHA1,
                                           {(const uint8_t *)vectors[i].password, vectors[i].len},
                                           {salt, sizeof(salt)},
                                           vectors[i].iterations};

        CU_ASSERT(kf_hex_decode(vectors[i].salt, 16, salt, sizeof(salt)));
        CU_ASSERT_EQUAL(kf_kdf_pkcs12(algorithms(), &input, vectors[i].purpose, out, len, NULL),
                        KF_OK);
        CU_ASSERT(is_hex(out, len, vectors[i].out));
    }
}

static uint32_t seed = 12345;

static uint8_t next_byte(void)
{
    seed = seed * 1103515245u + 12345u;
    return (uint8_t)(seed >> 16);
}

static void fill(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = next_byte();
}

static const enum kf_hash against[] = {
    KF_HASH_MD5,        KF_HASH_SHA1,       KF_HASH_SHA224,   KF_HASH_SHA256,
    KF_HASH_SHA384,     KF_HASH_SHA512,     KF_HASH_SHA3_256, KF_HASH_SHA3_512,
    KF_HASH_SHA512_224, KF_HASH_SHA512_256, KF_HASH_BLAKE2B,  KF_HASH_RIPEMD160,
};

/* any password, salt and length against OpenSSL's own, for each digest */
static void test_pbkdf2_against_openssl(void)
{
    uint8_t password[200];
    uint8_t salt[70];
    uint8_t ours[150];
    uint8_t theirs[150];

    for (size_t round = 0; round < 200; round++) {
        enum kf_hash hash = against[round % (sizeof(against) / sizeof(against[0]))];
        size_t password_len = round == 0 ? 0 : next_byte() % sizeof(password);
        size_t salt_len = 1 + next_byte() % (sizeof(salt) - 1);
        size_t len = 1 + next_byte() % (sizeof(ours) - 1);
        int iterations = 1 + next_byte() % 20;
        const struct kf_kdf_input input = {
            hash, {password, password_len}, {salt, salt_len}, (uint64_t)iterations};

        fill(password, password_len);
        fill(salt, salt_len);
        CU_ASSERT_FATAL(kf_kdf_pbkdf2(algorithms(), &input, ours, len, NULL) == KF_OK);
        CU_ASSERT_FATAL(PKCS5_PBKDF2_HMAC((const char *)password, (int)password_len, salt,
                                          (int)salt_len, iterations, kf_hash_md(algorithms(), hash),
                                          (int)len, theirs) == 1);
        CU_ASSERT(memcmp(ours, theirs, len) == 0);
    }
}

static void test_pkcs12_against_openssl(void)
{
    uint8_t password[300];
    uint8_t salt[150];
    uint8_t ours[150];
    uint8_t theirs[150];

    for (size_t round = 0; round < 300; round++) {
        enum kf_hash hash = against[round % (sizeof(against) / sizeof(against[0]))];
        size_t password_len = 2 + next_byte() % 149 * 2u;
        size_t salt_len = 1 + next_byte() % (sizeof(salt) - 1);
        size_t len = 1 + next_byte() % (sizeof(ours) - 1);
        int purpose = 1 + (int)(round % 3);
        int iterations = 1 + next_byte() % 20;
        const struct kf_kdf_input input = {
            hash, {password, password_len}, {salt, salt_len}, (uint64_t)iterations};

        fill(password, password_len);
        fill(salt, salt_len);
        CU_ASSERT_FATAL(kf_kdf_pkcs12(algorithms(), &input, (enum kf_kdf_purpose)purpose, ours, len,
                                      NULL) == KF_OK);
        CU_ASSERT_FATAL(PKCS12_key_gen_uni_ex(password, (int)password_len, salt, (int)salt_len,
                                              purpose, iterations, (int)len, theirs,
                                              kf_hash_md(algorithms(), hash),
                                              material_crypto()->library, NULL) == 1);
        CU_ASSERT(memcmp(ours, theirs, len) == 0);
    }
}

/* RFC 8018 5.1 by its definition: T_c = H(T_(c-1)), T_1 = H(P || S) */
static void test_pbkdf1(void)
{
    static const enum kf_hash hashes[] = {KF_HASH_MD2, KF_HASH_MD5, KF_HASH_SHA1};

    for (size_t i = 0; i < 3; i++) {
        const struct kf_kdf_input input = {hashes[i], kf_slice_of("password"),
                                           kf_slice_of("saltsalt"), 1000};
        struct kf_slice parts[] = {input.password, input.salt};
        size_t size = kf_hash_size(hashes[i]);
        uint8_t state[20];
        uint8_t out[20];
        struct kf_error error = {.cause = KF_CAUSE_NONE};

        CU_ASSERT_FATAL(kf_hash_digest(algorithms(), hashes[i], parts, 2, state, NULL) == KF_OK);
        for (unsigned k = 1; k < 1000; k++) {
            struct kf_slice part = {state, size};

            CU_ASSERT_FATAL(kf_hash_digest(algorithms(), hashes[i], &part, 1, state, NULL) ==
                            KF_OK);
        }
        CU_ASSERT_EQUAL(kf_kdf_pbkdf1(algorithms(), &input, out, 16, NULL), KF_OK);
        CU_ASSERT(memcmp(out, state, 16) == 0);
        CU_ASSERT_EQUAL(kf_kdf_pbkdf1(algorithms(), &input, out, size + 1, &error), KF_SKIP);
        CU_ASSERT_EQUAL(error.cause, KF_CAUSE_LIMIT);
    }
}

/* the tight loops against one call of EVP after the other */
static void test_loops_against_openssl(void)
{
    for (size_t i = 0; i < sizeof(against) / sizeof(against[0]); i++) {
        size_t size = kf_hash_size(against[i]);
        struct kf_slice part;
        uint8_t ours[KF_HASH_MAX_SIZE];
        uint8_t theirs[KF_HASH_MAX_SIZE];
        bool knows = kf_iterate_knows(against[i]);

        fill(ours, size);
        memcpy(theirs, ours, size);
        part = (struct kf_slice){theirs, size};
        CU_ASSERT_EQUAL(kf_iterate_digest(against[i], ours, 1000), knows);
        for (unsigned k = 0; k < 1000 && knows; k++)
            CU_ASSERT_FATAL(kf_hash_digest(algorithms(), against[i], &part, 1, theirs, NULL) ==
                            KF_OK);
        CU_ASSERT(memcmp(ours, theirs, size) == 0);
    }
    CU_ASSERT_TRUE(kf_iterate_knows(KF_HASH_SHA256));
    CU_ASSERT_FALSE(kf_iterate_knows(KF_HASH_MD2));
}

static void test_limits(void)
{
    static uint8_t salt[KF_KDF_MAX_SALT + 1];
    static uint8_t out[KF_KDF_MAX_KEY + 1];
    const struct kf_kdf_input none = {KF_HASH_SHA256, {NULL, 0}, {salt, 8}, 0};
    const struct kf_kdf_input salty = {KF_HASH_SHA256, {NULL, 0}, {salt, sizeof(salt)}, 1};
    const struct kf_kdf_input fine = {KF_HASH_SHA256, {NULL, 0}, {salt, 8}, 1};
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_kdf_pbkdf2(algorithms(), &none, out, 32, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_LIMIT);
    CU_ASSERT_EQUAL(kf_kdf_pkcs12(algorithms(), &salty, KF_KDF_KEY, out, 32, NULL), KF_SKIP);
    CU_ASSERT_EQUAL(kf_kdf_pkcs12(algorithms(), &fine, KF_KDF_KEY, out, sizeof(out), NULL),
                    KF_SKIP);
    CU_ASSERT_EQUAL(kf_kdf_pbkdf2(algorithms(), &fine, out, sizeof(out), NULL), KF_SKIP);
    CU_ASSERT_EQUAL(kf_kdf_pbkdf2(algorithms(), &fine, out, KF_KDF_MAX_KEY, NULL), KF_OK);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"MD2 (RFC 1319)", test_md2},
        {"PBKDF2 (RFC 6070, RFC 7914)", test_pbkdf2_vectors},
        {"scrypt (RFC 7914)", test_scrypt_vectors},
        {"PKCS #12 derivation", test_pkcs12_vectors},
        {"PBKDF2 against OpenSSL", test_pbkdf2_against_openssl},
        {"PKCS #12 derivation against OpenSSL", test_pkcs12_against_openssl},
        {"PBKDF1 (RFC 8018 5.1)", test_pbkdf1},
        {"tight loops against OpenSSL", test_loops_against_openssl},
        {"limits", test_limits},
        {NULL, NULL},
    };

    return suite_run("kdf", tests);
}
