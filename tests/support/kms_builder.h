/*
 * KMS exports for tests, written by hand after docs/formats/kms-export.md and by OpenSSL: nothing
 * of what is tested has a part in it. A broken one is a good one with a piece of its text replaced.
 *
 * The document has an element a line. User N has the GUID 00000000-0000-4000-8000-<N, 12 digits>,
 * the names "User N", "CN=User N, O=Contoso" and "userN@contoso.com"; certificate c1 with a current
 * RSA key, c2 with a previous EC key, and c3, a signing certificate.
 */
#ifndef TESTS_SUPPORT_KMS_BUILDER_H
#define TESTS_SUPPORT_KMS_BUILDER_H

#include "crypto/keyfile.h"
#include "crypto/lockbox.h"
#include "crypto/secrets.h"

struct kms_build {
    unsigned users;
    enum kf_bulk bulk;           /* of all keys */
    enum kf_transport transport; /* of the lock boxes */
    size_t session_size;         /* bytes; 0: what bulk wants */
    const char *recipients[4];   /* names as kms_identity takes them; none: one box for "signer" */
    bool other_issuer;           /* the lock boxes say issuer and serial number of nobody at all */
    bool not_a_key;              /* key 2 of user 1 decrypts to an empty SEQUENCE */
    bool noise_first; /* a lock box before the others that holds another key of the same length */
};

/* Replaces *xml by the document. */
void kms_build(const struct kms_build *what, struct kf_buf *xml);

/* Replaces the first from in the document, which must be there, by to. */
void kms_replace(struct kf_buf *xml, const char *from, const char *to);

/* The line of the document where the first text stands, from 1. */
uint64_t kms_line_of(const struct kf_buf *xml, const char *text);

/* The export-signing key and certificate of that name, made once; *out has its own references. */
void kms_identity(const char *name, struct kf_identity *out);
X509 *kms_certificate(const char *name); /* borrowed */
EVP_PKEY *kms_key(const char *name);     /* borrowed */

/* Secrets with one identity, or none where name is NULL; freed by kf_secrets_free. */
struct kf_secrets *kms_secrets(const char *name);

/* A detached signature over bytes by OpenSSL, as the export-signing certificate would; DER. */
void kms_sign(const char *name, const EVP_MD *digest, struct kf_slice bytes, struct kf_buf *out);

/* What the keys and certificates of a user are, to compare with. */
void kms_user_key(unsigned number, struct kf_buf *pkcs8); /* 1: RSA, 2: EC */
void kms_user_certificate(unsigned number, struct kf_buf *der);

#endif
