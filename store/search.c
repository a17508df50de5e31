/*
 * Search tokens: see search.h.
 */
#include "store/search.h"

#include <stdlib.h>

#include "store/fold.h"
#include "store/known.h"

#define TOKENS_AT_ONCE 16  /* of KF_SQL_TOKENS_ADD */
#define PROBES_MAX     256 /* certificates asked for one by one before the filter is made */

static bool same_folded(const char *a, const char *a_end, const char *b, const char *b_end)
{
    unsigned c;

    do {
        c = kf_fold_next(&a, a_end);
        if (c != kf_fold_next(&b, b_end))
            return false;
    } while (c != 0);
    return true;
}

/* FNV-1a over folded characters. */
static uint64_t hash_more(uint64_t hash, const char *text, const char *end)
{
    unsigned c;

    while ((c = kf_fold_next(&text, end)) != 0) {
        hash ^= c;
        hash *= 0x100000001b3ull;
    }
    return hash;
}

#define HASH_START 0xcbf29ce484222325ull

static uint32_t hash_end(uint64_t hash)
{
    hash ^= hash >> 29;
    hash *= 0x9e3779b97f4a7c15ull;
    return (uint32_t)(hash >> 32);
}

static uint32_t hash_text(const char *text)
{
    return hash_end(hash_more(HASH_START, text, text + strlen(text)));
}

static const char *skip_zeros(const char *hex)
{
    while (hex[0] == '0' && hex[1] != '\0')
        hex++;
    return hex;
}

/* The parts of user@domain.rest; false for another form. */
struct upn_parts {
    const char *user, *user_end, *domain, *domain_end;
};

static bool split_upn(const char *upn, struct upn_parts *parts)
{
    const char *at = strrchr(upn, '@');

    if (at == NULL || at == upn || at[1] == '\0' || at[1] == '.')
        return false;
    parts->user = upn;
    parts->user_end = at;
    parts->domain = at + 1;
    parts->domain_end = at + 1 + strcspn(at + 1, ".");
    return true;
}

static size_t hash_names(const struct kf_row_names *names, uint32_t out[KF_ROW_HASHES_MAX])
{
    const char *texts[] = {names->common_name, names->upn, names->requester_name, names->email,
                           names->mailbox_guid};
    const char *numbers[] = {names->serial_number, names->subject_key_identifier,
                             names->certificate_hash};
    struct upn_parts parts;
    size_t count = 0;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i] != NULL && texts[i][0] != '\0')
            out[count++] = hash_text(texts[i]);
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (numbers[i] != NULL && numbers[i][0] != '\0')
            out[count++] = hash_text(skip_zeros(numbers[i]));
    }
    if (names->upn != NULL && split_upn(names->upn, &parts)) {
        static const char backslash[] = "\\";
        uint64_t hash = hash_more(HASH_START, parts.domain, parts.domain_end);

        hash = hash_more(hash, backslash, backslash + 1);
        out[count++] = hash_end(hash_more(hash, parts.user, parts.user_end));
    }
    return count;
}

size_t kf_row_hashes(const struct kf_row_names *names, uint32_t out[KF_ROW_HASHES_MAX])
{
    size_t all = hash_names(names, out);
    size_t count = 0;

    for (size_t i = 0; i < all; i++) {
        bool repeated = false;

        for (size_t j = 0; j < count; j++)
            repeated |= out[j] == out[i];
        if (!repeated)
            out[count++] = out[i];
    }
    return count;
}

enum kf_status kf_tokens_add(struct kf_store *store, uint64_t request_id,
                             const struct kf_row_names *names, struct kf_error *error)
{
    uint32_t hashes[KF_ROW_HASHES_MAX];
    size_t count = kf_row_hashes(names, hashes);

    if (store->token_count + KF_ROW_HASHES_MAX > store->token_capacity) {
        size_t capacity = store->token_capacity == 0 ? 4096 : store->token_capacity * 2;
        int64_t *tokens = realloc(store->tokens, capacity * sizeof(*tokens));

        if (tokens == NULL)
            return kf_fail_memory(error);
        store->tokens = tokens;
        store->token_capacity = capacity;
    }
    for (size_t i = 0; i < count; i++)
        store->tokens[store->token_count++] = kf_token(request_id, hashes[i]);
    return KF_OK;
}

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

enum kf_status kf_tokens_flush(struct kf_store *store, struct kf_error *error)
{
    size_t count = store->token_count;

    if (count != 0)
        qsort(store->tokens, count, sizeof(*store->tokens), by_value);
    for (size_t i = 0; i < count;) {
        size_t some = count - i >= TOKENS_AT_ONCE ? TOKENS_AT_ONCE : 1;
        struct kf_value values[TOKENS_AT_ONCE];

        for (size_t j = 0; j < some; j++)
            values[j] = kf_integer(store->tokens[i++]);
        if (kf_store_execute(store, some == 1 ? KF_SQL_TOKEN_ADD : KF_SQL_TOKENS_ADD, values, some,
                             NULL, error) != KF_OK)
            return KF_FATAL;
    }
    store->token_count = 0;
    return KF_OK;
}

enum kf_status kf_certificate_token_add(struct kf_store *store, uint64_t request_id,
                                        const uint8_t sha256[KF_SHA256_SIZE],
                                        struct kf_error *error)
{
    uint32_t hash = kf_certificate_token_hash(sha256);
    struct kf_value value = kf_integer(kf_token(request_id, hash));

    if (request_id > KF_TOKEN_REQUEST_MAX)
        return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL, "the store is full: %u rows",
                       KF_TOKEN_REQUEST_MAX);
    if (store->known != NULL)
        kf_known_add(store->known, hash, request_id);
    store->row_last = request_id;
    return kf_store_execute(store, KF_SQL_CERT_TOKEN_ADD, &value, 1, NULL, error);
}

/* The rows that have a token of this hash, from all segments. */
struct scan {
    struct kf_store *store;
    enum kf_statement statement;
    uint32_t hash;
    uint64_t request_id; /* the first of the segment that comes next */
    uint64_t last;       /* the greatest of the store */
    struct kf_result *result;
};

static enum kf_status scan_segment(struct scan *scan, struct kf_error *error)
{
    int64_t token = kf_token(scan->request_id, scan->hash);
    struct kf_value range[2] = {kf_integer(token), kf_integer(token | KF_TOKEN_OFFSET_MASK)};

    scan->request_id += KF_TOKEN_OFFSET_MASK + 1;
    return kf_store_query(scan->store, scan->statement, range, 2, &scan->result, error);
}

/* KF_END: no more. The scan is over where it returns anything but KF_OK. */
static enum kf_status scan_next(struct scan *scan, uint64_t *request_id, struct kf_error *error)
{
    enum kf_status status = KF_END;

    while (status == KF_END && (scan->result != NULL || scan->request_id <= scan->last)) {
        status = scan->result == NULL ? scan_segment(scan, error) : KF_OK;
        if (status == KF_OK)
            status = kf_store_next(scan->store, scan->result, error);
        if (status == KF_OK) {
            *request_id = kf_token_request(scan->result->columns[0].number);
            return KF_OK;
        }
        kf_store_finish(scan->store, scan->result);
        scan->result = NULL;
    }
    return status;
}

/* Whether row request_id is that of the certificate. */
static enum kf_status is_row_of(struct kf_store *store, uint64_t request_id,
                                const uint8_t sha256[KF_SHA256_SIZE], bool *is, bool *has_key,
                                struct kf_error *error)
{
    struct kf_value value = kf_integer((int64_t)request_id);
    struct kf_result *result = NULL;
    enum kf_status status = kf_store_query(store, KF_SQL_ROW_KEY_GET, &value, 1, &result, error);

    *is = false;
    if (status == KF_OK)
        status = kf_store_next(store, result, error);
    if (status == KF_OK) {
        *is = kf_slice_equal(result->columns[0].bytes, (struct kf_slice){sha256, KF_SHA256_SIZE});
        *has_key = result->columns[1].number != KF_BLOB_NONE;
    }
    kf_store_finish(store, result);
    return status == KF_END ? KF_OK : status;
}

/* What has to be known about the store at the first question of a transaction. */
static enum kf_status prepare_search(struct kf_store *store, struct kf_error *error)
{
    int64_t last = 0;

    if (store->row_last != 0)
        return KF_OK;
    if (kf_store_number(store, KF_SQL_ROW_LAST, NULL, 0, &last, error) != KF_OK)
        return KF_FATAL;
    store->row_last = (uint64_t)last;
    if (store->known == NULL && store->certificate_searches < PROBES_MAX)
        return KF_OK;
    return kf_known_refresh(store, error);
}

enum kf_status kf_certificate_row(struct kf_store *store, const uint8_t sha256[KF_SHA256_SIZE],
                                  uint64_t *request_id, bool *has_key, struct kf_error *error)
{
    struct scan scan = {.store = store,
                        .statement = KF_SQL_CERT_TOKEN_LIST,
                        .hash = kf_certificate_token_hash(sha256)};
    enum kf_status status = prepare_search(store, error);
    bool found = false;

    if (status != KF_OK)
        return status;
    store->certificate_searches++;
    if (store->known != NULL && !kf_known_may_have(store->known, scan.hash))
        return KF_END;
    scan.last = store->row_last;
    while (status == KF_OK && !found) {
        status = scan_next(&scan, request_id, error);
        if (status == KF_OK)
            status = is_row_of(store, *request_id, sha256, &found, has_key, error);
    }
    kf_store_finish(store, scan.result);
    return status;
}

void kf_search_reset(struct kf_search *search)
{
    if (search == NULL)
        return;
    free(search->text);
    free(search->hex);
    *search = (struct kf_search){.text = NULL};
}

/* The digits of hex as people write it; NULL where it is something else, or out of memory. */
static char *parse_hex(const char *text)
{
    char *digits = malloc(strlen(text) + 1);
    size_t count = 0;

    if (digits == NULL)
        return NULL;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    for (; *text != '\0'; text++) {
        if (strchr("0123456789abcdefABCDEF", *text) != NULL)
            digits[count++] = *text;
        else if (*text != ' ' && *text != ':')
            break;
    }
    digits[count] = '\0';
    if (*text != '\0' || count == 0) {
        free(digits);
        return NULL;
    }
    (void)memmove(digits, skip_zeros(digits), strlen(skip_zeros(digits)) + 1);
    return digits;
}

enum kf_status kf_search_parse(struct kf_search *search, const char *token, struct kf_error *error)
{
    size_t len = strlen(token);
    char bare[KF_UUID_SIZE];
    char guid[KF_UUID_SIZE];

    if (len == KF_UUID_SIZE + 1 && token[0] == '{' && token[len - 1] == '}') {
        memcpy(bare, token + 1, sizeof(bare) - 1);
        bare[sizeof(bare) - 1] = '\0';
        if (kf_uuid_parse(bare, guid)) {
            token = guid;
            len = sizeof(guid) - 1;
        }
    }
    search->text = kf_strndup(token, len);
    if (search->text == NULL)
        return kf_fail_memory(error);
    search->hex = parse_hex(token);
    return KF_OK;
}

static bool equals(const char *field, const char *text)
{
    return field != NULL && same_folded(field, field + strlen(field), text, text + strlen(text));
}

static bool equals_hex(const char *field, const char *hex)
{
    return field != NULL && field[0] != '\0' && equals(skip_zeros(field), hex);
}

/* "DOMAIN\user" against user@domain.rest */
static bool equals_account(const char *upn, const char *text)
{
    const char *backslash = strchr(text, '\\');
    struct upn_parts parts;

    return backslash != NULL && upn != NULL && split_upn(upn, &parts) &&
           same_folded(parts.domain, parts.domain_end, text, backslash) &&
           same_folded(parts.user, parts.user_end, backslash + 1, text + strlen(text));
}

bool kf_search_matches(const struct kf_search *search, const struct kf_row *row)
{
    const char *text = search->text;

    if (equals(row->common_name, text) || equals(row->upn, text) ||
        equals(row->requester_name, text) || equals(row->email, text) ||
        equals(row->mailbox_guid, text) || equals_account(row->upn, text))
        return true;
    return search->hex != NULL && (equals_hex(row->serial_number, search->hex) ||
                                   equals_hex(row->subject_key_identifier, search->hex) ||
                                   equals_hex(row->certificate_hash, search->hex) ||
                                   equals_hex(row->certificate_sha256, search->hex));
}

struct id_list {
    uint64_t *ids;
    size_t count, capacity;
};

static enum kf_status add_id(struct id_list *list, uint64_t id, struct kf_error *error)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        uint64_t *ids = realloc(list->ids, capacity * sizeof(*ids));

        if (ids == NULL)
            return kf_fail_memory(error);
        list->ids = ids;
        list->capacity = capacity;
    }
    list->ids[list->count++] = id;
    return KF_OK;
}

static enum kf_status list_ids(struct kf_store *store, enum kf_statement statement, uint32_t hash,
                               struct id_list *list, struct kf_error *error)
{
    struct scan scan = {.store = store, .statement = statement, .hash = hash};
    int64_t last = 0;
    uint64_t id = 0;
    enum kf_status status = kf_store_number(store, KF_SQL_ROW_LAST, NULL, 0, &last, error);

    scan.last = (uint64_t)last;
    while (status == KF_OK) {
        status = scan_next(&scan, &id, error);
        if (status == KF_OK)
            status = add_id(list, id, error);
    }
    kf_store_finish(store, scan.result);
    return status == KF_END ? KF_OK : status;
}

static int by_id(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* The token of a SHA-256; *hash is its first 32 bits. */
static bool parse_sha256(const char *text, uint32_t *hash)
{
    uint8_t sha256[KF_SHA256_SIZE];

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    if (kf_hash_parse(text, strlen(text), sha256) != KF_SHA256_SIZE)
        return false;
    *hash = kf_certificate_token_hash(sha256);
    return true;
}

enum kf_status kf_search_candidates(struct kf_store *store, const struct kf_search *search,
                                    uint64_t **ids, size_t *count, struct kf_error *error)
{
    struct id_list list = {.ids = NULL};
    enum kf_status status = KF_OK;
    size_t kept = 0;
    uint32_t hash;

    if (store->in_transaction)
        status = kf_tokens_flush(store, error);
    if (status == KF_OK)
        status = list_ids(store, KF_SQL_TOKEN_LIST, hash_text(search->text), &list, error);
    if (status == KF_OK && search->hex != NULL)
        status = list_ids(store, KF_SQL_TOKEN_LIST, hash_text(search->hex), &list, error);
    if (status == KF_OK && parse_sha256(search->text, &hash))
        status = list_ids(store, KF_SQL_CERT_TOKEN_LIST, hash, &list, error);
    if (status != KF_OK) {
        free(list.ids);
        return status;
    }
    if (list.count != 0)
        qsort(list.ids, list.count, sizeof(*list.ids), by_id);
    for (size_t i = 0; i < list.count; i++) {
        if (kept == 0 || list.ids[kept - 1] != list.ids[i])
            list.ids[kept++] = list.ids[i];
    }
    *ids = list.ids;
    *count = kept;
    return KF_OK;
}
