/*
 * Reading CMS (RFC 5652) with OpenSSL's types, for everything but the hot path.
 */
#ifndef KF_CRYPTO_CMS_H
#define KF_CRYPTO_CMS_H

#include <openssl/cms.h>

#include "crypto/crypto.h"

/*
 * A ContentInfo, DER or BER, in the private library context, with nothing after it; *out is freed
 * by CMS_ContentInfo_free. KF_SKIP with KF_CAUSE_DATA: it is none.
 */
enum kf_status kf_cms_parse(const struct kf_crypto *crypto, struct kf_slice bytes,
                            CMS_ContentInfo **out, struct kf_error *error) KF_MUST_USE;

/* DER of one, appended to out. */
enum kf_status kf_cms_encode(CMS_ContentInfo *cms, struct kf_buf *out,
                             struct kf_error *error) KF_MUST_USE;

/*
 * Whether the signed attributes, where there are any, are for content of this type (RFC 5652 11.1):
 * what CMS_verify and its parts do not look at.
 */
bool kf_cms_type_fits(CMS_ContentInfo *cms, const CMS_SignerInfo *signer);

/*
 * Takes PEM (RFC 7468: "CMS", "PKCS7" and OpenSSL's "PKCS #7 SIGNED DATA") off: *body is what is
 * to be read, and points into bytes, or into decoded where bytes were PEM. Anything else is *body
 * as it is. KF_SKIP with KF_CAUSE_DATA: PEM of something else, or broken, or with text after it.
 */
enum kf_status kf_cms_unarmour(struct kf_slice bytes, struct kf_buf *decoded, struct kf_slice *body,
                               struct kf_error *error) KF_MUST_USE;

#endif
