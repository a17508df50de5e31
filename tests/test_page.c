/*
 * What report pages are made of: text that cannot act, numbers, charts, and counts by name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/html.h"
#include "cli/output.h"
#include "cli/svg.h"
#include "cli/tally.h"
#include "tests/support/suite.h"

/* What was put since the last call, as a string in out. */
static const char *taken(struct kf_out *out)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    const char *text;

    CU_ASSERT_EQUAL_FATAL(kf_buf_append(&out->pending, "", 1, &error), KF_OK);
    text = (const char *)out->pending.data;
    out->pending.len = 0; /* the bytes stay until the next one is put */
    return text;
}

static struct kf_out open_out(void)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_out out;

    CU_ASSERT_EQUAL_FATAL(kf_out_open(&out, NULL, &error), KF_OK);
    return out;
}

struct pair {
    const char *text;
    const char *shown;
};

static void test_text(void)
{
    static const struct pair cases[] = {
        {"plain", "plain"},
        {"", ""},
        {"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
        {"\"'&", "&quot;&#39;&amp;"},
        {"&amp;", "&amp;amp;"},
        {"a\xe2\x80\xae"
         "b",
         "a\\u{202e}b"},                                      /* right-to-left override */
        {"\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}"}, /* isolates */
        {"\xe2\x80\x8f", "\\u{200f}"},
        {"\xd8\x9c", "\\u{61c}"},
        {"line\nline\r\tx\x7f", "line\\u{a}line\\u{d}\\u{9}x\\u{7f}"},
        {"\xff<\xc3", "\\x{ff}&lt;\\x{c3}"},
        {"Zo\xc3\xab \xd7\x90", "Zo\xc3\xab \xd7\x90"}, /* letters stay */
    };
    struct kf_out out = open_out();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kf_html_text(&out, cases[i].text);
        CU_ASSERT_STRING_EQUAL(taken(&out), cases[i].shown);
    }
    kf_html_text(&out, NULL);
    CU_ASSERT_STRING_EQUAL(taken(&out), "");
    kf_out_discard(&out);
}

struct number {
    uint64_t number;
    const char *shown;
};

static void test_numbers(void)
{
    static const struct number cases[] = {
        {0, "0"},
        {7, "7"},
        {999, "999"},
        {1000, "1,000"},
        {12345, "12,345"},
        {1234567, "1,234,567"},
        {UINT64_MAX, "18,446,744,073,709,551,615"},
    };
    char text[KF_NUMBER_SIZE];
    struct kf_out out = open_out();

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kf_number_text(cases[i].number, text);
        CU_ASSERT_STRING_EQUAL(text, cases[i].shown);
    }
    kf_html_count(&out, 1, "key", "keys");
    CU_ASSERT_STRING_EQUAL(taken(&out), "1 key");
    kf_html_count(&out, 1000, "key", "keys");
    CU_ASSERT_STRING_EQUAL(taken(&out), "1,000 keys");
    kf_out_discard(&out);
}

struct percent {
    uint64_t part, whole;
    const char *shown;
};

/* A little is not nothing, and almost all is not all. */
static void test_percents(void)
{
    static const struct percent cases[] = {
        {0, 0, "0.0 %"},     {0, 10, "0.0 %"},           {1, 3, "33.3 %"},
        {10, 10, "100.0 %"}, {1, 100000, "under 0.1 %"}, {99999, 100000, "over 99.9 %"},
    };
    char text[KF_NUMBER_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        kf_percent_text(cases[i].part, cases[i].whole, text);
        CU_ASSERT_STRING_EQUAL(text, cases[i].shown);
    }
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

static void test_bar(void)
{
    struct kf_svg_part parts[] = {{50, "archived"}, {0, "known"}, {50, "failed"}};
    struct kf_svg_part tiny[] = {{999999, "archived"}, {1, "failed"}};
    struct kf_out out = open_out();
    const char *text;

    kf_svg_bar(&out, parts, 3, 200);
    text = taken(&out);
    CU_ASSERT(strstr(text, "aria-hidden=\"true\"") != NULL);
    CU_ASSERT(strstr(text, "<rect class=\"archived\" x=\"0\" width=\"250\"") != NULL);
    CU_ASSERT(strstr(text, "<rect class=\"failed\" x=\"250\" width=\"250\"") != NULL);
    CU_ASSERT_EQUAL(count_of(text, "<rect"), 2); /* nothing is not drawn */
    kf_svg_bar(&out, tiny, 2, 1000000);
    text = taken(&out);
    CU_ASSERT(strstr(text, "<rect class=\"failed\" x=\"996\" width=\"4\"") != NULL); /* inside */
    kf_svg_bar(&out, parts, 3, 0);
    CU_ASSERT_EQUAL(count_of(taken(&out), "<rect"), 0);
    kf_out_discard(&out);
}

static void test_scale(void)
{
    static const uint64_t cases[][2] = {
        {0, 1},   {1, 1},      {2, 2},       {3, 4},       {6, 6},        {7, 8},
        {11, 20}, {999, 1000}, {1001, 2000}, {5001, 6000}, {8001, 10000}, {UINT64_MAX, UINT64_MAX}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CU_ASSERT_EQUAL(kf_svg_scale(cases[i][0]), cases[i][1]);
}

static void tell(struct kf_out *out, const void *context)
{
    kf_html_text(out, context);
}

static void test_timeline(void)
{
    struct kf_svg_column columns[30] = {{.label = "2027", .part = {12, "archived"}},
                                        {.label = "<b>", .part = {3000, "expired"}}};
    struct kf_svg_timeline timeline = {.columns = columns,
                                       .count = 2,
                                       .mark = 1,
                                       .mark_label = "now",
                                       .title = "a & b",
                                       .about = tell,
                                       .context = "2027: 12"};
    struct kf_out out = open_out();
    const char *text;

    CU_ASSERT(kf_svg_timeline(&out, &timeline));
    text = taken(&out);
    CU_ASSERT(strstr(text, "role=\"img\"") != NULL);
    CU_ASSERT(strstr(text, ">a &amp; b</title>") != NULL);
    CU_ASSERT(strstr(text, ">2027: 12</desc>") != NULL);
    CU_ASSERT(strstr(text, ">&lt;b&gt;</text>") != NULL);
    CU_ASSERT(strstr(text, ">3,000</text>") != NULL);
    CU_ASSERT(strstr(text, ">4,000</text>") != NULL); /* where the scale ends */
    CU_ASSERT(strstr(text, ">now</text>") != NULL);
    CU_ASSERT_EQUAL(count_of(text, "<rect"), 2);
    CU_ASSERT_EQUAL(count_of(text, "<svg"), count_of(text, "</svg>"));
    for (size_t i = 0; i < 30; i++)
        columns[i] = (struct kf_svg_column){.label = "2000", .part = {i, "archived"}};
    timeline.count = 30;
    timeline.mark = 30;
    CU_ASSERT_FALSE(kf_svg_timeline(&out, &timeline)); /* too many for numbers */
    text = taken(&out);
    CU_ASSERT_EQUAL(count_of(text, "<rect"), 29);
    CU_ASSERT_EQUAL(count_of(text, "class=\"value\""), 0);
    CU_ASSERT(count_of(text, ">2000</text>") < 30);
    CU_ASSERT_EQUAL(count_of(text, ">now</text>"), 0);
    timeline.count = 0;
    CU_ASSERT(kf_svg_timeline(&out, &timeline));
    CU_ASSERT_EQUAL(count_of(taken(&out), "<rect"), 0);
    kf_out_discard(&out);
}

static void test_tally(void)
{
    struct kf_tally tally = {.limit = 100};
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_tally_item *item = NULL;
    uint64_t keys = 0;

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 150; i++) {
            char name[16];

            (void)snprintf(name, sizeof(name), "name %03u", i);
            CU_ASSERT_EQUAL(kf_tally_add(&tally, name, KF_ARCHIVED, &item, &error), KF_OK);
            CU_ASSERT_EQUAL(item->name == NULL, i >= 100);
        }
    }
    CU_ASSERT_EQUAL(kf_tally_add(&tally, "name 042", KF_FAILED, NULL, &error), KF_OK);
    CU_ASSERT_EQUAL(tally.count, 100);
    CU_ASSERT_EQUAL(tally.others.keys, 150);
    CU_ASSERT_EQUAL(kf_tally_most(&tally), 150);
    kf_tally_sort(&tally);
    CU_ASSERT_STRING_EQUAL(tally.items[0].name, "name 042");
    CU_ASSERT_EQUAL(tally.items[0].keys, 4);
    CU_ASSERT_EQUAL(tally.items[0].by_outcome[KF_FAILED], 1);
    CU_ASSERT_STRING_EQUAL(tally.items[1].name, "name 000");
    kf_tally_sort_names(&tally);
    for (size_t i = 0; i < tally.count; i++) {
        keys += tally.items[i].keys;
        CU_ASSERT(i == 0 || strcmp(tally.items[i - 1].name, tally.items[i].name) < 0);
    }
    CU_ASSERT_EQUAL(keys + tally.others.keys, 451);
    kf_tally_reset(&tally);
}

/* A file gets its name at the end, and none after a failure. */
static void test_out(void)
{
    char folder[] = "/tmp/keyferry-page.XXXXXX";
    char path[64];
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    struct kf_out out;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/page", folder);
    CU_ASSERT_EQUAL_FATAL(kf_out_open(&out, path, &error), KF_OK);
    kf_out_format(&out, "%d%s", 1, "x");
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    CU_ASSERT_EQUAL(kf_out_close(&out, &error), KF_OK);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    (void)unlink(path);
    CU_ASSERT_EQUAL_FATAL(kf_out_open(&out, path, &error), KF_OK);
    kf_out_format(&out, "%05000d", 1); /* longer than a line may be */
    kf_out_text(&out, "more");
    CU_ASSERT_EQUAL(kf_out_close(&out, &error), KF_FATAL);
    CU_ASSERT_EQUAL(error.cause, KF_CAUSE_INTERNAL);
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    CU_ASSERT_EQUAL(rmdir(folder), 0); /* nothing else is left */
}

int main(void)
{
    static const struct suite_test tests[] = {
        {"text", test_text},     {"numbers", test_numbers}, {"percents", test_percents},
        {"bars", test_bar},      {"scale", test_scale},     {"timeline", test_timeline},
        {"tallies", test_tally}, {"files", test_out},       {NULL, NULL},
    };

    return suite_run("page", tests);
}
