/*
 * What stands before the users of a KMS export: the root's start tag and the lock box.
 */
#ifndef KF_WRITERS_KMS_HEAD_H
#define KF_WRITERS_KMS_HEAD_H

#include "crypto/crypto.h"
#include "writers/kms.h"

/* Bytes that are left for the attribute users="100000000", the longest one (KF_MAX_KMS_USERS). */
#define KF_KMS_COUNT_ROOM 17

/* Appends it. *count_at is where in out the room for that attribute begins, spaces until then. */
enum kf_status kf_kms_put_head(struct kf_buf *out, const struct kf_kms_export_options *options,
                               struct kf_slice session, size_t *count_at,
                               struct kf_error *error) KF_MUST_USE;

/* A version 4 UUID (RFC 9562 5.4). */
enum kf_status kf_kms_random_uuid(const struct kf_crypto *crypto, char out[KF_UUID_SIZE],
                                  struct kf_error *error) KF_MUST_USE;

#endif
