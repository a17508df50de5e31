/*
 * Which certificate belongs to which key of a PKCS #12 file.
 *
 * The public key decides. localKeyID (RFC 7292 4.2, PKCS #9 5.5.2) only chooses among several
 * certificates of the same key; software repeats it on every certificate, leaves it out, or gets it
 * wrong. A key that no certificate is of is told with the certificate that it is linked to, where
 * there is exactly one and no other key has it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/cert.h"
#include "crypto/privkey.h"
#include "readers/pfx_file.h"

#define MAX_NAMESAKES  16   /* certificates of one name that are looked at for a chain */
#define MAX_POOL       64   /* certificates that a chain is picked from */
#define MAX_FACTS_KEPT 1024 /* issuers whose facts are kept */

const char *pfx_pairing_name(enum pfx_pairing pairing)
{
    switch (pairing) {
    case PFX_PAIR_BOTH:
        return "localKeyID and public key";
    case PFX_PAIR_PUBLIC_KEY:
        return "public key";
    case PFX_PAIR_WRONG_ID:
        return "public key, although its localKeyID is another certificate's";
    case PFX_PAIR_MISMATCH:
        return "linked, but the public keys differ";
    case PFX_PAIR_BAD_CERT:
        return "linked, but the certificate cannot be read";
    case PFX_PAIR_NONE:
        return "none";
    case PFX_PAIR_PENDING:
    case PFX_PAIR_FAILED:
        break;
    }
    return NULL;
}

static struct kf_slice certificate(const struct pfx_file *file, uint32_t cert)
{
    return file->bags[file->certs[cert].bag].value;
}

static enum kf_status hash_of(const struct pfx_file *file, struct kf_slice bytes, uint8_t *out,
                              struct kf_error *error)
{
    return kf_digest(file->options->crypto->sha256, bytes, out, error);
}

/* Names compare as kf_chain_pick has them: by their text, without case */
static enum kf_status hash_name(const struct pfx_file *file, const char *name, uint8_t *out,
                                struct kf_error *error)
{
    struct kf_buf lower = KF_PUBLIC_BUF;
    enum kf_status status = kf_buf_append(&lower, name, strlen(name), error);

    for (size_t i = 0; i < lower.len; i++)
        lower.data[i] = (uint8_t)tolower(lower.data[i]);
    if (status == KF_OK)
        status = hash_of(file, kf_buf_slice(&lower), out, error);
    kf_buf_reset(&lower);
    return status;
}

/* The hash of a public key with a localKeyID */
static enum kf_status hash_both(const struct pfx_file *file, const uint8_t *key, const uint8_t *id,
                                uint8_t *out, struct kf_error *error)
{
    uint8_t both[2 * KF_SHA256_SIZE];

    memcpy(both, key, KF_SHA256_SIZE);
    memcpy(both + KF_SHA256_SIZE, id, KF_SHA256_SIZE);
    return hash_of(file, (struct kf_slice){both, sizeof(both)}, out, error);
}

/* *has is false for a bag without localKeyID */
static enum kf_status hash_id(const struct pfx_file *file, uint32_t bag, uint8_t *out, bool *has,
                              struct kf_error *error)
{
    struct kf_tlv id = pfx_attribute(&file->bags[bag], PFX_LOCAL_KEY_ID);

    *has = id.tag != 0;
    return *has ? hash_of(file, id.value, out, error) : KF_OK;
}

static enum kf_status index_keys(struct pfx_file *file, uint32_t cert, struct kf_slice spki,
                                 const uint8_t *id, struct kf_error *error)
{
    uint8_t key[KF_SHA256_SIZE];
    uint8_t both[KF_SHA256_SIZE];
    struct kf_error ignored = {.cause = KF_CAUSE_NONE};
    enum kf_status status = kf_spki_fingerprint(file->options->crypto, spki, key, &ignored);

    if (status == KF_FATAL)
        *error = ignored;
    if (status == KF_SKIP)
        return KF_OK; /* a public key of a kind that no key here can have */
    if (status == KF_OK)
        status = pfx_index_add(&file->by_key, file->cert_count, key, cert, error);
    if (status == KF_OK && id != NULL)
        status = hash_both(file, key, id, both, error);
    if (status == KF_OK && id != NULL)
        status = pfx_index_add(&file->by_key_and_id, file->cert_count, both, cert, error);
    return status;
}

static enum kf_status index_cert(struct pfx_file *file, uint32_t cert, struct kf_error *error)
{
    struct kf_cert_facts facts = {.version = 0};
    struct kf_error ignored = {.cause = KF_CAUSE_NONE};
    uint8_t id[KF_SHA256_SIZE];
    uint8_t name[KF_SHA256_SIZE];
    bool has_id = false;
    enum kf_status status = hash_id(file, file->certs[cert].bag, id, &has_id, error);

    if (status == KF_OK && has_id)
        status = pfx_index_add(&file->by_id, file->cert_count, id, cert, error);
    if (status != KF_OK)
        return status;
    status = kf_cert_parse(file->options->crypto, certificate(file, cert), &facts, &ignored);
    if (status == KF_FATAL)
        *error = ignored;
    if (status == KF_SKIP)
        return KF_OK;
    file->certs[cert].readable = status == KF_OK;
    if (status == KF_OK)
        status = index_keys(file, cert, facts.spki_der, has_id ? id : NULL, error);
    if (status == KF_OK)
        status = hash_name(file, facts.subject, name, error);
    if (status == KF_OK)
        status = pfx_index_add(&file->by_subject, file->cert_count, name, cert, error);
    kf_cert_facts_reset(&facts);
    return status;
}

enum kf_status pfx_pair_prepare(struct pfx_file *file, struct kf_error *error)
{
    for (uint32_t i = 0; i < file->cert_count; i++) {
        if (index_cert(file, i, error) != KF_OK)
            return KF_FATAL;
    }
    pfx_index_sort(&file->by_key);
    pfx_index_sort(&file->by_key_and_id);
    pfx_index_sort(&file->by_id);
    pfx_index_sort(&file->by_subject);
    return KF_OK;
}

/* The first of these certificates that no key has yet, or the first of all; PFX_NONE where there
 * are none. Each is passed over once, however many keys ask. */
static uint32_t choose(const struct pfx_file *file, const struct pfx_index *index,
                       const uint8_t *hash, bool *is_free)
{
    size_t count;
    struct pfx_index_entry *entries = pfx_index_find(index, hash, &count);

    *is_free = false;
    if (entries == NULL)
        return PFX_NONE;
    while (entries->next < count && file->certs[entries[entries->next].item].key != PFX_NONE)
        entries->next++;
    *is_free = entries->next < count;
    return *is_free ? entries[entries->next].item : entries->item;
}

/* How the certificate was found, told from the identifiers of the two */
static enum kf_status classify(const struct pfx_file *file, struct pfx_key *key, bool has_id,
                               const uint8_t *id, struct kf_error *error)
{
    uint8_t other[KF_SHA256_SIZE];
    bool other_has_id = false;
    size_t count = 0;

    if (hash_id(file, file->certs[key->cert].bag, other, &other_has_id, error) != KF_OK)
        return KF_FATAL;
    if (has_id)
        (void)pfx_index_find(&file->by_id, id, &count);
    if (has_id && other_has_id && memcmp(id, other, sizeof(other)) == 0)
        key->pairing = PFX_PAIR_BOTH;
    else
        key->pairing = count != 0 ? PFX_PAIR_WRONG_ID : PFX_PAIR_PUBLIC_KEY;
    return KF_OK;
}

enum kf_status pfx_pair_find(struct pfx_file *file, uint32_t key, const uint8_t *fingerprint,
                             bool *wait, struct kf_error *error)
{
    struct pfx_key *at = &file->keys[key];
    uint8_t id[KF_SHA256_SIZE];
    uint8_t both[KF_SHA256_SIZE];
    bool has_id = false;
    bool is_free = false;
    size_t linked = 0;

    *wait = false;
    at->cert = PFX_NONE;
    if (hash_id(file, at->bag, id, &has_id, error) != KF_OK)
        return KF_FATAL;
    if (has_id) {
        if (hash_both(file, fingerprint, id, both, error) != KF_OK)
            return KF_FATAL;
        at->cert = choose(file, &file->by_key_and_id, both, &is_free);
        (void)pfx_index_find(&file->by_id, id, &linked);
    }
    if (at->cert == PFX_NONE)
        at->cert = choose(file, &file->by_key, fingerprint, &is_free);
    if (at->cert == PFX_NONE) {
        at->pairing = PFX_PAIR_NONE;
        *wait = linked == 1 || (file->key_count == 1 && file->cert_count == 1);
        return KF_OK;
    }
    if (is_free)
        file->certs[at->cert].key = key;
    return classify(file, at, has_id, id, error);
}

enum kf_status pfx_pair_linked(struct pfx_file *file, uint32_t key, struct kf_error *error)
{
    struct pfx_key *at = &file->keys[key];
    const struct pfx_index_entry *entries = NULL;
    uint8_t id[KF_SHA256_SIZE];
    bool has_id = false;
    size_t count = 0;
    uint32_t cert = PFX_NONE;

    if (hash_id(file, at->bag, id, &has_id, error) != KF_OK)
        return KF_FATAL;
    if (has_id)
        entries = pfx_index_find(&file->by_id, id, &count);
    if (entries != NULL && count == 1)
        cert = entries->item;
    else if (file->key_count == 1 && file->cert_count == 1)
        cert = 0;
    at->pairing = PFX_PAIR_NONE;
    if (cert == PFX_NONE || file->certs[cert].key != PFX_NONE)
        return KF_OK;
    at->cert = cert;
    at->pairing = file->certs[cert].readable ? PFX_PAIR_MISMATCH : PFX_PAIR_BAD_CERT;
    return KF_OK;
}

/* The facts of a certificate that others may ask for again; *own where the caller has to free
 * them. NULL: it cannot be read. */
static struct kf_cert_facts *issuer_facts(struct pfx_file *file, uint32_t cert, bool *own)
{
    struct pfx_cert *at = &file->certs[cert];
    struct kf_error ignored = {.cause = KF_CAUSE_NONE};
    struct kf_cert_facts *facts;

    *own = false;
    if (at->facts != NULL)
        return at->facts;
    facts = calloc(1, sizeof(*facts));
    if (facts == NULL)
        return NULL;
    if (kf_cert_parse(file->options->crypto, certificate(file, cert), facts, &ignored) != KF_OK) {
        free(facts);
        return NULL;
    }
    *own = file->facts_kept >= MAX_FACTS_KEPT;
    if (!*own) {
        at->facts = facts;
        file->facts_kept++;
    }
    return facts;
}

/* The certificates that might be in the chain: copies of facts, whose strings others own */
struct pool {
    struct kf_cert_facts facts[MAX_POOL];
    struct kf_cert_facts *to_free[MAX_POOL];
    uint32_t certs[MAX_POOL];
    size_t count;
};

static bool in_pool(const struct pool *pool, uint32_t cert)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->certs[i] == cert)
            return true;
    }
    return false;
}

static enum kf_status add_namesakes(struct pfx_file *file, const char *name, struct pool *pool,
                                    struct kf_error *error)
{
    uint8_t hash[KF_SHA256_SIZE];
    const struct pfx_index_entry *entries;
    size_t count;

    if (hash_name(file, name, hash, error) != KF_OK)
        return KF_FATAL;
    entries = pfx_index_find(&file->by_subject, hash, &count);
    for (size_t i = 0; i < count && i < MAX_NAMESAKES && pool->count < MAX_POOL; i++) {
        bool own;
        struct kf_cert_facts *facts;

        if (in_pool(pool, entries[i].item))
            continue;
        facts = issuer_facts(file, entries[i].item, &own);
        if (facts == NULL)
            continue;
        pool->facts[pool->count] = *facts;
        pool->to_free[pool->count] = own ? facts : NULL;
        pool->certs[pool->count++] = entries[i].item;
    }
    return KF_OK;
}

static enum kf_status copy_chain(struct pfx_file *file, const struct pool *pool,
                                 const size_t *picked, size_t count, struct kf_record *record,
                                 struct kf_error *error)
{
    if (count == 0)
        return KF_OK;
    record->chain = calloc(count, sizeof(*record->chain));
    if (record->chain == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < count; i++) {
        struct kf_buf *copy = &record->chain[record->chain_count++];

        *copy = KF_PUBLIC_BUF;
        file->certs[pool->certs[picked[i]]].in_chain = true;
        if (kf_buf_set(copy, certificate(file, pool->certs[picked[i]]), error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

enum kf_status pfx_pair_chain(struct pfx_file *file, struct kf_record *record,
                              struct kf_error *error)
{
    size_t picked[MAX_POOL];
    struct pool *pool;
    size_t count;
    enum kf_status status;

    if (file->cert_count < 2)
        return KF_OK;             /* the key's own alone */
    pool = malloc(sizeof(*pool)); /* what is not filled is not looked at */
    if (pool == NULL)
        return kf_fail_memory(error);
    pool->count = 0;
    status = add_namesakes(file, record->facts.issuer, pool, error);
    for (size_t i = 0; i < pool->count && status == KF_OK; i++)
        status = add_namesakes(file, pool->facts[i].issuer, pool, error);
    if (status == KF_OK) {
        count =
            kf_chain_pick(file->options->crypto, &record->facts, pool->facts, pool->count, picked);
        status = copy_chain(file, pool, picked, count, record, error);
    }
    for (size_t i = 0; i < pool->count; i++) {
        kf_cert_facts_reset(pool->to_free[i]);
        free(pool->to_free[i]);
    }
    free(pool);
    return status;
}
