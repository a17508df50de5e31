/*
 * Where the store is, and who uses it.
 */
#ifndef KF_CLI_PLACE_H
#define KF_CLI_PLACE_H

#include "cli/cli.h"
#include "store/store.h"

/* -s, else KEYFERRY_STORE, else keyferry.db. */
const char *kf_store_location(const struct kf_arguments *arguments);

/* The path of a location that is one ("sqlite:" left out). */
const char *kf_location_path(const char *location);

/* Who runs the program, for the store's records; freed by free(), NULL when out of memory. */
char *kf_caller_name(void) KF_MUST_USE;

/* Opens the store that the options name. */
enum kf_status kf_open_store(const struct kf_session *session, const struct kf_arguments *arguments,
                             struct kf_store **out, struct kf_error *error) KF_MUST_USE;

#endif
