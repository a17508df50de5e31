/*
 * The destinations of convert that are files of keys: PKCS #12 files, profiles, recovery blobs.
 */
#ifndef KF_CLI_CONVERT_H
#define KF_CLI_CONVERT_H

#include "cli/cli.h"
#include "core/pipeline.h"

/* A destination that is open, with what its options name. Zero-initialize. */
struct kf_file_destination {
    struct kf_writer *writer; /* NULL where it could not be opened */
    struct kf_stage stage;
    struct kf_file_names *names; /* what the writer borrows */
};

/* true for what this file opens: "pfx", "epf", "rec". */
bool kf_is_file_destination(const struct kf_writer_ops *ops);

/*
 * Opens it by the options of convert: --outpass or --random-passwords for what holds keys, --kra
 * for recovery blobs. KF_FATAL: an option is missing, wrong, or has no meaning for this
 * destination.
 */
enum kf_status kf_file_destination_open(struct kf_session *session,
                                        const struct kf_arguments *arguments,
                                        const struct kf_writer_ops *ops,
                                        struct kf_file_destination *out,
                                        struct kf_error *error) KF_MUST_USE;
void kf_file_destination_close(struct kf_file_destination *destination); /* NULL-safe */

#endif
