/*
 * Reports of runs that leave nothing in a store: see report.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/place.h"
#include "cli/report.h"

/* The operands as a run has them, one a line. */
static char *join_operands(const struct kf_arguments *arguments)
{
    size_t size = 1;
    size_t used = 0;
    char *joined;

    for (size_t i = 0; i < arguments->operand_count; i++)
        size += strlen(arguments->operands[i]) + 1;
    joined = malloc(size);
    for (size_t i = 0; joined != NULL && i < arguments->operand_count; i++)
        used += (size_t)snprintf(joined + used, size - used, "%s%s", i != 0 ? "\n" : "",
                                 arguments->operands[i]);
    if (joined != NULL)
        joined[used] = '\0';
    return joined;
}

enum kf_status kf_report_live_begin(struct kf_report_live *live, const struct kf_session *session,
                                    const struct kf_arguments *arguments, const char *options,
                                    struct kf_store *store, struct kf_error *error)
{
    if (!kf_has(arguments, KF_OPT_REPORT))
        return KF_OK;
    live->store = store;
    live->inputs = join_operands(arguments);
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

    if (live->report != NULL) {
        kf_report_entry_of_record(&entry, input, record);
        ask_row(live, &entry);
        kf_report_add(live->report, &entry);
    }
    live->inner.entry(live->inner.context, input, record);
}

static void tell_done(void *context, const char *input)
{
    struct kf_report_live *live = context;

    if (live->inner.input_done != NULL)
        live->inner.input_done(live->inner.context, input);
}

static void tell_failure(void *context, const char *input, const struct kf_error *error)
{
    struct kf_report_live *live = context;

    if (live->inner.input_failed != NULL)
        live->inner.input_failed(live->inner.context, input, error);
}

struct kf_sink kf_report_live_sink(struct kf_report_live *live, struct kf_sink inner)
{
    live->inner = inner;
    return (struct kf_sink){.entry = tell_entry,
                            .input_done = tell_done,
                            .input_failed = tell_failure,
                            .context = live};
}

/* A note for each; *notes is freed by free_notes. */
static enum kf_status note_unsigned(char *const *inputs, size_t count, char ***notes,
                                    struct kf_error *error)
{
    static const char text[] = " was read without a signature";

    *notes = calloc(count + 1, sizeof(**notes));
    if (*notes == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(inputs[i]) + sizeof(text);

        (*notes)[i] = malloc(size);
        if ((*notes)[i] == NULL)
            return kf_fail_memory(error);
        (void)snprintf((*notes)[i], size, "%s%s", inputs[i], text);
    }
    return KF_OK;
}

static void free_notes(char **notes)
{
    for (size_t i = 0; notes != NULL && notes[i] != NULL; i++)
        free(notes[i]);
    free(notes);
}

enum kf_status kf_report_live_end(struct kf_report_live *live, enum kf_status status,
                                  const struct kf_totals *totals, char *const *unsigned_inputs,
                                  size_t unsigned_count, struct kf_error *error)
{
    struct kf_report_end end = {.totals = *totals, .note_count = unsigned_count};
    enum kf_status written;
    char **notes = NULL;

    if (live->report == NULL)
        return KF_OK;
    if (status == KF_OK)
        end.ended = (int64_t)time(NULL);
    written = note_unsigned(unsigned_inputs, unsigned_count, &notes, error);
    end.notes = (const char *const *)notes;
    if (written == KF_OK) {
        written = kf_report_end(live->report, &end, error);
        live->report = NULL; /* freed */
    }
    free_notes(notes);
    return written;
}

void kf_report_live_reset(struct kf_report_live *live)
{
    kf_report_discard(live->report);
    kf_row_reset(&live->row);
    free(live->inputs);
    free(live->caller);
    free(live->ca);
    free(live->settings);
    *live = (struct kf_report_live){.report = NULL};
}
