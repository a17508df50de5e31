/*
 * The secrets that a run may use to open its input: password candidates and recipient keys.
 *
 * Candidates are tried in the order they were added, but the one that opened the last file goes
 * first. Used by any thread once it is filled.
 */
#ifndef KF_CRYPTO_SECRETS_H
#define KF_CRYPTO_SECRETS_H

#include "core/record.h"
#include "crypto/keyfile.h"

struct kf_secrets;

struct kf_password {
    struct kf_buf bytes; /* as given, usually UTF-8; secret; empty for the empty password */
    bool is_null;        /* no password at all, where a format knows the difference */
    char *label;         /* "password 3 of passwords.txt"; never the password */
};

enum kf_status kf_secrets_new(struct kf_secrets **out, struct kf_error *error) KF_MUST_USE;
void kf_secrets_free(struct kf_secrets *secrets); /* wipes; NULL-safe */

/* Moves bytes in, also when it fails. */
enum kf_status kf_secrets_add_password(struct kf_secrets *secrets, struct kf_buf *bytes,
                                       bool is_null, const char *label,
                                       struct kf_error *error) KF_MUST_USE;
/* Moves *identity in, also when it fails. */
enum kf_status kf_secrets_add_identity(struct kf_secrets *secrets, struct kf_identity *identity,
                                       struct kf_error *error) KF_MUST_USE;

size_t kf_secrets_password_count(const struct kf_secrets *secrets);
const struct kf_password *kf_secrets_password(const struct kf_secrets *secrets, size_t index);

/*
 * The index to try at the attempt-th try (from 0): the last success first, then the others in
 * order. A search asks for the last success once, before its first try: threads change it, and a
 * search whose order changed under it would try one password twice, and another never.
 */
size_t kf_secrets_last(const struct kf_secrets *secrets);
size_t kf_secrets_try(size_t last, size_t attempt);
void kf_secrets_worked(struct kf_secrets *secrets, size_t index);

/* Notes in a record which candidate opened its key. KF_FATAL: memory. */
enum kf_status kf_secrets_tell(const struct kf_secrets *secrets, size_t index,
                               struct kf_record *record, struct kf_error *error) KF_MUST_USE;

/*
 * A number that a reader leaves for the next one of the same run: which variant of a format opened.
 * 0 at first. What is found must not depend on it, only how soon.
 */
uint32_t kf_secrets_hint(const struct kf_secrets *secrets);
void kf_secrets_set_hint(struct kf_secrets *secrets, uint32_t hint);

size_t kf_secrets_identity_count(const struct kf_secrets *secrets);
const struct kf_identity *kf_secrets_identity(const struct kf_secrets *secrets, size_t index);

#endif
