/*
 * The writer "rec": keys sealed to recovery agents, as recovery blobs, one file a key.
 *
 * Without a store the agents are named by the caller. The stage seals, so that the writer sees
 * sealed keys only: what is written can be opened by the agents and by nobody else.
 */
#ifndef KF_WRITERS_REC_H
#define KF_WRITERS_REC_H

#include "core/pipeline.h"
#include "core/writer.h"
#include "crypto/recblob.h"
#include "crypto/seal.h"

/* Everything is borrowed until the writer is closed. */
struct kf_rec_export_options {
    const struct kf_crypto *crypto;
    const char *path; /* a folder, or x.rec, which takes one key and no more */
    bool overwrite;
    bool dry_run;
    const struct kf_kra *const *agents; /* at least one; each key is sealed to all of them */
    size_t agent_count;
    enum kf_seal_profile profile;
    const struct kf_identity *signer; /* the CA's key and certificate; NULL: not signed */
};

/*
 * Makes the writer. KF_FATAL with KF_CAUSE_CONFIG: no agent. KF_CAUSE_USAGE: a signer without key
 * or certificate. Names are made as in writers/pfx.h. Keys without a certificate fail, since a blob
 * names one.
 */
enum kf_status kf_rec_export_open(const struct kf_rec_export_options *options,
                                  struct kf_writer **out, struct kf_error *error) KF_MUST_USE;

/* The stage that seals, in the pipeline's threads. The writer cannot do without. */
struct kf_stage kf_rec_export_stage(struct kf_writer *writer);

extern const struct kf_writer_ops kf_writer_rec;

#endif
