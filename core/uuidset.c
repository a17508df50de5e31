/*
 * A set of UUIDs: see uuidset.h for the contract.
 *
 * 4096 short lists, chosen by a keyed hash and searched from end to end: a list of a million UUIDs'
 * set has 250 entries, which is 4 KB to look through. Lists grow by an eighth, each by itself.
 */
#include "core/uuidset.h"

#include <stdlib.h>
#include <string.h>

#define LIST_BITS 12
#define LISTS     (1u << LIST_BITS)
#define ENTRY     16 /* bytes of a UUID */

struct list {
    uint8_t *entries;
    uint32_t count;
    uint32_t capacity;
};

struct kf_uuid_set {
    uint64_t seed[2];
    struct list lists[LISTS];
};

enum kf_status kf_uuid_set_new(struct kf_uuid_set **out, const uint64_t seed[2],
                               struct kf_error *error)
{
    struct kf_uuid_set *set = calloc(1, sizeof(*set));

    *out = set;
    if (set == NULL)
        return kf_fail_memory(error);
    set->seed[0] = seed[0];
    set->seed[1] = seed[1];
    return KF_OK;
}

void kf_uuid_set_free(struct kf_uuid_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < LISTS; i++)
        free(set->lists[i].entries);
    free(set);
}

static bool to_bytes(const char *uuid, uint8_t out[ENTRY])
{
    char digits[2 * ENTRY];
    size_t count = 0;

    for (; *uuid != '\0'; uuid++) {
        if (*uuid == '-')
            continue;
        if (count == sizeof(digits))
            return false;
        digits[count++] = *uuid;
    }
    return count == sizeof(digits) && kf_hex_decode(digits, count, out, ENTRY);
}

static struct list *list_of(struct kf_uuid_set *set, const uint8_t entry[ENTRY])
{
    uint64_t half[2];
    uint64_t hash;

    memcpy(half, entry, sizeof(half));
    hash = (half[0] ^ set->seed[0]) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
    hash = (hash ^ half[1] ^ set->seed[1]) * 0xd6e8feb86659fd93u;
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    return &set->lists[hash >> (64 - LIST_BITS)];
}

static bool make_room(struct list *list)
{
    uint32_t capacity = list->capacity + list->capacity / 8 + 4;
    uint8_t *entries;

    if (list->count < list->capacity)
        return true;
    if (capacity < list->capacity)
        return false;
    entries = realloc(list->entries, (size_t)capacity * ENTRY);
    if (entries == NULL)
        return false;
    list->entries = entries;
    list->capacity = capacity;
    return true;
}

enum kf_status kf_uuid_set_add(struct kf_uuid_set *set, const char uuid[KF_UUID_SIZE], bool *added,
                               struct kf_error *error)
{
    uint8_t entry[ENTRY];
    struct list *list;

    *added = false;
    if (!to_bytes(uuid, entry))
        return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "not a UUID");
    list = list_of(set, entry);
    for (uint32_t i = 0; i < list->count; i++) {
        if (memcmp(list->entries + (size_t)i * ENTRY, entry, ENTRY) == 0)
            return KF_OK;
    }
    if (!make_room(list))
        return kf_fail_memory(error);
    memcpy(list->entries + (size_t)list->count * ENTRY, entry, ENTRY);
    list->count++;
    *added = true;
    return KF_OK;
}
