/*
 * keyferry verify: that what is archived can be had again (docs/proof.md).
 */
#include <stdio.h>

#include "cli/json.h"
#include "cli/keys.h"
#include "cli/place.h"
#include "cli/results.h"
#include "store/verify.h"

static void tell_defect(void *context, uint64_t request_id, const char *text)
{
    (void)context;
    if (request_id != 0)
        kf_note("request %llu: %s", (unsigned long long)request_id, text);
    else
        kf_note("%s", text);
}

static void tell_progress(void *context, uint64_t rows, uint64_t last)
{
    (void)context;
    kf_note("%llu rows, up to request %llu", (unsigned long long)rows, (unsigned long long)last);
}

static void print_report(const struct kf_arguments *arguments,
                         const struct kf_verify_report *report)
{
    const struct {
        const char *name, *member;
        uint64_t number;
    } lines[] = {
        {"rows", "rows", report->rows},
        {"archived keys", "keys", report->keys},
        {"opened", "opened", report->opened},
        {"not sealed to this agent", "notForAgent", report->foreign},
        {"defects", "defects", report->defects},
    };
    json_t *object = kf_has(arguments, KF_OPT_JSON) ? json_object() : NULL;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (object != NULL)
            kf_json_set_number(object, lines[i].member, lines[i].number);
        else
            (void)printf("%-26s%llu\n", lines[i].name, (unsigned long long)lines[i].number);
    }
    if (object != NULL)
        kf_json_print_line(object);
}

static enum kf_exit verify(const struct kf_session *session, const struct kf_arguments *arguments,
                           struct kf_store *store, const struct kf_identity *agent,
                           struct kf_verify_options *options)
{
    struct kf_verify_report report = {.rows = 0};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    options->agent = agent->key != NULL ? agent : NULL;
    options->defect = tell_defect;
    options->progress = session->verbose ? tell_progress : NULL;
    options->stop = kf_stop_flag();
    status = kf_verify(store, options, &report, &error);
    if (status == KF_FATAL)
        return kf_report_error(&error);
    print_report(arguments, &report);
    if (status == KF_SKIP) {
        kf_note("interrupted: --from %llu goes on", (unsigned long long)report.next);
        return KF_EXIT_FATAL;
    }
    if (report.keys != 0 && report.foreign == report.keys) {
        kf_note("no key is sealed to %s", agent->label != NULL ? agent->label : "this agent");
        return KF_EXIT_SECRET;
    }
    return report.defects == 0 ? KF_EXIT_OK : KF_EXIT_SOME;
}

static enum kf_exit run_verify(struct kf_session *session, struct kf_arguments *arguments)
{
    const char *key = kf_value(arguments, KF_OPT_KEY);
    const char *from = kf_value(arguments, KF_OPT_FROM);
    struct kf_verify_options options = {.from = 0};
    struct kf_identity agent = {.key = NULL};
    struct kf_store *store = NULL;
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
        kf_open_store(session, arguments, &store, &error) != KF_OK)
        code = kf_report_error(&error);
    else
        code = verify(session, arguments, store, &agent, &options);
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
    {KF_OPT_JSON, "the result as a JSON object"},
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
             "is sealed to this agent.\n",
    .options = options,
    .notes = "  keyferry verify\n"
             "  keyferry verify --key agent.p12 --keypass stdin\n",
    .needs_crypto = true,
    .run = run_verify,
};
