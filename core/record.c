/*
 * Records, batches and totals: see record.h for the contract.
 */
#include "core/record.h"

#include <stdlib.h>
#include <string.h>

const char *kf_outcome_name(enum kf_outcome outcome)
{
    static const char *const names[KF_OUTCOME_COUNT] = {
        [KF_PENDING] = "pending", [KF_ARCHIVED] = "archived", [KF_KNOWN] = "known",
        [KF_REFUSED] = "refused", [KF_FAILED] = "failed",     [KF_SKIPPED] = "skipped",
    };
    return names[outcome];
}

const char *kf_key_state_name(enum kf_key_state state)
{
    return state == KF_STATE_PREVIOUS ? "previous" : "current";
}

const char *kf_blob_type_name(enum kf_blob_type type)
{
    switch (type) {
    case KF_BLOB_RSA:
        return "rsa";
    case KF_BLOB_ECC:
        return "ecc";
    case KF_BLOB_PKCS8:
        return "pkcs8";
    case KF_BLOB_NONE:
        break;
    }
    return "none";
}

void kf_cert_facts_reset(struct kf_cert_facts *facts)
{
    if (facts == NULL)
        return;
    free(facts->serial);
    free(facts->issuer);
    free(facts->subject);
    free(facts->common_name);
    free(facts->email);
    free(facts->upn);
    free(facts->ski);
    free(facts->key_algorithm);
    free(facts->signature_algorithm);
    *facts = (struct kf_cert_facts){.version = 0};
}

void kf_record_init(struct kf_record *record)
{
    *record = (struct kf_record){
        .cert = KF_PUBLIC_BUF, .sealed = KF_PUBLIC_BUF, .pkcs8 = KF_SECRET_BUF, .secret_index = -1};
}

static const char *first_of(const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (texts[i] != NULL && texts[i][0] != '\0')
            return texts[i];
    }
    return NULL;
}

const char *kf_record_email(const struct kf_record *record)
{
    const char *const texts[] = {record->facts.email, record->mail};

    return first_of(texts, sizeof(texts) / sizeof(texts[0]));
}

const char *kf_record_owner(const struct kf_record *record)
{
    const char *const texts[] = {
        record->facts.common_name, record->display_name,       record->facts.email,  record->mail,
        record->facts.subject,     record->distinguished_name, record->friendly_name};

    return first_of(texts, sizeof(texts) / sizeof(texts[0]));
}

void kf_record_reset(struct kf_record *record)
{
    if (record == NULL)
        return;
    free(record->display_name);
    free(record->distinguished_name);
    free(record->mail);
    free(record->friendly_name);
    free(record->password);
    kf_buf_reset(&record->cert);
    kf_cert_facts_reset(&record->facts);
    for (size_t i = 0; i < record->chain_count; i++)
        kf_buf_reset(&record->chain[i]);
    free(record->chain);
    kf_buf_reset(&record->pkcs8);
    kf_buf_reset(&record->sealed);
    free(record->key_recovery_hashes);
    kf_record_init(record);
}

void kf_record_decide(struct kf_record *record, enum kf_outcome outcome,
                      const struct kf_error *error)
{
    if (record->outcome != KF_PENDING)
        return;
    record->outcome = outcome;
    record->error = *error;
}

struct kf_record *kf_batch_add(struct kf_batch *batch, struct kf_error *error)
{
    struct kf_record *record;

    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity == 0 ? 4 : batch->capacity * 2;
        struct kf_record *records = realloc(batch->records, capacity * sizeof(*records));

        if (records == NULL) {
            (void)!kf_fail_memory(error);
            return NULL;
        }
        batch->records = records;
        batch->capacity = capacity;
    }
    record = &batch->records[batch->count++];
    kf_record_init(record);
    return record;
}

void kf_batch_reset(struct kf_batch *batch)
{
    if (batch == NULL)
        return;
    for (size_t i = 0; i < batch->count; i++)
        kf_record_reset(&batch->records[i]);
    free(batch->records);
    *batch = (struct kf_batch){.records = NULL};
}

void kf_batch_settle(struct kf_batch *batch)
{
    const struct kf_record *failed = NULL;

    if (!batch->all_or_nothing)
        return;
    for (size_t i = 0; i < batch->count && failed == NULL; i++) {
        if (batch->records[i].outcome == KF_FAILED)
            failed = &batch->records[i];
    }
    if (failed == NULL)
        return;
    for (size_t i = 0; i < batch->count; i++) {
        struct kf_record *record = &batch->records[i];
        struct kf_error error = {.code = failed->error.code};

        if (record->outcome != KF_PENDING)
            continue;
        (void)!kf_fail(&error, KF_SKIP, failed->error.cause, failed->error.rule,
                       KF_HELD_BACK ": %s: %.200s", failed->place, failed->error.text);
        kf_error_line(&error, record->line);
        kf_error_place(&error, "%s", record->place);
        kf_buf_reset(&record->pkcs8);
        kf_record_decide(record, KF_FAILED, &error);
    }
}

uint64_t kf_totals_seen(const struct kf_totals *totals)
{
    uint64_t seen = 0;

    for (size_t i = 0; i < KF_OUTCOME_COUNT; i++)
        seen += totals->by_outcome[i];
    return seen;
}
