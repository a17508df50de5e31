/*
 * The audit trail: see audit.h for an entry's form. The database refuses to change or remove
 * entries; who is not stopped by that is found by audit_verify.c.
 */
#include "store/audit.h"

#include <stdlib.h>
#include <time.h>

#include "crypto/merkle.h"
#include "store/internal.h"

const char *kf_audit_event_name(enum kf_audit_event event)
{
    switch (event) {
    case KF_AUDIT_INIT:
        return "init";
    case KF_AUDIT_AGENT_ADDED:
        return "agent-added";
    case KF_AUDIT_AGENT_REMOVED:
        return "agent-removed";
    case KF_AUDIT_SETTING:
        return "setting";
    case KF_AUDIT_RUN_BEGIN:
        return "run-begin";
    case KF_AUDIT_RUN_RESUMED:
        return "run-resumed";
    case KF_AUDIT_RUN_ADVANCED:
        return "run-advanced";
    case KF_AUDIT_RUN_END:
        return "run-end";
    case KF_AUDIT_KEY_ARCHIVED:
        return "key-archived";
    case KF_AUDIT_KEY_REPLACED:
        return "key-replaced";
    case KF_AUDIT_KEY_REFUSED:
        return "key-refused";
    case KF_AUDIT_KEY_FETCHED:
        return "key-fetched";
    case KF_AUDIT_CERTIFICATE_ADDED:
        return "certificate-added";
    case KF_AUDIT_CHAIN_ADDED:
        return "chain-added";
    case KF_AUDIT_NOTE:
        return "note";
    }
    return "unknown";
}

enum kf_status kf_audit_escape(struct kf_buf *line, const char *value, struct kf_error *error)
{
    size_t len = strlen(value);
    char escape[3];

    if (len > KF_AUDIT_VALUE_MAX)
        len = KF_AUDIT_VALUE_MAX;
    while (len != 0) {
        size_t plain = 0;

        while (plain < len && (unsigned char)value[plain] > 0x20 && value[plain] != 0x7f &&
               value[plain] != '%')
            plain++;
        if (kf_buf_append(line, value, plain, error) != KF_OK)
            return KF_FATAL;
        value += plain;
        len -= plain;
        if (len == 0)
            break;
        kf_hex(escape, (const uint8_t *)value, 1);
        if (kf_buf_append(line, "%", 1, error) != KF_OK ||
            kf_buf_append(line, escape, 2, error) != KF_OK)
            return KF_FATAL;
        value++;
        len--;
    }
    return KF_OK;
}

static enum kf_status append_text(struct kf_buf *line, const char *text, struct kf_error *error)
{
    return kf_buf_append(line, text, strlen(text), error);
}

static enum kf_status make_line(struct kf_buf *line, enum kf_audit_event event,
                                const struct kf_audit_field *fields, size_t count,
                                struct kf_error *error)
{
    time_t now = (time_t)kf_now();
    char when[32] = "";
    struct tm parts;

    if (gmtime_r(&now, &parts) != NULL)
        (void)strftime(when, sizeof(when), "1 %Y-%m-%dT%H:%M:%SZ ", &parts);
    if (append_text(line, when, error) != KF_OK ||
        append_text(line, kf_audit_event_name(event), error) != KF_OK)
        return KF_FATAL;
    for (size_t i = 0; i < count; i++) {
        if (kf_buf_append(line, " ", 1, error) != KF_OK ||
            append_text(line, fields[i].name, error) != KF_OK ||
            kf_buf_append(line, "=", 1, error) != KF_OK ||
            kf_audit_escape(line, fields[i].value != NULL ? fields[i].value : "", error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

/* The entry itself, in a transaction. */
static enum kf_status add_entry(struct kf_store *store, struct kf_slice line,
                                struct kf_error *error)
{
    uint8_t leaf[KF_SHA256_SIZE];
    struct kf_value values[3] = {kf_blob(line.data, line.len), kf_blob(leaf, sizeof(leaf)),
                                 kf_blob(store->audit.link, KF_SHA256_SIZE)};
    enum kf_status status = KF_OK;

    values[0].type = KF_VALUE_TEXT;
    if (!store->audit_loaded)
        status = kf_audit_head_read(store, &store->audit, error);
    if (status == KF_OK)
        status = kf_merkle_leaf(store->crypto, line, leaf, error);
    if (status == KF_OK)
        status = kf_audit_head_add(store->crypto, &store->audit, leaf, error);
    if (status != KF_OK)
        return KF_FATAL;
    store->audit_loaded = true;
    store->audit_changed = true;
    return kf_store_execute(store, KF_SQL_AUDIT_ADD, values, 3, NULL, error);
}

enum kf_status kf_audit_append(struct kf_store *store, enum kf_audit_event event,
                               const struct kf_audit_field *fields, size_t field_count,
                               struct kf_error *error)
{
    struct kf_buf line = KF_PUBLIC_BUF;
    bool own = false;
    enum kf_status status = kf_buf_reserve(&line, 1024, error);

    if (status == KF_OK)
        status = make_line(&line, event, fields, field_count, error);
    if (status == KF_OK)
        status = kf_change_begin(store, &own, error);
    if (status == KF_OK)
        status = kf_change_end(store, own, add_entry(store, kf_buf_slice(&line), error), error);
    kf_buf_reset(&line);
    return status;
}

void kf_audit_entry_reset(struct kf_audit_entry *entry)
{
    if (entry == NULL)
        return;
    free(entry->line);
    *entry = (struct kf_audit_entry){.line = NULL};
}

struct kf_audit_cursor {
    struct kf_store *store;
    struct kf_result *result;
};

enum kf_status kf_audit_all(struct kf_store *store, struct kf_audit_cursor **out,
                            struct kf_error *error)
{
    struct kf_audit_cursor *cursor = calloc(1, sizeof(*cursor));

    if (cursor == NULL)
        return kf_fail_memory(error);
    cursor->store = store;
    if (kf_store_query(store, KF_SQL_AUDIT_LIST, NULL, 0, &cursor->result, error) != KF_OK) {
        free(cursor);
        return KF_FATAL;
    }
    *out = cursor;
    return KF_OK;
}

enum kf_status kf_audit_next(struct kf_audit_cursor *cursor, struct kf_audit_entry *entry,
                             struct kf_error *error)
{
    const struct kf_value *columns = cursor->result->columns;
    enum kf_status status;

    kf_audit_entry_reset(entry);
    status = kf_store_next(cursor->store, cursor->result, error);
    if (status != KF_OK)
        return status;
    entry->sequence = (uint64_t)columns[0].number;
    entry->line_len = columns[1].bytes.len;
    if (kf_column_text(&columns[1], &entry->line, error) != KF_OK)
        return KF_FATAL;
    if (kf_column_bytes(&columns[2], entry->leaf, sizeof(entry->leaf), error) != KF_OK)
        return KF_FATAL;
    return kf_column_bytes(&columns[3], entry->link, sizeof(entry->link), error);
}

void kf_audit_close(struct kf_audit_cursor *cursor)
{
    if (cursor == NULL)
        return;
    kf_store_finish(cursor->store, cursor->result);
    free(cursor);
}
