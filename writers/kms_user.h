/*
 * One user of a KMS export while it is put together: certificates first, keys after them, whatever
 * the order in which they come.
 */
#ifndef KF_WRITERS_KMS_USER_H
#define KF_WRITERS_KMS_USER_H

#include "core/limits.h"
#include "core/record.h"

struct kf_kms_entry {
    uint8_t sha256[KF_SHA256_SIZE]; /* of the certificate */
    int64_t not_before;             /* likewise */
    enum kf_key_state state;
    size_t key_end; /* where its key ends in keys */
};

struct kf_kms_open_user {
    bool is_open;
    char source_guid[KF_UUID_SIZE]; /* "" where the source has none */
    char *subject;                  /* owned; "" where unknown */
    char *mail;                     /* likewise */
    struct kf_buf head;             /* the start tag and the names, public */
    struct kf_buf certificates;     /* public */
    struct kf_buf keys;             /* public: encrypted */
    struct kf_kms_entry entries[KF_MAX_KMS_ENTRIES];
    size_t count;
};

/* Zero-initialize, then init. reset is for the next user as well as for the end. */
void kf_kms_user_init(struct kf_kms_open_user *user);
void kf_kms_user_reset(struct kf_kms_open_user *user);

/* Whether a record belongs to the user that is open. */
bool kf_kms_user_is(const struct kf_kms_open_user *user, const struct kf_record *record,
                    const struct kf_cert_facts *facts);

/* Opens a user with this ordinal and GUID for the record's owner. KF_FATAL: memory. */
enum kf_status kf_kms_user_begin(struct kf_kms_open_user *user, uint64_t ordinal, const char *guid,
                                 const struct kf_record *record, const struct kf_cert_facts *facts,
                                 struct kf_error *error) KF_MUST_USE;

/* Whether the user has a certificate already. */
bool kf_kms_user_has(const struct kf_kms_open_user *user, const uint8_t sha256[KF_SHA256_SIZE]);

/* Adds a certificate and its encrypted key. KF_SKIP with KF_CAUSE_LIMIT: no more fits. */
enum kf_status kf_kms_user_add(struct kf_kms_open_user *user, const struct kf_record *record,
                               const struct kf_cert_facts *facts, struct kf_slice sealed,
                               struct kf_error *error) KF_MUST_USE;

/*
 * Appends the whole user to out and closes it. Where the source tells neither mailboxes nor
 * previous keys, the user's newest certificate is taken for the current one, and the others for
 * previous.
 */
enum kf_status kf_kms_user_end(struct kf_kms_open_user *user, struct kf_buf *out,
                               struct kf_error *error) KF_MUST_USE;

#endif
