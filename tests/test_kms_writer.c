/*
 * The writer of KMS exports: read back by our reader, and proven by openssl, xmllint and xmlsec1.
 */
#include "writers/kms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files.h"
#include "tests/support/kms_builder.h"
#include "tests/support/kms_export.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

#define GUID "6ba7b810-9dad-11d1-80b4-00c04fd430c"

static void read_text(struct kf_buf *out)
{
    *out = KF_PUBLIC_BUF;
    CU_ASSERT_FATAL(kf_file_read(outside_path("out.xml"), 100u << 20, out, NULL) == KF_OK);
    CU_ASSERT_FATAL(kf_buf_append(out, "", 1, NULL) == KF_OK);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_record(const struct kf_record *a, const struct kf_record *b)
{
    return same_text(a->display_name, b->display_name) &&
           same_text(a->distinguished_name, b->distinguished_name) && same_text(a->mail, b->mail) &&
           same_text(a->mailbox_guid, b->mailbox_guid) && a->state == b->state &&
           kf_slice_equal(kf_buf_slice(&a->cert), kf_buf_slice(&b->cert)) &&
           kf_slice_equal(kf_buf_slice(&a->pkcs8), kf_buf_slice(&b->pkcs8)) && a->pkcs8.len != 0;
}

static void put_all(struct kms_export *export, struct kms_run *from)
{
    for (size_t i = 0; i < from->user_count; i++) {
        for (size_t k = 0; k < from->users[i].count; k++) {
            struct kf_record *record = &from->users[i].records[k];

            CU_ASSERT_EQUAL(export->writer->ops->put(export->writer, "in", record, NULL), KF_OK);
            CU_ASSERT_EQUAL(record->outcome, KF_ARCHIVED);
        }
    }
}

/* Records of an export made by hand, written, and read again. */
static void test_round_trip(void)
{
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kms_run before;
    struct kms_run after;
    struct kms_export export;

    kms_build(&(struct kms_build){.users = 30}, &xml);
    for (unsigned oaep = 0; oaep < 2; oaep++) {
        kms_export_prepare(&export);
        export.options.oaep_sha256 = oaep == 1;
        kms_export_start(&export);
        kms_run_init(&before, "signer");
        kms_run_document(&before, &xml);
        put_all(&export, &before);
        kms_export_finish(&export);
        kms_export_read(&after);
        CU_ASSERT_FALSE(after.reader->is_unsigned);
        CU_ASSERT_FATAL(after.user_count == before.user_count);
        for (size_t i = 0; i < after.user_count; i++) {
            CU_ASSERT_FATAL(after.users[i].count == before.users[i].count);
            for (size_t k = 0; k < after.users[i].count; k++)
                CU_ASSERT_TRUE(
                    same_record(&before.users[i].records[k], &after.users[i].records[k]));
        }
        kms_run_free(&before);
        kms_run_free(&after);
        kms_export_release(&export);
    }
    kf_buf_reset(&xml);
}

/* From begin to the end of the first end after it. */
static char *cut(const char *text, const char *begin, const char *end)
{
    const char *from = strstr(text, begin);
    const char *to = from != NULL ? strstr(from, end) : NULL;

    CU_ASSERT_FATAL(to != NULL);
    return kf_strndup(from, (size_t)(to - from) + strlen(end));
}

/* One user's EncryptedData with the lock box's EncryptedKey in its KeyInfo. */
static void write_encrypted_data(const char *text)
{
    char *key = cut(text, "<xenc:EncryptedKey>", "</xenc:EncryptedKey>");
    char *method = cut(strstr(text, "<xenc:EncryptedData>"), "<xenc:EncryptionMethod", "/>");
    char *data =
        cut(strstr(text, "<xenc:EncryptedData>"), "<xenc:CipherData>", "</xenc:CipherData>");
    FILE *file = fopen(outside_path("one.xml"), "w");

    CU_ASSERT_FATAL(file != NULL);
    (void)fprintf(file,
                  "<?xml version=\"1.0\"?>\n<xenc:EncryptedData "
                  "xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" "
                  "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">%s<ds:KeyInfo>%s</ds:KeyInfo>%s"
                  "</xenc:EncryptedData>\n",
                  method, key, data);
    (void)fclose(file);
    free(key);
    free(method);
    free(data);
}

static void test_outside_proof(void)
{
    struct kf_buf text;
    struct kf_buf plain = KF_SECRET_BUF;
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kms_export export;

    kms_export_prepare(&export);
    kms_export_start(&export);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "1", "CN=One", NULL), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kms_export_put(&export, 2, GUID "1", "CN=One", NULL), KF_ARCHIVED);
    kms_export_finish(&export);
    outside_write_key("key.pem", export.identity.key);
    outside_write_cert("cert.pem", export.identity.certificate);
    CU_ASSERT_TRUE(outside_run("xmllint --noout out.xml"));
    CU_ASSERT_TRUE(
        outside_run("openssl cms -verify -binary -inform DER -in out.xml.p7s -content out.xml "
                    "-CAfile cert.pem -out verified.xml"));
    CU_ASSERT_TRUE(outside_run("cmp verified.xml out.xml"));
    read_text(&text);
    write_encrypted_data((const char *)text.data);
    CU_ASSERT_TRUE(outside_run("xmlsec1 --decrypt --privkey-pem key.pem --output key.der one.xml"));
    kms_user_key(1, &pkcs8);
    CU_ASSERT_EQUAL(kf_file_read(outside_path("key.der"), 1u << 20, &plain, NULL), KF_OK);
    CU_ASSERT_TRUE(kf_slice_equal(kf_buf_slice(&plain), kf_buf_slice(&pkcs8)));
    kf_buf_reset(&plain);
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&text);
    kms_export_release(&export);
}

static void test_users_are_put_together(void)
{
    struct kms_run run;
    struct kms_export export;
    char guid[KF_UUID_SIZE];

    kms_export_prepare(&export);
    kms_export_start(&export);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "1", "CN=One", NULL), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kms_export_put(&export, 2, GUID "1", "CN=Other name", NULL), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "2", "CN=One", NULL), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, "", "CN=Two", NULL), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kms_export_put(&export, 2, "", "CN=Two", NULL), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, "", "CN=Three", NULL), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, "", "CN=Two", NULL), KF_ARCHIVED);
    kms_export_finish(&export);
    kms_export_read(&run);
    CU_ASSERT_FATAL(run.user_count == 5);
    CU_ASSERT_EQUAL(run.users[0].count, 2);
    CU_ASSERT_EQUAL(run.users[1].count, 1);
    CU_ASSERT_EQUAL(run.users[2].count, 2);
    CU_ASSERT_EQUAL(run.users[3].count, 1);
    CU_ASSERT_EQUAL(run.users[4].count, 1);
    CU_ASSERT_STRING_EQUAL(run.users[0].records[1].mailbox_guid, GUID "1");
    CU_ASSERT_STRING_EQUAL(run.users[0].records[1].distinguished_name, "CN=One");
    /* what has no GUID gets one of its own, version 4 */
    for (size_t i = 2; i < 5; i++) {
        CU_ASSERT_TRUE(kf_uuid_parse(run.users[i].records[0].mailbox_guid, guid));
        CU_ASSERT(guid[14] == '4' && strchr("89ab", guid[19]) != NULL);
    }
    CU_ASSERT_STRING_NOT_EQUAL(run.users[2].records[0].mailbox_guid,
                               run.users[4].records[0].mailbox_guid);
    kms_run_free(&run);
    kms_export_release(&export);
}

static void put_aged(struct kms_export *export, unsigned number, const char *guid, int64_t age,
                     enum kf_key_state state)
{
    struct kf_record record;

    kms_export_fill(&record, number, guid, "CN=Aged");
    record.facts.not_before = 1000000000 - age; /* the real ones may be a second apart */
    record.state = state;
    CU_ASSERT_EQUAL(export->writer->ops->put(export->writer, "in", &record, NULL), KF_OK);
    CU_ASSERT_EQUAL(record.outcome, KF_ARCHIVED);
    kf_record_reset(&record);
}

/* Two keys, the first one told as current; its certificate is that much older than the other. */
static void check_states(const char *guid, int64_t older, enum kf_key_state second,
                         enum kf_key_state first_read, enum kf_key_state second_read)
{
    struct kms_run run;
    struct kms_export export;

    kms_export_prepare(&export);
    kms_export_start(&export);
    put_aged(&export, 1, guid, 1000 + older, KF_STATE_CURRENT);
    put_aged(&export, 2, guid, 1000, second);
    kms_export_finish(&export);
    kms_export_read(&run);
    CU_ASSERT_FATAL(run.user_count == 1 && run.users[0].count == 2);
    CU_ASSERT_EQUAL(run.users[0].records[0].state, first_read);
    CU_ASSERT_EQUAL(run.users[0].records[1].state, second_read);
    kms_run_free(&run);
    kms_export_release(&export);
}

static void test_the_newest_is_current_where_the_source_is_silent(void)
{
    const enum kf_key_state current = KF_STATE_CURRENT;
    const enum kf_key_state previous = KF_STATE_PREVIOUS;

    check_states("", 1, current, previous, current);
    check_states("", 0, current, current, previous);
    check_states("", -1, current, current, previous);
    /* what it tells stays */
    check_states("", 1, previous, current, previous);
    check_states(GUID "1", 1, current, current, current);
    check_states(GUID "1", 1, previous, current, previous);
}

static void test_names_come_from_the_certificate(void)
{
    struct kms_run run;
    struct kms_export export;

    kms_export_prepare(&export);
    kms_export_start(&export);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, "", NULL, NULL), KF_ARCHIVED);
    kms_export_finish(&export);
    kms_export_read(&run);
    CU_ASSERT_FATAL(run.user_count == 1);
    CU_ASSERT_STRING_EQUAL(run.users[0].records[0].display_name, "User");
    CU_ASSERT_STRING_EQUAL(run.users[0].records[0].distinguished_name, "CN=User, O=Contoso");
    CU_ASSERT_STRING_EQUAL(run.users[0].records[0].mail, "user@contoso.com");
    kms_run_free(&run);
    kms_export_release(&export);
}

/* Any bytes in a name give a document that can be read, cut at a whole character. */
static void test_names_of_any_bytes(void)
{
    static const char *const names[][2] = {
        {"<&>\"' \t\r\n", "<&>\"' \t\r\n"},
        {"J\xc3\xb6 \xe2\x82\xac \xf0\x9f\x94\x91", "J\xc3\xb6 \xe2\x82\xac \xf0\x9f\x94\x91"},
        {"a\x01z\xff", "a\xef\xbf\xbdz\xef\xbf\xbd"},
        {"\xc3(\xed\xa0\x80", "\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xef\xbf\xbf\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };
    char guid[KF_UUID_SIZE];
    char longer[1100];
    struct kms_run run;
    struct kms_export export;

    kms_export_prepare(&export);
    kms_export_start(&export);
    for (unsigned i = 0; i < 6; i++) {
        (void)snprintf(guid, sizeof(guid), GUID "%u", i);
        CU_ASSERT_EQUAL(kms_export_put(&export, 1, guid, names[i][0], NULL), KF_ARCHIVED);
    }
    memset(longer, '&', 1023);
    (void)snprintf(longer + 1023, 77, "\xc3\xb6 and more");
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "a", longer, NULL), KF_ARCHIVED);
    kms_export_finish(&export);
    kms_export_read(&run);
    CU_ASSERT_FATAL(run.user_count == 7);
    for (unsigned i = 0; i < 6; i++)
        CU_ASSERT_STRING_EQUAL(run.users[i].records[0].distinguished_name, names[i][1]);
    longer[1023] = '\0';
    CU_ASSERT_STRING_EQUAL(run.users[6].records[0].distinguished_name, longer);
    kms_run_free(&run);
    kms_export_release(&export);
}

static void test_what_is_not_written(void)
{
    struct kf_record record;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    struct kms_run run;
    struct kms_export export;

    kms_export_prepare(&export);
    kms_export_start(&export);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "1", NULL, NULL), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "1", NULL, &why), KF_KNOWN);
    CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "already"));
    CU_ASSERT_EQUAL(kms_export_put(&export, 3, GUID "1", NULL, &why), KF_SKIPPED);
    CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "a signing key"));
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "2", NULL, NULL), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kms_export_put(&export, 2, GUID "1", NULL, &why), KF_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(why.text, "mailbox " GUID "1 comes back"));
    CU_ASSERT_EQUAL(why.cause, KF_CAUSE_UNSUPPORTED);

    kms_export_fill(&record, 1, GUID "3", NULL);
    kf_buf_reset(&record.cert);
    CU_ASSERT_EQUAL(export.writer->ops->put(export.writer, "in", &record, NULL), KF_OK);
    CU_ASSERT_EQUAL(record.outcome, KF_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(record.error.text, "without a certificate"));
    kf_record_reset(&record);

    kms_export_fill(&record, 1, GUID "3", NULL);
    kf_buf_reset(&record.pkcs8);
    CU_ASSERT_EQUAL(export.writer->ops->put(export.writer, "in", &record, NULL), KF_OK);
    CU_ASSERT_EQUAL(record.outcome, KF_FAILED);
    kf_record_reset(&record);

    kms_export_fill(&record, 1, GUID "3", NULL);
    record.key_mismatch = true;
    (void)!kf_fail(&record.error, KF_SKIP, KF_CAUSE_DATA, "[MS-CSRA] 3.1.4.2.16", "not its key");
    CU_ASSERT_EQUAL(export.writer->ops->put(export.writer, "in", &record, NULL), KF_OK);
    CU_ASSERT_EQUAL(record.outcome, KF_FAILED);
    CU_ASSERT_STRING_EQUAL(record.error.text, "not its key");
    kf_record_reset(&record);

    kms_export_fill(&record, 1, GUID "3", NULL);
    record.outcome = KF_REFUSED; /* decided before: noted, and left alone */
    CU_ASSERT_EQUAL(export.writer->ops->put(export.writer, "in", &record, NULL), KF_OK);
    CU_ASSERT_EQUAL(record.outcome, KF_REFUSED);
    kf_record_reset(&record);

    kms_export_finish(&export);
    kms_export_read(&run);
    CU_ASSERT_FATAL(run.user_count == 2);
    CU_ASSERT(run.users[0].count == 1 && run.users[1].count == 1);
    kms_run_free(&run);
    kms_export_release(&export);
}

static void test_an_empty_export(void)
{
    struct kms_run run;
    struct kms_export export;

    kms_export_prepare(&export);
    kms_export_start(&export);
    kms_export_finish(&export);
    kms_export_read(&run);
    CU_ASSERT_EQUAL(run.user_count, 0);
    kms_run_free(&run);
    kms_export_release(&export);
}

/* In the document: certificates before keys, and the count in the root's tag. */
static void test_the_form_of_the_document(void)
{
    struct kf_buf text;
    const char *first_key;
    struct kms_export export;

    kms_export_prepare(&export);
    kms_export_start(&export);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "1", NULL, NULL), KF_ARCHIVED);
    CU_ASSERT_EQUAL(kms_export_put(&export, 2, GUID "1", NULL, NULL), KF_ARCHIVED);
    kms_export_finish(&export);
    read_text(&text);
    first_key = strstr((const char *)text.data, "<Key ");
    CU_ASSERT_FATAL(first_key != NULL);
    CU_ASSERT_PTR_NULL(strstr(first_key, "<Certificate "));
    CU_ASSERT_PTR_NOT_NULL(strstr((const char *)text.data, "users=\"1\""));
    CU_ASSERT_PTR_NOT_NULL(strstr((const char *)text.data,
                                  "organization=\"O=&quot;Contoso&quot; &amp; &lt;Sons&gt;\""));
    CU_ASSERT_PTR_NOT_NULL(
        strstr((const char *)text.data, "<End users=\"1\" certificates=\"2\" keys=\"2\"/>"));
    kf_buf_reset(&text);
    kms_export_release(&export);
}

/* The first 16 digits of each CipherValue of a key are its IV. */
static void test_no_iv_comes_twice(void)
{
    static const char marker[] = "aes256-gcm\"/>\n        <xenc:CipherData><xenc:CipherValue>";
    struct kf_buf text;
    char ivs[40][17];
    size_t count = 0;
    struct kms_export export;
    char guid[KF_UUID_SIZE];

    kms_export_prepare(&export);
    kms_export_start(&export);
    for (unsigned i = 0; i < 16; i++) {
        (void)snprintf(guid, sizeof(guid), GUID "%x", i);
        CU_ASSERT_EQUAL(kms_export_put(&export, 1, guid, NULL, NULL), KF_ARCHIVED);
        CU_ASSERT_EQUAL(kms_export_put(&export, 2, guid, NULL, NULL), KF_ARCHIVED);
    }
    kms_export_finish(&export);
    read_text(&text);
    for (const char *at = (const char *)text.data; (at = strstr(at, marker)) != NULL; count++) {
        at += strlen(marker);
        CU_ASSERT_FATAL(count < 40);
        (void)snprintf(ivs[count], sizeof(ivs[count]), "%.16s", at);
        for (size_t i = 0; i < count; i++)
            CU_ASSERT_STRING_NOT_EQUAL(ivs[i], ivs[count]);
    }
    CU_ASSERT_EQUAL(count, 32);
    kf_buf_reset(&text);
    kms_export_release(&export);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"round trip", test_round_trip},
        {"outside proof", test_outside_proof},
        {"users are put together", test_users_are_put_together},
        {"the newest is current where the source is silent",
         test_the_newest_is_current_where_the_source_is_silent},
        {"names come from the certificate", test_names_come_from_the_certificate},
        {"names of any bytes", test_names_of_any_bytes},
        {"what is not written", test_what_is_not_written},
        {"an empty export", test_an_empty_export},
        {"the form of the document", test_the_form_of_the_document},
        {"no IV comes twice", test_no_iv_comes_twice},
        {NULL, NULL},
    };

    return suite_run("kms_writer", tests);
}
