/* The firewall's own tables (NET-FW-02, 07): text that reads back as it was written, atomic change
 * by delta, marks. */
#include <criterion/criterion.h>

#include "error.h"
#include "firewall/nft.h"
#include "namespace.h"

TestSuite(nft, .init = namespace_enter, .fini = namespace_leave, .timeout = 30);

#define MARK "berth:network/default//lan"
#define FORWARD "type filter hook forward priority 0 policy accept"

static json_t *lines(const char *first, ...)
{
    json_t *list = json_array();
    va_list args;

    va_start(args, first);
    for (const char *line = first; line != NULL; line = va_arg(args, const char *))
        json_array_append_new(list, json_string(line));
    va_end(args);
    return list;
}

static void set(const char *table, json_t *chains, const char *mark)
{
    g_autoptr(GError) error = NULL;

    cr_assert(nft_set_chains(table, chains, mark, &error), "%s",
              error != NULL ? error->message : "");
    json_decref(chains);
}

static json_t *read_one(const char *table, const char *name, const char *mark)
{
    const char *names[] = {name, NULL};
    g_autoptr(GError) error = NULL;
    json_t *found = nft_chains(table, names, mark, &error);

    cr_assert_not_null(found, "%s", error != NULL ? error->message : "");
    return found;
}

static void assert_round_trip(const char *table, json_t *list)
{
    json_t *found;
    g_autofree char *wanted = json_text(list);
    g_autofree char *seen = NULL;

    set(table, json_pack("{s:O}", "x.lan", list), MARK);
    found = read_one(table, "x.lan", MARK);
    seen = json_text(json_object_get(found, "x.lan"));
    cr_assert_str_eq(seen, wanted);
    json_decref(found);
    json_decref(list);
}

Test(nft, every_sort_of_rule_reads_back_as_written)
{
    assert_round_trip("inet", lines(FORWARD, "iifname \"lan\" accept", "oifname != \"lan\" drop",
                                    "meta nfproto ipv4 iifname \"lan\" accept",
                                    "meta nfproto ipv6 oifname \"lan\" reject",
                                    "ip saddr 10.1.2.0/24 ip daddr != 10.1.2.0/24 accept",
                                    "ip6 saddr fd42::/64 ip6 daddr != fd42::/64 accept",
                                    "ip saddr 10.0.0.0/9 return", "ip saddr 10.1.2.3/32 drop",
                                    "iifname \"lan\" tcp dport 53 accept",
                                    "oifname \"lan\" udp sport 67 accept",
                                    "iifname \"lan\" icmp type 3 accept",
                                    "iifname \"lan\" icmpv6 type 135 accept", "reject", NULL));
}

Test(nft, nat_rules_read_back_as_written)
{
    assert_round_trip(
        "inet", lines("type nat hook postrouting priority 100 policy accept",
                      "ip saddr 10.1.2.0/24 ip daddr != 10.1.2.0/24 masquerade",
                      "ip saddr 10.1.3.0/24 ip daddr != 10.1.3.0/24 snat ip to 192.0.2.9",
                      "ip6 saddr fd42::/64 ip6 daddr != fd42::/64 snat ip6 to 2001:db8::9", NULL));
}

Test(nft, limits_read_back_as_written)
{
    g_free(run("ip link add v0 type veth peer name v1"));
    assert_round_trip("netdev",
                      lines("type filter hook ingress device \"v0\" priority 0 policy accept",
                            "limit rate over 1250000 bytes/second burst 1048576 bytes drop", NULL));
}

Test(nft, people_can_read_it)
{
    g_autofree char *text = NULL;

    set("inet",
        json_pack("{s:o}", "fwd.lan",
                  lines(FORWARD, "ip saddr 10.1.2.0/24 tcp dport 53 accept", NULL)),
        MARK);
    text = run("nft list ruleset");
    cr_assert_not_null(
        strstr(text, "ip saddr 10.1.2.0/24 tcp dport 53 accept comment \"" MARK "\""), "%s", text);
    cr_assert_not_null(strstr(text, "table inet berth"), "%s", text);
}

Test(nft, same_again_writes_nothing)
{
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    set("inet", json_pack("{s:o}", "fwd.lan", lines(FORWARD, "accept", NULL)), MARK);
    before = run("nft -a list ruleset");
    set("inet", json_pack("{s:o}", "fwd.lan", lines(FORWARD, "accept", NULL)), MARK);
    after = run("nft -a list ruleset");
    cr_assert_str_eq(before, after);
}

Test(nft, the_table_comes_with_the_first_chain_and_goes_with_the_last)
{
    g_autofree char *text = NULL;

    set("inet",
        json_pack("{s:o, s:o}", "fwd.a", lines(FORWARD, "accept", NULL), "fwd.b",
                  lines(FORWARD, NULL)),
        MARK);
    set("inet", json_pack("{s:n}", "fwd.a"), MARK);
    text = run("nft list tables");
    cr_assert_str_eq(text, "table inet berth\n");
    set("inet", json_pack("{s:n, s:n}", "fwd.b", "fwd.never"), MARK);
    g_free(g_steal_pointer(&text));
    text = run("nft list tables");
    cr_assert_str_eq(text, "");
}

Test(nft, a_change_replaces_rules_and_hook)
{
    json_t *found;

    set("inet", json_pack("{s:o}", "c", lines(FORWARD, "accept", "drop", NULL)), MARK);
    set("inet", json_pack("{s:o}", "c", lines(FORWARD, "drop", NULL)), MARK);
    found = read_one("inet", "c", MARK);
    cr_assert_eq(json_array_size(json_object_get(found, "c")), 2);
    json_decref(found);
    set("inet",
        json_pack("{s:o}", "c",
                  lines("type filter hook input priority 5 policy drop", "accept", NULL)),
        MARK);
    found = read_one("inet", "c", MARK);
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(found, "c"), 0)),
                     "type filter hook input priority 5 policy drop");
    json_decref(found);
}

Test(nft, what_others_made_is_never_touched)
{
    const char *names[] = {"fwd.lan", NULL};
    g_autoptr(GError) error = NULL;
    json_t *chains = json_pack("{s:o}", "fwd.lan", lines(FORWARD, "accept", NULL));
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    g_free(run("nft add table inet other"));
    g_free(run("nft add table inet berth"));
    g_free(run("nft add chain inet berth fwd.lan"));
    before = run("nft list ruleset");
    cr_assert_null(nft_chains("inet", names, MARK, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_EXISTS), "%s", error->message);
    g_clear_error(&error);
    cr_assert_not(nft_set_chains("inet", chains, MARK, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_EXISTS), "%s", error->message);
    json_decref(chains);
    set("inet", json_pack("{s:n}", "fwd.lan"), MARK);
    after = run("nft list ruleset");
    cr_assert_str_eq(before, after);
    /* The table stays as long as a chain of somebody else is in it. */
    set("inet", json_pack("{s:o}", "in.lan", lines(FORWARD, NULL)), MARK);
    set("inet", json_pack("{s:n, s:n}", "in.lan", "fwd.lan"), MARK);
    g_free(g_steal_pointer(&after));
    after = run("nft list ruleset");
    cr_assert_str_eq(before, after);
}

Test(nft, foreign_rules_in_our_chain_are_drift_and_go)
{
    json_t *found;

    set("inet", json_pack("{s:o}", "c", lines(FORWARD, "accept", NULL)), MARK);
    g_free(run("nft insert rule inet berth c counter drop"));
    found = read_one("inet", "c", MARK);
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(found, "c"), 1)),
                     "unknown # foreign");
    json_decref(found);
    set("inet", json_pack("{s:o}", "c", lines(FORWARD, "accept", NULL)), MARK);
    found = read_one("inet", "c", MARK);
    cr_assert_eq(json_array_size(json_object_get(found, "c")), 2);
    json_decref(found);
}

Test(nft, a_bad_rule_changes_nothing)
{
    g_autoptr(GError) error = NULL;
    json_t *chains = json_pack("{s:o, s:o}", "a", lines(FORWARD, "accept", NULL), "b",
                               lines(FORWARD, "dance", NULL));
    g_autofree char *text = NULL;

    cr_assert_not(nft_set_chains("inet", chains, MARK, &error));
    cr_assert(g_error_matches(error, BERTH_ERROR, ERR_INVALID), "%s", error->message);
    g_clear_error(&error);
    json_decref(chains);
    /* The kernel refuses this one: masquerade belongs to nat chains. */
    chains = json_pack("{s:o, s:o}", "a", lines(FORWARD, "accept", NULL), "b",
                       lines(FORWARD, "masquerade", NULL));
    cr_assert_not(nft_set_chains("inet", chains, MARK, &error));
    json_decref(chains);
    text = run("nft list ruleset");
    cr_assert_str_eq(text, "");
}

typedef struct {
    int number;
    gboolean failed;
} Writer;

static gpointer write_chains(gpointer data)
{
    Writer *writer = data;
    g_autofree char *name = g_strdup_printf("fwd.n%d", writer->number);

    for (int i = 0; i < 20 && !writer->failed; i++) {
        json_t *chains =
            json_pack("{s:o}", name, i % 2 == 0 ? lines(FORWARD, "accept", NULL) : json_null());

        writer->failed = !nft_set_chains("inet", chains, MARK, NULL);
        json_decref(chains);
    }
    return NULL;
}

Test(nft, threads_and_other_programs_do_not_lose_each_others_work)
{
    Writer writers[4] = {{0}};
    GThread *threads[4];
    g_autofree char *text = NULL;

    for (int i = 0; i < 4; i++) {
        writers[i].number = i;
        threads[i] = g_thread_new("writer", write_chains, &writers[i]);
    }
    for (int i = 0; i < 20; i++) {
        g_free(run("nft add table inet other%d", i));
        g_free(run("nft delete table inet other%d", i));
    }
    for (int i = 0; i < 4; i++) {
        g_thread_join(threads[i]);
        cr_assert_not(writers[i].failed);
    }
    text = run("nft list tables");
    cr_assert_str_eq(text, "");
}
