/*
 * The grammar of a KMS export as one table: which element may stand where, in what order, with
 * which attributes (docs/formats/kms-export.md).
 */
#ifndef KF_READERS_KMS_GRAMMAR_H
#define KF_READERS_KMS_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

/* An element by its place: the same name at two places is two of these. At most 32. */
enum kf_kms_node {
    KF_KMS_DOCUMENT, /* around the root */
    KF_KMS_EXPORT,
    KF_KMS_LOCK_BOX,
    KF_KMS_BOX_KEY,
    KF_KMS_BOX_METHOD,
    KF_KMS_BOX_DIGEST,
    KF_KMS_BOX_MGF,
    KF_KMS_BOX_INFO,
    KF_KMS_BOX_X509,
    KF_KMS_BOX_ISSUER_SERIAL,
    KF_KMS_BOX_ISSUER,
    KF_KMS_BOX_SERIAL,
    KF_KMS_BOX_CIPHER,
    KF_KMS_BOX_VALUE,
    KF_KMS_USER,
    KF_KMS_DISPLAY_NAME,
    KF_KMS_DISTINGUISHED_NAME,
    KF_KMS_MAIL,
    KF_KMS_CERTIFICATE,
    KF_KMS_KEY,
    KF_KMS_KEY_DATA,
    KF_KMS_KEY_METHOD,
    KF_KMS_KEY_CIPHER,
    KF_KMS_KEY_VALUE,
    KF_KMS_END,
    KF_KMS_NODE_COUNT,
};

#define KF_KMS_ATTRIBUTES 6  /* the most that an element has */
#define KF_KMS_DEPTH      10 /* more than any element's */

struct kf_kms_element {
    enum kf_kms_node parent;
    const char *uri;
    const char *name;
    unsigned rank; /* among its siblings: never falls, and rises unless many is set */
    bool many;
    bool required;
    size_t text_limit;                             /* bytes of text; 0: holds elements or nothing */
    const char *attributes[KF_KMS_ATTRIBUTES + 1]; /* all required; ended by NULL */
};

/* node is an element's, not KF_KMS_DOCUMENT. */
const struct kf_kms_element *kf_kms_element(enum kf_kms_node node);

/* The child of that name and namespace (which may be NULL); KF_KMS_DOCUMENT where there is none. */
enum kf_kms_node kf_kms_child(enum kf_kms_node parent, const char *uri, const char *name);

/*
 * The first element that has to stand in parent below rank and is not among those seen (a bit for
 * each node); KF_KMS_DOCUMENT where none is missing.
 */
enum kf_kms_node kf_kms_missing(enum kf_kms_node parent, unsigned rank, unsigned seen);

#endif
