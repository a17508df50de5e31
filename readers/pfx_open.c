/*
 * Opening a PKCS #12 file: the MAC, then the encrypted safes, then each key when its turn comes.
 *
 * The MAC decides about the password where there is one. Where none fits it, a look at the
 * encrypted parts tells a wrong password from a file that was changed: a password that opens them
 * is right.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/ber.h"
#include "readers/pfx_file.h"

struct sealed {
    struct pfx_file *file;
    const struct kf_pbe *pbe;
    struct kf_slice in;
    struct kf_pbe_key key; /* the one that fits */
};

static enum kf_status try_key(void *context, const struct pfx_match *match, struct kf_slice bytes,
                              bool *fits, struct kf_error *error)
{
    struct sealed *sealed = context;
    struct pfx_file *file = sealed->file;
    enum kf_status status =
        pfx_derive(file->passwords, sealed->pbe, match, bytes, &sealed->key, error);

    *fits = false;
    if (status != KF_OK)
        return status;
    return kf_pbe_probe(file->options->crypto, sealed->pbe, &sealed->key, sealed->in, fits, error);
}

/* Finds the password of an encrypted part; sealed->key is its key then */
static enum kf_status find_password(struct sealed *sealed, struct pfx_match *match,
                                    struct kf_error *error)
{
    return pfx_search(sealed->file->passwords, kf_pbe_wants_bmp(sealed->pbe), try_key, sealed,
                      match, error);
}

/* Decrypts a safe where it stands */
static enum kf_status open_safe(struct pfx_file *file, struct pfx_safe *safe,
                                struct kf_error *error)
{
    struct sealed sealed = {.file = file, .pbe = &safe->pbe, .in = safe->bytes};
    uint8_t *bytes = pfx_writable(file, safe->bytes);
    enum kf_status status = find_password(&sealed, &safe->match, error);

    if (status == KF_OK && bytes != NULL)
        status = kf_pbe_decrypt(file->options->crypto, &safe->pbe, &sealed.key, safe->bytes, bytes,
                                &safe->bytes.len, error);
    safe->is_open = status == KF_OK;
    kf_wipe(&sealed.key, sizeof(sealed.key));
    return status;
}

/* EncryptedPrivateKeyInfo ::= SEQUENCE { AlgorithmIdentifier, OCTET STRING } (RFC 5958 3) */
enum kf_status pfx_parse_shrouded(struct kf_slice value, struct kf_pbe *pbe,
                                  struct kf_slice *ciphertext, struct kf_error *error)
{
    struct kf_slice in;
    enum kf_status status;

    if (!kf_der_get(&value, KF_DER_SEQUENCE, &in) || !kf_der_end(&value))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5958 3",
                       "an encrypted key is malformed");
    status = kf_pbe_parse(&in, pbe, error);
    if (status != KF_OK)
        return status;
    if (!kf_der_get(&in, KF_DER_OCTET_STRING, ciphertext) || !kf_der_end(&in))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 5958 3",
                       "an encrypted key is malformed");
    if (ciphertext->len > KF_MAX_PKCS8)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "a key of %zu bytes, more than %u",
                       ciphertext->len, KF_MAX_PKCS8);
    return KF_OK;
}

static enum kf_status open_shrouded(struct pfx_file *file, struct pfx_key *key, struct kf_buf *out,
                                    struct kf_error *error)
{
    struct kf_pbe pbe;
    struct sealed sealed = {.file = file, .pbe = &pbe};
    enum kf_status status = pfx_parse_shrouded(file->bags[key->bag].value, &pbe, &sealed.in, error);

    kf_buf_clear(out);
    if (status == KF_OK)
        status = find_password(&sealed, &key->match, error);
    if (status == KF_OK)
        status = kf_buf_reserve(out, sealed.in.len, error);
    if (status == KF_OK)
        status = kf_pbe_decrypt(file->options->crypto, &pbe, &sealed.key, sealed.in, out->data,
                                &out->len, error);
    kf_wipe(&sealed.key, sizeof(sealed.key));
    return status;
}

/* The first value of what was decrypted, in DER; padding that some writers leave is dropped */
static enum kf_status tidy(struct kf_buf *out, struct kf_error *error)
{
    struct kf_buf der = KF_SECRET_BUF;
    size_t taken = 0;
    bool changed = false;
    enum kf_status status = kf_ber_normalize(kf_buf_slice(out), &taken, &der, &changed, error);

    if (status == KF_OK && changed)
        kf_buf_move(out, &der);
    else if (status == KF_OK)
        out->len = taken;
    kf_buf_reset(&der);
    return status;
}

enum kf_status pfx_key_open(struct pfx_file *file, struct pfx_key *key, struct kf_buf *out,
                            struct kf_error *error)
{
    const struct pfx_bag *bag = &file->bags[key->bag];
    enum kf_status status;

    if (bag->kind == PFX_BAG_SHROUDED) {
        status = open_shrouded(file, key, out, error);
        return status == KF_OK ? tidy(out, error) : status;
    }
    key->match = file->safes[bag->safe].match;
    if (bag->value.len > KF_MAX_PKCS8)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "a key of %zu bytes, more than %u",
                       bag->value.len, KF_MAX_PKCS8);
    return kf_buf_set(out, bag->value, error);
}

static enum kf_status list_safes(struct pfx_file *file, enum pfx_safe_kind kind,
                                 struct kf_error *error)
{
    for (size_t i = 0; i < file->safe_count; i++) {
        if (file->safes[i].kind == kind && file->safes[i].is_open &&
            pfx_bags_list(file, (uint32_t)i, error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

enum kf_status pfx_list_plain(struct pfx_file *file, struct kf_error *error)
{
    if (file->was_listed)
        return KF_OK;
    file->was_listed = true;
    return list_safes(file, PFX_SAFE_PLAIN, error);
}

/* A look at whether passwords open the encrypted parts of a file */
struct look {
    bool any;            /* there is such a part */
    bool opens;          /* one of them opens */
    bool refused;        /* passwords were tried on one, and none fits */
    struct kf_error why; /* the first other reason */
};

static void look_at(struct pfx_file *file, const struct kf_pbe *pbe, struct kf_slice ciphertext,
                    struct look *look)
{
    struct sealed sealed = {.file = file, .pbe = pbe, .in = ciphertext};
    struct pfx_match match;
    struct kf_error why = {.cause = KF_CAUSE_NONE};

    look->any = true;
    look->opens = find_password(&sealed, &match, &why) == KF_OK;
    look->refused = look->refused || why.cause == KF_CAUSE_SECRET;
    if (why.cause != KF_CAUSE_SECRET && look->why.cause == KF_CAUSE_NONE)
        look->why = why;
    kf_wipe(&sealed.key, sizeof(sealed.key));
}

/* At the encrypted safes, and at the first key that stands outside of them, until one opens; or,
 * where that is told, until one does not */
static struct look look_inside(struct pfx_file *file, bool once)
{
    struct look look = {.any = false};
    struct kf_pbe pbe;
    struct kf_slice ciphertext;
    struct kf_error ignored = {.cause = KF_CAUSE_NONE};

    for (size_t i = 0; i < file->safe_count && !look.opens && !(once && look.refused); i++) {
        const struct pfx_safe *safe = &file->safes[i];

        if (safe->has_algorithm && safe->bytes.len != 0)
            look_at(file, &safe->pbe, safe->bytes, &look);
    }
    for (size_t i = 0; i < file->bag_count && !look.opens && !(once && look.refused); i++) {
        if (file->bags[i].kind != PFX_BAG_SHROUDED ||
            pfx_parse_shrouded(file->bags[i].value, &pbe, &ciphertext, &ignored) != KF_OK)
            continue;
        look_at(file, &pbe, ciphertext, &look);
        break;
    }
    return look;
}

static enum kf_status protected(struct kf_error *error) {
    return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL,
                   "protected to a Windows identity (DPAPI-NG), which alone can open it: export it "
                   "again with a password");
}

static enum kf_status check_mac(struct pfx_file *file, struct kf_error *error)
{
    struct kf_error why = {.cause = KF_CAUSE_NONE};
    enum kf_status status;

    if (file->mac.kind == PFX_MAC_NONE)
        return file->options->require_mac ? kf_fail(error, KF_SKIP, KF_CAUSE_POLICY, "RFC 7292 4",
                                                    "has no MAC, and one is required")
                                          : KF_OK;
    status = pfx_mac_verify(file, &why);
    if (status == KF_OK)
        return KF_OK;
    if (status == KF_SKIP && why.cause == KF_CAUSE_SECRET) {
        if (look_inside(file, true).opens)
            return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 7292 4",
                           "the MAC is wrong, although a password opens the contents: the file was "
                           "changed, or its MAC has another password");
        if (file->dpapi_ng)
            return protected(error);
    }
    kf_error_place(&why, "MAC");
    *error = why;
    return status;
}

/* Without a MAC, at least one encrypted part must open: otherwise the whole file is as good as
 * closed, and is told as one failure */
static enum kf_status check_without_mac(struct pfx_file *file, struct kf_error *error)
{
    struct look look;

    if (file->mac.kind != PFX_MAC_NONE)
        return KF_OK;
    look = look_inside(file, false);
    if (look.opens || !look.any)
        return KF_OK;
    if (file->dpapi_ng)
        return protected(error);
    if (!look.refused) {
        *error = look.why;
        return KF_SKIP;
    }
    return pfx_password_count(file->passwords) == 0
               ? kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, NULL, "a password is needed")
               : kf_fail(error, KF_SKIP, KF_CAUSE_SECRET, NULL,
                         "wrong password: none of %zu opens anything",
                         pfx_password_count(file->passwords));
}

static enum kf_status open_safes(struct pfx_file *file, struct kf_error *error)
{
    for (size_t i = 0; i < file->safe_count; i++) {
        struct pfx_safe *safe = &file->safes[i];

        if (safe->kind == PFX_SAFE_ENCRYPTED && safe->problem.cause == KF_CAUSE_NONE &&
            open_safe(file, safe, &safe->problem) == KF_FATAL) {
            *error = safe->problem;
            return KF_FATAL;
        }
    }
    return list_safes(file, PFX_SAFE_ENCRYPTED, error);
}

/* One entry for each key and each certificate, by their numbers */
static enum kf_status list_keys(struct pfx_file *file, struct kf_error *error)
{
    file->keys = calloc(file->key_count + 1, sizeof(*file->keys));
    file->certs = calloc(file->cert_count + 1, sizeof(*file->certs));
    if (file->keys == NULL || file->certs == NULL)
        return kf_fail_memory(error);
    for (uint32_t i = 0; i < file->bag_count; i++) {
        const struct pfx_bag *bag = &file->bags[i];

        if (bag->kind == PFX_BAG_KEY || bag->kind == PFX_BAG_SHROUDED)
            file->keys[bag->number] = (struct pfx_key){.bag = i, .cert = PFX_NONE};
        else if (bag->kind == PFX_BAG_CERT)
            file->certs[bag->number] = (struct pfx_cert){.bag = i, .key = PFX_NONE};
    }
    return KF_OK;
}

enum kf_status pfx_open(struct pfx_file *file, struct kf_error *error)
{
    enum kf_status status = pfx_passwords_new(file->options, file->size, &file->passwords, error);

    file->was_opened = true;
    if (status == KF_OK)
        status = pfx_list_plain(file, error);
    if (status == KF_OK)
        status = check_mac(file, error);
    if (status == KF_OK)
        status = check_without_mac(file, error);
    if (status == KF_OK)
        status = open_safes(file, error);
    if (status == KF_OK)
        status = list_keys(file, error);
    if (status == KF_OK)
        status = pfx_pair_prepare(file, error);
    return status;
}
