/* Types of what the kernel and the runtime take: CPU sets, shares, rlimits, id maps, raw config. */
#include "type.h"

#include <string.h>

#include "error.h"
#include "row.h"

#define MAX_CPUS 8192 /* the kernel's own limit */

static gboolean matches(const char *pattern, const char *text)
{
    return g_regex_match_simple(pattern, text, G_REGEX_DOLLAR_ENDONLY, 0);
}

/* Reads "N" or "A-B" with A <= B <= max. */
static gboolean parse_span(const char *text, guint64 max, guint64 *ret_first, guint64 *ret_last)
{
    g_auto(GStrv) ends = g_strsplit(text, "-", -1);
    guint count = g_strv_length(ends);

    if (count < 1 || count > 2 || !g_ascii_string_to_unsigned(ends[0], 10, 0, max, ret_first, NULL))
        return FALSE;
    *ret_last = *ret_first;
    return count == 1 || g_ascii_string_to_unsigned(ends[1], 10, *ret_first, max, ret_last, NULL);
}

/* The CPUs of a set as a map of MAX_CPUS bytes, or NULL when the text is none. */
static guint8 *parse_cpu_set(const char *text)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    g_autofree guint8 *cpus = g_new0(guint8, MAX_CPUS);

    if (items[0] == NULL)
        return NULL;
    for (char **item = items; *item != NULL; item++) {
        guint64 first, last;

        if (!parse_span(*item, MAX_CPUS - 1, &first, &last))
            return NULL;
        memset(cpus + first, 1, last - first + 1);
    }
    return g_steal_pointer(&cpus);
}

static gboolean is_count(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

static gboolean check_cpus(const Row *row, const char *text, GError **error)
{
    g_autofree guint8 *cpus = NULL;
    guint64 count;

    if (is_count(text)) {
        if (g_ascii_string_to_unsigned(text, 10, 1, MAX_CPUS, &count, NULL))
            return TRUE;
        return error_set(error, ERR_INVALID, "%s is no number of CPUs: allowed are 1 to %d", text,
                         MAX_CPUS);
    }
    cpus = parse_cpu_set(text);
    if (cpus != NULL)
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "\"%s\" names no CPUs: write a count (2), a range (0-3) or a set (0,2,4-5)",
                     text);
}

static gboolean same_cpus(const char *a, const char *b)
{
    g_autofree guint8 *left = NULL;
    g_autofree guint8 *right = NULL;

    if (is_count(a) || is_count(b))
        return is_count(a) && is_count(b) &&
               g_ascii_strtoull(a, NULL, 10) == g_ascii_strtoull(b, NULL, 10);
    left = parse_cpu_set(a);
    right = parse_cpu_set(b);
    if (left == NULL || right == NULL)
        return strcmp(a, b) == 0;
    return memcmp(left, right, MAX_CPUS) == 0;
}

/* "N%" gives quota N and period 0; "Xms/Yms" both in milliseconds. */
static gboolean parse_allowance(const char *text, gint64 *ret_quota, gint64 *ret_period)
{
    g_autoptr(GRegex) regex = g_regex_new("^(?:([0-9]{1,9})%|([0-9]{1,9})ms/([0-9]{1,9})ms)$",
                                          G_REGEX_DOLLAR_ENDONLY, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    g_autofree char *percent = NULL;
    g_autofree char *quota = NULL;
    g_autofree char *period = NULL;

    if (!g_regex_match(regex, text, 0, &match))
        return FALSE;
    percent = g_match_info_fetch(match, 1);
    quota = g_match_info_fetch(match, 2);
    period = g_match_info_fetch(match, 3);
    if (percent != NULL && percent[0] != '\0') {
        *ret_quota = g_ascii_strtoll(percent, NULL, 10);
        *ret_period = 0;
    } else {
        *ret_quota = g_ascii_strtoll(quota, NULL, 10);
        *ret_period = g_ascii_strtoll(period, NULL, 10);
    }
    return TRUE;
}

static gboolean check_allowance(const Row *row, const char *text, GError **error)
{
    gint64 quota, period;

    if (!parse_allowance(text, &quota, &period))
        return error_set(
            error, ERR_INVALID,
            "\"%s\" is no CPU allowance: write a share (50%%) or a time per period (20ms/50ms)",
            text);
    if (quota == 0)
        return error_set(error, ERR_INVALID, "an allowance of 0 lets nothing run");
    if (strchr(text, '%') == NULL && (period < 1 || period > 1000))
        return error_set(error, ERR_INVALID,
                         "the period of %s is out of range: allowed are 1ms to 1000ms", text);
    return TRUE;
}

static gboolean same_allowance(const char *a, const char *b)
{
    gint64 quota, period, other_quota, other_period;

    if (!parse_allowance(a, &quota, &period) || !parse_allowance(b, &other_quota, &other_period))
        return strcmp(a, b) == 0;
    return quota == other_quota && period == other_period;
}

/* One side of an rlimit; "unlimited" is G_MAXUINT64. */
static gboolean parse_limit(const char *text, guint64 *ret)
{
    if (strcmp(text, "unlimited") == 0) {
        *ret = G_MAXUINT64;
        return TRUE;
    }
    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64 - 1, ret, NULL);
}

static gboolean parse_rlimit(const char *text, guint64 *ret_soft, guint64 *ret_hard)
{
    g_auto(GStrv) sides = g_strsplit(text, ":", -1);
    guint count = g_strv_length(sides);

    if (count < 1 || count > 2 || !parse_limit(sides[0], ret_soft))
        return FALSE;
    *ret_hard = *ret_soft;
    return count == 1 || parse_limit(sides[1], ret_hard);
}

static gboolean check_rlimit(const Row *row, const char *text, GError **error)
{
    guint64 soft, hard;

    if (!parse_rlimit(text, &soft, &hard))
        return error_set(
            error, ERR_INVALID,
            "\"%s\" is no kernel limit: write SOFT:HARD or one value, each a number or unlimited",
            text);
    if (soft > hard)
        return error_set(error, ERR_INVALID, "in \"%s\" the soft limit is above the hard one",
                         text);
    return TRUE;
}

static gboolean same_rlimit(const char *a, const char *b)
{
    guint64 soft, hard, other_soft, other_hard;

    if (!parse_rlimit(a, &soft, &hard) || !parse_rlimit(b, &other_soft, &other_hard))
        return strcmp(a, b) == 0;
    return soft == other_soft && hard == other_hard;
}

typedef struct {
    gboolean users, groups;
    guint64 host, inside, count;
} IdEntry;

static gboolean parse_id_entry(const char *line, IdEntry *ret, GError **error)
{
    g_auto(GStrv) fields = g_strsplit(line, " ", -1);
    guint64 last_host, last_inside;

    if (g_strv_length(fields) != 3 ||
        !parse_span(fields[1], G_MAXUINT32 - 1, &ret->host, &last_host) ||
        !parse_span(fields[2], G_MAXUINT32 - 1, &ret->inside, &last_inside))
        return error_set(error, ERR_INVALID,
                         "\"%s\" is no id mapping: write \"both|uid|gid HOST CONTAINER\", each an "
                         "id or FIRST-LAST",
                         line);
    ret->users = strcmp(fields[0], "gid") != 0;
    ret->groups = strcmp(fields[0], "uid") != 0;
    if (ret->users && ret->groups && strcmp(fields[0], "both") != 0)
        return error_set(error, ERR_INVALID,
                         "\"%s\" is no id mapping: begin it with both, uid or gid", line);
    ret->count = last_host - ret->host + 1;
    if (last_inside - ret->inside != last_host - ret->host)
        return error_set(error, ERR_INVALID, "in \"%s\" the two ranges have different lengths",
                         line);
    return TRUE;
}

static gboolean overlap(guint64 a, guint64 b, guint64 a_count, guint64 b_count)
{
    return a < b + b_count && b < a + a_count;
}

static gboolean check_idmap(const Row *row, const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(IdEntry));

    for (char **line = lines; *line != NULL; line++) {
        IdEntry entry;

        if ((*line)[0] == '\0')
            continue;
        if (!parse_id_entry(*line, &entry, error))
            return FALSE;
        for (guint i = 0; i < entries->len; i++) {
            const IdEntry *other = &g_array_index(entries, IdEntry, i);

            if (!(other->users && entry.users) && !(other->groups && entry.groups))
                continue;
            if (overlap(other->host, entry.host, other->count, entry.count) ||
                overlap(other->inside, entry.inside, other->count, entry.count))
                return error_set(error, ERR_INVALID, "the id mapping \"%s\" overlaps another line",
                                 *line);
        }
        g_array_append_val(entries, entry);
    }
    return TRUE;
}

static gboolean check_lxc_key(const char *key, GError **error)
{
    static const char *const refused[] = {"lxc.log.file", "lxc.logfile",   "lxc.log.syslog",
                                          "lxc.syslog",   "lxc.ephemeral", NULL};

    if (g_strv_contains(refused, key))
        return error_set(error, ERR_INVALID, "the key %s cannot be set here: berth sets it itself",
                         key);
    if (g_str_has_prefix(key, "lxc.prlimit."))
        return error_set(error, ERR_INVALID, "the key %s cannot be set here: use limits.kernel.%s",
                         key, key + strlen("lxc.prlimit."));
    if (g_str_has_prefix(key, "lxc.net.") &&
        !matches("^lxc\\.net\\.[0-9]+\\.ipv[46]\\.(address|gateway)$", key))
        return error_set(error, ERR_INVALID,
                         "the key %s cannot be set here: only ipv4/ipv6 address and gateway of "
                         "lxc.net.N can, the "
                         "rest belongs to nic devices",
                         key);
    return TRUE;
}

static gboolean check_raw_lxc(const Row *row, const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) parts = NULL;
        g_autofree char *key = NULL;

        g_strstrip(*line);
        if ((*line)[0] == '\0' || (*line)[0] == '#')
            continue;
        parts = g_strsplit(*line, "=", 2);
        key = g_ascii_strdown(g_strstrip(parts[0]), -1);
        if (g_strv_length(parts) != 2 || key[0] == '\0')
            return error_set(error, ERR_INVALID, "the line \"%s\" is not of the form KEY = VALUE",
                             *line);
        if (!check_lxc_key(key, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean check_id_range(const Row *row, const char *text, GError **error)
{
    guint64 first, last;

    if (parse_span(text, G_MAXUINT32 - 1, &first, &last))
        return TRUE;
    return error_set(error, ERR_INVALID, "\"%s\" is no range of ids: write e.g. 1000 or 1000-1999",
                     text);
}

static gboolean check_id_ranges(const Row *row, const char *text, GError **error)
{
    return type_check_items(row, text, check_id_range, error);
}

static const struct {
    const char *name;
    const char *spellings; /* comma list */
} architectures[] = {
    {"i686", "i386,i586,386,x86,generic_32"},
    {"x86_64", "amd64,generic_64"},
    {"armv7l", "armel,armhf,arm,armhfp,armv7,armv7a_hardfp,armv7a_vfpv3_hardfp"},
    {"aarch64", "arm64,arm64_generic"},
    {"ppc", "powerpc"},
    {"ppc64", "powerpc64"},
    {"ppc64le", "ppc64el"},
    {"s390x", ""},
    {"mips", "mipsel"},
    {"mips64", "mips64el"},
    {"riscv32", ""},
    {"riscv64", ""},
};

const char *type_architecture(const char *text)
{
    for (guint i = 0; i < G_N_ELEMENTS(architectures); i++) {
        g_auto(GStrv) spellings = type_items(architectures[i].spellings);

        if (strcmp(text, architectures[i].name) == 0 ||
            g_strv_contains((const char *const *)spellings, text))
            return architectures[i].name;
    }
    return NULL;
}

static gboolean check_architecture(const Row *row, const char *text, GError **error)
{
    if (type_architecture(text) != NULL)
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "\"%s\" is no known architecture: write e.g. x86_64 or aarch64", text);
}

static gboolean same_architecture(const char *a, const char *b)
{
    return g_strcmp0(type_architecture(a), type_architecture(b)) == 0 &&
           (type_architecture(a) != NULL || strcmp(a, b) == 0);
}

static gboolean check_compression(const Row *row, const char *text, GError **error)
{
    if (matches("^[a-zA-Z0-9][-_.+a-zA-Z0-9]*( +\\S+)*$", text))
        return TRUE;
    return error_set(error, ERR_INVALID,
                     "\"%s\" is no compression: write none, or a program such as gzip, zstd or xz, "
                     "with its options",
                     text);
}

static gboolean check_octal(const Row *row, const char *text, GError **error)
{
    if (matches("^0?[0-7]{1,4}$", text))
        return TRUE;
    return error_set(error, ERR_INVALID, "\"%s\" is no file mode: write it in octal, e.g. 0660",
                     text);
}

static gboolean same_octal(const char *a, const char *b)
{
    return g_ascii_strtoull(a, NULL, 8) == g_ascii_strtoull(b, NULL, 8);
}

static gboolean check_hex4(const Row *row, const char *text, GError **error)
{
    if (matches("^[0-9a-f]{4}$", text))
        return TRUE;
    return error_set(error, ERR_INVALID, "\"%s\" is no id: write four lower-case hex digits", text);
}

static gboolean check_pci(const Row *row, const char *text, GError **error)
{
    if (matches("^([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]$", text))
        return TRUE;
    return error_set(error, ERR_INVALID, "\"%s\" is no PCI address: write e.g. 0000:03:00.0", text);
}

STRING_TYPE(TYPE_CPUS, "CPU count or set", check_cpus, same_cpus,
            "{\"pattern\": \"^[0-9]+([-,][0-9]+)*$\"}");
STRING_TYPE(TYPE_ALLOWANCE, "CPU share or time", check_allowance, same_allowance,
            "{\"pattern\": \"^([0-9]+%|[0-9]+ms/[0-9]+ms)$\"}");
STRING_TYPE(TYPE_RLIMIT, "kernel limit", check_rlimit, same_rlimit,
            "{\"pattern\": \"^([0-9]+|unlimited)(:([0-9]+|unlimited))?$\"}");
STRING_TYPE(TYPE_IDMAP, "id mappings", check_idmap, NULL, NULL);
STRING_TYPE(TYPE_RAW_LXC, "liblxc config", check_raw_lxc, NULL, NULL);
STRING_TYPE(TYPE_ID_RANGES, "comma list of id ranges", check_id_ranges, type_same_items,
            "{\"pattern\": \"^[0-9]+(-[0-9]+)?( *, *[0-9]+(-[0-9]+)?)*$\"}");
STRING_TYPE(TYPE_ARCHITECTURE, "architecture", check_architecture, same_architecture, NULL);
STRING_TYPE(TYPE_COMPRESSION, "compression", check_compression, NULL, NULL);
STRING_TYPE(TYPE_OCTAL, "file mode", check_octal, same_octal, "{\"pattern\": \"^0?[0-7]{1,4}$\"}");
STRING_TYPE(TYPE_HEX4, "hex id", check_hex4, NULL, "{\"pattern\": \"^[0-9a-f]{4}$\"}");
STRING_TYPE(TYPE_PCI, "PCI address", check_pci, NULL, NULL);
