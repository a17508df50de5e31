/*
 * The import rules, part two: what the rows decide, and the rows themselves. In one transaction
 * with the run's entry and the audit trail's. Part one is rules.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "store/audit.h"
#include "store/internal.h"
#include "store/rowhash.h"
#include "store/rows.h"
#include "store/rules.h"
#include "store/runs.h"
#include "store/search.h"

#define IMPORT_CERTIFICATE "[MS-CSRA] 3.1.4.1.26"
#define IMPORT_KEY         "[MS-CSRA] 3.1.4.2.16"

/* What the audit trail tells of a record; the hashes are SHA-256 in hex. */
struct trace {
    char key[2 * KF_SHA256_SIZE + 1];      /* of the sealed key */
    char replaced[2 * KF_SHA256_SIZE + 1]; /* of the one before, or "" */
    char row[2 * KF_SHA256_SIZE + 1];      /* of the row's columns (rowhash.h) */
};

static const char *first(const char *a, const char *b)
{
    return a != NULL && a[0] != '\0' ? a : b;
}

/* The owner's mail: the certificate's, which the row is about, else the source's. */
static const char *email_of(const struct kf_record *record)
{
    return first(record->facts.email, record->mail);
}

static const char *requester_of(const struct kf_record *record)
{
    const char *mail = first(record->mail, record->facts.email);

    return first(record->facts.upn, first(mail, first(record->display_name, NULL)));
}

static struct kf_value optional_time(bool present, int64_t when)
{
    return present ? kf_integer(when) : kf_null();
}

static struct kf_value optional_id(int64_t id)
{
    return id != 0 ? kf_integer(id) : kf_null();
}

static struct kf_value guid_of(const struct kf_record *record)
{
    return record->mailbox_guid[0] != '\0' ? kf_text(record->mailbox_guid) : kf_null();
}

static enum kf_status add_tokens(struct kf_store *store, const struct kf_record *record,
                                 struct kf_error *error)
{
    char sha1[2 * KF_SHA1_SIZE + 1];
    struct kf_row_names names = {
        .common_name = record->facts.common_name,
        .upn = record->facts.upn,
        .requester_name = requester_of(record),
        .email = email_of(record),
        .mailbox_guid = record->mailbox_guid,
        .serial_number = record->facts.serial,
        .subject_key_identifier = record->facts.ski,
        .certificate_hash = sha1,
    };

    kf_hex(sha1, record->facts.sha1, KF_SHA1_SIZE);
    return kf_tokens_add(store, record->request_id, &names, error);
}

/* The row alone; the record gets its request id, and the trace the row's hash. */
static enum kf_status add_request(struct kf_store *store, const struct kf_placing *placing,
                                  struct kf_record *record, bool with_key, struct trace *trace,
                                  struct kf_error *error)
{
    const struct kf_cert_facts *facts = &record->facts;
    int64_t chain = 0;
    int64_t id = 0;

    if (kf_chain_put(store, record->chain, record->chain_count, &chain, error) != KF_OK)
        return KF_FATAL;
    struct kf_value values[KF_REQUEST_COLUMNS] = {
        kf_null(), /* given by the store */
        kf_integer(record->foreign ? KF_DISPOSITION_FOREIGN : KF_DISPOSITION_ISSUED),
        kf_integer(placing->now),
        optional_time(with_key, placing->now),
        kf_text(requester_of(record)),
        kf_text(store->caller),
        kf_text(facts->subject),
        kf_text(facts->common_name),
        kf_text(email_of(record)),
        kf_text(facts->upn),
        kf_blob(facts->sha1, KF_SHA1_SIZE),
        kf_blob(facts->sha256, KF_SHA256_SIZE),
        kf_text(facts->serial),
        kf_text(facts->issuer),
        kf_integer(facts->not_before),
        kf_integer(facts->not_after),
        kf_text(facts->ski),
        kf_text(facts->key_algorithm),
        kf_integer(facts->key_bits),
        with_key ? kf_text(record->key_recovery_hashes) : kf_null(),
        kf_integer(with_key ? record->blob_type : KF_BLOB_NONE),
        kf_integer(with_key && record->key_mismatch),
        kf_integer(record->state),
        guid_of(record),
        kf_text(record->display_name),
        kf_text(record->friendly_name),
        optional_id((int64_t)placing->input),
        kf_integer((int64_t)record->ordinal),
        optional_id(chain),
    };
    if (kf_store_execute(store, KF_SQL_ROW_ADD, values + 1, KF_REQUEST_COLUMNS - 1, &id, error) !=
        KF_OK)
        return KF_FATAL;
    record->request_id = (uint64_t)id;
    values[0] = kf_integer(id);
    return kf_row_hash(store->crypto, values, trace->row, error);
}

/* A new row, with its material and all that finds it. */
static enum kf_status add_row(struct kf_store *store, const struct kf_placing *placing,
                              struct kf_record *record, bool with_key, struct trace *trace,
                              struct kf_error *error)
{
    enum kf_status status = add_request(store, placing, record, with_key, trace, error);

    if (status == KF_OK)
        status = kf_store_execute(
            store, KF_SQL_MATERIAL_ADD,
            (struct kf_value[]){kf_integer((int64_t)record->request_id),
                                kf_blob(record->cert.data, record->cert.len),
                                with_key ? kf_blob(record->sealed.data, record->sealed.len)
                                         : kf_null()},
            3, NULL, error);
    if (status == KF_OK)
        status = kf_certificate_token_add(store, record->request_id, record->facts.sha256, error);
    if (status == KF_OK)
        status = add_tokens(store, record, error);
    return status;
}

/* The key into a row that is there. */
static enum kf_status set_key(struct kf_store *store, const struct kf_placing *placing,
                              const struct kf_record *record, struct trace *trace,
                              struct kf_error *error)
{
    int64_t chain = 0;

    if (kf_chain_put(store, record->chain, record->chain_count, &chain, error) != KF_OK)
        return KF_FATAL;
    struct kf_value values[] = {
        kf_integer(placing->now),
        kf_text(requester_of(record)),
        kf_text(store->caller),
        kf_text(record->key_recovery_hashes),
        kf_integer(record->blob_type),
        kf_integer(record->key_mismatch),
        kf_integer(record->state),
        guid_of(record),
        kf_text(record->display_name),
        kf_text(record->friendly_name),
        optional_id((int64_t)placing->input),
        kf_integer((int64_t)record->ordinal),
        optional_id(chain),
        kf_integer((int64_t)record->request_id),
    };
    struct kf_value material[] = {kf_blob(record->sealed.data, record->sealed.len),
                                  kf_integer((int64_t)record->request_id)};

    if (kf_store_execute(store, KF_SQL_ROW_SET_KEY, values, sizeof(values) / sizeof(values[0]),
                         NULL, error) != KF_OK ||
        kf_store_execute(store, KF_SQL_MATERIAL_SET, material, 2, NULL, error) != KF_OK ||
        kf_row_hash_stored(store, record->request_id, trace->row, error) != KF_OK)
        return KF_FATAL;
    return add_tokens(store, record, error);
}

static enum kf_status hash_old_key(struct kf_store *store, uint64_t request_id, char *out,
                                   struct kf_error *error)
{
    struct kf_buf old = KF_PUBLIC_BUF;
    enum kf_status status = kf_row_sealed(store, request_id, &old, error);

    if (status == KF_OK)
        status = kf_sha256_text(store->crypto, kf_buf_slice(&old), out, error);
    kf_buf_reset(&old);
    return status == KF_OK ? KF_OK : KF_FATAL;
}

static void decide_known(struct kf_record *record)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};

    if (record->request_id == 0)
        (void)!kf_fail_code(&why, KF_SKIP, KF_CAUSE_POLICY, KF_E_INVALIDARG, IMPORT_KEY,
                            "already archived from an earlier input, which -f (or --overwrite) "
                            "would replace");
    else
        (void)!kf_fail_code(
            &why, KF_SKIP, KF_CAUSE_POLICY, KF_E_INVALIDARG, IMPORT_KEY,
            "already archived as request %llu, which -f (or --overwrite) would replace",
            (unsigned long long)record->request_id);
    kf_error_line(&why, record->line);
    kf_error_place(&why, "%s", record->place);
    kf_record_decide(record, KF_KNOWN, &why);
}

static enum kf_status place_key(struct kf_store *store, const struct kf_placing *placing,
                                struct kf_record *record, struct trace *trace,
                                struct kf_error *error)
{
    bool has_key = false;
    enum kf_status found =
        kf_certificate_row(store, record->facts.sha256, &record->request_id, &has_key, error);
    enum kf_status status;

    if (found == KF_FATAL)
        return KF_FATAL;
    if (found == KF_OK && has_key && !placing->overwrite) {
        decide_known(record);
        return KF_OK;
    }
    status = kf_sha256_text(store->crypto, kf_buf_slice(&record->sealed), trace->key, error);
    if (status == KF_OK && found == KF_OK && has_key)
        status = hash_old_key(store, record->request_id, trace->replaced, error);
    if (status == KF_OK)
        status = found == KF_OK ? set_key(store, placing, record, trace, error)
                                : add_row(store, placing, record, true, trace, error);
    if (status == KF_OK) {
        record->replaced = found == KF_OK && has_key;
        record->outcome = KF_ARCHIVED;
    }
    return status;
}

/* A set of UUIDs takes hashes by their first 16 bytes. */
static enum kf_status add_seen(struct kf_uuid_set *seen, const uint8_t sha256[KF_SHA256_SIZE],
                               bool *added, struct kf_error *error)
{
    char digits[33];
    char uuid[KF_UUID_SIZE];

    kf_hex(digits, sha256, 16);
    (void)snprintf(uuid, sizeof(uuid), "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12,
                   digits + 16, digits + 20);
    return kf_uuid_set_add(seen, uuid, added, error);
}

enum kf_status kf_rules_foresee(struct kf_store *store, bool overwrite, struct kf_uuid_set *seen,
                                struct kf_record *record, struct kf_error *error)
{
    bool has_key = false;
    bool is_first = true;
    enum kf_status found;

    if (record->outcome != KF_PENDING)
        return KF_OK;
    found = kf_certificate_row(store, record->facts.sha256, &record->request_id, &has_key, error);
    if (found == KF_FATAL)
        return KF_FATAL;
    if (found != KF_OK)
        record->request_id = 0;
    if (!has_key && add_seen(seen, record->facts.sha256, &is_first, error) != KF_OK)
        return KF_FATAL;
    if ((has_key || !is_first) && !overwrite) {
        decide_known(record);
        return KF_OK;
    }
    record->replaced = has_key || !is_first;
    record->outcome = KF_ARCHIVED;
    return KF_OK;
}

static enum kf_status note_archived(struct kf_store *store, const struct kf_placing *placing,
                                    const struct kf_record *record, const struct trace *trace,
                                    struct kf_error *error)
{
    struct kf_audit_field fields[8];
    char numbers[2][24];
    char certificate[2 * KF_SHA256_SIZE + 1];
    size_t count = 0;

    (void)snprintf(numbers[0], sizeof(numbers[0]), "%llu", (unsigned long long)placing->run);
    (void)snprintf(numbers[1], sizeof(numbers[1]), "%llu", (unsigned long long)record->request_id);
    kf_hex(certificate, record->facts.sha256, KF_SHA256_SIZE);
    fields[count++] = (struct kf_audit_field){"run", numbers[0]};
    fields[count++] = (struct kf_audit_field){"request", numbers[1]};
    fields[count++] = (struct kf_audit_field){"certificate", certificate};
    fields[count++] = (struct kf_audit_field){"key", trace->key};
    fields[count++] = (struct kf_audit_field){"row", trace->row};
    if (record->replaced)
        fields[count++] = (struct kf_audit_field){"replaced", trace->replaced};
    if (record->foreign)
        fields[count++] = (struct kf_audit_field){"foreign", "yes"};
    if (record->key_mismatch)
        fields[count++] = (struct kf_audit_field){"mismatch", "yes"};
    return kf_audit_append(store, record->replaced ? KF_AUDIT_KEY_REPLACED : KF_AUDIT_KEY_ARCHIVED,
                           fields, count, error);
}

static enum kf_status note_refused(struct kf_store *store, const struct kf_placing *placing,
                                   const struct kf_record *record, struct kf_error *error)
{
    char run[24];
    char certificate[2 * KF_SHA256_SIZE + 1] = "";
    char code[16];

    (void)snprintf(run, sizeof(run), "%llu", (unsigned long long)placing->run);
    (void)snprintf(code, sizeof(code), "0x%08x", (unsigned)record->error.code);
    if (record->has_facts)
        kf_hex(certificate, record->facts.sha256, KF_SHA256_SIZE);
    return kf_audit_append(
        store, KF_AUDIT_KEY_REFUSED,
        (struct kf_audit_field[]){{"run", run}, {"certificate", certificate}, {"code", code}}, 3,
        error);
}

static enum kf_status note_certificate(struct kf_store *store, const struct kf_placing *placing,
                                       const struct kf_record *record, const struct trace *trace,
                                       struct kf_error *error)
{
    char numbers[2][24];
    char certificate[2 * KF_SHA256_SIZE + 1];

    (void)snprintf(numbers[0], sizeof(numbers[0]), "%llu", (unsigned long long)placing->run);
    (void)snprintf(numbers[1], sizeof(numbers[1]), "%llu", (unsigned long long)record->request_id);
    kf_hex(certificate, record->facts.sha256, KF_SHA256_SIZE);
    return kf_audit_append(store, KF_AUDIT_CERTIFICATE_ADDED,
                           (struct kf_audit_field[]){{"run", numbers[0]},
                                                     {"request", numbers[1]},
                                                     {"certificate", certificate},
                                                     {"row", trace->row}},
                           4, error);
}

enum kf_status kf_rules_place(struct kf_store *store, const struct kf_placing *placing,
                              struct kf_record *record, struct kf_error *error)
{
    struct trace trace = {.key = ""};
    bool own = false;
    enum kf_status status = kf_change_begin(store, &own, error);

    if (status != KF_OK)
        return status;
    if (record->outcome == KF_PENDING && (!record->has_facts || record->sealed.len == 0))
        status = kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                         "a record came to the archive without a sealed key");
    else if (record->outcome == KF_PENDING)
        status = place_key(store, placing, record, &trace, error);
    if (status == KF_OK)
        status = kf_runs_add_entry(store, placing->run, placing->input, record, error);
    if (status == KF_OK && record->outcome == KF_ARCHIVED)
        status = note_archived(store, placing, record, &trace, error);
    if (status == KF_OK && record->outcome == KF_REFUSED)
        status = note_refused(store, placing, record, error);
    return kf_change_end(store, own, status, error);
}

enum kf_status kf_rules_add_certificate(struct kf_store *store, const struct kf_placing *placing,
                                        struct kf_record *record, struct kf_error *error)
{
    struct trace trace = {.key = ""};
    bool has_key = false;
    bool own = false;
    enum kf_status status = kf_change_begin(store, &own, error);

    if (status != KF_OK)
        return status;
    status = kf_certificate_row(store, record->facts.sha256, &record->request_id, &has_key, error);
    if (status == KF_OK)
        status = kf_fail_code(error, KF_SKIP, KF_CAUSE_POLICY, KF_E_INVALIDARG, IMPORT_CERTIFICATE,
                              "the certificate is in the store already, as request %llu",
                              (unsigned long long)record->request_id);
    else if (status == KF_END)
        status = add_row(store, placing, record, false, &trace, error);
    if (status == KF_OK)
        status = note_certificate(store, placing, record, &trace, error);
    return kf_change_end(store, own, status, error);
}
