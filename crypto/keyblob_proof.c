/*
 * Whether a blob is the key of a certificate, for many of them: see keyblob.h for the contract.
 *
 * What is spared is to write the key down as PKCS #8, to read it again, and to do its algebra
 * twice.
 */
#include <openssl/err.h>

#include "crypto/keyblob.h"
#include "crypto/privkey_parts.h"
#include "crypto/spki.h"

bool kf_keyblob_proves(const struct kf_crypto *crypto, struct kf_slice blob,
                       struct kf_slice spki_der, struct kf_buf *space)
{
    struct kf_rsa_numbers rsa;
    struct kf_spki spki;
    struct kf_slice n;
    struct kf_slice e;
    bool proven = kf_spki_split(spki_der, &spki) && spki.is_known &&
                  (spki.type == KF_KEY_RSA || spki.type == KF_KEY_RSA_PSS) &&
                  kf_rsa_public_split(spki.bits, &n, &e) &&
                  kf_keyblob_rsa_numbers(blob, space, &rsa) && kf_slice_equal(n, rsa.n) &&
                  kf_slice_equal(e, rsa.e) && kf_rsa_check(crypto, &rsa, NULL) == KF_OK;

    if (!proven)
        ERR_clear_error();
    kf_buf_clear(space);
    return proven;
}
