"""Vault of the rig: a real OpenBao, which has the API of HashiCorp Vault, in memory. It speaks TLS with the rig's
certificate, has KV v2 at secret/, kv-certificates/ and hydrant/, KV v1 at old/, and AppRole and JWT logins to be configured."""

import re
import sys
import time

import faultproxy
import gitlab
import kubernetes
import openbao
import processes
import vault_cluster

PROXY, CONTROL = 8220, 8221


def add_options(parser):
    parser.add_argument("--vault", action="store_const", const="server",
                        help="add a Vault: see tests/rig/vault.py; with --faults behind a fault proxy of its own")
    parser.add_argument("--vault-cluster", dest="vault", action="store_const", const="cluster",
                        help="the same of three nodes, with its data on the disk: VAULT_ADDR is a standby's, and the fault "
                             "proxy before that one; see tests/rig/vault_cluster.py")
    parser.add_argument("--kubernetes", action="store_true",
                        help="with --vault: what it asks of a Kubernetes cluster; see tests/rig/kubernetes.py")


def start(parts, directory, address, options):
    """Starts it, and the fault proxy before it; returns them as processes."""
    if options.vault == "cluster":
        started, asked = vault_cluster.start(openbao.program(parts), directory, address), vault_cluster.API[vault_cluster.STANDBY]
    else:
        started, asked = [start_server(openbao.program(parts), directory, address)], openbao.API
    if options.kubernetes:
        started.append(kubernetes.start(directory, address))
    if options.faults:
        started.append(faultproxy.start(directory, address, asked, name="vault-faults", port=PROXY, control=CONTROL))
    return started


def start_server(program, directory, address):
    config = directory / "vault.hcl"
    config.write_text(openbao.listener(directory, address, openbao.API))
    return processes.start(directory, "vault", [
        program, "server", "-dev", f"-dev-root-token-id={openbao.TOKEN}", "-dev-no-store-token",
        f"-dev-listen-address={address}:{openbao.PLAIN}", f"-config={config}",
    ], {"HOME": str(directory)})


def ports(options):
    """What listens once it is there."""
    of_it = vault_cluster.PLAIN + vault_cluster.API if options.vault == "cluster" else [openbao.PLAIN, openbao.API]
    return of_it + [PROXY, CONTROL] * options.faults + [kubernetes.PORT] * options.kubernetes


def prepare(directory, address, options):
    """Waits until it serves, and makes what the tests use."""
    if options.vault == "cluster":
        vault_cluster.prepare(directory, address)
    else:
        wait_for_server(directory, address)
    make_mounts(directory, address)
    if options.kubernetes:
        kubernetes.prepare(directory, address)
    if options.vault == "cluster":
        vault_cluster.wait_until_all_know(directory, address, "auth/jwt/config")


def wait_for_server(directory, address):
    deadline = time.monotonic() + openbao.READY_WITHIN
    # The listener is there before the storage is.
    while openbao.call(address, "GET", "sys/internal/ui/mounts/secret") is None or not unseal_key(directory):
        if time.monotonic() > deadline:
            sys.exit("rig: OpenBao does not serve\n" + (directory / "vault.log").read_text(errors="replace"))
        time.sleep(0.01)


def make_mounts(directory, address):
    openbao.call(address, "POST", "sys/mounts/kv-certificates", {"type": "kv", "options": {"version": "2"}})
    openbao.call(address, "POST", "sys/mounts/hydrant", {"type": "kv", "options": {"version": "2"}})
    openbao.call(address, "POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
    openbao.call(address, "POST", "sys/auth/approle", {"type": "approle", "config": {"default_lease_ttl": "60s"}})
    openbao.call(address, "POST", "sys/auth/jwt", {"type": "jwt"})
    openbao.call(address, "POST", "auth/jwt/config", {
        "jwt_validation_pubkeys": [gitlab.make_keys(directory)], "bound_issuer": gitlab.ISSUER})


def unseal_key(directory):
    """What it is unsealed with, which it prints when all is done."""
    found = re.search(r"Unseal Key: (\S+)\n", (directory / "vault.log").read_text(errors="replace"))
    return found and found.group(1)


def facts(directory, address, options):
    """What a client of it needs to know."""
    is_cluster = options.vault == "cluster"
    asked = vault_cluster.API[vault_cluster.STANDBY] if is_cluster else openbao.API
    found = {
        "VAULT_ADDR": f"https://{address}:{PROXY if options.faults else asked}",
        "VAULT_CACERT": directory / "minica.pem",
        "RIG_VAULT_DIRECT": f"https://{address}:{asked}",
        "RIG_VAULT": f"http://{address}:{openbao.PLAIN}",
        "RIG_VAULT_TOKEN": openbao.TOKEN,
        "RIG_VAULT_UNSEAL_KEY": vault_cluster.unseal_key(directory) if is_cluster else unseal_key(directory),
    }
    if is_cluster:
        found["RIG_VAULT_NODES"] = ",".join(f"http://{address}:{port}" for port in vault_cluster.PLAIN)
    if options.faults:
        found["RIG_VAULT_FAULTS"] = f"http://{address}:{CONTROL}"
    return found
