/*
 * Bounded input: a file, memory or any source of bytes, looked at and consumed.
 *
 * peek shows bytes without taking them, consume takes them; the offset counts what was taken. An
 * input is used by one thread. A short read of the source is not an end; a read error is KF_FATAL.
 */
#ifndef KF_CORE_INPUT_H
#define KF_CORE_INPUT_H

#include "core/bytes.h"

#define KF_INPUT_DIGEST_SIZE 32

struct evp_md_st; /* OpenSSL's EVP_MD */

struct kf_input; /* opaque; freed by kf_input_close */

/* Reads up to size bytes into out; *got is 0 at the end only. KF_FATAL: the source failed. */
typedef enum kf_status kf_source_read(void *context, uint8_t *out, size_t size, size_t *got,
                                      struct kf_error *error);

/* A file by path, or standard input for "-". Neither a folder nor a device. KF_SKIP: cannot be
 * opened. */
enum kf_status kf_input_open(struct kf_input **out, const char *path,
                             struct kf_error *error) KF_MUST_USE;

/* Memory that the caller keeps until the input is closed. name is for messages, and copied. */
enum kf_status kf_input_from_memory(struct kf_input **out, const char *name, struct kf_slice bytes,
                                    struct kf_error *error) KF_MUST_USE;

/* Any source; context stays the caller's. It cannot be rewound. */
enum kf_status kf_input_from_source(struct kf_input **out, const char *name, kf_source_read *read,
                                    void *context, struct kf_error *error) KF_MUST_USE;

/* NULL-safe. */
void kf_input_close(struct kf_input *input);

/* The path or name that it was opened by, as messages show it; lives as long as the input. */
const char *kf_input_name(const struct kf_input *input);

/* The path on disk, or NULL where there is none (memory, a source, standard input). */
const char *kf_input_path(const struct kf_input *input);

/* Bytes consumed so far. */
uint64_t kf_input_offset(const struct kf_input *input);

/* The size in bytes where it is known in advance; false for a pipe or a source. */
bool kf_input_size(const struct kf_input *input, uint64_t *size);

/*
 * Shows at least want bytes, or all that are left where there are fewer; shows more where more are
 * at hand. The slice lives until the next call on this input. want is at most 1 MiB.
 */
enum kf_status kf_input_peek(struct kf_input *input, size_t want, struct kf_slice *out,
                             struct kf_error *error) KF_MUST_USE;

/* Takes count bytes, which the last peek showed. */
void kf_input_consume(struct kf_input *input, size_t count);

/* Copies up to size bytes into out and takes them; *got is 0 at the end only. */
enum kf_status kf_input_read(struct kf_input *input, uint8_t *out, size_t size, size_t *got,
                             struct kf_error *error) KF_MUST_USE;

/* Appends everything that is left. KF_SKIP with KF_CAUSE_LIMIT where that is more than limit bytes.
 */
enum kf_status kf_input_read_all(struct kf_input *input, struct kf_buf *out, size_t limit,
                                 struct kf_error *error) KF_MUST_USE;

/* Back to the first byte. KF_SKIP with KF_CAUSE_UNSUPPORTED for a pipe or a source. */
enum kf_status kf_input_rewind(struct kf_input *input, struct kf_error *error) KF_MUST_USE;

/* What an input is as a whole. Zero-initialize: nothing is known. */
struct kf_input_facts {
    bool has_size;
    bool has_digest;
    bool is_once; /* can be read only once: a pipe, a source, standard input */
    uint64_t size;
    uint8_t sha256[KF_INPUT_DIGEST_SIZE];
};

/*
 * Computes the SHA-256 of the input from what is consumed, from its first byte on; once it was all
 * read, it is not computed again after a rewind. Call before anything is consumed. KF_FATAL:
 * memory.
 */
enum kf_status kf_input_hash(struct kf_input *input, const struct evp_md_st *sha256,
                             struct kf_error *error) KF_MUST_USE;

/* What is known so far: the digest once all of it was consumed, and the size then, too. */
void kf_input_facts(struct kf_input *input, struct kf_input_facts *out);

/* Consumes what is left. */
enum kf_status kf_input_skip_rest(struct kf_input *input, struct kf_error *error) KF_MUST_USE;

#endif
