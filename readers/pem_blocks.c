/*
 * PEM and DER taken apart: see pem_blocks.h.
 *
 * Text before, between and after blocks is passed over, as RFC 7468 5.2 has it. A block without its
 * last line is an error, never an end: half a key must not go unnoticed.
 */
#include "readers/pem_blocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/der.h"

#define BEGIN  "-----BEGIN "
#define END    "-----END "
#define DASHES "-----"

struct label {
    const char *text;
    enum kf_pem_kind kind;
};

#define TRUSTED "TRUSTED CERTIFICATE" /* OpenSSL's: a certificate, and what it is trusted for */

static const struct label labels[] = {
    {"CERTIFICATE", KF_PEM_CERTIFICATE}, {"X509 CERTIFICATE", KF_PEM_CERTIFICATE},
    {"PRIVATE KEY", KF_PEM_PKCS8},       {"ENCRYPTED PRIVATE KEY", KF_PEM_ENCRYPTED},
    {"RSA PRIVATE KEY", KF_PEM_PKCS1},   {"EC PRIVATE KEY", KF_PEM_SEC1},
    {"DSA PRIVATE KEY", KF_PEM_DSA},     {TRUSTED, KF_PEM_CERTIFICATE},
};

static enum kf_pem_kind find_kind(const char *label)
{
    static const char any_key[] = "PRIVATE KEY";
    size_t len = strlen(label);

    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        if (strcmp(labels[i].text, label) == 0)
            return labels[i].kind;
    }
    if (len >= sizeof(any_key) - 1 && strcmp(label + len - (sizeof(any_key) - 1), any_key) == 0)
        return KF_PEM_OTHER_KEY;
    return KF_PEM_OTHER;
}

bool kf_pem_is_key(const struct kf_pem_block *block)
{
    return block->is_open || (block->kind != KF_PEM_CERTIFICATE && block->kind != KF_PEM_OTHER);
}

static bool next_line(struct kf_slice *rest, struct kf_slice *line)
{
    const uint8_t *end;

    if (rest->len == 0)
        return false;
    end = memchr(rest->data, '\n', rest->len);
    line->data = rest->data;
    line->len = end != NULL ? (size_t)(end - rest->data) : rest->len;
    rest->len -= line->len + (end != NULL ? 1 : 0);
    rest->data += line->len + (end != NULL ? 1 : 0);
    while (line->len > 0 && (line->data[line->len - 1] == '\r' || line->data[line->len - 1] == ' '))
        line->len--;
    return true;
}

static bool starts_with(struct kf_slice line, const char *text)
{
    return line.len >= strlen(text) && memcmp(line.data, text, strlen(text)) == 0;
}

/* "-----BEGIN X-----": X, cut where it is too long; false for other lines */
static bool find_label(struct kf_slice line, char *out, size_t size)
{
    size_t before = strlen(BEGIN);
    size_t after = strlen(DASHES);

    if (starts_with(line, "\xef\xbb\xbf")) /* in the middle where files were joined */
        line = (struct kf_slice){line.data + 3, line.len - 3};
    if (!starts_with(line, BEGIN) || line.len < before + after ||
        memcmp(line.data + line.len - after, DASHES, after) != 0)
        return false;
    (void)snprintf(out, size, "%.*s", (int)(line.len - before - after),
                   (const char *)line.data + before);
    return true;
}

static struct kf_pem_block *add_block(struct kf_pem_file *file, const struct kf_limits *limits,
                                      struct kf_error *error)
{
    struct kf_pem_block *grown;

    if (file->count >= limits->file_entries) {
        (void)!kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "more than %llu keys and certificates",
                       (unsigned long long)limits->file_entries);
        return NULL;
    }
    if (file->count % 16 == 0) {
        grown = realloc(file->blocks, (file->count + 16) * sizeof(*grown));
        if (grown == NULL) {
            (void)!kf_fail_memory(error);
            return NULL;
        }
        file->blocks = grown;
    }
    grown = &file->blocks[file->count++];
    *grown = (struct kf_pem_block){.bytes = KF_SECRET_BUF};
    return grown;
}

/* RFC 1421 4.6.1.3 as OpenSSL has it: "AES-256-CBC,0123..." */
static void take_dek_info(struct kf_pem_block *block, struct kf_slice value)
{
    const uint8_t *comma = memchr(value.data, ',', value.len);
    size_t len = comma != NULL ? (size_t)(comma - value.data) : value.len;

    while (len > 0 && value.data[0] == ' ') {
        value.data++;
        value.len--;
        len--;
    }
    (void)snprintf(block->cipher, sizeof(block->cipher), "%.*s", (int)len,
                   (const char *)value.data);
    if (comma != NULL)
        (void)snprintf(block->iv, sizeof(block->iv), "%.*s", (int)(value.len - len - 1),
                       (const char *)comma + 1);
}

/*
 * Whether line is the last one of a block; what follows on it (the first line of the next block,
 * where two files were joined without a line end) is given back to rest.
 */
static bool is_last(struct kf_slice line, const char *label, struct kf_slice *rest)
{
    size_t len = strlen(END) + strlen(label) + strlen(DASHES);
    char last[sizeof(END) + sizeof(DASHES) + sizeof(((struct kf_pem_block *)NULL)->label)];

    (void)snprintf(last, sizeof(last), "%s%s%s", END, label, DASHES);
    if (!starts_with(line, last))
        return false;
    if (line.len > len) {
        rest->len += (size_t)(rest->data - (line.data + len));
        rest->data = line.data + len;
    }
    return true;
}

/* Lines up to the last one; the body is what stands between. false: there is no last line. */
static bool find_body(struct kf_slice *rest, uint64_t *number, struct kf_pem_block *block,
                      struct kf_slice *body)
{
    static const char dek[] = "DEK-Info:";
    struct kf_slice line;
    bool in_headers = false;

    *body = (struct kf_slice){rest->data, 0};
    while (next_line(rest, &line)) {
        (*number)++;
        if (is_last(line, block->label, rest)) {
            body->len = (size_t)(line.data - body->data);
            return true;
        }
        if (starts_with(line, BEGIN))
            return false;
        if (memchr(line.data, ':', line.len) != NULL)
            in_headers = true;
        if (in_headers)
            body->data = rest->data; /* after the header, or the empty line that ends them */
        if (line.len == 0)
            in_headers = false;
        if (starts_with(line, dek))
            take_dek_info(
                block, (struct kf_slice){line.data + sizeof(dek) - 1, line.len - sizeof(dek) + 1});
    }
    return false;
}

static void keep_first_value(struct kf_buf *bytes)
{
    struct kf_slice cursor = kf_buf_slice(bytes);
    struct kf_tlv first;

    if (kf_der_any(&cursor, &first))
        bytes->len = first.whole.len;
}

static enum kf_status take_block(struct kf_pem_file *file, const char *label, struct kf_slice *rest,
                                 uint64_t *number, const struct kf_limits *limits,
                                 struct kf_error *error)
{
    struct kf_pem_block *block = add_block(file, limits, error);
    struct kf_slice body;

    if (block == NULL)
        return error != NULL && error->cause == KF_CAUSE_LIMIT ? KF_SKIP : KF_FATAL;
    (void)snprintf(block->label, sizeof(block->label), "%s", label);
    block->line = *number;
    block->kind = find_kind(label);
    if (!find_body(rest, number, block, &body)) {
        block->is_open = true;
        (void)!kf_fail(&block->error, KF_SKIP, KF_CAUSE_DATA, "RFC 7468 3",
                       "a %s without its last line", label);
        return KF_OK;
    }
    if (block->kind == KF_PEM_OTHER || block->kind == KF_PEM_OTHER_KEY)
        return KF_OK;
    if (kf_base64_decode(&block->bytes, body, &block->error) == KF_FATAL) {
        *error = block->error;
        return KF_FATAL;
    }
    if (strcmp(label, TRUSTED) == 0)
        keep_first_value(&block->bytes);
    if (block->error.cause == KF_CAUSE_NONE && block->cipher[0] == '\0' &&
        !kf_der_is_single(kf_buf_slice(&block->bytes), KF_DER_SEQUENCE))
        (void)!kf_fail(&block->error, KF_SKIP, KF_CAUSE_DATA, "RFC 7468 5.1",
                       "a %s that is not one DER value", label);
    return KF_OK;
}

/* What one DER value is by its first members; KF_PEM_OTHER for what is not known here. */
static enum kf_pem_kind find_der_kind(struct kf_slice content)
{
    static const uint8_t pkcs[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01};
    const uint8_t *at = content.data;
    size_t inner;

    if (content.len < 16)
        return KF_PEM_OTHER;
    if (at[0] == KF_DER_INTEGER && at[1] == 1) {
        if (at[2] <= 1 && at[3] == KF_DER_SEQUENCE)
            return KF_PEM_PKCS8;
        if (at[2] <= 1 && at[3] == KF_DER_INTEGER)
            return KF_PEM_PKCS1;
        return at[2] == 1 && at[3] == KF_DER_OCTET_STRING ? KF_PEM_SEC1 : KF_PEM_OTHER;
    }
    if (at[0] != KF_DER_SEQUENCE)
        return KF_PEM_OTHER;
    inner = at[1] < 0x80 ? 2 : 2 + (at[1] & 0x7fu);
    if (inner > 5)
        return KF_PEM_OTHER;
    /* pkcs-5 or pkcs-12: a password-based algorithm, which no certificate begins with */
    if (at[inner + 1] >= 9 && inner + sizeof(pkcs) + 1 < content.len && at[inner] == KF_DER_OID &&
        memcmp(at + inner + 2, pkcs + 2, sizeof(pkcs) - 2) == 0 &&
        (at[inner + 9] == 5 || at[inner + 9] == 12))
        return KF_PEM_ENCRYPTED;
    if (at[inner] == (KF_DER_CONTEXT_CONSTRUCTED | 0) || at[inner] == KF_DER_INTEGER)
        return KF_PEM_CERTIFICATE;
    return KF_PEM_OTHER;
}

static enum kf_status take_der(struct kf_slice bytes, const struct kf_limits *limits,
                               struct kf_pem_file *out, struct kf_error *error)
{
    static const char *const names[] = {
        [KF_PEM_CERTIFICATE] = "certificate", [KF_PEM_PKCS8] = "PKCS #8 key",
        [KF_PEM_ENCRYPTED] = "encrypted key", [KF_PEM_PKCS1] = "PKCS #1 key",
        [KF_PEM_SEC1] = "SEC 1 key",          [KF_PEM_DSA] = "DSA key",
        [KF_PEM_OTHER_KEY] = "key",           [KF_PEM_OTHER] = "value",
    };
    struct kf_slice cursor = bytes;
    struct kf_slice content = {NULL, 0};
    struct kf_pem_block *block;
    enum kf_pem_kind kind = KF_PEM_OTHER;

    if (kf_der_get(&cursor, KF_DER_SEQUENCE, &content) && kf_der_end(&cursor))
        kind = find_der_kind(content);
    if (kind == KF_PEM_OTHER)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                       "neither PEM nor one private key or certificate in DER");
    block = add_block(out, limits, error);
    if (block == NULL)
        return KF_FATAL;
    block->kind = kind;
    (void)snprintf(block->label, sizeof(block->label), "%s", names[kind]);
    return kf_buf_set(&block->bytes, bytes, error);
}

enum kf_status kf_pem_parse(struct kf_slice bytes, const struct kf_limits *limits,
                            struct kf_pem_file *out, struct kf_error *error)
{
    struct kf_slice rest = bytes;
    struct kf_slice line;
    char label[sizeof(out->blocks->label)];
    uint64_t number = 0;
    enum kf_status status = KF_OK;

    if (bytes.len > 0 && bytes.data[0] == KF_DER_SEQUENCE)
        return take_der(bytes, limits, out, error);
    while (status == KF_OK && next_line(&rest, &line)) {
        number++;
        if (find_label(line, label, sizeof(label)))
            status = take_block(out, label, &rest, &number, limits, error);
    }
    if (status == KF_OK && out->count == 0)
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                       "neither PEM nor one private key or certificate in DER");
    return status;
}

void kf_pem_reset(struct kf_pem_file *file)
{
    if (file == NULL)
        return;
    for (size_t i = 0; i < file->count; i++)
        kf_buf_reset(&file->blocks[i].bytes);
    free(file->blocks);
    *file = (struct kf_pem_file){.blocks = NULL};
}

static int bid_der(struct kf_slice prefix)
{
    size_t header;
    enum kf_pem_kind kind;

    if (prefix.len < 2)
        return KF_BID_NONE;
    header = prefix.data[1] < 0x80 ? 2 : 2 + (prefix.data[1] & 0x7fu);
    if (header > 6 || prefix.len < header)
        return KF_BID_NONE;
    kind = find_der_kind((struct kf_slice){prefix.data + header, prefix.len - header});
    if (kind == KF_PEM_OTHER)
        return KF_BID_NONE;
    return kind == KF_PEM_CERTIFICATE ? KF_BID_LIKELY : KF_BID_LIKELY + 20;
}

int kf_pem_bid(struct kf_slice prefix)
{
    struct kf_slice rest = prefix;
    struct kf_slice line;
    char label[40];
    int bid = KF_BID_NONE;

    if (prefix.len > 0 && prefix.data[0] == KF_DER_SEQUENCE)
        return bid_der(prefix);
    if (prefix.len > 0 && memchr(prefix.data, 0, prefix.len) != NULL)
        return KF_BID_NONE;
    while (next_line(&rest, &line)) {
        if (!find_label(line, label, sizeof(label)))
            continue;
        if (find_kind(label) == KF_PEM_CERTIFICATE)
            bid = KF_BID_LIKELY;
        else if (find_kind(label) != KF_PEM_OTHER)
            return KF_BID_LIKELY + 20;
    }
    return bid;
}
