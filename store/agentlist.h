/*
 * The list of agents as the setting KRACertHash shows it. Private to store/.
 */
#ifndef KF_STORE_AGENTLIST_H
#define KF_STORE_AGENTLIST_H

#include "store/internal.h"

/* The SHA-1 of each agent, one a line; owned by the caller, "" for none. */
enum kf_status kf_agents_hashes(struct kf_store *store, char **out,
                                struct kf_error *error) KF_MUST_USE;

/* As kf_setting_set, in a transaction. KF_SKIP: nothing has changed. */
enum kf_status kf_agents_set_hashes(struct kf_store *store, const char *value,
                                    struct kf_error *error) KF_MUST_USE;

#endif
