/*
 * Between the framer's halves: kms_parser.c drives libxml2 and holds the grammar, kms_frame.c and
 * kms_box.c know what the elements mean.
 */
#ifndef KF_READERS_KMS_PARSER_H
#define KF_READERS_KMS_PARSER_H

#include "readers/kms_frame.h"

#define KF_KMS_RULE "kms-export, Document"

struct kf_kms_open {
    enum kf_kms_node node;
    unsigned rank; /* of the last child */
    unsigned seen; /* a bit for each node that came as a child */
};

struct kf_kms_parser {
    void *xml; /* libxml2's xmlParserCtxt */
    struct kf_kms_open open[KF_KMS_DEPTH];
    size_t depth;                                    /* of open, at least 1: the document */
    char values[KF_KMS_ATTRIBUTES][KF_MAX_NAME + 1]; /* attributes of the last start tag */
    struct kf_buf *text; /* where the text of the open element goes, or NULL */
    size_t text_start;   /* length of text when that element began */
    struct kf_uuid_set *guids;
    struct kf_kms_user *user; /* being read */
    struct kf_kms_lock_box *box;
    size_t text_hint; /* bytes of text of the last user */
};

enum kf_status kf_kms_parser_open(struct kf_kms_frame *frame, struct kf_error *error) KF_MUST_USE;
void kf_kms_parser_close(struct kf_kms_parser *parser); /* NULL-safe */
void kf_kms_parser_feed(struct kf_kms_frame *frame, struct kf_slice bytes, bool is_end);

/* Fails the document at the line where the parser is, and stops it. */
void kf_kms_fail(struct kf_kms_frame *frame, enum kf_cause cause, const char *rule,
                 const char *format, ...) KF_PRINTF(4, 5);
void kf_kms_fail_memory(struct kf_kms_frame *frame);
uint64_t kf_kms_line(const struct kf_kms_frame *frame);

/* An element begins, with its attributes in parser->values; it ends, with its text from
 * parser->text_start on. They may fail the document. */
void kf_kms_begin(struct kf_kms_frame *frame, enum kf_kms_node node);
void kf_kms_end(struct kf_kms_frame *frame, enum kf_kms_node node);

/* The same for lock boxes: kms_box.c. */
void kf_kms_box_begin(struct kf_kms_frame *frame, enum kf_kms_node node);
void kf_kms_box_end(struct kf_kms_frame *frame, enum kf_kms_node node);
void kf_kms_boxes_free(struct kf_kms_frame *frame);

#endif
