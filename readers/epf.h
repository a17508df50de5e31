/*
 * The parts of the profile reader, shared by its files alone.
 */
#ifndef KF_READERS_EPF_H
#define KF_READERS_EPF_H

#include "readers/epf_search.h"
#include "readers/formats.h"

/* What became of a value; the last one of all tells the dialect. */
struct kf_epf_outcome {
    bool is_opened;
    size_t certificate;            /* an index, or KF_EPF_NO_CERTIFICATE */
    struct kf_epf_dialect dialect; /* of the profile, in the last one only */
};

struct kf_epf_reader {
    struct kf_reader base;
    struct kf_reader_options options;
    struct kf_epf_space space;
    struct kf_epf_profile profile;
    struct kf_epf_outcome *outcomes; /* one for each value and one more; written by decode */
    bool was_given;                  /* the one item */
};

/* epf_record.c: a key that opened, as a record with its certificate, names and chain. */
enum kf_status kf_epf_add_record(const struct kf_epf_reader *reader,
                                 const struct kf_epf_search *search, struct kf_epf_opened *opened,
                                 size_t secret, struct kf_batch *batch,
                                 struct kf_error *error) KF_MUST_USE;

/* epf_record.c: the describe of core/reader.h. */
enum kf_status kf_epf_describe(struct kf_reader *reader, bool before, struct kf_outline *outline,
                               struct kf_error *error) KF_MUST_USE;

#endif
