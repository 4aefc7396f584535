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

    def saw(self, kind, body, answer, location):
        """Notes what the CA answered."""
        if kind not in ("newOrder", "order", "finalize"):
            return
        try:
            status = json.loads(answer).get("status")
        except ValueError:
            return
        with self.lock:
            if kind == "newOrder" and location and replaces(body):
                self.order_of[replaces(body)] = location
            elif status == "invalid" and location:
                self.order_of = {key: order for key, order in self.order_of.items() if order != location}


def replaces(jws):
    """The `replaces` member of a newOrder request, or None."""
    try:
        payload = json.loads(jws)["payload"]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))).get("replaces")
    except (KeyError, ValueError):
        return None
