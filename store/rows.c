/*
 * The rows, read: see rows.h. They are written by the import rules alone (place.c).
 */
#include "store/rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/cert.h"
#include "store/audit.h"
#include "store/internal.h"
#include "store/search.h"

#define PAGE_ROWS 100u /* of a list of all rows */

const char *kf_disposition_name(enum kf_disposition disposition)
{
    switch (disposition) {
    case KF_DISPOSITION_FOREIGN:
        return "foreign";
    case KF_DISPOSITION_ISSUED:
        return "issued";
    case KF_DISPOSITION_REVOKED:
        return "revoked";
    }
    return "unknown";
}

void kf_row_reset(struct kf_row *row)
{
    if (row == NULL)
        return;
    free(row->requester_name);
    free(row->caller_name);
    free(row->distinguished_name);
    free(row->common_name);
    free(row->email);
    free(row->upn);
    free(row->issuer_name);
    free(row->serial_number);
    free(row->subject_key_identifier);
    free(row->public_key_algorithm);
    free(row->key_recovery_hashes);
    free(row->display_name);
    free(row->friendly_name);
    free(row->source);
    memset(row, 0, sizeof(*row));
}

static enum kf_status read_hash(const struct kf_value *column, size_t len, char *out,
                                struct kf_error *error)
{
    uint8_t hash[KF_SHA256_SIZE];

    if (kf_column_bytes(column, hash, len, error) != KF_OK)
        return KF_FATAL;
    kf_hex(out, hash, len);
    return KF_OK;
}

static void read_numbers(const struct kf_value *columns, struct kf_row *row)
{
    row->request_id = (uint64_t)columns[0].number;
    row->disposition = (enum kf_disposition)columns[1].number;
    row->submitted_when = columns[2].number;
    row->resolved_when = columns[3].number;
    row->not_before = columns[12].number;
    row->not_after = columns[13].number;
    row->public_key_length = (unsigned)columns[16].number;
    row->key_blob = (enum kf_blob_type)columns[19].number;
    row->has_key = row->key_blob != KF_BLOB_NONE;
    row->key_mismatch = columns[21].number != 0;
    row->key_state = (enum kf_key_state)columns[22].number;
    row->run = (uint64_t)columns[26].number;
    row->ordinal = (uint64_t)columns[28].number;
}

/* ROW_COLUMNS of the backend, in order. */
static enum kf_status read_row(const struct kf_value *columns, struct kf_row *row,
                               struct kf_error *error)
{
    const struct {
        size_t column;
        char **out;
    } texts[] = {
        {4, &row->requester_name},
        {5, &row->caller_name},
        {6, &row->distinguished_name},
        {7, &row->common_name},
        {8, &row->email},
        {9, &row->upn},
        {10, &row->issuer_name},
        {11, &row->serial_number},
        {14, &row->subject_key_identifier},
        {15, &row->public_key_algorithm},
        {20, &row->key_recovery_hashes},
        {24, &row->display_name},
        {25, &row->friendly_name},
        {27, &row->source},
    };

    kf_row_reset(row);
    read_numbers(columns, row);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (kf_column_text(&columns[texts[i].column], texts[i].out, error) != KF_OK)
            return KF_FATAL;
    }
    if (columns[23].bytes.len == KF_UUID_SIZE - 1)
        memcpy(row->mailbox_guid, columns[23].bytes.data, KF_UUID_SIZE - 1);
    if (read_hash(&columns[17], KF_SHA1_SIZE, row->certificate_hash, error) != KF_OK)
        return KF_FATAL;
    return read_hash(&columns[18], KF_SHA256_SIZE, row->certificate_sha256, error);
}

enum kf_status kf_rows_count(struct kf_store *store, uint64_t *count, struct kf_error *error)
{
    int64_t number = 0;
    enum kf_status status = kf_store_number(store, KF_SQL_ROW_COUNT, NULL, 0, &number, error);

    *count = (uint64_t)number;
    return status;
}

/* KF_END: no such row. */
static enum kf_status get_row(struct kf_store *store, uint64_t request_id, struct kf_row *row,
                              struct kf_error *error)
{
    struct kf_value value = kf_integer((int64_t)request_id);
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, KF_SQL_ROW_GET, &value, 1, &result, error);

    if (status == KF_OK)
        status = kf_store_next(store, result, error);
    if (status == KF_OK)
        status = read_row(result->columns, row, error);
    kf_store_finish(store, result);
    if (status != KF_OK)
        kf_row_reset(row);
    return status;
}

static enum kf_status no_such_row(uint64_t request_id, struct kf_error *error)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_USAGE, NULL, "there is no request %llu in the store",
                   (unsigned long long)request_id);
}

enum kf_status kf_rows_get(struct kf_store *store, uint64_t request_id, struct kf_row *row,
                           struct kf_error *error)
{
    enum kf_status status = get_row(store, request_id, row, error);

    return status == KF_END ? no_such_row(request_id, error) : status;
}

/* Either all rows, by pages, or the ids of candidates. */
struct kf_row_cursor {
    struct kf_store *store;
    struct kf_row *page;       /* PAGE_ROWS of them; NULL: candidates */
    size_t page_count, handed; /* read into the page, and given to the caller */
    uint64_t last;             /* RequestID of the last row that was read, or 0 */
    struct kf_search search;
    uint64_t *ids;
    size_t count, at;
};

/* The rows after the last one, until the page is full; the statement ends with it. */
static enum kf_status read_page(struct kf_row_cursor *cursor, struct kf_error *error)
{
    const struct kf_value values[] = {kf_integer((int64_t)cursor->last), kf_integer(PAGE_ROWS)};
    struct kf_result *result = NULL;
    enum kf_status status =
        kf_store_query(cursor->store, KF_SQL_ROW_LIST, values, 2, &result, error);

    cursor->page_count = 0;
    cursor->handed = 0;
    while (status == KF_OK) {
        struct kf_row *row = &cursor->page[cursor->page_count];

        status = kf_store_next(cursor->store, result, error);
        if (status == KF_OK)
            status = read_row(result->columns, row, error);
        if (status == KF_OK) {
            cursor->last = row->request_id;
            cursor->page_count++;
        }
    }
    kf_store_finish(cursor->store, result);
    return status == KF_END ? KF_OK : status;
}

enum kf_status kf_rows_all(struct kf_store *store, struct kf_row_cursor **out,
                           struct kf_error *error)
{
    struct kf_row_cursor *cursor = calloc(1, sizeof(*cursor));

    if (cursor != NULL)
        cursor->page = calloc(PAGE_ROWS + 1, sizeof(*cursor->page));
    if (cursor == NULL || cursor->page == NULL) {
        free(cursor);
        return kf_fail_memory(error);
    }
    cursor->store = store;
    *out = cursor;
    return KF_OK;
}

enum kf_status kf_rows_find(struct kf_store *store, const char *token, struct kf_row_cursor **out,
                            struct kf_error *error)
{
    struct kf_row_cursor *cursor = calloc(1, sizeof(*cursor));
    enum kf_status status;

    if (cursor == NULL)
        return kf_fail_memory(error);
    cursor->store = store;
    status = kf_search_parse(&cursor->search, token, error);
    if (status == KF_OK)
        status = kf_search_candidates(store, &cursor->search, &cursor->ids, &cursor->count, error);
    if (status != KF_OK) {
        kf_rows_close(cursor);
        return status;
    }
    *out = cursor;
    return KF_OK;
}

static enum kf_status next_of_all(struct kf_row_cursor *cursor, struct kf_row *row,
                                  struct kf_error *error)
{
    bool is_first = cursor->last == 0;
    enum kf_status status = KF_OK;

    kf_row_reset(row);
    if (cursor->handed == cursor->page_count && (is_first || cursor->page_count == PAGE_ROWS))
        status = read_page(cursor, error);
    if (status != KF_OK || cursor->handed == cursor->page_count)
        return status != KF_OK ? status : KF_END;
    *row = cursor->page[cursor->handed]; /* the caller owns it now */
    cursor->page[cursor->handed++] = (struct kf_row){.request_id = 0};
    return KF_OK;
}

enum kf_status kf_rows_next(struct kf_row_cursor *cursor, struct kf_row *row,
                            struct kf_error *error)
{
    if (cursor->page != NULL)
        return next_of_all(cursor, row, error);
    while (cursor->at < cursor->count) {
        enum kf_status status = get_row(cursor->store, cursor->ids[cursor->at++], row, error);

        if (status == KF_FATAL)
            return KF_FATAL;
        if (status == KF_OK && kf_search_matches(&cursor->search, row))
            return KF_OK;
    }
    kf_row_reset(row);
    return KF_END;
}

void kf_rows_close(struct kf_row_cursor *cursor)
{
    if (cursor == NULL)
        return;
    for (size_t i = cursor->handed; cursor->page != NULL && i <= PAGE_ROWS; i++)
        kf_row_reset(&cursor->page[i]);
    free(cursor->page);
    kf_search_reset(&cursor->search);
    free(cursor->ids);
    free(cursor);
}

/* A column of the row's material, 0 the certificate, 1 the key. KF_END: it has none. */
static enum kf_status get_material(struct kf_store *store, uint64_t request_id, size_t column,
                                   struct kf_buf *out, struct kf_error *error)
{
    struct kf_value value = kf_integer((int64_t)request_id);
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, KF_SQL_MATERIAL_GET, &value, 1, &result, error);

    if (status == KF_OK)
        status = kf_store_next(store, result, error);
    if (status == KF_END)
        status = no_such_row(request_id, error);
    else if (status == KF_OK && result->columns[column].type == KF_VALUE_NULL)
        status = KF_END;
    else if (status == KF_OK)
        status = kf_buf_set(out, result->columns[column].bytes, error);
    kf_store_finish(store, result);
    return status;
}

enum kf_status kf_row_sealed(struct kf_store *store, uint64_t request_id, struct kf_buf *out,
                             struct kf_error *error)
{
    enum kf_status status = get_material(store, request_id, 1, out, error);

    if (status == KF_END)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                       "request %llu has a certificate, but no key is archived",
                       (unsigned long long)request_id);
    return status;
}

enum kf_status kf_row_certificate(struct kf_store *store, uint64_t request_id, struct kf_buf *out,
                                  struct kf_error *error)
{
    return get_material(store, request_id, 0, out, error);
}

static enum kf_status own_chain(struct kf_store *store, uint64_t request_id,
                                struct kf_der_list *out, struct kf_error *error)
{
    struct kf_value value = kf_integer((int64_t)request_id);
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, KF_SQL_CHAIN_LIST, &value, 1, &result, error);

    while (status == KF_OK) {
        status = kf_store_next(store, result, error);
        if (status == KF_OK)
            status = kf_der_list_add(out, result->columns[0].bytes, error);
    }
    kf_store_finish(store, result);
    return status == KF_END ? KF_OK : status;
}

/* The facts of those of pool that are certificates; the others, which a source may have had as
 * well, leave the pool. */
static enum kf_status parse_pool(struct kf_store *store, struct kf_der_list *pool,
                                 struct kf_cert_facts *facts, struct kf_error *error)
{
    size_t kept = 0;

    for (size_t i = 0; i < pool->count; i++) {
        enum kf_status status =
            kf_cert_parse(store->crypto, kf_buf_slice(&pool->items[i]), &facts[kept], NULL);

        if (status == KF_FATAL)
            return kf_fail_memory(error);
        if (status != KF_OK)
            kf_buf_reset(&pool->items[i]);
        else if (kept++ != i)
            kf_buf_move(&pool->items[kept - 1], &pool->items[i]);
    }
    pool->count = kept;
    return KF_OK;
}

/* Adds those of pool that lead upwards from the row's certificate, whose DER is der. facts and
 * picked have room for the pool and one more. */
static enum kf_status pick_chain(struct kf_store *store, struct kf_slice der,
                                 struct kf_der_list *pool, struct kf_cert_facts *facts,
                                 size_t *picked, struct kf_der_list *out, struct kf_error *error)
{
    size_t count;

    if (kf_cert_parse(store->crypto, der, &facts[0], error) != KF_OK ||
        parse_pool(store, pool, facts + 1, error) != KF_OK)
        return KF_FATAL;
    count = kf_chain_pick(store->crypto, &facts[0], facts + 1, pool->count, picked);
    for (size_t i = 0; i < count; i++) {
        if (kf_der_list_add(out, kf_buf_slice(&pool->items[picked[i]]), error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

static enum kf_status add_chain(struct kf_store *store, struct kf_slice der,
                                struct kf_der_list *pool, struct kf_der_list *out,
                                struct kf_error *error)
{
    size_t size = pool->count + 1;
    struct kf_cert_facts *facts = calloc(size, sizeof(*facts));
    size_t *picked = calloc(size, sizeof(*picked));
    enum kf_status status = facts != NULL && picked != NULL
                                ? pick_chain(store, der, pool, facts, picked, out, error)
                                : kf_fail_memory(error);

    for (size_t i = 0; i < size && facts != NULL; i++)
        kf_cert_facts_reset(&facts[i]);
    free(picked);
    free(facts);
    return status;
}

enum kf_status kf_row_chain(struct kf_store *store, uint64_t request_id, struct kf_der_list *out,
                            struct kf_error *error)
{
    struct kf_der_list pool = {.items = NULL};
    struct kf_buf der = KF_PUBLIC_BUF;
    enum kf_status status = kf_row_certificate(store, request_id, &der, error);

    if (status == KF_OK)
        status = own_chain(store, request_id, &pool, error);
    if (status == KF_OK)
        status = kf_store_ca(store, NULL, &pool, &pool, error);
    if (status == KF_OK)
        status = add_chain(store, kf_buf_slice(&der), &pool, out, error);
    kf_buf_reset(&der);
    kf_der_list_reset(&pool);
    return status;
}

enum kf_status kf_row_note_fetch(struct kf_store *store, uint64_t request_id, const char *to,
                                 struct kf_error *error)
{
    struct kf_row row = {.request_id = 0};
    char number[24];
    enum kf_status status = kf_rows_get(store, request_id, &row, error);

    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)request_id);
    if (status == KF_OK)
        status = kf_audit_append(store, KF_AUDIT_KEY_FETCHED,
                                 (struct kf_audit_field[]){{"caller", store->caller},
                                                           {"request", number},
                                                           {"certificate", row.certificate_sha256},
                                                           {"to", to}},
                                 4, error);
    kf_row_reset(&row);
    return status;
}
