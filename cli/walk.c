/*
 * Names of inputs: see walk.h for the contract. What is being read stands on a stack of sources;
 * the one on top gives the next name.
 */
#include "cli/walk.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/files.h"

#define LIST_MAX     (256u << 20) /* bytes of a list or a manifest */
#define DEPTH_MAX    64u          /* folders in folders */
#define COLUMN_COUNT 5

enum column {
    COLUMN_PATH,
    COLUMN_FORMAT,
    COLUMN_PASSWORD,
    COLUMN_KEY,
    COLUMN_KEYPASS,
};

static const char *const column_names[COLUMN_COUNT] = {"path", "format", "password", "key",
                                                       "keypass"};

struct source {
    struct source *below;
    enum { SOURCE_OPERANDS, SOURCE_FOLDER, SOURCE_LIST, SOURCE_MANIFEST } kind;
    char *name; /* of the folder or file */
    size_t depth;
    /* operands (borrowed), and a folder's names (owned) */
    char *const *operands;
    char **names;
    size_t count, at;
    /* list and manifest */
    struct kf_buf content;
    struct kf_slice rest;
    uint64_t line;
    struct kf_csv csv;
    struct kf_csv_record record;
    enum column columns[KF_CSV_COLUMNS];
    size_t column_count;
};

struct kf_walk {
    struct source *top;
    bool recursive;
    struct kf_buf path; /* of the present entry */
};

static void pop(struct kf_walk *walk)
{
    struct source *source = walk->top;

    walk->top = source->below;
    for (size_t i = 0; i < source->count && source->kind == SOURCE_FOLDER; i++)
        free(source->names[i]);
    free(source->names);
    kf_buf_reset(&source->content);
    kf_csv_record_reset(&source->record);
    free(source->name);
    free(source);
}

void kf_walk_free(struct kf_walk *walk)
{
    if (walk == NULL)
        return;
    while (walk->top != NULL)
        pop(walk);
    kf_buf_reset(&walk->path);
    free(walk);
}

/* Puts a source on top, which owns its content from now on, also on failure. */
static enum kf_status push(struct kf_walk *walk, struct source *made, const char *name,
                           struct kf_error *error)
{
    struct source *source = malloc(sizeof(*source));

    if (source == NULL) {
        kf_buf_reset(&made->content);
        return kf_fail_memory(error);
    }
    *source = *made;
    source->name = kf_strndup(name, strlen(name));
    source->below = walk->top;
    source->depth = walk->top != NULL ? walk->top->depth + 1 : 0;
    walk->top = source;
    return source->name != NULL ? KF_OK : kf_fail_memory(error);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_signature(const char *name)
{
    size_t len = strlen(name);

    return len > 4 && strcasecmp(name + len - 4, ".p7s") == 0;
}

/* Adds a name to the folder's list, which grows by doubling. */
static bool add_name(struct source *source, const char *name)
{
    if ((source->count & (source->count - 1)) == 0) {
        size_t capacity = source->count != 0 ? 2 * source->count : 1;
        char **grown = realloc(source->names, capacity * sizeof(*grown));

        if (grown == NULL)
            return false;
        source->names = grown;
    }
    source->names[source->count] = kf_strndup(name, strlen(name));
    return source->names[source->count] != NULL && ++source->count != 0;
}

/* Reads the folder's names onto the stack. KF_SKIP: it cannot be read. */
static enum kf_status push_folder(struct kf_walk *walk, const char *path, struct kf_error *error)
{
    struct source made = {.kind = SOURCE_FOLDER, .content = KF_SECRET_BUF};
    const struct dirent *entry;
    enum kf_status status;
    DIR *folder;

    if (walk->top != NULL && walk->top->depth >= DEPTH_MAX)
        return kf_fail(error, KF_SKIP, KF_CAUSE_LIMIT, NULL,
                       "more than %u folders within each other", DEPTH_MAX);
    folder = opendir(path);
    if (folder == NULL)
        return kf_fail_errno(error, KF_SKIP, "cannot read the folder");
    status = push(walk, &made, path, error);
    while (status == KF_OK && (errno = 0, entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            is_signature(entry->d_name))
            continue;
        if (!add_name(walk->top, entry->d_name))
            status = kf_fail_memory(error);
    }
    if (status == KF_OK && errno != 0) {
        status = kf_fail_errno(error, KF_SKIP, "cannot read the folder to its end");
        pop(walk);
    }
    (void)closedir(folder);
    if (status == KF_OK && walk->top->count != 0)
        qsort(walk->top->names, walk->top->count, sizeof(*walk->top->names), compare_names);
    return status;
}

static enum kf_status push_file(struct kf_walk *walk, const char *path, bool is_manifest,
                                struct kf_error *error)
{
    struct source made = {.kind = is_manifest ? SOURCE_MANIFEST : SOURCE_LIST,
                          .content = is_manifest ? KF_SECRET_BUF : KF_PUBLIC_BUF};
    enum kf_status status = kf_file_read(path, LIST_MAX, &made.content, error);

    if (status != KF_OK) {
        kf_buf_reset(&made.content);
        return status;
    }
    made.rest = kf_without_mark(kf_buf_slice(&made.content));
    made.csv = (struct kf_csv){.rest = made.rest, .line = 1};
    return push(walk, &made, path, error);
}

static enum kf_status set_path(struct kf_walk *walk, const char *before, const char *text,
                               size_t len, struct kf_error *error)
{
    size_t before_len = strlen(before);

    kf_buf_clear(&walk->path);
    if (kf_buf_append(&walk->path, before, before_len, error) != KF_OK)
        return KF_FATAL;
    if (before_len != 0 && before[before_len - 1] != '/' &&
        kf_buf_append(&walk->path, "/", 1, error) != KF_OK)
        return KF_FATAL;
    if (kf_buf_append(&walk->path, text, len, error) != KF_OK)
        return KF_FATAL;
    return kf_buf_append(&walk->path, "", 1, error);
}

/* The next line of a list that is not empty. */
static enum kf_status next_line(struct kf_walk *walk, struct source *source, struct kf_error *error)
{
    while (source->rest.len != 0) {
        const uint8_t *line = source->rest.data;
        const uint8_t *end = memchr(line, '\n', source->rest.len);
        size_t taken = end != NULL ? (size_t)(end - line) + 1 : source->rest.len;
        size_t len = end != NULL ? taken - 1 : taken;

        source->rest.data += taken;
        source->rest.len -= taken;
        if (len != 0 && line[len - 1] == '\r')
            len--;
        if (len != 0)
            return set_path(walk, "", (const char *)line, len, error);
    }
    return KF_END;
}

/* A first record with a field "path" is no file, but the names of the columns. */
static bool names_columns(const struct kf_csv_record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        if (strcasecmp(record->fields[i], column_names[COLUMN_PATH]) == 0)
            return true;
    }
    return false;
}

/* Takes a first record that names the columns; false where it names one that there is not. */
static bool read_header(struct source *source)
{
    const struct kf_csv_record *record = &source->record;

    for (size_t i = 0; i < record->count; i++) {
        size_t column = 0;

        while (column < COLUMN_COUNT && strcasecmp(record->fields[i], column_names[column]) != 0)
            column++;
        if (column == COLUMN_COUNT)
            return false;
        source->columns[i] = (enum column)column;
    }
    source->column_count = record->count;
    return true;
}

static enum kf_status take_record(struct kf_walk *walk, struct source *source,
                                  struct kf_walk_entry *out, struct kf_error *error)
{
    const struct kf_csv_record *record = &source->record;
    char *values[COLUMN_COUNT] = {NULL};

    if (record->count > source->column_count)
        return kf_fail(&out->error, KF_SKIP, KF_CAUSE_DATA, NULL,
                       "has %zu columns, at most %zu are expected", record->count,
                       source->column_count);
    for (size_t i = 0; i < record->count; i++) {
        if (record->fields[i][0] != '\0')
            values[source->columns[i]] = record->fields[i];
    }
    if (values[COLUMN_PATH] == NULL)
        return kf_fail(&out->error, KF_SKIP, KF_CAUSE_DATA, NULL, "has no path");
    out->format = values[COLUMN_FORMAT];
    out->password = values[COLUMN_PASSWORD];
    out->key = values[COLUMN_KEY];
    out->keypass = values[COLUMN_KEYPASS];
    return set_path(walk, "", values[COLUMN_PATH], strlen(values[COLUMN_PATH]), error);
}

static enum kf_status next_record(struct kf_walk *walk, struct source *source,
                                  struct kf_walk_entry *out, struct kf_error *error)
{
    enum kf_status status = kf_csv_next(&source->csv, &source->record, &out->error);

    if (source->column_count == 0) {
        for (size_t i = 0; i < COLUMN_COUNT; i++)
            source->columns[i] = (enum column)i;
        source->column_count = COLUMN_COUNT;
        if (status == KF_OK && names_columns(&source->record)) {
            if (read_header(source))
                return next_record(walk, source, out, error);
            status = kf_fail(&out->error, KF_SKIP, KF_CAUSE_DATA, NULL,
                             "columns are path, format, password, key, keypass");
        }
    }
    if (status == KF_OK)
        status = take_record(walk, source, out, error);
    if (status == KF_SKIP) {
        kf_error_line(&out->error, source->record.line);
        status = set_path(walk, "", source->name, strlen(source->name), error);
    }
    if (status == KF_FATAL && out->error.cause != KF_CAUSE_NONE)
        *error = out->error;
    return status;
}

/* The next name of the source on top, into walk->path. KF_END: it has no more. */
static enum kf_status next_name(struct kf_walk *walk, struct kf_walk_entry *out,
                                struct kf_error *error)
{
    struct source *source = walk->top;
    const char *name = NULL;

    switch (source->kind) {
    case SOURCE_OPERANDS:
        if (source->at == source->count)
            return KF_END;
        name = source->operands[source->at++];
        return set_path(walk, "", name, strlen(name), error);
    case SOURCE_FOLDER:
        if (source->at == source->count)
            return KF_END;
        name = source->names[source->at++];
        return set_path(walk, source->name, name, strlen(name), error);
    case SOURCE_LIST:
        return next_line(walk, source, error);
    case SOURCE_MANIFEST:
        return next_record(walk, source, out, error);
    }
    return KF_END;
}

/* Why a folder is not gone into, or NULL. */
static const char *barrier(const struct kf_walk *walk, const char *path)
{
    struct stat facts;

    if (walk->top->kind == SOURCE_MANIFEST)
        return "is a folder; a manifest names files";
    if (!walk->recursive)
        return "is a folder (-r takes the files in it)";
    if (walk->top->kind == SOURCE_FOLDER && lstat(path, &facts) == 0 && S_ISLNK(facts.st_mode))
        return "is a link to a folder, which is not followed within a folder";
    return NULL;
}

static bool is_folder(const char *path)
{
    struct stat facts;

    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

/* KF_END: the path was a list or a folder, which stands on top now. */
static enum kf_status expand(struct kf_walk *walk, struct kf_walk_entry *out,
                             struct kf_error *error)
{
    const char *path = (const char *)walk->path.data;
    const char *why = NULL;
    enum kf_status status = KF_OK;

    out->path = path;
    if (out->error.cause != KF_CAUSE_NONE || strcmp(path, "-") == 0)
        return KF_OK;
    if (walk->top->kind == SOURCE_OPERANDS && path[0] == '@') {
        status = push_file(walk, path + 1, false, &out->error);
    } else if (is_folder(path)) {
        why = barrier(walk, path);
        status = why == NULL ? push_folder(walk, path, &out->error)
                             : kf_fail(&out->error, KF_SKIP, KF_CAUSE_USAGE, NULL, "%s", why);
    } else {
        return KF_OK;
    }
    if (status == KF_FATAL)
        *error = out->error;
    return status == KF_OK ? KF_END : status == KF_SKIP ? KF_OK : status;
}

enum kf_status kf_walk_new(const struct kf_walk_options *options, struct kf_walk **out,
                           struct kf_error *error)
{
    struct source operands = {
        .kind = SOURCE_OPERANDS, .operands = options->operands, .count = options->operand_count};
    enum kf_status status;

    *out = calloc(1, sizeof(**out));
    if (*out == NULL)
        return kf_fail_memory(error);
    (*out)->recursive = options->recursive;
    (*out)->path = KF_PUBLIC_BUF;
    status = push(*out, &operands, "", error);
    if (status == KF_OK && options->manifest != NULL)
        status = push_file(*out, options->manifest, true, error);
    if (status != KF_OK) {
        kf_walk_free(*out);
        *out = NULL;
        return KF_FATAL;
    }
    return KF_OK;
}

enum kf_status kf_walk_next(struct kf_walk *walk, struct kf_walk_entry *out, struct kf_error *error)
{
    while (walk->top != NULL) {
        enum kf_status status;

        *out = (struct kf_walk_entry){.path = NULL};
        status = next_name(walk, out, error);
        if (status == KF_OK)
            status = expand(walk, out, error);
        else if (status == KF_END)
            pop(walk);
        if (status == KF_OK || status == KF_FATAL)
            return status;
    }
    return KF_END;
}

bool kf_lacks_inputs(const struct kf_arguments *arguments)
{
    return arguments->operand_count == 0 && !kf_has(arguments, KF_OPT_MANIFEST);
}
