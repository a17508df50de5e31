/*
 * The writer "pfx": private keys into PKCS #12 files, one a key, one a user, or one for everything.
 */
#ifndef KF_WRITERS_PFX_H
#define KF_WRITERS_PFX_H

#include "core/pipeline.h"
#include "core/writer.h"
#include "crypto/pfxfile.h"

#define KF_PFX_BULK_ITERATIONS                                                                     \
    20000                             /* of each derivation, under a password that a person chose  \
                                       */
#define KF_PFX_RANDOM_ITERATIONS 2048 /* under one of 130 random bits */

/* Everything is borrowed until the writer is closed. */
struct kf_pfx_export_options {
    const struct kf_crypto *crypto;
    const char *path; /* a folder, made with mode 0700 where it is not there; or x.pfx or x.p12, no
                         folder: one file for everything, whole at the end or not there */
    bool overwrite;   /* files that are there from before, else their keys are refused */
    bool per_user;    /* one file a user, not one a key */
    bool dry_run;     /* nothing is written */
    bool certutil; /* write import.cmd as well: the batch file for a Windows CA, with passwords */
    enum kf_pfx_profile profile;
    unsigned iterations;           /* of each derivation; 0: one of the two above */
    const struct kf_buf *password; /* UTF-8, for all files; NULL: a random one for each, told in
                                      passwords.csv, which is a manifest for import */
};

/*
 * Checks the options and makes the writer. KF_FATAL with KF_CAUSE_USAGE: a password that the batch
 * file cannot hold (a quotation mark, a control character). KF_CAUSE_LIMIT: too many iterations.
 *
 * Names come from the source or the certificate, made safe, with a number for namesakes.
 * Consecutive records are one user where they have the same mailbox GUID or the same subject and
 * mail. Keys without a certificate, and those that are not their certificate's, fail. All files are
 * mode 0600; passwords.csv is written before the files whose passwords it tells, import.cmd after
 * those that it imports. Beside a single file x.pfx the two are x.passwords.csv and x.import.cmd.
 */
enum kf_status kf_pfx_export_open(const struct kf_pfx_export_options *options,
                                  struct kf_writer **out, struct kf_error *error) KF_MUST_USE;

/*
 * The stage for the pipeline that writes to it: makes the files in its threads, where each holds
 * one key. Without it the writer does so itself, in one thread.
 */
struct kf_stage kf_pfx_export_stage(struct kf_writer *writer);

extern const struct kf_writer_ops kf_writer_pfx;

#endif
