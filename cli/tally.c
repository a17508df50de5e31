/*
 * Counts by name: see tally.h for the contract. A table of open addressing, half full at most.
 */
#include "cli/tally.h"

#include <stdlib.h>
#include <string.h>

void kf_tally_reset(struct kf_tally *tally)
{
    for (size_t i = 0; i < tally->count; i++) {
        free(tally->items[i].name);
        free(tally->items[i].note);
    }
    free(tally->items);
    free(tally->slots);
    *tally = (struct kf_tally){.limit = tally->limit};
}

/* FNV-1a; who chooses names to make it slow meets the limit of names first. */
static size_t hash_of(const char *name)
{
    uint64_t hash = 14695981039346656037u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32);
}

/* The slot that has the name, or the empty one where it would stand. */
static size_t *find_slot(const struct kf_tally *tally, const char *name)
{
    size_t at = hash_of(name) & (tally->slot_count - 1);

    while (tally->slots[at] != 0 && strcmp(tally->items[tally->slots[at] - 1].name, name) != 0)
        at = (at + 1) & (tally->slot_count - 1);
    return &tally->slots[at];
}

/* Room for all names that are counted each, and slots for twice as many. */
static enum kf_status make_room(struct kf_tally *tally, struct kf_error *error)
{
    size_t slots = 2;

    while (slots < 2 * tally->limit)
        slots *= 2;
    tally->items = calloc(tally->limit, sizeof(*tally->items));
    tally->slots = calloc(slots, sizeof(*tally->slots));
    tally->slot_count = slots;
    return tally->items != NULL && tally->slots != NULL ? KF_OK : kf_fail_memory(error);
}

enum kf_status kf_tally_touch(struct kf_tally *tally, const char *name, struct kf_tally_item **item,
                              struct kf_error *error)
{
    size_t *slot;

    if (tally->items == NULL && make_room(tally, error) != KF_OK)
        return KF_FATAL;
    slot = find_slot(tally, name);
    if (*slot == 0 && tally->count < tally->limit) {
        char *copy = kf_strndup(name, strlen(name));

        if (copy == NULL)
            return kf_fail_memory(error);
        tally->items[tally->count].name = copy;
        *slot = ++tally->count;
    }
    *item = *slot != 0 ? &tally->items[*slot - 1] : &tally->others;
    return KF_OK;
}

enum kf_status kf_tally_add(struct kf_tally *tally, const char *name, enum kf_outcome outcome,
                            struct kf_tally_item **item, struct kf_error *error)
{
    struct kf_tally_item *counted = NULL;

    if (kf_tally_touch(tally, name, &counted, error) != KF_OK)
        return KF_FATAL;
    counted->keys++;
    counted->by_outcome[outcome]++;
    if (item != NULL)
        *item = counted;
    return KF_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct kf_tally_item *)a)->name, ((const struct kf_tally_item *)b)->name);
}

static int by_keys(const void *a, const void *b)
{
    uint64_t keys[] = {((const struct kf_tally_item *)a)->keys,
                       ((const struct kf_tally_item *)b)->keys};

    if (keys[0] != keys[1])
        return keys[0] > keys[1] ? -1 : 1;
    return by_name(a, b);
}

static void sort(struct kf_tally *tally, int (*compare)(const void *a, const void *b))
{
    if (tally->count != 0)
        qsort(tally->items, tally->count, sizeof(*tally->items), compare);
}

void kf_tally_sort(struct kf_tally *tally)
{
    sort(tally, by_keys);
}

void kf_tally_sort_names(struct kf_tally *tally)
{
    sort(tally, by_name);
}

uint64_t kf_tally_most(const struct kf_tally *tally)
{
    uint64_t most = tally->others.keys;

    for (size_t i = 0; i < tally->count; i++) {
        if (tally->items[i].keys > most)
            most = tally->items[i].keys;
    }
    return most;
}
