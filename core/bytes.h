/*
 * Bytes: borrowed slices and owned buffers, and the text forms that they take.
 *
 * A buffer wipes what it gives up, on growth and at the end, and keeps its bytes in locked memory
 * that core dumps leave out, as far as the system allows. That is the default, since most of what
 * flows through here is a private key or was next to one. A buffer for what is public anyway says
 * so loudly, with KF_PUBLIC_BUF.
 */
#ifndef KF_CORE_BYTES_H
#define KF_CORE_BYTES_H

#include "core/error.h"

/* Bytes that somebody else owns; data may be NULL when len is 0. */
struct kf_slice {
    const uint8_t *data;
    size_t len;
};

/* Bytes that this buffer owns. A zeroed one is empty and secret. */
struct kf_buf {
    uint8_t *data; /* NULL when cap is 0 */
    size_t len;
    size_t cap;
    bool is_public; /* ordinary memory, not wiped */
};

#define KF_SECRET_BUF ((struct kf_buf){.data = NULL})
#define KF_PUBLIC_BUF ((struct kf_buf){.is_public = true})

/* Sets up the memory that secret buffers live in and turns core dumps off. Call once, first. */
void kf_secure_memory_init(void);

/* Zeroes memory in a way that the compiler keeps. */
void kf_wipe(void *data, size_t len);

/* Equal length and bytes, compared in constant time. */
bool kf_slice_equal(struct kf_slice a, struct kf_slice b);

/* The bytes of a NUL-terminated string without the NUL; of a buffer, for as long as it is
 * unchanged. */
struct kf_slice kf_slice_of(const char *text);
struct kf_slice kf_buf_slice(const struct kf_buf *buf);

/* A text file's bytes without the byte order mark that Windows writes before UTF-8. */
struct kf_slice kf_without_mark(struct kf_slice text);

/* Makes room for extra more bytes, so that data is not moved while they are added. KF_FATAL:
 * memory. */
enum kf_status kf_buf_reserve(struct kf_buf *buf, size_t extra, struct kf_error *error) KF_MUST_USE;
enum kf_status kf_buf_append(struct kf_buf *buf, const void *data, size_t len,
                             struct kf_error *error) KF_MUST_USE;

/* Replaces what buf holds by a copy of the slice. */
enum kf_status kf_buf_set(struct kf_buf *buf, struct kf_slice bytes,
                          struct kf_error *error) KF_MUST_USE;

/* Wipes and frees; NULL-safe; the buffer is empty and of the same kind afterwards. */
void kf_buf_reset(struct kf_buf *buf);

/* Empties but keeps the memory (wiped, if secret) for the next use. */
void kf_buf_clear(struct kf_buf *buf);

/* Moves from into to, whose old content is reset; from is empty afterwards. */
void kf_buf_move(struct kf_buf *to, struct kf_buf *from);

/* Appends lowercase or uppercase-read hex; decode appends bytes, false for odd or foreign digits.
 */
enum kf_status kf_hex_encode(struct kf_buf *out, struct kf_slice bytes,
                             struct kf_error *error) KF_MUST_USE;
bool kf_hex_decode(const char *text, size_t text_len, uint8_t *out, size_t out_len) KF_MUST_USE;

/* Writes 2 * len lowercase digits and a NUL to out. */
void kf_hex(char *out, const uint8_t *bytes, size_t len);

/*
 * Base64 (RFC 4648 4). Decoding passes over XML's white space (space, tab, CR, LF) and refuses
 * everything else that RFC 4648 does not allow: foreign characters, missing or early padding, bits
 * left over. KF_SKIP with KF_CAUSE_DATA then.
 */
enum kf_status kf_base64_decode(struct kf_buf *out, struct kf_slice text,
                                struct kf_error *error) KF_MUST_USE;
enum kf_status kf_base64_encode(struct kf_buf *out, struct kf_slice bytes,
                                struct kf_error *error) KF_MUST_USE;

/* A copy as a NUL-terminated string, freed by free(); NULL when out of memory. Not for secrets. */
char *kf_strndup(const void *text, size_t len) KF_MUST_USE;

/* The texts, one a line, no newline at the end; freed by free(); NULL when out of memory. */
char *kf_join_lines(const char *const *texts, size_t count) KF_MUST_USE;

/* true where text is a UUID in its 8-4-4-4-12 form; out gets it in lowercase. */
#define KF_UUID_SIZE 37
bool kf_uuid_parse(const char *text, char out[KF_UUID_SIZE]) KF_MUST_USE;

/* Checked arithmetic for sizes that come from input: false where the result does not fit. */
bool kf_size_add(size_t a, size_t b, size_t *sum) KF_MUST_USE;
bool kf_size_mul(size_t a, size_t b, size_t *product) KF_MUST_USE;

/* A decimal number and nothing else, at most max; false otherwise. */
bool kf_parse_u64(const char *text, uint64_t max, uint64_t *out) KF_MUST_USE;

#endif
