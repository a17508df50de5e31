/*
 * The keys of one file: see userkeys.h for the contract.
 */
#include "writers/userkeys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

char *kf_user_identity(const struct kf_record *record)
{
    const char *subject = record->distinguished_name;
    const char *mail = record->mail;
    size_t size;
    char *out;

    if (record->mailbox_guid[0] != '\0')
        return kf_strndup(record->mailbox_guid, strlen(record->mailbox_guid));
    if (subject == NULL || subject[0] == '\0')
        subject = or_empty(record->facts.subject);
    if (mail == NULL || mail[0] == '\0')
        mail = or_empty(record->facts.email);
    size = strlen(subject) + strlen(mail) + 2;
    out = malloc(size);
    if (out == NULL)
        return NULL;
    (void)snprintf(out, size, "%s\n%s", subject, mail);
    for (char *at = out; *at != '\0'; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    return out;
}

const char *kf_user_title(const struct kf_record *record)
{
    const char *const names[] = {record->display_name, record->facts.common_name,
                                 record->facts.email, record->mail, record->facts.subject};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i] != NULL && names[i][0] != '\0')
            return names[i];
    }
    return NULL;
}

static enum kf_status copy_text(char **out, const char *text, struct kf_error *error)
{
    if (text == NULL || text[0] == '\0')
        return KF_OK;
    *out = kf_strndup(text, strlen(text));
    return *out != NULL ? KF_OK : kf_fail_memory(error);
}

enum kf_status kf_user_keys_add(struct kf_user_keys *keys, const struct kf_record *record,
                                struct kf_error *error)
{
    struct kf_user_key *grown = realloc(keys->keys, (keys->count + 1) * sizeof(*grown));
    struct kf_user_key *key;

    if (grown == NULL)
        return kf_fail_memory(error);
    keys->keys = grown;
    key = &grown[keys->count++]; /* reset with the others from here on */
    *key =
        (struct kf_user_key){.pkcs8 = KF_SECRET_BUF, .cert = KF_PUBLIC_BUF, .state = record->state};
    keys->is_changed = true;
    key->chain = calloc(record->chain_count + 1, sizeof(*key->chain));
    if (key->chain == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < record->chain_count; i++) {
        key->chain[i] = KF_PUBLIC_BUF;
        key->chain_count = i + 1;
        if (kf_buf_set(&key->chain[i], kf_buf_slice(&record->chain[i]), error) != KF_OK)
            return KF_FATAL;
    }
    if (kf_buf_set(&key->pkcs8, kf_buf_slice(&record->pkcs8), error) != KF_OK ||
        kf_buf_set(&key->cert, kf_buf_slice(&record->cert), error) != KF_OK ||
        copy_text(&key->subject, record->facts.subject, error) != KF_OK)
        return KF_FATAL;
    return copy_text(&key->friendly_name,
                     record->friendly_name != NULL ? record->friendly_name : kf_user_title(record),
                     error);
}

void kf_user_keys_reset(struct kf_user_keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->count; i++) {
        struct kf_user_key *key = &keys->keys[i];

        kf_buf_reset(&key->pkcs8);
        kf_buf_reset(&key->cert);
        for (size_t j = 0; j < key->chain_count; j++)
            kf_buf_reset(&key->chain[j]);
        free(key->chain);
        free(key->friendly_name);
        free(key->subject);
    }
    free(keys->keys);
    free(keys->identity);
    free(keys->path);
    kf_buf_reset(&keys->password);
    *keys = (struct kf_user_keys){.keys = NULL};
}

bool kf_record_is_writable(struct kf_record *record)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};

    if (record->outcome != KF_PENDING)
        return false;
    if (record->key_mismatch)
        why = record->error;
    else if (record->pkcs8.len == 0 && record->sealed.len == 0)
        (void)!kf_fail(&why, KF_SKIP, KF_CAUSE_DATA, NULL, "there is no key to write");
    else if (record->cert.len == 0 || !record->has_facts)
        (void)!kf_fail(&why, KF_SKIP, KF_CAUSE_DATA, NULL, "the key has no certificate");
    else
        return true;
    kf_record_decide(record, KF_FAILED, &why);
    return false;
}
