/*
 * What a PKCS #12 file holds, as inspect shows it: safes and bags, algorithms and iterations, the
 * MAC, names, which key has which certificate and how that was found, and which password opened
 * what. Before the passwords were tried, what is visible without them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/cert.h"
#include "readers/pfx_file.h"

struct teller {
    const struct pfx_file *file;
    const struct kf_outline *outline;
};

static void tell_text(const struct kf_outline *outline, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        outline->ops->text(outline->context, name, value);
}

static void tell_number(const struct kf_outline *outline, const char *name, uint64_t value)
{
    outline->ops->number(outline->context, name, value);
}

static void tell_flag(const struct kf_outline *outline, const char *name, bool value)
{
    outline->ops->flag(outline->context, name, value);
}

static void tell_problem(const struct kf_outline *outline, const struct kf_error *problem)
{
    char text[640];

    if (problem->cause == KF_CAUSE_NONE)
        return;
    kf_error_format(problem, NULL, text, sizeof(text));
    tell_text(outline, "problem", text);
}

static void tell_match(const struct teller *teller, const struct pfx_match *match)
{
    char text[160];

    pfx_match_text(teller->file->passwords, match, text, sizeof(text));
    tell_text(teller->outline, "password", text);
}

static void tell_pbe(const struct teller *teller, const struct kf_pbe *pbe)
{
    char name[128];

    kf_pbe_name(pbe, name, sizeof(name));
    tell_text(teller->outline, "algorithm", name);
    if (pbe->scheme != KF_PBE_SCRYPT)
        tell_number(teller->outline, "iterations", pbe->iterations);
    tell_number(teller->outline, "saltBytes", pbe->salt.len);
}

static void tell_mac(const struct teller *teller)
{
    const struct pfx_mac *mac = &teller->file->mac;
    const struct kf_outline *outline = teller->outline;
    char name[128];

    pfx_mac_name(mac, name, sizeof(name));
    outline->ops->begin(outline->context, "mac", "MAC");
    tell_text(outline, "algorithm", name);
    if (mac->kind != PFX_MAC_NONE) {
        tell_number(outline, "iterations", mac->iterations);
        tell_number(outline, "saltBytes",
                    mac->kind == PFX_MAC_PBMAC1 ? mac->pbe.salt.len : mac->salt.len);
        if (teller->file->was_opened)
            tell_flag(outline, "verified", mac->verified);
        tell_match(teller, &mac->match);
    }
    outline->ops->end(outline->context);
}

static void tell_names(const struct teller *teller, const struct pfx_bag *bag)
{
    struct kf_tlv id = pfx_attribute(bag, PFX_LOCAL_KEY_ID);
    char *name = pfx_friendly_name(bag);
    char hex[2 * 32 + 1];

    tell_text(teller->outline, "friendlyName", name);
    free(name);
    if (id.tag != 0 && id.value.len != 0) {
        kf_hex(hex, id.value.data, id.value.len < 32 ? id.value.len : 32);
        tell_text(teller->outline, "localKeyId", hex);
    }
}

static void tell_key(const struct teller *teller, const struct pfx_bag *bag)
{
    const struct kf_outline *outline = teller->outline;
    /* before the safes are open, there is no telling */
    const struct pfx_key *key =
        teller->file->keys != NULL ? &teller->file->keys[bag->number] : NULL;
    struct kf_error problem = {.cause = KF_CAUSE_NONE};
    struct kf_slice ciphertext;
    struct kf_pbe pbe;
    char text[64];

    (void)snprintf(text, sizeof(text), "key %u", bag->number + 1);
    outline->ops->begin(outline->context, "bags", text);
    tell_text(outline, "type", bag->kind == PFX_BAG_KEY ? "keyBag" : "pkcs8ShroudedKeyBag");
    tell_names(teller, bag);
    if (bag->kind == PFX_BAG_SHROUDED) {
        if (pfx_parse_shrouded(bag->value, &pbe, &ciphertext, &problem) == KF_OK)
            tell_pbe(teller, &pbe);
        else
            tell_problem(outline, &problem);
    }
    if (key != NULL) {
        if (bag->kind == PFX_BAG_SHROUDED)
            tell_match(teller, &key->match);
        if (key->cert != PFX_NONE) {
            (void)snprintf(text, sizeof(text), "certificate %u", key->cert + 1);
            tell_text(outline, "certificate", text);
        }
        tell_text(outline, "pairing", pfx_pairing_name(key->pairing));
        tell_text(outline, "problem", key->problem);
    }
    outline->ops->end(outline->context);
}

static void tell_certificate(const struct teller *teller, const struct pfx_bag *bag)
{
    const struct kf_outline *outline = teller->outline;
    const struct pfx_cert *cert =
        teller->file->certs != NULL ? &teller->file->certs[bag->number] : NULL;
    struct kf_cert_facts facts = {.version = 0};
    struct kf_error problem = {.cause = KF_CAUSE_NONE};
    char text[64];

    (void)snprintf(text, sizeof(text), "certificate %u", bag->number + 1);
    outline->ops->begin(outline->context, "bags", text);
    tell_text(outline, "type", "certBag");
    tell_names(teller, bag);
    if (kf_cert_parse(teller->file->options->crypto, bag->value, &facts, &problem) == KF_OK) {
        tell_text(outline, "subject", facts.subject);
        tell_text(outline, "issuer", facts.issuer);
        tell_text(outline, "serialNumber", facts.serial);
        kf_hex(text, facts.sha1, sizeof(facts.sha1));
        tell_text(outline, "sha1", text);
        tell_text(outline, "publicKey", facts.key_algorithm);
    } else {
        tell_problem(outline, &problem);
    }
    if (cert != NULL && cert->key != PFX_NONE) {
        (void)snprintf(text, sizeof(text), "key %u", cert->key + 1);
        tell_text(outline, "key", text);
    } else if (cert != NULL) {
        tell_text(outline, "note", "no key of it in the file: not for archival by itself");
    }
    kf_cert_facts_reset(&facts);
    outline->ops->end(outline->context);
}

static void tell_other(const struct teller *teller, const struct pfx_bag *bag)
{
    static const char *const titles[] = {
        [PFX_BAG_KEY] = "key",
        [PFX_BAG_SHROUDED] = "key",
        [PFX_BAG_CERT] = "certificate",
        [PFX_BAG_SDSI] = "SDSI certificate",
        [PFX_BAG_CRL] = "CRL",
        [PFX_BAG_SECRET] = "secret",
        [PFX_BAG_UNKNOWN] = "unknown bag",
    };
    static const char *const types[] = {
        [PFX_BAG_KEY] = "keyBag",      [PFX_BAG_SHROUDED] = "pkcs8ShroudedKeyBag",
        [PFX_BAG_CERT] = "certBag",    [PFX_BAG_SDSI] = "certBag",
        [PFX_BAG_CRL] = "crlBag",      [PFX_BAG_SECRET] = "secretBag",
        [PFX_BAG_UNKNOWN] = "unknown",
    };
    const struct kf_outline *outline = teller->outline;
    char oid[80];

    kf_oid_text(bag->type, oid, sizeof(oid));
    outline->ops->begin(outline->context, "bags", titles[bag->kind]);
    tell_text(outline, "type", types[bag->kind]);
    tell_text(outline, "contentType", oid);
    tell_names(teller, bag);
    tell_text(outline, "note", "not for archival");
    outline->ops->end(outline->context);
}

static void tell_bags(const struct teller *teller, const struct pfx_safe *safe)
{
    for (size_t i = 0; i < safe->bag_count; i++) {
        const struct pfx_bag *bag = &teller->file->bags[safe->first_bag + i];

        switch (bag->kind) {
        case PFX_BAG_KEY:
        case PFX_BAG_SHROUDED:
            tell_key(teller, bag);
            break;
        case PFX_BAG_CERT:
            tell_certificate(teller, bag);
            break;
        case PFX_BAG_SDSI:
        case PFX_BAG_CRL:
        case PFX_BAG_SECRET:
        case PFX_BAG_UNKNOWN:
            tell_other(teller, bag);
            break;
        }
    }
}

static const char *safe_type(enum pfx_safe_kind kind)
{
    switch (kind) {
    case PFX_SAFE_PLAIN:
        return "data";
    case PFX_SAFE_ENCRYPTED:
        return "encryptedData";
    case PFX_SAFE_ENVELOPED:
        return "envelopedData";
    case PFX_SAFE_UNKNOWN:
        break;
    }
    return NULL;
}

static void tell_safe(const struct teller *teller, uint32_t index)
{
    const struct pfx_safe *safe = &teller->file->safes[index];
    const struct kf_outline *outline = teller->outline;
    char text[80];

    (void)snprintf(text, sizeof(text), "safe %u", index + 1);
    outline->ops->begin(outline->context, "safes", text);
    tell_text(outline, "type", safe_type(safe->kind));
    if (safe->kind == PFX_SAFE_UNKNOWN) {
        kf_oid_text(safe->type, text, sizeof(text));
        tell_text(outline, "contentType", text);
    }
    if (safe->has_algorithm)
        tell_pbe(teller, &safe->pbe);
    tell_flag(outline, "open", safe->is_open);
    tell_match(teller, &safe->match);
    if (safe->is_set)
        tell_text(outline, "note", "the bags are a SET, not a SEQUENCE");
    if (safe->trailing != 0)
        tell_number(outline, "trailingBytes", safe->trailing);
    tell_problem(outline, &safe->problem);
    tell_bags(teller, safe);
    outline->ops->end(outline->context);
}

static const char *encoding_name(const struct pfx_file *file)
{
    if (file->was_pem)
        return "PEM";
    if (file->was_base64)
        return "base64";
    return file->was_ber ? "BER" : "DER";
}

enum kf_status pfx_describe(struct pfx_file *file, const struct kf_outline *outline,
                            struct kf_error *error)
{
    struct teller teller = {.file = file, .outline = outline};

    (void)error;
    tell_number(outline, "bytes", file->size);
    tell_text(outline, "encoding", encoding_name(file));
    if (file->trailing != 0)
        tell_number(outline, "trailingBytes", file->trailing);
    if (file->dpapi_ng)
        tell_text(outline, "protection", "a Windows identity (DPAPI-NG)");
    tell_problem(outline, &file->problem);
    if (file->auth_safe.data == NULL)
        return KF_OK;
    tell_mac(&teller);
    for (size_t i = 0; i < file->safe_count; i++)
        tell_safe(&teller, (uint32_t)i);
    return KF_OK;
}
