/*
 * Password candidates and recipient keys: see secrets.h for the contract.
 */
#include "crypto/secrets.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct kf_secrets {
    struct kf_password *passwords;
    size_t password_count;
    struct kf_identity *identities;
    size_t identity_count;
    atomic_size_t last_success; /* a hint only: any order of updates is right */
    atomic_uint hint;           /* likewise */
};

enum kf_status kf_secrets_new(struct kf_secrets **out, struct kf_error *error)
{
    *out = calloc(1, sizeof(**out));
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

void kf_secrets_free(struct kf_secrets *secrets)
{
    if (secrets == NULL)
        return;
    for (size_t i = 0; i < secrets->password_count; i++) {
        kf_buf_reset(&secrets->passwords[i].bytes);
        free(secrets->passwords[i].label);
    }
    free(secrets->passwords);
    for (size_t i = 0; i < secrets->identity_count; i++)
        kf_identity_reset(&secrets->identities[i]);
    free(secrets->identities);
    free(secrets);
}

enum kf_status kf_secrets_add_password(struct kf_secrets *secrets, struct kf_buf *bytes,
                                       bool is_null, const char *label, struct kf_error *error)
{
    struct kf_password *grown =
        realloc(secrets->passwords, (secrets->password_count + 1) * sizeof(*grown));
    struct kf_password *password;
    char *copy = kf_strndup(label, strlen(label));

    if (grown != NULL)
        secrets->passwords = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        kf_buf_reset(bytes);
        return kf_fail_memory(error);
    }
    password = &grown[secrets->password_count++];
    *password = (struct kf_password){.bytes = KF_SECRET_BUF, .is_null = is_null, .label = copy};
    kf_buf_move(&password->bytes, bytes); /* the list owns the password now */
    return KF_OK;
}

enum kf_status kf_secrets_add_identity(struct kf_secrets *secrets, struct kf_identity *identity,
                                       struct kf_error *error)
{
    struct kf_identity *grown =
        realloc(secrets->identities, (secrets->identity_count + 1) * sizeof(*grown));

    if (grown == NULL) {
        kf_identity_reset(identity);
        return kf_fail_memory(error);
    }
    secrets->identities = grown;
    grown[secrets->identity_count++] = *identity; /* the list owns its parts now */
    *identity = (struct kf_identity){.key = NULL};
    return KF_OK;
}

size_t kf_secrets_password_count(const struct kf_secrets *secrets)
{
    return secrets->password_count;
}

const struct kf_password *kf_secrets_password(const struct kf_secrets *secrets, size_t index)
{
    return &secrets->passwords[index];
}

size_t kf_secrets_last(const struct kf_secrets *secrets)
{
    return atomic_load_explicit(&secrets->last_success, memory_order_relaxed);
}

size_t kf_secrets_try(size_t last, size_t attempt)
{
    if (attempt == 0)
        return last;
    return attempt <= last ? attempt - 1 : attempt;
}

void kf_secrets_worked(struct kf_secrets *secrets, size_t index)
{
    atomic_store_explicit(&secrets->last_success, index, memory_order_relaxed);
}

enum kf_status kf_secrets_tell(const struct kf_secrets *secrets, size_t index,
                               struct kf_record *record, struct kf_error *error)
{
    const char *label = secrets->passwords[index].label;

    free(record->password);
    record->secret_index = (int)index;
    record->password = kf_strndup(label, strlen(label));
    return record->password != NULL ? KF_OK : kf_fail_memory(error);
}

uint32_t kf_secrets_hint(const struct kf_secrets *secrets)
{
    return atomic_load_explicit(&secrets->hint, memory_order_relaxed);
}

void kf_secrets_set_hint(struct kf_secrets *secrets, uint32_t hint)
{
    atomic_store_explicit(&secrets->hint, hint, memory_order_relaxed);
}

size_t kf_secrets_identity_count(const struct kf_secrets *secrets)
{
    return secrets->identity_count;
}

const struct kf_identity *kf_secrets_identity(const struct kf_secrets *secrets, size_t index)
{
    return &secrets->identities[index];
}
