/*
 * Private key blobs: what OpenSSL reads of ours, what comes back, and what is refused.
 */
#include "crypto/keyblob.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>

#include "core/der.h"
#include "core/limits.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

/* Replaces *blob by the blob of a key. */
static void write_blob(const char *what, enum kf_blob_type expected, struct kf_buf *blob)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_privkey key;

    material_pkcs8(material_key(what), &pkcs8);
    kf_buf_clear(blob);
    CU_ASSERT_EQUAL_FATAL(kf_privkey_parse(kf_buf_slice(&pkcs8), &key, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_keyblob_type(&key), expected);
    CU_ASSERT_EQUAL(kf_keyblob_write(material_crypto(), &key, blob, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_keyblob_bid(kf_buf_slice(blob)), expected);
    kf_buf_reset(&pkcs8);
}

/* The PKCS #8 that a blob gives has this public key, by OpenSSL's word. */
static void expect_key(const struct kf_buf *blob, const char *what)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_keyblob_read(material_crypto(), kf_buf_slice(blob), &pkcs8, &error), KF_OK);
    if (error.cause != KF_CAUSE_NONE)
        (void)fprintf(stderr, "%s: %s\n", what, error.text);
    material_spki(material_key(what), &spki);
    outside_write("back.der", kf_buf_slice(&pkcs8));
    CU_ASSERT(outside_run("openssl pkey -inform DER -in back.der -noout -check"));
    CU_ASSERT(outside_run("openssl pkey -inform DER -in back.der -pubout -outform DER -out p.der"));
    CU_ASSERT(outside_equals("p.der", kf_buf_slice(&spki)));
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&spki);
}

static void test_rsa_is_msblob(void)
{
    static const struct {
        const char *what;
        size_t size;
    } keys[] = {
        {"rsa:2048", 1172},
        {"rsa:1024:e=3", 596},
        {"rsa:1023", 20 + 2 * 128 + 5 * 64},
        {"rsa:1025", 20 + 2 * 129 + 5 * 65},
        {"rsa:1031", 20 + 2 * 129 + 5 * 65},
        {"rsa:1999", 20 + 2 * 250 + 5 * 125},
        {"rsa:2049:e=3", 20 + 2 * 257 + 5 * 129},
        {"rsa:512", 308},
    };
    struct kf_buf blob = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        write_blob(keys[i].what, KF_BLOB_RSA, &blob);
        CU_ASSERT_EQUAL(blob.len, keys[i].size);
        outside_write("key.blob", kf_buf_slice(&blob));
        material_spki(material_key(keys[i].what), &spki);
        CU_ASSERT(outside_run("openssl rsa -inform MSBLOB -in key.blob -check -noout"));
        CU_ASSERT(outside_run("openssl rsa -inform MSBLOB -in key.blob -pubout -outform DER "
                              "-out public.der"));
        CU_ASSERT(outside_equals("public.der", kf_buf_slice(&spki)));
        expect_key(&blob, keys[i].what);
    }
    kf_buf_reset(&blob);
    kf_buf_reset(&spki);
}

static void test_ecc_comes_back(void)
{
    static const char *const keys[] = {"ec:P-256", "ec:P-384", "ec:P-521"};
    struct kf_buf blob = KF_SECRET_BUF;

    for (size_t i = 0; i < 3; i++) {
        write_blob(keys[i], KF_BLOB_ECC, &blob);
        expect_key(&blob, keys[i]);
    }
    kf_buf_reset(&blob);
}

/* ---- reading ---- */

static void no_blob(struct kf_slice blob, const char *why)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_buf_append(&pkcs8, "keep", 4, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_keyblob_read(material_crypto(), blob, &pkcs8, &error), KF_SKIP);
    CU_ASSERT_NOT_EQUAL(error.cause, KF_CAUSE_NONE);
    CU_ASSERT(pkcs8.len == 4 && memcmp(pkcs8.data, "keep", 4) == 0);
    if (strstr(error.text, why) == NULL)
        (void)fprintf(stderr, "found \"%s\", not \"%s\"\n", error.text, why);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, why));
    kf_buf_reset(&pkcs8);
}

/* Offsets in the blob of an RSA-1024 key. */
enum {
    AT_VERSION = 1,
    AT_RESERVED = 2,
    AT_ALGORITHM = 4,
    AT_MAGIC = 8,
    AT_BITS = 12,
    AT_EXPONENT = 16,
    AT_N = 20,
    AT_P = AT_N + 128,
    AT_Q = AT_P + 64,
    AT_DP = AT_Q + 64,
    AT_DQ = AT_DP + 64,
    AT_QINV = AT_DQ + 64,
    AT_D = AT_QINV + 64,
    AT_END = AT_D + 128,
};

static void refuses_changed(struct kf_buf *blob, size_t at, uint8_t change, const char *why)
{
    blob->data[at] ^= change;
    no_blob(kf_buf_slice(blob), why);
    blob->data[at] ^= change;
}

static void test_refuses_changed_rsa(void)
{
    struct kf_buf blob = KF_SECRET_BUF;

    write_blob("rsa:1024", KF_BLOB_RSA, &blob);
    CU_ASSERT_EQUAL_FATAL(blob.len, AT_END);
    refuses_changed(&blob, 0, 1, "neither"); /* PUBLICKEYBLOB */
    refuses_changed(&blob, AT_VERSION, 1, "neither");
    refuses_changed(&blob, AT_RESERVED, 1, "neither");
    refuses_changed(&blob, AT_MAGIC + 3, 3, "neither"); /* RSA1 */
    refuses_changed(&blob, AT_ALGORITHM, 1, "algorithm is not RSA");
    refuses_changed(&blob, AT_BITS, 1, "size does not fit");
    refuses_changed(&blob, AT_BITS + 1, 0x80, "not from 512 to 16384");
    refuses_changed(&blob, AT_BITS + 1, 0x04, "not from 512 to 16384"); /* 0 bits */
    refuses_changed(&blob, AT_EXPONENT, 2, "wrong");
    refuses_changed(&blob, AT_N, 2, "modulus");
    refuses_changed(&blob, AT_P, 2, "wrong");
    refuses_changed(&blob, AT_Q, 2, "wrong");
    refuses_changed(&blob, AT_DP, 2, "d mod p-1");
    refuses_changed(&blob, AT_DQ, 2, "d mod q-1");
    refuses_changed(&blob, AT_QINV, 2, "1/q mod p");
    refuses_changed(&blob, AT_D, 2, "wrong");
    expect_key(&blob, "rsa:1024"); /* and it is whole again */
    kf_buf_reset(&blob);
}

static void test_takes_signature_keys(void)
{
    struct kf_buf blob = KF_SECRET_BUF;

    write_blob("rsa:1024", KF_BLOB_RSA, &blob);
    blob.data[AT_ALGORITHM + 1] = 0x24; /* CALG_RSA_SIGN */
    expect_key(&blob, "rsa:1024");
    write_blob("ec:P-384", KF_BLOB_ECC, &blob);
    blob.data[2] = 'S'; /* ECS4: ECDSA */
    expect_key(&blob, "ec:P-384");
    kf_buf_reset(&blob);
}

static void zero(struct kf_buf *blob, size_t from, size_t to)
{
    memset(blob->data + from, 0, to - from);
}

/* What the blob has no value for is computed, as long as the primes are there. */
static void test_supplies_missing_numbers(void)
{
    static const size_t gaps[][2] = {{AT_DP, AT_DQ}, {AT_DQ, AT_QINV}, {AT_QINV, AT_D},
                                     {AT_D, AT_END}, {AT_DP, AT_D},    {AT_DP, AT_END}};
    struct kf_buf blob = KF_SECRET_BUF;

    for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
        write_blob("rsa:1024", KF_BLOB_RSA, &blob);
        zero(&blob, gaps[i][0], gaps[i][1]);
        expect_key(&blob, "rsa:1024");
    }
    write_blob("rsa:1024", KF_BLOB_RSA, &blob);
    zero(&blob, AT_P, AT_Q);
    no_blob(kf_buf_slice(&blob), "not an RSA key");
    write_blob("rsa:1024", KF_BLOB_RSA, &blob);
    zero(&blob, AT_Q, AT_DP);
    no_blob(kf_buf_slice(&blob), "not an RSA key");
    write_blob("rsa:1024", KF_BLOB_RSA, &blob);
    zero(&blob, AT_EXPONENT, AT_N);
    zero(&blob, AT_D, AT_END);
    no_blob(kf_buf_slice(&blob), "not an RSA key");
    write_blob("rsa:1024", KF_BLOB_RSA, &blob);
    zero(&blob, AT_N, AT_P);
    no_blob(kf_buf_slice(&blob), "0 bits");
    kf_buf_reset(&blob);
}

static void test_refuses_changed_ecc(void)
{
    struct kf_buf blob = KF_SECRET_BUF;

    write_blob("ec:P-256", KF_BLOB_ECC, &blob);
    CU_ASSERT_EQUAL_FATAL(blob.len, 8 + 3 * 32);
    CU_ASSERT(memcmp(blob.data, "ECK2\x20\0\0\0", 8) == 0);
    refuses_changed(&blob, 3, 3, "neither");      /* ECK1: a public key */
    refuses_changed(&blob, 3, 6, "does not fit"); /* ECK4 */
    refuses_changed(&blob, 4, 1, "does not fit");
    refuses_changed(&blob, 7, 1, "does not fit");
    refuses_changed(&blob, 8, 1, "another public key");
    refuses_changed(&blob, 8 + 63, 1, "another public key");
    refuses_changed(&blob, 8 + 95, 1, "another public key");
    expect_key(&blob, "ec:P-256");
    zero(&blob, 8 + 64, 8 + 96);
    no_blob(kf_buf_slice(&blob), "out of range");
    kf_buf_reset(&blob);
}

/* The layout by the specification: X, Y and d, each of full length, big-endian. */
static void test_ecc_layout(void)
{
    static const struct {
        const char *what;
        const char *magic;
        size_t size;
    } curves[] = {{"ec:P-256", "ECK2", 32}, {"ec:P-384", "ECK4", 48}, {"ec:P-521", "ECK6", 66}};
    struct kf_buf blob = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;

    for (size_t i = 0; i < 3; i++) {
        size_t size = curves[i].size;
        struct kf_privkey key;

        write_blob(curves[i].what, KF_BLOB_ECC, &blob);
        CU_ASSERT_EQUAL_FATAL(blob.len, 8 + 3 * size);
        CU_ASSERT(memcmp(blob.data, curves[i].magic, 4) == 0);
        CU_ASSERT_EQUAL(blob.data[4], size);
        material_spki(material_key(curves[i].what), &spki);
        CU_ASSERT(memcmp(blob.data + 8, spki.data + spki.len - 2 * size, 2 * size) == 0);
        material_pkcs8(material_key(curves[i].what), &pkcs8);
        CU_ASSERT_EQUAL_FATAL(kf_privkey_parse(kf_buf_slice(&pkcs8), &key, NULL), KF_OK);
        CU_ASSERT_EQUAL_FATAL(key.scalar.len, size);
        CU_ASSERT(memcmp(blob.data + 8 + 2 * size, key.scalar.data, size) == 0);
    }
    kf_buf_reset(&blob);
    kf_buf_reset(&spki);
    kf_buf_reset(&pkcs8);
}

/* A copy in a block of its own, so that a sanitizer sees each read beyond its end. */
static void no_blob_cut(const struct kf_buf *blob, size_t len)
{
    uint8_t *block = malloc(len + 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    memcpy(block + 1, blob->data, len);
    no_blob((struct kf_slice){block + 1, len}, "");
    free(block);
}

static void test_refuses_other_lengths(void)
{
    static const struct {
        const char *what;
        enum kf_blob_type type;
    } keys[] = {{"rsa:1024", KF_BLOB_RSA}, {"ec:P-521", KF_BLOB_ECC}, {"ed25519", KF_BLOB_PKCS8}};
    struct kf_buf blob = KF_SECRET_BUF;

    for (size_t i = 0; i < 3; i++) {
        write_blob(keys[i].what, keys[i].type, &blob);
        for (size_t len = 0; len < blob.len; len++)
            no_blob_cut(&blob, len);
        CU_ASSERT_EQUAL(kf_buf_append(&blob, "", 1, NULL), KF_OK);
        no_blob(kf_buf_slice(&blob), "");
    }
    no_blob(kf_slice_of("PuTTY-User-Key-File-3: ssh-rsa"), "neither");
    kf_buf_clear(&blob);
    CU_ASSERT_EQUAL_FATAL(kf_buf_reserve(&blob, KF_MAX_PKCS8 + 1, NULL), KF_OK);
    memset(blob.data, KF_DER_SEQUENCE, KF_MAX_PKCS8 + 1);
    no_blob((struct kf_slice){blob.data, KF_MAX_PKCS8 + 1}, "at most");
    CU_ASSERT_EQUAL(kf_keyblob_bid((struct kf_slice){NULL, 0}), KF_BLOB_NONE);
    CU_ASSERT_EQUAL(kf_keyblob_bid(kf_slice_of("RSA2")), KF_BLOB_NONE);
    kf_buf_reset(&blob);
}

/* ---- what the blobs cannot hold ---- */

static void test_everything_else_stays_pkcs8(void)
{
    static const char *const keys[] = {
        "rsa:1024:e=4294967297", "rsa:2048:3primes", "rsa-pss:1024", "ec:secp256k1",
        "ec-explicit:P-256",     "ed25519",          "x25519",       "dsa:1024",
    };
    struct kf_buf blob = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        write_blob(keys[i], KF_BLOB_PKCS8, &blob);
        material_pkcs8(material_key(keys[i]), &pkcs8);
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&blob), kf_buf_slice(&pkcs8)));
        expect_key(&blob, keys[i]);
    }
    write_blob("rsa:1024:e=4294967291", KF_BLOB_RSA, &blob); /* 32 bits are the most */
    expect_key(&blob, "rsa:1024:e=4294967291");
    kf_buf_reset(&blob);
    kf_buf_reset(&pkcs8);
}

static void put_bn(const BIGNUM *number, struct kf_buf *out)
{
    uint8_t bytes[128];
    struct kf_slice magnitude = {bytes, 0};

    CU_ASSERT_FATAL(BN_num_bytes(number) <= (int)sizeof(bytes));
    magnitude.len = (size_t)BN_bn2bin(number, bytes);
    CU_ASSERT_EQUAL_FATAL(kf_der_put_unsigned(out, magnitude, NULL), KF_OK);
}

/* PKCS #1 of primes of these lengths. */
static void make_unbalanced(int p_bits, int q_bits, struct kf_buf *out)
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *numbers[8]; /* n e d p q dp dq qinv */
    BIGNUM *phi = BN_new();
    BIGNUM *p1 = BN_new();
    BIGNUM *q1 = BN_new();

    for (size_t i = 0; i < 8; i++)
        numbers[i] = BN_new();
    CU_ASSERT(BN_set_word(numbers[1], 65537) == 1);
    do {
        CU_ASSERT_FATAL(BN_generate_prime_ex(numbers[3], p_bits, 0, NULL, NULL, NULL) == 1 &&
                        BN_generate_prime_ex(numbers[4], q_bits, 0, NULL, NULL, NULL) == 1);
        CU_ASSERT_FATAL(BN_sub(p1, numbers[3], BN_value_one()) == 1 &&
                        BN_sub(q1, numbers[4], BN_value_one()) == 1 &&
                        BN_mul(phi, p1, q1, context) == 1);
    } while (BN_mod_inverse(numbers[2], numbers[1], phi, context) == NULL);
    CU_ASSERT(BN_mul(numbers[0], numbers[3], numbers[4], context) == 1);
    CU_ASSERT(BN_mod(numbers[5], numbers[2], p1, context) == 1);
    CU_ASSERT(BN_mod(numbers[6], numbers[2], q1, context) == 1);
    CU_ASSERT_PTR_NOT_NULL(BN_mod_inverse(numbers[7], numbers[4], numbers[3], context));
    kf_buf_clear(out);
    CU_ASSERT_EQUAL(kf_der_put_uint(out, 0, NULL), KF_OK);
    for (size_t i = 0; i < 8; i++) {
        put_bn(numbers[i], out);
        BN_free(numbers[i]);
    }
    CU_ASSERT_EQUAL(kf_der_wrap(out, 0, KF_DER_SEQUENCE, NULL), KF_OK);
    BN_free(phi);
    BN_free(p1);
    BN_free(q1);
    BN_CTX_free(context);
}

/* A prime longer than half of the modulus has no room in the blob. */
static void test_unbalanced_primes_stay_pkcs8(void)
{
    static const int sizes[][2] = {{600, 424}, {424, 600}};
    struct kf_buf pkcs1 = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf blob = KF_SECRET_BUF;
    struct kf_privkey key;

    for (size_t i = 0; i < 2; i++) {
        make_unbalanced(sizes[i][0], sizes[i][1], &pkcs1);
        kf_buf_clear(&pkcs8);
        kf_buf_clear(&blob);
        CU_ASSERT_EQUAL(kf_privkey_wrap_pkcs1(kf_buf_slice(&pkcs1), &pkcs8, NULL), KF_OK);
        CU_ASSERT_EQUAL_FATAL(kf_privkey_parse(kf_buf_slice(&pkcs8), &key, NULL), KF_OK);
        CU_ASSERT_EQUAL(kf_privkey_check(material_crypto(), &key, NULL), KF_OK);
        CU_ASSERT_EQUAL(kf_keyblob_type(&key), KF_BLOB_PKCS8);
        CU_ASSERT_EQUAL(kf_keyblob_write(material_crypto(), &key, &blob, NULL), KF_OK);
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&blob), kf_buf_slice(&pkcs8)));
        outside_write("unbalanced.der", kf_buf_slice(&blob));
        CU_ASSERT(outside_run("openssl pkey -inform DER -in unbalanced.der -noout -check"));
    }
    kf_buf_reset(&pkcs1);
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&blob);
}

/* Scalars with leading zeros, with fewer octets, and with more than the curve has. */
static void test_ecc_scalars_of_other_lengths(void)
{
    static const char one[] = "\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
                              "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x27\x30\x25\x02\x01"
                              "\x01\x04\x20";
    uint8_t pkcs8[sizeof(one) - 1 + 32];
    struct kf_buf blob = KF_SECRET_BUF;
    struct kf_buf back = KF_SECRET_BUF;
    struct kf_privkey key;

    memcpy(pkcs8, one, sizeof(one) - 1);
    memset(pkcs8 + sizeof(one) - 1, 0, 32);
    pkcs8[sizeof(pkcs8) - 1] = 1;
    CU_ASSERT_EQUAL_FATAL(kf_privkey_parse((struct kf_slice){pkcs8, sizeof(pkcs8)}, &key, NULL),
                          KF_OK);
    for (size_t len = 1; len <= 32; len += 31) {
        key.scalar = (struct kf_slice){pkcs8 + sizeof(pkcs8) - len, len};
        kf_buf_clear(&blob);
        kf_buf_clear(&back);
        CU_ASSERT_EQUAL(kf_keyblob_type(&key), KF_BLOB_ECC);
        CU_ASSERT_EQUAL(kf_keyblob_write(material_crypto(), &key, &blob, NULL), KF_OK);
        CU_ASSERT_EQUAL(blob.len, 8 + 96);
        CU_ASSERT_EQUAL(kf_keyblob_read(material_crypto(), kf_buf_slice(&blob), &back, NULL),
                        KF_OK);
    }
    key.scalar = (struct kf_slice){pkcs8, sizeof(pkcs8)};
    CU_ASSERT_EQUAL(kf_keyblob_type(&key), KF_BLOB_PKCS8);
    kf_buf_reset(&blob);
    kf_buf_reset(&back);
}

/* What reading it and holding it against the certificate says. */
static bool belongs(struct kf_slice blob, struct kf_slice spki)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_privkey key;
    bool belongs = false;

    if (kf_keyblob_read(material_crypto(), blob, &pkcs8, NULL) == KF_OK &&
        kf_privkey_parse(kf_buf_slice(&pkcs8), &key, NULL) == KF_OK &&
        kf_privkey_match(material_crypto(), &key, spki, &belongs, NULL) != KF_OK)
        belongs = false;
    kf_buf_reset(&pkcs8);
    return belongs;
}

static bool proves(struct kf_slice blob, struct kf_slice spki)
{
    struct kf_buf space = KF_SECRET_BUF;
    bool proven = kf_keyblob_proves(material_crypto(), blob, spki, &space);

    CU_ASSERT_EQUAL(space.len, 0);
    kf_buf_reset(&space);
    return proven;
}

/* The way for many finds what those two find, whatever byte of a blob is changed. */
static void test_proves(void)
{
    static const char *const others[] = {"rsa:1024#2", "ec:P-256"};
    struct kf_buf blob = KF_PUBLIC_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_slice bytes;

    write_blob("rsa:1024", KF_BLOB_RSA, &blob);
    material_spki(material_key("rsa:1024"), &spki);
    bytes = kf_buf_slice(&blob);
    CU_ASSERT(proves(bytes, kf_buf_slice(&spki)));
    for (size_t i = 0; i < 8 * blob.len; i += 5) {
        blob.data[i / 8] ^= (uint8_t)(1u << i % 8);
        CU_ASSERT_EQUAL(proves(bytes, kf_buf_slice(&spki)), belongs(bytes, kf_buf_slice(&spki)));
        blob.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t len = 0; len < blob.len; len++)
        CU_ASSERT_FALSE(proves((struct kf_slice){blob.data, len}, kf_buf_slice(&spki)));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct kf_buf other = KF_PUBLIC_BUF;

        material_spki(material_key(others[i]), &other);
        CU_ASSERT_FALSE(proves(bytes, kf_buf_slice(&other)));
        kf_buf_reset(&other);
    }
    CU_ASSERT_FALSE(proves(bytes, kf_slice_of("no public key")));
    CU_ASSERT(proves(bytes, kf_buf_slice(&spki)));
    zero(&blob, AT_DP, AT_DQ); /* to be computed: left to the others */
    CU_ASSERT(belongs(bytes, kf_buf_slice(&spki)));
    CU_ASSERT_FALSE(proves(bytes, kf_buf_slice(&spki)));
    kf_buf_reset(&blob);
    kf_buf_reset(&spki);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"RSA blobs are OpenSSL's MSBLOB", test_rsa_is_msblob},
        {"ECC blobs come back", test_ecc_comes_back},
        {"changed RSA blobs are refused", test_refuses_changed_rsa},
        {"signature keys are taken", test_takes_signature_keys},
        {"missing numbers are supplied", test_supplies_missing_numbers},
        {"changed ECC blobs are refused", test_refuses_changed_ecc},
        {"layout of ECC blobs", test_ecc_layout},
        {"other lengths are refused", test_refuses_other_lengths},
        {"everything else stays PKCS #8", test_everything_else_stays_pkcs8},
        {"unbalanced primes stay PKCS #8", test_unbalanced_primes_stay_pkcs8},
        {"ECC scalars of other lengths", test_ecc_scalars_of_other_lengths},
        {"proving many", test_proves},
        {NULL, NULL},
    };

    return suite_run("keyblob", tests);
}
