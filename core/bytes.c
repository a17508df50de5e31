/*
 * Slices, buffers, hex and base64: see bytes.h for the contract.
 *
 * Small secret buffers come from libcrypto's secure heap (locked, guarded, left out of core dumps),
 * larger ones from pages of their own that are treated the same. Where the system's limit on locked
 * memory is used up, memory is still wiped and still left out of dumps where it can be.
 * Under AddressSanitizer every buffer is plain malloc, so that it sees each overrun.
 */
#include "core/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "core/limits.h"

#ifdef __SANITIZE_ADDRESS__
#define USE_SECURE_HEAP 0
#else
#define USE_SECURE_HEAP 1
#endif

void kf_secure_memory_init(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    if (!USE_SECURE_HEAP)
        return;
    (void)prctl(PR_SET_DUMPABLE, 0); /* it would keep the leak checker out as well */
    if (!CRYPTO_secure_malloc_initialized())
        (void)CRYPTO_secure_malloc_init(KF_SECURE_HEAP_SIZE, KF_SECURE_HEAP_UNIT);
}

void kf_wipe(void *data, size_t len)
{
    if (data != NULL && len != 0)
        OPENSSL_cleanse(data, len);
}

bool kf_slice_equal(struct kf_slice a, struct kf_slice b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

struct kf_slice kf_without_mark(struct kf_slice text)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};

    if (text.len >= sizeof(mark) && memcmp(text.data, mark, sizeof(mark)) == 0)
        return (struct kf_slice){text.data + sizeof(mark), text.len - sizeof(mark)};
    return text;
}

struct kf_slice kf_slice_of(const char *text)
{
    return (struct kf_slice){(const uint8_t *)text, strlen(text)};
}

struct kf_slice kf_buf_slice(const struct kf_buf *buf)
{
    return (struct kf_slice){buf->data, buf->len};
}

/* Pages of their own, for secrets too large for the secure heap; NULL when there is no memory. */
static void *map_pages(size_t size)
{
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED)
        return NULL;
    (void)madvise(pages, size, MADV_DONTDUMP);
    (void)mlock(pages, size); /* best effort: RLIMIT_MEMLOCK may forbid it */
    return pages;
}

/*
 * The size class alone decides where a secret lives, so that freeing needs no header: at most
 * KF_SECURE_HEAP_LARGEST bytes are the secure heap's, or malloc's when that was full.
 */
static void *secret_alloc(size_t size)
{
    void *memory = NULL;

    if (!USE_SECURE_HEAP)
        return malloc(size);
    if (size > KF_SECURE_HEAP_LARGEST)
        return map_pages(size);
    if (CRYPTO_secure_malloc_initialized())
        memory = OPENSSL_secure_malloc(size);
    return memory != NULL ? memory : malloc(size);
}

static void secret_free(void *memory, size_t size)
{
    if (memory == NULL)
        return;
    kf_wipe(memory, size);
    if (USE_SECURE_HEAP && size > KF_SECURE_HEAP_LARGEST)
        (void)munmap(memory, size);
    else if (USE_SECURE_HEAP && CRYPTO_secure_allocated(memory))
        OPENSSL_secure_free(memory);
    else
        free(memory);
}

enum kf_status kf_buf_reserve(struct kf_buf *buf, size_t extra, struct kf_error *error)
{
    size_t need;
    size_t cap = buf->cap < 64 ? 64 : buf->cap;
    uint8_t *data;

    if (!kf_size_add(buf->len, extra, &need) || need > SIZE_MAX / 4)
        return kf_fail_memory(error);
    if (need <= buf->cap)
        return KF_OK;
    /* the first allocation is exact: most buffers are filled once; later ones double */
    cap = buf->cap == 0 ? need : cap;
    while (cap < need)
        cap *= 2;
    if (buf->is_public) {
        data = realloc(buf->data, cap);
        if (data == NULL)
            return kf_fail_memory(error);
    } else {
        data = secret_alloc(cap);
        if (data == NULL)
            return kf_fail_memory(error);
        if (buf->len != 0)
            memcpy(data, buf->data, buf->len);
        secret_free(buf->data, buf->cap);
    }
    buf->data = data;
    buf->cap = cap;
    return KF_OK;
}

enum kf_status kf_buf_append(struct kf_buf *buf, const void *data, size_t len,
                             struct kf_error *error)
{
    if (len == 0)
        return KF_OK;
    if (kf_buf_reserve(buf, len, error) != KF_OK)
        return KF_FATAL;
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return KF_OK;
}

enum kf_status kf_buf_set(struct kf_buf *buf, struct kf_slice bytes, struct kf_error *error)
{
    kf_buf_clear(buf);
    return kf_buf_append(buf, bytes.data, bytes.len, error);
}

void kf_buf_reset(struct kf_buf *buf)
{
    if (buf == NULL)
        return;
    if (buf->is_public)
        free(buf->data);
    else
        secret_free(buf->data, buf->cap);
    buf->data = NULL;
    buf->len = 0;
    buf->cap = 0;
}

void kf_buf_clear(struct kf_buf *buf)
{
    if (!buf->is_public)
        kf_wipe(buf->data, buf->len);
    buf->len = 0;
}

void kf_buf_move(struct kf_buf *to, struct kf_buf *from)
{
    if (to == from)
        return;
    kf_buf_reset(to);
    *to = *from;
    *from = (struct kf_buf){.is_public = to->is_public};
}

void kf_hex(char *out, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

enum kf_status kf_hex_encode(struct kf_buf *out, struct kf_slice bytes, struct kf_error *error)
{
    size_t digits;

    if (!kf_size_mul(bytes.len, 2, &digits) || kf_buf_reserve(out, digits + 1, error) != KF_OK)
        return kf_fail_memory(error);
    kf_hex((char *)out->data + out->len, bytes.data, bytes.len);
    out->len += digits;
    return KF_OK;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

bool kf_hex_decode(const char *text, size_t text_len, uint8_t *out, size_t out_len)
{
    if (text_len / 2 != out_len || text_len % 2 != 0)
        return false;
    for (size_t i = 0; i < out_len; i++) {
        int high = hex_value(text[2 * i]);
        int low = hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

/* Values of the base64 alphabet, from 1, so that 0 is everything else; 65 is white space, 66 is
 * '='. */
#define B64_SPACE 65
#define B64_PAD   66
static const uint8_t base64_values[256] = {
    ['A'] = 1,          ['B'] = 2,          ['C'] = 3,          ['D'] = 4,       ['E'] = 5,
    ['F'] = 6,          ['G'] = 7,          ['H'] = 8,          ['I'] = 9,       ['J'] = 10,
    ['K'] = 11,         ['L'] = 12,         ['M'] = 13,         ['N'] = 14,      ['O'] = 15,
    ['P'] = 16,         ['Q'] = 17,         ['R'] = 18,         ['S'] = 19,      ['T'] = 20,
    ['U'] = 21,         ['V'] = 22,         ['W'] = 23,         ['X'] = 24,      ['Y'] = 25,
    ['Z'] = 26,         ['a'] = 27,         ['b'] = 28,         ['c'] = 29,      ['d'] = 30,
    ['e'] = 31,         ['f'] = 32,         ['g'] = 33,         ['h'] = 34,      ['i'] = 35,
    ['j'] = 36,         ['k'] = 37,         ['l'] = 38,         ['m'] = 39,      ['n'] = 40,
    ['o'] = 41,         ['p'] = 42,         ['q'] = 43,         ['r'] = 44,      ['s'] = 45,
    ['t'] = 46,         ['u'] = 47,         ['v'] = 48,         ['w'] = 49,      ['x'] = 50,
    ['y'] = 51,         ['z'] = 52,         ['0'] = 53,         ['1'] = 54,      ['2'] = 55,
    ['3'] = 56,         ['4'] = 57,         ['5'] = 58,         ['6'] = 59,      ['7'] = 60,
    ['8'] = 61,         ['9'] = 62,         ['+'] = 63,         ['/'] = 64,      [' '] = B64_SPACE,
    ['\t'] = B64_SPACE, ['\r'] = B64_SPACE, ['\n'] = B64_SPACE, ['='] = B64_PAD,
};

static enum kf_status base64_refused(struct kf_error *error, const char *why)
{
    return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, "RFC 4648 4", "base64: %s", why);
}

static void put_group(uint8_t **out, uint32_t group)
{
    *(*out)++ = (uint8_t)(group >> 16);
    *(*out)++ = (uint8_t)(group >> 8);
    *(*out)++ = (uint8_t)group;
}

/* Whole groups of four with nothing between them: the common case, a line at a time. */
static size_t decode_groups(uint8_t **out, const uint8_t *text, size_t len)
{
    size_t done = 0;
    uint8_t *o = *out;

    while (len - done >= 4) {
        uint32_t a = base64_values[text[done]] - 1u;
        uint32_t b = base64_values[text[done + 1]] - 1u;
        uint32_t c = base64_values[text[done + 2]] - 1u;
        uint32_t d = base64_values[text[done + 3]] - 1u;

        if ((a | b | c | d) > 63)
            break;
        put_group(&o, a << 18 | b << 12 | c << 6 | d);
        done += 4;
    }
    *out = o;
    return done;
}

/* Two or three digits and their padding; the bits that make no byte must be zero. */
static bool decode_last_group(uint8_t **out, uint32_t group, unsigned digits, unsigned pads)
{
    uint8_t *o = *out;

    if (digits + pads != 4)
        return false;
    if (digits == 2 && (group & 15) == 0) {
        *o++ = (uint8_t)(group >> 4);
    } else if (digits == 3 && (group & 3) == 0) {
        *o++ = (uint8_t)(group >> 10);
        *o++ = (uint8_t)(group >> 2);
    } else {
        return false;
    }
    *out = o;
    return true;
}

enum kf_status kf_base64_decode(struct kf_buf *out, struct kf_slice text, struct kf_error *error)
{
    uint32_t group = 0;
    unsigned digits = 0;
    unsigned pads = 0;
    uint8_t *o;

    if (kf_buf_reserve(out, text.len / 4 * 3 + 3, error) != KF_OK)
        return KF_FATAL;
    o = out->data + out->len;
    for (size_t i = 0; i < text.len;) {
        unsigned value = base64_values[text.data[i]];

        if (digits == 0 && pads == 0) {
            size_t done = decode_groups(&o, text.data + i, text.len - i);

            i += done;
            if (done != 0)
                continue;
        }
        i++;
        if (value == B64_SPACE)
            continue;
        if (value == 0)
            return base64_refused(error, "a character that does not belong there");
        if (value == B64_PAD) {
            if (digits + pads >= 4 || digits < 2)
                return base64_refused(error, "padding at the wrong place");
            pads++;
            continue;
        }
        if (pads != 0)
            return base64_refused(error, "data after the padding");
        group = group << 6 | (value - 1);
        if (++digits == 4) {
            put_group(&o, group);
            digits = 0;
            group = 0;
        }
    }
    if (digits != 0) {
        if (!decode_last_group(&o, group, digits, pads))
            return base64_refused(error, "ends inside a group of four, or with bits left over");
    }
    out->len = (size_t)(o - out->data);
    return KF_OK;
}

enum kf_status kf_base64_encode(struct kf_buf *out, struct kf_slice bytes, struct kf_error *error)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t need;
    size_t i = 0;
    uint8_t *o;

    if (!kf_size_mul(bytes.len / 3 + 1, 4, &need) || kf_buf_reserve(out, need, error) != KF_OK)
        return kf_fail_memory(error);
    o = out->data + out->len;
    for (; bytes.len - i >= 3; i += 3) {
        uint32_t group =
            (uint32_t)bytes.data[i] << 16 | (uint32_t)bytes.data[i + 1] << 8 | bytes.data[i + 2];

        *o++ = (uint8_t)alphabet[group >> 18];
        *o++ = (uint8_t)alphabet[group >> 12 & 63];
        *o++ = (uint8_t)alphabet[group >> 6 & 63];
        *o++ = (uint8_t)alphabet[group & 63];
    }
    if (i < bytes.len) {
        bool two = bytes.len - i == 2;
        uint32_t group =
            (uint32_t)bytes.data[i] << 16 | (two ? (uint32_t)bytes.data[i + 1] << 8 : 0);

        *o++ = (uint8_t)alphabet[group >> 18];
        *o++ = (uint8_t)alphabet[group >> 12 & 63];
        *o++ = two ? (uint8_t)alphabet[group >> 6 & 63] : '=';
        *o++ = '=';
    }
    out->len = (size_t)(o - out->data);
    return KF_OK;
}

char *kf_strndup(const void *text, size_t len)
{
    char *copy = malloc(len + 1);

    if (copy == NULL)
        return NULL;
    if (len != 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *kf_join_lines(const char *const *texts, size_t count)
{
    size_t size = 1;
    size_t used = 0;
    char *joined;

    for (size_t i = 0; i < count; i++)
        size += strlen(texts[i]) + 1;
    joined = malloc(size);
    if (joined == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(texts[i]);

        if (i != 0)
            joined[used++] = '\n';
        memcpy(joined + used, texts[i], len);
        used += len;
    }
    joined[used] = '\0';
    return joined;
}

bool kf_uuid_parse(const char *text, char out[KF_UUID_SIZE])
{
    for (size_t i = 0; i < KF_UUID_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : hex_value(text[i]) < 0)
            return false;
        out[i] = dash ? '-' : "0123456789abcdef"[hex_value(text[i])];
    }
    out[KF_UUID_SIZE - 1] = '\0';
    return text[KF_UUID_SIZE - 1] == '\0';
}

bool kf_size_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

bool kf_size_mul(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

bool kf_parse_u64(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return value <= max;
}
