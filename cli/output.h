/*
 * What people read: text that cannot drive their terminal, and tables that fit it.
 *
 * Names come from certificates and files of strangers. Control characters, line breaks, and the
 * characters that turn the direction of text or take no room are shown as \u{202e}, bytes that are
 * not UTF-8 as \x{ff}. JSON and CSV carry the exact text instead.
 */
#ifndef KF_CLI_OUTPUT_H
#define KF_CLI_OUTPUT_H

#include <stdio.h>

#include "core/bytes.h"

/* The text made visible, appended to out and NUL-terminated there (the NUL is not counted). */
enum kf_status kf_visible_text(struct kf_buf *out, const char *text,
                               struct kf_error *error) KF_MUST_USE;

/* Prints the text made visible. NULL prints nothing. */
void kf_print_visible(FILE *file, const char *text);

/* A line with a path on stdout: made visible on a terminal, and exact for a program. */
void kf_print_path(const char *path);

/*
 * The text made visible, appended to out, and cut to limit places (0: not cut); what is cut ends
 * with "…". Gives its width in places: two for wide characters, none for combining marks.
 */
size_t kf_visible_fit(struct kf_buf *out, const char *text, size_t limit);

/* Columns that a file descriptor has, or 0 where it is no terminal. */
size_t kf_terminal_width(int fd);

/* Whether it is a terminal that can do more than print: not where TERM is dumb or missing. */
bool kf_is_able_terminal(int fd);

/* How text stands out; never the only way in which something is told. */
enum kf_style {
    KF_STYLE_PLAIN,
    KF_STYLE_HEADING,
    KF_STYLE_GOOD,
    KF_STYLE_WARN,
    KF_STYLE_BAD,
    KF_STYLE_FAINT,
};

/* Whether stdout is a terminal with colours: not where TERM is dumb, or NO_COLOR is set. */
bool kf_has_colors(void);

/* Around text that goes to stdout; nothing where there are no colours. */
void kf_style_begin(enum kf_style style);
void kf_style_end(enum kf_style style);

struct kf_column {
    const char *title;
    size_t width;  /* at least this many places; a longer value moves what follows */
    bool right;    /* numbers */
    bool elastic;  /* takes what a terminal has left, and is cut with "…" there */
    bool optional; /* left out where a terminal has not the room for all columns */
};
#define KF_COLUMNS_MOST 8u

/*
 * A table whose rows are printed as they come: the widths are set by the columns and the terminal
 * alone, so that the first row need not wait for the last. Columns are borrowed.
 */
struct kf_table {
    const struct kf_column *columns;
    size_t count;
    size_t room[KF_COLUMNS_MOST]; /* of elastic columns; 0: not cut */
    bool leaves_out;              /* optional columns */
    bool has_colors;
    int64_t now; /* when it began; for what has expired */
};

/* Prints the titles. */
void kf_table_begin(struct kf_table *table, const struct kf_column *columns, size_t count);

/* Prints a row; a NULL value is an empty one; styles may be NULL. */
void kf_table_row(const struct kf_table *table, const char *const *values,
                  const enum kf_style *styles);

/* A number with groups of three: "1,234,567". */
#define KF_NUMBER_SIZE 32
void kf_number_text(uint64_t number, char out[KF_NUMBER_SIZE]);

/* "12.3 %" of whole; "under 0.1 %" for a little, and 100 % for no less than all. */
void kf_percent_text(uint64_t part, uint64_t whole, char out[KF_NUMBER_SIZE]);

/* "2026-11-02" and "2026-11-02T10:00:00Z" of seconds since 1970, UTC. */
#define KF_TIME_SIZE 40
void kf_date_text(int64_t seconds, char out[KF_TIME_SIZE]);
void kf_time_text(int64_t seconds, char out[KF_TIME_SIZE]);

#endif
