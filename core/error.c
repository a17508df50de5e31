/*
 * Status and error: see error.h for the contract.
 */
#include "core/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef kf_fail /* the functions themselves, for clang-tidy too */
#undef kf_fail_errno
#undef kf_fail_memory

/* Input may reach an error text through a name: nothing of it may drive a terminal. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
    }
}

static void fill(struct kf_error *error, enum kf_cause cause, const char *rule, const char *format,
                 va_list arguments)
{
    error->cause = cause;
    (void)snprintf(error->rule, sizeof(error->rule), "%s", rule != NULL ? rule : "");
    (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
    make_printable(error->text);
}

enum kf_status kf_fail(struct kf_error *error, enum kf_status status, enum kf_cause cause,
                       const char *rule, const char *format, ...)
{
    va_list arguments;

    if (error == NULL || error->cause != KF_CAUSE_NONE)
        return status;
    va_start(arguments, format);
    fill(error, cause, rule, format, arguments);
    va_end(arguments);
    return status;
}

enum kf_status kf_fail_errno(struct kf_error *error, enum kf_status status, const char *format, ...)
{
    int number = errno;
    char reason[128] = "unknown error";
    va_list arguments;
    size_t used;

    if (error == NULL || error->cause != KF_CAUSE_NONE)
        return status;
    va_start(arguments, format);
    fill(error, KF_CAUSE_SYSTEM, NULL, format, arguments);
    va_end(arguments);
    if (strerror_r(number, reason, sizeof(reason)) != 0)
        (void)snprintf(reason, sizeof(reason), "error %d", number);
    used = strlen(error->text);
    (void)snprintf(error->text + used, sizeof(error->text) - used, ": %s", reason);
    return status;
}

enum kf_status kf_fail_memory(struct kf_error *error)
{
    return kf_fail(error, KF_FATAL, KF_CAUSE_MEMORY, NULL, "out of memory");
}

void kf_error_place(struct kf_error *error, const char *format, ...)
{
    char outer[sizeof(error->place)];
    char inner[sizeof(error->place)];
    va_list arguments;

    if (error == NULL)
        return;
    va_start(arguments, format);
    (void)vsnprintf(outer, sizeof(outer), format, arguments);
    va_end(arguments);
    make_printable(outer);
    memcpy(inner, error->place, sizeof(inner));
    if (inner[0] == '\0')
        memcpy(error->place, outer, sizeof(outer));
    else if (snprintf(error->place, sizeof(error->place), "%s: %s", outer, inner) < 0)
        error->place[0] = '\0';
}

void kf_error_code(struct kf_error *error, uint32_t code)
{
    if (error != NULL && error->code == 0)
        error->code = code;
}

void kf_error_line(struct kf_error *error, uint64_t line)
{
    if (error != NULL && error->line == 0)
        error->line = line;
}

/* A snprintf that appends: *used stays below size, whatever was cut. */
static void append(char *out, size_t size, size_t *used, const char *format, ...) KF_PRINTF(4, 5);

static void append(char *out, size_t size, size_t *used, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(out + *used, size - *used, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    *used = (size_t)length < size - *used ? *used + (size_t)length : size - 1;
}

void kf_error_format(const struct kf_error *error, const char *input, char *out, size_t size)
{
    size_t used = 0;

    if (size == 0)
        return;
    out[0] = '\0';
    if (input != NULL)
        append(out, size, &used, "%s:", input);
    if (error->line != 0)
        append(out, size, &used, "%llu:", (unsigned long long)error->line);
    if (used != 0)
        append(out, size, &used, " ");
    if (error->place[0] != '\0')
        append(out, size, &used, "%s: ", error->place);
    append(out, size, &used, "%s", error->text);
    if (error->rule[0] != '\0')
        append(out, size, &used, " (%s)", error->rule);
    make_printable(out);
}
