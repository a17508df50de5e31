/*
 * Outlines as text and as JSON: see outline.h for the contract.
 */
#include "cli/outline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"

static void print_indent(const struct kf_outline_state *state)
{
    (void)printf("%*s", (int)(2 * state->depth), "");
}

static void text_begin(void *context, const char *list, const char *title)
{
    struct kf_outline_state *state = context;

    print_indent(state);
    kf_style_begin(KF_STYLE_HEADING);
    (void)fputs(list, stdout);
    if (title != NULL && title[0] != '\0') {
        (void)fputs(": ", stdout);
        kf_print_visible(stdout, title);
    }
    kf_style_end(KF_STYLE_HEADING);
    (void)putchar('\n');
    state->depth++;
}

/* What an import would do, and why not, is what people look for. */
static enum kf_style style_of(const char *name, const char *value)
{
    if (strcmp(name, "import") == 0 && strcmp(value, "archived") == 0)
        return KF_STYLE_GOOD;
    if (strcmp(name, "import") == 0)
        return strcmp(value, "failed") == 0 ? KF_STYLE_BAD : KF_STYLE_WARN;
    if (strncmp(name, "key", 3) == 0 && strcmp(value, "no") == 0)
        return KF_STYLE_BAD; /* keyReadable, keyBelongs */
    return KF_STYLE_PLAIN;
}

static void text_text(void *context, const char *name, const char *value)
{
    enum kf_style style = value != NULL ? style_of(name, value) : KF_STYLE_PLAIN;

    if (value == NULL)
        return;
    print_indent(context);
    (void)printf("%s: ", name);
    kf_style_begin(style);
    kf_print_visible(stdout, value);
    kf_style_end(style);
    (void)putchar('\n');
}

static void text_number(void *context, const char *name, uint64_t value)
{
    print_indent(context);
    (void)printf("%s: %" PRIu64 "\n", name, value);
}

static void text_flag(void *context, const char *name, bool value)
{
    text_text(context, name, value ? "yes" : "no");
}

static void text_end(void *context)
{
    struct kf_outline_state *state = context;

    state->depth--;
}

static void json_begin(void *context, const char *list, const char *title)
{
    struct kf_outline_state *state = context;
    json_t *parent = state->objects[state->depth];
    json_t *array = json_object_get(parent, list);
    json_t *object = json_object();

    if (state->depth == KF_OUTLINE_DEPTH) {
        state->too_deep++;
        json_decref(object);
        return;
    }
    if (!json_is_array(array)) {
        kf_json_set(parent, list, json_array());
        array = json_object_get(parent, list);
    }
    (void)json_array_append_new(array, object);
    state->objects[++state->depth] = object; /* the array owns it */
    if (title != NULL)
        kf_json_set_text(object, "title", title);
}

static json_t *present(const struct kf_outline_state *state)
{
    return state->too_deep == 0 ? state->objects[state->depth] : NULL;
}

static void json_text(void *context, const char *name, const char *value)
{
    json_t *object = present(context);

    if (object != NULL && value != NULL)
        kf_json_set_text(object, name, value);
}

static void json_number(void *context, const char *name, uint64_t value)
{
    json_t *object = present(context);

    if (object != NULL)
        kf_json_set_number(object, name, value);
}

static void json_flag(void *context, const char *name, bool value)
{
    json_t *object = present(context);

    if (object != NULL)
        kf_json_set(object, name, json_boolean(value));
}

static void json_end(void *context)
{
    struct kf_outline_state *state = context;

    if (state->too_deep != 0)
        state->too_deep--;
    else
        state->depth--;
}

struct kf_outline kf_outline_begin(struct kf_outline_state *state, bool json)
{
    static const struct kf_outline_ops text_ops = {.begin = text_begin,
                                                   .text = text_text,
                                                   .number = text_number,
                                                   .flag = text_flag,
                                                   .end = text_end};
    static const struct kf_outline_ops json_ops = {.begin = json_begin,
                                                   .text = json_text,
                                                   .number = json_number,
                                                   .flag = json_flag,
                                                   .end = json_end};

    *state = (struct kf_outline_state){.json = json};
    if (json)
        state->objects[0] = json_object();
    return (struct kf_outline){.ops = json ? &json_ops : &text_ops, .context = state};
}
