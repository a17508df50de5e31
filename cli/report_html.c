/*
 * The report as one page of HTML: see report.h. Everything is inside it, and its policy (Content
 * Security Policy 3) lets it fetch nothing and run no script but its own, whose digest it names. It
 * is written when all keys are known, since what it says first is the sum.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/report_assets.h"
#include "cli/report_page.h"

#define NOTES_AT_THE_TOP 3u /* all of them stand with the run */

/* In the order of the sum, which is that of enum kf_outcome. */
static const char *const outcome_classes[KF_BAR_PARTS] = {"archived", "known", "refused", "failed",
                                                          "skipped"};

void kf_page_parts(const uint64_t by_outcome[KF_OUTCOME_COUNT],
                   struct kf_svg_part parts[KF_BAR_PARTS])
{
    for (size_t i = 0; i < KF_BAR_PARTS; i++)
        parts[i] =
            (struct kf_svg_part){.value = by_outcome[KF_ARCHIVED + i], .class = outcome_classes[i]};
}

bool kf_page_converts(const struct kf_report_run *run)
{
    return strcmp(run->command, "convert") == 0;
}

const char *kf_page_outcome(const struct kf_report_run *run, enum kf_outcome outcome)
{
    switch (outcome) {
    case KF_ARCHIVED:
        return kf_page_converts(run) ? "Written" : "Archived";
    case KF_KNOWN:
        return "Known before";
    case KF_REFUSED:
        return "Refused";
    case KF_FAILED:
        return "Failed";
    case KF_SKIPPED:
        return "Skipped";
    case KF_PENDING:
        break;
    }
    return "Not decided";
}

void kf_page_number(struct kf_out *out, uint64_t number)
{
    kf_out_text(out, "<td class=\"n\">");
    kf_html_number(out, number);
    kf_out_text(out, "</td>");
}

static void put_moment(struct kf_out *out, int64_t seconds, const char *text)
{
    if (seconds == 0)
        kf_out_text(out, "–");
    else
        kf_out_format(out, "<time datetime=\"%s\">%s</time>", text, text);
}

void kf_page_time(struct kf_out *out, int64_t seconds)
{
    char text[KF_TIME_SIZE];

    kf_time_text(seconds, text);
    put_moment(out, seconds, text);
}

void kf_page_date(struct kf_out *out, int64_t seconds)
{
    char text[KF_TIME_SIZE];

    kf_date_text(seconds, text);
    put_moment(out, seconds, text);
}

/* 'sha256-...' of what stands between the tags, for the policy. */
static void put_digest(struct kf_out *out, const struct kf_crypto *crypto,
                       const unsigned char *bytes, size_t len)
{
    struct kf_buf text = KF_PUBLIC_BUF;
    uint8_t digest[KF_SHA256_SIZE];

    if (out->status == KF_OK)
        out->status = kf_digest(crypto->sha256, (struct kf_slice){bytes, len}, digest, &out->error);
    if (out->status == KF_OK)
        out->status =
            kf_base64_encode(&text, (struct kf_slice){digest, sizeof(digest)}, &out->error);
    kf_out_text(out, "'sha256-");
    kf_out_bytes(out, text.data, text.len);
    kf_out_text(out, "'");
    kf_buf_reset(&text);
}

static void put_title(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_report_run *run = whole->run;

    kf_out_text(out, kf_page_converts(run) ? "Conversion" : "Import");
    kf_out_text(out, run->dry_run ? " rehearsal" : " report");
    if (run->id != 0)
        kf_out_format(out, ", run %" PRIu64, run->id);
}

static void put_head(struct kf_out *out, const struct kf_report_whole *whole)
{
    kf_out_text(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "style-src ");
    put_digest(out, whole->crypto, kf_report_css, kf_report_css_len);
    kf_out_text(out, "; script-src ");
    put_digest(out, whole->crypto, kf_report_js, kf_report_js_len);
    kf_out_text(out, "; base-uri 'none'; form-action 'none'\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"color-scheme\" content=\"light dark\">\n"
                     "<meta name=\"generator\" content=\"keyferry " KF_VERSION "\">\n<title>");
    put_title(out, whole);
    kf_out_text(out, "</title>\n<style>");
    kf_out_bytes(out, kf_report_css, kf_report_css_len);
    kf_out_text(out, "</style></head>\n<body>\n");
}

/* What the page says in one sentence. */
static void put_lead(struct kf_out *out, const struct kf_report_whole *whole)
{
    const uint64_t *by = whole->facts->counted.by_outcome;
    uint64_t seen = kf_totals_seen(&whole->facts->counted);
    uint64_t bad = by[KF_REFUSED] + by[KF_FAILED];
    bool converts = kf_page_converts(whole->run);

    kf_out_text(out, "<p class=\"lead\">Of <b>");
    kf_html_count(out, seen, "key", "keys");
    kf_out_text(out, seen == 1 ? "</b> that was seen, <b>" : "</b> that were seen, <b>");
    kf_html_number(out, by[KF_ARCHIVED] + by[KF_KNOWN]);
    kf_out_text(out, "</b>");
    if (whole->run->dry_run)
        kf_out_text(out, converts ? " would be written" : " would be in the archive");
    else if (converts)
        kf_out_text(out, by[KF_ARCHIVED] == 1 ? " was written" : " were written");
    else
        kf_out_text(out, by[KF_ARCHIVED] + by[KF_KNOWN] == 1 ? " is in the archive now"
                                                             : " are in the archive now");
    kf_out_text(out, ". ");
    if (bad == 0) {
        kf_out_text(out, "None was refused, and none failed.</p>\n");
        return;
    }
    kf_out_text(out, "<b>");
    kf_html_number(out, bad);
    kf_out_text(out, bad == 1 ? "</b> was refused or failed: " : "</b> were refused or failed: ");
    kf_out_text(out, "<a href=\"#attention\">what to do about it</a>.</p>\n");
}

static void put_duration(struct kf_out *out, int64_t seconds)
{
    if (seconds >= 3600)
        kf_out_format(out, "%" PRId64 " h %" PRId64 " min", seconds / 3600, seconds / 60 % 60);
    else if (seconds >= 60)
        kf_out_format(out, "%" PRId64 " min %" PRId64 " s", seconds / 60, seconds % 60);
    else if (seconds >= 1)
        kf_out_format(out, "%" PRId64 " s", seconds);
    else
        kf_out_text(out, "under a second");
}

static void put_header(struct kf_out *out, const struct kf_report_whole *whole)
{
    kf_out_text(out, "<header>\n<p class=\"kicker\">");
    kf_html_text(out, whole->run->ca != NULL ? whole->run->ca : "keyferry");
    kf_out_text(out, "</p>\n<h1>");
    put_title(out, whole);
    kf_out_text(out, "</h1>\n</header>\n<main>\n");
}

static void put_alert(struct kf_out *out, bool is_bad, const char *text)
{
    kf_out_format(out, "<p class=\"alert%s\">%s</p>\n", is_bad ? " bad" : "", text);
}

/* What has to be known before any number is read. */
static void put_alerts(struct kf_out *out, const struct kf_report_whole *whole)
{
    if (whole->run->dry_run)
        put_alert(out, false,
                  "<b>This was a dry run.</b> Everything was done but writing: the "
                  "numbers say what would happen.");
    if (whole->end->ended == 0)
        put_alert(out, true,
                  "<b>This run has not come to its end.</b> What is told here was committed; "
                  "<code>import --resume</code> with the same inputs and options goes on from "
                  "there.");
}

static bool is_reconciled(const struct kf_report_whole *whole)
{
    for (size_t i = 0; i < KF_OUTCOME_COUNT; i++) {
        if (whole->facts->counted.by_outcome[i] != whole->end->totals.by_outcome[i])
            return false;
    }
    return true;
}

static void put_sum(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_totals *totals = &whole->facts->counted;

    kf_out_text(out, "<table class=\"sum\"><caption class=\"unseen\">Keys seen, as the sum of "
                     "their outcomes</caption><thead><tr><th scope=\"col\">Seen</th>");
    for (size_t i = 0; i < KF_BAR_PARTS; i++)
        kf_out_format(out, "<th scope=\"col\"><span class=\"key %s\"></span>%s</th>",
                      outcome_classes[i],
                      kf_page_outcome(whole->run, (enum kf_outcome)(KF_ARCHIVED + i)));
    kf_out_text(out, "</tr></thead><tbody><tr><td data-name=\"Seen\">");
    kf_html_number(out, kf_totals_seen(totals));
    kf_out_text(out, "</td>");
    for (size_t i = 0; i < KF_BAR_PARTS; i++) {
        kf_out_format(out, "<td data-name=\"%s\">",
                      kf_page_outcome(whole->run, (enum kf_outcome)(KF_ARCHIVED + i)));
        kf_html_number(out, totals->by_outcome[KF_ARCHIVED + i]);
        kf_out_text(out, "</td>");
    }
    kf_out_text(out, "</tr></tbody></table>\n");
}

/* How the answer above the sum is known. */
static void put_reconciliation(struct kf_out *out, const struct kf_report_whole *whole)
{
    uint64_t counted = kf_totals_seen(&whole->facts->counted);

    if (!is_reconciled(whole)) {
        put_alert(out, true,
                  "<b>The sum does not hold.</b> The run counted other numbers than its keys add "
                  "up to. This is a defect of keyferry: keep the store, and report it.");
        return;
    }
    kf_out_text(out, "<p class=\"note\">The sum holds. Each key has one outcome: ");
    kf_html_number(out, counted);
    kf_out_text(out, " were counted one by one for this page, and ");
    kf_html_number(out, kf_totals_seen(&whole->end->totals));
    kf_out_text(out, " by the run itself as it went, with the same number for every outcome.");
    if (whole->facts->replaced != 0) {
        kf_out_text(out, " Of the archived keys, ");
        kf_html_number(out, whole->facts->replaced);
        kf_out_text(out, " took the place of one that was archived before.");
    }
    kf_out_text(out, "</p>\n");
}

/* The answer that everybody looks for, with a mark that needs no colour. */
static void put_verdict(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_totals *totals = &whole->facts->counted;
    bool good = is_reconciled(whole);
    struct kf_svg_part parts[KF_BAR_PARTS];

    kf_out_format(out,
                  "<section class=\"verdict %s\" aria-labelledby=\"outcome\">\n<h2 id=\"outcome\">"
                  "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\" focusable=\"false\"><circle "
                  "cx=\"12\" cy=\"12\" r=\"11\"/><path d=\"%s\"/></svg>%s%s</h2>\n",
                  good ? "good" : "bad", good ? "M6.5 12.5l4 4 7.5-8.5" : "M12 6v8M12 16.5v2",
                  good ? "Every key is accounted for" : "Not every key is accounted for",
                  whole->end->ended == 0 ? ", so far" : "");
    put_lead(out, whole);
    kf_out_text(out, "<figure class=\"whole\">");
    put_sum(out, whole);
    kf_page_parts(totals->by_outcome, parts);
    kf_svg_bar(out, parts, KF_BAR_PARTS, kf_totals_seen(totals));
    kf_out_text(out, "</figure>\n");
    put_reconciliation(out, whole);
    kf_out_text(out, "</section>\n");
}

static void put_facts(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_report_run *run = whole->run;
    int64_t ended = whole->end->ended;

    kf_out_text(out, "<dl class=\"facts\"><div><dt>Began</dt><dd>");
    kf_page_time(out, run->started);
    kf_out_text(out, "</dd></div><div><dt>Took</dt><dd>");
    if (ended != 0)
        put_duration(out, ended - run->started);
    else
        kf_out_text(out, "did not end");
    kf_out_text(out, "</dd></div><div><dt>By</dt><dd>");
    kf_html_text(out, run->caller);
    kf_out_text(out, "</dd></div><div><dt>Inputs</dt><dd>");
    kf_html_number(out, whole->facts->input_count);
    if (whole->end->totals.users != 0) {
        kf_out_text(out, ", with ");
        kf_html_count(out, whole->end->totals.users, "user", "users");
    }
    kf_out_text(out, "</dd></div></dl>\n");
    for (size_t i = 0; i < whole->end->note_count && i < NOTES_AT_THE_TOP; i++) {
        kf_out_text(out, "<p class=\"alert\">");
        kf_html_text(out, whole->end->notes[i]);
        kf_out_text(out, "</p>\n");
    }
    if (whole->end->note_count > NOTES_AT_THE_TOP)
        kf_out_text(out, "<p class=\"note\"><a href=\"#notes\">All notes about the run and its "
                         "inputs</a></p>\n");
}

static void put_contents(struct kf_out *out, const struct kf_report_whole *whole)
{
    kf_out_text(out, "<nav aria-label=\"Contents\"><a href=\"#attention\">Attention</a> <a "
                     "href=\"#sources\">Sources</a> <a href=\"#kinds\">Kinds</a> <a "
                     "href=\"#expiry\">Expiry</a> ");
    if (whole->run->store != NULL)
        kf_out_text(out, "<a href=\"#agents\">Agents</a> ");
    if (whole->facts->group_count != 0)
        kf_out_text(out, "<a href=\"#keys\">Key by key</a> ");
    kf_out_text(out, "<a href=\"#run\">The run</a></nav>\n");
}

static void put_cause(struct kf_out *out, const struct kf_report_whole *whole, size_t number,
                      uint64_t most)
{
    const struct kf_group *group = &whole->facts->groups[number - 1];
    struct kf_svg_part part = {.value = group->keys, .class = "skipped"};

    if (group->outcome >= KF_ARCHIVED)
        part.class = outcome_classes[group->outcome - KF_ARCHIVED];
    kf_out_format(out, "<tr><th scope=\"row\"><a href=\"#g%zu\">%s</a>", number,
                  kf_group_advice(group).title);
    if (group->same_text && group->message != NULL) {
        kf_out_text(out, "<small>");
        kf_html_text(out, group->message);
        kf_out_text(out, "</small>");
    }
    kf_out_format(out, "</th><td><span class=\"key %s\"></span>%s</td><td>", part.class,
                  kf_page_outcome(whole->run, group->outcome));
    kf_html_text(out, group->rule);
    kf_out_text(out, "</td>");
    kf_page_number(out, group->keys);
    kf_out_text(out, "<td class=\"b\">");
    kf_svg_bar(out, &part, 1, most);
    kf_out_text(out, "</td></tr>\n");
}

static void put_attention(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_report_facts *facts = whole->facts;
    uint64_t most = 0;

    kf_out_text(out, "<section aria-labelledby=\"attention\">\n<h2 id=\"attention\">What asks for "
                     "attention</h2>\n");
    if (facts->group_count == 0) {
        kf_out_text(out, "<p>Nothing. No key was refused, failed or left out.</p>\n</section>\n");
        return;
    }
    for (size_t i = 0; i < facts->group_count; i++) {
        if (facts->groups[i].keys > most)
            most = facts->groups[i].keys;
    }
    kf_out_text(out,
                "<table class=\"sort causes\"><caption>Keys that were refused, failed, left out "
                "or taken with a reserve, by cause. Each cause leads to what to do, and to "
                "its keys.</caption>\n<thead><tr><th scope=\"col\">Cause</th><th "
                "scope=\"col\">Outcome</th><th scope=\"col\">Rule</th><th scope=\"col\" "
                "class=\"n\">Keys</th><td class=\"b\"></td></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < facts->group_count; i++)
        put_cause(out, whole, i + 1, most);
    kf_out_text(out, "</tbody></table>\n</section>\n");
}

static void begin_html(struct kf_out *out, const struct kf_report_run *run)
{
    (void)out;
    (void)run; /* the sum comes first */
}

static void input_html(struct kf_out *out, const struct kf_report_input *input)
{
    (void)out;
    (void)input;
}

static void key_html(struct kf_out *out, const struct kf_report_input *input,
                     const struct kf_report_entry *entry)
{
    (void)out;
    (void)input;
    (void)entry;
}

static void end_html(struct kf_out *out, const struct kf_report_whole *whole)
{
    put_head(out, whole);
    put_header(out, whole);
    put_alerts(out, whole);
    put_verdict(out, whole);
    put_facts(out, whole);
    put_contents(out, whole);
    put_attention(out, whole);
    kf_page_charts(out, whole);
    kf_page_groups(out, whole);
    kf_page_run(out, whole);
    kf_out_text(out, "</main>\n<footer>Made by keyferry " KF_VERSION
                     ". Characters that would act on the text around them are shown as "
                     "\\u{...}.</footer>\n<script>");
    kf_out_bytes(out, kf_report_js, kf_report_js_len);
    kf_out_text(out, "</script>\n</body></html>\n");
}

const struct kf_report_form kf_report_html = {
    .ending = ".html",
    .begin = begin_html,
    .input = input_html,
    .key = key_html,
    .end = end_html,
};
