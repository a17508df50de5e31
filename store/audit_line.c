/*
 * An entry of the audit trail in its parts: see audit.h for its form. Whatever is not exactly that
 * form is refused.
 */
#include <string.h>

#include "store/audit.h"

/* Takes what stands before the next space, or everything. */
static struct kf_slice take_word(struct kf_slice *rest)
{
    const uint8_t *space = rest->len != 0 ? memchr(rest->data, ' ', rest->len) : NULL;
    struct kf_slice word = {rest->data, space != NULL ? (size_t)(space - rest->data) : rest->len};

    rest->data += word.len + (space != NULL);
    rest->len -= word.len + (space != NULL);
    return word;
}

bool kf_audit_split(struct kf_slice line, struct kf_audit_parts *parts)
{
    struct kf_slice rest = line;
    struct kf_slice version = take_word(&rest);

    parts->time = take_word(&rest);
    parts->event = take_word(&rest);
    parts->fields = rest;
    if (version.len != 1 || version.data[0] != '1' ||
        parts->time.len != strlen("yyyy-mm-ddThh:mm:ssZ") || parts->event.len == 0 ||
        line.data[line.len - 1] == ' ')
        return false;
    for (struct kf_slice name, value; rest.len != 0;) {
        if (!kf_audit_take(&rest, &name, &value))
            return false;
    }
    return true;
}

bool kf_audit_take(struct kf_slice *fields, struct kf_slice *name, struct kf_slice *value)
{
    struct kf_slice word = take_word(fields);
    const uint8_t *equals = word.len != 0 ? memchr(word.data, '=', word.len) : NULL;

    if (equals == NULL || equals == word.data)
        return false;
    *name = (struct kf_slice){word.data, (size_t)(equals - word.data)};
    *value = (struct kf_slice){equals + 1, word.len - name->len - 1};
    return true;
}

bool kf_audit_find(const struct kf_audit_parts *parts, const char *name, struct kf_slice *value)
{
    struct kf_slice rest = parts->fields;
    struct kf_slice found;

    while (kf_audit_take(&rest, &found, value)) {
        if (found.len == strlen(name) && memcmp(found.data, name, found.len) == 0)
            return true;
    }
    return false;
}

enum kf_status kf_audit_unescape(struct kf_slice value, struct kf_buf *out, struct kf_error *error)
{
    kf_buf_clear(out);
    if (kf_buf_reserve(out, value.len + 1, error) != KF_OK)
        return KF_FATAL;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = value.data[i];

        if (byte == '%') {
            if (value.len - i < 3 || !kf_hex_decode((const char *)value.data + i + 1, 2, &byte, 1))
                return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                               "a value of the entry is not escaped as it should be");
            i += 2;
        }
        out->data[out->len++] = byte;
    }
    out->data[out->len] = '\0';
    return KF_OK;
}
