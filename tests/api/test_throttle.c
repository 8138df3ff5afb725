/* Failures within a time, by key (api/throttle.h). */
#include <criterion/criterion.h>

#include "throttle.h"

Test(throttle, waits_and_forgets)
{
    g_autoptr(Throttle) throttle = throttle_new(3, 60);

    for (guint i = 0; i < 3; i++) {
        cr_assert(throttle_may(throttle, "a", 100 + i));
        cr_assert_eq(throttle_failed(throttle, "a", 100 + i), i == 2);
    }
    cr_assert_not(throttle_may(throttle, "a", 103));
    cr_assert(throttle_may(throttle, "b", 103), "another one");
    cr_assert_not(throttle_may(throttle, "a", 159));
    cr_assert(throttle_may(throttle, "a", 160), "its time is over");
    cr_assert_not(throttle_failed(throttle, "a", 160));
    cr_assert(throttle_may(throttle, "a", 161), "counted anew");
}

Test(throttle, addresses)
{
    static const struct {
        const char *address, *key;
    } cases[] = {{"192.0.2.1:4711", "lock 192.0.2.1"},
                 {"[2001:db8:1:2:3:4:5:6]:4711", "lock 2001:db8:1:2::/64"},
                 {"[2001:db8:1:2::9]:1", "lock 2001:db8:1:2::/64"},
                 {"[2001:db8:1:3::9]:1", "lock 2001:db8:1:3::/64"},
                 {"@", "lock @"}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *key = throttle_key("lock", cases[i].address);

        cr_expect_str_eq(key, cases[i].key);
    }
}

/* Keys that strangers make up take no memory without end, and those that may not try still may not
 * while there is room. */
Test(throttle, many_keys)
{
    g_autoptr(Throttle) throttle = throttle_new(1, 1000);

    for (guint i = 0; i < 100000; i++) {
        g_autofree char *key = g_strdup_printf("%u", i);

        cr_assert(throttle_failed(throttle, key, 10 * i));
        cr_assert_not(throttle_may(throttle, key, 10 * i));
    }
}
