/*
 * Reports of runs that leave nothing in a store: see report.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/place.h"
#include "cli/report.h"

enum kf_status kf_report_live_begin(struct kf_report_live *live, const struct kf_session *session,
                                    const struct kf_arguments *arguments, const char *options,
                                    struct kf_store *store, struct kf_error *error)
{
    if (!kf_has(arguments, KF_OPT_REPORT))
        return KF_OK;
    live->store = store;
    live->inputs =
        kf_join_lines((const char *const *)arguments->operands, arguments->operand_count);
    live->caller = kf_caller_name();
    if (live->inputs == NULL || live->caller == NULL)
        return kf_fail_memory(error);
    if (store != NULL && (kf_store_ca(store, &live->ca, NULL, NULL, error) != KF_OK ||
                          kf_report_settings(store, &live->settings, error) != KF_OK))
        return KF_FATAL;
    live->run = (struct kf_report_run){
        .command = arguments->command->name,
        .options = options,
        .inputs = live->inputs,
        .caller = live->caller,
        .started = (int64_t)time(NULL),
        .dry_run = kf_has(arguments, KF_OPT_DRY_RUN),
        .store = store != NULL ? kf_store_path(store) : NULL,
        .ca = live->ca,
        .settings = live->settings,
    };
    return kf_report_open(session, arguments, KF_OPT_REPORT, store, &live->run, &live->report,
                          error);
}

/* Who can open a key that was archived before is what its row says. */
static void ask_row(struct kf_report_live *live, struct kf_report_entry *entry)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    if (entry->outcome == KF_KNOWN && live->store != NULL && entry->request_id != 0 &&
        kf_rows_get(live->store, entry->request_id, &live->row, &error) == KF_OK &&
        live->row.has_key)
        entry->key_recovery_hashes = live->row.key_recovery_hashes;
}

static void tell_entry(void *context, const char *input, const struct kf_record *record)
{
    struct kf_report_live *live = context;
    struct kf_report_entry entry;

    kf_report_entry_of_record(&entry, input, record);
    ask_row(live, &entry);
    kf_report_add(live->report, &entry);
    live->inner.entry(live->inner.context, input, record);
}

static void tell_remark(void *context, const char *input, const struct kf_remarks *remarks)
{
    struct kf_report_live *live = context;

    live->certificates += remarks->certificates;
    if (remarks->certificates != 0) {
        if (!kf_report_is_at(live->report, input))
            kf_report_input(live->report, input, NULL);
        kf_report_certificates(live->report, remarks->certificates);
    }
    for (size_t i = 0; i < remarks->count && live->noted == KF_OK; i++) {
        char text[KF_REMARK_SIZE];

        kf_remark_text(&remarks->items[i], text);
        live->noted = kf_notes_add(&live->notes, input, text, &live->error);
    }
    if (live->inner.remark != NULL)
        live->inner.remark(live->inner.context, input, remarks);
}

/* Each input is told, also one without keys. */
static void tell_done(void *context, const char *input, const struct kf_input_facts *facts)
{
    struct kf_report_live *live = context;

    if (!kf_report_is_at(live->report, input))
        kf_report_input(live->report, input, facts);
    if (live->inner.input_done != NULL)
        live->inner.input_done(live->inner.context, input, facts);
}

static void tell_failure(void *context, const char *input, const struct kf_error *error)
{
    struct kf_report_live *live = context;

    if (live->inner.input_failed != NULL)
        live->inner.input_failed(live->inner.context, input, error);
}

static void tell_tick(void *context, const struct kf_tick *tick)
{
    struct kf_report_live *live = context;

    if (live->inner.tick != NULL)
        live->inner.tick(live->inner.context, tick);
}

struct kf_sink kf_report_live_sink(struct kf_report_live *live, struct kf_sink inner)
{
    if (live->report == NULL)
        return inner;
    live->inner = inner;
    return (struct kf_sink){.entry = tell_entry,
                            .remark = tell_remark,
                            .input_done = tell_done,
                            .input_failed = tell_failure,
                            .tick = tell_tick,
                            .context = live};
}

enum kf_status kf_report_live_end(struct kf_report_live *live, enum kf_status status,
                                  const struct kf_totals *totals,
                                  const struct kf_input_names *unsigned_inputs,
                                  struct kf_error *error)
{
    struct kf_report_end end = {.totals = *totals, .certificates = live->certificates};
    enum kf_status written = live->noted;

    if (live->report == NULL)
        return KF_OK;
    if (written != KF_OK)
        *error = live->error;
    for (size_t i = 0; i < unsigned_inputs->count && written == KF_OK; i++)
        written = kf_notes_add(&live->notes, unsigned_inputs->items[i],
                               "was read without a signature", error);
    if (written == KF_OK)
        written = kf_notes_end(&live->notes, error);
    if (written != KF_OK)
        return KF_FATAL;
    if (status == KF_OK)
        end.ended = (int64_t)time(NULL);
    end.notes = (const char *const *)live->notes.items;
    end.note_count = live->notes.count;
    written = kf_report_end(live->report, &end, error);
    live->report = NULL; /* freed */
    return written;
}

void kf_report_live_reset(struct kf_report_live *live)
{
    kf_report_discard(live->report);
    kf_row_reset(&live->row);
    kf_notes_reset(&live->notes);
    free(live->inputs);
    free(live->caller);
    free(live->ca);
    free(live->settings);
    *live = (struct kf_report_live){.report = NULL};
}
