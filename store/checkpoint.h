/*
 * A checkpoint: how long the audit trail was at one time, and the root of its Merkle tree then,
 * signed by the CA. Kept elsewhere, it proves that nothing before it was changed or cut off.
 *
 * The signed text (crypto/signedtext.h), five lines that each end with LF; the name is escaped as
 * the trail's values are:
 *
 *     keyferry checkpoint 1
 *     ca: Contoso%20CA
 *     size: 1234
 *     root: 7f...
 *     time: 2026-11-22T00:54:09Z
 */
#ifndef KF_STORE_CHECKPOINT_H
#define KF_STORE_CHECKPOINT_H

#include "core/record.h"
#include "crypto/keyfile.h"
#include "store/store.h"

#define KF_CHECKPOINT_MAX (1u << 20) /* bytes of a checkpoint's file */

struct kf_checkpoint {
    uint64_t size; /* entries */
    uint8_t root[KF_SHA256_SIZE];
    char time[32]; /* as above; when it was signed */
};

/* Signs a checkpoint of the store's CA, with the present time in place of the checkpoint's; PEM,
 * appended to out. */
enum kf_status kf_checkpoint_sign(struct kf_store *store, const struct kf_checkpoint *checkpoint,
                                  const struct kf_identity *signer, struct kf_buf *out,
                                  struct kf_error *error) KF_MUST_USE;

/*
 * Reads one, and verifies that one of the CA's own certificates signed it. KF_SKIP with
 * KF_CAUSE_DATA: not a checkpoint, or not of this CA.
 */
enum kf_status kf_checkpoint_read(struct kf_store *store, struct kf_slice bytes,
                                  struct kf_checkpoint *out, struct kf_error *error) KF_MUST_USE;

#endif
