/*
 * An outline: what inspect prints. A reader tells it as a tree of named values, and does not know
 * whether it becomes text or JSON.
 */
#ifndef KF_CORE_OUTLINE_H
#define KF_CORE_OUTLINE_H

#include <stdbool.h>
#include <stdint.h>

struct kf_outline_ops {
    void (*begin)(void *context, const char *list, const char *title); /* an element of list */
    void (*text)(void *context, const char *name, const char *value);  /* NULL is left out */
    void (*number)(void *context, const char *name, uint64_t value);
    void (*flag)(void *context, const char *name, bool value);
    void (*end)(void *context);
};

/* Names are lower camel case, as JSON shows them: "iterations", "friendlyName". */
struct kf_outline {
    const struct kf_outline_ops *ops;
    void *context;
};

#endif
