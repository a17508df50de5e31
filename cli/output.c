/*
 * What people read: see output.h for the contract. UTF-8 is decoded after RFC 3629; which
 * characters are hidden follows Unicode's Cc, Cf and bidi controls (UAX #9).
 */
#define _XOPEN_SOURCE 700 /* wcwidth */
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#define NARROWEST_ELASTIC 12

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

void kf_print_visible(FILE *file, const char *text)
{
    struct kf_buf shown = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};

    if (text != NULL && kf_visible_text(&shown, text, &error) == KF_OK)
        (void)fwrite(shown.data, 1, shown.len, file);
    kf_buf_reset(&shown);
}

size_t kf_terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size = {.ws_col = 0};
    uint64_t width = 0;

    if (isatty(STDOUT_FILENO) == 0)
        return 0;
    if (columns != NULL && kf_parse_u64(columns, 10000, &width) && width != 0)
        return (size_t)width;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0)
        return size.ws_col;
    return 80;
}

static void print_spaces(size_t count)
{
    for (; count != 0; count--)
        (void)putchar(' ');
}

/* The value made visible, cut to limit places (0: not cut); gives its width. */
static size_t fit(struct kf_buf *out, const char *text, size_t limit)
{
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    size_t width = 0;
    size_t keep_len = 0;
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

static void print_cell(const struct kf_table *table, size_t index, const char *value)
{
    const struct kf_column *column = &table->columns[index];
    struct kf_buf shown = KF_PUBLIC_BUF;
    size_t limit = column->elastic ? table->elastic_width : 0;
    size_t room = limit != 0 ? limit : column->width;
    size_t width = fit(&shown, value != NULL ? value : "", limit);
    size_t padding = width < room ? room - width : 0;

    if (column->right)
        print_spaces(padding);
    if (shown.len != 0)
        (void)fwrite(shown.data, 1, shown.len, stdout);
    if (index + 1 == table->count) {
        (void)putchar('\n');
    } else {
        if (!column->right)
            print_spaces(padding);
        print_spaces(2);
    }
    kf_buf_reset(&shown);
}

void kf_table_row(const struct kf_table *table, const char *const *values)
{
    for (size_t i = 0; i < table->count; i++)
        print_cell(table, i, values[i]);
}

void kf_table_begin(struct kf_table *table, const struct kf_column *columns, size_t count)
{
    size_t terminal = kf_terminal_width();
    size_t fixed = 2 * (count - 1);
    size_t elastic = 0;

    *table = (struct kf_table){.columns = columns, .count = count};
    for (size_t i = 0; i < count; i++) {
        if (columns[i].elastic)
            elastic++;
        else
            fixed += columns[i].width;
    }
    if (terminal != 0 && elastic != 0) {
        size_t left = terminal > fixed ? (terminal - fixed) / elastic : 0;

        table->elastic_width = left > NARROWEST_ELASTIC ? left : NARROWEST_ELASTIC;
    }
    for (size_t i = 0; i < count; i++)
        print_cell(table, i, columns[i].title);
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
