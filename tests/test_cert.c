/*
 * Certificates: what they say, who issued them, and what is refused.
 */
#include "crypto/cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/obj_mac.h>

#include "core/der.h"
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

int main(void)
{
    static const struct suite_test tests[] = {
        {"says all that it says", test_says_all},
        {NULL, NULL},
    };

    return suite_run("cert", tests);
}
