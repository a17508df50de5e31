/*
 * HTML: see html.h for the contract.
 */
#include "cli/html.h"

#include "cli/output.h"

static const char *entity_of(char character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void kf_html_text(struct kf_out *out, const char *text)
{
    struct kf_buf shown = KF_PUBLIC_BUF;
    size_t plain = 0;

    if (text == NULL || out->status != KF_OK)
        return;
    out->status = kf_visible_text(&shown, text, &out->error);
    for (size_t i = 0; out->status == KF_OK && i < shown.len; i++) {
        const char *entity = entity_of((char)shown.data[i]);

        if (entity == NULL)
            continue;
        kf_out_bytes(out, shown.data + plain, i - plain);
        kf_out_text(out, entity);
        plain = i + 1;
    }
    if (out->status == KF_OK)
        kf_out_bytes(out, shown.data + plain, shown.len - plain);
    kf_buf_reset(&shown);
}

void kf_html_number(struct kf_out *out, uint64_t number)
{
    char text[KF_NUMBER_SIZE];

    kf_number_text(number, text);
    kf_out_text(out, text);
}

void kf_html_count(struct kf_out *out, uint64_t number, const char *one, const char *many)
{
    kf_html_number(out, number);
    kf_out_text(out, " ");
    kf_out_text(out, number == 1 ? one : many);
}
