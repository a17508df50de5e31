/*
 * A run as the audit trail knows it: one hash over what became of each of its keys, and one over
 * the run itself with its inputs, by which its end knows it (docs/proof.md). Private to store/.
 */
#ifndef KF_STORE_RUNHASH_H
#define KF_STORE_RUNHASH_H

#include "store/rowhash.h"

#define KF_ENTRY_COLUMNS       18 /* of Entries, without the mark that comes after them */
#define KF_ENTRY_FACTS_COLUMNS 12 /* of EntryFacts */

/*
 * The hash of an entry: SHA-256 over its columns, and over those of its facts where it has some
 * (NULL: none), in the form of rowhash.h.
 */
enum kf_status kf_entry_hash(const struct kf_crypto *crypto, const struct kf_value *columns,
                             const struct kf_value *facts, uint8_t out[KF_SHA256_SIZE],
                             struct kf_error *error) KF_MUST_USE;

/* What is kept beside an entry, so that one that was changed can be named. */
int64_t kf_entry_mark(const uint8_t hash[KF_SHA256_SIZE]);

/* The hash of a run's entries goes from 32 zero bytes to SHA-256(it || hash of the next entry). */
enum kf_status kf_outcomes_add(const struct kf_crypto *crypto, uint8_t outcomes[KF_SHA256_SIZE],
                               const uint8_t entry[KF_SHA256_SIZE],
                               struct kf_error *error) KF_MUST_USE;

/* Writes the hash of the entries that were added in this transaction. */
enum kf_status kf_outcomes_flush(struct kf_store *store, struct kf_error *error) KF_MUST_USE;

/* The hash in hex of a run and its inputs as they stand in the store: SHA-256 over the columns of
 * Runs and of each of its rows in Inputs, by position. */
enum kf_status kf_run_hash(struct kf_store *store, uint64_t run, char out[2 * KF_SHA256_SIZE + 1],
                           struct kf_error *error) KF_MUST_USE;

#endif
