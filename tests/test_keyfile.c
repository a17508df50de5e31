/*
 * Keys and certificates by option, as other programs write them; and the CA of one's own.
 */
#include "crypto/keyfile.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "crypto/ca.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

/* The key's certificate, two others, and everything made of them; once. */
static void make_files(void)
{
    static bool made;
    X509 *own;
    X509 *first;
    X509 *second;

    if (made)
        return;
    made = true;
    own = material_cert(&(struct material_cert){.subject = "/CN=Own"});
    first = material_cert(
        &(struct material_cert){.subject = "/CN=First", .key = material_key("ec:P-256")});
    second = material_cert(
        &(struct material_cert){.subject = "/CN=Second", .key = material_key("rsa:2048#2")});
    outside_write_cert("own.pem", own);
    outside_write_cert("first.pem", first);
    outside_write_cert("second.pem", second);
    outside_write_key("key.pem", material_key("rsa:2048"));
    outside_write_key("ec.pem", material_key("ec:P-256"));
    X509_free(own);
    X509_free(first);
    X509_free(second);
    CU_ASSERT_FATAL(outside_run(
        "set -e\n"
        "cat first.pem second.pem own.pem > certs.pem\n"
        "cat first.pem key.pem own.pem second.pem > all.pem\n"
        "openssl x509 -in own.pem -outform DER -out own.der\n"
        "openssl pkey -in key.pem -outform DER -out key.der\n"
        "openssl pkcs8 -topk8 -in key.pem -passout pass:pw -out enc.pem\n"
        "openssl pkcs8 -topk8 -in key.pem -passout pass:pw -outform DER -out enc.der\n"
        "openssl rsa -in key.pem -aes128 -traditional -passout pass:pw -out old.pem\n"
        "cat first.pem enc.pem own.pem > mixed.pem\n"
        "openssl req -new -key key.pem -subj /CN=r -out csr.pem\n"
        "cat csr.pem enc.pem csr.pem own.pem > odd.pem\n"
        "openssl pkcs12 -export -inkey key.pem -in own.pem -certfile certs.pem -passout pass:pw "
        "-out new.p12\n"
        "openssl pkcs12 -export -legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-RC4-128 -inkey "
        "key.pem -in own.pem -passout pass:pw -out legacy.p12\n"
        "openssl pkcs12 -export -nomac -inkey key.pem -in own.pem -passout pass:pw -out nomac.p12\n"
        "openssl pkcs12 -export -inkey key.pem -in own.pem -passout pass: -out empty.p12\n"
        "openssl pkcs12 -export -nokeys -in certs.pem -passout pass:pw -out certs.p12\n"
        "openssl crl2pkcs7 -nocrl -certfile certs.pem -out certs.p7b\n"
        "openssl crl2pkcs7 -nocrl -certfile certs.pem -outform DER -out certs.p7c\n"
        "cp own.der C:own.der; cp key.pem pkcs11:key.pem; cp key.pem file:key.pem\n"
        "head -c 700 new.p12 > cut.p12; head -c 700 key.der > cut.der; : > nothing\n"
        "echo hello > text; cat text text text > text.pem\n"));
}

static void set_password(struct kf_buf *out, const char *text)
{
    CU_ASSERT_FATAL(kf_buf_set(out, kf_slice_of(text), NULL) == KF_OK);
}

/* password NULL: none. The key is rsa:2048; others is how many more certificates there are. */
static void load(const char *name, const char *password, bool certificate, int others)
{
    struct kf_identity identity;
    struct kf_buf secret = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    make_files();
    if (password != NULL)
        set_password(&secret, password);
    if (kf_identity_load(material_crypto(), outside_path(name), password != NULL ? &secret : NULL,
                         &identity, &error) != KF_OK)
        (void)printf("%s: %s\n", name, error.text);
    CU_ASSERT_PTR_NOT_NULL(identity.key);
    if (identity.key != NULL) {
        CU_ASSERT_EQUAL(EVP_PKEY_eq(identity.key, material_key("rsa:2048")), 1);
        CU_ASSERT_EQUAL(sk_X509_num(identity.others), others);
        CU_ASSERT_STRING_EQUAL(identity.label, outside_path(name));
        CU_ASSERT_EQUAL(identity.certificate != NULL, certificate);
    }
    if (identity.certificate != NULL)
        CU_ASSERT_EQUAL(X509_check_private_key(identity.certificate, identity.key), 1);
    kf_identity_reset(&identity);
    kf_buf_reset(&secret);
}

static void refuse(const char *name, const char *password, enum kf_cause cause, const char *text)
{
    struct kf_identity identity;
    struct kf_buf secret = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    make_files();
    if (password != NULL)
        set_password(&secret, password);
    CU_ASSERT_EQUAL(kf_identity_load(material_crypto(), outside_path(name),
                                     password != NULL ? &secret : NULL, &identity, &error),
                    KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, cause);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, text));
    CU_ASSERT_PTR_NULL(identity.key);
    if (error.cause != cause || strstr(error.text, text) == NULL)
        (void)printf("%s: %s\n", name, error.text);
    kf_identity_reset(&identity);
    kf_buf_reset(&secret);
}

static void test_pem_and_der(void)
{
    load("key.pem", NULL, false, 0);
    load("key.der", NULL, false, 0);
    load("enc.pem", "pw", false, 0);
    load("enc.der", "pw", false, 0);
    load("old.pem", "pw", false, 0);
    load("all.pem", NULL, true, 2);
    load("mixed.pem", "pw", true, 1);
    load("odd.pem", "pw", true, 0); /* requests are passed over */
    load("key.pem", "not needed", false, 0);
}

static void test_pkcs12(void)
{
    load("new.p12", "pw", true, 3); /* certs.pem has the own one as well: it stays among them */
    load("legacy.p12", "pw", true, 0);
    load("nomac.p12", "pw", true, 0);
    load("empty.p12", NULL, true, 0);
    load("empty.p12", "", true, 0);
}

static void test_names_that_look_like_uris(void)
{
    load("pkcs11:key.pem", NULL, false, 0);
    load("file:key.pem", NULL, false, 0);
}

static void test_uri(void)
{
    struct kf_identity identity;
    char uri[600];

    make_files();
    (void)snprintf(uri, sizeof(uri), "file:%s", outside_path("all.pem"));
    CU_ASSERT_EQUAL(kf_identity_load(material_crypto(), uri, NULL, &identity, NULL), KF_OK);
    CU_ASSERT_PTR_NOT_NULL(identity.certificate);
    kf_identity_reset(&identity);
}

static void test_refusals(void)
{
    const char wrong[] = "wrong password";
    const char none[] = "none was given";

    refuse("new.p12", "x", KF_CAUSE_SECRET, wrong);
    refuse("new.p12", NULL, KF_CAUSE_SECRET, none);
    refuse("legacy.p12", "x", KF_CAUSE_SECRET, wrong);
    refuse("nomac.p12", "x", KF_CAUSE_SECRET, wrong);
    refuse("nomac.p12", NULL, KF_CAUSE_SECRET, none);
    refuse("enc.pem", "x", KF_CAUSE_SECRET, wrong);
    refuse("enc.pem", NULL, KF_CAUSE_SECRET, none);
    refuse("enc.der", "x", KF_CAUSE_SECRET, wrong);
    refuse("enc.der", NULL, KF_CAUSE_SECRET, none);
    refuse("old.pem", "x", KF_CAUSE_SECRET, wrong);
    refuse("old.pem", NULL, KF_CAUSE_SECRET, none);
    refuse("mixed.pem", "x", KF_CAUSE_SECRET, wrong);
    refuse("own.pem", NULL, KF_CAUSE_DATA, "no private key");
    refuse("own.der", "pw", KF_CAUSE_DATA, "no private key");
    refuse("certs.p12", "pw", KF_CAUSE_DATA, "no private key");
    refuse("certs.p7b", NULL, KF_CAUSE_DATA, "no private key");
    refuse("text.pem", NULL, KF_CAUSE_DATA, "no private key");
    refuse("nothing", NULL, KF_CAUSE_DATA, "no private key");
    refuse("cut.der", NULL, KF_CAUSE_DATA, "no private key");
    refuse("cut.p12", "pw", KF_CAUSE_DATA, "broken");
    refuse("missing.pem", NULL, KF_CAUSE_SYSTEM, "cannot be opened");
    refuse(".", NULL, KF_CAUSE_SYSTEM, "");
}

/* A password with a NUL inside is not cut at it. */
static void test_password_is_taken_whole(void)
{
    static const uint8_t bytes[] = {'p', 'w', 0, 'x'};
    struct kf_identity identity;
    struct kf_buf secret = KF_SECRET_BUF;

    make_files();
    CU_ASSERT_FATAL(kf_buf_append(&secret, bytes, sizeof(bytes), NULL) == KF_OK);
    for (int i = 0; i < 2; i++) {
        const char *path = outside_path(i == 0 ? "new.p12" : "enc.pem");
        struct kf_error error = {.cause = KF_CAUSE_NONE};

        CU_ASSERT_EQUAL(kf_identity_load(material_crypto(), path, &secret, &identity, &error),
                        KF_FATAL);
        CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SECRET);
    }
    kf_buf_reset(&secret);
}

/* The MAC's algorithm in new.p12, which is SHA-256, named PBMAC1. */
static void test_refuses_pbmac1(void)
{
    static const uint8_t sha256[] = {6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1};
    static const uint8_t pbmac1[] = {6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 14};
    struct kf_buf file = KF_SECRET_BUF;
    size_t at = 0;

    make_files();
    outside_read("new.p12", &file);
    for (size_t i = 0; i + sizeof(sha256) <= file.len; i++) {
        if (memcmp(file.data + i, sha256, sizeof(sha256)) == 0)
            at = i;
    }
    CU_ASSERT_FATAL(at != 0);
    memcpy(file.data + at, pbmac1, sizeof(pbmac1));
    outside_write("pbmac1.p12", kf_buf_slice(&file));
    refuse("pbmac1.p12", "pw", KF_CAUSE_UNSUPPORTED, "PBMAC1");
    kf_buf_reset(&file);
}

static void certificates(const char *name, const char *password, int expected, enum kf_cause cause)
{
    STACK_OF(X509) *found = NULL;
    struct kf_buf secret = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    make_files();
    if (password != NULL)
        set_password(&secret, password);
    status = kf_certificates_load(material_crypto(), outside_path(name),
                                  password != NULL ? &secret : NULL, &found, &error);
    CU_ASSERT_EQUAL(status, expected > 0 ? KF_OK : KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, cause);
    CU_ASSERT_EQUAL(found != NULL ? sk_X509_num(found) : 0, expected);
    sk_X509_pop_free(found, X509_free);
    kf_buf_reset(&secret);
}

static void test_certificates(void)
{
    certificates("own.pem", NULL, 1, KF_CAUSE_NONE);
    certificates("own.der", NULL, 1, KF_CAUSE_NONE);
    certificates("C:own.der", NULL, 1, KF_CAUSE_NONE);
    certificates("certs.pem", NULL, 3, KF_CAUSE_NONE);
    certificates("mixed.pem", NULL, 2, KF_CAUSE_NONE); /* an encrypted key there asks for nothing */
    certificates("certs.p7b", NULL, 3, KF_CAUSE_NONE);
    certificates("certs.p7c", NULL, 3, KF_CAUSE_NONE);
    certificates("certs.p12", "pw", 3, KF_CAUSE_NONE);
    certificates("new.p12", "pw", 4, KF_CAUSE_NONE);
    certificates("new.p12", NULL, 0, KF_CAUSE_SECRET);
    certificates("new.p12", "x", 0, KF_CAUSE_SECRET);
    certificates("key.pem", NULL, 0, KF_CAUSE_DATA);
    certificates("text.pem", NULL, 0, KF_CAUSE_DATA);
    certificates("missing", NULL, 0, KF_CAUSE_SYSTEM);
}

static void test_ca(void)
{
    struct kf_identity ca;

    CU_ASSERT_FATAL(kf_ca_make(material_crypto(), "M\xc3\xbcller & S\xc3\xb6hne CA", &ca, NULL) ==
                    KF_OK);
    CU_ASSERT_EQUAL(X509_check_private_key(ca.certificate, ca.key), 1);
    CU_ASSERT_EQUAL(EVP_PKEY_get_bits(ca.key), 3072);
    CU_ASSERT_EQUAL(X509_check_ca(ca.certificate), 1);
    CU_ASSERT_EQUAL(X509_get_signature_nid(ca.certificate), NID_sha256WithRSAEncryption);
    CU_ASSERT_EQUAL(X509_get_key_usage(ca.certificate),
                    KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    CU_ASSERT_PTR_NOT_NULL(X509_get0_subject_key_id(ca.certificate));
    outside_write_cert("ca.pem", ca.certificate);
    CU_ASSERT(outside_run("openssl verify -x509_strict -check_ss_sig -CAfile ca.pem ca.pem"));
    CU_ASSERT(outside_run("openssl x509 -in ca.pem -noout -checkend %d", 3650 * 24 * 3600));
    CU_ASSERT(outside_fails("openssl x509 -in ca.pem -noout -checkend %d", 3653 * 24 * 3600));
    CU_ASSERT(outside_run("openssl x509 -in ca.pem -noout -subject -nameopt "
                          "utf8,sep_multiline,lname | grep 'commonName=M\xc3\xbcller & S'"));
    kf_identity_reset(&ca);
}

static void test_ca_refuses_names(void)
{
    static const char sixty_five[] =
        "0123456789012345678901234567890123456789012345678901234567890123x";
    const char *const names[] = {"", sixty_five, "\xff\xfe"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct kf_identity ca;
        struct kf_error error = {.cause = KF_CAUSE_NONE};

        CU_ASSERT_EQUAL(kf_ca_make(material_crypto(), names[i], &ca, &error), KF_FATAL);
        CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
        CU_ASSERT_PTR_NULL(ca.key);
    }
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"PEM and DER", test_pem_and_der},
        {"PKCS #12", test_pkcs12},
        {"names that look like URIs", test_names_that_look_like_uris},
        {"a URI", test_uri},
        {"refusals", test_refusals},
        {"a password is taken whole", test_password_is_taken_whole},
        {"refuses PBMAC1", test_refuses_pbmac1},
        {"certificates", test_certificates},
        {"a CA of one's own", test_ca},
        {"names that no CA has", test_ca_refuses_names},
        {NULL, NULL},
    };

    return suite_run("keyfile", tests);
}
