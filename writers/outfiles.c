/*
 * The files of a run: see outfiles.h for the contract.
 *
 * Names compare without case, as Windows has them. Refused on purpose in names: everything that a
 * file system, a batch file or a shell gives a meaning, and characters that show as others
 * (direction marks).
 */
#include "writers/outfiles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/files.h"

#define MAX_NAME 96 /* bytes of a name before its number and ending */

struct name {
    char *text;    /* lowercase; NULL for a free slot */
    unsigned next; /* the number that a namesake gets */
};

struct staged {
    struct staged *next;
    char *path;
    struct kf_buf bytes;
    bool is_own;
};

struct kf_outfiles {
    struct kf_outfiles_options options;
    bool is_single;
    struct name *names; /* by hash, open addressing */
    size_t slots;       /* a power of two, or 0 */
    size_t name_count;
    struct staged *first, **last;
};

static bool is_folder(const char *path)
{
    struct stat facts;

    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static bool ends_with(const char *path, const char *ending)
{
    size_t len = strlen(path);
    size_t tail = strlen(ending);

    return len > tail && strcasecmp(path + len - tail, ending) == 0 && path[len - tail - 1] != '/';
}

enum kf_status kf_outfiles_new(const struct kf_outfiles_options *options, struct kf_outfiles **out,
                               struct kf_error *error)
{
    struct kf_outfiles *files = calloc(1, sizeof(*files));

    *out = files;
    if (files == NULL)
        return kf_fail_memory(error);
    files->options = *options;
    files->last = &files->first;
    files->is_single =
        !is_folder(options->path) &&
        (ends_with(options->path, options->ending) ||
         (options->other_ending != NULL && ends_with(options->path, options->other_ending)));
    return KF_OK;
}

void kf_outfiles_free(struct kf_outfiles *files)
{
    if (files == NULL)
        return;
    kf_outfiles_rollback(files);
    for (size_t i = 0; i < files->slots; i++)
        free(files->names[i].text);
    free(files->names);
    free(files);
}

bool kf_outfiles_is_single(const struct kf_outfiles *files)
{
    return files->is_single;
}

/* Whether a folder can be made at path: better told before the work is done. */
static enum kf_status check_parent(const char *path, struct kf_error *error)
{
    size_t len = strlen(path);
    char *parent;
    enum kf_status status = KF_OK;

    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    parent = len > 0 ? kf_strndup(path, len) : kf_strndup(".", 1);
    if (parent == NULL)
        return kf_fail_memory(error);
    if (access(parent, W_OK | X_OK) != 0)
        status = kf_fail_errno(error, KF_FATAL, "cannot make the folder %s", path);
    free(parent);
    return status;
}

enum kf_status kf_outfiles_begin(struct kf_outfiles *files, struct kf_error *error)
{
    const char *path = files->options.path;
    struct stat facts;

    if (files->is_single) {
        if (!files->options.overwrite && lstat(path, &facts) == 0)
            return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL,
                           "%s exists already (-f writes over it)", path);
        return KF_OK;
    }
    if (is_folder(path))
        return KF_OK;
    if (lstat(path, &facts) == 0)
        return kf_fail(error, KF_FATAL, KF_CAUSE_SYSTEM, NULL, "%s is not a folder", path);
    return check_parent(path, error);
}

enum kf_status kf_outfiles_make_folder(struct kf_outfiles *files, struct kf_error *error)
{
    const char *path = files->options.path;

    if (files->is_single || files->first == NULL || is_folder(path))
        return KF_OK;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return kf_fail_errno(error, KF_FATAL, "cannot make the folder %s", path);
    return KF_OK;
}

/* The character that begins at text; *len its bytes; 0xfffd with one byte where it is none */
static uint32_t decode(const uint8_t *text, size_t *len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t count = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    uint32_t value = count == 1 ? text[0] : text[0] & (0x7fu >> count);

    *len = 1;
    if ((text[0] >= 0x80 && text[0] < 0xc2) || text[0] > 0xf4)
        return 0xfffd;
    for (size_t i = 1; i < count; i++) {
        if ((text[i] & 0xc0) != 0x80) /* a NUL ends it here */
            return 0xfffd;
        value = value << 6 | (text[i] & 0x3fu);
    }
    if (value < least[count] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return 0xfffd;
    *len = count;
    return value;
}

static bool is_safe(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               strchr(" -_.@,()+=", (int)c) != NULL;
    /* C1 controls, marks and spaces of odd width, surrogates and private use, specials */
    return c >= 0xa1 && (c < 0x2000 || c > 0x206f) && (c < 0xd800 || c > 0xf8ff) && c != 0x3000 &&
           c != 0xfeff && (c < 0xfff0 || c > 0xffff) && c < 0xe0000;
}

/* What Windows keeps for devices, with any ending */
static bool is_device(const char *name)
{
    static const char *const devices[] = {"CON", "PRN", "AUX", "NUL", "COM", "LPT"};
    size_t len = strcspn(name, ".");

    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        if (strncasecmp(name, devices[i], 3) != 0)
            continue;
        if (i < 4 ? len == 3 : len == 4 && name[3] >= '0' && name[3] <= '9')
            return true;
    }
    return false;
}

void kf_safe_name(const char *text, char out[KF_SAFE_NAME_SIZE])
{
    const uint8_t *at = (const uint8_t *)(text != NULL ? text : "");
    size_t len = 0;
    size_t size = 1;

    for (; *at != '\0'; at += size) {
        bool keep = is_safe(decode(at, &size));

        if (len == 0 && (*at == ' ' || *at == '.' || *at == '-'))
            continue; /* hidden, or taken for an option */
        if (len + (keep ? size : 1) > MAX_NAME)
            break;
        if (keep)
            memcpy(out + len, at, size);
        else
            out[len] = '_';
        len += keep ? size : 1;
    }
    while (len > 0 && (out[len - 1] == ' ' || out[len - 1] == '.'))
        len--;
    out[len] = '\0';
    if (len == 0)
        (void)snprintf(out, KF_SAFE_NAME_SIZE, "key");
    else if (is_device(out))
        (void)snprintf(out + len, KF_SAFE_NAME_SIZE - len, "_");
}

static size_t hash(const char *text)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (; *text != '\0'; text++)
        value = (value ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return (size_t)(value ^ value >> 32);
}

/* The slot of a lowercase name, or the free one where it belongs. */
static struct name *find_slot(const struct kf_outfiles *files, const char *lower)
{
    size_t at = hash(lower) & (files->slots - 1);

    while (files->names[at].text != NULL && strcmp(files->names[at].text, lower) != 0)
        at = (at + 1) & (files->slots - 1);
    return &files->names[at];
}

static enum kf_status grow(struct kf_outfiles *files, struct kf_error *error)
{
    struct kf_outfiles grown = {.slots = files->slots != 0 ? files->slots * 2 : 64};

    if (files->slots != 0 && files->name_count < files->slots / 2)
        return KF_OK;
    grown.names = calloc(grown.slots, sizeof(*grown.names));
    if (grown.names == NULL)
        return kf_fail_memory(error);
    for (size_t i = 0; i < files->slots; i++) {
        if (files->names[i].text != NULL)
            *find_slot(&grown, files->names[i].text) = files->names[i];
    }
    free(files->names);
    files->names = grown.names;
    files->slots = grown.slots;
    return KF_OK;
}

static void lower_case(const char *text, char *out)
{
    for (; *text != '\0'; text++)
        *out++ = (char)(*text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' : *text);
    *out = '\0';
}

/* Takes a name, which is lowered in place. *taken is false where this run has had it. */
static enum kf_status take_name(struct kf_outfiles *files, char *name, bool *taken,
                                struct kf_error *error)
{
    struct name *slot;

    *taken = false;
    if (grow(files, error) != KF_OK)
        return KF_FATAL;
    slot = find_slot(files, name);
    if (slot->text != NULL)
        return KF_OK;
    slot->text = kf_strndup(name, strlen(name));
    if (slot->text == NULL)
        return kf_fail_memory(error);
    slot->next = 2;
    files->name_count++;
    *taken = true;
    return KF_OK;
}

/* base, or base-2 and so on; in lower case in lower */
static enum kf_status number_name(struct kf_outfiles *files, char *base, size_t size,
                                  struct kf_error *error)
{
    char lower[KF_SAFE_NAME_SIZE + 16];
    char first[KF_SAFE_NAME_SIZE];
    size_t len = strlen(base);
    bool taken = false;

    lower_case(base, first);
    lower_case(base, lower);
    if (take_name(files, lower, &taken, error) != KF_OK)
        return KF_FATAL;
    while (!taken) {
        unsigned number = find_slot(files, first)->next++;

        (void)snprintf(base + len, size - len, "-%u", number);
        lower_case(base, lower);
        if (take_name(files, lower, &taken, error) != KF_OK)
            return KF_FATAL;
    }
    return KF_OK;
}

enum kf_status kf_outfiles_name(struct kf_outfiles *files, const char *wanted, char **path,
                                struct kf_error *error)
{
    const struct kf_outfiles_options *options = &files->options;
    char base[KF_SAFE_NAME_SIZE + 16];
    char safe[KF_SAFE_NAME_SIZE];
    struct stat facts;
    size_t size;

    *path = NULL;
    if (files->is_single) {
        *path = kf_strndup(options->path, strlen(options->path));
        return *path != NULL ? KF_OK : kf_fail_memory(error);
    }
    kf_safe_name(wanted, safe);
    (void)snprintf(base, sizeof(base), "%s", safe);
    if (number_name(files, base, sizeof(base), error) != KF_OK)
        return KF_FATAL;
    size = strlen(options->path) + strlen(base) + strlen(options->ending) + 2;
    *path = malloc(size);
    if (*path == NULL)
        return kf_fail_memory(error);
    (void)snprintf(*path, size, "%s/%s%s", options->path, base, options->ending);
    if (!options->overwrite && lstat(*path, &facts) == 0)
        return kf_fail(error, KF_SKIP, KF_CAUSE_POLICY, NULL,
                       "%s exists already (-f writes over it)", *path);
    return KF_OK;
}

char *kf_outfiles_beside(const struct kf_outfiles *files, const char *name)
{
    const struct kf_outfiles_options *options = &files->options;
    size_t size = strlen(options->path) + strlen(name) + 2;
    char *path = malloc(size);

    if (path == NULL)
        return NULL;
    if (files->is_single)
        (void)snprintf(path, size, "%.*s.%s",
                       (int)(strlen(options->path) - strlen(options->ending)), options->path, name);
    else
        (void)snprintf(path, size, "%s/%s", options->path, name);
    return path;
}

enum kf_status kf_outfiles_stage(struct kf_outfiles *files, const char *path, struct kf_buf *bytes,
                                 bool is_own, struct kf_error *error)
{
    struct staged *staged;

    if (files->options.dry_run) {
        kf_buf_reset(bytes);
        return KF_OK;
    }
    staged = calloc(1, sizeof(*staged));
    if (staged == NULL)
        return kf_fail_memory(error);
    staged->path = kf_strndup(path, strlen(path));
    if (staged->path == NULL) {
        free(staged);
        return kf_fail_memory(error);
    }
    staged->bytes.is_public = bytes->is_public;
    kf_buf_move(&staged->bytes, bytes);
    staged->is_own = is_own;
    *files->last = staged;
    files->last = &staged->next;
    return KF_OK;
}

static void drop_first(struct kf_outfiles *files)
{
    struct staged *done = files->first;

    files->first = done->next;
    if (files->first == NULL)
        files->last = &files->first;
    kf_buf_reset(&done->bytes);
    free(done->path);
    free(done);
}

enum kf_status kf_outfiles_commit(struct kf_outfiles *files, struct kf_error *error)
{
    if (kf_outfiles_make_folder(files, error) != KF_OK)
        return KF_FATAL;
    while (files->first != NULL) {
        const struct staged *staged = files->first;

        if (kf_file_write(staged->path, kf_buf_slice(&staged->bytes),
                          staged->is_own || files->options.overwrite, error) != KF_OK)
            return KF_FATAL;
        drop_first(files);
    }
    return KF_OK;
}

void kf_outfiles_rollback(struct kf_outfiles *files)
{
    while (files->first != NULL)
        drop_first(files);
}
