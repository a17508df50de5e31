/*
 * In what order the search for a profile's dialect takes salts and counts.
 */
#ifndef KF_READERS_EPF_ORDER_H
#define KF_READERS_EPF_ORDER_H

#include "readers/epf_profile.h"

#define KF_EPF_MAX_COUNTS 32

/*
 * Indexes of all salts into out, which has room for every value: those that share a section with an
 * encrypted value first, section by section; in a section those that look most like one.
 */
size_t kf_epf_order_salts(const struct kf_epf_profile *profile, size_t *out);

/*
 * The counts in rising order, each once, with 1 among them. Where there are too many, those that
 * share a section with a salt or an encrypted value are kept.
 */
size_t kf_epf_order_counts(const struct kf_epf_profile *profile, uint64_t out[KF_EPF_MAX_COUNTS]);

/*
 * A number beyond the limit that stands where a count would, in a section with a salt or an
 * encrypted value that has no other: its index, or SIZE_MAX.
 */
size_t kf_epf_find_beyond(const struct kf_epf_profile *profile);

#endif
