/* What control group files of both versions say, as texts; and what is asked of processes that are
 * not there. The live numbers of a container are compared with LXD's by compare_lxd.py. */
#include <criterion/criterion.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "instance/usage.h"
#include "instance/usage_parse.h"
#include "resources/link_state.h"

/* Takes the value. */
static void is(json_t *value, const char *wanted)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(wanted), "'", '"');
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);

    cr_expect_str_eq(text, quoted, "%s instead of %s", text, quoted);
    free(text);
    json_decref(value);
}

static json_int_t member(json_t *value, const char *key)
{
    return json_integer_value(json_object_get(value, key));
}

Test(usage, cpu)
{
    is(usage_parse_cpu("cpu user system\n0 1500000000 500000000\n1 0 250000000\n", NULL),
       "[{'cpu':'0','system':0.5,'user':1.5},{'cpu':'1','system':0.25,'user':0.0}]");
    is(usage_parse_cpu(NULL, "usage_usec 2000000\nuser_usec 1500000\nsystem_usec 500000\n"),
       "[{'cpu':'0','system':0.5,'user':1.5}]");
    is(usage_parse_cpu(NULL, NULL), "[]");
    is(usage_parse_cpu("nonsense\n1 2\n", "user_usec 1"), "[]");
}

/* 4095:1 is no device of any host: it keeps its number. */
Test(usage, disks)
{
    static const char WANTED[] =
        "[{'device':'4095:1','read_bytes':4096,'reads':1,'writes':2,'written_bytes':8192}]";

    is(usage_parse_disks("4095:1 Read 4096\n4095:1 Write 8192\n4095:1 Sync 0\nTotal 12288",
                         "4095:1 Read 1\n4095:1 Write 2\n", NULL),
       WANTED);
    is(usage_parse_disks(
           NULL, NULL, "4095:1 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=9 dios=9\n4095:2 \n\n"),
       WANTED);
    is(usage_parse_disks(NULL, NULL, NULL), "[]");
    is(usage_parse_disks("../../x Read 1", NULL, NULL),
       "[{'device':'../../x','read_bytes':1,'reads':0,'writes':0,'written_bytes':0}]");
}

Test(usage, memory)
{
    g_autoptr(json_t) v1 = usage_parse_memory("cache 1\nrss 2\nactive_anon 4\nactive_file 8\n"
                                              "total_cache 16\ntotal_rss 32\n",
                                              FALSE);
    g_autoptr(json_t) v2 = usage_parse_memory("anon 1\nfile 2\nswapcached 4\nactive_anon 8\n"
                                              "active_file 16\nfile_dirty 32\n",
                                              TRUE);

    cr_expect_eq(member(v1, "Cached"), 16, "with the groups below");
    cr_expect_eq(member(v1, "RSS"), 32);
    cr_expect_eq(member(v1, "Active"), 12);
    cr_expect_eq(member(v2, "Cached"), 2);
    cr_expect_eq(member(v2, "RSS"), 5);
    cr_expect_eq(member(v2, "Active"), 24);
    cr_expect_eq(member(v2, "Dirty"), 32);
    cr_expect_eq(member(v2, "Writeback"), 0);
}

Test(usage, stopped)
{
    is(usage_stopped(),
       "{'cpu':{'usage':0},'disk':{},'memory':{'swap_usage':0,'swap_usage_peak':0,'usage':0,"
       "'usage_peak':0},'network':null,'pid':0,'processes':0}");
}

Test(usage, gone)
{
    g_autoptr(GError) state = NULL;
    g_autoptr(GError) metrics = NULL;
    g_autoptr(GError) links = NULL;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    cr_expect(usage_state(child, "none", &state) == NULL);
    cr_expect(g_error_matches(state, BERTH_ERROR, ERR_NOT_FOUND), "%s", state->message);
    cr_expect(usage_metrics(child, "none", NULL, &metrics) == NULL);
    cr_expect(g_error_matches(metrics, BERTH_ERROR, ERR_NOT_FOUND));
    cr_expect(link_states_inside(child, &links) == NULL);
    cr_expect(g_error_matches(links, BERTH_ERROR, ERR_NOT_FOUND));
}

/* A process of the same network namespace. */
Test(usage, own_namespace)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) states = link_states_inside(getpid(), &error);

    cr_assert(states != NULL, "%s", error != NULL ? error->message : "");
    cr_expect_str_eq(json_string_value(json_at(states, "lo/type")), "loopback");
}
