/*
 * What a run tells: one line or JSON event a key, the summary, and the exit code.
 *
 * For people, every refused or failed key is one line on stderr, and the summary a table on stdout.
 * With --json, every key that was seen is one JSON object a line on stdout, after it was committed,
 * and the summary is the last. The sum over the outcomes is held against what was counted here, key
 * by key; where they disagree, the run has failed.
 */
#ifndef KF_CLI_RESULTS_H
#define KF_CLI_RESULTS_H

#include <time.h>

#include "cli/cli.h"
#include "cli/opened.h"
#include "core/pipeline.h"

struct kf_results {
    bool json;
    bool verbose; /* a line for known and skipped keys as well */
    bool dry_run;
    bool keeps_commits;       /* what was committed before a failure stands: a store, not a file */
    bool keeps_files;         /* likewise files, but no run can go on from there */
    bool many_passwords;      /* there was a choice: the summary tells which opened what */
    struct kf_totals counted; /* by the sink */
    uint64_t secret_failures; /* of those that failed: wrong password or key */
    bool told_failure;        /* of the run, with the input that it is about */
    struct kf_opened opened;  /* by which passwords */
    struct timespec started;
};

/* before: what an earlier part of a resumed run has counted. */
void kf_results_begin(struct kf_results *results, const struct kf_session *session,
                      const struct kf_arguments *arguments, const struct kf_totals *before);

struct kf_sink kf_results_sink(struct kf_results *results);

/* After the pipeline returned status: tells the rest, and gives the exit code; frees. */
enum kf_exit kf_results_end(struct kf_results *results, enum kf_status status,
                            const struct kf_totals *totals, const struct kf_error *error);

/* --jobs, by default the number of cores. KF_FATAL with KF_CAUSE_USAGE: not a number that is
 * allowed.
 */
enum kf_status kf_jobs(const struct kf_arguments *arguments, unsigned *out,
                       struct kf_error *error) KF_MUST_USE;

/* A flag that SIGINT, SIGTERM and SIGHUP set from now on; the second signal ends the program. */
const atomic_bool *kf_stop_flag(void);

#endif
