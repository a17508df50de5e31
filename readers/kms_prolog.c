/*
 * The prolog of a KMS export: see kms_prolog.h for the contract, docs/formats/kms-export.md for the
 * format, and XML 1.0 2.8 for the grammar.
 *
 * Refuses on purpose: a DOCTYPE (and with it every entity), processing instructions, and encodings
 * other than UTF-8.
 */
#include "readers/kms_prolog.h"

#include <string.h>
#include <strings.h>

#include "core/limits.h"
#include "core/reader.h"

#define ROOT_NAME "KMSExport"
#define RULE      "kms-export, Document"

enum verdict {
    AT_ROOT,
    REFUSED,
    NEED_MORE, /* the bytes end before it is decided */
};

struct scan {
    const char *bytes;
    size_t len;
    size_t at;
    const char *why; /* REFUSED */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->len && is_space(scan->bytes[scan->at]))
        scan->at++;
}

static bool starts_with(const struct scan *scan, const char *text)
{
    size_t len = strlen(text);

    return scan->len - scan->at >= len && memcmp(scan->bytes + scan->at, text, len) == 0;
}

/* True too where the bytes end within text. */
static bool may_start_with(const struct scan *scan, const char *text)
{
    size_t left = scan->len - scan->at;
    size_t len = strlen(text) < left ? strlen(text) : left;

    return memcmp(scan->bytes + scan->at, text, len) == 0;
}

static enum verdict refuse(struct scan *scan, const char *why)
{
    scan->why = why;
    return REFUSED;
}

/* Where text comes next in len bytes; NULL where it does not. */
static const char *find(const char *bytes, size_t len, const char *text)
{
    size_t text_len = strlen(text);

    while (len >= text_len) {
        const char *first = memchr(bytes, text[0], len - text_len + 1);

        if (first == NULL)
            return NULL;
        if (memcmp(first, text, text_len) == 0)
            return first;
        len -= (size_t)(first - bytes) + 1;
        bytes = first + 1;
    }
    return NULL;
}

/* Moves behind the next end; false where the bytes stop before it. */
static bool skip_past(struct scan *scan, const char *end)
{
    const char *found = find(scan->bytes + scan->at, scan->len - scan->at, end);

    if (found == NULL)
        return false;
    scan->at = (size_t)(found - scan->bytes) + strlen(end);
    return true;
}

/* name = "value": false at anything else */
static bool next_pair(struct scan *scan, struct kf_slice *name, struct kf_slice *value)
{
    const char *bytes = scan->bytes;
    const char *close;
    size_t start;

    skip_space(scan);
    start = scan->at;
    while (scan->at < scan->len && !is_space(bytes[scan->at]) &&
           strchr("=>/?\"'<", bytes[scan->at]) == NULL)
        scan->at++;
    *name = (struct kf_slice){(const uint8_t *)bytes + start, scan->at - start};
    skip_space(scan);
    if (name->len == 0 || scan->at == scan->len || bytes[scan->at++] != '=')
        return false;
    skip_space(scan);
    if (scan->at == scan->len || (bytes[scan->at] != '"' && bytes[scan->at] != '\''))
        return false;
    start = scan->at + 1;
    close = memchr(bytes + start, bytes[scan->at], scan->len - start);
    if (close == NULL)
        return false;
    *value = (struct kf_slice){(const uint8_t *)bytes + start, (size_t)(close - bytes) - start};
    scan->at = (size_t)(close - bytes) + 1;
    return true;
}

static bool slice_is(struct kf_slice slice, const char *text)
{
    return slice.len == strlen(text) && memcmp(slice.data, text, slice.len) == 0;
}

/* <?xml version="1.0" encoding="UTF-8" standalone="yes"?>; the parser checks its form. */
static enum verdict declaration(struct scan *scan)
{
    struct scan inside = {.bytes = scan->bytes, .at = scan->at + strlen("<?xml")};
    struct kf_slice name;
    struct kf_slice value;

    if (!skip_past(scan, "?>"))
        return NEED_MORE;
    inside.len = scan->at - 2;
    while (next_pair(&inside, &name, &value)) {
        if (slice_is(name, "version") && !slice_is(value, "1.0"))
            return refuse(scan, "an XML version other than 1.0");
        if (slice_is(name, "encoding") &&
            (value.len != 5 || strncasecmp((const char *)value.data, "UTF-8", 5) != 0))
            return refuse(scan, "an encoding other than UTF-8");
    }
    skip_space(&inside);
    if (inside.at != inside.len)
        return refuse(scan, "an XML declaration that is not well-formed");
    return AT_ROOT;
}

/* Comments and white space up to the root's "<". */
static enum verdict misc(struct scan *scan)
{
    for (;;) {
        skip_space(scan);
        if (scan->at == scan->len)
            return NEED_MORE;
        if (starts_with(scan, "<!--")) {
            size_t start = scan->at;

            scan->at += strlen("<!--");
            if (!skip_past(scan, "-->")) {
                scan->at = start;
                return NEED_MORE;
            }
            continue;
        }
        if (may_start_with(scan, "<!--") && scan->len - scan->at < 4)
            return NEED_MORE;
        if (starts_with(scan, "<!"))
            return refuse(scan, "a document type declaration");
        if (starts_with(scan, "<?"))
            return refuse(scan, "a processing instruction");
        if (scan->bytes[scan->at] != '<')
            return refuse(scan, "text before the root element");
        return AT_ROOT;
    }
}

static enum verdict scan_prolog(struct scan *scan)
{
    if (scan->len < 4)
        return NEED_MORE;
    if (memcmp(scan->bytes, "\xfe\xff", 2) == 0 || memcmp(scan->bytes, "\xff\xfe", 2) == 0 ||
        memchr(scan->bytes, '\0', 4) != NULL)
        return refuse(scan, "an encoding other than UTF-8");
    if (starts_with(scan, "\xef\xbb\xbf"))
        scan->at += 3;
    if (may_start_with(scan, "<?xml") && scan->len - scan->at < 6)
        return NEED_MORE;
    if (starts_with(scan, "<?xml") && is_space(scan->bytes[scan->at + 5])) {
        enum verdict verdict = declaration(scan);

        if (verdict != AT_ROOT)
            return verdict;
    }
    return misc(scan);
}

/* Of what scan stands at; an XML declaration is told by its last line. */
static uint64_t line_of(const struct scan *scan)
{
    uint64_t line = 1;

    for (size_t i = 0; i < scan->at; i++)
        line += scan->bytes[i] == '\n';
    return line;
}

static enum kf_status fail_at(const struct scan *scan, enum kf_cause cause, const char *text,
                              const char *why, struct kf_error *error)
{
    enum kf_status status = kf_fail(error, KF_FATAL, cause, RULE, "%s%s", text, why);

    kf_error_line(error, line_of(scan));
    return status;
}

enum kf_status kf_kms_prolog_check(struct kf_input *input, struct kf_error *error)
{
    for (size_t want = KF_BID_PREFIX;; want *= 2) {
        struct kf_slice bytes;
        struct scan scan;
        bool is_all;

        if (kf_input_peek(input, want, &bytes, error) != KF_OK)
            return KF_FATAL;
        is_all = bytes.len < want;
        scan = (struct scan){.bytes = (const char *)bytes.data, .len = bytes.len};
        switch (scan_prolog(&scan)) {
        case AT_ROOT:
            return KF_OK;
        case REFUSED:
            return fail_at(&scan, KF_CAUSE_DATA, "a KMS export may not have ", scan.why, error);
        case NEED_MORE:
            break;
        }
        if (is_all)
            return fail_at(&scan, KF_CAUSE_DATA, "truncated: ends before the root element", "",
                           error);
        if (want >= KF_MAX_PROLOG)
            return fail_at(&scan, KF_CAUSE_LIMIT, "no root element within 64 KiB", "", error);
    }
}

/* The root's tag, as far as it is shown: its name, and which namespace that name's prefix has. */
static bool is_export(struct scan *scan)
{
    const char *name = scan->bytes + ++scan->at;
    struct kf_slice local = {(const uint8_t *)name, 0};
    size_t prefix_len = 0;
    struct kf_slice attribute;
    struct kf_slice value;

    for (; scan->at < scan->len && !is_space(scan->bytes[scan->at]); scan->at++) {
        if (strchr("/>", scan->bytes[scan->at]) != NULL)
            break;
        local.len++;
        if (scan->bytes[scan->at] == ':' && prefix_len == 0) {
            prefix_len = local.len - 1;
            local = (struct kf_slice){local.data + local.len, 0};
        }
    }
    if (!slice_is(local, ROOT_NAME))
        return false;
    while (next_pair(scan, &attribute, &value)) {
        bool is_default = slice_is(attribute, "xmlns");
        bool is_prefixed = attribute.len == 6 + prefix_len &&
                           memcmp(attribute.data, "xmlns:", 6) == 0 &&
                           memcmp(attribute.data + 6, name, prefix_len) == 0;

        if ((prefix_len == 0 ? is_default : is_prefixed) && slice_is(value, KF_KMS_NAMESPACE))
            return true;
    }
    return false;
}

/* The namespace's name anywhere in the prefix, whatever the width of its characters. */
static bool names_namespace(struct kf_slice prefix)
{
    char text[KF_BID_PREFIX];
    size_t len = 0;

    for (size_t i = 0; i < prefix.len && len < sizeof(text); i++) {
        if (prefix.data[i] != '\0')
            text[len++] = (char)prefix.data[i];
    }
    return find(text, len, KF_KMS_NAMESPACE) != NULL && find(text, len, ROOT_NAME) != NULL;
}

int kf_kms_prolog_bid(struct kf_slice prefix)
{
    struct scan scan = {.bytes = (const char *)prefix.data, .len = prefix.len};

    if (prefix.len == 0)
        return KF_BID_NONE;
    switch (scan_prolog(&scan)) {
    case AT_ROOT:
        return is_export(&scan) ? KF_BID_CERTAIN : KF_BID_NONE;
    case REFUSED:
        return names_namespace(prefix) ? KF_BID_LIKELY : KF_BID_NONE;
    case NEED_MORE:
        break;
    }
    return KF_BID_NONE;
}
