/*
 * Which certificates may be in the store: a filter in memory, for runs that ask for many.
 *
 * Asking the database costs a look into every segment (search.h), which is nothing for one
 * certificate and too much for a million of them. The filter says "surely not" for almost all that
 * are not there, in constant memory; everything else is asked of the database. Private to store/.
 */
#ifndef KF_STORE_KNOWN_H
#define KF_STORE_KNOWN_H

#include "store/internal.h"

/* Makes or completes store->known, so that it has every row, in a transaction. */
enum kf_status kf_known_refresh(struct kf_store *store, struct kf_error *error) KF_MUST_USE;
void kf_known_free(struct kf_known *known); /* NULL-safe */

/* hash is the token hash of a certificate. */
bool kf_known_may_have(const struct kf_known *known, uint32_t hash) KF_MUST_USE;

/* A row that this transaction has added. */
void kf_known_add(struct kf_known *known, uint32_t hash, uint64_t request_id);

#endif
