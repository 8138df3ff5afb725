"""init, launch, list, start, stop, restart, pause, config, config device, exec, console, file, monitor, rename, delete."""
import os

import host
import tap
from steps import Host, Lxc, Watched

SETUP = [
    Lxc("lxc storage create data dir"),
    Lxc("lxc network create br1 ipv4.address=10.74.0.1/24 ipv6.address=none"),
    Lxc("lxc profile device add default root disk path=/ pool=data"),
    Lxc("lxc profile device add default eth0 nic network=br1 name=eth0"),
    Lxc("lxc image import {image} --alias small"),
]


def no_trace(at):
    """nothing of an instance is left"""
    tap.equal(host.cgroups(at.name()), [])
    tap.equal([name for name in host.links() if name.startswith("veth")], [])
    tap.equal(os.listdir(os.path.join(at.server.berth.state, "storage-pools", "data", "containers")), [])


LIFE = [
    *SETUP,
    Lxc("lxc list -f csv", exactly=""),
    Lxc("lxc init small {c}", shows="Creating {c}"),
    Lxc("lxc init small {c}", fails="already exists"),
    Lxc("lxc init small bad_name", fails="name"),
    Lxc("lxc init nosuch {c}x", fails="not found"),
    Lxc("lxc init small {c}x -p nosuch", fails="nosuch"),
    Lxc("lxc init small {c}x -s nosuch", fails=""),
    Lxc("lxc list -f csv -c ns", exactly="{c},STOPPED"),
    Lxc("lxc start {c}"),
    Host("it runs, in control groups of its own", lambda at: tap.equal((os.path.exists(f"/proc/{at.pid()}"), host.cgroups(at.name()) != []),
                                                                       (True, True))),
    Host("its NIC is on the bridge", lambda at: tap.equal(at.link(at.veth())["master"], "br1")),
    Lxc("lxc start {c}", fails="already running"),
    Lxc("lxc list -f csv -c nst", exactly="{c},RUNNING,CONTAINER"),
    Lxc("lxc list status=running -f csv -c n", exactly="{c}"),
    Lxc("lxc list status=stopped -f csv -c n", exactly=""),
    Lxc("lxc list type=container name={c} -f csv -c n", exactly="{c}"),
    Lxc("lxc list '^{c}$' -f csv -c n", exactly="{c}"),
    Lxc("lxc list nosuch -f csv -c n", exactly=""),
    Lxc("lxc list -f csv -c nsaPNtdD46mMubfFplSc"),
    Lxc("lxc list -f csv -c n,user.none:NONE,config:image.description:IMAGE", shows="{c}"),
    Lxc("lxc list -f json", shows='"name":"{c}"'),
    Lxc("lxc list -f yaml", shows="name: {c}"),
    Lxc("lxc list -f table", shows=["NAME", "{c}"]),
    Lxc("lxc list -f compact --fast", shows="{c}"),
    Lxc("lxc list -f nosuch", fails="nvalid"),
    Lxc("lxc list --all-projects -f csv -c en", exactly="default,{c}"),
    Lxc("lxc info {c}", shows=["Name: {c}", "Status: RUNNING", "Type: container", "Processes:", "eth0:", "lo:"]),
    Lxc("lxc info {c} --show-log", shows="Log:"),
    Lxc("lxc info nosuch", fails="not found"),
    Lxc("lxc pause {c}"),
    Host("it is frozen", lambda at: at.frozen()),
    Lxc("lxc list -f csv -c ns", exactly="{c},FROZEN"),
    Lxc("lxc start {c}"),
    Host("it is thawed", lambda at: not at.frozen()),
    Lxc("lxc restart -f {c}"),
    Lxc("lxc list -f csv -c ns", exactly="{c},RUNNING"),
    Lxc("lxc restart {c} --timeout 20"),
    Lxc("lxc rename {c} {c}y", fails="running"),
    Lxc("lxc delete {c}", fails="running"),
    Lxc("lxc stop {c} --timeout 20"),
    Host("nothing of it runs", lambda at: tap.equal((at.pid(), host.cgroups(at.name())), (0, []))),
    Lxc("lxc stop {c}", fails="already stopped"),
    Lxc("lxc restart {c}", fails="already stopped"),
    Lxc("lxc rename {c} {c}b"),
    Lxc("lxc list -f csv -c n", exactly="{c}b"),
    Lxc("lxc launch small {c} -c limits.memory=64MiB -d root,size=1GiB -e", shows="Starting {c}"),
    Lxc("lxc list -f csv -c nt", shows="{c},CONTAINER (EPHEMERAL)"),
    Lxc("lxc stop -f {c}"),
    Lxc("lxc list -f csv -c n", exactly="{c}b"),
    Lxc("lxc start --all"),
    Lxc("lxc list -f csv -c ns", exactly="{c}b,RUNNING"),
    Lxc("lxc stop --all -f"),
    Lxc("lxc list -f csv -c ns", exactly="{c}b,STOPPED"),
    Lxc("lxc project create blue -c features.images=false -c features.profiles=false"),
    Lxc("lxc launch small {c}b --project blue", fails="already used on network", berth={"fails": None},
        why="names of instances of several projects may meet on a network; DNS answers with the address of one of them"),
    Lxc("lxc delete -f {c}b --project blue"),
    Lxc("lxc launch small {c}z --project blue"),
    Lxc("lxc list --project blue -f csv -c ns", exactly="{c}z,RUNNING"),
    Lxc("lxc list -f csv -c ns", exactly="{c}b,STOPPED"),
    Lxc("lxc exec {c}z --project blue -- busybox cat /proc/sys/kernel/hostname", exactly="{c}z"),
    Lxc("lxc project delete blue", fails=""),
    Lxc("lxc delete -f {c}z --project blue"),
    Lxc("lxc project delete blue"),
    Lxc("lxc delete {c}b"),
    Lxc("lxc delete nosuch", fails="not found"),
    Lxc("lxc list -f csv", exactly=""),
    Host("nothing is left of them", no_trace),
    Lxc("lxc image delete small"),
    Lxc("lxc profile device remove default eth0"),
    Lxc("lxc network delete br1"),
]

EDITED = """architecture: x86_64
config:
  user.edited: "yes"
description: edited
devices: {}
ephemeral: false
profiles:
- default
stateful: false
"""

CONFIG = [
    *SETUP,
    Lxc("lxc launch small {c}"),
    Lxc("lxc config set {c} limits.memory 64MiB"),
    Host("the limit holds", lambda at: str(64 << 20) in at.cgroup_values("memory.max", "memory.limit_in_bytes")),
    Lxc("lxc config get {c} limits.memory", exactly="64MiB"),
    Lxc("lxc config set {c} limits.processes=200 user.a=b"),
    Host("the number of processes is limited", lambda at: "200" in at.cgroup_values("pids.max")),
    Lxc("lxc config unset {c} limits.memory"),
    Host("the limit is gone", lambda at: str(64 << 20) not in at.cgroup_values("memory.max", "memory.limit_in_bytes")),
    Lxc("lxc config set {c} limits.memory much", fails="much"),
    Lxc("lxc config set {c} no.such.key 1", fails="no.such.key"),
    Lxc("lxc config get {c} volatile.eth0.hwaddr", shows="00:16:3e:", keep={"mac": r"(\S+)"}),
    Lxc("lxc config show {c}", shows=["user.a: b", "image.", "profiles:\n- default", "devices: {}"]),
    Lxc("lxc config show {c} --expanded", shows=["network: br1", "pool: data"]),
    Lxc("lxc config device add {c} shared disk source={dir} path=/mnt/shared", shows="Device shared added to {c}"),
    Host("the folder is mounted inside", lambda at: "/mnt/shared" in at.mounts()),
    Lxc("lxc config device add {c} shared disk source={dir} path=/mnt/shared", fails="already exists"),
    Lxc("lxc config device add {c} bad disk source=/no/such/folder path=/mnt/bad", fails="/no/such/folder"),
    Lxc("lxc config device add {c} bad nosuch", fails="evice"),
    Lxc("lxc config device list {c}", exactly="shared"),
    Lxc("lxc config device get {c} shared path", exactly="/mnt/shared"),
    Lxc("lxc config device show {c}", exactly="shared:\n  path: /mnt/shared\n  source: {dir}\n  type: disk"),
    Lxc("lxc config device remove {c} shared"),
    Host("the folder is gone inside", lambda at: "/mnt/shared" not in at.mounts()),
    Lxc("lxc config device override {c} eth0 ipv4.address=10.74.0.50", shows="Device eth0 overridden for {c}"),
    Lxc("lxc config device show {c}", shows="ipv4.address: 10.74.0.50"),
    Lxc("lxc network list-leases br1 -f csv", shows="{c},{mac},10.74.0.50,STATIC"),
    Lxc("lxc config device set {c} eth0 ipv4.address=10.74.0.51"),
    Lxc("lxc config device get {c} eth0 ipv4.address", exactly="10.74.0.51"),
    Lxc("lxc config device unset {c} eth0 ipv4.address"),
    Lxc("lxc network list-leases br1 -f csv", lacks="STATIC"),
    Lxc("lxc config device remove {c} eth0"),
    Lxc("lxc network create br2 ipv4.address=10.75.0.1/24 ipv6.address=none"),
    Lxc("lxc config device add {c} eth1 nic network=br2 name=eth1"),
    Host("a second NIC is on its bridge", lambda at: tap.equal(at.link(at.veth("eth1"))["master"], "br2")),
    Lxc("lxc network show br2", shows="- /1.0/instances/{c}"),
    Lxc("lxc network delete br2", fails="in use"),
    Lxc("lxc exec {c} -- busybox ifconfig eth1", shows="eth1"),
    Lxc("lxc config device remove {c} eth1"),
    Lxc("lxc exec {c} -- busybox ifconfig eth1", status=1),
    Lxc("lxc network delete br2"),
    Lxc("lxc profile create lean"),
    Lxc("lxc profile set lean limits.memory 32MiB"),
    Lxc("lxc profile add {c} lean", shows="Profile lean added to {c}"),
    Host("the profile's limit holds", lambda at: str(32 << 20) in at.cgroup_values("memory.max", "memory.limit_in_bytes")),
    Lxc("lxc profile set lean limits.memory 48MiB"),
    Host("a change of the profile reaches it", lambda at: str(48 << 20) in at.cgroup_values("memory.max", "memory.limit_in_bytes")),
    Lxc("lxc profile delete lean", fails="in use"),
    Lxc("lxc profile show lean", shows="- /1.0/instances/{c}"),
    Lxc("lxc profile assign {c} default,lean"),
    Lxc("lxc profile remove {c} lean", shows="Profile lean removed from {c}"),
    Lxc("lxc profile delete lean"),
    Lxc("lxc stop -f {c}"),
    Lxc("lxc config edit {c}", stdin=EDITED, fails="olatile", berth={"fails": None}, why="drawn keys need not be sent back"),
    Lxc("lxc config set {c} user.edited yes"),
    Lxc("lxc config get {c} user.edited", exactly="yes"),
    Lxc("lxc config set {c} boot.autostart true"),
    Lxc("lxc config metadata show {c}", shows="architecture: x86_64"),
    Lxc("lxc config metadata edit {c}", stdin="architecture: x86_64\ncreation_date: 1\nproperties:\n  a: b\n"),
    Lxc("lxc config metadata show {c}", shows="a: b"),
    Lxc("lxc config template create {c} t.tpl"),
    Lxc("lxc config template edit {c} t.tpl", stdin="hello\n"),
    Lxc("lxc config template show {c} t.tpl", exactly="hello"),
    Lxc("lxc config template list {c} -f csv", exactly="t.tpl"),
    Lxc("lxc config template delete {c} t.tpl"),
    Lxc("lxc delete {c}"),
]

def inside(at, path):
    return os.path.join(f"/proc/{at.pid()}/root", path.lstrip("/"))


def has(path, content, mode=None):
    """whether a file inside has the content"""
    def check(at):
        with open(inside(at, path), encoding="utf-8") as file:
            tap.equal(file.read(), content)
        if mode is not None:
            tap.equal(os.stat(inside(at, path)).st_mode & 0o7777, mode)
    return check


def make_tree(at):
    """a folder with files"""
    os.makedirs(at.path("tree/below"))
    for name, text in (("tree/one", "1\n"), ("tree/below/two", "2\n")):
        with open(at.path(name), "w", encoding="utf-8") as file:
            file.write(text)


SESSIONS = [
    *SETUP,
    Lxc("lxc launch small {c}"),
    Lxc("lxc exec {c} -- busybox echo hello", exactly="hello"),
    Lxc("lxc exec {c} -- sh -c 'exit 7'", status=7),
    Lxc("lxc exec {c} -- busybox cat", stdin="through", exactly="through"),
    Lxc("lxc exec {c} --env A=b -- sh -c 'echo $A$HOME$USER'", exactly="b/rootroot"),
    Lxc("lxc exec {c} --cwd /tmp -- busybox pwd", exactly="/tmp"),
    Lxc("lxc exec {c} --user 1000 --group 1001 -- busybox id -u", exactly="1000"),
    Lxc("lxc exec {c} --mode non-interactive -- sh -c 'echo error >&2'", shows="error"),
    Lxc("lxc exec {c} -T -- busybox tty", status=1, shows="not a tty"),
    Lxc("lxc exec {c} -- no-such-program", fails=""),
    Lxc("lxc exec nosuch -- true", fails="not found"),
    Lxc("lxc exec {c} -- sh -c 'echo from inside > /dev/console'"),
    Lxc("lxc console {c} --show-log", shows="from inside"),
    Host("a folder with files is made", make_tree),
    Lxc("lxc file push {dir}/tree/one {c}/root/one"),
    Host("the file is inside", has("/root/one", "1\n")),
    Lxc("lxc file push {dir}/tree/one {c}/root/other --mode 0600 --uid 5 --gid 6"),
    Host("it has the mode", has("/root/other", "1\n", 0o600)),
    Lxc("lxc exec {c} -- busybox stat -c %u:%g /root/other", exactly="5:6"),
    Lxc("lxc file push -p {dir}/tree/one {c}/srv/deep/down/one"),
    Lxc("lxc file push {dir}/tree/one {c}/no/such/folder/one", fails="Not Found",
        berth={"fails": "No such file"}, why="says what is missing"),
    Lxc("lxc file push - {c}/root/piped", stdin="piped\n"),
    Host("what was piped is inside", has("/root/piped", "piped\n")),
    Lxc("lxc file pull {c}/root/one -", exactly="1"),
    Lxc("lxc file pull {c}/root/one {dir}/pulled"),
    Host("the file came out", lambda at: tap.equal(open(at.path("pulled"), encoding="utf-8").read(), "1\n")),
    Lxc("lxc file pull {c}/root/nosuch {dir}/x", fails="Not Found", berth={"fails": "No such file"}, why="says what is missing"),
    Lxc("lxc file push -r {dir}/tree {c}/root/"),
    Host("all of the folder is inside", has("/root/tree/below/two", "2\n")),
    Lxc("lxc file pull -r {c}/root/tree {dir}/back"),
    Host("all of the folder came out", lambda at: tap.equal(open(at.path("back/tree/below/two"), encoding="utf-8").read(), "2\n")),
    Lxc("lxc file edit {c}/root/one", stdin="edited\n"),
    Host("the file was edited", has("/root/one", "edited\n")),
    Lxc("lxc file delete {c}/root/one"),
    Lxc("lxc file delete {c}/root/one", fails="Not Found", berth={"fails": "No such file"}, why="says what is missing"),
    Lxc("lxc file delete {c}/root/tree", fails=""),
    Watched("lxc monitor --type lifecycle", "lxc config set {c} user.watched 1", "lxc stop -f {c}", "lxc start {c}",
            shows=["instance-updated", "instance-stopped", "instance-started"]),
    Watched("lxc monitor --type operation --pretty", "lxc exec {c} -- busybox true", shows=["Executing command"]),
    Watched("lxc monitor -f json", "lxc exec {c} -- busybox true", shows=['"type":"operation"', '"type":"lifecycle"']),
    Lxc("lxc query -X PUT --wait -d '{\"action\": \"restart\", \"force\": true}' /1.0/instances/{c}/state"),
    Lxc("lxc query /1.0/instances/{c}/state", like={"status": "Running"}),
    Lxc("lxc query -X POST -d '{\"command\": [\"busybox\", \"sleep\", \"30\"]}' /1.0/instances/{c}/exec",
        keep={"operation": r'"id": "([0-9a-f-]{36})"'}),
    Lxc("lxc operation list -f csv", shows="Executing command"),
    Lxc("lxc operation show {operation}", shows=["class: task", "status: Running"]),
    Lxc("lxc operation delete {operation}", fails="cancel", berth={"fails": None}, why="a command that was begun can be ended"),
    Lxc("lxc delete -f {c}"),
    Host("nothing is left of it", no_trace),
]



def on_pool(pool):
    """the files of the instance are on that pool and on no other"""
    def check(at):
        pools = os.path.join(at.server.berth.state, "storage-pools")
        tap.equal([name for name in sorted(os.listdir(pools)) if at.name() in os.listdir(os.path.join(pools, name, "containers"))], [pool])
    return check


MOVES = [
    *SETUP,
    Lxc("lxc storage create other dir"),
    Lxc("lxc init small {c} -c user.kept=1"),
    Lxc("lxc file push - {c}/root/note", stdin="precious"),
    Lxc("lxc move {c} --storage other"),
    Host("it is there", on_pool("other")),
    Lxc("lxc config device get {c} root pool", exactly="other"),
    Lxc("lxc config get {c} user.kept", exactly="1"),
    Lxc("lxc start {c}"),
    Lxc("lxc exec {c} -- busybox cat /root/note", exactly="precious"),
    Lxc("lxc move {c} --storage data", fails="CRIU", berth={"fails": "running"}, why="berth moves what is stopped, and says so"),
    Lxc("lxc stop -f {c}"),
    Lxc("lxc move {c} --storage nosuch", fails=""),
    Lxc("lxc move {c} {c}b --storage data"),
    Lxc("lxc list -f csv -c ns", exactly="{c}b,STOPPED"),
    Lxc("lxc file pull {c}b/root/note -", exactly="precious"),
    Lxc("lxc move {c}b {c}"),
    Host("a rename leaves it there", on_pool("data")),
    Lxc("lxc copy {c} {c}c --storage other"),
    Lxc("lxc file pull {c}c/root/note -", exactly="precious"),
    Lxc("lxc delete {c} {c}c"),
    Lxc("lxc storage delete other"),
    Host("nothing is left of them", no_trace),
]

GROUPS = {"instances": LIFE, "instance config": CONFIG, "sessions": SESSIONS, "moves": MOVES}
