/*
 * The Merkle tree hash of RFC 6962 2.1: see merkle.h.
 */
#include "crypto/merkle.h"

#include <string.h>

#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01

enum kf_status kf_merkle_leaf(const struct kf_crypto *crypto, struct kf_slice entry,
                              uint8_t leaf[KF_SHA256_SIZE], struct kf_error *error)
{
    static const uint8_t prefix = LEAF_PREFIX;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context != NULL && EVP_DigestInit_ex2(context, crypto->sha256, NULL) == 1 &&
                EVP_DigestUpdate(context, &prefix, 1) == 1 &&
                EVP_DigestUpdate(context, entry.data, entry.len) == 1 &&
                EVP_DigestFinal_ex(context, leaf, NULL) == 1;

    EVP_MD_CTX_free(context);
    if (!done)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "SHA-256 failed");
    return KF_OK;
}

/* node = SHA-256(0x01 || left || right); node may be one of the two */
static enum kf_status join(const struct kf_crypto *crypto, const uint8_t *left,
                           const uint8_t *right, uint8_t *node, struct kf_error *error)
{
    uint8_t bytes[1 + 2 * KF_SHA256_SIZE] = {NODE_PREFIX};

    memcpy(bytes + 1, left, KF_SHA256_SIZE);
    memcpy(bytes + 1 + KF_SHA256_SIZE, right, KF_SHA256_SIZE);
    return kf_digest(crypto->sha256, (struct kf_slice){bytes, sizeof(bytes)}, node, error);
}

/* As a binary counter counts: a leaf joins the subtree of its size, their node the next one. */
enum kf_status kf_merkle_add(const struct kf_crypto *crypto, struct kf_merkle *tree,
                             const uint8_t leaf[KF_SHA256_SIZE], struct kf_error *error)
{
    uint8_t node[KF_SHA256_SIZE];
    unsigned level = 0;

    memcpy(node, leaf, sizeof(node));
    for (; (tree->size >> level & 1) != 0; level++) {
        if (join(crypto, tree->roots[level], node, node, error) != KF_OK)
            return KF_FATAL;
    }
    memcpy(tree->roots[level], node, sizeof(node));
    tree->size++;
    return KF_OK;
}

/* MTH(D[n]) splits at the largest power of two below n: from the right, each subtree joins what is
 * so far. */
enum kf_status kf_merkle_root(const struct kf_crypto *crypto, const struct kf_merkle *tree,
                              uint8_t root[KF_SHA256_SIZE], struct kf_error *error)
{
    bool has_root = false;

    if (tree->size == 0)
        return kf_digest(crypto->sha256, (struct kf_slice){(const uint8_t *)"", 0}, root, error);
    for (unsigned level = 0; level < 64; level++) {
        if ((tree->size >> level & 1) == 0)
            continue;
        if (!has_root)
            memcpy(root, tree->roots[level], KF_SHA256_SIZE);
        else if (join(crypto, tree->roots[level], root, root, error) != KF_OK)
            return KF_FATAL;
        has_root = true;
    }
    return KF_OK;
}
