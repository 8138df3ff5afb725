/* Keys and certificates of servers and clients (auth.md, 2). A certificate is its DER, as a GBytes,
 * wherever no text is needed. */
#pragma once

#include <glib.h>

/* A new key and its self-signed certificate, both PEM: ECDSA P-384, ten years, for one purpose
 * (AUTH-13, AUTH-16). `names` are host names and addresses, NULL-terminated; may be NULL. */
gboolean certificate_make(const char *common_name, const char *const *names, gboolean for_server,
                          char **ret_certificate, char **ret_key, GError **error);

/* The pair in two files. When neither is there it is made, the key with mode 0600 (AUTH-10,
 * AUTH-12); ERR_INVALID when one of them is missing, broken, or does not belong to the other. */
gboolean certificate_ensure(const char *certificate_path, const char *key_path,
                            const char *common_name, const char *const *names, gboolean for_server,
                            char **ret_certificate, char **ret_key, GError **error);

/* First certificate of a PEM text. */
GBytes *certificate_from_pem(const char *text, GError **error);
/* NULL with an error when the bytes are no certificate. */
char *certificate_to_pem(GBytes *der, GError **error);

/* SHA-256 in lower-case hex (AUTH-19). */
char *certificate_fingerprint(GBytes *der);


typedef struct {
    char *common_name; /* "" when it has none */
    gint64 from;       /* seconds since 1970 (AUTH-18) */
    gint64 until;
    gboolean is_weak; /* RSA below 2048 bits (AUTH-16) */
} CertificateFacts;

gboolean certificate_facts(GBytes *der, CertificateFacts *ret, GError **error);
void certificate_facts_clear(CertificateFacts *facts);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CertificateFacts, certificate_facts_clear)
