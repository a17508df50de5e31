/*
 * A private key of a PEM file: decrypted and turned into PKCS #8.
 */
#ifndef KF_READERS_PEM_KEY_H
#define KF_READERS_PEM_KEY_H

#include "readers/pem_blocks.h"

/*
 * Puts the PKCS #8 of the block into an empty record, and which password opened it, if one did.
 * KF_SKIP: KF_CAUSE_SECRET, _DATA, _LIMIT or _UNSUPPORTED.
 */
enum kf_status kf_pem_open_key(const struct kf_reader_options *options,
                               const struct kf_pem_block *block, struct kf_record *record,
                               struct kf_error *error) KF_MUST_USE;

#endif
