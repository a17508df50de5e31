/*
 * The text of a profile: see epf_profile.h. Sections in brackets, name=value, comments after ';' or
 * '#', and lines of base64 that go on with the value before them. Nothing is looked up by name.
 */
#include "readers/epf_profile.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/text.h"

#define LONG_VALUE 40 /* characters of base64 that hardly a word has */
#define SHORT_LINE 16 /* "name=" without a value is shorter, a line of base64 longer */

enum line_kind {
    LINE_BLANK,
    LINE_COMMENT,
    LINE_SECTION,
    LINE_PAIR,
    LINE_CONTINUED,
    LINE_OTHER,
};

struct line {
    enum line_kind kind;
    struct kf_slice name; /* of a section or pair */
    struct kf_slice text; /* of a pair, a continuation or other */
};

/* What the line before leaves open. */
struct context {
    bool is_base64;    /* the last value is, so far */
    bool is_continued; /* over more than one line already */
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct kf_slice trim(struct kf_slice text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* Characters of base64, at least one, then up to two '='. */
static bool is_base64(struct kf_slice text)
{
    size_t len = text.len;

    for (size_t i = 0; i < 2 && len > 0 && text.data[len - 1] == '='; i++)
        len--;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = text.data[i];

        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
            c != '+' && c != '/')
            return false;
    }
    return len > 0;
}

static struct kf_slice unquote(struct kf_slice text)
{
    if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
        return (struct kf_slice){text.data + 1, text.len - 2};
    return text;
}

/* A line of base64 alone; with '=' at its end it could be a name without a value as well. */
static bool goes_on(struct kf_slice line, const struct context *context)
{
    if (!context->is_base64 || !is_base64(line))
        return false;
    return line.data[line.len - 1] != '=' || context->is_continued || line.len >= SHORT_LINE;
}

static struct line read_line(struct kf_slice raw, const struct context *context)
{
    struct kf_slice text = trim(raw);
    const uint8_t *equals;
    size_t len;

    if (text.len == 0)
        return (struct line){.kind = LINE_BLANK};
    if (text.data[0] == ';' || text.data[0] == '#')
        return (struct line){.kind = LINE_COMMENT};
    if (text.data[0] == '[' && text.data[text.len - 1] == ']')
        return (struct line){.kind = LINE_SECTION,
                             .name = trim((struct kf_slice){text.data + 1, text.len - 2})};
    if (goes_on(text, context))
        return (struct line){.kind = LINE_CONTINUED, .text = text};
    equals = memchr(text.data, '=', text.len);
    if (equals == NULL)
        return (struct line){.kind = LINE_OTHER, .text = text};
    len = (size_t)(equals - text.data);
    return (struct line){
        .kind = LINE_PAIR,
        .name = trim((struct kf_slice){text.data, len}),
        .text = unquote(trim((struct kf_slice){equals + 1, text.len - len - 1})),
    };
}

/* Cuts the next line off; false at the end. */
static bool next_line(struct kf_slice *rest, struct kf_slice *line)
{
    const uint8_t *end;

    if (rest->len == 0)
        return false;
    end = memchr(rest->data, '\n', rest->len);
    line->data = rest->data;
    line->len = end != NULL ? (size_t)(end - rest->data) : rest->len;
    rest->len -= line->len + (end != NULL ? 1 : 0);
    rest->data += line->len + (end != NULL ? 1 : 0);
    return true;
}

static enum kf_status grow(void **array, size_t count, size_t size, struct kf_error *error)
{
    void *grown;

    if (count % 64 != 0)
        return KF_OK;
    grown = realloc(*array, (count + 64) * size);
    if (grown == NULL)
        return kf_fail_memory(error);
    *array = grown;
    return KF_OK;
}

static enum kf_status add_section(struct kf_epf_profile *profile, struct kf_slice name,
                                  struct kf_error *error)
{
    void *sections = profile->sections;

    if (profile->section_count >= KF_MAX_EPF_SECTIONS)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "more than %u sections",
                       KF_MAX_EPF_SECTIONS);
    if (grow(&sections, profile->section_count, sizeof(*profile->sections), error) != KF_OK)
        return KF_FATAL;
    profile->sections = sections;
    profile->sections[profile->section_count++] = name;
    return KF_OK;
}

static enum kf_status add_value(struct kf_epf_profile *profile, const struct line *line,
                                uint64_t number, const struct kf_limits *limits,
                                struct kf_error *error)
{
    void *values = profile->values;
    struct kf_epf_value *value;

    if (profile->value_count >= limits->file_entries)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "more than %llu values",
                       (unsigned long long)limits->file_entries);
    if (grow(&values, profile->value_count, sizeof(*profile->values), error) != KF_OK)
        return KF_FATAL;
    profile->values = values;
    value = &profile->values[profile->value_count];
    *value = (struct kf_epf_value){.section = profile->section_count - 1,
                                   .name = line->name,
                                   .line = number,
                                   .bytes = KF_PUBLIC_BUF};
    /* joined has room for all of the text: what points into it stays where it is */
    value->text.data = profile->joined.data + profile->joined.len;
    value->text.len = line->text.len;
    profile->value_count++;
    return kf_buf_append(&profile->joined, line->text.data, line->text.len, error);
}

static enum kf_status take_line(struct kf_epf_profile *profile, struct kf_slice raw,
                                uint64_t number, struct context *context,
                                const struct kf_limits *limits, struct kf_error *error)
{
    struct line line = read_line(raw, context);

    switch (line.kind) {
    case LINE_BLANK:
    case LINE_COMMENT:
        break;
    case LINE_SECTION:
        *context = (struct context){.is_base64 = false};
        return add_section(profile, line.name, error);
    case LINE_PAIR:
    case LINE_OTHER:
        *context = (struct context){.is_base64 = is_base64(line.text)};
        return add_value(profile, &line, number, limits, error);
    case LINE_CONTINUED:
        context->is_continued = true;
        profile->values[profile->value_count - 1].text.len += line.text.len;
        return kf_buf_append(&profile->joined, line.text.data, line.text.len, error);
    }
    return KF_OK;
}

/* UTF-16LE by its byte order mark, or by zero bytes at odd places only */
static bool is_utf16(struct kf_slice bytes)
{
    if (bytes.len >= 2 && bytes.data[0] == 0xff && bytes.data[1] == 0xfe)
        return true;
    for (size_t i = 0; i < 8; i++) {
        if (i >= bytes.len || (bytes.data[i] == 0) != (i % 2 == 1))
            return false;
    }
    return true;
}

static char *from_utf16(struct kf_slice bytes)
{
    struct kf_slice big = {NULL, bytes.len / 2 * 2};
    uint8_t *swapped = malloc(big.len + 2);
    char *text;

    if (swapped == NULL)
        return NULL;
    for (size_t i = 0; i < big.len; i += 2) {
        swapped[i] = bytes.data[i + 1];
        swapped[i + 1] = bytes.data[i];
    }
    big.data = swapped;
    text = kf_text_from_bmp(big);
    free(swapped);
    return text;
}

/* The text as UTF-8 in memory of its own; NULL: memory. */
static char *decode(struct kf_slice bytes, const char **encoding)
{
    if (is_utf16(bytes)) {
        size_t mark = bytes.data[0] == 0xff ? 2 : 0;

        *encoding = "UTF-16LE";
        return from_utf16((struct kf_slice){bytes.data + mark, bytes.len - mark});
    }
    if (bytes.len >= 3 && memcmp(bytes.data, "\xef\xbb\xbf", 3) == 0)
        bytes = (struct kf_slice){bytes.data + 3, bytes.len - 3};
    *encoding = kf_utf8_valid(bytes) ? "UTF-8" : "Latin-1";
    return kf_text_from_bytes(bytes);
}

enum kf_status kf_epf_tokenize(struct kf_slice bytes, const struct kf_limits *limits,
                               struct kf_epf_profile *out, struct kf_error *error)
{
    struct context context = {.is_base64 = false};
    struct kf_slice rest;
    struct kf_slice line;
    uint64_t number = 0;

    if (!is_utf16(bytes) && bytes.len > 0 && memchr(bytes.data, 0, bytes.len) != NULL)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL, "a zero byte in the text of a profile");
    out->joined = KF_PUBLIC_BUF;
    out->text = decode(bytes, &out->encoding);
    if (out->text == NULL)
        return kf_fail_memory(error);
    rest = kf_slice_of(out->text);
    if (kf_buf_reserve(&out->joined, rest.len + 1, error) != KF_OK ||
        add_section(out, (struct kf_slice){out->joined.data, 0}, error) != KF_OK)
        return KF_FATAL;
    while (next_line(&rest, &line)) {
        enum kf_status status;

        number++;
        if (line.len > KF_MAX_EPF_LINE)
            status = kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "a line of more than %u bytes",
                             KF_MAX_EPF_LINE);
        else
            status = take_line(out, line, number, &context, limits, error);
        if (status != KF_OK) {
            kf_error_line(error, number);
            return status;
        }
    }
    return KF_OK;
}

void kf_epf_profile_reset(struct kf_epf_profile *profile)
{
    if (profile == NULL)
        return;
    for (size_t i = 0; i < profile->value_count; i++) {
        kf_buf_reset(&profile->values[i].bytes);
        kf_cert_facts_reset(&profile->values[i].facts);
    }
    free(profile->values);
    free(profile->sections);
    free(profile->text);
    kf_buf_reset(&profile->joined);
    *profile = (struct kf_epf_profile){.joined = KF_PUBLIC_BUF};
}

int kf_epf_bid(struct kf_slice prefix)
{
    struct context context = {.is_base64 = false};
    const char *encoding = NULL;
    bool is_cut = prefix.len >= KF_BID_PREFIX;
    struct kf_slice rest;
    struct kf_slice raw;
    size_t sections = 0;
    size_t pairs = 0;
    int bid = KF_BID_MAYBE;
    char *text;

    if (prefix.len == 0 || (!is_utf16(prefix) && memchr(prefix.data, 0, prefix.len) != NULL))
        return KF_BID_NONE;
    text = decode(prefix, &encoding);
    if (text == NULL)
        return KF_BID_NONE;
    rest = kf_slice_of(text);
    while (bid != KF_BID_NONE && next_line(&rest, &raw)) {
        struct line line = read_line(raw, &context);

        if (is_cut && rest.len == 0 && line.kind != LINE_PAIR)
            break; /* the rest of it is not here */
        sections += line.kind == LINE_SECTION ? 1 : 0;
        pairs += line.kind == LINE_PAIR ? 1 : 0;
        if (line.kind != LINE_BLANK && line.kind != LINE_COMMENT)
            context = (struct context){.is_base64 = is_base64(line.text),
                                       .is_continued = line.kind == LINE_CONTINUED};
        if (line.kind == LINE_OTHER)
            bid = KF_BID_NONE;
        if (line.kind == LINE_PAIR && line.text.len >= LONG_VALUE && context.is_base64)
            bid = KF_BID_LIKELY;
    }
    free(text);
    return sections > 0 && pairs > 0 ? bid : KF_BID_NONE;
}

void kf_epf_where(const struct kf_epf_profile *profile, const struct kf_epf_value *value, char *out,
                  size_t size)
{
    struct kf_slice parts[] = {kf_slice_of("["), profile->sections[value->section],
                               kf_slice_of("] "), value->name};
    size_t len = 0;

    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < parts[i].len && len + 1 < size; j++) {
            uint8_t c = parts[i].data[j];

            out[len++] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
        }
    }
    while (len + 1 == size && len > 0 && ((uint8_t)out[len - 1] & 0x80) != 0)
        len--; /* it may be half of a character */
    out[len] = '\0';
}
