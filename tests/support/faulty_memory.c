/*
 * Memory that runs out: see faulty_memory.h. Blocks are known by a table of their addresses, since
 * there is no room for anything in a block that may be freed elsewhere.
 */
#include "tests/support/faulty_memory.h"

#include <execinfo.h>
#include <inttypes.h>
#include <jansson.h>
#include <libxml/xmlmemory.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keyfile.h"

#define BLOCKS (1u << 16) /* at most three quarters of it in use */
#define FRAMES 10
#define TOLD   4 /* leaks that are named */

void *__real_malloc(size_t size);                // NOLINT
void *__real_calloc(size_t count, size_t size);  // NOLINT
void *__real_realloc(void *memory, size_t size); // NOLINT
void __real_free(void *memory);                  // NOLINT
void *__wrap_malloc(size_t size);                // NOLINT
void *__wrap_calloc(size_t count, size_t size);  // NOLINT
void *__wrap_realloc(void *memory, size_t size); // NOLINT
void __wrap_free(void *memory);                  // NOLINT

enum kf_status __real_kf_crypto_open(struct kf_crypto **out, struct kf_error *error);    // NOLINT
enum kf_status __wrap_kf_crypto_open(struct kf_crypto **out, struct kf_error *error);    // NOLINT
enum kf_status __real_kf_identity_load(const struct kf_crypto *crypto, const char *path, // NOLINT
                                       const struct kf_buf *password, struct kf_identity *out,
                                       struct kf_error *error);
enum kf_status __wrap_kf_identity_load(const struct kf_crypto *crypto, const char *path, // NOLINT
                                       const struct kf_buf *password, struct kf_identity *out,
                                       struct kf_error *error);

struct block {
    void *memory; /* NULL: free */
    size_t size;
    unsigned epoch; /* of the arming that it was made in */
    enum memory_owner owner;
    void *frames[FRAMES];
};

static struct {
    pthread_mutex_t lock;
    struct block blocks[BLOCKS];
    size_t used;
    void *refused[2 * FRAMES]; /* who was refused first */
    int refused_count;
    unsigned epoch;
    bool is_armed, stays, happened;
    bool is_in_store;                   /* OpenSSL's, which reads key files */
    bool is_setting_up, was_setting_up; /* the library context, when it happened */
    bool is_traced;                     /* KEYFERRY_TRACE=1: where blocks come from */
    enum memory_owner owner;
    size_t at;
    size_t counts[MEMORY_OWNERS];
    const unsigned char *needles; /* inverted */
    size_t needle_count;
    size_t spilled;
} heap = {.lock = PTHREAD_MUTEX_INITIALIZER};

const char *faulty_memory_owner(enum memory_owner owner)
{
    static const char *const names[MEMORY_OWNERS] = {"ours", "OpenSSL", "libxml2", "SQLite",
                                                     "jansson"};

    return names[owner];
}

static size_t slot_of(const void *memory)
{
    uint64_t value = (uint64_t)(uintptr_t)memory >> 4;

    return (size_t)(value * UINT64_C(0x9E3779B97F4A7C15) >> 48) & (BLOCKS - 1);
}

static struct block *find(const void *memory)
{
    for (size_t at = slot_of(memory);; at = (at + 1) & (BLOCKS - 1)) {
        if (heap.blocks[at].memory == NULL)
            return NULL;
        if (heap.blocks[at].memory == memory)
            return &heap.blocks[at];
    }
}

static void add(void *memory, size_t size, enum memory_owner owner)
{
    size_t at = slot_of(memory);

    while (heap.blocks[at].memory != NULL)
        at = (at + 1) & (BLOCKS - 1);
    if (++heap.used > BLOCKS / 4 * 3) {
        (void)fputs("faulty memory: too many blocks\n", stderr);
        abort();
    }
    heap.blocks[at] = (struct block){
        .memory = memory, .size = size, .epoch = heap.is_armed ? heap.epoch : 0, .owner = owner};
    if (heap.is_armed && heap.is_traced)
        (void)backtrace(heap.blocks[at].frames, FRAMES);
}

static bool holds_needle(const unsigned char *bytes, size_t len, const unsigned char *needle)
{
    const int first = needle[0] ^ 0xff;

    for (const unsigned char *at = bytes; len >= MEMORY_NEEDLE;) {
        const unsigned char *found = memchr(at, first, len - MEMORY_NEEDLE + 1);
        size_t i = 0;

        if (found == NULL)
            return false;
        while (i < MEMORY_NEEDLE && (found[i] ^ needle[i]) == 0xff)
            i++;
        if (i == MEMORY_NEEDLE)
            return true;
        len -= (size_t)(found - at) + 1;
        at = found + 1;
    }
    return false;
}

static bool holds_secret(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < heap.needle_count; i++) {
        if (holds_needle(bytes, len, heap.needles + i * MEMORY_NEEDLE))
            return true;
    }
    return false;
}

/* Those after it that do not stand where they want to move up. */
static void remove_block(struct block *block)
{
    size_t hole = (size_t)(block - heap.blocks);

    for (size_t at = (hole + 1) & (BLOCKS - 1); heap.blocks[at].memory != NULL;
         at = (at + 1) & (BLOCKS - 1)) {
        size_t wanted = slot_of(heap.blocks[at].memory);

        if (((at - wanted) & (BLOCKS - 1)) >= ((at - hole) & (BLOCKS - 1))) {
            heap.blocks[hole] = heap.blocks[at];
            hole = at;
        }
    }
    heap.blocks[hole].memory = NULL;
    heap.used--;
}

static void take_out(struct block *block)
{
    if (heap.is_armed && holds_secret(block->memory, block->size)) {
        heap.spilled++;
        if (heap.spilled <= TOLD) {
            void *frames[FRAMES];

            backtrace_symbols_fd(frames, backtrace(frames, FRAMES), 1);
        }
    }
    remove_block(block);
}

static bool is_refused(enum memory_owner owner)
{
    if (!heap.is_armed || (owner == MEMORY_OPENSSL && heap.is_in_store))
        return false;
    heap.counts[owner]++;
    if (owner == heap.owner && heap.at != 0 && heap.counts[owner] == heap.at) {
        heap.happened = true;
        heap.was_setting_up = heap.is_setting_up;
        heap.refused_count = backtrace(heap.refused, 2 * FRAMES);
        return true;
    }
    return heap.stays && heap.happened;
}

static void *take(enum memory_owner owner, size_t size, bool zeroed)
{
    void *memory = NULL;

    (void)pthread_mutex_lock(&heap.lock);
    if (!is_refused(owner))
        memory = zeroed ? __real_calloc(1, size) : __real_malloc(size);
    if (memory != NULL)
        add(memory, size, owner);
    (void)pthread_mutex_unlock(&heap.lock);
    return memory;
}

static void give(void *memory)
{
    struct block *block;

    if (memory == NULL)
        return;
    (void)pthread_mutex_lock(&heap.lock);
    block = find(memory);
    if (block != NULL)
        take_out(block);
    __real_free(memory);
    (void)pthread_mutex_unlock(&heap.lock);
}

/* Always moves, so that nobody relies on the contrary. */
static void *change(enum memory_owner owner, void *memory, size_t size)
{
    const struct block *block;
    void *moved;
    size_t kept = 0;

    if (memory == NULL)
        return take(owner, size, false);
    moved = take(owner, size, false);
    if (moved == NULL)
        return NULL;
    (void)pthread_mutex_lock(&heap.lock);
    block = find(memory);
    if (block != NULL)
        kept = block->size < size ? block->size : size;
    (void)pthread_mutex_unlock(&heap.lock);
    if (block == NULL) { /* from before, or of the C library: its size is not known here */
        give(moved);
        return __real_realloc(memory, size);
    }
    memcpy(moved, memory, kept);
    give(memory);
    return moved;
}

void *__wrap_malloc(size_t size) // NOLINT
{
    return take(MEMORY_OURS, size, false);
}

void *__wrap_calloc(size_t count, size_t size) // NOLINT
{
    return size != 0 && count > SIZE_MAX / size ? NULL : take(MEMORY_OURS, count * size, true);
}

void *__wrap_realloc(void *memory, size_t size) // NOLINT
{
    return change(MEMORY_OURS, memory, size);
}

void __wrap_free(void *memory) // NOLINT
{
    give(memory);
}

enum kf_status __wrap_kf_crypto_open(struct kf_crypto **out, struct kf_error *error) // NOLINT
{
    enum kf_status status;

    heap.is_setting_up = true;
    status = __real_kf_crypto_open(out, error);
    heap.is_setting_up = false;
    return status;
}

enum kf_status __wrap_kf_identity_load(const struct kf_crypto *crypto, const char *path, // NOLINT
                                       const struct kf_buf *password, struct kf_identity *out,
                                       struct kf_error *error)
{
    enum kf_status status;

    heap.is_in_store = true;
    status = __real_kf_identity_load(crypto, path, password, out, error);
    heap.is_in_store = false;
    return status;
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 ? NULL : take(MEMORY_OPENSSL, size, false);
}

static void crypto_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    give(memory);
}

static void *crypto_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (size != 0)
        return change(MEMORY_OPENSSL, memory, size);
    give(memory);
    return NULL;
}

static void *xml_malloc(size_t size)
{
    return take(MEMORY_XML, size, false);
}

static void *xml_realloc(void *memory, size_t size)
{
    return change(MEMORY_XML, memory, size);
}

static char *xml_strdup(const char *text)
{
    char *copy = take(MEMORY_XML, strlen(text) + 1, false);

    if (copy != NULL)
        memcpy(copy, text, strlen(text) + 1);
    return copy;
}

static void *sqlite_malloc(int size)
{
    return take(MEMORY_SQLITE, (size_t)size, false);
}

static void *sqlite_realloc(void *memory, int size)
{
    return change(MEMORY_SQLITE, memory, (size_t)size);
}

static int sqlite_size(void *memory)
{
    const struct block *block;

    (void)pthread_mutex_lock(&heap.lock);
    block = memory != NULL ? find(memory) : NULL;
    (void)pthread_mutex_unlock(&heap.lock);
    return block != NULL ? (int)block->size : 0;
}

static int sqlite_round(int size)
{
    return (size + 7) & ~7;
}

static int sqlite_begin(void *data)
{
    (void)data;
    return SQLITE_OK;
}

static void sqlite_end(void *data)
{
    (void)data;
}

static void *json_take(size_t size)
{
    return take(MEMORY_JSON, size, false);
}

void faulty_memory_install(void)
{
    static const sqlite3_mem_methods methods = {
        .xMalloc = sqlite_malloc,
        .xFree = give,
        .xRealloc = sqlite_realloc,
        .xSize = sqlite_size,
        .xRoundup = sqlite_round,
        .xInit = sqlite_begin,
        .xShutdown = sqlite_end,
    };
    void *frames[1];

    (void)backtrace(frames, 1); /* which loads a library the first time */
    heap.epoch = 1;
    if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1 ||
        xmlMemSetup(give, xml_malloc, xml_realloc, xml_strdup) != 0 ||
        sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK) {
        (void)fputs("faulty memory: a library has begun already\n", stderr);
        exit(EXIT_FAILURE);
    }
    heap.is_traced = getenv("KEYFERRY_TRACE") != NULL;
    json_set_alloc_funcs(json_take, give);
}

void faulty_memory_arm(enum memory_owner owner, size_t at, bool stays)
{
    (void)pthread_mutex_lock(&heap.lock);
    heap.owner = owner;
    heap.at = at;
    heap.stays = stays;
    heap.happened = false;
    heap.was_setting_up = false;
    heap.spilled = 0;
    heap.epoch++;
    memset(heap.counts, 0, sizeof(heap.counts));
    heap.is_armed = true;
    (void)pthread_mutex_unlock(&heap.lock);
}

size_t faulty_memory_disarm(enum memory_owner owner)
{
    heap.is_armed = false;
    return heap.counts[owner];
}

bool faulty_memory_happened(void)
{
    return heap.happened;
}

void faulty_memory_who(void)
{
    (void)fflush(stdout);
    backtrace_symbols_fd(heap.refused, heap.refused_count, 1);
}

size_t faulty_memory_leaks(bool succeeded)
{
    const bool spares = heap.stays || heap.was_setting_up || (succeeded && heap.happened);
    size_t count = 0;

    for (size_t i = 0; i < BLOCKS; i++) {
        struct block *block = &heap.blocks[i];

        if (block->memory == NULL || block->epoch != heap.epoch ||
            (spares && block->owner == MEMORY_OPENSSL))
            continue;
        if (count++ < TOLD) {
            (void)printf("    %zu bytes, %s\n", block->size, faulty_memory_owner(block->owner));
            (void)fflush(stdout);
            if (block->frames[0] != NULL)
                backtrace_symbols_fd(block->frames, FRAMES, 1);
        }
    }
    return count;
}

void faulty_memory_watch(const unsigned char *inverted, size_t count)
{
    heap.needles = inverted;
    heap.needle_count = count;
}

size_t faulty_memory_spilled(void)
{
    return heap.spilled;
}

#ifdef __SANITIZE_ADDRESS__ /* which lets nobody look at memory that is not his */
size_t faulty_memory_remains(void)
{
    return 0;
}
#else
size_t faulty_memory_remains(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    size_t found = 0;

    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t from = 0;
        uintptr_t to = 0;
        char *end = NULL;

        from = (uintptr_t)strtoull(line, &end, 16);
        to = (uintptr_t)strtoull(end + 1, &end, 16);
        if (strncmp(end, " rw", 3) == 0 && strstr(line, "[v") == NULL &&
            holds_secret((const unsigned char *)from, to - from)) { // NOLINT
            (void)printf("    in %s", line);
            found++;
        }
    }
    if (maps != NULL)
        (void)fclose(maps);
    return found;
}
#endif
