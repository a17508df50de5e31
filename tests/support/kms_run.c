/*
 * Whole runs of the reader: see kms_run.h.
 */
#include "tests/support/kms_run.h"

#include <stdio.h>
#include <string.h>

#include "crypto/secrets.h"
#include "readers/formats.h"
#include "tests/support/kms_builder.h"
#include "tests/support/material.h"
#include "tests/support/suite.h"

void kms_run_init(struct kms_run *run, const char *identity)
{
    *run = (struct kms_run){.options = {.crypto = material_crypto(),
                                        .secrets = kms_secrets(identity),
                                        .limits = KF_LIMITS_DEFAULT,
                                        .allow_unsigned = true}};
}

void kms_run_open(struct kms_run *run, struct kf_input *input)
{
    run->error = (struct kf_error){.cause = KF_CAUSE_NONE};
    run->status = kf_reader_kms.open(&run->reader, input, &run->options, &run->error);
    run->was_opened = run->status == KF_OK;
    if (!run->was_opened)
        kf_input_close(input);
}

static void read_user(struct kms_run *run, struct kf_item *item)
{
    struct kf_batch *batch = &run->users[run->user_count];
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_FATAL(run->user_count < KMS_RUN_USERS);
    run->user_count++;
    CU_ASSERT_EQUAL(item->ordinal, run->user_count);
    CU_ASSERT(item->line > 0 && item->cost > 0);
    CU_ASSERT_EQUAL(kf_reader_kms.decode(run->reader, item, batch, &error), KF_END);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_NONE);
    CU_ASSERT(batch->all_or_nothing && batch->ends_user);
    kf_reader_kms.free_item(item);
}

void kms_run_read(struct kms_run *run)
{
    struct kf_item *item = NULL;
    enum kf_status again;

    while ((run->status = kf_reader_kms.next(run->reader, &item, &run->error)) == KF_OK)
        read_user(run, item);
    CU_ASSERT_PTR_NULL(item);
    again = kf_reader_kms.next(run->reader, &item, NULL);
    CU_ASSERT_EQUAL(again, run->status); /* the end stays the end, and an error an error */
}

void kms_run_input(struct kms_run *run, struct kf_input *input)
{
    kms_run_open(run, input);
    if (run->was_opened)
        kms_run_read(run);
}

void kms_run_file(struct kms_run *run, const char *path)
{
    struct kf_input *input = NULL;

    CU_ASSERT_FATAL(kf_input_open(&input, path, NULL) == KF_OK);
    kms_run_input(run, input);
}

void kms_run_document(struct kms_run *run, const struct kf_buf *xml)
{
    struct kf_input *input = NULL;

    CU_ASSERT_FATAL(kf_input_from_memory(&input, "mail.xml", kf_buf_slice(xml), NULL) == KF_OK);
    kms_run_input(run, input);
}

void kms_run_clear(struct kms_run *run)
{
    kf_reader_kms.close(run->reader);
    run->reader = NULL;
    run->was_opened = false;
    for (size_t i = 0; i < run->user_count; i++)
        kf_batch_reset(&run->users[i]);
    run->user_count = 0;
}

void kms_run_free(struct kms_run *run)
{
    kms_run_clear(run);
    kf_secrets_free(run->options.secrets);
}

void kms_run_assert_fatal(const struct kms_run *run, enum kf_cause cause, const char *text,
                          const char *place, uint64_t line)
{
    const struct kf_error *error = &run->error;
    bool is_right = run->status == KF_FATAL && error->cause == cause &&
                    (text == NULL || strstr(error->text, text) != NULL) &&
                    (place == NULL || strcmp(error->place, place) == 0) &&
                    (line == 0 || error->line == line);
    char shown[800];

    CU_ASSERT_TRUE(is_right);
    if (is_right)
        return;
    kf_error_format(error, NULL, shown, sizeof(shown));
    (void)printf("\n    status %d cause %d: %s\n    expected cause %d, \"%s\", place \"%s\", line "
                 "%llu\n",
                 (int)run->status, (int)error->cause, shown, (int)cause, text != NULL ? text : "",
                 place != NULL ? place : "any", (unsigned long long)line);
}
