/*
 * Where the audit trail stands: the roots of the tree's perfect subtrees and the last entry's link,
 * which the next entry is added to. It is written with the entries, in their transaction; so an
 * entry that is missing at the end is found as well.
 */
#include "store/internal.h"

#define LINK_PREFIX 0x02

enum kf_status kf_audit_link(const struct kf_crypto *crypto, const uint8_t before[KF_SHA256_SIZE],
                             const uint8_t leaf[KF_SHA256_SIZE], uint8_t link[KF_SHA256_SIZE],
                             struct kf_error *error)
{
    uint8_t bytes[1 + 2 * KF_SHA256_SIZE] = {LINK_PREFIX};

    memcpy(bytes + 1, before, KF_SHA256_SIZE);
    memcpy(bytes + 1 + KF_SHA256_SIZE, leaf, KF_SHA256_SIZE);
    return kf_digest(crypto->sha256, (struct kf_slice){bytes, sizeof(bytes)}, link, error);
}

enum kf_status kf_audit_head_add(const struct kf_crypto *crypto, struct kf_audit_head *head,
                                 const uint8_t leaf[KF_SHA256_SIZE], struct kf_error *error)
{
    if (kf_audit_link(crypto, head->link, leaf, head->link, error) != KF_OK)
        return KF_FATAL;
    return kf_merkle_add(crypto, &head->tree, leaf, error);
}

static enum kf_status broken(struct kf_error *error)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                   "the head of the audit trail is missing or broken");
}

/* The roots of the subtrees follow one another, that of the smallest first. */
static enum kf_status parse_head(const struct kf_value *columns, struct kf_audit_head *head,
                                 struct kf_error *error)
{
    const uint8_t *at = columns[1].bytes.data;
    size_t left = columns[1].bytes.len;

    *head = (struct kf_audit_head){.tree.size = (uint64_t)columns[0].number};
    if (columns[0].number < 0 || columns[2].bytes.len != KF_SHA256_SIZE)
        return broken(error);
    memcpy(head->link, columns[2].bytes.data, KF_SHA256_SIZE);
    for (unsigned level = 0; level < 64; level++) {
        if ((head->tree.size >> level & 1) == 0)
            continue;
        if (left < KF_SHA256_SIZE)
            return broken(error);
        memcpy(head->tree.roots[level], at, KF_SHA256_SIZE);
        at += KF_SHA256_SIZE;
        left -= KF_SHA256_SIZE;
    }
    return left == 0 ? KF_OK : broken(error);
}

enum kf_status kf_audit_head_read(struct kf_store *store, struct kf_audit_head *head,
                                  struct kf_error *error)
{
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, KF_SQL_AUDIT_HEAD_GET, NULL, 0, &result, error);

    if (status == KF_OK)
        status = kf_store_next(store, result, error);
    if (status == KF_OK)
        status = parse_head(result->columns, head, error);
    else if (status == KF_END)
        status = broken(error);
    kf_store_finish(store, result);
    return status;
}

enum kf_status kf_audit_flush(struct kf_store *store, struct kf_error *error)
{
    const struct kf_audit_head *head = &store->audit;
    uint8_t subtrees[64 * KF_SHA256_SIZE];
    size_t len = 0;

    if (!store->audit_changed)
        return KF_OK;
    for (unsigned level = 0; level < 64; level++) {
        if ((head->tree.size >> level & 1) == 0)
            continue;
        memcpy(subtrees + len, head->tree.roots[level], KF_SHA256_SIZE);
        len += KF_SHA256_SIZE;
    }
    store->audit_changed = false;
    return kf_store_execute(store, KF_SQL_AUDIT_HEAD_SET,
                            (struct kf_value[]){kf_integer((int64_t)head->tree.size),
                                                kf_blob(subtrees, len),
                                                kf_blob(head->link, KF_SHA256_SIZE)},
                            3, NULL, error);
}

/* Of each certificate, whether it is the CA's own, and its SHA-256. */
enum kf_status kf_authorities_hash(struct kf_store *store, char out[2 * KF_SHA256_SIZE + 1],
                                   struct kf_error *error)
{
    struct kf_buf list = KF_PUBLIC_BUF;
    struct kf_result *result = NULL;
    uint8_t hash[KF_SHA256_SIZE];
    int64_t position = 0;
    enum kf_status status = kf_store_query(store, KF_SQL_AUTHORITY_LIST, NULL, 0, &result, error);

    while (status == KF_OK) {
        status = kf_store_next(store, result, error);
        if (status == KF_OK)
            status = kf_digest(store->crypto->sha256, result->columns[1].bytes, hash, error);
        if (status == KF_OK)
            status = kf_buf_append(&list, result->columns[0].number != 0 ? "\1" : "", 1, error);
        if (status == KF_OK &&
            (result->columns[2].number != position++ || (uint64_t)result->columns[0].number > 1))
            status = kf_buf_append(&list, "?", 1, error); /* no list that a store ever had */
        if (status == KF_OK)
            status = kf_buf_append(&list, hash, sizeof(hash), error);
    }
    kf_store_finish(store, result);
    if (status == KF_END)
        status = kf_digest(store->crypto->sha256, kf_buf_slice(&list), hash, error);
    if (status == KF_OK)
        kf_hex(out, hash, sizeof(hash));
    kf_buf_reset(&list);
    return status;
}
