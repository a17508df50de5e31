/*
 * Sorted arrays from hashes to places, so that a file of many keys is paired without looking at
 * every certificate for every key.
 */
#include <stdlib.h>
#include <string.h>

#include "readers/pfx_file.h"

enum kf_status pfx_index_add(struct pfx_index *index, size_t capacity, const uint8_t *hash,
                             uint32_t item, struct kf_error *error)
{
    struct pfx_index_entry *entry;

    if (index->entries == NULL)
        index->entries = calloc(capacity, sizeof(*index->entries));
    if (index->entries == NULL)
        return kf_fail_memory(error);
    entry = &index->entries[index->count++];
    memcpy(entry->hash, hash, sizeof(entry->hash));
    entry->item = item;
    return KF_OK;
}

static int compare(const void *a, const void *b)
{
    const struct pfx_index_entry *left = a;
    const struct pfx_index_entry *right = b;
    int order = memcmp(left->hash, right->hash, sizeof(left->hash));

    if (order != 0)
        return order;
    return left->item < right->item ? -1 : left->item > right->item;
}

void pfx_index_sort(struct pfx_index *index)
{
    if (index->count != 0)
        qsort(index->entries, index->count, sizeof(*index->entries), compare);
}

/* The first place whose hash is not below this one (or not at it either, where after is true) */
static size_t bound(const struct pfx_index *index, const uint8_t *hash, bool after)
{
    size_t low = 0;
    size_t high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(index->entries[middle].hash, hash, sizeof(index->entries->hash));

        if (order < 0 || (after && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct pfx_index_entry *pfx_index_find(const struct pfx_index *index, const uint8_t *hash,
                                       size_t *count)
{
    size_t first = bound(index, hash, false);

    *count = bound(index, hash, true) - first;
    return *count != 0 ? &index->entries[first] : NULL;
}
