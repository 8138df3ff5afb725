/* The AppArmor profile that a container starts in. */
#pragma once

#include <glib.h>

/* Whether the kernel confines by AppArmor. */
gboolean apparmor_is_in_force(void);

/* The profile for a container (RT-34): one of those that liblxc's package brings and Debian loads
 * at boot. "unconfined" when it is not loaded, because liblxc starts nothing then; `berth doctor`
 * warns of it. NULL without AppArmor. `may_mount`: unprivileged or nesting, so that mounts inside
 * are let through as far as the user namespace allows. */
const char *apparmor_profile(gboolean may_mount);
