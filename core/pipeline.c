/*
 * The pipeline, one thread: see pipeline.h for the contract.
 *
 * Records wait in a list of batches from put to commit, so that the sink hears of nothing that
 * could still be lost. A batch is never split over two commits: a user goes in whole or not at all.
 */
#include "core/pipeline.h"

#include <stdlib.h>
#include <string.h>

#define COMMIT_EVERY_DEFAULT 500

struct done_batch {
    struct done_batch *next;
    char *input;
    struct kf_batch batch;
};

struct run {
    const struct kf_pipeline *pipeline;
    struct kf_position position;
    struct kf_totals totals;    /* with what waits for the commit */
    struct kf_totals committed; /* without */
    uint64_t ordinal;           /* of the last record of the current input */
    struct done_batch *first, **last;
    size_t waiting; /* records in the list */
    bool torn;      /* the writer holds part of a batch, or failed: nothing more is committed */
};

static void drop_waiting(struct run *run)
{
    while (run->first != NULL) {
        struct done_batch *done = run->first;

        run->first = done->next;
        kf_batch_reset(&done->batch);
        free(done->input);
        free(done);
    }
    run->last = &run->first;
    run->waiting = 0;
}

static void tell_sink(const struct run *run)
{
    const struct kf_sink *sink = &run->pipeline->sink;

    if (sink->entry == NULL)
        return;
    for (const struct done_batch *done = run->first; done != NULL; done = done->next) {
        for (size_t i = 0; i < done->batch.count; i++)
            sink->entry(sink->context, done->input, &done->batch.records[i]);
    }
}

static enum kf_status commit(struct run *run, struct kf_error *error)
{
    struct kf_writer *writer = run->pipeline->writer;

    run->torn = true;
    if (!run->pipeline->dry_run &&
        writer->ops->commit(writer, &run->position, &run->totals, error) != KF_OK)
        return KF_FATAL;
    run->torn = false;
    run->committed = run->totals;
    tell_sink(run);
    drop_waiting(run);
    return KF_OK;
}

/* Numbers the records and drops those that an earlier part of this run has done. */
static void number_records(struct run *run, struct kf_batch *batch)
{
    const struct kf_position *start = &run->pipeline->start;
    bool resuming = run->position.input == start->input;
    uint64_t turn = kf_totals_seen(&run->totals);
    size_t kept = 0;

    for (size_t i = 0; i < batch->count; i++) {
        struct kf_record *record = &batch->records[i];

        record->ordinal = ++run->ordinal;
        if (resuming && record->ordinal <= start->entries) {
            kf_record_reset(record);
            continue;
        }
        if (kept != i) {
            batch->records[kept] = *record;
            kf_record_init(record); /* it moved */
        }
        batch->records[kept++].turn = turn++;
    }
    if (kept == 0 && batch->count != 0)
        batch->ends_user = false; /* the user was counted then */
    batch->count = kept;
}

static enum kf_status apply_stage(const struct run *run, struct kf_batch *batch,
                                  struct kf_error *error)
{
    const struct kf_stage *stage = &run->pipeline->stage;

    for (size_t i = 0; i < batch->count && stage->apply != NULL; i++) {
        struct kf_record *record = &batch->records[i];

        if (record->outcome == KF_PENDING &&
            stage->apply(stage->context, record, error) == KF_FATAL)
            return KF_FATAL;
    }
    kf_batch_settle(batch);
    return KF_OK;
}

static enum kf_status put_batch(struct run *run, const char *input, struct kf_batch *batch,
                                struct kf_error *error)
{
    struct kf_writer *writer = run->pipeline->writer;

    for (size_t i = 0; i < batch->count; i++) {
        struct kf_record *record = &batch->records[i];

        if (writer->ops->put(writer, input, record, error) != KF_OK)
            return KF_FATAL;
        if (record->outcome == KF_PENDING)
            return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                           "writer %s left record %llu undecided", writer->ops->name,
                           (unsigned long long)record->ordinal);
        kf_buf_reset(&record->pkcs8);
        run->totals.by_outcome[record->outcome]++;
    }
    if (batch->ends_user)
        run->totals.users++;
    run->position.entries = run->ordinal;
    return KF_OK;
}

/* The list owns the batch afterwards; it waits for the commit. */
static enum kf_status wait_for_commit(struct run *run, const char *input, struct kf_batch *batch,
                                      struct kf_error *error)
{
    struct done_batch *done = calloc(1, sizeof(*done));

    if (done == NULL)
        return kf_fail_memory(error);
    done->input = kf_strndup(input, strlen(input));
    if (done->input == NULL) {
        free(done);
        return kf_fail_memory(error);
    }
    done->batch = *batch; /* the list owns the records now */
    *batch = (struct kf_batch){.records = NULL};
    *run->last = done;
    run->last = &done->next;
    run->waiting += done->batch.count;
    return KF_OK;
}

/* Rules, sealing and writing of one batch; commits when enough has come together. */
static enum kf_status finish_batch(struct run *run, const char *input, struct kf_batch *batch,
                                   struct kf_error *error)
{
    size_t every = run->pipeline->commit_every;

    number_records(run, batch);
    if (apply_stage(run, batch, error) != KF_OK)
        return KF_FATAL;
    run->torn = true; /* until the whole batch is with the writer and in the list */
    if (put_batch(run, input, batch, error) != KF_OK ||
        wait_for_commit(run, input, batch, error) != KF_OK)
        return KF_FATAL;
    run->torn = false;
    if (run->waiting >= (every != 0 ? every : COMMIT_EVERY_DEFAULT))
        return commit(run, error);
    return KF_OK;
}

static bool is_stopped(const struct run *run)
{
    return run->pipeline->stop != NULL && atomic_load(run->pipeline->stop);
}

static enum kf_status run_item(struct run *run, const char *input, struct kf_reader *reader,
                               struct kf_item *item, struct kf_error *error)
{
    enum kf_status status;

    do {
        struct kf_batch batch = {.records = NULL};

        status = reader->ops->decode(reader, item, &batch, error);
        if (status == KF_OK || status == KF_END) {
            if (finish_batch(run, input, &batch, error) != KF_OK)
                status = KF_FATAL;
        }
        kf_batch_reset(&batch);
    } while (status == KF_OK && !is_stopped(run));
    return status == KF_FATAL ? KF_FATAL : KF_OK;
}

static enum kf_status run_reader(struct run *run, const char *input, struct kf_reader *reader,
                                 struct kf_error *error)
{
    enum kf_status status = KF_OK;

    while (status == KF_OK && !is_stopped(run)) {
        struct kf_item *item = NULL;

        status = reader->ops->next(reader, &item, error);
        if (status == KF_OK)
            status = run_item(run, input, reader, item, error);
        reader->ops->free_item(item);
    }
    return status == KF_END ? KF_OK : status;
}

/* An input that cannot be used at all is one failed entry. */
static enum kf_status fail_input(struct run *run, const char *input, const struct kf_error *why,
                                 struct kf_error *error)
{
    struct kf_batch batch = {.records = NULL};
    struct kf_record *record = kf_batch_add(&batch, error);

    if (record == NULL)
        return KF_FATAL;
    kf_record_decide(record, KF_FAILED, why);
    return finish_batch(run, input, &batch, error);
}

static enum kf_status run_input(struct run *run, const char *input, struct kf_error *error)
{
    const struct kf_inputs *inputs = &run->pipeline->inputs;
    struct kf_reader *reader = NULL;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status = inputs->open(inputs->context, &reader, &why);

    if (status == KF_SKIP)
        return fail_input(run, input, &why, error);
    if (status == KF_OK) {
        status = run_reader(run, input, reader, &why);
        reader->ops->close(reader);
    }
    if (status == KF_FATAL) {
        *error = why;
        if (!run->torn && run->pipeline->sink.input_failed != NULL)
            run->pipeline->sink.input_failed(run->pipeline->sink.context, input, &why);
    }
    return status;
}

static enum kf_status run_inputs(struct run *run, struct kf_error *error)
{
    const struct kf_pipeline *pipeline = run->pipeline;
    enum kf_status status;

    for (;;) {
        const char *input;

        status = pipeline->inputs.next(pipeline->inputs.context, &input, error);
        if (status != KF_OK)
            return status == KF_END ? KF_OK : status;
        if (run->position.input >= pipeline->start.input) {
            run->ordinal = 0;
            if (run_input(run, input, error) != KF_OK)
                return KF_FATAL;
            if (is_stopped(run))
                return KF_SKIP;
            if (pipeline->sink.input_done != NULL)
                pipeline->sink.input_done(pipeline->sink.context, input);
        }
        run->position.input++;
        run->position.entries = 0;
    }
}

enum kf_status kf_pipeline_run(const struct kf_pipeline *pipeline, struct kf_totals *totals,
                               struct kf_error *error)
{
    struct kf_writer *writer = pipeline->writer;
    struct run run = {.pipeline = pipeline,
                      .totals = pipeline->totals_before,
                      .committed = pipeline->totals_before};
    struct kf_error commit_error = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    run.last = &run.first;
    status = writer->ops->begin(writer, error);
    if (status != KF_OK)
        return status;
    status = run_inputs(&run, error);
    /* whole batches from before a bad place in the input are kept */
    if (!run.torn && commit(&run, status == KF_FATAL ? &commit_error : error) != KF_OK)
        status = KF_FATAL;
    if (status == KF_OK && !pipeline->dry_run)
        status = writer->ops->finish(writer, &run.committed, error);
    if (status != KF_OK || pipeline->dry_run)
        writer->ops->rollback(writer);
    drop_waiting(&run);
    *totals = run.committed;
    return status;
}
