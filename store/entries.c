/*
 * What became of each key of a run: see runs.h. An entry whose key has a row leaves the hashes to
 * the row; texts are kept for what was not archived, and for keys that were archived with a
 * reserve.
 */
#include <stdlib.h>

#include "crypto/roca.h"
#include "store/internal.h"
#include "store/runhash.h"
#include "store/runs.h"

/* Where the entries of a run stand, unless it is known already. */
static enum kf_status find_end(struct kf_store *store, uint64_t run, struct kf_error *error)
{
    struct kf_value value = kf_integer((int64_t)run);
    struct kf_result *result = NULL;
    enum kf_status status;

    if (store->entry_run == run)
        return KF_OK;
    status = kf_outcomes_flush(store, error);
    if (status == KF_OK)
        status = kf_store_query(store, KF_SQL_ENTRY_LAST, &value, 1, &result, error);
    if (status == KF_OK)
        status = kf_store_next(store, result, error);
    if (status == KF_OK) {
        const struct kf_value *columns = result->columns;

        memset(store->outcomes, 0, KF_SHA256_SIZE);
        if (columns[1].type != KF_VALUE_NULL)
            status = kf_column_bytes(&columns[1], store->outcomes, KF_SHA256_SIZE, error);
        store->entry_run = status == KF_OK ? run : 0;
        store->entry_sequence = (uint64_t)columns[0].number;
    }
    kf_store_finish(store, result);
    return status == KF_OK ? KF_OK : KF_FATAL;
}

static struct kf_value number_or_null(uint64_t number)
{
    return number != 0 ? kf_integer((int64_t)number) : kf_null();
}

static struct kf_value text_or_null(const char *text)
{
    return text[0] != '\0' ? kf_text(text) : kf_null();
}

/* What is known of a key that has no row. */
static void make_facts(uint64_t id, uint64_t sequence, const struct kf_record *record,
                       struct kf_value values[KF_ENTRY_FACTS_COLUMNS])
{
    const struct kf_cert_facts *facts = &record->facts; /* empty without a certificate */
    bool has = record->has_facts;
    const struct kf_value all[KF_ENTRY_FACTS_COLUMNS] = {
        kf_integer((int64_t)id),
        kf_integer((int64_t)sequence),
        kf_integer(record->error.cause),
        kf_text(kf_record_owner(record)),
        kf_text(kf_record_email(record)),
        kf_text(facts->issuer),
        kf_text(facts->serial),
        has ? kf_integer(facts->not_after) : kf_null(),
        kf_text(facts->key_algorithm),
        has ? kf_integer(facts->key_bits) : kf_null(),
        kf_text(facts->signature_algorithm),
        has ? kf_integer(kf_roca_public_key(facts->spki_der)) : kf_null(),
    };

    memcpy(values, all, sizeof(all));
}

static void make_entry(uint64_t id, uint64_t sequence, uint64_t input,
                       const struct kf_record *record, struct kf_value values[KF_ENTRY_COLUMNS])
{
    const struct kf_error *why = &record->error;
    bool with_hashes = record->request_id == 0 && record->has_facts;
    const struct kf_value all[KF_ENTRY_COLUMNS] = {
        kf_integer((int64_t)id),
        kf_integer((int64_t)sequence),
        kf_integer((int64_t)input),
        kf_integer((int64_t)record->ordinal),
        kf_text(record->place),
        kf_integer(record->outcome),
        kf_integer(record->replaced),
        number_or_null(record->request_id),
        with_hashes ? kf_blob(record->facts.sha1, KF_SHA1_SIZE) : kf_null(),
        with_hashes ? kf_blob(record->facts.sha256, KF_SHA256_SIZE) : kf_null(),
        kf_integer(record->state),
        kf_integer(record->foreign),
        number_or_null(why->line != 0 ? why->line : record->line),
        number_or_null(why->code),
        text_or_null(why->rule),
        text_or_null(why->text),
        kf_text(record->password),
        kf_text(record->password_encoding),
    };

    memcpy(values, all, sizeof(all));
}

/* In a transaction. */
static enum kf_status add_entry(struct kf_store *store, uint64_t id, uint64_t input,
                                const struct kf_record *record, struct kf_error *error)
{
    struct kf_value values[KF_ENTRY_COLUMNS + 1];
    struct kf_value facts[KF_ENTRY_FACTS_COLUMNS];
    const bool has_facts = record->request_id == 0;
    uint8_t hash[KF_SHA256_SIZE];
    enum kf_status status = find_end(store, id, error);

    if (status != KF_OK)
        return status;
    make_entry(id, ++store->entry_sequence, input, record, values);
    if (has_facts)
        make_facts(id, store->entry_sequence, record, facts);
    if (kf_entry_hash(store->crypto, values, has_facts ? facts : NULL, hash, error) != KF_OK ||
        kf_outcomes_add(store->crypto, store->outcomes, hash, error) != KF_OK)
        return KF_FATAL;
    store->outcomes_changed = true;
    values[KF_ENTRY_COLUMNS] = kf_integer(kf_entry_mark(hash));
    status = kf_store_execute(store, KF_SQL_ENTRY_ADD, values, KF_ENTRY_COLUMNS + 1, NULL, error);
    if (status == KF_OK && has_facts)
        status = kf_store_execute(store, KF_SQL_ENTRY_FACTS_ADD, facts, KF_ENTRY_FACTS_COLUMNS,
                                  NULL, error);
    return status;
}

enum kf_status kf_runs_add_entry(struct kf_store *store, uint64_t id, uint64_t input,
                                 const struct kf_record *record, struct kf_error *error)
{
    bool own = false;
    enum kf_status status = kf_change_begin(store, &own, error);

    if (status != KF_OK)
        return status;
    return kf_change_end(store, own, add_entry(store, id, input, record, error), error);
}

void kf_run_entry_reset(struct kf_run_entry *entry)
{
    if (entry == NULL)
        return;
    free(entry->input);
    free(entry->place);
    free(entry->rule);
    free(entry->message);
    free(entry->password);
    free(entry->password_encoding);
    free(entry->name);
    free(entry->email);
    free(entry->issuer_name);
    free(entry->serial_number);
    free(entry->public_key_algorithm);
    free(entry->signature_algorithm);
    *entry = (struct kf_run_entry){.input = NULL};
}

struct kf_entry_cursor {
    struct kf_store *store;
    struct kf_result *result;
};

enum kf_status kf_entries_of(struct kf_store *store, uint64_t run, struct kf_entry_cursor **out,
                             struct kf_error *error)
{
    struct kf_value value = kf_integer((int64_t)run);
    struct kf_entry_cursor *cursor = calloc(1, sizeof(*cursor));

    if (cursor == NULL)
        return kf_fail_memory(error);
    cursor->store = store;
    if (kf_store_query(store, KF_SQL_ENTRY_LIST, &value, 1, &cursor->result, error) != KF_OK) {
        free(cursor);
        return KF_FATAL;
    }
    *out = cursor;
    return KF_OK;
}

static enum kf_status read_hashes(const struct kf_value *columns, struct kf_run_entry *entry,
                                  struct kf_error *error)
{
    uint8_t hash[KF_SHA256_SIZE];

    entry->has_certificate = columns[0].type != KF_VALUE_NULL;
    if (!entry->has_certificate)
        return KF_OK;
    if (kf_column_bytes(&columns[0], hash, KF_SHA1_SIZE, error) != KF_OK)
        return KF_FATAL;
    kf_hex(entry->sha1, hash, KF_SHA1_SIZE);
    if (kf_column_bytes(&columns[1], hash, KF_SHA256_SIZE, error) != KF_OK)
        return KF_FATAL;
    kf_hex(entry->sha256, hash, KF_SHA256_SIZE);
    return KF_OK;
}

static enum kf_status read_facts(const struct kf_value *columns, struct kf_run_entry *entry,
                                 struct kf_error *error)
{
    entry->cause = (enum kf_cause)columns[0].number;
    entry->not_after = columns[5].number;
    entry->public_key_length = (unsigned)columns[7].number;
    entry->has_roca = columns[9].number != 0;
    if (kf_column_text(&columns[1], &entry->name, error) != KF_OK ||
        kf_column_text(&columns[2], &entry->email, error) != KF_OK ||
        kf_column_text(&columns[3], &entry->issuer_name, error) != KF_OK ||
        kf_column_text(&columns[4], &entry->serial_number, error) != KF_OK ||
        kf_column_text(&columns[6], &entry->public_key_algorithm, error) != KF_OK)
        return KF_FATAL;
    return kf_column_text(&columns[8], &entry->signature_algorithm, error);
}

/* KF_SQL_ENTRY_LIST's columns, in order. */
static enum kf_status read_entry(const struct kf_value *columns, struct kf_run_entry *entry,
                                 struct kf_error *error)
{
    entry->sequence = (uint64_t)columns[0].number;
    entry->ordinal = (uint64_t)columns[2].number;
    entry->outcome = (enum kf_outcome)columns[4].number;
    entry->replaced = columns[5].number != 0;
    entry->request_id = (uint64_t)columns[6].number;
    entry->state = (enum kf_key_state)columns[9].number;
    entry->foreign = columns[10].number != 0;
    entry->line = (uint64_t)columns[11].number;
    entry->code = (uint32_t)columns[12].number;
    if (kf_column_text(&columns[1], &entry->input, error) != KF_OK ||
        kf_column_text(&columns[3], &entry->place, error) != KF_OK ||
        kf_column_text(&columns[13], &entry->rule, error) != KF_OK ||
        kf_column_text(&columns[14], &entry->message, error) != KF_OK ||
        kf_column_text(&columns[15], &entry->password, error) != KF_OK ||
        kf_column_text(&columns[16], &entry->password_encoding, error) != KF_OK ||
        read_facts(&columns[17], entry, error) != KF_OK ||
        kf_input_columns(&columns[27], &entry->input_facts, error) != KF_OK)
        return KF_FATAL;
    return read_hashes(&columns[7], entry, error);
}

enum kf_status kf_entries_next(struct kf_entry_cursor *cursor, struct kf_run_entry *entry,
                               struct kf_error *error)
{
    enum kf_status status;

    kf_run_entry_reset(entry);
    status = kf_store_next(cursor->store, cursor->result, error);
    if (status == KF_OK)
        status = read_entry(cursor->result->columns, entry, error);
    return status;
}

void kf_entries_close(struct kf_entry_cursor *cursor)
{
    if (cursor == NULL)
        return;
    kf_store_finish(cursor->store, cursor->result);
    free(cursor);
}
