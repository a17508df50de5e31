/*
 * HTML: see html.h for the contract.
 */
#include "cli/html.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

void kf_number_text(uint64_t number, char out[KF_NUMBER_SIZE])
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, number);
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        if (i != 0 && (len - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

void kf_html_number(struct kf_out *out, uint64_t number)
{
    char text[KF_NUMBER_SIZE];

    kf_number_text(number, text);
    kf_out_text(out, text);
}

void kf_percent_text(uint64_t part, uint64_t whole, char out[KF_NUMBER_SIZE])
{
    double percent = whole != 0 ? 100.0 * (double)part / (double)whole : 0;

    if (part != 0 && percent < 0.1)
        (void)snprintf(out, KF_NUMBER_SIZE, "under 0.1 %%");
    else if (part != whole && percent > 99.9)
        (void)snprintf(out, KF_NUMBER_SIZE, "over 99.9 %%");
    else
        (void)snprintf(out, KF_NUMBER_SIZE, "%.1f %%", percent);
}

void kf_html_count(struct kf_out *out, uint64_t number, const char *one, const char *many)
{
    kf_html_number(out, number);
    kf_out_text(out, " ");
    kf_out_text(out, number == 1 ? one : many);
}
