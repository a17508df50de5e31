/*
 * The report page's numbers: where keys come from, what they are, when they expire, and who can
 * open them. Each chart is a table that has a bar in every row, so that numbers and bars are read
 * together, by eyes or ears.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/output.h"
#include "cli/report_page.h"

#define SHOWN_ROWS  25u /* of a chart; what comes after them is one row */
#define SHOWN_YEARS 30u /* columns of the timeline; years before and after are one column each */

/* One row of a chart. class: how the bar is coloured; NULL: by outcome. */
static void put_row(struct kf_out *out, const char *name, const char *mark,
                    const struct kf_tally_item *item, uint64_t most, uint64_t whole)
{
    struct kf_svg_part parts[KF_BAR_PARTS];
    char percent[KF_NUMBER_SIZE];

    kf_out_text(out, "<tr><th scope=\"row\">");
    kf_html_text(out, name);
    kf_out_text(out, mark);
    kf_out_text(out, "</th><td class=\"b\">");
    kf_page_parts(item->by_outcome, parts);
    kf_svg_bar(out, parts, KF_BAR_PARTS, most);
    kf_out_text(out, "</td>");
    kf_page_number(out, item->keys);
    kf_percent_text(item->keys, whole, percent);
    kf_out_format(out, "<td class=\"n\">%s</td></tr>\n", percent);
}

static void add_up(struct kf_tally_item *sum, const struct kf_tally_item *item)
{
    sum->keys += item->keys;
    for (size_t i = 0; i < KF_OUTCOME_COUNT; i++)
        sum->by_outcome[i] += item->by_outcome[i];
}

/* A chart of a tally that is in its order. */
struct chart {
    const char *caption;
    const char *name;                        /* of what the rows are */
    const char *others;                      /* "other issuers" */
    const char *empty;                       /* what stands for an empty name */
    const char *weak;                        /* the mark of a weak one */
    const char *(*rename)(const char *name); /* NULL: as they are */
};

static const char *name_of(const struct chart *chart, const struct kf_tally_item *item)
{
    const char *name = item->note != NULL ? item->note : item->name;

    return name[0] == '\0' ? chart->empty : chart->rename != NULL ? chart->rename(name) : name;
}

static void put_chart(struct kf_out *out, const struct chart *chart, const struct kf_tally *tally)
{
    struct kf_tally_item rest = tally->others;
    size_t shown = tally->count <= SHOWN_ROWS ? tally->count : SHOWN_ROWS;
    uint64_t whole = tally->others.keys;
    uint64_t most;
    char name[64];

    for (size_t i = 0; i < tally->count; i++)
        whole += tally->items[i].keys;
    for (size_t i = shown; i < tally->count; i++)
        add_up(&rest, &tally->items[i]);
    most = kf_tally_most(tally);
    if (rest.keys > most)
        most = rest.keys;
    kf_out_format(out,
                  "<table class=\"sort\"><caption>%s</caption>\n<thead><tr><th scope=\"col\">%s"
                  "</th><td class=\"b\"></td><th scope=\"col\" class=\"n\">Keys</th><th "
                  "scope=\"col\" class=\"n\">Share</th></tr></thead>\n<tbody>\n",
                  chart->caption, chart->name);
    for (size_t i = 0; i < shown; i++) {
        const struct kf_tally_item *item = &tally->items[i];

        if (item->keys != 0) /* an input may have none */
            put_row(out, name_of(chart, item), item->is_weak ? chart->weak : "", item, most, whole);
    }
    if (rest.keys != 0) {
        size_t more = tally->count - shown;

        if (more != 0)
            (void)snprintf(name, sizeof(name), "%s%zu %s", tally->others.keys != 0 ? "over " : "",
                           more, chart->others);
        else
            (void)snprintf(name, sizeof(name), "%s", chart->others);
        put_row(out, name, "", &rest, most, whole);
    }
    kf_out_text(out, "</tbody></table>\n");
}

static void put_legend(struct kf_out *out, const struct kf_report_whole *whole)
{
    struct kf_svg_part parts[KF_BAR_PARTS];
    const uint64_t none[KF_OUTCOME_COUNT] = {0};

    kf_page_parts(none, parts);
    kf_out_text(out, "<ul class=\"legend\">");
    for (size_t i = 0; i < KF_BAR_PARTS; i++)
        kf_out_format(out, "<li><span class=\"key %s\"></span>%s</li>", parts[i].class,
                      kf_page_outcome(whole->run, (enum kf_outcome)(KF_ARCHIVED + i)));
    kf_out_text(out, "</ul>\n");
}

static void put_unknown(struct kf_out *out, const struct kf_report_facts *facts)
{
    uint64_t unknown = kf_totals_seen(&facts->counted) - facts->with_certificate;

    if (unknown == 0)
        return;
    kf_out_text(out, "<p class=\"note\">Of ");
    kf_html_count(out, unknown, "key", "keys");
    kf_out_text(out, " no certificate is known: they could not be read so far. They are not "
                     "counted here and below.</p>\n");
}

static void put_sources(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_report_facts *facts = whole->facts;
    const struct chart inputs = {.caption = "Keys by input",
                                 .name = "Input",
                                 .others = "other inputs",
                                 .empty = "(no name)",
                                 .weak = ""};
    const struct chart folders = {.caption = "Keys by the folder of their input",
                                  .name = "Source",
                                  .others = "other folders",
                                  .empty = "(the folder of the run)",
                                  .weak = ""};
    const struct chart issuers = {.caption = "Keys by the CA that issued the certificate",
                                  .name = "Issuer",
                                  .others = "other issuers",
                                  .empty = "(no name)",
                                  .weak = ""};
    const struct chart passwords = {.caption =
                                        "Keys by the password that opened them, told by its place; "
                                        "no report tells a password",
                                    .name = "Password",
                                    .others = "other passwords",
                                    .empty = "(no name)",
                                    .weak = ""};
    bool by_folder = facts->inputs.count > SHOWN_ROWS;

    kf_out_text(out,
                "<section aria-labelledby=\"sources\">\n<h2 id=\"sources\">Where the keys come "
                "from</h2>\n");
    put_legend(out, whole);
    put_chart(out, by_folder ? &folders : &inputs, by_folder ? &facts->folders : &facts->inputs);
    kf_out_text(out, "<h3>Issuers</h3>\n");
    put_chart(out, &issuers, &facts->issuers);
    put_unknown(out, facts);
    if (facts->passwords.count != 0) {
        kf_out_text(out, "<h3>Passwords</h3>\n");
        put_chart(out, &passwords, &facts->passwords);
    }
    kf_page_certificates(out, whole);
    kf_out_text(out, "</section>\n");
}

static void put_weakness(struct kf_out *out, const struct kf_report_facts *facts, unsigned kind,
                         const char *name, const char *meaning)
{
    kf_out_format(out, "<tr><th scope=\"row\"%s>%s</th>",
                  facts->weak[kind] != 0 ? " class=\"bad\"" : "", name);
    kf_page_number(out, facts->weak[kind]);
    kf_page_number(out, facts->weak_archived[kind]);
    kf_out_format(out, "<td>%s</td></tr>\n", meaning);
}

static void put_weaknesses(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_report_facts *facts = whole->facts;

    kf_out_text(out, "<h3>Weak keys</h3>\n<table><caption>");
    if (facts->weak_keys == 0) {
        kf_out_text(out, "No key is weak in one of these ways.");
    } else {
        kf_html_count(out, facts->weak_keys, "key is", "keys are");
        kf_out_text(out, " weak in one of these ways or several. They are treated like others, "
                         "since what was encrypted to them has to stay readable. The CSV and "
                         "JSON reports mark each.");
    }
    kf_out_format(
        out,
        "</caption>\n<thead><tr><th scope=\"col\">Weakness</th><th scope=\"col\" "
        "class=\"n\">Keys</th><th scope=\"col\" class=\"n\">%s</th><th scope=\"col\">What "
        "it means</th></tr></thead>\n<tbody>\n",
        kf_page_converts(whole->run) ? "Written" : "In the archive");
    put_weakness(out, facts, 0, "RSA, DSA or DH under 2048 bits",
                 "Within reach of well-funded attackers; replace the certificate where it is still "
                 "in use.");
    put_weakness(out, facts, 1, "Signed with SHA-1, MD5 or older",
                 "The certificate could have been forged. The key itself is not affected.");
    put_weakness(out, facts, 2, "ROCA (CVE-2017-15361)",
                 "The private key can be computed from the public one: treat it as known to "
                 "others.");
    kf_out_text(out, "</tbody></table>\n");
}

static void put_state_row(struct kf_out *out, const char *name, uint64_t current, uint64_t previous)
{
    kf_out_format(out, "<tr><th scope=\"row\">%s</th>", name);
    kf_page_number(out, current);
    kf_page_number(out, previous);
    kf_page_number(out, current + previous);
    kf_out_text(out, "</tr>\n");
}

/* Foreign is what the archive's CA has not issued: without an archive there is none. */
static void put_states(struct kf_out *out, const struct kf_report_whole *whole)
{
    const uint64_t(*keys)[2] = whole->facts->in_archive;
    bool archives = whole->run->store != NULL;
    const char *title = !archives             ? "Current and previous"
                        : whole->run->dry_run ? "In the archive then"
                                              : "In the archive now";

    kf_out_format(
        out,
        "<h3>%s</h3>\n<table><caption>%s by their place with their owner: the current key, "
        "or one that came before</caption>\n<thead><tr><th scope=\"col\">%s</th><th "
        "scope=\"col\" class=\"n\">Current</th><th scope=\"col\" "
        "class=\"n\">Previous</th><th scope=\"col\" class=\"n\">Together</th></tr></thead>\n"
        "<tbody>\n",
        title, archives ? "Archived or known keys by their CA, and" : "Keys that were written,",
        archives ? "CA" : "Keys");
    if (archives) {
        put_state_row(out, "Issued by this CA", keys[0][0], keys[0][1]);
        put_state_row(out, "Foreign: issued by another", keys[1][0], keys[1][1]);
    } else {
        put_state_row(out, "Written", keys[0][0] + keys[1][0], keys[0][1] + keys[1][1]);
    }
    kf_out_text(out, "</tbody></table>\n");
}

struct signature {
    const char *name;  /* OpenSSL's */
    const char *shown; /* for people */
};

static const char *signature_name(const char *name)
{
    static const struct signature signatures[] = {
        {"md2WithRSAEncryption", "RSA with MD2"},
        {"md4WithRSAEncryption", "RSA with MD4"},
        {"md5WithRSAEncryption", "RSA with MD5"},
        {"sha1WithRSAEncryption", "RSA with SHA-1"},
        {"sha1WithRSA", "RSA with SHA-1"},
        {"sha224WithRSAEncryption", "RSA with SHA-224"},
        {"sha256WithRSAEncryption", "RSA with SHA-256"},
        {"sha384WithRSAEncryption", "RSA with SHA-384"},
        {"sha512WithRSAEncryption", "RSA with SHA-512"},
        {"rsassaPss-with-SHA1", "RSASSA-PSS with SHA-1"},
        {"rsassaPss-with-SHA256", "RSASSA-PSS with SHA-256"},
        {"rsassaPss-with-SHA384", "RSASSA-PSS with SHA-384"},
        {"rsassaPss-with-SHA512", "RSASSA-PSS with SHA-512"},
        {"rsassaPss", "RSASSA-PSS"},
        {"dsaWithSHA1", "DSA with SHA-1"},
        {"dsa_with_SHA256", "DSA with SHA-256"},
        {"ecdsa-with-SHA1", "ECDSA with SHA-1"},
        {"ecdsa-with-SHA256", "ECDSA with SHA-256"},
        {"ecdsa-with-SHA384", "ECDSA with SHA-384"},
        {"ecdsa-with-SHA512", "ECDSA with SHA-512"},
    };

    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        if (strcmp(signatures[i].name, name) == 0)
            return signatures[i].shown;
    }
    return name;
}

static void put_kinds(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct chart algorithms = {.caption = "Keys by algorithm and size",
                                     .name = "Key",
                                     .others = "other kinds of keys",
                                     .empty = "unknown",
                                     .weak = " <span class=\"weak\">weak</span>"};
    const struct chart signatures = {.caption = "Keys by the signature of their certificate",
                                     .name = "Signature",
                                     .others = "other signatures",
                                     .empty = "unknown",
                                     .weak = " <span class=\"weak\">weak</span>",
                                     .rename = signature_name};

    kf_out_text(out, "<section aria-labelledby=\"kinds\">\n<h2 id=\"kinds\">What they are</h2>\n"
                     "<div class=\"pair\"><div>\n<h3>Algorithms</h3>\n");
    put_chart(out, &algorithms, &whole->facts->algorithms);
    kf_out_text(out, "</div><div>\n<h3>Signatures</h3>\n");
    put_chart(out, &signatures, &whole->facts->signatures);
    kf_out_text(out, "</div></div>\n");
    put_weaknesses(out, whole);
    put_states(out, whole);
    kf_out_text(out, "</section>\n");
}

static int year_of(int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm parts;

    return gmtime_r(&when, &parts) != NULL ? parts.tm_year + 1900 : 0;
}

/* A column for each year from the first that is shown to the last. */
struct span {
    int from, to;
    bool earlier, later; /* the first and the last column stand for all before and after */
};

static struct span choose_span(const struct kf_tally *years, int now)
{
    struct span span = {.from = now, .to = now};

    for (size_t i = 0; i < years->count; i++) {
        int year = (int)strtol(years->items[i].name, NULL, 10);

        span.from = year < span.from ? year : span.from;
        span.to = year > span.to ? year : span.to;
    }
    if (now - span.from >= (int)SHOWN_YEARS / 2) {
        span.from = now - (int)SHOWN_YEARS / 2;
        span.earlier = true;
    }
    if (span.to - span.from >= (int)SHOWN_YEARS) {
        span.to = span.from + (int)SHOWN_YEARS - 1;
        span.later = true;
    }
    return span;
}

static size_t fill_columns(const struct kf_tally *years, const struct span *span, int now,
                           struct kf_svg_column columns[SHOWN_YEARS])
{
    int last = span->to - span->from;
    size_t count = (size_t)last + 1;

    for (size_t i = 0; i < count; i++) {
        int year = span->from + (int)i;
        const char *before = i == 0 && span->earlier ? "≤ " : "";
        const char *after = i + 1 == count && span->later ? "≥ " : "";

        columns[i].part = (struct kf_svg_part){.class = year < now ? "expired" : "archived"};
        (void)snprintf(columns[i].label, sizeof(columns[i].label), "%s%s%d", before, after, year);
    }
    for (size_t i = 0; i < years->count; i++) {
        int year = (int)strtol(years->items[i].name, NULL, 10);
        int at = year < span->from ? 0 : year > span->to ? last : year - span->from;

        columns[at].part.value += years->items[i].keys;
    }
    return count;
}

/* The same in numbers, for those who do not see the chart. */
static void tell_years(struct kf_out *out, const void *context)
{
    const struct kf_tally *years = context;

    for (size_t i = 0; i < years->count; i++) {
        kf_out_text(out, i != 0 ? ", " : "");
        kf_out_text(out, years->items[i].name);
        kf_out_text(out, strtol(years->items[i].name, NULL, 10) == KF_REPORT_YEARS_TO
                             ? " or later: "
                             : ": ");
        kf_html_number(out, years->items[i].keys);
    }
}

static void put_expiry(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_tally *years = &whole->facts->years;
    int64_t today = whole->end->ended != 0 ? whole->end->ended : whole->run->started;
    int now = year_of(today);
    struct span span = choose_span(years, now);
    struct kf_svg_column columns[SHOWN_YEARS] = {{.label = ""}};
    bool numbers;
    struct kf_svg_timeline timeline = {.columns = columns,
                                       .mark_label = "the run",
                                       .title =
                                           "Keys by the year in which their certificates expire",
                                       .about = tell_years,
                                       .context = &whole->facts->years};

    kf_out_text(out, "<section aria-labelledby=\"expiry\">\n<h2 id=\"expiry\">When their "
                     "certificates expire</h2>\n");
    if (years->count == 0) {
        kf_out_text(out, "<p>No certificate is known.</p>\n</section>\n");
        return;
    }
    timeline.count = fill_columns(years, &span, now, columns);
    timeline.mark = (size_t)(now - span.from);
    kf_out_text(out, "<figure><div class=\"wide\" tabindex=\"0\" role=\"region\" "
                     "aria-label=\"Chart of the years\">");
    numbers = kf_svg_timeline(out, &timeline);
    kf_out_text(out,
                "</div><figcaption><ul class=\"legend\"><li><span class=\"key expired\"></span>"
                "expired before the year of the run</li><li><span class=\"key "
                "archived\"></span>valid into that year or longer</li></ul>");
    if (!numbers) {
        kf_out_text(out, "<p class=\"note\">");
        tell_years(out, years);
        kf_out_text(out, ".</p>\n");
    }
    kf_out_text(out, "</figcaption></figure>\n</section>\n");
}

static void put_agents(struct kf_out *out, const struct kf_report_whole *whole)
{
    const uint64_t *by = whole->facts->counted.by_outcome;
    uint64_t all = by[KF_ARCHIVED] + by[KF_KNOWN];

    if (whole->run->store == NULL)
        return;
    kf_out_text(out, "<section aria-labelledby=\"agents\">\n<h2 id=\"agents\">Who can open them"
                     "</h2>\n");
    if (whole->agent_count == 0) {
        kf_out_text(out, "<p>This run has no key in the archive.</p>\n</section>\n");
        return;
    }
    kf_out_text(out, "<table class=\"sort\"><caption>Key recovery agents, and how many of the "
                     "keys in the archive each can open alone</caption>\n<thead><tr><th "
                     "scope=\"col\">Agent</th><th scope=\"col\">Valid until</th><th scope=\"col\" "
                     "class=\"n\">Keys</th><td class=\"b\"></td><th scope=\"col\" "
                     "class=\"n\">Share</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < whole->agent_count; i++) {
        const struct kf_report_agent *agent = &whole->agents[i];
        struct kf_svg_part part = {.value = agent->keys, .class = "archived"};
        char percent[KF_NUMBER_SIZE];

        kf_out_text(out, "<tr><th scope=\"row\">");
        kf_html_text(out, agent->subject != NULL ? agent->subject : "(certificate not known)");
        kf_out_format(out, "<br><code>%s</code></th><td>", agent->sha1);
        kf_page_date(out, agent->not_after);
        kf_out_text(out, "</td>");
        kf_page_number(out, agent->keys);
        kf_out_text(out, "<td class=\"b\">");
        kf_svg_bar(out, &part, 1, all);
        kf_out_text(out, "</td>");
        kf_percent_text(agent->keys, all, percent);
        kf_out_format(out, "<td class=\"n\">%s</td></tr>\n", percent);
    }
    kf_out_text(out, "</tbody></table>\n</section>\n");
}

void kf_page_charts(struct kf_out *out, const struct kf_report_whole *whole)
{
    put_sources(out, whole);
    put_kinds(out, whole);
    put_expiry(out, whole);
    put_agents(out, whole);
}
