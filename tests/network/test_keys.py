#!/usr/bin/python3
"""Keys of managed bridges, by what clients of them get: addresses, names, ways out (networks.md)."""
import json
import os
import re
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402

MAC = "00:16:3e:00:00:77"


def network(berth, **config):
    """Applies the bridge lan with fixed addresses and these keys."""
    keys = {"ipv4.address": "10.1.2.1/24", "ipv6.address": "fd42:1::1/64", "ipv4.nat": "false", "ipv6.nat": "false",
            **{key.replace("__", "."): value for key, value in config.items()}}
    host.apply(berth, json.dumps({"networks": [{"name": "lan", "type": "bridge", "config": keys}]})).expect(0)


def inside(name, *argv):
    return subprocess.run(["ip", "netns", "exec", name, *argv], capture_output=True, text=True, check=False)


def add_namespace(name, bridge):
    """A namespace with eth0 at a bridge, or at the host (None)."""
    if not os.path.ismount("/run/netns"):
        os.makedirs("/run/netns", exist_ok=True)
        host.output("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
    host.output("ip", "netns", "add", name)
    host.output("ip", "link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "address", MAC, "netns", name)
    if bridge:
        host.output("ip", "link", "set", f"v{name}", "master", bridge)
    host.output("ip", "link", "set", f"v{name}", "up")
    inside(name, "busybox", "sysctl", "-w", "net.ipv6.conf.eth0.accept_dad=0")
    for link in ("lo", "eth0"):
        host.output("ip", "-n", name, "link", "set", link, "up")


def add_outside():
    """A host that knows no way back to the bridge."""
    add_namespace("out", None)
    for address in ("10.99.0.1/24", "fd99::1/64"):
        host.output("ip", "addr", "add", address, "dev", "vout", *(["nodad"] if ":" in address else []))
    for address in ("10.99.0.2/24", "fd99::2/64"):
        host.output("ip", "-n", "out", "addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))


def lease(berth, name, said="claimed", tries=4):
    """What a DHCP client in a namespace is told; None without an offer."""
    script = berth.write("udhcpc.sh", "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nip addr flush dev $interface scope global\n"
                         f"ip addr add $ip/$mask dev $interface\nip route replace default via $router\nset > {berth.path('lease')}\n")
    os.chmod(script, 0o755)
    done = inside(name, "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", str(tries), "-T", "1", "-x", f"hostname:{said}",
                  "-s", script)
    return dict(re.findall(r"(?m)^(\w+)='(.*)'$", berth.read("lease"))) if done.returncode == 0 else None


def resolves(name, question, server="10.1.2.1"):
    return inside(name, "busybox", "timeout", "2", "busybox", "nslookup", "-type=a", question, server).returncode == 0


def pings(name, address, *more):
    return inside(name, "ping", "-c", "1", "-W", "1", *more, address).returncode == 0


def dhcp6(name, kind, options=b""):
    """What a DHCPv6 client is answered, without options of its own (RFC 8415); empty without an answer."""
    program = """
import os, socket, struct, sys
client = struct.pack("!HHHH6s", 1, 10, 3, 1, bytes.fromhex("00163e000077"))
request = bytes([int(sys.argv[1])]) + b"abc" + client + struct.pack("!HHH", 8, 2, 0) + bytes.fromhex(sys.argv[2])
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
    sock.bind(("::", 546))
    sock.settimeout(1)
    for _ in range(3):
        sock.sendto(request, ("ff02::1:2", 547, 0, socket.if_nametoindex("eth0")))
        try:
            sys.stdout.write(sock.recv(1500).hex())
            break
        except TimeoutError:
            pass
"""
    done = inside(name, sys.executable, "-c", program, str(kind), options.hex())
    assert done.returncode == 0, done.stderr
    return bytes.fromhex(done.stdout)


def asked_dhcp6(name):
    """Asks for an address: (address, valid lifetime in seconds), None without one."""
    answer = dhcp6(name, 1, struct.pack("!HHIII", 3, 12, 7, 0, 0))
    place = answer.find(struct.pack("!HH", 5, 24))
    if place < 0:
        return None
    return socket.inet_ntop(socket.AF_INET6, answer[place + 4:place + 20]), struct.unpack_from("!I", answer, place + 24)[0]


def informed(name):
    """Whether a client that has an address already is told the name server."""
    return socket.inet_pton(socket.AF_INET6, "fd42:1::1") in dhcp6(name, 11, struct.pack("!HHH", 6, 2, 23))


def autoconfigured(name):
    """Whether the kernel made itself an address of the bridge's prefix."""
    return "fd42:1::" in host.output("ip", "-n", name, "-6", "addr", "show", "dev", "eth0", "scope", "global")


def test_dhcp4(berth):
    """ipv4.dhcp, its ranges, expiry and gateway are what a client is told"""
    network(berth, ipv4__dhcp__ranges="10.1.2.40-10.1.2.41", ipv4__dhcp__expiry="10m", ipv4__dhcp__gateway="10.1.2.9")
    add_namespace("c1", "lan")
    told = lease(berth, "c1")
    assert told["ip"] in ("10.1.2.40", "10.1.2.41"), told
    tap.equal((told["lease"], told["router"]), ("600", "10.1.2.9"))
    network(berth)
    tap.equal(lease(berth, "c1")["lease"], "3600")
    network(berth, ipv4__dhcp="false")
    tap.equal(lease(berth, "c1", tries=2), None)


def test_names(berth):
    """dns.mode: names of clients' own choice only in mode dynamic, none at all in mode none"""
    network(berth)
    add_namespace("c1", "lan")
    lease(berth, "c1")
    tap.equal((resolves("c1", "_gateway.lxd"), resolves("c1", "claimed.lxd")), (True, False))
    network(berth, dns__mode="dynamic")
    lease(berth, "c1")
    tap.equal(resolves("c1", "claimed.lxd"), True)
    network(berth, dns__mode="none")
    lease(berth, "c1")
    tap.equal((resolves("c1", "_gateway.lxd"), resolves("c1", "claimed.lxd")), (False, False))


def test_dhcp6(berth):
    """ipv6.dhcp: addresses by advertisement, with more by DHCPv6 or without, or stateful from the ranges and for as long as the keys say"""
    network(berth, ipv6__dhcp__stateful="true", ipv6__dhcp__ranges="fd42:1::40-fd42:1::4f", ipv6__dhcp__expiry="10m")
    add_namespace("c1", "lan")
    address, lifetime = asked_dhcp6("c1")
    assert address.startswith("fd42:1::4") and len(address) == len("fd42:1::40"), address
    tap.equal(lifetime, 600)
    network(berth)
    tap.equal(asked_dhcp6("c1"), None)
    host.wait_for(lambda: autoconfigured("c1"), "an address by advertisement")
    tap.equal(informed("c1"), True)
    network(berth, ipv6__dhcp="false")
    tap.equal((asked_dhcp6("c1"), informed("c1")), (None, False))


def test_ipv6_out(berth):
    """ipv6.nat, ipv6.nat.address and ipv6.routing decide what gets out and as whom"""
    add_outside()
    network(berth, ipv6__nat="true")
    add_namespace("c1", "lan")
    host.output("ip", "-n", "c1", "addr", "add", "fd42:1::50/64", "dev", "eth0", "nodad")
    host.output("ip", "-n", "c1", "route", "replace", "default", "via", "fd42:1::1")
    host.wait_for(lambda: pings("c1", "fd99::2"), "masquerade")
    network(berth)
    tap.equal(pings("c1", "fd99::2"), False, "no way back without NAT")
    network(berth, ipv6__nat="true", ipv6__nat__address="fd99::9")
    tap.equal(pings("c1", "fd99::2"), False, "nobody has that address yet")
    host.output("ip", "addr", "add", "fd99::9/128", "dev", "vout", "nodad")
    # The outside may still be asking in vain who has it, once a second.
    host.wait_for(lambda: pings("c1", "fd99::2"), "snat")
    network(berth, ipv6__nat="true", ipv6__routing="false")
    tap.equal(pings("c1", "fd99::2"), False, "rejected")
    tap.equal(pings("c1", "fd42:1::1"), True, "the host still answers")


def test_ipv4_out(berth):
    """ipv4.nat.address is whom the outside sees"""
    add_outside()
    network(berth, ipv4__nat="true", ipv4__nat__address="10.99.0.9")
    add_namespace("c1", "lan")
    host.output("ip", "-n", "c1", "addr", "add", "10.1.2.50/24", "dev", "eth0")
    host.output("ip", "-n", "c1", "route", "replace", "default", "via", "10.1.2.1")
    tap.equal(pings("c1", "10.99.0.2"), False, "nobody has that address yet")
    host.output("ip", "addr", "add", "10.99.0.9/32", "dev", "vout")
    # The outside may still be asking in vain who has it, once a second.
    host.wait_for(lambda: pings("c1", "10.99.0.2"), "snat")
    host.output("ip", "addr", "del", "10.99.0.9/32", "dev", "vout")
    network(berth, ipv4__nat="true")
    host.wait_for(lambda: pings("c1", "10.99.0.2"), "masquerade")


def test_link(berth):
    """bridge.hwaddr, bridge.mtu, ipv4.routes and ipv6.routes are the kernel's as long as they are set (NET-BR-04, 06, 25, 36)"""
    def link():
        return {key: value for key, value in json.loads(host.output("ip", "-j", "link", "show", "lan"))[0].items() if key in ("mtu", "address")}

    def routes():
        return sorted(entry["dst"] for family in ("-4", "-6")
                      for entry in json.loads(host.output("ip", "-j", family, "route", "show", "dev", "lan", "proto", "static")))
    network(berth)
    before = link()
    tap.equal((before["mtu"], routes()), (1500, []))
    network(berth, bridge__hwaddr="00:16:3E:0a:0b:0c", bridge__mtu="1400", ipv4__routes="192.0.2.0/24, 198.51.100.0/25",
            ipv6__routes="2001:db8:9::/48")
    tap.equal(link(), {"mtu": 1400, "address": "00:16:3e:0a:0b:0c"})
    tap.equal(routes(), ["192.0.2.0/24", "198.51.100.0/25", "2001:db8:9::/48"])
    network(berth, ipv4__routes="198.51.100.0/25")
    tap.equal(routes(), ["198.51.100.0/25"])
    network(berth)
    tap.equal((link(), routes()), (before, []))


def chains():
    return {entry["chain"]["name"] for entry in json.loads(host.output("nft", "-j", "list", "ruleset"))["nftables"] if "chain" in entry}


def rules(chain):
    return [json.dumps(entry["rule"]["expr"]) for entry in json.loads(host.output("nft", "-j", "list", "ruleset"))["nftables"]
            if entry.get("rule", {}).get("chain") == chain]


def test_firewall(berth):
    """ipv4.firewall and ipv6.firewall: rules that let the bridge's traffic through, for each family or not"""
    def families():
        text = " ".join(rules("fwd.lan"))
        return "ipv4" in text, "ipv6" in text
    network(berth)
    tap.equal(families(), (True, True))
    tap.contains(" ".join(rules("in.lan")), "67")
    network(berth, ipv4__dhcp="false")
    tap.absent(" ".join(rules("in.lan")), "67")
    network(berth, ipv4__firewall="false")
    tap.equal(families(), (False, True))
    network(berth, ipv6__firewall="false")
    tap.equal(families(), (True, False))
    network(berth, ipv4__firewall="false", ipv4__routing="false")
    plan = berth.run("plan").expect(0)
    tap.contains(plan.out + plan.err, "config.ipv4.routing: false has no effect while ipv4.firewall is false")
    network(berth, ipv4__firewall="false", ipv6__firewall="false")
    tap.absent(" ".join(chains()), "fwd.lan")


def test_usual_bridge(berth):
    """bridge.driver native and bridge.mode standard are a bridge of the kernel with a MAC of its own, which stays; others are refused"""
    network(berth, bridge__driver="native", bridge__mode="standard")
    link = json.loads(host.output("ip", "-j", "-d", "link", "show", "lan"))[0]
    tap.equal(link["linkinfo"]["info_kind"], "bridge")
    network(berth, dns__domain="other")
    tap.equal(json.loads(host.output("ip", "-j", "link", "show", "lan"))[0]["address"], link["address"])
    stored = json.loads(berth.run("get", "network/lan", "--format", "json").expect(0).out)
    tap.contains(json.dumps(stored), f'"volatile.bridge.hwaddr": "{link["address"]}"')
    for key, value in (("bridge.driver", "openvswitch"), ("bridge.mode", "fan")):
        refused = host.apply(berth, json.dumps({"networks": [{"name": "lan", "config": {key: value}}]}))
        assert refused.status != 0, refused.out
        tap.contains(refused.err, key)


host.main(globals())
