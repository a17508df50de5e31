/*
 * The two ways in which an outline (core/outline.h) is shown: indented text, and a JSON object.
 */
#ifndef KF_CLI_OUTLINE_H
#define KF_CLI_OUTLINE_H

#include "cli/json.h"
#include "core/outline.h"

#define KF_OUTLINE_DEPTH 32

/* For text, depth alone is used; for JSON, objects[depth] is the present one. */
struct kf_outline_state {
    bool json;
    size_t depth;    /* in what is shown; text is indented by it */
    size_t too_deep; /* elements below KF_OUTLINE_DEPTH, which are not shown */
    json_t *objects[KF_OUTLINE_DEPTH + 1];
};

/* An outline that prints text at once, or, where json is true, fills state->objects[0], which the
 * caller owns. */
struct kf_outline kf_outline_begin(struct kf_outline_state *state, bool json);

#endif
