/*
 * From the operands of a command line to the names of input files, one at a time.
 *
 * An operand is a file, "-" for standard input, @LIST for a file with one path a line, or, with -r,
 * a folder: all files below it, in the order of their names' bytes, without detached signatures
 * (.p7s). A manifest's records come before the operands. Folders and lists are read when their turn
 * comes; a folder's names are all that is ever held in memory.
 *
 * A manifest is CSV (csv.h) with the columns path, format, password, key, keypass; columns at the
 * end may be left out. A first record with a field "path" names the columns, in any order.
 * An empty field says nothing. The password is a source (pass:, env:, file:, fd:, stdin) or the
 * password itself.
 */
#ifndef KF_CLI_WALK_H
#define KF_CLI_WALK_H

#include "cli/cli.h"
#include "cli/csv.h"

struct kf_walk_options {
    char *const *operands; /* borrowed */
    size_t operand_count;
    const char *manifest; /* NULL: none */
    bool recursive;
};

/* One input. Strings live until the next call; NULL where nothing was said. */
struct kf_walk_entry {
    const char *path;
    const char *format;
    char *password;
    char *key;
    char *keypass;
    struct kf_error error; /* cause is set where the entry cannot be an input: this is why */
};

struct kf_walk;
enum kf_status kf_walk_new(const struct kf_walk_options *options, struct kf_walk **out,
                           struct kf_error *error) KF_MUST_USE;
void kf_walk_free(struct kf_walk *walk); /* NULL-safe */

/* KF_END: no more. KF_FATAL: memory. */
enum kf_status kf_walk_next(struct kf_walk *walk, struct kf_walk_entry *out,
                            struct kf_error *error) KF_MUST_USE;

/* Where there is nothing to read: neither an operand nor a manifest. */
bool kf_lacks_inputs(const struct kf_arguments *arguments);

#endif
