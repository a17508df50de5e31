/*
 * PEM and DER keys as openssl writes them, with their certificates in the file or beside it.
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

#define PASSWORD "open sesame"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { KEY_RSA, KEY_EC, KEY_ED, KEY_DSA, KINDS };

static EVP_PKEY *keys[KINDS], *ca_key;
static X509 *certs[KINDS], *ca;

static void make(void)
{
    static const char *const kinds[KINDS] = {"rsa:2048", "ec:P-256", "ed25519", "dsa:1024"};
    static const char *const names[KINDS] = {"rsa", "ec", "ed", "dsa"};

    ca_key = material_key("rsa:2048#ca");
    ca = material_cert(&(struct material_cert){.subject = "/CN=CA", .key = ca_key, .is_ca = true});
    outside_write_cert("ca.pem", ca);
    for (size_t i = 0; i < KINDS; i++) {
        char name[16];

        keys[i] = material_key(kinds[i]);
        certs[i] = material_cert(&(struct material_cert){
            .subject = "/CN=Jo", .key = keys[i], .issuer = ca, .issuer_key = ca_key});
        (void)snprintf(name, sizeof(name), "%s.key.pem", names[i]);
        outside_write_key(name, keys[i]);
        (void)snprintf(name, sizeof(name), "%s.cert.pem", names[i]);
        outside_write_cert(name, certs[i]);
    }
}

static void free_all(void)
{
    X509_free(ca);
    for (size_t i = 0; i < KINDS; i++)
        X509_free(certs[i]);
}

static void run_file(struct reader_run *run, const char *name, const char *password)
{
    struct kf_secrets *secrets = secrets_with(password, NULL, NULL);

    reader_run_file(run, &kf_reader_pem, outside_path(name), secrets);
    kf_secrets_free(secrets);
}

static int bid_of(const char *name)
{
    struct kf_buf bytes = KF_SECRET_BUF;
    int bid;

    outside_read(name, &bytes);
    bid = kf_reader_pem.bid(
        (struct kf_slice){bytes.data, bytes.len < KF_BID_PREFIX ? bytes.len : KF_BID_PREFIX});
    kf_buf_reset(&bytes);
    return bid;
}

static void expect_key(const char *name, const char *password, size_t kind)
{
    struct reader_run run;

    CU_ASSERT(bid_of(name) >= KF_BID_LIKELY);
    run_file(&run, name, password);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.records.count, 1);
    CU_ASSERT_EQUAL(run.proven, 1);
    if (run.proven == 1) {
        CU_ASSERT(record_has_key(&run.records.records[0], keys[kind]));
    } else {
        (void)fprintf(stderr, "%s: %s\n", name, reader_run_error(&run)->text);
    }
    reader_run_reset(&run);
}

static void expect_failure(const char *name, const char *password, enum kf_cause cause,
                           const char *text)
{
    struct reader_run run;
    const struct kf_error *error;

    run_file(&run, name, password);
    error = reader_run_error(&run);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.failed, 1);
    CU_ASSERT_EQUAL(run.records.count, 1);
    CU_ASSERT_EQUAL(error->cause, cause);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->text, text));
    if (strstr(error->text, text) == NULL)
        (void)fprintf(stderr, "%s: expected %s, got %s\n", name, text, error->text);
    reader_run_reset(&run);
}

/* Each encoding, in one file with the certificate and beside it. */
static void test_encodings(void)
{
    static const struct {
        const char *command;
        size_t kind;
    } forms[] = {
        {"cp rsa.key.pem k", KEY_RSA},
        {"openssl rsa -in rsa.key.pem -traditional -out k", KEY_RSA},
        {"openssl ec -in ec.key.pem -out k", KEY_EC},
        {"openssl ecparam -name P-256 >k && openssl ec -in ec.key.pem >>k", KEY_EC},
        {"cp ec.key.pem k", KEY_EC},
        {"cp ed.key.pem k", KEY_ED},
        {"openssl dsa -in dsa.key.pem -out k", KEY_DSA},
        {"openssl rsa -in rsa.key.pem -traditional | sed 's/$/\r/' >k", KEY_RSA},
        {"(printf '\\357\\273\\277'; cat rsa.key.pem) >k", KEY_RSA},
        {"(echo 'Bag Attributes'; echo '    friendlyName: Jo'; cat rsa.key.pem) >k", KEY_RSA},
    };
    static const char *const names[KINDS] = {"rsa", "ec", "ed", "dsa"};

    for (size_t i = 0; i < COUNT(forms); i++) {
        const char *name = names[forms[i].kind];

        CU_ASSERT_FATAL(outside_run("rm -f x.* && %s", forms[i].command));
        CU_ASSERT_FATAL(outside_run("cat k %s.cert.pem ca.pem >one.pem", name));
        expect_key("one.pem", NULL, forms[i].kind);
        CU_ASSERT_FATAL(outside_run("cat ca.pem %s.cert.pem k >one.pem", name));
        expect_key("one.pem", NULL, forms[i].kind);
        CU_ASSERT_FATAL(outside_run("(head -c -1 %s.cert.pem; cat k) >one.pem", name));
        expect_key("one.pem", NULL, forms[i].kind);
        CU_ASSERT_FATAL(outside_run("cp k x.key && cp %s.cert.pem x.crt", name));
        expect_key("x.key", NULL, forms[i].kind);
    }
}

static void test_der(void)
{
    static const char *const commands[] = {
        "openssl pkcs8 -topk8 -nocrypt -in rsa.key.pem -outform DER -out x.key",
        "openssl rsa -in rsa.key.pem -traditional -outform DER -out x.key",
        "openssl pkcs8 -topk8 -in rsa.key.pem -outform DER -out x.key -passout 'pass:" PASSWORD "'",
    };

    CU_ASSERT_FATAL(
        outside_run("rm -f x.*; openssl x509 -in rsa.cert.pem -outform DER -out x.cer"));
    for (size_t i = 0; i < COUNT(commands); i++) {
        CU_ASSERT_FATAL(outside_run("%s", commands[i]));
        expect_key("x.key", PASSWORD, KEY_RSA);
    }
    CU_ASSERT_FATAL(outside_run("rm -f x.*; openssl x509 -in ec.cert.pem -outform DER -out x.der; "
                                "openssl ec -in ec.key.pem -outform DER -out x.key"));
    expect_key("x.key", NULL, KEY_EC);
    CU_ASSERT_FATAL(outside_run("(cat x.key; echo) >y.key"));
    {
        struct reader_run run;

        run_file(&run, "y.key", NULL);
        CU_ASSERT_EQUAL(run.status, KF_SKIP);
        CU_ASSERT_PTR_NOT_NULL(strstr(run.error.text, "neither PEM nor one private key"));
        reader_run_reset(&run);
    }
}

static void test_names_of_pairs(void)
{
    static const char *const pairs[][2] = {
        {"x.key", "x.crt"}, {"x.key", "x.cer"},     {"x.key", "x.pem"},
        {"x.key", "x.der"}, {"x.pem", "x.CRT"},     {"x.key.pem", "x.crt"},
        {"x", "x.pem"},     {"a.b.key", "a.b.cer"}, {"x.key.pem", "x.pem"},
    };

    for (size_t i = 0; i < COUNT(pairs); i++) {
        CU_ASSERT_FATAL(outside_run("rm -rf d && mkdir d.d && mv d.d d && cp rsa.key.pem d/%s && "
                                    "cp rsa.cert.pem d/%s",
                                    pairs[i][0], pairs[i][1]));
        {
            char name[64];

            (void)snprintf(name, sizeof(name), "d/%s", pairs[i][0]);
            expect_key(name, NULL, KEY_RSA);
            /* the certificate's own file has no key, and that is no failure */
            (void)snprintf(name, sizeof(name), "d/%s", pairs[i][1]);
            CU_ASSERT_EQUAL(bid_of(name), KF_BID_LIKELY);
        }
    }
}

static void test_encrypted(void)
{
    static const char *const commands[] = {
        "openssl pkcs8 -topk8 -in rsa.key.pem -passout 'pass:" PASSWORD "' -out k",
        "openssl pkcs8 -topk8 -in rsa.key.pem -v2 aes-128-cbc -v2prf hmacWithSHA1 -passout "
        "'pass:" PASSWORD "' -out k",
        "openssl pkcs8 -topk8 -in rsa.key.pem -v2 des3 -passout 'pass:" PASSWORD "' -out k",
        "openssl pkcs8 -topk8 -in rsa.key.pem -scrypt -passout 'pass:" PASSWORD "' -out k",
        "openssl pkcs8 -topk8 -in rsa.key.pem -v1 PBE-SHA1-3DES -passout 'pass:" PASSWORD
        "' -out k",
        "openssl pkcs8 -topk8 -provider legacy -provider default -in rsa.key.pem -v1 PBE-MD5-DES "
        "-passout 'pass:" PASSWORD "' -out k",
        "openssl rsa -in rsa.key.pem -traditional -aes256 -passout 'pass:" PASSWORD "' -out k",
        "openssl rsa -in rsa.key.pem -traditional -aes128 -passout 'pass:" PASSWORD "' -out k",
        "openssl rsa -in rsa.key.pem -traditional -des3 -passout 'pass:" PASSWORD "' -out k",
        "openssl rsa -in rsa.key.pem -traditional -camellia192 -passout 'pass:" PASSWORD "' -out k",
        "openssl rsa -in rsa.key.pem -traditional -provider legacy -provider default -des -passout "
        "'pass:" PASSWORD "' -out k",
    };

    for (size_t i = 0; i < COUNT(commands); i++) {
        CU_ASSERT_FATAL(outside_run("%s && cat k rsa.cert.pem >one.pem", commands[i]));
        expect_key("one.pem", PASSWORD, KEY_RSA);
        expect_failure("one.pem", "wrong", KF_CAUSE_SECRET, "wrong password: none of 1 fits");
        expect_failure("one.pem", NULL, KF_CAUSE_SECRET, "a password is needed");
    }
}

static void test_all_keys_of_a_file(void)
{
    struct reader_run run;

    CU_ASSERT_FATAL(outside_run("cat ca.pem ed.key.pem rsa.key.pem ec.cert.pem rsa.cert.pem "
                                "ec.key.pem ed.cert.pem >all.pem"));
    run_file(&run, "all.pem", NULL);
    CU_ASSERT_EQUAL(run.proven, 3);
    CU_ASSERT_EQUAL(run.records.count, 3);
    for (size_t i = KEY_RSA; i <= KEY_ED; i++) {
        const struct kf_record *record = find_record(&run, keys[i]);

        CU_ASSERT_PTR_NOT_NULL(record);
        CU_ASSERT(record != NULL && record->chain_count == 1 && record->line > 1);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(run.outline, "label: PRIVATE KEY"));
    reader_run_reset(&run);
    CU_ASSERT_FATAL(outside_run("cat rsa.cert.pem ca.pem >certs.pem"));
    run_file(&run, "certs.pem", NULL);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.records.count, 0);
    reader_run_reset(&run);
}

static void test_refusals(void)
{
    static const struct {
        const char *command;
        enum kf_cause cause;
        const char *text;
    } cases[] = {
        {"cp rsa.key.pem k", KF_CAUSE_DATA, "no certificate for this key"},
        {"cat rsa.key.pem ec.cert.pem >k", KF_CAUSE_DATA, "no certificate for this key"},
        {"head -n 9 rsa.key.pem >k", KF_CAUSE_DATA, "a PRIVATE KEY without its last line"},
        {"(head -n 9 rsa.key.pem; cat rsa.cert.pem) >k", KF_CAUSE_DATA, "without its last line"},
        {"(head -n 3 ca.pem; cat rsa.cert.pem) >k", KF_CAUSE_DATA,
         "a CERTIFICATE without its last line"},
        {"sed 's/^MII/MI!/' rsa.key.pem >k", KF_CAUSE_DATA, ""},
        {"sed '4d' rsa.key.pem >k", KF_CAUSE_DATA, ""},
        {"(cat rsa.cert.pem; echo -----BEGIN OPENSSH PRIVATE KEY-----; echo AAAA; "
         "echo -----END OPENSSH PRIVATE KEY-----) >k",
         KF_CAUSE_UNSUPPORTED, "OPENSSH PRIVATE KEY is not a kind"},
        {"openssl rsa -in rsa.key.pem -traditional -aes256 -passout pass:x | sed "
         "'s/AES-256/XES-256/' "
         ">k",
         KF_CAUSE_UNSUPPORTED, "a key encrypted with XES-256-CBC"},
        {"openssl rsa -in rsa.key.pem -traditional -aes256 -passout pass:x | sed 's/CBC,../CBC,/' "
         ">k",
         KF_CAUSE_DATA, "whose IV is not 16 bytes"},
        {"openssl pkcs8 -topk8 -in rsa.key.pem -iter 6000000 -v1 PBE-SHA1-3DES -passout pass:x "
         "-out k",
         KF_CAUSE_LIMIT, ""},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        CU_ASSERT_FATAL(outside_run("%s", cases[i].command));
        expect_failure("k", PASSWORD, cases[i].cause, cases[i].text);
    }
}

static void test_too_many(void)
{
    struct kf_reader_options options = {.limits = KF_LIMITS_DEFAULT};
    struct kf_input *input = NULL;
    struct reader_run run;

    CU_ASSERT_FATAL(outside_run("cat rsa.key.pem rsa.cert.pem ca.pem >one.pem"));
    options.limits.file_entries = 2;
    options.secrets = secrets_with(NULL, NULL, NULL);
    CU_ASSERT_EQUAL(kf_input_open(&input, outside_path("one.pem"), NULL), KF_OK);
    reader_run(&run, &kf_reader_pem, input, &options);
    CU_ASSERT_EQUAL(run.status, KF_SKIP);
    CU_ASSERT_EQUAL(run.error.cause, KF_CAUSE_LIMIT);
    reader_run_reset(&run);
    kf_secrets_free(options.secrets);
}

static int bid(const char *text)
{
    return kf_reader_pem.bid(kf_slice_of(text));
}

static void test_bids(void)
{
    CU_ASSERT_EQUAL(bid_of("rsa.cert.pem"), KF_BID_LIKELY);
    CU_ASSERT(bid_of("rsa.key.pem") > KF_BID_LIKELY);
    CU_ASSERT_EQUAL(bid(""), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("hello"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("[a]\nb=c\n"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("-----BEGIN PKCS12-----\nAAAA\n"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("-----BEGIN PKCS7-----\nAAAA\n"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("-----BEGIN CMS-----\nAAAA\n"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("-----BEGIN PUBLIC KEY-----\nAAAA\n"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("\x30\x80"), KF_BID_NONE);
    CU_ASSERT_FATAL(outside_run("openssl pkcs12 -export -in rsa.cert.pem -inkey rsa.key.pem -out "
                                "x.pfx -passout pass:x"));
    CU_ASSERT_EQUAL(bid_of("x.pfx"), KF_BID_NONE);
    CU_ASSERT_FATAL(outside_run("openssl cms -sign -in ca.pem -signer rsa.cert.pem -inkey "
                                "rsa.key.pem -outform DER -out x.p7s"));
    CU_ASSERT_EQUAL(bid_of("x.p7s"), KF_BID_NONE);
}

static void test_pieces(void)
{
    struct kf_secrets *secrets = secrets_with(NULL, NULL, NULL);
    const struct kf_reader_options options = {.secrets = secrets};
    struct kf_buf bytes = KF_SECRET_BUF;

    CU_ASSERT_FATAL(outside_run("cat rsa.key.pem rsa.cert.pem ca.pem >one.pem"));
    outside_read("one.pem", &bytes);
    for (size_t i = 0; feeder_sizes[i] != 0; i++) {
        struct feeder feeder = {.bytes = kf_buf_slice(&bytes), .block = feeder_sizes[i]};
        struct reader_run run;

        reader_run(&run, &kf_reader_pem, feeder_open(&feeder), &options);
        CU_ASSERT_EQUAL(run.proven, 1);
        reader_run_reset(&run);
    }
    kf_buf_reset(&bytes);
    kf_secrets_free(secrets);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"encodings", test_encodings},
        {"DER", test_der},
        {"names of pairs", test_names_of_pairs},
        {"encrypted", test_encrypted},
        {"all keys of a file", test_all_keys_of_a_file},
        {"refusals", test_refusals},
        {"too many", test_too_many},
        {"bids", test_bids},
        {"pieces", test_pieces},
        {NULL, NULL},
    };
    int code;

    make();
    code = suite_run("pem_reader", tests);
    free_all();
    return code;
}
