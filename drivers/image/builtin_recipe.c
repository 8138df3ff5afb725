#include "image/builtin_recipe.h"

/* PID 1. The runtime has mounted /proc, /sys and /dev and set the host name. What the signals mean:
 * PWR and RTMIN+3 are what berth and LXD send for a clean stop, INT for a reboot; USR1, USR2 and
 * TERM come from busybox's own halt, poweroff and reboot. The shell waits in `wait`, which also
 * collects orphans and lets a trap run at once. */
static const char init_text[] =
    "#!/bin/sh\n"
    "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root\n"
    "\n"
    "end() {\n"
    "    trap '' PWR INT TERM HUP USR1 USR2 37\n"
    "    kill -TERM -1 2>/dev/null\n"
    "    tries=0\n"
    "    while set -- /proc/[0-9]* && [ $# -gt 1 ] && [ $tries -lt 20 ]; do\n"
    "        usleep 20000\n"
    "        tries=$((tries + 1))\n"
    "    done\n"
    "    kill -KILL -1 2>/dev/null\n"
    "}\n"
    "\n"
    "trap 'end; exit 0' PWR USR1 USR2 37\n"
    "trap 'end; reboot -f; exit 0' INT TERM\n"
    "trap '' HUP\n"
    "\n"
    "network() {\n"
    "    trap - PWR INT TERM HUP USR1 USR2 37\n"
    "    ip link set lo up\n"
    "    while :; do\n"
    "        if [ -e /sys/class/net/eth0 ]; then\n"
    "            ip link set eth0 up\n"
    "            udhcpc -f -i eth0 -s /usr/share/udhcpc/default.script -t 8 -T 1 -A 5 -x "
    "\"hostname:$(hostname)\" >/dev/null 2>&1\n"
    "        fi\n"
    "        sleep 1\n"
    "    done\n"
    "}\n"
    "\n"
    "while :; do\n"
    "    network &\n"
    "    wait $!\n"
    "done\n";

static const char udhcpc_text[] =
    "#!/bin/sh\n"
    "# Called by udhcpc with the answer of the DHCP server in its environment.\n"
    "case \"$1\" in\n"
    "deconfig)\n"
    "    ip -4 addr flush dev \"$interface\"\n"
    "    ip link set \"$interface\" up\n"
    "    ;;\n"
    "bound | renew)\n"
    "    ifconfig \"$interface\" \"$ip\" netmask \"${subnet:-255.255.255.0}\" "
    "${broadcast:+broadcast \"$broadcast\"}\n"
    "    if [ -n \"$router\" ]; then\n"
    "        while ip route del default dev \"$interface\" 2>/dev/null; do :; done\n"
    "        for gateway in $router; do\n"
    "            ip route add default via \"$gateway\" dev \"$interface\"\n"
    "        done\n"
    "    fi\n"
    "    {\n"
    "        [ -z \"${search:-$domain}\" ] || echo \"search ${search:-$domain}\"\n"
    "        for server in $dns; do echo \"nameserver $server\"; done\n"
    "    } >/etc/resolv.conf\n"
    "    ;;\n"
    "esac\n";

const RecipeItem BUILTIN_ITEMS[] = {
    {ITEM_FOLDER, 0755, "bin", NULL},
    {ITEM_FOLDER, 0755, "sbin", NULL},
    {ITEM_FOLDER, 0755, "dev", NULL},
    {ITEM_FOLDER, 0755, "etc", NULL},
    {ITEM_FOLDER, 0755, "proc", NULL},
    {ITEM_FOLDER, 0700, "root", NULL},
    {ITEM_FOLDER, 0755, "run", NULL},
    {ITEM_FOLDER, 0755, "sys", NULL},
    {ITEM_FOLDER, 01777, "tmp", NULL},
    {ITEM_FOLDER, 0755, "usr", NULL},
    {ITEM_FOLDER, 0755, "usr/bin", NULL},
    {ITEM_FOLDER, 0755, "usr/share", NULL},
    {ITEM_FOLDER, 0755, "usr/share/udhcpc", NULL},
    {ITEM_FOLDER, 0755, "var", NULL},
    {ITEM_FOLDER, 0755, "var/log", NULL},
    {ITEM_FILE, 0755, "sbin/init", init_text},
    {ITEM_FILE, 0755, "usr/share/udhcpc/default.script", udhcpc_text},
    {ITEM_FILE, 0644, "etc/passwd",
     "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"},
    {ITEM_FILE, 0644, "etc/group", "root:x:0:\nnogroup:x:65534:\n"},
    {ITEM_FILE, 0644, "etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n"},
    {ITEM_FILE, 0644, "etc/resolv.conf", ""},
    {0},
};

const char *const BUILTIN_APPLETS[] = {
    "bin/ash",       "bin/awk",      "bin/base64",    "bin/basename", "bin/cat",
    "bin/chgrp",     "bin/chmod",    "bin/chown",     "bin/cp",       "bin/cut",
    "bin/date",      "bin/dd",       "bin/df",        "bin/diff",     "bin/dirname",
    "bin/dmesg",     "bin/du",       "bin/echo",      "bin/env",      "bin/expr",
    "bin/false",     "bin/find",     "bin/free",      "bin/getopt",   "bin/grep",
    "bin/gunzip",    "bin/gzip",     "bin/head",      "bin/hexdump",  "bin/hostname",
    "bin/id",        "bin/kill",     "bin/killall",   "bin/less",     "bin/ln",
    "bin/ls",        "bin/md5sum",   "bin/mkdir",     "bin/mkfifo",   "bin/mknod",
    "bin/mktemp",    "bin/more",     "bin/mount",     "bin/mv",       "bin/nc",
    "bin/netstat",   "bin/nslookup", "bin/pidof",     "bin/ping",     "bin/ping6",
    "bin/printf",    "bin/ps",       "bin/pwd",       "bin/readlink", "bin/realpath",
    "bin/rm",        "bin/rmdir",    "bin/sed",       "bin/seq",      "bin/sh",
    "bin/sha256sum", "bin/sleep",    "bin/sort",      "bin/stat",     "bin/stty",
    "bin/su",        "bin/sync",     "bin/tail",      "bin/tar",      "bin/tee",
    "bin/test",      "bin/timeout",  "bin/top",       "bin/touch",    "bin/tr",
    "bin/true",      "bin/umount",   "bin/uname",     "bin/uniq",     "bin/unshare",
    "bin/usleep",    "bin/vi",       "bin/watch",     "bin/wc",       "bin/wget",
    "bin/which",     "bin/whoami",   "bin/xargs",     "bin/yes",      "sbin/halt",
    "sbin/ifconfig", "sbin/ip",      "sbin/poweroff", "sbin/reboot",  "sbin/route",
    "sbin/sysctl",   "sbin/udhcpc",  "usr/bin/env",   NULL,
};
