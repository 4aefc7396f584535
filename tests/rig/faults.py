"""Which request meets which fault: the rules of the fault proxy.

A rule is a JSON object. It picks requests by any of
  "kind"    what is asked for: directory newNonce newAccount newOrder account order authorization challenge
            finalize certificate renewalInfo revokeCert keyChange orders
  "method"  GET, HEAD or POST
  "path"    a regular expression, found anywhere in the path
  "after"   only those that come after one of this kind
and, among those,
  "skip"    leave the first SKIP alone (0)
  "every"   then meet only each EVERYth, from the first on (1)
  "times"   meet so many, then no more (1; null: all)
The first rule that still applies is taken. "do" says what happens:
  "answer"        not forwarded; answered with "status" and
                  "problem" (a problem type without its urn prefix; "detail" too), or "body" and "type";
                  "retry_after": seconds, or "retry_after_date": seconds from now, sent as an HTTP date
  "reset-before"  the connection is reset, the CA never sees the request
  "reset-after"   the CA does it, the answer is lost and the connection reset
  "truncate"      half of the CA's answer, then the connection is closed
  "delay"         forwarded after "seconds"
  "hang"          not forwarded, never answered
  "kill-before"   the client is killed (-9) when it has sent the request; the CA never sees it
  "kill-after"    the CA does it, then the client is killed before it sees the answer
The client is the process that holds the connection."""

import email.utils
import json
import re
import threading
import time

KINDS = [
    ("directory", r"^/dir$"),
    ("newNonce", r"^/nonce-plz"),
    ("newAccount", r"^/sign-me-up"),
    ("newOrder", r"^/order-plz"),
    ("account", r"^/my-account/"),
    ("order", r"^/my-order/"),
    ("authorization", r"^/authZ/"),
    ("challenge", r"^/chalZ/"),
    ("finalize", r"^/finalize-order/"),
    ("certificate", r"^/certZ/"),
    ("renewalInfo", r"^/draft-ietf-acme-ari-03/renewalInfo/"),
    ("revokeCert", r"^/revoke-cert"),
    ("keyChange", r"^/rollover-account-key"),
    ("orders", r"^/list-orderz/"),
]
ACTIONS = {"answer", "reset-before", "reset-after", "truncate", "delay", "hang", "kill-before", "kill-after"}
MEMBERS = {"kind", "after", "method", "path", "skip", "every", "times", "do", "status", "problem", "detail", "body", "type",
           "retry_after", "retry_after_date", "seconds"}


def kind_of(path):
    """What Pebble serves under a path."""
    return next((kind for kind, pattern in KINDS if re.search(pattern, path)), "other")


class Rules:
    """The rules in force, shared by all connections."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []

    def replace(self, rules):
        """Takes a new list; a mistake in it is a ValueError."""
        for rule in rules:
            unknown = set(rule) - MEMBERS
            if unknown or rule.get("do") not in ACTIONS:
                raise ValueError(f"no such rule: {json.dumps(rule)} ({', '.join(sorted(unknown)) or 'do'})")
            for named in (rule.get("kind"), rule.get("after")):
                if named not in {None, "other", *(kind for kind, _ in KINDS)}:
                    raise ValueError(f"no such kind: {named}")
        with self.lock:
            self.rules = [{"skip": 0, "every": 1, "times": 1, **rule} for rule in rules]

    def take(self, method, path):
        """The rule that a request meets, or None; counts it."""
        with self.lock:
            for rule in self.rules:
                if rule.get("after") is not None:
                    if rule["after"] == kind_of(path):
                        rule["after"] = None
                    continue
                if rule["times"] == 0 or not picks(rule, method, path):
                    continue
                if rule["skip"] > 0:
                    rule["skip"] -= 1
                    continue
                rule["skip"] = rule["every"] - 1
                if rule["times"] is not None:
                    rule["times"] -= 1
                return rule
        return None


def picks(rule, method, path):
    return (
        rule.get("kind") in (None, kind_of(path))
        and rule.get("method") in (None, method)
        and re.search(rule.get("path", ""), path) is not None
    )


def answer(rule):
    """The status, headers and body that an "answer" rule asks for."""
    status = rule.get("status", 503)
    headers = {}
    if "retry_after" in rule:
        headers["Retry-After"] = str(rule["retry_after"])
    if "retry_after_date" in rule:
        headers["Retry-After"] = email.utils.formatdate(time.time() + rule["retry_after_date"], usegmt=True)
    if "problem" in rule:
        headers["Content-Type"] = "application/problem+json"
        return status, headers, problem(rule["problem"], status, rule.get("detail", "the rig says so"))
    headers["Content-Type"] = rule.get("type", "text/html")
    return status, headers, rule.get("body", "<html><h1>Sorry</h1></html>\n").encode()


def problem(kind, status, detail):
    """An RFC 7807 document of an ACME error type."""
    return json.dumps({"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail, "status": status}).encode()
