/*
 * Search tokens: how TOKEN, a hash or a name finds its rows by index.
 *
 * What a row can be found by (its names, addresses, numbers and hashes) is folded to one spelling
 * and hashed to 32 bits, and goes into one table of integers as
 *
 *     segment (18 bits) | hash (32 bits) | offset in the segment (13 bits)
 *
 * where the request id is segment | offset. All tokens of 8192 rows thus lie together: adding rows
 * touches the newest segment only, however large the archive is, where an index by value would
 * touch a page of its own for every value of every row. A search looks into each segment once. That
 * a hash fits means little; the row itself decides. Private to store/.
 */
#ifndef KF_STORE_SEARCH_H
#define KF_STORE_SEARCH_H

#include "store/internal.h"
#include "store/rows.h"

#define KF_TOKEN_OFFSET_BITS 13
#define KF_TOKEN_HASH_BITS   32
#define KF_TOKEN_OFFSET_MASK ((1u << KF_TOKEN_OFFSET_BITS) - 1)
#define KF_TOKEN_REQUEST_MAX ((1u << 31) - 1)

static inline int64_t kf_token(uint64_t request_id, uint32_t hash)
{
    return (int64_t)((request_id >> KF_TOKEN_OFFSET_BITS)
                         << (KF_TOKEN_OFFSET_BITS + KF_TOKEN_HASH_BITS) |
                     (uint64_t)hash << KF_TOKEN_OFFSET_BITS | (request_id & KF_TOKEN_OFFSET_MASK));
}

static inline uint32_t kf_token_hash(int64_t token)
{
    return (uint32_t)(token >> KF_TOKEN_OFFSET_BITS);
}

static inline uint64_t kf_token_request(int64_t token)
{
    return (uint64_t)token >> (KF_TOKEN_OFFSET_BITS + KF_TOKEN_HASH_BITS) << KF_TOKEN_OFFSET_BITS |
           ((uint64_t)token & KF_TOKEN_OFFSET_MASK);
}

/* Certificates have a table of their own, by the first 32 bits of their SHA-256. */
static inline uint32_t kf_certificate_token_hash(const uint8_t sha256[KF_SHA256_SIZE])
{
    return (uint32_t)sha256[0] << 24 | (uint32_t)sha256[1] << 16 | (uint32_t)sha256[2] << 8 |
           sha256[3];
}

/* What a row is found by beside its certificate's SHA-256. Strings are borrowed, NULL for none. */
struct kf_row_names {
    const char *common_name;
    const char *upn;
    const char *requester_name;
    const char *email;
    const char *mailbox_guid;
    const char *serial_number;          /* hex */
    const char *subject_key_identifier; /* hex */
    const char *certificate_hash;       /* hex */
};

#define KF_ROW_HASHES_MAX 9 /* the eight names, and DOMAIN\\user of the UPN */

/* The hashes that these names are found by, each once; how many. */
size_t kf_row_hashes(const struct kf_row_names *names, uint32_t out[KF_ROW_HASHES_MAX]);

/* Holds the tokens of a row back until the commit. */
enum kf_status kf_tokens_add(struct kf_store *store, uint64_t request_id,
                             const struct kf_row_names *names, struct kf_error *error) KF_MUST_USE;

/* Adds what was held back, in order. */
enum kf_status kf_tokens_flush(struct kf_store *store, struct kf_error *error) KF_MUST_USE;

/* Makes the row of this certificate findable. */
enum kf_status kf_certificate_token_add(struct kf_store *store, uint64_t request_id,
                                        const uint8_t sha256[KF_SHA256_SIZE],
                                        struct kf_error *error) KF_MUST_USE;

/* The row of a certificate, in a transaction. KF_END: none. */
enum kf_status kf_certificate_row(struct kf_store *store, const uint8_t sha256[KF_SHA256_SIZE],
                                  uint64_t *request_id, bool *has_key,
                                  struct kf_error *error) KF_MUST_USE;

/* What a user searches by. Zero-initialize. */
struct kf_search {
    char *text; /* as given, without the braces of a GUID */
    char *hex;  /* its digits without leading zeros; NULL where it is not hex */
};
enum kf_status kf_search_parse(struct kf_search *search, const char *token,
                               struct kf_error *error) KF_MUST_USE;
void kf_search_reset(struct kf_search *search); /* NULL-safe */

/* true where the row is one that the search means. */
bool kf_search_matches(const struct kf_search *search, const struct kf_row *row) KF_MUST_USE;

/* The ids of rows that may match, sorted and without repeats; freed by free(). */
enum kf_status kf_search_candidates(struct kf_store *store, const struct kf_search *search,
                                    uint64_t **ids, size_t *count,
                                    struct kf_error *error) KF_MUST_USE;

#endif
