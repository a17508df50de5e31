/*
 * The list of formats: who bids on what, and what becomes of input that nobody knows.
 */
#include "readers/formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/secrets.h"
#include "tests/support/feeder.h"
#include "tests/support/kms_builder.h"
#include "tests/support/material.h"
#include "tests/support/suite.h"

#define NS "urn:keyferry:kms-export:1"

static int bid(const char *text)
{
    return kf_reader_kms.bid(kf_slice_of(text));
}

static void test_a_kms_export_is_certain(void)
{
    CU_ASSERT_EQUAL(bid("<KMSExport xmlns=\"" NS "\" version=\"1\">"), KF_BID_CERTAIN);
    CU_ASSERT_EQUAL(bid("<KMSExport xmlns='" NS "'/>"), KF_BID_CERTAIN);
    CU_ASSERT_EQUAL(bid("<a:KMSExport b=\"1\"\n xmlns:b=\"urn:x\" xmlns:a = \"" NS "\">"),
                    KF_BID_CERTAIN);
    CU_ASSERT_EQUAL(bid("\xef\xbb\xbf<?xml version=\"1.0\"?>\r\n<!-- a --><!-- > -->\n <KMSExport "
                        "xmlns=\"" NS "\""),
                    KF_BID_CERTAIN);
    CU_ASSERT_EQUAL(
        bid("<?xml version='1.0' encoding='utf-8' standalone='yes' ?><KMSExport xmlns=\"" NS "\">"),
        KF_BID_CERTAIN);
}

static void test_other_xml_is_not_ours(void)
{
    CU_ASSERT_EQUAL(bid(""), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("<"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("<?xml version=\"1.0\"?>"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("<?xml version=\"1.0\"?><Other xmlns=\"" NS "\"/>"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("<KMSExport/>"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("<KMSExport xmlns=\"urn:keyferry:kms-export:2\"/>"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("<KMSExport xmlns:a=\"" NS "\"/>"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("<a:KMSExport xmlns=\"" NS "\" xmlns:a=\"urn:x\"/>"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("<KMSExports xmlns=\"" NS "\"/>"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("<!-- <KMSExport xmlns=\"" NS "\"/>"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("{\"KMSExport\": 1}"), KF_BID_NONE);
    CU_ASSERT_EQUAL(bid("<!DOCTYPE html><html>"), KF_BID_NONE);
}

/* What is refused for its prolog should be refused by that, and not as something unknown. */
static void test_a_refused_prolog_is_likely(void)
{
    static const char wide[] = "\xff\xfe<\0K\0M\0S\0E\0x\0p\0o\0r\0t\0 \0x\0m\0l\0n\0s\0=\0\"\0"
                               "u\0r\0n\0:\0k\0e\0y\0f\0e\0r\0r\0y\0:\0k\0m\0s\0-\0e\0x\0p\0o\0r\0"
                               "t\0:\0"
                               "1\0\"\0";

    CU_ASSERT_EQUAL(bid("<!DOCTYPE KMSExport [<!ENTITY a \"b\">]><KMSExport xmlns=\"" NS "\">"),
                    KF_BID_LIKELY);
    CU_ASSERT_EQUAL(bid("<?xml-stylesheet href='a'?><KMSExport xmlns=\"" NS "\">"), KF_BID_LIKELY);
    CU_ASSERT_EQUAL(bid("<?xml version='1.0' encoding='ISO-8859-1'?><KMSExport xmlns=\"" NS "\">"),
                    KF_BID_LIKELY);
    CU_ASSERT_EQUAL(kf_reader_kms.bid((struct kf_slice){(const uint8_t *)wide, sizeof(wide) - 1}),
                    KF_BID_LIKELY);
}

static void test_the_list(void)
{
    const struct kf_reader_ops *const *readers = kf_readers();
    size_t count = 0;

    for (; readers[count] != NULL; count++) {
        const struct kf_reader_ops *ops = readers[count];

        CU_ASSERT_PTR_EQUAL(kf_reader_find(ops->name), ops);
        CU_ASSERT(strlen(ops->summary) > 0 && strchr(ops->summary, '\n') == NULL);
        CU_ASSERT(ops->bid != NULL && ops->open != NULL && ops->next != NULL);
        CU_ASSERT(ops->decode != NULL && ops->free_item != NULL && ops->describe != NULL);
        CU_ASSERT(ops->close != NULL);
        CU_ASSERT_EQUAL(ops->bid((struct kf_slice){NULL, 0}), KF_BID_NONE);
        ops->free_item(NULL);
        ops->close(NULL);
    }
    CU_ASSERT(count >= 3);
    CU_ASSERT_PTR_EQUAL(kf_reader_find("kms"), &kf_reader_kms);
    CU_ASSERT_PTR_EQUAL(kf_reader_find("pfx"), &kf_reader_pfx);
    CU_ASSERT_PTR_EQUAL(kf_reader_find("epf"), &kf_reader_epf);
    CU_ASSERT_PTR_NULL(kf_reader_find("KMS"));
    CU_ASSERT_PTR_NULL(kf_reader_find(""));
}

static enum kf_status open_bytes(const char *name, struct kf_slice bytes, struct kf_error *error)
{
    struct kf_reader_options options = {.crypto = material_crypto(),
                                        .secrets = kms_secrets("signer"),
                                        .limits = KF_LIMITS_DEFAULT,
                                        .allow_unsigned = true};
    struct kf_input *input = NULL;
    struct kf_reader *reader = NULL;
    enum kf_status status;

    *error = (struct kf_error){.cause = KF_CAUSE_NONE};
    CU_ASSERT_FATAL(kf_input_from_memory(&input, "in", bytes, NULL) == KF_OK);
    status = kf_reader_open(&reader, input, name, &options, error);
    CU_ASSERT_EQUAL(status == KF_OK, reader != NULL);
    if (reader != NULL)
        reader->ops->close(reader);
    else
        kf_input_close(input);
    kf_secrets_free(options.secrets);
    return status;
}

static void test_unrecognized_input(void)
{
    static const char *const inputs[] = {
        "", "hello", "<a/>", "KMSExport", "%!PS", "<KMSExport xmlns=\"urn:other\"/>",
    };
    struct kf_error error;

    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        CU_ASSERT_EQUAL(open_bytes(NULL, kf_slice_of(inputs[i]), &error), KF_SKIP);
        CU_ASSERT_EQUAL(error.cause, KF_CAUSE_UNSUPPORTED);
        CU_ASSERT_STRING_EQUAL(
            error.text,
            "unrecognized input: an original wizard file is imported on a Windows Server "
            "2003 CA with certutil; what it archived there is read here from that CA's "
            "recovery blobs");
    }
}

static void test_by_name_and_by_bid(void)
{
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kf_error error;

    kms_build(&(struct kms_build){.users = 1}, &xml);
    CU_ASSERT_EQUAL(open_bytes(NULL, kf_buf_slice(&xml), &error), KF_OK);
    CU_ASSERT_EQUAL(open_bytes("kms", kf_buf_slice(&xml), &error), KF_OK);
    CU_ASSERT_EQUAL(open_bytes("none", kf_buf_slice(&xml), &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_USAGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "there is no format named none"));
    CU_ASSERT_EQUAL(open_bytes("kms", kf_slice_of("hello"), &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
    kms_replace(&xml, "<KMSExport", "<!DOCTYPE k><KMSExport");
    CU_ASSERT_EQUAL(open_bytes(NULL, kf_buf_slice(&xml), &error), KF_FATAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "document type declaration"));
    kf_buf_reset(&xml);
}

/* The bid sees its prefix whole, however slowly it comes, and nothing of it is lost. */
static void test_pieces(void)
{
    struct kf_buf xml = KF_PUBLIC_BUF;
    struct kf_reader_options options = {.crypto = material_crypto(),
                                        .secrets = kms_secrets("signer"),
                                        .limits = KF_LIMITS_DEFAULT,
                                        .allow_unsigned = true};

    kms_build(&(struct kms_build){.users = 1}, &xml);
    for (size_t i = 0; feeder_sizes[i] != 0; i++) {
        struct feeder feeder = {.bytes = kf_buf_slice(&xml), .block = feeder_sizes[i]};
        struct kf_input *input = feeder_open(&feeder);
        struct kf_reader *reader = NULL;
        struct kf_item *item = NULL;

        CU_ASSERT_FATAL(kf_reader_open(&reader, input, NULL, &options, NULL) == KF_OK);
        CU_ASSERT_PTR_EQUAL(reader->ops, &kf_reader_kms);
        CU_ASSERT_EQUAL(reader->ops->next(reader, &item, NULL), KF_OK);
        reader->ops->free_item(item);
        CU_ASSERT_EQUAL(reader->ops->next(reader, &item, NULL), KF_END);
        reader->ops->close(reader);
    }
    kf_secrets_free(options.secrets);
    kf_buf_reset(&xml);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"a KMS export is certain", test_a_kms_export_is_certain},
        {"other XML is not ours", test_other_xml_is_not_ours},
        {"a refused prolog is likely", test_a_refused_prolog_is_likely},
        {"the list", test_the_list},
        {"unrecognized input", test_unrecognized_input},
        {"by name and by bid", test_by_name_and_by_bid},
        {"pieces", test_pieces},
        {NULL, NULL},
    };

    return suite_run("formats", tests);
}
