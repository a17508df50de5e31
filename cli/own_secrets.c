/*
 * The secrets of one input: see own_secrets.h for the contract.
 */
#include "cli/own_secrets.h"

#include <string.h>

#include "cli/keys.h"
#include "cli/passwords.h"

/* A reference to the identity, its other certificates and its label. */
static enum kf_status share_key(const struct kf_identity *identity, struct kf_secrets *to,
                                struct kf_error *error)
{
    struct kf_identity copy = {.key = NULL};

    if (identity->others != NULL)
        copy.others = X509_chain_up_ref(identity->others);
    if (identity->label != NULL)
        copy.label = kf_strndup(identity->label, strlen(identity->label));
    if ((identity->others != NULL && copy.others == NULL) ||
        (identity->label != NULL && copy.label == NULL)) {
        kf_identity_reset(&copy);
        return kf_fail_memory(error);
    }
    copy.key = identity->key;
    copy.certificate = identity->certificate;
    if (copy.key != NULL)
        (void)EVP_PKEY_up_ref(copy.key);
    if (copy.certificate != NULL)
        (void)X509_up_ref(copy.certificate);
    return kf_secrets_add_identity(to, &copy, error);
}

enum kf_status kf_share_keys(const struct kf_secrets *from, struct kf_secrets *to,
                             struct kf_error *error)
{
    enum kf_status status = KF_OK;

    for (size_t i = 0; i < kf_secrets_identity_count(from) && status == KF_OK; i++)
        status = share_key(kf_secrets_identity(from, i), to, error);
    return status;
}

/* A password: a source, or the password itself. */
static enum kf_status read_password(struct kf_session *session, char *text, struct kf_buf *out,
                                    struct kf_error *error)
{
    return kf_is_password_source(text) ? kf_password_read(session, text, out, error)
                                       : kf_buf_set(out, kf_slice_of(text), error);
}

static enum kf_status add_password(struct kf_session *session, const struct kf_walk_entry *entry,
                                   struct kf_secrets *secrets, struct kf_error *error)
{
    struct kf_buf password = KF_SECRET_BUF;
    enum kf_status status;

    if (entry->password == NULL)
        return KF_OK;
    status = read_password(session, entry->password, &password, error);
    if (status == KF_OK)
        status =
            kf_secrets_add_password(secrets, &password, false, "password of the manifest", error);
    kf_buf_reset(&password);
    return status;
}

static enum kf_status add_key(struct kf_session *session, const struct kf_walk_entry *entry,
                              struct kf_secrets *secrets, struct kf_error *error)
{
    struct kf_identity identity = {.key = NULL};
    struct kf_buf password = KF_SECRET_BUF;
    enum kf_status status = KF_OK;

    if (entry->keypass != NULL)
        status = read_password(session, entry->keypass, &password, error);
    if (status == KF_OK)
        status = kf_identity_load(session->crypto, entry->key,
                                  entry->keypass != NULL ? &password : NULL, &identity, error);
    if (status == KF_OK)
        status = kf_secrets_add_identity(secrets, &identity, error);
    kf_buf_reset(&password);
    return status;
}

enum kf_status kf_own_secrets(struct kf_session *session, const struct kf_walk_entry *entry,
                              const struct kf_secrets *common, struct kf_secrets **out,
                              struct kf_error *error)
{
    enum kf_status status;

    if (entry->password == NULL && entry->key == NULL)
        return KF_OK;
    status = kf_secrets_new(out, error);
    if (status == KF_OK)
        status = add_password(session, entry, *out, error);
    if (status == KF_OK)
        status = entry->key != NULL ? add_key(session, entry, *out, error)
                                    : kf_share_keys(common, *out, error);
    if (status == KF_OK)
        return KF_OK;
    return error->cause == KF_CAUSE_MEMORY ? KF_FATAL : KF_SKIP;
}
