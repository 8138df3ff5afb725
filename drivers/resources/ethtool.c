#include "ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "file.h"

#define MASK_WORDS 127 /* the most that a signed byte can say */
#define NAMES_LIMIT 4096

typedef struct {
    guint number;
    const char *name;
} Named;

static const Named PORTS[] = {
    {PORT_TP, "twisted pair"}, {PORT_AUI, "AUI"},     {PORT_MII, "media-independent"},
    {PORT_FIBRE, "fibre"},     {PORT_BNC, "BNC"},     {PORT_DA, "direct attach"},
    {PORT_NONE, "none"},       {PORT_OTHER, "other"},
};
static const Named PORT_BITS[] = {
    {ETHTOOL_LINK_MODE_TP_BIT, "twisted pair"},
    {ETHTOOL_LINK_MODE_AUI_BIT, "AUI"},
    {ETHTOOL_LINK_MODE_MII_BIT, "media-independent"},
    {ETHTOOL_LINK_MODE_FIBRE_BIT, "fibre"},
    {ETHTOOL_LINK_MODE_BNC_BIT, "BNC"},
    {ETHTOOL_LINK_MODE_Backplane_BIT, "backplane"},
};
static const Named TRANSCEIVERS[] = {{XCVR_INTERNAL, "internal"}, {XCVR_EXTERNAL, "external"}};
static const Named DUPLEXES[] = {{DUPLEX_HALF, "half"}, {DUPLEX_FULL, "full"}};

static void set_name(json_t *object, const char *key, guint number, const Named *names, gsize count)
{
    for (gsize i = 0; i < count; i++) {
        if (names[i].number == number)
            json_object_set_new(object, key, json_string(names[i].name));
    }
}

static gboolean ask(int sock, const char *name, void *command)
{
    struct ifreq request = {.ifr_data = command};

    return g_strlcpy(request.ifr_name, name, sizeof(request.ifr_name)) < sizeof(request.ifr_name) &&
           ioctl(sock, SIOCETHTOOL, &request) == 0;
}

static gboolean bit(const guint32 *words, gsize count, guint number)
{
    return number / 32 < count && (words[number / 32] >> (number % 32) & 1) != 0;
}

/* The kernel's own names of link modes, ETH_GSTRING_LEN bytes each; NULL when it is too old
 * (before 5.6). Newly allocated. */
static struct ethtool_gstrings *mode_names(int sock, const char *name)
{
    g_autofree struct ethtool_sset_info *info =
        g_malloc0(sizeof(struct ethtool_sset_info) + sizeof(guint32));
    g_autofree struct ethtool_gstrings *names = NULL;

    info->cmd = ETHTOOL_GSSET_INFO;
    info->sset_mask = 1ull << ETH_SS_LINK_MODES;
    if (!ask(sock, name, info) || info->sset_mask == 0 || info->data[0] > NAMES_LIMIT)
        return NULL;
    names = g_malloc0(sizeof(*names) + (gsize)info->data[0] * ETH_GSTRING_LEN);
    names->cmd = ETHTOOL_GSTRINGS;
    names->string_set = ETH_SS_LINK_MODES;
    names->len = info->data[0];
    return ask(sock, name, names) ? g_steal_pointer(&names) : NULL;
}

static void set_supported(int sock, const char *name, const guint32 *words, gsize count,
                          json_t *port)
{
    g_autofree struct ethtool_gstrings *names = mode_names(sock, name);
    g_autoptr(json_t) modes = json_array();
    g_autoptr(json_t) ports = json_array();

    for (guint i = 0; names != NULL && i < names->len; i++) {
        g_autofree char *mode =
            g_strndup((const char *)names->data + (gsize)i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);

        /* The mask holds ports and features as well; modes are called "1000baseT/Full". */
        if (bit(words, count, i) && strstr(mode, "base") != NULL)
            json_array_append_new(modes, json_string(mode));
    }
    for (guint i = 0; i < G_N_ELEMENTS(PORT_BITS); i++) {
        if (bit(words, count, PORT_BITS[i].number))
            json_array_append_new(ports, json_string(PORT_BITS[i].name));
    }
    if (json_array_size(modes) > 0)
        json_object_set(port, "supported_modes", modes);
    if (json_array_size(ports) > 0)
        json_object_set(port, "supported_ports", ports);
}

/* The kernel tells the size of its masks first, as a negative number. */
static void set_settings(int sock, const char *name, json_t *port)
{
    g_autofree struct ethtool_link_settings *settings =
        g_malloc0(sizeof(*settings) + 3 * MASK_WORDS * sizeof(guint32));

    settings->cmd = ETHTOOL_GLINKSETTINGS;
    if (!ask(sock, name, settings) || settings->link_mode_masks_nwords >= 0)
        return;
    settings->link_mode_masks_nwords = (gint8)-settings->link_mode_masks_nwords;
    settings->cmd = ETHTOOL_GLINKSETTINGS;
    if (!ask(sock, name, settings) || settings->link_mode_masks_nwords <= 0)
        return;
    if (settings->speed != 0 && settings->speed != (guint32)SPEED_UNKNOWN)
        json_object_set_new(port, "link_speed", json_integer(settings->speed));
    json_object_set_new(port, "auto_negotiation",
                        json_boolean(settings->autoneg == AUTONEG_ENABLE));
    set_name(port, "link_duplex", settings->duplex, DUPLEXES, G_N_ELEMENTS(DUPLEXES));
    set_name(port, "port_type", settings->port, PORTS, G_N_ELEMENTS(PORTS));
    set_name(port, "transceiver_type", settings->transceiver, TRANSCEIVERS,
             G_N_ELEMENTS(TRANSCEIVERS));
    set_supported(sock, name, settings->link_mode_masks, (gsize)settings->link_mode_masks_nwords,
                  port);
}

void ethtool_port(const char *name, json_t *port)
{
    g_auto(Fd) sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ethtool_value link = {.cmd = ETHTOOL_GLINK};

    if (sock < 0)
        return;
    if (ask(sock, name, &link))
        json_object_set_new(port, "link_detected", json_boolean(link.data != 0));
    set_settings(sock, name, port);
}

void ethtool_card(const char *name, json_t *card)
{
    g_auto(Fd) sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    g_autofree char *version = NULL;

    if (sock < 0 || !ask(sock, name, &info))
        return;
    version = g_strndup(info.fw_version, sizeof(info.fw_version));
    if (*version != '\0' && !g_str_equal(version, "N/A") && g_utf8_validate(version, -1, NULL))
        json_object_set_new(card, "firmware_version", json_string(version));
}
