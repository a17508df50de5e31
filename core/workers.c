/*
 * The pipeline in several threads: one that reads, some that decode and seal, and the caller's,
 * which writes. See task.h.
 *
 * Tasks stand in one list in input order. Workers take the oldest that nobody has; the writer takes
 * only from the head. What is in flight is bounded by tasks and bytes, and a worker that is ahead
 * of the writer waits once a few of its batches do. The head's worker is never kept waiting by a
 * later task, so that the head always moves.
 */
#include <pthread.h>
#include <stdlib.h>

#include "core/task.h"

#define TASKS_PER_JOB     8u         /* in flight */
#define FLIGHT_COST_MAX   (8u << 20) /* bytes of items in flight, beyond one task */
#define READY_BATCHES_MAX 16u        /* of one task, before its worker waits for the writer */

struct pool {
    const struct kf_pipeline *pipeline;
    pthread_mutex_t lock;
    pthread_cond_t work;     /* there is a task to process */
    pthread_cond_t progress; /* the head has something for the writer */
    pthread_cond_t room;     /* half of what may be in flight is free: for the producer */
    pthread_cond_t taken;    /* the writer has taken a batch: for a worker that is ahead of it */
    struct kf_task *head, **tail;
    struct kf_task *unprocessed; /* the oldest that no worker has taken */
    size_t task_count;
    uint64_t cost;
    bool cancelled; /* the writer has ended the run: everybody goes home */
    bool produced;  /* there will be no more tasks */
    struct kf_producer producer;
    pthread_t *threads;
    size_t thread_count;
};

static bool is_event(const struct kf_task *task)
{
    return task->kind != KF_TASK_ITEMS && task->kind != KF_TASK_UNREADABLE;
}

/* A task of its own for a failure that belongs to none: out of memory, or a stage that cannot
 * start. */
static struct kf_task *failure(const struct kf_error *why)
{
    struct kf_task *task = calloc(1, sizeof(*task));

    if (task == NULL)
        return NULL;
    task->kind = KF_TASK_FAILED;
    task->error = *why;
    task->ready_last = &task->ready;
    return task;
}

static void append_task(struct pool *pool, struct kf_task *task)
{
    *pool->tail = task;
    pool->tail = &task->next;
    pool->task_count++;
    pool->cost += task->cost;
    if (is_event(task)) {
        task->is_processed = true;
        pool->produced = task->kind != KF_TASK_INPUT_END;
    } else if (pool->unprocessed == NULL) {
        pool->unprocessed = task;
    }
    (void)pthread_cond_signal(&pool->work);
    if (task == pool->head)
        (void)pthread_cond_signal(&pool->progress);
}

static bool is_full(const struct pool *pool)
{
    return pool->task_count >= (size_t)TASKS_PER_JOB * pool->pipeline->jobs + 1 ||
           (pool->task_count != 0 && pool->cost >= FLIGHT_COST_MAX);
}

/* The producer is woken for several tasks at once, or for the last one that it waits for. */
static bool is_half_empty(const struct pool *pool)
{
    return pool->task_count <= (size_t)TASKS_PER_JOB * pool->pipeline->jobs / 2 &&
           (pool->task_count == 0 || pool->cost <= FLIGHT_COST_MAX / 2);
}

static void *produce_thread(void *argument)
{
    struct pool *pool = argument;
    bool done = false;

    while (!done) {
        struct kf_error error = {.cause = KF_CAUSE_NONE};
        struct kf_task *task = NULL;

        (void)pthread_mutex_lock(&pool->lock);
        while (is_full(pool) && !pool->cancelled)
            (void)pthread_cond_wait(&pool->room, &pool->lock);
        done = pool->cancelled;
        (void)pthread_mutex_unlock(&pool->lock);
        if (done)
            break;
        if (kf_produce(&pool->producer, &task, &error) != KF_OK)
            task = failure(&error);
        (void)pthread_mutex_lock(&pool->lock);
        if (task != NULL)
            append_task(pool, task);
        else
            pool->produced = true; /* not even memory to say so: the writer sees an empty list */
        done = pool->produced;
        (void)pthread_cond_broadcast(&pool->work);
        (void)pthread_cond_signal(&pool->progress);
        (void)pthread_mutex_unlock(&pool->lock);
    }
    return NULL;
}

/* The oldest task that nobody has, or NULL when there will be none; called with the lock held. */
static struct kf_task *take_task(struct pool *pool)
{
    struct kf_task *task;

    while (pool->unprocessed == NULL && !pool->produced && !pool->cancelled)
        (void)pthread_cond_wait(&pool->work, &pool->lock);
    task = pool->cancelled ? NULL : pool->unprocessed;
    if (task != NULL) {
        pool->unprocessed = task->next;
        while (pool->unprocessed != NULL && is_event(pool->unprocessed))
            pool->unprocessed = pool->unprocessed->next;
    }
    return task;
}

/* Hands a batch to the writer; the batch is moved. Called with the lock held. */
static void deliver(struct pool *pool, struct kf_task *task, struct kf_batch *batch,
                    enum kf_status status)
{
    bool has_news = batch->count != 0 || batch->ends_user;
    struct kf_ready_batch *ready = has_news ? calloc(1, sizeof(*ready)) : NULL;

    if (has_news && ready == NULL) {
        (void)!kf_fail_memory(&task->error);
        status = KF_FATAL;
    }
    if (ready != NULL) {
        ready->batch = *batch;
        *batch = (struct kf_batch){.records = NULL};
        *task->ready_last = ready;
        task->ready_last = &ready->next;
        task->ready_count++;
    }
    if (status == KF_FATAL)
        task->kind = KF_TASK_FAILED;
    task->is_processed = status != KF_OK;
    if (task == pool->head)
        (void)pthread_cond_signal(&pool->progress);
}

static void process_task(struct pool *pool, void *worker, struct kf_task *task)
{
    enum kf_status status = KF_OK;

    while (status == KF_OK) {
        struct kf_batch batch = {.records = NULL};

        status = kf_process(pool->pipeline, worker, task, &batch, &task->error);
        if (status == KF_FATAL)
            kf_batch_reset(&batch); /* what came before it in this batch is not whole */
        (void)pthread_mutex_lock(&pool->lock);
        deliver(pool, task, &batch, status);
        if (task->is_processed)
            status = KF_END; /* the writer owns the task now */
        while (status == KF_OK && task->ready_count >= READY_BATCHES_MAX && !pool->cancelled)
            (void)pthread_cond_wait(&pool->taken, &pool->lock);
        if (pool->cancelled)
            status = KF_END;
        (void)pthread_mutex_unlock(&pool->lock);
        kf_batch_reset(&batch);
    }
}

static void *work_thread(void *argument)
{
    struct pool *pool = argument;
    const struct kf_stage *stage = &pool->pipeline->stage;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    void *worker = stage->context;
    bool started = true;
    struct kf_task *task;

    if (stage->start != NULL && stage->start(stage->context, &worker, &error) != KF_OK)
        started = false;
    for (;;) {
        (void)pthread_mutex_lock(&pool->lock);
        task = take_task(pool);
        if (task != NULL && !started) {
            task->error = error;
            deliver(pool, task, &(struct kf_batch){.records = NULL}, KF_FATAL);
        }
        (void)pthread_mutex_unlock(&pool->lock);
        if (task == NULL || !started)
            break;
        process_task(pool, worker, task);
    }
    if (started && stage->start != NULL)
        stage->end(worker);
    return NULL;
}

/*
 * Waits for the head to have a batch or an end. Returns the task; *ready is NULL at its end, when
 * it has left the list and is the caller's. NULL: the list has ended without a word (no memory).
 */
static struct kf_task *next_result(struct pool *pool, struct kf_ready_batch **ready)
{
    struct kf_task *task;

    (void)pthread_mutex_lock(&pool->lock);
    while ((pool->head == NULL && !pool->produced) ||
           (pool->head != NULL && pool->head->ready == NULL && !pool->head->is_processed))
        (void)pthread_cond_wait(&pool->progress, &pool->lock);
    task = pool->head;
    *ready = task != NULL ? task->ready : NULL;
    if (*ready != NULL) {
        task->ready = (*ready)->next;
        task->ready_count--;
        if (task->ready == NULL)
            task->ready_last = &task->ready;
    } else if (task != NULL) {
        pool->head = task->next;
        if (pool->head == NULL)
            pool->tail = &pool->head;
        pool->task_count--;
        pool->cost -= task->cost;
        if (is_half_empty(pool))
            (void)pthread_cond_signal(&pool->room);
    }
    if (*ready != NULL)
        (void)pthread_cond_broadcast(&pool->taken);
    (void)pthread_mutex_unlock(&pool->lock);
    return task;
}

static enum kf_status write_results(struct pool *pool, struct kf_progress *progress,
                                    struct kf_error *error)
{
    enum kf_status status = KF_OK;

    while (status == KF_OK) {
        struct kf_ready_batch *ready;
        struct kf_task *task = next_result(pool, &ready);

        if (task == NULL)
            return kf_fail_memory(error);
        if (ready == NULL) {
            status = kf_retire_task(progress, task, error);
            kf_task_free(task);
            continue;
        }
        status = kf_retire_batch(progress, task, &ready->batch, error);
        kf_batch_reset(&ready->batch);
        free(ready);
    }
    return status;
}

static enum kf_status start_threads(struct pool *pool, struct kf_error *error)
{
    size_t count = (size_t)pool->pipeline->jobs + 1;

    pool->threads = calloc(count, sizeof(*pool->threads));
    if (pool->threads == NULL)
        return kf_fail_memory(error);
    while (pool->thread_count < count) {
        if (pthread_create(&pool->threads[pool->thread_count], NULL,
                           pool->thread_count == 0 ? produce_thread : work_thread, pool) != 0)
            return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "cannot start thread %zu of %zu",
                           pool->thread_count + 1, count);
        pool->thread_count++;
    }
    return KF_OK;
}

static void end_threads(struct pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    pool->cancelled = true;
    (void)pthread_cond_broadcast(&pool->work);
    (void)pthread_cond_broadcast(&pool->room);
    (void)pthread_cond_broadcast(&pool->taken);
    (void)pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->thread_count; i++)
        (void)pthread_join(pool->threads[i], NULL);
    free(pool->threads);
}

enum kf_status kf_run_threads(const struct kf_pipeline *pipeline, struct kf_progress *progress,
                              struct kf_error *error)
{
    struct pool pool = {.pipeline = pipeline,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .work = PTHREAD_COND_INITIALIZER,
                        .progress = PTHREAD_COND_INITIALIZER,
                        .room = PTHREAD_COND_INITIALIZER,
                        .taken = PTHREAD_COND_INITIALIZER,
                        .producer = {.pipeline = pipeline}};
    enum kf_status status;

    pool.tail = &pool.head;
    status = start_threads(&pool, error);
    if (status == KF_OK)
        status = write_results(&pool, progress, error);
    end_threads(&pool);
    kf_producer_reset(&pool.producer);
    while (pool.head != NULL) {
        struct kf_task *task = pool.head;

        pool.head = task->next;
        kf_task_free(task);
    }
    (void)pthread_mutex_destroy(&pool.lock);
    (void)pthread_cond_destroy(&pool.work);
    (void)pthread_cond_destroy(&pool.progress);
    (void)pthread_cond_destroy(&pool.room);
    (void)pthread_cond_destroy(&pool.taken);
    return status;
}
