/* Keys and certificates, as openssl sees them. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "http/certificate.h"
#include "spawn.h"

static char *folder(void)
{
    return g_dir_make_tmp("berth-certificate-XXXXXX", NULL);
}

static void expect_in(const char *text, const char *wanted)
{
    cr_expect(strstr(text, wanted) != NULL, "no %s in\n%s", wanted, text);
}

Test(certificate, as_openssl_reads_it)
{
    const char *const names[] = {"host.example", "127.0.0.1", "::1", NULL};
    g_autofree char *certificate = NULL;
    g_autofree char *key = NULL;
    g_autofree char *text = NULL;
    const char *const argv[] = {"openssl",      "x509",    "-noout", "-text",
                                "-fingerprint", "-sha256", NULL};
    SpawnOptions options = {.keep_fd = -1};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) der = NULL;
    g_auto(CertificateFacts) facts = {0};
    g_autofree char *pem = NULL;
    g_autofree char *fingerprint = NULL;
    g_autoptr(GString) colons = g_string_new("Fingerprint=");

    cr_assert(certificate_make("root@host", names, TRUE, &certificate, &key, &error));
    options.input = certificate;
    cr_assert(spawn_run(argv, &options, &text, &error), "%s", error != NULL ? error->message : "");
    expect_in(text, "CN = root@host");
    expect_in(text, "ASN1 OID: secp384r1");
    expect_in(text, "DNS:host.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect_in(text, "TLS Web Server Authentication");
    expect_in(text, "Digital Signature, Key Encipherment");
    expect_in(text, "ecdsa-with-SHA384");
    der = certificate_from_pem(certificate, &error);
    pem = certificate_to_pem(der, &error);
    cr_expect_str_eq(pem, certificate);
    fingerprint = certificate_fingerprint(der);
    for (guint i = 0; i < 64; i++)
        g_string_append_printf(colons, "%s%c", i > 0 && i % 2 == 0 ? ":" : "",
                               g_ascii_toupper(fingerprint[i]));
    expect_in(text, colons->str);
    cr_assert(certificate_facts(der, &facts, &error));
    cr_expect_str_eq(facts.common_name, "root@host");
    cr_expect(ABS(facts.from - time(NULL)) < 60 && facts.until - facts.from == 3650 * 24 * 3600 &&
              !facts.is_weak);
}

Test(certificate, weak_keys_are_seen)
{
    const char *const argv[] = {"openssl", "req",       "-x509", "-newkey",  "rsa:1024", "-nodes",
                                "-keyout", "/dev/null", "-subj", "/CN=weak", NULL};
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) der = NULL;
    g_auto(CertificateFacts) facts = {0};

    cr_assert(spawn_run(argv, NULL, &text, &error), "%s", error != NULL ? error->message : "");
    der = certificate_from_pem(text, &error);
    cr_assert(der != NULL && certificate_facts(der, &facts, &error));
    cr_expect(facts.is_weak);
}

Test(certificate, ensure)
{
    g_autofree char *dir = folder();
    g_autofree char *path = g_build_filename(dir, "server.crt", NULL);
    g_autofree char *key_path = g_build_filename(dir, "server.key", NULL);
    g_autofree char *certificate = NULL;
    g_autofree char *key = NULL;
    g_autofree char *again = NULL;
    g_autofree char *other = NULL;
    g_autofree char *other_key = NULL;
    g_autofree char *unused = NULL;
    g_autoptr(GError) error = NULL;
    struct stat info;

    cr_assert(certificate_ensure(path, key_path, "a", NULL, TRUE, &certificate, &key, &error));
    cr_expect(stat(key_path, &info) == 0 && (info.st_mode & 07777) == 0600);
    cr_assert(certificate_ensure(path, key_path, "a", NULL, TRUE, &again, &unused, &error));
    cr_expect_str_eq(again, certificate);
    /* Another's key is refused, and so is a missing one: nothing is overwritten. */
    cr_assert(certificate_make("b", NULL, TRUE, &other, &other_key, &error));
    cr_assert(file_write(key_path, other_key, -1, 0600, NULL, &error));
    cr_expect(!certificate_ensure(path, key_path, "a", NULL, TRUE, &unused, &unused, &error));
    cr_expect(error != NULL && strstr(error->message, "no pair") != NULL);
    g_clear_error(&error);
    unlink(key_path);
    cr_expect(!certificate_ensure(path, key_path, "a", NULL, TRUE, &unused, &unused, &error) &&
              !file_exists(key_path));
    file_remove_tree(dir, NULL);
}

Test(certificate, no_certificate)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static("junk", 4);
    g_autoptr(GError) error = NULL;
    CertificateFacts facts;

    cr_expect(certificate_from_pem("junk", &error) == NULL && error != NULL);
    g_clear_error(&error);
    cr_expect(certificate_to_pem(bytes, &error) == NULL && error != NULL);
    g_clear_error(&error);
    cr_expect(!certificate_facts(bytes, &facts, &error) && error != NULL);
}
