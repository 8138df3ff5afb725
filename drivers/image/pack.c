#include "image/pack.h"

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

/* The archive's first member; JSON is YAML. tar reads it through its standard input's name. */
static gboolean write_metadata(int fd, const json_t *metadata, GError **error)
{
    g_autofree char *text = json_text(metadata);
    const char *argv[] = {"tar",
                          "--create",
                          "--file=" OPEN_FILE,
                          "--format=ustar",
                          "--dereference",
                          "--absolute-names",
                          "--transform=s|.*|metadata.yaml|",
                          "--mode=0644",
                          "--owner=0",
                          "--group=0",
                          "--numeric-owner",
                          "--mtime=@0",
                          "/proc/self/fd/0",
                          NULL};
    SpawnOptions options = {.input = text, .keep_fd = fd};

    return spawn_run(argv, &options, NULL, error);
}

/* tar keeps what a library would have to be told of one by one: extended attributes, hard links,
 * devices, holes. */
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
