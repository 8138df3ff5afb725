/* Forms that are read and written. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "form.h"

#define FORM "multipart/form-data; boundary=B"
#define PART(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static int file_of(const char *bytes, gsize size)
{
    int fd = memfd_create("form", MFD_CLOEXEC);

    cr_assert(write(fd, bytes, size) == (gssize)size);
    return fd;
}

/* "name:filename=content;..." or "error: TEXT". */
static char *read_all(const char *text, gsize size, const char *type)
{
    g_auto(Fd) fd = file_of(text, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) parts = form_read(fd, size, type, &error);
    GString *out = g_string_new(NULL);

    if (parts == NULL)
        return g_string_free(out, TRUE), g_strconcat("error: ", error->message, NULL);
    for (guint i = 0; i < parts->len; i++) {
        const FormPart *part = parts->pdata[i];
        g_autofree char *content = g_malloc0(part->length + 1);

        cr_assert(pread(fd, content, part->length, (off_t)part->offset) == (gssize)part->length);
        g_string_append_printf(out, "%s:%s=%s;", part->name,
                               part->filename != NULL ? part->filename : "", content);
    }
    return g_string_free(out, FALSE);
}

static void expect(const char *text, const char *wanted)
{
    g_autofree char *got = read_all(text, strlen(text), FORM);

    if (g_str_has_prefix(wanted, "error"))
        cr_expect(strstr(got, wanted + 7) != NULL, "%s\nsays\n%s\nnot\n%s", text, got, wanted);
    else
        cr_expect(strcmp(got, wanted) == 0, "%s\ngives\n%s\nnot\n%s", text, got, wanted);
}

Test(form, honest)
{
    expect("--B\r\n" PART("a") "one\r\n--B\r\n" PART("b") "two\r\nlines\r\n--B--\r\n",
           "a:=one;b:=two\r\nlines;");
    expect("--B\r\n" PART("a") "\r\n--B--", "a:=;");
    expect("preamble\r\n--B  \r\n" PART("a") "x\r\n--B--epilogue", "a:=x;");
    expect("--B\r\ncontent-disposition: form-data; filename=C:\\\\x; name=a\r\nContent-Type: "
           "text/plain\r\n\r\nx\r\n--B--",
           "a:C:\\\\x=x;");
    expect("--B\r\nContent-Disposition: form-data; name=\"q\\\"uote\"; filename=\"/etc/pass "
           "wd\"\r\n\r\nx\r\n--B--",
           "q\"uote:pass wd=x;");
    expect("--B--\r\n", "");
    /* What only looks like a boundary is content. */
    expect("--B\r\n" PART("a") "\r\n--Bx\r\n-B\r\n--\r\n--B--", "a:=\r\n--Bx\r\n-B\r\n--;");
}

Test(form, hostile)
{
    expect("", "error: without its closing boundary");
    expect("--B\r\n" PART("a") "cut", "error: without its closing boundary");
    expect("--B\r\n" PART("a") "x\r\n--B", "error: without its closing boundary");
    expect("--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--", "error: has no name");
    expect("--B\r\n\r\nx\r\n--B--", "error: has no name");
    expect("--B\r\nno colon\r\n\r\nx\r\n--B--", "error: 'Name: value'");
    expect("--B\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--B--",
           "error: cannot be read");
    expect("--B\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--B--",
           "error: cannot be read");
    expect("--B\r\nContent-Disposition: form-data; name=a\r\n folded\r\n\r\nx\r\n--B--",
           "error: 'Name: value'");
    expect("--B\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nx\r\n--B--",
           "error: not UTF-8");
    expect("--Bjunk\r\n" PART("a") "x\r\n--B--", "error: followed by other text");
    expect("--B\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; "
           "name=b\r\n\r\nx\r\n--B--",
           "error: two headers");
}

Test(form, types)
{
    static const char *const bad[] = {
        NULL,
        "",
        "text/plain",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=\"x",
        "multipart/form-data; boundary=" /* 71 characters */
        "01234567890123456789012345678901234567890123456789012345678901234567890"};

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *got = read_all("--B--", 5, bad[i]);

        cr_expect(g_str_has_prefix(got, "error: "), "%s", bad[i]);
    }
}

Test(form, limits)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) header = g_string_new("--B\r\nX: ");

    for (int i = 0; i < 65; i++)
        g_string_append(text, "--B\r\n" PART("a") "x\r\n");
    g_string_append(text, "--B--");
    expect(text->str, "error: more than 64 parts");
    for (int i = 0; i < 20000; i++)
        g_string_append_c(header, 'x');
    g_string_append(header, "\r\n" PART("a") "\r\n--B--");
    expect(header->str, "error: does not end within");
}

/* Boundaries at every place around the edges of what is read at a time. */
Test(form, windows)
{
    static const char head[] = "--B\r\n" PART("a");
    static const char tail[] = "\r\n--B--";

    for (gsize length = 65536 - 120; length < 65536 + 20; length++) {
        g_autofree char *text = g_malloc(sizeof head - 1 + length + sizeof tail);
        g_autofree char *got = NULL;

        memcpy(text, head, sizeof head - 1);
        memset(text + sizeof head - 1, '-', length);
        memcpy(text + sizeof head - 1 + length, tail, sizeof tail);
        got = read_all(text, sizeof head - 1 + length + sizeof tail - 1, FORM);
        cr_expect(strlen(got) == length + 4, "%zu gives %zu", length, strlen(got));
    }
}

Test(form, write_and_read)
{
    g_auto(Fd) one = file_of("one\r\n--", 7);
    g_auto(Fd) two = file_of("", 0);
    const FormFile files[] = {{"metadata", "m.tar.xz", one, 7},
                              {"root\"fs", "r\r\n.squashfs", two, 0}};
    g_autofree char *type = NULL;
    guint64 size = 0;
    g_autoptr(GError) error = NULL;
    g_auto(Fd) fd = form_write(files, 2, g_get_tmp_dir(), &type, &size, &error);
    g_autoptr(GPtrArray) parts = fd >= 0 ? form_read(fd, size, type, &error) : NULL;
    const FormPart *first;
    const FormPart *second;
    char content[8] = "";

    cr_assert(parts != NULL && parts->len == 2, "%s", error != NULL ? error->message : "");
    first = parts->pdata[0];
    second = parts->pdata[1];
    cr_expect_str_eq(first->filename, "m.tar.xz");
    cr_expect_str_eq(second->name, "root%22fs");
    cr_expect_str_eq(second->filename, "r%0D%0A.squashfs");
    cr_expect(second->length == 0 && pread(fd, content, first->length, (off_t)first->offset) == 7);
    cr_expect_str_eq(content, "one\r\n--");
}

Test(form, a_file_shorter_than_said)
{
    g_auto(Fd) one = file_of("x", 1);
    const FormFile file = {"a", "b", one, 2};
    g_autofree char *type = NULL;
    guint64 size;
    g_autoptr(GError) error = NULL;

    cr_expect(form_write(&file, 1, g_get_tmp_dir(), &type, &size, &error) == -1 && error != NULL);
}
