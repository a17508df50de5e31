/*
 * Certificates that are kept once each: the CA's, the agents', and the chains that came with keys.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/audit.h"
#include "store/internal.h"

#define CHAIN_MAX 64 /* certificates of one record that are kept; real chains have two or three */

void kf_der_list_reset(struct kf_der_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++)
        kf_buf_reset(&list->items[i]);
    free(list->items);
    *list = (struct kf_der_list){.items = NULL};
}

enum kf_status kf_der_list_add(struct kf_der_list *list, struct kf_slice der,
                               struct kf_error *error)
{
    struct kf_buf *items;

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].len == der.len && memcmp(list->items[i].data, der.data, der.len) == 0)
            return KF_OK;
    }
    items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (items == NULL)
        return kf_fail_memory(error);
    list->items = items;
    items[list->count] = KF_PUBLIC_BUF;
    if (kf_buf_set(&items[list->count], der, error) != KF_OK)
        return KF_FATAL;
    list->count++;
    return KF_OK;
}

enum kf_status kf_certificate_put(struct kf_store *store, struct kf_slice der, int64_t *id,
                                  struct kf_error *error)
{
    uint8_t sha256[KF_SHA256_SIZE];
    uint8_t sha1[KF_SHA1_SIZE];
    struct kf_value values[3];
    enum kf_status status;

    if (kf_digest(store->crypto->sha256, der, sha256, error) != KF_OK ||
        kf_digest(store->crypto->sha1, der, sha1, error) != KF_OK)
        return KF_FATAL;
    values[0] = kf_blob(sha256, sizeof(sha256));
    status = kf_store_number(store, KF_SQL_CERTIFICATE_FIND, values, 1, id, error);
    if (status != KF_END)
        return status;
    values[0] = kf_blob(sha1, sizeof(sha1));
    values[1] = kf_blob(sha256, sizeof(sha256));
    values[2] = kf_blob(der.data, der.len);
    return kf_store_execute(store, KF_SQL_CERTIFICATE_ADD, values, 3, id, error);
}

void kf_chain_forget(struct kf_chain_memo *memo)
{
    kf_der_list_reset(&memo->certificates);
    memo->id = 0;
}

static bool is_remembered(const struct kf_chain_memo *memo, const struct kf_buf *certificates,
                          size_t count)
{
    if (memo->id == 0 || memo->certificates.count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!kf_slice_equal(kf_buf_slice(&memo->certificates.items[i]),
                            kf_buf_slice(&certificates[i])))
            return false;
    }
    return true;
}

static enum kf_status add_members(struct kf_store *store, int64_t id,
                                  const struct kf_buf *certificates, size_t count,
                                  struct kf_error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct kf_value values[3] = {kf_integer(id), kf_integer((int64_t)i)};
        int64_t certificate = 0;

        if (kf_certificate_put(store, kf_buf_slice(&certificates[i]), &certificate, error) != KF_OK)
            return KF_FATAL;
        values[2] = kf_integer(certificate);
        if (kf_store_execute(store, KF_SQL_CHAIN_MEMBER_ADD, values, 3, NULL, error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

/* The name that a chain is known by: SHA-256 of its certificates' SHA-256, one after the other. */
static enum kf_status name_chain(const struct kf_store *store, const struct kf_buf *certificates,
                                 size_t count, uint8_t out[KF_SHA256_SIZE], struct kf_error *error)
{
    uint8_t hashes[CHAIN_MAX * KF_SHA256_SIZE];

    for (size_t i = 0; i < count; i++) {
        if (kf_digest(store->crypto->sha256, kf_buf_slice(&certificates[i]),
                      hashes + i * KF_SHA256_SIZE, error) != KF_OK)
            return KF_FATAL;
    }
    return kf_digest(store->crypto->sha256, (struct kf_slice){hashes, count * KF_SHA256_SIZE}, out,
                     error);
}

/* One entry a chain, and not a hash in that of each key, since many keys have the same. */
static enum kf_status note_chain(struct kf_store *store, int64_t id,
                                 const uint8_t name[KF_SHA256_SIZE], struct kf_error *error)
{
    char number[24];
    char hash[2 * KF_SHA256_SIZE + 1];

    (void)snprintf(number, sizeof(number), "%lld", (long long)id);
    kf_hex(hash, name, KF_SHA256_SIZE);
    return kf_audit_append(store, KF_AUDIT_CHAIN_ADDED,
                           (struct kf_audit_field[]){{"chain", number}, {"certificates", hash}}, 2,
                           error);
}

static enum kf_status remember(struct kf_chain_memo *memo, const struct kf_buf *certificates,
                               size_t count, int64_t id, struct kf_error *error)
{
    kf_chain_forget(memo);
    for (size_t i = 0; i < count; i++) {
        if (kf_der_list_add(&memo->certificates, kf_buf_slice(&certificates[i]), error) != KF_OK)
            return KF_FATAL;
    }
    memo->id = id;
    return KF_OK;
}

enum kf_status kf_chain_put(struct kf_store *store, const struct kf_buf *certificates, size_t count,
                            int64_t *id, struct kf_error *error)
{
    uint8_t name[KF_SHA256_SIZE];
    struct kf_value value = kf_blob(name, sizeof(name));
    enum kf_status status;

    *id = 0;
    if (count > CHAIN_MAX)
        count = CHAIN_MAX; /* the nearest ones */
    if (count == 0)
        return KF_OK;
    if (is_remembered(&store->chain, certificates, count)) {
        *id = store->chain.id;
        return KF_OK;
    }
    status = name_chain(store, certificates, count, name, error);
    if (status == KF_OK)
        status = kf_store_number(store, KF_SQL_CHAIN_FIND, &value, 1, id, error);
    if (status == KF_END) {
        status = kf_store_execute(store, KF_SQL_CHAIN_ADD, &value, 1, id, error);
        if (status == KF_OK)
            status = add_members(store, *id, certificates, count, error);
        if (status == KF_OK)
            status = note_chain(store, *id, name, error);
    }
    if (status != KF_OK)
        return status;
    return remember(&store->chain, certificates, count, *id, error);
}

enum kf_status kf_store_ca(struct kf_store *store, char **name, struct kf_der_list *certificates,
                           struct kf_der_list *chain, struct kf_error *error)
{
    struct kf_result *result = NULL;
    enum kf_status status = KF_OK;

    if (name != NULL) {
        *name = NULL;
        status = kf_settings_read(store, "CAName", name, error);
    }
    if (status == KF_OK)
        status = kf_store_query(store, KF_SQL_AUTHORITY_LIST, NULL, 0, &result, error);
    while (status == KF_OK) {
        struct kf_der_list *list;

        status = kf_store_next(store, result, error);
        if (status != KF_OK)
            break;
        list = result->columns[0].number != 0 ? certificates : chain;
        if (list != NULL)
            status = kf_der_list_add(list, result->columns[1].bytes, error);
    }
    kf_store_finish(store, result);
    if (status != KF_END && name != NULL) {
        free(*name);
        *name = NULL;
    }
    return status == KF_END ? KF_OK : status;
}

enum kf_status kf_column_text(const struct kf_value *column, char **out, struct kf_error *error)
{
    *out = NULL;
    if (column->type == KF_VALUE_NULL)
        return KF_OK;
    *out = kf_strndup(column->bytes.data, column->bytes.len);
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

enum kf_status kf_column_bytes(const struct kf_value *column, uint8_t *out, size_t len,
                               struct kf_error *error)
{
    if (column->type != KF_VALUE_BLOB || column->bytes.len != len)
        return kf_fail(error, KF_FATAL, KF_CAUSE_DATA, NULL,
                       "the store is damaged: a hash has the wrong length");
    memcpy(out, column->bytes.data, len);
    return KF_OK;
}

size_t kf_hash_parse(const char *text, size_t len, uint8_t out[KF_SHA256_SIZE])
{
    char digits[2 * KF_SHA256_SIZE];
    size_t count = 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == ' ' || text[i] == ':')
            continue;
        if (count == sizeof(digits))
            return 0;
        digits[count++] = text[i];
    }
    if (count != (size_t)2 * KF_SHA1_SIZE && count != (size_t)2 * KF_SHA256_SIZE)
        return 0;
    return kf_hex_decode(digits, count, out, count / 2) ? count / 2 : 0;
}
