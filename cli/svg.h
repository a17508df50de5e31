/*
 * Charts as inline SVG: a bar of parts, and columns along a line of years. That is all that a
 * report takes. Colours are classes, which the page's style gives their meaning in light and dark.
 */
#ifndef KF_CLI_SVG_H
#define KF_CLI_SVG_H

#include "cli/out.h"

/* A part of a bar, or of a column from below. */
struct kf_svg_part {
    uint64_t value;
    const char *class; /* of the style; a name of our own */
};

/*
 * A bar whose length is the sum of its parts, against whole, which is as long as its place allows.
 * Something that is not nothing is always seen. It stands beside its numbers, so that it is hidden
 * from those who have them read out.
 */
void kf_svg_bar(struct kf_out *out, const struct kf_svg_part *parts, size_t count, uint64_t whole);

/* A column of the timeline. */
struct kf_svg_column {
    char label[24]; /* "2027" */
    struct kf_svg_part part;
};

/*
 * Columns side by side, with a scale, each with its number where there is room for it. mark: before
 * which column a line stands that is called mark_label, or count and more for none. The title and
 * what about writes are the text alternative.
 */
struct kf_svg_timeline {
    const struct kf_svg_column *columns;
    size_t count;
    size_t mark;
    const char *mark_label;
    const char *title;
    void (*about)(struct kf_out *out, const void *context); /* writes HTML */
    const void *context;
};
/* false where there was no room for the columns' numbers. */
bool kf_svg_timeline(struct kf_out *out, const struct kf_svg_timeline *timeline);

/* The least of 1, 2, 5, 10, 20 ... that is not below value: where a scale ends well. */
uint64_t kf_svg_scale(uint64_t value);

#endif
