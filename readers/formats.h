/*
 * The one list of formats that can be read.
 */
#ifndef KF_READERS_FORMATS_H
#define KF_READERS_FORMATS_H

#include "core/reader.h"

/* All readers, ended by NULL, in the order that help shows them. */
const struct kf_reader_ops *const *kf_readers(void);

/* By name; NULL where there is none. */
const struct kf_reader_ops *kf_reader_find(const char *name);

/*
 * Opens input with the reader of that name, or, where name is NULL, with the one that bids highest.
 * KF_SKIP with "unrecognized input" and what to do about it where none bids. On KF_OK the reader
 * owns input; otherwise the caller still does.
 */
enum kf_status kf_reader_open(struct kf_reader **out, struct kf_input *input, const char *name,
                              const struct kf_reader_options *options,
                              struct kf_error *error) KF_MUST_USE;

extern const struct kf_reader_ops kf_reader_kms;
extern const struct kf_reader_ops kf_reader_pfx;
extern const struct kf_reader_ops kf_reader_rec;
extern const struct kf_reader_ops kf_reader_epf;
extern const struct kf_reader_ops kf_reader_pem;

#endif
