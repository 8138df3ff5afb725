#include "image/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>

#include "error.h"
#include "file.h"
#include "spawn.h"

#define PACK_MS (6u * 3600 * 1000)  /* a root may be huge, and a compressor slow */
#define OPEN_FILE "/proc/self/fd/3" /* of a child */

static int nameless(const char *dir, GError **error)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0)
        error_errno(error, errno, "make a file in %s", dir);
    return fd;
}

/* The archive's first member; JSON is YAML. */
static gboolean write_metadata(int fd, const json_t *metadata, GError **error)
{
    g_autofree char *text = json_text(metadata);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    gsize length = strlen(text);
    gboolean done;

    archive_write_set_format_pax_restricted(archive);
    archive_write_set_bytes_in_last_block(archive, 1);
    archive_entry_set_pathname(entry, "metadata.yaml");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)length);
    done = archive_write_open_fd(archive, fd) == ARCHIVE_OK &&
           archive_write_header(archive, entry) == ARCHIVE_OK &&
           archive_write_data(archive, text, length) == (la_ssize_t)length &&
           archive_write_close(archive) == ARCHIVE_OK;
    if (!done)
        error_set(error, ERR_FAILED, "pack metadata.yaml: %s", archive_error_string(archive));
    archive_entry_free(entry);
    archive_write_free(archive);
    return done;
}

/* tar keeps what libarchive's reader of disks would have to be told of one by one: extended
 * attributes, hard links, devices, holes. */
static gboolean add_volume(int fd, const char *volume, GError **error)
{
    g_autofree char *templates = g_build_filename(volume, "templates", NULL);
    const char *argv[] = {"tar",
                          "--append",
                          "--file=" OPEN_FILE,
                          "--format=posix",
                          "--sparse",
                          "--numeric-owner",
                          "--xattrs",
                          "--xattrs-include=*",
                          "--sort=name",
                          "--directory",
                          volume,
                          "rootfs",
                          file_exists(templates) ? "templates" : NULL,
                          NULL};
    SpawnOptions options = {.timeout_ms = PACK_MS, .keep_fd = fd};

    return spawn_run(argv, &options, NULL, error);
}

/* OPS-09. NULL with an error. */
static GStrv command_of(const char *compressor, GError **error)
{
    g_auto(GStrv) words = NULL;
    g_autoptr(GStrvBuilder) all = g_strv_builder_new();
    g_autofree char *found = NULL;

    if (!g_shell_parse_argv(compressor, NULL, &words, error))
        return NULL;
    found = g_find_program_in_path(words[0]);
    if (found == NULL) {
        error_set(error, ERR_INVALID, "compression_algorithm: %s is not installed", words[0]);
        return NULL;
    }
    g_strv_builder_addv(all, (const char **)words);
    g_strv_builder_add(all, "-c");
    if (strcmp(words[0], "gzip") == 0)
        g_strv_builder_add(all, "-n"); /* the same bytes for the same files */
    return g_strv_builder_end(all);
}

static int compress(const char *dir, int fd, const char *compressor, GError **error)
{
    g_auto(GStrv) argv = command_of(compressor, error);
    g_auto(Fd) out = argv != NULL ? nameless(dir, error) : -1;
    SpawnOptions options = {.timeout_ms = PACK_MS, .keep_fd = -1, .input_fd = fd, .output_fd = out};

    if (out < 0)
        return -1;
    if (lseek(fd, 0, SEEK_SET) < 0) {
        error_errno(error, errno, "pack an image");
        return -1;
    }
    return spawn_run((const char *const *)argv, &options, NULL, error) ? fd_steal(&out) : -1;
}

int image_pack(const char *dir, const char *volume, const json_t *metadata, const char *compressor,
               GError **error)
{
    g_auto(Fd) fd = nameless(dir, error);

    if (fd < 0 || !write_metadata(fd, metadata, error) || !add_volume(fd, volume, error))
        return -1;
    return strcmp(compressor, "none") == 0 ? fd_steal(&fd) : compress(dir, fd, compressor, error);
}
