/*
 * The writer "epf": private keys into profiles of this project's own, synthetic dialect
 * (docs/formats/epf.md), one a user, one a key, or one for everything.
 */
#ifndef KF_WRITERS_EPF_H
#define KF_WRITERS_EPF_H

#include "core/writer.h"
#include "crypto/crypto.h"

/* The dialect that is written, as the reader finds it, and its count. */
#define KF_EPF_WRITTEN_DIALECT "sha256/total/text/first/aes-256/pkcs8"
#define KF_EPF_WRITTEN_COUNT   100000

/* Everything is borrowed until the writer is closed. */
struct kf_epf_export_options {
    const struct kf_crypto *crypto;
    const char *path; /* a folder, or x.epf: as in writers/pfx.h */
    bool overwrite;
    bool per_key; /* one profile a key, not one a user */
    bool dry_run;
    const struct kf_buf *password; /* for all profiles; NULL: a random one for each, told in
                                      passwords.csv, which is a manifest for import */
};

/* KF_FATAL: memory. Names, users, modes and refusals are those of writers/pfx.h. */
enum kf_status kf_epf_export_open(const struct kf_epf_export_options *options,
                                  struct kf_writer **out, struct kf_error *error) KF_MUST_USE;

extern const struct kf_writer_ops kf_writer_epf;

#endif
