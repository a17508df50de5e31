/*
 * The keys that go into one file: of one user, whose records follow one another, or of all.
 */
#ifndef KF_WRITERS_USERKEYS_H
#define KF_WRITERS_USERKEYS_H

#include "core/record.h"

/* A copy of what a record says. */
struct kf_user_key {
    struct kf_buf pkcs8; /* secret */
    struct kf_buf cert;
    struct kf_buf *chain;
    size_t chain_count;
    char *friendly_name; /* or NULL */
    char *subject;       /* or NULL */
    enum kf_key_state state;
};

/* Zero-initialize. */
struct kf_user_keys {
    bool is_open;
    bool is_changed; /* since it was written */
    bool is_written; /* by this run: its file may be written over */
    bool is_refused; /* why says so: nothing of it is written */
    struct kf_error why;
    char *identity;         /* who it is; NULL for everybody */
    char *path;             /* of its file */
    struct kf_buf password; /* secret */
    struct kf_user_key *keys;
    size_t count;
};

/*
 * Who a record belongs to: the mailbox's GUID, else subject and mail in lower case. Freed by
 * free(); NULL: memory.
 */
char *kf_user_identity(const struct kf_record *record) KF_MUST_USE;

/* What to call a user's or a key's file: the name that the source has, else the certificate's. */
const char *kf_user_title(const struct kf_record *record);

/* Copies a record in, whose certificate is parsed. KF_FATAL: memory. */
enum kf_status kf_user_keys_add(struct kf_user_keys *keys, const struct kf_record *record,
                                struct kf_error *error) KF_MUST_USE;

void kf_user_keys_reset(struct kf_user_keys *keys); /* wipes, also the path; NULL-safe */

/*
 * Decides what no writer of keys can take: records without key or certificate, or whose key is not
 * the certificate's. True where the record is pending still.
 */
bool kf_record_is_writable(struct kf_record *record);

#endif
