/*
 * The pipeline: see pipeline.h for the contract, and task.h for what is on its way through it.
 *
 * Records wait in a list of batches from put to commit, so that the sink hears of nothing that
 * could still be lost. A batch is never split over two commits: a user goes in whole or not at all.
 */
#include "core/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "core/task.h"

#define COMMIT_EVERY_DEFAULT 1000

struct waiting_batch {
    struct waiting_batch *next;
    char *input;
    struct kf_batch batch;
    struct kf_remarks *remarks; /* NULL: none */
    bool ends_input;            /* and these are its facts */
    struct kf_input_facts facts;
};

struct kf_progress {
    const struct kf_pipeline *pipeline;
    struct kf_position position;
    struct kf_totals totals;    /* with what waits for the commit */
    struct kf_totals committed; /* without */
    uint64_t ordinal;           /* of the last record of the current input */
    bool is_told;               /* the writer knows of the current input */
    bool is_told_digest;        /* with its digest */
    struct waiting_batch *first, **last;
    size_t waiting; /* records in the list */
    bool torn;      /* the writer holds part of a batch, or failed: nothing more is committed */
};

static void drop_waiting(struct kf_progress *progress)
{
    while (progress->first != NULL) {
        struct waiting_batch *done = progress->first;

        progress->first = done->next;
        kf_batch_reset(&done->batch);
        free(done->input);
        free(done->remarks);
        free(done);
    }
    progress->last = &progress->first;
    progress->waiting = 0;
}

static void tell_sink(const struct kf_progress *progress)
{
    const struct kf_sink *sink = &progress->pipeline->sink;

    for (const struct waiting_batch *done = progress->first; done != NULL; done = done->next) {
        for (size_t i = 0; i < done->batch.count && sink->entry != NULL; i++)
            sink->entry(sink->context, done->input, &done->batch.records[i]);
        if (done->remarks != NULL && sink->remark != NULL)
            sink->remark(sink->context, done->input, done->remarks);
        if (done->ends_input)
            sink->input_done(sink->context, done->input, &done->facts);
    }
}

/* A resumed run that ends before it comes to where the earlier one stood has not gone back. */
static const struct kf_position *farthest(const struct kf_position *here,
                                          const struct kf_position *start)
{
    if (here->input != start->input)
        return here->input < start->input ? start : here;
    if (here->entries != start->entries)
        return here->entries < start->entries ? start : here;
    return here->users < start->users ? start : here;
}

static enum kf_status commit(struct kf_progress *progress, struct kf_error *error)
{
    const struct kf_position *position = farthest(&progress->position, &progress->pipeline->start);
    struct kf_writer *writer = progress->pipeline->writer;

    progress->torn = true;
    if (!progress->pipeline->dry_run &&
        writer->ops->commit(writer, position, &progress->totals, error) != KF_OK)
        return KF_FATAL;
    progress->torn = false;
    progress->committed = progress->totals;
    tell_sink(progress);
    drop_waiting(progress);
    return KF_OK;
}

/* Numbers the records and drops those that an earlier part of this run has done. */
static void number_records(struct kf_progress *progress, struct kf_batch *batch)
{
    const struct kf_position *start = &progress->pipeline->start;
    bool resuming = progress->position.input == start->input;
    size_t kept = 0;

    for (size_t i = 0; i < batch->count; i++) {
        struct kf_record *record = &batch->records[i];

        record->ordinal = ++progress->ordinal;
        if (resuming && record->ordinal <= start->entries) {
            kf_record_reset(record);
            continue;
        }
        if (kept != i) {
            batch->records[kept] = *record;
            kf_record_init(record); /* it moved */
        }
        kept++;
    }
    batch->count = kept;
    if (batch->ends_user && ++progress->position.users <= start->users && resuming)
        batch->ends_user = false; /* counted then */
}

static enum kf_status put_batch(struct kf_progress *progress, const char *input,
                                struct kf_batch *batch, struct kf_error *error)
{
    struct kf_writer *writer = progress->pipeline->writer;

    for (size_t i = 0; i < batch->count; i++) {
        struct kf_record *record = &batch->records[i];

        if (writer->ops->put(writer, input, record, error) != KF_OK)
            return KF_FATAL;
        if (record->outcome == KF_PENDING)
            return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                           "writer %s left record %llu undecided", writer->ops->name,
                           (unsigned long long)record->ordinal);
        kf_buf_reset(&record->pkcs8);
        progress->totals.by_outcome[record->outcome]++;
    }
    if (batch->ends_user)
        progress->totals.users++;
    progress->position.entries = progress->ordinal;
    return KF_OK;
}

/* An empty batch of the input at the end of the list; NULL: memory. */
static struct waiting_batch *append_waiting(struct kf_progress *progress, const char *input,
                                            struct kf_error *error)
{
    struct waiting_batch *done = calloc(1, sizeof(*done));

    if (done != NULL)
        done->input = kf_strndup(input, strlen(input));
    if (done == NULL || done->input == NULL) {
        free(done);
        (void)!kf_fail_memory(error);
        return NULL;
    }
    *progress->last = done;
    progress->last = &done->next;
    return done;
}

/* The list owns the records afterwards. */
static enum kf_status wait_for_commit(struct kf_progress *progress, const char *input,
                                      struct kf_batch *batch, struct kf_error *error)
{
    struct waiting_batch *done = append_waiting(progress, input, error);

    if (done == NULL)
        return KF_FATAL;
    done->batch = *batch; /* moved into the list */
    *batch = (struct kf_batch){.records = NULL};
    progress->waiting += done->batch.count;
    return KF_OK;
}

/* Tells the writer of the current input where it has not heard of it, or not of its digest. */
static enum kf_status tell_input(struct kf_progress *progress, const struct kf_task *task,
                                 struct kf_error *error)
{
    struct kf_writer *writer = progress->pipeline->writer;
    const struct kf_sink *sink = &progress->pipeline->sink;
    struct kf_input_news news = {
        .name = task->input->name,
        .index = task->input->index,
        .facts = task->facts,
        .unreadable = task->error.cause != KF_CAUSE_NONE ? &task->error : NULL,
        .is_unsigned = task->input->reader != NULL && task->input->reader->is_unsigned,
    };

    if (progress->is_told && (progress->is_told_digest || !task->facts.has_digest))
        return KF_OK;
    progress->is_told = true;
    progress->is_told_digest = task->facts.has_digest;
    if (writer->ops->input == NULL || writer->ops->input(writer, &news, error) == KF_OK)
        return KF_OK;
    if (sink->input_failed != NULL)
        sink->input_failed(sink->context, news.name, error);
    return KF_FATAL;
}

static enum kf_status commit_if_due(struct kf_progress *progress, struct kf_error *error)
{
    size_t every = progress->pipeline->commit_every;

    if (progress->waiting < (every != 0 ? every : COMMIT_EVERY_DEFAULT))
        return KF_OK;
    return commit(progress, error);
}

static void tick(const struct kf_progress *progress, const struct kf_task *task)
{
    const struct kf_sink *sink = &progress->pipeline->sink;
    struct kf_tick tick = {.totals = &progress->totals, .input = progress->position.input};

    if (sink->tick == NULL)
        return;
    if (task->facts.has_size && task->offset < task->facts.size)
        tick.share = (double)task->offset / (double)task->facts.size;
    sink->tick(sink->context, &tick);
}

enum kf_status kf_retire_batch(struct kf_progress *progress, const struct kf_task *task,
                               struct kf_batch *batch, struct kf_error *error)
{
    const char *input = task->input->name;

    progress->torn = true; /* until the whole batch is with the writer and in the list */
    number_records(progress, batch);
    if (tell_input(progress, task, error) != KF_OK ||
        put_batch(progress, input, batch, error) != KF_OK ||
        wait_for_commit(progress, input, batch, error) != KF_OK) {
        kf_batch_reset(batch);
        return KF_FATAL;
    }
    progress->torn = false;
    tick(progress, task);
    return commit_if_due(progress, error);
}

/* What the reader has to say of its input goes to the writer, and with the commit to the sink. */
static enum kf_status tell_remarks(struct kf_progress *progress, const struct kf_task *task,
                                   struct kf_error *error)
{
    struct kf_writer *writer = progress->pipeline->writer;
    const struct kf_reader *reader = task->input->reader;
    struct kf_remarks remarks = {.count = 0};
    struct waiting_batch *waiting;

    if (reader != NULL && reader->ops->remark != NULL)
        reader->ops->remark(reader, &remarks);
    if (remarks.count == 0 && remarks.certificates == 0)
        return KF_OK;
    if (writer->ops->remark != NULL && writer->ops->remark(writer, &remarks, error) != KF_OK)
        return KF_FATAL;
    waiting = append_waiting(progress, task->input->name, error);
    if (waiting == NULL)
        return KF_FATAL;
    waiting->remarks = malloc(sizeof(remarks));
    if (waiting->remarks == NULL)
        return kf_fail_memory(error);
    *waiting->remarks = remarks;
    progress->waiting++; /* many inputs without a key have to be committed now and then */
    return KF_OK;
}

/* The sink hears of the end of an input with the commit, after what came from it. */
static enum kf_status tell_done(struct kf_progress *progress, const struct kf_task *task,
                                struct kf_error *error)
{
    struct waiting_batch *waiting = append_waiting(progress, task->input->name, error);

    if (waiting == NULL)
        return KF_FATAL;
    waiting->ends_input = true;
    waiting->facts = task->facts;
    progress->waiting++;
    return KF_OK;
}

static enum kf_status end_input(struct kf_progress *progress, const struct kf_task *task,
                                struct kf_error *error)
{
    const struct kf_sink *sink = &progress->pipeline->sink;

    progress->torn = true; /* until the writer has it */
    if (tell_input(progress, task, error) != KF_OK || tell_remarks(progress, task, error) != KF_OK)
        return KF_FATAL;
    progress->torn = false;
    progress->is_told = false;
    progress->is_told_digest = false;
    if (task->input->index >= progress->pipeline->start.input && sink->input_done != NULL &&
        tell_done(progress, task, error) != KF_OK)
        return KF_FATAL;
    progress->position = (struct kf_position){.input = progress->position.input + 1};
    progress->ordinal = 0;
    return commit_if_due(progress, error);
}

/* No more inputs: a resumed run has to have come to where it stood. */
static enum kf_status end_run(const struct kf_progress *progress, struct kf_error *error)
{
    const struct kf_position *start = &progress->pipeline->start;
    uint64_t needed = start->input + (start->entries != 0);

    if (progress->position.input >= needed)
        return KF_END;
    return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, KF_RULE_RESUME,
                   "the run had read %llu inputs before it was broken off, and there are %llu now",
                   (unsigned long long)needed, (unsigned long long)progress->position.input);
}

enum kf_status kf_retire_task(struct kf_progress *progress, struct kf_task *task,
                              struct kf_error *error)
{
    const struct kf_sink *sink = &progress->pipeline->sink;

    switch (task->kind) {
    case KF_TASK_ITEMS:
    case KF_TASK_UNREADABLE:
        return KF_OK;
    case KF_TASK_INPUT_END:
        return end_input(progress, task, error);
    case KF_TASK_RUN_END:
        return end_run(progress, error);
    case KF_TASK_STOPPED:
        return KF_SKIP;
    case KF_TASK_FAILED:
        *error = task->error;
        if (task->input != NULL && sink->input_failed != NULL)
            sink->input_failed(sink->context, task->input->name, &task->error);
        return KF_FATAL;
    }
    return KF_FATAL;
}

static enum kf_status run_task(const struct kf_pipeline *pipeline, struct kf_progress *progress,
                               void *worker, struct kf_task *task, struct kf_error *error)
{
    enum kf_status status = KF_OK;

    while (status == KF_OK) {
        struct kf_batch batch = {.records = NULL};

        status = kf_process(pipeline, worker, task, &batch, &task->error);
        if (status == KF_FATAL)
            task->kind = KF_TASK_FAILED;
        else if ((batch.count != 0 || batch.ends_user) &&
                 kf_retire_batch(progress, task, &batch, error) != KF_OK)
            return KF_FATAL;
        kf_batch_reset(&batch);
    }
    return kf_retire_task(progress, task, error);
}

/* Everything in this thread, one task after the other. */
static enum kf_status run_alone(const struct kf_pipeline *pipeline, struct kf_progress *progress,
                                struct kf_error *error)
{
    const struct kf_stage *stage = &pipeline->stage;
    struct kf_producer producer = {.pipeline = pipeline};
    void *worker = stage->context;
    enum kf_status status = KF_OK;

    if (stage->start != NULL && stage->start(stage->context, &worker, error) != KF_OK)
        return KF_FATAL;
    while (status == KF_OK) {
        struct kf_task *task = NULL;

        status = kf_produce(&producer, &task, error);
        if (status == KF_OK)
            status = run_task(pipeline, progress, worker, task, error);
        kf_task_free(task);
    }
    kf_producer_reset(&producer);
    if (stage->start != NULL)
        stage->end(worker);
    return status;
}

enum kf_status kf_pipeline_run(const struct kf_pipeline *pipeline, struct kf_totals *totals,
                               struct kf_error *error)
{
    struct kf_writer *writer = pipeline->writer;
    struct kf_progress progress = {.pipeline = pipeline,
                                   .totals = pipeline->totals_before,
                                   .committed = pipeline->totals_before};
    struct kf_error commit_error = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    progress.last = &progress.first;
    *totals = progress.committed;
    status = writer->ops->begin(writer, error);
    if (status != KF_OK)
        return status;
    status = pipeline->jobs > 1 ? kf_run_threads(pipeline, &progress, error)
                                : run_alone(pipeline, &progress, error);
    /* whole batches from before a bad place in the input are kept */
    if (!progress.torn && commit(&progress, status == KF_FATAL ? &commit_error : error) != KF_OK)
        status = KF_FATAL;
    if (status == KF_END)
        status =
            pipeline->dry_run ? KF_OK : writer->ops->finish(writer, &progress.committed, error);
    if (status != KF_OK || pipeline->dry_run)
        writer->ops->rollback(writer);
    drop_waiting(&progress);
    *totals = progress.committed;
    return status;
}
