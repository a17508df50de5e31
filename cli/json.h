/*
 * JSON through jansson, with the few conventions of this program: an absent value is null, text
 * that is not UTF-8 is mended with U+FFFD, numbers that need 64 bits are numbers.
 */
#ifndef KF_CLI_JSON_H
#define KF_CLI_JSON_H

#include <jansson.h>

#include "core/bytes.h"

/* A new string, or null for NULL. NULL: out of memory. */
json_t *kf_json_text(const char *text);

/* Sets a member; a NULL value (out of memory) is left out. The object takes the value over. */
void kf_json_set(json_t *object, const char *name, json_t *value);
void kf_json_set_text(json_t *object, const char *name, const char *text);
void kf_json_set_number(json_t *object, const char *name, uint64_t number);
void kf_json_set_time(json_t *object, const char *name, int64_t seconds); /* 0: null */
void kf_json_set_hex(json_t *object, const char *name, const uint8_t *bytes, size_t len);
/* "0x800b0107", or null for 0. */
void kf_json_set_code(json_t *object, const char *name, uint32_t code);

/* JSON_ENSURE_ASCII where stdout is a terminal: the same text, and nothing that could act on it. */
size_t kf_json_terminal_flags(void);

/* Prints one line to stdout, and releases the value (NULL-safe). */
void kf_json_print_line(json_t *value);

#endif
