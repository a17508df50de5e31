/*
 * KMS exports by hand: see kms_builder.h.
 */
#include "tests/support/kms_builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "tests/support/material.h"

#define MAX_IDENTITIES 8

struct identity {
    char name[32];
    X509 *certificate;
};

static struct {
    struct identity identities[MAX_IDENTITIES];
    size_t count;
    struct kf_buf user_certificates[3];
    bool has_users;
} made;

static void need(bool done, const char *what)
{
    if (done)
        return;
    (void)fprintf(stderr, "kms builder: cannot make %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

static void free_made(void)
{
    for (size_t i = 0; i < made.count; i++)
        X509_free(made.identities[i].certificate);
    for (size_t i = 0; i < 3; i++)
        kf_buf_reset(&made.user_certificates[i]);
    made.count = 0;
}

static void free_made_at_exit(void)
{
    static bool is_registered;

    (void)material_crypto(); /* its handler runs after ours */
    if (!is_registered)
        need(atexit(free_made) == 0, "an exit handler");
    is_registered = true;
}

EVP_PKEY *kms_key(const char *name)
{
    char what[64];

    (void)snprintf(what, sizeof(what), "rsa:2048#%s", name);
    return material_key(what);
}

X509 *kms_certificate(const char *name)
{
    char subject[64];
    struct identity *identity;

    free_made_at_exit();
    for (size_t i = 0; i < made.count; i++) {
        if (strcmp(made.identities[i].name, name) == 0)
            return made.identities[i].certificate;
    }
    need(made.count < MAX_IDENTITIES, "so many identities");
    identity = &made.identities[made.count++];
    (void)snprintf(identity->name, sizeof(identity->name), "%s", name);
    (void)snprintf(subject, sizeof(subject), "/C=US/O=Contoso/CN=%s", name);
    identity->certificate =
        material_cert(&(struct material_cert){.subject = subject, .key = kms_key(name)});
    return identity->certificate;
}

void kms_identity(const char *name, struct kf_identity *out)
{
    EVP_PKEY *key = kms_key(name);
    X509 *certificate = kms_certificate(name);

    *out = (struct kf_identity){.key = key, .certificate = certificate};
    out->label = kf_strndup(name, strlen(name));
    need(EVP_PKEY_up_ref(key) == 1 && X509_up_ref(certificate) == 1 && out->label != NULL, name);
}

struct kf_secrets *kms_secrets(const char *name)
{
    struct kf_secrets *secrets = NULL;
    struct kf_identity identity = {.key = NULL};

    need(kf_secrets_new(&secrets, NULL) == KF_OK, "secrets");
    if (name == NULL)
        return secrets;
    kms_identity(name, &identity);
    need(kf_secrets_add_identity(secrets, &identity, NULL) == KF_OK, name);
    return secrets;
}

static EVP_PKEY *user_key(unsigned number)
{
    return material_key(number == 2 ? "ec:P-256" : number == 1 ? "rsa:1024" : "rsa:1024#signing");
}

static void make_user_certificates(void)
{
    static const unsigned usage[] = {KF_KU_KEY_ENCIPHERMENT, KF_KU_KEY_AGREEMENT,
                                     KF_KU_DIGITAL_SIGNATURE};

    free_made_at_exit();
    if (made.has_users)
        return;
    for (unsigned i = 0; i < 3; i++) {
        made.user_certificates[i] = KF_PUBLIC_BUF;
        material_cert_der(&(struct material_cert){.subject = "/O=Contoso/CN=User",
                                                  .mail = "user@contoso.com",
                                                  .key_usage = usage[i],
                                                  .key = user_key(i + 1)},
                          &made.user_certificates[i]);
    }
    made.has_users = true;
}

void kms_user_key(unsigned number, struct kf_buf *pkcs8)
{
    material_pkcs8(user_key(number), pkcs8);
}

void kms_user_certificate(unsigned number, struct kf_buf *der)
{
    make_user_certificates();
    need(kf_buf_set(der, kf_buf_slice(&made.user_certificates[number - 1]), NULL) == KF_OK,
         "a certificate");
}

static void add(struct kf_buf *xml, const char *format, ...) KF_PRINTF(2, 3);

static void add(struct kf_buf *xml, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    need(len >= 0 && (size_t)len < sizeof(line), "a line");
    need(kf_buf_append(xml, line, (size_t)len, NULL) == KF_OK, "a line");
}

static void add_base64(struct kf_buf *xml, const uint8_t *bytes, size_t len)
{
    size_t size = (len + 2) / 3 * 4 + 1;
    unsigned char *text = malloc(size);

    need(text != NULL && EVP_EncodeBlock(text, bytes, (int)len) == (int)size - 1, "base64");
    need(kf_buf_append(xml, text, size - 1, NULL) == KF_OK, "base64");
    free(text);
}

static const char *transport_uri(enum kf_transport transport)
{
    switch (transport) {
    case KF_TRANSPORT_RSA_1_5:
        return "http://www.w3.org/2001/04/xmlenc#rsa-1_5";
    case KF_TRANSPORT_OAEP_SHA1:
        return "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
    case KF_TRANSPORT_OAEP_SHA256:
        return "http://www.w3.org/2009/xmlenc11#rsa-oaep";
    }
    return "";
}

struct bulk {
    const char *uri;
    const char *cipher;
    size_t key;
    size_t iv;
};

static const struct bulk bulks[] = {
    [KF_BULK_AES128_GCM] = {"http://www.w3.org/2009/xmlenc11#aes128-gcm", "AES-128-GCM", 16, 12},
    [KF_BULK_AES256_GCM] = {"http://www.w3.org/2009/xmlenc11#aes256-gcm", "AES-256-GCM", 32, 12},
    [KF_BULK_AES128_CBC] = {"http://www.w3.org/2001/04/xmlenc#aes128-cbc", "AES-128-CBC", 16, 16},
    [KF_BULK_AES256_CBC] = {"http://www.w3.org/2001/04/xmlenc#aes256-cbc", "AES-256-CBC", 32, 16},
    [KF_BULK_3DES_CBC] = {"http://www.w3.org/2001/04/xmlenc#tripledes-cbc", "DES-EDE3-CBC", 24, 8},
};

/* A session key that is the same for every document. */
static void session_key(uint8_t out[64])
{
    for (size_t i = 0; i < 64; i++)
        out[i] = (uint8_t)(i * 29 + 3);
}

static size_t session_size(const struct kms_build *what)
{
    return what->session_size != 0 ? what->session_size : bulks[what->bulk].key;
}

static void add_wrapped(struct kf_buf *xml, const struct kms_build *what, const char *name,
                        bool is_noise)
{
    EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_pkey(material_crypto()->library, kms_key(name), NULL);
    int padding =
        what->transport == KF_TRANSPORT_RSA_1_5 ? RSA_PKCS1_PADDING : RSA_PKCS1_OAEP_PADDING;
    const char *digest = what->transport == KF_TRANSPORT_OAEP_SHA256 ? "SHA256" : "SHA1";
    uint8_t session[64];
    uint8_t wrapped[512];
    size_t len = sizeof(wrapped);

    session_key(session);
    session[0] ^= is_noise;
    need(EVP_PKEY_encrypt_init(context) == 1, "a lock box");
    need(EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1, "a lock box");
    if (padding == RSA_PKCS1_OAEP_PADDING) {
        need(EVP_PKEY_CTX_set_rsa_oaep_md_name(context, digest, NULL) == 1, "a lock box");
        need(EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, digest, NULL) == 1, "a lock box");
    }
    need(EVP_PKEY_encrypt(context, wrapped, &len, session, session_size(what)) == 1, "a lock box");
    EVP_PKEY_CTX_free(context);
    add_base64(xml, wrapped, len);
}

static void add_box(struct kf_buf *xml, const struct kms_build *what, const char *name,
                    bool is_noise)
{
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(kms_certificate(name)), NULL);
    char *digits = BN_bn2dec(serial);

    add(xml, "<LockBox>\n<xenc:EncryptedKey>\n");
    if (what->transport == KF_TRANSPORT_OAEP_SHA256)
        add(xml,
            "<xenc:EncryptionMethod Algorithm=\"%s\">\n"
            "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\n"
            "<xenc11:MGF xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" "
            "Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1sha256\"/>\n"
            "</xenc:EncryptionMethod>\n",
            transport_uri(what->transport));
    else
        add(xml, "<xenc:EncryptionMethod Algorithm=\"%s\"/>\n", transport_uri(what->transport));
    add(xml, "<ds:KeyInfo>\n<ds:X509Data>\n<ds:X509IssuerSerial>\n");
    if (what->other_issuer)
        add(xml, "<ds:X509IssuerName>CN=nobody</ds:X509IssuerName>\n");
    else
        add(xml, "<ds:X509IssuerName>CN=%s,O=Contoso,C=US</ds:X509IssuerName>\n", name);
    add(xml, "<ds:X509SerialNumber>%s</ds:X509SerialNumber>\n", what->other_issuer ? "1" : digits);
    add(xml, "</ds:X509IssuerSerial>\n</ds:X509Data>\n</ds:KeyInfo>\n"
             "<xenc:CipherData>\n<xenc:CipherValue>");
    add_wrapped(xml, what, name, is_noise);
    add(xml, "</xenc:CipherValue>\n</xenc:CipherData>\n</xenc:EncryptedKey>\n</LockBox>\n");
    OPENSSL_free(digits);
    BN_free(serial);
}

/* ISO 10126 as XML Encryption pads: any bytes, then how many. */
static size_t pad(uint8_t *out, struct kf_slice plain, size_t block)
{
    size_t count = block - plain.len % block;

    memcpy(out, plain.data, plain.len);
    memset(out + plain.len, 0xee, count);
    out[plain.len + count - 1] = (uint8_t)count;
    return plain.len + count;
}

static void add_sealed(struct kf_buf *xml, const struct kms_build *what, struct kf_slice plain)
{
    static uint64_t counter;
    const struct bulk *bulk = &bulks[what->bulk];
    bool is_gcm = bulk->iv == 12;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(material_crypto()->library, bulk->cipher, NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t session[64];
    uint8_t in[4096];
    uint8_t out[4096] = {0};
    size_t in_len = plain.len;
    int len = 0;
    int last = 0;

    need(plain.len + 64 < sizeof(in), "a key so large");
    session_key(session);
    counter++;
    memcpy(out, &counter, sizeof(counter)); /* the IV, zeros after it */
    memcpy(in, plain.data, plain.len);
    if (!is_gcm)
        in_len = pad(in, plain, bulk->iv);
    need(EVP_EncryptInit_ex2(context, cipher, session, out, NULL) == 1, "a cipher");
    need(EVP_CIPHER_CTX_set_padding(context, 0) == 1, "a cipher");
    need(EVP_EncryptUpdate(context, out + bulk->iv, &len, in, (int)in_len) == 1, "a cipher");
    need(EVP_EncryptFinal_ex(context, out + bulk->iv + len, &last) == 1, "a cipher");
    len += last + (int)bulk->iv;
    if (is_gcm) {
        need(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, out + len) == 1, "a tag");
        len += 16;
    }
    add_base64(xml, out, (size_t)len);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    kf_wipe(in, sizeof(in));
}

static void add_key(struct kf_buf *xml, const struct kms_build *what, unsigned ordinal,
                    unsigned number)
{
    struct kf_buf pkcs8 = KF_SECRET_BUF;

    kms_user_key(number, &pkcs8);
    if (what->not_a_key && ordinal == 1 && number == 2)
        need(kf_buf_set(&pkcs8, (struct kf_slice){(const uint8_t *)"0", 2}, NULL) == KF_OK,
             "a SEQUENCE");
    add(xml,
        "<Key certificate=\"c%u\" state=\"%s\">\n<xenc:EncryptedData>\n"
        "<xenc:EncryptionMethod Algorithm=\"%s\"/>\n<xenc:CipherData>\n<xenc:CipherValue>",
        number, number == 1 ? "current" : "previous", bulks[what->bulk].uri);
    add_sealed(xml, what, kf_buf_slice(&pkcs8));
    add(xml, "</xenc:CipherValue>\n</xenc:CipherData>\n</xenc:EncryptedData>\n</Key>\n");
    kf_buf_reset(&pkcs8);
}

static void add_user(struct kf_buf *xml, const struct kms_build *what, unsigned ordinal)
{
    add(xml, "<User ordinal=\"%u\" mailboxGuid=\"00000000-0000-4000-8000-%012u\">\n", ordinal,
        ordinal);
    add(xml, "<DisplayName>User %u</DisplayName>\n", ordinal);
    add(xml, "<DistinguishedName>CN=User %u, O=Contoso</DistinguishedName>\n", ordinal);
    add(xml, "<Mail>user%u@contoso.com</Mail>\n", ordinal);
    for (unsigned i = 1; i <= 3; i++) {
        const struct kf_buf *der = &made.user_certificates[i - 1];

        add(xml, "<Certificate id=\"c%u\" use=\"%s\">", i, i < 3 ? "encryption" : "signing");
        add_base64(xml, der->data, der->len);
        add(xml, "</Certificate>\n");
    }
    add_key(xml, what, ordinal, 1);
    add_key(xml, what, ordinal, 2);
    add(xml, "</User>\n");
}

void kms_build(const struct kms_build *what, struct kf_buf *xml)
{
    make_user_certificates();
    kf_buf_clear(xml);
    add(xml,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- made for a test -->\n"
        "<KMSExport xmlns=\"urn:keyferry:kms-export:1\" "
        "xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" "
        "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" version=\"1\" "
        "exportId=\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\" created=\"2003-11-02T10:00:00Z\" "
        "organization=\"O=Contoso &amp; Sons, C=US\" "
        "administrativeGroup=\"First Administrative Group\" users=\"%u\">\n",
        what->users);
    if (what->noise_first)
        add_box(xml, what, "signer", true);
    for (size_t i = 0; i == 0 || (i < 4 && what->recipients[i] != NULL); i++)
        add_box(xml, what, what->recipients[0] != NULL ? what->recipients[i] : "signer", false);
    for (unsigned i = 1; i <= what->users; i++)
        add_user(xml, what, i);
    add(xml, "<End users=\"%u\" certificates=\"%u\" keys=\"%u\"/>\n</KMSExport>\n", what->users,
        3 * what->users, 2 * what->users);
}

/* Where text stands in the document; it must. */
static size_t find(const struct kf_buf *xml, const char *text)
{
    size_t len = strlen(text);
    size_t at = 0;

    while (at + len <= xml->len && memcmp(xml->data + at, text, len) != 0)
        at++;
    need(at + len <= xml->len, text);
    return at;
}

void kms_replace(struct kf_buf *xml, const char *from, const char *to)
{
    size_t at = find(xml, from);
    size_t rest = at + strlen(from);
    struct kf_buf changed = KF_PUBLIC_BUF;

    need(kf_buf_append(&changed, xml->data, at, NULL) == KF_OK &&
             kf_buf_append(&changed, to, strlen(to), NULL) == KF_OK &&
             kf_buf_append(&changed, xml->data + rest, xml->len - rest, NULL) == KF_OK,
         to);
    kf_buf_move(xml, &changed);
}

uint64_t kms_line_of(const struct kf_buf *xml, const char *text)
{
    size_t at = find(xml, text);
    uint64_t line = 1;

    for (size_t i = 0; i < at; i++)
        line += xml->data[i] == '\n';
    return line;
}

void kms_sign(const char *name, const EVP_MD *digest, struct kf_slice bytes, struct kf_buf *out)
{
    unsigned flags = CMS_DETACHED | CMS_BINARY | CMS_PARTIAL;
    BIO *content = BIO_new_mem_buf(bytes.data, (int)bytes.len);
    CMS_ContentInfo *cms =
        CMS_sign_ex(NULL, NULL, NULL, NULL, flags, material_crypto()->library, NULL);
    uint8_t *der = NULL;
    int len;

    need(cms != NULL &&
             CMS_add1_signer(cms, kms_certificate(name), kms_key(name), digest, flags) != NULL,
         "a signer");
    need(CMS_final(cms, content, NULL, flags) == 1, "a signature");
    len = i2d_CMS_ContentInfo(cms, &der);
    need(len > 0 && kf_buf_set(out, (struct kf_slice){der, (size_t)len}, NULL) == KF_OK,
         "a signature");
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    BIO_free(content);
}
