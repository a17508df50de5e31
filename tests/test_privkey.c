/*
 * Private keys: which are read, which belong to which certificate, and what is refused.
 */
#include "crypto/privkey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/der.h"
#include "crypto/oid.h"
#include "crypto/privkey_parts.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

static const struct kind {
    const char *what;
    enum kf_key_type type;
} kinds[] = {
    {"rsa:2048", KF_KEY_RSA},
    {"rsa:1023", KF_KEY_RSA},
    {"rsa:1024:e=3", KF_KEY_RSA},
    {"rsa:1024:e=340282366920938463463374607431768211507", KF_KEY_RSA},
    {"rsa:2048:3primes", KF_KEY_RSA},
    {"rsa:4096:4primes", KF_KEY_RSA},
    {"rsa-pss:1024", KF_KEY_RSA_PSS},
    {"ec:P-256", KF_KEY_EC},
    {"ec:P-384", KF_KEY_EC},
    {"ec:P-521", KF_KEY_EC},
    {"ec:secp256k1", KF_KEY_EC},
    {"ec:brainpoolP320r1", KF_KEY_EC},
    {"ec:sect283k1", KF_KEY_EC},
    {"ec-explicit:P-256", KF_KEY_EC},
    {"ec-explicit:secp224r1", KF_KEY_EC},
    {"ed25519", KF_KEY_ED25519},
    {"ed448", KF_KEY_ED448},
    {"x25519", KF_KEY_X25519},
    {"x448", KF_KEY_X448},
    {"dsa:1024", KF_KEY_DSA},
    {"dh:ffdhe2048", KF_KEY_DH},
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* Parses what must parse. */
static void parse(const struct kf_buf *pkcs8, struct kf_privkey *key)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    if (kf_privkey_parse(kf_buf_slice(pkcs8), key, &error) != KF_OK)
        (void)fprintf(stderr, "%s\n", error.text);
    CU_ASSERT_EQUAL_FATAL(error.cause, KF_CAUSE_NONE);
}

/* The answer of match, or the status where it has none. */
static bool belongs(const struct kf_privkey *key, const struct kf_buf *spki)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    bool answer = true;

    CU_ASSERT_EQUAL(kf_privkey_match(material_crypto(), key, kf_buf_slice(spki), &answer, &error),
                    KF_OK);
    if (error.cause != KF_CAUSE_NONE)
        (void)fprintf(stderr, "%s\n", error.text);
    return answer;
}

static void test_every_kind_belongs_to_its_own(void)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;

    for (size_t i = 0; i < KIND_COUNT; i++) {
        EVP_PKEY *openssl = material_key(kinds[i].what);
        struct kf_privkey key;
        uint8_t ours[KF_SHA256_SIZE];
        uint8_t theirs[KF_SHA256_SIZE];

        material_pkcs8(openssl, &pkcs8);
        parse(&pkcs8, &key);
        CU_ASSERT_EQUAL(key.type, kinds[i].type);
        CU_ASSERT_EQUAL(kf_privkey_check(material_crypto(), &key, NULL), KF_OK);
        for (size_t j = 0; j < KIND_COUNT; j++) {
            material_spki(material_key(kinds[j].what), &spki);
            CU_ASSERT_EQUAL(belongs(&key, &spki), i == j);
            CU_ASSERT_EQUAL(kf_privkey_fingerprint(material_crypto(), &key, ours, NULL), KF_OK);
            CU_ASSERT_EQUAL(
                kf_spki_fingerprint(material_crypto(), kf_buf_slice(&spki), theirs, NULL), KF_OK);
            CU_ASSERT_EQUAL(memcmp(ours, theirs, sizeof(ours)) == 0, i == j);
        }
    }
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&spki);
}

/* ---- making structures by hand ---- */

static void must(enum kf_status status)
{
    CU_ASSERT_EQUAL_FATAL(status, KF_OK);
}

#define HEX(literal) ((struct kf_slice){(const uint8_t *)(literal), sizeof(literal) - 1})
#define NOTHING      ((struct kf_slice){NULL, 0})

/* The numbers in the order of RSAPrivateKey. */
static void list_numbers(const struct kf_rsa_numbers *rsa, struct kf_slice out[8])
{
    out[0] = rsa->n;
    out[1] = rsa->e;
    out[2] = rsa->d;
    out[3] = rsa->p;
    out[4] = rsa->q;
    out[5] = rsa->dp;
    out[6] = rsa->dq;
    out[7] = rsa->qinv;
}

/* RSAPrivateKey; others is OtherPrimeInfos, whole, or empty. */
static void put_pkcs1(const struct kf_slice numbers[8], unsigned version, struct kf_slice others,
                      struct kf_buf *out)
{
    kf_buf_clear(out);
    must(kf_der_put_uint(out, version, NULL));
    for (size_t i = 0; i < 8; i++)
        must(kf_der_put_unsigned(out, numbers[i], NULL));
    must(kf_buf_append(out, others.data, others.len, NULL));
    must(kf_der_wrap(out, 0, KF_DER_SEQUENCE, NULL));
}

/* OneAsymmetricKey with anything after its privateKey. */
static void put_pkcs8(unsigned version, struct kf_slice oid, struct kf_slice parameters,
                      struct kf_slice content, struct kf_slice tail, struct kf_buf *out)
{
    size_t mark;

    kf_buf_clear(out);
    must(kf_der_put_uint(out, version, NULL));
    mark = out->len;
    must(kf_der_put(out, KF_DER_OID, oid, NULL));
    must(kf_buf_append(out, parameters.data, parameters.len, NULL));
    must(kf_der_wrap(out, mark, KF_DER_SEQUENCE, NULL));
    must(kf_der_put(out, KF_DER_OCTET_STRING, content, NULL));
    must(kf_buf_append(out, tail.data, tail.len, NULL));
    must(kf_der_wrap(out, 0, KF_DER_SEQUENCE, NULL));
}

static bool says(const struct kf_error *error, const char *what)
{
    if (strstr(error->text, what) != NULL)
        return true;
    (void)fprintf(stderr, "found \"%s\", not \"%s\"\n", error->text, what);
    return false;
}

static void no_key(struct kf_slice pkcs8, const char *why)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_privkey key;

    CU_ASSERT_EQUAL(kf_privkey_parse(pkcs8, &key, &error), KF_SKIP);
    CU_ASSERT(error.cause == KF_CAUSE_DATA || error.cause == KF_CAUSE_UNSUPPORTED ||
              error.cause == KF_CAUSE_LIMIT);
    CU_ASSERT(says(&error, why));
}

/* Parses, but does not stand up to its algebra. */
static void inconsistent(const struct kf_buf *pkcs8, const char *why)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_privkey key;
    bool answer = true;

    parse(pkcs8, &key);
    CU_ASSERT_EQUAL(kf_privkey_check(material_crypto(), &key, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    CU_ASSERT(says(&error, why));
    /* and no certificate changes that, its own kind or not */
    for (size_t i = 0; i < 2; i++) {
        material_spki(material_key(i == 0 ? "rsa:1024" : "ec:P-256"), &spki);
        CU_ASSERT_EQUAL(
            kf_privkey_match(material_crypto(), &key, kf_buf_slice(&spki), &answer, NULL), KF_SKIP);
        CU_ASSERT_FALSE(answer);
    }
    kf_buf_reset(&spki);
}

/* ---- RSA ---- */

/* Writes the key again with one number changed. */
static void tamper(const char *what, size_t number, size_t byte, uint8_t change, struct kf_buf *out)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf pkcs1 = KF_SECRET_BUF;
    struct kf_buf changed = KF_SECRET_BUF;
    struct kf_slice numbers[8];
    struct kf_privkey key;

    material_pkcs8(material_key(what), &pkcs8);
    parse(&pkcs8, &key);
    list_numbers(&key.rsa, numbers);
    must(kf_buf_set(&changed, numbers[number], NULL));
    changed.data[byte < changed.len ? byte : changed.len - 1] ^= change;
    numbers[number] = kf_buf_slice(&changed);
    put_pkcs1(numbers, 0, NOTHING, &pkcs1);
    kf_buf_clear(out);
    must(kf_privkey_wrap_pkcs1(kf_buf_slice(&pkcs1), out, NULL));
    kf_buf_reset(&changed);
    kf_buf_reset(&pkcs1);
    kf_buf_reset(&pkcs8);
}

static void test_each_number_of_rsa_counts(void)
{
    static const char *const reasons[] = {"the modulus", "is wrong",  "is wrong",  "is wrong",
                                          "is wrong",    "d mod p-1", "d mod q-1", "1/q mod p"};
    struct kf_buf pkcs8 = KF_SECRET_BUF;

    for (size_t number = 0; number < 8; number++) {
        tamper("rsa:1024", number, SIZE_MAX, 0x02, &pkcs8);
        inconsistent(&pkcs8, reasons[number]);
        tamper("rsa:1024", number, SIZE_MAX, 0x01, &pkcs8); /* even where it was odd */
        inconsistent(&pkcs8, "wrong");
        tamper("rsa:1024", number, 1, 0x10, &pkcs8);
        inconsistent(&pkcs8, "wrong");
    }
    kf_buf_reset(&pkcs8);
}

/* A number replaced by 0, 1, or one longer than the modulus. */
static void test_impossible_numbers_of_rsa(void)
{
    static const uint8_t one = 1;
    uint8_t lengthy[200];
    const struct kf_slice values[] = {NOTHING, {&one, 1}, {lengthy, sizeof(lengthy)}};
    struct kf_buf source = KF_SECRET_BUF;
    struct kf_buf pkcs1 = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_privkey key;

    memset(lengthy, 0x7f, sizeof(lengthy));
    material_pkcs8(material_key("rsa:1024"), &source);
    parse(&source, &key);
    for (size_t number = 1; number < 8; number++) {
        for (size_t value = 0; value < 3; value++) {
            struct kf_slice numbers[8];

            list_numbers(&key.rsa, numbers);
            numbers[number] = values[value];
            put_pkcs1(numbers, 0, NOTHING, &pkcs1);
            kf_buf_clear(&pkcs8);
            must(kf_privkey_wrap_pkcs1(kf_buf_slice(&pkcs1), &pkcs8, NULL));
            inconsistent(&pkcs8, "inconsistent");
        }
    }
    kf_buf_reset(&source);
    kf_buf_reset(&pkcs1);
    kf_buf_reset(&pkcs8);
}

/* OpenSSL reduces d by lcm(p-1, q-1), others by (p-1)(q-1): both are right (RFC 8017 3.2). */
static void test_d_by_phi_or_by_lambda(void)
{
    struct kf_buf source = KF_SECRET_BUF;
    struct kf_buf pkcs1 = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_privkey key;
    struct kf_slice numbers[8];
    BN_CTX *context = BN_CTX_new();
    BIGNUM *p = BN_new();
    BIGNUM *q = BN_new();
    BIGNUM *e = BN_new();
    BIGNUM *phi = BN_new();
    BIGNUM *d = BN_new();
    uint8_t bytes[128];

    material_pkcs8(material_key("rsa:1024"), &source);
    parse(&source, &key);
    list_numbers(&key.rsa, numbers);
    CU_ASSERT_PTR_NOT_NULL(BN_bin2bn(key.rsa.p.data, (int)key.rsa.p.len, p));
    CU_ASSERT_PTR_NOT_NULL(BN_bin2bn(key.rsa.q.data, (int)key.rsa.q.len, q));
    CU_ASSERT_PTR_NOT_NULL(BN_bin2bn(key.rsa.e.data, (int)key.rsa.e.len, e));
    CU_ASSERT(BN_sub_word(p, 1) == 1 && BN_sub_word(q, 1) == 1 && BN_mul(phi, p, q, context) == 1);
    CU_ASSERT_PTR_NOT_NULL(BN_mod_inverse(d, e, phi, context));
    numbers[2] = (struct kf_slice){bytes, (size_t)BN_bn2bin(d, bytes)};
    put_pkcs1(numbers, 0, NOTHING, &pkcs1);
    must(kf_privkey_wrap_pkcs1(kf_buf_slice(&pkcs1), &pkcs8, NULL));
    parse(&pkcs8, &key);
    CU_ASSERT_EQUAL(kf_privkey_check(material_crypto(), &key, NULL), KF_OK);
    BN_free(d);
    BN_free(phi);
    BN_free(e);
    BN_free(q);
    BN_free(p);
    BN_CTX_free(context);
    kf_buf_reset(&source);
    kf_buf_reset(&pkcs1);
    kf_buf_reset(&pkcs8);
}

/* A key with primes after the second; where each of their bytes is, and that each counts. */
static void test_further_primes_count(void)
{
    static const char *const reasons[] = {"prime", "further prime's exponent",
                                          "further prime's coefficient"};
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_privkey key;
    struct kf_other_prime prime;
    struct kf_slice list;
    size_t offsets[3];

    material_pkcs8(material_key("rsa:2048:3primes"), &pkcs8);
    parse(&pkcs8, &key);
    list = key.rsa.other_primes;
    CU_ASSERT_FATAL(kf_other_prime_next(&list, &prime) && kf_der_end(&list));
    offsets[0] = (size_t)(prime.prime.data - pkcs8.data) + prime.prime.len - 1;
    offsets[1] = (size_t)(prime.exponent.data - pkcs8.data) + prime.exponent.len - 1;
    offsets[2] = (size_t)(prime.coefficient.data - pkcs8.data) + prime.coefficient.len - 1;
    for (size_t i = 0; i < 3; i++) {
        pkcs8.data[offsets[i]] ^= 2;
        inconsistent(&pkcs8, reasons[i]);
        pkcs8.data[offsets[i]] ^= 2;
    }
    parse(&pkcs8, &key);
    CU_ASSERT_EQUAL(kf_privkey_check(material_crypto(), &key, NULL), KF_OK);
    kf_buf_reset(&pkcs8);
}

static void test_refuses_rsa_structures(void)
{
    struct kf_buf source = KF_SECRET_BUF;
    struct kf_buf pkcs1 = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_slice numbers[8];
    struct kf_privkey key;
    static const struct {
        unsigned version;
        const char *others;
        size_t len;
        const char *why;
    } cases[] = {
        {1, "", 0, "other primes"},                /* version 1 without them */
        {0, "\x30\x00", 2, "bytes after the RSA"}, /* version 0 with them */
        {1, "\x30\x00", 2, "other primes"},        /* an empty list */
        {2, "", 0, "broken RSAPrivateKey"},
        {1, "\x30\x02\x30\x00", 4, "other primes"}, /* an empty prime */
        {0, "\x05\x00", 2, "bytes after the RSA"},
    };

    material_pkcs8(material_key("rsa:1024"), &source);
    parse(&source, &key);
    list_numbers(&key.rsa, numbers);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_pkcs1(numbers, cases[i].version,
                  (struct kf_slice){(const uint8_t *)cases[i].others, cases[i].len}, &pkcs1);
        kf_buf_clear(&pkcs8);
        must(kf_privkey_wrap_pkcs1(kf_buf_slice(&pkcs1), &pkcs8, NULL));
        no_key(kf_buf_slice(&pkcs8), cases[i].why);
    }
    kf_buf_reset(&source);
    kf_buf_reset(&pkcs1);
    kf_buf_reset(&pkcs8);
}

static void test_six_primes_are_too_many(void)
{
    struct kf_buf list = KF_SECRET_BUF;
    struct kf_buf pkcs1 = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_slice numbers[8];
    uint8_t modulus[128];
    struct kf_privkey key;

    memset(modulus, 0xff, sizeof(modulus));
    for (size_t i = 0; i < 8; i++)
        numbers[i] = (struct kf_slice){modulus, sizeof(modulus)};
    for (unsigned primes = 3; primes <= 6; primes++) {
        size_t mark = list.len;

        for (unsigned i = 0; i < 3; i++)
            must(kf_der_put_uint(&list, 3, NULL));
        must(kf_der_wrap(&list, mark, KF_DER_SEQUENCE, NULL));
        must(kf_buf_set(&pkcs8, kf_buf_slice(&list), NULL));
        must(kf_der_wrap(&pkcs8, 0, KF_DER_SEQUENCE, NULL));
        put_pkcs1(numbers, 1, kf_buf_slice(&pkcs8), &pkcs1);
        kf_buf_clear(&pkcs8);
        must(kf_privkey_wrap_pkcs1(kf_buf_slice(&pkcs1), &pkcs8, NULL));
        CU_ASSERT_EQUAL(kf_privkey_parse(kf_buf_slice(&pkcs8), &key, NULL),
                        primes <= 5 ? KF_OK : KF_SKIP);
    }
    kf_buf_reset(&list);
    kf_buf_reset(&pkcs1);
    kf_buf_reset(&pkcs8);
}

static void test_bounds_of_rsa(void)
{
    static const struct {
        size_t bits;
        bool taken;
    } sizes[] = {{511, false}, {512, true}, {16384, true}, {16385, false}};
    uint8_t *modulus = malloc(2049);
    struct kf_buf pkcs1 = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;

    CU_ASSERT_PTR_NOT_NULL_FATAL(modulus);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t len = (sizes[i].bits + 7) / 8;
        struct kf_slice numbers[8];
        struct kf_privkey key;

        memset(modulus, 0xff, len);
        modulus[0] = (uint8_t)(0xff >> (8 * len - sizes[i].bits));
        for (size_t j = 0; j < 8; j++)
            numbers[j] = (struct kf_slice){modulus, len};
        put_pkcs1(numbers, 0, NOTHING, &pkcs1);
        kf_buf_clear(&pkcs8);
        must(kf_privkey_wrap_pkcs1(kf_buf_slice(&pkcs1), &pkcs8, NULL));
        if (sizes[i].taken)
            CU_ASSERT_EQUAL(kf_privkey_parse(kf_buf_slice(&pkcs8), &key, NULL), KF_OK);
        if (!sizes[i].taken)
            no_key(kf_buf_slice(&pkcs8), "bits");
    }
    free(modulus);
    kf_buf_reset(&pkcs1);
    kf_buf_reset(&pkcs8);
}

/* ---- PKCS #8 itself ---- */

static void test_tolerates_what_exists(void)
{
    static const struct {
        unsigned version;
        const char *parameters;
        size_t parameters_len;
        const char *tail;
        size_t tail_len;
    } cases[] = {
        {0, "\x05\x00", 2, "", 0},
        {0, "", 0, "", 0},                 /* no NULL */
        {0, "\x05\x00", 2, "\xa0\x00", 2}, /* attributes */
        {0, "\x05\x00", 2, "\xa0\x09\x30\x07\x06\x03\x55\x1d\x0f\x31\x00", 11},
    };
    struct kf_buf source = KF_SECRET_BUF;
    struct kf_buf pkcs1 = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_slice numbers[8];
    struct kf_privkey key;

    material_pkcs8(material_key("rsa:1024"), &source);
    material_spki(material_key("rsa:1024"), &spki);
    parse(&source, &key);
    list_numbers(&key.rsa, numbers);
    put_pkcs1(numbers, 0, NOTHING, &pkcs1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kf_slice parameters = {(const uint8_t *)cases[i].parameters,
                                      cases[i].parameters_len};
        struct kf_slice tail = {(const uint8_t *)cases[i].tail, cases[i].tail_len};

        put_pkcs8(cases[i].version, KF_OID(KF_OID_RSA), parameters, kf_buf_slice(&pkcs1), tail,
                  &pkcs8);
        parse(&pkcs8, &key);
        CU_ASSERT(belongs(&key, &spki));
        put_pkcs8(cases[i].version, KF_OID(KF_OID_RSA_PSS), parameters, kf_buf_slice(&pkcs1), tail,
                  &pkcs8);
        parse(&pkcs8, &key);
        CU_ASSERT_EQUAL(key.type, KF_KEY_RSA_PSS);
        CU_ASSERT(belongs(&key, &spki)); /* one family */
    }
    kf_buf_reset(&source);
    kf_buf_reset(&pkcs1);
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&spki);
}

/* Version 2 with a public key ([1] IMPLICIT, and EXPLICIT as some wrote it). */
static void test_public_key_that_comes_along(void)
{
    struct kf_buf content = KF_SECRET_BUF;
    struct kf_buf source = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf tail = KF_PUBLIC_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_privkey key;

    material_pkcs8(material_key("ed25519"), &source);
    material_spki(material_key("ed25519"), &spki);
    parse(&source, &key);
    must(kf_der_put(&content, KF_DER_OCTET_STRING, key.scalar, NULL));
    for (unsigned wrong = 0; wrong < 2; wrong++) {
        for (unsigned is_explicit = 0; is_explicit < 2; is_explicit++) {
            kf_buf_clear(&tail);
            must(kf_buf_append(&tail, "", 1, NULL)); /* unused bits */
            must(kf_buf_append(&tail, spki.data + spki.len - 32, 32, NULL));
            tail.data[20] ^= (uint8_t)wrong;
            must(kf_der_wrap(&tail, 0, is_explicit != 0 ? KF_DER_BIT_STRING : KF_DER_CONTEXT | 1,
                             NULL));
            if (is_explicit != 0)
                must(kf_der_wrap(&tail, 0, KF_DER_CONTEXT_CONSTRUCTED | 1, NULL));
            put_pkcs8(1, KF_OID(KF_OID_ED25519), NOTHING, kf_buf_slice(&content),
                      kf_buf_slice(&tail), &pkcs8);
            parse(&pkcs8, &key);
            CU_ASSERT_EQUAL(key.public_key.len, 32);
            if (wrong == 0)
                CU_ASSERT(belongs(&key, &spki));
            if (wrong != 0)
                inconsistent(&pkcs8, "another public key");
        }
    }
    kf_buf_reset(&content);
    kf_buf_reset(&source);
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&tail);
    kf_buf_reset(&spki);
}

static void test_refuses_broken_envelopes(void)
{
    struct kf_buf source = KF_SECRET_BUF;
    struct kf_buf pkcs1 = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_slice numbers[8];
    struct kf_slice rsa;
    struct kf_privkey key;

    material_pkcs8(material_key("rsa:1024"), &source);
    parse(&source, &key);
    list_numbers(&key.rsa, numbers);
    put_pkcs1(numbers, 0, NOTHING, &pkcs1);
    rsa = kf_buf_slice(&pkcs1);
    no_key(rsa, "no algorithm identifier"); /* bare PKCS #1 */
    put_pkcs8(2, KF_OID(KF_OID_RSA), NOTHING, rsa, NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "version");
    put_pkcs8(0, HEX("\x2a\x03\x04"), NOTHING, rsa, NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "unknown algorithm, 1.2.3.4");
    put_pkcs8(0, KF_OID(KF_OID_RSA), HEX("\x05\x00\x05\x00"), rsa, NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "no algorithm identifier");
    put_pkcs8(0, KF_OID(KF_OID_RSA), NOTHING, rsa, HEX("\x05\x00"), &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "unknown fields");
    put_pkcs8(0, KF_OID(KF_OID_RSA), NOTHING, rsa, HEX("\xa0\x00\xa0\x00"), &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "unknown fields");
    put_pkcs8(1, KF_OID(KF_OID_RSA), NOTHING, rsa, HEX("\x81\x02\x01\x00"), &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "broken public key"); /* seven bits */
    put_pkcs8(1, KF_OID(KF_OID_RSA), NOTHING, rsa, HEX("\xa1\x02\x05\x00"), &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "broken public key");
    put_pkcs8(0, KF_OID(KF_OID_RSA), NOTHING, rsa, NOTHING, &pkcs8);
    must(kf_buf_append(&pkcs8, "", 1, NULL));
    no_key(kf_buf_slice(&pkcs8), "bytes after it");
    must(kf_buf_append(&pkcs1, "", 1, NULL));
    put_pkcs8(0, KF_OID(KF_OID_RSA), NOTHING, kf_buf_slice(&pkcs1), NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "broken RSAPrivateKey"); /* bytes after it, inside */
    no_key((struct kf_slice){pkcs8.data, (256u << 10) + 1}, "at most");
    kf_buf_reset(&source);
    kf_buf_reset(&pkcs1);
    kf_buf_reset(&pkcs8);
}

/* A copy in a block of its own, so that a sanitizer sees each read beyond its end. */
static void no_key_cut(const struct kf_buf *pkcs8, size_t len)
{
    uint8_t *block = malloc(len + 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    memcpy(block + 1, pkcs8->data, len);
    no_key((struct kf_slice){block + 1, len}, "");
    free(block);
}

static void test_refuses_every_truncation(void)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;

    for (size_t i = 0; i < KIND_COUNT; i++) {
        material_pkcs8(material_key(kinds[i].what), &pkcs8);
        for (size_t len = 0; len < pkcs8.len; len++)
            no_key_cut(&pkcs8, len);
    }
    kf_buf_reset(&pkcs8);
}

/*
 * Any byte may be anything. From the modulus on, every change of an RSA key must be found; for the
 * others it is enough here that nothing breaks, and that some changes are found.
 */
static void test_survives_every_changed_byte(void)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;

    for (size_t i = 0; i < KIND_COUNT; i++) {
        size_t found = 0;
        bool strict = strcmp(kinds[i].what, "rsa:1024:e=3") == 0;

        if (strcmp(kinds[i].what, "dh:ffdhe2048") == 0 ||
            strcmp(kinds[i].what, "rsa:4096:4primes") == 0)
            continue; /* slow, and like others */
        material_pkcs8(material_key(kinds[i].what), &pkcs8);
        material_spki(material_key(kinds[i].what), &spki);
        for (size_t at = 0; at < pkcs8.len; at++) {
            struct kf_privkey key;
            bool answer = false;

            pkcs8.data[at] ^= (uint8_t)(1u << at % 8);
            if (kf_privkey_parse(kf_buf_slice(&pkcs8), &key, NULL) == KF_OK)
                (void)!kf_privkey_match(material_crypto(), &key, kf_buf_slice(&spki), &answer,
                                        NULL);
            found += answer ? 0 : 1;
            if (strict && at >= 29)
                CU_ASSERT_FALSE(answer);
            pkcs8.data[at] ^= (uint8_t)(1u << at % 8);
        }
        CU_ASSERT(found > pkcs8.len / 4);
    }
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&spki);
}

/* ---- the bare structures ---- */

static void test_wraps_bare_structures(void)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf bare = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_privkey key;

    outside_write_key("rsa.pem", material_key("rsa:1024"));
    CU_ASSERT(outside_run("openssl rsa -in rsa.pem -traditional -outform DER -out rsa.der"));
    outside_read("rsa.der", &bare);
    no_key(kf_buf_slice(&bare), "");
    must(kf_privkey_wrap_pkcs1(kf_buf_slice(&bare), &pkcs8, NULL));
    parse(&pkcs8, &key);
    material_spki(material_key("rsa:1024"), &spki);
    CU_ASSERT(belongs(&key, &spki));
    must(kf_buf_append(&bare, "", 1, NULL));
    CU_ASSERT_EQUAL(kf_privkey_wrap_pkcs1(kf_buf_slice(&bare), &pkcs8, NULL), KF_SKIP);

    outside_write_key("ec.pem", material_key("ec:P-256"));
    CU_ASSERT(outside_run("openssl ec -in ec.pem -outform DER -out ec.der"));
    outside_read("ec.der", &bare);
    no_key(kf_buf_slice(&bare), "");
    kf_buf_clear(&pkcs8);
    must(kf_privkey_wrap_sec1(kf_buf_slice(&bare), &pkcs8, NULL));
    parse(&pkcs8, &key);
    material_spki(material_key("ec:P-256"), &spki);
    CU_ASSERT(belongs(&key, &spki));
    outside_write("wrapped.der", kf_buf_slice(&pkcs8));
    CU_ASSERT(outside_run("openssl pkey -inform DER -in wrapped.der -noout -check"));
    must(kf_buf_append(&bare, "", 1, NULL));
    CU_ASSERT_EQUAL(kf_privkey_wrap_sec1(kf_buf_slice(&bare), &pkcs8, NULL), KF_SKIP);
    /* one that does not name its curve */
    CU_ASSERT_EQUAL(kf_privkey_wrap_sec1(HEX("\x30\x06\x02\x01\x01\x04\x01\x05"), &pkcs8, NULL),
                    KF_SKIP);
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&bare);
    kf_buf_reset(&spki);
}

/* ---- elliptic curves ---- */

#define P256 "\x06\x08" KF_OID_P256
#define P384 "\x06\x05" KF_OID_P384
#define ORDER                                                                                      \
    "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"                             \
    "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51"

/* PKCS #8 of an ECPrivateKey with any parameters, outside and inside, and a public point. */
static void put_ec(struct kf_slice outer, struct kf_slice scalar, struct kf_slice inner,
                   struct kf_slice point, struct kf_buf *out)
{
    struct kf_buf content = KF_SECRET_BUF;
    size_t mark;

    must(kf_der_put_uint(&content, 1, NULL));
    must(kf_der_put(&content, KF_DER_OCTET_STRING, scalar, NULL));
    if (inner.len != 0)
        must(kf_der_put(&content, KF_DER_CONTEXT_CONSTRUCTED | 0, inner, NULL));
    mark = content.len;
    if (point.len != 0) {
        must(kf_buf_append(&content, "", 1, NULL));
        must(kf_buf_append(&content, point.data, point.len, NULL));
        must(kf_der_wrap(&content, mark, KF_DER_BIT_STRING, NULL));
        must(kf_der_wrap(&content, mark, KF_DER_CONTEXT_CONSTRUCTED | 1, NULL));
    }
    must(kf_der_wrap(&content, 0, KF_DER_SEQUENCE, NULL));
    put_pkcs8(0, KF_OID(KF_OID_EC), outer, kf_buf_slice(&content), NOTHING, out);
    kf_buf_reset(&content);
}

static void test_places_of_the_curve(void)
{
    struct kf_buf source = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_slice scalar;
    struct kf_privkey key;

    material_pkcs8(material_key("ec:P-256"), &source);
    material_spki(material_key("ec:P-256"), &spki);
    parse(&source, &key);
    scalar = key.scalar;
    put_ec(HEX(P256), scalar, NOTHING, NOTHING, &pkcs8);
    parse(&pkcs8, &key);
    CU_ASSERT(belongs(&key, &spki));
    put_ec(HEX(P256), scalar, HEX(P256), NOTHING, &pkcs8);
    parse(&pkcs8, &key);
    CU_ASSERT(belongs(&key, &spki));
    put_ec(NOTHING, scalar, HEX(P256), NOTHING, &pkcs8);
    parse(&pkcs8, &key);
    CU_ASSERT(belongs(&key, &spki));
    put_ec(HEX("\x05\x00"), scalar, HEX(P256), NOTHING, &pkcs8);
    parse(&pkcs8, &key);
    CU_ASSERT(belongs(&key, &spki));
    put_ec(HEX(P384), scalar, HEX(P256), NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "two curves");
    put_ec(NOTHING, scalar, NOTHING, NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "names no curve");
    put_ec(HEX(P256), scalar, HEX(P256 "\x05\x00"), NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "broken parameters");
    put_ec(HEX(P256), NOTHING, NOTHING, NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "impossible length");
    put_ec(HEX(P384), scalar, NOTHING, NOTHING, &pkcs8); /* the same number on another curve */
    parse(&pkcs8, &key);
    CU_ASSERT_FALSE(belongs(&key, &spki));
    kf_buf_reset(&source);
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&spki);
}

static void test_range_of_the_private_value(void)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_privkey key;

    put_ec(HEX(P256), HEX("\x00"), NOTHING, NOTHING, &pkcs8);
    inconsistent(&pkcs8, "out of range");
    put_ec(HEX(P256), HEX(ORDER), NOTHING, NOTHING, &pkcs8);
    inconsistent(&pkcs8, "out of range");
    put_ec(HEX(P256), HEX("\x01"), NOTHING, NOTHING, &pkcs8);
    parse(&pkcs8, &key);
    CU_ASSERT_EQUAL(kf_privkey_check(material_crypto(), &key, NULL), KF_OK);
    kf_buf_reset(&pkcs8);
}

static void test_points_in_every_form(void)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf full = KF_PUBLIC_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_buf with = KF_SECRET_BUF;
    struct kf_privkey key;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    uint8_t ours[KF_SHA256_SIZE];
    uint8_t theirs[KF_SHA256_SIZE];
    bool answer = true;

    material_pkcs8(material_key("ec:P-384"), &pkcs8);
    outside_write_key("ec.pem", material_key("ec:P-384"));
    CU_ASSERT(outside_run("openssl ec -in ec.pem -pubout -outform DER -out full.der"));
    CU_ASSERT(outside_run("openssl ec -in ec.pem -pubout -conv_form compressed -outform DER "
                          "-out short.der"));
    outside_read("full.der", &full);
    outside_read("short.der", &spki);
    CU_ASSERT(spki.len < full.len);
    parse(&pkcs8, &key);
    CU_ASSERT(belongs(&key, &full));
    CU_ASSERT(belongs(&key, &spki));
    must(kf_privkey_fingerprint(material_crypto(), &key, ours, NULL));
    must(kf_spki_fingerprint(material_crypto(), kf_buf_slice(&spki), theirs, NULL));
    CU_ASSERT(memcmp(ours, theirs, sizeof(ours)) == 0);
    /* the compressed point as the key's own public key, then the other of the two with that x */
    put_ec(HEX(P384), key.scalar, NOTHING, (struct kf_slice){spki.data + spki.len - 49, 49}, &with);
    parse(&with, &key);
    CU_ASSERT(belongs(&key, &full));
    spki.data[spki.len - 49] ^= 1;
    CU_ASSERT_FALSE(belongs(&key, &spki));
    put_ec(HEX(P384), key.scalar, NOTHING, (struct kf_slice){spki.data + spki.len - 49, 49},
           &pkcs8);
    inconsistent(&pkcs8, "another public key");
    /* no point at all */
    spki.data[spki.len - 49] = 5;
    parse(&with, &key);
    CU_ASSERT_EQUAL(kf_privkey_match(material_crypto(), &key, kf_buf_slice(&spki), &answer, &error),
                    KF_SKIP);
    CU_ASSERT_FALSE(answer);
    CU_ASSERT(says(&error, "not a point"));
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&full);
    kf_buf_reset(&spki);
    kf_buf_reset(&with);
}

/* One curve by name and by value, in either place. */
static void test_explicit_is_named(void)
{
    static const char *const keys[] = {"ec:P-256", "ec-explicit:P-256"};
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_buf other = KF_PUBLIC_BUF;
    struct kf_privkey key;

    for (size_t i = 0; i < 2; i++) {
        outside_write_key("ec.pem", material_key(keys[i]));
        CU_ASSERT(outside_run("openssl ec -in ec.pem -pubout -param_enc named_curve -outform DER "
                              "-out named.der"));
        CU_ASSERT(outside_run("openssl ec -in ec.pem -pubout -param_enc explicit -outform DER "
                              "-out explicit.der"));
        material_pkcs8(material_key(keys[i]), &pkcs8);
        parse(&pkcs8, &key);
        outside_read("named.der", &spki);
        CU_ASSERT(belongs(&key, &spki));
        outside_read("explicit.der", &other);
        CU_ASSERT(other.len > spki.len);
        CU_ASSERT(belongs(&key, &other));
    }
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&spki);
    kf_buf_reset(&other);
}

static void test_unknown_curves(void)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_privkey key;
    uint8_t fingerprint[KF_SHA256_SIZE];

    put_ec(HEX("\x06\x03\x2a\x03\x04"), HEX("\x05"), NOTHING, NOTHING, &pkcs8);
    parse(&pkcs8, &key);
    CU_ASSERT_EQUAL(key.curve, 0);
    CU_ASSERT_EQUAL(kf_privkey_check(material_crypto(), &key, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_UNSUPPORTED);
    CU_ASSERT_EQUAL(kf_privkey_fingerprint(material_crypto(), &key, fingerprint, NULL), KF_SKIP);
    CU_ASSERT_PTR_NULL(kf_privkey_to_openssl(material_crypto(), &key, NULL));
    put_ec(HEX("\x30\x03\x02\x01\x01"), HEX("\x05"), NOTHING, NOTHING, &pkcs8);
    parse(&pkcs8, &key);
    CU_ASSERT_EQUAL(kf_privkey_check(material_crypto(), &key, NULL), KF_SKIP);
    kf_buf_reset(&pkcs8);
}

/* ---- the others ---- */

static void test_refuses_other_private_values(void)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf source = KF_SECRET_BUF;
    struct kf_privkey key;

    put_pkcs8(0, KF_OID(KF_OID_ED25519), NOTHING, HEX("\x04\x01\x05"), NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "wrong length");
    put_pkcs8(0, KF_OID(KF_OID_X448), NOTHING, HEX("\x05\x00"), NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "broken CurvePrivateKey");
    put_pkcs8(0, KF_OID(KF_OID_DSA), NOTHING, HEX("\x02\x01\x05"), NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "names no group");
    material_pkcs8(material_key("dsa:1024"), &source);
    parse(&source, &key);
    put_pkcs8(0, KF_OID(KF_OID_DSA), key.parameters, HEX("\x04\x01\x05"), NOTHING, &pkcs8);
    no_key(kf_buf_slice(&pkcs8), "not an INTEGER");
    put_pkcs8(0, KF_OID(KF_OID_DSA), key.parameters, HEX("\x02\x01\x00"), NOTHING, &pkcs8);
    inconsistent(&pkcs8, "out of range");
    put_pkcs8(0, KF_OID(KF_OID_DSA), HEX("\x30\x09\x02\x01\x09\x02\x01\x05\x02\x01\x02"),
              HEX("\x02\x01\x05"), NOTHING, &pkcs8);
    inconsistent(&pkcs8, "out of range"); /* x = q */
    put_pkcs8(0, KF_OID(KF_OID_DSA), HEX("\x30\x09\x02\x01\x08\x02\x01\x05\x02\x01\x02"),
              HEX("\x02\x01\x03"), NOTHING, &pkcs8);
    inconsistent(&pkcs8, "impossible"); /* p is even */
    put_pkcs8(0, KF_OID(KF_OID_DH_PKCS3), HEX("\x30\x06\x02\x01\x07\x02\x01\x01"),
              HEX("\x02\x01\x03"), NOTHING, &pkcs8);
    inconsistent(&pkcs8, "impossible"); /* g is 1 */
    put_pkcs8(0, KF_OID(KF_OID_DH_PKCS3), HEX("\x30\x03\x02\x01\x07"), HEX("\x02\x01\x03"), NOTHING,
              &pkcs8);
    inconsistent(&pkcs8, "cannot be read");
    kf_buf_reset(&source);
    kf_buf_reset(&pkcs8);
}

static void test_bounds_of_groups(void)
{
    struct kf_buf group = KF_PUBLIC_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_privkey key;
    uint8_t modulus[1251];

    memset(modulus, 0xff, sizeof(modulus)); /* 10,008 bits */
    must(kf_der_put_unsigned(&group, (struct kf_slice){modulus, sizeof(modulus)}, NULL));
    must(kf_der_put_uint(&group, 2, NULL));
    must(kf_der_wrap(&group, 0, KF_DER_SEQUENCE, NULL));
    put_pkcs8(0, KF_OID(KF_OID_DH_PKCS3), kf_buf_slice(&group), HEX("\x02\x01\x03"), NOTHING,
              &pkcs8);
    parse(&pkcs8, &key);
    CU_ASSERT_EQUAL(kf_privkey_check(material_crypto(), &key, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_UNSUPPORTED);
    kf_buf_reset(&group);
    kf_buf_reset(&pkcs8);
}

/* ---- public keys ---- */

static void test_refuses_broken_public_keys(void)
{
    static const char *const keys[] = {"rsa:1024", "ed25519", "dsa:1024"};
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_privkey key;
    uint8_t fingerprint[KF_SHA256_SIZE];
    bool answer = true;

    for (size_t i = 0; i < 3; i++) {
        material_pkcs8(material_key(keys[i]), &pkcs8);
        material_spki(material_key(keys[i]), &spki);
        parse(&pkcs8, &key);
        for (size_t len = 0; len < spki.len; len++) {
            struct kf_slice cut = {spki.data, len};

            CU_ASSERT_EQUAL(kf_privkey_match(material_crypto(), &key, cut, &answer, NULL), KF_SKIP);
            CU_ASSERT_FALSE(answer);
            CU_ASSERT_EQUAL(kf_spki_fingerprint(material_crypto(), cut, fingerprint, NULL),
                            KF_SKIP);
        }
        must(kf_buf_append(&spki, "", 1, NULL));
        CU_ASSERT_EQUAL(
            kf_privkey_match(material_crypto(), &key, kf_buf_slice(&spki), &answer, NULL), KF_SKIP);
    }
    /* the frame is whole, but what stands inside is not a key */
    material_pkcs8(material_key("rsa:1024"), &pkcs8);
    material_spki(material_key("rsa:1024"), &spki);
    parse(&pkcs8, &key);
    spki.data[22] = KF_DER_SET;
    CU_ASSERT_EQUAL(kf_privkey_match(material_crypto(), &key, kf_buf_slice(&spki), &answer, NULL),
                    KF_SKIP);
    CU_ASSERT_EQUAL(kf_spki_fingerprint(material_crypto(), kf_buf_slice(&spki), fingerprint, NULL),
                    KF_SKIP);
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&spki);
}

static void test_same_kind_does_not_belong(void)
{
    static const char *const pairs[][2] = {
        {"rsa:1024", "rsa:1024#2"}, {"ec:P-256", "ec:P-256#2"}, {"ed25519", "ed25519#2"},
        {"dsa:1024", "dsa:1024#2"}, {"x448", "x448#2"},         {"dh:ffdhe2048", "dh:ffdhe2048#2"},
    };
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_privkey key;

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        material_pkcs8(material_key(pairs[i][0]), &pkcs8);
        parse(&pkcs8, &key);
        material_spki(material_key(pairs[i][1]), &spki);
        CU_ASSERT_FALSE(belongs(&key, &spki));
    }
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&spki);
}

/* ---- OpenSSL ---- */

static void test_openssl_and_back(void)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf back = KF_SECRET_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;

    for (size_t i = 0; i < KIND_COUNT; i++) {
        EVP_PKEY *original = material_key(kinds[i].what);
        EVP_PKEY *openssl;
        struct kf_privkey key;

        material_pkcs8(original, &pkcs8);
        material_spki(original, &spki);
        parse(&pkcs8, &key);
        openssl = kf_privkey_to_openssl(material_crypto(), &key, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(openssl);
        CU_ASSERT_EQUAL(EVP_PKEY_eq(original, openssl), 1);
        kf_buf_clear(&back);
        must(kf_privkey_from_openssl(openssl, &back, NULL));
        parse(&back, &key);
        CU_ASSERT_EQUAL(key.type, kinds[i].type);
        CU_ASSERT(belongs(&key, &spki));
        EVP_PKEY_free(openssl);
    }
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&back);
    kf_buf_reset(&spki);
}

static void test_no_private_key_to_export(void)
{
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_buf out = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    const uint8_t *at;
    EVP_PKEY *public;

    material_spki(material_key("rsa:1024"), &spki);
    at = spki.data;
    public = d2i_PUBKEY_ex(NULL, &at, (long)spki.len, material_crypto()->library, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(public);
    CU_ASSERT_EQUAL(kf_privkey_from_openssl(public, &out, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_UNSUPPORTED);
    CU_ASSERT_EQUAL(out.len, 0);
    EVP_PKEY_free(public);
    kf_buf_reset(&spki);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"every kind belongs to its own", test_every_kind_belongs_to_its_own},
        {"another of the same kind does not belong", test_same_kind_does_not_belong},
        {"each number of RSA counts", test_each_number_of_rsa_counts},
        {"impossible numbers of RSA", test_impossible_numbers_of_rsa},
        {"d by phi or by lambda", test_d_by_phi_or_by_lambda},
        {"further primes count", test_further_primes_count},
        {"broken RSA structures", test_refuses_rsa_structures},
        {"six primes are too many", test_six_primes_are_too_many},
        {"bounds of RSA", test_bounds_of_rsa},
        {"what exists is tolerated", test_tolerates_what_exists},
        {"a public key that comes along", test_public_key_that_comes_along},
        {"broken envelopes", test_refuses_broken_envelopes},
        {"every truncation is refused", test_refuses_every_truncation},
        {"every changed byte is survived", test_survives_every_changed_byte},
        {"bare structures are wrapped", test_wraps_bare_structures},
        {"places of the curve", test_places_of_the_curve},
        {"range of the private value", test_range_of_the_private_value},
        {"points in every form", test_points_in_every_form},
        {"an explicit curve is the named one", test_explicit_is_named},
        {"unknown curves", test_unknown_curves},
        {"other private values", test_refuses_other_private_values},
        {"bounds of groups", test_bounds_of_groups},
        {"broken public keys", test_refuses_broken_public_keys},
        {"to OpenSSL and back", test_openssl_and_back},
        {"no private key to export", test_no_private_key_to_export},
        {NULL, NULL},
    };

    return suite_run("privkey", tests);
}
