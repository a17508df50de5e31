/*
 * keyferry formats: what can be read and what can be written, from the two lists of formats.
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "readers/formats.h"
#include "writers/archive.h"
#include "writers/destinations.h"

static enum kf_exit run_formats(struct kf_session *session, struct kf_arguments *arguments)
{
    (void)session;
    if (arguments->operand_count != 0)
        return kf_usage_error(&kf_cmd_formats, "formats: takes no operand");
    (void)puts("Read (--format NAME; found out by itself where that is left out):");
    for (const struct kf_reader_ops *const *reader = kf_readers(); *reader != NULL; reader++)
        (void)printf("  %-8s %s\n", (*reader)->name, (*reader)->summary);
    (void)puts("\nWritten (the archive by import, the others by convert --to NAME):");
    (void)printf("  %-8s %s\n", kf_writer_archive.name, kf_writer_archive.summary);
    for (const struct kf_writer_ops *const *writer = kf_destinations(); *writer != NULL; writer++)
        (void)printf("  %-8s %s\n", (*writer)->name, (*writer)->summary);
    return KF_EXIT_OK;
}

static const struct kf_option_entry options[] = {{KF_OPT_END, NULL}};

const struct kf_command kf_cmd_formats = {
    .name = "formats",
    .summary = "list the formats that are read and written",
    .synopsis = "formats\n",
    .about = "Lists the formats that import, inspect and convert read, and those that are\n"
             "written.\n",
    .options = options,
    .run = run_formats,
};
