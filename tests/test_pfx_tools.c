/*
 * The PKCS #12 reader over what openssl, pk12util, keytool and certtool write, in the ways that
 * each of them can. A tool that is not installed is passed over; without openssl all is skipped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/pfx_builder.h"
#include "tests/support/pfx_run.h"
#include "tests/support/suite.h"

static struct kf_buf pkcs8; /* of the key that is in all files */

/* The file has this one key, proven, and as many certificates in its chain */
static void opens(const char *name, const char *password, size_t chain)
{
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    outside_read(name, &file);
    pfx_run_with(&run, kf_buf_slice(&file), password);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.records.count, 1);
    CU_ASSERT_EQUAL(run.proven, 1);
    if (run.proven != 1) {
        (void)printf("\n%s: %s\n", name, pfx_run_error(&run)->text);
    } else {
        CU_ASSERT(
            kf_slice_equal(kf_buf_slice(&run.records.records[0].pkcs8), kf_buf_slice(&pkcs8)));
        CU_ASSERT_EQUAL(run.records.records[0].chain_count, chain);
    }
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

static void test_openssl(void)
{
    static const char *const options[] = {
        "",
        "-legacy",
        "-certpbe AES-128-CBC -keypbe AES-192-CBC -macalg SHA512",
        "-legacy -certpbe PBE-SHA1-RC2-40 -keypbe PBE-SHA1-3DES",
        "-legacy -certpbe PBE-SHA1-RC2-128 -keypbe PBE-SHA1-RC4-128",
        "-legacy -certpbe PBE-SHA1-RC4-40 -keypbe PBE-SHA1-2DES",
        "-legacy -certpbe PBE-MD5-DES -keypbe PBE-MD5-RC2-64",
        "-legacy -certpbe PBE-SHA1-DES -keypbe PBE-SHA1-RC2-64",
        "-certpbe NONE -keypbe NONE",
        "-certpbe NONE -keypbe AES-256-CBC",
        "-nomac",
        "-noiter",
        "-nomaciter",
        "-iter 10000",
        "-name 'J\xc3\xb6 the first' -caname Root",
        "-macalg SHA3-256",
        "-CSP 'Microsoft Enhanced Cryptographic Provider v1.0' -LMK",
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        CU_ASSERT_TRUE(outside_run("openssl pkcs12 -export -inkey key.pem -in leaf.pem "
                                   "-certfile root.pem -passout pass:secret %s -out a.p12",
                                   options[i]));
        opens("a.p12", "secret", 1);
    }
    CU_ASSERT_TRUE(outside_run("openssl pkcs12 -export -inkey key.pem -in leaf.pem "
                               "-passout pass: -out a.p12"));
    opens("a.p12", "", 0);
    opens("a.p12", "whatever", 0); /* no password is tried at the end in any case */
}

/* passwords that are not ASCII, in UTF-8, and as old openssl took them */
static void test_openssl_passwords(void)
{
    CU_ASSERT_TRUE(outside_run("openssl pkcs12 -export -inkey key.pem -in leaf.pem -legacy "
                               "-passout 'pass:\xcf\x83\xcf\x8d\xce\xbd \xf0\x9f\x94\x91' "
                               "-out a.p12"));
    opens("a.p12", "\xcf\x83\xcf\x8d\xce\xbd \xf0\x9f\x94\x91", 0);
    CU_ASSERT_TRUE(outside_run("openssl pkcs12 -export -inkey key.pem -in leaf.pem "
                               "-passout 'pass:p\xc3\xa4ss' -out a.p12"));
    opens("a.p12", "p\xc3\xa4ss", 0);
    /* bytes that are not UTF-8 are widened by openssl, as all were before 1.1.0 */
    CU_ASSERT_TRUE(outside_run("openssl pkcs12 -export -inkey key.pem -in leaf.pem -legacy "
                               "-passout 'pass:p\xe4ss' -out a.p12"));
    opens("a.p12", "p\xe4ss", 0);
    opens("a.p12", "p\xc3\xa4ss", 0);
    CU_ASSERT_TRUE(outside_run("openssl pkcs12 -export -inkey key.pem -in leaf.pem "
                               "-passout 'pass:p\xe4ss' -out a.p12"));
    opens("a.p12", "p\xe4ss", 0);
    opens("a.p12", "p\xc3\xa4ss", 0);
}

/* openssl encrypts PKCS #8 in ways that it does not offer for PKCS #12; a bag takes them all */
static void test_openssl_pkcs8(void)
{
    static const char *const options[] = {
        "-scrypt",
        "-scrypt -scrypt_N 1024 -scrypt_r 8 -scrypt_p 16",
        "-v2 aes-256-cbc -v2prf hmacWithSHA512",
        "-v2 camellia-256-cbc",
        "-v2 des3 -v2prf hmacWithSHA224 -iter 12345",
        "-provider legacy -provider default -v1 PBE-MD5-RC2-64",
        "-provider legacy -provider default -v1 PBE-SHA1-RC4-128",
    };
    struct kf_buf encrypted = KF_PUBLIC_BUF;
    struct kf_buf leaf = KF_PUBLIC_BUF;

    CU_ASSERT_TRUE(outside_run("openssl x509 -in leaf.pem -outform DER -out leaf.der"));
    outside_read("leaf.der", &leaf);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        struct kf_buf bags = KF_PUBLIC_BUF;
        struct kf_buf safe = KF_PUBLIC_BUF;
        struct kf_buf contents = KF_PUBLIC_BUF;
        struct kf_buf file = KF_PUBLIC_BUF;

        CU_ASSERT_TRUE(outside_run("openssl pkcs8 -topk8 -in key.pem -outform DER "
                                   "-passout pass:secret -out key.p8 %s",
                                   options[i]));
        outside_read("key.p8", &encrypted);
        build_bag(&bags, 2, kf_buf_slice(&encrypted), NULL);
        build_cert(&bags, kf_buf_slice(&leaf), NULL);
        build_safe(&safe, kf_buf_slice(&bags), false);
        build_plain(&contents, kf_buf_slice(&safe));
        build_pfx(&file, kf_buf_slice(&contents), NULL);
        outside_write("a.p12", kf_buf_slice(&file));
        opens("a.p12", "secret", 0);
        kf_buf_reset(&bags);
        kf_buf_reset(&safe);
        kf_buf_reset(&contents);
        kf_buf_reset(&file);
    }
    kf_buf_reset(&encrypted);
    kf_buf_reset(&leaf);
}

/* NSS: BER with indefinite lengths, and its own ideas about algorithms */
static void test_pk12util(void)
{
    static const char *const options[] = {
        "",
        "-c 'PKCS #12 V2 PBE With SHA-1 And 3KEY Triple DES-CBC' "
        "-C 'PKCS #12 V2 PBE With SHA-1 And 40 Bit RC2 CBC'",
        "-c AES-256-CBC -C AES-128-CBC",
        "-c 'PKCS #12 V2 PBE With SHA-1 And 128 Bit RC4' -C NONE",
        "-c Camellia-128-CBC",
    };

    if (!outside_has("pk12util") || !outside_has("certutil"))
        return;
    CU_ASSERT_TRUE(outside_run("openssl pkcs12 -export -inkey key.pem -in leaf.pem -name jo "
                               "-certfile root.pem -passout pass:secret -out in.p12"));
    CU_ASSERT_TRUE(outside_run("mkdir -p nss && echo > empty.txt && printf secret > pw.txt && "
                               "certutil -N -d sql:nss --empty-password && "
                               "pk12util -i in.p12 -d sql:nss -K '' -w pw.txt"));
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        CU_ASSERT_TRUE(outside_run("rm -f a.p12; pk12util -o a.p12 -n jo -d sql:nss -K '' "
                                   "-w pw.txt %s",
                                   options[i]));
        opens("a.p12", "secret", 1);
    }
}

static void test_keytool(void)
{
    static const char *const options[] = {
        "",
        "-J-Dkeystore.pkcs12.legacy",
        "-J-Dkeystore.pkcs12.macAlgorithm=HmacPBESHA512 "
        "-J-Dkeystore.pkcs12.keyProtectionAlgorithm=PBEWithHmacSHA512AndAES_256",
        "-J-Dkeystore.pkcs12.macAlgorithm=NONE -J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE",
    };

    if (!outside_has("keytool"))
        return;
    CU_ASSERT_TRUE(outside_run("openssl pkcs12 -export -inkey key.pem -in leaf.pem -name jo "
                               "-certfile root.pem -passout pass:secret -out in.p12"));
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        CU_ASSERT_TRUE(outside_run("rm -f a.p12; keytool -importkeystore -srckeystore in.p12 "
                                   "-srcstoretype PKCS12 -srcstorepass secret "
                                   "-destkeystore a.p12 -deststoretype PKCS12 "
                                   "-deststorepass secret -noprompt %s",
                                   options[i]));
        opens("a.p12", "secret", 1);
    }
}

/* a Java key store of several keys, one of them symmetric */
static void test_keytool_store(void)
{
    struct kf_buf file = KF_PUBLIC_BUF;
    struct pfx_run run;

    if (!outside_has("keytool"))
        return;
    CU_ASSERT_TRUE(outside_run("rm -f ks.p12; for i in 1 2 3; do keytool -genkeypair -alias k$i "
                               "-keyalg EC -groupname secp256r1 -dname CN=K$i -keystore ks.p12 "
                               "-storetype PKCS12 -storepass secret || exit 1; done; "
                               "keytool -genseckey -alias s -keyalg AES -keysize 256 "
                               "-keystore ks.p12 -storetype PKCS12 -storepass secret"));
    outside_read("ks.p12", &file);
    pfx_run_with(&run, kf_buf_slice(&file), "secret");
    CU_ASSERT_EQUAL(run.records.count, 3);
    CU_ASSERT_EQUAL(run.proven, 3);
    CU_ASSERT(run.outline != NULL && strstr(run.outline, "type: secretBag\n") != NULL);
    CU_ASSERT(run.outline != NULL && strstr(run.outline, "friendlyName: k2\n") != NULL);
    pfx_run_reset(&run);
    kf_buf_reset(&file);
}

static void test_certtool(void)
{
    static const char *const options[] = {
        "--pkcs-cipher aes-256", "--pkcs-cipher aes-128",
        "--pkcs-cipher 3des",    "--pkcs-cipher 3des-pkcs12",
        "--pkcs-cipher arcfour", "--pkcs-cipher rc2-40",
        "--hash SHA512",
    };

    if (!outside_has("certtool"))
        return;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        CU_ASSERT_TRUE(outside_run("certtool --to-p12 --load-privkey key.pem "
                                   "--load-certificate leaf.pem --load-ca-certificate root.pem "
                                   "--p12-name jo --password secret --outder --outfile a.p12 %s",
                                   options[i]));
        opens("a.p12", "secret", 1);
    }
    CU_ASSERT_TRUE(outside_run("certtool --to-p12 --load-privkey key.pem --load-certificate "
                               "leaf.pem --p12-name jo --password secret --outfile a.p12"));
    opens("a.p12", "secret", 0); /* in PEM, which is certtool's default */
    CU_ASSERT_TRUE(outside_run("certtool --to-p12 --load-privkey key.pem --load-certificate "
                               "leaf.pem --p12-name jo --null-password --outder --outfile a.p12"));
    opens("a.p12", "", 0);
    opens("a.p12", NULL, 0);
}

static void make_material(void)
{
    EVP_PKEY *key = material_key("rsa:2048");
    EVP_PKEY *root_key = material_key("rsa:2048#root");
    const struct material_cert root_is = {.subject = "/CN=Root", .key = root_key, .is_ca = true};
    X509 *root = material_cert(&root_is);
    const struct material_cert leaf_is = {
        .subject = "/CN=Jo", .key = key, .issuer = root, .issuer_key = root_key};
    X509 *leaf = material_cert(&leaf_is);

    outside_write_key("key.pem", key);
    outside_write_cert("leaf.pem", leaf);
    outside_write_cert("root.pem", root);
    material_pkcs8(key, &pkcs8);
    X509_free(leaf);
    X509_free(root);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"openssl", test_openssl},
        {"openssl, passwords", test_openssl_passwords},
        {"openssl, PKCS #8", test_openssl_pkcs8},
        {"pk12util", test_pk12util},
        {"keytool", test_keytool},
        {"keytool, several keys", test_keytool_store},
        {"certtool", test_certtool},
        {NULL, NULL},
    };
    int code;

    if (!outside_has("openssl"))
        suite_skip("there is no openssl");
    make_material();
    code = suite_run("pfx tools", tests);
    kf_buf_reset(&pkcs8);
    return code;
}
