#!/usr/bin/python3
"""Vault of the rig as a cluster: three real OpenBao nodes with raft and TLS, of which the first begins as the leader.

    vault_cluster.py DIR ADDRESS NODE      starts a node again that was killed, and unseals it

Each has its data, log and pid file of its own, vault-1 to vault-3. There is no secret/, which only a server for
development makes by itself."""

import os
import pathlib
import sys
import time

import openbao
import processes

# The first node listens where the only one of a rig without a cluster does.
API = [openbao.API, 8230, 8240]
PLAIN = [openbao.PLAIN, 8205, 8206]
STANDBY = 1
KEY_FILE = "vault-unseal-key"


def start(program, directory, address):
    """Starts the nodes, which know nothing of each other yet."""
    return [start_node(program, directory, address, number) for number in range(len(API))]


def start_node(program, directory, address, number):
    config, data = directory / f"vault-{number + 1}.hcl", directory / f"vault-{number + 1}"
    data.mkdir(exist_ok=True)
    config.write_text(
        f'api_addr = "https://{address}:{API[number]}"\ncluster_addr = "https://{address}:{API[number] + 1}"\n'
        f"{openbao.listener(directory, address, API[number])}"
        f'listener "tcp" {{\n  address = "{address}:{PLAIN[number]}"\n'
        f'  cluster_address = "{address}:{API[number] + 2}"\n  tls_disable = true\n}}\n'
        # The shortest times without word from the leader.
        f'storage "raft" {{\n  path = "{data}"\n  node_id = "{data.name}"\n  performance_multiplier = 1\n}}\n')
    # Else a node that joins has no vote for the first twenty seconds.
    environment = {"HOME": str(directory), "BAO_RAFT_AUTOPILOT_DISABLE": "true"}
    return processes.start(directory, data.name, [program, "server", f"-config={config}"], environment)


def prepare(directory, address):
    """Makes a cluster of the nodes, and the token that a Vault of the rig has."""
    made = wait_for(directory, lambda: openbao.call(address, "PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}))
    (directory / KEY_FILE).write_text(made["keys"][0])
    unseal(directory, address, 0)
    leader = {"leader_api_addr": f"https://{address}:{API[0]}", "leader_ca_cert": (directory / "minica.pem").read_text()}
    for number in range(1, len(API)):
        # Refused until the first one leads.
        wait_for(directory, lambda: openbao.call(address, "POST", "sys/storage/raft/join", leader, port=PLAIN[number]))
        unseal(directory, address, number)
    token = {"id": openbao.TOKEN, "policies": ["root"]}
    wait_for(directory, lambda: openbao.call(address, "POST", "auth/token/create", token, token=made["root_token"]))


def unseal(directory, address, number):
    key = {"key": unseal_key(directory)}
    wait_for(directory, lambda: openbao.call(address, "PUT", "sys/unseal", key, port=PLAIN[number]))


def unseal_key(directory):
    return (directory / KEY_FILE).read_text()


def wait_until_all_know(directory, address, path):
    """What was written is with every node a moment later."""
    for port in PLAIN:
        wait_for(directory, lambda: openbao.call(address, "GET", path, port=port))


def wait_for(directory, asked):
    """The first answer that is a success."""
    deadline = time.monotonic() + openbao.READY_WITHIN
    while (answer := asked()) is None:
        if time.monotonic() > deadline:
            sys.exit("rig: the cluster of OpenBao does not serve\n" + "".join(
                f"--- {log.name}\n{log.read_text(errors='replace')}" for log in sorted(directory.glob("vault-?.log"))))
        time.sleep(0.02)
    return answer


def main():
    directory, address, number = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) - 1
    start_node(openbao.program(PARTS), directory, address, number)
    wait_for(directory, lambda: openbao.call(address, "GET", "sys/seal-status", port=PLAIN[number]))
    unseal(directory, address, number)


PARTS = pathlib.Path(os.environ.get("HYDRANT_RIG_PARTS", pathlib.Path(__file__).resolve().parent / ".parts"))

if __name__ == "__main__":
    main()
