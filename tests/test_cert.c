/*
 * Certificates: what they say, who issued them, and what is refused.
 */
#include "crypto/cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/der.h"
#include "crypto/cert_parts.h"
#include "crypto/oid.h"
#include "tests/support/material.h"
#include "tests/support/suite.h"

#define ALL_USAGES 0x1ffu

/* Parses what must parse. */
static void parse(const struct kf_buf *der, struct kf_cert_facts *facts)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL_FATAL(kf_cert_parse(material_crypto(), kf_buf_slice(der), facts, &error),
                          KF_OK);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_NONE);
}

static bool text_is(const char *text, const char *expected)
{
    if (text == NULL || expected == NULL)
        return text == expected;
    if (strcmp(text, expected) == 0)
        return true;
    (void)fprintf(stderr, "found \"%s\", not \"%s\"\n", text, expected);
    return false;
}

static void test_says_all(void)
{
    struct material_cert what = {.subject = "/C=US/O=Contoso/CN=Jo/emailAddress=old@x.example",
                                 .mail = "jo@contoso.example",
                                 .upn = "jo@corp.example",
                                 .key_usage = KF_KU_KEY_ENCIPHERMENT | KF_KU_DECIPHER_ONLY,
                                 .eku = "emailProtection,1.3.6.1.4.1.311.21.6",
                                 .not_before = 1000000000,
                                 .not_after = 4102444800, /* GeneralizedTime: 2100 */
                                 .serial = 0xff01};
    X509 *certificate = material_cert(&what);
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_cert_facts facts;
    unsigned char md[EVP_MAX_MD_SIZE];

    material_der(certificate, &der);
    parse(&der, &facts);
    CU_ASSERT_EQUAL(facts.version, 3);
    CU_ASSERT(text_is(facts.serial, "ff01"));
    CU_ASSERT_EQUAL(facts.serial_der.len, 5);
    CU_ASSERT(text_is(facts.subject, "E=old@x.example, CN=Jo, O=Contoso, C=US"));
    CU_ASSERT(text_is(facts.issuer, "E=old@x.example, CN=Jo, O=Contoso, C=US"));
    CU_ASSERT(text_is(facts.common_name, "Jo"));
    CU_ASSERT(text_is(facts.email, "jo@contoso.example"));
    CU_ASSERT(text_is(facts.upn, "jo@corp.example"));
    CU_ASSERT(text_is(facts.key_algorithm, "RSA"));
    CU_ASSERT_EQUAL(facts.key_bits, 2048);
    CU_ASSERT(text_is(facts.signature_algorithm, "sha256WithRSAEncryption"));
    CU_ASSERT_EQUAL(facts.not_before, 1000000000);
    CU_ASSERT_EQUAL(facts.not_after, 4102444800);
    CU_ASSERT(facts.has_key_usage);
    CU_ASSERT_EQUAL(facts.key_usage, KF_KU_KEY_ENCIPHERMENT | KF_KU_DECIPHER_ONLY);
    CU_ASSERT(facts.has_kra_usage);
    CU_ASSERT_FALSE(facts.is_ca);
    CU_ASSERT(kf_bytes_equal(facts.der, kf_buf_slice(&der)));
    CU_ASSERT(X509_digest(certificate, EVP_sha1(), md, NULL) == 1 &&
              memcmp(md, facts.sha1, sizeof(facts.sha1)) == 0);
    CU_ASSERT(X509_digest(certificate, EVP_sha256(), md, NULL) == 1 &&
              memcmp(md, facts.sha256, sizeof(facts.sha256)) == 0);
    kf_cert_facts_reset(&facts);
    kf_buf_reset(&der);
    X509_free(certificate);
}

static void test_says_little(void)
{
    const struct material_cert what = {.subject = "", .v1 = true, .key = material_key("rsa:1024")};
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_buf spki = KF_PUBLIC_BUF;
    struct kf_cert_facts facts;
    char sha1[2 * KF_SHA1_SIZE + 1];
    uint8_t digest[KF_SHA1_SIZE];

    material_cert_der(&what, &der);
    parse(&der, &facts);
    CU_ASSERT_EQUAL(facts.version, 1);
    CU_ASSERT(text_is(facts.subject, ""));
    CU_ASSERT_PTR_NULL(facts.common_name);
    CU_ASSERT_PTR_NULL(facts.email);
    CU_ASSERT_PTR_NULL(facts.upn);
    CU_ASSERT_FALSE(facts.has_key_usage);
    CU_ASSERT_FALSE(facts.has_kra_usage);
    CU_ASSERT_EQUAL(facts.key_bits, 1024);
    /* without the extension: the SHA-1 of the bits, which come after 22 bytes of RSA-1024's SPKI */
    material_spki(what.key, &spki);
    CU_ASSERT(kf_digest(material_crypto()->sha1, (struct kf_slice){spki.data + 22, spki.len - 22},
                        digest, NULL) == KF_OK);
    kf_hex(sha1, digest, sizeof(digest));
    CU_ASSERT(text_is(facts.ski, sha1));
    CU_ASSERT(kf_bytes_equal(facts.spki_der, kf_buf_slice(&spki)));
    kf_cert_facts_reset(&facts);
    kf_buf_reset(&der);
    kf_buf_reset(&spki);
}

static void test_email_of_the_subject(void)
{
    const struct material_cert what = {.subject = "/CN=Jo/emailAddress=jo@x.example",
                                       .upn = "jo@corp.example"};
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_cert_facts facts;

    material_cert_der(&what, &der);
    parse(&der, &facts);
    CU_ASSERT(text_is(facts.email, "jo@x.example"));
    CU_ASSERT(text_is(facts.upn, "jo@corp.example"));
    kf_cert_facts_reset(&facts);
    kf_buf_reset(&der);
}

static void test_key_algorithms(void)
{
    static const struct {
        const char *what;
        const char *name;
        unsigned bits;
    } keys[] = {
        {"rsa:1023", "RSA", 1023},
        {"rsa-pss:1024", "RSA-PSS", 1024},
        {"ec:P-256", "EC P-256", 256},
        {"ec:P-384", "EC P-384", 384},
        {"ec:P-521", "EC P-521", 521},
        {"ec:secp256k1", "EC secp256k1", 256},
        {"ec:brainpoolP320r1", "EC brainpoolP320r1", 320},
        {"ec-explicit:P-256", "EC P-256", 256},
        {"ed25519", "Ed25519", 256},
        {"ed448", "Ed448", 456},
        {"x25519", "X25519", 256},
        {"x448", "X448", 448},
        {"dsa:1024", "DSA", 1024},
        {"dh:ffdhe2048", "DH", 2048},
    };
    X509 *ca = material_cert(&(struct material_cert){.subject = "/CN=CA", .is_ca = true});
    struct kf_buf der = KF_PUBLIC_BUF;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct material_cert what = {.key = material_key(keys[i].what),
                                           .issuer = ca,
                                           .issuer_key = material_key("rsa:2048")};
        struct kf_cert_facts facts;

        material_cert_der(&what, &der);
        parse(&der, &facts);
        CU_ASSERT(text_is(facts.key_algorithm, keys[i].name));
        CU_ASSERT_EQUAL(facts.key_bits, keys[i].bits);
        CU_ASSERT(text_is(facts.issuer, "CN=CA"));
        kf_cert_facts_reset(&facts);
    }
    X509_free(ca);
    kf_buf_reset(&der);
}

static void test_signature_algorithms(void)
{
    static const struct {
        const char *key;
        const char *digest;
        bool pss;
        const char *name;
    } signatures[] = {
        {"rsa:2048", "SHA1", false, "sha1WithRSAEncryption"},
        {"rsa:2048", "MD5", false, "md5WithRSAEncryption"},
        {"rsa:2048", "SHA512", false, "sha512WithRSAEncryption"},
        {"rsa:2048", "SHA256", true, "rsassaPss-with-SHA256"},
        {"rsa:2048", "SHA1", true, "rsassaPss-with-SHA1"}, /* the default, which is not written */
        {"ec:P-256", "SHA256", false, "ecdsa-with-SHA256"},
        {"ed25519", NULL, false, "ED25519"},
    };
    struct kf_buf der = KF_PUBLIC_BUF;

    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        const struct material_cert what = {.key = material_key(signatures[i].key),
                                           .digest = signatures[i].digest,
                                           .pss = signatures[i].pss};
        struct kf_cert_facts facts;

        material_cert_der(&what, &der);
        parse(&der, &facts);
        CU_ASSERT(text_is(facts.signature_algorithm, signatures[i].name));
        kf_cert_facts_reset(&facts);
    }
    kf_buf_reset(&der);
}

/* Where the needle is in the DER; the test ends where it is not there. */
static uint8_t *find(const struct kf_buf *der, struct kf_slice needle, size_t from)
{
    for (size_t i = from; i + needle.len <= der->len; i++) {
        if (memcmp(der->data + i, needle.data, needle.len) == 0)
            return der->data + i;
    }
    CU_FAIL_FATAL("not found");
    return NULL;
}

#define HEX(literal) ((struct kf_slice){(const uint8_t *)(literal), sizeof(literal) - 1})

/* A certificate with serial number 0x12345678 and every extension that is read. */
static void make_full(struct kf_buf *der)
{
    const struct material_cert what = {.subject = "/C=US/O=Contoso/CN=Jo",
                                       .mail = "jo@contoso.example",
                                       .upn = "jo@corp.example",
                                       .key_usage = ALL_USAGES,
                                       .eku = "1.3.6.1.4.1.311.21.6",
                                       .is_ca = true,
                                       .serial = 0x12345678,
                                       .key = material_key("rsa:512")};

    material_cert_der(&what, der);
}

static void serial_reads(const char *bytes, const char *expected)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_cert_facts facts;

    make_full(&der);
    memcpy(find(&der, HEX("\x02\x04\x12\x34\x56\x78"), 0) + 2, bytes, 4);
    parse(&der, &facts);
    CU_ASSERT(text_is(facts.serial, expected));
    CU_ASSERT_EQUAL(facts.serial_der.len, 6);
    CU_ASSERT(memcmp(facts.serial_der.data + 2, bytes, 4) == 0);
    kf_cert_facts_reset(&facts);
    kf_buf_reset(&der);
}

static void test_odd_serial_numbers(void)
{
    serial_reads("\x12\x34\x56\x78", "12345678");
    serial_reads("\x00\x80\x00\x01", "800001");
    serial_reads("\x00\x00\x00\x00", "00");
    serial_reads("\xff\x00\x00\x01", "ff000001"); /* negative: its octets as they are */
}

/* Old CAs wrote extensions into certificates that say they are of version 1. */
static void test_v1_with_extensions(void)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_cert_facts facts;

    make_full(&der);
    find(&der, HEX("\xa0\x03\x02\x01\x02"), 0)[4] = 0;
    parse(&der, &facts);
    CU_ASSERT_EQUAL(facts.version, 1);
    CU_ASSERT_EQUAL(facts.key_usage, ALL_USAGES);
    CU_ASSERT(facts.is_ca);
    CU_ASSERT(text_is(facts.upn, "jo@corp.example"));
    kf_cert_facts_reset(&facts);
    kf_buf_reset(&der);
}

/* Refuses with the code of the import rules, and leaves nothing behind. */
static void refused(struct kf_slice der, const char *why)
{
    const struct kf_cert_facts none = {.version = 0};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_cert_facts facts;

    memset(&facts, 0x55, sizeof(facts));
    CU_ASSERT_EQUAL(kf_cert_parse(material_crypto(), der, &facts, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.code, KF_E_INVALID_DATA);
    CU_ASSERT(facts.subject == none.subject && facts.der.data == NULL && facts.ski == NULL);
    if (why == NULL)
        return;
    if (strstr(error.text, why) == NULL)
        (void)fprintf(stderr, "found \"%s\", not \"%s\"\n", error.text, why);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, why));
}

/* The full certificate with one byte changed, counted from where needle is. */
static void refused_after(struct kf_slice needle, size_t at, uint8_t byte, const char *why)
{
    struct kf_buf der = KF_PUBLIC_BUF;

    make_full(&der);
    find(&der, needle, 0)[at] = byte;
    refused(kf_buf_slice(&der), why);
    kf_buf_reset(&der);
}

static void test_refuses_broken_parts(void)
{
    struct kf_buf der = KF_PUBLIC_BUF;

    refused_after(HEX("\xa0\x03\x02\x01\x02"), 4, 3, "version");
    refused_after(HEX("\x02\x04\x12\x34\x56\x78"), 0, 4, "serial number");
    refused_after(HEX("\x17\x0d"), 0, 0x18, "not a time"); /* UTCTime as GeneralizedTime */
    refused_after(HEX("\x17\x0d"), 4, '9', "not a time");  /* month 9x */
    refused_after(HEX("\x55\x1d\x0f\x01\x01\xff\x04"), 9, 0x04, "key usage cannot be read");
    refused_after(HEX("\x55\x1d\x0f\x01\x01\xff\x04"), 10, 9, "key usage cannot be read");
    refused_after(HEX("\x55\x1d\x25\x04"), 5, 0x31, "extended key usage cannot be read");
    refused_after(HEX("\x55\x1d\x13\x01\x01\xff\x04"), 8, 0x31, "basic constraints cannot be read");
    refused_after(HEX("\x55\x1d\x0e\x04"), 2, 0x0f, "two extensions key usage");
    refused_after(HEX("\x55\x1d\x0e\x04"), 3, 0x05, "broken extensions");
    refused_after(HEX("\x31\x0b\x30\x09\x06\x03\x55\x04\x06"), 0, 0x30, "issuer is not a Name");
    refused_after(HEX(KF_OID_RSA "\x05\x00\x03"), 11, 0x04, "public key cannot be read");
    make_full(&der);
    find(&der, HEX("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), 700 - 512)[2] = 0x04;
    refused(kf_buf_slice(&der), NULL);
    kf_buf_reset(&der);
    refused(HEX(""), "outer SEQUENCE");
    refused(HEX("\x30\x80\x00\x00"), "outer SEQUENCE"); /* BER */
    refused(HEX("\x30\x00"), "TBSCertificate");
}

static void test_refuses_what_follows(void)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    make_full(&der);
    CU_ASSERT_EQUAL(kf_buf_append(&der, "", 1, NULL), KF_OK);
    refused(kf_buf_slice(&der), "bytes after it");
    CU_ASSERT_PTR_NULL(kf_x509_parse(material_crypto(), kf_buf_slice(&der), &error));
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    kf_buf_reset(&der);
}

static void test_refuses_too_long(void)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_cert_facts facts;
    struct kf_buf der = KF_PUBLIC_BUF;

    make_full(&der);
    CU_ASSERT_EQUAL(kf_cert_parse(material_crypto(), (struct kf_slice){der.data, (1u << 20) + 1},
                                  &facts, &error),
                    KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_LIMIT);
    CU_ASSERT_EQUAL(error.code, KF_E_INVALID_DATA);
    kf_buf_reset(&der);
}

/* A copy in a block of its own, so that a sanitizer sees each read beyond its end. */
static void refused_cut(const struct kf_buf *der, size_t len)
{
    uint8_t *block = malloc(len + 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    memcpy(block + 1, der->data, len);
    refused((struct kf_slice){block + 1, len}, NULL);
    free(block);
}

static void test_refuses_every_truncation(void)
{
    struct kf_buf der = KF_PUBLIC_BUF;

    make_full(&der);
    for (size_t len = 0; len < der.len; len++)
        refused_cut(&der, len);
    kf_buf_reset(&der);
}

/* Any byte may be anything: it parses, or it is refused, and nothing is read out of bounds. */
static void test_survives_every_changed_byte(void)
{
    static const uint8_t changes[] = {0x01, 0x80, 0xff, 0x20, 0x7f};
    struct kf_buf der = KF_PUBLIC_BUF;
    size_t parsed = 0;
    size_t skipped = 0;

    make_full(&der);
    for (size_t i = 0; i < der.len * sizeof(changes); i++) {
        uint8_t *byte = &der.data[i / sizeof(changes)];
        uint8_t change = changes[i % sizeof(changes)];
        struct kf_cert_facts facts;
        enum kf_status status;

        *byte ^= change;
        status = kf_cert_parse(material_crypto(), kf_buf_slice(&der), &facts, NULL);
        CU_ASSERT(status == KF_OK || status == KF_SKIP);
        if (status == KF_OK)
            parsed++;
        else
            skipped++;
        kf_cert_facts_reset(&facts);
        *byte ^= change;
    }
    CU_ASSERT(parsed > 0 && skipped > 0);
    kf_buf_reset(&der);
}

static void time_is(uint8_t tag, const char *text, bool readable, int64_t expected)
{
    const struct kf_tlv time = {.tag = tag, .value = kf_slice_of(text)};
    int64_t seconds = -12345;

    CU_ASSERT_EQUAL(kf_cert_time(&time, &seconds), readable);
    if (readable && seconds != expected)
        (void)fprintf(stderr, "%s: %lld\n", text, (long long)seconds);
    CU_ASSERT_EQUAL(seconds, readable ? expected : -12345);
}

static void test_times(void)
{
    time_is(KF_DER_UTC_TIME, "700101000000Z", true, 0);
    time_is(KF_DER_UTC_TIME, "500101000000Z", true, -631152000);
    time_is(KF_DER_UTC_TIME, "491231235959Z", true, 2524607999);
    time_is(KF_DER_UTC_TIME, "000229120000Z", true, 951825600);
    time_is(KF_DER_UTC_TIME, "0101010000Z", true, 978307200);       /* without seconds */
    time_is(KF_DER_UTC_TIME, "010101000000", true, 978307200);      /* without a zone */
    time_is(KF_DER_UTC_TIME, "010101020000+0200", true, 978307200); /* with an offset */
    time_is(KF_DER_UTC_TIME, "0012311830-0530", true, 978307200);
    time_is(KF_DER_GENERALIZED_TIME, "19700101000000Z", true, 0);
    time_is(KF_DER_GENERALIZED_TIME, "20380119031408Z", true, 2147483648);
    time_is(KF_DER_GENERALIZED_TIME, "99991231235959Z", true, 253402300799);
    time_is(KF_DER_GENERALIZED_TIME, "16010101000000Z", true, -11644473600);
    time_is(KF_DER_GENERALIZED_TIME, "20000301000000Z", true, 951868800);
    time_is(KF_DER_GENERALIZED_TIME, "21000301000000Z", true, 4107542400);
    time_is(KF_DER_GENERALIZED_TIME, "20010101000000.5Z", true, 978307200);
    time_is(KF_DER_GENERALIZED_TIME, "2001010100Z", true, 978307200);
    time_is(KF_DER_UTC_TIME, "", false, 0);
    time_is(KF_DER_UTC_TIME, "7001010000000Z", false, 0);
    time_is(KF_DER_UTC_TIME, "700001000000Z", false, 0);
    time_is(KF_DER_UTC_TIME, "701301000000Z", false, 0);
    time_is(KF_DER_UTC_TIME, "700100000000Z", false, 0);
    time_is(KF_DER_UTC_TIME, "700132000000Z", false, 0);
    time_is(KF_DER_UTC_TIME, "010229000000Z", false, 0);
    time_is(KF_DER_GENERALIZED_TIME, "21000229000000Z", false, 0);
    time_is(KF_DER_UTC_TIME, "700101240000Z", false, 0);
    time_is(KF_DER_UTC_TIME, "700101006000Z", false, 0);
    time_is(KF_DER_UTC_TIME, "700101000061Z", false, 0);
    time_is(KF_DER_UTC_TIME, "700101000000ZZ", false, 0);
    time_is(KF_DER_UTC_TIME, "700101000000X", false, 0);
    time_is(KF_DER_UTC_TIME, "700101000000+01", false, 0);
    time_is(KF_DER_UTC_TIME, "700101000000+0160", false, 0);
    time_is(KF_DER_UTC_TIME, "70 101000000Z", false, 0);
    time_is(KF_DER_UTC_TIME, "19700101000000Z", false, 0);
    time_is(KF_DER_PRINTABLE_STRING, "700101000000Z", false, 0);
}

static void test_may_encrypt(void)
{
    struct kf_cert_facts facts = {.has_key_usage = false};

    CU_ASSERT(kf_cert_may_encrypt(&facts));
    facts.has_key_usage = true;
    CU_ASSERT_FALSE(kf_cert_may_encrypt(&facts));
    facts.key_usage = ALL_USAGES & ~(unsigned)(KF_KU_KEY_ENCIPHERMENT | KF_KU_DATA_ENCIPHERMENT |
                                               KF_KU_KEY_AGREEMENT);
    CU_ASSERT_FALSE(kf_cert_may_encrypt(&facts));
    facts.key_usage = KF_KU_KEY_ENCIPHERMENT;
    CU_ASSERT(kf_cert_may_encrypt(&facts));
    facts.key_usage = KF_KU_DATA_ENCIPHERMENT;
    CU_ASSERT(kf_cert_may_encrypt(&facts));
    facts.key_usage = KF_KU_KEY_AGREEMENT;
    CU_ASSERT(kf_cert_may_encrypt(&facts));
}

static void test_each_key_usage_bit(void)
{
    struct kf_buf der = KF_PUBLIC_BUF;

    for (unsigned bit = 0; bit < 9; bit++) {
        const struct material_cert what = {.key_usage = 1u << bit};
        struct kf_cert_facts facts;

        material_cert_der(&what, &der);
        parse(&der, &facts);
        CU_ASSERT_EQUAL(facts.key_usage, 1u << bit);
        kf_cert_facts_reset(&facts);
    }
    kf_buf_reset(&der);
}

static void test_x509_there_and_back(void)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_buf back = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    X509 *certificate;

    make_full(&der);
    certificate = kf_x509_parse(material_crypto(), kf_buf_slice(&der), NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(certificate);
    CU_ASSERT_EQUAL(kf_buf_append(&back, "x", 1, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_x509_encode(certificate, &back, NULL), KF_OK);
    CU_ASSERT_EQUAL(back.len, der.len + 1);
    CU_ASSERT(memcmp(back.data + 1, der.data, der.len) == 0);
    X509_free(certificate);
    CU_ASSERT_PTR_NULL(
        kf_x509_parse(material_crypto(), (struct kf_slice){der.data, der.len - 1}, &error));
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    kf_buf_reset(&der);
    kf_buf_reset(&back);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"says all that it says", test_says_all},
        {"says little", test_says_little},
        {"mail address of the subject", test_email_of_the_subject},
        {"key algorithms", test_key_algorithms},
        {"signature algorithms", test_signature_algorithms},
        {"odd serial numbers", test_odd_serial_numbers},
        {"version 1 with extensions", test_v1_with_extensions},
        {"broken parts are refused", test_refuses_broken_parts},
        {"bytes after it are refused", test_refuses_what_follows},
        {"too long is refused", test_refuses_too_long},
        {"every truncation is refused", test_refuses_every_truncation},
        {"every changed byte is survived", test_survives_every_changed_byte},
        {"times", test_times},
        {"what may encrypt", test_may_encrypt},
        {"each bit of key usage", test_each_key_usage_bit},
        {"X509 there and back", test_x509_there_and_back},
        {NULL, NULL},
    };

    return suite_run("cert", tests);
}
