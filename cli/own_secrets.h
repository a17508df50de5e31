/*
 * The secrets of one input: what the manifest gives for it, or keys that it shares with the others.
 */
#ifndef KF_CLI_OWN_SECRETS_H
#define KF_CLI_OWN_SECRETS_H

#include "cli/walk.h"
#include "crypto/secrets.h"

/* Adds the keys of from to those of to; they are shared by reference. KF_FATAL: memory. */
enum kf_status kf_share_keys(const struct kf_secrets *from, struct kf_secrets *to,
                             struct kf_error *error) KF_MUST_USE;

/*
 * What the manifest gives for the entry: its password, and its key or else the keys of common.
 * *out stays NULL where it gives neither; it is the caller's also on failure. KF_SKIP: what it
 * gives cannot be read. KF_FATAL: memory.
 */
enum kf_status kf_own_secrets(struct kf_session *session, const struct kf_walk_entry *entry,
                              const struct kf_secrets *common, struct kf_secrets **out,
                              struct kf_error *error) KF_MUST_USE;

#endif
