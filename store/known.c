/*
 * A Bloom filter in blocks of a cache line; see known.h. With 8 MiB, one in some thousands of the
 * certificates that are not there is asked of the database at a million rows, and one in fifty at
 * eight million.
 */
#include "store/known.h"

#include <stdlib.h>

#include "store/search.h"

#define BLOCK_BITS  9u  /* 64 bytes */
#define BLOCKS_BITS 17u /* 8 MiB of them */
#define PROBES      5u  /* 9 bits each of what the choice of the block leaves: 45 of 47 */

struct kf_known {
    uint64_t through; /* the greatest request id that is in */
    uint64_t bits[];  /* 2^26 */
};

void kf_known_free(struct kf_known *known)
{
    free(known);
}

/* The block of a hash; *probes gets the bits that choose within it. */
static size_t block_of(uint32_t hash, uint64_t *probes)
{
    uint64_t mixed = (hash + 1ull) * 0x9e3779b97f4a7c15ull;

    mixed ^= mixed >> 29;
    mixed *= 0xbf58476d1ce4e5b9ull;
    mixed ^= mixed >> 32;
    *probes = mixed;
    return (size_t)(mixed >> (64 - BLOCKS_BITS)) << (BLOCK_BITS - 6);
}

bool kf_known_may_have(const struct kf_known *known, uint32_t hash)
{
    uint64_t probes;
    const uint64_t *block = known->bits + block_of(hash, &probes);

    for (unsigned i = 0; i < PROBES; i++, probes >>= BLOCK_BITS) {
        if ((block[probes >> 6 & 7] >> (probes & 63) & 1) == 0)
            return false;
    }
    return true;
}

void kf_known_add(struct kf_known *known, uint32_t hash, uint64_t request_id)
{
    uint64_t probes;
    uint64_t *block = known->bits + block_of(hash, &probes);

    for (unsigned i = 0; i < PROBES; i++, probes >>= BLOCK_BITS)
        block[probes >> 6 & 7] |= 1ull << (probes & 63);
    if (request_id > known->through)
        known->through = request_id;
}

enum kf_status kf_known_refresh(struct kf_store *store, struct kf_error *error)
{
    struct kf_known *known = store->known;
    struct kf_result *result = NULL;
    struct kf_value range[2];
    enum kf_status status;

    if (known == NULL) {
        known = calloc(1, sizeof(*known) + ((size_t)1 << (BLOCKS_BITS + BLOCK_BITS - 3)));
        if (known == NULL)
            return kf_fail_memory(error);
        store->known = known;
    }
    if (known->through == store->row_last)
        return KF_OK;
    /* the whole segment of the first that is missing: within it, tokens are in no order */
    range[0] = kf_integer(kf_token(known->through + 1, 0) & ~(int64_t)KF_TOKEN_OFFSET_MASK);
    range[1] = kf_integer(INT64_MAX);
    status = kf_store_query(store, KF_SQL_CERT_TOKEN_LIST, range, 2, &result, error);
    while (status == KF_OK) {
        status = kf_store_next(store, result, error);
        if (status == KF_OK) {
            int64_t token = result->columns[0].number;

            kf_known_add(known, kf_token_hash(token), kf_token_request(token));
        }
    }
    kf_store_finish(store, result);
    return status == KF_END ? KF_OK : status;
}
