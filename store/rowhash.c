/*
 * The hash of a row: see rowhash.h for what it is made of.
 */
#include "store/rowhash.h"

static bool add_column(EVP_MD_CTX *digest, const struct kf_value *column)
{
    static const char types[] = {[KF_VALUE_NULL] = 'n',
                                 [KF_VALUE_INTEGER] = 'i',
                                 [KF_VALUE_TEXT] = 't',
                                 [KF_VALUE_BLOB] = 'b'};
    uint64_t number =
        column->type == KF_VALUE_INTEGER ? (uint64_t)column->number : column->bytes.len;
    uint8_t head[9];

    head[0] = (uint8_t)types[column->type];
    for (size_t i = 0; i < 8; i++)
        head[1 + i] = (uint8_t)(number >> (56 - 8 * i));
    if (EVP_DigestUpdate(digest, head, column->type == KF_VALUE_NULL ? 1 : sizeof(head)) != 1)
        return false;
    if (column->type == KF_VALUE_NULL || column->type == KF_VALUE_INTEGER)
        return true;
    return EVP_DigestUpdate(digest, column->bytes.data, column->bytes.len) == 1;
}

bool kf_hash_columns(EVP_MD_CTX *digest, const struct kf_value *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!add_column(digest, &columns[i]))
            return false;
    }
    return true;
}

enum kf_status kf_row_hash(const struct kf_crypto *crypto, const struct kf_value *columns,
                           char out[2 * KF_SHA256_SIZE + 1], struct kf_error *error)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    uint8_t hash[KF_SHA256_SIZE];
    bool done = digest != NULL && EVP_DigestInit_ex2(digest, crypto->sha256, NULL) == 1;

    done = done && kf_hash_columns(digest, columns, KF_REQUEST_COLUMNS) &&
           EVP_DigestFinal_ex(digest, hash, NULL) == 1;
    EVP_MD_CTX_free(digest);
    if (!done)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "SHA-256 failed");
    kf_hex(out, hash, sizeof(hash));
    return KF_OK;
}

enum kf_status kf_row_hash_stored(struct kf_store *store, uint64_t request_id,
                                  char out[2 * KF_SHA256_SIZE + 1], struct kf_error *error)
{
    struct kf_value value = kf_integer((int64_t)request_id);
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, KF_SQL_ROW_RAW_GET, &value, 1, &result, error);

    if (status == KF_OK)
        status = kf_store_next(store, result, error);
    if (status == KF_END)
        status = kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "there is no request %llu",
                         (unsigned long long)request_id);
    if (status == KF_OK)
        status = kf_row_hash(store->crypto, result->columns, out, error);
    kf_store_finish(store, result);
    return status;
}

enum kf_status kf_sha256_text(const struct kf_crypto *crypto, struct kf_slice bytes,
                              char out[2 * KF_SHA256_SIZE + 1], struct kf_error *error)
{
    uint8_t hash[KF_SHA256_SIZE];
    enum kf_status status = kf_digest(crypto->sha256, bytes, hash, error);

    if (status == KF_OK)
        kf_hex(out, hash, sizeof(hash));
    return status;
}
