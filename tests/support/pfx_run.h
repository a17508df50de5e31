/*
 * Runs a file through the PKCS #12 reader as an import would, and keeps what came out.
 */
#ifndef TESTS_SUPPORT_PFX_RUN_H
#define TESTS_SUPPORT_PFX_RUN_H

#include "core/reader.h"

/* A password; bytes NULL: none at all. */
struct pfx_password {
    const char *bytes;
    size_t len; /* 0: the length of the string */
};

struct pfx_run {
    struct kf_batch records; /* all of them, in order */
    enum kf_status status;   /* KF_END: read to its end; else error says why not */
    struct kf_error error;
    size_t largest_batch;
    struct kf_remarks remarks;
    char *outline; /* what describe told, a line a value, indented; NULL where it failed */

    /* counts over the records */
    size_t proven;     /* a key with its certificate, pending */
    size_t mismatched; /* a key with a certificate that is not its own */
    size_t failed;
};

/* passwords end with {.bytes = "", .len = SIZE_MAX}; NULL: none. options may be NULL. */
#define PFX_END                                                                                    \
    {                                                                                              \
        "", SIZE_MAX                                                                               \
    }
void pfx_run(struct pfx_run *run, struct kf_slice bytes, const struct pfx_password *passwords,
             const struct kf_reader_options *options);

/* With one password, a string. */
void pfx_run_with(struct pfx_run *run, struct kf_slice bytes, const char *password);

/* What describe tells before anything was decoded, without a password. Freed by free(). */
char *pfx_run_before(struct kf_slice bytes);

void pfx_run_reset(struct pfx_run *run);

/* The first error: of the run, or of the first record that has one; its text is "" for none. */
const struct kf_error *pfx_run_error(const struct pfx_run *run);

#endif
