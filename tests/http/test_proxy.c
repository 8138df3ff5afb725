/* Headers of proxies: every prefix of a good one asks for more and never for bytes after its end;
 * what is wrong is refused at once. */
#include <criterion/criterion.h>
#include <string.h>

#include "http/peers.h"
#include "http/proxy.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static void expect(const char *data, gsize size, ProxyResult wanted, const char *address)
{
    for (gsize read = 0; read <= size; read++) {
        g_autofree guchar *part = g_memdup2(data, read); /* so that reading over the end is seen */
        g_autofree char *found = NULL;
        gsize more = 0;
        ProxyResult result = proxy_parse(part, read, &more, &found);

        if (result == PROXY_MORE) {
            cr_expect(more > 0 &&
                      (wanted == PROXY_BAD || wanted == PROXY_MORE || read + more <= size));
            continue;
        }
        cr_expect_eq(result, wanted, "%zu bytes give %d, not %d", read, result, wanted);
        cr_expect_eq(g_strcmp0(found, address), 0, "%s", found != NULL ? found : "no address");
        return;
    }
    cr_expect_eq(wanted, PROXY_MORE);
}

#define EXPECT(data, wanted, address) expect(data, sizeof(data) - 1, wanted, address)

Test(proxy, version_1)
{
    EXPECT("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n", PROXY_ADDRESS, "192.0.2.1:4711");
    EXPECT("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", PROXY_ADDRESS, "[2001:db8::1]:1");
    EXPECT("PROXY UNKNOWN\r\n", PROXY_LOCAL, NULL);
    EXPECT("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", PROXY_LOCAL, NULL);
    EXPECT("PROXY TCP4 192.0.2.1 198.51.100.1 4711", PROXY_MORE, NULL);
    EXPECT("PROXY TCP4 2001:db8::1 198.51.100.1 1 2\r\n", PROXY_BAD, NULL);
    EXPECT("PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n", PROXY_BAD, NULL);
    EXPECT("PROXY TCP4 192.0.2.1 198.51.100.1 70000 2\r\n", PROXY_BAD, NULL);
    EXPECT("PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n", PROXY_BAD, NULL);
    EXPECT("PROXY\r\n", PROXY_BAD, NULL);
    EXPECT("POST / HTTP/1.1\r\n", PROXY_BAD, NULL);
    EXPECT("PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n", PROXY_BAD, NULL);
}

Test(proxy, version_2)
{
    EXPECT(V2 "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\1\x12\x67\1\xbb", PROXY_ADDRESS,
           "192.0.2.1:4711");
    EXPECT(V2 "\x21\x11\0\x0f\xc0\0\2\1\xc6\x33\x64\1\x12\x67\1\xbb\3\0\0", PROXY_ADDRESS,
           "192.0.2.1:4711");
    EXPECT(V2 "\x21\x21\0\x24\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0"
              "\0\0\2\0\1\0\2",
           PROXY_ADDRESS, "[2001:db8::1]:1");
    EXPECT(V2 "\x20\0\0\0", PROXY_LOCAL, NULL);
    EXPECT(V2 "\x21\0\0\0", PROXY_LOCAL, NULL);
    EXPECT(V2 "\x21\x11\0\x04\xc0\0\2\1", PROXY_BAD, NULL);
    EXPECT(V2 "\x31\x11\0\0", PROXY_BAD, NULL);
    EXPECT(V2 "\x22\x11\0\0", PROXY_BAD, NULL);
    EXPECT(V2 "\x21\x11\xff\xff", PROXY_BAD, NULL);
    EXPECT("\r\n\r\n\0\r\nQUIX\n\x21\x11\0\0", PROXY_BAD, NULL);
}

Test(proxy, none)
{
    EXPECT("\x16\3\1", PROXY_NONE, NULL);
}

Test(peers, count)
{
    static const char *const proxies[] = {"192.0.2.9", "2001:DB8::9", NULL};
    Peers *peers = peers_new(2);

    cr_expect(peers_enter(peers, "192.0.2.1:1") && peers_enter(peers, "192.0.2.1:2"));
    cr_expect(!peers_has_room(peers, "192.0.2.1:3") && !peers_enter(peers, "192.0.2.1:3"));
    cr_expect(peers_has_room(peers, "[2001:db8::1]:3"));
    peers_leave(peers, "192.0.2.1:1");
    cr_expect(peers_enter(peers, "192.0.2.1:3"));
    peers_leave(peers, "192.0.2.1:2");
    peers_leave(peers, "192.0.2.1:3");
    cr_expect(peers_enter(peers, "192.0.2.1:1"));
    cr_expect(!peers_is_proxy(peers, "192.0.2.9:1"));
    peers_set_proxies(peers, proxies);
    cr_expect(peers_is_proxy(peers, "192.0.2.9:1") && peers_is_proxy(peers, "[2001:db8::9]:7"));
    peers_set_proxies(peers, NULL);
    cr_expect(!peers_is_proxy(peers, "192.0.2.9:1"));
    peers_free(peers);
}
