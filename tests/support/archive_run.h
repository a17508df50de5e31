/*
 * Whole runs into an archive: a reader of keys in memory, the pipeline, the import rules and the
 * archive's writer.
 */
#ifndef TESTS_SUPPORT_ARCHIVE_RUN_H
#define TESTS_SUPPORT_ARCHIVE_RUN_H

#include "core/pipeline.h"
#include "tests/support/archive.h"
#include "writers/archive.h"

/* Keys ("ec:P-256#1" and on) with certificates of the archive's CA, the same for every run. */
struct archive_keys {
    struct kf_buf *pkcs8;
    struct kf_buf *certificates;
    size_t count;
};
void archive_keys_make(const struct archive *archive, size_t count, struct archive_keys *out);
void archive_keys_reset(struct archive_keys *keys);

/* How a run goes, and what became of it. */
struct archive_run {
    const struct archive_keys *keys;
    bool foreign;
    bool overwrite;
    bool dry_run;
    bool resume;         /* where the newest unfinished run stands */
    size_t fail_after;   /* the input ends in an error after so many keys; 0: it does not */
    size_t commit_every; /* 0: 2 */
    unsigned jobs;
    const struct kf_buf *chain; /* of every key */
    size_t chain_count;

    uint64_t id;
    enum kf_status status;
    struct kf_totals totals;
    struct kf_error error;
    uint64_t told;        /* how many records the sink heard of */
    uint64_t request_ids; /* the sum of theirs */
    size_t next_input;    /* where it is */
};
void archive_run(struct archive *archive, struct archive_run *run);

#endif
