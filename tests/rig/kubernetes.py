#!/usr/bin/python3
"""What Vault asks a Kubernetes cluster to log a pod in, without a cluster: the API server's TokenReview.

    kubernetes.py DIR NAMESPACE/NAME [CLAIM=VALUE...]    prints the token of a service account
    kubernetes.py DIR ADDRESS --serve                    the API server

As published: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1.
The tokens are like those that a pod gets; "expires_in=SECONDS" may be negative."""

import http.server
import json
import pathlib
import ssl
import sys
import time
import uuid

import jwt
import openbao
import processes

PORT = 8250
ISSUER = "https://kubernetes.default.svc.cluster.local"
REVIEWER = "vault/reviewer"
PATH = "/apis/authentication.k8s.io/v1/tokenreviews"


def start(directory, address):
    jwt.make_key(directory / "service-accounts.key")
    return processes.start(directory, "kubernetes", [sys.executable, __file__, directory, address, "--serve"])


def prepare(directory, address):
    """Tells Vault where the cluster is, and gives it the account that may review tokens."""
    openbao.call(address, "POST", "sys/auth/kubernetes", {"type": "kubernetes"})
    openbao.call(address, "POST", "sys/auth/unready", {"type": "kubernetes"})
    openbao.call(address, "POST", "auth/kubernetes/config", {
        "kubernetes_host": f"https://{address}:{PORT}", "kubernetes_ca_cert": (directory / "minica.pem").read_text(),
        "token_reviewer_jwt": token(directory, REVIEWER, {})})


def token(directory, account, given):
    """The token of a service account, bound to a pod."""
    namespace, _, name = account.partition("/")
    now = int(time.time())
    return jwt.signed(directory / "service-accounts.key", {
        "iss": ISSUER, "aud": given.get("aud", ISSUER).split(","), "iat": now, "nbf": now,
        "exp": now + int(given.get("expires_in", 3600)), "sub": f"system:serviceaccount:{namespace}:{name}",
        "kubernetes.io": {
            "namespace": namespace, "serviceaccount": {"name": name, "uid": uid(account)},
            "pod": {"name": f"{name}-0", "uid": str(uuid.uuid4())},
        },
    })


def uid(account):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, account))


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked_by = self.account(self.headers.get("Authorization", "").removeprefix("Bearer "), [ISSUER])
        if self.path != PATH or review.get("kind", "TokenReview") != "TokenReview":
            return self.fail(404, "NotFound")
        if asked_by is None:
            return self.fail(401, "Unauthorized")
        if asked_by[0] != REVIEWER:
            return self.fail(403, "Forbidden")
        spec = review["spec"]
        found = self.account(spec["token"], spec.get("audiences") or [ISSUER])
        status = {"user": {}, "error": "[invalid bearer token, token lookup failed]"}
        if found:
            account, audiences, claims = found
            namespace = account.partition("/")[0]
            status = {"authenticated": True, "audiences": audiences, "user": {
                "username": claims["sub"], "uid": uid(account),
                "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
                "extra": {"authentication.kubernetes.io/pod-name": [claims["kubernetes.io"]["pod"]["name"]]},
            }}
        self.answer(201, {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1",
                          "metadata": {"creationTimestamp": None}, "spec": spec, "status": status})

    def account(self, token, audiences):
        """Whose token this is, for which of the audiences it is meant, and its claims."""
        claims = jwt.verified(self.server.key, token)
        common = [audience for audience in audiences if claims and audience in claims["aud"]]
        if not common or claims["exp"] <= time.time():
            return None
        return claims["sub"].removeprefix("system:serviceaccount:").replace(":", "/"), common, claims

    def fail(self, code, reason):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason,
                           "message": reason, "code": code})

    def answer(self, code, document):
        body = json.dumps(document).encode()
        self.send_response_only(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(directory, address):
    server = http.server.ThreadingHTTPServer((address, PORT), Server)
    server.key = directory / "service-accounts.key"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "leaf.pem", directory / "leaf.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def main():
    directory, account, *more = sys.argv[1:]
    if more == ["--serve"]:
        return serve(pathlib.Path(directory), account)
    print(token(pathlib.Path(directory), account, dict(claim.split("=", 1) for claim in more)))


if __name__ == "__main__":
    main()
