/*
 * Recovery blobs and bare archived keys, made by openssl alone, read as records.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "readers/formats.h"
#include "tests/support/feeder.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/reader_run.h"
#include "tests/support/suite.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static EVP_PKEY *user_key, *ca_key, *kra_key;
static X509 *user, *ca, *kra;

/* before the suite begins */
static void must(bool done)
{
    if (!done)
        exit(EXIT_FAILURE);
}

static void make(void)
{
    user_key = material_key("rsa:2048#user");
    ca_key = material_key("rsa:2048#ca");
    kra_key = material_key("rsa:2048#kra");
    ca = material_cert(&(struct material_cert){
        .subject = "/O=Contoso/CN=Contoso CA", .key = ca_key, .is_ca = true});
    user = material_cert(&(struct material_cert){
        .subject = "/CN=Jo", .key = user_key, .issuer = ca, .issuer_key = ca_key});
    kra = material_kra("Agent", kra_key);
    outside_write_cert("ca.pem", ca);
    outside_write_key("ca.key", ca_key);
    outside_write_cert("user.pem", user);
    outside_write_key("user.key", user_key);
    outside_write_cert("kra.pem", kra);
    must(outside_run("openssl rsa -in user.key -outform MSBLOB -out key.blob"));
    must(outside_run("openssl pkcs8 -topk8 -nocrypt -in user.key -outform DER -out key.p8"));
    must(outside_run("cat user.pem kra.pem >all.pem"));
}

static void free_all(void)
{
    X509_free(user);
    X509_free(ca);
    X509_free(kra);
}

static void run_file(struct reader_run *run, const char *name, EVP_PKEY *key)
{
    struct kf_secrets *secrets = secrets_with(NULL, key, NULL);

    reader_run_file(run, &kf_reader_rec, outside_path(name), secrets);
    kf_secrets_free(secrets);
}

static int bid_of(const char *name)
{
    struct kf_buf bytes = KF_PUBLIC_BUF;
    int bid;

    outside_read(name, &bytes);
    bid = kf_reader_rec.bid(
        (struct kf_slice){bytes.data, bytes.len < KF_BID_PREFIX ? bytes.len : KF_BID_PREFIX});
    kf_buf_reset(&bytes);
    return bid;
}

/* The file yields the user's key with the certificate, and is recognized. */
static void expect_key(const char *name, size_t chain)
{
    struct reader_run run;

    CU_ASSERT(bid_of(name) > KF_BID_LIKELY);
    run_file(&run, name, kra_key);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.records.count, 1);
    CU_ASSERT_EQUAL(run.proven, 1);
    if (run.proven == 1) {
        CU_ASSERT(record_has_key(&run.records.records[0], user_key));
        CU_ASSERT_STRING_EQUAL(run.records.records[0].facts.common_name, "Jo");
        CU_ASSERT_EQUAL(run.records.records[0].chain_count, chain);
    } else {
        (void)fprintf(stderr, "%s: %s\n", name, reader_run_error(&run)->text);
    }
    reader_run_reset(&run);
}

static const char *const seals[] = {
    "-aes256 -recip kra.pem",
    "-des3 -recip kra.pem",
    "-aes128 -recip kra.pem -keyopt rsa_padding_mode:oaep",
    "-aes256 -recip kra.pem -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256",
    "-aes-256-gcm -recip kra.pem",
    "-aes256 -recip kra.pem -keyid",
};

static void seal(const char *plain, const char *options)
{
    CU_ASSERT_FATAL(outside_run("openssl cms -encrypt -binary -in %s -outform DER -out inner %s",
                                plain, options));
}

static void sign(const char *options)
{
    CU_ASSERT_FATAL(outside_run("openssl cms -sign -nodetach -binary -in inner -signer ca.pem "
                                "-inkey ca.key -certfile all.pem -out x.rec %s",
                                options));
}

static void test_blobs_by_openssl_alone(void)
{
    static const char *const forms[] = {
        "-outform DER",
        "-outform DER -stream",
        "-outform PEM",
        "-outform DER -econtent_type pkcs7-envelopedData",
        "-outform PEM -econtent_type pkcs7-envelopedData -md sha1",
    };

    for (size_t i = 0; i < COUNT(seals); i++) {
        seal(i % 2 == 0 ? "key.blob" : "key.p8", seals[i]);
        for (size_t j = 0; j < COUNT(forms); j++) {
            sign(forms[j]);
            expect_key("x.rec", 1);
        }
    }
}

static void test_text_forms(void)
{
    static const char *const commands[] = {
        "openssl base64 -in x.rec -out y.rec",
        "openssl base64 -A -in x.rec -out y.rec",
        "openssl base64 -in x.rec | sed 's/$/\\r/' >y.rec",
        "(echo -----BEGIN CERTIFICATE-----; openssl base64 -in x.rec; echo -----END "
        "CERTIFICATE-----) "
        "| sed 's/$/\\r/' >y.rec",
        "(echo -----BEGIN PKCS7-----; openssl base64 -in x.rec; echo -----END PKCS7-----) >y.rec",
        "(echo -----BEGIN CMS-----; openssl base64 -in x.rec; echo -----END CMS-----) >y.rec",
    };

    seal("key.blob", seals[0]);
    sign("-outform DER");
    for (size_t i = 0; i < COUNT(commands); i++) {
        CU_ASSERT_FATAL(outside_run("%s", commands[i]));
        expect_key("y.rec", 1);
    }
}

/* An archived key alone finds its certificate beside it. */
static void test_bare_archived_keys(void)
{
    static const char *const endings[] = {"crt", "cer", "pem", "der", "CER"};
    struct reader_run run;

    seal("key.blob", seals[0]);
    CU_ASSERT_FATAL(outside_run("cp inner bare.bin"));
    run_file(&run, "bare.bin", kra_key);
    CU_ASSERT_EQUAL(run.failed, 1);
    CU_ASSERT_EQUAL(reader_run_error(&run)->cause, KF_CAUSE_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(reader_run_error(&run)->text, "no certificate for this key"));
    CU_ASSERT_EQUAL(run.records.records[0].pkcs8.len, 0);
    reader_run_reset(&run);
    for (size_t i = 0; i < COUNT(endings); i++) {
        CU_ASSERT_FATAL(outside_run("openssl x509 -in user.pem %s -out bare.%s",
                                    i % 2 == 0 ? "" : "-outform DER", endings[i]));
        expect_key("bare.bin", 0);
        CU_ASSERT_FATAL(outside_run("rm bare.%s", endings[i]));
    }
    CU_ASSERT_FATAL(outside_run("openssl base64 -in inner -out bare64; cp user.pem bare64.crt"));
    expect_key("bare64", 0);
    CU_ASSERT_FATAL(outside_run("cp ca.pem bare.crt")); /* somebody else's */
    run_file(&run, "bare.bin", kra_key);
    CU_ASSERT_EQUAL(run.failed, 1);
    reader_run_reset(&run);
    CU_ASSERT_FATAL(outside_run("echo nothing >bare.crt"));
    run_file(&run, "bare.bin", kra_key);
    CU_ASSERT_EQUAL(run.failed, 1);
    reader_run_reset(&run);
}

static void expect_failure(const char *name, EVP_PKEY *key, enum kf_cause cause, const char *text)
{
    struct reader_run run;
    const struct kf_error *error;

    run_file(&run, name, key);
    error = reader_run_error(&run);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.failed, 1);
    CU_ASSERT_EQUAL(error->cause, cause);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->text, text));
    if (strstr(error->text, text) == NULL)
        (void)fprintf(stderr, "expected %s, got %s\n", text, error->text);
    reader_run_reset(&run);
}

static void test_wrong_keys_and_none(void)
{
    seal("key.blob", seals[0]);
    sign("-outform DER");
    expect_failure("x.rec", NULL, KF_CAUSE_SECRET, "the key of a recovery agent is needed");
    expect_failure("x.rec", ca_key, KF_CAUSE_SECRET, "not sealed to any");
}

static void test_what_is_not_a_key(void)
{
    CU_ASSERT_FATAL(outside_run("head -c 1172 /dev/urandom >noise"));
    seal("noise", seals[0]);
    sign("-outform DER");
    expect_failure("x.rec", kra_key, KF_CAUSE_DATA, "");
    CU_ASSERT_FATAL(outside_run("head -c 700 x.rec >short.rec"));
    expect_failure("short.rec", kra_key, KF_CAUSE_DATA, "");
    CU_ASSERT_FATAL(
        outside_run("(echo -----BEGIN CERTIFICATE-----; openssl base64 -in x.rec) >open.rec"));
    {
        struct reader_run run;

        run_file(&run, "open.rec", kra_key);
        CU_ASSERT_EQUAL(run.status, KF_SKIP);
        CU_ASSERT_PTR_NOT_NULL(strstr(run.error.text, "without its last line"));
        reader_run_reset(&run);
    }
}

static void test_bids_on_its_own_only(void)
{
    CU_ASSERT_FATAL(
        outside_run("openssl crl2pkcs7 -nocrl -certfile all.pem -outform DER -out bag.p7b"));
    CU_ASSERT_EQUAL(bid_of("bag.p7b"), KF_BID_NONE);
    CU_ASSERT_FATAL(outside_run("openssl cms -sign -binary -in ca.pem -signer ca.pem -inkey ca.key "
                                "-outform DER -out detached.p7s"));
    CU_ASSERT_EQUAL(bid_of("detached.p7s"), KF_BID_NONE);
    CU_ASSERT_FATAL(outside_run("openssl base64 -in detached.p7s -out detached.b64"));
    CU_ASSERT_EQUAL(bid_of("detached.b64"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid_of("user.pem"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid_of("user.key"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid_of("key.p8"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid_of("key.blob"), KF_BID_NONE);
    CU_ASSERT_FATAL(outside_run("openssl pkcs12 -export -in user.pem -inkey user.key -out user.pfx "
                                "-passout pass:x"));
    CU_ASSERT_EQUAL(bid_of("user.pfx"), KF_BID_NONE);
    CU_ASSERT_EQUAL(kf_reader_rec.bid(kf_slice_of("")), KF_BID_NONE);
    CU_ASSERT_EQUAL(kf_reader_rec.bid(kf_slice_of("hello world")), KF_BID_NONE);
    CU_ASSERT_EQUAL(kf_reader_rec.bid(kf_slice_of("\x30\x84")), KF_BID_NONE);
}

static void test_the_outline(void)
{
    struct kf_secrets *secrets = secrets_with(NULL, kra_key, NULL);
    struct kf_buf bytes = KF_PUBLIC_BUF;
    char *text;

    seal("key.blob", seals[0]);
    sign("-outform DER");
    outside_read("x.rec", &bytes);
    text = reader_run_before(&kf_reader_rec, kf_buf_slice(&bytes), secrets);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "signed: true\nsignatureGood: true\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "signer: CN=Contoso CA"));
    free(text);
    kf_buf_reset(&bytes);
    kf_secrets_free(secrets);
}

static void test_pieces(void)
{
    struct kf_secrets *secrets = secrets_with(NULL, kra_key, kra);
    const struct kf_reader_options options = {.secrets = secrets};
    struct kf_buf bytes = KF_PUBLIC_BUF;

    seal("key.blob", seals[1]);
    sign("-outform DER");
    outside_read("x.rec", &bytes);
    for (size_t i = 0; feeder_sizes[i] != 0; i++) {
        struct feeder feeder = {.bytes = kf_buf_slice(&bytes), .block = feeder_sizes[i]};
        struct reader_run run;

        reader_run(&run, &kf_reader_rec, feeder_open(&feeder), &options);
        CU_ASSERT_EQUAL(run.proven, 1);
        reader_run_reset(&run);
    }
    kf_buf_reset(&bytes);
    kf_secrets_free(secrets);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"blobs by openssl alone", test_blobs_by_openssl_alone},
        {"text forms", test_text_forms},
        {"bare archived keys", test_bare_archived_keys},
        {"wrong keys and none", test_wrong_keys_and_none},
        {"what is not a key", test_what_is_not_a_key},
        {"bids on its own only", test_bids_on_its_own_only},
        {"the outline", test_the_outline},
        {"pieces", test_pieces},
        {NULL, NULL},
    };
    int code;

    make();
    code = suite_run("rec_reader", tests);
    free_all();
    return code;
}
