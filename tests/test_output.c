/*
 * What people read: characters that could act on a terminal, how many places text takes, where it
 * is cut, and fields that a spreadsheet would take for formulas.
 */
#include <locale.h>
#include <stdio.h>

#include "cli/csv.h"
#include "cli/output.h"
#include "tests/support/suite.h"

struct fit {
    const char *text;
    size_t limit;
    const char *shown;
    size_t width;
};

static void test_fit(void)
{
    static const struct fit cases[] = {
        {"", 5, "", 0},
        {"Ada", 0, "Ada", 3},
        {"Ada Sample", 10, "Ada Sample", 10},
        {"Ada Sample", 9, "Ada Samp…", 9},
        {"Ada Sample", 1, "…", 1},
        {"山田 太郎", 9, "山田 太郎", 9}, /* two places each */
        {"山田 太郎", 8, "山田 太…", 8},
        {"山田 太郎", 4, "山…", 3}, /* half of one is not shown */
        {"Zoe\xcc\x88 Fuchs", 9, "Zoe\xcc\x88 Fuchs", 9},
        {"Zoe\xcc\x88 Fuchs", 5, "Zoe\xcc\x88 …", 5}, /* a mark stays with its letter */
        {"\xcc\x88\xcc\x88", 1, "\xcc\x88\xcc\x88", 0},
        {"🦊🦊", 4, "🦊🦊", 4},
        {"🦊🦊", 3, "🦊…", 3},
        {"محمد", 4, "محمد", 4},
        {"a\x1b[2J", 0, "a\\u{1b}[2J", 10},
        {"a\xe2\x80\xae"
         "b",
         6, "a…", 2}, /* what is made visible is cut whole */
        {"\xff\xfe", 0, "\\x{ff}\\x{fe}", 12},
        {"a\xc2\x9b"
         "31m",
         0, "a\\u{9b}31m", 10}, /* CSI in one character */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kf_buf out = KF_PUBLIC_BUF;
        struct kf_error error = {.cause = KF_CAUSE_NONE};

        CU_ASSERT_EQUAL(kf_visible_fit(&out, cases[i].text, cases[i].limit), cases[i].width);
        CU_ASSERT_EQUAL_FATAL(kf_buf_append(&out, "", 1, &error), KF_OK);
        CU_ASSERT_STRING_EQUAL((const char *)out.data, cases[i].shown);
        kf_buf_reset(&out);
    }
}

static void test_times(void)
{
    char text[KF_TIME_SIZE];

    kf_time_text(1795305599, text);
    CU_ASSERT_STRING_EQUAL(text, "2026-11-21T23:59:59Z");
    kf_date_text(1795305599, text);
    CU_ASSERT_STRING_EQUAL(text, "2026-11-21");
    kf_time_text(-1, text);
    CU_ASSERT_STRING_EQUAL(text, "1969-12-31T23:59:59Z");
    kf_time_text(253402300799, text);
    CU_ASSERT_STRING_EQUAL(text, "9999-12-31T23:59:59Z");
}

struct field {
    const char *text;
    const char *written;
};

/* One apostrophe taken off gives the text again, whatever it is. */
static void test_csv_fields(void)
{
    static const struct field cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"=cmd()", "'=cmd()"},
        {"+49", "'+49"},
        {"-2+3", "'-2+3"},
        {"@SUM(1)", "'@SUM(1)"},
        {"\t=1", "'\t=1"},
        {"\r=1", "\"'\r=1\""},
        {"'=1", "''=1"},
        {"O'Neil", "O'Neil"},
        {"=1,\"x\"", "\"'=1,\"\"x\"\"\""},
        {"a=1", "a=1"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char written[64] = "";
        FILE *file = fmemopen(written, sizeof(written), "w");

        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        kf_csv_put(file, cases[i].text);
        CU_ASSERT_EQUAL(fclose(file), 0);
        CU_ASSERT_STRING_EQUAL(written, cases[i].written);
    }
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"places and cuts", test_fit},
        {"times", test_times},
        {"fields of CSV", test_csv_fields},
        {NULL, NULL},
    };

    /* as the program does; the widths are those of UTF-8 whatever the user has */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 77;
    return suite_run("output", tests);
}
