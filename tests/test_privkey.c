/*
 * Private keys: which are read, which belong to which certificate, and what is refused.
 */
#include "crypto/privkey.h"

#include <stdio.h>
#include <string.h>

#include "core/der.h"
#include "crypto/keyblob.h"
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

int main(void)
{
    static const struct suite_test tests[] = {
        {"every kind belongs to its own", test_every_kind_belongs_to_its_own},
        {NULL, NULL},
    };

    return suite_run("privkey", tests);
}
