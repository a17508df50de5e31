/*
 * One user of a KMS export: see kms_user.h for the contract.
 */
#include "writers/kms_user.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/lockbox.h"
#include "writers/kms_xml.h"

void kf_kms_user_init(struct kf_kms_open_user *user)
{
    user->head = KF_PUBLIC_BUF;
    user->certificates = KF_PUBLIC_BUF;
    user->keys = KF_PUBLIC_BUF;
}

void kf_kms_user_reset(struct kf_kms_open_user *user)
{
    free(user->subject);
    free(user->mail);
    user->subject = NULL;
    user->mail = NULL;
    kf_buf_reset(&user->head);
    kf_buf_reset(&user->certificates);
    kf_buf_reset(&user->keys);
    user->count = 0;
    user->is_open = false;
}

static const char *or_else(const char *first, const char *second)
{
    return first != NULL ? first : second != NULL ? second : "";
}

static const char *subject_of(const struct kf_record *record, const struct kf_cert_facts *facts)
{
    return or_else(record->distinguished_name, facts->subject);
}

static const char *mail_of(const struct kf_record *record, const struct kf_cert_facts *facts)
{
    return or_else(record->mail, facts->email);
}

bool kf_kms_user_is(const struct kf_kms_open_user *user, const struct kf_record *record,
                    const struct kf_cert_facts *facts)
{
    const char *subject = subject_of(record, facts);
    const char *mail = mail_of(record, facts);

    if (!user->is_open || strcmp(user->source_guid, record->mailbox_guid) != 0)
        return false;
    if (record->mailbox_guid[0] != '\0')
        return true;
    return (subject[0] != '\0' || mail[0] != '\0') && strcmp(user->subject, subject) == 0 &&
           strcmp(user->mail, mail) == 0;
}

/* <name>text</name>, or nothing where there is no text. */
static enum kf_status put_name(struct kf_buf *out, const char *name, const char *text,
                               struct kf_error *error)
{
    if (text[0] == '\0')
        return KF_OK;
    if (kf_xml_put(out, error, "    <%s>", name) != KF_OK ||
        kf_xml_put_text(out, text, KF_MAX_NAME, error) != KF_OK)
        return KF_FATAL;
    return kf_xml_put(out, error, "</%s>\n", name);
}

enum kf_status kf_kms_user_begin(struct kf_kms_open_user *user, uint64_t ordinal, const char *guid,
                                 const struct kf_record *record, const struct kf_cert_facts *facts,
                                 struct kf_error *error)
{
    const char *subject = subject_of(record, facts);
    const char *mail = mail_of(record, facts);
    const char *display = or_else(record->display_name, or_else(facts->common_name, NULL));

    kf_kms_user_reset(user);
    user->subject = kf_strndup(subject, strlen(subject));
    user->mail = kf_strndup(mail, strlen(mail));
    if (user->subject == NULL || user->mail == NULL)
        return kf_fail_memory(error);
    memcpy(user->source_guid, record->mailbox_guid, sizeof(user->source_guid));
    user->is_open = true;
    if (kf_xml_put(&user->head, error, "  <User ordinal=\"%llu\" mailboxGuid=\"%s\">\n",
                   (unsigned long long)ordinal, guid) != KF_OK ||
        put_name(&user->head, "DisplayName", display, error) != KF_OK ||
        put_name(&user->head, "DistinguishedName", subject, error) != KF_OK)
        return KF_FATAL;
    return put_name(&user->head, "Mail", mail, error);
}

bool kf_kms_user_has(const struct kf_kms_open_user *user, const uint8_t sha256[KF_SHA256_SIZE])
{
    for (size_t i = 0; i < user->count; i++) {
        if (memcmp(user->entries[i].sha256, sha256, KF_SHA256_SIZE) == 0)
            return true;
    }
    return false;
}

static enum kf_status put_certificate(struct kf_kms_open_user *user, struct kf_slice der,
                                      struct kf_error *error)
{
    struct kf_buf *out = &user->certificates;

    if (kf_xml_put(out, error, "    <Certificate id=\"c%zu\" use=\"encryption\">",
                   user->count + 1) != KF_OK ||
        kf_base64_encode(out, der, error) != KF_OK)
        return KF_FATAL;
    return kf_xml_put(out, error, "</Certificate>\n");
}

/* The encrypted key; the element around it, which tells its state, is put there at the end. */
static enum kf_status put_key(struct kf_buf *out, struct kf_slice sealed, struct kf_error *error)
{
    if (kf_xml_put(out, error,
                   "      <xenc:EncryptedData>\n"
                   "        <xenc:EncryptionMethod Algorithm=\"%s\"/>\n"
                   "        <xenc:CipherData><xenc:CipherValue>",
                   kf_bulk_uri(KF_BULK_AES256_GCM)) != KF_OK ||
        kf_base64_encode(out, sealed, error) != KF_OK)
        return KF_FATAL;
    return kf_xml_put(out, error,
                      "</xenc:CipherValue></xenc:CipherData>\n      </xenc:EncryptedData>\n");
}

enum kf_status kf_kms_user_add(struct kf_kms_open_user *user, const struct kf_record *record,
                               const struct kf_cert_facts *facts, struct kf_slice sealed,
                               struct kf_error *error)
{
    size_t held = user->head.len + user->certificates.len + user->keys.len;
    size_t wanted = (record->cert.len + sealed.len) / 3 * 4 + 1024;
    struct kf_kms_entry *entry;

    if (user->count == KF_MAX_KMS_ENTRIES || held + wanted > KF_MAX_KMS_USER)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "one user of a KMS export cannot have more than %u keys or %u bytes",
                       KF_MAX_KMS_ENTRIES, KF_MAX_KMS_USER);
    if (put_certificate(user, kf_buf_slice(&record->cert), error) != KF_OK ||
        put_key(&user->keys, sealed, error) != KF_OK)
        return KF_FATAL;
    entry = &user->entries[user->count++];
    memcpy(entry->sha256, facts->sha256, KF_SHA256_SIZE);
    entry->not_before = facts->not_before;
    entry->state = record->state;
    entry->key_end = user->keys.len;
    return KF_OK;
}

/* A PFX file, say, does not tell which of a user's keys is the current one. */
static void find_current(struct kf_kms_open_user *user)
{
    size_t newest = 0;

    if (user->source_guid[0] != '\0')
        return;
    for (size_t i = 0; i < user->count; i++) {
        if (user->entries[i].state == KF_STATE_PREVIOUS)
            return;
        if (user->entries[i].not_before > user->entries[newest].not_before)
            newest = i;
    }
    for (size_t i = 0; i < user->count; i++)
        user->entries[i].state = i == newest ? KF_STATE_CURRENT : KF_STATE_PREVIOUS;
}

static enum kf_status put_keys(const struct kf_kms_open_user *user, struct kf_buf *out,
                               struct kf_error *error)
{
    size_t from = 0;

    for (size_t i = 0; i < user->count; i++) {
        const struct kf_kms_entry *entry = &user->entries[i];

        if (kf_xml_put(out, error, "    <Key certificate=\"c%zu\" state=\"%s\">\n", i + 1,
                       kf_key_state_name(entry->state)) != KF_OK ||
            kf_buf_append(out, user->keys.data + from, entry->key_end - from, error) != KF_OK ||
            kf_xml_put(out, error, "    </Key>\n") != KF_OK)
            return KF_FATAL;
        from = entry->key_end;
    }
    return KF_OK;
}

enum kf_status kf_kms_user_end(struct kf_kms_open_user *user, struct kf_buf *out,
                               struct kf_error *error)
{
    enum kf_status status = KF_OK;

    if (!user->is_open)
        return KF_OK;
    find_current(user);
    if (kf_buf_append(out, user->head.data, user->head.len, error) != KF_OK ||
        kf_buf_append(out, user->certificates.data, user->certificates.len, error) != KF_OK ||
        put_keys(user, out, error) != KF_OK)
        status = KF_FATAL;
    if (status == KF_OK)
        status = kf_xml_put(out, error, "  </User>\n");
    kf_kms_user_reset(user);
    return status;
}
