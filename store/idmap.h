/*
 * A map from ids (of rows, of runs) to entries of the audit trail, 8 bytes an id where ids lie
 * close together. Private to store/.
 */
#ifndef KF_STORE_IDMAP_H
#define KF_STORE_IDMAP_H

#include "core/error.h"

#define KF_IDMAP_MAX ((1u << 31) - 1) /* the greatest id: also that of search tokens */

/* Zero-initialize. */
struct kf_idmap {
    uint64_t **pages;
    size_t page_count;
};
void kf_idmap_reset(struct kf_idmap *map); /* NULL-safe */

/* Sets what id leads to, from 1 and under 2^63, and that it was not seen. id is at most
 * KF_IDMAP_MAX. */
enum kf_status kf_idmap_set(struct kf_idmap *map, uint64_t id, uint64_t entry,
                            struct kf_error *error) KF_MUST_USE;

/* What id leads to, 0 for nothing; and marks it as seen. */
uint64_t kf_idmap_see(struct kf_idmap *map, uint64_t id);

/* The first id from *id on that was not seen, and what it leads to; false where there is none. */
bool kf_idmap_unseen(const struct kf_idmap *map, uint64_t *id, uint64_t *entry);

#endif
