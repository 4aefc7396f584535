"""Knot, a name server that takes dynamic updates (RFC 2136) signed with a key (RFC 8945)."""

import processes

# Programs that update zones know no other.
PORT = 53
# Good for nothing but this rig's zone.
KEY_NAME, SECRET = "rig", "c2lnbmVkLWJ5LXRoZS1yaWctYW5kLW5vYm9keS1lbHNl"

CONFIG = """\
server:
    rundir: "{directory}/knot"
    listen: {address}@{port}
    tcp-workers: 1
    udp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "{directory}/knot"
key:
  - id: {key}
    algorithm: hmac-sha256
    secret: {secret}
acl:
  - id: updates
    key: {key}
    action: update
zone:
  - domain: example
    file: "{directory}/example.zone"
    acl: updates
"""

ZONE = """\
@ 60 SOA ns hostmaster 1 3600 600 86400 60
@ 60 NS ns
ns 60 A {address}
"""


def start(directory, address):
    """Starts it with the zone `example`; returns its process."""
    (directory / "knot").mkdir()
    (directory / "example.zone").write_text(ZONE.format(address=address))
    config = directory / "knot.conf"
    config.write_text(CONFIG.format(
        directory=directory, address=address, port=PORT, key=KEY_NAME, secret=SECRET))
    return processes.start(directory, "nameserver", ["/usr/sbin/knotd", "--config", config])
