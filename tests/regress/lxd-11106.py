#!/usr/bin/python3
"""lxd#11106: keys of a preseed that nobody knew were ignored without a word."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import host  # noqa: E402
import tap  # noqa: E402

PRESEED = """\
config: {core.https_address: ""}
storage_pools:
- name: data
  driver: dir
  confg: {}
networks:
- name: lan0
  config: {ipv4.adress: 10.77.1.1/24}
profiles:
- name: small
  devices:
    root: {type: disk, path: /, pool: data}
projects:
- name: shop
  config: {features.image: true}
cluster_adress: 10.0.0.1
"""


def test_each_is_named(berth):
    """a preseed with keys that are none is refused as a whole: each is named with its place and what may be meant (EN-03, PS-02)"""
    result = berth.run("init", "--preseed", stdin=PRESEED).expect(65)
    for place, word, meant in (("5:3", "confg", "config"), ("8:12", "ipv4.adress", "ipv4.address"), ("15:12", "features.image", "features.images"), ("16:1", "cluster_adress", "")):
        line = next((line for line in result.err.splitlines() if f":{place}:" in line), f"nothing at {place}:\n{result.err}")
        tap.contains(line, word)
        tap.contains(line, meant)
    device = "profiles:\n- name: small\n  devices:\n    root: {type: disk, path: /, pool: data, sise: 1GiB}\n"
    result = berth.run("init", "--preseed", stdin=device).expect(65)
    for part in (":4:45:", "sise", "size"):
        tap.contains(result.err, part)
    tap.equal("lan0" in host.links(), False)
    tap.equal(berth.run("history").expect(0).out.count("\n") <= 1, True, "nothing was applied")


if __name__ == "__main__":
    host.main(globals())
