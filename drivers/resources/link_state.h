/* Network interfaces as the API shows them: those of the host (API-575 to API-581) and those inside
 * an instance (API-552 to API-554). Read by netlink from outside: no process enters the namespace.
 * Every call opens a socket of its own. */
#pragma once

#include <sys/types.h>

#include "json.h"

/* State of one interface of the calling thread's network namespace: {addresses, bond, bridge,
 * counters, hwaddr, mtu, ovn, state, type, vlan}; what does not apply is null. NULL with
 * ERR_NOT_FOUND when there is none. New reference. */
json_t *link_state(const char *name, GError **error);

/* {INTERFACE: {addresses, counters, host_name, hwaddr, mtu, state, type}} of the network namespace
 * of a process. host_name is "" unless it is a veth whose other end is here. NULL with
 * ERR_NOT_FOUND when the process is gone. New reference. */
json_t *link_states_inside(pid_t pid, GError **error);
