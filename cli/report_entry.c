/*
 * What a report tells of one key: see report_entry.h for the contract.
 *
 * What is weak: RSA, DSA and DH under 2048 bits (NIST SP 800-131A 5), signatures with MD2, MD4, MD5
 * and SHA-1 (RFC 6151, RFC 6194, RFC 9155), and ROCA (crypto/roca.h).
 */
#include "cli/report_entry.h"

#include <stdio.h>
#include <string.h>

#include "crypto/cert.h"
#include "crypto/roca.h"

#define LEAST_BITS 2048u

const char *kf_weak_name(unsigned bit)
{
    switch (bit) {
    case KF_WEAK_SHORT:
        return "short";
    case KF_WEAK_SIGNATURE:
        return "signature";
    case KF_WEAK_ROCA:
        return "roca";
    default:
        return "none";
    }
}

void kf_key_kind(const char *algorithm, unsigned bits, char *out, size_t size)
{
    const char *name = algorithm != NULL ? algorithm : "unknown";
    bool tells_size =
        strncmp(name, "EC ", 3) == 0 || strncmp(name, "Ed", 2) == 0 || name[0] == 'X' || bits == 0;

    (void)snprintf(out, size, tells_size ? "%s" : "%s %u", name, bits);
}

/* By OpenSSL's names, which the facts of a certificate have. */
static bool is_weak_signature(const char *name)
{
    static const char *const weak[] = {
        "md2WithRSAEncryption", "md4WithRSAEncryption", "md5WithRSAEncryption",
        "md5WithRSA",           "shaWithRSAEncryption", "sha1WithRSAEncryption",
        "sha1WithRSA",          "dsaWithSHA",           "dsaWithSHA1",
        "dsaWithSHA1-old",      "ecdsa-with-SHA1",      "rsassaPss-with-SHA1",
        "rsassaPss-with-MD5",
    };

    for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
        if (strcmp(name, weak[i]) == 0)
            return true;
    }
    return false;
}

static unsigned weaknesses(const struct kf_report_entry *entry, bool has_roca)
{
    static const char *const finite[] = {"RSA", "RSA-PSS", "DSA", "DH"};
    unsigned weak = has_roca ? KF_WEAK_ROCA : 0;

    if (entry->signature_algorithm != NULL && is_weak_signature(entry->signature_algorithm))
        weak |= KF_WEAK_SIGNATURE;
    for (size_t i = 0; entry->key_algorithm != NULL && i < sizeof(finite) / sizeof(finite[0]);
         i++) {
        if (strcmp(entry->key_algorithm, finite[i]) == 0 && entry->key_bits != 0 &&
            entry->key_bits < LEAST_BITS)
            weak |= KF_WEAK_SHORT;
    }
    return weak;
}

/* What the certificate says, from its facts. */
static void tell_certificate(struct kf_report_entry *out, const struct kf_cert_facts *facts)
{
    out->has_certificate = true;
    kf_hex(out->sha1, facts->sha1, KF_SHA1_SIZE);
    kf_hex(out->sha256, facts->sha256, KF_SHA256_SIZE);
    out->issuer = facts->issuer;
    out->serial_number = facts->serial;
    out->not_after = facts->not_after;
    out->key_algorithm = facts->key_algorithm;
    out->key_bits = facts->key_bits;
    out->signature_algorithm = facts->signature_algorithm;
    out->weak = weaknesses(out, kf_roca_public_key(facts->spki_der));
}

void kf_report_entry_of_record(struct kf_report_entry *out, const char *input,
                               const struct kf_record *record)
{
    const struct kf_error *why = &record->error;

    *out = (struct kf_report_entry){
        .input = input,
        .ordinal = record->ordinal,
        .place = record->place,
        .line = why->line != 0 ? why->line : record->line,
        .outcome = record->outcome,
        .replaced = record->replaced,
        .request_id = record->request_id,
        .cause = why->cause,
        .code = why->code,
        .rule = why->rule[0] != '\0' ? why->rule : NULL,
        .message = why->text[0] != '\0' ? why->text : NULL,
        .password = record->password,
        .password_encoding = record->password_encoding,
        .name = kf_record_owner(record),
        .email = kf_record_email(record),
        .state = record->state,
        .foreign = record->foreign,
    };
    if (record->outcome == KF_ARCHIVED)
        out->key_recovery_hashes = record->key_recovery_hashes;
    if (record->has_facts)
        tell_certificate(out, &record->facts);
}

void kf_report_memory_reset(struct kf_report_memory *memory)
{
    if (memory == NULL)
        return;
    kf_run_entry_reset(&memory->entry);
    kf_row_reset(&memory->row);
    kf_cert_facts_reset(&memory->facts);
    kf_buf_reset(&memory->certificate);
}

static const char *first_of(const char *a, const char *b)
{
    return a != NULL && a[0] != '\0' ? a : b;
}

/* The same order as kf_record_owner. */
static const char *owner_of_row(const struct kf_row *row)
{
    return first_of(
        row->common_name,
        first_of(row->display_name,
                 first_of(row->email, first_of(row->distinguished_name, row->friendly_name))));
}

static enum kf_status tell_row(struct kf_report_entry *out, struct kf_store *store,
                               struct kf_report_memory *memory, struct kf_error *error)
{
    const struct kf_row *row = &memory->row;
    enum kf_status status;

    memory->certificate.is_public = true;
    kf_cert_facts_reset(&memory->facts);
    status = kf_rows_get(store, out->request_id, &memory->row, error);
    if (status == KF_OK)
        status = kf_row_certificate(store, out->request_id, &memory->certificate, error);
    if (status == KF_OK)
        status = kf_cert_parse(kf_store_crypto(store), kf_buf_slice(&memory->certificate),
                               &memory->facts, error);
    if (status != KF_OK)
        return KF_FATAL; /* the store has lost what the run put there */
    out->name = owner_of_row(row);
    out->email = row->email;
    out->key_recovery_hashes = row->has_key ? row->key_recovery_hashes : NULL;
    tell_certificate(out, &memory->facts);
    return KF_OK;
}

/* Of a key that has no row, what its entry keeps of the certificate. */
static void tell_kept(struct kf_report_entry *out, const struct kf_run_entry *entry)
{
    out->name = entry->name;
    out->email = entry->email;
    out->has_certificate = entry->has_certificate;
    memcpy(out->sha1, entry->sha1, sizeof(out->sha1));
    memcpy(out->sha256, entry->sha256, sizeof(out->sha256));
    out->issuer = entry->issuer_name;
    out->serial_number = entry->serial_number;
    out->not_after = entry->not_after;
    out->key_algorithm = entry->public_key_algorithm;
    out->key_bits = entry->public_key_length;
    out->signature_algorithm = entry->signature_algorithm;
    out->weak = weaknesses(out, entry->has_roca);
}

enum kf_status kf_report_entry_of_store(struct kf_report_entry *out, struct kf_store *store,
                                        struct kf_report_memory *memory, struct kf_error *error)
{
    const struct kf_run_entry *entry = &memory->entry;

    *out = (struct kf_report_entry){
        .input = entry->input,
        .input_facts = &entry->input_facts,
        .ordinal = entry->ordinal,
        .place = entry->place,
        .line = entry->line,
        .outcome = entry->outcome,
        .replaced = entry->replaced,
        .request_id = entry->request_id,
        .cause = entry->cause,
        .code = entry->code,
        .rule = entry->rule,
        .message = entry->message,
        .password = entry->password,
        .password_encoding = entry->password_encoding,
        .state = entry->state,
        .foreign = entry->foreign,
    };
    if (entry->request_id != 0)
        return tell_row(out, store, memory, error);
    tell_kept(out, entry);
    return KF_OK;
}
