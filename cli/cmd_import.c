/*
 * keyferry import: keys of any readable format into the store, by the import rules.
 *
 * What would stop the run is found out in this order: the options, the store, the agents
 * (exit 78), the user's keys and passwords (77), then the inputs, one at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/place.h"
#include "cli/reading.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/walk.h"
#include "store/audit.h"
#include "store/rules.h"
#include "store/runs.h"
#include "writers/archive.h"

#define WAIT_TOLD 3000 /* ms: then the user is told what it waits for */

/* All that a run needs, freed together. */
struct import {
    bool is_wait_told;
    struct kf_store *store;
    struct kf_policy *policy;
    struct kf_reading *reading;
    struct kf_writer *writer;
    struct kf_run resumed;                 /* id 0: a new run */
    struct kf_buf options;                 /* text, for the run's own record */
    struct kf_input_names unsigned_inputs; /* read without the signature that they should have */
    struct kf_report_live report; /* of a dry run; any other is told from the store at its end */
    unsigned jobs;
};

struct profile_name {
    const char *name;
    enum kf_seal_profile profile;
};

static enum kf_status find_profile(const char *name, enum kf_seal_profile *out,
                                   struct kf_error *error)
{
    static const struct profile_name names[] = {
        {"windows", KF_SEAL_WINDOWS},
        {"windows-3des", KF_SEAL_WINDOWS_3DES},
        {"modern", KF_SEAL_MODERN},
    };

    for (size_t i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i].name, name) == 0) {
            *out = names[i].profile;
            return KF_OK;
        }
    }
    if (name == NULL)
        return KF_OK;
    return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                   "there is no profile %s: windows, windows-3des or modern", name);
}

static struct kf_run_request run_request(const struct import *import,
                                         const struct kf_arguments *arguments)
{
    return (struct kf_run_request){
        .command = "import",
        .options = (const char *)import->options.data,
        .inputs = (const char *const *)arguments->operands,
        .input_count = arguments->operand_count,
    };
}

/* Finds the run to go on with where --resume asks for it; else where the agents' turn stands. */
static enum kf_status find_start(struct import *import, const struct kf_arguments *arguments,
                                 uint64_t *kra_start, struct kf_error *error)
{
    struct kf_run_request request = run_request(import, arguments);

    if (kf_has(arguments, KF_OPT_RESUME)) {
        enum kf_status status =
            kf_runs_find_resumable(import->store, &request, &import->resumed, error);

        if (status == KF_OK)
            *kra_start = import->resumed.kra_start;
        if (status != KF_END)
            return status;
        kf_note("there is no unfinished run of these inputs and options; beginning a new one");
    }
    return kf_runs_kra_start(import->store, kra_start, error);
}

static enum kf_status prepare_rules(struct import *import, const struct kf_arguments *arguments,
                                    struct kf_error *error)
{
    bool force = kf_has(arguments, KF_OPT_FORCE);
    struct kf_policy_options options = {
        .foreign = force || kf_has(arguments, KF_OPT_FOREIGN),
        .overwrite = force || kf_has(arguments, KF_OPT_OVERWRITE),
        .profile = KF_SEAL_WINDOWS,
        .now = (int64_t)time(NULL),
    };

    if (find_profile(kf_value(arguments, KF_OPT_PROFILE), &options.profile, error) != KF_OK ||
        find_start(import, arguments, &options.kra_start, error) != KF_OK)
        return KF_FATAL;
    return kf_policy_new(import->store, &options, &import->policy, error);
}

/* The audit trail has it from the writer. */
static void tell_unsigned(const struct import *import)
{
    for (size_t i = 0; i < import->unsigned_inputs.count; i++)
        kf_note("%s was read without a signature", import->unsigned_inputs.items[i]);
}

/* What would keep a report from being written is told before anything is read. */
static enum kf_status begin_report(struct import *import, const struct kf_session *session,
                                   const struct kf_arguments *arguments, struct kf_error *error)
{
    if (!kf_has(arguments, KF_OPT_DRY_RUN))
        return kf_report_check(arguments, KF_OPT_REPORT, error);
    return kf_report_live_begin(&import->report, session, arguments,
                                (const char *)import->options.data, import->store, error);
}

static enum kf_status end_report(struct import *import, const struct kf_session *session,
                                 const struct kf_arguments *arguments, enum kf_status status,
                                 const struct kf_totals *totals, struct kf_error *error)
{
    uint64_t run = kf_archive_run(import->writer);

    if (kf_has(arguments, KF_OPT_DRY_RUN))
        return kf_report_live_end(&import->report, status, totals, &import->unsigned_inputs, error);
    if (!kf_has(arguments, KF_OPT_REPORT) || run == 0)
        return KF_OK;
    return kf_report_stored(session, arguments, KF_OPT_REPORT, import->store, run, error);
}

/* The options that matter for a run's outcome: a resumed run has to have the same. */
static enum kf_status describe_options(const struct kf_arguments *arguments, struct kf_buf *out,
                                       struct kf_error *error)
{
    static const enum kf_option told[] = {KF_OPT_FORCE,    KF_OPT_FOREIGN,   KF_OPT_OVERWRITE,
                                          KF_OPT_UNSIGNED, KF_OPT_RECURSIVE, KF_OPT_FORMAT,
                                          KF_OPT_PROFILE,  KF_OPT_MANIFEST,  KF_OPT_EPF_DIALECT};

    return kf_describe_options(arguments, told, sizeof(told) / sizeof(told[0]), out, error);
}

/* Others write to the store as well: each has its turn, however long that takes. */
static bool wait_for_others(void *context, unsigned waited)
{
    bool *is_told = context;

    if (waited >= WAIT_TOLD && !*is_told) {
        *is_told = true;
        kf_note("waiting for another process that is writing to the store");
    }
    return !atomic_load(kf_stop_flag());
}

static enum kf_status prepare(struct import *import, struct kf_session *session,
                              const struct kf_arguments *arguments, struct kf_error *error)
{
    struct kf_archive_options archive = {.dry_run = kf_has(arguments, KF_OPT_DRY_RUN)};

    if (kf_jobs(arguments, &import->jobs, error) != KF_OK ||
        describe_options(arguments, &import->options, error) != KF_OK ||
        kf_open_store(session, arguments, &import->store, error) != KF_OK ||
        prepare_rules(import, arguments, error) != KF_OK ||
        begin_report(import, session, arguments, error) != KF_OK ||
        kf_reading_new(session, arguments, true, &import->reading, error) != KF_OK)
        return KF_FATAL;
    kf_reading_on_unsigned(import->reading, kf_input_names_add, &import->unsigned_inputs);
    kf_store_on_wait(import->store, wait_for_others, &import->is_wait_told);
    archive.store = import->store;
    archive.policy = import->policy;
    archive.resume = import->resumed.id;
    archive.start = import->resumed.position;
    archive.run = run_request(import, arguments);
    archive.run.kra_start = kf_policy_options(import->policy)->kra_start;
    return kf_archive_open(&archive, &import->writer, error);
}

static enum kf_exit run(struct import *import, const struct kf_session *session,
                        const struct kf_arguments *arguments)
{
    struct kf_results results;
    struct kf_totals totals = {.users = 0};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_status status;
    enum kf_exit code;

    kf_results_begin(&results, session, arguments, &import->resumed.totals);
    results.keeps_commits = true;
    results.many_passwords = kf_reading_has_many_passwords(import->reading);
    status = kf_pipeline_run(
        &(struct kf_pipeline){
            .inputs = kf_reading_inputs(import->reading),
            .stage = {.apply = kf_policy_apply, .context = import->policy},
            .writer = import->writer,
            .sink = kf_report_live_sink(&import->report, kf_results_sink(&results)),
            .start = import->resumed.position,
            .totals_before = import->resumed.totals,
            .dry_run = kf_has(arguments, KF_OPT_DRY_RUN),
            .jobs = import->jobs,
            .stop = kf_stop_flag(),
        },
        &totals, &error);
    code = kf_results_end(&results, status, &totals, &error);
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    tell_unsigned(import);
    if (end_report(import, session, arguments, status, &totals, &error) != KF_OK)
        return kf_report_error(&error);
    return code;
}

static enum kf_exit run_import(struct kf_session *session, struct kf_arguments *arguments)
{
    struct import import = {.options = KF_PUBLIC_BUF};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_exit code;

    if (kf_lacks_inputs(arguments))
        return kf_usage_error(&kf_cmd_import, "import: name what to import");
    if (prepare(&import, session, arguments, &error) == KF_OK)
        code = run(&import, session, arguments);
    else
        code = kf_report_error(&error);
    if (import.writer != NULL)
        import.writer->ops->close(import.writer);
    kf_report_live_reset(&import.report);
    kf_reading_free(import.reading);
    kf_policy_free(import.policy);
    kf_run_reset(&import.resumed);
    kf_store_close(import.store);
    kf_buf_reset(&import.options);
    kf_input_names_reset(&import.unsigned_inputs);
    return code;
}

static const struct kf_option_entry options[] = {
    {KF_OPT_STORE, "the store; else $KEYFERRY_STORE, else keyferry.db"},
    {KF_OPT_FORCE, "what certutil -f -importKMS does: --foreign and --overwrite"},
    {KF_OPT_FOREIGN, "take keys with certificates of other CAs, where KRAFlags has "
                     "KRAF_ENABLEFOREIGN"},
    {KF_OPT_OVERWRITE, "replace keys that are archived already"},
    KF_READING_OPTIONS,
    {KF_OPT_PROFILE, "how keys are sealed: windows (RSA PKCS #1 v1.5, AES-256-CBC; as "
                     "it is by default), windows-3des, or modern (RSA-OAEP with "
                     "SHA-256, AES-256-GCM)"},
    {KF_OPT_DRY_RUN, "do everything but write"},
    {KF_OPT_RESUME, "go on where a run of the same inputs and options was broken off"},
    {KF_OPT_REPORT, "what became of every key, written at the end: a page (.html), a table "
                    "(.csv) or JSON lines (.jsonl); may be given several times"},
    {KF_OPT_JOBS, "threads that decrypt and seal; by default one a core"},
    {KF_OPT_JSON, "one JSON object a line: every key, and the summary"},
    {KF_OPT_END, NULL},
};

const struct kf_command kf_cmd_import = {
    .name = "import",
    .summary = "put keys into the store",
    .synopsis = "import [-s STORE] [-f] [OPTION]... INPUT...\n",
    .about = "Reads private keys and their certificates, checks that each key belongs to its\n"
             "certificate, seals it to the store's recovery agents, and adds it to the store.\n"
             "\n"
             "Each key has one outcome:\n"
             "\n"
             "  archived  it is in the store now\n"
             "  known     it was there before (--overwrite replaces it)\n"
             "  refused   a rule says no: its certificate is another CA's, say\n"
             "  failed    bad data, or a wrong password\n"
             "  skipped   not for archival: a signing key\n"
             "\n"
             "Refused and failed keys are told on stderr, one a line; a table on stdout sums\n"
             "up. A batch that is run again archives nothing twice.\n",
    .options = options,
    .notes = "A KMS export needs --key, the export-signing key, and its signature INPUT.p7s.\n"
             "Sources of passwords are read in this order: each --keypass, each --password,\n"
             "each --passwords.\n"
             "\n"
             "Exit codes: 0, 1, 2, 64, 77, 78; see keyferry help.\n"
             "\n"
             "  keyferry import --password stdin jo.pfx <jo.password\n"
             "  keyferry import -f --key ca.p12 --keypass env:P export.xml\n"
             "  keyferry import -r --passwords candidates.txt /srv/old-keys\n",
    .needs_crypto = true,
    .run = run_import,
};
