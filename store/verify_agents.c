/*
 * The agents that rows name, kept for the rows that come after: see verify_row.h.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/cert.h"
#include "crypto/envelope.h"
#include "store/agents.h"
#include "store/verify_row.h"

static void agents_free(struct kf_verify_agents *agents)
{
    if (agents == NULL)
        return;
    for (size_t i = 0; i < agents->count; i++) {
        X509_free(agents->certificates[i]);
        kf_buf_reset(&agents->names[i]);
    }
    free(agents->certificates);
    free(agents->names);
    free(agents->hashes);
    free(agents);
}

void kf_verify_agents_reset(struct kf_verify_agent_sets *sets)
{
    for (size_t i = 0; i < sets->count; i++)
        agents_free(sets->items[i]);
    sets->count = 0;
}

static size_t count_lines(const char *text)
{
    size_t count = text[0] != '\0';

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static enum kf_status add_certificate(const struct kf_crypto *crypto, struct kf_slice der,
                                      struct kf_verify_agents *agents, struct kf_error *error)
{
    X509 *certificate = kf_x509_parse(crypto, der, NULL);
    struct kf_buf *name = &agents->names[agents->count];

    if (certificate == NULL) /* a broken one is as good as none */
        return KF_OK;
    *name = KF_PUBLIC_BUF;
    agents->certificates[agents->count++] = certificate;
    return kf_envelope_name(certificate, name, error);
}

/* Takes hashes over in any case. */
static enum kf_status agents_new(struct kf_store *store, char *hashes,
                                 struct kf_verify_agents **out, struct kf_error *error)
{
    struct kf_verify_agents *agents = calloc(1, sizeof(*agents));
    struct kf_der_list list = {.items = NULL};
    enum kf_status status;

    if (agents == NULL) {
        free(hashes);
        return kf_fail_memory(error);
    }
    agents->hashes = hashes;
    agents->named = count_lines(hashes);
    status = kf_agents_certificates(store, hashes, &list, error);
    if (status == KF_OK) {
        agents->certificates = calloc(list.count + 1, sizeof(X509 *));
        agents->names = calloc(list.count + 1, sizeof(struct kf_buf));
        if (agents->certificates == NULL || agents->names == NULL)
            status = kf_fail_memory(error);
    }
    for (size_t i = 0; i < list.count && status == KF_OK; i++)
        status =
            add_certificate(kf_store_crypto(store), kf_buf_slice(&list.items[i]), agents, error);
    kf_der_list_reset(&list);
    if (status != KF_OK) {
        agents_free(agents);
        return status;
    }
    *out = agents;
    return KF_OK;
}

enum kf_status kf_verify_agents_find(struct kf_store *store, struct kf_verify_agent_sets *sets,
                                     struct kf_slice text, const struct kf_verify_agents **out,
                                     struct kf_error *error)
{
    char *hashes;

    for (size_t i = 0; i < sets->count; i++) {
        const struct kf_verify_agents *known = sets->items[i];

        if (strlen(known->hashes) == text.len &&
            (text.len == 0 || memcmp(known->hashes, text.data, text.len) == 0)) {
            *out = known;
            return KF_OK;
        }
    }
    if (sets->count == KF_VERIFY_AGENT_SETS)
        return kf_fail(error, KF_FATAL, KF_CAUSE_LIMIT, NULL,
                       "the rows name more than %u different sets of agents", KF_VERIFY_AGENT_SETS);
    hashes = kf_strndup(text.data != NULL ? (const void *)text.data : "", text.len);
    if (hashes == NULL)
        return kf_fail_memory(error);
    if (agents_new(store, hashes, &sets->items[sets->count], error) != KF_OK)
        return KF_FATAL;
    *out = sets->items[sets->count++];
    return KF_OK;
}
