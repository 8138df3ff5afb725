/* Each type accepts what the specification accepts, refuses what it refuses, and compares by
 * meaning. */
#include <criterion/criterion.h>

#include "error.h"
#include "row.h"

/* Lists end with NULL; pairs with {NULL, NULL}. */
static void check(const char *name, const Row *row, const char *const *good, const char *const *bad)
{
    for (; *good != NULL; good++) {
        g_autoptr(GError) error = NULL;

        cr_expect(row->type->check(row, *good, &error), "%s: \"%s\" is refused: %s", name, *good,
                  error != NULL ? error->message : "");
    }
    for (; *bad != NULL; bad++) {
        g_autoptr(GError) error = NULL;

        cr_expect(!row->type->check(row, *bad, &error), "%s: \"%s\" is accepted", name, *bad);
        cr_expect(g_error_matches(error, BERTH_ERROR, ERR_INVALID),
                  "%s: \"%s\" has no or another error", name, *bad);
    }
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define CHECK(TYPE, good, bad) check(#TYPE, &(const Row){.type = &TYPE}, good, bad)
#define CHECK_ROW(TYPE, member, good, bad)                                                         \
    check(#TYPE, &(const Row){.type = &TYPE, member}, good, bad)

static void same(const Type *type, const char *a, const char *b)
{
    cr_expect(type->same(a, b), "%s: \"%s\" and \"%s\" are told apart", type->name, a, b);
    cr_expect(type->same(b, a), "%s: \"%s\" and \"%s\" are told apart", type->name, b, a);
}

static void differ(const Type *type, const char *a, const char *b)
{
    cr_expect(!type->same(a, b), "%s: \"%s\" and \"%s\" are taken for the same", type->name, a, b);
    cr_expect(!type->same(b, a), "%s: \"%s\" and \"%s\" are taken for the same", type->name, b, a);
}

/* I-013 */
Test(types, boolean)
{
    CHECK(TYPE_BOOL,
          LIST("true", "false", "1", "0", "yes", "no", "on", "off", "TRUE", "False", "YeS", "oFF"),
          LIST("", "t", "y", "2", "enabled", "true ", " true", "-1", "00"));
    same(&TYPE_BOOL, "true", "YES");
    same(&TYPE_BOOL, "0", "off");
    differ(&TYPE_BOOL, "true", "false");
    cr_expect(type_is_true("On"));
    cr_expect(!type_is_true("off"));
    cr_expect(!type_is_true("maybe"));
    cr_expect(!type_is_true(NULL));
}

/* I-014 */
Test(types, integers)
{
    CHECK(TYPE_INT, LIST("0", "-5", "9223372036854775807", "-9223372036854775808"),
          LIST("", "1.0", "9223372036854775808", "0x1", "1 ", " 1", "one", "1e2", "--1"));
    check("bounded", &(const Row){.type = &TYPE_INT, .min = 0, .max = 10}, LIST("0", "10", "07"),
          LIST("-1", "11"));
    CHECK(TYPE_UINT32, LIST("0", "4294967295"), LIST("-1", "4294967296", ""));
    same(&TYPE_INT, "7", "007");
    differ(&TYPE_INT, "7", "70");
}

Test(types, words)
{
    static const char *const words[] = {"hard", "soft", NULL};

    CHECK_ROW(TYPE_ENUM, .values = words, LIST("hard", "soft"),
              LIST("", "Hard", "medium", "hard "));
    CHECK_ROW(TYPE_COMMAS, .values = words, LIST("hard", "soft,hard", "soft, hard"),
              LIST("hard,", "hard,medium"));
    CHECK(TYPE_COMMAS, LIST("a", "a,b", "a, b", " a ,b"), LIST("a,,b", ",", "a,"));
    same(&TYPE_COMMAS, "a, b", "a,b");
    differ(&TYPE_COMMAS, "a,b", "b,a");
    check("length", &(const Row){.type = &TYPE_STRING, .min = 1, .max = 3}, LIST("a", "abc"),
          LIST("", "abcd"));
}

/* I-320, I-503 to I-507 */
Test(types, sizes)
{
    CHECK(TYPE_SIZE, LIST("1GiB", "10", "0"), LIST("1KB", "x", "-1", "50%", ""));
    check("bounded", &(const Row){.type = &TYPE_SIZE, .min = 1024, .max = 4096},
          LIST("1KiB", "4096"), LIST("1023", "5KiB"));
    CHECK(TYPE_MEMORY, LIST("1GiB", "50%", "100%", "1%"),
          LIST("0", "0%", "0GiB", "-5%", "%", "5 %", "1.5%", "50%%", ""));
    CHECK(TYPE_BITRATE, LIST("100Mbit", "1Gibit", "5"), LIST("100MB", "0", "fast", ""));
    CHECK(TYPE_DISK_RATE, LIST("10MB", "500iops", "10"),
          LIST("0iops", "iops", "-1iops", "1.5iops", "10Mbit", "10 iops"));
    same(&TYPE_SIZE, "1GiB", "1024MiB");
    same(&TYPE_SIZE, "10", "10 bytes");
    differ(&TYPE_SIZE, "1MB", "1MiB");
    same(&TYPE_MEMORY, "1GiB", "1024MiB");
    same(&TYPE_MEMORY, "50%", "050%");
    differ(&TYPE_MEMORY, "50%", "50");
    same(&TYPE_BITRATE, "1Gbit", "1000Mbit");
    differ(&TYPE_DISK_RATE, "10iops", "10");
}

/* I-301 to I-309 */
Test(types, cpus)
{
    CHECK(TYPE_CPUS, LIST("1", "4", "0-3", "1,2,3", "0-1,3", "1-1", "0,2,4-5", "8191-8191"),
          LIST("a", "1..3", "-1", "1,", "0x1", "0", "1--3", "3-1", ",1", "", "1, 2", "1-2-3",
               "0-8192", "99999999999"));
    same(&TYPE_CPUS, "0-2", "0,1,2");
    same(&TYPE_CPUS, "2,0", "0,2");
    same(&TYPE_CPUS, "2", "02");
    differ(&TYPE_CPUS, "1", "1-1"); /* I-303 */
    differ(&TYPE_CPUS, "0-2", "0-3");
}

/* I-310 to I-316 */
Test(types, allowance)
{
    CHECK(TYPE_ALLOWANCE, LIST("50%", "100%", "200%", "20ms/50ms", "100ms/50ms", "1ms/1000ms"),
          LIST("50", "ms/50ms", "10ms", "10s/50s", "-5%", "0%", "0ms/50ms", "20ms/0ms",
               "20ms/1001ms", "20/50", "", "%", "20ms /50ms"));
    same(&TYPE_ALLOWANCE, "50%", "050%");
    differ(&TYPE_ALLOWANCE, "50%", "50ms/100ms");
    differ(&TYPE_ALLOWANCE, "20ms/50ms", "40ms/100ms");
}

/* I-351 */
Test(types, rlimit)
{
    CHECK(TYPE_RLIMIT,
          LIST("3000", "1000:2000", "unlimited", "1:unlimited", "unlimited:unlimited", "0"),
          LIST("", ":", "1:", ":1", "2000:1000", "unlimited:1", "1:2:3", "many", "-1", "1k",
               "1 : 2"));
    same(&TYPE_RLIMIT, "3000", "3000:3000");
    differ(&TYPE_RLIMIT, "3000", "3000:4000");
}

Test(types, mac)
{
    CHECK(TYPE_MAC, LIST("00:16:3e:00:00:01", "00:16:3E:AB:CD:EF", "02:00:00:00:00:01"),
          LIST("", "00:16:3e:00:00", "00:16:3e:00:00:01:02", "00-16-3e-00-00-01",
               "00:16:3e:00:00:0g", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00",
               "0:16:3e:0:0:1", "00:16:3e:00:00:01\n"));
    same(&TYPE_MAC, "00:16:3E:AB:CD:EF", "00:16:3e:ab:cd:ef");
    differ(&TYPE_MAC, "00:16:3e:00:00:01", "00:16:3e:00:00:02");
}

Test(types, addresses)
{
    static const char *const words[] = {"auto", "none", NULL};

    CHECK(TYPE_IPV4, LIST("10.0.0.1", "0.0.0.0"),
          LIST("", "10.0.0", "10.0.0.256", "10.0.0.1/24", "fd42::1", "host", " 10.0.0.1",
               "010.0.0.1"));
    CHECK(TYPE_IPV6, LIST("fd42::1", "::", "2001:db8:0:0::1"),
          LIST("", "10.0.0.1", "fd42::1/64", "fe80::1%eth0", "fd42:::1", "g::1"));
    CHECK_ROW(TYPE_CIDR4, .values = words,
              LIST("10.1.2.1/24", "10.1.2.0/24", "auto", "none", "1.2.3.4/32"),
              LIST("", "10.1.2.1", "10.1.2.1/33", "10.1.2.1/-1", "10.1.2.1/+4", "10.1.2.1/ 4",
                   "fd42::1/64", "Auto", "10.1.2.1/24/2"));
    CHECK(TYPE_CIDR4, LIST("10.1.2.1/24"), LIST("auto", "none"));
    CHECK_ROW(TYPE_CIDR6, .values = words, LIST("fd42::1/64", "none"),
              LIST("fd42::1", "fd42::1/129", "10.0.0.1/24"));
    CHECK_ROW(TYPE_ADDRESS4, .values = words, LIST("10.0.0.9", "none"),
              LIST("10.0.0.9/24", "never"));
    CHECK(TYPE_ADDRESS6, LIST("fd42::9"), LIST("none", "10.0.0.9"));
    CHECK(TYPE_ADDRESSES4, LIST("10.0.0.1", "10.0.0.1,10.0.0.2", "10.0.0.1, 10.0.0.2"),
          LIST("10.0.0.1,", "10.0.0.1 10.0.0.2", "fd42::1"));
    CHECK(TYPE_ADDRESSES6, LIST("fd42::1,fd42::2"), LIST("10.0.0.1"));
    CHECK(TYPE_NAMESERVERS, LIST("1.1.1.1,2606:4700::1"), LIST("one.one", "x"));
    same(&TYPE_IPV6, "fd42:0::1", "fd42::1");
    same(&TYPE_CIDR6, "FD42::1/64", "fd42:0:0::1/64");
    differ(&TYPE_CIDR4, "10.0.0.1/24", "10.0.0.1/25");
    differ(&TYPE_CIDR4, "auto", "none");
    same(&TYPE_ADDRESSES6, "fd42::1,FD42::2", "fd42:0::1, fd42::2");
}

/* Values that end up in a line of somebody's config cannot begin another one. */
Test(types, lines_and_domains)
{
    CHECK(TYPE_LINE, LIST("", "a b", "ü"), LIST("a\nb", "a\rb", "a\tb", "\x7f"));
    CHECK(TYPE_DOMAIN, LIST("lxd", "lab.example.org", "a-b.c_d", "1.2"),
          LIST("", ".", "a.", ".a", "a..b", "-a", "a-", "a b", "a\nb", "a,b", "a/b"));
    CHECK(TYPE_DOMAINS, LIST("lxd", "lxd,example.org", "lxd, example.org"), LIST("lxd,", "a b,c"));
    CHECK(TYPE_ADDRESS, LIST("10.0.0.1", "fd42::1"), LIST("", "10.0.0.1,10.0.0.2", "host"));
    same(&TYPE_DOMAIN, "Lab.example", "lab.EXAMPLE");
}

Test(types, routes_and_ranges)
{
    CHECK(TYPE_ROUTES4,
          LIST("10.1.0.0/16", "10.1.0.0/16,192.0.2.0/24", "10.1.0.0/16, 192.0.2.7/32", "0.0.0.0/0"),
          LIST("10.1.2.3/16", "10.1.0.0", "fd42::/64", "10.1.0.0/16,", "10.1.0.0/33"));
    CHECK(TYPE_ROUTES6, LIST("fd42::/64", "2001:db8::/32,fd00::1/128"),
          LIST("fd42::1/64", "10.0.0.0/8", "fd42::"));
    CHECK(TYPE_RANGES4, LIST("10.0.0.2-10.0.0.9", "10.0.0.2-10.0.0.2,10.0.0.5-10.0.0.6"),
          LIST("10.0.0.9-10.0.0.2", "10.0.0.2", "10.0.0.2-", "10.0.0.2-10.0.0.3-10.0.0.4",
               "fd42::1-fd42::2", "10.0.0.2 10.0.0.9"));
    CHECK(TYPE_RANGES6, LIST("fd42::2-fd42::ff"), LIST("fd42::ff-fd42::2", "10.0.0.1-10.0.0.2"));
    CHECK(TYPE_SUBNETS, LIST("lan:10.0.0.0/8", "lan:10.0.0.0/8,wan:2001:db8::/32"),
          LIST("10.0.0.0/8", ":10.0.0.0/8", "lan:", "lan:10.0.0.1/8"));
    same(&TYPE_ROUTES6, "fd42:0::/64", "fd42::/64");
    differ(&TYPE_ROUTES4, "10.1.0.0/16", "10.1.0.0/16,10.2.0.0/16");
    same(&TYPE_RANGES6, "fd42::2-fd42::ff", "FD42::2-fd42:0::ff");
    differ(&TYPE_RANGES4, "10.0.0.2-10.0.0.9", "10.0.0.2-10.0.0.8");
}

Test(types, interfaces_and_listeners)
{
    CHECK(TYPE_IFNAME, LIST("br0", "eth0", "a.b-c_d", "abcdefghijklmno"),
          LIST("", "a", "abcdefghijklmnop", "a/b", "a b", "..", "br0\n", "b:1"));
    CHECK(TYPE_DURATION, LIST("30m", "1h", "infinite", "3600", "7d"),
          LIST("", "1x", "forever", "0", "-1h", "1h30m", "1 h"));
    CHECK(TYPE_HOST_PORT,
          LIST("192.0.2.1", "192.0.2.1:9999", ":8443", "2001:db8::1", "[2001:db8::1]:8443", "[::]",
               "host.example:80", "host"),
          LIST("", "192.0.2.1:99999", ":0", ":", ":x", "a b", "http://x/", "[::1]x"));
    CHECK(TYPE_PROXY,
          LIST("tcp:0.0.0.0:80", "udp:[2001:db8::1]:53", "tcp:1.2.3.4:80-90,100",
               "unix:/run/x.sock", "unix:@abstract"),
          LIST("", "tcp:80", "sctp:1.2.3.4:80", "tcp:1.2.3.4", "tcp:::1:80", "unix:relative",
               "tcp:1.2.3.4:80-", "tcp:1.2.3.4:a"));
    CHECK(TYPE_VLANS, LIST("1", "1,2", "10-20,4094"),
          LIST("0", "4095", "20-10", "a", "1-2-3", ","));
    CHECK(TYPE_PCI, LIST("0000:03:00.0", "03:00.1"), LIST("03:00", "zz:00.0", "03:00.8", ""));
    CHECK(TYPE_HEX4, LIST("046d", "c52b"), LIST("46d", "046D", "0x46", ""));
    CHECK(TYPE_OCTAL, LIST("0660", "660", "0", "04755"), LIST("0680", "rw", "", "077777"));
    same(&TYPE_OCTAL, "0660", "660");
}

/* I-400 to I-402, I-410 */
Test(types, schedules)
{
    CHECK(TYPE_CRON,
          LIST("0 6 * * *", "*/5 * * * *", "0 0 1 jan sun", "1,2 3-4 * * 0-6", "@daily",
               "@hourly, @startup", "@hourly,@weekly", "@NEVER", "@daily, 0 6 * * *"),
          LIST("", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
               "* * * * 8", "@often", "5-1 * * * *", "*/0 * * * *", "0  6 * * *", "a b c d e"));
    CHECK(TYPE_SPAN, LIST("90", "90s", "5m", "1h30m", "7d"), LIST("", "soon", "-1", "5 m"));
    CHECK(TYPE_GIT_URL,
          LIST("https://h/x", "https://u@h:8443/x.git", "ssh://git@h:22/x", "git@h:x/y",
               "/srv/x.git", "file:///srv/x.git"),
          LIST("", "x", "http://h/x", "git://h/x", "https://", "https:///x", "ftp://h/x",
               "https://u:secret@h/x", "-oProxyCommand=x:y", "https://h/a b", "ext::sh -c id"));
    CHECK(TYPE_GIT_REF, LIST("main", "v1.2", "release/12", "refs/heads/main"),
          LIST("", "-x", "a..b", "a b", "a~1", "a^", "a:b", "x.lock", "@{u}", "a@{1}", "x/"));
    CHECK(TYPE_SECRET_FILE, LIST("/etc/token", "credential:token"),
          LIST("", "token", "credential:", "credential:../x", "credential:a/b"));
    CHECK(TYPE_EXPIRY, LIST("1M", "1M 2H 3d 4w 5m 6y", "3d 1M"),
          LIST("", "1x", "1", "1M 1M", "1M  2H", "-1d", "1.5d", "M", "1d,2w", " 1d"));
    CHECK(TYPE_TIME,
          LIST("2030-01-31T00:00:00Z", "2030-01-31T00:00:00.5+02:00", "0001-01-01T00:00:00Z"),
          LIST("", "2030-01-31", "2030-13-01T00:00:00Z", "2030-01-31 00:00:00Z", "tomorrow",
               "2030-02-30T00:00:00Z"));
    same(&TYPE_TIME, "2030-01-31T02:00:00+02:00", "2030-01-31T00:00:00Z");
}

/* SEC-40 */
Test(types, idmap)
{
    CHECK(TYPE_IDMAP,
          LIST("both 1000 1000", "uid 50-60 500-510", "uid 1 2\ngid 1 2", "\nboth 1000 1000\n",
               "uid 5 5\nuid 6 6"),
          LIST("1000 1000", "both 1000", "both  1000 1000", "all 1 1", "uid 50-60 500-509",
               "uid 60-50 510-500", "uid 1 1\nuid 1 2", "uid 1 5\nboth 9 5", "uid a b",
               "uid 4294967295 0", "both 1000 1000 1000"));
}

/* I-140 */
Test(types, raw_lxc)
{
    CHECK(TYPE_RAW_LXC,
          LIST("", "lxc.init.cmd = /bin/bash", "# a comment\n\n lxc.cap.drop = sys_admin ",
               "lxc.net.0.ipv4.address = 10.0.0.2/24", "lxc.net.12.ipv6.gateway=fe80::1",
               "lxc.environment = A=B"),
          LIST("lxc.init.cmd", "= value", "lxc.log.file = /x", "lxc.logfile=/x",
               "LXC.Log.Syslog = x", "lxc.syslog = x", "lxc.ephemeral = 1",
               "lxc.prlimit.nofile = 5", "lxc.net.0.link = br0", "lxc.net.0.ipv4.method = x",
               "lxc.net = x\nlxc.net.0.type = veth"));
}

Test(types, names_and_paths)
{
    CHECK(TYPE_NAME, LIST("a", "web-1", "ü", "a b"), LIST("", ".", "..", "a/b", "a\nb"));
    CHECK(TYPE_PATH, LIST("/", "/srv/data"), LIST("", "srv", "./srv", "~"));
    CHECK(TYPE_PATHS, LIST("/srv", "/srv,/opt"), LIST("/srv,opt", "/srv,"));
    CHECK(TYPE_OBJECT_NAMES, LIST("network/lan", "image/debian/12"),
          LIST("", "lan", "/lan", "network/"));
    CHECK(TYPE_ID_RANGES, LIST("1000", "1000-1999,3000"), LIST("ab", "5-1", "1-x", "1,"));
    CHECK(TYPE_COMPRESSION, LIST("none", "gzip", "zstd -19 -T0"),
          LIST("", " gzip", "-9", "/bin/sh;x y"));
    CHECK(TYPE_ARCHITECTURE, LIST("x86_64", "amd64", "arm64", "riscv64"),
          LIST("", "x86-64", "AMD64", "pdp11"));
    same(&TYPE_ARCHITECTURE, "amd64", "x86_64");
    differ(&TYPE_ARCHITECTURE, "amd64", "aarch64");
    cr_expect_str_eq(type_architecture("i386"), "i686");
    cr_expect_null(type_architecture("pdp11"));
}
