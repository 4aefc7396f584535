"""A proxy before MiniStack that enforces what Route 53 enforces and MiniStack does not.

Of changes: quoting and length of TXT values, 400 values a set, no value twice, 1000 records and 32,000 characters a
batch (UPSERT counts twice), names inside the zone, nothing beside a CNAME, deletions that repeat the TTL too. Besides
PENDING for a while, the account's token bucket, and one change at a time for each zone. One line a request on stdout:
method, path, status, code.

PUT /kill with a JSON object has a client killed (-9), once, at a request to come: "skip" so many first, "when" `before`
the request is made or `after` it was; with "parent" the program that started the client is killed first."""

import argparse
import http.client
import json
import os
import pathlib
import re
import signal
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import boto3

import peer

NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
TAG = f"{{{NAMESPACE}}}"
NOT_FORWARDED = {"transfer-encoding", "connection", "content-length", "keep-alive"}


class Refused(Exception):
    """A change that Route 53 does not make."""


class Bucket:
    """So many requests at once, and so many more a second."""

    def __init__(self, text):
        self.size, self.rate = map(float, (text or "1e9:1e9").split(":"))
        self.tokens, self.filled, self.lock = self.size, time.monotonic(), threading.Lock()

    def take(self):
        with self.lock:
            now = time.monotonic()
            self.tokens = min(self.size, self.tokens + (now - self.filled) * self.rate)
            self.filled = now
            has_one = self.tokens >= 1
            self.tokens -= has_one
            return has_one


class Killing:
    """Which request to come its client does not survive."""

    def __init__(self, rule=None):
        self.rule, self.lock = rule, threading.Lock()

    def take(self):
        with self.lock:
            rule = self.rule
            if rule is None:
                return None
            rule["skip"] -= 1
            if rule["skip"] >= 0:
                return None
            self.rule = None
            return rule


class Guard(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    is_killed = None

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/kill":
            KILLING.__init__(json.loads(body))
            return self.answer(200, b"")
        kill = KILLING.take()
        if kill and kill["when"] == "before":
            return self.kill(kill)
        self.is_killed = kill
        if not BUCKET.take():
            return self.refuse("Throttling", "Rate exceeded")
        change = re.fullmatch(r"/2013-04-01/hostedzone/([A-Z0-9]+)/rrset/?", self.path)
        if change and self.command == "POST":
            return self.change(change[1], body)
        status, answer = self.forward(body)
        asked = re.fullmatch(r"/2013-04-01/change/([A-Z0-9]+)", self.path)
        if asked and status == 200:
            is_pending = time.monotonic() - MADE.get(asked[1], 0) < OPTIONS.pending
            answer = with_status(answer, "PENDING" if is_pending else "INSYNC")
        self.answer(status, answer)

    do_GET = do_POST = do_DELETE = do_PUT = handle_any

    def change(self, zone, body):
        with LOCKS_LOCK:
            lock = LOCKS.setdefault(zone, threading.Lock())
        # Where a zone takes its time, whoever comes meanwhile is sent away; else they queue.
        if not lock.acquire(blocking=not OPTIONS.busy):
            return self.refuse("PriorRequestNotComplete", "The request was rejected because Route 53 was still "
                               "processing a prior request.")
        try:
            time.sleep(OPTIONS.busy / 1000)
            try:
                check(zone, body)
            except Refused as refused:
                return self.refuse("InvalidChangeBatch", str(refused))
            status, answer = self.forward(body)
        finally:
            lock.release()
        made = re.search(rb"<Id>/change/([^<]+)", answer)
        if status == 200 and made:
            MADE[made[1].decode()] = time.monotonic()
            answer = with_status(answer, "PENDING")
        self.answer(status, answer)

    def forward(self, body):
        upstream = http.client.HTTPConnection(UPSTREAM.hostname, UPSTREAM.port, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_FORWARDED}
        upstream.request(self.command, self.path, body or None, headers)
        response = upstream.getresponse()
        answer = response.read()
        upstream.close()
        return response.status, answer

    def refuse(self, code, message):
        if code == "InvalidChangeBatch" and OPTIONS.form == "messages":
            document = f"<Messages><Message>{escape(message)}</Message></Messages>"
            root = "InvalidChangeBatch"
        else:
            message = f"[{message}]" if code == "InvalidChangeBatch" else message
            document = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
            root = "ErrorResponse"
        document += f"<RequestId>{uuid.uuid4()}</RequestId>"
        self.answer(400, f'<?xml version="1.0"?>\n<{root} xmlns="{NAMESPACE}">{document}</{root}>'.encode())

    def kill(self, kill):
        """Kills the client, and, so that it cannot do anything about that, its parent before."""
        # Written down first: who waits for the end of the client may read it at once.
        note("KILL", self.path, 0, kill["when"])
        for client in peer.pids(self.connection):
            parent = re.search(r"^PPid:\s*(\d+)$", pathlib.Path(f"/proc/{client}/status").read_text(), re.MULTILINE)
            for process in [int(parent[1])] * bool(kill.get("parent")) + [client]:
                os.kill(process, signal.SIGKILL)
        self.close_connection = True

    def answer(self, status, body):
        if self.is_killed:
            return self.kill(self.is_killed)
        code = re.search(rb"<Code>([^<]*)", body) if status >= 400 else None
        note(self.command, self.path, status, code[1].decode() if code else "-")
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def note(*words):
    """A line of the log, written at once: `print` writes word by word, and lines of requests at the same time mix."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def with_status(answer, status):
    return re.sub(rb"<Status>\w+<", b"<Status>" + status.encode() + b"<", answer)


def check(zone, body):
    """Refuses what Route 53 refuses, in its words."""
    changes = list(read_changes(body))
    weight = lambda action: 2 if action == "UPSERT" else 1
    if sum(weight(action) * len(values) for action, _, _, _, values in changes) > 1000:
        raise Refused("Number of records limit of 1000 exceeded.")
    if sum(weight(action) * sum(map(len, values)) for action, _, _, _, values in changes) > 32000:
        raise Refused("Number of characters limit of 32000 exceeded.")
    zone_name, sets = state_of(zone)
    faults = []
    for change in changes:
        try:
            apply(zone_name, sets, *change)
        except Refused as refused:
            faults.append(str(refused))
    if faults:
        raise Refused(", ".join(faults))


def apply(zone_name, sets, action, name, kind, ttl, values):
    if name != zone_name and not name.endswith("." + zone_name):
        raise Refused(f"RRSet with DNS name {name}. is not permitted in zone {zone_name}.")
    if kind == "TXT":
        for value in values:
            check_text(value)
    if len(set(values)) != len(values):
        raise Refused("Duplicate Resource Record")
    if not values or len(values) > 400:
        raise Refused("Number of resource records limit of 400 exceeded for a resource record set")
    what = f"resource record set [name='{name}.', type='{kind}']"
    found = sets.get((name, kind))
    if action == "DELETE":
        if found is None:
            raise Refused(f"Tried to delete {what} but it was not found")
        if (found[0], sorted(found[1])) != (ttl, sorted(values)):
            raise Refused(f"Tried to delete {what} but the values provided do not match the current values")
        del sets[name, kind]
        return
    if action == "CREATE" and found is not None:
        raise Refused(f"Tried to create {what} but it already exists")
    if any(other == name and (other_kind == "CNAME") != (kind == "CNAME") for other, other_kind in sets):
        raise Refused(f"RRSet of type {kind} with DNS name {name}. is not permitted as it conflicts with other "
                      f"records with the same DNS name in zone {zone_name}.")
    sets[name, kind] = (ttl, values)


def check_text(value):
    strings = r'"(?:\\[0-7]{3}|\\.|[^"\\])*"'
    if not re.fullmatch(rf"\s*{strings}(?:\s+{strings})*\s*", value):
        raise Refused("Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in "
                      f"quotation marks) encountered with '{value}''")
    for string in re.findall(strings, value):
        if len(re.sub(r"\\[0-7]{3}|\\.", "x", string)) - 2 > 255:
            raise Refused("Invalid Resource Record: 'FATAL problem: CharacterStringTooLong (Value is too long) "
                          f"encountered with '{string}''")
    if len(value) > 4000:
        raise Refused("Invalid Resource Record: 'FATAL problem: value longer than 4000 characters'")


def read_changes(body):
    for change in ElementTree.fromstring(body).iter(TAG + "Change"):
        found = change.find(TAG + "ResourceRecordSet")
        text = lambda member: found.findtext(TAG + member) or ""
        values = [record.findtext(TAG + "Value") or "" for record in found.iter(TAG + "ResourceRecord")]
        yield (change.findtext(TAG + "Action"), plain(text("Name")), text("Type"), text("TTL"), values)


def state_of(zone):
    """Name and sets of a zone, as the API gives them to its root key."""
    try:
        name = API.get_hosted_zone(Id=zone)["HostedZone"]["Name"]
        pages = list(API.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone))
    except API.exceptions.NoSuchHostedZone:
        # For MiniStack to say.
        return "", {}
    return plain(name), {
        (plain(found["Name"]), found["Type"]):
            (str(found.get("TTL", "")), [record["Value"] for record in found.get("ResourceRecords", [])])
        for page in pages for found in page["ResourceRecordSets"]
    }


def plain(name):
    return re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), name).rstrip(".").lower()


parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--listen", required=True, metavar="ADDRESS:PORT")
parser.add_argument("--upstream", required=True, metavar="URL")
parser.add_argument("--pending", type=float, default=0)
parser.add_argument("--bucket", default="", metavar="BURST:RATE")
parser.add_argument("--busy", type=int, default=0, metavar="MILLISECONDS")
parser.add_argument("--form", choices=["error", "messages"], default="error")
OPTIONS = parser.parse_args()
UPSTREAM = urlsplit(OPTIONS.upstream)
BUCKET = Bucket(OPTIONS.bucket)
KILLING = Killing()
API = boto3.client("route53", endpoint_url=OPTIONS.upstream, region_name="us-east-1")
MADE, LOCKS, LOCKS_LOCK = {}, {}, threading.Lock()

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
listen_address, listen_port = OPTIONS.listen.rsplit(":", 1)
ThreadingHTTPServer((listen_address, int(listen_port)), Guard).serve_forever()
