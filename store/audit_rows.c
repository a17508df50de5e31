/*
 * Rows against the audit trail: the last entry about a row names its certificate, its archived key
 * and all its columns by their hashes.
 */
#include "store/audit_check.h"
#include "store/rowhash.h"

#define STOP_EVERY 256 /* rows between two looks at the flag */

/* A part of a row that an entry names by its SHA-256; a part that is not there has none. */
static enum kf_status check_part(struct kf_audit_check *check, const struct kf_audit_parts *entry,
                                 const struct kf_value *part, const char *name, const char *what,
                                 uint64_t request, struct kf_error *error)
{
    char hash[2 * KF_SHA256_SIZE + 1];
    struct kf_slice said;
    bool is_said = kf_audit_find(entry, name, &said);

    if (part->type == KF_VALUE_NULL) {
        if (is_said)
            kf_audit_defect(check, "request %llu: its %s was removed", (unsigned long long)request,
                            what);
        return KF_OK;
    }
    if (kf_sha256_text(check->store->crypto, part->bytes, hash, error) != KF_OK)
        return KF_FATAL;
    if (!is_said)
        kf_audit_defect(check, "request %llu: its %s was inserted: the audit trail has none",
                        (unsigned long long)request, what);
    else if (!kf_audit_says(entry, name, hash))
        kf_audit_defect(check,
                        "request %llu: its %s was changed: it is not that of the audit trail",
                        (unsigned long long)request, what);
    return KF_OK;
}

static enum kf_status check_row(struct kf_audit_check *check, const struct kf_value *columns,
                                struct kf_buf *line, struct kf_error *error)
{
    uint64_t request = (uint64_t)columns[KF_REQUEST_ID].number;
    uint64_t sequence = kf_idmap_see(&check->requests, request);
    struct kf_audit_parts entry;
    char hash[2 * KF_SHA256_SIZE + 1];
    bool found = false;

    check->report->rows++;
    if (sequence == 0) {
        check->has_strangers = true;
        kf_audit_defect(check, "request %lld was inserted: the audit trail does not know it",
                        (long long)request);
        return KF_OK;
    }
    if (kf_audit_fetch(check, sequence, line, &entry, &found, error) != KF_OK)
        return KF_FATAL;
    if (!found)
        return KF_OK; /* told before, as a defect of the entry */
    if (kf_row_hash(check->store->crypto, columns, hash, error) != KF_OK)
        return KF_FATAL;
    if (kf_audit_says(&entry, "row", hash)) {
        if (kf_audit_check_tokens(check, columns, error) != KF_OK)
            return KF_FATAL;
    } else
        kf_audit_defect(check,
                        "request %llu: its columns were changed: they are not those of entry %llu",
                        (unsigned long long)request, (unsigned long long)sequence);
    if (check_part(check, &entry, &columns[KF_REQUEST_CERTIFICATE], "certificate", "certificate",
                   request, error) != KF_OK)
        return KF_FATAL;
    return check_part(check, &entry, &columns[KF_REQUEST_KEY], "key", "archived key", request,
                      error);
}

static void name_missing_rows(struct kf_audit_check *check)
{
    uint64_t sequence = 0;

    for (uint64_t id = 0; kf_idmap_unseen(&check->requests, &id, &sequence); id++)
        kf_audit_defect(check, "request %llu was removed: entry %llu is about it",
                        (unsigned long long)id, (unsigned long long)sequence);
}

/* A row's certificate and key, which may be there without it. */
static enum kf_status see_material(void *context, const struct kf_value *columns,
                                   struct kf_error *error)
{
    struct kf_audit_check *check = context;

    (void)error;
    if (kf_idmap_see(&check->requests, (uint64_t)columns[0].number) == 0)
        kf_audit_defect(check, "request %lld: a certificate was inserted: there is no such row",
                        (long long)columns[0].number);
    return KF_OK;
}

enum kf_status kf_audit_check_rows(struct kf_audit_check *check, struct kf_error *error)
{
    struct kf_value first = kf_integer(INT64_MIN);
    struct kf_buf line = KF_PUBLIC_BUF;
    struct kf_result *result = NULL;
    const atomic_bool *stop = check->options->stop;
    enum kf_status status =
        kf_store_query(check->store, KF_SQL_ROW_RAW_LIST, &first, 1, &result, error);

    while (status == KF_OK) {
        status = kf_store_next(check->store, result, error);
        if (status == KF_OK)
            status = check_row(check, result->columns, &line, error);
        if (status == KF_OK && check->report->rows % STOP_EVERY == 0 && stop != NULL &&
            atomic_load(stop))
            status = KF_SKIP;
    }
    kf_store_finish(check->store, result);
    kf_buf_reset(&line);
    if (status != KF_END)
        return status;
    name_missing_rows(check);
    return kf_store_each(check->store, KF_SQL_MATERIAL_STRAY_LIST, NULL, 0, see_material, check,
                         error);
}
