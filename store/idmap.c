/*
 * The map from ids to entries: see idmap.h. Pages of 4096 ids are made where there is an id.
 */
#include "store/idmap.h"

#include <stdlib.h>

#define PAGE_BITS 12
#define PAGE_SIZE ((size_t)1 << PAGE_BITS)
#define SEEN      ((uint64_t)1 << 63)

void kf_idmap_reset(struct kf_idmap *map)
{
    if (map == NULL)
        return;
    for (size_t i = 0; i < map->page_count; i++)
        free(map->pages[i]);
    free(map->pages);
    *map = (struct kf_idmap){.pages = NULL};
}

static enum kf_status grow(struct kf_idmap *map, size_t page, struct kf_error *error)
{
    size_t count = map->page_count != 0 ? map->page_count : 64;
    uint64_t **pages;

    while (count <= page)
        count *= 2;
    pages = realloc(map->pages, count * sizeof(*pages));
    if (pages == NULL)
        return kf_fail_memory(error);
    for (size_t i = map->page_count; i < count; i++)
        pages[i] = NULL;
    map->pages = pages;
    map->page_count = count;
    return KF_OK;
}

enum kf_status kf_idmap_set(struct kf_idmap *map, uint64_t id, uint64_t entry,
                            struct kf_error *error)
{
    size_t page = (size_t)(id >> PAGE_BITS);

    if (id > KF_IDMAP_MAX)
        return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL, "an id of %llu, more than %u",
                       (unsigned long long)id, KF_IDMAP_MAX);
    if (page >= map->page_count && grow(map, page, error) != KF_OK)
        return KF_FATAL;
    if (map->pages[page] == NULL)
        map->pages[page] = calloc(PAGE_SIZE, sizeof(uint64_t));
    if (map->pages[page] == NULL)
        return kf_fail_memory(error);
    map->pages[page][id & (PAGE_SIZE - 1)] = entry;
    return KF_OK;
}

uint64_t kf_idmap_see(struct kf_idmap *map, uint64_t id)
{
    size_t page = (size_t)(id >> PAGE_BITS);
    uint64_t *at;

    if (page >= map->page_count || map->pages[page] == NULL)
        return 0;
    at = &map->pages[page][id & (PAGE_SIZE - 1)];
    if (*at == 0)
        return 0;
    *at |= SEEN;
    return *at & ~SEEN;
}

bool kf_idmap_unseen(const struct kf_idmap *map, uint64_t *id, uint64_t *entry)
{
    for (uint64_t at = *id; at >> PAGE_BITS < map->page_count; at++) {
        const uint64_t *page = map->pages[at >> PAGE_BITS];

        if (page == NULL) {
            at |= PAGE_SIZE - 1;
            continue;
        }
        if (page[at & (PAGE_SIZE - 1)] != 0 && (page[at & (PAGE_SIZE - 1)] & SEEN) == 0) {
            *id = at;
            *entry = page[at & (PAGE_SIZE - 1)];
            return true;
        }
    }
    return false;
}
