/*
 * From a framed user of a KMS export to its records: decrypts, parses, matches.
 */
#ifndef KF_READERS_KMS_DECODE_H
#define KF_READERS_KMS_DECODE_H

#include "readers/kms_frame.h"

/*
 * Adds a record for each key of the user, a unit. session is empty where no identity was given:
 * then every key fails for want of it. Uses no state: any thread. KF_FATAL: memory.
 */
enum kf_status kf_kms_decode(const struct kf_crypto *crypto, struct kf_slice session,
                             const struct kf_kms_user *user, struct kf_batch *batch,
                             struct kf_error *error) KF_MUST_USE;

#endif
