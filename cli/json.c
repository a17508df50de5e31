/*
 * JSON: see json.h for the contract.
 */
#include "cli/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* A copy whose bytes beyond ASCII that jansson would refuse are replaced. */
static json_t *mended(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    struct kf_buf out = KF_PUBLIC_BUF;
    struct kf_error error = {.cause = KF_CAUSE_NONE};
    json_t *value = NULL;
    enum kf_status status = KF_OK;

    while (*text != '\0' && status == KF_OK) {
        size_t len = 1;
        json_t *character;

        while (len < 4 && is_continuation((unsigned char)text[len]))
            len++;
        character = json_stringn(text, len);
        if (character != NULL)
            status = kf_buf_append(&out, text, len, &error);
        else
            status = kf_buf_append(&out, replacement, strlen(replacement), &error);
        json_decref(character);
        text += len;
    }
    if (status == KF_OK)
        value = json_stringn((const char *)out.data, out.len);
    kf_buf_reset(&out);
    return value;
}

json_t *kf_json_text(const char *text)
{
    json_t *value;

    if (text == NULL)
        return json_null();
    value = json_string(text);
    return value != NULL ? value : mended(text);
}

void kf_json_set(json_t *object, const char *name, json_t *value)
{
    if (value != NULL)
        (void)json_object_set_new(object, name, value);
}

void kf_json_set_text(json_t *object, const char *name, const char *text)
{
    kf_json_set(object, name, kf_json_text(text));
}

void kf_json_set_number(json_t *object, const char *name, uint64_t number)
{
    kf_json_set(object, name, json_integer((json_int_t)number));
}

void kf_json_set_time(json_t *object, const char *name, int64_t seconds)
{
    char text[KF_TIME_SIZE];

    kf_time_text(seconds, text);
    kf_json_set_text(object, name, seconds != 0 ? text : NULL);
}

void kf_json_set_hex(json_t *object, const char *name, const uint8_t *bytes, size_t len)
{
    char *text = malloc(2 * len + 1);

    if (text != NULL) {
        kf_hex(text, bytes, len);
        kf_json_set_text(object, name, text);
    }
    free(text);
}

void kf_json_set_code(json_t *object, const char *name, uint32_t code)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "0x%08x", (unsigned)code);
    kf_json_set_text(object, name, code != 0 ? text : NULL);
}

static void print(json_t *value, size_t flags)
{
    if (value != NULL)
        (void)json_dumpf(value, stdout, flags);
    (void)putchar('\n');
    json_decref(value);
}

size_t kf_json_terminal_flags(void)
{
    return isatty(STDOUT_FILENO) != 0 ? JSON_ENSURE_ASCII : 0;
}

void kf_json_print_line(json_t *value)
{
    print(value, JSON_COMPACT | JSON_REAL_PRECISION(6) | kf_json_terminal_flags());
}
