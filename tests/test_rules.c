/*
 * The import rules: every row of the table in docs/formats/archive.md, with outcome, code and text.
 */
#include "store/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/agents.h"
#include "store/rows.h"
#include "store/settings.h"
#include "tests/support/archive.h"
#include "tests/support/suite.h"

/* What the Windows tools print for each code; the texts are Microsoft's ([MS-ERREF] 2.1). */
#define TEXT_INVALID_DATA "The data is invalid. 0x8007000d (ERROR_INVALID_DATA): "
#define TEXT_INVALIDARG   "The parameter is incorrect. 0x80070057 (E_INVALIDARG): "
#define TEXT_CHAINING                                                                              \
    "A parent of a given certificate in fact did not issue that child certificate. 0x800b0107 "    \
    "(CERT_E_ISSUERCHAINING): "
#define TEXT_NOT_CONFIGURED                                                                        \
    "Cannot archive private key. The certification authority is not configured for key "           \
    "archival. 0x8009400a (CERTSRV_E_KEY_ARCHIVAL_NOT_CONFIGURED): "
#define TEXT_NO_VALID_KRA                                                                          \
    "Cannot archive private key. The certification authority could not verify one or more key "    \
    "recovery certificates. 0x8009400b (CERTSRV_E_NO_VALID_KRA): "

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static const struct material_cert jo = {.subject = "/O=Contoso/CN=Jo Doe",
                                        .mail = "jo@contoso.example",
                                        .upn = "jo@contoso.example",
                                        .key_usage = KF_KU_KEY_ENCIPHERMENT};

/* Places jo's key, with a certificate of the archive's CA or of another. */
static void place_jo(struct archive *archive, struct kf_policy *policy, bool foreign,
                     struct kf_record *record)
{
    static struct kf_buf own = {.is_public = true};
    static struct kf_buf other = {.is_public = true};
    static const X509 *issued_by;
    struct material_cert what = jo;

    what.key = material_key("rsa:2048");
    if (other.len == 0)
        material_cert_der(&what, &other);
    if (issued_by != archive->ca) {
        archive_issue(archive, &what, &own);
        issued_by = archive->ca;
    }
    archive_record(record, what.key, kf_buf_slice(foreign ? &other : &own));
    archive_place(archive, policy, record);
}

static void test_own_certificate(void)
{
    struct archive archive;
    struct kf_policy *policy;
    struct kf_record record;
    struct kf_row row = {.request_id = 0};

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    policy = archive_policy(&archive, false, false);
    place_jo(&archive, policy, false, &record);
    CU_ASSERT_EQUAL(record.outcome, KF_ARCHIVED);
    CU_ASSERT_EQUAL(record.request_id, 1);
    CU_ASSERT_FALSE(record.foreign);
    CU_ASSERT_FALSE(record.replaced);
    CU_ASSERT_EQUAL(record.pkcs8.len, 0);
    CU_ASSERT_EQUAL(kf_rows_get(archive.store, 1, &row, NULL), KF_OK);
    CU_ASSERT_EQUAL(row.disposition, KF_DISPOSITION_ISSUED);
    CU_ASSERT(row.has_key);
    CU_ASSERT_EQUAL(row.key_blob, KF_BLOB_RSA);
    CU_ASSERT_STRING_EQUAL(row.common_name, "Jo Doe");
    CU_ASSERT_STRING_EQUAL(row.requester_name, "jo@contoso.example");
    CU_ASSERT_STRING_EQUAL(row.caller_name, "tester");
    CU_ASSERT_STRING_EQUAL(row.key_recovery_hashes, record.key_recovery_hashes);
    kf_row_reset(&row);
    kf_record_reset(&record);
    kf_policy_free(policy);
    archive_end(&archive);
}

/* The outcome of a record for jo's key with these bytes as its certificate. */
static void check_bad_certificate(struct archive *archive, struct kf_policy *policy,
                                  struct kf_slice certificate)
{
    struct kf_record record;

    archive_record(&record, material_key("rsa:2048"), certificate);
    record.line = 17;
    archive_place(archive, policy, &record);
    CU_ASSERT_EQUAL(record.outcome, KF_FAILED);
    CU_ASSERT_EQUAL(record.error.code, KF_E_INVALID_DATA);
    CU_ASSERT_EQUAL(record.error.line, 17);
    CU_ASSERT_STRING_EQUAL(record.error.place, "user 1: key 1");
    CU_ASSERT_STRING_EQUAL(record.error.rule, "[MS-CSRA] 3.1.4.1.26");
    CU_ASSERT(starts_with(record.error.text, TEXT_INVALID_DATA));
    CU_ASSERT_EQUAL(record.pkcs8.len, 0);
    CU_ASSERT_EQUAL(record.request_id, 0);
    kf_record_reset(&record);
}

static void test_not_a_certificate(void)
{
    struct archive archive;
    struct kf_policy *policy;
    struct kf_buf der = KF_PUBLIC_BUF;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    policy = archive_policy(&archive, true, true);
    archive_issue(&archive, &jo, &der);
    check_bad_certificate(&archive, policy, kf_slice_of(""));
    check_bad_certificate(&archive, policy, kf_slice_of("no certificate"));
    check_bad_certificate(&archive, policy, (struct kf_slice){der.data, der.len - 1});
    CU_ASSERT_EQUAL(kf_buf_append(&der, "", 1, NULL), KF_OK);
    check_bad_certificate(&archive, policy, kf_buf_slice(&der));
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), 0);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Entries WHERE Outcome = 4"), 4);
    kf_buf_reset(&der);
    kf_policy_free(policy);
    archive_end(&archive);
}

static void test_no_key(void)
{
    struct archive archive;
    struct kf_policy *policy;
    struct kf_record record;
    struct kf_buf der = KF_PUBLIC_BUF;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    policy = archive_policy(&archive, false, false);
    archive_issue(&archive, &jo, &der);
    archive_record(&record, NULL, kf_buf_slice(&der));
    archive_place(&archive, policy, &record);
    CU_ASSERT_EQUAL(record.outcome, KF_FAILED);
    CU_ASSERT_EQUAL(record.error.code, KF_E_INVALID_DATA);
    CU_ASSERT(strstr(record.error.text, "there is no private key") != NULL);
    kf_record_reset(&record);
    archive_record(&record, NULL, kf_buf_slice(&der));
    CU_ASSERT_EQUAL(kf_buf_set(&record.pkcs8, kf_slice_of("no key"), NULL), KF_OK);
    archive_place(&archive, policy, &record);
    CU_ASSERT_EQUAL(record.outcome, KF_FAILED);
    CU_ASSERT_EQUAL(record.error.code, KF_E_INVALID_DATA);
    CU_ASSERT_EQUAL(record.pkcs8.len, 0);
    kf_record_reset(&record);
    kf_buf_reset(&der);
    kf_policy_free(policy);
    archive_end(&archive);
}

/* A record that a reader says is another key's. */
static void place_mismatch(struct archive *archive, const char *reason, struct kf_record *record)
{
    struct kf_policy *policy = archive_policy(archive, false, false);
    struct kf_buf der = KF_PUBLIC_BUF;

    archive_issue(archive, &jo, &der);
    archive_record(record, material_key("rsa:2048#other"), kf_buf_slice(&der));
    record->key_mismatch = true;
    if (reason != NULL)
        (void)!kf_fail(&record->error, KF_SKIP, KF_CAUSE_DATA, "RFC 1", "%s", reason);
    archive_place(archive, policy, record);
    kf_buf_reset(&der);
    kf_policy_free(policy);
}

static void test_mismatch(void)
{
    struct archive archive;
    struct kf_record record;
    struct kf_row row = {.request_id = 0};
    char *text;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    place_mismatch(&archive, NULL, &record);
    CU_ASSERT_EQUAL(record.outcome, KF_FAILED);
    CU_ASSERT_EQUAL(record.error.code, KF_E_INVALIDARG);
    CU_ASSERT_STRING_EQUAL(record.error.rule, "[MS-CSRA] 3.1.4.2.16");
    CU_ASSERT_STRING_EQUAL(record.error.text,
                           TEXT_INVALIDARG "the key does not belong to the certificate, and "
                                           "KRAFlags lacks KRAF_SAVEBADREQUESTKEY");
    kf_record_reset(&record);
    place_mismatch(&archive, "does not belong to certificate c3", &record);
    CU_ASSERT_EQUAL(record.outcome, KF_FAILED);
    CU_ASSERT_STRING_EQUAL(record.error.rule, "RFC 1");
    CU_ASSERT(starts_with(record.error.text, TEXT_INVALIDARG "does not belong to certificate c3"));
    kf_record_reset(&record);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), 0);

    archive_set(&archive, "KRAFlags", "+KRAF_SAVEBADREQUESTKEY");
    place_mismatch(&archive, "does not belong to certificate c3", &record);
    CU_ASSERT_EQUAL(record.outcome, KF_ARCHIVED);
    CU_ASSERT_EQUAL(kf_rows_get(archive.store, record.request_id, &row, NULL), KF_OK);
    CU_ASSERT(row.has_key && row.key_mismatch);
    text = archive_text(&archive, "SELECT Message FROM Entries WHERE Outcome = 1");
    CU_ASSERT_STRING_EQUAL(text, "does not belong to certificate c3");
    free(text);
    text = archive_text(&archive, "SELECT Entry FROM Audit ORDER BY Sequence DESC");
    CU_ASSERT(strstr(text, " key-archived ") != NULL && strstr(text, " mismatch=yes") != NULL);
    free(text);
    kf_row_reset(&row);
    kf_record_reset(&record);
    archive_end(&archive);
}

/* What a run says that cannot begin. */
static void check_no_policy(struct archive *archive, int64_t now, uint32_t code, const char *start)
{
    struct kf_policy_options options = {.profile = KF_SEAL_WINDOWS, .now = now};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_policy *policy = NULL;

    CU_ASSERT_EQUAL(kf_policy_new(archive->store, &options, &policy, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_CONFIG);
    CU_ASSERT_EQUAL(error.code, code);
    CU_ASSERT(starts_with(error.text, start));
    CU_ASSERT_PTR_NULL(policy);
}

static void test_agents_missing(void)
{
    struct archive archive;
    int64_t now = (int64_t)time(NULL);

    archive_begin(&archive);
    check_no_policy(&archive, now, KF_E_ARCHIVAL_NOT_SET_UP, TEXT_NOT_CONFIGURED);
    archive_add_agents(&archive, 2);
    archive_set(&archive, "KRACertCount", "3");
    check_no_policy(&archive, now, KF_E_NO_VALID_KRA, TEXT_NO_VALID_KRA);
    archive_set(&archive, "KRACertCount", "2");
    kf_policy_free(archive_policy(&archive, false, false));
    archive_set(&archive, "KRACertCount", "0");
    check_no_policy(&archive, now + 100 * 365 * 86400LL, KF_E_NO_VALID_KRA, TEXT_NO_VALID_KRA);
    archive_set(&archive, "KRACertHash", "");
    check_no_policy(&archive, now, KF_E_ARCHIVAL_NOT_SET_UP, TEXT_NOT_CONFIGURED);
    archive_end(&archive);
}

/* A certificate of another CA under KRAFlags with or without the flag, and a run with or without.
 */
static void check_foreign(bool flag, bool option)
{
    struct archive archive;
    struct kf_policy *policy;
    struct kf_record record;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    if (flag)
        archive_set(&archive, "KRAFlags", "+KRAF_ENABLEFOREIGN");
    policy = archive_policy(&archive, option, option);
    place_jo(&archive, policy, true, &record);
    CU_ASSERT(record.foreign);
    if (flag && option) {
        CU_ASSERT_EQUAL(record.outcome, KF_ARCHIVED);
        CU_ASSERT_EQUAL(archive_number(&archive, "SELECT Disposition FROM Requests"), 12);
    } else {
        char *text = archive_text(&archive, "SELECT Entry FROM Audit ORDER BY Sequence DESC");

        CU_ASSERT_EQUAL(record.outcome, KF_REFUSED);
        CU_ASSERT_EQUAL(record.error.code, KF_E_ISSUERCHAINING);
        CU_ASSERT_EQUAL(record.error.cause, KF_CAUSE_POLICY);
        CU_ASSERT(starts_with(record.error.text, TEXT_CHAINING "not issued by Contoso CA: "));
        CU_ASSERT_EQUAL(strstr(record.error.text, "KRAFlags lacks KRAF_ENABLEFOREIGN") != NULL,
                        !flag);
        CU_ASSERT_EQUAL(strstr(record.error.text, "the run lacks -f (or --foreign)") != NULL,
                        !option);
        CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), 0);
        CU_ASSERT(strstr(text, " key-refused ") != NULL);
        CU_ASSERT(strstr(text, " code=0x800b0107") != NULL);
        free(text);
    }
    CU_ASSERT_EQUAL(record.pkcs8.len, 0);
    kf_record_reset(&record);
    kf_policy_free(policy);
    archive_end(&archive);
}

static void test_foreign(void)
{
    check_foreign(false, false);
    check_foreign(false, true);
    check_foreign(true, false);
    check_foreign(true, true);
}

/* A certificate that names this CA as its issuer, but was signed by somebody else's key. */
static void test_forged_issuer(void)
{
    struct archive archive;
    struct kf_policy *policy;
    struct kf_record record;
    struct material_cert what = jo;
    struct kf_buf der = KF_PUBLIC_BUF;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    policy = archive_policy(&archive, true, true);
    what.key = material_key("rsa:2048");
    what.issuer = archive.ca;
    what.issuer_key = material_key("rsa:2048#other");
    material_cert_der(&what, &der);
    archive_record(&record, what.key, kf_buf_slice(&der));
    archive_place(&archive, policy, &record);
    CU_ASSERT_EQUAL(record.outcome, KF_REFUSED);
    CU_ASSERT_EQUAL(record.error.code, KF_E_ISSUERCHAINING);
    kf_record_reset(&record);
    kf_buf_reset(&der);
    kf_policy_free(policy);
    archive_end(&archive);
}

static void test_known_without_key(void)
{
    struct archive archive;
    struct kf_policy *policy;
    struct kf_record record;
    struct kf_row row = {.request_id = 0};
    struct kf_buf sealed = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct material_cert what = jo;
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_placing placing = {.now = (int64_t)time(NULL)};

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    what.key = material_key("rsa:2048");
    archive_issue(&archive, &what, &der);
    archive_record(&record, NULL, kf_buf_slice(&der));
    CU_ASSERT_EQUAL(
        kf_cert_parse(material_crypto(), kf_buf_slice(&record.cert), &record.facts, NULL), KF_OK);
    record.has_facts = true;
    CU_ASSERT_EQUAL(kf_rules_add_certificate(archive.store, &placing, &record, &error), KF_OK);
    CU_ASSERT_EQUAL(record.request_id, 1);
    CU_ASSERT_EQUAL(kf_rows_get(archive.store, 1, &row, NULL), KF_OK);
    CU_ASSERT_FALSE(row.has_key);
    CU_ASSERT_EQUAL(kf_row_sealed(archive.store, 1, &sealed, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    CU_ASSERT_EQUAL(kf_rules_add_certificate(archive.store, &placing, &record, &error), KF_SKIP);
    CU_ASSERT_EQUAL(error.code, KF_E_INVALIDARG);
    kf_record_reset(&record);

    policy = archive_policy(&archive, false, false);
    archive_record(&record, what.key, kf_buf_slice(&der));
    archive_place(&archive, policy, &record);
    CU_ASSERT_EQUAL(record.outcome, KF_ARCHIVED);
    CU_ASSERT_EQUAL(record.request_id, 1);
    CU_ASSERT_FALSE(record.replaced);
    CU_ASSERT_EQUAL(kf_rows_get(archive.store, 1, &row, NULL), KF_OK);
    CU_ASSERT(row.has_key);
    CU_ASSERT_EQUAL(kf_row_sealed(archive.store, 1, &sealed, NULL), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&sealed), kf_buf_slice(&record.sealed)));
    kf_record_reset(&record);
    kf_row_reset(&row);
    kf_buf_reset(&sealed);
    kf_buf_reset(&der);
    kf_policy_free(policy);
    archive_end(&archive);
}

static void test_known_with_key(void)
{
    struct archive archive;
    struct kf_policy *policy;
    struct kf_record record;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    policy = archive_policy(&archive, true, false);
    place_jo(&archive, policy, false, &record);
    kf_record_reset(&record);
    place_jo(&archive, policy, false, &record);
    CU_ASSERT_EQUAL(record.outcome, KF_KNOWN);
    CU_ASSERT_EQUAL(record.request_id, 1);
    CU_ASSERT_EQUAL(record.error.code, KF_E_INVALIDARG);
    CU_ASSERT_STRING_EQUAL(record.error.text,
                           TEXT_INVALIDARG "already archived as request 1, which -f (or "
                                           "--overwrite) would replace");
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), 1);
    kf_record_reset(&record);
    kf_policy_free(policy);
    archive_end(&archive);
}

static void test_replaced(void)
{
    struct archive archive;
    struct kf_policy *policy;
    struct kf_record record;
    struct kf_buf old = KF_PUBLIC_BUF;
    struct kf_buf now = KF_PUBLIC_BUF;
    uint8_t sha256[KF_SHA256_SIZE];
    char expected[16 + 2 * KF_SHA256_SIZE] = " replaced=";
    char *text;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    policy = archive_policy(&archive, false, true);
    place_jo(&archive, policy, false, &record);
    CU_ASSERT_FALSE(record.replaced);
    kf_record_reset(&record);
    CU_ASSERT_EQUAL(kf_row_sealed(archive.store, 1, &old, NULL), KF_OK);
    place_jo(&archive, policy, false, &record);
    CU_ASSERT_EQUAL(record.outcome, KF_ARCHIVED);
    CU_ASSERT_EQUAL(record.request_id, 1);
    CU_ASSERT(record.replaced);
    CU_ASSERT_EQUAL(kf_row_sealed(archive.store, 1, &now, NULL), KF_OK);
    CU_ASSERT_FALSE(kf_slice_equal(kf_buf_slice(&old), kf_buf_slice(&now)));
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&now), kf_buf_slice(&record.sealed)));
    CU_ASSERT_EQUAL(kf_digest(material_crypto()->sha256, kf_buf_slice(&old), sha256, NULL), KF_OK);
    kf_hex(expected + strlen(expected), sha256, sizeof(sha256));
    text = archive_text(&archive, "SELECT Entry FROM Audit ORDER BY Sequence DESC");
    CU_ASSERT(strstr(text, " key-replaced ") != NULL);
    CU_ASSERT(strstr(text, expected) != NULL);
    free(text);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), 1);
    kf_record_reset(&record);
    kf_buf_reset(&old);
    kf_buf_reset(&now);
    kf_policy_free(policy);
    archive_end(&archive);
}

/* Running it again, in every combination of what -f stands for, with a foreign certificate. */
static void test_foreign_again(void)
{
    struct archive archive;

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    archive_set(&archive, "KRAFlags", "+KRAF_ENABLEFOREIGN");
    for (unsigned turn = 0; turn < 5; turn++) {
        static const struct {
            bool foreign, overwrite, replaced;
            enum kf_outcome outcome;
        } cases[] = {
            {true, false, false, KF_ARCHIVED}, {true, false, false, KF_KNOWN},
            {true, true, true, KF_ARCHIVED},   {false, true, false, KF_REFUSED},
            {false, false, false, KF_REFUSED},
        };
        struct kf_policy *policy =
            archive_policy(&archive, cases[turn].foreign, cases[turn].overwrite);
        struct kf_record record;

        place_jo(&archive, policy, true, &record);
        CU_ASSERT_EQUAL(record.outcome, cases[turn].outcome);
        CU_ASSERT_EQUAL(record.replaced, cases[turn].replaced);
        kf_record_reset(&record);
        kf_policy_free(policy);
    }
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), 1);
    archive_end(&archive);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"a certificate of this CA", test_own_certificate},
        {"not a DER certificate", test_not_a_certificate},
        {"no key, or none that is one", test_no_key},
        {"a key of another certificate, with and without SAVEBADREQUESTKEY", test_mismatch},
        {"no agents, and too few valid ones", test_agents_missing},
        {"certificates of other CAs: flag and -f", test_foreign},
        {"a certificate that only names this CA", test_forged_issuer},
        {"a certificate that is known, without a key", test_known_without_key},
        {"a key that is archived already", test_known_with_key},
        {"a key that is archived already, with -f", test_replaced},
        {"a foreign key again, in every combination", test_foreign_again},
        {NULL, NULL},
    };

    return suite_run("rules", tests);
}
