/*
 * The hashes of a run: see runhash.h.
 */
#include "store/runhash.h"

#include "crypto/crypto.h"

static enum kf_status hash_failed(struct kf_error *error)
{
    return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "SHA-256 failed");
}

enum kf_status kf_entry_hash(const struct kf_crypto *crypto, const struct kf_value *columns,
                             const struct kf_value *facts, uint8_t out[KF_SHA256_SIZE],
                             struct kf_error *error)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool done = digest != NULL && EVP_DigestInit_ex2(digest, crypto->sha256, NULL) == 1 &&
                kf_hash_columns(digest, columns, KF_ENTRY_COLUMNS) &&
                (facts == NULL || kf_hash_columns(digest, facts, KF_ENTRY_FACTS_COLUMNS)) &&
                EVP_DigestFinal_ex(digest, out, NULL) == 1;

    EVP_MD_CTX_free(digest);
    return done ? KF_OK : hash_failed(error);
}

int64_t kf_entry_mark(const uint8_t hash[KF_SHA256_SIZE])
{
    uint64_t mark = 0;

    for (size_t i = 0; i < 8; i++)
        mark = mark << 8 | hash[i];
    return (int64_t)mark;
}

enum kf_status kf_outcomes_add(const struct kf_crypto *crypto, uint8_t outcomes[KF_SHA256_SIZE],
                               const uint8_t entry[KF_SHA256_SIZE], struct kf_error *error)
{
    uint8_t both[2 * KF_SHA256_SIZE];

    memcpy(both, outcomes, KF_SHA256_SIZE);
    memcpy(both + KF_SHA256_SIZE, entry, KF_SHA256_SIZE);
    return kf_digest(crypto->sha256, (struct kf_slice){both, sizeof(both)}, outcomes, error);
}

enum kf_status kf_outcomes_flush(struct kf_store *store, struct kf_error *error)
{
    if (!store->outcomes_changed)
        return KF_OK;
    store->outcomes_changed = false;
    return kf_store_execute(store, KF_SQL_RUN_SET_OUTCOMES,
                            (struct kf_value[]){kf_blob(store->outcomes, KF_SHA256_SIZE),
                                                kf_integer((int64_t)store->entry_run)},
                            2, NULL, error);
}

/* Adds all rows of a statement about a run. */
static enum kf_status add_rows(struct kf_store *store, enum kf_statement statement, uint64_t run,
                               EVP_MD_CTX *digest, struct kf_error *error)
{
    struct kf_value value = kf_integer((int64_t)run);
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, statement, &value, 1, &result, error);

    while (status == KF_OK) {
        status = kf_store_next(store, result, error);
        if (status == KF_OK && !kf_hash_columns(digest, result->columns, result->column_count))
            status = hash_failed(error);
    }
    kf_store_finish(store, result);
    return status == KF_END ? KF_OK : status;
}

enum kf_status kf_run_hash(struct kf_store *store, uint64_t run, char out[2 * KF_SHA256_SIZE + 1],
                           struct kf_error *error)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    uint8_t hash[KF_SHA256_SIZE];
    enum kf_status status = KF_OK;

    if (digest == NULL || EVP_DigestInit_ex2(digest, store->crypto->sha256, NULL) != 1)
        status = hash_failed(error);
    if (status == KF_OK)
        status = add_rows(store, KF_SQL_RUN_RAW_GET, run, digest, error);
    if (status == KF_OK)
        status = add_rows(store, KF_SQL_INPUT_RAW_LIST, run, digest, error);
    if (status == KF_OK && EVP_DigestFinal_ex(digest, hash, NULL) != 1)
        status = hash_failed(error);
    if (status == KF_OK)
        kf_hex(out, hash, sizeof(hash));
    EVP_MD_CTX_free(digest);
    return status;
}
