/*
 * What people read: see output.h for the contract. UTF-8 is decoded after RFC 3629; which
 * characters are hidden follows Unicode's Cc, Cf and bidi controls (UAX #9).
 */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "cli/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#define NARROWEST_ELASTIC 8

/* One character of UTF-8; its length in bytes, or 0 where the bytes are not UTF-8. */
static size_t decode_utf8(const char *text, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    size_t len;

    if (bytes[0] < 0x80) {
        *point = bytes[0];
        return 1;
    }
    len = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : bytes[0] >= 0xc2 ? 2 : 0;
    if (len == 0 || bytes[0] > 0xf4)
        return 0;
    *point = bytes[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (bytes[i] & 0x3fu);
    }
    if (*point < least[len] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff))
        return 0;
    return len;
}

struct range {
    uint32_t first, last;
};

static bool is_hidden(uint32_t point)
{
    static const struct range hidden[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},
        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
    };

    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        if (point >= hidden[i].first && point <= hidden[i].last)
            return true;
    }
    return false;
}

/* Appends one character made visible; *text moves past it, *width grows by its places. */
static enum kf_status append_character(struct kf_buf *out, const char **text, size_t *width,
                                       struct kf_error *error)
{
    char shown[16];
    uint32_t point = 0;
    size_t len = decode_utf8(*text, &point);
    int places;

    if (len == 0)
        (void)snprintf(shown, sizeof(shown), "\\x{%02x}", (unsigned)(unsigned char)**text);
    else if (is_hidden(point))
        (void)snprintf(shown, sizeof(shown), "\\u{%x}", (unsigned)point);
    else
        (void)snprintf(shown, sizeof(shown), "%.*s", (int)len, *text);
    places = len == 0 || is_hidden(point) ? (int)strlen(shown) : wcwidth((wchar_t)point);
    *width += places >= 0 ? (size_t)places : 1;
    *text += len == 0 ? 1 : len;
    return kf_buf_append(out, shown, strlen(shown), error);
}

static enum kf_status terminate(struct kf_buf *out, struct kf_error *error)
{
    if (kf_buf_reserve(out, 1, error) != KF_OK)
        return KF_FATAL;
    out->data[out->len] = '\0';
    return KF_OK;
}

enum kf_status kf_visible_text(struct kf_buf *out, const char *text, struct kf_error *error)
{
    size_t width = 0;

    while (*text != '\0') {
        if (append_character(out, &text, &width, error) != KF_OK)
            return KF_FATAL;
    }
    return terminate(out, error);
}

/* Where there is no memory: that is what is told then. */
static void print_plainly(FILE *file, const char *text)
{
    for (; *text != '\0'; text++)
        (void)fputc(*text >= ' ' && *text < 0x7f ? *text : '?', file);
}

void kf_print_visible(FILE *file, const char *text)
{
    struct kf_buf shown = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    if (text == NULL)
        return;
    if (kf_visible_text(&shown, text, &error) == KF_OK)
        (void)fwrite(shown.data, 1, shown.len, file);
    else
        print_plainly(file, text);
    kf_buf_reset(&shown);
}

void kf_print_path(const char *path)
{
    if (isatty(STDOUT_FILENO) != 0)
        kf_print_visible(stdout, path);
    else
        (void)fputs(path, stdout);
    (void)putchar('\n');
}

size_t kf_terminal_width(int fd)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size = {.ws_col = 0};
    uint64_t width = 0;

    if (isatty(fd) == 0)
        return 0;
    if (columns != NULL && kf_parse_u64(columns, 10000, &width) && width != 0)
        return (size_t)width;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col != 0)
        return size.ws_col;
    return 80;
}

bool kf_is_able_terminal(int fd)
{
    const char *terminal = getenv("TERM");

    return isatty(fd) != 0 && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

bool kf_has_colors(void)
{
    const char *refused = getenv("NO_COLOR"); /* no-color.org: set, and not empty */

    return (refused == NULL || refused[0] == '\0') && kf_is_able_terminal(STDOUT_FILENO);
}

static void print_style(enum kf_style style)
{
    static const char *const codes[] = {
        [KF_STYLE_PLAIN] = "",        [KF_STYLE_HEADING] = "\x1b[1m", [KF_STYLE_GOOD] = "\x1b[32m",
        [KF_STYLE_WARN] = "\x1b[33m", [KF_STYLE_BAD] = "\x1b[31m",    [KF_STYLE_FAINT] = "\x1b[2m",
    };

    (void)fputs(codes[style], stdout);
}

void kf_style_begin(enum kf_style style)
{
    if (style != KF_STYLE_PLAIN && kf_has_colors())
        print_style(style);
}

void kf_style_end(enum kf_style style)
{
    if (style != KF_STYLE_PLAIN && kf_has_colors())
        (void)fputs("\x1b[0m", stdout);
}

static void print_spaces(size_t count)
{
    for (; count != 0; count--)
        (void)putchar(' ');
}

size_t kf_visible_fit(struct kf_buf *out, const char *text, size_t limit)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    size_t width = 0;
    size_t keep_len = out->len;
    size_t keep_width = 0;

    while (*text != '\0') {
        if (append_character(out, &text, &width, &error) != KF_OK)
            return 0;
        if (limit != 0 && width + 1 <= limit) {
            keep_len = out->len;
            keep_width = width;
        }
    }
    if (limit == 0 || width <= limit)
        return width;
    out->len = keep_len;
    if (kf_buf_append(out, "…", strlen("…"), &error) != KF_OK)
        return 0;
    return keep_width + 1;
}

static bool is_shown(const struct kf_table *table, size_t index)
{
    return !table->leaves_out || !table->columns[index].optional;
}

static bool is_last(const struct kf_table *table, size_t index)
{
    while (++index < table->count) {
        if (is_shown(table, index))
            return false;
    }
    return true;
}

static void print_cell(const struct kf_table *table, size_t index, const char *value,
                       enum kf_style style)
{
    const struct kf_column *column = &table->columns[index];
    struct kf_buf shown = KF_PUBLIC_BUF;
    size_t limit = table->room[index];
    size_t room = limit != 0 ? limit : column->width;
    size_t width = kf_visible_fit(&shown, value != NULL ? value : "", limit);
    size_t padding = width < room ? room - width : 0;
    bool styled = table->has_colors && style != KF_STYLE_PLAIN && shown.len != 0;

    if (column->right)
        print_spaces(padding);
    if (styled)
        print_style(style);
    if (shown.len != 0)
        (void)fwrite(shown.data, 1, shown.len, stdout);
    if (styled)
        (void)fputs("\x1b[0m", stdout);
    if (is_last(table, index)) {
        (void)putchar('\n');
    } else {
        if (!column->right)
            print_spaces(padding);
        print_spaces(2);
    }
    kf_buf_reset(&shown);
}

void kf_table_row(const struct kf_table *table, const char *const *values,
                  const enum kf_style *styles)
{
    for (size_t i = 0; i < table->count; i++) {
        if (is_shown(table, i))
            print_cell(table, i, values[i], styles != NULL ? styles[i] : KF_STYLE_PLAIN);
    }
}

/* Places that the columns take that are shown, or of the elastic ones among them alone. */
static size_t sum_widths(const struct kf_table *table, bool elastic_alone)
{
    size_t sum = 0;
    size_t shown = 0;

    for (size_t i = 0; i < table->count; i++) {
        if (!is_shown(table, i))
            continue;
        shown++;
        if (table->columns[i].elastic || !elastic_alone)
            sum += table->columns[i].width;
    }
    return elastic_alone || shown == 0 ? sum : sum + 2 * (shown - 1);
}

/* Elastic columns share what a terminal has left, or lacks, as their widths are. */
static void fit_columns(struct kf_table *table, size_t terminal)
{
    size_t elastic;
    size_t fixed;

    table->leaves_out = sum_widths(table, false) > terminal;
    elastic = sum_widths(table, true);
    if (elastic == 0)
        return;
    fixed = sum_widths(table, false) - elastic;
    for (size_t i = 0; i < table->count; i++) {
        size_t left = terminal > fixed ? terminal - fixed : 0;

        if (!table->columns[i].elastic)
            continue;
        table->room[i] = left * table->columns[i].width / elastic;
        if (table->room[i] < NARROWEST_ELASTIC)
            table->room[i] = NARROWEST_ELASTIC;
    }
}

void kf_table_begin(struct kf_table *table, const struct kf_column *columns, size_t count)
{
    size_t terminal = kf_terminal_width(STDOUT_FILENO);

    *table = (struct kf_table){.columns = columns,
                               .count = count,
                               .has_colors = kf_has_colors(),
                               .now = (int64_t)time(NULL)};
    if (terminal != 0)
        fit_columns(table, terminal);
    for (size_t i = 0; i < count; i++) {
        if (is_shown(table, i))
            print_cell(table, i, columns[i].title, KF_STYLE_HEADING);
    }
}

/* The parts of a time in UTC; false for a year that no calendar of C has. */
static bool split_time(int64_t seconds, struct tm *parts, char out[KF_TIME_SIZE])
{
    time_t when = (time_t)seconds;

    if (gmtime_r(&when, parts) != NULL)
        return true;
    (void)snprintf(out, KF_TIME_SIZE, "%lld", (long long)seconds);
    return false;
}

void kf_date_text(int64_t seconds, char out[KF_TIME_SIZE])
{
    struct tm parts;

    if (split_time(seconds, &parts, out) && strftime(out, KF_TIME_SIZE, "%Y-%m-%d", &parts) == 0)
        out[0] = '\0';
}

void kf_time_text(int64_t seconds, char out[KF_TIME_SIZE])
{
    struct tm parts;

    if (split_time(seconds, &parts, out) &&
        strftime(out, KF_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        out[0] = '\0';
}

void kf_number_text(uint64_t number, char out[KF_NUMBER_SIZE])
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, number);
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        if (i != 0 && (len - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

void kf_percent_text(uint64_t part, uint64_t whole, char out[KF_NUMBER_SIZE])
{
    double percent = whole != 0 ? 100.0 * (double)part / (double)whole : 0;

    if (part != 0 && percent < 0.1)
        (void)snprintf(out, KF_NUMBER_SIZE, "under 0.1 %%");
    else if (part != whole && percent > 99.9)
        (void)snprintf(out, KF_NUMBER_SIZE, "over 99.9 %%");
    else
        (void)snprintf(out, KF_NUMBER_SIZE, "%.1f %%", percent);
}
