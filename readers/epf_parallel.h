/*
 * Walks go on side by side, in as many threads as there are processors, where that is worth it.
 */
#ifndef KF_READERS_EPF_PARALLEL_H
#define KF_READERS_EPF_PARALLEL_H

#include "crypto/epf.h"

/* Each walk goes on to a count; cost is that of all. The result is the same in one thread. */
enum kf_status kf_epf_walk_all(struct kf_epf_walk *const *walks, size_t count, uint64_t to,
                               uint64_t cost, struct kf_error *error) KF_MUST_USE;

#endif
