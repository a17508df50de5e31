/*
 * The PKCS #12 reader: encodings that old software wrote, broken files, and every byte of a file
 * damaged in turn, which shows with the sanitizers that nothing is read or written beyond its
 * place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/der.h"
#include "core/limits.h"
#include "tests/support/pfx_parts.h"
#include "tests/support/pfx_run.h"
#include "tests/support/suite.h"

#define SECRET "secret"

static struct pfx_part jo;

static bool says(const struct pfx_run *run, const char *line)
{
    return run->outline != NULL && strstr(run->outline, line) != NULL;
}

static void opens(const struct kf_buf *file, const char *line)
{
    struct pfx_run run;

    pfx_run_with(&run, kf_buf_slice(file), SECRET);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.records.count, 1);
    CU_ASSERT_EQUAL(run.proven, 1);
    if (run.proven != 1)
        (void)printf("\n%s\n", pfx_run_error(&run)->text);
    CU_ASSERT_TRUE(says(&run, line));
    pfx_run_reset(&run);
}

/* The lists of parts with the usual key in them */
static void begin(struct pfx_parts *parts)
{
    pfx_parts_begin(parts, SECRET);
    pfx_parts_key(parts, &jo, NULL, NULL);
    pfx_parts_cert(parts, &jo, NULL, NULL);
}

/* ContentInfo of data in BER: what is inside the OCTET STRING as it is, and outside in pieces */
static void put_plain(struct kf_buf *out, struct kf_slice safe, size_t chunk)
{
    struct kf_buf der = KF_PUBLIC_BUF;

    build_plain(&der, safe);
    build_ber(out, kf_buf_slice(&der), chunk);
    kf_buf_reset(&der);
}

/* BER at each level: bags, safes, AuthenticatedSafe and the file, with a MAC over what is inside */
static void test_ber(void)
{
    static const size_t chunks[] = {1, 7, 1000, 100000};

    for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        const struct build_mac mac = pfx_usual_mac(SECRET);
        const struct build_encryption encryption = {.name = "pbes2:aes-256-cbc:sha256",
                                                    .password = build_raw(SECRET)};
        struct kf_buf bags = KF_PUBLIC_BUF;
        struct kf_buf safe = KF_PUBLIC_BUF;
        struct kf_buf ber = KF_PUBLIC_BUF;
        struct kf_buf contents = KF_PUBLIC_BUF;
        struct kf_buf file = KF_PUBLIC_BUF;

        build_cert(&bags, kf_buf_slice(&jo.cert), NULL);
        build_safe(&safe, kf_buf_slice(&bags), false);
        build_ber(&ber, kf_buf_slice(&safe), chunks[i]);
        build_encrypted(&contents, kf_buf_slice(&ber), &encryption);
        kf_buf_clear(&bags);
        kf_buf_clear(&safe);
        kf_buf_clear(&ber);
        build_shrouded(&bags, kf_buf_slice(&jo.pkcs8), &encryption, NULL);
        build_safe(&safe, kf_buf_slice(&bags), false);
        build_ber(&ber, kf_buf_slice(&safe), chunks[i]);
        put_plain(&contents, kf_buf_slice(&ber), chunks[i]);
        build_pfx(&file, kf_buf_slice(&contents), &mac);
        opens(&file, "encoding: BER\n");
        kf_buf_clear(&ber);
        build_ber(&ber, kf_buf_slice(&file), chunks[i]);
        opens(&ber, "encoding: BER\n");
        kf_buf_reset(&bags);
        kf_buf_reset(&safe);
        kf_buf_reset(&ber);
        kf_buf_reset(&contents);
        kf_buf_reset(&file);
    }
}

/* encryptedContent [0] IMPLICIT OCTET STRING in pieces */
static void test_ciphertext_in_pieces(void)
{
    const struct build_mac mac = pfx_usual_mac(SECRET);
    const struct build_encryption encryption = {.name = "pbes2:aes-256-cbc:sha256",
                                                .password = build_raw(SECRET)};
    struct kf_buf bags = KF_PUBLIC_BUF;
    struct kf_buf safe = KF_PUBLIC_BUF;
    struct kf_buf contents = KF_PUBLIC_BUF;
    struct kf_buf pieces = KF_PUBLIC_BUF;
    struct kf_buf file = KF_PUBLIC_BUF;
    struct kf_slice in;
    struct kf_slice data;
    struct kf_slice info;
    struct kf_slice type;
    struct kf_tlv algorithm;
    struct kf_slice ciphertext;
    struct kf_buf inner = KF_PUBLIC_BUF;
    struct kf_buf outer = KF_PUBLIC_BUF;

    build_cert(&bags, kf_buf_slice(&jo.cert), NULL);
    build_shrouded(&bags, kf_buf_slice(&jo.pkcs8), &encryption, NULL);
    build_safe(&safe, kf_buf_slice(&bags), false);
    build_encrypted(&contents, kf_buf_slice(&safe), &encryption);
    in = kf_buf_slice(&contents);
    CU_ASSERT_FATAL(
        kf_der_get(&in, KF_DER_SEQUENCE, &in) && kf_der_get(&in, KF_DER_OID, NULL) &&
        kf_der_get(&in, KF_DER_CONTEXT_CONSTRUCTED, &data) &&
        kf_der_get(&data, KF_DER_SEQUENCE, &data) && kf_der_get(&data, KF_DER_INTEGER, NULL) &&
        kf_der_get(&data, KF_DER_SEQUENCE, &info) && kf_der_get(&info, KF_DER_OID, &type) &&
        kf_der_any(&info, &algorithm) && kf_der_get(&info, KF_DER_CONTEXT, &ciphertext));
    for (size_t at = 0; at < ciphertext.len; at += 100)
        build_value(&pieces, KF_DER_OCTET_STRING,
                    (struct kf_slice){ciphertext.data + at,
                                      ciphertext.len - at < 100 ? ciphertext.len - at : 100});
    build_value(&inner, KF_DER_OID, type);
    CU_ASSERT_EQUAL(kf_buf_append(&inner, algorithm.whole.data, algorithm.whole.len, NULL), KF_OK);
    build_value(&inner, KF_DER_CONTEXT_CONSTRUCTED, kf_buf_slice(&pieces));
    build_value(&outer, KF_DER_INTEGER, (struct kf_slice){(const uint8_t *)"", 1});
    build_value(&outer, KF_DER_SEQUENCE, kf_buf_slice(&inner));
    kf_buf_clear(&inner);
    build_value(&inner, KF_DER_SEQUENCE, kf_buf_slice(&outer));
    kf_buf_clear(&contents);
    build_content(&contents, "1.2.840.113549.1.7.6", kf_buf_slice(&inner));
    build_pfx(&file, kf_buf_slice(&contents), &mac);
    opens(&file, "encoding: BER\n");
    kf_buf_reset(&bags);
    kf_buf_reset(&safe);
    kf_buf_reset(&contents);
    kf_buf_reset(&pieces);
    kf_buf_reset(&inner);
    kf_buf_reset(&outer);
    kf_buf_reset(&file);
}

/* SafeContents as a SET; safe contents in safe contents, and too many of them */
static void test_set_and_nested(void)
{
    const struct build_mac mac = pfx_usual_mac(SECRET);
    const struct build_encryption encryption = {.name = "pkcs12:3des",
                                                .password = build_bmp(SECRET)};

    for (unsigned depth = 0; depth <= KF_MAX_DEPTH; depth++) {
        struct kf_buf bags = KF_PUBLIC_BUF;
        struct kf_buf safe = KF_PUBLIC_BUF;
        struct kf_buf contents = KF_PUBLIC_BUF;
        struct kf_buf file = KF_PUBLIC_BUF;
        struct pfx_run run;

        build_cert(&bags, kf_buf_slice(&jo.cert), NULL);
        build_shrouded(&bags, kf_buf_slice(&jo.pkcs8), &encryption, NULL);
        for (unsigned i = 0; i < depth; i++) {
            build_safe(&safe, kf_buf_slice(&bags), false);
            kf_buf_clear(&bags);
            build_bag(&bags, 6, kf_buf_slice(&safe), NULL);
            kf_buf_clear(&safe);
        }
        build_safe(&safe, kf_buf_slice(&bags), true);
        build_plain(&contents, kf_buf_slice(&safe));
        build_pfx(&file, kf_buf_slice(&contents), &mac);
        if (depth < 8) {
            opens(&file, "a SET, not a SEQUENCE\n");
        } else {
            pfx_run_with(&run, kf_buf_slice(&file), SECRET);
            CU_ASSERT_EQUAL(run.records.count, 1);
            CU_ASSERT(depth < 10 || run.failed == 1);
            CU_ASSERT(depth < 10 || pfx_run_error(&run)->cause == KF_CAUSE_LIMIT);
            pfx_run_reset(&run);
        }
        kf_buf_reset(&bags);
        kf_buf_reset(&safe);
        kf_buf_reset(&contents);
        kf_buf_reset(&file);
    }
}

/* One attribute with this value as the bag's friendlyName */
static void named(uint8_t tag, const char *bytes, size_t len, const char *expected)
{
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct kf_buf inner = KF_PUBLIC_BUF;
    struct kf_buf attribute = KF_PUBLIC_BUF;
    struct kf_buf raw = KF_PUBLIC_BUF;
    struct kf_buf file = KF_PUBLIC_BUF;
    struct build_attributes attributes = {.friendly_name = NULL};
    struct pfx_parts parts;
    struct pfx_run run;

    if (tag != 0)
        build_value(&inner, tag, (struct kf_slice){(const uint8_t *)bytes, len});
    build_oid(&attribute, "1.2.840.113549.1.9.20");
    build_value(&attribute, KF_DER_SET, kf_buf_slice(&inner));
    build_value(&raw, KF_DER_SEQUENCE, kf_buf_slice(&attribute));
    attributes.raw = kf_buf_slice(&raw);
    pfx_parts_begin(&parts, SECRET);
    build_shrouded(&parts.plain, kf_buf_slice(&jo.pkcs8), &parts.encryption, &attributes);
    pfx_parts_cert(&parts, &jo, NULL, NULL);
    pfx_parts_finish(&parts, &mac, &file);
    pfx_run_with(&run, kf_buf_slice(&file), SECRET);
    CU_ASSERT_FATAL(run.proven == 1);
    if (expected != NULL && run.records.records[0].friendly_name != NULL) {
        CU_ASSERT_STRING_EQUAL(run.records.records[0].friendly_name, expected);
    }
    CU_ASSERT_EQUAL(run.records.records[0].friendly_name != NULL, expected != NULL);
    pfx_run_reset(&run);
    kf_buf_reset(&inner);
    kf_buf_reset(&attribute);
    kf_buf_reset(&raw);
    kf_buf_reset(&file);
}

static void test_friendly_names(void)
{
    named(KF_DER_BMP_STRING, "\0J\0o", 4, "Jo");
    named(KF_DER_BMP_STRING, "\xd8\x3d\xdd\x11", 4, "\xf0\x9f\x94\x91");
    named(KF_DER_BMP_STRING, "", 0, NULL);
    named(KF_DER_BMP_STRING, "\0J\0o\0", 5, "Jo"); /* half a character too much */
    named(KF_DER_UTF8_STRING, "J\xc3\xb6", 3, "J\xc3\xb6");
    named(KF_DER_PRINTABLE_STRING, "Jo", 2, "Jo");
    named(KF_DER_T61_STRING, "J\xf6", 2, "J\xc3\xb6");
    named(KF_DER_OCTET_STRING, "Jo", 2, "Jo");
    named(KF_DER_SEQUENCE, "", 0, NULL);
    named(0, NULL, 0, NULL); /* no value at all */
}

/* attributes that are no attributes are passed over: they are hints only */
static void test_odd_attributes(void)
{
    static const char *const odd[] = {"\x05\x00", "\x30\x00", "\x30\x02\x05\x00",
                                      "\x30\x03\x06\x01*"};
    static const size_t lengths[] = {2, 2, 4, 5};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        const struct build_mac mac = pfx_usual_mac(SECRET);
        const struct build_attributes attributes = {.raw = {(const uint8_t *)odd[i], lengths[i]},
                                                    .friendly_name = "Jo"};
        struct kf_buf file = KF_PUBLIC_BUF;
        struct pfx_parts parts;

        pfx_parts_begin(&parts, SECRET);
        build_shrouded(&parts.plain, kf_buf_slice(&jo.pkcs8), &parts.encryption, &attributes);
        pfx_parts_cert(&parts, &jo, NULL, NULL);
        pfx_parts_finish(&parts, &mac, &file);
        opens(&file, "pairing: public key\n");
        kf_buf_reset(&file);
    }
}

/* bytes after the file, after the AuthenticatedSafe, after the SafeContents, and after a key */
static void test_trailing_bytes(void)
{
    const struct build_mac mac = pfx_usual_mac(SECRET);
    const struct build_encryption encryption = {.name = "pkcs12:3des",
                                                .password = build_bmp(SECRET)};
    struct kf_buf bags = KF_PUBLIC_BUF;
    struct kf_buf safe = KF_PUBLIC_BUF;
    struct kf_buf contents = KF_PUBLIC_BUF;
    struct kf_buf longer = KF_PUBLIC_BUF;
    struct kf_buf file = KF_PUBLIC_BUF;

    pfx_usual(&file, &jo, SECRET);
    CU_ASSERT_EQUAL(kf_buf_append(&file, "\0\0\r\n", 4, NULL), KF_OK);
    opens(&file, "trailingBytes: 4\n");
    kf_buf_clear(&file);

    CU_ASSERT_EQUAL(kf_buf_set(&longer, kf_buf_slice(&jo.pkcs8), NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_buf_append(&longer, "\0\0\0\0", 4, NULL), KF_OK);
    build_shrouded(&bags, kf_buf_slice(&longer), &encryption, NULL);
    build_cert(&bags, kf_buf_slice(&jo.cert), NULL);
    build_safe(&safe, kf_buf_slice(&bags), false);
    CU_ASSERT_EQUAL(kf_buf_append(&safe, "\0\0\0", 3, NULL), KF_OK);
    build_encrypted(&contents, kf_buf_slice(&safe), &encryption);
    build_pfx(&file, kf_buf_slice(&contents), &mac);
    opens(&file, "trailingBytes: 3\n");
    kf_buf_reset(&bags);
    kf_buf_reset(&safe);
    kf_buf_reset(&contents);
    kf_buf_reset(&longer);
    kf_buf_reset(&file);
}

static void test_pem(void)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_buf pem = KF_PUBLIC_BUF;
    struct pfx_run run;

    pfx_usual(&der, &jo, SECRET);
    CU_ASSERT_EQUAL(kf_buf_append(&pem, "-----BEGIN PKCS12-----\n", 23, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_base64_encode(&pem, kf_buf_slice(&der), NULL), KF_OK);
    pfx_run_with(&run, kf_buf_slice(&pem), SECRET);
    CU_ASSERT_EQUAL(run.status, KF_SKIP); /* no last line */
    CU_ASSERT_EQUAL(run.error.cause, KF_CAUSE_DATA);
    pfx_run_reset(&run);
    CU_ASSERT_EQUAL(kf_buf_append(&pem, "\n-----END PKCS12-----\n", 22, NULL), KF_OK);
    opens(&pem, "encoding: PEM\n");
    kf_buf_reset(&der);
    kf_buf_reset(&pem);
}

/* One failed record for the file, or for the safe */
static void fails(struct kf_buf *file, enum kf_cause cause, const char *text)
{
    struct pfx_run run;

    pfx_run_with(&run, kf_buf_slice(file), SECRET);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.records.count, 1);
    CU_ASSERT_EQUAL(run.failed, 1);
    CU_ASSERT_EQUAL(pfx_run_error(&run)->cause, cause);
    CU_ASSERT_PTR_NOT_NULL(strstr(pfx_run_error(&run)->text, text));
    if (strstr(pfx_run_error(&run)->text, text) == NULL)
        (void)printf("\n%s\n", pfx_run_error(&run)->text);
    pfx_run_reset(&run);
    kf_buf_reset(file);
}

/* A PFX of this version and authSafe */
static void outside(struct kf_buf *file, const char *version, const char *type, const char *content)
{
    struct kf_buf in = KF_PUBLIC_BUF;

    build_value(&in, KF_DER_INTEGER, kf_slice_of(version));
    build_content(&in, type, kf_slice_of(content));
    build_value(file, KF_DER_SEQUENCE, kf_buf_slice(&in));
    kf_buf_reset(&in);
}

#define DATA "1.2.840.113549.1.7.1"

static void test_broken_outside(void)
{
    struct kf_buf file = KF_PUBLIC_BUF;

    fails(&file, KF_CAUSE_DATA, "cut off");
    CU_ASSERT_EQUAL(kf_buf_set(&file, kf_slice_of("hello"), NULL), KF_OK);
    fails(&file, KF_CAUSE_DATA, "");
    outside(&file, "\2", DATA, "\4\1x");
    fails(&file, KF_CAUSE_DATA, "version 2, not 3");
    outside(&file, "\3", "1.2.840.113549.1.7.2", "\4\1x");
    fails(&file, KF_CAUSE_UNSUPPORTED, "signedData");
    outside(&file, "\3", "1.2.3.4", "\4\1x");
    fails(&file, KF_CAUSE_DATA, "type 1.2.3.4");
    outside(&file, "\3", DATA, "");
    fails(&file, KF_CAUSE_DATA, "no content");
    outside(&file, "\3", DATA, "\5\1x");
    fails(&file, KF_CAUSE_DATA, "no content");
    outside(&file, "\3", DATA, "\4\1x");
    fails(&file, KF_CAUSE_DATA, "cut off");
    outside(&file, "\3", DATA, "\4\3\2\1x");
    fails(&file, KF_CAUSE_DATA, "no SEQUENCE");
    outside(&file, "\3", DATA,
            "\4\5"
            "0\3\2\1x");
    fails(&file, KF_CAUSE_DATA, "not a ContentInfo");
}

static void test_broken_inside(void)
{
    struct kf_buf file = KF_PUBLIC_BUF;
    struct kf_buf contents = KF_PUBLIC_BUF;
    struct kf_buf bags = KF_PUBLIC_BUF;

    build_content(&contents, "1.2.840.113549.1.7.3", kf_slice_of("\4\1x"));
    build_pfx(&file, kf_buf_slice(&contents), NULL);
    fails(&file, KF_CAUSE_UNSUPPORTED, "envelopedData");
    kf_buf_clear(&contents);
    build_content(&contents, "1.2.3", kf_slice_of("\4\1x"));
    build_pfx(&file, kf_buf_slice(&contents), NULL);
    fails(&file, KF_CAUSE_UNSUPPORTED, "content type");
    kf_buf_clear(&contents);
    build_content(&contents, DATA, kf_slice_of("\5\1x"));
    build_pfx(&file, kf_buf_slice(&contents), NULL);
    fails(&file, KF_CAUSE_DATA, "no OCTET STRING");
    kf_buf_clear(&contents);
    build_content(&contents, "1.2.840.113549.1.7.6", kf_slice_of("\4\1x"));
    build_pfx(&file, kf_buf_slice(&contents), NULL);
    fails(&file, KF_CAUSE_DATA, "EncryptedData");
    kf_buf_clear(&contents);
    build_plain(&contents, kf_slice_of("\2\1x"));
    build_pfx(&file, kf_buf_slice(&contents), NULL);
    fails(&file, KF_CAUSE_DATA, "neither a SEQUENCE nor a SET");
    kf_buf_clear(&contents);
    build_value(&bags, KF_DER_SEQUENCE, kf_slice_of("\2\1x"));
    build_plain(&contents, kf_buf_slice(&bags));
    build_pfx(&file, kf_buf_slice(&contents), NULL);
    fails(&file, KF_CAUSE_DATA, "not a SafeBag");
    kf_buf_reset(&contents);
    kf_buf_reset(&bags);
}

/* a bag that is broken ends its safe, and what came before it is kept */
static void test_broken_bag(void)
{
    const struct build_mac mac = pfx_usual_mac(SECRET);
    struct pfx_parts parts;
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    begin(&parts);
    build_value(&parts.plain, KF_DER_SEQUENCE, kf_slice_of("\2\1x"));
    pfx_parts_finish(&parts, &mac, &file);
    pfx_run_with(&run, kf_buf_slice(&file), SECRET);
    CU_ASSERT_FATAL(run.records.count == 2);
    CU_ASSERT_EQUAL(run.proven, 1);
    CU_ASSERT_EQUAL(run.failed, 1);
    CU_ASSERT_STRING_EQUAL(run.records.records[1].place, "safe 2");
    CU_ASSERT_STRING_EQUAL(run.records.records[1].error.place, "safe 2: bag 2");
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

/* every length that the file could be cut at, and every byte changed: each ends in records or an
 * error, never with a key that is not the file's */
static void damage(const struct kf_buf *file)
{
    struct kf_buf copy = KF_PUBLIC_BUF;
    struct pfx_run run;

    for (size_t len = 0; len < file->len; len += len < 64 ? 1 : 7) {
        pfx_run_with(&run, (struct kf_slice){file->data, len}, SECRET);
        CU_ASSERT_EQUAL(run.proven, 0);
        CU_ASSERT(pfx_run_error(&run)->text[0] != '\0');
        pfx_run_reset(&run);
    }
    for (size_t at = 0; at < file->len; at++) {
        static const uint8_t masks[] = {0x01, 0x80, 0xff, 0x20};

        CU_ASSERT_EQUAL(kf_buf_set(&copy, kf_buf_slice(file), NULL), KF_OK);
        copy.data[at] ^= masks[at % sizeof(masks)];
        pfx_run_with(&run, kf_buf_slice(&copy), SECRET);
        for (size_t i = 0; i < run.records.count; i++) {
            const struct kf_record *record = &run.records.records[i];

            CU_ASSERT(record->outcome == KF_FAILED || record->key_mismatch ||
                      kf_slice_equal(kf_buf_slice(&record->pkcs8), kf_buf_slice(&jo.pkcs8)));
            CU_ASSERT(record->outcome != KF_FAILED || record->error.text[0] != '\0');
        }
        pfx_run_reset(&run);
    }
    kf_buf_reset(&copy);
}

static void test_damage(void)
{
    struct kf_buf file = KF_PUBLIC_BUF;
    struct kf_buf ber = KF_PUBLIC_BUF;
    struct pfx_parts parts;

    pfx_usual(&file, &jo, SECRET);
    damage(&file);
    build_ber(&ber, kf_buf_slice(&file), 100);
    damage(&ber);
    kf_buf_clear(&file);
    begin(&parts); /* without a MAC, damage goes deeper */
    build_typed(&parts.plain, 5, "1.2.3", kf_slice_of("\4\1x"));
    build_key(&parts.plain, kf_buf_slice(&jo.pkcs8), NULL);
    pfx_parts_finish(&parts, NULL, &file);
    damage(&file);
    kf_buf_reset(&file);
    kf_buf_reset(&ber);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"BER at each level", test_ber},
        {"ciphertext in pieces", test_ciphertext_in_pieces},
        {"a SET, and nested contents", test_set_and_nested},
        {"friendly names", test_friendly_names},
        {"odd attributes", test_odd_attributes},
        {"trailing bytes", test_trailing_bytes},
        {"PEM", test_pem},
        {"broken outside", test_broken_outside},
        {"broken inside", test_broken_inside},
        {"a broken bag", test_broken_bag},
        {"damage", test_damage},
        {NULL, NULL},
    };
    int code;

    pfx_part_make(&jo, "ec:P-256", "/CN=Jo");
    code = suite_run("pfx encodings", tests);
    pfx_part_reset(&jo);
    return code;
}
