/*
 * Buffers, hex, base64, UUIDs and the checked arithmetic.
 */
#include "core/bytes.h"

#include <string.h>

#include "tests/support/suite.h"

static void decode(const char *text, enum kf_status expected, const char *bytes, size_t len)
{
    struct kf_buf out = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    CU_ASSERT_EQUAL(kf_base64_decode(&out, kf_slice_of(text), &error), expected);
    if (expected == KF_OK) {
        CU_ASSERT_EQUAL(out.len, len);
        CU_ASSERT(out.len == len && memcmp(out.data, bytes, len) == 0);
    } else {
        CU_ASSERT_EQUAL(error.cause, KF_CAUSE_DATA);
        CU_ASSERT_EQUAL(out.len, 0);
    }
    kf_buf_reset(&out);
}

/* RFC 4648 10, and white space anywhere */
static void test_base64_decodes(void)
{
    decode("", KF_OK, "", 0);
    decode("Zg==", KF_OK, "f", 1);
    decode("Zm8=", KF_OK, "fo", 2);
    decode("Zm9v", KF_OK, "foo", 3);
    decode("Zm9vYg==", KF_OK, "foob", 4);
    decode("Zm9vYmE=", KF_OK, "fooba", 5);
    decode("Zm9vYmFy", KF_OK, "foobar", 6);
    decode(" Z\r\nm9\tvY m\nFy\n", KF_OK, "foobar", 6);
    decode("Zm8\n=\n", KF_OK, "fo", 2);
    decode("+/+/", KF_OK, "\xfb\xff\xbf", 3);
}

static void test_base64_refuses(void)
{
    decode("Z", KF_SKIP, NULL, 0);
    decode("Zg", KF_SKIP, NULL, 0);
    decode("Zg=", KF_SKIP, NULL, 0);
    decode("Zg===", KF_SKIP, NULL, 0);
    decode("Zm8==", KF_SKIP, NULL, 0);
    decode("=", KF_SKIP, NULL, 0);
    decode("Zm9v=", KF_SKIP, NULL, 0);
    decode("Zg==Zg==", KF_SKIP, NULL, 0);
    decode("Zh==", KF_SKIP, NULL, 0); /* four bits left over */
    decode("Zm9=", KF_SKIP, NULL, 0); /* two bits left over */
    decode("Zm-v", KF_SKIP, NULL, 0);
    decode("Zm9v\xc3\xa9", KF_SKIP, NULL, 0);
}

static void test_base64_round_trip(void)
{
    uint8_t bytes[100];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct kf_buf text = KF_PUBLIC_BUF;
        struct kf_buf back = KF_SECRET_BUF;

        CU_ASSERT_EQUAL(kf_base64_encode(&text, (struct kf_slice){bytes, len}, NULL), KF_OK);
        CU_ASSERT_EQUAL(text.len, (len + 2) / 3 * 4);
        CU_ASSERT_EQUAL(kf_base64_decode(&back, kf_buf_slice(&text), NULL), KF_OK);
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&back), (struct kf_slice){bytes, len}));
        kf_buf_reset(&text);
        kf_buf_reset(&back);
    }
}

static void test_buffer_grows_and_moves(void)
{
    struct kf_buf a = KF_SECRET_BUF;
    struct kf_buf b = KF_SECRET_BUF;

    for (unsigned i = 0; i < 200000; i++) {
        uint8_t byte = (uint8_t)i;

        CU_ASSERT_FATAL(kf_buf_append(&a, &byte, 1, NULL) == KF_OK);
    }
    for (unsigned i = 0; i < 200000; i += 997)
        CU_ASSERT_EQUAL(a.data[i], (uint8_t)i);
    kf_buf_move(&b, &a);
    CU_ASSERT_PTR_NULL(a.data);
    CU_ASSERT_EQUAL(a.len, 0);
    CU_ASSERT_EQUAL(b.len, 200000);
    kf_buf_clear(&b);
    CU_ASSERT_EQUAL(b.data[1], 0); /* wiped, but still there */
    CU_ASSERT_EQUAL(b.len, 0);
    kf_buf_reset(&b);
    kf_buf_reset(&a);
}

static void test_hex(void)
{
    static const uint8_t bytes[] = {0x00, 0x9f, 0xA0, 0xff};
    uint8_t back[4];
    char text[9];

    kf_hex(text, bytes, sizeof(bytes));
    CU_ASSERT_STRING_EQUAL(text, "009fa0ff");
    CU_ASSERT(kf_hex_decode("009FA0ff", 8, back, 4));
    CU_ASSERT(memcmp(back, bytes, 4) == 0);
    CU_ASSERT_FALSE(kf_hex_decode("009fa0f", 7, back, 4));
    CU_ASSERT_FALSE(kf_hex_decode("009fa0fg", 8, back, 4));
}

static void test_uuid(void)
{
    char out[KF_UUID_SIZE];

    CU_ASSERT(kf_uuid_parse("6BA7B810-9dad-11d1-80b4-00c04fd430c8", out));
    CU_ASSERT_STRING_EQUAL(out, "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
    CU_ASSERT_FALSE(kf_uuid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430c", out));
    CU_ASSERT_FALSE(kf_uuid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430c88", out));
    CU_ASSERT_FALSE(kf_uuid_parse("6ba7b810+9dad-11d1-80b4-00c04fd430c8", out));
    CU_ASSERT_FALSE(kf_uuid_parse("", out));
}

static void test_numbers(void)
{
    uint64_t value = 0;
    size_t sum;

    CU_ASSERT(kf_parse_u64("18446744073709551615", UINT64_MAX, &value));
    CU_ASSERT_EQUAL(value, UINT64_MAX);
    CU_ASSERT_FALSE(kf_parse_u64("18446744073709551616", UINT64_MAX, &value));
    CU_ASSERT_FALSE(kf_parse_u64("11", 10, &value));
    CU_ASSERT_FALSE(kf_parse_u64("-1", UINT64_MAX, &value));
    CU_ASSERT_FALSE(kf_parse_u64("1 ", UINT64_MAX, &value));
    CU_ASSERT_FALSE(kf_parse_u64("", UINT64_MAX, &value));
    CU_ASSERT_FALSE(kf_size_add(SIZE_MAX, 1, &sum));
    CU_ASSERT_FALSE(kf_size_mul(SIZE_MAX / 2, 3, &sum));
    CU_ASSERT(kf_size_mul(6, 7, &sum) && sum == 42);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"base64 decodes", test_base64_decodes},
        {"base64 refuses", test_base64_refuses},
        {"base64 round trip", test_base64_round_trip},
        {"a buffer grows and moves", test_buffer_grows_and_moves},
        {"hex", test_hex},
        {"uuid", test_uuid},
        {"numbers", test_numbers},
        {NULL, NULL},
    };

    return suite_run("bytes", tests);
}
