/*
 * Gives records to a writer as the pipeline would.
 */
#ifndef TESTS_SUPPORT_WRITER_RUN_H
#define TESTS_SUPPORT_WRITER_RUN_H

#include <openssl/x509.h>

#include "core/pipeline.h"
#include "core/writer.h"

/* Fills a record with a key and its certificate, and a chain that ends with NULL (may be NULL). */
void record_make(struct kf_record *record, const EVP_PKEY *key, const X509 *certificate,
                 X509 *const *chain);

struct writer_run {
    struct kf_totals totals;
    enum kf_status status;
    struct kf_error error;
};

/*
 * begin, then stage and put for each record, commit after every few (0: at the end only), finish,
 * close. dry: nothing is committed. The records keep their outcome; their keys are gone.
 */
void writer_run(struct writer_run *run, struct kf_writer *writer, const struct kf_stage *stage,
                struct kf_record *records, size_t count, size_t commit_every, bool dry);

#endif
