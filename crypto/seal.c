/*
 * Sealing to key recovery agents: see seal.h for the contract.
 *
 * This is the hot path of every import. All that does not depend on the key is made once: the
 * RecipientInfos with holes for the encrypted content keys, and OpenSSL's contexts. A key then
 * costs little more than one RSA public operation for each agent. Sources: RFC 5652 6
 * (EnvelopedData), RFC 5083 and RFC 5084 (AuthEnvelopedData, AES-GCM), RFC 3370 4.2.1 (PKCS #1
 * v1.5), RFC 4055 4.1 and RFC 3560 (OAEP), RFC 3565 and RFC 3370 5.1 (AES-CBC, 3DES-CBC).
 */
#include "crypto/seal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rsa.h>

#include "core/der.h"

#define MAX_AGENTS   64
#define MAX_KEY_SIZE 32
#define MAX_IV_SIZE  16
#define TAG_SIZE     16
#define AT_A_TIME    64         /* content keys and IVs that are drawn together */
#define MAX_SEALED   (1u << 20) /* bytes of plaintext */
#define OVERHEAD     256        /* bytes around recipients and ciphertext, with room to spare */

/* DER, whole values */
static const uint8_t oid_data[] = {6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1};
static const uint8_t oid_enveloped[] = {6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3};
static const uint8_t oid_auth_enveloped[] = {6,    11, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                             0x0d, 1,  9,    16,   1,    23};
static const uint8_t oid_aes256_cbc[] = {6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42};
static const uint8_t oid_aes256_gcm[] = {6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 46};
static const uint8_t oid_des3_cbc[] = {6, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 3, 7};
static const uint8_t version_0[] = {2, 1, 0};
static const uint8_t tag_size_der[] = {2, 1, TAG_SIZE}; /* aes-ICVlen, of which 12 is the default */

// clang-format off
/* AlgorithmIdentifier rsaEncryption with NULL */
static const uint8_t transport_pkcs1[] = {
    0x30, 13,
    6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1,
    5, 0,
};

/* AlgorithmIdentifier id-RSAES-OAEP with SHA-256 and MGF1 with SHA-256, no label (RFC 4055 4.1) */
static const uint8_t transport_oaep[] = {
    0x30, 60,
    6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 7,             /* id-RSAES-OAEP */
    0x30, 47,
    0xa0, 15, 0x30, 13,                                            /* hashFunc */
    6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0,             /* id-sha256, NULL */
    0xa1, 28, 0x30, 26,                                            /* maskGenFunc */
    6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8,             /* id-mgf1 */
    0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0,   /* id-sha256, NULL */
};
// clang-format on

struct profile {
    const uint8_t *content_type; /* whole OID, as the others */
    size_t content_type_size;
    const uint8_t *transport;
    size_t transport_size;
    const uint8_t *cipher;
    size_t cipher_size;
    size_t key_size;
    size_t iv_size;
    size_t block; /* 0: GCM */
};

#define DER(name) name, sizeof(name)

static const struct profile profiles[] = {
    [KF_SEAL_WINDOWS] = {DER(oid_enveloped), DER(transport_pkcs1), DER(oid_aes256_cbc), 32, 16, 16},
    [KF_SEAL_WINDOWS_3DES] = {DER(oid_enveloped), DER(transport_pkcs1), DER(oid_des3_cbc), 24, 8,
                              8},
    [KF_SEAL_MODERN] = {DER(oid_auth_enveloped), DER(transport_oaep), DER(oid_aes256_gcm), 32, 12,
                        0},
};

struct agent {
    EVP_PKEY_CTX *context; /* initialized for encryption */
    size_t key_size;       /* bytes of what it encrypts to */
    size_t hole;           /* where that goes, from the start of the sealer's recipients */
    struct kf_buf info;    /* its RecipientInfo, while the sealer is made */
};

struct kf_sealer {
    const struct kf_crypto *crypto;
    const struct profile *profile;
    struct kf_buf keys;                   /* secret: random content keys, */
    uint8_t ivs[AT_A_TIME * MAX_IV_SIZE]; /* and random IVs: */
    size_t left;                          /* so many of each, for one use */
    EVP_CIPHER_CTX *cipher;
    struct kf_buf recipients; /* the SET OF RecipientInfo, with holes */
    char *hashes;
    size_t count;
    struct agent agents[MAX_AGENTS];
};

static enum kf_status put(struct kf_buf *out, const uint8_t *bytes, size_t len,
                          struct kf_error *error)
{
    return kf_buf_append(out, bytes, len, error);
}

static bool set_up_transport(const struct kf_crypto *crypto, enum kf_seal_profile profile,
                             EVP_PKEY_CTX *context)
{
    if (context == NULL || EVP_PKEY_encrypt_init(context) != 1)
        return false;
    if (profile != KF_SEAL_MODERN)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(context, crypto->sha256) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, crypto->sha256) == 1;
}

/* KeyTransRecipientInfo (RFC 5652 6.2.1); the encrypted key is its end, zeros for now. */
static enum kf_status make_info(const struct kf_kra *kra, const struct profile *profile,
                                struct agent *agent, struct kf_error *error)
{
    const struct kf_cert_facts *facts = &kra->facts;
    struct kf_buf *info = &agent->info;
    size_t mark;
    enum kf_status status = put(info, version_0, sizeof(version_0), error);

    mark = info->len;
    if (status == KF_OK)
        status = put(info, facts->issuer_der.data, facts->issuer_der.len, error);
    if (status == KF_OK)
        status = put(info, facts->serial_der.data, facts->serial_der.len, error);
    if (status == KF_OK)
        status = kf_der_wrap(info, mark, KF_DER_SEQUENCE, error);
    if (status == KF_OK)
        status = put(info, profile->transport, profile->transport_size, error);
    mark = info->len;
    if (status == KF_OK)
        status = kf_buf_reserve(info, agent->key_size, error);
    if (status != KF_OK)
        return status;
    memset(info->data + mark, 0, agent->key_size);
    info->len += agent->key_size;
    status = kf_der_wrap(info, mark, KF_DER_OCTET_STRING, error);
    return status == KF_OK ? kf_der_wrap(info, 0, KF_DER_SEQUENCE, error) : status;
}

/* The order of DER for a SET OF (X.690 11.6); the holes come last and do not decide. */
static int compare_agents(const void *left, const void *right)
{
    const struct kf_buf *a = &((const struct agent *)left)->info;
    const struct kf_buf *b = &((const struct agent *)right)->info;
    int order = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);

    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* Joins the RecipientInfos to the set, and notes where the holes are. */
static enum kf_status join_recipients(struct kf_sealer *sealer, struct kf_error *error)
{
    struct kf_buf *set = &sealer->recipients;
    size_t before;

    qsort(sealer->agents, sealer->count, sizeof(sealer->agents[0]), compare_agents);
    for (size_t i = 0; i < sealer->count; i++) {
        struct agent *agent = &sealer->agents[i];

        if (put(set, agent->info.data, agent->info.len, error) != KF_OK)
            return KF_FATAL;
        agent->hole = set->len - agent->key_size;
        kf_buf_reset(&agent->info);
    }
    before = set->len;
    if (kf_der_wrap(set, 0, KF_DER_SET, error) != KF_OK)
        return KF_FATAL;
    for (size_t i = 0; i < sealer->count; i++)
        sealer->agents[i].hole += set->len - before;
    return KF_OK;
}

static enum kf_status add_agent(struct kf_sealer *sealer, const struct kf_kra *kra,
                                enum kf_seal_profile profile, struct kf_error *error)
{
    struct agent *agent = &sealer->agents[sealer->count++];
    /* a copy, since OpenSSL locks a key for each operation, and threads share agents */
    EVP_PKEY *key = EVP_PKEY_dup(kra->public_key);

    agent->info = KF_PUBLIC_BUF;
    agent->key_size = (size_t)EVP_PKEY_get_size(kra->public_key);
    agent->context =
        key != NULL ? EVP_PKEY_CTX_new_from_pkey(sealer->crypto->library, key, NULL) : NULL;
    EVP_PKEY_free(key);
    if (!set_up_transport(sealer->crypto, profile, agent->context))
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                               "cannot set up the key transport");
    return make_info(kra, sealer->profile, agent, error);
}

/* "ab cd ...", one a line (archive.md). */
static char *make_hashes(const struct kf_kra *const *agents, size_t count)
{
    const size_t line = 3 * (size_t)KF_SHA1_SIZE; /* two digits and a space or newline each */
    char *text = malloc(count * line);
    char *at = text;

    for (size_t i = 0; text != NULL && i < count; i++) {
        for (size_t j = 0; j < KF_SHA1_SIZE; j++) {
            kf_hex(at, agents[i]->facts.sha1 + j, 1);
            at[2] = j + 1 < KF_SHA1_SIZE ? ' ' : '\n';
            at += 3;
        }
    }
    if (text != NULL)
        at[-1] = '\0';
    return text;
}

static const EVP_CIPHER *content_cipher(const struct kf_crypto *crypto,
                                        enum kf_seal_profile profile)
{
    switch (profile) {
    case KF_SEAL_WINDOWS:
        return crypto->aes256_cbc;
    case KF_SEAL_WINDOWS_3DES:
        return crypto->des3_cbc;
    case KF_SEAL_MODERN:
        return crypto->aes256_gcm;
    }
    return NULL;
}

static enum kf_status fill(struct kf_sealer *sealer, const struct kf_kra *const *agents,
                           size_t count, enum kf_seal_profile profile, struct kf_error *error)
{
    for (size_t i = 0; i < count; i++) {
        enum kf_status status = add_agent(sealer, agents[i], profile, error);

        if (status != KF_OK)
            return status;
    }
    if (join_recipients(sealer, error) != KF_OK)
        return KF_FATAL;
    sealer->hashes = make_hashes(agents, count);
    sealer->cipher = EVP_CIPHER_CTX_new();
    if (sealer->hashes == NULL || sealer->cipher == NULL)
        return kf_fail_memory(error);
    if (EVP_EncryptInit_ex2(sealer->cipher, content_cipher(sealer->crypto, profile), NULL, NULL,
                            NULL) != 1)
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "cannot set up a cipher");
    return KF_OK;
}

enum kf_status kf_sealer_new(const struct kf_crypto *crypto, const struct kf_kra *const *agents,
                             size_t count, enum kf_seal_profile profile, struct kf_sealer **out,
                             struct kf_error *error)
{
    struct kf_sealer *sealer;
    enum kf_status status;

    *out = NULL;
    if (count == 0) {
        status = kf_fail(error, KF_FATAL, KF_CAUSE_CONFIG, "[MS-WCCE] 3.2.2.6.2.1.3",
                         "there is no key recovery agent to seal to");
        kf_error_code(error, KF_E_ARCHIVAL_NOT_SET_UP);
        return status;
    }
    if (count > MAX_AGENTS)
        return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL,
                       "%zu key recovery agents for one key, more than %d", count, MAX_AGENTS);
    sealer = calloc(1, sizeof(*sealer));
    if (sealer == NULL)
        return kf_fail_memory(error);
    sealer->crypto = crypto;
    sealer->profile = &profiles[profile];
    sealer->recipients = KF_PUBLIC_BUF;
    sealer->keys = KF_SECRET_BUF;
    status = fill(sealer, agents, count, profile, error);
    if (status != KF_OK) {
        kf_sealer_free(sealer);
        return status;
    }
    *out = sealer;
    return KF_OK;
}

void kf_sealer_free(struct kf_sealer *sealer)
{
    if (sealer == NULL)
        return;
    for (size_t i = 0; i < sealer->count; i++) {
        EVP_PKEY_CTX_free(sealer->agents[i].context);
        kf_buf_reset(&sealer->agents[i].info);
    }
    EVP_CIPHER_CTX_free(sealer->cipher);
    kf_buf_reset(&sealer->recipients);
    kf_buf_reset(&sealer->keys);
    free(sealer->hashes);
    free(sealer);
}

const char *kf_sealer_hashes(const struct kf_sealer *sealer)
{
    return sealer->hashes;
}

/* DES keys have odd parity (RFC 3370 5.1); some readers check. */
static void set_parity(uint8_t *key, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned bits = key[i] & 0xfeu;

        bits ^= bits >> 4;
        bits ^= bits >> 2;
        bits ^= bits >> 1;
        key[i] = (uint8_t)((key[i] & 0xfeu) | (~bits & 1u));
    }
}

static enum kf_status put_recipients(struct kf_sealer *sealer, const uint8_t *key,
                                     struct kf_buf *out, struct kf_error *error)
{
    size_t base = out->len;

    if (put(out, sealer->recipients.data, sealer->recipients.len, error) != KF_OK)
        return KF_FATAL;
    for (size_t i = 0; i < sealer->count; i++) {
        const struct agent *agent = &sealer->agents[i];
        size_t len = agent->key_size;

        if (EVP_PKEY_encrypt(agent->context, out->data + base + agent->hole, &len, key,
                             sealer->profile->key_size) != 1 ||
            len != agent->key_size)
            return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL,
                                   "cannot encrypt to a key recovery agent");
    }
    return KF_OK;
}

/* contentEncryptionAlgorithm: an OCTET STRING, in a SEQUENCE with the tag's length for GCM. */
static enum kf_status put_cipher(const struct profile *profile, const uint8_t *iv,
                                 struct kf_buf *out, struct kf_error *error)
{
    size_t mark = out->len;
    size_t parameters;
    enum kf_status status = put(out, profile->cipher, profile->cipher_size, error);

    parameters = out->len;
    if (status == KF_OK)
        status =
            kf_der_put(out, KF_DER_OCTET_STRING, (struct kf_slice){iv, profile->iv_size}, error);
    if (status == KF_OK && profile->block == 0)
        status = put(out, tag_size_der, sizeof(tag_size_der), error);
    if (status == KF_OK && profile->block == 0)
        status = kf_der_wrap(out, parameters, KF_DER_SEQUENCE, error);
    return status == KF_OK ? kf_der_wrap(out, mark, KF_DER_SEQUENCE, error) : status;
}

/* The ciphertext itself; tag is filled for GCM. */
static enum kf_status put_ciphertext(struct kf_sealer *sealer, const uint8_t *key,
                                     const uint8_t *iv, struct kf_slice plaintext,
                                     struct kf_buf *out, uint8_t tag[TAG_SIZE],
                                     struct kf_error *error)
{
    EVP_CIPHER_CTX *cipher = sealer->cipher;
    uint8_t *to;
    int first = 0;
    int last = 0;

    if (kf_buf_reserve(out, plaintext.len + MAX_IV_SIZE, error) != KF_OK)
        return KF_FATAL;
    to = out->data + out->len;
    if (EVP_EncryptInit_ex2(cipher, NULL, key, iv, NULL) != 1 ||
        EVP_EncryptUpdate(cipher, to, &first, plaintext.data, (int)plaintext.len) != 1 ||
        EVP_EncryptFinal_ex(cipher, to + first, &last) != 1 ||
        (sealer->profile->block == 0 &&
         EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) != 1))
        return kf_fail_openssl(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "cannot encrypt a key");
    out->len += (size_t)first + (size_t)last;
    return KF_OK;
}

/* EncryptedContentInfo (RFC 5652 6.1), and the tag that follows it in AuthEnvelopedData. */
static enum kf_status put_content(struct kf_sealer *sealer, const uint8_t *key, const uint8_t *iv,
                                  struct kf_slice plaintext, struct kf_buf *out,
                                  struct kf_error *error)
{
    uint8_t tag[TAG_SIZE];
    size_t mark = out->len;
    size_t text;
    enum kf_status status = put(out, oid_data, sizeof(oid_data), error);

    if (status == KF_OK)
        status = put_cipher(sealer->profile, iv, out, error);
    text = out->len;
    if (status == KF_OK)
        status = put_ciphertext(sealer, key, iv, plaintext, out, tag, error);
    if (status == KF_OK)
        status = kf_der_wrap(out, text, KF_DER_CONTEXT | 0, error);
    if (status == KF_OK)
        status = kf_der_wrap(out, mark, KF_DER_SEQUENCE, error);
    if (status == KF_OK && sealer->profile->block == 0)
        status = kf_der_put(out, KF_DER_OCTET_STRING, (struct kf_slice){tag, sizeof(tag)}, error);
    return status;
}

static enum kf_status put_all(struct kf_sealer *sealer, const uint8_t *key, const uint8_t *iv,
                              struct kf_slice plaintext, struct kf_buf *out, struct kf_error *error)
{
    const struct profile *profile = sealer->profile;
    size_t mark = out->len;
    size_t content;
    enum kf_status status = put(out, profile->content_type, profile->content_type_size, error);

    content = out->len;
    if (status == KF_OK)
        status = put(out, version_0, sizeof(version_0), error);
    if (status == KF_OK)
        status = put_recipients(sealer, key, out, error);
    if (status == KF_OK)
        status = put_content(sealer, key, iv, plaintext, out, error);
    if (status == KF_OK)
        status = kf_der_wrap(out, content, KF_DER_SEQUENCE, error);
    if (status == KF_OK)
        status = kf_der_wrap(out, content, KF_DER_CONTEXT_CONSTRUCTED | 0, error);
    return status == KF_OK ? kf_der_wrap(out, mark, KF_DER_SEQUENCE, error) : status;
}

/* New content keys and IVs: a call of the generator costs more than its bytes. */
static enum kf_status draw(struct kf_sealer *sealer, struct kf_error *error)
{
    if (kf_buf_reserve(&sealer->keys, (size_t)AT_A_TIME * MAX_KEY_SIZE, error) != KF_OK ||
        kf_random(sealer->crypto, sealer->keys.data, (size_t)AT_A_TIME * MAX_KEY_SIZE, true,
                  error) != KF_OK ||
        kf_random(sealer->crypto, sealer->ivs, sizeof(sealer->ivs), false, error) != KF_OK)
        return KF_FATAL;
    sealer->keys.len = (size_t)AT_A_TIME * MAX_KEY_SIZE;
    sealer->left = AT_A_TIME;
    return KF_OK;
}

enum kf_status kf_seal(struct kf_sealer *sealer, struct kf_slice plaintext, struct kf_buf *out,
                       struct kf_error *error)
{
    const struct profile *profile = sealer->profile;
    size_t start = out->len;
    uint8_t *key;
    const uint8_t *iv;
    enum kf_status status;

    if (plaintext.len > MAX_SEALED)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "a key of %zu bytes is not sealed",
                       plaintext.len);
    if (kf_buf_reserve(out, sealer->recipients.len + plaintext.len + OVERHEAD, error) != KF_OK)
        return KF_FATAL;
    if (sealer->left == 0 && draw(sealer, error) != KF_OK)
        return KF_FATAL;
    sealer->left--;
    key = sealer->keys.data + sealer->left * MAX_KEY_SIZE;
    iv = sealer->ivs + sealer->left * MAX_IV_SIZE;
    if (profile->block == 8)
        set_parity(key, profile->key_size);
    status = put_all(sealer, key, iv, plaintext, out, error);
    kf_wipe(key, MAX_KEY_SIZE);
    if (status != KF_OK)
        out->len = start;
    return status;
}
