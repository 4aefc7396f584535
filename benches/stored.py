"""Thousands of stored certificates: one that the CA issued, copied with its name and serial number rewritten.

Nobody checks the signature of what is stored, neither hydrant nor dehydrated, so the copies do as well as their original
and are made in seconds."""

import base64
import hashlib
import json
import os
import re
import shutil
import ssl
import textwrap
import time
from concurrent import futures

import vault

FIRST = "host-0000.bench.example"
HALF_A_DAY = 12 * 3600


def copies(hydrant, rig, count, place="stored"):
    """A directory with so many certificates as hydrant stores them, their renewal information fresh."""
    base = hydrant.directory(rig, place, [FIRST])
    # The second run asks for renewal information.
    for _ in range(2):
        hydrant.run(rig, base, ["run"], {}, counted=False)
    original = base / "certs" / FIRST
    record = base / ".hydrant/certificates" / f"{FIRST}.json"
    facts = json.loads(record.read_text())
    facts["renewal"]["next_check"] = int(time.time()) + HALF_A_DAY
    record.write_text(json.dumps(facts, indent=2) + "\n")
    files = {file.name: file.read_text() for file in original.iterdir() if not file.is_symlink()}
    links = {file.name: os.readlink(file) for file in original.iterdir() if file.is_symlink()}
    names = [f"host-{number:04}.bench.example" for number in range(count)]
    for number, name in enumerate(names[1:], start=1):
        write(base / "certs" / name, {file: copy(text, name, number) for file, text in files.items()}, links)
        mine = dict(facts, renewal=dict(facts["renewal"], certificate=renewal_id(facts, number)))
        text = json.dumps(mine, indent=2).replace(FIRST, name) + "\n"
        (record.parent / f"{name}.json").write_text(text)
        # A run leaves the lock that it took.
        (record.parent / f"{name}.lock").touch()
    (base / "domains.txt").write_text("".join(f"{name}\n" for name in names))
    return base


def in_vault(hydrant, rig, count, knobs):
    """The same in Vault, and a directory with the list and the way there alone."""
    base = hydrant.directory(rig, "in-vault", [FIRST])
    with open(base / "hydrant.yml", "a") as file:
        file.write("store: vault\nvault: {mount: kv-certificates, prefix: kept}\n")
    # The second run asks for renewal information.
    for _ in range(2):
        hydrant.run(rig, base, ["run"], knobs, counted=False)
    original = vault.ask(rig, "GET", f"kv-certificates/data/kept/{FIRST}")["data"]["data"]
    document = vault.ask(rig, "GET", f"hydrant/data/hydrant-state/{record_key(FIRST)}")["data"]["data"]
    facts = json.loads(document["record"])
    facts["renewal"]["next_check"] = int(time.time()) + HALF_A_DAY
    names = [f"host-{number:04}.bench.example" for number in range(count)]

    def put(number, name):
        fields = {field: copy(text, name, number) for field, text in original.items()} if number else original
        mine = dict(facts, renewal=dict(facts["renewal"], certificate=renewal_id(facts, number))) if number else facts
        record = dict(document, name=name, record=json.dumps(mine).replace(FIRST, name))
        fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(fields["cert"])).hexdigest()
        record["issued"] = dict(record["issued"], fingerprint=fingerprint)
        written = vault.ask(rig, "POST", f"kv-certificates/data/kept/{name}", {"data": fields})["data"]
        record["written"] = dict(document["written"], version=written["version"], created=written["created_time"],
                                 certificate=fields["cert"])
        vault.ask(rig, "POST", f"hydrant/data/hydrant-state/{record_key(name)}", {"data": record})

    with futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(count), names))
    (base / "domains.txt").write_text("".join(f"{name}\n" for name in names))
    return base


def record_key(name):
    """The name of a record's secret."""
    return f"certificate-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def first(base, count, place):
    """The first of them in a directory of their own, without hydrant's records."""
    names = (base / "domains.txt").read_text().split()[:count]
    for name in names:
        shutil.copytree(base / "certs" / name, place / "certs" / name, symlinks=True)
    (place / "domains.txt").write_text("".join(f"{name}\n" for name in names))
    return place


def write(directory, files, links):
    directory.mkdir(mode=0o700)
    for name, text in files.items():
        (directory / name).write_text(text)
    for name, target in links.items():
        os.symlink(target, directory / name)


def copy(text, name, number):
    """The same PEM for another name: every block that says the first one, rewritten in place."""
    def rewritten(match):
        der = base64.b64decode(match[2])
        if FIRST.encode() not in der:
            return match[0]
        der = der.replace(FIRST.encode(), name.encode())
        if match[1] == "CERTIFICATE":
            at = serial_end(der)
            der = der[:at - 2] + number.to_bytes(2, "big") + der[at:]
        body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
        return f"-----BEGIN {match[1]}-----\n{body}\n-----END {match[1]}-----"
    return re.sub(r"-----BEGIN ([A-Z ]+)-----\n(.*?)\n-----END \1-----", rewritten, text, flags=re.DOTALL)


def serial_end(der):
    """Where the serial number ends: certificate and its body, each with a long length, the version, the number."""
    at = 4 + 4 + 5
    assert der[at] == 2, "not where the serial number is"
    return at + 2 + der[at + 1]


def renewal_id(facts, number):
    """RFC 9773, section 4.1: the key identifier of the issuer, and the serial number."""
    issuer, _, serial = facts["renewal"]["certificate"].partition(".")
    octets = base64.urlsafe_b64decode(serial + "=" * (-len(serial) % 4))
    octets = octets[:-2] + number.to_bytes(2, "big")
    return f"{issuer}.{base64.urlsafe_b64encode(octets).decode().rstrip('=')}"
