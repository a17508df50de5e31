/*
 * Decoding the users of a KMS export: see kms_decode.h for the contract,
 * docs/formats/kms-export.md for the format.
 *
 * What is wrong with a key or its certificate costs that user. A key that is sound but not its
 * certificate's is handed on as such, since the import rules decide about it.
 */
#include "readers/kms_decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/cert.h"
#include "crypto/privkey.h"
#include "readers/kms_open.h"

#define RULE          "kms-export, Document"
#define RULE_NOT_CERT "[MS-CSRA] 3.1.4.1.26"
#define RULE_MISMATCH "[MS-CSRA] 3.1.4.2.16"

/* NULL stays NULL: an element that is empty says as much as one that is not there. */
static bool copy_name(const struct kf_kms_user *user, struct kf_kms_span span, char **out)
{
    struct kf_slice text = kf_kms_text(user, span);

    if (text.len == 0)
        return true;
    *out = kf_strndup(text.data, text.len);
    return *out != NULL;
}

static enum kf_status fill_names(const struct kf_kms_user *user, struct kf_record *record,
                                 struct kf_error *error)
{
    memcpy(record->mailbox_guid, user->guid, sizeof(record->mailbox_guid));
    if (!copy_name(user, user->display_name, &record->display_name) ||
        !copy_name(user, user->distinguished_name, &record->distinguished_name) ||
        !copy_name(user, user->mail, &record->mail))
        return kf_fail_memory(error);
    return KF_OK;
}

static enum kf_status decode_certificate(const struct kf_crypto *crypto,
                                         const struct kf_kms_user *user,
                                         const struct kf_kms_certificate *certificate,
                                         struct kf_record *record, struct kf_error *error)
{
    enum kf_status status =
        kf_base64_decode(&record->cert, kf_kms_text(user, certificate->der), error);

    if (status == KF_OK && record->cert.len > KF_MAX_CERTIFICATE)
        status = kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, RULE,
                         "the certificate is larger than %u bytes", KF_MAX_CERTIFICATE);
    if (status == KF_OK)
        status = kf_cert_parse(crypto, kf_buf_slice(&record->cert), &record->facts, error);
    record->has_facts = status == KF_OK;
    if (status == KF_SKIP) {
        kf_error_code(error, KF_E_INVALID_DATA);
        if (error->rule[0] == '\0')
            (void)snprintf(error->rule, sizeof(error->rule), "%s", RULE_NOT_CERT);
    }
    return status;
}

/* The key is the certificate's, or the record says that it is not. */
static enum kf_status match(const struct kf_crypto *crypto, struct kf_slice id,
                            struct kf_record *record, struct kf_error *error)
{
    struct kf_privkey key;
    bool belongs = false;
    enum kf_status status = kf_privkey_parse(kf_buf_slice(&record->pkcs8), &key, error);

    if (status == KF_OK)
        status = kf_privkey_match(crypto, &key, record->facts.spki_der, &belongs, error);
    if (status != KF_OK || belongs)
        return status;
    record->key_mismatch = true;
    (void)!kf_fail(&record->error, KF_SKIP, KF_CAUSE_DATA, RULE_MISMATCH,
                   "does not belong to certificate %.*s", (int)(id.len < 60 ? id.len : 60),
                   (const char *)id.data);
    kf_error_code(&record->error, KF_E_INVALIDARG);
    return KF_OK;
}

static enum kf_status decode_key(const struct kf_crypto *crypto, struct kf_slice session,
                                 const struct kf_kms_user *user, const struct kf_kms_key *key,
                                 struct kf_record *record, struct kf_error *error)
{
    const struct kf_kms_certificate *certificate = &user->certificates[key->certificate];
    enum kf_status status = decode_certificate(crypto, user, certificate, record, error);

    if (status != KF_OK)
        return status;
    if (certificate->is_signing)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, RULE,
                       "is a key of a signing certificate, and signing keys are never exported");
    if (session.len == 0)
        return kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, RULE,
                       "is encrypted, and no key was given to open the lock boxes with");
    status = kf_kms_key_open(crypto, user, key, session, &record->pkcs8, error);
    if (status == KF_OK && record->pkcs8.len > KF_MAX_PKCS8)
        status = kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, RULE, "the key is larger than %u bytes",
                         KF_MAX_PKCS8);
    if (status == KF_OK)
        status = match(crypto, kf_kms_text(user, certificate->id), record, error);
    return status;
}

static void add_place(const struct kf_kms_user *user, size_t number, uint64_t line,
                      struct kf_error *error)
{
    kf_error_line(error, line);
    kf_error_place(error, "user %llu (%s): key %zu", (unsigned long long)user->item.ordinal,
                   user->guid, number);
}

/* One key becomes one record, whatever is wrong with it. */
static enum kf_status decode_one(const struct kf_crypto *crypto, struct kf_slice session,
                                 const struct kf_kms_user *user, size_t index,
                                 struct kf_record *record, struct kf_error *error)
{
    const struct kf_kms_key *key = &user->keys[index];
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status = fill_names(user, record, error);

    if (status != KF_OK)
        return status;
    record->line = key->line;
    record->state = key->state;
    (void)snprintf(record->place, sizeof(record->place), "user %llu: key %zu",
                   (unsigned long long)user->item.ordinal, index + 1);
    status = decode_key(crypto, session, user, key, record, &why);
    if (status == KF_FATAL) {
        add_place(user, index + 1, key->line, &why);
        if (error != NULL)
            *error = why;
        return KF_FATAL;
    }
    if (status == KF_SKIP) {
        add_place(user, index + 1, key->line, &why);
        kf_buf_reset(&record->pkcs8);
        kf_record_decide(record, KF_FAILED, &why);
    } else if (record->key_mismatch) {
        add_place(user, index + 1, key->line, &record->error);
    }
    return KF_OK;
}

enum kf_status kf_kms_decode(const struct kf_crypto *crypto, struct kf_slice session,
                             const struct kf_kms_user *user, struct kf_batch *batch,
                             struct kf_error *error)
{
    batch->all_or_nothing = true;
    batch->ends_user = true;
    for (size_t i = 0; i < user->key_count; i++) {
        struct kf_record *record = kf_batch_add(batch, error);

        if (record == NULL || decode_one(crypto, session, user, i, record, error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}
