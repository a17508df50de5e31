/*
 * KMS exports by our writer, for tests: see kms_export.h.
 */
#include "tests/support/kms_export.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/cert.h"
#include "tests/support/kms_builder.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"

void kms_export_prepare(struct kms_export *export)
{
    struct kf_buf der = KF_PUBLIC_BUF;
    uint8_t sha1[KF_SHA1_SIZE];

    *export = (struct kms_export){.writer = NULL};
    kms_identity("signer", &export->identity);
    material_der(export->identity.certificate, &der);
    CU_ASSERT_FATAL(kf_digest(material_crypto()->sha1, kf_buf_slice(&der), sha1, NULL) == KF_OK);
    kf_hex(export->thumbprint, sha1, 4);
    kf_buf_reset(&der);
    (void)snprintf(export->path, sizeof(export->path), "%s/out.xml", outside_folder());
    export->options = (struct kf_kms_export_options){.crypto = material_crypto(),
                                                     .path = export->path,
                                                     .overwrite = true,
                                                     .identity = &export->identity,
                                                     .thumbprint = export->thumbprint,
                                                     .organization = "O=\"Contoso\" & <Sons>",
                                                     .administrative_group = "First"};
}

void kms_export_start(struct kms_export *export)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_FATAL(kf_kms_export_open(&export->options, &export->writer, &error) == KF_OK);
    CU_ASSERT_FATAL(export->writer->ops->begin(export->writer, &error) == KF_OK);
}

void kms_export_stop(struct kms_export *export)
{
    if (export->writer != NULL)
        export->writer->ops->close(export->writer);
    export->writer = NULL;
}

void kms_export_finish(struct kms_export *export)
{
    const struct kf_position position = {.input = 1};
    const struct kf_totals totals = {.users = 1};
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(export->writer->ops->commit(export->writer, &position, &totals, &error), KF_OK);
    CU_ASSERT_EQUAL(export->writer->ops->finish(export->writer, &totals, &error), KF_OK);
    kms_export_stop(export);
}

void kms_export_release(struct kms_export *export)
{
    kms_export_stop(export);
    kf_identity_reset(&export->identity);
    (void)unlink(outside_path("out.xml"));
    (void)unlink(outside_path("out.xml.p7s"));
}

void kms_export_fill(struct kf_record *record, unsigned number, const char *guid, const char *name)
{
    kf_record_init(record);
    kms_user_certificate(number, &record->cert);
    if (number == 3)
        CU_ASSERT_FATAL(kf_buf_append(&record->pkcs8, "0", 1, NULL) == KF_OK)
    else
        kms_user_key(number, &record->pkcs8);
    record->has_facts = true;
    CU_ASSERT_FATAL(kf_cert_parse(material_crypto(), kf_buf_slice(&record->cert), &record->facts,
                                  NULL) == KF_OK);
    (void)snprintf(record->mailbox_guid, sizeof(record->mailbox_guid), "%s", guid);
    record->distinguished_name = name != NULL ? kf_strndup(name, strlen(name)) : NULL;
    record->state = number == 2 ? KF_STATE_PREVIOUS : KF_STATE_CURRENT;
    (void)snprintf(record->place, sizeof(record->place), "record");
}

enum kf_outcome kms_export_put(struct kms_export *export, unsigned number, const char *guid,
                               const char *name, struct kf_error *why)
{
    struct kf_record record;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    enum kf_outcome outcome;

    kms_export_fill(&record, number, guid, name);
    CU_ASSERT_EQUAL(export->writer->ops->put(export->writer, "in", &record, &error), KF_OK);
    outcome = record.outcome;
    if (why != NULL)
        *why = record.error;
    kf_record_reset(&record);
    return outcome;
}

void kms_export_read(struct kms_run *run)
{
    kms_run_init(run, "signer");
    run->options.allow_unsigned = false;
    kms_run_file(run, outside_path("out.xml"));
    CU_ASSERT_EQUAL(run->status, KF_END);
    if (run->status != KF_END)
        (void)printf("\n    %s\n", run->error.text);
}

size_t kms_export_files(void)
{
    DIR *entries = opendir(outside_folder());
    const struct dirent *entry;
    size_t count = 0;

    CU_ASSERT_FATAL(entries != NULL);
    while ((entry = readdir(entries)) != NULL) // NOLINT(concurrency-mt-unsafe)
        count += strstr(entry->d_name, "out.xml") != NULL;
    (void)closedir(entries);
    return count;
}
