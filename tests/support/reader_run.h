/*
 * Runs an input through any reader as an import would, and keeps what came out.
 */
#ifndef TESTS_SUPPORT_READER_RUN_H
#define TESTS_SUPPORT_READER_RUN_H

#include "core/reader.h"
#include "crypto/secrets.h"

struct reader_run {
    struct kf_batch records; /* all of them, in order */
    enum kf_status status;   /* KF_END: read to its end; else error says why not */
    struct kf_error error;
    char *outline; /* what describe told, a line a value, indented; NULL where it was not asked */

    /* counts over the records */
    size_t proven; /* a key with its certificate, pending */
    size_t failed;
};

/* Takes input over. options needs secrets only; limits that are zero become the default. */
void reader_run(struct reader_run *run, const struct kf_reader_ops *ops, struct kf_input *input,
                const struct kf_reader_options *options);
/* From memory, or a file, with these secrets. */
void reader_run_bytes(struct reader_run *run, const struct kf_reader_ops *ops,
                      struct kf_slice bytes, struct kf_secrets *secrets);
void reader_run_file(struct reader_run *run, const struct kf_reader_ops *ops, const char *path,
                     struct kf_secrets *secrets);
void reader_run_reset(struct reader_run *run);

/* The first error: of the run, or of the first record that has one; its text is "" for none. */
const struct kf_error *reader_run_error(const struct reader_run *run);

/* What describe tells before anything was decoded. Freed by free(). */
char *reader_run_before(const struct kf_reader_ops *ops, struct kf_slice bytes,
                        struct kf_secrets *secrets);

/* Secrets of one password (NULL: none) and one identity (key NULL: none). Freed by the caller. */
struct kf_secrets *secrets_with(const char *password, EVP_PKEY *key, X509 *certificate);

/* Whether the record's key is this one. */
bool record_has_key(const struct kf_record *record, const EVP_PKEY *key);
/* The record with this key; NULL for none. */
const struct kf_record *find_record(const struct reader_run *run, const EVP_PKEY *key);

#endif
