/* Several connections to one store: of this process and of others. */
#include <criterion/criterion.h>

#include <glib/gstdio.h>

#include "file.h"
#include "store.h"

/* Another program opens the database, reads and leaves: TRUE when it found the object. */
static gboolean found_by_another(const char *dir, const char *key)
{
    g_autofree char *path = g_build_filename(dir, "berth.db", NULL);
    const char *argv[] = {"/usr/bin/python3",
                          "-c",
                          "import sqlite3, sys\n"
                          "db = sqlite3.connect(sys.argv[1])\n"
                          "found = db.execute('SELECT 1 FROM objects WHERE key = ?', "
                          "sys.argv[2:]).fetchall()\n"
                          "db.close()\n"
                          "sys.exit(0 if found else 3)",
                          path,
                          key,
                          NULL};
    int status = -1;

    cr_assert(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL,
                           &status, NULL));
    cr_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 3));
    return WEXITSTATUS(status) == 0;
}

static void add_profile(Store *store, const char *name)
{
    g_autoptr(GPtrArray) put = g_ptr_array_new_with_free_func((GDestroyNotify)object_unref);
    g_autoptr(GPtrArray) remove = g_ptr_array_new();
    Commit commit = {.put = put, .remove = remove, .cause = "test", .result = "done"};
    gint64 generation;

    g_ptr_array_add(put, object_new(KIND_PROFILE, "default", "", name,
                                    json_pack("{s:{}, s:{}}", "config", "devices"), NULL));
    cr_assert(store_begin(store, TRUE, NULL));
    cr_assert(store_commit(store, &commit, &generation, NULL));
    cr_assert(store_end(store, TRUE, NULL));
    store_publish(store, &commit);
}

/* A process that reads and writes by two connections, as one that waits for a deadline does: the
 * second does not cost the first its locks, by which others know not to take the log away. */
Test(store, other_programs_leave_the_log_alone)
{
    g_autofree char *dir = g_dir_make_tmp("berth-store-XXXXXX", NULL);
    Store *store = store_open(dir, TRUE, TRUE, NULL);
    Store *reader, *writer;

    cr_assert(store != NULL);
    add_profile(store, "a");
    store_close(store);
    reader = store_open(dir, FALSE, FALSE, NULL);
    writer = store_open(dir, TRUE, TRUE, NULL);
    cr_assert(reader != NULL && writer != NULL);
    cr_expect(found_by_another(dir, "profile/default//a"));
    add_profile(writer, "b");
    cr_expect(found_by_another(dir, "profile/default//b"));
    store_close(writer);
    store_close(reader);
    cr_assert(file_remove_tree(dir, NULL));
}
