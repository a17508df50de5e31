/*
 * Bounded input: see input.h for the contract.
 *
 * Files and pipes are read through a buffer of 64 KiB that grows to what a peek asks for; memory is
 * shown in place. Folders and devices are refused, since a run must never wait on one by mistake.
 */
#include "core/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#define BUFFER_SIZE (64u << 10)
#define PEEK_MAX    (1u << 20)

struct kf_input {
    char *name;
    const char *path; /* name, or NULL */
    int fd;           /* -1 for memory and sources */
    bool can_rewind;
    bool size_known;
    uint64_t size;
    uint64_t offset;      /* of the next byte to be consumed */
    kf_source_read *read; /* NULL for memory */
    void *context;
    struct kf_slice memory; /* all of it, for memory */
    struct kf_slice ahead;  /* read or given, not consumed */
    struct kf_buf buffer;   /* where ahead lives, except for memory */
    bool at_end;            /* the source has said so */
    EVP_MD_CTX *hash;       /* of what was consumed; NULL where nobody asked, or it is done */
    struct kf_input_facts facts;
};

static enum kf_status make(struct kf_input **out, const char *name, struct kf_error *error)
{
    struct kf_input *input = calloc(1, sizeof(*input));

    *out = NULL;
    if (input == NULL)
        return kf_fail_memory(error);
    input->fd = -1;
    input->name = kf_strndup(name, strlen(name));
    if (input->name == NULL) {
        free(input);
        return kf_fail_memory(error);
    }
    *out = input;
    return KF_OK;
}

static enum kf_status read_fd(void *context, uint8_t *out, size_t size, size_t *got,
                              struct kf_error *error)
{
    struct kf_input *input = context;
    ssize_t count;

    do
        count = read(input->fd, out, size);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return kf_fail_errno(error, KF_FATAL, "cannot read on at byte %llu",
                             (unsigned long long)input->offset);
    *got = (size_t)count;
    return KF_OK;
}

static enum kf_status open_fd(struct kf_input *input, const char *path, struct kf_error *error)
{
    struct stat facts;

    if (strcmp(path, "-") == 0) {
        input->fd = dup(STDIN_FILENO);
    } else {
        /* a FIFO by name would block here: O_NONBLOCK is taken back below */
        input->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        input->path = input->name;
    }
    if (input->fd < 0 || fstat(input->fd, &facts) != 0)
        return kf_fail_errno(error, KF_SKIP, "cannot be opened");
    if (S_ISDIR(facts.st_mode))
        return kf_fail(error, KF_SKIP, KF_CAUSE_SYSTEM, NULL, "is a folder (-r reads folders)");
    if (!S_ISREG(facts.st_mode) && input->path != NULL && !S_ISFIFO(facts.st_mode))
        return kf_fail(error, KF_SKIP, KF_CAUSE_SYSTEM, NULL, "is not a file");
    if (input->path != NULL && fcntl(input->fd, F_SETFL, 0) != 0)
        return kf_fail_errno(error, KF_SKIP, "cannot be read");
    if (S_ISREG(facts.st_mode)) {
        input->can_rewind = input->path != NULL;
        input->size_known = true;
        input->size = (uint64_t)facts.st_size;
    }
    input->read = read_fd;
    input->context = input;
    return KF_OK;
}

enum kf_status kf_input_open(struct kf_input **out, const char *path, struct kf_error *error)
{
    enum kf_status status;

    if (make(out, path, error) != KF_OK)
        return KF_FATAL;
    status = open_fd(*out, path, error);
    if (status != KF_OK) {
        kf_input_close(*out);
        *out = NULL;
    }
    return status;
}

enum kf_status kf_input_from_memory(struct kf_input **out, const char *name, struct kf_slice bytes,
                                    struct kf_error *error)
{
    if (make(out, name, error) != KF_OK)
        return KF_FATAL;
    (*out)->memory = bytes;
    (*out)->ahead = bytes;
    (*out)->can_rewind = true;
    (*out)->size_known = true;
    (*out)->size = bytes.len;
    (*out)->at_end = true;
    return KF_OK;
}

enum kf_status kf_input_from_source(struct kf_input **out, const char *name, kf_source_read *read,
                                    void *context, struct kf_error *error)
{
    if (make(out, name, error) != KF_OK)
        return KF_FATAL;
    (*out)->read = read;
    (*out)->context = context;
    return KF_OK;
}

void kf_input_close(struct kf_input *input)
{
    if (input == NULL)
        return;
    if (input->fd >= 0)
        (void)close(input->fd);
    kf_buf_reset(&input->buffer);
    EVP_MD_CTX_free(input->hash);
    free(input->name);
    free(input);
}

const char *kf_input_name(const struct kf_input *input)
{
    return input->name;
}

const char *kf_input_path(const struct kf_input *input)
{
    return input->path;
}

uint64_t kf_input_offset(const struct kf_input *input)
{
    return input->offset;
}

bool kf_input_size(const struct kf_input *input, uint64_t *size)
{
    *size = input->size;
    return input->size_known;
}

/* Brings what is ahead to the front of the buffer and makes room for want bytes in all. */
static enum kf_status make_room(struct kf_input *input, size_t want, struct kf_error *error)
{
    size_t kept = input->ahead.len;

    if (want < BUFFER_SIZE)
        want = BUFFER_SIZE;
    if (kept != 0 && input->ahead.data != input->buffer.data)
        memmove(input->buffer.data, input->ahead.data, kept);
    input->buffer.len = kept;
    if (kf_buf_reserve(&input->buffer, want - kept, error) != KF_OK)
        return KF_FATAL;
    input->ahead = kf_buf_slice(&input->buffer);
    return KF_OK;
}

/* One read of the source into the free part of the buffer. */
static enum kf_status fill(struct kf_input *input, struct kf_error *error)
{
    struct kf_buf *buffer = &input->buffer;
    size_t got = 0;

    if (input->read(input->context, buffer->data + buffer->len, buffer->cap - buffer->len, &got,
                    error) != KF_OK)
        return KF_FATAL;
    if (got == 0)
        input->at_end = true;
    buffer->len += got;
    input->ahead = kf_buf_slice(buffer);
    return KF_OK;
}

enum kf_status kf_input_peek(struct kf_input *input, size_t want, struct kf_slice *out,
                             struct kf_error *error)
{
    if (want > PEEK_MAX)
        want = PEEK_MAX;
    if (input->ahead.len < want && !input->at_end && make_room(input, want, error) != KF_OK)
        return KF_FATAL;
    while (input->ahead.len < want && !input->at_end) {
        if (fill(input, error) != KF_OK)
            return KF_FATAL;
    }
    *out = input->ahead;
    return KF_OK;
}

void kf_input_consume(struct kf_input *input, size_t count)
{
    if (count > input->ahead.len)
        count = input->ahead.len;
    if (input->hash != NULL && EVP_DigestUpdate(input->hash, input->ahead.data, count) != 1) {
        EVP_MD_CTX_free(input->hash); /* no digest rather than a wrong one */
        input->hash = NULL;
    }
    input->ahead.data += count;
    input->ahead.len -= count;
    input->offset += count;
}

enum kf_status kf_input_read(struct kf_input *input, uint8_t *out, size_t size, size_t *got,
                             struct kf_error *error)
{
    struct kf_slice ahead;

    *got = 0;
    if (size == 0)
        return KF_OK;
    if (kf_input_peek(input, 1, &ahead, error) != KF_OK)
        return KF_FATAL;
    *got = ahead.len < size ? ahead.len : size;
    if (*got != 0)
        memcpy(out, ahead.data, *got);
    kf_input_consume(input, *got);
    return KF_OK;
}

enum kf_status kf_input_read_all(struct kf_input *input, struct kf_buf *out, size_t limit,
                                 struct kf_error *error)
{
    size_t taken = 0;
    size_t expected = 0;
    struct kf_slice ahead;

    /* a file's size is known: one allocation then, and no copy on growth */
    if (input->size_known && input->size >= input->offset)
        expected = input->size - input->offset < limit ? (size_t)(input->size - input->offset) : 0;
    if (kf_buf_reserve(out, expected, error) != KF_OK)
        return KF_FATAL;
    for (;;) {
        if (kf_input_peek(input, 1, &ahead, error) != KF_OK)
            return KF_FATAL;
        if (ahead.len == 0)
            return KF_OK;
        if (ahead.len > limit - taken)
            return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL, "is larger than %zu bytes", limit);
        if (kf_buf_append(out, ahead.data, ahead.len, error) != KF_OK)
            return KF_FATAL;
        taken += ahead.len;
        kf_input_consume(input, ahead.len);
    }
}

/* Keeps the digest where the input was consumed to its end. */
static void finish_hash(struct kf_input *input)
{
    struct kf_input_facts *facts = &input->facts;

    if (input->hash == NULL || !input->at_end || input->ahead.len != 0)
        return;
    facts->has_digest = EVP_DigestFinal_ex(input->hash, facts->sha256, NULL) == 1;
    facts->has_size = true;
    facts->size = input->offset;
    EVP_MD_CTX_free(input->hash);
    input->hash = NULL;
}

enum kf_status kf_input_rewind(struct kf_input *input, struct kf_error *error)
{
    if (!input->can_rewind)
        return kf_fail(error, KF_SKIP, KF_CAUSE_UNSUPPORTED, NULL,
                       "can be read only once: name a file");
    finish_hash(input);
    if (input->hash != NULL && EVP_DigestInit_ex2(input->hash, NULL, NULL) != 1)
        return kf_fail(error, KF_FATAL, KF_CAUSE_INTERNAL, NULL, "SHA-256 failed");
    if (input->fd >= 0) {
        if (lseek(input->fd, 0, SEEK_SET) != 0)
            return kf_fail_errno(error, KF_SKIP, "cannot be read again");
        kf_buf_clear(&input->buffer);
        input->at_end = false;
    }
    input->ahead = input->memory;
    input->offset = 0;
    return KF_OK;
}

enum kf_status kf_input_skip_rest(struct kf_input *input, struct kf_error *error)
{
    struct kf_slice ahead;

    do {
        if (kf_input_peek(input, 1, &ahead, error) != KF_OK)
            return KF_FATAL;
        kf_input_consume(input, ahead.len);
    } while (ahead.len != 0);
    return KF_OK;
}

enum kf_status kf_input_hash(struct kf_input *input, const EVP_MD *sha256, struct kf_error *error)
{
    if (input->hash != NULL || input->facts.has_digest)
        return KF_OK;
    input->hash = EVP_MD_CTX_new();
    if (input->hash == NULL || EVP_DigestInit_ex2(input->hash, sha256, NULL) != 1)
        return kf_fail_memory(error);
    return KF_OK;
}

void kf_input_facts(struct kf_input *input, struct kf_input_facts *out)
{
    finish_hash(input);
    *out = input->facts;
    out->is_once = !input->can_rewind;
    if (!out->has_digest) {
        out->has_size = input->size_known;
        out->size = input->size;
    }
}
