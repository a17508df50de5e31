/*
 * What a run keeps of keys that got no row, so that a report can tell whose they were.
 */
#include "store/runs.h"

#include <string.h>

#include "tests/support/archive.h"
#include "tests/support/suite.h"

static const struct material_cert jo = {.subject = "/O=Contoso/CN=Jo Doe",
                                        .mail = "jo@contoso.example",
                                        .serial = 0x4711,
                                        .not_after = 4102444800,
                                        .key_usage = KF_KU_KEY_ENCIPHERMENT};

/* Jo's key, with a certificate of the archive's CA or, refused, of nobody. */
static void place_jo(struct archive *archive, struct kf_policy *policy, bool foreign)
{
    struct kf_buf certificate = KF_PUBLIC_BUF;
    struct material_cert what = jo;
    struct kf_record record;

    what.key = material_key("ec:P-256");
    if (foreign)
        material_cert_der(&what, &certificate);
    else
        archive_issue(archive, &what, &certificate);
    archive_record(&record, what.key, kf_buf_slice(&certificate));
    record.password = kf_strndup("password 2 of list", 18);
    record.password_encoding = "UTF-16";
    archive_place(archive, policy, &record);
    kf_record_reset(&record);
    kf_buf_reset(&certificate);
}

/* A key that could not be opened: the source knows whose it is. */
static void place_unopened(struct archive *archive, struct kf_policy *policy)
{
    struct kf_record record;
    struct kf_error why = {.cause = KF_CAUSE_NONE};

    kf_record_init(&record);
    record.display_name = kf_strndup("Ann", 3);
    record.mail = kf_strndup("ann@contoso.example", 19);
    CU_ASSERT_EQUAL(kf_fail(&why, KF_SKIP, KF_CAUSE_SECRET, NULL, "wrong password"), KF_SKIP);
    kf_record_decide(&record, KF_FAILED, &why);
    archive_place(archive, policy, &record);
    kf_record_reset(&record);
}

static void check_refused(const struct kf_run_entry *entry)
{
    CU_ASSERT_EQUAL(entry->outcome, KF_REFUSED);
    CU_ASSERT_STRING_EQUAL(entry->password, "password 2 of list");
    CU_ASSERT_STRING_EQUAL(entry->password_encoding, "UTF-16");
    CU_ASSERT_EQUAL(entry->cause, KF_CAUSE_POLICY);
    CU_ASSERT_STRING_EQUAL(entry->name, "Jo Doe");
    CU_ASSERT_STRING_EQUAL(entry->email, "jo@contoso.example");
    CU_ASSERT_STRING_EQUAL(entry->issuer_name, "CN=Jo Doe, O=Contoso");
    CU_ASSERT_STRING_EQUAL(entry->serial_number, "4711");
    CU_ASSERT_EQUAL(entry->not_after, 4102444800);
    CU_ASSERT_STRING_EQUAL(entry->public_key_algorithm, "EC P-256");
    CU_ASSERT_EQUAL(entry->public_key_length, 256);
    CU_ASSERT_STRING_EQUAL(entry->signature_algorithm, "ecdsa-with-SHA256");
    CU_ASSERT_FALSE(entry->has_roca);
}

static void check_archived(const struct kf_run_entry *entry)
{
    CU_ASSERT_EQUAL(entry->outcome, KF_ARCHIVED);
    CU_ASSERT_STRING_EQUAL(entry->password, "password 2 of list");
    CU_ASSERT_EQUAL(entry->cause, KF_CAUSE_NONE); /* its row tells the rest */
    CU_ASSERT_PTR_NULL(entry->name);
    CU_ASSERT_PTR_NULL(entry->issuer_name);
    CU_ASSERT_EQUAL(entry->not_after, 0);
}

static void check_unopened(const struct kf_run_entry *entry)
{
    CU_ASSERT_EQUAL(entry->outcome, KF_FAILED);
    CU_ASSERT_EQUAL(entry->cause, KF_CAUSE_SECRET);
    CU_ASSERT_STRING_EQUAL(entry->name, "Ann");
    CU_ASSERT_STRING_EQUAL(entry->email, "ann@contoso.example");
    CU_ASSERT_PTR_NULL(entry->issuer_name);
    CU_ASSERT_PTR_NULL(entry->signature_algorithm);
    CU_ASSERT_PTR_NULL(entry->password);
    CU_ASSERT_PTR_NULL(entry->password_encoding);
}

static void test_facts(void)
{
    static void (*const checks[])(const struct kf_run_entry *entry) = {
        check_refused, check_archived, check_unopened};
    struct archive archive;
    struct kf_policy *policy;
    struct kf_entry_cursor *cursor = NULL;
    struct kf_run_entry entry = {.input = NULL};

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    policy = archive_policy(&archive, false, false);
    place_jo(&archive, policy, true);
    place_jo(&archive, policy, false);
    place_unopened(&archive, policy);
    CU_ASSERT_EQUAL(kf_entries_of(archive.store, archive.run, &cursor, NULL), KF_OK);
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        CU_ASSERT_EQUAL_FATAL(kf_entries_next(cursor, &entry, NULL), KF_OK);
        checks[i](&entry);
    }
    CU_ASSERT_EQUAL(kf_entries_next(cursor, &entry, NULL), KF_END);
    kf_entries_close(cursor);
    kf_policy_free(policy);
    archive_end(&archive);
}

/* The first of many names that says something is the owner's. */
static void test_owner(void)
{
    struct kf_record record;

    kf_record_init(&record);
    CU_ASSERT_PTR_NULL(kf_record_owner(&record));
    CU_ASSERT_PTR_NULL(kf_record_email(&record));
    record.friendly_name = kf_strndup("key 1", 5);
    CU_ASSERT_STRING_EQUAL(kf_record_owner(&record), "key 1");
    record.mail = kf_strndup("jo@contoso.example", 18);
    CU_ASSERT_STRING_EQUAL(kf_record_owner(&record), "jo@contoso.example");
    CU_ASSERT_STRING_EQUAL(kf_record_email(&record), "jo@contoso.example");
    record.display_name = kf_strndup("", 0);
    CU_ASSERT_STRING_EQUAL(kf_record_owner(&record), "jo@contoso.example");
    record.facts.common_name = kf_strndup("Jo", 2);
    CU_ASSERT_STRING_EQUAL(kf_record_owner(&record), "Jo");
    kf_record_reset(&record);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"facts of a key without a row", test_facts},
        {"whose key it is", test_owner},
        {NULL, NULL},
    };

    return suite_run("entries", tests);
}
