"""profile, project, network, storage."""
import os

import tap
from steps import Host, Lxc

PROFILE = """config:
  limits.processes: "50"
description: edited
devices: {}
name: web
"""

PROFILES = [
    Lxc("lxc profile list -f csv", shows="default"),
    Lxc("lxc profile create web", shows="Profile web created"),
    Lxc("lxc profile create web", fails="already exists"),
    Lxc("lxc profile create bad/name", fails="name"),
    Lxc("lxc profile set web limits.memory 64MiB"),
    Lxc("lxc profile set web limits.cpu=1 user.a=b"),
    Lxc("lxc profile get web limits.memory", exactly="64MiB"),
    Lxc("lxc profile unset web user.a"),
    Lxc("lxc profile set web no.such.key 1", fails="no.such.key"),
    Lxc("lxc profile set web limits.memory much", fails="much"),
    Lxc("lxc profile device add web shared disk source=/tmp path=/mnt/tmp", shows="Device shared added to web"),
    Lxc("lxc profile device add web shared disk source=/tmp path=/mnt/tmp", fails="already exists"),
    Lxc("lxc profile device add web odd nosuch", fails="evice"),
    Lxc("lxc profile device list web", exactly="shared"),
    Lxc("lxc profile device get web shared path", exactly="/mnt/tmp"),
    Lxc("lxc profile device set web shared path=/mnt/other"),
    Lxc("lxc profile device set web shared readonly true"),
    Lxc("lxc profile device unset web shared readonly"),
    Lxc("lxc profile device show web", exactly="shared:\n  path: /mnt/other\n  source: /tmp\n  type: disk"),
    Lxc("lxc profile device remove web shared", shows="Device shared removed from web"),
    Lxc("lxc profile show web", exactly='config:\n  limits.cpu: "1"\n  limits.memory: 64MiB\ndescription: ""\ndevices: {}\n'
        "name: web\nused_by: []"),
    Lxc("lxc profile copy web shop"),
    Lxc("lxc profile get shop limits.memory", exactly="64MiB"),
    Lxc("lxc profile edit web", stdin=PROFILE),
    Lxc("lxc profile show web", shows=["description: edited", 'limits.processes: "50"'], lacks="limits.memory"),
    Lxc("lxc profile rename web site", shows="Profile web renamed to site"),
    Lxc("lxc profile show web", fails="not found"),
    Lxc("lxc profile rename site default", fails="already"),
    Lxc("lxc profile rename default other", fails="cannot be renamed"),
    Lxc("lxc profile delete default", fails="cannot be deleted"),
    Lxc("lxc profile delete site", shows="Profile site deleted"),
    Lxc("lxc profile delete shop"),
    Lxc("lxc profile list -f json", shows='"name":"default"', lacks='"name":"shop"'),
]

PROJECTS = [
    Lxc("lxc project list -f csv", shows="default"),
    Lxc("lxc project create blue", shows="Project blue created"),
    Lxc("lxc project create blue", fails="already exists"),
    Lxc("lxc project create red -c features.images=false -c features.profiles=false"),
    Lxc("lxc project show blue", shows=['features.images: "true"', 'features.profiles: "true"', "name: blue"]),
    Lxc("lxc project get red features.images", exactly="false"),
    Lxc("lxc project set blue limits.instances 3"),
    Lxc("lxc project get blue limits.instances", exactly="3"),
    Lxc("lxc project set blue limits.instances three", fails="three"),
    Lxc("lxc project info blue", shows="INSTANCES"),
    Lxc("lxc project unset blue limits.instances"),
    Lxc("lxc project edit blue", stdin='description: edited\nconfig:\n  features.images: "true"\n  features.profiles: "true"\n'
        '  features.storage.volumes: "true"\n  user.a: b\n'),
    Lxc("lxc project show blue", shows=["description: edited", "user.a: b"]),
    Lxc("lxc profile list --project blue -f csv", shows="default"),
    Lxc("lxc profile set default user.p 1 --project blue"),
    Lxc("lxc profile get default user.p --project blue", exactly="1"),
    Lxc("lxc profile get default user.p", exactly=""),
    Lxc("lxc profile create own --project blue"),
    Lxc("lxc profile list -f csv", lacks="own"),
    Lxc("lxc project delete blue", fails=""),
    Lxc("lxc profile delete own --project blue"),
    Lxc("lxc project switch blue"),
    Lxc("lxc profile get default user.p", exactly="1"),
    Lxc("lxc project list -f csv", shows="blue (current)"),
    Lxc("lxc project switch default"),
    Lxc("lxc project rename blue green"),
    Lxc("lxc project list -f csv", shows="green", lacks="blue"),
    Lxc("lxc profile get default user.p --project green", exactly="1"),
    Lxc("lxc project rename default other", fails=""),
    Lxc("lxc project delete green", shows="Project green deleted"),
    Lxc("lxc project delete red"),
    Lxc("lxc project delete default", fails="cannot be deleted"),
    Lxc("lxc project switch nosuch", fails="not"),
]

NETWORKS = [
    Lxc("lxc network list -f csv", lacks="br1"),
    Lxc("lxc network create br1 ipv4.address=10.72.0.1/24 ipv6.address=fd42:72::1/64", shows="Network br1 created"),
    Host("the bridge is up with its addresses", lambda at: (tap.equal(at.link("br1")["up"], True),
                                                            tap.equal(at.addresses("br1"), ["10.72.0.1/24", "fd42:72::1/64"])) and None),
    Lxc("lxc network create br1", fails="already exists"),
    Lxc("lxc network create br2 no.such.key=1", fails="no.such.key"),
    Lxc("lxc network create br2 ipv4.address=nonsense", fails="nonsense"),
    Lxc("lxc network set br1 ipv4.nat true"),
    Host("what leaves the bridge is masqueraded",
         lambda at: tap.contains(at.rules(), "ip saddr 10.72.0.0/24 ip daddr != 10.72.0.0/24 masq")),
    Lxc("lxc network set br1 bridge.mtu=1400"),
    Host("the bridge has the MTU", lambda at: tap.equal(at.link("br1")["mtu"], 1400)),
    Lxc("lxc network get br1 bridge.mtu", exactly="1400"),
    Lxc("lxc network unset br1 bridge.mtu"),
    Host("the bridge has the usual MTU", lambda at: tap.equal(at.link("br1")["mtu"], 1500)),
    Lxc("lxc network unset br1 ipv4.nat"),
    Host("nothing is masqueraded", lambda at: tap.absent(at.rules(), "masquerade")),
    Lxc("lxc network show br1", shows=["ipv4.address: 10.72.0.1/24", "managed: true", "name: br1", "type: bridge", "status: Created"]),
    Lxc("lxc network info br1", shows=["10.72.0.1", "State: up", "Bridge:"]),
    Lxc("lxc network list -f csv", shows="br1,bridge,YES,10.72.0.1/24,fd42:72::1/64"),
    Lxc("lxc network list-leases br1 -f csv", shows="br1.gw"),
    Lxc("lxc network edit br1", stdin="config:\n  ipv4.address: 10.73.0.1/24\n  ipv6.address: none\ndescription: edited\n"),
    Host("the bridge has the other address", lambda at: tap.equal(at.addresses("br1"), ["10.73.0.1/24"])),
    Lxc("lxc network show br1", shows="description: edited"),
    Lxc("lxc network rename br1 br3", shows="Network br1 renamed to br3"),
    Host("the bridge has the other name", lambda at: tap.equal((at.link("br1"), at.link("br3") is not None), (None, True))),
    Lxc("lxc network attach-profile br3 default eth0", shows=""),
    Lxc("lxc profile device show default", shows="parent: br3"),
    Lxc("lxc network show br3", shows="- /1.0/profiles/default"),
    Lxc("lxc network delete br3", fails="in use"),
    Lxc("lxc network detach-profile br3 default"),
    Lxc("lxc network delete br3", shows="Network br3 deleted"),
    Host("the bridge is gone", lambda at: tap.equal(at.link("br3"), None)),
    Lxc("lxc network delete nosuch", fails="not found"),
    Lxc("lxc network delete lo", fails=""),
    Lxc("lxc network show nosuch", fails="not found"),
]


def pool_folders(at):
    folder = os.path.join(at.server.berth.state, "storage-pools", "data")
    return sorted(os.listdir(folder))


STORAGE = [
    Lxc("lxc storage list -f csv", exactly=""),
    Lxc("lxc storage create data dir", shows="Storage pool data created"),
    Host("the folders of the pool are there", lambda at: tap.equal({"containers", "images", "custom"} <= set(pool_folders(at)), True)),
    Lxc("lxc storage create data dir", fails="already exists"),
    Lxc("lxc storage create x nosuch", fails=""),
    Lxc("lxc storage create x dir no.such.key=1", fails="no.such.key"),
    Lxc("lxc storage list -f csv", shows="data,dir"),
    Lxc("lxc storage show data", shows=["driver: dir", "name: data", "status: Created", "used_by: []"]),
    Lxc("lxc storage info data", shows=["name: data", "driver: dir", "space used:"]),
    Lxc("lxc storage set data user.a 1"),
    Lxc("lxc storage get data user.a", exactly="1"),
    Lxc("lxc storage unset data user.a"),
    Lxc("lxc storage get data user.a", exactly=""),
    Lxc("lxc profile device add default root disk path=/ pool=data"),
    Lxc("lxc storage show data", shows="- /1.0/profiles/default"),
    Lxc("lxc storage delete data", fails="in use"),
    Lxc("lxc profile device remove default root"),
    Lxc("lxc storage delete data", shows="Storage pool data deleted"),
    Host("the pool is gone", lambda at: tap.equal(os.path.exists(os.path.join(at.server.berth.state, "storage-pools", "data")), False)),
    Lxc("lxc storage show data", fails="not found"),
    Lxc("lxc storage delete nosuch", fails="not found"),
]

GROUPS = {"profiles": PROFILES, "projects": PROJECTS, "networks": NETWORKS, "storage": STORAGE}
