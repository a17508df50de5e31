/*
 * keyferry verify: that what is archived can be had again (docs/proof.md).
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/keys.h"
#include "cli/out.h"
#include "cli/place.h"
#include "cli/results.h"
#include "store/verify.h"

/* What is told while the rows go by, and where to. */
struct telling {
    bool json;          /* the report on stdout */
    bool has_file;      /* the same in a file */
    struct kf_out file; /* where there is one */
    bool verbose, on_terminal;
    struct timespec begun, last; /* progress was told */
    uint64_t last_rows;
};

static double seconds_between(const struct timespec *from, const struct timespec *to)
{
    return (double)(to->tv_sec - from->tv_sec) + (double)(to->tv_nsec - from->tv_nsec) / 1e9;
}

/* Releases the value. */
static void tell_line(struct telling *telling, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(6));

    if (telling->json)
        (void)puts(text != NULL ? text : "");
    if (telling->has_file) {
        kf_out_text(&telling->file, text != NULL ? text : "");
        kf_out_text(&telling->file, "\n");
    }
    free(text);
    json_decref(value);
}

static void tell_object(struct telling *telling, const struct kf_verify_finding *finding)
{
    json_t *object = json_object();
    json_t *defects = json_array();

    for (size_t i = 0; i < finding->defects && i < KF_VERIFY_TEXTS; i++)
        (void)json_array_append_new(defects, kf_json_text(finding->texts[i]));
    if (finding->request_id != 0) {
        kf_json_set_text(object, "event", "row");
        kf_json_set_number(object, "requestId", finding->request_id);
        kf_json_set_hex(object, "sha1", finding->sha1.data, finding->sha1.len);
        kf_json_set_text(object, "outcome", kf_verify_outcome_name(finding->outcome));
    } else {
        kf_json_set_text(object, "event", "database");
    }
    kf_json_set(object, "defects", defects);
    tell_line(telling, object);
}

static void tell_finding(void *context, const struct kf_verify_finding *finding)
{
    struct telling *telling = context;

    for (size_t i = 0; i < finding->defects && i < KF_VERIFY_TEXTS; i++) {
        if (finding->request_id != 0)
            kf_note("request %llu: %s", (unsigned long long)finding->request_id, finding->texts[i]);
        else
            kf_note("%s", finding->texts[i]);
    }
    if (telling->json || telling->has_file)
        tell_object(telling, finding);
}

/* At most once a second: a line that is written over on a terminal, else one below the other. */
static void tell_progress(void *context, uint64_t rows, uint64_t last)
{
    struct telling *telling = context;
    struct timespec now;
    double seconds;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = seconds_between(&telling->last, &now);
    if (seconds < 1)
        return;
    (void)fprintf(stderr, "%s%llu rows, up to request %llu, %.0f a second%s",
                  telling->on_terminal ? "\r" : "", (unsigned long long)rows,
                  (unsigned long long)last, (double)(rows - telling->last_rows) / seconds,
                  telling->on_terminal ? "   " : "\n");
    telling->last = now;
    telling->last_rows = rows;
}

static void print_table(const struct kf_verify_report *report, double seconds)
{
    const struct {
        const char *name;
        uint64_t number;
    } lines[] = {
        {"rows", report->rows},       {"archived keys", report->keys},
        {"opened", report->opened},   {"not sealed to this agent", report->foreign},
        {"defects", report->defects},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        (void)printf("%-26s%llu\n", lines[i].name, (unsigned long long)lines[i].number);
    (void)printf("in %.1f s\n", seconds);
}

static void tell_summary(struct telling *telling, const struct kf_verify_report *report,
                         bool complete)
{
    struct timespec now;
    double seconds;
    json_t *object = NULL;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = seconds_between(&telling->begun, &now);
    if (!telling->json)
        print_table(report, seconds);
    if (!telling->json && !telling->has_file)
        return;
    object = json_object();
    kf_json_set_text(object, "event", "summary");
    kf_json_set_number(object, "rows", report->rows);
    kf_json_set_number(object, "keys", report->keys);
    kf_json_set_number(object, "opened", report->opened);
    kf_json_set_number(object, "notForAgent", report->foreign);
    kf_json_set_number(object, "defects", report->defects);
    kf_json_set(object, "complete", json_boolean(complete));
    kf_json_set_number(object, "next", report->next);
    kf_json_set(object, "seconds", json_real(seconds));
    tell_line(telling, object);
}

static enum kf_exit exit_of(const struct kf_verify_report *report, const struct kf_identity *agent,
                            enum kf_status status)
{
    if (status == KF_SKIP) {
        kf_note("interrupted: --from %llu goes on", (unsigned long long)report->next);
        return KF_EXIT_FATAL;
    }
    if (report->keys != 0 && report->foreign == report->keys) {
        kf_note("no key is sealed to %s", agent->label != NULL ? agent->label : "this agent");
        return KF_EXIT_SECRET;
    }
    return report->defects == 0 ? KF_EXIT_OK : KF_EXIT_SOME;
}

static enum kf_exit verify(struct telling *telling, struct kf_store *store,
                           const struct kf_identity *agent, struct kf_verify_options *options)
{
    struct kf_verify_report report = {.rows = 0};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code;
    enum kf_status status;

    options->agent = agent->key != NULL ? agent : NULL;
    options->finding = tell_finding;
    options->progress = telling->verbose || telling->on_terminal ? tell_progress : NULL;
    options->context = telling;
    options->stop = kf_stop_flag();
    (void)clock_gettime(CLOCK_MONOTONIC, &telling->begun);
    telling->last = telling->begun;
    status = kf_verify(store, options, &report, &error);
    if (telling->on_terminal && telling->last_rows != 0)
        (void)fputc('\n', stderr);
    if (status == KF_FATAL) {
        code = kf_report_error(&error);
        kf_note("not finished: --from %llu goes on", (unsigned long long)report.next);
        return code;
    }
    tell_summary(telling, &report, status == KF_OK);
    code = exit_of(&report, agent, status);
    if (telling->has_file && kf_out_close(&telling->file, &error) != KF_OK)
        return kf_report_error(&error);
    return code;
}

/* --output is opened first, so that an hour's work is not for nothing. */
static enum kf_status begin_telling(const struct kf_session *session,
                                    const struct kf_arguments *arguments, struct telling *telling,
                                    struct kf_error *error)
{
    const char *path = kf_value(arguments, KF_OPT_OUTPUT);

    *telling = (struct telling){.json = kf_has(arguments, KF_OPT_JSON),
                                .verbose = session->verbose,
                                .on_terminal = isatty(STDERR_FILENO) == 1};
    if (path == NULL)
        return KF_OK;
    if (kf_out_open(&telling->file, path, error) != KF_OK)
        return KF_FATAL;
    telling->has_file = true;
    return KF_OK;
}

static enum kf_exit run_verify(struct kf_session *session, struct kf_arguments *arguments)
{
    const char *key = kf_value(arguments, KF_OPT_KEY);
    const char *from = kf_value(arguments, KF_OPT_FROM);
    struct kf_verify_options options = {.from = 0};
    struct kf_identity agent = {.key = NULL};
    struct kf_store *store = NULL;
    struct telling telling = {.has_file = false};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code;

    if (arguments->operand_count != 0)
        return kf_usage_error(&kf_cmd_verify, "verify: takes no operand");
    if (kf_has(arguments, KF_OPT_KEYPASS) && key == NULL)
        return kf_usage_error(&kf_cmd_verify, "verify: --keypass without --key");
    if (from != NULL && !kf_parse_u64(from, INT64_MAX, &options.from))
        return kf_usage_error(&kf_cmd_verify, "verify: --from takes a RequestID");
    if (kf_jobs(arguments, &options.jobs, &error) != KF_OK ||
        (key != NULL && kf_load_key(session, key, kf_value(arguments, KF_OPT_KEYPASS),
                                    "the agent's key", &agent, &error) != KF_OK) ||
        kf_open_store(session, arguments, &store, &error) != KF_OK ||
        begin_telling(session, arguments, &telling, &error) != KF_OK)
        code = kf_report_error(&error);
    else
        code = verify(&telling, store, &agent, &options);
    kf_out_discard(&telling.file);
    kf_store_close(store);
    kf_identity_reset(&agent);
    return code;
}

static const struct kf_option_entry options[] = {
    {KF_OPT_STORE, "the store; else $KEYFERRY_STORE, else keyferry.db"},
    {KF_OPT_KEY, "an agent's private key: open every key that is sealed to it"},
    {KF_OPT_KEYPASS, "its password"},
    {KF_OPT_FROM, "begin with this RequestID, and not with the first"},
    {KF_OPT_JOBS, "threads; by default one a core"},
    {KF_OPT_JSON, "a JSON object for each row, and last one with the sums"},
    {KF_OPT_OUTPUT, "a file to write the same objects to"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_verify = {
    .name = "verify",
    .summary = "prove that what is archived can be recovered",
    .synopsis = "verify [-s STORE] [--key KEY [--keypass SRC]] [OPTION]...\n",
    .about = "Lets the database check itself, and looks at every row: its columns are what\n"
             "its certificate says, and its archived key is sealed to the recovery agents\n"
             "that it names. With an agent's key every archived key is opened as well, and\n"
             "has to belong to its certificate.\n"
             "\n"
             "Each defect is one line on stderr (exit code 2). Exit code 77: no key at all\n"
             "is sealed to this agent. Where it is interrupted, it says what --from goes on\n"
             "with. --verbose tells how far it is, as a terminal is told anyway.\n",
    .options = options,
    .notes = "  keyferry verify\n"
             "  keyferry verify --key agent.p12 --keypass stdin -o proof.jsonl\n",
    .needs_crypto = true,
    .run = run_verify,
};
