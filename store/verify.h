/*
 * Proving that what is archived can be had again (docs/proof.md): the database, each row's
 * certificate, columns and recipients, and with an agent's key every archived key itself.
 */
#ifndef KF_STORE_VERIFY_H
#define KF_STORE_VERIFY_H

#include <stdatomic.h>

#include "crypto/keyfile.h"
#include "store/store.h"

#define KF_VERIFY_TEXTS 4 /* defects of one row that are told; the others are counted */

enum kf_verify_outcome {
    KF_VERIFY_OPENED,        /* and found to be what the row says */
    KF_VERIFY_SEALED,        /* no agent's key was given */
    KF_VERIFY_NOT_FOR_AGENT, /* sealed to others */
    KF_VERIFY_NO_KEY,        /* none is archived */
    KF_VERIFY_DEFECTIVE,
};
/* "opened", "sealed", "notForAgent", "noKey", "defective"; names that scripts rely on. */
const char *kf_verify_outcome_name(enum kf_verify_outcome outcome);

/* What is told of a row, or of the database itself; lives during the call. */
struct kf_verify_finding {
    uint64_t request_id;  /* 0: the database */
    struct kf_slice sha1; /* as the row has it; may be anything */
    enum kf_verify_outcome outcome;
    size_t defects;
    const char
        *texts[KF_VERIFY_TEXTS]; /* one line each, without a full stop; as many as there are */
};

struct kf_verify_options {
    const struct kf_identity *agent; /* NULL: keys are not opened */
    unsigned jobs;                   /* threads, at least 1 */
    uint64_t from;                   /* the RequestID to begin with */
    /* Told of every row, in their order, and of each defect of the database, whenever it is found;
     * by one thread at a time, whichever. */
    void (*finding)(void *context, const struct kf_verify_finding *finding);
    void (*progress)(void *context, uint64_t rows, uint64_t last); /* now and then; may be NULL */
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
