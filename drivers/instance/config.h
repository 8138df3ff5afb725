/* What liblxc is told about a container, as a list of items [key, value] in order. Pure.
 *
 * Three parts, by what a change of them costs: `restart` items make up the digest that a running
 * container is compared with; the environment holds for the next start and the next exec; NICs,
 * disks and limits have facts of their own and are added when the container is started, as are
 * paths that an upgrade of berth may change. raw.lxc comes last (I-140). */
#pragma once

#include "expand.h"
#include "host.h"

/* The restart items of an instance: root, name, ids, sysctls, limits of the kernel. `root`
 * is the rootfs directory. New reference; NULL with an error that names the key. */
json_t *config_items(const Context *context, const Object *object, const json_t *config,
                     const char *root, GError **error);

/* environment.* as {NAME: value}. New reference. */
json_t *config_environment(const json_t *config);

/* raw.lxc as items; comments and blank lines are left out. New reference. */
json_t *config_raw_items(const char *raw, GError **error);

/* The seccomp policy in liblxc's format, version 2; NULL without error when nothing is filtered
 * (I-154..157, I-142). */
char *config_seccomp(const json_t *config);

/* Whether the container is privileged. */
gboolean config_is_privileged(const json_t *config);

/* Items as the text of a liblxc config file, for people and for tests. Newly allocated. */
char *config_text(const json_t *items);

/* ---- at start ---- */

/* Where LXCFS shows its files. */
#define LXCFS_ROOT "/var/lib/lxcfs"

/* Where things of one start are. */
typedef struct {
    const char *dir;     /* state directory */
    const char *name;    /* disk name */
    const char *hook;    /* shell-quoted command of the post-stop hook */
    const char *seccomp; /* policy file; NULL: none */
    const char *apparmor; /* apparmor_profile(); NULL: none */
    const json_t *
        lxcfs; /* files of a running LXCFS, as paths from the root (["proc/cpuinfo"]); NULL: none */
    const json_t *layout;  /* cgroup_layout() */
    const json_t *sources; /* {DEVICE: {"source": what to mount, "directory": bool}} of the disks
                              that are there */
} ConfigStart;

/* Everything to start with, from the facts of `running`. New reference. */
json_t *config_start_items(const json_t *running, const ConfigStart *start);
