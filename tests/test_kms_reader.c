/*
 * The reader of KMS exports: what it reads, and from what pieces; signatures, lock boxes, users
 * that fail. What it refuses of a document is in test_kms_refused.c.
 */
#include "core/reader.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

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

static void test_every_cipher_and_transport(void)
{
    struct kms_run run;

    kms_run_init(&run, "signer");
    for (unsigned i = 0; i < 15; i++) {
        struct kf_buf xml = build(&(struct kms_build){
            .users = 2, .bulk = (enum kf_bulk)(i % 5), .transport = (enum kf_transport)(i / 5)});

        kms_run_document(&run, &xml);
        kms_run_assert_all(&run, 2, &xml);
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
        kms_run_assert_all(&run, 3, &xml);
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
        kms_run_assert_all(&run, 1, &xml);
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
    kms_run_assert_all(&run, 1, &xml);
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
    kms_run_assert_user(run, 1, xml);
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
    kms_run_assert_user(&run, 1, &xml);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

/* Half of the users, decoded beside the other half by the same reader. */
struct half {
    const struct kf_reader *reader;
    struct kf_item *items[20];
    struct kf_batch batches[20];
    enum kf_status status[20];
};

static void *decode_half(void *context)
{
    struct half *half = context;

    for (size_t i = 0; i < 20; i++)
        half->status[i] =
            kf_reader_kms.decode(half->reader, half->items[i], &half->batches[i], NULL);
    return NULL;
}

static void test_threads_decode_side_by_side(void)
{
    struct kf_buf xml = build(&(struct kms_build){.users = 40});
    struct kf_input *input = NULL;
    struct half halves[2] = {{.reader = NULL}, {.reader = NULL}};
    pthread_t threads[2];
    struct kms_run run;

    kms_run_init(&run, "signer");
    CU_ASSERT_FATAL(kf_input_from_memory(&input, "mail.xml", kf_buf_slice(&xml), NULL) == KF_OK);
    kms_run_open(&run, input);
    CU_ASSERT_FATAL(run.was_opened);
    for (size_t i = 0; i < 40; i++)
        CU_ASSERT_FATAL(kf_reader_kms.next(run.reader, &halves[i % 2].items[i / 2], NULL) == KF_OK);
    for (size_t i = 0; i < 2; i++) {
        halves[i].reader = run.reader;
        CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, decode_half, &halves[i]) == 0);
    }
    for (size_t i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < 40; i++) {
        CU_ASSERT_EQUAL(halves[i % 2].status[i / 2], KF_END);
        run.users[run.user_count++] = halves[i % 2].batches[i / 2]; /* the run owns it now */
        kf_reader_kms.free_item(halves[i % 2].items[i / 2]);
    }
    run.status = kf_reader_kms.next(run.reader, &halves[0].items[0], NULL);
    kms_run_assert_all(&run, 40, &xml);
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
    kms_put_signed(&xml, "signer", material_crypto()->sha256);
    kms_run_file(&run, outside_path("mail.xml"));
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
        {"users that fail", test_users_that_fail},
        {"a plaintext that is no key", test_a_plaintext_that_is_no_key},
        {"a key of another certificate", test_a_key_of_another_certificate},
        {"threads decode side by side", test_threads_decode_side_by_side},
        {"describe", test_describe},
        {NULL, NULL},
    };

    return suite_run("kms_reader", tests);
}
