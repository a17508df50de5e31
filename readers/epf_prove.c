/*
 * What is accepted as a key of a profile: see epf_search.h. Cheap tests come first: the padding of
 * the last block, then the DER header, then the parse, then the certificate.
 */
#include "readers/epf_search.h"

#include <stdlib.h>
#include <string.h>

#include "core/der.h"
#include "crypto/keyforms.h"
#include "crypto/privkey.h"

#define PROBE_COST 1500 /* nanoseconds: a cipher is set up, and decrypts one block */

/* RFC 8018 6.1.1: each byte of the padding is its length */
static bool padding_fits(const uint8_t *block, size_t block_size, size_t *padding)
{
    *padding = block[block_size - 1];
    if (*padding < 1 || *padding > block_size)
        return false;
    for (size_t i = block_size - *padding; i < block_size; i++) {
        if (block[i] != *padding)
            return false;
    }
    return true;
}

enum kf_status kf_epf_probe(struct kf_epf_search *search, struct kf_epf_attempt *attempt,
                            size_t value, size_t cipher, const struct kf_epf_key *key, bool *fits,
                            struct kf_error *error)
{
    struct kf_slice in = kf_buf_slice(&search->profile->values[value].bytes);
    size_t block = kf_epf_block_size(cipher);
    struct kf_slice last = {in.data + in.len - block, block};
    uint8_t plain[KF_EPF_MAX_BLOCK] = {0};
    size_t padding = 0;

    *fits = false;
    if (in.len % block != 0)
        return KF_OK;
    search->cost += PROBE_COST;
    if (kf_epf_decrypt(search->crypto, attempt->context, cipher, key->key, last.data - block, last,
                       plain, error) != KF_OK)
        return KF_FATAL;
    *fits = padding_fits(plain, block, &padding);
    kf_wipe(plain, sizeof(plain));
    return KF_OK;
}

/* The certificate of the key: of the same section where there is one, else the newest. */
static enum kf_status find_certificate(const struct kf_epf_search *search,
                                       const struct kf_privkey *key, size_t section, size_t *found,
                                       struct kf_error *error)
{
    const struct kf_epf_value *values = search->profile->values;
    const struct kf_epf_value *best = NULL;

    *found = KF_EPF_NO_CERTIFICATE;
    for (size_t i = 0; i < search->profile->value_count; i++) {
        bool belongs = false;

        if ((values[i].kinds & KF_EPF_IS_CERTIFICATE) == 0)
            continue;
        /* a key whose own numbers are wrong belongs to none */
        if (kf_privkey_match(search->crypto, key, values[i].facts.spki_der, &belongs, NULL) ==
            KF_FATAL)
            return kf_fail_memory(error);
        if (!belongs)
            continue;
        if (best == NULL || (values[i].section == section && best->section != section) ||
            ((values[i].section == section) == (best->section == section) &&
             values[i].facts.not_before > best->facts.not_before)) {
            best = &values[i];
            *found = i;
        }
    }
    return KF_OK;
}

static enum kf_status add_opened(struct kf_epf_search *search, struct kf_buf *pkcs8, size_t value,
                                 size_t certificate, struct kf_error *error)
{
    struct kf_epf_opened *grown =
        realloc(search->opened, (search->opened_count + 1) * sizeof(*grown));

    if (grown == NULL)
        return kf_fail_memory(error);
    search->opened = grown;
    grown[search->opened_count] =
        (struct kf_epf_opened){.value = value, .certificate = certificate, .pkcs8 = KF_SECRET_BUF};
    kf_buf_move(&grown[search->opened_count].pkcs8, pkcs8);
    search->opened_count++;
    return KF_OK;
}

/* The plaintext as PKCS #8, by one of its encodings. KF_SKIP: it is not that. */
static enum kf_status convert(size_t encoding, struct kf_slice plain, struct kf_buf *out)
{
    kf_buf_clear(out);
    if (encoding == KF_EPF_PKCS1)
        return kf_pkcs8_from_pkcs1(plain, out, NULL);
    if (encoding == KF_EPF_SEC1)
        return kf_pkcs8_from_sec1(plain, out, NULL);
    return kf_buf_set(out, plain, NULL);
}

static enum kf_status prove_key(struct kf_epf_search *search, struct kf_epf_attempt *attempt,
                                size_t value, struct kf_error *error)
{
    struct kf_privkey key;
    size_t certificate = KF_EPF_NO_CERTIFICATE;

    if (kf_privkey_parse(kf_buf_slice(&attempt->pkcs8), &key, NULL) != KF_OK)
        return KF_END;
    if (find_certificate(search, &key, search->profile->values[value].section, &certificate,
                         error) != KF_OK)
        return KF_FATAL;
    if (certificate == KF_EPF_NO_CERTIFICATE &&
        (key.type != KF_KEY_RSA || kf_privkey_check(search->crypto, &key, NULL) != KF_OK)) {
        search->unproven++;
        return KF_END;
    }
    return add_opened(search, &attempt->pkcs8, value, certificate, error);
}

enum kf_status kf_epf_prove(struct kf_epf_search *search, struct kf_epf_attempt *attempt,
                            size_t value, const struct kf_epf_space *space,
                            struct kf_epf_dialect *dialect, const struct kf_epf_key *key,
                            struct kf_error *error)
{
    struct kf_slice in = kf_buf_slice(&search->profile->values[value].bytes);
    size_t cipher = dialect->at[KF_EPF_CIPHER];
    size_t block = kf_epf_block_size(cipher);
    struct kf_slice plain = {attempt->plain.data, in.len};
    size_t padding = 0;
    enum kf_status status = KF_END;

    search->cost += PROBE_COST + 10 * in.len;
    if (kf_epf_decrypt(search->crypto, attempt->context, cipher, key->key, key->iv, in,
                       attempt->plain.data, error) != KF_OK)
        return KF_FATAL;
    attempt->plain.len = in.len;
    if (!padding_fits(plain.data + plain.len - block, block, &padding))
        goto out;
    plain.len -= padding;
    if (!kf_der_is_single(plain, KF_DER_SEQUENCE))
        goto out;
    for (size_t i = 0; i < kf_epf_values(KF_EPF_PLAINTEXT) && status == KF_END; i++) {
        if (!kf_epf_space_has(space, KF_EPF_PLAINTEXT, i) ||
            convert(i, plain, &attempt->pkcs8) != KF_OK)
            continue;
        status = prove_key(search, attempt, value, error);
        dialect->at[KF_EPF_PLAINTEXT] = (uint8_t)i;
    }
out:
    kf_buf_clear(&attempt->plain);
    kf_buf_clear(&attempt->pkcs8);
    return status;
}
