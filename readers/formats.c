/*
 * The one list of formats: see formats.h for the contract.
 */
#include "readers/formats.h"

#include <string.h>

static const struct kf_reader_ops *const readers[] = {
    &kf_reader_kms, &kf_reader_pfx, &kf_reader_epf, &kf_reader_rec, &kf_reader_pem, NULL,
};

const struct kf_reader_ops *const *kf_readers(void)
{
    return readers;
}

const struct kf_reader_ops *kf_reader_find(const char *name)
{
    for (size_t i = 0; readers[i] != NULL; i++) {
        if (strcmp(readers[i]->name, name) == 0)
            return readers[i];
    }
    return NULL;
}

/* The highest bidder, the first of them where several bid the same; NULL where none does. */
static enum kf_status choose(struct kf_input *input, const struct kf_reader_ops **out,
                             struct kf_error *error)
{
    struct kf_slice prefix;
    int highest = KF_BID_NONE;

    *out = NULL;
    if (kf_input_peek(input, KF_BID_PREFIX, &prefix, error) != KF_OK)
        return KF_FATAL;
    if (prefix.len > KF_BID_PREFIX)
        prefix.len = KF_BID_PREFIX;
    for (size_t i = 0; readers[i] != NULL; i++) {
        int bid = readers[i]->bid(prefix);

        if (bid > highest) {
            highest = bid;
            *out = readers[i];
        }
    }
    return KF_OK;
}

enum kf_status kf_reader_open(struct kf_reader **out, struct kf_input *input, const char *name,
                              const struct kf_reader_options *options, struct kf_error *error)
{
    const struct kf_reader_ops *ops = NULL;

    *out = NULL;
    if (name != NULL) {
        ops = kf_reader_find(name);
        if (ops == NULL)
            return kf_fail(error, KF_FATAL, KF_CAUSE_USAGE, NULL,
                           "there is no format named %.60s (keyferry formats lists them)", name);
        return ops->open(out, input, options, error);
    }
    if (choose(input, &ops, error) != KF_OK)
        return KF_FATAL;
    if (ops == NULL)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL,
                       "unrecognized input: an original wizard file is imported on a Windows "
                       "Server 2003 CA with certutil; what it archived there is read here from "
                       "that CA's recovery blobs");
    return ops->open(out, input, options, error);
}
