/*
 * The DER cursor and writer (X.690 8.1, 10.1): what is read, what is refused, what is written.
 */
#include "core/der.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

#define BYTES(...)                                                                                 \
    ((struct kf_slice){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})

/* A slice at the end of a block of its own, so that a sanitizer sees each read beyond it. */
static uint8_t *exact(struct kf_slice bytes, struct kf_slice *copy)
{
    uint8_t *block = malloc(bytes.len + 1);

    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    if (bytes.len != 0)
        memcpy(block + 1, bytes.data, bytes.len);
    *copy = (struct kf_slice){block + 1, bytes.len};
    return block;
}

static void refused(struct kf_slice bytes)
{
    struct kf_slice cursor;
    struct kf_slice before;
    struct kf_tlv tlv = {.tag = 0x55};
    uint8_t *block = exact(bytes, &cursor);

    before = cursor;
    CU_ASSERT_FALSE(kf_der_any(&cursor, &tlv));
    CU_ASSERT(cursor.data == before.data && cursor.len == before.len);
    free(block);
}

static void test_any_reads(void)
{
    struct kf_slice cursor = BYTES(0x30, 0x03, 0x02, 0x01, 0x05, 0x05, 0x00);
    struct kf_slice inner;
    struct kf_tlv tlv;

    CU_ASSERT(kf_der_any(&cursor, &tlv));
    CU_ASSERT_EQUAL(tlv.tag, KF_DER_SEQUENCE);
    CU_ASSERT_EQUAL(tlv.whole.len, 5);
    inner = tlv.value;
    CU_ASSERT(kf_der_any(&inner, &tlv) && tlv.tag == KF_DER_INTEGER && tlv.value.data[0] == 5);
    CU_ASSERT(kf_der_end(&inner));
    CU_ASSERT_EQUAL(kf_der_peek(&inner), 0);
    CU_ASSERT_EQUAL(kf_der_peek(&cursor), KF_DER_NULL);
    CU_ASSERT(kf_der_any(&cursor, &tlv) && tlv.value.len == 0);
    CU_ASSERT(kf_der_end(&cursor));
}

static void test_any_refuses(void)
{
    refused((struct kf_slice){NULL, 0});
    refused(BYTES(0x30));
    refused(BYTES(0x30, 0x01));
    refused(BYTES(0x30, 0x80, 0x00, 0x00));                         /* indefinite */
    refused(BYTES(0x30, 0x81));                                     /* cut in the length */
    refused(BYTES(0x30, 0x81, 0x01, 0x00));                         /* not minimal */
    refused(BYTES(0x30, 0x82, 0x00, 0x80));                         /* not minimal */
    refused(BYTES(0x30, 0x82, 0x01));                               /* cut in the length */
    refused(BYTES(0x30, 0x84, 0xff, 0xff, 0xff, 0xff));             /* longer than all */
    refused(BYTES(0x30, 0x85, 0x01, 0x00, 0x00, 0x00, 0x00));       /* too many octets */
    refused(BYTES(0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)); /* would wrap around */
    refused(BYTES(0x30, 0xff, 0x01));
    refused(BYTES(0x1f, 0x01, 0x00)); /* tag of two bytes */
    refused(BYTES(0xbf, 0x81, 0x01, 0x00));
}

static void test_get_and_optional(void)
{
    struct kf_slice all = BYTES(0x02, 0x01, 0x07, 0xa0, 0x00);
    struct kf_slice cursor = all;
    struct kf_slice value = BYTES(1);

    CU_ASSERT_FALSE(kf_der_get(&cursor, KF_DER_SEQUENCE, &value));
    CU_ASSERT(cursor.data == all.data && cursor.len == all.len);
    CU_ASSERT(kf_der_optional(&cursor, KF_DER_SEQUENCE, &value));
    CU_ASSERT(value.data == NULL && cursor.len == all.len);
    CU_ASSERT(kf_der_optional(&cursor, KF_DER_INTEGER, &value));
    CU_ASSERT(value.len == 1 && value.data[0] == 7);
    CU_ASSERT(kf_der_optional(&cursor, KF_DER_CONTEXT_CONSTRUCTED | 0, &value));
    CU_ASSERT(value.data != NULL && value.len == 0); /* there, and empty */
    CU_ASSERT(kf_der_optional(&cursor, KF_DER_INTEGER, &value) && value.data == NULL);
    CU_ASSERT_FALSE(kf_der_get(&cursor, KF_DER_INTEGER, NULL));

    cursor = BYTES(0xa0, 0x02, 0x00); /* the tag that is asked for, but broken */
    CU_ASSERT_FALSE(kf_der_optional(&cursor, KF_DER_CONTEXT_CONSTRUCTED | 0, &value));
    CU_ASSERT_EQUAL(cursor.len, 3);
}

static void number_is(struct kf_slice der, const char *magnitude, size_t len)
{
    struct kf_slice value;

    CU_ASSERT(kf_der_unsigned(&der, &value));
    CU_ASSERT(value.len == len && memcmp(value.data, magnitude, len) == 0);
    CU_ASSERT(kf_der_end(&der));
}

static void no_number(struct kf_slice der)
{
    struct kf_slice before = der;
    struct kf_slice value;
    uint64_t number;

    CU_ASSERT_FALSE(kf_der_unsigned(&der, &value));
    CU_ASSERT_FALSE(kf_der_uint(&der, UINT64_MAX, &number));
    CU_ASSERT(der.data == before.data && der.len == before.len);
}

static void test_unsigned(void)
{
    number_is(BYTES(0x02, 0x01, 0x00), "", 0);
    number_is(BYTES(0x02, 0x01, 0x7f), "\x7f", 1);
    number_is(BYTES(0x02, 0x02, 0x00, 0x80), "\x80", 1);
    number_is(BYTES(0x02, 0x02, 0x01, 0x00), "\x01\x00", 2);
    no_number(BYTES(0x02, 0x00));
    no_number(BYTES(0x02, 0x01, 0x80));       /* negative */
    no_number(BYTES(0x02, 0x02, 0xff, 0x7f)); /* negative */
    no_number(BYTES(0x02, 0x02, 0x00, 0x7f)); /* not minimal */
    no_number(BYTES(0x02, 0x02, 0x00, 0x00)); /* not minimal */
    no_number(BYTES(0x04, 0x01, 0x01));
    no_number(BYTES(0x02, 0x02, 0x01));
}

static void test_uint(void)
{
    struct kf_slice cursor = BYTES(0x02, 0x02, 0x01, 0x00);
    uint64_t value = 7;

    CU_ASSERT_FALSE(kf_der_uint(&cursor, 255, &value));
    CU_ASSERT_EQUAL(cursor.len, 4);
    CU_ASSERT(kf_der_uint(&cursor, 256, &value) && value == 256);
    cursor = BYTES(0x02, 0x09, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    CU_ASSERT(kf_der_uint(&cursor, UINT64_MAX, &value) && value == UINT64_MAX);
    cursor = BYTES(0x02, 0x09, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00);
    CU_ASSERT_FALSE(kf_der_uint(&cursor, UINT64_MAX, &value));
}

static void test_bit_string(void)
{
    struct kf_slice cursor = BYTES(0x03, 0x03, 0x00, 0xaa, 0xbb);
    struct kf_slice bytes;

    CU_ASSERT(kf_der_bytes(&cursor, &bytes) && bytes.len == 2 && bytes.data[0] == 0xaa);
    cursor = BYTES(0x03, 0x01, 0x00);
    CU_ASSERT(kf_der_bytes(&cursor, &bytes) && bytes.len == 0);
    cursor = BYTES(0x03, 0x02, 0x01, 0xaa); /* seven bits */
    CU_ASSERT_FALSE(kf_der_bytes(&cursor, &bytes));
    CU_ASSERT_EQUAL(cursor.len, 4);
    cursor = BYTES(0x03, 0x00);
    CU_ASSERT_FALSE(kf_der_bytes(&cursor, &bytes));
    cursor = BYTES(0x23, 0x05, 0x03, 0x03, 0x00, 0xaa, 0xbb); /* constructed: BER */
    CU_ASSERT_FALSE(kf_der_bytes(&cursor, &bytes));
}

static void test_algorithm(void)
{
    struct kf_slice cursor = BYTES(0x30, 0x05, 0x06, 0x01, 0x2a, 0x05, 0x00, 0xff);
    struct kf_slice oid;
    struct kf_tlv parameters;

    CU_ASSERT(kf_der_algorithm(&cursor, &oid, &parameters));
    CU_ASSERT(oid.len == 1 && oid.data[0] == 0x2a && parameters.tag == KF_DER_NULL);
    CU_ASSERT_EQUAL(cursor.len, 1);
    cursor = BYTES(0x30, 0x03, 0x06, 0x01, 0x2a);
    CU_ASSERT(kf_der_algorithm(&cursor, &oid, &parameters) && parameters.tag == 0);
    cursor = BYTES(0x30, 0x07, 0x06, 0x01, 0x2a, 0x05, 0x00, 0x05, 0x00); /* two parameters */
    CU_ASSERT_FALSE(kf_der_algorithm(&cursor, &oid, &parameters));
    CU_ASSERT_EQUAL(cursor.len, 9);
    cursor = BYTES(0x30, 0x02, 0x05, 0x00);
    CU_ASSERT_FALSE(kf_der_algorithm(&cursor, &oid, &parameters));
    cursor = BYTES(0x30, 0x00);
    CU_ASSERT_FALSE(kf_der_algorithm(&cursor, &oid, &parameters));
}

static void test_single(void)
{
    CU_ASSERT(kf_der_is_single(BYTES(0x30, 0x00), KF_DER_SEQUENCE));
    CU_ASSERT_FALSE(kf_der_is_single(BYTES(0x30, 0x00), KF_DER_SET));
    CU_ASSERT_FALSE(kf_der_is_single(BYTES(0x30, 0x00, 0x00), KF_DER_SEQUENCE));
    CU_ASSERT_FALSE(kf_der_is_single(BYTES(0x30, 0x01), KF_DER_SEQUENCE));
    CU_ASSERT_FALSE(kf_der_is_single((struct kf_slice){NULL, 0}, KF_DER_SEQUENCE));
}

/* Writes a value of each length around the places where the length of the length changes. */
static void test_put_and_wrap_round_trip(void)
{
    static const struct {
        size_t len;
        size_t header;
    } sizes[] = {{0, 2},   {1, 2},     {127, 2},   {128, 3},   {255, 3},
                 {256, 4}, {65535, 4}, {65536, 5}, {70000, 5}, {1 << 24, 6}};
    uint8_t *content = calloc(1, 1 << 24);

    CU_ASSERT_PTR_NOT_NULL_FATAL(content);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct kf_buf put = KF_PUBLIC_BUF;
        struct kf_buf wrapped = KF_SECRET_BUF;
        struct kf_slice value = {content, sizes[i].len};
        struct kf_slice cursor;
        struct kf_slice back;

        CU_ASSERT_EQUAL(kf_der_put(&put, KF_DER_OCTET_STRING, value, NULL), KF_OK);
        CU_ASSERT_EQUAL(put.len, sizes[i].header + sizes[i].len);
        CU_ASSERT_EQUAL(kf_buf_append(&wrapped, "mark", 4, NULL), KF_OK);
        CU_ASSERT_EQUAL(kf_buf_append(&wrapped, value.data, value.len, NULL), KF_OK);
        CU_ASSERT_EQUAL(kf_der_wrap(&wrapped, 4, KF_DER_OCTET_STRING, NULL), KF_OK);
        CU_ASSERT(memcmp(wrapped.data, "mark", 4) == 0);
        cursor = (struct kf_slice){wrapped.data + 4, wrapped.len - 4};
        CU_ASSERT(kf_slice_equal(cursor, kf_buf_slice(&put)));
        CU_ASSERT(kf_der_get(&cursor, KF_DER_OCTET_STRING, &back) && kf_der_end(&cursor));
        CU_ASSERT(kf_slice_equal(back, value));
        kf_buf_reset(&put);
        kf_buf_reset(&wrapped);
    }
    free(content);
}

static void written(struct kf_slice magnitude, struct kf_slice expected)
{
    struct kf_buf out = KF_PUBLIC_BUF;

    CU_ASSERT_EQUAL(kf_der_put_unsigned(&out, magnitude, NULL), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&out), expected));
    kf_buf_reset(&out);
}

static void test_put_numbers(void)
{
    struct kf_buf out = KF_PUBLIC_BUF;

    written((struct kf_slice){NULL, 0}, BYTES(0x02, 0x01, 0x00));
    written(BYTES(0x00, 0x00), BYTES(0x02, 0x01, 0x00));
    written(BYTES(0x7f), BYTES(0x02, 0x01, 0x7f));
    written(BYTES(0x80), BYTES(0x02, 0x02, 0x00, 0x80));
    written(BYTES(0x00, 0x00, 0x80), BYTES(0x02, 0x02, 0x00, 0x80));
    written(BYTES(0x01, 0x00), BYTES(0x02, 0x02, 0x01, 0x00));
    CU_ASSERT_EQUAL(kf_der_put_uint(&out, UINT64_MAX, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_der_put_uint(&out, 0, NULL), KF_OK);
    CU_ASSERT_EQUAL(kf_der_put_uint(&out, 128, NULL), KF_OK);
    CU_ASSERT(kf_slice_equal(kf_buf_slice(&out),
                             BYTES(0x02, 0x09, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0x02, 0x01, 0x00, 0x02, 0x02, 0x00, 0x80)));
    kf_buf_reset(&out);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"any value is read", test_any_reads},
        {"broken values are refused", test_any_refuses},
        {"wanted and optional values", test_get_and_optional},
        {"numbers", test_unsigned},
        {"small numbers", test_uint},
        {"bit strings of whole bytes", test_bit_string},
        {"algorithm identifiers", test_algorithm},
        {"single values", test_single},
        {"what is written is read", test_put_and_wrap_round_trip},
        {"numbers are written minimal", test_put_numbers},
        {NULL, NULL},
    };

    return suite_run("der", tests);
}
