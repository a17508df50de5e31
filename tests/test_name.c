/*
 * Names and ASN.1 strings as text (RFC 4514, RFC 5280 4.1.2.4), and OIDs in dotted form.
 */
#include "crypto/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/der.h"
#include "crypto/cert.h"
#include "crypto/oid.h"
#include "tests/support/suite.h"

#define CN KF_OID_COMMON_NAME

static void must(enum kf_status status)
{
    CU_ASSERT_EQUAL_FATAL(status, KF_OK);
}

static bool text_is(const char *text, const char *expected)
{
    if (text != NULL && strcmp(text, expected) == 0)
        return true;
    (void)fprintf(stderr, "found \"%s\", not \"%s\"\n", text != NULL ? text : "(null)", expected);
    return false;
}

/* Appends an AttributeTypeAndValue whose value is whole already. */
static void put_whole(struct kf_buf *out, struct kf_slice oid, struct kf_slice whole)
{
    size_t mark = out->len;

    must(kf_der_put(out, KF_DER_OID, oid, NULL));
    must(kf_buf_append(out, whole.data, whole.len, NULL));
    must(kf_der_wrap(out, mark, KF_DER_SEQUENCE, NULL));
}

static void put_attribute(struct kf_buf *out, struct kf_slice oid, uint8_t tag,
                          struct kf_slice value)
{
    struct kf_buf whole = KF_PUBLIC_BUF;

    must(kf_der_put(&whole, tag, value, NULL));
    put_whole(out, oid, kf_buf_slice(&whole));
    kf_buf_reset(&whole);
}

/* A name of one attribute. */
static void make_single(struct kf_buf *out, struct kf_slice oid, uint8_t tag, struct kf_slice value)
{
    kf_buf_clear(out);
    put_attribute(out, oid, tag, value);
    must(kf_der_wrap(out, 0, KF_DER_SET, NULL));
    must(kf_der_wrap(out, 0, KF_DER_SEQUENCE, NULL));
}

#define TEXT(literal) ((struct kf_slice){(const uint8_t *)(literal), sizeof(literal) - 1})

/* The common name as a value of its own, and in the text of the name. */
static void reads_as(uint8_t tag, struct kf_slice value, const char *plain, const char *quoted)
{
    struct kf_buf name = KF_PUBLIC_BUF;
    char *text;
    char *found = NULL;

    make_single(&name, KF_OID(CN), tag, value);
    text = kf_name_text(kf_buf_slice(&name));
    CU_ASSERT(text_is(text, quoted));
    must(kf_name_find(kf_buf_slice(&name), KF_OID(CN), &found, NULL));
    if (plain != NULL)
        CU_ASSERT(text_is(found, plain));
    if (plain == NULL)
        CU_ASSERT_PTR_NULL(found);
    free(text);
    free(found);
    kf_buf_reset(&name);
}

static void test_string_types(void)
{
    reads_as(0x0c, TEXT("J\xc3\xb6"), "J\xc3\xb6", "CN=J\xc3\xb6");
    reads_as(0x13, TEXT("Jo"), "Jo", "CN=Jo");
    reads_as(0x13, TEXT("J\xf6"), "J\xc3\xb6", "CN=J\xc3\xb6");     /* Latin-1 in disguise */
    reads_as(0x16, TEXT("J\xc3\xb6"), "J\xc3\xb6", "CN=J\xc3\xb6"); /* UTF-8 in disguise */
    reads_as(0x12, TEXT("12 3"), "12 3", "CN=12 3");
    reads_as(0x14, TEXT("J\xf6"), "J\xc3\xb6", "CN=J\xc3\xb6");
    reads_as(0x14, TEXT("\xc3\xb6"), "\xc3\x83\xc2\xb6", "CN=\xc3\x83\xc2\xb6");
    reads_as(0x1a, TEXT("Jo"), "Jo", "CN=Jo");
    reads_as(0x1b, TEXT("Jo"), "Jo", "CN=Jo");
    reads_as(0x1e, TEXT("\0J\0\xf6\x20\xac"), "J\xc3\xb6\xe2\x82\xac", "CN=J\xc3\xb6\xe2\x82\xac");
    reads_as(0x1e, TEXT("\xd8\x3d\xde\x00"), "\xf0\x9f\x98\x80", "CN=\xf0\x9f\x98\x80");
    reads_as(0x1c, TEXT("\0\0\0J\0\1\xf6\0"), "J\xf0\x9f\x98\x80", "CN=J\xf0\x9f\x98\x80");
}

#define BAD "\xef\xbf\xbd"

static void test_broken_text_becomes_valid(void)
{
    reads_as(0x0c, TEXT("a\xffz"), "a" BAD "z", "CN=a" BAD "z");
    reads_as(0x0c, TEXT("\xc0\x80"), BAD BAD, "CN=" BAD BAD);             /* overlong */
    reads_as(0x0c, TEXT("\xed\xa0\x80"), BAD BAD BAD, "CN=" BAD BAD BAD); /* surrogate */
    reads_as(0x0c, TEXT("\xf4\x90\x80\x80"), BAD BAD BAD BAD, "CN=" BAD BAD BAD BAD);
    reads_as(0x0c, TEXT("a\xe2\x82"), "a" BAD BAD, "CN=a" BAD BAD); /* cut off */
    reads_as(0x0c, TEXT("\xf8\x80\x80\x80\x80"), BAD BAD BAD BAD BAD, "CN=" BAD BAD BAD BAD BAD);
    reads_as(0x0c, TEXT(BAD), BAD, "CN=" BAD);
    reads_as(0x1e, TEXT("\0a\xd8\x3d"), "a" BAD, "CN=a" BAD);
    reads_as(0x1e, TEXT("\xde\0\0a"), BAD "a", "CN=" BAD "a");
    reads_as(0x1e, TEXT("\0a\0"), "a" BAD, "CN=a" BAD);
    reads_as(0x1c, TEXT("\0\x11\0\0"), BAD, "CN=" BAD);
    reads_as(0x1c, TEXT("\0\0\xd8\0\0\0"), BAD BAD, "CN=" BAD BAD);
}

static void test_quoting(void)
{
    reads_as(0x0c, TEXT("a,b+c\"d\\e<f>g;h=i"), "a,b+c\"d\\e<f>g;h=i",
             "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h=i");
    reads_as(0x0c, TEXT(" a b "), " a b ", "CN=\\ a b\\ ");
    reads_as(0x0c, TEXT(" "), " ", "CN=\\ ");
    reads_as(0x0c, TEXT("#a#"), "#a#", "CN=\\#a#");
    reads_as(0x0c, TEXT("a\0b"), "a" BAD "b", "CN=a\\00b");
    /* control and bidirectional characters are the reader's business, not lost here */
    reads_as(0x0c, TEXT("a\x1b\n\xe2\x80\xae"), "a\x1b\n\xe2\x80\xae", "CN=a\x1b\n\xe2\x80\xae");
    reads_as(0x0c, TEXT(""), NULL, "CN=");
    reads_as(0x02, TEXT("\x05"), NULL, "CN=#020105"); /* no string */
}

static void test_short_names(void)
{
    static const struct {
        const char *oid;
        const char *text;
    } types[] = {
        {"\x55\x04\x03", "CN=x"},
        {"\x55\x04\x0b", "OU=x"},
        {"\x55\x04\x0a", "O=x"},
        {"\x55\x04\x07", "L=x"},
        {"\x55\x04\x08", "ST=x"},
        {"\x55\x04\x06", "C=x"},
        {"\x55\x04\x09", "STREET=x"},
        {"\x55\x04\x04", "SN=x"},
        {"\x55\x04\x2a", "G=x"},
        {"\x55\x04\x2b", "I=x"},
        {"\x55\x04\x0c", "T=x"},
        {"\x55\x04\x05", "SERIALNUMBER=x"},
        {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "DC=x"},
        {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", "UID=x"},
        {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", "E=x"},
        {"\x55\x04\x61", "2.5.4.97=x"},
        {"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", "1.3.6.1.4.1.311.60.2.1.3=x"},
        {"\x88\x37\x01", "2.999.1=x"},
        {"\x55\x04\x81", "#550481=x"}, /* ends inside an arc */
        {"\x80\x01", "#8001=x"},       /* not minimal */
    };
    struct kf_buf name = KF_PUBLIC_BUF;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char *text;

        make_single(&name, kf_slice_of(types[i].oid), 0x13, TEXT("x"));
        text = kf_name_text(kf_buf_slice(&name));
        CU_ASSERT(text_is(text, types[i].text));
        free(text);
    }
    kf_buf_reset(&name);
}

static void test_order(void)
{
    struct kf_buf name = KF_PUBLIC_BUF;
    struct kf_slice bytes;
    size_t mark;
    char *text;
    char *found = NULL;

    put_attribute(&name, TEXT("\x55\x04\x06"), 0x13, TEXT("US"));
    must(kf_der_wrap(&name, 0, KF_DER_SET, NULL));
    mark = name.len;
    put_attribute(&name, KF_OID(CN), 0x13, TEXT("first"));
    put_attribute(&name, TEXT("\x55\x04\x0b"), 0x13, TEXT("unit"));
    must(kf_der_wrap(&name, mark, KF_DER_SET, NULL));
    must(kf_buf_append(&name, "\x31\x00", 2, NULL)); /* an empty relative name */
    mark = name.len;
    put_attribute(&name, KF_OID(CN), 0x13, TEXT("last"));
    must(kf_der_wrap(&name, mark, KF_DER_SET, NULL));
    must(kf_der_wrap(&name, 0, KF_DER_SEQUENCE, NULL));
    bytes = kf_buf_slice(&name);
    text = kf_name_text(bytes);
    CU_ASSERT(text_is(text, "CN=last, CN=first + OU=unit, C=US"));
    must(kf_name_find(bytes, KF_OID(CN), &found, NULL));
    CU_ASSERT(text_is(found, "last"));
    free(found);
    must(kf_name_find(bytes, KF_OID(KF_OID_EMAIL_ADDRESS), &found, NULL));
    CU_ASSERT_PTR_NULL(found);
    free(text);
    kf_buf_reset(&name);
}

static void test_many_parts(void)
{
    struct kf_buf name = KF_PUBLIC_BUF;
    char expected[512] = "";
    char *text;

    for (int i = 0; i < 40; i++) {
        size_t mark = name.len;
        uint8_t digit = (uint8_t)('0' + i % 10);

        put_attribute(&name, KF_OID(CN), 0x13, (struct kf_slice){&digit, 1});
        must(kf_der_wrap(&name, mark, KF_DER_SET, NULL));
        memcpy(expected + 6 * i, "CN=0, ", 7);
        expected[6 * i + 3] = (char)('0' + (39 - i) % 10);
    }
    expected[6 * 40 - 2] = '\0';
    must(kf_der_wrap(&name, 0, KF_DER_SEQUENCE, NULL));
    text = kf_name_text(kf_buf_slice(&name));
    CU_ASSERT(text_is(text, expected));
    free(text);
    kf_buf_reset(&name);
}

static void no_name(struct kf_slice bytes)
{
    char *text = kf_name_text(bytes);

    CU_ASSERT_PTR_NULL(text);
    free(text);
}

static void test_empty_and_broken(void)
{
    struct kf_buf name = KF_PUBLIC_BUF;
    char *text = kf_name_text(TEXT("\x30\x00"));

    CU_ASSERT(text_is(text, ""));
    free(text);
    no_name(TEXT(""));
    no_name(TEXT("\x31\x00"));
    no_name(TEXT("\x30\x00\x00"));
    no_name(TEXT("\x30\x02\x30\x00"));                             /* no SET */
    no_name(TEXT("\x30\x04\x31\x02\x30\x00"));                     /* no type */
    no_name(TEXT("\x30\x09\x31\x07\x30\x05\x06\x03\x55\x04\x03")); /* no value */
    make_single(&name, KF_OID(CN), 0x13, TEXT("x"));
    for (size_t cut = 0; cut < name.len; cut++)
        no_name((struct kf_slice){name.data, cut});
    kf_buf_clear(&name);
    put_whole(&name, KF_OID(CN), TEXT("\x13\x01x\x13\x01y")); /* two values */
    must(kf_der_wrap(&name, 0, KF_DER_SET, NULL));
    must(kf_der_wrap(&name, 0, KF_DER_SEQUENCE, NULL));
    no_name(kf_buf_slice(&name));
    kf_buf_reset(&name);
}

static void oid_is(struct kf_slice oid, const char *expected)
{
    struct kf_buf text = KF_PUBLIC_BUF;

    must(kf_oid_append(oid, &text, NULL));
    must(kf_buf_append(&text, "", 1, NULL));
    CU_ASSERT(text_is((const char *)text.data, expected));
    kf_buf_reset(&text);
}

static void test_oids(void)
{
    oid_is(KF_OID(KF_OID_KRA_EXTENDED_USAGE), "1.3.6.1.4.1.311.21.6");
    oid_is(KF_OID(KF_OID_UPN), "1.3.6.1.4.1.311.20.2.3");
    oid_is(TEXT("\x00"), "0.0");
    oid_is(TEXT("\x27"), "0.39");
    oid_is(TEXT("\x28"), "1.0");
    oid_is(TEXT("\x50"), "2.0");
    oid_is(TEXT("\x2a\x81\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "1.2.18446744073709551615");
    oid_is(TEXT("\x2a\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00"), "#2a82808080808080808000");
    oid_is(TEXT(""), "#");
    CU_ASSERT_EQUAL(kf_oid_nid(TEXT("")), 0);
    CU_ASSERT_EQUAL(kf_oid_nid(TEXT("\x88\x37\x01")), 0);
    CU_ASSERT_NOT_EQUAL(kf_oid_nid(KF_OID(KF_OID_RSA)), 0);
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"every string type is read", test_string_types},
        {"broken text becomes valid", test_broken_text_becomes_valid},
        {"values are quoted", test_quoting},
        {"types have short names", test_short_names},
        {"most specific first", test_order},
        {"many parts", test_many_parts},
        {"empty names and what is none", test_empty_and_broken},
        {"OIDs", test_oids},
        {NULL, NULL},
    };

    return suite_run("name", tests);
}
