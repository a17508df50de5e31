/*
 * Opening KMS exports: who may have signed one, and which key opens its lock boxes.
 */
#include "core/reader.h"

#include <stdio.h>
#include <string.h>

#include "core/files.h"
#include "crypto/secrets.h"
#include "readers/formats.h"
#include "tests/support/feeder.h"
#include "tests/support/kms_builder.h"
#include "tests/support/kms_run.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

static struct kf_buf build(const struct kms_build *what)
{
    struct kf_buf xml = KF_PUBLIC_BUF;

    kms_build(what, &xml);
    return xml;
}

static void test_a_good_signature(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 40});
    struct kms_run run;

    kms_run_init(&run, "signer");
    run.options.allow_unsigned = false;
    kms_put_signed(&xml, "signer", material_crypto()->sha256);
    kms_run_file(&run, outside_path("mail.xml"));
    kms_run_assert_all(&run, 40, &xml);
    CU_ASSERT(run.was_opened && !run.reader->is_unsigned);
    kms_run_clear(&run);
    kms_put_signed(&xml, "signer", material_crypto()->sha512);
    kms_run_file(&run, outside_path("mail.xml"));
    kms_run_assert_all(&run, 40, &xml);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_a_signature_by_path(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 1});
    struct kf_buf signature = KF_PUBLIC_BUF;
    struct kms_run run;
    char path[128];

    kms_run_init(&run, "signer");
    run.options.allow_unsigned = false;
    kms_sign("signer", material_crypto()->sha256, kf_buf_slice(&xml), &signature);
    kms_put("elsewhere.p7s", &signature);
    (void)snprintf(path, sizeof(path), "%s/elsewhere.p7s", outside_folder());
    run.options.signature_path = path;
    kms_run_document(&run, &xml);
    kms_run_assert_all(&run, 1, &xml);
    kms_run_clear(&run);

    run.options.signature_path = "/nonexistent/mail.p7s";
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, KF_CAUSE_SYSTEM, "cannot be opened",
                         "signature /nonexistent/mail.p7s", 0);
    CU_ASSERT_FALSE(run.was_opened);
    kms_run_free(&run);
    kf_buf_reset(&signature);
    kf_buf_reset(&xml);
}

static void test_another_signer_has_to_be_trusted(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 1});
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_slice trusted;
    struct kms_run run;

    kms_run_init(&run, "signer");
    run.options.allow_unsigned = false;
    kms_put_signed(&xml, "other", material_crypto()->sha256);
    kms_run_file(&run, outside_path("mail.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_SECRET, NULL, NULL, 0);
    CU_ASSERT_FALSE(run.was_opened);
    kms_run_clear(&run);

    /* a wrong signature is not better for being allowed to be none */
    run.options.allow_unsigned = true;
    kms_run_file(&run, outside_path("mail.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_SECRET, NULL, NULL, 0);
    kms_run_clear(&run);

    material_der(kms_certificate("other"), &der);
    trusted = kf_buf_slice(&der);
    run.options.trusted = &trusted;
    run.options.trusted_count = 1;
    kms_run_file(&run, outside_path("mail.xml"));
    kms_run_assert_all(&run, 1, &xml);
    CU_ASSERT(run.was_opened && !run.reader->is_unsigned);
    kms_run_free(&run);
    kf_buf_reset(&der);
    kf_buf_reset(&xml);
}

/* A PEM file with a key and no certificate: the signature brings the certificate of that key. */
static void test_a_key_without_its_certificate(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 1});
    struct kf_identity identity = {.key = NULL};
    struct kms_run run;

    kms_run_init(&run, NULL);
    kms_identity("signer", &identity);
    X509_free(identity.certificate);
    identity.certificate = NULL;
    CU_ASSERT_FATAL(kf_secrets_add_identity(run.options.secrets, &identity, NULL) == KF_OK);
    run.options.allow_unsigned = false;
    kms_put_signed(&xml, "signer", material_crypto()->sha256);
    kms_run_file(&run, outside_path("mail.xml"));
    kms_run_assert_all(&run, 1, &xml);
    kms_run_clear(&run);
    kms_put_signed(&xml, "other", material_crypto()->sha256);
    kms_run_file(&run, outside_path("mail.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_SECRET, NULL, NULL, 0);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_bad_signatures(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 1});
    struct kf_buf changed = KF_PUBLIC_BUF;
    struct kms_run run;

    kms_run_init(&run, "signer");
    kms_put_signed(&xml, "signer", material_crypto()->sha256);
    CU_ASSERT_FATAL(kf_buf_set(&changed, kf_buf_slice(&xml), NULL) == KF_OK);
    kms_replace(&changed, "user1@contoso.com", "user1@contoso.org");
    kms_put("mail.xml", &changed);
    kms_run_file(&run, outside_path("mail.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, NULL, NULL, 0);
    CU_ASSERT_FALSE(run.was_opened);
    kms_run_clear(&run);

    kms_put("mail.xml.p7s", &xml); /* no CMS at all */
    kms_run_file(&run, outside_path("mail.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, NULL, NULL, 0);
    kms_run_clear(&run);

    kms_put_signed(&xml, "signer", material_crypto()->sha1);
    kms_run_file(&run, outside_path("mail.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, NULL, NULL, 0);
    kms_run_free(&run);
    kf_buf_reset(&changed);
    kf_buf_reset(&xml);
}

static void test_unsigned_has_to_be_allowed(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 1});
    struct feeder feeder = {.bytes = kf_buf_slice(&xml), .block = 4096};
    struct kms_run run;
    char path[128];

    kms_run_init(&run, "signer");
    run.options.allow_unsigned = false;
    kms_put("unsigned.xml", &xml);
    kms_run_file(&run, outside_path("unsigned.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, "is not signed: there is no ", "", 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.error.text, "unsigned.xml.p7s; --unsigned "));
    CU_ASSERT_STRING_EQUAL(run.error.rule, "kms-export, Signature");
    kms_run_clear(&run);
    run.options.allow_unsigned = true;
    kms_run_file(&run, outside_path("unsigned.xml"));
    kms_run_assert_all(&run, 1, &xml);
    CU_ASSERT(run.was_opened && run.reader->is_unsigned);
    kms_run_clear(&run);

    run.options.allow_unsigned = false;
    kms_run_input(&run, feeder_open(&feeder));
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, "beside what is no file", NULL, 0);
    kms_run_clear(&run);

    /* a signature to check, but nothing to check it on before it is used */
    kms_put_signed(&xml, "signer", material_crypto()->sha256);
    (void)snprintf(path, sizeof(path), "%s/mail.xml.p7s", outside_folder());
    run.options.signature_path = path;
    run.options.allow_unsigned = true;
    feeder.at = 0;
    kms_run_input(&run, feeder_open(&feeder));
    kms_run_assert_fatal(&run, KF_CAUSE_UNSUPPORTED, "cannot be read twice", NULL, 0);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

/* The file is another one when it is read than when its signature was checked. */
static void test_a_file_that_changes_is_fatal(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 40});
    struct kf_input *input = NULL;
    struct kms_run run;
    FILE *file;

    kms_run_init(&run, "signer");
    run.options.allow_unsigned = false;
    kms_put_signed(&xml, "signer", material_crypto()->sha256);
    CU_ASSERT_FATAL(kf_input_open(&input, outside_path("mail.xml"), NULL) == KF_OK);
    kms_run_open(&run, input);
    CU_ASSERT_FATAL(run.was_opened);
    kms_replace(&xml, "user40@contoso.com", "user40@contoso.org");
    file = fopen(outside_path("mail.xml"), "r+b");
    CU_ASSERT_FATAL(file != NULL);
    CU_ASSERT_EQUAL(fwrite(xml.data, 1, xml.len, file), xml.len);
    CU_ASSERT_EQUAL(fclose(file), 0);
    kms_run_read(&run);
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, "changed while it was read", NULL, 0);
    CU_ASSERT_EQUAL(run.user_count, 40);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_without_any_key(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 2});
    struct kms_run run;

    kms_run_init(&run, NULL);
    run.options.allow_unsigned = false;
    kms_put_signed(&xml, "other", material_crypto()->sha256);
    kms_run_file(&run, outside_path("mail.xml"));
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_FATAL(run.user_count == 2 && run.users[1].count == 2);
    for (size_t i = 0; i < 2; i++) {
        const struct kf_record *record = &run.users[1].records[i];

        CU_ASSERT_EQUAL(record->outcome, KF_FAILED);
        CU_ASSERT_EQUAL(record->error.cause, KF_CAUSE_SECRET);
        CU_ASSERT_EQUAL(record->pkcs8.len, 0);
        CU_ASSERT_TRUE(record->has_facts);
    }
    CU_ASSERT_TRUE(kf_reader_kms.needs_identity);
    kms_run_clear(&run);

    kms_replace(&xml, "user1@", "user9@"); /* the signature must fit all the same */
    kms_put("mail.xml", &xml);
    kms_run_file(&run, outside_path("mail.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, NULL, NULL, 0);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_one_of_several_lock_boxes(void)
{
    struct kms_run run;

    kms_run_init(&run, "signer");
    for (unsigned i = 0; i < 6; i++) {
        struct kf_buf xml = build(&(struct kms_build){.users = 2,
                                                      .transport = (enum kf_transport)(i / 2),
                                                      .other_issuer = i % 2 == 1,
                                                      .recipients = {"other", "third", "signer"}});

        kms_run_document(&run, &xml);
        kms_run_assert_all(&run, 2, &xml);
        kms_run_clear(&run);
        kf_buf_reset(&xml);
    }
    kms_run_free(&run);
}

static void test_no_lock_box_opens(void)
{
    struct kms_run run;

    kms_run_init(&run, "signer");
    for (unsigned i = 0; i < 3; i++) {
        struct kf_buf xml = build(&(struct kms_build){
            .users = 2, .transport = (enum kf_transport)i, .recipients = {"other", "third"}});

        kms_run_document(&run, &xml);
        kms_run_assert_fatal(&run, KF_CAUSE_SECRET,
                             "none of the 2 lock boxes opens with the key signer", NULL, 0);
        CU_ASSERT_FALSE(run.was_opened);
        kms_run_clear(&run);
        kf_buf_reset(&xml);
    }
    kms_run_free(&run);
}

/* What PKCS #1 v1.5 gives for a wrong key may be of a right length: the users tell. */
static void test_noise_from_a_lock_box(void)
{
    struct kms_build what = {
        .users = 3, .transport = KF_TRANSPORT_RSA_1_5, .other_issuer = true, .noise_first = true};
    struct kf_buf xml = build(&what);
    struct kms_run run;

    kms_run_init(&run, "signer");
    kms_run_document(&run, &xml);
    kms_run_assert_all(&run, 3, &xml);
    kms_run_clear(&run);
    kf_buf_reset(&xml);

    what.recipients[0] = "other";
    xml = build(&what);
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, KF_CAUSE_SECRET, "none of the 2 lock boxes opens", NULL, 0);
    kms_run_clear(&run);
    kf_buf_reset(&xml);

    what = (struct kms_build){.users = 1, .transport = KF_TRANSPORT_RSA_1_5, .session_size = 20};
    xml = build(&what); /* no cipher has a key of that length */
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, KF_CAUSE_SECRET, "none of the 1 lock boxes opens", NULL, 0);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_an_unknown_transport(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 1, .recipients = {"other", "signer"}});
    struct kms_run run;

    kms_run_init(&run, "signer");
    kms_replace(&xml, "rsa-1_5\"", "kw-aes256\"");
    kms_run_document(&run, &xml); /* the box of another recipient: it may be what it wants */
    kms_run_assert_all(&run, 1, &xml);
    kms_run_clear(&run);
    kms_replace(&xml, "rsa-1_5\"", "kw-aes256\"");
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, KF_CAUSE_UNSUPPORTED, "2 lock boxes has a key transport that is",
                         NULL, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.error.text, "kw-aes256"));
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

/* The digests of OAEP are part of the transport. */
static void test_oaep_parameters(void)
{
    static const char *const changes[][2] = {
        {"xmlenc#sha256\"", "xmlenc#sha512\""},
        {"#mgf1sha256\"", "#mgf1sha1\""},
        {"<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>", ""},
        {"xmlenc11#rsa-oaep\"", "xmlenc11#rsa-oaep-mgf1p\""},
    };
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kms_run run;

    kms_run_init(&run, "signer");
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        kms_build(&(struct kms_build){.users = 1, .transport = KF_TRANSPORT_OAEP_SHA256}, &xml);
        kms_replace(&xml, changes[i][0], changes[i][1]);
        kms_run_document(&run, &xml);
        kms_run_assert_fatal(&run, KF_CAUSE_UNSUPPORTED, "key transport", NULL, 0);
        kms_run_clear(&run);
    }
    /* SHA-1 may be said, since XML Encryption 1.0 writes it so; another digest is another thing */
    for (unsigned i = 1; i <= 2; i++) {
        kms_build(&(struct kms_build){.users = 1, .transport = KF_TRANSPORT_OAEP_SHA1}, &xml);
        kms_replace(&xml, "#rsa-oaep-mgf1p\"/>",
                    i == 1 ? "#rsa-oaep-mgf1p\"><ds:DigestMethod Algorithm=\"http://www.w3.org/"
                             "2000/09/xmldsig#sha1\"/></xenc:EncryptionMethod>"
                           : "#rsa-oaep-mgf1p\"><ds:DigestMethod Algorithm=\"http://www.w3.org/"
                             "2001/04/xmlenc#sha256\"/></xenc:EncryptionMethod>");
        kms_run_document(&run, &xml);
        CU_ASSERT_EQUAL(run.status, i == 1 ? KF_END : KF_FATAL);
        kms_run_clear(&run);
    }
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"a good signature", test_a_good_signature},
        {"a signature by path", test_a_signature_by_path},
        {"another signer has to be trusted", test_another_signer_has_to_be_trusted},
        {"a key without its certificate", test_a_key_without_its_certificate},
        {"bad signatures", test_bad_signatures},
        {"unsigned has to be allowed", test_unsigned_has_to_be_allowed},
        {"a file that changes is fatal", test_a_file_that_changes_is_fatal},
        {"without any key", test_without_any_key},
        {"one of several lock boxes", test_one_of_several_lock_boxes},
        {"no lock box opens", test_no_lock_box_opens},
        {"noise from a lock box", test_noise_from_a_lock_box},
        {"an unknown transport", test_an_unknown_transport},
        {"oaep parameters", test_oaep_parameters},
        {NULL, NULL},
    };

    return suite_run("kms_open", tests);
}
