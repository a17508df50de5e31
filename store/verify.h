/*
 * Proving that what is archived can be had again (docs/proof.md): the database, each row's
 * certificate, columns and recipients, and with an agent's key every archived key itself.
 */
#ifndef KF_STORE_VERIFY_H
#define KF_STORE_VERIFY_H

#include <stdatomic.h>

#include "crypto/keyfile.h"
#include "store/store.h"

struct kf_verify_options {
    const struct kf_identity *agent; /* NULL: keys are not opened */
    unsigned jobs;                   /* threads, at least 1 */
    uint64_t from;                   /* the RequestID to begin with */
    /* Told of each defect in the order of the rows: one line without a full stop. request_id is 0
     * for the database itself. */
    void (*defect)(void *context, uint64_t request_id, const char *text);
    void (*progress)(void *context, uint64_t rows, uint64_t last); /* may be NULL */
    void *context;
    const atomic_bool *stop; /* may be NULL */
};

struct kf_verify_report {
    uint64_t rows;
    uint64_t keys;    /* archived */
    uint64_t opened;  /* and found to be what the row says */
    uint64_t foreign; /* not sealed to this agent */
    uint64_t defects;
    uint64_t next; /* the RequestID to go on with after it was stopped */
};

/* KF_OK: all was looked at, whatever the defects. KF_SKIP: stopped by the flag. */
enum kf_status kf_verify(struct kf_store *store, const struct kf_verify_options *options,
                         struct kf_verify_report *report, struct kf_error *error) KF_MUST_USE;

#endif
