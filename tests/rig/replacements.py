"""Let's Encrypt's rule for `replaces`, which Pebble keeps only in part: a certificate counts as replaced as
soon as an order that names it was made, not when that order is done, until that order turns invalid."""

import base64
import json
import threading


class Replacements:
    """The orders that went through the proxy, by the certificate they replace."""

    def __init__(self):
        self.lock = threading.Lock()
        self.order_of = {}

    def refuses(self, kind, body):
        """Whether Let's Encrypt would answer this newOrder with 409 alreadyReplaced."""
        return kind == "newOrder" and replaces(body) in self.order_of

    def saw(self, kind, status, order, body, answer):
        """Notes what the CA answered about the order at this URL."""
        with self.lock:
            if kind == "newOrder" and status == 201 and replaces(body):
                self.order_of[replaces(body)] = order
            elif kind == "order" and status == 200 and json.loads(answer)["status"] == "invalid":
                self.order_of = {key: other for key, other in self.order_of.items() if other != order}


def replaces(jws):
    """The `replaces` member of a newOrder request, or None."""
    try:
        payload = json.loads(jws)["payload"]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("replaces")
    except (KeyError, ValueError):
        return None
