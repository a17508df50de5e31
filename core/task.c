/*
 * Tasks: framing items into them, and what a worker does to one. See task.h.
 */
#include "core/task.h"

#include <stdlib.h>
#include <string.h>

#define TASK_COST_MAX (256u << 10) /* bytes: a task with large items has few of them */

static struct kf_open_input *open_input_new(const struct kf_inputs *inputs, const char *name,
                                            uint64_t index)
{
    struct kf_open_input *input = calloc(1, sizeof(*input));

    if (input == NULL)
        return NULL;
    atomic_init(&input->references, 1);
    input->inputs = inputs;
    input->index = index;
    input->name = kf_strndup(name, strlen(name));
    if (input->name == NULL) {
        free(input);
        return NULL;
    }
    return input;
}

static struct kf_open_input *open_input_ref(struct kf_open_input *input)
{
    if (input != NULL)
        (void)atomic_fetch_add(&input->references, 1);
    return input;
}

static void open_input_unref(struct kf_open_input *input)
{
    if (input == NULL || atomic_fetch_sub(&input->references, 1) != 1)
        return;
    if (input->reader != NULL && input->inputs->close != NULL)
        input->inputs->close(input->inputs->context, input->reader);
    else if (input->reader != NULL)
        input->reader->ops->close(input->reader);
    free(input->name);
    free(input);
}

static struct kf_task *task_new(enum kf_task_kind kind, struct kf_open_input *input)
{
    struct kf_task *task = calloc(1, sizeof(*task));

    if (task == NULL)
        return NULL;
    task->kind = kind;
    task->input = open_input_ref(input);
    task->turn = input != NULL ? input->index : 0;
    task->ready_last = &task->ready;
    return task;
}

void kf_task_free(struct kf_task *task)
{
    if (task == NULL)
        return;
    for (size_t i = 0; i < task->item_count; i++)
        task->input->reader->ops->free_item(task->items[i]);
    while (task->ready != NULL) {
        struct kf_ready_batch *ready = task->ready;

        task->ready = ready->next;
        kf_batch_reset(&ready->batch);
        free(ready);
    }
    open_input_unref(task->input);
    free(task);
}

static enum kf_status produce_event(enum kf_task_kind kind, struct kf_open_input *input,
                                    const struct kf_error *why, struct kf_task **out,
                                    struct kf_error *error)
{
    *out = task_new(kind, input);
    if (*out == NULL)
        return kf_fail_memory(error);
    if (why != NULL)
        (*out)->error = *why;
    return KF_OK;
}

/* What is known of the producer's input goes with the task; *why gets why it cannot be read. */
static enum kf_status look(const struct kf_producer *producer, struct kf_task *task,
                           struct kf_error *why)
{
    const struct kf_inputs *inputs = &producer->pipeline->inputs;
    enum kf_status status = KF_OK;

    if (inputs->look != NULL)
        status = inputs->look(inputs->context, &task->facts, why);
    if (status != KF_OK)
        task->facts = (struct kf_input_facts){.has_size = false};
    return status;
}

/* An input that an earlier part of the run has done: only whether it is still what it was. */
static enum kf_status produce_done(struct kf_producer *producer, struct kf_task **out,
                                   struct kf_error *error)
{
    if (produce_event(KF_TASK_INPUT_END, producer->input, NULL, out, error) != KF_OK)
        return KF_FATAL;
    if (look(producer, *out, &(*out)->error) == KF_FATAL)
        (*out)->kind = KF_TASK_FAILED;
    return KF_OK;
}

/* Opens the next input. An event is handed out where there is none, or where it cannot be used. */
static enum kf_status produce_input(struct kf_producer *producer, struct kf_task **out,
                                    struct kf_error *error)
{
    const struct kf_inputs *inputs = &producer->pipeline->inputs;
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status;
    const char *name;

    status = inputs->next(inputs->context, &name, &why);
    if (status == KF_END)
        return produce_event(KF_TASK_RUN_END, NULL, NULL, out, error);
    if (status != KF_OK)
        return produce_event(KF_TASK_FAILED, NULL, &why, out, error);
    producer->input = open_input_new(inputs, name, producer->next_index);
    if (producer->input == NULL)
        return kf_fail_memory(error);
    if (producer->next_index++ < producer->pipeline->start.input)
        return produce_done(producer, out, error);
    status = inputs->open(inputs->context, &producer->input->reader, &why);
    if (status == KF_OK)
        return KF_OK;
    if (produce_event(status == KF_SKIP ? KF_TASK_UNREADABLE : KF_TASK_FAILED, producer->input,
                      &why, out, error) != KF_OK)
        return KF_FATAL;
    (void)!look(producer, *out, NULL);
    return KF_OK;
}

static bool is_stopped(const struct kf_pipeline *pipeline)
{
    return pipeline->stop != NULL && atomic_load(pipeline->stop);
}

/* Frames items into one task, and keeps the event that ended it for the next call. */
static enum kf_status produce_items(struct kf_producer *producer, struct kf_task **out,
                                    struct kf_error *error)
{
    struct kf_reader *reader = producer->input->reader;
    struct kf_task *task = task_new(KF_TASK_ITEMS, producer->input);
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status = KF_OK;

    if (task == NULL)
        return kf_fail_memory(error);
    while (task->item_count < KF_TASK_ITEMS_MAX && task->cost < TASK_COST_MAX) {
        struct kf_item *item = NULL;

        status = reader->ops->next(reader, &item, &why);
        if (status != KF_OK)
            break;
        if (task->item_count == 0)
            task->turn += item->ordinal - 1; /* from 0 */
        task->items[task->item_count++] = item;
        task->cost += item->cost;
    }
    if (status != KF_OK &&
        produce_event(status == KF_END ? KF_TASK_INPUT_END : KF_TASK_FAILED, producer->input, &why,
                      &producer->pending, error) != KF_OK) {
        kf_task_free(task);
        return KF_FATAL;
    }
    (void)!look(producer, task, NULL); /* it is open: what is known is at hand */
    task->offset = reader->input != NULL ? kf_input_offset(reader->input) : 0;
    if (producer->pending != NULL)
        producer->pending->facts = task->facts;
    *out = task;
    return KF_OK;
}

enum kf_status kf_produce(struct kf_producer *producer, struct kf_task **out,
                          struct kf_error *error)
{
    *out = NULL;
    if (producer->pending != NULL) {
        *out = producer->pending;
        producer->pending = NULL;
    } else if (is_stopped(producer->pipeline)) {
        return produce_event(KF_TASK_STOPPED, NULL, NULL, out, error);
    } else {
        if (producer->input == NULL && produce_input(producer, out, error) != KF_OK)
            return KF_FATAL;
        if (*out == NULL)
            return produce_items(producer, out, error);
    }
    if ((*out)->kind == KF_TASK_UNREADABLE &&
        produce_event(KF_TASK_INPUT_END, producer->input, NULL, &producer->pending, error) !=
            KF_OK) {
        kf_task_free(*out);
        return KF_FATAL;
    }
    if ((*out)->kind == KF_TASK_UNREADABLE)
        producer->pending->facts = (*out)->facts;
    if ((*out)->kind == KF_TASK_INPUT_END) {
        open_input_unref(producer->input);
        producer->input = NULL;
    }
    return KF_OK;
}

void kf_producer_reset(struct kf_producer *producer)
{
    kf_task_free(producer->pending);
    open_input_unref(producer->input);
    producer->pending = NULL;
    producer->input = NULL;
}

static enum kf_status add_unreadable(const struct kf_task *task, struct kf_batch *batch,
                                     struct kf_error *error)
{
    struct kf_record *record = kf_batch_add(batch, error);

    if (record == NULL)
        return KF_FATAL;
    kf_record_decide(record, KF_FAILED, &task->error);
    return KF_END;
}

static enum kf_status apply_stage(const struct kf_pipeline *pipeline, void *worker,
                                  struct kf_task *task, struct kf_batch *batch,
                                  struct kf_error *error)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct kf_record *record = &batch->records[i];

        record->turn = task->turn++;
        if (record->outcome == KF_PENDING && pipeline->stage.apply != NULL &&
            pipeline->stage.apply(worker, record, error) == KF_FATAL)
            return KF_FATAL;
    }
    kf_batch_settle(batch);
    return KF_OK;
}

enum kf_status kf_process(const struct kf_pipeline *pipeline, void *worker, struct kf_task *task,
                          struct kf_batch *batch, struct kf_error *error)
{
    const struct kf_reader *reader;
    enum kf_status status;

    if (task->kind == KF_TASK_UNREADABLE)
        return add_unreadable(task, batch, error);
    if (task->item_at == task->item_count)
        return KF_END;
    reader = task->input->reader;
    status = reader->ops->decode(reader, task->items[task->item_at], batch, error);
    if (status != KF_OK && status != KF_END)
        return KF_FATAL;
    if (apply_stage(pipeline, worker, task, batch, error) != KF_OK)
        return KF_FATAL;
    if (status == KF_OK && is_stopped(pipeline)) {
        task->kind =
            KF_TASK_STOPPED; /* in the middle of a large item: what is done so far stands */
        return KF_END;
    }
    if (status == KF_END) {
        reader->ops->free_item(task->items[task->item_at]);
        task->items[task->item_at++] = NULL;
    }
    return task->item_at == task->item_count ? KF_END : KF_OK;
}
