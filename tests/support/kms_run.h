/*
 * Reads a KMS export from end to end for a test and keeps what came: records, and how it ended.
 */
#ifndef TESTS_SUPPORT_KMS_RUN_H
#define TESTS_SUPPORT_KMS_RUN_H

#include "core/reader.h"
#include "crypto/crypto.h"

#define KMS_RUN_USERS 64

struct kms_run {
    struct kf_reader_options options; /* set by the test before the run, crypto and secrets too */
    struct kf_reader *reader;         /* NULL where it was not opened */
    enum kf_status status;            /* KF_END for a whole document */
    struct kf_error error;
    bool was_opened;
    struct kf_batch users[KMS_RUN_USERS];
    size_t user_count;
};

/* With an export-signing key by name (kms_builder.h) or NULL, and unsigned exports allowed. */
void kms_run_init(struct kms_run *run, const char *identity);

/* Opens the input, which the run owns from now on, and reads all; the reader stays open. */
void kms_run_input(struct kms_run *run, struct kf_input *input);
void kms_run_file(struct kms_run *run, const char *path);
void kms_run_document(struct kms_run *run, const struct kf_buf *xml);

/* The two halves of kms_run_input. */
void kms_run_open(struct kms_run *run, struct kf_input *input);
void kms_run_read(struct kms_run *run);

/* Closes the reader and drops the records, for another run with the same options. */
void kms_run_clear(struct kms_run *run);
void kms_run_free(struct kms_run *run); /* with the secrets */

/* Asserts that the run ended with KF_FATAL, this cause, and an error that has these texts, line
 * and place in it as people get to see it. NULL and 0 are not looked at. */
void kms_run_assert_fatal(const struct kms_run *run, enum kf_cause cause, const char *text,
                          const char *place, uint64_t line);

/* Asserts that all that the builder put into user number (from 0) was read, or into users. */
void kms_run_assert_user(const struct kms_run *run, size_t number, const struct kf_buf *xml);
void kms_run_assert_all(const struct kms_run *run, size_t users, const struct kf_buf *xml);

/* Writes a file of the test's folder; the document as mail.xml, signed in mail.xml.p7s. */
void kms_put(const char *name, const struct kf_buf *bytes);
void kms_put_signed(const struct kf_buf *xml, const char *signer, const EVP_MD *digest);

#endif
