/*
 * PKCS #12 files that are made here, opened by openssl, pk12util, certtool and keytool.
 */
#include "crypto/pfxfile.h"

#include <string.h>

#include "crypto/keyfile.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

#define PASSWORD "pass-word 12"

static const char *const profile_names[] = {
    [KF_PFX_MODERN] = "modern", [KF_PFX_WINDOWS] = "windows", [KF_PFX_LEGACY] = "legacy"};

static struct {
    X509 *user;
    X509 *ca;
    STACK_OF(X509) * chain; /* the CA, twice, and the user */
} m;

static void make_material(void)
{
    m.ca = material_cert(&(struct material_cert){
        .subject = "/CN=CA", .key = material_key("rsa:2048#2"), .is_ca = true});
    m.user = material_cert(&(struct material_cert){.subject = "/O=Contoso/CN=Jo",
                                                   .key = material_key("rsa:2048"),
                                                   .issuer = m.ca,
                                                   .issuer_key = material_key("rsa:2048#2")});
    m.chain = sk_X509_new_null();
    CU_ASSERT_FATAL(sk_X509_push(m.chain, m.ca) > 0 && sk_X509_push(m.chain, m.user) > 0 &&
                    sk_X509_push(m.chain, m.ca) > 0);
    outside_write_cert("user.pem", m.user);
    outside_write_cert("ca.pem", m.ca);
    outside_write_key("key.pem", material_key("rsa:2048"));
}

static void free_material(void)
{
    sk_X509_free(m.chain);
    X509_free(m.user);
    X509_free(m.ca);
}

static enum kf_status make_from(struct kf_slice pkcs8, X509 *certificate, STACK_OF(X509) * chain,
                                const char *name, struct kf_slice password,
                                enum kf_pfx_profile profile, struct kf_error *error)
{
    struct kf_buf secret = KF_SECRET_BUF;
    struct kf_buf out = KF_SECRET_BUF;
    enum kf_status status;

    CU_ASSERT_FATAL(kf_buf_append(&secret, password.data, password.len, NULL) == KF_OK);
    status = kf_pfx_make(material_crypto(), pkcs8, certificate, chain, name, &secret, profile, &out,
                         error);
    if (status == KF_OK)
        outside_write("made.p12", kf_buf_slice(&out));
    else
        CU_ASSERT_EQUAL(out.len, 0);
    kf_buf_reset(&out);
    kf_buf_reset(&secret);
    return status;
}

/* Writes made.p12. */
static void make(const char *key, X509 *certificate, STACK_OF(X509) * chain, const char *name,
                 const char *password, enum kf_pfx_profile profile)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;

    material_pkcs8(material_key(key), &pkcs8);
    CU_ASSERT_FATAL(make_from(kf_buf_slice(&pkcs8), certificate, chain, name, kf_slice_of(password),
                              profile, NULL) == KF_OK);
    kf_buf_reset(&pkcs8);
}

static void make_full(enum kf_pfx_profile profile)
{
    make("rsa:2048", m.user, m.chain, "Jo's key", PASSWORD, profile);
}

/* The key, byte for byte, the own certificate and the chain, each once, tied and named. */
static void test_openssl(void)
{
    for (int profile = KF_PFX_MODERN; profile <= KF_PFX_LEGACY; profile++) {
        const char *legacy = profile == KF_PFX_LEGACY ? "-legacy" : "";

        make_full((enum kf_pfx_profile)profile);
        CU_ASSERT(outside_run(
            "set -e\n"
            "open='openssl pkcs12 -in made.p12 %s -passin'\n"
            "$open 'pass:" PASSWORD "' -nodes -nocerts | openssl pkey | cmp - key.pem\n"
            "$open 'pass:" PASSWORD "' -nokeys -clcerts | openssl x509 | cmp - user.pem\n"
            "$open 'pass:" PASSWORD "' -nokeys -cacerts | openssl x509 | cmp - ca.pem\n"
            "$open 'pass:" PASSWORD "' -nodes > all\n"
            "test $(grep -c 'BEGIN CERT' all) = 2\n"
            "test $(grep -c \"friendlyName: Jo's key\" all) = 2\n"
            "test $(grep localKeyID all | sort -u | wc -l) = 1\n"
            "test $(grep -c localKeyID all) = 2",
            legacy));
        CU_ASSERT(
            outside_fails("openssl pkcs12 -in made.p12 %s -passin pass:wrong -nodes", legacy));
    }
}

static void test_algorithms(void)
{
    static const char *const expected[] = {
        [KF_PFX_MODERN] = "grep -q 'MAC: sha256, Iteration 100000' i &&\n"
                          "grep -q 'MAC length: 32, salt length: 16' i &&\n"
                          "test $(grep -c 'PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF "
                          "hmacWithSHA256' i) = 2",
        [KF_PFX_WINDOWS] = "grep -q 'MAC: sha1, Iteration 10000' i &&\n"
                           "test $(grep -c 'pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 10000' i) "
                           "= 2",
        [KF_PFX_LEGACY] = "grep -q 'MAC: sha1, Iteration 10000' i &&\n"
                          "grep -q 'Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration "
                          "10000' i && grep -q 'Encrypted data: pbeWithSHA1And40BitRC2-CBC, "
                          "Iteration 10000' i",
    };

    for (int profile = KF_PFX_MODERN; profile <= KF_PFX_LEGACY; profile++) {
        make_full((enum kf_pfx_profile)profile);
        CU_ASSERT(outside_run("openssl pkcs12 -in made.p12 -legacy -info -noout -passin "
                              "'pass:" PASSWORD "' 2>i; %s",
                              expected[profile]));
    }
}

static void test_pk12util(void)
{
    if (!outside_has("pk12util") || !outside_has("certutil")) {
        (void)printf("pk12util is not installed ");
        return;
    }
    for (int profile = KF_PFX_MODERN; profile <= KF_PFX_LEGACY; profile++) {
        make_full((enum kf_pfx_profile)profile);
        CU_ASSERT(outside_run("set -e\n"
                              "mkdir nss-%s && certutil -N --empty-password -d sql:nss-%s\n"
                              "pk12util -i made.p12 -d sql:nss-%s -W '" PASSWORD "' -K ''\n"
                              "certutil -K -d sql:nss-%s | grep \"Jo's key\"\n"
                              "certutil -L -d sql:nss-%s | grep \"Jo's key.*u,u,u\"",
                              profile_names[profile], profile_names[profile],
                              profile_names[profile], profile_names[profile],
                              profile_names[profile]));
    }
}

static void test_certtool(void)
{
    if (!outside_has("certtool")) {
        (void)printf("certtool is not installed ");
        return;
    }
    for (int profile = KF_PFX_MODERN; profile <= KF_PFX_LEGACY; profile++) {
        make_full((enum kf_pfx_profile)profile);
        CU_ASSERT(outside_run("set -e\n"
                              "certtool --p12-info --inder --infile made.p12 --password "
                              "'" PASSWORD "' > gnutls\n"
                              "test $(grep -c 'BEGIN CERTIFICATE' gnutls) = 2\n"
                              "sed -n '/BEGIN ENCRYPTED/,/END ENCRYPTED/p' gnutls | openssl pkey "
                              "-passin 'pass:" PASSWORD "' | cmp - key.pem"));
    }
}

static void test_keytool(void)
{
    if (!outside_has("keytool")) {
        (void)printf("keytool is not installed ");
        return;
    }
    for (int profile = KF_PFX_MODERN; profile <= KF_PFX_LEGACY; profile++) {
        make_full((enum kf_pfx_profile)profile);
        CU_ASSERT(outside_run("keytool -list -v -storetype PKCS12 -keystore made.p12 -storepass "
                              "'" PASSWORD "' > java && grep -q PrivateKeyEntry java && grep -q "
                              "'chain length: 2' java && grep -qi \"Alias name: jo's key\" java"));
    }
}

/* Keys of all types, with no certificate at all, an empty password, and letters of many scripts. */
static void test_odd_ones(void)
{
    static const char *const keys[] = {"ec:P-256", "ed25519", "rsa-pss:2048", "x25519"};
    const char *letters = "P\xc3\xa4ssw\xc3\xb6rt \xe2\x82\xac \xd0\x9f \xf0\x9f\x94\x91";

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        outside_write_key("other.pem", material_key(keys[i]));
        make(keys[i], NULL, NULL, NULL, "x", KF_PFX_MODERN);
        CU_ASSERT(outside_run("openssl pkcs12 -in made.p12 -passin pass:x -nodes > all && openssl "
                              "pkey -in all | cmp - other.pem && ! grep -q localKeyID all"));
    }
    make("rsa:2048", m.user, NULL, "", "", KF_PFX_WINDOWS);
    CU_ASSERT(outside_run("openssl pkcs12 -in made.p12 -passin pass: -nodes > all && openssl pkey "
                          "-in all | cmp - key.pem && ! grep -q friendlyName all"));
    make("rsa:2048", NULL, m.chain, "\xff not UTF-8", letters, KF_PFX_WINDOWS);
    outside_write("password", kf_slice_of(letters));
    CU_ASSERT(outside_run("openssl pkcs12 -in made.p12 -passin file:password -nodes > all && "
                          "openssl pkey -in all | cmp - key.pem && test $(grep -c 'BEGIN CERT' "
                          "all) = 2 && ! grep -q friendlyName all"));
    make("rsa:2048", m.user, NULL, "J\xc3\xb6 \xe2\x82\xac", letters, KF_PFX_MODERN);
    CU_ASSERT(outside_run("openssl pkcs12 -in made.p12 -passin file:password -nodes > all && "
                          "openssl pkey -in all | cmp - key.pem && grep -aq friendlyName all"));
    make("rsa:2048", m.user, NULL, letters, "x", KF_PFX_WINDOWS); /* no BMPString has such a name */
    CU_ASSERT(outside_run("openssl pkcs12 -in made.p12 -passin pass:x -nodes > all && "
                          "openssl pkey -in all | cmp - key.pem && ! grep -aq friendlyName all"));
}

/* What is made here loads here, too: two implementations of the bags. */
static void test_loads(void)
{
    for (int profile = KF_PFX_MODERN; profile <= KF_PFX_LEGACY; profile++) {
        struct kf_identity identity;
        struct kf_buf password = KF_SECRET_BUF;

        make_full((enum kf_pfx_profile)profile);
        CU_ASSERT_FATAL(kf_buf_set(&password, kf_slice_of(PASSWORD), NULL) == KF_OK);
        CU_ASSERT_EQUAL(kf_identity_load(material_crypto(), outside_path("made.p12"), &password,
                                         &identity, NULL),
                        KF_OK);
        CU_ASSERT(identity.certificate != NULL && X509_cmp(identity.certificate, m.user) == 0);
        CU_ASSERT_EQUAL(sk_X509_num(identity.others), 1);
        kf_identity_reset(&identity);
        kf_buf_reset(&password);
    }
}

static void test_refuses(void)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    material_pkcs8(material_key("rsa:2048"), &pkcs8);
    CU_ASSERT_EQUAL(make_from(kf_buf_slice(&pkcs8), NULL, NULL, NULL,
                              (struct kf_slice){(const uint8_t *)"a\0b", 3}, KF_PFX_MODERN, &error),
                    KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    for (size_t len = 0; len < pkcs8.len; len += 13) {
        error = (struct kf_error){.cause = KF_CAUSE_NONE};
        CU_ASSERT_EQUAL(make_from((struct kf_slice){pkcs8.data, len}, NULL, NULL, NULL,
                                  kf_slice_of("x"), KF_PFX_WINDOWS, &error),
                        KF_SKIP);
        CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    }
    CU_ASSERT_FATAL(kf_buf_append(&pkcs8, "", 1, NULL) == KF_OK);
    CU_ASSERT_EQUAL(
        make_from(kf_buf_slice(&pkcs8), NULL, NULL, NULL, kf_slice_of("x"), KF_PFX_WINDOWS, NULL),
        KF_SKIP);
    kf_buf_reset(&pkcs8);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"material", make_material}, /* which the others need */
        {"openssl", test_openssl},   {"algorithms", test_algorithms}, {"pk12util", test_pk12util},
        {"certtool", test_certtool}, {"keytool", test_keytool},       {"odd ones", test_odd_ones},
        {"loads", test_loads},       {"refuses", test_refuses},       {NULL, NULL},
    };
    int code = suite_run("pfxfile", tests);

    free_material();
    return code;
}
