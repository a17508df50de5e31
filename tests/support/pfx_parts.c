/*
 * Parts of PKCS #12 files: see pfx_parts.h.
 */
#include "tests/support/pfx_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/bytes.h"
#include "tests/support/material.h"

static void make(struct pfx_part *part, EVP_PKEY *key, const char *subject)
{
    const struct material_cert what = {.subject = subject, .key = key};

    *part = (struct pfx_part){.cert = KF_PUBLIC_BUF};
    material_pkcs8(key, &part->pkcs8);
    if (subject != NULL)
        material_cert_der(&what, &part->cert);
}

void pfx_part_make(struct pfx_part *part, const char *what, const char *subject)
{
    make(part, material_key(what), subject);
}

void pfx_part_fresh(struct pfx_part *part, const char *subject)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(material_crypto()->library, NULL, "EC", "P-256");

    if (key == NULL) {
        (void)fprintf(stderr, "pfx_parts: no key\n");
        exit(1);
    }
    make(part, key, subject);
    EVP_PKEY_free(key);
}

void pfx_part_reset(struct pfx_part *part)
{
    kf_buf_reset(&part->pkcs8);
    kf_buf_reset(&part->cert);
}

void pfx_parts_begin(struct pfx_parts *parts, const char *password)
{
    *parts = (struct pfx_parts){
        .plain = KF_PUBLIC_BUF,
        .encrypted = KF_PUBLIC_BUF,
        .encryption = {.name = "pbes2:aes-256-cbc:sha256", .password = build_raw(password)}};
}

void pfx_parts_key(struct pfx_parts *parts, const struct pfx_part *part, const char *name,
                   const char *id)
{
    const struct build_attributes attributes = {.friendly_name = name, .local_key_id = id};

    build_shrouded(&parts->plain, kf_buf_slice(&part->pkcs8), &parts->encryption, &attributes);
}

void pfx_parts_cert(struct pfx_parts *parts, const struct pfx_part *part, const char *name,
                    const char *id)
{
    const struct build_attributes attributes = {.friendly_name = name, .local_key_id = id};

    build_cert(&parts->encrypted, kf_buf_slice(&part->cert), &attributes);
}

void pfx_parts_finish(struct pfx_parts *parts, const struct build_mac *mac, struct kf_buf *out)
{
    struct kf_buf safe = KF_PUBLIC_BUF;
    struct kf_buf contents = KF_PUBLIC_BUF;

    if (parts->encrypted.len != 0) {
        build_safe(&safe, kf_buf_slice(&parts->encrypted), false);
        build_encrypted(&contents, kf_buf_slice(&safe), &parts->encryption);
        kf_buf_clear(&safe);
    }
    if (parts->plain.len != 0) {
        build_safe(&safe, kf_buf_slice(&parts->plain), false);
        build_plain(&contents, kf_buf_slice(&safe));
    }
    build_pfx(out, kf_buf_slice(&contents), mac);
    kf_buf_reset(&safe);
    kf_buf_reset(&contents);
    kf_buf_reset(&parts->plain);
    kf_buf_reset(&parts->encrypted);
}

struct build_mac pfx_usual_mac(const char *password)
{
    return (struct build_mac){.digest = "SHA256", .password = build_bmp(password)};
}

void pfx_usual(struct kf_buf *out, const struct pfx_part *part, const char *password)
{
    const struct build_mac mac = pfx_usual_mac(password);
    struct pfx_parts parts;

    pfx_parts_begin(&parts, password);
    pfx_parts_key(&parts, part, "usual", "1");
    pfx_parts_cert(&parts, part, NULL, "1");
    pfx_parts_finish(&parts, &mac, out);
}
