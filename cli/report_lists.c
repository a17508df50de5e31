/*
 * The report page's lists: keys that were refused, failed or skipped, by cause, with what to do;
 * and the run itself with its inputs. End tags that HTML lets out are left out in rows, of which
 * there may be ten thousand.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report_page.h"
#include "store/rules.h"

/* Which columns a group's list has: what is the same in all rows stands above them. */
struct columns {
    bool name, input, place, message;
};

static struct columns choose_columns(const struct kf_group *group)
{
    struct columns columns = {.input = !group->same_input, .message = !group->same_text};

    for (const struct kf_kept *kept = group->first; kept != NULL; kept = kept->next) {
        columns.name = columns.name || kept->name != NULL;
        columns.place = columns.place || kept->place[0] != '\0' || kept->line != 0;
    }
    if (!columns.name && !columns.place)
        columns.input = true;
    return columns;
}

static void put_heading(struct kf_out *out, bool wanted, const char *name)
{
    if (wanted)
        kf_out_format(out, "<th scope=\"col\">%s</th>", name);
}

static void put_cell(struct kf_out *out, bool wanted, const char *text)
{
    if (!wanted)
        return;
    kf_out_text(out, "<td>");
    kf_html_text(out, text);
}

static void put_place(struct kf_out *out, const struct kf_kept *kept)
{
    kf_out_text(out, "<td>");
    kf_html_text(out, kept->place);
    if (kept->line != 0)
        kf_out_format(out, "%sline %" PRIu64, kept->place[0] != '\0' ? ", " : "", kept->line);
}

static void put_entries(struct kf_out *out, const struct kf_group *group, size_t number)
{
    struct columns columns = choose_columns(group);

    kf_out_format(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"g%zu c%zu\">"
        "<table class=\"list sort filter-by\"><caption id=\"c%zu\">",
        number, number, number);
    if (group->kept < group->keys) {
        kf_out_text(out, "The first ");
        kf_html_number(out, group->kept);
        kf_out_text(out, " of ");
        kf_html_count(out, group->keys, "key", "keys");
        kf_out_text(out, "; the CSV and JSON reports have all of them");
    } else {
        kf_html_count(out, group->keys, "key", "keys");
    }
    if (!columns.input) {
        kf_out_text(out, ", from ");
        kf_html_text(out, group->input);
    }
    kf_out_text(out, "</caption>\n<thead><tr>");
    put_heading(out, columns.name, "Owner");
    put_heading(out, columns.input, "Input");
    put_heading(out, columns.place, "Place");
    if (columns.message)
        kf_out_text(out, "<th scope=\"col\" class=\"what\">What was found</th>");
    kf_out_text(out, "</tr></thead>\n<tbody>\n");
    for (const struct kf_kept *kept = group->first; kept != NULL; kept = kept->next) {
        kf_out_text(out, "<tr>");
        put_cell(out, columns.name, kept->name);
        put_cell(out, columns.input, kept->input);
        if (columns.place)
            put_place(out, kept);
        put_cell(out, columns.message, kept->message);
        kf_out_text(out, "\n");
    }
    kf_out_text(out, "</tbody></table></div>\n");
}

static void put_code(struct kf_out *out, uint32_t code)
{
    const char *name = kf_code_name(code);

    if (code == 0)
        return;
    kf_out_format(out, "<dt>Code</dt><dd>0x%08x%s%s</dd>", (unsigned)code, name != NULL ? " " : "",
                  name != NULL ? name : "");
}

/* Our own text, in which what stands between backticks is to be typed. */
static void put_advice(struct kf_out *out, const char *text)
{
    bool is_code = false;

    for (;;) {
        size_t len = strcspn(text, "`");

        kf_out_bytes(out, text, len);
        text += len;
        if (*text == '\0')
            return;
        kf_out_text(out, is_code ? "</code>" : "<code>");
        is_code = !is_code;
        text++;
    }
}

static void put_group(struct kf_out *out, const struct kf_report_whole *whole, size_t number)
{
    const struct kf_group *group = &whole->facts->groups[number - 1];
    struct kf_advice advice = kf_group_advice(group);

    kf_out_format(out,
                  "<div class=\"group\">\n<h3 id=\"g%zu\">%s</h3>\n"
                  "<p class=\"count\">%s: ",
                  number, advice.title, kf_page_outcome(whole->run, group->outcome));
    kf_html_count(out, group->keys, "key", "keys");
    kf_out_text(out, "</p>\n<p class=\"advice\"><b>What to do</b>");
    put_advice(out, advice.advice);
    kf_out_text(out, "</p>\n<dl class=\"list\">");
    if (group->rule != NULL && !group->is_rest) {
        kf_out_text(out, "<dt>Rule</dt><dd>");
        kf_html_text(out, group->rule);
        kf_out_text(out, "</dd>");
    }
    if (!group->is_rest)
        put_code(out, group->code);
    if (group->same_text && group->message != NULL) {
        kf_out_text(out, "<dt>What was found</dt><dd>");
        kf_html_text(out, group->message);
        kf_out_text(out, "</dd>");
    }
    kf_out_text(out, "</dl>\n");
    if (group->kept != 0)
        put_entries(out, group, number);
    kf_out_text(out, "</div>\n");
}

void kf_page_groups(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_report_facts *facts = whole->facts;

    if (facts->group_count == 0)
        return;
    kf_out_text(out,
                "<section aria-labelledby=\"keys\">\n<h2 id=\"keys\">Key by key: what asks for "
                "attention, and why</h2>\n");
    for (size_t i = 0; i < facts->group_count; i++)
        put_group(out, whole, i + 1);
    kf_out_text(out, "</section>\n");
}

static void put_fact(struct kf_out *out, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    kf_out_format(out, "<dt>%s</dt><dd>", name);
    kf_html_text(out, value);
    kf_out_text(out, "</dd>");
}

/* Lines, one below the other. */
static void put_lines(struct kf_out *out, const char *name, const char *lines)
{
    if (lines == NULL || lines[0] == '\0')
        return;
    kf_out_format(out, "<dt>%s</dt><dd>", name);
    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");
        char *line = kf_strndup(lines, len);

        kf_html_text(out, line);
        free(line);
        lines += len + (lines[len] == '\n');
        if (*lines != '\0')
            kf_out_text(out, "<br>");
    }
    kf_out_text(out, "</dd>");
}

void kf_page_certificates(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_report_facts *facts = whole->facts;

    kf_out_text(out, "<h3 id=\"alone\">Certificates without keys</h3>\n");
    if (whole->end->certificates == 0) {
        kf_out_text(out, "<p>No input has a certificate whose key it lacks.</p>\n");
        return;
    }
    kf_out_text(out, "<p>");
    kf_html_count(out, whole->end->certificates, "certificate", "certificates");
    kf_out_text(out, " came without a key, so that there was nothing to archive for them. What was "
                     "encrypted to one of them needs its key from elsewhere.</p>\n<div "
                     "class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"alone\">"
                     "<table class=\"list sort filter-by\"><caption class=\"unseen\">Inputs with "
                     "certificates whose keys they lack</caption>\n<thead><tr><th "
                     "scope=\"col\">Input</th><th scope=\"col\" class=\"n\">Without "
                     "key</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < facts->inputs.count; i++) {
        if (facts->input_facts[i].certificates == 0)
            continue;
        kf_out_text(out, "<tr><td>");
        kf_html_text(out, facts->inputs.items[i].name);
        kf_out_text(out, "<td class=\"n\">");
        kf_html_number(out, facts->input_facts[i].certificates);
        kf_out_text(out, "\n");
    }
    kf_out_text(out, "</tbody></table></div>\n");
}

/* A row says no more than it has to: there may be a thousand. */
static void put_input(struct kf_out *out, const struct kf_tally_item *item,
                      const struct kf_input_fact *fact)
{
    kf_out_text(out, "<tr><td>");
    kf_html_text(out, item->name);
    kf_out_format(out, "<td>%s<td>", fact->has_digest ? fact->sha256 : "–");
    if (fact->has_digest)
        kf_html_number(out, fact->size);
    else
        kf_out_text(out, "–");
    kf_out_text(out, "<td>");
    kf_html_number(out, item->keys);
    kf_out_text(out, "\n");
}

static void put_inputs(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_report_facts *facts = whole->facts;
    const struct kf_tally *inputs = &facts->inputs;

    kf_out_text(out, "<h3 id=\"inputs\">Inputs</h3>\n<div class=\"scroll\" tabindex=\"0\" "
                     "role=\"region\" aria-labelledby=\"inputs\"><table class=\"list inputs sort "
                     "filter-by\"><caption>");
    if (inputs->count == KF_INPUTS_MOST && facts->input_count > inputs->count) {
        kf_out_text(out, "The first ");
        kf_html_number(out, inputs->count);
        kf_out_text(out, " of ");
        kf_html_number(out, facts->input_count);
        kf_out_text(out, " inputs; the JSON report has all of them. ");
    } else {
        kf_html_count(out, facts->input_count, "input. ", "inputs. ");
    }
    kf_out_text(out, whole->run->id != 0
                         ? "SHA-256 and size are those of what the run read."
                         : "SHA-256 and size are those of the file when this report was made.");
    kf_out_text(out, "</caption>\n<thead><tr><th scope=\"col\">Input</th><th scope=\"col\" "
                     "class=\"digest\">SHA-256</th><th scope=\"col\" class=\"n\">Bytes</th><th "
                     "scope=\"col\" class=\"n\">Keys</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < inputs->count; i++)
        put_input(out, &inputs->items[i], &facts->input_facts[i]);
    kf_out_text(out, "</tbody></table></div>\n");
}

static void put_notes(struct kf_out *out, const struct kf_report_end *end)
{
    if (end->note_count == 0)
        return;
    kf_out_text(out, "<h3 id=\"notes\">Notes</h3>\n<ul>");
    for (size_t i = 0; i < end->note_count; i++) {
        kf_out_text(out, "<li>");
        kf_html_text(out, end->notes[i]);
        kf_out_text(out, "\n");
    }
    kf_out_text(out, "</ul>\n");
}

void kf_page_run(struct kf_out *out, const struct kf_report_whole *whole)
{
    const struct kf_report_run *run = whole->run;

    kf_out_text(out, "<section aria-labelledby=\"run\">\n<h2 id=\"run\">The run</h2>\n"
                     "<dl class=\"list\">");
    put_fact(out, "Command", run->command);
    put_fact(out, "Options", run->options);
    put_lines(out, "Inputs as given", run->inputs);
    put_fact(out, "By", run->caller);
    kf_out_text(out, "<dt>Began</dt><dd>");
    kf_page_time(out, run->started);
    kf_out_text(out, "</dd><dt>Ended</dt><dd>");
    kf_page_time(out, whole->end->ended);
    kf_out_text(out, "</dd>");
    put_fact(out, "Archive", run->store);
    put_fact(out, "CA", run->ca);
    put_lines(out, "Its settings then", run->settings);
    put_fact(out, "Program", "keyferry " KF_VERSION);
    kf_out_text(out, "</dl>\n");
    put_notes(out, whole->end);
    if (whole->facts->inputs.count != 0)
        put_inputs(out, whole);
    kf_out_text(out, "</section>\n");
}
