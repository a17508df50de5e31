/*
 * The writer "archive": sealed keys into the store, row, run and audit entry in one transaction a
 * batch.
 *
 * One process at a time goes on with a run: whoever finds that another has advanced or ended it
 * fails with KF_FATAL and leaves nothing of the batch, since two would count the same keys twice.
 */
#ifndef KF_WRITERS_ARCHIVE_H
#define KF_WRITERS_ARCHIVE_H

#include "core/writer.h"
#include "store/rules.h"
#include "store/runs.h"

struct kf_archive_options {
    struct kf_store *store;         /* borrowed */
    const struct kf_policy *policy; /* borrowed; the one that sealed the records */
    struct kf_run_request run;      /* borrowed until begin returned; kra_start is the policy's */
    uint64_t resume;                /* the run to go on with, 0 for a new one */
    struct kf_position start;       /* where that run stood when it was found */
    bool dry_run;                   /* only reads; new rows get no request_id, the run no number */
};

/* KF_FATAL: memory. *out is closed by its own close, which leaves the store open. */
enum kf_status kf_archive_open(const struct kf_archive_options *options, struct kf_writer **out,
                               struct kf_error *error) KF_MUST_USE;

/* The run's number from begin on; 0 before. */
uint64_t kf_archive_run(const struct kf_writer *writer);

extern const struct kf_writer_ops kf_writer_archive;

#endif
