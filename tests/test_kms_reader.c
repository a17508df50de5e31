/*
 * The reader of KMS exports: what it reads, and from what pieces; signatures, lock boxes, users
 * that fail. What it refuses of a document is in test_kms_refused.c.
 */
#include "core/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/files.h"
#include "crypto/secrets.h"
#include "readers/formats.h"
#include "tests/support/feeder.h"
#include "tests/support/kms_builder.h"
#include "tests/support/kms_run.h"
#include "tests/support/material.h"
#include "tests/support/suite.h"

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const struct kf_buf *bytes)
{
    CU_ASSERT_FATAL(kf_file_write(in_folder(name), kf_buf_slice(bytes), true, NULL) == KF_OK);
}

/* The document as mail.xml, signed as told in mail.xml.p7s. */
static void put_signed(const struct kf_buf *xml, const char *signer, const EVP_MD *digest)
{
    struct kf_buf signature = KF_PUBLIC_BUF;

    put("mail.xml", xml);
    kms_sign(signer, digest, kf_buf_slice(xml), &signature);
    put("mail.xml.p7s", &signature);
    kf_buf_reset(&signature);
}

static struct kf_buf build(const struct kms_build *what)
{
    struct kf_buf xml = KF_PUBLIC_BUF;

    kms_build(what, &xml);
    return xml;
}

static bool is_key(const struct kf_record *record, unsigned number)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf der = KF_PUBLIC_BUF;
    bool is_same;

    kms_user_key(number, &pkcs8);
    kms_user_certificate(number, &der);
    is_same = kf_slice_equal(kf_buf_slice(&record->pkcs8), kf_buf_slice(&pkcs8)) &&
              kf_slice_equal(kf_buf_slice(&record->cert), kf_buf_slice(&der)) &&
              record->has_facts && strcmp(record->facts.subject, "CN=User, O=Contoso") == 0;
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&der);
    return is_same;
}

/* Everything that the builder put into user number (from 0) is there. */
static void assert_user(const struct kms_run *run, size_t number, const struct kf_buf *xml)
{
    const struct kf_record *records = run->users[number].records;
    char text[64];

    CU_ASSERT_FATAL(run->users[number].count == 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct kf_record *record = &records[i];

        CU_ASSERT_EQUAL(record->outcome, KF_PENDING);
        CU_ASSERT_FALSE(record->key_mismatch);
        CU_ASSERT_TRUE(is_key(record, i + 1));
        CU_ASSERT_EQUAL(record->state, i == 0 ? KF_STATE_CURRENT : KF_STATE_PREVIOUS);
        (void)snprintf(text, sizeof(text), "User %zu", number + 1);
        CU_ASSERT_STRING_EQUAL(record->display_name, text);
        (void)snprintf(text, sizeof(text), "CN=User %zu, O=Contoso", number + 1);
        CU_ASSERT_STRING_EQUAL(record->distinguished_name, text);
        (void)snprintf(text, sizeof(text), "user%zu@contoso.com", number + 1);
        CU_ASSERT_STRING_EQUAL(record->mail, text);
        (void)snprintf(text, sizeof(text), "00000000-0000-4000-8000-%012zu", number + 1);
        CU_ASSERT_STRING_EQUAL(record->mailbox_guid, text);
        (void)snprintf(text, sizeof(text), "user %zu: key %u", number + 1, i + 1);
        CU_ASSERT_STRING_EQUAL(record->place, text);
        CU_ASSERT_EQUAL(record->chain_count, 0);
    }
    if (number == 0)
        CU_ASSERT_EQUAL(records[0].line, kms_line_of(xml, "<Key certificate=\"c1\""));
}

static void assert_all(const struct kms_run *run, size_t users, const struct kf_buf *xml)
{
    char text[800];

    if (run->status != KF_END) {
        kf_error_format(&run->error, "run", text, sizeof(text));
        (void)printf("\n    %s\n", text);
    }
    CU_ASSERT_EQUAL(run->status, KF_END);
    CU_ASSERT_EQUAL(run->user_count, users);
    for (size_t i = 0; i < run->user_count; i++)
        assert_user(run, i, xml);
}

static void test_every_cipher_and_transport(void)
{
    struct kms_run run;

    kms_run_init(&run, "signer");
    for (unsigned i = 0; i < 15; i++) {
        struct kf_buf xml = build(&(struct kms_build){
            .users = 2, .bulk = (enum kf_bulk)(i % 5), .transport = (enum kf_transport)(i / 5)});

        kms_run_document(&run, &xml);
        assert_all(&run, 2, &xml);
        CU_ASSERT_TRUE(run.reader->is_unsigned);
        kms_run_clear(&run);
        kf_buf_reset(&xml);
    }
    kms_run_free(&run);
}

static void test_pieces_of_any_size(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 3, .bulk = KF_BULK_AES256_GCM});
    struct kms_run run;

    kms_run_init(&run, "signer");
    for (size_t i = 0; feeder_sizes[i] != 0; i++) {
        struct feeder feeder = {.bytes = kf_buf_slice(&xml), .block = feeder_sizes[i]};

        kms_run_input(&run, feeder_open(&feeder));
        assert_all(&run, 3, &xml);
        kms_run_clear(&run);
    }
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_a_failing_disk_is_fatal(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 3});
    struct feeder feeder = {.bytes = kf_buf_slice(&xml), .block = 7, .fail_at = xml.len - 20};
    struct kms_run run;

    kms_run_init(&run, "signer");
    kms_run_input(&run, feeder_open(&feeder));
    kms_run_assert_fatal(&run, KF_CAUSE_SYSTEM, "the disk is on fire", NULL, 0);
    CU_ASSERT_EQUAL(run.user_count, 3);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

/* Things that XML allows and that mean nothing. */
static void test_other_spellings(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 1});
    struct kms_run run;

    kms_run_init(&run, "signer");
    kms_replace(&xml, "<?xml", "\xef\xbb\xbf<?xml");
    kms_replace(&xml, "<LockBox>",
                "<!-- the box --><k:LockBox xmlns:k='urn:keyferry:kms-export:1'>");
    kms_replace(&xml, "</LockBox>", "</k:LockBox>");
    kms_replace(&xml, "<DisplayName>User 1<", "<DisplayName><![CDATA[User]]>&#32;1<");
    kms_replace(&xml, "000000000001\"", "000000000001\"\n\t ");
    kms_replace(&xml, "</KMSExport>", "</KMSExport><!-- over -->\n\n");
    for (size_t i = 0; feeder_sizes[i] != 0; i++) {
        struct feeder feeder = {.bytes = kf_buf_slice(&xml), .block = feeder_sizes[i]};

        kms_run_input(&run, feeder_open(&feeder));
        assert_all(&run, 1, &xml);
        kms_run_clear(&run);
    }
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_names_are_read_as_they_are(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 1});
    struct kms_run run;

    kms_run_init(&run, "signer");
    kms_replace(&xml, "<DisplayName>User 1<",
                "<DisplayName>J\xc3\xb6 &lt;&amp;&gt; \"'&apos;&quot;<");
    kms_replace(&xml, "<Mail>user1@contoso.com</Mail>\n", "");
    kms_replace(&xml, "<DistinguishedName>CN=User 1, O=Contoso<", "<DistinguishedName><");
    kms_replace(&xml, "00000000-0000-4000-8000-000000000001",
                "ABCDEF00-0000-4000-8000-000000000001");
    kms_run_document(&run, &xml);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_FATAL(run.user_count == 1 && run.users[0].count == 2);
    CU_ASSERT_STRING_EQUAL(run.users[0].records[1].display_name, "J\xc3\xb6 <&> \"''\"");
    CU_ASSERT_PTR_NULL(run.users[0].records[1].mail);
    CU_ASSERT_PTR_NULL(run.users[0].records[1].distinguished_name);
    CU_ASSERT_STRING_EQUAL(run.users[0].records[1].mailbox_guid,
                           "abcdef00-0000-4000-8000-000000000001");
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_a_user_without_keys_is_a_user(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 1});
    struct kms_run run;

    kms_run_init(&run, "signer");
    kms_replace(&xml, "users=\"1\">", "users=\"2\">");
    kms_replace(&xml, "<End users=\"1\"",
                "<User ordinal=\"2\" mailboxGuid=\"00000000-0000-4000-8000-000000000002\"/>"
                "<End users=\"2\"");
    kms_run_document(&run, &xml);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_EQUAL(run.user_count, 2);
    CU_ASSERT_EQUAL(run.users[1].count, 0);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_certificates_and_keys_may_alternate(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 1});
    struct kms_run run;

    kms_run_init(&run, "signer");
    kms_replace(&xml, "</User>", "<Certificate id=\"c4\" use=\"signing\"></Certificate></User>");
    kms_replace(&xml, "certificates=\"3\"", "certificates=\"4\"");
    kms_run_document(&run, &xml);
    assert_all(&run, 1, &xml);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_a_good_signature(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 40});
    struct kms_run run;

    kms_run_init(&run, "signer");
    run.options.allow_unsigned = false;
    put_signed(&xml, "signer", material_crypto()->sha256);
    kms_run_file(&run, in_folder("mail.xml"));
    assert_all(&run, 40, &xml);
    CU_ASSERT(run.was_opened && !run.reader->is_unsigned);
    kms_run_clear(&run);
    put_signed(&xml, "signer", material_crypto()->sha512);
    kms_run_file(&run, in_folder("mail.xml"));
    assert_all(&run, 40, &xml);
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
    put("elsewhere.p7s", &signature);
    (void)snprintf(path, sizeof(path), "%s/elsewhere.p7s", folder);
    run.options.signature_path = path;
    kms_run_document(&run, &xml);
    assert_all(&run, 1, &xml);
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
    put_signed(&xml, "other", material_crypto()->sha256);
    kms_run_file(&run, in_folder("mail.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_SECRET, NULL, NULL, 0);
    CU_ASSERT_FALSE(run.was_opened);
    kms_run_clear(&run);

    /* a wrong signature is not better for being allowed to be none */
    run.options.allow_unsigned = true;
    kms_run_file(&run, in_folder("mail.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_SECRET, NULL, NULL, 0);
    kms_run_clear(&run);

    material_der(kms_certificate("other"), &der);
    trusted = kf_buf_slice(&der);
    run.options.trusted = &trusted;
    run.options.trusted_count = 1;
    kms_run_file(&run, in_folder("mail.xml"));
    assert_all(&run, 1, &xml);
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
    put_signed(&xml, "signer", material_crypto()->sha256);
    kms_run_file(&run, in_folder("mail.xml"));
    assert_all(&run, 1, &xml);
    kms_run_clear(&run);
    put_signed(&xml, "other", material_crypto()->sha256);
    kms_run_file(&run, in_folder("mail.xml"));
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
    put_signed(&xml, "signer", material_crypto()->sha256);
    CU_ASSERT_FATAL(kf_buf_set(&changed, kf_buf_slice(&xml), NULL) == KF_OK);
    kms_replace(&changed, "user1@contoso.com", "user1@contoso.org");
    put("mail.xml", &changed);
    kms_run_file(&run, in_folder("mail.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, NULL, NULL, 0);
    CU_ASSERT_FALSE(run.was_opened);
    kms_run_clear(&run);

    put("mail.xml.p7s", &xml); /* no CMS at all */
    kms_run_file(&run, in_folder("mail.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, NULL, NULL, 0);
    kms_run_clear(&run);

    put_signed(&xml, "signer", material_crypto()->sha1);
    kms_run_file(&run, in_folder("mail.xml"));
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
    put("unsigned.xml", &xml);
    kms_run_file(&run, in_folder("unsigned.xml"));
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, "is not signed: there is no ", "", 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(run.error.text, "unsigned.xml.p7s; --unsigned "));
    CU_ASSERT_STRING_EQUAL(run.error.rule, "kms-export, Signature");
    kms_run_clear(&run);
    run.options.allow_unsigned = true;
    kms_run_file(&run, in_folder("unsigned.xml"));
    assert_all(&run, 1, &xml);
    CU_ASSERT(run.was_opened && run.reader->is_unsigned);
    kms_run_clear(&run);

    run.options.allow_unsigned = false;
    kms_run_input(&run, feeder_open(&feeder));
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, "beside what is no file", NULL, 0);
    kms_run_clear(&run);

    /* a signature to check, but nothing to check it on before it is used */
    put_signed(&xml, "signer", material_crypto()->sha256);
    (void)snprintf(path, sizeof(path), "%s/mail.xml.p7s", folder);
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
    put_signed(&xml, "signer", material_crypto()->sha256);
    CU_ASSERT_FATAL(kf_input_open(&input, in_folder("mail.xml"), NULL) == KF_OK);
    kms_run_open(&run, input);
    CU_ASSERT_FATAL(run.was_opened);
    kms_replace(&xml, "user40@contoso.com", "user40@contoso.org");
    file = fopen(in_folder("mail.xml"), "r+b");
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
    put_signed(&xml, "other", material_crypto()->sha256);
    kms_run_file(&run, in_folder("mail.xml"));
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
    put("mail.xml", &xml);
    kms_run_file(&run, in_folder("mail.xml"));
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
        assert_all(&run, 2, &xml);
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
    assert_all(&run, 3, &xml);
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
    assert_all(&run, 1, &xml);
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

/* One key of the first user is bad: it fails, told why, and the second user is as it should be. */
static void assert_key_fails(struct kms_run *run, struct kf_buf *xml, size_t number,
                             enum kf_cause cause, uint32_t code, const char *text)
{
    const struct kf_record *record;
    char place[100];
    char key[40];

    kms_run_document(run, xml);
    CU_ASSERT_EQUAL(run->status, KF_END);
    CU_ASSERT_FATAL(run->user_count == 2 && run->users[0].count == 2);
    assert_user(run, 1, xml);
    record = &run->users[0].records[number - 1];
    CU_ASSERT_EQUAL(record->outcome, KF_FAILED);
    CU_ASSERT_EQUAL(record->error.cause, cause);
    CU_ASSERT_EQUAL(record->error.code, code);
    CU_ASSERT_PTR_NOT_NULL(strstr(record->error.text, text));
    (void)snprintf(place, sizeof(place), "user 1 (00000000-0000-4000-8000-000000000001): key %zu",
                   number);
    (void)snprintf(key, sizeof(key), "<Key certificate=\"c%zu\"", number);
    CU_ASSERT_STRING_EQUAL(record->error.place, place);
    CU_ASSERT_EQUAL(record->error.line, kms_line_of(xml, key));
    CU_ASSERT_STRING_NOT_EQUAL(record->error.rule, "");
    CU_ASSERT_EQUAL(record->pkcs8.len, 0);
    CU_ASSERT_EQUAL(run->users[0].records[2 - number].outcome, KF_PENDING);
    kf_batch_settle(&run->users[0]);
    CU_ASSERT_EQUAL(run->users[0].records[2 - number].outcome, KF_FAILED);
    kms_run_clear(run);
}

/* Bytes of the first key's ciphertext, after its IV. */
static void spoil_ciphertext(struct kf_buf *xml)
{
    static const char method[] = "aes128-gcm\"/>\n<xenc:CipherData>\n<xenc:CipherValue>";
    size_t at = 0;

    while (memcmp(xml->data + at, method, strlen(method)) != 0)
        at++;
    at += strlen(method) + 40;
    xml->data[at] = xml->data[at] == 'A' ? 'B' : 'A';
}

static void test_users_that_fail(void)
{
    static const struct {
        const char *from;
        const char *to;
        enum kf_cause cause;
        uint32_t code;
        const char *text;
    } cases[] = {
        {"aes128-gcm", "aes192-gcm", KF_CAUSE_UNSUPPORTED, 0, "#aes192-gcm is not one that"},
        {"aes128-gcm", "aes256-gcm", KF_CAUSE_DATA, 0, "wants a key of 32 bytes"},
        {"use=\"encryption\"", "use=\"signing\"", KF_CAUSE_DATA, 0, "signing certificate"},
        {"use=\"encryption\">", "use=\"encryption\">!", KF_CAUSE_DATA, KF_E_INVALID_DATA, "base64"},
        {"use=\"encryption\">", "use=\"encryption\">MAAA", KF_CAUSE_DATA, KF_E_INVALID_DATA, ""},
        {"<xenc:EncryptedData>\n<xenc:EncryptionMethod "
         "Algorithm=\"http://www.w3.org/2009/xmlenc11#aes128-gcm\"/>\n<xenc:CipherData>\n<xenc:"
         "CipherValue>",
         "<xenc:EncryptedData>\n<xenc:EncryptionMethod "
         "Algorithm=\"http://www.w3.org/2009/xmlenc11#aes128-gcm\"/>\n<xenc:CipherData>\n<xenc:"
         "CipherValue>?",
         KF_CAUSE_DATA, 0, "base64"},
    };
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kms_run run;

    kms_run_init(&run, "signer");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kms_build(&(struct kms_build){.users = 2}, &xml);
        kms_replace(&xml, cases[i].from, cases[i].to);
        assert_key_fails(&run, &xml, 1, cases[i].cause, cases[i].code, cases[i].text);
    }
    kms_build(&(struct kms_build){.users = 2}, &xml);
    spoil_ciphertext(&xml);
    assert_key_fails(&run, &xml, 1, KF_CAUSE_DATA, 0, "");
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

/* A key that decrypts to something that is no key. */
static void test_a_plaintext_that_is_no_key(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 2, .not_a_key = true});
    struct kms_run run;

    kms_run_init(&run, "signer");
    assert_key_fails(&run, &xml, 2, KF_CAUSE_DATA, 0, "");
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

/* The import rules may archive such a key all the same: it stays, and is not decided yet. */
static void test_a_key_of_another_certificate(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 2});
    const struct kf_record *record;
    struct kms_run run;

    kms_run_init(&run, "signer");
    kms_replace(&xml, "<Key certificate=\"c2\"", "<Key certificate=\"c1\"");
    kms_run_document(&run, &xml);
    CU_ASSERT_EQUAL(run.status, KF_END);
    CU_ASSERT_FATAL(run.user_count == 2 && run.users[0].count == 2);
    record = &run.users[0].records[1];
    CU_ASSERT_EQUAL(record->outcome, KF_PENDING);
    CU_ASSERT_TRUE(record->key_mismatch);
    CU_ASSERT_NOT_EQUAL(record->pkcs8.len, 0);
    CU_ASSERT_EQUAL(record->error.code, KF_E_INVALIDARG);
    CU_ASSERT_STRING_EQUAL(record->error.rule, "[MS-CSRA] 3.1.4.2.16");
    CU_ASSERT_STRING_EQUAL(record->error.text, "does not belong to certificate c1");
    CU_ASSERT_STRING_EQUAL(record->error.place,
                           "user 1 (00000000-0000-4000-8000-000000000001): key 2");
    CU_ASSERT_EQUAL(record->error.line, record->line);
    CU_ASSERT_FALSE(run.users[0].records[0].key_mismatch);
    assert_user(&run, 1, &xml);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

/* An outline as lines of text. */
struct told {
    char text[8192];
    size_t len;
};

static void tell(struct told *told, const char *name, const char *value)
{
    int len =
        snprintf(told->text + told->len, sizeof(told->text) - told->len, "%s=%s\n", name, value);

    told->len += len > 0 ? (size_t)len : 0;
    CU_ASSERT_FATAL(told->len < sizeof(told->text));
}

static void tell_begin(void *context, const char *list, const char *title)
{
    tell(context, list, title);
}

static void tell_text(void *context, const char *name, const char *value)
{
    if (value != NULL)
        tell(context, name, value);
}

static void tell_number(void *context, const char *name, uint64_t value)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    tell(context, name, digits);
}

static void tell_flag(void *context, const char *name, bool value)
{
    tell(context, name, value ? "true" : "false");
}

static void tell_end(void *context)
{
    tell(context, "end", "");
}

static void test_describe(void)
{
    static const struct kf_outline_ops ops = {tell_begin, tell_text, tell_number, tell_flag,
                                              tell_end};
    static const char *const expected[] = {
        "version=1\n",
        "exportId=6ba7b810-9dad-11d1-80b4-00c04fd430c8\n",
        "created=2003-11-02T10:00:00Z\n",
        "organization=O=Contoso & Sons, C=US\n",
        "administrativeGroup=First Administrative Group\n",
        "users=2\n",
        "signature=good\n",
        "CN=signer",
        "lockBoxes=lock box 1\nissuer=CN=other,O=Contoso,C=US\n",
        "transport=rsa-oaep-mgf1p\n",
        "opened=false\n",
        "opened=true\n",
        "certificates=6\nkeys=4\nsigningCertificatesWithoutKey=2\n",
        "encryptionCertificatesWithoutKey=0\n",
        "algorithm=http://www.w3.org/2009/xmlenc11#aes256-gcm\nkeys=4\n",
    };
    struct kf_buf xml = build(&(struct kms_build){.users = 2,
                                                  .bulk = KF_BULK_AES256_GCM,
                                                  .transport = KF_TRANSPORT_OAEP_SHA1,
                                                  .recipients = {"other", "signer"}});
    struct told told = {.len = 0};
    struct kf_outline outline = {&ops, &told};
    struct kms_run run;

    kms_run_init(&run, "signer");
    put_signed(&xml, "signer", material_crypto()->sha256);
    kms_run_file(&run, in_folder("mail.xml"));
    CU_ASSERT_FATAL(run.status == KF_END);
    CU_ASSERT_EQUAL(kf_reader_kms.describe(run.reader, false, &outline, NULL), KF_OK);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(told.text, expected[i]));
        if (strstr(told.text, expected[i]) == NULL)
            (void)printf("\n    not told: %s\n%s", expected[i], told.text);
    }
    told = (struct told){.len = 0};
    CU_ASSERT_EQUAL(kf_reader_kms.describe(run.reader, true, &outline, NULL), KF_OK);
    CU_ASSERT_PTR_NULL(strstr(told.text, "certificates=")); /* before: not known yet */
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"every cipher and transport", test_every_cipher_and_transport},
        {"pieces of any size", test_pieces_of_any_size},
        {"a failing disk is fatal", test_a_failing_disk_is_fatal},
        {"other spellings", test_other_spellings},
        {"names are read as they are", test_names_are_read_as_they_are},
        {"a user without keys is a user", test_a_user_without_keys_is_a_user},
        {"certificates and keys may alternate", test_certificates_and_keys_may_alternate},
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
        {"users that fail", test_users_that_fail},
        {"a plaintext that is no key", test_a_plaintext_that_is_no_key},
        {"a key of another certificate", test_a_key_of_another_certificate},
        {"describe", test_describe},
        {NULL, NULL},
    };
    const char *temporary = getenv("TMPDIR"); // NOLINT(concurrency-mt-unsafe)
    char command[128];
    int code;

    (void)snprintf(folder, sizeof(folder), "%.40s/kms-XXXXXX",
                   temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(folder) == NULL)
        return EXIT_FAILURE;
    code = suite_run("kms_reader", tests);
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 ? code : EXIT_FAILURE; // NOLINT(cert-env33-c)
}
