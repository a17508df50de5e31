/*
 * The one list of what keys can be written to.
 *
 * Each destination is opened in its own way, since each has its own options: its header says how.
 */
#ifndef KF_WRITERS_DESTINATIONS_H
#define KF_WRITERS_DESTINATIONS_H

#include "core/writer.h"

/* All of them, ended by NULL, in the order that help shows them. ops->needs tells those that see
 * private keys in the clear: they are asked for explicitly. */
const struct kf_writer_ops *const *kf_destinations(void);

/* By name; NULL where there is none. */
const struct kf_writer_ops *kf_destination_find(const char *name);

#endif
