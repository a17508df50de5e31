/*
 * What stands before the root element of an XML document, looked at as bytes: the parser of
 * libxml2 gets none of a document whose prolog says more than a KMS export may.
 */
#ifndef KF_READERS_KMS_PROLOG_H
#define KF_READERS_KMS_PROLOG_H

#include "core/input.h"

#define KF_KMS_NAMESPACE "urn:keyferry:kms-export:1"

/*
 * Looks ahead to the root element and consumes nothing. KF_FATAL with the line: a DOCTYPE, a
 * processing instruction, another encoding than UTF-8, another version than 1.0, something that is
 * no XML, no root element, or more than KF_MAX_PROLOG bytes.
 */
enum kf_status kf_kms_prolog_check(struct kf_input *input, struct kf_error *error) KF_MUST_USE;

/*
 * How sure it is that this is a KMS export: certain where the root element says so, likely where
 * the prolog is one that the check refuses but the namespace follows, so that the refusal is what
 * people get to see.
 */
int kf_kms_prolog_bid(struct kf_slice prefix);

#endif
