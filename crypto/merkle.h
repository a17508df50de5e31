/*
 * The Merkle tree hash of RFC 6962 2.1, built leaf by leaf.
 *
 * Leaf hashes are SHA-256(0x00 || entry), inner nodes SHA-256(0x01 || left || right). Only the
 * roots of the perfect subtrees are kept, one for each bit of the size, so that a tree of any
 * length takes the same memory. A tree that was added to can be asked for its root at any time.
 */
#ifndef KF_CRYPTO_MERKLE_H
#define KF_CRYPTO_MERKLE_H

#include "core/record.h"
#include "crypto/crypto.h"

struct kf_merkle {
    uint64_t size;                     /* leaves so far; zero-initialize */
    uint8_t roots[64][KF_SHA256_SIZE]; /* [i]: of the perfect subtree of 2^i leaves, where bit i of
                                          size is set */
};

/* The hash of an entry as a leaf. */
enum kf_status kf_merkle_leaf(const struct kf_crypto *crypto, struct kf_slice entry,
                              uint8_t leaf[KF_SHA256_SIZE], struct kf_error *error) KF_MUST_USE;

/* Adds a leaf hash at the end. */
enum kf_status kf_merkle_add(const struct kf_crypto *crypto, struct kf_merkle *tree,
                             const uint8_t leaf[KF_SHA256_SIZE],
                             struct kf_error *error) KF_MUST_USE;

/* The root of all leaves so far; of none, SHA-256 of nothing. */
enum kf_status kf_merkle_root(const struct kf_crypto *crypto, const struct kf_merkle *tree,
                              uint8_t root[KF_SHA256_SIZE], struct kf_error *error) KF_MUST_USE;

#endif
