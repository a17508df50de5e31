/*
 * Files that hold keys, or lead to them: mode 0600 from the first byte, made beside their place
 * under a name of their own and renamed when they are whole, so that nobody ever sees half of one.
 */
#ifndef KF_CORE_FILES_H
#define KF_CORE_FILES_H

#include <stdio.h>

#include "core/input.h"

/* Writes a whole file. Without overwrite an existing one is KF_SKIP with KF_CAUSE_SYSTEM. */
enum kf_status kf_file_write(const char *path, struct kf_slice bytes, bool overwrite,
                             struct kf_error *error) KF_MUST_USE;

/* Reads a whole file into out. KF_SKIP: cannot be read, or longer than limit (KF_CAUSE_LIMIT). */
enum kf_status kf_file_read(const char *path, size_t limit, struct kf_buf *out,
                            struct kf_error *error) KF_MUST_USE;

/* A file that is written piece by piece. */
struct kf_file;
enum kf_status kf_file_begin(struct kf_file **out, const char *path, bool overwrite,
                             struct kf_error *error) KF_MUST_USE;
enum kf_status kf_file_append(struct kf_file *file, struct kf_slice bytes,
                              struct kf_error *error) KF_MUST_USE;
/* Writes over bytes that were appended before, all of them. */
enum kf_status kf_file_patch(struct kf_file *file, uint64_t offset, struct kf_slice bytes,
                             struct kf_error *error) KF_MUST_USE;
/* Its temporary path, to be read before it gets its name; everything appended so far is in it. */
enum kf_status kf_file_flush(struct kf_file *file, const char **path,
                             struct kf_error *error) KF_MUST_USE;
/* Syncs and gives it its name. The file is freed in any case. */
enum kf_status kf_file_commit(struct kf_file *file, struct kf_error *error) KF_MUST_USE;
void kf_file_discard(struct kf_file *file); /* NULL-safe */

/* What a file is, read to its end; of what can be read only once, nothing but that. KF_SKIP: it
 * cannot be read. */
enum kf_status kf_file_facts(const char *path, const struct evp_md_st *sha256,
                             struct kf_input_facts *out, struct kf_error *error) KF_MUST_USE;

#endif
