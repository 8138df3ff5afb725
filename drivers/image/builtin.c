#include "image/builtin.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "error.h"
#include "file.h"
#include "image/builtin_recipe.h"
#include "image/digest.h"
#include "type.h"

#define RECIPE_NAME "berth builtin busybox\n"
#define PROGRAM_HEADERS_MAX 64

/* A program that needs an interpreter needs its libraries too, which the image would not have. */
static gboolean is_static(const char *path, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf64_Ehdr head;
    Elf64_Phdr headers[PROGRAM_HEADERS_MAX];
    gsize size;

    if (fd < 0 && errno == ENOENT)
        return error_set(error, ERR_NOT_FOUND,
                         "%s is not there: install the package busybox-static", path);
    if (fd < 0)
        return error_errno(error, errno, "open %s", path);
    if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_phentsize != sizeof(Elf64_Phdr) || head.e_phnum > PROGRAM_HEADERS_MAX)
        return error_set(error, ERR_INVALID, "%s is no 64-bit program", path);
    size = head.e_phnum * sizeof(Elf64_Phdr);
    if (pread(fd, headers, size, (off_t)head.e_phoff) != (ssize_t)size)
        return error_set(error, ERR_INVALID, "%s is damaged", path);
    for (guint i = 0; i < head.e_phnum; i++)
        if (headers[i].p_type == PT_INTERP)
            return error_set(error, ERR_INVALID,
                             "%s is not static: install the package busybox-static", path);
    return TRUE;
}

static char *metadata_text(void)
{
    struct utsname names;
    const char *architecture;

    uname(&names);
    architecture = type_architecture(names.machine);
    return g_strdup_printf("architecture: %s\n"
                           "creation_date: %d\n"
                           "properties:\n"
                           "  architecture: %s\n"
                           "  description: busybox, made by berth\n"
                           "  name: busybox\n"
                           "  os: busybox\n",
                           architecture != NULL ? architecture : names.machine, BUILTIN_DATE,
                           architecture != NULL ? architecture : names.machine);
}

static gboolean check_builtin_name(const char *name, GError **error)
{
    return g_strcmp0(name, "busybox") == 0 ||
           error_set(error, ERR_INVALID, "there is no built-in image \"%s\", only busybox", name);
}

json_t *builtin_describe(const char *name, GError **error)
{
    g_autoptr(Digest) digest = digest_new();
    g_autofree char *metadata = metadata_text();
    g_autofree char *fingerprint = NULL;
    guint64 size = 0;

    if (!check_builtin_name(name, error) || !is_static(BUILTIN_BUSYBOX, error))
        return NULL;
    digest_add(digest, RECIPE_NAME, strlen(RECIPE_NAME));
    digest_add(digest, metadata, strlen(metadata));
    for (const RecipeItem *item = BUILTIN_ITEMS; item->path != NULL; item++) {
        g_autofree char *line = g_strdup_printf("%d %o %s\n%s\n", (int)item->type, item->mode,
                                                item->path, item->text != NULL ? item->text : "");

        digest_add(digest, line, strlen(line));
        size += item->text != NULL ? strlen(item->text) : 0;
    }
    for (guint i = 0; BUILTIN_APPLETS[i] != NULL; i++)
        digest_add(digest, BUILTIN_APPLETS[i], strlen(BUILTIN_APPLETS[i]) + 1);
    if (!digest_add_file(digest, BUILTIN_BUSYBOX, -1, &size, error))
        return NULL;
    fingerprint = digest_finish(digest);
    return json_pack("{s:s, s:s, s:I}", "fingerprint", fingerprint, "metadata", metadata, "size",
                     (json_int_t)size);
}

/* Content and mode of one file; the place is new, so nothing is replaced. */
static gboolean write_new(const char *path, const char *text, guint mode, GError **error)
{
    g_auto(Fd) fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    gsize length = strlen(text);

    if (fd < 0 || write(fd, text, length) != (ssize_t)length || fchmod(fd, mode) < 0)
        return error_errno(error, errno, "write %s", path);
    return TRUE;
}

static gboolean copy_busybox(const char *to, GError **error)
{
    g_auto(Fd) fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    g_autoptr(Digest) digest = digest_new();

    if (fd < 0)
        return error_errno(error, errno, "create %s", to);
    if (!digest_add_file(digest, BUILTIN_BUSYBOX, fd, NULL, error))
        return FALSE;
    return fchmod(fd, 0755) == 0 || error_errno(error, errno, "set the mode of %s", to);
}

static gboolean make_item(const char *rootfs, const RecipeItem *item, GError **error)
{
    g_autofree char *path = g_build_filename(rootfs, item->path, NULL);

    return item->type == ITEM_FOLDER ? file_make_directory(path, item->mode, error)
                                     : write_new(path, item->text, item->mode, error);
}

gboolean builtin_fill(const char *name, const char *folder, GError **error)
{
    g_autofree char *rootfs = g_build_filename(folder, "rootfs", NULL);
    g_autofree char *templates = g_build_filename(folder, "templates", NULL);
    g_autofree char *metadata = g_build_filename(folder, "metadata.yaml", NULL);
    g_autofree char *busybox = g_build_filename(rootfs, "bin/busybox", NULL);
    g_autofree char *text = metadata_text();

    if (!check_builtin_name(name, error) || !file_make_directory(rootfs, 0755, error) ||
        !file_make_directory(templates, 0755, error) || !write_new(metadata, text, 0644, error))
        return FALSE;
    for (const RecipeItem *item = BUILTIN_ITEMS; item->path != NULL; item++)
        if (!make_item(rootfs, item, error))
            return FALSE;
    if (!copy_busybox(busybox, error))
        return FALSE;
    for (guint i = 0; BUILTIN_APPLETS[i] != NULL; i++) {
        g_autofree char *link_path = g_build_filename(rootfs, BUILTIN_APPLETS[i], NULL);

        if (link(busybox, link_path) < 0)
            return error_errno(error, errno, "create %s", link_path);
    }
    return TRUE;
}
