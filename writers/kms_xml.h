/*
 * Pieces of XML, appended to a buffer.
 */
#ifndef KF_WRITERS_KMS_XML_H
#define KF_WRITERS_KMS_XML_H

#include "core/bytes.h"

/* Markup as it stands, formatted; at most 1 KiB. */
enum kf_status kf_xml_put(struct kf_buf *out, struct kf_error *error, const char *format, ...)
    KF_PRINTF(3, 4) KF_MUST_USE;

/*
 * Text or an attribute's value (UTF-8, NULL is empty), escaped for both. At most limit bytes of it,
 * whole characters. What XML 1.0 cannot say, and what is no UTF-8, becomes U+FFFD.
 */
enum kf_status kf_xml_put_text(struct kf_buf *out, const char *text, size_t limit,
                               struct kf_error *error) KF_MUST_USE;

#endif
