/*
 * The files of a run that writes many: their names, and their places on disk.
 *
 * A file is staged in memory and appears with the next commit, by temporary name and rename, mode
 * 0600. What holds keys or leads to them is never readable by others, not even for a moment.
 */
#ifndef KF_WRITERS_OUTFILES_H
#define KF_WRITERS_OUTFILES_H

#include "core/bytes.h"

struct kf_outfiles_options {
    const char *path;         /* borrowed while the files are open */
    const char *ending;       /* ".pfx" */
    const char *other_ending; /* of one file for everything, as well: ".p12"; or NULL */
    bool overwrite;           /* files that are there already */
    bool dry_run;             /* nothing is made, nothing kept */
};

struct kf_outfiles;

/*
 * path is a folder, which is made (mode 0700) where it is not there, unless it has the ending and
 * is no folder: then it is the one file for everything.
 */
enum kf_status kf_outfiles_new(const struct kf_outfiles_options *options, struct kf_outfiles **out,
                               struct kf_error *error) KF_MUST_USE;
void kf_outfiles_free(struct kf_outfiles *files); /* drops what is staged; NULL-safe */

bool kf_outfiles_is_single(const struct kf_outfiles *files);

/* Makes nothing yet. KF_FATAL: the folder could not be made, or the one file is there and may not
 * be overwritten. */
enum kf_status kf_outfiles_begin(struct kf_outfiles *files, struct kf_error *error) KF_MUST_USE;

/*
 * A path for a new file, freed by free(): wanted (UTF-8, may be NULL) made safe for every file
 * system and for Windows, with a number where this run has had the name. KF_SKIP with
 * KF_CAUSE_POLICY: it is there from before, and may not be overwritten; *path is set all the same.
 */
enum kf_status kf_outfiles_name(struct kf_outfiles *files, const char *wanted, char **path,
                                struct kf_error *error) KF_MUST_USE;

/* A path in the folder (or beside the one file, before its ending), for a list; freed by free(). */
char *kf_outfiles_beside(const struct kf_outfiles *files, const char *name) KF_MUST_USE;

/* Moves bytes in. is_own: this run made the file, and may write over it. KF_FATAL: memory. */
enum kf_status kf_outfiles_stage(struct kf_outfiles *files, const char *path, struct kf_buf *bytes,
                                 bool is_own, struct kf_error *error) KF_MUST_USE;

/* Makes the folder, where something is staged and it is not there: for a list that is to be in it
 * before the files. KF_FATAL: it cannot be made. */
enum kf_status kf_outfiles_make_folder(struct kf_outfiles *files,
                                       struct kf_error *error) KF_MUST_USE;

/* Writes what is staged, in order. KF_FATAL: cannot be written; files before it stand. */
enum kf_status kf_outfiles_commit(struct kf_outfiles *files, struct kf_error *error) KF_MUST_USE;
void kf_outfiles_rollback(struct kf_outfiles *files);

/* Makes text a name that is safe as part of a path; never empty. */
#define KF_SAFE_NAME_SIZE 112
void kf_safe_name(const char *text, char out[KF_SAFE_NAME_SIZE]);

#endif
