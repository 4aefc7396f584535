"""Let's Encrypt's way with open orders, which Pebble has not: an account that orders the same names again, under the
same profile, is given the order it has, until that one is finalized or invalid."""

import base64
import json
import threading


class OpenOrders:
    """The orders that went through the proxy and are still open."""

    def __init__(self):
        # Held from the look until the CA's answer is known, so that of two orders at once one is made.
        self.lock = threading.Lock()
        # The headers and the body that an order was last shown with, by what was ordered.
        self.known = {}

    def find(self, key):
        """The order for the same that is open, or None."""
        return self.known.get(key)

    def made(self, key, headers, body):
        """Notes a new order."""
        self.known[key] = (headers, body)

    def saw(self, kind, status, body):
        """Notes how far an order is by what the CA says of it."""
        if status != 200 or kind not in ("order", "finalize"):
            return
        is_open = kind == "order" and json.loads(body)["status"] in ("pending", "ready")
        finalize = json.loads(body)["finalize"]
        with self.lock:
            for key, (headers, known) in list(self.known.items()):
                if json.loads(known)["finalize"] == finalize:
                    self.known[key] = (headers, body)
                    if not is_open:
                        del self.known[key]


def key_of(jws):
    """What a newOrder request orders, and for whom."""
    request = json.loads(jws)
    header, payload = (json.loads(decoded(request[part])) for part in ("protected", "payload"))
    names = sorted((name["type"], name["value"].lower()) for name in payload["identifiers"])
    return header["kid"], payload.get("profile"), tuple(names)


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
