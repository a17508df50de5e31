/*
 * KMS exports that are too long, too short, or damaged: each limit of core/limits.h, truncation at
 * any byte, and changed bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/reader.h"
#include "tests/support/feeder.h"
#include "tests/support/kms_builder.h"
#include "tests/support/kms_run.h"
#include "tests/support/suite.h"

static void test_a_prolog_without_end(void)
{
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kms_run run;
    static const char comment[] = "<!-- 123456789 123456789 123456789 123456789 123456789 12 -->\n";

    kms_run_init(&run, "signer");
    for (unsigned i = 0; i < 1100; i++)
        CU_ASSERT_FATAL(kf_buf_append(&xml, comment, sizeof(comment) - 1, NULL) == KF_OK);
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, KF_CAUSE_LIMIT, "no root element within 64 KiB", "", 0);
    kms_run_clear(&run);
    xml.len = 3 * (sizeof(comment) - 1);
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, "truncated: ends before the root element", "", 4);
    kms_run_clear(&run);
    xml.len = 0;
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, KF_CAUSE_DATA, "truncated", "", 1);
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

static void test_too_many_lock_boxes(void)
{
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kf_buf box = KF_PUBLIC_BUF;
    struct kms_run run;
    const uint8_t *start;
    const uint8_t *end;

    kms_run_init(&run, "signer");
    kms_build(&(struct kms_build){.users = 0}, &xml);
    start = xml.data;
    while (memcmp(start, "<LockBox>", 9) != 0)
        start++;
    end = start;
    while (memcmp(end, "<End ", 5) != 0)
        end++;
    for (unsigned i = 0; i < 65; i++)
        CU_ASSERT_FATAL(kf_buf_append(&box, start, (size_t)(end - start), NULL) == KF_OK);
    CU_ASSERT_FATAL(kf_buf_append(&box, "", 1, NULL) == KF_OK); /* a string */
    kms_replace(&xml, "<End ", (const char *)box.data);
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, KF_CAUSE_LIMIT, "more than 64 lock boxes", "", 0);
    kms_run_free(&run);
    kf_buf_reset(&box);
    kf_buf_reset(&xml);
}

/* Replaces from by to and count times "x" and rest. */
static void assert_too_long(const char *from, const char *to, size_t count, const char *rest,
                            const char *text)
{
    struct kf_buf xml = KF_PUBLIC_BUF;
    size_t size = strlen(to) + count + strlen(rest) + 1;
    char *longer = malloc(size);
    struct kms_run run;

    CU_ASSERT_FATAL(longer != NULL);
    (void)snprintf(longer, size, "%s", to);
    memset(longer + strlen(to), 'x', count);
    (void)snprintf(longer + strlen(to) + count, strlen(rest) + 1, "%s", rest);
    kms_run_init(&run, "signer");
    kms_build(&(struct kms_build){.users = 1}, &xml);
    kms_replace(&xml, from, longer);
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, KF_CAUSE_LIMIT, text, NULL, 0);
    kms_run_free(&run);
    free(longer);
    kf_buf_reset(&xml);
}

static void test_limits(void)
{
    assert_too_long("organization=\"", "organization=\"", 1024, "",
                    "attribute organization of KMSExport is longer than 1024 bytes");
    assert_too_long("<DisplayName>", "<DisplayName>", 1024, "",
                    "DisplayName is longer than 1024 bytes");
    assert_too_long("use=\"encryption\">", "use=\"encryption\">", 2u << 20, "",
                    "Certificate is longer than 2097152 bytes");
    assert_too_long("</xenc:CipherValue>", "", 16u << 10, "</xenc:CipherValue>",
                    "CipherValue is longer than 16384 bytes");
}

static void append_text(struct kf_buf *out, const char *text)
{
    CU_ASSERT_FATAL(kf_buf_append(out, text, strlen(text), NULL) == KF_OK);
}

static void test_too_many_entries(void)
{
    struct kf_buf many = KF_PUBLIC_BUF;
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kms_run run;
    char one[300];

    kms_run_init(&run, "signer");
    for (unsigned kind = 0; kind < 2; kind++) {
        kf_buf_clear(&many);
        for (unsigned i = 0; i < 1025; i++) {
            if (kind == 0)
                (void)snprintf(one, sizeof(one), "<Certificate id=\"x%u\" use=\"signing\"/>", i);
            else
                (void)snprintf(one, sizeof(one),
                               "<Key certificate=\"c1\" state=\"current\"><xenc:EncryptedData>"
                               "<xenc:EncryptionMethod Algorithm=\"a\"/><xenc:CipherData>"
                               "<xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData></Key>");
            append_text(&many, one);
        }
        CU_ASSERT_FATAL(kf_buf_append(&many, "</User>", 8, NULL) == KF_OK); /* with the NUL */
        kms_build(&(struct kms_build){.users = 1}, &xml);
        kms_replace(&xml, "</User>", (const char *)many.data);
        kms_run_document(&run, &xml);
        kms_run_assert_fatal(&run, KF_CAUSE_LIMIT,
                             kind == 0 ? "more than 1024 certificates of one user"
                                       : "more than 1024 keys of one user",
                             NULL, 0);
        kms_run_clear(&run);
    }
    kms_run_free(&run);
    kf_buf_reset(&many);
    kf_buf_reset(&xml);
}

/* Certificates of a legal size each that make a user too large. */
static void test_a_user_that_is_too_large(void)
{
    struct kf_buf user = KF_PUBLIC_BUF;
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kms_run run;
    char *text = malloc(2u << 20);

    CU_ASSERT_FATAL(text != NULL);
    memset(text, 'A', 2u << 20);
    for (unsigned i = 0; i < 9; i++) {
        char start[64];

        (void)snprintf(start, sizeof(start), "<Certificate id=\"x%u\" use=\"signing\">", i);
        append_text(&user, start);
        CU_ASSERT_FATAL(kf_buf_append(&user, text, 2u << 20, NULL) == KF_OK);
        append_text(&user, "</Certificate>\n");
    }
    CU_ASSERT_FATAL(kf_buf_append(&user, "</User>", 8, NULL) == KF_OK);
    kms_build(&(struct kms_build){.users = 1}, &xml);
    kms_replace(&xml, "</User>", (const char *)user.data);
    kms_run_init(&run, "signer");
    kms_run_document(&run, &xml);
    kms_run_assert_fatal(&run, KF_CAUSE_LIMIT, "this user is larger than 16777216 bytes",
                         "user 1 (00000000-0000-4000-8000-000000000001)",
                         kms_line_of(&xml, "id=\"x7\""));
    kms_run_free(&run);
    free(text);
    kf_buf_reset(&user);
    kf_buf_reset(&xml);
}

/* Cut anywhere, it is never taken for whole, and the users before the cut are there. */
static void test_truncation_is_fatal(void)
{
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kms_run run;
    size_t whole;
    size_t len = 0;

    kms_run_init(&run, "signer");
    kms_build(&(struct kms_build){.users = 2}, &xml);
    whole = xml.len - 1; /* the last line feed may be missing */
    while (len < whole) {
        struct kf_buf cut = {.data = xml.data, .len = len, .cap = xml.cap, .is_public = true};

        kms_run_document(&run, &cut);
        kms_run_assert_fatal(&run, KF_CAUSE_DATA, "truncated", NULL, 0);
        if (len > whole - 50)
            CU_ASSERT_EQUAL(run.user_count, 2);
        kms_run_clear(&run);
        len += len > whole - 200 || len < 900 ? 1 : 61;
    }
    for (xml.len = whole; xml.len <= whole + 1; xml.len++) {
        struct feeder feeder = {.bytes = kf_buf_slice(&xml), .block = 1};

        kms_run_input(&run, feeder_open(&feeder));
        CU_ASSERT_EQUAL(run.status, KF_END);
        kms_run_clear(&run);
    }
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

/* Whatever is in a byte, the reader ends, and what it reads of the keys is right or failed. */
static void test_changed_bytes(void)
{
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kms_run run;
    uint32_t random = 12345;

    kms_run_init(&run, "signer");
    kms_build(&(struct kms_build){.users = 2}, &xml);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t before;
        size_t at;

        random = random * 1664525u + 1013904223u;
        at = random % xml.len;
        before = xml.data[at];
        xml.data[at] = (uint8_t)(before ^ (1u << (random >> 8) % 8));
        kms_run_document(&run, &xml);
        CU_ASSERT(run.status == KF_END || run.status == KF_FATAL);
        CU_ASSERT_EQUAL(run.status == KF_FATAL, run.error.cause != KF_CAUSE_NONE);
        CU_ASSERT(run.status == KF_FATAL || run.user_count == 2);
        kms_run_clear(&run);
        xml.data[at] = before;
    }
    kms_run_free(&run);
    kf_buf_reset(&xml);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"a prolog without end", test_a_prolog_without_end},
        {"too many lock boxes", test_too_many_lock_boxes},
        {"limits", test_limits},
        {"too many entries", test_too_many_entries},
        {"a user that is too large", test_a_user_that_is_too_large},
        {"truncation is fatal", test_truncation_is_fatal},
        {"changed bytes", test_changed_bytes},
        {NULL, NULL},
    };

    return suite_run("kms_limits", tests);
}
