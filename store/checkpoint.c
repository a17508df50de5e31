/*
 * Checkpoints: see checkpoint.h for their text. Read strictly: these lines and nothing else.
 */
#include "store/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/signedtext.h"
#include "store/audit.h"
#include "store/internal.h"

static enum kf_status append_line(struct kf_buf *text, const char *name, const char *value,
                                  struct kf_error *error)
{
    if (kf_buf_append(text, name, strlen(name), error) != KF_OK ||
        kf_audit_escape(text, value, error) != KF_OK)
        return KF_FATAL;
    return kf_buf_append(text, "\n", 1, error);
}

static enum kf_status write_text(struct kf_store *store, const struct kf_checkpoint *checkpoint,
                                 struct kf_buf *text, struct kf_error *error)
{
    char root[2 * KF_SHA256_SIZE + 1];
    char size[24];
    char *ca = NULL;
    enum kf_status status = kf_store_ca(store, &ca, NULL, NULL, error);

    kf_hex(root, checkpoint->root, sizeof(checkpoint->root));
    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)checkpoint->size);
    if (status == KF_OK && (append_line(text, "keyferry checkpoint ", "1", error) != KF_OK ||
                            append_line(text, "ca: ", ca, error) != KF_OK ||
                            append_line(text, "size: ", size, error) != KF_OK ||
                            append_line(text, "root: ", root, error) != KF_OK ||
                            append_line(text, "time: ", checkpoint->time, error) != KF_OK))
        status = KF_FATAL;
    free(ca);
    return status;
}

enum kf_status kf_checkpoint_sign(struct kf_store *store, const struct kf_checkpoint *checkpoint,
                                  const struct kf_identity *signer, struct kf_buf *out,
                                  struct kf_error *error)
{
    struct kf_checkpoint timed = *checkpoint;
    struct kf_buf text = KF_PUBLIC_BUF;
    time_t now = (time_t)kf_now();
    struct tm parts;
    enum kf_status status;

    timed.time[0] = '\0';
    if (gmtime_r(&now, &parts) != NULL)
        (void)strftime(timed.time, sizeof(timed.time), "%Y-%m-%dT%H:%M:%SZ", &parts);
    status = write_text(store, &timed, &text, error);
    if (status == KF_OK)
        status = kf_text_sign(store->crypto, kf_buf_slice(&text), signer, out, error);
    kf_buf_reset(&text);
    return status;
}

/* The rest of a line that begins with name; false where the next line does not. */
static bool take_line(struct kf_slice *rest, const char *name, struct kf_slice *value)
{
    size_t len = strlen(name);
    const uint8_t *end = rest->len != 0 ? memchr(rest->data, '\n', rest->len) : NULL;

    if (end == NULL || (size_t)(end - rest->data) < len || memcmp(rest->data, name, len) != 0)
        return false;
    *value = (struct kf_slice){rest->data + len, (size_t)(end - rest->data) - len};
    rest->len -= (size_t)(end - rest->data) + 1;
    rest->data = end + 1;
    return true;
}

static bool parse_size(struct kf_slice text, uint64_t *out)
{
    char digits[24] = "";

    if (text.len >= sizeof(digits))
        return false;
    memcpy(digits, text.data, text.len);
    return kf_parse_u64(digits, INT64_MAX, out);
}

static enum kf_status parse_text(struct kf_slice text, struct kf_checkpoint *out,
                                 struct kf_slice *ca, struct kf_error *error)
{
    struct kf_slice rest = text;
    struct kf_slice version;
    struct kf_slice size;
    struct kf_slice root;
    struct kf_slice when;

    *out = (struct kf_checkpoint){.size = 0};
    if (!take_line(&rest, "keyferry checkpoint ", &version) || version.len != 1 ||
        version.data[0] != '1')
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                       "what is signed is not a checkpoint of this version");
    if (!take_line(&rest, "ca: ", ca) || !take_line(&rest, "size: ", &size) ||
        !take_line(&rest, "root: ", &root) || !take_line(&rest, "time: ", &when) || rest.len != 0 ||
        !parse_size(size, &out->size) ||
        !kf_hex_decode((const char *)root.data, root.len, out->root, sizeof(out->root)) ||
        when.len >= sizeof(out->time))
        return kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                       "the checkpoint's text is not as it should be");
    memcpy(out->time, when.data, when.len);
    return KF_OK;
}

static enum kf_status check_ca(struct kf_store *store, struct kf_slice ca, struct kf_error *error)
{
    struct kf_buf name = KF_PUBLIC_BUF;
    char *own = NULL;
    enum kf_status status = kf_store_ca(store, &own, NULL, NULL, error);

    if (status == KF_OK)
        status = kf_audit_unescape(ca, &name, error);
    if (status == KF_OK && strcmp(own, (const char *)name.data) != 0)
        status = kf_fail(error, KF_SKIP, KF_CAUSE_DATA, NULL,
                         "the checkpoint is of the CA %.120s, the store of %.120s",
                         (const char *)name.data, own);
    free(own);
    kf_buf_reset(&name);
    return status;
}

enum kf_status kf_checkpoint_read(struct kf_store *store, struct kf_slice bytes,
                                  struct kf_checkpoint *out, struct kf_error *error)
{
    struct kf_der_list own = {.items = NULL};
    struct kf_slice *slices = NULL;
    struct kf_buf text = KF_PUBLIC_BUF;
    struct kf_slice ca = {.data = NULL};
    enum kf_status status = kf_store_ca(store, NULL, &own, NULL, error);

    if (status == KF_OK) {
        slices = calloc(own.count + 1, sizeof(*slices));
        if (slices == NULL)
            status = kf_fail_memory(error);
    }
    for (size_t i = 0; slices != NULL && i < own.count; i++)
        slices[i] = kf_buf_slice(&own.items[i]);
    if (status == KF_OK)
        status = kf_text_verify(store->crypto, bytes, slices, own.count, &text, error);
    if (status == KF_OK)
        status = parse_text(kf_buf_slice(&text), out, &ca, error);
    if (status == KF_OK)
        status = check_ca(store, ca, error);
    kf_buf_reset(&text);
    free(slices);
    kf_der_list_reset(&own);
    return status;
}
