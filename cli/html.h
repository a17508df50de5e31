/*
 * HTML, written so that no text from input can be anything but text.
 *
 * What the program says itself goes out by kf_out_text; whatever comes from a file, a certificate
 * or a command line goes through kf_html_text: markup is escaped, and control characters and those
 * that turn the direction of text are shown as \u{202e}, as on a terminal (output.h).
 */
#ifndef KF_CLI_HTML_H
#define KF_CLI_HTML_H

#include "cli/out.h"

/* Text for an element or a quoted attribute; NULL is nothing. */
void kf_html_text(struct kf_out *out, const char *text);

/* As kf_number_text has it. */
void kf_html_number(struct kf_out *out, uint64_t number);

/* "1,234 keys", "1 key". */
void kf_html_count(struct kf_out *out, uint64_t number, const char *one, const char *many);

#endif
