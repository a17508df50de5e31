/*
 * The proof of the rows: see verify.h. A thread takes the next row out of the store, looks at it,
 * and puts it into its place; whoever finds the oldest rows done tells of them. So all threads are
 * busy all the time, the store is used by one at a time, and what is told comes in the order of the
 * rows.
 */
#include "store/verify.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/verify_row.h"

#define ROWS        256u /* that are looked at, or wait for an older one */
#define THREADS_MAX 64u

struct verification {
    struct kf_store *store;
    const struct kf_verify_options *options;
    struct kf_verify_report *report;
    struct kf_verify_agent_sets sets;
    struct kf_verify_tools tools[THREADS_MAX];
    unsigned jobs;
    struct kf_result *result; /* the rows */
    bool database_checked;    /* under the lock, too */

    pthread_mutex_t lock; /* for all that follows, the store, and the report */
    pthread_cond_t moved;
    struct kf_verify_row *rows; /* a ring */
    bool done[ROWS];
    uint64_t taken, told;
    enum kf_status status; /* KF_OK: there are more rows */
    struct kf_error error;
};

struct worker {
    struct verification *verification;
    struct kf_verify_tools *tools;
};

const char *kf_verify_outcome_name(enum kf_verify_outcome outcome)
{
    switch (outcome) {
    case KF_VERIFY_OPENED:
        return "opened";
    case KF_VERIFY_SEALED:
        return "sealed";
    case KF_VERIFY_NOT_FOR_AGENT:
        return "notForAgent";
    case KF_VERIFY_NO_KEY:
        return "noKey";
    case KF_VERIFY_DEFECTIVE:
        return "defective";
    }
    return "?";
}

/* Copies the columns, which live until the next row is read. */
static enum kf_status copy_row(struct kf_verify_row *row, const struct kf_value *columns,
                               struct kf_error *error)
{
    struct kf_buf bytes = row->bytes;
    size_t len = 0;

    kf_buf_clear(&bytes);
    *row = (struct kf_verify_row){.bytes = bytes, .status = KF_OK};
    for (size_t i = 0; i < KF_REQUEST_ALL_COLUMNS; i++)
        len += columns[i].bytes.len;
    if (kf_buf_reserve(&row->bytes, len + 1, error) != KF_OK)
        return KF_FATAL;
    for (size_t i = 0; i < KF_REQUEST_ALL_COLUMNS; i++) {
        row->columns[i] = columns[i];
        row->columns[i].bytes.data = row->bytes.data + row->bytes.len;
        if (columns[i].bytes.len != 0 &&
            kf_buf_append(&row->bytes, columns[i].bytes.data, columns[i].bytes.len, error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

static enum kf_verify_outcome outcome_of(const struct verification *verification,
                                         const struct kf_verify_row *row)
{
    if (row->defects != 0)
        return KF_VERIFY_DEFECTIVE;
    if (row->columns[KF_REQUEST_KEY].type != KF_VALUE_BLOB)
        return KF_VERIFY_NO_KEY;
    if (row->not_for_agent)
        return KF_VERIFY_NOT_FOR_AGENT;
    return verification->options->agent != NULL ? KF_VERIFY_OPENED : KF_VERIFY_SEALED;
}

static void tell_row(struct verification *verification, const struct kf_verify_row *row)
{
    const struct kf_verify_options *options = verification->options;
    struct kf_verify_report *report = verification->report;
    struct kf_verify_finding finding = {
        .request_id = (uint64_t)row->columns[KF_REQUEST_ID].number,
        .sha1 = row->columns[KF_REQUEST_SHA1].bytes,
        .outcome = outcome_of(verification, row),
        .defects = row->defects,
    };

    for (size_t i = 0; i < row->defects && i < KF_VERIFY_TEXTS; i++)
        finding.texts[i] = row->texts[i];
    report->rows++;
    report->keys += row->columns[KF_REQUEST_KEY].type == KF_VALUE_BLOB;
    report->opened += row->opened;
    report->foreign += row->not_for_agent;
    report->defects += row->defects;
    report->next = finding.request_id + 1;
    options->finding(options->context, &finding);
    if (options->progress != NULL && report->rows % ROWS == 0)
        options->progress(options->context, report->rows, finding.request_id);
}

/* With the lock: tells of the oldest rows, as far as they are done. */
static void tell_rows(struct verification *verification)
{
    const atomic_bool *stop = verification->options->stop;

    while (verification->told < verification->taken &&
           verification->done[verification->told % ROWS]) {
        const struct kf_verify_row *row = &verification->rows[verification->told % ROWS];

        if (row->status != KF_OK && verification->status != KF_FATAL) {
            verification->status = KF_FATAL;
            verification->error = row->error;
        }
        if (verification->status == KF_FATAL)
            break;
        tell_row(verification, row);
        verification->told++;
    }
    if (stop != NULL && atomic_load(stop) && verification->status == KF_OK)
        verification->status = KF_SKIP;
    (void)pthread_cond_broadcast(&verification->moved);
}

/* With the lock: the next row, or NULL where there is none. */
static struct kf_verify_row *take_row(struct verification *verification)
{
    struct kf_verify_row *row;

    while (verification->status == KF_OK && verification->taken - verification->told == ROWS)
        (void)pthread_cond_wait(&verification->moved, &verification->lock);
    if (verification->status != KF_OK)
        return NULL;
    row = &verification->rows[verification->taken % ROWS];
    verification->status =
        kf_store_next(verification->store, verification->result, &verification->error);
    if (verification->status == KF_OK)
        verification->status = copy_row(row, verification->result->columns, &verification->error);
    if (verification->status == KF_OK && row->columns[KF_REQUEST_KEY].type == KF_VALUE_BLOB)
        verification->status = kf_verify_agents_find(verification->store, &verification->sets,
                                                     row->columns[KF_REQUEST_RECOVERY_HASHES].bytes,
                                                     &row->agents, &verification->error);
    if (verification->status != KF_OK)
        return NULL;
    verification->done[verification->taken++ % ROWS] = false;
    return row;
}

static void *work(void *context)
{
    const struct worker *worker = context;
    struct verification *verification = worker->verification;
    struct kf_verify_row *row;

    (void)pthread_mutex_lock(&verification->lock);
    while ((row = take_row(verification)) != NULL) {
        (void)pthread_mutex_unlock(&verification->lock);
        kf_verify_row(worker->tools, row);
        (void)pthread_mutex_lock(&verification->lock);
        verification->done[row - verification->rows] = true;
        tell_rows(verification);
    }
    (void)pthread_mutex_unlock(&verification->lock);
    return NULL;
}

static void tell_database(void *context, const char *text)
{
    struct verification *verification = context;
    const struct kf_verify_finding finding = {
        .outcome = KF_VERIFY_DEFECTIVE, .defects = 1, .texts = {text}};

    (void)pthread_mutex_lock(&verification->lock);
    verification->report->defects++;
    verification->options->finding(verification->options->context, &finding);
    (void)pthread_mutex_unlock(&verification->lock);
}

/* A worker that lets the database check itself first, over a connection of its own: nobody waits.
 */
static void *check_and_work(void *context)
{
    const struct worker *worker = context;
    struct verification *verification = worker->verification;
    struct kf_store *store = NULL;

    if (kf_store_open_again(verification->store, &store, NULL) == KF_OK &&
        kf_verify_database(store, tell_database, verification, NULL) == KF_OK) {
        (void)pthread_mutex_lock(&verification->lock);
        verification->database_checked = true;
        (void)pthread_mutex_unlock(&verification->lock);
    }
    kf_store_close(store);
    return work(context);
}

/* This thread is the first worker, and does it all where there is no other. */
static void run_workers(struct verification *verification)
{
    struct worker workers[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    unsigned started = 1;

    for (unsigned i = 0; i < THREADS_MAX; i++)
        workers[i] =
            (struct worker){.verification = verification, .tools = &verification->tools[i]};
    while (started < verification->jobs &&
           pthread_create(&threads[started], NULL, started == 1 ? check_and_work : work,
                          &workers[started]) == 0)
        started++;
    (void)work(&workers[0]);
    for (unsigned i = 1; i < started; i++)
        (void)pthread_join(threads[i], NULL);
}

static enum kf_status verify_rows(struct verification *verification, struct kf_error *error)
{
    struct kf_value from = kf_integer((int64_t)verification->options->from);
    enum kf_status status = kf_store_query(verification->store, KF_SQL_ROW_RAW_LIST, &from, 1,
                                           &verification->result, error);

    if (status == KF_OK) {
        run_workers(verification);
        status = verification->status;
    }
    kf_store_finish(verification->store, verification->result);
    if (status == KF_FATAL && error->cause == KF_CAUSE_NONE)
        *error = verification->error;
    return status == KF_END ? KF_OK : status;
}

static enum kf_status check_database(struct verification *verification, struct kf_error *error)
{
    verification->database_checked = true;
    return kf_verify_database(verification->store, tell_database, verification, error);
}

static enum kf_status prepare(struct verification *verification, struct kf_error *error)
{
    const struct kf_verify_options *options = verification->options;
    const struct kf_crypto *crypto = kf_store_crypto(verification->store);

    verification->jobs = options->jobs < THREADS_MAX ? options->jobs : THREADS_MAX;
    verification->rows = calloc(ROWS, sizeof(*verification->rows));
    if (verification->rows == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < ROWS; i++)
        verification->rows[i].bytes = KF_PUBLIC_BUF;
    for (unsigned i = 0; i < verification->jobs; i++) {
        struct kf_verify_tools *tools = &verification->tools[i];

        tools->crypto = crypto;
        if (options->agent != NULL &&
            kf_unsealer_new(crypto, options->agent, &tools->unsealer, error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

static void release(struct verification *verification)
{
    for (size_t i = 0; i < ROWS && verification->rows != NULL; i++)
        kf_buf_reset(&verification->rows[i].bytes);
    for (unsigned i = 0; i < verification->jobs; i++) {
        kf_unsealer_free(verification->tools[i].unsealer);
        kf_buf_reset(&verification->tools[i].space);
    }
    kf_verify_agents_reset(&verification->sets);
    free(verification->rows);
    free(verification);
}

enum kf_status kf_verify(struct kf_store *store, const struct kf_verify_options *options,
                         struct kf_verify_report *report, struct kf_error *error)
{
    struct verification *verification = calloc(1, sizeof(*verification));
    enum kf_status status;

    *report = (struct kf_verify_report){.next = options->from};
    if (verification == NULL)
        return kf_fail_memory(error);
    verification->store = store;
    verification->options = options;
    verification->report = report;
    (void)pthread_mutex_init(&verification->lock, NULL);
    (void)pthread_cond_init(&verification->moved, NULL);
    status = prepare(verification, error);
    if (status == KF_OK)
        status = kf_store_begin_read(store, error);
    if (status == KF_OK) {
        if (verification->jobs == 1)
            status = check_database(verification, error);
        if (status == KF_OK)
            status = verify_rows(verification, error);
        if (status == KF_OK && !verification->database_checked)
            status = check_database(verification, error);
        kf_store_rollback(store);
    }
    (void)pthread_cond_destroy(&verification->moved);
    (void)pthread_mutex_destroy(&verification->lock);
    release(verification);
    return status;
}
