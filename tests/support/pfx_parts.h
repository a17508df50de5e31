/*
 * Keys with their certificates, ready to be put into PKCS #12 files, and the usual shapes of those.
 */
#ifndef TESTS_SUPPORT_PFX_PARTS_H
#define TESTS_SUPPORT_PFX_PARTS_H

#include <openssl/evp.h>

#include "tests/support/pfx_builder.h"

struct pfx_part {
    struct kf_buf pkcs8;
    struct kf_buf cert;
};

/* what: as material_key has it; subject: "/CN=Jo". */
void pfx_part_make(struct pfx_part *part, const char *what, const char *subject);
/* A fresh P-256 key, so that there are many of them soon. */
void pfx_part_fresh(struct pfx_part *part, const char *subject);
void pfx_part_reset(struct pfx_part *part);

/* Two lists of bags on their way into a file: plain ones, and those that get encrypted together. */
struct pfx_parts {
    struct kf_buf plain;
    struct kf_buf encrypted;
    struct build_encryption encryption; /* of encrypted; and of shrouded keys */
};

/* Begins with AES-256 and the ASCII password; end with pfx_parts_finish. */
void pfx_parts_begin(struct pfx_parts *parts, const char *password);
void pfx_parts_key(struct pfx_parts *parts, const struct pfx_part *part, const char *name,
                   const char *id); /* shrouded */
void pfx_parts_cert(struct pfx_parts *parts, const struct pfx_part *part, const char *name,
                    const char *id); /* encrypted */
/* The file into out, with a MAC unless mac is NULL or has no digest. The lists are freed. */
void pfx_parts_finish(struct pfx_parts *parts, const struct build_mac *mac, struct kf_buf *out);

/* A SHA-256 MAC with an ASCII password. */
struct build_mac pfx_usual_mac(const char *password);

/* One key and its certificate, encrypted, with localKeyID "1" on both. */
void pfx_usual(struct kf_buf *out, const struct pfx_part *part, const char *password);

#endif
