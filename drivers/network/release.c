#include "release.h"

#include <arpa/inet.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "file.h"
#include "folder.h"
#include "link.h"
#include "server.h"
#include "server_arguments.h"
#include "subnet.h"

#define LEASES_MAX (16u << 20)
#define SERVER_PORT 67
#define WAIT_STEPS 50
#define WAIT_US 20000

/* RFC 2131, with the options that a DHCPRELEASE has (RFC 2132). */
typedef struct __attribute__((packed)) {
    guint8 operation, hardware, hardware_length, hops;
    guint32 transaction;
    guint16 seconds, flags;
    guint32 client, yours, server, gateway;
    guint8 address[16];
    char server_name[64], file[128];
    guint8 cookie[4];
    guint8 options[60];
} Message;

enum { REQUEST = 1, OPTION_TYPE = 53, TYPE_RELEASE = 7, OPTION_SERVER = 54, OPTION_END = 255 };

/* The IPv4 address of a line "EXPIRY MAC ADDRESS NAME CLIENT-ID" if it is a lease of `mac`. */
static gboolean lease_address(const char *line, const char *mac, struct in_addr *ret)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 5);

    return g_strv_length(words) == 5 && g_ascii_strcasecmp(words[1], mac) == 0 &&
           inet_pton(AF_INET, words[2], ret) == 1;
}

/* The file of leases; an empty text when there is none. */
static char *read_leases(const char *dir, const char *network, GError **error)
{
    g_autofree char *path = server_file(dir, network, "leases");
    g_autoptr(GError) local = NULL;
    char *text = NULL;

    if (file_read(path, LEASES_MAX, &text, NULL, &local))
        return text;
    if (g_error_matches(local, BERTH_ERROR, ERR_NOT_FOUND))
        return g_strdup("");
    g_propagate_error(error, g_steal_pointer(&local));
    return NULL;
}

/* The bridge's address in the subnet of a lease: the name that the server goes by. */
static gboolean server_address(const GPtrArray *addresses, const char *lease, struct in_addr *ret)
{
    for (guint i = 0; i < addresses->len; i++) {
        g_autofree char *own = NULL;
        Subnet subnet;

        if (!subnet_parse(g_ptr_array_index(addresses, i), &subnet) ||
            !subnet_contains(&subnet, lease))
            continue;
        own = subnet_address(&subnet);
        return inet_pton(AF_INET, own, ret) == 1;
    }
    return FALSE;
}

static gboolean send_release(const char *network, const char *mac, struct in_addr client,
                             struct in_addr server, GError **error)
{
    g_auto(Fd) fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(SERVER_PORT), .sin_addr = server};
    Message message = {.operation = REQUEST,
                       .hardware = ARPHRD_ETHER,
                       .hardware_length = 6,
                       .transaction = g_random_int(),
                       .client = client.s_addr,
                       .cookie = {99, 130, 83, 99},
                       .options = {OPTION_TYPE, 1, TYPE_RELEASE, OPTION_SERVER, 4}};

    if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &message.address[0], &message.address[1],
               &message.address[2], &message.address[3], &message.address[4],
               &message.address[5]) != 6)
        return error_set(error, ERR_FAILED, "network %s: %s is no MAC address", network, mac);
    memcpy(message.options + 5, &server, 4);
    message.options[9] = OPTION_END;
    /* Bound to the bridge, or the server would take it for a client of another interface. */
    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, network, (socklen_t)strlen(network) + 1) < 0 ||
        sendto(fd, &message, sizeof message, 0, (struct sockaddr *)&to, sizeof to) < 0)
        return error_errno(error, errno, "network %s: release a lease of %s", network, mac);
    return TRUE;
}

/* Releases the leases in `text`; `ret_count` is how many. */
static gboolean release_all(const char *network, const char *text, const char *mac,
                            guint *ret_count, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GPtrArray) addresses = NULL;
    struct in_addr client, server;

    *ret_count = 0;
    for (char **line = lines; *line != NULL; line++) {
        char name[INET_ADDRSTRLEN];

        if (!lease_address(*line, mac, &client))
            continue;
        if (addresses == NULL && (addresses = link_addresses(network, error)) == NULL)
            return FALSE;
        inet_ntop(AF_INET, &client, name, sizeof name);
        if (!server_address(addresses, name, &server))
            continue;
        if (!send_release(network, mac, client, server, error))
            return FALSE;
        (*ret_count)++;
    }
    return TRUE;
}

/* `text` without the leases of `mac`. Newly allocated. */
static char *without(const char *text, const char *mac)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GString *rest = g_string_new(NULL);
    struct in_addr address;

    for (char **line = lines; *line != NULL; line++) {
        if (**line != '\0' && !lease_address(*line, mac, &address))
            g_string_append_printf(rest, "%s\n", *line);
    }
    return g_string_free(rest, FALSE);
}

/* What no server keeps is written by us: one at a time, for several instances of a network go side
 * by side, and each writes the leases that are left. */
static gboolean forget(const char *dir, const char *network, const char *mac, GError **error)
{
    static GMutex one;
    g_autoptr(GMutexLocker) held = g_mutex_locker_new(&one);
    g_autofree char *path = server_file(dir, network, "leases");
    g_autofree char *text = read_leases(dir, network, error);
    g_autofree char *rest = text != NULL ? without(text, mac) : NULL;

    return text != NULL && (strcmp(rest, text) == 0 || folder_write(path, rest, NULL, error));
}

gboolean lease_release(const char *dir, const char *network, const char *mac, GError **error)
{
    guint count = 0;

    for (guint i = 0; i <= WAIT_STEPS; i++) {
        g_autofree char *text = read_leases(dir, network, error);
        g_autofree char *rest = text != NULL ? without(text, mac) : NULL;

        if (text == NULL)
            return FALSE;
        if (strcmp(rest, text) == 0)
            return TRUE;
        if (!server_is_running(dir, network))
            return forget(dir, network, mac, error);
        if (i == 0 && !release_all(network, text, mac, &count, error))
            return FALSE;
        if (count == 0)
            return TRUE;
        g_usleep(WAIT_US);
    }
    return TRUE;
}
