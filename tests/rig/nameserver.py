"""Knot, a name server that takes dynamic updates (RFC 2136) signed with a key (RFC 8945).

A second one may stand beside it, which learns what the first has when somebody tells it to look, and not before:

    knotc --socket DIR/secondary/knot.sock zone-refresh example"""

import processes

# Programs that update zones know no other.
PORT = 53
# Good for nothing but this rig's zone.
KEY_NAME, SECRET = "rig", "c2lnbmVkLWJ5LXRoZS1yaWctYW5kLW5vYm9keS1lbHNl"

SERVER = """\
server:
    rundir: "{directory}/{name}"
    listen: {address}@{port}
    tcp-workers: 1
    udp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "{directory}/{name}"
"""

PRIMARY = SERVER + """\
key:
  - id: {key}
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: updates
    key: {key}
    action: update
  - id: transfers
    address: 127.0.0.0/8
    action: transfer
zone:
  - domain: example
    file: "{directory}/example.zone"
    acl: [updates, transfers]
"""

SECONDARY = SERVER + """\
remote:
  - id: primary
    address: {primary}@{port}
zone:
  - domain: example
    file: "{directory}/{name}/example.zone"
    master: primary
"""

ZONE = """\
@ 60 SOA ns hostmaster 1 86400 86400 864000 60
@ 60 NS ns
ns 60 A {address}
"""

KEY_FILE = f'key "{KEY_NAME}" {{ algorithm hmac-sha256; secret "{SECRET}"; }};\n'

SECOND = """\
@ 60 NS ns2
ns2 60 A {address}
"""


def start(directory, address, secondary):
    """Starts it with the zone `example`, with a secondary if that has an address; returns the processes."""
    zone = ZONE.format(address=address) + (SECOND.format(address=secondary) if secondary else "")
    (directory / "example.zone").write_text(zone)
    key_file(directory).write_text(KEY_FILE)
    servers = [knot(directory, "nameserver", PRIMARY, address=address, key=KEY_NAME, secret=SECRET)]
    if secondary:
        servers.append(knot(directory, "secondary", SECONDARY, address=secondary, primary=address))
    return servers


def key_file(directory):
    """The key as nsupdate reads it."""
    return directory / "tsig.key"


def knot(directory, name, config, **settings):
    (directory / name).mkdir()
    file = directory / f"{name}.conf"
    file.write_text(config.format(directory=directory, name=name, port=PORT, **settings))
    return processes.start(directory, name, ["/usr/sbin/knotd", "--config", file])
