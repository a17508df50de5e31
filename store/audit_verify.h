/*
 * Proving the audit trail, and the store's rows by it (docs/proof.md).
 *
 * Every entry is hashed again and held against its leaf, its link and the head of the trail; every
 * row, run and setting against the last entry about it. What was changed, removed, inserted or
 * moved is named. The trail has no secret: who writes the whole of it anew, and the head, is found
 * by a checkpoint alone.
 */
#ifndef KF_STORE_AUDIT_VERIFY_H
#define KF_STORE_AUDIT_VERIFY_H

#include <stdatomic.h>

#include "store/checkpoint.h"

struct kf_audit_options {
    const struct kf_checkpoint *checkpoint; /* NULL: none */
    /* Told of each defect, one line without a full stop; lives until it returns. */
    void (*defect)(void *context, const char *text);
    void *context;
    const atomic_bool *stop; /* may be NULL */
};

struct kf_audit_report {
    uint64_t entries;
    uint64_t rows;
    uint64_t defects;
    uint8_t root[KF_SHA256_SIZE]; /* of all entries, as they are now */
};

/* KF_OK: all was looked at, whatever the defects. KF_SKIP: stopped by the flag. The store is read
 * as it is at one moment; memory is 8 bytes a row. */
enum kf_status kf_audit_verify(struct kf_store *store, const struct kf_audit_options *options,
                               struct kf_audit_report *report, struct kf_error *error) KF_MUST_USE;

#endif
