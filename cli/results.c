/*
 * Results: see results.h for the contract. The shapes of the JSON events are documented in
 * keyferry(1); scripts rely on them.
 */
#include "cli/results.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/notes.h"
#include "cli/output.h"
#include "cli/progress.h"

#define JOBS_MAX 256u

/* A signal handler has nothing else to write to. */
static atomic_bool stop_flag;

static void note_stop(int number)
{
    (void)number;
    atomic_store(&stop_flag, true);
}

const atomic_bool *kf_stop_flag(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = note_stop, .sa_flags = (int)SA_RESETHAND | SA_RESTART};

    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction before;

        /* what the caller ignores (nohup) stays ignored */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &action, NULL);
    }
    return &stop_flag;
}

enum kf_status kf_jobs(const struct kf_arguments *arguments, unsigned *out, struct kf_error *error)
{
    const char *text = kf_value(arguments, KF_OPT_JOBS);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t jobs = cores > 0 ? (uint64_t)cores : 1;

    if (text != NULL && (!kf_parse_u64(text, JOBS_MAX, &jobs) || jobs == 0))
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "--jobs takes a number from 1 to %u",
                       JOBS_MAX);
    *out = (unsigned)(jobs < JOBS_MAX ? jobs : JOBS_MAX);
    return KF_OK;
}

void kf_results_begin(struct kf_results *results, const struct kf_session *session,
                      const struct kf_arguments *arguments, const struct kf_totals *before)
{
    *results = (struct kf_results){.json = kf_has(arguments, KF_OPT_JSON),
                                   .verbose = session->verbose,
                                   .dry_run = kf_has(arguments, KF_OPT_DRY_RUN)};
    if (before != NULL)
        results->counted = *before;
    kf_progress_begin(session, arguments, before);
    (void)clock_gettime(CLOCK_MONOTONIC, &results->started);
}

/* "place: text"; the input, the line and the rule are told apart from it. */
static void message_of(const struct kf_record *record, char *out, size_t size)
{
    const struct kf_error *error = &record->error;
    const char *place = error->place[0] != '\0' ? error->place : record->place;

    (void)snprintf(out, size, "%s%s%s", place, place[0] != '\0' ? ": " : "", error->text);
}

static void print_event(const char *input, const struct kf_record *record)
{
    const struct kf_error *error = &record->error;
    bool has_error = error->cause != KF_CAUSE_NONE;
    json_t *event = json_object();
    char message[sizeof(error->place) + sizeof(error->text) + 2];

    message_of(record, message, sizeof(message));
    kf_json_set_text(event, "event", "key");
    kf_json_set_text(event, "input", input);
    kf_json_set_number(event, "ordinal", record->ordinal);
    kf_json_set_text(event, "outcome", kf_outcome_name(record->outcome));
    kf_json_set(event, "requestId",
                record->request_id != 0 ? json_integer((json_int_t)record->request_id)
                                        : json_null());
    if (record->has_facts) {
        kf_json_set_hex(event, "sha1", record->facts.sha1, sizeof(record->facts.sha1));
        kf_json_set_hex(event, "sha256", record->facts.sha256, sizeof(record->facts.sha256));
    } else {
        kf_json_set(event, "sha1", json_null());
        kf_json_set(event, "sha256", json_null());
    }
    kf_json_set_text(event, "state", kf_key_state_name(record->state));
    kf_json_set(event, "foreign", json_boolean(record->foreign));
    kf_json_set_code(event, "code", error->code);
    kf_json_set_text(event, "rule", error->rule[0] != '\0' ? error->rule : NULL);
    kf_json_set_text(event, "message", has_error ? message : NULL);
    if (record->password != NULL) {
        kf_json_set_text(event, "password", record->password);
        kf_json_set_text(event, "passwordEncoding", record->password_encoding);
    }
    kf_json_print_line(event);
}

static void print_warning_event(const char *input, const struct kf_remark *remark)
{
    json_t *event = json_object();

    kf_json_set_text(event, "event", "warning");
    kf_json_set_text(event, "input", input);
    kf_json_set_text(event, "rule", remark->rule);
    kf_json_set_text(event, "message", remark->text);
    kf_json_print_line(event);
}

/* "; opened by password 3 of list.txt, UTF-16" */
static void print_password(const struct kf_record *record)
{
    if (record->password == NULL)
        return;
    (void)fputs("; opened by ", stderr);
    kf_print_visible(stderr, record->password);
    if (record->password_encoding != NULL)
        (void)fprintf(stderr, ", %s", record->password_encoding);
}

static void print_line(const struct kf_results *results, const char *input,
                       const struct kf_record *record)
{
    struct kf_error shown = record->error;

    kf_progress_hide();
    kf_error_line(&shown, record->line);
    if (shown.place[0] == '\0')
        kf_error_place(&shown, "%s", record->place);
    if (record->outcome == KF_ARCHIVED && shown.cause == KF_CAUSE_NONE)
        (void)snprintf(shown.text, sizeof(shown.text), "%s", kf_outcome_name(KF_ARCHIVED));
    kf_print_error(input, &shown);
    if (results->verbose)
        print_password(record);
    (void)fputc('\n', stderr);
}

static bool is_worth_a_line(const struct kf_results *results, const struct kf_record *record)
{
    switch (record->outcome) {
    case KF_REFUSED:
    case KF_FAILED:
        return true;
    case KF_KNOWN:
    case KF_SKIPPED:
        return results->verbose;
    case KF_ARCHIVED:
        return results->verbose && record->password != NULL;
    case KF_PENDING:
        return false;
    }
    return true;
}

static void tell_entry(void *context, const char *input, const struct kf_record *record)
{
    struct kf_results *results = context;

    results->counted.by_outcome[record->outcome]++;
    if (record->outcome == KF_FAILED && record->error.cause == KF_CAUSE_SECRET)
        results->secret_failures++;
    if (record->password != NULL)
        kf_opened_add(&results->opened, input, record->password);
    if (results->json)
        print_event(input, record);
    else if (is_worth_a_line(results, record))
        print_line(results, input, record);
}

static void tell_failure(void *context, const char *input, const struct kf_error *error)
{
    struct kf_results *results = context;

    results->told_failure = true;
    kf_progress_hide();
    kf_print_error(input, error);
    (void)fputc('\n', stderr);
}

/* "file: warning: has no MAC: ... (RFC 7292 4)" on stderr, and an event. */
static void tell_remark(void *context, const char *input, const struct kf_remarks *remarks)
{
    const struct kf_results *results = context;

    kf_progress_hide();
    for (size_t i = 0; i < remarks->count; i++) {
        char text[KF_REMARK_SIZE];

        kf_remark_text(&remarks->items[i], text);
        kf_print_visible(stderr, input);
        (void)fputs(": warning: ", stderr);
        kf_print_visible(stderr, text);
        (void)fputc('\n', stderr);
        if (results->json)
            print_warning_event(input, &remarks->items[i]);
    }
}

static void tell_tick(void *context, const struct kf_tick *tick)
{
    (void)context;
    kf_progress_tick(tick);
}

struct kf_sink kf_results_sink(struct kf_results *results)
{
    return (struct kf_sink){.entry = tell_entry,
                            .remark = tell_remark,
                            .input_failed = tell_failure,
                            .tick = tell_tick,
                            .context = results};
}

static double seconds_since(const struct timespec *started)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - started->tv_sec) + (double)(now.tv_nsec - started->tv_nsec) / 1e9;
}

/* "passwords": which opened how many inputs and keys. */
static json_t *opened_json(const struct kf_opened *opened)
{
    json_t *list = json_array();

    for (size_t i = 0; i < opened->count; i++) {
        json_t *one = json_object();

        kf_json_set_text(one, "password", opened->items[i].password);
        kf_json_set_number(one, "inputs", opened->items[i].inputs);
        kf_json_set_number(one, "keys", opened->items[i].keys);
        (void)json_array_append_new(list, one);
    }
    return list;
}

static void print_summary_json(const struct kf_results *results, const struct kf_totals *totals,
                               double seconds)
{
    json_t *summary = json_object();

    kf_json_set_text(summary, "event", "summary");
    kf_json_set_number(summary, "seen", kf_totals_seen(totals));
    for (int outcome = KF_ARCHIVED; outcome < KF_OUTCOME_COUNT; outcome++)
        kf_json_set_number(summary, kf_outcome_name((enum kf_outcome)outcome),
                           totals->by_outcome[outcome]);
    kf_json_set_number(summary, "users", totals->users);
    kf_json_set(summary, "seconds", json_real(seconds));
    if (results->many_passwords)
        kf_json_set(summary, "passwords", opened_json(&results->opened));
    kf_json_print_line(summary);
}

static const char *outcome_meaning(enum kf_outcome outcome)
{
    switch (outcome) {
    case KF_ARCHIVED:
        return "";
    case KF_KNOWN:
        return "  already archived";
    case KF_REFUSED:
        return "  not allowed by the import rules";
    case KF_FAILED:
        return "  bad data, or a wrong password or key";
    case KF_SKIPPED:
        return "  not for archival";
    case KF_PENDING:
        break;
    }
    return "  not decided";
}

static void print_opened(const struct kf_opened *opened)
{
    for (size_t i = 0; i < opened->count; i++) {
        const struct kf_opened_by *by = &opened->items[i];

        kf_print_visible(stdout, by->password);
        (void)printf(" opened %" PRIu64 " file%s\n", by->inputs, by->inputs == 1 ? "" : "s");
    }
    if (opened->others != 0)
        (void)printf("other passwords opened %" PRIu64 " more keys\n", opened->others);
}

static void print_summary_text(const struct kf_results *results, const struct kf_totals *totals,
                               double seconds)
{
    for (int i = KF_ARCHIVED; i < KF_OUTCOME_COUNT; i++) {
        enum kf_outcome outcome = (enum kf_outcome)i;

        (void)printf("%-8s %9" PRIu64 "%s\n", kf_outcome_name(outcome), totals->by_outcome[i],
                     outcome_meaning(outcome));
    }
    (void)printf("%-8s %9" PRIu64 "  key%s", "seen", kf_totals_seen(totals),
                 kf_totals_seen(totals) == 1 ? "" : "s");
    if (totals->users != 0)
        (void)printf(" of %" PRIu64 " user%s", totals->users, totals->users == 1 ? "" : "s");
    (void)printf(", in %.1f s\n", seconds);
    if (results->many_passwords)
        print_opened(&results->opened);
    if (results->dry_run)
        (void)puts("A dry run: nothing was written.");
}

/* Every key that was seen has exactly one outcome, counted twice over. */
static bool is_reconciled(const struct kf_results *results, const struct kf_totals *totals)
{
    for (int i = 0; i < KF_OUTCOME_COUNT; i++) {
        if (results->counted.by_outcome[i] != totals->by_outcome[i])
            return false;
    }
    return totals->by_outcome[KF_PENDING] == 0;
}

static enum kf_exit exit_of_outcomes(const struct kf_results *results,
                                     const struct kf_totals *totals)
{
    uint64_t failed = totals->by_outcome[KF_FAILED];

    if (failed == 0 && totals->by_outcome[KF_REFUSED] == 0)
        return KF_EXIT_OK;
    if (failed == kf_totals_seen(totals) && results->secret_failures == failed)
        return KF_EXIT_SECRET;
    return KF_EXIT_SOME;
}

enum kf_exit kf_results_end(struct kf_results *results, enum kf_status status,
                            const struct kf_totals *totals, const struct kf_error *error)
{
    double seconds = seconds_since(&results->started);

    kf_progress_end();
    if (status == KF_FATAL && !results->told_failure)
        (void)kf_report_error(error);
    if (results->json)
        print_summary_json(results, totals, seconds);
    else
        print_summary_text(results, totals, seconds);
    kf_opened_reset(&results->opened);
    if (!is_reconciled(results, totals)) {
        kf_note("the totals disagree with the keys that were told: this is a defect of keyferry");
        return KF_EXIT_FATAL;
    }
    if (status == KF_SKIP)
        kf_note(
            results->keeps_commits
                ? "stopped by a signal; what was written stands, and --resume goes on from there"
            : results->keeps_files ? "stopped by a signal; files that were written stand"
                                   : "stopped by a signal; nothing was written");
    else if (status == KF_FATAL && !results->keeps_commits && !results->keeps_files &&
             kf_totals_seen(totals) != 0)
        kf_note("nothing was written");
    if (status == KF_SKIP)
        return KF_EXIT_FATAL;
    return status == KF_FATAL ? kf_exit_for(error) : exit_of_outcomes(results, totals);
}
