/*
 * A key of a PKCS #12 file as a record: decrypted, read, paired, and proven against its
 * certificate.
 *
 * What goes wrong with one key is that key's own failure: the record says so, and the others go on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/cert.h"
#include "crypto/keyforms.h"
#include "crypto/privkey.h"
#include "readers/pfx_file.h"

#define RULE_MISMATCH "[MS-CSRA] 3.1.4.2.16"

/* The record fails, and the key's description keeps why */
static enum kf_status fail(struct pfx_key *key, struct kf_record *record, struct kf_error *why)
{
    free(key->problem);
    key->problem = kf_strndup(why->text, strlen(why->text));
    kf_error_place(why, "%s", record->place);
    kf_buf_reset(&record->pkcs8);
    kf_record_decide(record, KF_FAILED, why);
    return KF_OK;
}

/* Puts a certificate into the record; KF_SKIP: it cannot be read */
static enum kf_status take_cert(struct pfx_file *file, uint32_t cert, struct kf_record *record,
                                struct kf_error *error)
{
    const struct pfx_bag *bag = &file->bags[file->certs[cert].bag];
    enum kf_status status = kf_buf_set(&record->cert, bag->value, error);

    if (status != KF_OK)
        return status;
    status =
        kf_cert_parse(file->options->crypto, kf_buf_slice(&record->cert), &record->facts, error);
    record->has_facts = status == KF_OK;
    if (record->friendly_name == NULL)
        record->friendly_name = pfx_friendly_name(bag);
    return status;
}

static enum kf_status mismatch(struct kf_record *record, struct pfx_key *key)
{
    key->pairing = PFX_PAIR_MISMATCH;
    record->key_mismatch = true;
    (void)!kf_fail(&record->error, KF_SKIP, KF_CAUSE_DATA, RULE_MISMATCH,
                   "the key does not belong to the certificate that it is linked to");
    kf_error_code(&record->error, KF_E_INVALIDARG);
    kf_error_place(&record->error, "%s", record->place);
    return KF_OK;
}

/* The record's certificate is the key's; or the error says why not */
static enum kf_status prove(struct pfx_file *file, const struct kf_privkey *privkey,
                            struct pfx_key *key, struct kf_record *record, struct kf_error *error)
{
    bool belongs = false;
    enum kf_status status = take_cert(file, key->cert, record, error);

    if (status == KF_OK)
        status = kf_privkey_match(file->options->crypto, privkey, record->facts.spki_der, &belongs,
                                  error);
    if (status != KF_OK)
        return status;
    if (!belongs)
        return mismatch(record, key);
    return pfx_pair_chain(file, record, error);
}

/* No certificate is of this key: it fails, unless one is linked to it */
static enum kf_status without(struct pfx_file *file, uint32_t index, struct kf_record *record,
                              struct kf_error *error)
{
    struct pfx_key *key = &file->keys[index];
    enum kf_status status = pfx_pair_linked(file, index, error);

    if (status != KF_OK)
        return status;
    if (key->pairing == PFX_PAIR_MISMATCH) {
        status = take_cert(file, key->cert, record, error);
        return status == KF_OK ? mismatch(record, key) : status;
    }
    if (key->pairing == PFX_PAIR_BAD_CERT)
        return take_cert(file, key->cert, record, error);
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL, "no certificate for this key in the file");
}

/* PKCS #8; or what some writers encrypt in its place, RSAPrivateKey or ECPrivateKey, made that */
static enum kf_status parse_key(struct kf_record *record, struct kf_privkey *key,
                                struct kf_error *error)
{
    struct kf_slice bytes = kf_buf_slice(&record->pkcs8);
    struct kf_buf made = KF_SECRET_BUF;
    enum kf_status status = kf_privkey_parse(bytes, key, error);

    if (status == KF_SKIP && (kf_pkcs8_from_pkcs1(bytes, &made, NULL) == KF_OK ||
                              kf_pkcs8_from_sec1(bytes, &made, NULL) == KF_OK)) {
        kf_buf_move(&record->pkcs8, &made);
        *error = (struct kf_error){.cause = KF_CAUSE_NONE};
        status = kf_privkey_parse(kf_buf_slice(&record->pkcs8), key, error);
    }
    kf_buf_reset(&made);
    return status;
}

static enum kf_status fill(struct pfx_file *file, uint32_t index, bool late,
                           struct kf_record *record, struct kf_error *error)
{
    const struct kf_crypto *crypto = file->options->crypto;
    struct pfx_key *key = &file->keys[index];
    struct kf_privkey privkey;
    uint8_t fingerprint[KF_SHA256_SIZE];
    bool wait = false;
    enum kf_status status = pfx_key_open(file, key, &record->pkcs8, error);

    if (pfx_match_tell(file->passwords, &key->match, record, error) != KF_OK)
        return KF_FATAL;
    if (status == KF_OK)
        status = parse_key(record, &privkey, error);
    if (status == KF_OK)
        status = kf_privkey_fingerprint(crypto, &privkey, fingerprint, error);
    if (status == KF_OK)
        status = pfx_pair_find(file, index, fingerprint, &wait, error);
    if (status != KF_OK)
        return status;
    if (wait && !late)
        return KF_END;
    return key->cert != PFX_NONE ? prove(file, &privkey, key, record, error)
                                 : without(file, index, record, error);
}

enum kf_status pfx_record_fill(struct pfx_file *file, uint32_t index, bool late,
                               struct kf_record *record, struct kf_error *error)
{
    struct pfx_key *key = &file->keys[index];
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    (void)snprintf(record->place, sizeof(record->place), "key %u", index + 1);
    record->friendly_name = pfx_friendly_name(&file->bags[key->bag]);
    status = fill(file, index, late, record, &why);
    if (status == KF_OK)
        return KF_OK;
    if (status == KF_FATAL) {
        *error = why;
        return KF_FATAL;
    }
    if (status == KF_END) {
        kf_record_reset(record);
        return KF_END;
    }
    if (key->pairing == PFX_PAIR_PENDING)
        key->pairing = PFX_PAIR_FAILED;
    return fail(key, record, &why);
}
