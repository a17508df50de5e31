/*
 * The audit trail: what happened to the archive, in order, and never changed afterwards.
 *
 * An entry is one line of text, its canonical bytes:
 *
 *     1 2026-11-22T00:54:09Z key-archived run=3 request=17 certificate=9f... key=07...
 *
 * format version, time (UTC), event, then name=value pairs in the order that the event defines
 * (docs/formats/archive.md). In values every byte below 0x21, 0x7f, '%' is written as %XX. The leaf
 * hash is SHA-256(0x00 || line), as RFC 6962 2.1 hashes the leaves of a Merkle tree
 * (crypto/merkle.h). Beside the tree, whose root a checkpoint has, entries are linked, so that the
 * place of a change can be named: link = SHA-256(0x02 || link of the entry before || leaf), which
 * for the first entry is 32 zero bytes.
 */
#ifndef KF_STORE_AUDIT_H
#define KF_STORE_AUDIT_H

#include "core/record.h"
#include "store/store.h"

enum kf_audit_event {
    KF_AUDIT_INIT,
    KF_AUDIT_AGENT_ADDED,
    KF_AUDIT_AGENT_REMOVED,
    KF_AUDIT_SETTING,
    KF_AUDIT_RUN_BEGIN,
    KF_AUDIT_RUN_RESUMED,
    KF_AUDIT_RUN_ADVANCED, /* with each commit: how far it has come */
    KF_AUDIT_RUN_END,
    KF_AUDIT_KEY_ARCHIVED,
    KF_AUDIT_KEY_REPLACED,
    KF_AUDIT_KEY_REFUSED,
    KF_AUDIT_KEY_FETCHED,
    KF_AUDIT_CERTIFICATE_ADDED, /* a row without a key */
    KF_AUDIT_CHAIN_ADDED,       /* certificates that came with a key, once for each such list */
    KF_AUDIT_NOTE, /* something else that the user ought to find later: an unsigned export read */
};
#define KF_AUDIT_EVENT_COUNT 15
const char *kf_audit_event_name(enum kf_audit_event event); /* "key-archived", ... */

struct kf_audit_field {
    const char *name;  /* a-z and - */
    const char *value; /* UTF-8; no secrets */
};

/* Appends an entry with the present time. */
enum kf_status kf_audit_append(struct kf_store *store, enum kf_audit_event event,
                               const struct kf_audit_field *fields, size_t field_count,
                               struct kf_error *error) KF_MUST_USE;

/* Zero-initialize. */
struct kf_audit_entry {
    uint64_t sequence; /* from 1, without gaps */
    char *line;        /* the canonical bytes */
    size_t line_len;
    uint8_t leaf[KF_SHA256_SIZE];
    uint8_t link[KF_SHA256_SIZE];
};
void kf_audit_entry_reset(struct kf_audit_entry *entry); /* NULL-safe */

/* All entries in order; as kf_rows_all. */
struct kf_audit_cursor;
enum kf_status kf_audit_all(struct kf_store *store, struct kf_audit_cursor **out,
                            struct kf_error *error) KF_MUST_USE;
enum kf_status kf_audit_next(struct kf_audit_cursor *cursor, struct kf_audit_entry *entry,
                             struct kf_error *error) KF_MUST_USE;
void kf_audit_close(struct kf_audit_cursor *cursor); /* NULL-safe */

#define KF_AUDIT_VALUE_MAX 2048u /* bytes of a value that are kept, before they are escaped */

/* An entry in its parts, which point into its line. */
struct kf_audit_parts {
    struct kf_slice time, event;
    struct kf_slice fields; /* "name=value name=value", or empty */
};
bool kf_audit_split(struct kf_slice line, struct kf_audit_parts *parts) KF_MUST_USE;

/* Takes the next field off; its value is escaped as it stands. false: no more, or not a field. */
bool kf_audit_take(struct kf_slice *fields, struct kf_slice *name,
                   struct kf_slice *value) KF_MUST_USE;

/* The value of the first field of this name, escaped; false where there is none. */
bool kf_audit_find(const struct kf_audit_parts *parts, const char *name,
                   struct kf_slice *value) KF_MUST_USE;

/* Appends a value with what would break the line escaped. */
enum kf_status kf_audit_escape(struct kf_buf *line, const char *value,
                               struct kf_error *error) KF_MUST_USE;

/* Replaces *out by the value as it was before it was escaped, and a NUL that is not counted.
 * KF_SKIP: not escaped as above. */
enum kf_status kf_audit_unescape(struct kf_slice value, struct kf_buf *out,
                                 struct kf_error *error) KF_MUST_USE;

#endif
