"""Vault of a case: who may push, and a configuration that does."""

import json
import ssl
import urllib.request

POLICY = """
path "kv-certificates/data/*"     { capabilities = ["create", "read", "update"] }
path "kv-certificates/metadata/*" { capabilities = ["patch"] }
"""

# As the README has it.
KEEPER = """
path "kv-certificates/data/*"    { capabilities = ["create", "read", "update"] }
path "hydrant/data/*"            { capabilities = ["create", "read", "update"] }
path "hydrant/metadata/*"        { capabilities = ["create", "read", "update", "list"] }
path "hydrant/destroy/*"         { capabilities = ["update"] }
path "kv-certificates/detailed-metadata/*" { capabilities = ["list"] }
"""


def approle(rig):
    """The variables of a role that may push."""
    ask(rig, "POST", "sys/policies/acl/pusher", {"policy": POLICY})
    ask(rig, "POST", "auth/approle/role/pusher", {"token_policies": ["pusher"], "token_ttl": "60s"})
    return ids(rig)


def ids(rig):
    role = ask(rig, "GET", "auth/approle/role/pusher/role-id")["data"]["role_id"]
    secret = ask(rig, "POST", "auth/approle/role/pusher/secret-id", {})["data"]["secret_id"]
    return {"VAULT_ROLE_ID": role, "VAULT_SECRET_ID": secret, "VAULT_SECRET_BASE": "kv-certificates/data", "NO_PROXY": "*"}


def keeper(rig):
    """The variables of a role that may keep certificates."""
    ask(rig, "POST", "sys/policies/acl/keeper", {"policy": KEEPER})
    ask(rig, "POST", "auth/approle/role/pusher", {"token_policies": ["keeper"], "token_ttl": "60s"})
    return ids(rig)


def hooked(base, hook):
    """Adds a hook that delivers to the configuration of a directory."""
    with open(base / "hydrant.yml", "a") as file:
        file.write(f"  - command: {hook}\n    operations: [deploy_cert, unchanged_cert]\n"
                   "    pass_env: [VAULT_ROLE_ID, VAULT_SECRET_ID]\n")


def ask(rig, method, path, body=None):
    request = urllib.request.Request(
        f"{rig.facts['VAULT_ADDR']}/v1/{path}", None if body is None else json.dumps(body).encode(),
        {"X-Vault-Token": rig.facts["RIG_VAULT_TOKEN"]}, method=method)
    trust = ssl.create_default_context(cafile=rig.facts["VAULT_CACERT"])
    with urllib.request.urlopen(request, timeout=10, context=trust) as answer:
        return json.loads(answer.read() or b"{}")
