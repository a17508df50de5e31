/*
 * How far a run is, for people who wait.
 *
 * On a terminal: one line on stderr, drawn anew at most ten times a second, and taken away before
 * anything else is printed, so that nothing of it stays. Elsewhere nothing, or with --verbose a
 * line now and then. Never anything on stdout. There is one terminal, hence one of these; its
 * functions may be called by any thread.
 */
#ifndef KF_CLI_PROGRESS_H
#define KF_CLI_PROGRESS_H

#include "cli/cli.h"
#include "core/pipeline.h"

/* before: what an earlier part of the run has counted, NULL for none. The operands of arguments are
 * counted as inputs, where that can be done without reading them. */
void kf_progress_begin(const struct kf_session *session, const struct kf_arguments *arguments,
                       const struct kf_totals *before);
void kf_progress_tick(const struct kf_tick *tick);

/* Before a line is printed, or a question asked, on a terminal. What was hidden comes back with a
 * tick; while it is paused, it does not. */
void kf_progress_hide(void);
void kf_progress_pause(bool paused);

/* Hidden for good. */
void kf_progress_end(void);

#endif
