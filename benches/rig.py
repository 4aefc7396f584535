"""A CA of its own for one case, and what can be read from it."""

import json
import os
import pathlib
import re
import shlex
import subprocess
import urllib.request

UP = pathlib.Path(__file__).resolve().parent.parent / "tests/rig/up"
REQUEST = re.compile(rb"(?:GET|HEAD|POST) /\S+ -> calling handler")


class Rig:
    """Pebble and its DNS, in a directory of the case; stopped at the end of the block.

    A fresh one for each client: Pebble walks over all that it has ever authorized at each order. It never refuses a good
    nonce here, so that requests can be counted."""

    def __init__(self, place, *more):
        self.place = place
        self.more = more

    def __enter__(self):
        self.place.mkdir(parents=True)
        self.holder = subprocess.Popen(
            [UP, "--hold", "--dir", self.place / "rig", "--nonce-reject", "0", *self.more],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.facts = {}
        for line in self.holder.stdout:
            if not line.startswith("export "):
                break
            name, _, value = line.removeprefix("export ").partition("=")
            self.facts[name] = shlex.split(value)[0]
        self.environment = {"PATH": os.environ["PATH"], **self.facts}
        return self

    def __exit__(self, *_):
        self.holder.stdin.close()
        self.holder.wait()

    def issued(self):
        """How many certificates the CA has issued."""
        return self.log().count(b"Issued certificate serial")

    def requests(self):
        """How many requests the CA has had."""
        return len(REQUEST.findall(self.log()))

    def vault_requests(self):
        """How many requests Vault has had; the rig was started with --vault and --faults."""
        with urllib.request.urlopen(f"{self.facts['RIG_VAULT_FAULTS']}/requests", timeout=10) as answer:
            return len(json.load(answer))

    def log(self):
        return pathlib.Path(self.facts["RIG_PEBBLE_LOG"]).read_bytes()

    def fail_lookups_of(self, name):
        """The DNS answers SERVFAIL for a name from now on."""
        body = json.dumps({"host": f"{name}."}).encode()
        urllib.request.urlopen(f"{self.facts['RIG_DNS_API']}/set-servfail", body, timeout=10).close()
