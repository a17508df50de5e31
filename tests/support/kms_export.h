/*
 * Writes a KMS export for a test: out.xml in the test's folder (outside.h), signed by "signer".
 */
#ifndef TESTS_SUPPORT_KMS_EXPORT_H
#define TESTS_SUPPORT_KMS_EXPORT_H

#include "tests/support/kms_run.h"
#include "writers/kms.h"

struct kms_export {
    struct kf_kms_export_options options; /* may be changed between prepare and start */
    struct kf_identity identity;
    char path[128];
    char thumbprint[9];
    struct kf_writer *writer;
};

void kms_export_prepare(struct kms_export *export);
void kms_export_start(struct kms_export *export);   /* opens and begins */
void kms_export_finish(struct kms_export *export);  /* commits, finishes, closes */
void kms_export_stop(struct kms_export *export);    /* closes */
void kms_export_release(struct kms_export *export); /* with the files */

/* A record of key 1 (RSA), 2 (EC) or 3 (signing) of the builder's users; guid may be "", name, its
 * distinguished name, NULL. */
void kms_export_fill(struct kf_record *record, unsigned number, const char *guid, const char *name);

/* Puts such a record and gives its outcome; why, where not NULL, gets the reason. */
enum kf_outcome kms_export_put(struct kms_export *export, unsigned number, const char *guid,
                               const char *name, struct kf_error *why);

/* How many files of that export are there, under whatever name. */
size_t kms_export_files(void);

/* Reads out.xml with its signature; the run is freed by the caller. */
void kms_export_read(struct kms_run *run);

#endif
