"""An HTTPS proxy before the CA, or Vault, that makes things go wrong, and remembers what was asked.

    faultproxy.py DIR ADDRESS UPSTREAM_PORT PORT CONTROL_PORT [--boulder-replaces] [--boulder-orders]

Pebble makes its URLs from the Host header, which is passed on, so that all its URLs lead here. The rules of
faults.py are set, and the requests read, on a control port (RIG_FAULTS, RIG_VAULT_FAULTS):
    PUT /rules        a JSON list, replaces the rules
    GET /requests     all requests so far, a JSON list of {n, at, connection, method, path, kind, status, fault};
                      "at" in seconds
    DELETE /requests  forgets them
A request whose answer the client did not get has the status null."""

import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import faults
import openorders
import peer
import processes
import replacements

PORT, CONTROL = 14001, 14002
# Longer than any client waits.
FOR_EVER = 3600


def start(directory, address, upstream, ways=(), name="faultproxy", port=PORT, control=CONTROL):
    """Starts a proxy of a rig as a process of its own."""
    argv = [sys.executable, __file__, directory, address, str(upstream), str(port), str(control)]
    return processes.start(directory, name, argv + list(ways))


class Journal:
    """The requests so far."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        self.requests, self.connections = [], {}

    def add(self, connection, method, path):
        """Notes a request when it arrives; what becomes of it is filled in later."""
        with self.lock:
            number = self.connections.setdefault(connection, len(self.connections) + 1)
            entry = {"n": len(self.requests) + 1, "at": time.monotonic(), "connection": number, "method": method,
                     "path": path, "kind": faults.kind_of(path), "status": None, "fault": None}
            self.requests.append(entry)
        return entry


class Proxy(ThreadingHTTPServer):
    """Accepts at once; TLS is spoken in the thread of the connection, so that no client delays another."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, directory, address, upstream, port, ways):
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(directory / "leaf.pem", directory / "leaf.key")
        self.tls.set_alpn_protocols(["http/1.1"])
        self.upstream_tls = ssl.create_default_context(cafile=directory / "minica.pem")
        self.upstream = (address, upstream)
        self.rules, self.journal = faults.Rules(), Journal()
        self.replacements = replacements.Replacements() if "--boulder-replaces" in ways else None
        self.orders = openorders.OpenOrders() if "--boulder-orders" in ways else None
        super().__init__((address, port), Exchange)

    def finish_request(self, request, client_address):
        request.settimeout(FOR_EVER)
        try:
            super().finish_request(self.tls.wrap_socket(request, server_side=True), client_address)
        except OSError:  # the client went away, or we reset it
            pass

    def shutdown_request(self, request):
        # The TLS socket has taken the connection over.
        pass


class Exchange(BaseHTTPRequestHandler):
    """One connection of a client: reads requests, applies the rules, forwards."""

    protocol_version = "HTTP/1.1"
    upstream = None

    def setup(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()

    def finish(self):
        if self.upstream:
            self.upstream.close()
        super().finish()
        self.request.close()

    def proxy(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        entry = self.server.journal.add(self.client_address, self.command, self.path)
        rule = self.server.rules.take(self.command, self.path)
        boulder = self.server.replacements
        if rule is None and boulder and boulder.refuses(entry["kind"], body):
            rule = {"do": "answer", "status": 409, "problem": "alreadyReplaced",
                    "detail": "the certificate already has a replacement order"}
        action = entry["fault"] = rule and rule["do"]

        if action == "answer":
            status, headers, content = faults.answer(rule)
            if "problem" in rule:
                headers["Replay-Nonce"] = self.nonce()
            return self.reply(entry, status, headers.items(), content)
        if action == "hang":
            return time.sleep(FOR_EVER)
        if action == "delay":
            time.sleep(rule["seconds"])
        if action == "kill-before":
            return self.kill_client()
        if action == "reset-before":
            return self.reset()

        if self.server.orders and entry["kind"] == "newOrder":
            status, headers, content = self.order(entry, body)
        else:
            answer, content = self.forward(self.command, self.path, dict(self.headers), body)
            status, headers = answer.status, without_framing(answer)
        if self.server.orders:
            self.server.orders.saw(entry["kind"], status, content)
        if boulder:
            order = dict(headers).get("Location") or f"https://{self.headers['Host']}{self.path}"
            boulder.saw(entry["kind"], status, order, body, content)
        if action == "kill-after":
            return self.kill_client()
        if action == "reset-after":
            return self.reset()
        self.reply(entry, status, headers, content, half=action == "truncate")

    do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = proxy

    def forward(self, method, path, headers, body):
        self.upstream = self.upstream or http.client.HTTPSConnection(
            *self.server.upstream, context=self.server.upstream_tls, timeout=FOR_EVER)
        self.upstream.request(method, path, body=body or None, headers=headers)
        answer = self.upstream.getresponse()
        return answer, answer.read()

    def order(self, entry, body):
        """The order that is open for the same, else a new one: status, headers, body."""
        orders, key = self.server.orders, openorders.key_of(body)
        with orders.lock:
            if found := orders.find(key):
                entry["fault"] = "reused"
                headers, content = found
                fresh = [(name, value) for name, value in headers if name.lower() != "replay-nonce"]
                return 201, fresh + [("Replay-Nonce", self.nonce())], content
            answer, content = self.forward(self.command, self.path, dict(self.headers), body)
            headers = without_framing(answer)
            if answer.status == 201:
                orders.made(key, headers, content)
            return answer.status, headers, content

    def nonce(self):
        """A fresh nonce of the CA's: also its errors carry one."""
        headers = {"Host": self.headers["Host"], "User-Agent": "rig"}
        return self.forward("HEAD", "/nonce-plz", headers, b"")[0].getheader("Replay-Nonce")

    def reply(self, entry, status, headers, content, half=False):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if half:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        # Written down first: who has the answer may ask for the journal at once.
        entry["status"] = status
        if self.command != "HEAD":
            self.wfile.write(content)

    def reset(self):
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def kill_client(self):
        for pid in peer.pids(self.request):
            os.kill(pid, signal.SIGKILL)
        self.close_connection = True

    def log_message(self, *_):
        pass


def without_framing(answer):
    """The CA's headers, as often as they came; we frame the body ourselves."""
    framing = {"content-length", "transfer-encoding", "connection"}
    return [(name, value) for name, value in answer.getheaders() if name.lower() not in framing]


class Control(BaseHTTPRequestHandler):
    """Where tests set rules and read the journal."""

    def do_PUT(self):
        rules = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            self.server.proxy.rules.replace(rules)
        except ValueError as mistake:
            return self.reply(400, str(mistake))
        self.reply(200, {})

    def do_GET(self):
        self.reply(200, self.server.proxy.journal.requests)

    def do_DELETE(self):
        self.server.proxy.journal.clear()
        self.reply(200, {})

    def reply(self, status, value):
        content = json.dumps(value).encode()
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def main():
    directory, address = pathlib.Path(sys.argv[1]), sys.argv[2]
    upstream, port, control_port = map(int, sys.argv[3:6])
    proxy = Proxy(directory, address, upstream, port, sys.argv[6:])
    control = ThreadingHTTPServer((address, control_port), Control)
    control.proxy = proxy
    threading.Thread(target=control.serve_forever, daemon=True).start()
    proxy.serve_forever()


if __name__ == "__main__":
    main()
