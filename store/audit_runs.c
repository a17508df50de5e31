/*
 * Runs against the audit trail: how each began and ended, its inputs, and what became of each of
 * its keys. The end of a run names a hash of all that. A run that was broken off has no end: then
 * its beginning, and the hash that it was left with, are what there is to hold it against.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/audit_check.h"
#include "store/runhash.h"
#include "store/runs.h"

/* A text of a run, cut as entries are. */
static bool said_text(const struct kf_audit_parts *entry, const char *name, const char *text)
{
    struct kf_buf escaped = KF_PUBLIC_BUF;
    struct kf_slice said;
    bool same = kf_audit_escape(&escaped, text, NULL) == KF_OK &&
                kf_audit_find(entry, name, &said) && said.len == escaped.len &&
                (said.len == 0 || memcmp(said.data, escaped.data, said.len) == 0);

    kf_buf_reset(&escaped);
    return same;
}

static bool said_totals(const struct kf_audit_parts *entry, const struct kf_totals *totals)
{
    for (int i = KF_ARCHIVED; i < KF_OUTCOME_COUNT; i++) {
        uint64_t said = 0;

        if (!kf_audit_number(entry, kf_outcome_name((enum kf_outcome)i), &said) ||
            said != totals->by_outcome[i])
            return false;
    }
    return true;
}

/* What became of each key of a run. */
struct outcomes {
    struct kf_audit_check *check;
    uint64_t run;
    uint64_t last; /* sequence */
    uint8_t hash[KF_SHA256_SIZE];
    struct kf_totals totals;
    uint64_t defects;
};

static enum kf_status check_entry(struct outcomes *outcomes, const struct kf_value *columns,
                                  struct kf_error *error)
{
    const struct kf_crypto *crypto = outcomes->check->store->crypto;
    const struct kf_value *facts = columns + KF_ENTRY_COLUMNS + 1;
    const uint64_t sequence = (uint64_t)columns[1].number;
    const int64_t outcome = columns[5].number;
    uint8_t hash[KF_SHA256_SIZE];

    if (sequence != outcomes->last + 1) {
        kf_audit_defect(outcomes->check,
                        "run %llu was changed: what comes before key %lld is missing",
                        (unsigned long long)outcomes->run, (long long)sequence);
        outcomes->defects++;
    }
    outcomes->last = sequence;
    if (kf_entry_hash(crypto, columns, facts[0].type != KF_VALUE_NULL ? facts : NULL, hash,
                      error) != KF_OK ||
        kf_outcomes_add(crypto, outcomes->hash, hash, error) != KF_OK)
        return KF_FATAL;
    if (kf_entry_mark(hash) != columns[KF_ENTRY_COLUMNS].number) {
        kf_audit_defect(outcomes->check,
                        "run %llu was changed: what became of key %lld is not what was written",
                        (unsigned long long)outcomes->run, (long long)sequence);
        outcomes->defects++;
    }
    if (outcome > KF_PENDING && outcome < KF_OUTCOME_COUNT)
        outcomes->totals.by_outcome[outcome]++;
    return KF_OK;
}

/* The hash that the run has, and its totals where no end tells them, are those of its entries. */
static enum kf_status check_sums(const struct outcomes *outcomes, const struct kf_run *run,
                                 bool has_ended, struct kf_error *error)
{
    static const uint8_t none[KF_SHA256_SIZE];
    struct kf_value id = kf_integer((int64_t)run->id);
    struct kf_result *result = NULL;
    enum kf_status status =
        kf_store_query(outcomes->check->store, KF_SQL_ENTRY_LAST, &id, 1, &result, error);
    struct kf_slice said = {none, sizeof(none)};

    if (status == KF_OK)
        status = kf_store_next(outcomes->check->store, result, error);
    if (status == KF_OK && result->columns[1].type != KF_VALUE_NULL)
        said = result->columns[1].bytes;
    if (status == KF_OK && !kf_slice_equal(said, (struct kf_slice){outcomes->hash, KF_SHA256_SIZE}))
        kf_audit_defect(outcomes->check,
                        "run %llu was changed: what became of its keys is not what was written",
                        (unsigned long long)run->id);
    else if (status == KF_OK && !has_ended &&
             memcmp(outcomes->totals.by_outcome, run->totals.by_outcome,
                    sizeof(run->totals.by_outcome)) != 0)
        kf_audit_defect(outcomes->check,
                        "run %llu was changed: its totals are not those of its keys",
                        (unsigned long long)run->id);
    kf_store_finish(outcomes->check->store, result);
    return status;
}

static enum kf_status check_outcomes(struct kf_audit_check *check, const struct kf_run *run,
                                     bool has_ended, struct kf_error *error)
{
    struct outcomes outcomes = {.check = check, .run = run->id};
    struct kf_value id = kf_integer((int64_t)run->id);
    struct kf_result *result = NULL;
    enum kf_status status =
        kf_store_query(check->store, KF_SQL_ENTRY_RAW_LIST, &id, 1, &result, error);

    while (status == KF_OK) {
        status = kf_store_next(check->store, result, error);
        if (status == KF_OK)
            status = check_entry(&outcomes, result->columns, error);
    }
    kf_store_finish(check->store, result);
    if (status != KF_END)
        return status;
    return outcomes.defects == 0 ? check_sums(&outcomes, run, has_ended, error) : KF_OK;
}

/* What became of keys of no run, and facts of keys that nothing became of. */
static enum kf_status tell_stray(void *context, const struct kf_value *columns,
                                 struct kf_error *error)
{
    (void)error;
    kf_audit_defect(context, "what is told of key %lld of run %lld was inserted",
                    (long long)columns[1].number, (long long)columns[0].number);
    return KF_OK;
}

/* Of a run that ended: its inputs with their digests are those that its end tells. */
static enum kf_status check_inputs(struct kf_audit_check *check, uint64_t run,
                                   const struct kf_audit_parts *entry, uint64_t sequence,
                                   struct kf_error *error)
{
    char hash[2 * KF_SHA256_SIZE + 1];

    if (kf_inputs_hash(check->store, run, hash, error) != KF_OK)
        return KF_FATAL;
    if (!kf_audit_says(entry, "inputs", hash))
        kf_audit_defect(check, "run %llu was changed: its inputs are not those of entry %llu",
                        (unsigned long long)run, (unsigned long long)sequence);
    return KF_OK;
}

static enum kf_status check_begin(struct kf_audit_check *check, const struct kf_run *run,
                                  struct kf_error *error)
{
    const uint64_t begun = kf_idmap_see(&check->runs_begun, run->id);
    struct kf_buf line = KF_PUBLIC_BUF;
    struct kf_audit_parts entry;
    uint64_t started = 0;
    uint64_t kra_start = 0;
    bool found = false;
    enum kf_status status = KF_OK;

    if (begun == 0)
        kf_audit_defect(check, "run %llu was inserted: the audit trail does not know it",
                        (unsigned long long)run->id);
    else
        status = kf_audit_fetch(check, begun, &line, &entry, &found, error);
    if (status == KF_OK && found &&
        (!said_text(&entry, "command", run->command) ||
         !said_text(&entry, "options", run->options) || !said_text(&entry, "inputs", run->inputs) ||
         !said_text(&entry, "caller", run->caller) ||
         !kf_audit_number(&entry, "started", &started) || started != (uint64_t)run->started ||
         !kf_audit_number(&entry, "kra-start", &kra_start) || kra_start != run->kra_start))
        kf_audit_defect(check, "run %llu was changed: it is not that of entry %llu",
                        (unsigned long long)run->id, (unsigned long long)begun);
    kf_buf_reset(&line);
    return status;
}

/* What its end tells, from what says most about the change to what says least. */
static enum kf_status check_end(struct kf_audit_check *check, const struct kf_run *run,
                                uint64_t ended, struct kf_error *error)
{
    const uint64_t before = check->report->defects;
    char hash[2 * KF_SHA256_SIZE + 1];
    struct kf_buf line = KF_PUBLIC_BUF;
    struct kf_audit_parts entry;
    bool found = false;
    enum kf_status status = kf_audit_fetch(check, ended, &line, &entry, &found, error);

    if (status == KF_OK && found && !said_totals(&entry, &run->totals))
        kf_audit_defect(check, "run %llu was changed: its totals are not those of entry %llu",
                        (unsigned long long)run->id, (unsigned long long)ended);
    if (status == KF_OK && found)
        status = check_inputs(check, run->id, &entry, ended, error);
    if (status == KF_OK && found)
        status = kf_run_hash(check->store, run->id, hash, error);
    if (status == KF_OK && found && check->report->defects == before &&
        !kf_audit_says(&entry, "row", hash))
        kf_audit_defect(check, "run %llu was changed: it is not as it was at its end, entry %llu",
                        (unsigned long long)run->id, (unsigned long long)ended);
    kf_buf_reset(&line);
    return status;
}

/* Of a run that did not end: as its last commit has left it, or its beginning. */
static enum kf_status check_standing(struct kf_audit_check *check, const struct kf_run *run,
                                     uint64_t advanced, struct kf_error *error)
{
    char hash[2 * KF_SHA256_SIZE + 1];
    struct kf_buf line = KF_PUBLIC_BUF;
    struct kf_audit_parts entry;
    bool found = false;
    enum kf_status status = KF_OK;

    if (advanced == 0) {
        if (kf_totals_seen(&run->totals) != 0 || run->totals.users != 0 ||
            run->position.input != 0 || run->position.entries != 0 || run->position.users != 0)
            kf_audit_defect(check, "run %llu was changed: nothing of it was committed",
                            (unsigned long long)run->id);
        return KF_OK;
    }
    status = kf_audit_fetch(check, advanced, &line, &entry, &found, error);
    if (status == KF_OK && found)
        status = kf_run_hash(check->store, run->id, hash, error);
    if (status == KF_OK && found && !kf_audit_says(&entry, "row", hash))
        kf_audit_defect(check,
                        "run %llu was changed: it is not as its last commit left it, entry %llu",
                        (unsigned long long)run->id, (unsigned long long)advanced);
    kf_buf_reset(&line);
    return status;
}

static enum kf_status check_run(struct kf_audit_check *check, const struct kf_run *run,
                                struct kf_error *error)
{
    const uint64_t before = check->report->defects;
    const uint64_t ended = kf_idmap_see(&check->runs_ended, run->id);
    const uint64_t advanced = kf_idmap_see(&check->runs_advanced, run->id);
    enum kf_status status = check_begin(check, run, error);

    if (status == KF_OK && (ended != 0) != (run->ended != 0))
        kf_audit_defect(check, "run %llu was changed: %s", (unsigned long long)run->id,
                        ended != 0 ? "its end was removed" : "its end is not in the audit trail");
    if (status == KF_OK && check->report->defects == before)
        status = ended != 0 ? check_end(check, run, ended, error)
                            : check_standing(check, run, advanced, error);
    return status == KF_OK ? check_outcomes(check, run, ended != 0, error) : status;
}

enum kf_status kf_audit_check_runs(struct kf_audit_check *check, struct kf_error *error)
{
    struct kf_run_cursor *cursor = NULL;
    struct kf_run run = {.id = 0};
    uint64_t sequence = 0;
    enum kf_status status = kf_runs_all(check->store, &cursor, error);

    while (status == KF_OK) {
        status = kf_runs_next(cursor, &run, error);
        if (status == KF_OK)
            status = check_run(check, &run, error);
    }
    kf_run_reset(&run);
    kf_runs_close(cursor);
    if (status != KF_END)
        return status;
    for (uint64_t id = 0; kf_idmap_unseen(&check->runs_begun, &id, &sequence); id++)
        kf_audit_defect(check, "run %llu was removed: entry %llu began it", (unsigned long long)id,
                        (unsigned long long)sequence);
    return kf_store_each(check->store, KF_SQL_ENTRY_STRAY_LIST, NULL, 0, tell_stray, check, error);
}
