/*
 * The archive's writer: rows, entries, audit trail and position are kept or lost together, whole
 * runs end alike however they came to their end, and what is archived opens with openssl alone.
 */
#include "writers/archive.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/rows.h"
#include "store/settings.h"
#include "tests/support/archive_run.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

#define KEYS 7

#define COUNT_ALL                                                                                  \
    "SELECT (SELECT count(*) FROM Requests) * 1000000 + (SELECT count(*) FROM Entries) * 10000"    \
    " + (SELECT count(*) FROM Audit WHERE Entry LIKE '% key-%') * 100"                             \
    " + (SELECT coalesce(max(PositionEntries), 0) FROM Runs)"

/* So many rows, run entries and entries about keys in the audit trail, and this position. */
static int64_t counts(int64_t rows, int64_t entries, int64_t audit, int64_t position)
{
    return ((rows * 100 + entries) * 100 + audit) * 100 + position;
}

static void begin(struct archive *archive, struct archive_keys *keys, unsigned agents)
{
    archive_begin(archive);
    archive_add_agents(archive, agents);
    archive_keys_make(archive, KEYS, keys);
}

static void end(struct archive *archive, struct archive_keys *keys)
{
    archive_keys_reset(keys);
    archive_end(archive);
}

static void test_whole_run(void)
{
    struct archive archive;
    struct archive_keys keys;
    struct archive_run run = {.keys = &keys};
    struct kf_run stored = {.command = NULL};

    begin(&archive, &keys, 1);
    archive_run(&archive, &run);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], KEYS);
    CU_ASSERT_EQUAL(kf_totals_seen(&run.totals), KEYS);
    CU_ASSERT_EQUAL(run.told, KEYS);
    CU_ASSERT_EQUAL(run.request_ids, KEYS * (KEYS + 1) / 2);
    CU_ASSERT_EQUAL(kf_runs_get(archive.store, run.id, &stored, NULL), KF_OK);
    CU_ASSERT(stored.ended != 0);
    CU_ASSERT_EQUAL(stored.totals.by_outcome[KF_ARCHIVED], KEYS);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Audit WHERE Entry LIKE "
                                             "'% key-archived run=1 request=%'"),
                    KEYS);
    kf_run_reset(&stored);
    end(&archive, &keys);
}

static void test_entries(void)
{
    struct archive archive;
    struct archive_keys keys;
    struct archive_run run = {.keys = &keys};
    struct kf_entry_cursor *cursor = NULL;
    struct kf_run_entry entry = {.input = NULL};
    struct kf_row row = {.request_id = 0};
    uint64_t count = 0;

    begin(&archive, &keys, 1);
    keys.certificates[2].data[0] ^= 1; /* not a certificate any more */
    archive_run(&archive, &run);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    CU_ASSERT_EQUAL(kf_entries_of(archive.store, run.id, &cursor, NULL), KF_OK);
    while (kf_entries_next(cursor, &entry, NULL) == KF_OK) {
        CU_ASSERT_EQUAL(entry.sequence, ++count);
        CU_ASSERT_EQUAL(entry.ordinal, count);
        CU_ASSERT_STRING_EQUAL(entry.input, "keys");
        CU_ASSERT(strncmp(entry.place, "key ", 4) == 0);
        CU_ASSERT_FALSE(entry.foreign);
        if (count == 3) {
            CU_ASSERT_EQUAL(entry.outcome, KF_FAILED);
            CU_ASSERT_EQUAL(entry.code, KF_E_INVALID_DATA);
            CU_ASSERT_STRING_EQUAL(entry.rule, "[MS-CSRA] 3.1.4.1.26");
            CU_ASSERT(strncmp(entry.message, "The data is invalid.", 20) == 0);
            CU_ASSERT_FALSE(entry.has_certificate);
            CU_ASSERT_EQUAL(entry.request_id, 0);
            continue;
        }
        CU_ASSERT_EQUAL(entry.outcome, KF_ARCHIVED);
        CU_ASSERT_PTR_NULL(entry.message);
        CU_ASSERT_PTR_NULL(entry.rule);
        CU_ASSERT(entry.has_certificate);
        CU_ASSERT_EQUAL(kf_rows_get(archive.store, entry.request_id, &row, NULL), KF_OK);
        CU_ASSERT_STRING_EQUAL(entry.sha256, row.certificate_sha256);
        CU_ASSERT_STRING_EQUAL(entry.sha1, row.certificate_hash);
        CU_ASSERT_STRING_EQUAL(row.source, "keys");
        CU_ASSERT_EQUAL(row.ordinal, entry.ordinal);
        CU_ASSERT_EQUAL(row.run, run.id);
    }
    CU_ASSERT_EQUAL(count, KEYS);
    kf_entries_close(cursor);
    kf_row_reset(&row);
    end(&archive, &keys);
}

static void test_twice(void)
{
    struct archive archive;
    struct archive_keys keys;
    struct archive_run run = {.keys = &keys};
    struct archive_run again = {.keys = &keys};
    struct archive_run over = {.keys = &keys, .overwrite = true};

    begin(&archive, &keys, 1);
    archive_run(&archive, &run);
    archive_run(&archive, &again);
    CU_ASSERT_EQUAL(again.status, KF_OK);
    CU_ASSERT_EQUAL(again.totals.by_outcome[KF_KNOWN], KEYS);
    CU_ASSERT_EQUAL(again.totals.by_outcome[KF_ARCHIVED], 0);
    CU_ASSERT_EQUAL(again.request_ids, run.request_ids);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), KEYS);
    archive_run(&archive, &over);
    CU_ASSERT_EQUAL(over.totals.by_outcome[KF_ARCHIVED], KEYS);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), KEYS);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT sum(Replaced) FROM Entries"), KEYS);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Audit WHERE Entry LIKE "
                                             "'% key-replaced run=3 %replaced=%'"),
                    KEYS);
    end(&archive, &keys);
}

/* By hand: what was put since the last commit is nowhere, or everywhere. */
static void test_all_or_nothing(void)
{
    struct archive archive;
    struct archive_keys keys;
    struct kf_policy *policy;
    struct kf_writer *writer = NULL;
    struct kf_totals totals = {.by_outcome = {[KF_ARCHIVED] = 2}};
    struct kf_position position = {.entries = 2};

    begin(&archive, &keys, 1);
    policy = archive_policy(&archive, false, false);
    CU_ASSERT_EQUAL(kf_archive_open(&(struct kf_archive_options){.store = archive.store,
                                                                 .policy = policy,
                                                                 .run = {.command = "import"}},
                                    &writer, NULL),
                    KF_OK);
    CU_ASSERT_EQUAL(kf_archive_run(writer), 0);
    CU_ASSERT_EQUAL(writer->ops->begin(writer, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_archive_run(writer), 1);
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < 2; i++) {
            struct kf_record record;

            archive_record(&record, material_key(i == 0 ? "ec:P-256#1" : "ec:P-256#2"),
                           kf_buf_slice(&keys.certificates[i]));
            record.ordinal = i + 1;
            CU_ASSERT_EQUAL(kf_policy_apply(policy, &record, NULL), KF_OK);
            CU_ASSERT_EQUAL(
                writer->ops->input(writer, &(struct kf_input_news){.name = "keys"}, NULL), KF_OK);
            CU_ASSERT_EQUAL(writer->ops->put(writer, "keys", &record, NULL), KF_OK);
            CU_ASSERT_EQUAL(record.outcome, round < 2 ? KF_ARCHIVED : KF_KNOWN);
            kf_record_reset(&record);
        }
        if (round == 0)
            writer->ops->rollback(writer);
        CU_ASSERT_EQUAL(archive_number(&archive, COUNT_ALL),
                        round < 2 ? counts(0, 0, 0, 0) : counts(2, 2, 2, 2));
        if (round == 1) {
            CU_ASSERT_EQUAL(writer->ops->commit(writer, &position, &totals, NULL), KF_OK);
            CU_ASSERT_EQUAL(archive_number(&archive, COUNT_ALL), counts(2, 2, 2, 2));
        }
    }
    writer->ops->close(writer); /* drops the third round */
    CU_ASSERT_EQUAL(archive_number(&archive, COUNT_ALL), counts(2, 2, 2, 2));
    kf_policy_free(policy);
    end(&archive, &keys);
}

static void test_dry_run(void)
{
    struct archive archive;
    struct archive_keys keys;
    struct archive_run dry = {.keys = &keys, .dry_run = true};
    struct archive_run half = {.keys = &keys, .fail_after = 3};
    int64_t audit;

    begin(&archive, &keys, 1);
    audit = archive_number(&archive, "SELECT count(*) FROM Audit");
    archive_run(&archive, &dry);
    CU_ASSERT_EQUAL(dry.status, KF_OK);
    CU_ASSERT_EQUAL(dry.totals.by_outcome[KF_ARCHIVED], KEYS);
    CU_ASSERT_EQUAL(dry.told, KEYS);
    CU_ASSERT_EQUAL(dry.request_ids, 0);
    CU_ASSERT_EQUAL(archive_number(&archive, COUNT_ALL), 0);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Runs"), 0);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Audit"), audit);
    archive_run(&archive, &half);
    CU_ASSERT_EQUAL(half.status, KF_FATAL);
    dry = (struct archive_run){.keys = &keys, .dry_run = true};
    archive_run(&archive, &dry);
    CU_ASSERT_EQUAL(dry.totals.by_outcome[KF_KNOWN], 3);
    CU_ASSERT_EQUAL(dry.totals.by_outcome[KF_ARCHIVED], KEYS - 3);
    CU_ASSERT_EQUAL(dry.request_ids, 1 + 2 + 3);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), 3);
    end(&archive, &keys);
}

#define AGENTS_OF_ALL                                                                              \
    "SELECT group_concat(CommonName || ' ' || KeyRecoveryHashes) FROM"                             \
    " (SELECT * FROM Requests ORDER BY RequestID)"

/* A run that was broken off and resumed ends as one that was not: rows, entries, agents, turns. */
static void test_resume(void)
{
    struct archive archive;
    struct archive_keys keys;
    struct archive_run broken = {.keys = &keys, .fail_after = 3};
    struct archive_run resumed = {.keys = &keys, .resume = true};
    struct archive_run whole = {.keys = &keys};
    uint64_t next[2];
    char *agents[2];

    begin(&archive, &keys, 1);
    for (unsigned i = 0; i < 2; i++) {
        struct archive other;

        archive_begin(&other);
        archive_add_agents(&other, 3);
        archive_set(&other, "KRACertCount", "2");
        if (i == 0) {
            archive_run(&other, &broken);
            CU_ASSERT_EQUAL(broken.status, KF_FATAL);
            CU_ASSERT_STRING_EQUAL(broken.error.text, "the input is truncated");
            CU_ASSERT_EQUAL(archive_number(&other, "SELECT PositionEntries FROM Runs"), 3);
            archive_run(&other, &resumed);
            CU_ASSERT_EQUAL(resumed.status, KF_OK);
            CU_ASSERT_EQUAL(resumed.id, broken.id);
            CU_ASSERT_EQUAL(resumed.told, KEYS - 3);
            CU_ASSERT_EQUAL(kf_totals_seen(&resumed.totals), KEYS);
        } else {
            archive_run(&other, &whole);
            CU_ASSERT_EQUAL(whole.status, KF_OK);
        }
        CU_ASSERT_EQUAL(archive_number(&other, "SELECT count(*) FROM Entries"), KEYS);
        CU_ASSERT_EQUAL(archive_number(&other, "SELECT max(Sequence) FROM Entries"), KEYS);
        CU_ASSERT_EQUAL(archive_number(&other, "SELECT Ended IS NOT NULL FROM Runs"), 1);
        CU_ASSERT_EQUAL(kf_runs_kra_start(other.store, &next[i], NULL), KF_OK);
        agents[i] = archive_text(&other, AGENTS_OF_ALL);
        archive_end(&other);
    }
    CU_ASSERT_EQUAL(next[0], KEYS * 2 % 3);
    CU_ASSERT_EQUAL(next[1], next[0]);
    CU_ASSERT_STRING_EQUAL(agents[0], agents[1]);
    free(agents[0]);
    free(agents[1]);
    end(&archive, &keys);
}

/* Agents take turns across runs, the same ones whatever the number of threads. */
static void test_turns(void)
{
    char *agents[2];
    uint64_t next[2];

    for (unsigned i = 0; i < 2; i++) {
        struct archive archive;
        struct archive_keys keys;
        struct archive_run run = {.keys = &keys, .jobs = i == 0 ? 1 : 4};
        struct archive_run again = {.keys = &keys, .jobs = run.jobs, .overwrite = true};

        begin(&archive, &keys, 3);
        archive_set(&archive, "KRACertCount", "1");
        archive_run(&archive, &run);
        CU_ASSERT_EQUAL(run.status, KF_OK);
        CU_ASSERT_EQUAL(kf_runs_kra_start(archive.store, &next[i], NULL), KF_OK);
        CU_ASSERT_EQUAL(next[i], KEYS % 3);
        CU_ASSERT_EQUAL(
            archive_number(&archive, "SELECT count(DISTINCT KeyRecoveryHashes) FROM Requests"), 3);
        agents[i] = archive_text(&archive, AGENTS_OF_ALL);
        archive_run(&archive, &again);
        CU_ASSERT_EQUAL(kf_runs_kra_start(archive.store, &next[i], NULL), KF_OK);
        CU_ASSERT_EQUAL(next[i], 2 * KEYS % 3);
        end(&archive, &keys);
    }
    CU_ASSERT_STRING_EQUAL(agents[0], agents[1]);
    free(agents[0]);
    free(agents[1]);
}

/* The disk is full somewhere in the run: what was committed stands, and it can go on later. */
static void test_full_disk(void)
{
    struct archive archive;
    struct archive_keys keys;
    struct archive_run full = {.keys = &keys, .commit_every = 1};
    struct archive_run resumed = {.keys = &keys, .resume = true};
    struct rlimit limit;
    struct rlimit old;
    void (*handler)(int);
    int64_t rows;

    begin(&archive, &keys, 1);
    archive_reopen(&archive); /* an empty -wal */
    handler = signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    limit = old;
    limit.rlim_cur = 400000;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
    archive_run(&archive, &full);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);
    CU_ASSERT_EQUAL(full.status, KF_FATAL);
    CU_ASSERT_EQUAL(full.error.cause, KF_CAUSE_SYSTEM);
    rows = archive_number(&archive, "SELECT count(*) FROM Requests");
    CU_ASSERT(rows > 0 && rows < KEYS);
    CU_ASSERT_EQUAL(full.totals.by_outcome[KF_ARCHIVED], (uint64_t)rows);
    CU_ASSERT_EQUAL(full.told, (uint64_t)rows);
    CU_ASSERT_EQUAL(archive_number(&archive, COUNT_ALL), counts(rows, rows, rows, rows));
    archive_run(&archive, &resumed);
    CU_ASSERT_EQUAL(resumed.status, KF_OK);
    CU_ASSERT_EQUAL(resumed.totals.by_outcome[KF_ARCHIVED], KEYS);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), KEYS);
    end(&archive, &keys);
}

/* A run that is resumed while it is still at work: one of the two goes on with it, not both. */
static void test_a_run_has_one_writer(void)
{
    struct archive archive;
    struct archive_keys keys;
    struct kf_policy *policy;
    struct kf_writer *writers[2] = {NULL, NULL};
    struct kf_totals totals = {.by_outcome = {[KF_SKIPPED] = 2}};
    struct kf_position position = {.entries = 2};
    struct kf_archive_options options = {.run = {.command = "import"}};
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    begin(&archive, &keys, 1);
    policy = archive_policy(&archive, false, false);
    options.store = archive.store;
    options.policy = policy;
    CU_ASSERT_EQUAL_FATAL(kf_archive_open(&options, &writers[0], NULL), KF_OK);
    CU_ASSERT_EQUAL(writers[0]->ops->begin(writers[0], NULL), KF_OK);
    options.resume = kf_archive_run(writers[0]);
    CU_ASSERT_EQUAL_FATAL(kf_archive_open(&options, &writers[1], NULL), KF_OK);
    CU_ASSERT_EQUAL(writers[1]->ops->begin(writers[1], NULL), KF_OK); /* nobody came further */
    CU_ASSERT_EQUAL(writers[0]->ops->commit(writers[0], &position, &totals, NULL), KF_OK);
    CU_ASSERT_EQUAL(writers[1]->ops->commit(writers[1], &position, &totals, &error), KF_FATAL);
    CU_ASSERT_STRING_EQUAL(error.text,
                           "another process is going on with run 1, which stays its own");
    writers[1]->ops->close(writers[1]);

    CU_ASSERT_EQUAL_FATAL(kf_archive_open(&options, &writers[1], NULL), KF_OK);
    CU_ASSERT_EQUAL(writers[1]->ops->begin(writers[1], NULL), KF_FATAL); /* found before that */
    writers[1]->ops->close(writers[1]);
    CU_ASSERT_EQUAL(writers[0]->ops->commit(writers[0], &position, &totals, NULL), KF_OK);
    CU_ASSERT_EQUAL(writers[0]->ops->finish(writers[0], &totals, NULL), KF_OK);
    options.start = position;
    CU_ASSERT_EQUAL_FATAL(kf_archive_open(&options, &writers[1], NULL), KF_OK);
    CU_ASSERT_EQUAL(writers[1]->ops->begin(writers[1], NULL), KF_FATAL); /* it has ended */
    writers[1]->ops->close(writers[1]);
    writers[0]->ops->close(writers[0]);
    kf_policy_free(policy);
    end(&archive, &keys);
}

/* Two processes import the same keys at the same time: nothing twice, nothing lost. */
static void test_two_at_once(void)
{
    struct archive archive;
    struct archive_keys keys;
    struct archive_run run = {.keys = &keys, .commit_every = 1};
    int result = -1;
    pid_t child;

    begin(&archive, &keys, 1);
    kf_store_close(archive.store);
    archive.store = NULL;
    child = fork();
    CU_ASSERT_FATAL(child >= 0);
    archive_reopen(&archive); /* each has a connection of its own */
    archive_run(&archive, &run);
    if (child == 0) {
        kf_store_close(archive.store);
        _exit(run.status == KF_OK && kf_totals_seen(&run.totals) == KEYS ? 0 : 1);
    }
    CU_ASSERT_EQUAL(waitpid(child, &result, 0), child);
    CU_ASSERT(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    CU_ASSERT_EQUAL(run.status, KF_OK);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Requests"), KEYS);
    CU_ASSERT_EQUAL(
        archive_number(&archive, "SELECT count(DISTINCT CertificateSHA256) FROM Requests"), KEYS);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Entries WHERE Outcome = 1"),
                    KEYS);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Entries WHERE Outcome = 2"),
                    KEYS);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) - max(Sequence) FROM Audit"), 0);
    end(&archive, &keys);
}

static void check_chain(struct archive *archive, uint64_t request_id, const X509 *first,
                        const X509 *second)
{
    const X509 *expected[] = {first, second};
    struct kf_der_list found = {.items = NULL};
    size_t count = second != NULL ? 2 : 1;

    CU_ASSERT_EQUAL(kf_row_chain(archive->store, request_id, &found, NULL), KF_OK);
    CU_ASSERT_EQUAL_FATAL(found.count, count);
    for (size_t i = 0; i < count; i++) {
        struct kf_buf der = KF_PUBLIC_BUF;

        material_der(expected[i], &der);
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&found.items[i]), kf_buf_slice(&der)));
        kf_buf_reset(&der);
    }
    kf_der_list_reset(&found);
}

/* A chain is kept once, and what leads from a certificate is found again, the CA's own too. */
static void test_chain(void)
{
    struct archive archive;
    struct archive_keys keys;
    X509 *between;
    struct kf_buf chain[2] = {KF_PUBLIC_BUF, KF_PUBLIC_BUF};
    struct archive_run run = {.keys = &keys, .foreign = true, .chain = chain, .chain_count = 2};
    struct material_cert what = {.subject = "/CN=User", .key = material_key("ec:P-256#1")};

    begin(&archive, &keys, 1);
    between = material_cert(&(struct material_cert){.subject = "/O=Contoso/CN=Issuing CA",
                                                    .is_ca = true,
                                                    .key = material_key("rsa:2048#between"),
                                                    .issuer = archive.ca,
                                                    .issuer_key = material_key("rsa:2048#ca")});
    CU_ASSERT_EQUAL(kf_buf_set(&chain[0], kf_slice_of("not a certificate"), NULL), KF_OK);
    material_der(between, &chain[1]);
    what.issuer = between;
    what.issuer_key = material_key("rsa:2048#between");
    material_cert_der(&what, &keys.certificates[0]);
    archive_set(&archive, "KRAFlags", "+KRAF_ENABLEFOREIGN");
    archive_run(&archive, &run);
    CU_ASSERT_EQUAL(run.totals.by_outcome[KF_ARCHIVED], KEYS);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Chains"), 1);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM ChainMembers"), 2);
    CU_ASSERT_EQUAL(archive_number(&archive, "SELECT count(*) FROM Certificates"), 2 + 2);
    check_chain(&archive, 1, between, archive.ca);
    check_chain(&archive, 2, archive.ca, NULL);
    kf_buf_reset(&chain[0]);
    kf_buf_reset(&chain[1]);
    X509_free(between);
    end(&archive, &keys);
}

/* By openssl alone: from the store's file to the same public key. */
static void test_openssl_opens(void)
{
    struct archive archive;
    struct kf_policy *policy;
    struct kf_record record;
    struct material_cert what = {.subject = "/CN=Jo", .key = material_key("rsa:2048")};
    struct kf_buf der = KF_PUBLIC_BUF;
    struct kf_buf sealed = KF_PUBLIC_BUF;
    X509 *agent = archive_agent(1);

    archive_begin(&archive);
    archive_add_agents(&archive, 1);
    policy = archive_policy(&archive, false, false);
    archive_issue(&archive, &what, &der);
    archive_record(&record, what.key, kf_buf_slice(&der));
    archive_place(&archive, policy, &record);
    CU_ASSERT_EQUAL(kf_row_sealed(archive.store, 1, &sealed, NULL), KF_OK);
    outside_write("sealed", kf_buf_slice(&sealed));
    outside_write("cert.der", kf_buf_slice(&der));
    outside_write_key("kra.key", material_key("rsa:2048#kra1"));
    outside_write_cert("kra.pem", agent);
    CU_ASSERT(outside_run("openssl cms -decrypt -binary -inform DER -in sealed -inkey kra.key "
                          "-recip kra.pem -out key.blob"));
    CU_ASSERT(outside_run("openssl rsa -inform MSBLOB -in key.blob -check -noout"));
    CU_ASSERT(outside_run("openssl rsa -inform MSBLOB -in key.blob -pubout -out a.pub && "
                          "openssl x509 -inform DER -in cert.der -pubkey -noout >b.pub && "
                          "cmp a.pub b.pub"));
    X509_free(agent);
    kf_record_reset(&record);
    kf_buf_reset(&sealed);
    kf_buf_reset(&der);
    kf_policy_free(policy);
    archive_end(&archive);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"a whole run", test_whole_run},
        {"what became of each key", test_entries},
        {"the same run twice, and with -f", test_twice},
        {"all or nothing", test_all_or_nothing},
        {"a dry run", test_dry_run},
        {"a run that is resumed", test_resume},
        {"a run has one writer", test_a_run_has_one_writer},
        {"agents take turns across runs", test_turns},
        {"a full disk", test_full_disk},
        {"two runs at once", test_two_at_once},
        {"chains", test_chain},
        {"openssl opens what is archived", test_openssl_opens},
        {NULL, NULL},
    };

    return suite_run("archive writer", tests);
}
