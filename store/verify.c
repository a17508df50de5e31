/*
 * The proof of the rows: see verify.h. Rows are read by the caller's thread, some hundred at a
 * time, and looked at by all threads; what they found is told in the order of the rows.
 */
#include "store/verify.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/cert.h"
#include "store/agents.h"
#include "store/verify_row.h"

#define BATCH       512  /* rows */
#define AGENTS_MAX  4096 /* different KeyRecoveryHashes that are kept */
#define THREADS_MAX 64

struct verification {
    struct kf_store *store;
    const struct kf_verify_options *options;
    struct kf_verify_report *report;
    struct kf_identity agents_keys[THREADS_MAX]; /* a copy for each, which shares no blinding */
    unsigned jobs;
    struct kf_verify_agents *agents[AGENTS_MAX];
    size_t agent_count;
    struct kf_verify_row *rows;
    size_t row_count;
    atomic_size_t at;
};

struct worker {
    struct verification *verification;
    const struct kf_identity *agent; /* NULL: none */
};

static void tell(struct verification *verification, uint64_t request_id, const char *text)
{
    const struct kf_verify_options *options = verification->options;

    verification->report->defects++;
    options->defect(options->context, request_id, text);
}

static void agents_free(struct kf_verify_agents *agents)
{
    if (agents == NULL)
        return;
    for (size_t i = 0; i < agents->count; i++)
        X509_free(agents->certificates[i]);
    free(agents->certificates);
    free(agents->hashes);
    free(agents);
}

static size_t count_lines(const char *text)
{
    size_t count = text[0] != '\0';

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

/* Takes hashes over in any case. */
static enum kf_status agents_new(struct kf_store *store, char *hashes,
                                 struct kf_verify_agents **out, struct kf_error *error)
{
    struct kf_verify_agents *agents = calloc(1, sizeof(*agents));
    struct kf_der_list list = {.items = NULL};
    enum kf_status status;

    if (agents == NULL) {
        free(hashes);
        return kf_fail_memory(error);
    }
    agents->hashes = hashes;
    agents->named = count_lines(hashes);
    status = kf_agents_certificates(store, hashes, &list, error);
    if (status == KF_OK) {
        agents->certificates = calloc(list.count + 1, sizeof(X509 *));
        if (agents->certificates == NULL)
            status = kf_fail_memory(error);
    }
    for (size_t i = 0; i < list.count && status == KF_OK; i++) {
        X509 *certificate =
            kf_x509_parse(kf_store_crypto(store), kf_buf_slice(&list.items[i]), NULL);

        if (certificate != NULL) /* a broken one is as good as none */
            agents->certificates[agents->count++] = certificate;
    }
    kf_der_list_reset(&list);
    if (status != KF_OK) {
        agents_free(agents);
        return status;
    }
    *out = agents;
    return KF_OK;
}

/* The agents of a row; few sets are used by many rows. */
static enum kf_status find_agents(struct verification *verification, struct kf_verify_row *row,
                                  struct kf_error *error)
{
    const struct kf_slice text = row->columns[KF_REQUEST_RECOVERY_HASHES].bytes;
    struct kf_verify_agents *made = NULL;
    char *hashes;

    for (size_t i = 0; i < verification->agent_count; i++) {
        const struct kf_verify_agents *known = verification->agents[i];

        if (strlen(known->hashes) == text.len &&
            (text.len == 0 || memcmp(known->hashes, text.data, text.len) == 0)) {
            row->agents = known;
            return KF_OK;
        }
    }
    if (verification->agent_count == AGENTS_MAX)
        return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL,
                       "the rows name more than %u different sets of agents", AGENTS_MAX);
    hashes = kf_strndup(text.data != NULL ? (const void *)text.data : "", text.len);
    if (hashes == NULL)
        return kf_fail_memory(error);
    if (agents_new(verification->store, hashes, &made, error) != KF_OK)
        return KF_FATAL;
    verification->agents[verification->agent_count++] = made;
    row->agents = made;
    return KF_OK;
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

static void *work(void *context)
{
    const struct worker *worker = context;
    struct verification *verification = worker->verification;

    for (;;) {
        size_t at = atomic_fetch_add(&verification->at, 1);

        if (at >= verification->row_count)
            return NULL;
        kf_verify_row(kf_store_crypto(verification->store), worker->agent, &verification->rows[at]);
    }
}

static void run_workers(struct verification *verification)
{
    struct worker workers[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    unsigned started = 1;
    unsigned i = 0;

    atomic_store(&verification->at, 0);
    do { /* this thread is the first worker, and always there */
        workers[i] = (struct worker){
            .verification = verification,
            .agent = verification->options->agent != NULL ? &verification->agents_keys[i] : NULL};
    } while (++i < verification->jobs);
    while (started < verification->jobs &&
           pthread_create(&threads[started], NULL, work, &workers[started]) == 0)
        started++;
    (void)work(&workers[0]);
    for (i = 1; i < started; i++)
        (void)pthread_join(threads[i], NULL);
}

static enum kf_status tell_rows(struct verification *verification, struct kf_error *error)
{
    struct kf_verify_report *report = verification->report;
    const struct kf_verify_options *options = verification->options;

    for (size_t i = 0; i < verification->row_count; i++) {
        const struct kf_verify_row *row = &verification->rows[i];
        uint64_t id = (uint64_t)row->columns[KF_REQUEST_ID].number;

        if (row->status != KF_OK) {
            *error = row->error;
            return KF_FATAL;
        }
        for (size_t j = 0; j < row->defects && j < KF_VERIFY_TEXTS; j++)
            tell(verification, id, row->texts[j]);
        report->rows++;
        report->keys += row->columns[KF_REQUEST_KEY].type == KF_VALUE_BLOB;
        report->opened += row->opened;
        report->foreign += row->not_for_agent;
        report->next = id + 1;
    }
    if (options->progress != NULL && report->rows != 0)
        options->progress(options->context, report->rows, report->next - 1);
    return KF_OK;
}

/* KF_END: there are no more. */
static enum kf_status read_batch(struct verification *verification, struct kf_result *result,
                                 struct kf_error *error)
{
    enum kf_status status = KF_OK;

    verification->row_count = 0;
    while (verification->row_count < BATCH) {
        struct kf_verify_row *row = &verification->rows[verification->row_count];

        status = kf_store_next(verification->store, result, error);
        if (status == KF_OK)
            status = copy_row(row, result->columns, error);
        if (status != KF_OK)
            return status;
        if (row->columns[KF_REQUEST_KEY].type == KF_VALUE_BLOB &&
            find_agents(verification, row, error) == KF_FATAL)
            return KF_FATAL;
        verification->row_count++;
    }
    return KF_OK;
}

static enum kf_status verify_rows(struct verification *verification, struct kf_error *error)
{
    const atomic_bool *stop = verification->options->stop;
    struct kf_value from = kf_integer((int64_t)verification->options->from);
    struct kf_result *result = NULL;
    enum kf_status status =
        kf_store_query(verification->store, KF_SQL_ROW_RAW_LIST, &from, 1, &result, error);

    while (status == KF_OK) {
        status = read_batch(verification, result, error);
        if (status == KF_FATAL)
            break;
        run_workers(verification);
        if (tell_rows(verification, error) != KF_OK)
            status = KF_FATAL;
        else if (status == KF_OK && stop != NULL && atomic_load(stop))
            status = KF_SKIP;
    }
    kf_store_finish(verification->store, result);
    return status == KF_END ? KF_OK : status;
}

/* What the database says of itself; a whole one says "ok", or nothing. */
static enum kf_status check_database(struct verification *verification, enum kf_statement which,
                                     const char *what, struct kf_error *error)
{
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(verification->store, which, NULL, 0, &result, error);

    while (status == KF_OK) {
        const struct kf_value *said;
        char text[300];

        status = kf_store_next(verification->store, result, error);
        if (status != KF_OK)
            break;
        said = &result->columns[0];
        if (said->bytes.len == 2 && memcmp(said->bytes.data, "ok", 2) == 0)
            continue;
        (void)snprintf(text, sizeof(text), "%s: %.*s", what,
                       (int)(said->bytes.len < 200 ? said->bytes.len : 200),
                       said->bytes.len != 0 ? (const char *)said->bytes.data : "");
        tell(verification, 0, text);
    }
    kf_store_finish(verification->store, result);
    return status == KF_END ? KF_OK : status;
}

static enum kf_status prepare(struct verification *verification, struct kf_error *error)
{
    const struct kf_identity *agent = verification->options->agent;

    verification->jobs =
        verification->options->jobs < THREADS_MAX ? verification->options->jobs : THREADS_MAX;
    verification->rows = calloc(BATCH, sizeof(*verification->rows));
    if (verification->rows == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < BATCH; i++)
        verification->rows[i].bytes = KF_PUBLIC_BUF;
    for (unsigned i = 0; agent != NULL && i < verification->jobs; i++) {
        verification->agents_keys[i].certificate = agent->certificate; /* borrowed */
        verification->agents_keys[i].key = EVP_PKEY_dup(agent->key);
        if (verification->agents_keys[i].key == NULL)
            return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_UNSUPPORTED, NULL,
                                   "the agent's key cannot be copied");
    }
    return KF_OK;
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
    status = prepare(verification, error);
    if (status == KF_OK)
        status = kf_store_begin_read(store, error);
    if (status == KF_OK) {
        status = check_database(verification, KF_SQL_INTEGRITY_LIST, "the database", error);
        if (status == KF_OK)
            status =
                check_database(verification, KF_SQL_REFERENCES_LIST,
                               "the database: a row is missing that is referred to from", error);
        if (status == KF_OK)
            status = verify_rows(verification, error);
        kf_store_rollback(store);
    }
    for (size_t i = 0; i < BATCH && verification->rows != NULL; i++)
        kf_buf_reset(&verification->rows[i].bytes);
    for (size_t i = 0; i < verification->agent_count; i++)
        agents_free(verification->agents[i]);
    for (unsigned i = 0; i < THREADS_MAX; i++)
        EVP_PKEY_free(verification->agents_keys[i].key);
    free(verification->rows);
    free(verification);
    return status;
}
