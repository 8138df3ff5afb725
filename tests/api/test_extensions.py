#!/usr/bin/python3
"""`api_extensions` names what works and nothing else: each one has its test here (EXT-R03, EXT-R04)."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402
from daemon import Daemon, Monitor  # noqa: E402

C = f"{host.NAME}c"
STATE = """
storage_pools: [{name: data, driver: dir}]
images: [{name: busybox, source: 'builtin:busybox'}]
profiles: [{name: default, devices: {root: {type: disk, path: /, pool: data}}}]
"""

# extension: the file of its test below tests/, and the test there, or the key that it exercises. In LXD's order.
TESTS = {
    "container_host_shutdown_timeout": "instance/test_run.c boot.host_shutdown_timeout",
    "container_stop_priority": "api/test_extensions.py test_stop_priority",
    "container_syscall_filtering": "instance/test_syscalls.c security.syscalls.deny",
    "auth_pki": "api/test_listening.py test_pki",
    "container_last_used_at": "api/test_extensions.py test_last_used",
    "etag": "api/test_objects.py test_profile",
    "patch": "api/test_objects.py test_profile",
    "https_allowed_credentials": "api/test_listening.py test_cors",
    "image_compression_algorithm": "api/test_copies.py test_publish",
    "directory_manipulation": "api/test_sessions.py test_files",
    "container_cpu_time": "api/test_extensions.py test_last_used",
    "network": "api/test_objects.py test_network_on_the_host",
    "profile_usedby": "api/test_extensions.py test_descriptions",
    "container_exec_recording": "api/test_sessions.py test_without_streams",
    "certificate_update": "api/test_trust.py test_edit_entries",
    "container_exec_signal_handling": "api/test_sessions.py test_signals",
    "container_image_properties": "api/test_keys.py image.os",
    "id_map": "instance/test_container.c security.idmap.isolated",
    "network_firewall_filtering": "network/test_network_facts.c ipv4.firewall",
    "network_routes": "network/test_network.c ipv4.routes",
    "storage": "api/test_objects.py test_lxc_client",
    "file_delete": "api/test_sessions.py test_files",
    "file_append": "api/test_sessions.py test_files",
    "network_dhcp_expiry": "network/test_network_facts.c ipv4.dhcp.expiry",
    "image_create_aliases": "api/test_images.py test_headers",
    "storage_btrfs_mount_options": "storage/test_pool.c btrfs.mount_options",
    "entity_description": "api/test_extensions.py test_descriptions",
    "image_force_refresh": "api/test_image_servers.py test_refresh",
    "id_map_base": "model/test_limits.c security.idmap.base",
    "file_symlinks": "api/test_sessions.py test_files",
    "container_edit_metadata": "api/test_sessions.py test_metadata",
    "resource_limits": "api/test_instances.py test_create",
    "resources": "api/test_server.py test_host",
    "kernel_limits": "instance/test_container.c limits.kernel",
    "console": "api/test_sessions.py test_console",
    "network_dhcp_gateway": "network/test_network_facts.c ipv4.dhcp.gateway",
    "file_get_symlink": "api/test_sessions.py test_files",
    "network_leases": "api/test_server.py test_host_networks",
    "operation_description": "api/test_extensions.py test_descriptions",
    "event_lifecycle": "api/test_sessions.py test_monitor",
    "container_mount_propagation": "instance/test_devices.c propagation",
    "container_local_cross_pool_handling": "api/test_copies.py test_pools",
    "network_state": "api/test_server.py test_host_networks",
    "container_protection_delete": "cli/test_host.py test_protected_instance",
    "network_hwaddr": "network/test_network.c bridge.hwaddr",
    "container_full": "api/test_instances.py test_create",
    "projects": "api/test_objects.py test_projects",
    "container_copy_project": "api/test_copies.py test_projects",
    "container_protection_shift": "instance/test_container.c security.protection.shift",
    "network_leases_location": "api/test_server.py test_host_networks",
    "resources_cpu_socket": "resources/test_tree.py socket",
    "resources_gpu": "resources/test_tree.py gpu",
    "resources_numa": "resources/test_tree.py numa_node",
    "kernel_features": "api/test_server.py test_environment",
    "event_location": "api/test_sessions.py test_monitor",
    "network_nat_address": "network/test_network_server.c ipv4.nat.address",
    "container_nic_routes": "instance/test_devices.c ipv4.routes",
    "lxc_features": "api/test_server.py test_environment",
    "resources_v2": "resources/test_tree.py sockets",
    "container_exec_user_group_cwd": "api/test_sessions.py test_exec",
    "instances": "api/test_instances.py test_life",
    "image_types": "api/test_images.py test_lxc_imports_and_lists",
    "resources_disk_sata": "resources/test_tree.py rpm",
    "images_expiry": "api/test_images.py test_edit",
    "resources_network_firmware": "resources/test_tree.py firmware_version",
    "container_raw_mount": "instance/test_devices.c raw.mount.options",
    "image_profiles": "api/test_images.py test_profiles",
    "resources_disk_id": "resources/test_tree.py device_id",
    "api_filtering": "api/test_instances.py test_create",
    "instance_nic_network": "api/test_instances.py test_life",
    "firewall_driver": "api/test_server.py test_environment",
    "projects_limits": "model/test_limits.c limits.instances",
    "limits_hugepages": "instance/test_limits.c limits.hugepages",
    "projects_restrictions": "model/test_limits.c restricted",
    "trust_ca_certificates": "api/test_listening.py test_pki",
    "resources_usb_pci": "resources/test_tree.py usb",
    "resources_cpu_threads_numa": "resources/test_tree.py numa_node",
    "resources_cpu_core_die": "resources/test_tree.py die",
    "api_os": "api/test_server.py test_environment",
    "resources_system": "resources/test_tree.py chassis",
    "network_dns_search": "network/test_network_server.c dns.search",
    "network_state_bond_bridge": "resources/test_details.c bond",
    "usedby_consistency": "api/test_extensions.py test_descriptions",
    "resources_gpu_mdev": "resources/test_tree.py mdev",
    "projects_limits_disk": "model/test_limits.c limits.disk",
    "resources_pci_iommu": "resources/test_tree.py iommu_group",
    "resources_disk_address": "resources/test_tree.py usb_address",
    "projects_limits_instances": "model/test_limits.c limits.instances",
    "network_state_vlan": "api/test_server.py test_host_networks",
    "instance_nic_bridged_port_isolation": "instance/test_devices.c security.port_isolation",
    "instance_bulk_state_change": "api/test_instances.py test_stop",
    "instance_pool_move": "api/test_moves.py test_lxc",
    "projects_compression": "api/test_extensions.py test_project_compression",
    "certificate_project": "api/test_trust.py test_restricted",
    "project_usage": "api/test_extensions.py test_descriptions",
    "warnings": "api/test_warnings.py test_client",
    "server_trusted_proxy": "api/test_listening.py test_proxy",
    "server_instance_driver_operational": "api/test_server.py test_environment",
    "server_supported_storage_drivers": "api/test_server.py test_environment",
    "event_lifecycle_requestor_address": "api/test_listening.py test_proxy",
    "network_counters_errors_dropped": "api/test_extensions.py test_last_used",
    "metrics": "api/test_server.py test_metrics",
    "image_source_project": "api/test_image_servers.py test_pull",
    "linux_sysctl": "engine/scenarios.c linux.sysctl",
    "certificate_self_renewal": "api/test_trust.py test_restricted",
    "instance_project_move": "api/test_copies.py test_projects",
    "instance_all_projects": "api/test_extensions.py test_all_projects",
    "instance_get_full": "api/test_extensions.py test_last_used",
    "event_project": "api/test_sessions.py test_monitor",
    "instance_allow_inconsistent_copy": "api/test_copies.py test_copy",
    "metrics_cpu_seconds": "api/test_server.py test_metrics",
    "certificate_token": "api/test_trust.py test_tokens",
    "metrics_authentication": "api/test_listening.py test_metrics_listener",
    "images_target_project": "api/test_image_servers.py test_copy_by_lxc",
    "instance_file_head": "api/test_sessions.py test_files",
    "instances_nic_host_name": "instance/test_facts.c instances.nic.host_name",
    "image_copy_profile": "api/test_image_servers.py test_pull",
    "resources_pci_vpd": "resources/test_tree.py vpd",
    "berth": "api/test_objects.py test_plan_and_apply",
    "berth_holds": "sources/test_daemon.py test_holds",
    "berth_fingerprint": "cli/test_daemon.py test_leaks",
    "berth_image_files": "cli/test_daemon_images.py test_remote",
}


def has_test(place):
    """Whether the file is there and has the test, or the key in the code of one."""
    path, word = place.split(" ", 1)
    with open(os.path.join(HERE, "..", path), encoding="utf-8") as file:
        text = file.read()
    if word.startswith("test_"):
        return re.search(rf"^def {word}\(", text, re.MULTILINE) is not None
    return word in text


def test_each_has_a_test(berth):
    """every announced extension has a test, none has one without being announced, and the order is LXD's"""
    with Daemon(berth) as daemon:
        announced = daemon.ask("GET", "/1.0").metadata["api_extensions"]
    tap.equal(announced, list(TESTS))
    tap.equal([name for name, place in TESTS.items() if not has_test(place)], [])


def prepared(berth):
    berth.run("apply", "-y", "-q", "-f", berth.write("state.yaml", STATE)).expect(0)
    return Daemon(berth)


def test_stop_priority(berth):
    """instances stop with the host by boot.stop.priority, the highest first (EXT-003)"""
    with prepared(berth) as daemon:
        for number, priority in enumerate(("1", "5", "3")):
            daemon.lxc("launch", "busybox", f"{C}{number}", "-c", f"boot.stop.priority={priority}").expect(0)
        with Monitor(daemon) as monitor:
            daemon.process.send_signal(30)  # SIGPWR
            # The daemon ends with the last one.
            order = [monitor.wait_for("instance-shutdown")["metadata"]["source"][-1] for _ in range(2)]
            tap.equal(order, ["1", "2"])
        tap.equal(daemon.process.wait(timeout=60), 0)
        daemon.start()
        for number in range(3):
            daemon.lxc("delete", "-f", f"{C}{number}").expect(0)


def test_last_used(berth):
    """last_used_at is the time of the last start, and 1970 before; a running instance tells its CPU time (EXT-006, EXT-013, EXT-280)"""
    with prepared(berth) as daemon:
        daemon.lxc("init", "busybox", C).expect(0)
        tap.equal(daemon.ask("GET", f"/1.0/instances/{C}").metadata["last_used_at"], "1970-01-01T00:00:00Z")
        daemon.lxc("start", C).expect(0)
        full = daemon.ask("GET", f"/1.0/instances/{C}?recursion=1").metadata
        assert full["last_used_at"] > "2020", full["last_used_at"]
        assert full["state"]["cpu"]["usage"] > 0, full["state"]["cpu"]
        counters = {f"{what}_{way}" for what in ("bytes", "packets", "errors") for way in ("received", "sent")}  # EXT-263
        tap.equal(set(full["state"]["network"]["lo"]["counters"]), counters | {"packets_dropped_inbound", "packets_dropped_outbound"})
        tap.equal((full["snapshots"], full["backups"]), ([], []))
        daemon.lxc("delete", "-f", C).expect(0)


def test_descriptions(berth):
    """descriptions are kept, operations have one, projects tell their usage, profiles who uses them (EXT-017, 043, 076, 245)"""
    with prepared(berth) as daemon:
        operation = daemon.done("POST", "/1.0/instances", {"name": C, "description": "mine", "source": {"type": "none"}})
        tap.equal(operation["description"], "Creating instance")
        tap.equal(daemon.ask("GET", f"/1.0/instances/{C}").metadata["description"], "mine")
        daemon.ask("PATCH", "/1.0/storage-pools/data", {"description": "a pool"}).expect(200)
        tap.equal(daemon.ask("GET", "/1.0/storage-pools/data").metadata["description"], "a pool")
        daemon.ask("POST", "/1.0/projects", {"name": "team", "config": {"features.profiles": "false", "features.images": "false"}}).expect(201)
        daemon.done("POST", "/1.0/instances?project=team", {"name": C, "source": {"type": "none"}})
        users = [f"/1.0/instances/{C}", f"/1.0/instances/{C}?project=team"]  # EXT-194
        tap.equal(daemon.ask("GET", "/1.0/profiles/default").metadata["used_by"], users)
        tap.equal([url for url in daemon.ask("GET", "/1.0/storage-pools/data").metadata["used_by"] if "/instances/" in url], users)
        daemon.lxc("delete", C, "--project", "team").expect(0)
        tap.equal(daemon.ask("GET", "/1.0/projects/default/state").metadata["resources"]["instances"]["Usage"], 1)
        daemon.lxc("delete", C).expect(0)


def test_project_compression(berth):
    """a project's images.compression_algorithm goes before the server's (EXT-236)"""
    with prepared(berth) as daemon:
        daemon.lxc("init", C, "--empty").expect(0)
        daemon.ask("PATCH", "/1.0", {"config": {"images.compression_algorithm": "xz"}}).expect(200)
        daemon.ask("PATCH", "/1.0/projects/default", {"config": {"images.compression_algorithm": "bzip2"}}).expect(200)
        made = daemon.done("POST", "/1.0/images", {"source": {"type": "instance", "name": C}})
        with open(os.path.join(berth.state, "images", made["metadata"]["fingerprint"]), "rb") as file:
            tap.equal(file.read(3), b"BZh")
        daemon.lxc("delete", C).expect(0)


def test_all_projects(berth):
    """all-projects lists instances of every project (EXT-277)"""
    with prepared(berth) as daemon:
        daemon.ask("POST", "/1.0/projects", {"name": "team", "config": {"features.profiles": "false"}}).expect(201)
        daemon.done("POST", "/1.0/instances", {"name": C, "source": {"type": "none"}})
        daemon.done("POST", "/1.0/instances?project=team", {"name": C, "source": {"type": "none"}})
        tap.equal(daemon.ask("GET", "/1.0/instances?all-projects=true").metadata, [f"/1.0/instances/{C}", f"/1.0/instances/{C}?project=team"])
        for query in ("", "?project=team"):
            daemon.done("DELETE", f"/1.0/instances/{C}{query}")


if __name__ == "__main__":
    host.main(globals())
