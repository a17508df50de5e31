/*
 * BER to DER: each form that old software wrote, and each that is refused.
 */
#include "crypto/ber.h"

#include <stdlib.h>
#include <string.h>

#include "core/der.h"
#include "core/limits.h"
#include "tests/support/pfx_builder.h"
#include "tests/support/suite.h"

/* in is taken whole and becomes expected; expected NULL: it is DER already */
static void becomes(const char *in, const char *expected)
{
    uint8_t bytes[256];
    uint8_t der[256];
    size_t len = strlen(in) / 2;
    struct kf_buf out = KF_SECRET_BUF;
    size_t taken = 0;
    bool changed = false;

    CU_ASSERT_FATAL(kf_hex_decode(in, 2 * len, bytes, len));
    CU_ASSERT_EQUAL(kf_ber_normalize((struct kf_slice){bytes, len}, &taken, &out, &changed, NULL),
                    KF_OK);
    CU_ASSERT_EQUAL(taken, len);
    CU_ASSERT_EQUAL(changed, expected != NULL);
    if (expected != NULL) {
        CU_ASSERT_FATAL(kf_hex_decode(expected, strlen(expected), der, strlen(expected) / 2));
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&out), (struct kf_slice){der, strlen(expected) / 2}));
    } else {
        CU_ASSERT_EQUAL(out.len, 0);
    }
    kf_buf_reset(&out);
}

static void is_refused(const char *in, enum kf_cause cause)
{
    uint8_t bytes[256];
    size_t len = strlen(in) / 2;
    struct kf_buf out = KF_SECRET_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    size_t taken = 0;
    bool changed = false;

    CU_ASSERT_FATAL(kf_hex_decode(in, 2 * len, bytes, len));
    CU_ASSERT_EQUAL(kf_ber_normalize((struct kf_slice){bytes, len}, &taken, &out, &changed, &error),
                    KF_SKIP);
    CU_ASSERT_EQUAL(error.cause, cause);
    CU_ASSERT_EQUAL(out.len, 0);
    kf_buf_reset(&out);
}

static void test_der_stays(void)
{
    becomes("0500", NULL);
    becomes("020101", NULL);
    becomes("3000", NULL);
    becomes("30060201010201ff", NULL);
    becomes("300704053080000000", NULL); /* what is inside an OCTET STRING is not looked at */
    becomes("a003040161", NULL);
}

static void test_indefinite(void)
{
    becomes("30800000", "3000");
    becomes("30800201010000", "3003020101");
    becomes("30803080020101000005000000", "3007300302010105"
                                          "00");
    becomes("300730800201010000", "30053003020101");
    becomes("a0800401610000", "a003040161");
}

static void test_lengths(void)
{
    becomes("308103020101", "3003020101");
    becomes("3083000003020101", "3003020101");
    becomes("30850000000003020101", "3003020101");
    becomes("048200020105", "04020105");
}

static void test_strings_in_pieces(void)
{
    becomes("2480040161040262630000", "0403616263");
    becomes("240704016104026263", "0403616263");
    becomes("24800000", "0400");
    becomes("2480248004016100000401620000", "04026162"); /* pieces of pieces */
    becomes("3080248004016100000401620000", "3006040161040162");
    becomes("3e80040200410000", "1e020041");     /* BMPString, of OCTET STRINGs */
    becomes("2c800c01410401420000", "0c024142"); /* UTF8String, of both */
}

static void test_refused(void)
{
    is_refused("", KF_CAUSE_DATA);
    is_refused("30", KF_CAUSE_DATA);
    is_refused("3005020101", KF_CAUSE_DATA);     /* cut off */
    is_refused("3080020101", KF_CAUSE_DATA);     /* never ends */
    is_refused("30800201010500", KF_CAUSE_DATA); /* likewise */
    is_refused("308002010100", KF_CAUSE_DATA);   /* half an end */
    is_refused("0480610000", KF_CAUSE_DATA);     /* primitive and indefinite */
    is_refused("0000", KF_CAUSE_DATA);           /* an end without a beginning */
    is_refused("30020000", KF_CAUSE_DATA);       /* likewise, inside */
    is_refused("1f810100", KF_CAUSE_DATA);       /* a tag of several bytes */
    is_refused("30ff0201", KF_CAUSE_DATA);       /* a length of 127 bytes */
    is_refused("3089ffffffffffffffffff020101", KF_CAUSE_DATA);
    is_refused("24800201010000", KF_CAUSE_DATA);   /* an INTEGER in a string */
    is_refused("24800c01410000", KF_CAUSE_DATA);   /* another string in a string */
    is_refused("2380030200410000", KF_CAUSE_DATA); /* BIT STRING in pieces */
    is_refused("300430050201", KF_CAUSE_DATA);     /* longer than what it stands in */
}

static void test_depth(void)
{
    char in[4 * 2 * (KF_MAX_DEPTH + 1) + 1];

    for (size_t depth = KF_MAX_DEPTH; depth <= KF_MAX_DEPTH + 1; depth++) {
        struct kf_buf out = KF_SECRET_BUF;
        struct kf_error error = {.cause = KF_CAUSE_NONE};
        uint8_t bytes[4 * (KF_MAX_DEPTH + 1)];
        size_t taken = 0;
        bool changed = false;
        enum kf_status status;

        for (size_t i = 0; i < depth; i++) {
            memcpy(in + 4 * i, "3080", 4);
            memcpy(in + 4 * (depth + i), "0000", 4);
        }
        CU_ASSERT_FATAL(kf_hex_decode(in, 8 * depth, bytes, 4 * depth));
        status =
            kf_ber_normalize((struct kf_slice){bytes, 4 * depth}, &taken, &out, &changed, &error);
        CU_ASSERT_EQUAL(status, depth <= KF_MAX_DEPTH ? KF_OK : KF_SKIP);
        CU_ASSERT_EQUAL(error.cause, depth <= KF_MAX_DEPTH ? KF_CAUSE_NONE : KF_CAUSE_LIMIT);
        kf_buf_reset(&out);
    }
}

static void test_what_follows_is_left(void)
{
    static const uint8_t bytes[] = {0x30, 0x80, 0x05, 0x00, 0x00, 0x00, 0xde, 0xad};
    struct kf_buf out = KF_SECRET_BUF;
    size_t taken = 0;
    bool changed = false;

    CU_ASSERT_EQUAL(
        kf_ber_normalize((struct kf_slice){bytes, sizeof(bytes)}, &taken, &out, &changed, NULL),
        KF_OK);
    CU_ASSERT_EQUAL(taken, 6);
    CU_ASSERT_TRUE(changed);
    CU_ASSERT_EQUAL(out.len, 4);
    kf_buf_reset(&out);
}

/* lengths on both sides of each size of length field, taken to pieces and put together again */
static void test_round_trip(void)
{
    static const size_t sizes[] = {0, 1, 100, 126, 127, 128, 129, 255, 256, 65535, 65536, 70000};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *bytes = calloc(sizes[i] + 1, 1);
        struct kf_buf inner = KF_PUBLIC_BUF;
        struct kf_buf der = KF_PUBLIC_BUF;
        struct kf_buf ber = KF_PUBLIC_BUF;
        struct kf_buf out = KF_SECRET_BUF;
        size_t taken = 0;
        bool changed = false;

        CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
        build_value(&inner, KF_DER_OCTET_STRING, (struct kf_slice){bytes, sizes[i]});
        build_value(&inner, KF_DER_INTEGER, kf_slice_of("\x01"));
        build_value(&der, KF_DER_SEQUENCE, kf_buf_slice(&inner));
        build_ber(&ber, kf_buf_slice(&der), 1000);
        CU_ASSERT_EQUAL(kf_ber_normalize(kf_buf_slice(&ber), &taken, &out, &changed, NULL), KF_OK);
        CU_ASSERT_TRUE(changed);
        CU_ASSERT_EQUAL(taken, ber.len);
        CU_ASSERT(kf_slice_equal(kf_buf_slice(&out), kf_buf_slice(&der)));
        kf_buf_reset(&inner);
        kf_buf_reset(&der);
        kf_buf_reset(&ber);
        kf_buf_reset(&out);
        free(bytes);
    }
}

static void test_join(void)
{
    uint8_t pieces[] = {0x04, 0x02, 'a', 'b', 0x04, 0x00, 0x04, 0x01, 'c'};
    uint8_t foreign[] = {0x04, 0x01, 'a', 0x05, 0x00};
    uint8_t cut[] = {0x04, 0x05, 'a'};
    size_t joined = 99;

    CU_ASSERT_TRUE(kf_ber_join(pieces, sizeof(pieces), &joined));
    CU_ASSERT_EQUAL(joined, 3);
    CU_ASSERT(memcmp(pieces, "abc", 3) == 0);
    CU_ASSERT_TRUE(kf_ber_join(pieces, 0, &joined));
    CU_ASSERT_EQUAL(joined, 0);
    CU_ASSERT_FALSE(kf_ber_join(foreign, sizeof(foreign), &joined));
    CU_ASSERT_FALSE(kf_ber_join(cut, sizeof(cut), &joined));
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"DER stays as it is", test_der_stays},
        {"indefinite lengths", test_indefinite},
        {"lengths that are not minimal", test_lengths},
        {"strings in pieces", test_strings_in_pieces},
        {"what is refused", test_refused},
        {"depth", test_depth},
        {"what follows is left alone", test_what_follows_is_left},
        {"round trip", test_round_trip},
        {"joining", test_join},
        {NULL, NULL},
    };

    return suite_run("ber", tests);
}
