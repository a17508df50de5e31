/*
 * Notes about the inputs of a run, as a report tells them: the first ones, and how many there are
 * more.
 */
#ifndef KF_CLI_NOTES_H
#define KF_CLI_NOTES_H

#include "core/reader.h"

#define KF_NOTES_MOST 100u

/* Zero-initialize. */
struct kf_notes {
    char *items[KF_NOTES_MOST + 1]; /* "old.xml was read without a signature" */
    size_t count;
    uint64_t more;
};
void kf_notes_reset(struct kf_notes *notes);

/* "before after". KF_FATAL: memory. */
enum kf_status kf_notes_add(struct kf_notes *notes, const char *before, const char *after,
                            struct kf_error *error) KF_MUST_USE;

/* After the last one: says how many there are more. */
enum kf_status kf_notes_end(struct kf_notes *notes, struct kf_error *error) KF_MUST_USE;

/* Inputs by name, as they come. Zero-initialize. */
struct kf_input_names {
    char **items;
    size_t count;
};
void kf_input_names_reset(struct kf_input_names *names);

/* A kf_unsigned_input of cli/reading.h; context is a struct kf_input_names. */
enum kf_status kf_input_names_add(void *context, const char *input,
                                  struct kf_error *error) KF_MUST_USE;

/* "has no MAC: ... (RFC 7292 4)" */
#define KF_REMARK_SIZE 256
void kf_remark_text(const struct kf_remark *remark, char out[KF_REMARK_SIZE]);

#endif
