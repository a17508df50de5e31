/*
 * Text that goes piece by piece into a file or to standard output; what reports are written with.
 *
 * A file is made beside its place, mode 0600, and gets its name when it is whole (core/files.h);
 * one that was there is replaced. The first failure is kept, nothing is written after it, and
 * closing tells it: so nothing in between has to ask.
 */
#ifndef KF_CLI_OUT_H
#define KF_CLI_OUT_H

#include "core/files.h"

struct kf_out {
    struct kf_file *file;  /* NULL: standard output */
    struct kf_buf pending; /* not written yet */
    enum kf_status status;
    struct kf_error error;
};

/* path is NULL for standard output. KF_FATAL: the file cannot be made. */
enum kf_status kf_out_open(struct kf_out *out, const char *path,
                           struct kf_error *error) KF_MUST_USE;

void kf_out_bytes(struct kf_out *out, const void *bytes, size_t len);
void kf_out_text(struct kf_out *out, const char *text);
void kf_out_format(struct kf_out *out, const char *format, ...) KF_PRINTF(2, 3);

/* Gives the file its name. KF_FATAL: something could not be written; then there is no file. */
enum kf_status kf_out_close(struct kf_out *out, struct kf_error *error) KF_MUST_USE;

/* Leaves no file. Closed or discarded before: does nothing. */
void kf_out_discard(struct kf_out *out);

#endif
