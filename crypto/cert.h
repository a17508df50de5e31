/*
 * Certificates (X.509 v1 to v3, RFC 5280): what they say, and who issued them.
 *
 * The parser reads DER in place by its grammar; it takes certificates that OpenSSL would, and old
 * ones that break RFC 5280 where nothing depends on it (v1 with extensions, odd string types). It
 * refuses bytes after the certificate.
 */
#ifndef KF_CRYPTO_CERT_H
#define KF_CRYPTO_CERT_H

#include <openssl/x509.h>

#include "core/record.h"
#include "crypto/crypto.h"

/*
 * Fills *facts, whose slices point into der. KF_SKIP with KF_CAUSE_DATA and code
 * KF_E_INVALID_DATA: not a certificate. On failure *facts is empty.
 */
enum kf_status kf_cert_parse(const struct kf_crypto *crypto, struct kf_slice der,
                             struct kf_cert_facts *facts, struct kf_error *error) KF_MUST_USE;

/*
 * A Name (RFC 5280 4.1.2.4, whole SEQUENCE) as text, most specific part first: "CN=Jo, O=Contoso,
 * C=US". Values are UTF-8 from any DirectoryString, quoted as RFC 4514 does where needed; attribute
 * types without a short name show as dotted OIDs. Freed by free(). NULL: not a Name, or out of
 * memory.
 */
char *kf_name_text(struct kf_slice name) KF_MUST_USE;

/* true where a key of this certificate may encrypt: no key usage, or one of the three of
 * archive.md. */
bool kf_cert_may_encrypt(const struct kf_cert_facts *facts) KF_MUST_USE;

/* The certificates of a CA, parsed once, for many questions of one thread. */
struct kf_issuers;
enum kf_status kf_issuers_new(const struct kf_crypto *crypto, const struct kf_slice *certificates,
                              size_t count, struct kf_issuers **out,
                              struct kf_error *error) KF_MUST_USE;
void kf_issuers_free(struct kf_issuers *issuers); /* NULL-safe */

/*
 * *issued is true where the certificate names one of these as its issuer and its signature verifies
 * with that one's key. A signature that does not verify is not an error: *issued is false.
 */
enum kf_status kf_issuers_issued(struct kf_issuers *issuers, struct kf_slice der,
                                 const struct kf_cert_facts *facts, bool *issued,
                                 struct kf_error *error) KF_MUST_USE;

/* d2i into the private library context, nothing left over; NULL with *error filled (KF_CAUSE_DATA).
 */
X509 *kf_x509_parse(const struct kf_crypto *crypto, struct kf_slice der,
                    struct kf_error *error) KF_MUST_USE;

/* DER of an X509, appended to out. */
enum kf_status kf_x509_encode(const X509 *certificate, struct kf_buf *out,
                              struct kf_error *error) KF_MUST_USE;

/*
 * Picks from pool (DER certificates) those that lead from the certificate of facts upwards, nearest
 * first, without itself and without repeats; each issuer by name, and by signature where several
 * have that name. picked has room for count indexes. Ends at a self-issued certificate or where
 * none fits.
 */
size_t kf_chain_pick(const struct kf_crypto *crypto, const struct kf_cert_facts *facts,
                     const struct kf_cert_facts *pool, size_t count, size_t *picked);

#endif
