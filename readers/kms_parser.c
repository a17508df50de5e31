/*
 * The XML side of the framer: libxml2's push parser with SAX2 callbacks, no tree, held to the table
 * of kms_grammar.h. XML 1.0 and Namespaces in XML are libxml2's part.
 *
 * Why not its reader: that builds each node before it shows it, which costs three times as much,
 * and tells the line that the parser has come to, not the node's.
 *
 * Refuses on purpose: document type declarations, processing instructions, entities other than the
 * five predefined ones, comments inside text, and whatever libxml2 calls an error, also where it
 * would go on.
 */
#include "readers/kms_parser.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

static void stop(struct kf_kms_frame *frame)
{
    frame->status = KF_FATAL;
    xmlStopParser(frame->parser->xml);
}

uint64_t kf_kms_line(const struct kf_kms_frame *frame)
{
    const xmlParserCtxt *xml = frame->parser->xml;

    return xml != NULL && xml->input != NULL && xml->input->line > 0 ? (uint64_t)xml->input->line
                                                                     : 0;
}

/* Where in the document: user, and key. */
static void add_place(struct kf_kms_frame *frame)
{
    const struct kf_kms_parser *parser = frame->parser;
    const struct kf_kms_user *user = parser->user;

    if (parser->box != NULL)
        kf_error_place(&frame->error, "lock box %zu", frame->box_count);
    if (user == NULL)
        return;
    if (parser->depth > 3 && parser->open[3].node == KF_KMS_KEY)
        kf_error_place(&frame->error, "key %zu", user->key_count);
    if (user->guid[0] != '\0')
        kf_error_place(&frame->error, "user %llu (%s)", (unsigned long long)user->item.ordinal,
                       user->guid);
    else
        kf_error_place(&frame->error, "user %llu", (unsigned long long)user->item.ordinal);
}

void kf_kms_fail(struct kf_kms_frame *frame, enum kf_cause cause, const char *rule,
                 const char *format, ...)
{
    char text[sizeof(frame->error.text)];
    va_list arguments;

    if (frame->status != KF_OK)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)!kf_fail(&frame->error, KF_FATAL, cause, rule, "%s", text);
    kf_error_line(&frame->error, kf_kms_line(frame));
    add_place(frame);
    stop(frame);
}

void kf_kms_fail_memory(struct kf_kms_frame *frame)
{
    kf_kms_fail(frame, KF_CAUSE_MEMORY, NULL, "out of memory");
}

static struct kf_kms_open *innermost(struct kf_kms_frame *frame)
{
    return &frame->parser->open[frame->parser->depth - 1];
}

static const char *node_name(enum kf_kms_node node)
{
    return node == KF_KMS_DOCUMENT ? "the document" : kf_kms_element(node)->name;
}

/* libxml2 leaves "&" of an attribute as "&#38;" where it does not substitute entities, and nothing
 * else: see xmlParseAttValueInternal's contract. */
static bool copy_value(char out[KF_MAX_NAME + 1], const xmlChar *from, const xmlChar *end)
{
    static const char ampersand[] = "&#38;";
    size_t len = 0;

    while (from < end) {
        if (len == KF_MAX_NAME)
            return false;
        out[len++] = (char)*from;
        if (*from == '&' && end - from >= 5 && memcmp(from, ampersand, 5) == 0)
            from += 4;
        from++;
    }
    out[len] = '\0';
    return true;
}

static int attribute_index(const struct kf_kms_element *element, const char *name)
{
    for (int i = 0; i < KF_KMS_ATTRIBUTES && element->attributes[i] != NULL; i++) {
        if (strcmp(element->attributes[i], name) == 0)
            return i;
    }
    return -1;
}

/* libxml2 gives five pointers an attribute: name, prefix, URI, value, end of the value. */
static bool take_attributes(struct kf_kms_frame *frame, const struct kf_kms_element *element,
                            const xmlChar **attributes, int count)
{
    unsigned seen = 0;

    for (int i = 0; i < count; i++, attributes += 5) {
        const char *name = (const char *)attributes[0];
        int index = attributes[1] == NULL ? attribute_index(element, name) : -1;

        if (index < 0) {
            kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE,
                        "%s has an attribute %.60s, which is "
                        "not known",
                        element->name, name);
            return false;
        }
        if (!copy_value(frame->parser->values[index], attributes[3], attributes[4])) {
            kf_kms_fail(frame, KF_CAUSE_LIMIT, KF_KMS_RULE,
                        "the attribute %s of %s is longer than %u bytes", name, element->name,
                        KF_MAX_NAME);
            return false;
        }
        seen |= 1u << index;
    }
    for (unsigned i = 0; i < KF_KMS_ATTRIBUTES && element->attributes[i] != NULL; i++) {
        if ((seen >> i & 1u) == 0) {
            kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "%s has no attribute %s", element->name,
                        element->attributes[i]);
            return false;
        }
    }
    return true;
}

/* The place of an element among its siblings. */
static bool take_place(struct kf_kms_frame *frame, enum kf_kms_node node)
{
    struct kf_kms_open *parent = innermost(frame);
    const struct kf_kms_element *element = kf_kms_element(node);
    enum kf_kms_node missing = KF_KMS_DOCUMENT;

    if ((parent->seen >> node & 1u) != 0 && !element->many) {
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "%s stands twice in %s", element->name,
                    node_name(parent->node));
        return false;
    }
    if (element->rank < parent->rank) {
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "%s is out of order in %s", element->name,
                    node_name(parent->node));
        return false;
    }
    if (element->rank > parent->rank)
        missing = kf_kms_missing(parent->node, element->rank, parent->seen);
    if (missing != KF_KMS_DOCUMENT) {
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "%s stands where %s is missing",
                    element->name, node_name(missing));
        return false;
    }
    parent->rank = element->rank;
    parent->seen |= 1u << node;
    return true;
}

static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespace_count, const xmlChar **namespaces, int attribute_count,
                     int defaulted, const xmlChar **attributes)
{
    struct kf_kms_frame *frame = context;
    struct kf_kms_parser *parser = frame->parser;
    enum kf_kms_node parent = innermost(frame)->node;
    enum kf_kms_node node = kf_kms_child(parent, (const char *)uri, (const char *)name);

    (void)prefix;
    (void)namespace_count;
    (void)namespaces;
    (void)defaulted;
    if (frame->status != KF_OK)
        return;
    if (node == KF_KMS_DOCUMENT) {
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE,
                    "element %.60s of namespace %.100s does not belong in %s", (const char *)name,
                    uri != NULL ? (const char *)uri : "(none)", node_name(parent));
        return;
    }
    if (!take_place(frame, node) ||
        !take_attributes(frame, kf_kms_element(node), attributes, attribute_count))
        return;
    parser->open[parser->depth++] = (struct kf_kms_open){.node = node};
    parser->text = NULL;
    kf_kms_begin(frame, node);
    if (parser->text != NULL)
        parser->text_start = parser->text->len;
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct kf_kms_frame *frame = context;
    struct kf_kms_parser *parser = frame->parser;
    const struct kf_kms_open *open = innermost(frame);
    enum kf_kms_node missing;

    (void)name;
    (void)prefix;
    (void)uri;
    if (frame->status != KF_OK)
        return;
    missing = kf_kms_missing(open->node, UINT_MAX, open->seen);
    if (missing != KF_KMS_DOCUMENT) {
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "%s ends without %s", node_name(open->node),
                    node_name(missing));
        return;
    }
    kf_kms_end(frame, open->node);
    parser->text = NULL;
    parser->depth--;
}

static bool is_blank(const xmlChar *text, int len)
{
    for (int i = 0; i < len; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n')
            return false;
    }
    return true;
}

static void on_text(void *context, const xmlChar *text, int len)
{
    struct kf_kms_frame *frame = context;
    struct kf_kms_parser *parser = frame->parser;
    enum kf_kms_node node = innermost(frame)->node;
    size_t limit = node != KF_KMS_DOCUMENT ? kf_kms_element(node)->text_limit : 0;

    if (frame->status != KF_OK)
        return;
    if (limit == 0) {
        if (!is_blank(text, len))
            kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "text between elements, in %s",
                        node_name(node));
        return;
    }
    if (parser->text->len - parser->text_start + (size_t)len > limit) {
        kf_kms_fail(frame, KF_CAUSE_LIMIT, KF_KMS_RULE, "%s is longer than %zu bytes",
                    node_name(node), limit);
        return;
    }
    if (parser->user != NULL && parser->text->len + (size_t)len > KF_MAX_KMS_USER) {
        kf_kms_fail(frame, KF_CAUSE_LIMIT, KF_KMS_RULE, "this user is larger than %u bytes",
                    KF_MAX_KMS_USER);
        return;
    }
    if (kf_buf_append(parser->text, text, (size_t)len, NULL) != KF_OK)
        kf_kms_fail_memory(frame);
}

static void on_comment(void *context, const xmlChar *text)
{
    struct kf_kms_frame *frame = context;
    enum kf_kms_node node = innermost(frame)->node;

    (void)text;
    if (node != KF_KMS_DOCUMENT && kf_kms_element(node)->text_limit != 0)
        kf_kms_fail(frame, KF_CAUSE_DATA, KF_KMS_RULE, "a comment inside the text of %s",
                    node_name(node));
}

static void on_instruction(void *context, const xmlChar *target, const xmlChar *data)
{
    (void)data;
    kf_kms_fail(context, KF_CAUSE_DATA, KF_KMS_RULE,
                "a KMS export may not have a processing instruction (%.60s)", (const char *)target);
}

static void on_doctype(void *context, const xmlChar *name, const xmlChar *public_id,
                       const xmlChar *system_id)
{
    (void)name;
    (void)public_id;
    (void)system_id;
    kf_kms_fail(context, KF_CAUSE_DATA, KF_KMS_RULE,
                "a KMS export may not have a document type declaration");
}

static void on_reference(void *context, const xmlChar *name)
{
    kf_kms_fail(context, KF_CAUSE_DATA, KF_KMS_RULE,
                "the entity %.60s is not one of the five predefined ones", (const char *)name);
}

/* Its type is libxml2's; newer versions make the second argument const. */
static void report(struct kf_kms_frame *frame, const xmlError *found)
{
    const char *text = found->message != NULL ? found->message : "";

    if (frame->status != KF_OK || found->level < XML_ERR_ERROR)
        return;
    if (found->code == XML_ERR_NO_MEMORY) {
        kf_kms_fail_memory(frame);
        return;
    }
    kf_kms_fail(frame, KF_CAUSE_DATA, "XML 1.0", "not well-formed: %.*s", (int)strcspn(text, "\n"),
                text);
}

#if LIBXML_VERSION >= 21200
static void on_error(void *context, const xmlError *found)
#else
static void on_error(void *context, xmlError *found)
#endif
{
    report(context, found);
}

/* What libxml2 prints by itself where it lacks memory, which is told by the return anyway. */
static void say_nothing(void *context, const char *format, ...)
{
    (void)context;
    (void)format;
}

/* The thread's handler, as it was before. */
struct told {
    xmlGenericErrorFunc function;
    void *context;
};

static struct told be_silent(void)
{
    struct told before = {xmlGenericError, xmlGenericErrorContext};

    xmlSetGenericErrorFunc(NULL, say_nothing);
    return before;
}

static void speak_again(const struct told *before)
{
    xmlSetGenericErrorFunc(before->context, before->function);
}

enum kf_status kf_kms_parser_open(struct kf_kms_frame *frame, struct kf_error *error)
{
    xmlSAXHandler sax = {.initialized = XML_SAX2_MAGIC,
                         .startElementNs = on_start,
                         .endElementNs = on_end,
                         .characters = on_text,
                         .ignorableWhitespace = on_text,
                         .cdataBlock = on_text,
                         .comment = on_comment,
                         .processingInstruction = on_instruction,
                         .internalSubset = on_doctype,
                         .reference = on_reference,
                         .serror = on_error};
    struct told before;
    xmlParserCtxt *xml;

    frame->parser = calloc(1, sizeof(*frame->parser));
    if (frame->parser == NULL)
        return kf_fail_memory(error);
    frame->parser->depth = 1;
    xmlInitParser();
    before = be_silent();
    xml = xmlCreatePushParserCtxt(&sax, frame, NULL, 0, NULL);
    speak_again(&before);
    if (xml == NULL) {
        xmlResetLastError(); /* which is the thread's, and would outlive it */
        return kf_fail_memory(error);
    }
    frame->parser->xml = xml;
    (void)xmlCtxtUseOptions(xml, XML_PARSE_NONET);
    return KF_OK;
}

void kf_kms_parser_close(struct kf_kms_parser *parser)
{
    if (parser == NULL)
        return;
    if (parser->xml != NULL)
        xmlFreeParserCtxt(parser->xml);
    xmlResetLastError();
    kf_uuid_set_free(parser->guids);
    kf_kms_user_free(parser->user);
    free(parser);
}

static void parse(const struct kf_kms_parser *parser, struct kf_slice bytes, bool is_end)
{
    struct told before = be_silent();

    (void)xmlParseChunk(parser->xml, (const char *)bytes.data, (int)bytes.len, is_end);
    speak_again(&before);
}

void kf_kms_parser_feed(struct kf_kms_frame *frame, struct kf_slice bytes, bool is_end)
{
    struct kf_kms_parser *parser = frame->parser;

    if (frame->status != KF_OK)
        return;
    if (bytes.len != 0)
        parse(parser, bytes, false);
    if (!is_end || frame->status != KF_OK)
        return;
    /* libxml2 would take a tag that is cut for one that is not */
    if (!frame->is_complete)
        kf_kms_fail(frame, KF_CAUSE_DATA, "kms-export, Reading",
                    "truncated: the document ends after %llu whole users",
                    (unsigned long long)frame->counts.users);
    else
        parse(parser, (struct kf_slice){NULL, 0}, true);
}
