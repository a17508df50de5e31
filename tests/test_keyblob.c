/*
 * Private key blobs: what OpenSSL reads of ours, what comes back, and what is refused.
 */
#include "crypto/keyblob.h"

#include <stdio.h>
#include <string.h>

#include "core/der.h"
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

int main(void)
{
    static const struct suite_test tests[] = {
        {"RSA blobs are OpenSSL's MSBLOB", test_rsa_is_msblob},
        {"ECC blobs come back", test_ecc_comes_back},
        {NULL, NULL},
    };

    return suite_run("keyblob", tests);
}
