/*
 * Runs: see runs.h. What became of each key of a run stands in entries.c.
 */
#include "store/runs.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/audit.h"
#include "store/internal.h"
#include "store/runhash.h"

#define KRA_NEXT "kra-next" /* the setting, not one of the user's, that keeps where to start */

void kf_run_reset(struct kf_run *run)
{
    if (run == NULL)
        return;
    free(run->command);
    free(run->options);
    free(run->inputs);
    free(run->caller);
    *run = (struct kf_run){.command = NULL};
}

enum kf_status kf_runs_kra_start(struct kf_store *store, uint64_t *start, struct kf_error *error)
{
    char *value = NULL;
    enum kf_status status = kf_settings_read(store, KRA_NEXT, &value, error);

    *start = 0;
    if (status == KF_OK && value != NULL && !kf_parse_u64(value, UINT64_MAX, start))
        status = kf_fail(error, KF_FATAL, KF_CAUSE_DATA, NULL, "the store is damaged: %s is \"%s\"",
                         KRA_NEXT, value);
    free(value);
    return status;
}

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static enum kf_status note_begin(struct kf_store *store, uint64_t id, const char *inputs,
                                 int64_t now, const struct kf_run_request *request,
                                 struct kf_error *error)
{
    char number[24];
    char start[24];
    char begun[24];

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
    (void)snprintf(start, sizeof(start), "%llu", (unsigned long long)request->kra_start);
    (void)snprintf(begun, sizeof(begun), "%lld", (long long)now);
    return kf_audit_append(store, KF_AUDIT_RUN_BEGIN,
                           (struct kf_audit_field[]){{"run", number},
                                                     {"caller", store->caller},
                                                     {"command", or_empty(request->command)},
                                                     {"options", or_empty(request->options)},
                                                     {"inputs", inputs},
                                                     {"started", begun},
                                                     {"kra-start", start}},
                           7, error);
}

enum kf_status kf_runs_begin(struct kf_store *store, const struct kf_run_request *request,
                             uint64_t *id, struct kf_error *error)
{
    char *inputs = kf_join_lines(request->inputs, request->input_count);
    const int64_t now = kf_now();
    int64_t row = 0;
    bool own = false;
    enum kf_status status;

    if (inputs == NULL)
        return kf_fail_memory(error);
    status = kf_change_begin(store, &own, error);
    if (status == KF_OK) {
        status = kf_store_execute(store, KF_SQL_RUN_ADD,
                                  (struct kf_value[]){kf_text(or_empty(request->command)),
                                                      kf_text(or_empty(request->options)),
                                                      kf_text(inputs), kf_text(store->caller),
                                                      kf_integer(now),
                                                      kf_integer((int64_t)request->kra_start)},
                                  6, &row, error);
        if (status == KF_OK)
            status = note_begin(store, (uint64_t)row, inputs, now, request, error);
        status = kf_change_end(store, own, status, error);
    }
    free(inputs);
    *id = status == KF_OK ? (uint64_t)row : 0;
    return status;
}

static enum kf_status note_run(struct kf_store *store, enum kf_audit_event event, uint64_t id,
                               const char *name, const char *value, struct kf_error *error)
{
    char number[24];

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
    return kf_audit_append(store, event, (struct kf_audit_field[]){{"run", number}, {name, value}},
                           2, error);
}

enum kf_status kf_runs_resume(struct kf_store *store, uint64_t id, struct kf_error *error)
{
    return note_run(store, KF_AUDIT_RUN_RESUMED, id, "caller", store->caller, error);
}

static enum kf_status write_position(struct kf_store *store, uint64_t id,
                                     const struct kf_position *position,
                                     const struct kf_totals *totals, struct kf_error *error)
{
    const uint64_t *by = totals->by_outcome;
    const uint64_t numbers[] = {
        position->input, position->entries, by[KF_ARCHIVED], by[KF_KNOWN],    by[KF_REFUSED],
        by[KF_FAILED],   by[KF_SKIPPED],    totals->users,   position->users, id};
    struct kf_value values[sizeof(numbers) / sizeof(numbers[0])];

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        values[i] = kf_integer((int64_t)numbers[i]);
    return kf_store_execute(store, KF_SQL_RUN_ADVANCE, values, sizeof(values) / sizeof(values[0]),
                            NULL, error);
}

/* So that what a broken off run goes on from is in the trail: one entry a commit. */
static enum kf_status note_advanced(struct kf_store *store, uint64_t id, const char *kra_next,
                                    struct kf_error *error)
{
    char number[24];
    char row[2 * KF_SHA256_SIZE + 1];

    if (kf_run_hash(store, id, row, error) != KF_OK)
        return KF_FATAL;
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
    return kf_audit_append(
        store, KF_AUDIT_RUN_ADVANCED,
        (struct kf_audit_field[]){{"run", number}, {"row", row}, {"kra-next", kra_next}}, 3, error);
}

enum kf_status kf_runs_advance(struct kf_store *store, uint64_t id,
                               const struct kf_position *position, const struct kf_totals *totals,
                               uint64_t kra_next, struct kf_error *error)
{
    char number[24];
    bool own = false;
    enum kf_status status = kf_change_begin(store, &own, error);

    if (status != KF_OK)
        return status;
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)kra_next);
    status = write_position(store, id, position, totals, error);
    if (status == KF_OK)
        status = kf_settings_write(store, KRA_NEXT, number, error);
    if (status == KF_OK)
        status = kf_outcomes_flush(store, error);
    if (status == KF_OK)
        status = note_advanced(store, id, number, error);
    return kf_change_end(store, own, status, error);
}

static enum kf_status note_end(struct kf_store *store, uint64_t id, const struct kf_totals *totals,
                               struct kf_error *error)
{
    struct kf_audit_field fields[KF_OUTCOME_COUNT + 4];
    char numbers[KF_OUTCOME_COUNT + 1][24];
    char inputs[2 * KF_SHA256_SIZE + 1];
    char row[2 * KF_SHA256_SIZE + 1];
    char *next = NULL;
    enum kf_status status;
    size_t count = 0;

    if (kf_inputs_hash(store, id, inputs, error) != KF_OK ||
        kf_run_hash(store, id, row, error) != KF_OK ||
        kf_settings_read(store, KRA_NEXT, &next, error) != KF_OK)
        return KF_FATAL;
    (void)snprintf(numbers[0], sizeof(numbers[0]), "%llu", (unsigned long long)id);
    fields[count++] = (struct kf_audit_field){"run", numbers[0]};
    for (size_t i = KF_ARCHIVED; i < KF_OUTCOME_COUNT; i++) {
        (void)snprintf(numbers[count], sizeof(numbers[count]), "%llu",
                       (unsigned long long)totals->by_outcome[i]);
        fields[count] =
            (struct kf_audit_field){kf_outcome_name((enum kf_outcome)i), numbers[count]};
        count++;
    }
    fields[count++] = (struct kf_audit_field){"inputs", inputs};
    fields[count++] = (struct kf_audit_field){"row", row};
    fields[count++] = (struct kf_audit_field){"kra-next", next};
    status = kf_audit_append(store, KF_AUDIT_RUN_END, fields, count, error);
    free(next);
    return status;
}

enum kf_status kf_runs_finish(struct kf_store *store, uint64_t id, const struct kf_totals *totals,
                              struct kf_error *error)
{
    bool own = false;
    enum kf_status status = kf_change_begin(store, &own, error);

    if (status != KF_OK)
        return status;
    status = kf_outcomes_flush(store, error);
    if (status == KF_OK)
        status = kf_store_execute(
            store, KF_SQL_RUN_END,
            (struct kf_value[]){kf_integer(kf_now()), kf_integer((int64_t)id)}, 2, NULL, error);
    if (status == KF_OK)
        status = note_end(store, id, totals, error);
    return kf_change_end(store, own, status, error);
}

/* RUN_COLUMNS of the backend, in order. */
static enum kf_status read_run(const struct kf_value *columns, struct kf_run *run,
                               struct kf_error *error)
{
    static const enum kf_outcome outcomes[] = {KF_ARCHIVED, KF_KNOWN, KF_REFUSED, KF_FAILED,
                                               KF_SKIPPED};

    kf_run_reset(run);
    run->id = (uint64_t)columns[0].number;
    if (kf_column_text(&columns[1], &run->command, error) != KF_OK ||
        kf_column_text(&columns[2], &run->options, error) != KF_OK ||
        kf_column_text(&columns[3], &run->inputs, error) != KF_OK ||
        kf_column_text(&columns[4], &run->caller, error) != KF_OK) {
        kf_run_reset(run);
        return KF_FATAL;
    }
    run->started = columns[5].number;
    run->ended = columns[6].number;
    run->position.input = (uint64_t)columns[7].number;
    run->position.entries = (uint64_t)columns[8].number;
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        run->totals.by_outcome[outcomes[i]] = (uint64_t)columns[9 + i].number;
    run->totals.users = (uint64_t)columns[14].number;
    run->kra_start = (uint64_t)columns[15].number;
    run->position.users = (uint64_t)columns[16].number;
    return KF_OK;
}

static enum kf_status get_one(struct kf_store *store, enum kf_statement statement,
                              const struct kf_value *values, size_t count, struct kf_run *run,
                              struct kf_error *error)
{
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, statement, values, count, &result, error);

    if (status == KF_OK)
        status = kf_store_next(store, result, error);
    if (status == KF_OK)
        status = read_run(result->columns, run, error);
    kf_store_finish(store, result);
    return status;
}

enum kf_status kf_runs_get(struct kf_store *store, uint64_t id, struct kf_run *run,
                           struct kf_error *error)
{
    struct kf_value value = kf_integer((int64_t)id);
    enum kf_status status = get_one(store, KF_SQL_RUN_GET, &value, 1, run, error);

    if (status == KF_END)
        return kf_fail(error, KF_SKIP, KF_CAUSE_USAGE, NULL, "there is no run %llu",
                       (unsigned long long)id);
    return status;
}

enum kf_status kf_runs_find_resumable(struct kf_store *store, const struct kf_run_request *request,
                                      struct kf_run *run, struct kf_error *error)
{
    char *inputs = kf_join_lines(request->inputs, request->input_count);
    enum kf_status status;

    if (inputs == NULL)
        return kf_fail_memory(error);
    status = get_one(store, KF_SQL_RUN_RESUMABLE,
                     (struct kf_value[]){kf_text(or_empty(request->command)),
                                         kf_text(or_empty(request->options)), kf_text(inputs)},
                     3, run, error);
    free(inputs);
    return status;
}

struct kf_run_cursor {
    struct kf_store *store;
    struct kf_result *result;
};

enum kf_status kf_runs_all(struct kf_store *store, struct kf_run_cursor **out,
                           struct kf_error *error)
{
    struct kf_run_cursor *cursor = calloc(1, sizeof(*cursor));

    if (cursor == NULL)
        return kf_fail_memory(error);
    cursor->store = store;
    if (kf_store_query(store, KF_SQL_RUN_LIST, NULL, 0, &cursor->result, error) != KF_OK) {
        free(cursor);
        return KF_FATAL;
    }
    *out = cursor;
    return KF_OK;
}

enum kf_status kf_runs_next(struct kf_run_cursor *cursor, struct kf_run *run,
                            struct kf_error *error)
{
    enum kf_status status = kf_store_next(cursor->store, cursor->result, error);

    if (status == KF_OK)
        return read_run(cursor->result->columns, run, error);
    kf_run_reset(run);
    return status;
}

void kf_runs_close(struct kf_run_cursor *cursor)
{
    if (cursor == NULL)
        return;
    kf_store_finish(cursor->store, cursor->result);
    free(cursor);
}
