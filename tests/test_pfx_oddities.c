/*
 * The PKCS #12 reader: files as text, values that some writers get wrong, damage that must cost
 * nothing but itself, and what is told of a file beside its keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "core/der.h"
#include "core/limits.h"
#include "crypto/privkey.h"
#include "readers/formats.h"
#include "tests/support/material.h"
#include "tests/support/pfx_parts.h"
#include "tests/support/pfx_run.h"
#include "tests/support/suite.h"

#define SECRET "secret"

static struct pfx_part jo;
static struct pfx_part ann;

/* The file opens whole: as many keys, each proven; with this remark, or with none. Frees it. */
static void opens(struct kf_buf *file, size_t keys, const char *remark)
{
    struct pfx_run run;

    pfx_run_with(&run, kf_buf_slice(file), SECRET);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.records.count, keys);
    CU_ASSERT_EQUAL(run.proven, keys);
    CU_ASSERT_EQUAL(run.remarks.count, remark != NULL ? 1 : 0);
    if (remark != NULL && run.remarks.count != 0)
        CU_ASSERT_STRING_EQUAL(run.remarks.items[0].text, remark);
    if (run.proven != keys)
        (void)printf("\n%s\n", pfx_run_error(&run)->text);
    pfx_run_reset(&run);
    kf_buf_reset(file);
}

static void append(struct kf_buf *out, const char *text)
{
    CU_ASSERT_EQUAL_FATAL(kf_buf_append(out, text, strlen(text), NULL), KF_OK);
}

/* before, the file in base64 with lines of 64 and this end of line, after */
static void armoured(struct kf_buf *out, const char *before, const char *end, const char *after)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_buf text = KF_PUBLIC_BUF;

    pfx_usual(&der, &jo, SECRET);
    CU_ASSERT_EQUAL(kf_base64_encode(&text, kf_buf_slice(&der), NULL), KF_OK);
    append(out, before);
    for (size_t at = 0; at < text.len; at += 64) {
        size_t len = text.len - at < 64 ? text.len - at : 64;

        CU_ASSERT_EQUAL(kf_buf_append(out, text.data + at, len, NULL), KF_OK);
        append(out, end);
    }
    append(out, after);
    kf_buf_reset(&der);
    kf_buf_reset(&text);
}

static void test_text(void)
{
    static const char *const shapes[][3] = {
        {"", "\n", ""}, /* base64 alone, wrapped and not */
        {"", "", ""},
        {"\r\n", "\r\n", "\r\n"},
        {"\xef\xbb\xbf", "\n", ""},
        {"-----BEGIN PKCS12-----\n", "\n", "-----END PKCS12-----\n"},
        {"\xef\xbb\xbf-----BEGIN PKCS12-----\r\n", "\r\n", "-----END PKCS12-----\r\n"},
        {"-----BEGIN PFX-----\n", "\n", "-----END PFX-----\n"},
        /* certutil -encode calls everything a certificate */
        {"-----BEGIN CERTIFICATE-----\r\n", "\r\n", "-----END CERTIFICATE-----\r\n"},
        {"Bag Attributes\n    localKeyID: 01\n-----BEGIN PKCS12-----\n", "\n",
         "-----END PKCS12-----\ntext after it\n"},
        {"-----BEGIN X-----\nAAAA\n-----END X-----\n-----BEGIN PKCS12-----\n", "\n",
         "-----END PKCS12-----\n"},
    };

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct kf_buf file = KF_PUBLIC_BUF;

        armoured(&file, shapes[i][0], shapes[i][1], shapes[i][2]);
        CU_ASSERT_EQUAL(kf_reader_pfx.bid(kf_buf_slice(&file)), KF_BID_CERTAIN);
        CU_ASSERT(kf_reader_pem.bid(kf_buf_slice(&file)) < KF_BID_CERTAIN);
        opens(&file, 1, NULL);
    }
}

/* Text that is no PFX stays what it is, and a PFX that ends early is told as that. */
static void test_other_text(void)
{
    static const char *const others[] = {
        "",
        "MIIB",
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMIIBAgMEMAA=\n",
        "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGB", /* PKCS #8 */
        "[profile]\nname=value\n",
        "<?xml version=\"1.0\"?>",
    };
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CU_ASSERT_EQUAL(kf_reader_pfx.bid(kf_slice_of(others[i])), KF_BID_NONE);
    armoured(&file, "-----BEGIN PFX-----\n", "\n", "");
    pfx_run_with(&run, kf_buf_slice(&file), SECRET);
    CU_ASSERT_EQUAL(run.status, KF_SKIP);
    CU_ASSERT_STRING_EQUAL(run.error.text, "PEM without its last line");
    pfx_run_reset(&run);
    kf_buf_reset(&file);
    armoured(&file, "", "\n", "!");
    pfx_run_with(&run, kf_buf_slice(&file), SECRET);
    CU_ASSERT_EQUAL(run.status, KF_SKIP);
    CU_ASSERT_EQUAL(run.error.cause, KF_CAUSE_DATA);
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

/* A plain file of these bags, with a MAC. Frees them. */
static void plain_file(struct kf_buf *out, struct kf_buf *bags)
{
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct kf_buf safe = KF_PUBLIC_BUF;
    struct kf_buf contents = KF_PUBLIC_BUF;

    build_safe(&safe, kf_buf_slice(bags), false);
    build_plain(&contents, kf_buf_slice(&safe));
    build_pfx(out, kf_buf_slice(&contents), &mac);
    kf_buf_reset(&safe);
    kf_buf_reset(&contents);
    kf_buf_reset(bags);
}

/* RSAPrivateKey and ECPrivateKey where PKCS #8 belongs */
static void test_traditional_keys(void)
{
    static const char *const kinds[] = {"rsa:2048", "ec:P-256"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct build_attributes none = {.friendly_name = NULL};
        struct kf_buf bags = KF_PUBLIC_BUF;
        struct kf_buf file = KF_PUBLIC_BUF;
        struct pfx_part part;
        unsigned char *der = NULL;
        int len = i2d_PrivateKey(material_key(kinds[i]), &der);

        CU_ASSERT_FATAL(len > 0);
        pfx_part_make(&part, kinds[i], "/CN=Jo");
        build_key(&bags, (struct kf_slice){der, (size_t)len}, &none);
        build_cert(&bags, kf_buf_slice(&part.cert), &none);
        plain_file(&file, &bags);
        opens(&file, 1, NULL);
        OPENSSL_free(der);
        pfx_part_reset(&part);
    }
}

/* Zeros after the certificate are no part of it; a certificate that is none costs its key. */
static void test_padded_certificate(void)
{
    const struct build_attributes none = {.friendly_name = NULL};
    struct kf_buf padded = KF_PUBLIC_BUF;
    struct kf_buf bags = KF_PUBLIC_BUF;
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    CU_ASSERT_EQUAL(kf_buf_set(&padded, kf_buf_slice(&jo.cert), NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_buf_append(&padded, "\0\0\0\0", 4, NULL), KF_OK);
    build_key(&bags, kf_buf_slice(&jo.pkcs8), &none);
    build_cert(&bags, kf_buf_slice(&padded), &none);
    plain_file(&file, &bags);
    pfx_run_with(&run, kf_buf_slice(&file), SECRET);
    CU_ASSERT_EQUAL_FATAL(run.proven, 1);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&run.records.records[0].cert), kf_buf_slice(&jo.cert)));
    pfx_run_reset(&run);
    kf_buf_reset(&file);
    build_key(&bags, kf_buf_slice(&jo.pkcs8), &none);
    build_cert(&bags, kf_slice_of("-----BEGIN"), &none);
    plain_file(&file, &bags);
    pfx_run_with(&run, kf_buf_slice(&file), SECRET);
    CU_ASSERT_EQUAL(run.failed, 1);
    CU_ASSERT_EQUAL(pfx_run_error(&run)->cause, KF_CAUSE_DATA);
    pfx_run_reset(&run);
    kf_buf_reset(&file);
    kf_buf_reset(&padded);
}

/* Bytes after a key: passed over where a cipher may have left them, refused in the clear. */
static void test_padded_key(void)
{
    static const char *const tails[] = {"", "\x30", "more", "\x30\x03\x02\x01\x05"};
    const struct build_attributes none = {.friendly_name = NULL};
    const struct build_encryption encryption = {.name = "pbes2:aes-256-cbc:sha256",
                                                .password = build_raw(SECRET)};

    for (size_t i = 0; i < 2 * sizeof(tails) / sizeof(tails[0]); i++) {
        struct kf_buf key = KF_PUBLIC_BUF;
        struct kf_buf bags = KF_PUBLIC_BUF;
        struct kf_buf file = KF_PUBLIC_BUF;
        bool fails = i % 2 == 0 && tails[i / 2][0] != '\0';
        struct pfx_run run;

        CU_ASSERT_EQUAL(kf_buf_set(&key, kf_buf_slice(&jo.pkcs8), NULL), KF_OK);
        append(&key, tails[i / 2]);
        if (i % 2 == 0)
            build_key(&bags, kf_buf_slice(&key), &none);
        else
            build_shrouded(&bags, kf_buf_slice(&key), &encryption, &none);
        build_cert(&bags, kf_buf_slice(&jo.cert), &none);
        plain_file(&file, &bags);
        pfx_run_with(&run, kf_buf_slice(&file), SECRET);
        CU_ASSERT_EQUAL_FATAL(run.records.count, 1);
        CU_ASSERT_EQUAL(run.proven, fails ? 0 : 1);
        CU_ASSERT_EQUAL(run.failed, fails ? 1 : 0);
        if (fails) {
            CU_ASSERT_EQUAL(pfx_run_error(&run)->cause, KF_CAUSE_DATA);
        } else {
            CU_ASSERT(kf_slice_equal(kf_buf_slice(&run.records.records[0].pkcs8),
                                     kf_buf_slice(&jo.pkcs8)));
        }
        pfx_run_reset(&run);
        kf_buf_reset(&key);
        kf_buf_reset(&file);
    }
}

/* A bag that is malformed by itself costs a failed record, and none of the keys around it. */
static void test_bad_bag(void)
{
    static const unsigned types[] = {3, 4, 5, 6, 99};
    const struct build_attributes none = {.friendly_name = NULL};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct kf_buf bags = KF_PUBLIC_BUF;
        struct kf_buf file = KF_PUBLIC_BUF;
        struct pfx_run run;

        build_key(&bags, kf_buf_slice(&jo.pkcs8), &none);
        build_cert(&bags, kf_buf_slice(&jo.cert), &none);
        if (types[i] == 99)
            build_value(&bags, KF_DER_SEQUENCE, kf_slice_of("\x02\x01\x07")); /* no bag */
        else
            build_bag(&bags, types[i], kf_slice_of("\x02\x01\x07"), &none);
        build_key(&bags, kf_buf_slice(&ann.pkcs8), &none);
        build_cert(&bags, kf_buf_slice(&ann.cert), &none);
        plain_file(&file, &bags);
        pfx_run_with(&run, kf_buf_slice(&file), SECRET);
        CU_ASSERT_EQUAL(run.records.count, 3);
        CU_ASSERT_EQUAL(run.proven, 2);
        CU_ASSERT_EQUAL(run.failed, 1);
        CU_ASSERT_EQUAL(pfx_run_error(&run)->cause, KF_CAUSE_DATA);
        CU_ASSERT_STRING_EQUAL(pfx_run_error(&run)->place, "safe 1: bag 3");
        pfx_run_reset(&run);
        kf_buf_reset(&file);
    }
}

/* What follows the file is told, unless it is mere padding. */
static void test_followed(void)
{
    struct kf_buf file = KF_PUBLIC_BUF;

    pfx_usual(&file, &jo, SECRET);
    CU_ASSERT_EQUAL(kf_buf_append(&file, "\0\0\0\r\n\x1a", 6, NULL), KF_OK);
    opens(&file, 1, NULL);
    pfx_usual(&file, &jo, SECRET);
    append(&file, "x");
    opens(&file, 1, "goes on after its end, for 1 byte");
    pfx_usual(&file, &jo, SECRET);
    append(&file, "\x30\x05later");
    opens(&file, 1, "goes on after its end, for 7 bytes");
}

/* Where something did not open, a certificate without a key may well be its. */
static void test_no_blame(void)
{
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct pfx_parts parts;
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    pfx_parts_begin(&parts, SECRET);
    parts.encryption.password = build_raw("another");
    pfx_parts_key(&parts, &jo, NULL, NULL);
    parts.encryption.password = build_raw(SECRET);
    pfx_parts_cert(&parts, &jo, NULL, NULL);
    pfx_parts_cert(&parts, &ann, NULL, NULL);
    pfx_parts_finish(&parts, &mac, &file);
    pfx_run_with(&run, kf_buf_slice(&file), SECRET);
    CU_ASSERT_EQUAL(run.failed, 1);
    CU_ASSERT_EQUAL(pfx_run_error(&run)->cause, KF_CAUSE_SECRET);
    CU_ASSERT_EQUAL(run.remarks.count, 0);
    CU_ASSERT_EQUAL(run.remarks.certificates, 0);
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"files as text", test_text},
        {"other text", test_other_text},
        {"keys that are not PKCS #8", test_traditional_keys},
        {"padding after a certificate", test_padded_certificate},
        {"bytes after a key", test_padded_key},
        {"a malformed bag among others", test_bad_bag},
        {"bytes after the file", test_followed},
        {"certificates of a key that did not open", test_no_blame},
        {NULL, NULL},
    };
    int result;

    pfx_part_make(&jo, "ec:P-256", "/CN=Jo");
    pfx_part_fresh(&ann, "/CN=Ann");
    result = suite_run("pfx oddities", tests);
    pfx_part_reset(&jo);
    pfx_part_reset(&ann);
    return result;
}
