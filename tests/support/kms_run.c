/*
 * Whole runs of the reader: see kms_run.h.
 */
#include "tests/support/kms_run.h"

#include <stdio.h>
#include <string.h>

#include "core/files.h"
#include "crypto/secrets.h"
#include "readers/formats.h"
#include "tests/support/kms_builder.h"
#include "tests/support/material.h"
#include "tests/support/outside.h"
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

static bool is_key(const struct kf_record *record, unsigned number)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;
    struct kf_buf der = KF_PUBLIC_BUF;
    bool is_same;

    kms_user_key(number, &pkcs8);
    kms_user_certificate(number, &der);
    is_same = kf_slice_equal(kf_buf_slice(&record->pkcs8), kf_buf_slice(&pkcs8)) &&
              kf_slice_equal(kf_buf_slice(&record->cert), kf_buf_slice(&der)) &&
              record->has_facts && strcmp(record->facts.subject, "CN=User, O=Contoso") == 0;
    kf_buf_reset(&pkcs8);
    kf_buf_reset(&der);
    return is_same;
}

void kms_run_assert_user(const struct kms_run *run, size_t number, const struct kf_buf *xml)
{
    const struct kf_record *records = run->users[number].records;
    char text[64];

    CU_ASSERT_FATAL(run->users[number].count == 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct kf_record *record = &records[i];

        CU_ASSERT_EQUAL(record->outcome, KF_PENDING);
        CU_ASSERT_FALSE(record->key_mismatch);
        CU_ASSERT_TRUE(is_key(record, i + 1));
        CU_ASSERT_EQUAL(record->state, i == 0 ? KF_STATE_CURRENT : KF_STATE_PREVIOUS);
        (void)snprintf(text, sizeof(text), "User %zu", number + 1);
        CU_ASSERT_STRING_EQUAL(record->display_name, text);
        (void)snprintf(text, sizeof(text), "CN=User %zu, O=Contoso", number + 1);
        CU_ASSERT_STRING_EQUAL(record->distinguished_name, text);
        (void)snprintf(text, sizeof(text), "user%zu@contoso.com", number + 1);
        CU_ASSERT_STRING_EQUAL(record->mail, text);
        (void)snprintf(text, sizeof(text), "00000000-0000-4000-8000-%012zu", number + 1);
        CU_ASSERT_STRING_EQUAL(record->mailbox_guid, text);
        (void)snprintf(text, sizeof(text), "user %zu: key %u", number + 1, i + 1);
        CU_ASSERT_STRING_EQUAL(record->place, text);
        CU_ASSERT_EQUAL(record->chain_count, 0);
    }
    if (number == 0)
        CU_ASSERT_EQUAL(records[0].line, kms_line_of(xml, "<Key certificate=\"c1\""));
}

void kms_run_assert_all(const struct kms_run *run, size_t users, const struct kf_buf *xml)
{
    char text[800];

    if (run->status != KF_END) {
        kf_error_format(&run->error, "run", text, sizeof(text));
        (void)printf("\n    %s\n", text);
    }
    CU_ASSERT_EQUAL(run->status, KF_END);
    CU_ASSERT_EQUAL(run->user_count, users);
    for (size_t i = 0; i < run->user_count; i++)
        kms_run_assert_user(run, i, xml);
}

void kms_put(const char *name, const struct kf_buf *bytes)
{
    CU_ASSERT_FATAL(kf_file_write(outside_path(name), kf_buf_slice(bytes), true, NULL) == KF_OK);
}

void kms_put_signed(const struct kf_buf *xml, const char *signer, const EVP_MD *digest)
{
    struct kf_buf signature = KF_PUBLIC_BUF;

    kms_put("mail.xml", xml);
    kms_sign(signer, digest, kf_buf_slice(xml), &signature);
    kms_put("mail.xml.p7s", &signature);
    kf_buf_reset(&signature);
}
