/*
 * Charts: see svg.h for the contract. SVG 1.1; coordinates are whole numbers, so that the same
 * numbers give the same bytes everywhere.
 */
#include "cli/svg.h"

#include <inttypes.h>

#include "cli/html.h"

#define BAR_WIDTH 1000u
#define BAR_LEAST 4u /* of a part that is not nothing */

#define CHART_WIDTH  960u
#define CHART_HEIGHT 280u
#define PLOT_LEFT    56u
#define PLOT_RIGHT   (CHART_WIDTH - 8)
#define PLOT_TOP     48u
#define PLOT_BOTTOM  (CHART_HEIGHT - 34)
#define COLUMN_MOST  64u
#define LABEL_WIDTH  44u /* what a year or a number takes */

/* value of whole, in units, rounded down; whole is not 0 and not less than value. */
static unsigned share(uint64_t value, uint64_t whole, unsigned units)
{
    return (unsigned)((double)value / (double)whole * units);
}

void kf_svg_bar(struct kf_out *out, const struct kf_svg_part *parts, size_t count, uint64_t whole)
{
    unsigned at = 0;

    kf_out_format(out,
                  "<svg class=\"bar\" viewBox=\"0 0 %u 16\" preserveAspectRatio=\"none\" "
                  "aria-hidden=\"true\" focusable=\"false\">",
                  BAR_WIDTH);
    for (size_t i = 0; i < count && whole != 0; i++) {
        unsigned width = share(parts[i].value, whole, BAR_WIDTH);

        if (parts[i].value == 0)
            continue;
        if (width < BAR_LEAST)
            width = BAR_LEAST;
        if (at + width > BAR_WIDTH) /* what the small ones were given, the last one lacks */
            at = BAR_WIDTH - width;
        kf_out_format(out, "<rect class=\"%s\" x=\"%u\" width=\"%u\" height=\"16\"/>",
                      parts[i].class, at, width);
        at += width;
    }
    kf_out_text(out, "</svg>");
}

uint64_t kf_svg_scale(uint64_t value)
{
    static const unsigned steps[] = {1, 2, 4, 5, 6, 8};
    uint64_t power = 1;

    for (;;) {
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            if (power * steps[i] >= value)
                return power * steps[i];
        }
        if (power > UINT64_MAX / 100)
            return value;
        power *= 10;
    }
}

/* So many that each stands at a round number: 4, but of 5, 10, 50, ... 5, and of 6, 60, ... 3. */
static unsigned grid_lines(uint64_t top)
{
    if (top < 4)
        return (unsigned)top;
    while (top % 10 == 0 && top > 10)
        top /= 10;
    return top == 6 ? 3 : top % 5 == 0 ? 5 : 4;
}

/* Lines across, with what they stand for at the left; fewer where numbers are small. */
static void draw_grid(struct kf_out *out, uint64_t top)
{
    unsigned lines = grid_lines(top);

    for (unsigned i = 0; i <= lines; i++) {
        unsigned y = PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * i / lines;

        kf_out_format(out, "<path class=\"%s\" d=\"M%u %uH%u\"/>", i == 0 ? "base" : "grid",
                      PLOT_LEFT, y, PLOT_RIGHT);
        kf_out_format(out, "<text class=\"tick\" x=\"%u\" y=\"%u\">", PLOT_LEFT - 8, y + 4);
        kf_html_number(out, top * i / lines);
        kf_out_text(out, "</text>");
    }
}

static void draw_column(struct kf_out *out, const struct kf_svg_column *column, unsigned middle,
                        unsigned width, uint64_t top, bool with_number)
{
    unsigned height = share(column->part.value, top, PLOT_BOTTOM - PLOT_TOP);

    if (column->part.value == 0)
        return;
    if (height < 2)
        height = 2;
    kf_out_format(out, "<rect class=\"%s\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\"/>",
                  column->part.class, middle - width / 2, PLOT_BOTTOM - height, width, height);
    if (!with_number)
        return;
    kf_out_format(out, "<text class=\"value\" x=\"%u\" y=\"%u\">", middle,
                  PLOT_BOTTOM - height - 6);
    kf_html_number(out, column->part.value);
    kf_out_text(out, "</text>");
}

/* Every how many columns there is room for a label and a number. */
static unsigned labels_apart(size_t count)
{
    return 1 + (unsigned)((LABEL_WIDTH * count) / (PLOT_RIGHT - PLOT_LEFT + 1));
}

static void draw_columns(struct kf_out *out, const struct kf_svg_timeline *timeline, uint64_t top)
{
    unsigned count = (unsigned)timeline->count;
    unsigned room = PLOT_RIGHT - PLOT_LEFT;
    unsigned width = room / count * 7 / 10;
    unsigned every = labels_apart(count);

    if (width > COLUMN_MOST)
        width = COLUMN_MOST;
    if (width < 1)
        width = 1;
    for (unsigned i = 0; i < count; i++) {
        unsigned middle = PLOT_LEFT + room * (2 * i + 1) / (2 * count);

        draw_column(out, &timeline->columns[i], middle, width, top, every == 1);
        if (i % every == 0) {
            kf_out_format(out, "<text class=\"year\" x=\"%u\" y=\"%u\">", middle, PLOT_BOTTOM + 20);
            kf_html_text(out, timeline->columns[i].label);
            kf_out_text(out, "</text>");
        }
    }
    if (timeline->mark < count) {
        unsigned x = PLOT_LEFT + room * (unsigned)timeline->mark / count;

        kf_out_format(out, "<path class=\"mark\" d=\"M%u %uV%u\"/>", x, PLOT_TOP - 28, PLOT_BOTTOM);
        kf_out_format(out, "<text class=\"mark\" x=\"%u\" y=\"%u\">", x + 6, PLOT_TOP - 32);
        kf_html_text(out, timeline->mark_label);
        kf_out_text(out, "</text>");
    }
}

bool kf_svg_timeline(struct kf_out *out, const struct kf_svg_timeline *timeline)
{
    uint64_t top = 1;

    for (size_t i = 0; i < timeline->count; i++) {
        if (timeline->columns[i].part.value > top)
            top = timeline->columns[i].part.value;
    }
    top = kf_svg_scale(top);
    kf_out_format(out,
                  "<svg class=\"timeline\" viewBox=\"0 0 %u %u\" role=\"img\" "
                  "aria-labelledby=\"timeline\" aria-describedby=\"timeline-numbers\"><title "
                  "id=\"timeline\">",
                  CHART_WIDTH, CHART_HEIGHT);
    kf_html_text(out, timeline->title);
    kf_out_text(out, "</title><desc id=\"timeline-numbers\">");
    timeline->about(out, timeline->context);
    kf_out_text(out, "</desc>");
    draw_grid(out, top);
    if (timeline->count != 0)
        draw_columns(out, timeline, top);
    kf_out_text(out, "</svg>");
    return labels_apart(timeline->count) == 1;
}
