/*
 * A row as its bytes: the columns of a request, and the hash by which the audit trail knows them.
 *
 * The hash is SHA-256 over the columns in the order of the schema, each as a byte for its type, 'n'
 * null, 'i' integer, 't' text, 'b' blob; then, but for null, 8 bytes big-endian, the number or the
 * length, and the bytes (docs/proof.md). Private to store/.
 */
#ifndef KF_STORE_ROWHASH_H
#define KF_STORE_ROWHASH_H

#include "store/internal.h"

/* The columns of KF_SQL_ROW_RAW_GET, and the first of those of KF_SQL_ROW_RAW_LIST. */
enum kf_request_column {
    KF_REQUEST_ID,
    KF_REQUEST_DISPOSITION,
    KF_REQUEST_SUBMITTED,
    KF_REQUEST_RESOLVED,
    KF_REQUEST_REQUESTER,
    KF_REQUEST_CALLER,
    KF_REQUEST_SUBJECT,
    KF_REQUEST_COMMON_NAME,
    KF_REQUEST_EMAIL,
    KF_REQUEST_UPN,
    KF_REQUEST_SHA1,
    KF_REQUEST_SHA256,
    KF_REQUEST_SERIAL,
    KF_REQUEST_ISSUER,
    KF_REQUEST_NOT_BEFORE,
    KF_REQUEST_NOT_AFTER,
    KF_REQUEST_SKI,
    KF_REQUEST_KEY_ALGORITHM,
    KF_REQUEST_KEY_LENGTH,
    KF_REQUEST_RECOVERY_HASHES,
    KF_REQUEST_KEY_BLOB,
    KF_REQUEST_MISMATCH,
    KF_REQUEST_KEY_STATE,
    KF_REQUEST_MAILBOX,
    KF_REQUEST_DISPLAY_NAME,
    KF_REQUEST_FRIENDLY_NAME,
    KF_REQUEST_INPUT,
    KF_REQUEST_ORDINAL,
    KF_REQUEST_CHAIN,
    KF_REQUEST_COLUMNS,
    /* of the list alone, null where there is no material */
    KF_REQUEST_CERTIFICATE = KF_REQUEST_COLUMNS,
    KF_REQUEST_KEY,
    KF_REQUEST_ALL_COLUMNS,
};

/* Adds columns to a digest in this form. false: OpenSSL failed. */
bool kf_hash_columns(EVP_MD_CTX *digest, const struct kf_value *columns, size_t count) KF_MUST_USE;

/* The hash in hex of the KF_REQUEST_COLUMNS columns of a row. */
enum kf_status kf_row_hash(const struct kf_crypto *crypto, const struct kf_value *columns,
                           char out[2 * KF_SHA256_SIZE + 1], struct kf_error *error) KF_MUST_USE;

/* The same of a row as it stands in the store now. */
enum kf_status kf_row_hash_stored(struct kf_store *store, uint64_t request_id,
                                  char out[2 * KF_SHA256_SIZE + 1],
                                  struct kf_error *error) KF_MUST_USE;

/* The SHA-256 in hex of bytes. */
enum kf_status kf_sha256_text(const struct kf_crypto *crypto, struct kf_slice bytes,
                              char out[2 * KF_SHA256_SIZE + 1], struct kf_error *error) KF_MUST_USE;

#endif
