/*
 * Text into a file or to standard output: see out.h for the contract.
 */
#include "cli/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FLUSH_AT      (64u << 10)
#define LINE_MAX_SIZE 4096

enum kf_status kf_out_open(struct kf_out *out, const char *path, struct kf_error *error)
{
    *out = (struct kf_out){.pending = KF_PUBLIC_BUF};
    if (path == NULL)
        return KF_OK;
    return kf_file_begin(&out->file, path, true, error) == KF_OK ? KF_OK : KF_FATAL;
}

static void flush(struct kf_out *out)
{
    struct kf_slice bytes = kf_buf_slice(&out->pending);

    if (out->status == KF_OK && out->file != NULL)
        out->status = kf_file_append(out->file, bytes, &out->error);
    else if (out->status == KF_OK && bytes.len != 0 &&
             (fwrite(bytes.data, 1, bytes.len, stdout) != bytes.len || fflush(stdout) != 0))
        out->status = kf_fail_errno(&out->error, KF_FATAL, "cannot write to standard output");
    kf_buf_clear(&out->pending);
}

void kf_out_bytes(struct kf_out *out, const void *bytes, size_t len)
{
    if (out->status == KF_OK)
        out->status = kf_buf_append(&out->pending, bytes, len, &out->error);
    if (out->pending.len >= FLUSH_AT)
        flush(out);
}

void kf_out_text(struct kf_out *out, const char *text)
{
    kf_out_bytes(out, text, strlen(text));
}

void kf_out_format(struct kf_out *out, const char *format, ...)
{
    char line[LINE_MAX_SIZE];
    va_list arguments;
    int len;

    va_start(arguments, format);
    /* clang-tidy 14 loses the va_start above */
    len = vsnprintf(line, sizeof(line), format, arguments); // NOLINT(clang-analyzer-valist.*)
    va_end(arguments);
    if (out->status != KF_OK)
        return;
    if (len >= 0 && (size_t)len < sizeof(line))
        kf_out_bytes(out, line, (size_t)len);
    else
        out->status = kf_fail(&out->error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                              "a line of a report is longer than %d bytes", LINE_MAX_SIZE);
}

enum kf_status kf_out_close(struct kf_out *out, struct kf_error *error)
{
    enum kf_status status;

    flush(out);
    status = out->status;
    if (status == KF_OK && out->file != NULL) {
        status = kf_file_commit(out->file, &out->error);
        out->file = NULL; /* freed in any case */
    }
    if (status != KF_OK && error->cause == KF_CAUSE_NONE)
        *error = out->error;
    kf_out_discard(out);
    return status;
}

void kf_out_discard(struct kf_out *out)
{
    kf_file_discard(out->file);
    out->file = NULL;
    kf_buf_reset(&out->pending);
}
