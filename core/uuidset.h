/*
 * A set of UUIDs, to find the one that comes twice among very many.
 *
 * It keeps each whole, so that what it calls a repetition is one: 16 bytes and about an eighth more
 * for each. A million take 18 MB, and never more than a small part of that is moved at a time.
 */
#ifndef KF_CORE_UUIDSET_H
#define KF_CORE_UUIDSET_H

#include "core/bytes.h"

struct kf_uuid_set;

/* seed: random numbers, so that nobody can choose UUIDs that make it slow. KF_FATAL: memory. */
enum kf_status kf_uuid_set_new(struct kf_uuid_set **out, const uint64_t seed[2],
                               struct kf_error *error) KF_MUST_USE;
void kf_uuid_set_free(struct kf_uuid_set *set); /* NULL-safe */

/*
 * Adds a UUID as kf_uuid_parse gives it. *added is false where it was there already. KF_FATAL:
 * memory.
 */
enum kf_status kf_uuid_set_add(struct kf_uuid_set *set, const char uuid[KF_UUID_SIZE], bool *added,
                               struct kf_error *error) KF_MUST_USE;

#endif
