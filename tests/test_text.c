/*
 * Passwords and names in their encodings, and the order in which encodings are tried.
 */
#include "crypto/text.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

static void encodes(enum kf_encoding encoding, bool bmp, const char *password, size_t len,
                    const char *expected, size_t expected_len)
{
    struct kf_buf out = KF_SECRET_BUF;
    enum kf_status status = kf_encoding_apply(
        encoding, bmp, (struct kf_slice){(const uint8_t *)password, len}, false, &out, NULL);

    CU_ASSERT_EQUAL(status, expected != NULL ? KF_OK : KF_END);
    if (expected != NULL)
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&out),
                                 (struct kf_slice){(const uint8_t *)expected, expected_len}));
    kf_buf_reset(&out);
}

#define ENCODES(encoding, bmp, password, expected)                                                 \
    encodes(encoding, bmp, password, sizeof(password) - 1, expected, sizeof(expected) - 1)
#define NOT_FOR(encoding, bmp, password)                                                           \
    encodes(encoding, bmp, password, sizeof(password) - 1, NULL, 0)

static void test_bmp(void)
{
    ENCODES(KF_ENCODING_BMP, true, "ab", "\0a\0b\0\0");
    ENCODES(KF_ENCODING_BMP, true, "", "\0\0");
    ENCODES(KF_ENCODING_BMP, true, "\xc3\xa9", "\0\xe9\0\0");
    ENCODES(KF_ENCODING_BMP, true, "\xe4\xb8\x96", "\x4e\x16\0\0");
    ENCODES(KF_ENCODING_BMP, true, "\xf0\x9f\x94\x91", "\xd8\x3d\xdd\x11\0\0"); /* U+1F511 */
    ENCODES(KF_ENCODING_BMP, true, "\xf4\x8f\xbf\xbf", "\xdb\xff\xdf\xff\0\0"); /* U+10FFFF */
    ENCODES(KF_ENCODING_BMP, true, "a\0b", "\0a\0\0\0b\0\0");
    ENCODES(KF_ENCODING_BMP_CUT, true, "a\0b", "\0a\0\0");
    NOT_FOR(KF_ENCODING_BMP, true, "\xe9");   /* not UTF-8 */
    NOT_FOR(KF_ENCODING_BMP_CUT, true, "ab"); /* says nothing new */
}

static void test_bytes(void)
{
    ENCODES(KF_ENCODING_WIDENED, true, "\xc3\xa9", "\0\xc3\0\xa9\0\0");
    ENCODES(KF_ENCODING_WIDENED, true, "\xe9", "\0\xe9\0\0"); /* Latin-1, given as such */
    ENCODES(KF_ENCODING_RAW, false, "\xc3\xa9", "\xc3\xa9");
    ENCODES(KF_ENCODING_RAW, false, "", "");
    ENCODES(KF_ENCODING_LATIN1, false, "\xc3\xa9", "\xe9");
    ENCODES(KF_ENCODING_FROM_LATIN1, false, "\xe9", "\xc3\xa9");
    ENCODES(KF_ENCODING_RAW_CUT, false, "a\0b", "a");
    ENCODES(KF_ENCODING_WIDENED_UTF8, true, "\xe9", "\0\xc3\0\xa9\0\0");
    NOT_FOR(KF_ENCODING_WIDENED_UTF8, true, "\xc3\xa9");
    NOT_FOR(KF_ENCODING_WIDENED, true, "ab");
    NOT_FOR(KF_ENCODING_RAW, true, "ab");
    NOT_FOR(KF_ENCODING_LATIN1, false, "ab");
    NOT_FOR(KF_ENCODING_LATIN1, false, "\xe4\xb8\x96"); /* not in Latin-1 */
    NOT_FOR(KF_ENCODING_FROM_LATIN1, false, "\xc3\xa9");
    NOT_FOR(KF_ENCODING_RAW_CUT, false, "ab");
}

static void test_empty_and_none(void)
{
    struct kf_buf out = KF_SECRET_BUF;
    struct kf_slice nothing = {NULL, 0};

    ENCODES(KF_ENCODING_NONE, true, "", "");
    NOT_FOR(KF_ENCODING_NONE, true, "a");
    NOT_FOR(KF_ENCODING_EMPTY, true, "");
    CU_ASSERT_EQUAL(kf_encoding_apply(KF_ENCODING_NONE, true, nothing, true, &out, NULL), KF_OK);
    CU_ASSERT_EQUAL(out.len, 0);
    CU_ASSERT_EQUAL(kf_encoding_apply(KF_ENCODING_EMPTY, true, nothing, true, &out, NULL), KF_OK);
    CU_ASSERT_EQUAL(out.len, 2);
    CU_ASSERT_EQUAL(kf_encoding_apply(KF_ENCODING_BMP, true, nothing, true, &out, NULL), KF_END);
    CU_ASSERT_EQUAL(kf_encoding_apply(KF_ENCODING_RAW, false, nothing, true, &out, NULL), KF_OK);
    CU_ASSERT_EQUAL(out.len, 0);
    kf_buf_reset(&out);
}

/* no encoding gives the same bytes twice for one password */
static void test_order_has_no_repeats(void)
{
    static const struct {
        const char *bytes;
        size_t len;
    } passwords[] = {{"", 0},          {"ascii", 5},        {"\xc3\xa9t\xc3\xa9", 5},
                     {"\xe9t\xe9", 3}, {"\xe4\xb8\x96", 3}, {"a\0b", 3}};

    for (size_t i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++) {
        for (int bmp = 0; bmp < 2; bmp++) {
            struct kf_buf seen[KF_ENCODING_COUNT] = {{.data = NULL}};
            size_t likely;
            size_t count;
            size_t kept = 0;
            const enum kf_encoding *order = kf_encoding_order(bmp != 0, &likely, &count);

            CU_ASSERT(likely <= count && count <= KF_ENCODING_COUNT);
            for (size_t k = 0; k < count; k++) {
                if (kf_encoding_apply(
                        order[k], bmp != 0,
                        (struct kf_slice){(const uint8_t *)passwords[i].bytes, passwords[i].len},
                        false, &seen[kept], NULL) != KF_OK)
                    continue;
                for (size_t j = 0; j < kept; j++)
                    CU_ASSERT_FALSE(
                        kf_slice_equal(kf_buf_slice(&seen[j]), kf_buf_slice(&seen[kept])));
                kept++;
            }
            CU_ASSERT(kept != 0);
            for (size_t j = 0; j < KF_ENCODING_COUNT; j++)
                kf_buf_reset(&seen[j]);
        }
    }
}

static void test_utf8(void)
{
    CU_ASSERT_TRUE(kf_utf8_valid(kf_slice_of("")));
    CU_ASSERT_TRUE(kf_utf8_valid(kf_slice_of("a\xc3\xa9\xe4\xb8\x96\xf0\x9f\x94\x91")));
    CU_ASSERT_FALSE(kf_utf8_valid(kf_slice_of("\xc3")));
    CU_ASSERT_FALSE(kf_utf8_valid(kf_slice_of("\xa9")));
    CU_ASSERT_FALSE(kf_utf8_valid(kf_slice_of("\xc0\xaf")));         /* overlong */
    CU_ASSERT_FALSE(kf_utf8_valid(kf_slice_of("\xe0\x80\xaf")));     /* overlong */
    CU_ASSERT_FALSE(kf_utf8_valid(kf_slice_of("\xf0\x80\x80\xaf"))); /* overlong */
    CU_ASSERT_FALSE(kf_utf8_valid(kf_slice_of("\xed\xa0\x80")));     /* a surrogate */
    CU_ASSERT_FALSE(kf_utf8_valid(kf_slice_of("\xf4\x90\x80\x80"))); /* beyond U+10FFFF */
    CU_ASSERT_FALSE(kf_utf8_valid(kf_slice_of("\xe4\x41\x96")));
}

static void reads(const char *bmp, size_t len, const char *expected)
{
    char *text = kf_text_from_bmp((struct kf_slice){(const uint8_t *)bmp, len});

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_STRING_EQUAL(text, expected);
    free(text);
}

static void test_names(void)
{
    char *text;

    reads("\0J\0o", 4, "Jo");
    reads("", 0, "");
    reads("\0J\0o\0\0", 6, "Jo"); /* a terminator that does not belong there */
    reads("\0J\0\0\0o", 6, "J o");
    reads("\0J\0", 3, "J"); /* half a character */
    reads("\0\xe9\x4e\x16", 4, "\xc3\xa9\xe4\xb8\x96");
    reads("\xd8\x3d\xdd\x11", 4, "\xf0\x9f\x94\x91");
    reads("\xd8\x3d\0a", 4,
          "\xef\xbf\xbd"
          "a"); /* half a pair */
    reads("\xdd\x11", 2, "\xef\xbf\xbd");
    text = kf_text_from_bytes(kf_slice_of("J\xc3\xa9"));
    CU_ASSERT_STRING_EQUAL(text, "J\xc3\xa9");
    free(text);
    text = kf_text_from_bytes(kf_slice_of("J\xe9"));
    CU_ASSERT_STRING_EQUAL(text, "J\xc3\xa9");
    free(text);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"UTF-16", test_bmp},
        {"bytes", test_bytes},
        {"empty and none", test_empty_and_none},
        {"the order has no repeats", test_order_has_no_repeats},
        {"UTF-8", test_utf8},
        {"names", test_names},
        {NULL, NULL},
    };

    return suite_run("text", tests);
}
