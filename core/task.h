/*
 * Inside the pipeline: a task is some items of one input, or an event between them, on the way from
 * the reader through a worker to the writer. pipeline.c says what is done to a task; it does so in
 * one thread, and workers.c does so in several.
 */
#ifndef KF_CORE_TASK_H
#define KF_CORE_TASK_H

#include "core/pipeline.h"

/* An input that is open; shared by the producer and the tasks that hold items of it. */
struct kf_open_input {
    atomic_uint references;
    uint64_t index; /* among the inputs of the progress, from 0 */
    char *name;
    const struct kf_inputs *inputs;
    struct kf_reader *reader; /* NULL where it could not be opened */
};

enum kf_task_kind {
    KF_TASK_ITEMS,
    KF_TASK_UNREADABLE, /* the input cannot be used: one failed entry */
    KF_TASK_INPUT_END,
    KF_TASK_RUN_END, /* no more inputs */
    KF_TASK_STOPPED, /* by the flag */
    KF_TASK_FAILED,  /* the run cannot go on; input may be NULL */
};

#define KF_TASK_ITEMS_MAX 16

struct kf_ready_batch {
    struct kf_ready_batch *next;
    struct kf_batch batch;
};

struct kf_task {
    struct kf_task *next;
    enum kf_task_kind kind;
    struct kf_open_input *input;
    struct kf_item *items[KF_TASK_ITEMS_MAX];
    size_t item_count;
    size_t item_at; /* the one being decoded */
    uint64_t turn;  /* of the next record, see struct kf_record */
    uint64_t cost;  /* bytes */
    struct kf_error error;
    struct kf_input_facts facts; /* of the input, as they were known when the task was made */
    uint64_t offset;             /* of the input then: bytes consumed */
    /* for workers.c, under its lock */
    struct kf_ready_batch *ready, **ready_last;
    size_t ready_count;
    bool is_processed;
};

/* One run: what came out of the writer so far, and what waits for the commit. */
struct kf_progress;

/* The next task, never NULL on KF_OK. After RUN_END, STOPPED or FAILED there is none. KF_FATAL:
 * memory. */
struct kf_producer {
    const struct kf_pipeline *pipeline;
    struct kf_open_input *input; /* the current one */
    struct kf_task *pending;     /* an event that comes after the task that was handed out last */
    uint64_t next_index;
};
enum kf_status kf_produce(struct kf_producer *producer, struct kf_task **out,
                          struct kf_error *error) KF_MUST_USE;
void kf_producer_reset(struct kf_producer *producer);

/*
 * Decodes the next batch of a task and puts it through the stage. KF_OK: call again. KF_END: the
 * batch was the last, and may be empty. KF_FATAL: the run ends here.
 */
enum kf_status kf_process(const struct kf_pipeline *pipeline, void *worker, struct kf_task *task,
                          struct kf_batch *batch, struct kf_error *error) KF_MUST_USE;

/* Writes a batch (taken over in any case), and commits when enough has come together. */
enum kf_status kf_retire_batch(struct kf_progress *progress, const struct kf_task *task,
                               struct kf_batch *batch, struct kf_error *error) KF_MUST_USE;

/* After a task's last batch. KF_OK: go on. KF_END: the run is complete. KF_SKIP: stopped. KF_FATAL.
 */
enum kf_status kf_retire_task(struct kf_progress *progress, struct kf_task *task,
                              struct kf_error *error) KF_MUST_USE;

void kf_task_free(struct kf_task *task); /* NULL-safe */

/* The threads: the same as the one-thread loop in pipeline.c. */
enum kf_status kf_run_threads(const struct kf_pipeline *pipeline, struct kf_progress *progress,
                              struct kf_error *error) KF_MUST_USE;

#endif
