/*
 * Adding key recovery agents from certificate files, for init and kra add.
 */
#ifndef KF_CLI_AGENTS_H
#define KF_CLI_AGENTS_H

#include "cli/cli.h"
#include "store/store.h"

/*
 * Adds the first certificate of a file to the store's agents. With --accept-1024, RSA keys of 1024
 * bits do. KF_SKIP or KF_FATAL: not an agent's certificate; the error names the file.
 */
enum kf_status kf_add_agent(const struct kf_session *session, const struct kf_arguments *arguments,
                            struct kf_store *store, const char *path,
                            struct kf_error *error) KF_MUST_USE;

#endif
