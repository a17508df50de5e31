/*
 * Writing XML: see kms_xml.h for the contract, XML 1.0 2.2 for what a character is.
 */
#include "writers/kms_xml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum kf_status kf_xml_put(struct kf_buf *out, struct kf_error *error, const char *format, ...)
{
    char markup[1024];
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(markup, sizeof(markup), format, arguments);
    va_end(arguments);
    if (len < 0 || (size_t)len >= sizeof(markup))
        return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "markup is too long");
    return kf_buf_append(out, markup, (size_t)len, error);
}

/* Bytes of the UTF-8 character that text begins with (RFC 3629 4); 0 where it begins with none. */
static size_t utf8_length(const uint8_t *text)
{
    size_t len = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    uint8_t least = text[0] == 0xe0 ? 0xa0 : text[0] == 0xf0 ? 0x90 : 0x80;
    uint8_t most = text[0] == 0xed ? 0x9f : text[0] == 0xf4 ? 0x8f : 0xbf;

    if ((text[0] >= 0x80 && text[0] < 0xc2) || text[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if (text[i] < (i == 1 ? least : 0x80) || text[i] > (i == 1 ? most : 0xbf))
            return 0;
    }
    return len;
}

/* What stands for a character that cannot stand for itself; NULL where it can. */
static const char *escape(const uint8_t *text, size_t len)
{
    if (len == 3 && text[0] == 0xef && text[1] == 0xbf && text[2] >= 0xbe)
        return "\xef\xbf\xbd"; /* U+FFFE and U+FFFF are no characters to XML */
    if (len != 1)
        return len == 0 ? "\xef\xbf\xbd" : NULL;
    switch (text[0]) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        return text[0] < 0x20 ? "\xef\xbf\xbd" : NULL;
    }
}

enum kf_status kf_xml_put_text(struct kf_buf *out, const char *text, size_t limit,
                               struct kf_error *error)
{
    const uint8_t *at = (const uint8_t *)(text != NULL ? text : "");

    while (*at != '\0') {
        size_t len = utf8_length(at);
        const char *instead = escape(at, len);
        /* a reader counts what it reads: one for "&amp;", three for U+FFFD */
        size_t cost = instead == NULL || instead[0] == '&' ? len : strlen(instead);

        if (cost > limit)
            break;
        limit -= cost;
        if (kf_buf_append(out, instead != NULL ? (const void *)instead : at,
                          instead != NULL ? strlen(instead) : len, error) != KF_OK)
            return KF_FATAL;
        at += len != 0 ? len : 1;
    }
    return KF_OK;
}
