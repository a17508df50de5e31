/*
 * The policy: usages, kinds of keys, agents that take turns, threads, and the published texts.
 */
#include "store/rules.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/rows.h"
#include "tests/support/archive.h"
#include "tests/support/suite.h"

static const struct material_cert jo = {.subject = "/O=Contoso/CN=Jo Doe",
                                        .mail = "jo@contoso.example",
                                        .upn = "jo@contoso.example",
                                        .key_usage = KF_KU_KEY_ENCIPHERMENT};

static enum kf_outcome place_usage(struct archive *archive, unsigned key_usage)
{
    struct kf_policy *policy = archive_policy(archive, false, false);
    struct material_cert what = {.subject = "/CN=Jo", .key_usage = key_usage};
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_record record;
    enum kf_outcome outcome;

    what.key = material_key("rsa:2048");
    archive_issue(archive, &what, &der);
    archive_record(&record, what.key, kf_buf_slice(&der));
    archive_place(archive, policy, &record);
    outcome = record.outcome;
    if (outcome == KF_SKIPPED) {
        CU_ASSERT_EQUAL(record.error.cause, KF_CAUSE_POLICY);
        CU_ASSERT(strncmp(record.error.text, "a signing key, which is", 23) == 0);
        CU_ASSERT_EQUAL(record.pkcs8.len, 0);
        CU_ASSERT_EQUAL(record.sealed.len, 0);
    }
    kf_record_reset(&record);
    kf_buf_reset(&der);
    kf_policy_free(policy);
    return outcome;
}

static void test_signing_keys(void)
{
    struct archive archive;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    CU_ASSERT_EQUAL(place_usage(&archive, KF_KU_DIGITAL_SIGNATURE), KF_SKIPPED);
    CU_ASSERT_EQUAL(place_usage(&archive, KF_KU_NON_REPUDIATION | KF_KU_KEY_CERT_SIGN), KF_SKIPPED);
    CU_ASSERT_EQUAL(place_usage(&archive, KF_KU_DIGITAL_SIGNATURE | KF_KU_KEY_ENCIPHERMENT),
                    KF_ARCHIVED);
    CU_ASSERT_EQUAL(place_usage(&archive, KF_KU_DATA_ENCIPHERMENT), KF_ARCHIVED);
    CU_ASSERT_EQUAL(place_usage(&archive, KF_KU_KEY_AGREEMENT), KF_ARCHIVED);
    CU_ASSERT_EQUAL(place_usage(&archive, 0), KF_ARCHIVED);
    archive_set(&archive, "KRAFlags", "+KRAF_ENABLEARCHIVEALL");
    CU_ASSERT_EQUAL(place_usage(&archive, KF_KU_DIGITAL_SIGNATURE), KF_ARCHIVED);
    archive_end(&archive);
}

/* The key comes back from what is archived, by the agent's key. */
static void check_key_type(struct archive *archive, const char *what_key, enum kf_blob_type type)
{
    struct kf_policy *policy = archive_policy(archive, false, false);
    struct material_cert what = {.subject = "/CN=Jo"};
    struct kf_identity agent = {.key = material_key("rsa:2048#kra1")};
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_buf blob = KF_SECRET_BUF;
    struct kf_record record;
    struct kf_row row = {.request_id = 0};

    what.key = material_key(what_key);
    archive_issue(archive, &what, &der);
    archive_record(&record, what.key, kf_buf_slice(&der));
    archive_place(archive, policy, &record);
    CU_ASSERT_EQUAL(record.outcome, KF_ARCHIVED);
    CU_ASSERT_EQUAL(record.blob_type, type);
    CU_ASSERT_EQUAL(kf_rows_get(archive->store, record.request_id, &row, NULL), KF_OK);
    CU_ASSERT_EQUAL(row.key_blob, type);
    CU_ASSERT_EQUAL(kf_unseal(material_crypto(), kf_buf_slice(&record.sealed), &agent, &blob, NULL),
                    KF_OK);
    CU_ASSERT(blob.len > 32);
    kf_row_reset(&row);
    kf_record_reset(&record);
    kf_buf_reset(&blob);
    kf_buf_reset(&der);
    kf_policy_free(policy);
}

static void test_key_types(void)
{
    struct archive archive;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    check_key_type(&archive, "rsa:2048", KF_BLOB_RSA);
    check_key_type(&archive, "ec:P-256", KF_BLOB_ECC);
    check_key_type(&archive, "ed25519", KF_BLOB_PKCS8);
    archive_end(&archive);
}

static void test_decided_before(void)
{
    struct archive archive;
    struct kf_policy *policy;
    struct kf_record record;
    struct kf_error why = {.cause = KF_CAUSE_NONE};

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    policy = archive_policy(&archive, true, true);
    archive_record(&record, material_key("rsa:2048"), kf_slice_of(""));
    (void)!kf_fail(&why, KF_SKIP, KF_CAUSE_SECRET, "RFC 2", "wrong password");
    kf_record_decide(&record, KF_FAILED, &why);
    archive_place(&archive, policy, &record);
    CU_ASSERT_EQUAL(record.outcome, KF_FAILED);
    CU_ASSERT_STRING_EQUAL(record.error.text, "wrong password");
    CU_ASSERT_EQUAL(record.pkcs8.len, 0);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Entries"), 1);
    kf_record_reset(&record);
    kf_policy_free(policy);
    archive_end(&archive);
}

/* Which of three agents a key is sealed to, as bits. */
static unsigned agents_of(const struct kf_record *record)
{
    unsigned found = 0;

    for (unsigned i = 0; i < 3; i++) {
        X509 *certificate = archive_agent(i + 1);
        struct kf_identity agent = {.certificate = certificate};
        struct kf_buf blob = KF_SECRET_BUF;
        char name[32];

        (void)snprintf(name, sizeof(name), "rsa:2048#kra%u", i + 1);
        agent.key = material_key(name);
        if (kf_unseal(material_crypto(), kf_buf_slice(&record->sealed), &agent, &blob, NULL) ==
            KF_OK)
            found |= 1u << i;
        kf_buf_reset(&blob);
        X509_free(certificate);
    }
    return found;
}

static void test_round_robin(void)
{
    static const unsigned expected[] = {3, 5, 6, 3, 5}; /* 1+2, 3+1, 2+3, ... */
    struct archive archive;
    struct kf_policy *policy;

    archive_begin(&archive);
    archive_add_agents(&archive, 3);
    archive_set(&archive, "KRACertCount", "2");
    archive_set(&archive, "KRAFlags", "+KRAF_ENABLEFOREIGN");
    policy = archive_policy(&archive, true, true);
    for (unsigned turn = 0; turn < 5; turn++) {
        struct kf_record record;
        struct material_cert what = jo;
        struct kf_buf der = KF_PUBLIC_BUF;

        what.key = material_key("rsa:2048");
        archive_issue(&archive, &what, &der);
        archive_record(&record, what.key, kf_buf_slice(&der));
        record.turn = turn;
        archive_place(&archive, policy, &record);
        CU_ASSERT_EQUAL(record.outcome, KF_ARCHIVED);
        CU_ASSERT_EQUAL(strlen(record.key_recovery_hashes), 2 * 59 + 1);
        CU_ASSERT_EQUAL(agents_of(&record), expected[turn]);
        kf_record_reset(&record);
        kf_buf_reset(&der);
    }
    CU_ASSERT_EQUAL(kf_policy_kra_next(policy, 1), 2);
    CU_ASSERT_EQUAL(kf_policy_kra_next(policy, 3), 0);
    CU_ASSERT_EQUAL(kf_policy_kra_next(policy, UINT64_MAX), 0); /* 2^64 - 1 is a multiple of 3 */
    kf_policy_free(policy);
    archive_end(&archive);
}

/* What a getkey reads, and what there is not. */
static void test_reading(void)
{
    struct archive archive;
    struct kf_policy *policy;
    struct material_cert what = jo;
    struct kf_record record;
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_buf out = KF_PUBLIC_BUF;
    struct kf_row row = {.request_id = 0};
    struct kf_row_cursor *cursor = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    uint64_t count = 0;
    char *text;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    policy = archive_policy(&archive, false, false);
    what.key = material_key("rsa:2048");
    archive_issue(&archive, &what, &der);
    archive_record(&record, what.key, kf_buf_slice(&der));
    archive_place(&archive, policy, &record);
    CU_ASSERT_EQUAL(kf_rows_count(archive.store, &count, NULL), KF_OK);
    CU_ASSERT_EQUAL(count, 1);
    CU_ASSERT_EQUAL(kf_rows_all(archive.store, &cursor, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_rows_next(cursor, &row, NULL), KF_OK);
    CU_ASSERT_EQUAL(row.request_id, 1);
    CU_ASSERT_EQUAL(kf_rows_next(cursor, &row, NULL), KF_END);
    kf_rows_close(cursor);
    CU_ASSERT_EQUAL(kf_row_certificate(archive.store, 1, &out, NULL), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&out), kf_buf_slice(&der)));
    CU_ASSERT_EQUAL(kf_row_note_fetch(archive.store, 1, "jo.rec, signed", NULL), KF_OK);
    text = archive_text(&archive, "SELECT Entry FROM Audit ORDER BY Sequence DESC");
    CU_ASSERT(strstr(text, "Z key-fetched caller=tester request=1 certificate=") != NULL);
    CU_ASSERT(strstr(text, " to=jo.rec,%20signed") != NULL);
    free(text);
    CU_ASSERT_EQUAL(kf_rows_get(archive.store, 2, &row, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    CU_ASSERT_STRING_EQUAL(error.text, "there is no request 2 in the store");
    CU_ASSERT_EQUAL(kf_row_sealed(archive.store, 2, &out, NULL), KF_SKIP);
    CU_ASSERT_EQUAL(kf_row_certificate(archive.store, 2, &out, NULL), KF_SKIP);
    CU_ASSERT_EQUAL(kf_row_note_fetch(archive.store, 2, "x", NULL), KF_SKIP);
    kf_row_reset(&row);
    kf_record_reset(&record);
    kf_buf_reset(&out);
    kf_buf_reset(&der);
    kf_policy_free(policy);
    archive_end(&archive);
}

#define THREADS 4
#define RECORDS 40

struct thread_work {
    struct kf_policy *policy;
    struct kf_slice certificate;
    unsigned sealed;
    pthread_t thread;
};

static void *apply_many(void *argument)
{
    struct thread_work *work = argument;

    for (uint64_t i = 0; i < RECORDS; i++) {
        struct kf_record record;

        archive_record(&record, material_key("rsa:2048"), work->certificate);
        record.turn = i;
        if (kf_policy_apply(work->policy, &record, NULL) == KF_OK && record.sealed.len != 0)
            work->sealed++;
        kf_record_reset(&record);
    }
    return NULL;
}

static void test_threads(void)
{
    struct archive archive;
    struct thread_work work[THREADS];
    struct kf_policy *policy;
    struct material_cert what = jo;
    struct kf_buf der = KF_PUBLIC_BUF;

    archive_begin(&archive);
    archive_add_agents(&archive, 3);
    archive_set(&archive, "KRACertCount", "1");
    policy = archive_policy(&archive, false, false);
    what.key = material_key("rsa:2048");
    archive_issue(&archive, &what, &der);
    for (size_t i = 0; i < THREADS; i++) {
        work[i] = (struct thread_work){.policy = policy, .certificate = kf_buf_slice(&der)};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&work[i].thread, NULL, apply_many, &work[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CU_ASSERT_EQUAL(pthread_join(work[i].thread, NULL), 0);
        CU_ASSERT_EQUAL(work[i].sealed, RECORDS);
    }
    kf_buf_reset(&der);
    kf_policy_free(policy);
    archive_end(&archive);
}

static void test_codes(void)
{
    char brief[64];

    CU_ASSERT_STRING_EQUAL(kf_code_text(KF_E_INVALIDARG), "The parameter is incorrect.");
    CU_ASSERT_STRING_EQUAL(kf_code_name(KF_E_ISSUERCHAINING), "CERT_E_ISSUERCHAINING");
    CU_ASSERT_STRING_EQUAL(kf_code_text(KF_E_DIRECTORY), "The directory name is invalid.");
    CU_ASSERT_PTR_NULL(kf_code_text(1));
    kf_code_brief(KF_E_INVALIDARG,
                  "key 1: The parameter is incorrect. 0x80070057 (E_INVALIDARG): x", brief,
                  sizeof(brief));
    CU_ASSERT_STRING_EQUAL(brief, "key 1: x");
    kf_code_brief(KF_E_INVALID_DATA, "The parameter is incorrect.", brief, sizeof(brief));
    CU_ASSERT_STRING_EQUAL(brief, "The parameter is incorrect.");
    kf_code_brief(0, "longer than sixteen", brief, 16);
    CU_ASSERT_STRING_EQUAL(brief, "longer than six");
    CU_ASSERT_PTR_NULL(kf_code_name(0));
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"signing keys, with and without ENABLEARCHIVEALL", test_signing_keys},
        {"kinds of keys", test_key_types},
        {"what was decided before stays", test_decided_before},
        {"agents take turns", test_round_robin},
        {"what getkey reads", test_reading},
        {"threads share a policy", test_threads},
        {"published texts", test_codes},
        {NULL, NULL},
    };

    return suite_run("policy", tests);
}
