"""One container on a bridge, as a state file: what many tests begin with."""
import json
import os

import host

NAME = host.NAME
BRIDGE = f"br{NAME}"
WEB = f"{NAME}-web"
STATE = f"""
storage_pools: [{{name: data, driver: dir}}]
networks: [{{name: {BRIDGE}, config: {{ipv4.address: 10.77.1.1/24, ipv6.address: none}}}}]
images: [{{name: busybox, source: 'builtin:busybox'}}]
profiles:
- name: small
  devices: {{root: {{type: disk, path: /, pool: data}}, eth0: {{type: nic, network: {BRIDGE}}}}}
instances:
- name: {WEB}
  image: busybox
  profiles: [small]
  state: running
"""


def init_of(berth, name=WEB):
    """the init process of a running container: another one after each restart"""
    with open(os.path.join(berth.state, "run", f"{name}.json"), encoding="utf-8") as file:
        return json.load(file)["init"]
