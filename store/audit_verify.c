/*
 * The proof of the audit trail: see audit_verify.h. Two passes, in one transaction that reads: the
 * entries in order, and then what they are about.
 */
#include "store/audit_verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/audit_check.h"

#define STOP_EVERY 256 /* entries between two looks at the flag */

void kf_audit_defect(struct kf_audit_check *check, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    check->report->defects++;
    if (check->options->defect != NULL)
        check->options->defect(check->options->context, text);
}

bool kf_audit_says(const struct kf_audit_parts *parts, const char *name, const char *value)
{
    struct kf_slice found;

    return kf_audit_find(parts, name, &found) && found.len == strlen(value) &&
           memcmp(found.data, value, found.len) == 0;
}

bool kf_audit_number(const struct kf_audit_parts *parts, const char *name, uint64_t *out)
{
    struct kf_slice found;
    char digits[24] = "";

    if (!kf_audit_find(parts, name, &found) || found.len >= sizeof(digits))
        return false;
    memcpy(digits, found.data, found.len);
    return kf_parse_u64(digits, INT64_MAX, out);
}

enum kf_status kf_audit_fetch(struct kf_audit_check *check, uint64_t sequence, struct kf_buf *line,
                              struct kf_audit_parts *parts, bool *found, struct kf_error *error)
{
    struct kf_value value = kf_integer((int64_t)sequence);
    struct kf_result *result = NULL;
    enum kf_status status =
        kf_store_query(check->store, KF_SQL_AUDIT_GET, &value, 1, &result, error);

    *found = false;
    if (status == KF_OK)
        status = kf_store_next(check->store, result, error);
    if (status == KF_OK)
        status = kf_buf_set(line, result->columns[0].bytes, error);
    if (status == KF_OK)
        *found = kf_audit_split(kf_buf_slice(line), parts);
    kf_store_finish(check->store, result);
    return status == KF_END ? KF_OK : status;
}

/* The trail as it is read. */
struct walk {
    struct kf_audit_check *check;
    uint64_t last;                    /* sequence */
    struct kf_merkle tree;            /* of the entries as they are */
    uint8_t link[KF_SHA256_SIZE];     /* of the last entry, as stored */
    uint8_t old_root[KF_SHA256_SIZE]; /* at the checkpoint's size */
};

static void name_gap(struct kf_audit_check *check, uint64_t first, uint64_t last, const char *where)
{
    if (first == last)
        kf_audit_defect(check, "entry %llu is missing%s", (unsigned long long)first, where);
    else
        kf_audit_defect(check, "entries %llu to %llu are missing%s", (unsigned long long)first,
                        (unsigned long long)last, where);
}

/* That the entry is itself, and in its place. */
static enum kf_status check_hashes(struct walk *walk, const struct kf_audit_entry *entry,
                                   const uint8_t leaf[KF_SHA256_SIZE], struct kf_error *error)
{
    const bool after_gap = entry->sequence != walk->last + 1;
    uint8_t link[KF_SHA256_SIZE];

    if (after_gap)
        name_gap(walk->check, walk->last + 1, entry->sequence - 1, "");
    if (kf_audit_link(walk->check->store->crypto, walk->link, leaf, link, error) != KF_OK)
        return KF_FATAL;
    if (memcmp(leaf, entry->leaf, KF_SHA256_SIZE) != 0)
        kf_audit_defect(walk->check, "entry %llu was changed: its text does not have its hash",
                        (unsigned long long)entry->sequence);
    else if (!after_gap && memcmp(link, entry->link, KF_SHA256_SIZE) != 0)
        kf_audit_defect(walk->check,
                        "entry %llu is not the one that was written after entry %llu: it was "
                        "inserted, moved or exchanged",
                        (unsigned long long)entry->sequence, (unsigned long long)walk->last);
    memcpy(walk->link, entry->link, KF_SHA256_SIZE);
    return KF_OK;
}

static bool find_event(struct kf_slice name, enum kf_audit_event *out)
{
    for (int i = 0; i < KF_AUDIT_EVENT_COUNT; i++) {
        const char *known = kf_audit_event_name((enum kf_audit_event)i);

        if (name.len == strlen(known) && memcmp(name.data, known, name.len) == 0) {
            *out = (enum kf_audit_event)i;
            return true;
        }
    }
    return false;
}

static enum kf_status see_key(struct kf_audit_check *check, uint64_t sequence,
                              const struct kf_audit_parts *parts, struct kf_error *error)
{
    uint64_t request = 0;

    if (!kf_audit_number(parts, "request", &request) || request == 0 || request > KF_IDMAP_MAX) {
        kf_audit_defect(check, "entry %llu is about no row", (unsigned long long)sequence);
        return KF_OK;
    }
    return kf_idmap_set(&check->requests, request, sequence, error);
}

static enum kf_status see_entry(struct kf_audit_check *check, const struct kf_audit_entry *entry,
                                struct kf_error *error)
{
    const struct kf_slice line = {(const uint8_t *)entry->line, entry->line_len};
    struct kf_audit_parts parts;
    enum kf_audit_event event;

    if (!kf_audit_split(line, &parts) || !find_event(parts.event, &event)) {
        kf_audit_defect(check, "entry %llu is not an entry of an audit trail",
                        (unsigned long long)entry->sequence);
        return KF_OK;
    }
    switch (event) {
    case KF_AUDIT_KEY_ARCHIVED:
    case KF_AUDIT_KEY_REPLACED:
    case KF_AUDIT_CERTIFICATE_ADDED:
        return see_key(check, entry->sequence, &parts, error);
    case KF_AUDIT_INIT:
    case KF_AUDIT_AGENT_ADDED:
    case KF_AUDIT_AGENT_REMOVED:
    case KF_AUDIT_SETTING:
    case KF_AUDIT_RUN_BEGIN:
    case KF_AUDIT_RUN_ADVANCED:
    case KF_AUDIT_RUN_END:
    case KF_AUDIT_CHAIN_ADDED:
        return kf_audit_see_state(check, entry->sequence, event, &parts, error);
    case KF_AUDIT_RUN_RESUMED:
    case KF_AUDIT_KEY_REFUSED:
    case KF_AUDIT_KEY_FETCHED:
    case KF_AUDIT_NOTE:
        break;
    }
    return KF_OK;
}

static enum kf_status walk_entry(struct walk *walk, const struct kf_audit_entry *entry,
                                 struct kf_error *error)
{
    struct kf_audit_check *check = walk->check;
    const struct kf_crypto *crypto = check->store->crypto;
    const struct kf_slice line = {(const uint8_t *)entry->line, entry->line_len};
    uint8_t leaf[KF_SHA256_SIZE];

    check->report->entries++;
    if ((int64_t)entry->sequence < 1) {
        kf_audit_defect(check, "entry %lld was inserted: entries count from 1",
                        (long long)entry->sequence);
        return KF_OK;
    }
    if (kf_merkle_leaf(crypto, line, leaf, error) != KF_OK ||
        check_hashes(walk, entry, leaf, error) != KF_OK ||
        kf_merkle_add(crypto, &walk->tree, leaf, error) != KF_OK)
        return KF_FATAL;
    walk->last = entry->sequence;
    if (check->options->checkpoint != NULL && walk->tree.size == check->options->checkpoint->size &&
        kf_merkle_root(crypto, &walk->tree, walk->old_root, error) != KF_OK)
        return KF_FATAL;
    return see_entry(check, entry, error);
}

static bool is_stopped(const struct kf_audit_check *check)
{
    return check->options->stop != NULL && atomic_load(check->options->stop);
}

static enum kf_status walk_entries(struct walk *walk, struct kf_error *error)
{
    struct kf_audit_check *check = walk->check;
    struct kf_audit_cursor *cursor = NULL;
    struct kf_audit_entry entry = {.line = NULL};
    enum kf_status status = kf_audit_all(check->store, &cursor, error);

    while (status == KF_OK) {
        status = kf_audit_next(cursor, &entry, error);
        if (status == KF_OK)
            status = walk_entry(walk, &entry, error);
        if (status == KF_OK && check->report->entries % STOP_EVERY == 0 && is_stopped(check))
            status = KF_SKIP;
    }
    kf_audit_entry_reset(&entry);
    kf_audit_close(cursor);
    return status == KF_END ? KF_OK : status;
}

/* The head knows how many entries there have to be, and which was the last. */
static enum kf_status check_head(struct walk *walk, struct kf_error *error)
{
    struct kf_audit_check *check = walk->check;
    struct kf_audit_head head = {.tree.size = 0};
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    uint8_t root[KF_SHA256_SIZE];
    enum kf_status status = kf_audit_head_read(check->store, &head, &why);

    if (status == KF_SKIP) {
        kf_audit_defect(check, "%s", why.text);
        return KF_OK;
    }
    if (status != KF_OK) {
        *error = why;
        return status;
    }
    if (head.tree.size > walk->last)
        name_gap(check, walk->last + 1, head.tree.size, " at the end");
    else if (head.tree.size < walk->last)
        kf_audit_defect(check, "the entries after entry %llu were inserted",
                        (unsigned long long)head.tree.size);
    else if (kf_merkle_root(check->store->crypto, &head.tree, root, error) != KF_OK)
        return KF_FATAL;
    else if (check->report->defects == 0 &&
             (memcmp(root, check->report->root, KF_SHA256_SIZE) != 0 ||
              memcmp(head.link, walk->link, KF_SHA256_SIZE) != 0))
        kf_audit_defect(check, "the head of the trail is not that of its entries");
    return KF_OK;
}

static void check_checkpoint(struct walk *walk)
{
    const struct kf_checkpoint *checkpoint = walk->check->options->checkpoint;

    if (checkpoint == NULL)
        return;
    if (checkpoint->size > walk->tree.size)
        kf_audit_defect(walk->check,
                        "the trail has %llu entries, the checkpoint of %s has %llu: the end was "
                        "cut off",
                        (unsigned long long)walk->tree.size, checkpoint->time,
                        (unsigned long long)checkpoint->size);
    else if (memcmp(checkpoint->root, walk->old_root, KF_SHA256_SIZE) != 0)
        kf_audit_defect(walk->check, "the first %llu entries are not those of the checkpoint of %s",
                        (unsigned long long)checkpoint->size, checkpoint->time);
}

static enum kf_status check_trail(struct kf_audit_check *check, struct kf_error *error)
{
    struct walk walk = {.check = check};
    const struct kf_crypto *crypto = check->store->crypto;
    enum kf_status status;

    if (check->options->checkpoint != NULL && check->options->checkpoint->size == 0 &&
        kf_merkle_root(crypto, &walk.tree, walk.old_root, error) != KF_OK)
        return KF_FATAL;
    status = walk_entries(&walk, error);
    if (status == KF_OK)
        status = kf_merkle_root(crypto, &walk.tree, check->report->root, error);
    if (status == KF_OK)
        status = check_head(&walk, error);
    if (status == KF_OK)
        check_checkpoint(&walk);
    return status;
}

enum kf_status kf_audit_verify(struct kf_store *store, const struct kf_audit_options *options,
                               struct kf_audit_report *report, struct kf_error *error)
{
    struct kf_audit_check check = {.store = store, .options = options, .report = report};
    enum kf_status status;

    for (size_t i = 0; i < KF_AUDITED_SETTINGS; i++)
        check.settings[i] = KF_PUBLIC_BUF;
    *report = (struct kf_audit_report){.entries = 0};
    status = kf_store_begin_read(store, error);
    if (status != KF_OK)
        return status;
    status = check_trail(&check, error);
    if (status == KF_OK)
        status = kf_audit_check_state(&check, error);
    if (status == KF_OK)
        status = kf_audit_check_rows(&check, error);
    if (status == KF_OK)
        status = kf_audit_check_strays(&check, error);
    kf_store_rollback(store);
    for (size_t i = 0; i < KF_AUDITED_SETTINGS; i++)
        kf_buf_reset(&check.settings[i]);
    kf_idmap_reset(&check.requests);
    kf_idmap_reset(&check.runs_begun);
    kf_idmap_reset(&check.runs_advanced);
    kf_idmap_reset(&check.runs_ended);
    kf_idmap_reset(&check.chains);
    free(check.known_agents);
    free(check.agents);
    return status;
}
