/*
 * The writer "archive": see archive.h.
 *
 * A run's own row is committed before its first key, so that a run that dies can be found and
 * resumed. A dry run only reads the store, as it is at one moment, and keeps nobody from writing.
 */
#include "writers/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/uuidset.h"
#include "store/audit.h"

struct archive {
    struct kf_writer base; /* first */
    struct kf_archive_options options;
    uint64_t run;
    struct kf_position stands; /* the run's row, unless another process writes it too */
    uint64_t input;            /* the present one's number in the store */
    uint64_t turns;            /* after the greatest turn that was put */
    uint64_t unsigned_noted;   /* the input, from 1, that is in the audit trail as unsigned */
    struct kf_uuid_set *seen;  /* of a dry run: certificates that it would have archived */
    bool in_transaction;
};

static enum kf_status begin_batch(struct archive *archive, struct kf_error *error)
{
    if (archive->in_transaction)
        return KF_OK;
    if (kf_store_begin(archive->options.store, error) != KF_OK)
        return KF_FATAL;
    archive->in_transaction = true;
    return KF_OK;
}

static enum kf_status commit_batch(struct archive *archive, struct kf_error *error)
{
    archive->in_transaction = false;
    return kf_store_commit(archive->options.store, error);
}

static void roll_back(struct kf_writer *writer)
{
    struct archive *archive = (struct archive *)writer;

    if (archive->in_transaction)
        kf_store_rollback(archive->options.store);
    archive->in_transaction = false;
}

/* That the run stands where this process left it: a resumed run may still be at work elsewhere. */
static enum kf_status check_alone(const struct archive *archive, struct kf_error *error)
{
    const struct kf_position *stands = &archive->stands;
    struct kf_run run = {.command = NULL};
    bool alone;

    if (kf_runs_get(archive->options.store, archive->run, &run, error) != KF_OK)
        return KF_FATAL;
    alone = run.ended == 0 && run.position.input == stands->input &&
            run.position.entries == stands->entries && run.position.users == stands->users;
    kf_run_reset(&run);
    if (alone)
        return KF_OK;
    return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL,
                   "another process is going on with run %llu, which stays its own",
                   (unsigned long long)archive->run);
}

static enum kf_status begin_run(struct archive *archive, struct kf_error *error)
{
    struct kf_archive_options *options = &archive->options;
    uint64_t id = options->resume;
    enum kf_status status;

    options->run.kra_start = kf_policy_options(options->policy)->kra_start;
    if (id == 0) {
        status = kf_runs_begin(options->store, &options->run, &archive->run, error);
    } else {
        archive->run = id;
        archive->stands = options->start;
        status = check_alone(archive, error);
        if (status == KF_OK)
            status = kf_runs_resume(options->store, id, error);
    }
    return status;
}

static enum kf_status begin_dry(struct archive *archive, struct kf_error *error)
{
    uint64_t seed[2];

    archive->run = archive->options.resume;
    if (kf_random(kf_store_crypto(archive->options.store), (uint8_t *)seed, sizeof(seed), false,
                  error) != KF_OK ||
        kf_uuid_set_new(&archive->seen, seed, error) != KF_OK ||
        kf_store_begin_read(archive->options.store, error) != KF_OK)
        return KF_FATAL;
    archive->in_transaction = true;
    return KF_OK;
}

static enum kf_status begin(struct kf_writer *writer, struct kf_error *error)
{
    struct archive *archive = (struct archive *)writer;
    enum kf_status status;

    if (archive->options.dry_run)
        return begin_dry(archive, error);
    status = begin_batch(archive, error);
    if (status == KF_OK)
        status = begin_run(archive, error);
    if (status == KF_OK)
        status = commit_batch(archive, error);
    if (status != KF_OK)
        roll_back(writer);
    return status;
}

/* A resumed run that stood within an input: what went through a pipe is gone. */
static enum kf_status check_once(const struct archive *archive, const struct kf_input_news *news,
                                 struct kf_error *error)
{
    const struct kf_position *start = &archive->options.start;

    if (archive->options.resume == 0 || news->index != start->input || start->entries == 0 ||
        !news->facts.is_once)
        return KF_OK;
    return kf_fail(error, KF_FATAL, KF_CAUSE_UNSUPPORTED, KF_RULE_RESUME,
                   "run %llu was broken off within what can be read only once; without --resume "
                   "what it archived is known and passed over",
                   (unsigned long long)archive->run);
}

/* With the first of its keys, so that none is there without the note; once, though told twice. */
static enum kf_status note_unsigned(struct archive *archive, const struct kf_input_news *news,
                                    struct kf_error *error)
{
    char run[24];
    const struct kf_audit_field fields[] = {
        {.name = "run", .value = run},
        {.name = "text", .value = "read without a signature"},
        {.name = "input", .value = news->name},
    };

    if (!news->is_unsigned || archive->unsigned_noted == news->index + 1)
        return KF_OK;
    archive->unsigned_noted = news->index + 1;
    (void)snprintf(run, sizeof(run), "%llu", (unsigned long long)archive->run);
    return kf_audit_append(archive->options.store, KF_AUDIT_NOTE, fields,
                           sizeof(fields) / sizeof(fields[0]), error);
}

static enum kf_status input(struct kf_writer *writer, const struct kf_input_news *news,
                            struct kf_error *error)
{
    struct archive *archive = (struct archive *)writer;
    const struct kf_position *start = &archive->options.start;
    const bool is_done = news->index < start->input;
    const bool is_known = is_done || (news->index == start->input && start->entries != 0);

    /* what is only compared needs no transaction, and may be much */
    if (check_once(archive, news, error) != KF_OK ||
        (!is_done && begin_batch(archive, error) != KF_OK))
        return KF_FATAL;
    if (archive->options.dry_run && !is_known)
        return KF_OK;
    if (kf_runs_input(archive->options.store, archive->run, news, &archive->input, error) != KF_OK)
        return KF_FATAL;
    return is_done || archive->options.dry_run ? KF_OK : note_unsigned(archive, news, error);
}

static enum kf_status put(struct kf_writer *writer, const char *name, struct kf_record *record,
                          struct kf_error *error)
{
    struct archive *archive = (struct archive *)writer;
    const struct kf_archive_options *options = &archive->options;
    const bool overwrite = kf_policy_options(options->policy)->overwrite;
    struct kf_placing placing = {.run = archive->run,
                                 .input = archive->input,
                                 .overwrite = overwrite,
                                 .now = (int64_t)time(NULL)};

    (void)name; /* told by input */
    if (options->dry_run)
        return kf_rules_foresee(options->store, overwrite, archive->seen, record, error);
    if (begin_batch(archive, error) != KF_OK ||
        kf_rules_place(options->store, &placing, record, error) != KF_OK)
        return KF_FATAL;
    if (record->turn >= archive->turns)
        archive->turns = record->turn + 1;
    return KF_OK;
}

static enum kf_status remark(struct kf_writer *writer, const struct kf_remarks *remarks,
                             struct kf_error *error)
{
    struct archive *archive = (struct archive *)writer;

    if (begin_batch(archive, error) != KF_OK)
        return KF_FATAL;
    return kf_runs_remark(archive->options.store, archive->input, remarks, error);
}

static enum kf_status commit(struct kf_writer *writer, const struct kf_position *position,
                             const struct kf_totals *totals, struct kf_error *error)
{
    struct archive *archive = (struct archive *)writer;
    uint64_t next = 0;

    if (begin_batch(archive, error) != KF_OK || check_alone(archive, error) != KF_OK ||
        kf_runs_kra_start(archive->options.store, &next, error) != KF_OK)
        return KF_FATAL;
    if (archive->turns != 0)
        next = kf_policy_kra_next(archive->options.policy, archive->turns);
    if (kf_runs_advance(archive->options.store, archive->run, position, totals, next, error) !=
        KF_OK)
        return KF_FATAL;
    archive->stands = *position;
    return commit_batch(archive, error);
}

static enum kf_status finish(struct kf_writer *writer, const struct kf_totals *totals,
                             struct kf_error *error)
{
    struct archive *archive = (struct archive *)writer;

    if (archive->options.dry_run) {
        roll_back(writer);
        return KF_OK;
    }
    return kf_runs_finish(archive->options.store, archive->run, totals, error);
}

static void close_archive(struct kf_writer *writer)
{
    if (writer == NULL)
        return;
    roll_back(writer);
    kf_uuid_set_free(((struct archive *)writer)->seen);
    free(writer);
}

const struct kf_writer_ops kf_writer_archive = {
    .name = "archive",
    .summary = "the key archival store",
    .needs = KF_NEEDS_SEALED,
    .begin = begin,
    .input = input,
    .put = put,
    .remark = remark,
    .commit = commit,
    .rollback = roll_back,
    .finish = finish,
    .close = close_archive,
};

enum kf_status kf_archive_open(const struct kf_archive_options *options, struct kf_writer **out,
                               struct kf_error *error)
{
    struct archive *archive = calloc(1, sizeof(*archive));

    if (archive == NULL)
        return kf_fail_memory(error);
    archive->base.ops = &kf_writer_archive;
    archive->options = *options;
    *out = &archive->base;
    return KF_OK;
}

uint64_t kf_archive_run(const struct kf_writer *writer)
{
    return ((const struct archive *)writer)->run;
}
