/*
 * Writers, run on records: see writer_run.h.
 */
#include "tests/support/writer_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/cert.h"
#include "tests/support/material.h"

static void need(bool done, const char *what)
{
    if (done)
        return;
    (void)fprintf(stderr, "writer_run: cannot %s\n", what);
    exit(EXIT_FAILURE);
}

void record_make(struct kf_record *record, const EVP_PKEY *key, const X509 *certificate,
                 X509 *const *chain)
{
    size_t count = 0;

    kf_record_init(record);
    if (key != NULL)
        material_pkcs8(key, &record->pkcs8);
    if (certificate == NULL)
        return;
    material_der(certificate, &record->cert);
    need(kf_cert_parse(material_crypto(), kf_buf_slice(&record->cert), &record->facts, NULL) ==
             KF_OK,
         "parse a certificate");
    record->has_facts = true;
    while (chain != NULL && chain[count] != NULL)
        count++;
    record->chain = calloc(count + 1, sizeof(*record->chain));
    need(record->chain != NULL, "allocate");
    for (; record->chain_count < count; record->chain_count++) {
        record->chain[record->chain_count] = KF_PUBLIC_BUF;
        material_der(chain[record->chain_count], &record->chain[record->chain_count]);
    }
}

static enum kf_status give_all(struct writer_run *run, struct kf_writer *writer,
                               const struct kf_stage *stage, void *worker,
                               struct kf_record *records, size_t count, size_t every, bool dry)
{
    const struct kf_position position = {.input = 0};

    for (size_t i = 0; i < count; i++) {
        if (stage != NULL && stage->apply(worker, &records[i], &run->error) != KF_OK)
            return KF_FATAL;
        if (writer->ops->put(writer, "input", &records[i], &run->error) != KF_OK)
            return KF_FATAL;
        need(records[i].outcome != KF_PENDING, "leave a record undecided");
        run->totals.by_outcome[records[i].outcome]++;
        kf_buf_reset(&records[i].pkcs8);
        if (every != 0 && (i + 1) % every == 0 && !dry &&
            writer->ops->commit(writer, &position, &run->totals, &run->error) != KF_OK)
            return KF_FATAL;
    }
    if (dry)
        return KF_OK;
    if (writer->ops->commit(writer, &position, &run->totals, &run->error) != KF_OK)
        return KF_FATAL;
    return writer->ops->finish(writer, &run->totals, &run->error);
}

void writer_run(struct writer_run *run, struct kf_writer *writer, const struct kf_stage *stage,
                struct kf_record *records, size_t count, size_t commit_every, bool dry)
{
    void *worker = stage != NULL ? stage->context : NULL;

    *run = (struct writer_run){.status = KF_OK};
    run->status = writer->ops->begin(writer, &run->error);
    if (run->status == KF_OK && stage != NULL && stage->start != NULL)
        run->status = stage->start(stage->context, &worker, &run->error);
    if (run->status == KF_OK) {
        run->status = give_all(run, writer, stage, worker, records, count, commit_every, dry);
        if (stage != NULL && stage->end != NULL)
            stage->end(worker);
    }
    if (run->status != KF_OK || dry)
        writer->ops->rollback(writer);
    writer->ops->close(writer);
}
