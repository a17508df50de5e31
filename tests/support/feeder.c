/*
 * Bytes in pieces: see feeder.h.
 */
#include "tests/support/feeder.h"

#include <string.h>

#include "tests/support/suite.h"

const size_t feeder_sizes[] = {1, 2, 7, 4096, 0};

static enum kf_status feed(void *context, uint8_t *out, size_t size, size_t *got,
                           struct kf_error *error)
{
    struct feeder *feeder = context;
    size_t left = feeder->bytes.len - feeder->at;
    size_t count = feeder->block < size ? feeder->block : size;

    if (feeder->fail_at != 0 && feeder->at >= feeder->fail_at)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "the disk is on fire");
    count = count < left ? count : left;
    memset(out, 0xa5, size);
    if (count != 0)
        memcpy(out, feeder->bytes.data + feeder->at, count);
    feeder->at += count;
    *got = count;
    return KF_OK;
}

struct kf_input *feeder_open(struct feeder *feeder)
{
    struct kf_input *input = NULL;

    CU_ASSERT_FATAL(kf_input_from_source(&input, "feeder", feed, feeder, NULL) == KF_OK);
    return input;
}
