/*
 * Names and ASN.1 strings as text (RFC 5280 4.1.2.4, RFC 4514).
 *
 * All text is valid UTF-8, whatever the certificate holds; what cannot be read as its type says
 * becomes U+FFFD.
 */
#ifndef KF_CRYPTO_NAME_H
#define KF_CRYPTO_NAME_H

#include "core/bytes.h"

/* Appends the text that kf_name_text gives. KF_SKIP, without an error: not a Name. */
enum kf_status kf_name_append(struct kf_slice name, struct kf_buf *out,
                              struct kf_error *error) KF_MUST_USE;

/*
 * The last value of an attribute type (OID content) in a Name, unquoted; NULL where there is none,
 * or where it is empty or not a string. Freed by free(). KF_FATAL: memory.
 */
enum kf_status kf_name_find(struct kf_slice name, struct kf_slice oid, char **out,
                            struct kf_error *error) KF_MUST_USE;

/*
 * The text of one ASN.1 string value of this tag, unquoted, NUL characters as U+FFFD; NULL where it
 * is empty or not a string. Freed by free(). KF_FATAL: memory.
 */
enum kf_status kf_string_text(uint8_t tag, struct kf_slice value, char **out,
                              struct kf_error *error) KF_MUST_USE;

#endif
