"""State files for tests of --wait (EN-35): instances that get ready, end by themselves, or never have an address."""
import host

HEAD = """\
storage_pools:
- {name: pool, driver: dir}
networks:
- name: lan
  config: {ipv4.address: 10.77.2.1/24, ipv4.nat: false, ipv6.address: none}
images:
- {name: busybox, source: "builtin:busybox"}
profiles:
- name: small
  devices:
    root: {type: disk, path: /, pool: pool}
    eth0: {type: nic, network: lan}
instances:
"""


def name(short):
    return f"{host.NAME}-{short}"


def instance(short, init=None):
    """one of the image's init, which asks for an address, or of `init`, which does not; liblxc parts its words at blanks"""
    config = f"  config: {{boot.host_shutdown_timeout: 1, raw.lxc: 'lxc.init.cmd = {init}'}}\n" if init else ""
    return f"- name: {name(short)}\n  image: busybox\n  profiles: [small]\n  state: running\n{config}"


def once(short, status):
    """ends by itself, but not before the apply has seen it run"""
    return instance(short, f"/bin/sh -c sleep${{IFS}}5;exit${{IFS}}{status}")


WEB = instance("web")
# Asks for an address when what runs once has ended.
LATE = instance("late", "/bin/sh -c sleep${IFS}8;exec${IFS}/sbin/init")
MUTE = instance("mute", "/bin/sleep 1000")


def files(*instances):
    return HEAD + "".join(instances)
