/*
 * The parts of the audit trail's proof: entries taken apart, the map of ids, signed texts and
 * checkpoints, and that entries go on where the trail stands, whoever wrote last.
 */
#include "store/audit.h"

#include <string.h>

#include <sqlite3.h>

#include "crypto/signedtext.h"
#include "store/audit_verify.h"
#include "store/idmap.h"
#include "store/runs.h"
#include "tests/support/archive.h"
#include "tests/support/suite.h"

static void test_split(void)
{
    static const char *const refused[] = {
        "",
        "1",
        "1 2026-11-22T00:54:09Z",
        "2 2026-11-22T00:54:09Z note",
        "1 2026-11-22 note",
        "1 2026-11-22T00:54:09Z note ",
        "1 2026-11-22T00:54:09Z note text",
        "1 2026-11-22T00:54:09Z note =x",
        "1 2026-11-22T00:54:09Z note a=1  b=2",
    };
    struct kf_audit_parts parts;
    struct kf_slice value;

    CU_ASSERT_TRUE_FATAL(
        kf_audit_split(kf_slice_of("1 2026-11-22T00:54:09Z note a=1 b= c=x=y"), &parts));
    CU_ASSERT_TRUE(kf_slice_equal(parts.event, kf_slice_of("note")));
    CU_ASSERT_TRUE(kf_audit_find(&parts, "b", &value) && value.len == 0);
    CU_ASSERT_TRUE(kf_audit_find(&parts, "c", &value) && kf_slice_equal(value, kf_slice_of("x=y")));
    CU_ASSERT_FALSE(kf_audit_find(&parts, "x", &value));
    CU_ASSERT_TRUE(kf_audit_split(kf_slice_of("1 2026-11-22T00:54:09Z note"), &parts));
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        CU_ASSERT_FALSE(kf_audit_split(kf_slice_of(refused[i]), &parts));
}

static void test_unescape(void)
{
    static const char *const refused[] = {"%", "%2", "a%zz", "%2 5"};
    struct kf_buf out = KF_PUBLIC_BUF;

    CU_ASSERT_EQUAL(kf_audit_unescape(kf_slice_of("50%25%20of%0a"), &out, NULL), KF_OK);
    CU_ASSERT_STRING_EQUAL((const char *)out.data, "50% of\n");
    CU_ASSERT_EQUAL(kf_audit_unescape(kf_slice_of(""), &out, NULL), KF_OK);
    CU_ASSERT_STRING_EQUAL((const char *)out.data, "");
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        CU_ASSERT_EQUAL(kf_audit_unescape(kf_slice_of(refused[i]), &out, NULL), KF_SKIP);
    kf_buf_reset(&out);
}

static void test_idmap(void)
{
    struct kf_idmap map = {.pages = NULL};
    uint64_t id = 0;
    uint64_t entry = 0;

    CU_ASSERT_EQUAL(kf_idmap_see(&map, 5), 0);
    CU_ASSERT_FALSE(kf_idmap_unseen(&map, &id, &entry));
    CU_ASSERT_EQUAL(kf_idmap_set(&map, 5, 50, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_idmap_set(&map, KF_IDMAP_MAX, 70, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_idmap_set(&map, (uint64_t)KF_IDMAP_MAX + 1, 80, NULL), KF_FATAL);
    CU_ASSERT_EQUAL(kf_idmap_see(&map, 4), 0);
    CU_ASSERT_EQUAL(kf_idmap_see(&map, 5), 50);
    CU_ASSERT_EQUAL(kf_idmap_see(&map, 5), 50);
    CU_ASSERT_EQUAL(kf_idmap_see(&map, UINT64_MAX), 0);
    CU_ASSERT_TRUE(kf_idmap_unseen(&map, &id, &entry));
    CU_ASSERT_EQUAL(id, KF_IDMAP_MAX);
    CU_ASSERT_EQUAL(entry, 70);
    id++;
    CU_ASSERT_FALSE(kf_idmap_unseen(&map, &id, &entry));
    CU_ASSERT_EQUAL(kf_idmap_set(&map, 5, 51, NULL), KF_OK); /* not seen again */
    id = 0;
    CU_ASSERT_TRUE(kf_idmap_unseen(&map, &id, &entry));
    CU_ASSERT_EQUAL(entry, 51);
    kf_idmap_reset(&map);
}

static void test_signed_text(void)
{
    X509 *other = archive_agent(1);
    struct kf_identity signer = {.key = material_key("rsa:2048#ca")};
    struct kf_buf pem = KF_PUBLIC_BUF;
    struct kf_buf text = KF_PUBLIC_BUF;
    struct kf_buf ders[2] = {KF_PUBLIC_BUF, KF_PUBLIC_BUF};
    struct kf_slice certificates[2];
    struct archive archive;

    archive_begin(&archive);
    CU_ASSERT_EQUAL(kf_text_sign(material_crypto(), kf_slice_of("text"), &signer, &pem, NULL),
                    KF_FATAL);
    signer.certificate = archive.ca;
    material_der(other, &ders[0]);
    material_der(archive.ca, &ders[1]);
    for (size_t i = 0; i < 2; i++)
        certificates[i] = kf_buf_slice(&ders[i]);
    CU_ASSERT_EQUAL(kf_text_sign(material_crypto(), kf_slice_of("text"), &signer, &pem, NULL),
                    KF_OK);
    CU_ASSERT_EQUAL(
        kf_text_verify(material_crypto(), kf_buf_slice(&pem), certificates, 2, &text, NULL), KF_OK);
    CU_ASSERT_TRUE(kf_slice_equal(kf_buf_slice(&text), kf_slice_of("text")));
    CU_ASSERT_EQUAL(
        kf_text_verify(material_crypto(), kf_buf_slice(&pem), certificates, 1, &text, NULL),
        KF_SKIP);
    CU_ASSERT_EQUAL(
        kf_text_verify(material_crypto(), kf_buf_slice(&pem), certificates, 0, &text, NULL),
        KF_SKIP);
    CU_ASSERT_EQUAL(
        kf_text_verify(material_crypto(), kf_slice_of("text"), certificates, 2, &text, NULL),
        KF_SKIP);
    for (size_t i = 0; i < 2; i++)
        kf_buf_reset(&ders[i]);
    kf_buf_reset(&pem);
    kf_buf_reset(&text);
    X509_free(other);
    archive_end(&archive);
}

static void count_defect(void *context, const char *text)
{
    (void)text;
    ++*(unsigned *)context;
}

/* Defects that a proof finds. */
static unsigned defects(struct archive *archive, const struct kf_checkpoint *checkpoint,
                        struct kf_audit_report *report)
{
    unsigned told = 0;
    struct kf_audit_options options = {
        .checkpoint = checkpoint, .defect = count_defect, .context = &told};

    CU_ASSERT_EQUAL(kf_audit_verify(archive->store, &options, report, NULL), KF_OK);
    CU_ASSERT_EQUAL(report->defects, told);
    return told;
}

static void note(struct archive *archive, const char *text)
{
    const struct kf_audit_field field = {"text", text};

    CU_ASSERT_EQUAL(kf_audit_append(archive->store, KF_AUDIT_NOTE, &field, 1, NULL), KF_OK);
}

/* Two connections write in turn, one rolls back: the trail stays one. */
static void test_goes_on(void)
{
    struct archive archive;
    struct archive other;
    struct kf_audit_report report;

    archive_begin(&archive);
    other = archive;
    CU_ASSERT_EQUAL_FATAL(kf_store_open(archive.path,
                                        &(struct kf_store_options){.crypto = material_crypto()},
                                        &other.store, NULL),
                          KF_OK);
    for (int i = 0; i < 5; i++) {
        note(&archive, "here");
        note(&other, "there");
        CU_ASSERT_EQUAL(kf_store_begin(archive.store, NULL), KF_OK);
        note(&archive, "never");
        kf_store_rollback(archive.store);
        CU_ASSERT_EQUAL(kf_store_begin(other.store, NULL), KF_OK);
        note(&other, "one");
        note(&other, "two");
        CU_ASSERT_EQUAL(kf_store_commit(other.store, NULL), KF_OK);
    }
    CU_ASSERT_EQUAL(defects(&archive, NULL, &report), 0);
    CU_ASSERT_EQUAL(report.entries, 1 + 5 * 4);
    archive_reopen(&archive);
    note(&archive, "after");
    CU_ASSERT_EQUAL(defects(&archive, NULL, &report), 0);
    kf_store_close(other.store);
    archive_end(&archive);
}

static void test_checkpoint(void)
{
    struct archive archive;
    struct kf_audit_report report;
    struct kf_checkpoint checkpoint = {.size = 0};
    struct kf_checkpoint empty = {.size = 0};

    archive_begin(&archive);
    note(&archive, "one");
    CU_ASSERT_EQUAL(defects(&archive, NULL, &report), 0);
    checkpoint.size = report.entries;
    memcpy(checkpoint.root, report.root, sizeof(checkpoint.root));
    for (int i = 0; i < 9; i++) {
        CU_ASSERT_EQUAL(defects(&archive, &checkpoint, &report), 0);
        note(&archive, "more");
    }
    checkpoint.root[0] ^= 1;
    CU_ASSERT_EQUAL(defects(&archive, &checkpoint, &report), 1);
    checkpoint.root[0] ^= 1;
    checkpoint.size++;
    CU_ASSERT_EQUAL(defects(&archive, &checkpoint, &report), 1);
    checkpoint.size = 1000;
    CU_ASSERT_EQUAL(defects(&archive, &checkpoint, &report), 1);
    CU_ASSERT_EQUAL(defects(&archive, &empty, &report), 1); /* not the root of nothing */
    CU_ASSERT_EQUAL(kf_digest(material_crypto()->sha256, kf_slice_of(""), empty.root, NULL), KF_OK);
    CU_ASSERT_EQUAL(defects(&archive, &empty, &report), 0);
    archive_end(&archive);
}

static void test_stopped(void)
{
    struct archive archive;
    struct kf_audit_report report;
    atomic_bool stop = true;
    const struct kf_audit_options options = {.stop = &stop};

    archive_begin(&archive);
    CU_ASSERT_EQUAL(kf_store_begin(archive.store, NULL), KF_OK);
    for (int i = 0; i < 300; i++)
        note(&archive, "many");
    CU_ASSERT_EQUAL(kf_store_commit(archive.store, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_audit_verify(archive.store, &options, &report, NULL), KF_SKIP);
    CU_ASSERT_EQUAL(defects(&archive, NULL, &report), 0);
    archive_end(&archive);
}

/* A row without a key is known to the trail as well. */
static void test_certificate_alone(void)
{
    struct archive archive;
    struct kf_audit_report report;
    struct kf_record record;
    struct kf_buf der = KF_PUBLIC_BUF;
    const struct material_cert what = {.subject = "/CN=Jo"};

    archive_begin(&archive);
    archive_issue(&archive, &what, &der);
    archive_record(&record, material_key("rsa:2048"), kf_buf_slice(&der));
    CU_ASSERT_EQUAL(
        kf_cert_parse(material_crypto(), kf_buf_slice(&record.cert), &record.facts, NULL), KF_OK);
    record.has_facts = true;
    CU_ASSERT_EQUAL(
        kf_rules_add_certificate(archive.store, &(struct kf_placing){.now = 1}, &record, NULL),
        KF_OK);
    CU_ASSERT_EQUAL(defects(&archive, NULL, &report), 0);
    CU_ASSERT_EQUAL(report.rows, 1);
    archive_execute(&archive, "UPDATE Material SET RawArchivedKey = x'00'");
    CU_ASSERT_EQUAL(defects(&archive, NULL, &report), 1);
    kf_record_reset(&record);
    kf_buf_reset(&der);
    archive_end(&archive);
}

static void change(struct archive *archive, const char *sql)
{
    sqlite3 *database = NULL;

    CU_ASSERT_EQUAL_FATAL(sqlite3_open(archive->path, &database), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(database);
}

/* A run without an end: what it would go on from is in the trail as well. */
static void test_broken_off(void)
{
    static const char *const changes[][2] = {
        {"UPDATE Runs SET PositionInput = 9", "UPDATE Runs SET PositionInput = 0"},
        {"UPDATE Runs SET PositionEntries = 9", "UPDATE Runs SET PositionEntries = 1"},
        {"UPDATE Runs SET Users = 9", "UPDATE Runs SET Users = 0"},
        {"UPDATE Runs SET Failed = 2", "UPDATE Runs SET Failed = 1"},
        {"UPDATE Runs SET KraStart = 2", "UPDATE Runs SET KraStart = 1"},
        {"UPDATE Inputs SET Name = 'b.pfx'", "UPDATE Inputs SET Name = 'a.pfx'"},
        {"UPDATE Entries SET Ordinal = 2", "UPDATE Entries SET Ordinal = 0"},
        {"UPDATE EntryFacts SET Cause = 1", "UPDATE EntryFacts SET Cause = 0"},
        {"UPDATE Settings SET Value = '3' WHERE Name = 'kra-next'",
         "UPDATE Settings SET Value = '7' WHERE Name = 'kra-next'"},
        {"UPDATE Runs SET Ended = 1", "UPDATE Runs SET Ended = NULL"},
    };
    static const char *const inputs[] = {"a.pfx"};
    const struct kf_run_request request = {
        .command = "import", .inputs = inputs, .input_count = 1, .kra_start = 1};
    const struct kf_position position = {.entries = 1};
    const struct kf_totals totals = {.by_outcome = {[KF_FAILED] = 1}};
    const struct kf_input_news news = {.name = "a.pfx"};
    struct kf_audit_report report;
    struct archive archive;
    struct kf_record record;
    uint64_t run = 0;
    uint64_t input = 0;

    archive_begin(&archive);
    kf_record_init(&record);
    record.outcome = KF_FAILED;
    CU_ASSERT_EQUAL(kf_runs_begin(archive.store, &request, &run, NULL), KF_OK);
    CU_ASSERT_EQUAL(defects(&archive, NULL, &report), 0);
    change(&archive, "UPDATE Runs SET PositionEntries = 9"); /* before its first commit */
    CU_ASSERT_NOT_EQUAL(defects(&archive, NULL, &report), 0);
    change(&archive, "UPDATE Runs SET PositionEntries = 0");
    CU_ASSERT_EQUAL(kf_store_begin(archive.store, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_runs_input(archive.store, run, &news, &input, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_runs_add_entry(archive.store, run, input, &record, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_runs_advance(archive.store, run, &position, &totals, 7, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_store_commit(archive.store, NULL), KF_OK);
    CU_ASSERT_EQUAL(defects(&archive, NULL, &report), 0);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        change(&archive, changes[i][0]);
        CU_ASSERT_NOT_EQUAL(defects(&archive, NULL, &report), 0);
        change(&archive, changes[i][1]);
        CU_ASSERT_EQUAL(defects(&archive, NULL, &report), 0);
    }
    kf_record_reset(&record);
    archive_end(&archive);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"entries in their parts", test_split},
        {"values as they were", test_unescape},
        {"the map of ids", test_idmap},
        {"signed texts", test_signed_text},
        {"the trail goes on where it stands", test_goes_on},
        {"checkpoints", test_checkpoint},
        {"stopped", test_stopped},
        {"a row without a key", test_certificate_alone},
        {"a run that was broken off", test_broken_off},
        {NULL, NULL},
    };

    return suite_run("audit", tests);
}
