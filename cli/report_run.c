/*
 * The report of a run that is in the store: the run, its entries with their rows, and what the
 * audit trail knows beyond: how the archive was set when the run began, when it was resumed, and
 * what was noted about its inputs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "store/audit.h"
#include "store/settings.h"

/* What the audit trail tells of one run. */
struct trail {
    uint64_t run;
    bool has_begun;
    uint64_t flags;
    uint64_t agents_per_key;
    struct kf_notes notes;
};

/* A copy of a value, its %XX undone; NULL where the entry has no such field, or out of memory. */
static char *field_of(const char *line, const char *name)
{
    char key[32];
    const char *at;
    char *out;
    size_t used = 0;

    (void)snprintf(key, sizeof(key), " %s=", name);
    at = strstr(line, key);
    if (at == NULL)
        return NULL;
    at += strlen(key);
    out = malloc(strcspn(at, " ") + 1);
    for (; out != NULL && *at != ' ' && *at != '\0'; at++) {
        uint8_t byte = 0;

        if (*at == '%' && kf_hex_decode(at + 1, 2, &byte, 1)) {
            out[used++] = (char)byte;
            at += 2;
        } else {
            out[used++] = *at;
        }
    }
    if (out != NULL)
        out[used] = '\0';
    return out;
}

static void read_setting(struct trail *trail, const char *line)
{
    char *name = field_of(line, "name");
    char *value = field_of(line, "new");
    uint64_t number = 0;

    if (name != NULL && value != NULL && kf_parse_u64(value, UINT64_MAX, &number)) {
        if (strcmp(name, "KRAFlags") == 0)
            trail->flags = number;
        if (strcmp(name, "KRACertCount") == 0)
            trail->agents_per_key = number;
    }
    free(name);
    free(value);
}

static enum kf_status read_note(struct trail *trail, const char *line, struct kf_error *error)
{
    char *text = field_of(line, "text");
    char *input = field_of(line, "input");
    enum kf_status status = KF_OK;

    if (text != NULL)
        status = kf_notes_add(&trail->notes, input != NULL ? input : "this run:", text, error);
    free(text);
    free(input);
    return status;
}

static enum kf_status read_resumed(struct trail *trail, const char *line, struct kf_error *error)
{
    char *caller = field_of(line, "caller");
    char text[64];
    enum kf_status status;

    /* "1 TIME run-resumed ..." */
    (void)snprintf(text, sizeof(text), "was broken off, and resumed %.20s by", line + 2);
    status = kf_notes_add(&trail->notes, text, caller != NULL ? caller : "somebody", error);
    free(caller);
    return status;
}

static bool is_about(const struct trail *trail, const char *line)
{
    char *run = field_of(line, "run");
    uint64_t id = 0;
    bool is = run != NULL && kf_parse_u64(run, UINT64_MAX, &id) && id == trail->run;

    free(run);
    return is;
}

static enum kf_status read_line(struct trail *trail, const char *line, struct kf_error *error)
{
    const char *time = strchr(line, ' ');
    const char *event = time != NULL ? strchr(time + 1, ' ') : NULL;
    size_t len = event != NULL ? strcspn(event + 1, " ") : 0;

#define IS(which) (len == strlen(which) && strncmp(event + 1, which, len) == 0)
    if (event == NULL)
        return KF_OK;
    if (!trail->has_begun) {
        if (IS("setting"))
            read_setting(trail, line);
        else if (IS("run-begin"))
            trail->has_begun = is_about(trail, line);
        return KF_OK;
    }
    if (IS("note") && is_about(trail, line))
        return read_note(trail, line, error);
    if (IS("run-resumed") && is_about(trail, line))
        return read_resumed(trail, line, error);
#undef IS
    return KF_OK;
}

static enum kf_status read_trail(struct kf_store *store, struct trail *trail,
                                 struct kf_error *error)
{
    struct kf_audit_cursor *cursor = NULL;
    struct kf_audit_entry entry = {.line = NULL};
    enum kf_status status = kf_audit_all(store, &cursor, error);

    while (status == KF_OK) {
        status = kf_audit_next(cursor, &entry, error);
        if (status == KF_OK)
            status = read_line(trail, entry.line, error);
    }
    kf_audit_close(cursor);
    kf_audit_entry_reset(&entry);
    return status == KF_END ? KF_OK : status;
}

/* "KRAFlags 0x1 (KRAF_ENABLEFOREIGN)" and "KRACertCount 0 (all)", one a line. */
static enum kf_status settings_text(uint64_t flags, uint64_t count, char **out,
                                    struct kf_error *error)
{
    char text[512];
    const char *between = " (";
    int used = snprintf(text, sizeof(text), "KRAFlags 0x%" PRIx64, flags);

    for (const struct kf_flag_name *flag = kf_kra_flag_names(); flag->name != NULL; flag++) {
        if ((flags & flag->bit) == 0)
            continue;
        used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%s", between, flag->name);
        between = " | ";
    }
    (void)snprintf(text + used, sizeof(text) - (size_t)used, "%s\nKRACertCount %" PRIu64 "%s",
                   between[1] == '|' ? ")" : "", count, count == 0 ? " (all)" : "");
    *out = kf_strndup(text, strlen(text));
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

static enum kf_status number_now(struct kf_store *store, const char *name, uint64_t *out,
                                 struct kf_error *error)
{
    struct kf_setting setting = {.info = NULL};
    enum kf_status status = kf_setting_get(store, name, &setting, error);

    *out = setting.number;
    kf_setting_reset(&setting);
    return status;
}

enum kf_status kf_report_settings(struct kf_store *store, char **out, struct kf_error *error)
{
    uint64_t flags = 0;
    uint64_t count = 0;

    if (number_now(store, "KRAFlags", &flags, error) != KF_OK ||
        number_now(store, "KRACertCount", &count, error) != KF_OK)
        return KF_FATAL;
    return settings_text(flags, count, out, error);
}

/* The inputs on the way to the one that is named, or all that are left where input is NULL. */
static enum kf_status pass_inputs(struct kf_report *report, struct kf_input_cursor *inputs,
                                  const char *name, struct kf_error *error)
{
    struct kf_run_input input = {.name = NULL};
    enum kf_status status = KF_OK;

    while (status == KF_OK && (name == NULL || !kf_report_is_at(report, name))) {
        status = kf_inputs_next(inputs, &input, error);
        if (status != KF_OK)
            break;
        kf_report_input(report, input.name, &input.facts);
        kf_report_certificates(report, input.certificates);
    }
    kf_run_input_reset(&input);
    return status == KF_END ? KF_OK : status;
}

static enum kf_status add_entries(struct kf_report *report, struct kf_store *store, uint64_t run,
                                  struct kf_error *error)
{
    struct kf_entry_cursor *cursor = NULL;
    struct kf_input_cursor *inputs = NULL;
    struct kf_report_memory memory = {.certificate = {.is_public = true}};
    struct kf_report_entry entry;
    enum kf_status status = kf_inputs_of(store, run, &inputs, error);

    if (status == KF_OK)
        status = kf_entries_of(store, run, &cursor, error);
    while (status == KF_OK) {
        status = kf_entries_next(cursor, &memory.entry, error);
        if (status == KF_OK)
            status = kf_report_entry_of_store(&entry, store, &memory, error);
        if (status == KF_OK)
            status = pass_inputs(report, inputs, entry.input, error);
        if (status == KF_OK)
            kf_report_add(report, &entry);
    }
    if (status == KF_END)
        status = pass_inputs(report, inputs, NULL, error);
    kf_entries_close(cursor);
    kf_inputs_close(inputs);
    kf_report_memory_reset(&memory);
    return status;
}

struct stored {
    struct kf_run run;
    struct trail trail;
    char *ca;
    char *settings;
    uint64_t certificates; /* of no key */
};

/* Each line of an input's remarks is a note. */
static enum kf_status add_remarks(struct kf_notes *notes, const struct kf_run_input *input,
                                  struct kf_error *error)
{
    enum kf_status status = KF_OK;
    char *lines = input->remarks;
    char *rest = NULL;

    for (char *line = lines != NULL ? strtok_r(lines, "\n", &rest) : NULL;
         line != NULL && status == KF_OK; line = strtok_r(NULL, "\n", &rest))
        status = kf_notes_add(notes, input->name, line, error);
    return status;
}

static enum kf_status read_inputs(struct kf_store *store, struct stored *stored,
                                  struct kf_error *error)
{
    struct kf_input_cursor *cursor = NULL;
    struct kf_run_input input = {.name = NULL};
    enum kf_status status = kf_inputs_of(store, stored->run.id, &cursor, error);

    while (status == KF_OK) {
        status = kf_inputs_next(cursor, &input, error);
        if (status != KF_OK)
            break;
        stored->certificates += input.certificates;
        status = add_remarks(&stored->trail.notes, &input, error);
    }
    kf_inputs_close(cursor);
    kf_run_input_reset(&input);
    return status == KF_END ? kf_notes_end(&stored->trail.notes, error) : status;
}

static enum kf_status load(struct kf_store *store, uint64_t run, struct stored *out,
                           struct kf_error *error)
{
    enum kf_status status = kf_runs_get(store, run, &out->run, error);

    if (status != KF_OK)
        return status;
    out->trail.run = run;
    if (kf_store_ca(store, &out->ca, NULL, NULL, error) != KF_OK ||
        read_trail(store, &out->trail, error) != KF_OK || read_inputs(store, out, error) != KF_OK)
        return KF_FATAL;
    return settings_text(out->trail.flags, out->trail.agents_per_key, &out->settings, error);
}

static enum kf_status tell(const struct kf_session *session, const struct kf_arguments *arguments,
                           enum kf_option option, struct kf_store *store,
                           const struct stored *stored, struct kf_error *error)
{
    const struct kf_report_run about = {
        .id = stored->run.id,
        .command = stored->run.command,
        .options = stored->run.options,
        .inputs = stored->run.inputs,
        .caller = stored->run.caller,
        .started = stored->run.started,
        .store = kf_store_path(store),
        .ca = stored->ca,
        .settings = stored->settings,
    };
    const struct kf_report_end end = {
        .totals = stored->run.totals,
        .ended = stored->run.ended,
        .notes = (const char *const *)stored->trail.notes.items,
        .note_count = stored->trail.notes.count,
        .certificates = stored->certificates,
    };
    struct kf_report *report = NULL;

    if (kf_report_open(session, arguments, option, store, &about, &report, error) != KF_OK)
        return KF_FATAL;
    if (add_entries(report, store, stored->run.id, error) != KF_OK) {
        kf_report_discard(report);
        return KF_FATAL;
    }
    return kf_report_end(report, &end, error);
}

enum kf_status kf_report_stored(const struct kf_session *session,
                                const struct kf_arguments *arguments, enum kf_option option,
                                struct kf_store *store, uint64_t run, struct kf_error *error)
{
    struct stored stored = {.run = {.command = NULL}};
    enum kf_status status = load(store, run, &stored, error);

    if (status == KF_OK)
        status = tell(session, arguments, option, store, &stored, error);
    kf_run_reset(&stored.run);
    kf_notes_reset(&stored.trail.notes);
    free(stored.ca);
    free(stored.settings);
    return status;
}
