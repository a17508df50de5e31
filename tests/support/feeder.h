/*
 * A source of bytes that comes in pieces of a chosen size: what a reader must stand whatever a pipe
 * or a disk does. Each read also spoils what it does not fill of the buffer, so that a reader that
 * looks beyond what it got fails.
 */
#ifndef TESTS_SUPPORT_FEEDER_H
#define TESTS_SUPPORT_FEEDER_H

#include "core/input.h"

/* The block sizes that every reader is fed with; ended by 0. */
extern const size_t feeder_sizes[];

struct feeder {
    struct kf_slice bytes; /* the caller's, kept until the input is closed */
    size_t block;
    size_t at;
    size_t fail_at; /* reading fails once so many bytes were given; 0: never */
};

/* An input over the feeder, which the caller keeps until the input is closed. Fails the test. */
struct kf_input *feeder_open(struct feeder *feeder);

#endif
