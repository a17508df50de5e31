/*
 * keyferry report: what became of every key of a run, as a page, a table or JSON lines.
 */
#include <string.h>

#include "cli/place.h"
#include "cli/report.h"

static enum kf_status find_last(struct kf_store *store, uint64_t *out, struct kf_error *error)
{
    struct kf_run_cursor *cursor = NULL;
    struct kf_run run = {.id = 0};
    enum kf_status status = kf_runs_all(store, &cursor, error);

    while (status == KF_OK) {
        status = kf_runs_next(cursor, &run, error);
        if (status == KF_OK)
            *out = run.id;
    }
    kf_runs_close(cursor);
    kf_run_reset(&run);
    if (status == KF_END && *out == 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL, "the store has no run yet");
    return status == KF_END ? KF_OK : status;
}

static enum kf_exit run_report(struct kf_session *session, struct kf_arguments *arguments)
{
    struct kf_store *store = NULL;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    uint64_t run = 0;
    enum kf_status status;

    if (arguments->operand_count != 1 || (strcmp(arguments->operands[0], "last") != 0 &&
                                          !kf_parse_u64(arguments->operands[0], INT64_MAX, &run)))
        return kf_usage_error(&kf_cmd_report, "report: give the number of one run, or last");
    status = kf_report_check(arguments, KF_OPT_OUTPUT, &error);
    if (status == KF_OK)
        status = kf_open_store(session, arguments, &store, &error);
    if (status == KF_OK && strcmp(arguments->operands[0], "last") == 0)
        status = find_last(store, &run, &error);
    if (status == KF_OK)
        status = kf_report_stored(session, arguments, KF_OPT_OUTPUT, store, run, &error);
    kf_store_close(store);
    return status == KF_OK ? KF_EXIT_OK : kf_report_error(&error);
}

static const struct kf_option_entry options[] = {
    {KF_OPT_STORE, "the store; else $KEYFERRY_STORE, else keyferry.db"},
    {KF_OPT_OUTPUT, "the file: .html, .csv or .jsonl; else JSON lines on stdout"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_report = {
    .name = "report",
    .summary = "tell what became of every key of a run",
    .synopsis = "report [-s STORE] RUN [-o FILE.html|FILE.csv|FILE.jsonl]\n",
    .about = "Tells what a run of import did: a page to look at and to print (.html), a table\n"
             "(.csv), or one JSON object a line (.jsonl). RUN is its number, counted from 1,\n"
             "which list --json shows with each row; or last.\n"
             "\n"
             "A file that is there is replaced. import --report writes the same reports when\n"
             "it is done.\n",
    .options = options,
    .notes = "  keyferry report last -o report.html\n",
    .needs_crypto = true,
    .run = run_report,
};
