"""info, config, config trust, query, remote add over HTTPS."""
from steps import Host, Lxc

ADDRESS = "127.0.0.1:8443"

CONFIG = [
    Lxc("lxc info", shows=["api_status: stable", "auth: trusted", "driver: lxc"]),
    Lxc("lxc info --resources", shows=["CPU", "Memory:"]),
    Lxc("lxc version", shows=["Client version:", "Server version:"]),
    Lxc("lxc config show", exactly="config: {}"),
    Lxc("lxc config set user.one 1"),
    Lxc("lxc config set user.two=2 user.three=3"),
    Lxc("lxc config get user.one", exactly="1"),
    Lxc("lxc config get user.nothing", exactly=""),
    Lxc("lxc config unset user.two"),
    Lxc("lxc config show", exactly='config:\n  user.one: "1"\n  user.three: "3"'),
    Lxc("lxc config edit", stdin="config:\n  user.four: four\n"),
    Lxc("lxc config show", shows="user.four: four", berth={"exactly": "config:\n  user.four: four"},
        why="a PUT replaces; LXD 5.0.2 keeps user.* keys that are not sent"),
    Lxc("lxc query -X PUT -d '{\"config\": {\"core.metrics_authentication\": \"false\"}}' /1.0"),
    Lxc("lxc query -X PUT -d '{\"config\": {}}' /1.0"),
    Lxc("lxc config get core.metrics_authentication", lacks="false"),
    Lxc("lxc config edit", stdin="config:\n  - not a map\n", fails="cannot unmarshal"),
    Lxc("lxc config set no.such.key x", fails="no.such.key"),
    Lxc("lxc config unset user.four"),
    Lxc("lxc query /1.0", like={"api_status": "stable", "config": {}}),
    Lxc("lxc query -X PATCH -d '{\"config\": {\"user.q\": \"x\"}}' /1.0"),
    Lxc("lxc config get user.q", exactly="x"),
    Lxc("lxc query -X GET --raw /1.0", shows='"type": "sync"'),
    Lxc("lxc query /1.0/nosuch", fails="not found"),
    Lxc("lxc query -X POST --wait -d '{\"state\": {}}' /1.0/nosuch", fails="not found"),
    Lxc("lxc operation list -f csv", exactly=""),
    Lxc("lxc operation show 00000000-0000-0000-0000-000000000000", fails="not found"),
]


def listens(at):
    import socket
    name, port = ADDRESS.rsplit(":", 1)
    socket.create_connection((name, int(port)), timeout=5).close()


TRUST = [
    Lxc("lxc config trust list -f csv", exactly=""),
    Lxc(f"lxc config set core.https_address {ADDRESS}"),
    Host("the port is open", listens),
    Lxc("lxc config set core.trust_password sekret"),
    Lxc("lxc config get core.trust_password", exactly="true"),
    Lxc(f"lxc remote add bad {ADDRESS} --accept-certificate --password wrong", fails="not authorized"),
    Lxc(f"lxc remote add far {ADDRESS} --accept-certificate --password sekret"),
    Lxc("lxc remote list -f csv", shows=f"far,https://{ADDRESS},lxd,tls,NO,NO,NO"),
    Lxc("lxc info far:", shows="auth: trusted"),
    Lxc("lxc profile list far: -f csv", shows="default"),
    Lxc("lxc query far:/1.0/profiles", like=["/1.0/profiles/default"]),
    Lxc("lxc config trust list -f csv", shows="client", keep={"fingerprint": r"^client,[^,]*,[^,]*,([0-9a-f]{12})"}),
    Lxc("lxc config trust show {fingerprint}", shows=["restricted: false", "type: client"]),
    Lxc("lxc config trust edit {fingerprint}", stdin="name: laptop\ntype: client\nrestricted: false\nprojects: []\n"),
    Lxc("lxc config trust show {fingerprint}", shows="name: laptop"),
    Lxc("lxc config trust remove {fingerprint}"),
    Lxc("lxc profile list far:", fails="not authorized"),
    Lxc("lxc remote remove far"),
    Lxc("lxc config unset core.trust_password"),
    Lxc("lxc config trust add --name joe --restricted --projects default", keep={"token": r"^(ey\S+)$"}),
    Lxc("lxc config trust list-tokens -f csv", shows="joe"),
    Lxc("lxc remote add far {token}"),
    Lxc("lxc config trust list-tokens -f csv", exactly=""),
    Lxc("lxc config trust list -f csv", shows="joe"),
    Lxc("lxc profile list far: -f csv", shows="default"),
    Lxc("lxc query -X PATCH -d '{}' far:/1.0", fails="not authorized"),
    Lxc("lxc remote add again {token}", fails=""),
    Lxc("lxc remote rename far near"),
    Lxc("lxc remote switch near"),
    Lxc("lxc remote get-default", exactly="near"),
    Lxc("lxc remote switch local"),
    Lxc("lxc remote remove near"),
    Lxc("lxc config trust add --name ann", keep={"token": r"^(ey\S+)$"}),
    Lxc("lxc config trust revoke-token ann"),
    Lxc("lxc config trust list-tokens -f csv", exactly=""),
]

GROUPS = {"server config": CONFIG, "trust": TRUST}
