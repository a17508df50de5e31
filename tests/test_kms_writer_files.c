/*
 * The writer of KMS exports: who may open one, and what of it is to be seen on the disk when.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/files.h"
#include "tests/support/kms_builder.h"
#include "tests/support/kms_export.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
#include "tests/support/suite.h"
#include "writers/destinations.h"

#define GUID "6ba7b810-9dad-11d1-80b4-00c04fd430c"

static void test_the_thumbprint_is_confirmed(void)
{
    static const char *const wrong[] = {"00000000", "", "0123456", "0123456789", "0123456g"};
    struct kf_error error;
    struct kms_export export;

    kms_export_prepare(&export);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        error = (struct kf_error){.cause = KF_CAUSE_NONE};
        export.options.thumbprint = wrong[i];
        CU_ASSERT_EQUAL(kf_kms_export_open(&export.options, &export.writer, &error), KF_FATAL);
        CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(error.text, i == 0 ? "does not begin with 00000000" : "first 8 hex digits"));
        CU_ASSERT_PTR_NULL(export.writer);
    }
    export.options.thumbprint = NULL;
    CU_ASSERT_EQUAL(kf_kms_export_open(&export.options, &export.writer, NULL), KF_FATAL);
    for (char *digit = export.thumbprint; *digit != '\0'; digit++) {
        if (*digit >= 'a')
            *digit = (char)(*digit - 'a' + 'A');
    }
    export.options.thumbprint = export.thumbprint;
    CU_ASSERT_EQUAL(kf_kms_export_open(&export.options, &export.writer, NULL), KF_OK);
    CU_ASSERT_EQUAL(kms_export_files(), 0); /* nothing is begun by opening */
    kms_export_release(&export);
}

static void test_what_cannot_sign(void)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_identity identity = {.key = NULL};
    struct kms_export export;

    kms_export_prepare(&export);
    export.options.identity = NULL;
    CU_ASSERT_EQUAL(kf_kms_export_open(&export.options, &export.writer, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    identity.key = kms_key("signer");
    export.options.identity = &identity;
    CU_ASSERT_EQUAL(kf_kms_export_open(&export.options, &export.writer, NULL), KF_FATAL);
    identity.certificate = kms_certificate("signer");
    identity.key = material_key("ec:P-256");
    error = (struct kf_error){.cause = KF_CAUSE_NONE};
    CU_ASSERT_EQUAL(kf_kms_export_open(&export.options, &export.writer, &error), KF_FATAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "is not RSA"));
    kms_export_release(&export);
}

static void test_nothing_appears_before_the_end(void)
{
    struct stat facts;
    struct kms_export export;
    mode_t mask = umask(0);

    kms_export_prepare(&export);
    kms_export_start(&export);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "1", NULL, NULL), KF_ARCHIVED);
    CU_ASSERT_NOT_EQUAL(stat(outside_path("out.xml"), &facts), 0);
    CU_ASSERT_NOT_EQUAL(stat(outside_path("out.xml.p7s"), &facts), 0);
    kms_export_finish(&export);
    (void)umask(mask);
    CU_ASSERT_EQUAL(kms_export_files(), 2);
    CU_ASSERT(stat(outside_path("out.xml"), &facts) == 0 && (facts.st_mode & 07777) == 0600);
    CU_ASSERT(stat(outside_path("out.xml.p7s"), &facts) == 0 && (facts.st_mode & 07777) == 0600);
    kms_export_release(&export);

    kms_export_prepare(&export);
    kms_export_start(&export);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "1", NULL, NULL), KF_ARCHIVED);
    kms_export_stop(&export); /* closed without finish */
    CU_ASSERT_EQUAL(kms_export_files(), 0);
    kms_export_release(&export);
}

static void test_a_rollback_is_the_end(void)
{
    const struct kf_totals totals = {.users = 0};
    struct kf_record record;
    struct kms_export export;

    kms_export_prepare(&export);
    kms_export_start(&export);
    CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "1", NULL, NULL), KF_ARCHIVED);
    export.writer->ops->rollback(export.writer);
    CU_ASSERT_EQUAL(kms_export_files(), 0);
    kms_export_fill(&record, 1, GUID "2", NULL);
    CU_ASSERT_EQUAL(export.writer->ops->put(export.writer, "in", &record, NULL), KF_FATAL);
    kf_record_reset(&record);
    CU_ASSERT_EQUAL(export.writer->ops->finish(export.writer, &totals, NULL), KF_FATAL);
    CU_ASSERT_EQUAL(kms_export_files(), 0);
    kms_export_release(&export);
}

/* Either file that is there already is told at the start, and stays. */
static void test_nothing_is_overwritten(void)
{
    static const char *const names[] = {"out.xml", "out.xml.p7s"};
    struct kf_error error;
    struct kf_buf text = KF_PUBLIC_BUF;
    struct kms_run run;
    struct kms_export export;

    for (size_t i = 0; i < 2; i++) {
        kms_export_prepare(&export);
        CU_ASSERT_FATAL(kf_file_write(outside_path(names[i]), kf_slice_of("mine"), false, NULL) ==
                        KF_OK);
        export.options.overwrite = false;
        error = (struct kf_error){.cause = KF_CAUSE_NONE};
        CU_ASSERT_FATAL(kf_kms_export_open(&export.options, &export.writer, NULL) == KF_OK);
        CU_ASSERT_EQUAL(export.writer->ops->begin(export.writer, &error), KF_FATAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "exists already"));
        kms_export_stop(&export);
        CU_ASSERT_EQUAL(kms_export_files(), 1);
        kf_buf_clear(&text);
        CU_ASSERT_EQUAL(kf_file_read(outside_path(names[i]), 100, &text, NULL), KF_OK);
        CU_ASSERT_TRUE(kf_slice_equal(kf_buf_slice(&text), kf_slice_of("mine")));

        export.options.overwrite = true;
        kms_export_start(&export);
        CU_ASSERT_EQUAL(kms_export_put(&export, 1, GUID "1", NULL, NULL), KF_ARCHIVED);
        kms_export_finish(&export);
        kms_export_read(&run);
        CU_ASSERT_EQUAL(run.user_count, 1);
        kms_run_free(&run);
        kms_export_release(&export);
    }
    kf_buf_reset(&text);
}

static void test_a_folder_that_is_not_there(void)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kms_export export;

    kms_export_prepare(&export);
    export.options.path = "/nonexistent/out.xml";
    CU_ASSERT_FATAL(kf_kms_export_open(&export.options, &export.writer, NULL) == KF_OK);
    CU_ASSERT_EQUAL(export.writer->ops->begin(export.writer, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_SYSTEM);
    kms_export_release(&export);
}

static void test_destinations(void)
{
    const struct kf_writer_ops *const *all = kf_destinations();
    size_t count = 0;

    for (; all[count] != NULL; count++) {
        CU_ASSERT_PTR_EQUAL(kf_destination_find(all[count]->name), all[count]);
        CU_ASSERT(strlen(all[count]->summary) > 0);
        CU_ASSERT(all[count]->begin != NULL && all[count]->put != NULL);
        CU_ASSERT(all[count]->commit != NULL && all[count]->rollback != NULL);
        CU_ASSERT(all[count]->finish != NULL && all[count]->close != NULL);
        all[count]->close(NULL);
    }
    CU_ASSERT(count >= 1);
    CU_ASSERT_PTR_EQUAL(kf_destination_find("kms"), &kf_writer_kms);
    CU_ASSERT_EQUAL(kf_writer_kms.needs, KF_NEEDS_CLEAR);
    CU_ASSERT_PTR_NULL(kf_destination_find("none"));
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"the thumbprint is confirmed", test_the_thumbprint_is_confirmed},
        {"what cannot sign", test_what_cannot_sign},
        {"nothing appears before the end", test_nothing_appears_before_the_end},
        {"a rollback is the end", test_a_rollback_is_the_end},
        {"nothing is overwritten", test_nothing_is_overwritten},
        {"a folder that is not there", test_a_folder_that_is_not_there},
        {"destinations", test_destinations},
        {NULL, NULL},
    };

    return suite_run("kms_writer_files", tests);
}
