/*
 * PKCS #12 files as text: base64, with or without the lines of PEM (RFC 7468) around it.
 *
 * The label is not asked: certtool says PKCS12, certutil -encode says CERTIFICATE, others say PFX.
 * What the base64 holds decides, so that a certificate is still one. Other text before the first
 * block is passed over, as openssl's "Bag Attributes" are; a block of the label PKCS12 is taken
 * before any other.
 */
#include <string.h>

#include "readers/pfx_file.h"

#define BEGIN "-----BEGIN "
#define END   "-----END "
#define HEAD  64u /* characters of base64 that are enough for a look */

/* Where the text begins with this at the start of a line; or NULL. */
static const uint8_t *find_line(struct kf_slice text, const char *start)
{
    size_t len = strlen(start);
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.len;

    while (at != NULL && (size_t)(end - at) >= len) {
        if (memcmp(at, start, len) == 0)
            return at;
        at = memchr(at, '\n', (size_t)(end - at));
        at = at != NULL ? at + 1 : NULL;
    }
    return NULL;
}

bool pfx_armour_find(struct kf_slice text, struct pfx_armour *out)
{
    const uint8_t *begin;
    const uint8_t *line_end;

    *out = (struct pfx_armour){.is_named = true};
    text = kf_without_mark(text);
    begin = find_line(text, BEGIN "PKCS12-----");
    if (begin == NULL) {
        out->is_named = false;
        begin = find_line(text, BEGIN);
    }
    if (begin == NULL) {
        out->text = text;
        return text.len != 0 && text.data[0] != KF_DER_SEQUENCE;
    }
    out->is_pem = true;
    line_end = memchr(begin, '\n', text.len - (size_t)(begin - text.data));
    if (line_end == NULL)
        return false;
    out->text.data = line_end + 1;
    out->text.len = text.len - (size_t)(line_end + 1 - text.data);
    begin = find_line(out->text, END);
    out->has_end = begin != NULL;
    if (begin != NULL)
        out->text.len = (size_t)(begin - out->text.data);
    return true;
}

enum kf_status pfx_armour_head(const struct pfx_armour *armour, struct kf_buf *out,
                               struct kf_error *error)
{
    char clean[HEAD];
    size_t len = 0;

    for (size_t i = 0; i < armour->text.len && len < sizeof(clean); i++) {
        char c = (char)armour->text.data[i];

        if (c == '=')
            break;
        if (strchr("\r\n\t ", c) == NULL || c == '\0')
            clean[len++] = c;
    }
    return kf_base64_decode(out, (struct kf_slice){(const uint8_t *)clean, len / 4 * 4}, error);
}
