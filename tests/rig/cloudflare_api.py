"""A double of the part of Cloudflare's API that clients for dns-01 use, with state, and the DNS that would follow from it.

It is trusted because strangers' clients pass, and because Prism holds its answers to Cloudflare's own description. Tokens
have permissions, an account has its limit, a batch is one transaction. Requests in tokens of ours have to be in the table
of cloudflare_table.py; every request is one line of JSON in the file of --calls. Below /rig it takes orders from tests:
zones to make, answers to give instead of its own, records to show."""

import argparse
import datetime
import hashlib
import json
import re
import signal
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import dnslib
from dnslib.server import BaseResolver, DNSServer

import cloudflare_table

HOPS = 20
PLACE = "/client/v4"


class Refused(Exception):
    def __init__(self, status, code, message):
        self.status, self.code, self.message = status, code, message


class State:
    """What an account holds."""

    def __init__(self, config):
        self.tokens, (self.limit, self.window) = config["tokens"], config["limit"]
        self.zones, self.records, self.answers, self.others = {}, {}, [], []
        self.asked, self.blocked_until = [], 0.0
        self.lock = threading.Lock()

    def add_zone(self, name, status="active"):
        zone_id = hashlib.md5(f"zone {name} {status}".encode()).hexdigest()
        self.zones[zone_id] = {"name": name, "status": status}
        return zone_id

    def let_others(self, call):
        """Does what others do just before this request is carried out: delete all records with some names."""
        for other in self.others:
            if other["call"] == call:
                other["nth"] -= 1
                if other["nth"] == 0:
                    self.records = {record_id: record for record_id, record in self.records.items()
                                    if record["name"] not in other["delete"]}

    def refusal_of_limit(self):
        """Seconds to wait, when the account has asked too much: then it has to keep still for a whole window."""
        now = time.time()
        if now < self.blocked_until:
            return self.blocked_until - now
        self.asked = [moment for moment in self.asked if moment > now - self.window]
        if len(self.asked) >= self.limit:
            self.asked, self.blocked_until = [], now + self.window
            return self.window
        self.asked.append(now)
        return 0.0

    def record(self, zone_id, given):
        """A record as it is kept; refuses what Cloudflare refuses."""
        if not isinstance(given, dict):
            raise Refused(400, 9207, "Request body is invalid.")
        kind, name, content, ttl = (given.get(member) for member in ("type", "name", "content", "ttl"))
        ttl = 1 if ttl is None else ttl
        zone = self.zones[zone_id]["name"]
        if kind not in ("TXT", "CNAME") or not name:
            raise Refused(400, 9000, "DNS name is invalid.")
        name = name.rstrip(".").lower()
        # A name that is not in the zone is taken to be relative to it.
        if name != zone and not name.endswith("." + zone):
            name = f"{name}.{zone}"
        if not isinstance(content, str) or not content:
            raise Refused(400, 9101, "content is a required data field.")
        if not isinstance(ttl, int) or (ttl != 1 and not 60 <= ttl <= 86400):
            raise Refused(400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.")
        same = [other for other in self.records.values() if (other["zone_id"], other["name"]) == (zone_id, name)]
        if any(other["type"] == kind and plain(other["content"]) == plain(content) for other in same):
            raise Refused(400, 81058, "An identical record already exists.")
        if any((other["type"] == "CNAME") != (kind == "CNAME") for other in same):
            raise Refused(400, 81054, "A CNAME record with that host already exists.")
        if sum(len(other["content"]) for other in same) + len(content) > 8192:
            raise Refused(400, 81060, "The content of all TXT records of a name is limited to 8192 characters.")
        now = moment()
        return {"id": uuid.uuid4().hex, "zone_id": zone_id, "name": name, "type": kind, "content": content,
                "proxiable": False, "proxied": False, "ttl": ttl, "settings": {}, "meta": {},
                "comment": given.get("comment"), "tags": [], "created_on": now, "modified_on": now}


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        url = urlsplit(self.path)
        if url.path.startswith("/rig/"):
            with STATE.lock:
                return self.send(200, self.order(url.path, json.loads(body) if body else None))
        query = parse_qsl(url.query, keep_blank_values=True)
        token = STATE.tokens.get(self.headers.get("authorization", "").removeprefix("Bearer "))
        name, violation = "?", ""
        if token is None or token["is_ours"]:
            headers = {header.lower(): value for header, value in self.headers.items()}
            # Prism adds and drops what is its own.
            name, violation = cloudflare_table.violation(self.command, url.path, query, headers, body)
        with STATE.lock:
            status, answer, extra = self.answer(token, name, violation, url.path, dict(query), body)
            codes = [error.get("code") for error in answer.get("errors", [])] if isinstance(answer, dict) else []
            CALLS.write(json.dumps({
                "call": name, "ours": bool(token and token["is_ours"]), "method": self.command, "path": url.path,
                "query": query, "body": json.loads(body) if body and not violation else None,
                "status": status, "codes": codes, "violation": violation,
            }) + "\n")
            CALLS.flush()
        self.send(status, answer, extra)

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = handle_any

    def order(self, path, document):
        if path == "/rig/zones":
            return [STATE.add_zone(*zone) for zone in document]
        if path == "/rig/answers":
            STATE.answers += document
        if path == "/rig/others":
            STATE.others = document
        if path == "/rig/records":
            return sorted(f"{record['name']} {record['ttl']} {record['type']} {record['content']}"
                          for record in STATE.records.values())
        return None

    def answer(self, token, name, violation, path, query, body):
        if violation:
            return refusal(418, 0, f"rig: {violation}")
        STATE.let_others(name)
        for prepared in STATE.answers:
            if prepared["call"] in (name, "any") and prepared.get("times", 1) > 0:
                prepared["times"] = prepared.get("times", 1) - 1
                if prepared.get("act"):
                    # The answer gets lost, what was asked for is done.
                    self.dispatch(token, path, query, body)
                return prepared["status"], prepared.get("body"), prepared.get("headers", {})
        try:
            if not re.fullmatch(r"Bearer [A-Za-z0-9_-]{40}", self.headers.get("authorization", "")):
                return refusal(400, 6003, "Invalid request headers",
                               [{"code": 6111, "message": "Invalid format for Authorization header"}])
            if token is None:
                raise Refused(403, 9109, "Invalid access token")
            wait = STATE.refusal_of_limit()
            if wait:
                _, document, _ = refusal(429, 971, "Please wait and consider throttling your request speed")
                return 429, document, {"retry-after": str(int(-(-wait // 1)))}
            return 200, self.dispatch(token, path, query, body), {}
        except Refused as refused:
            return refusal(refused.status, refused.code, refused.message)

    def dispatch(self, token, path, query, body):
        path = path.removeprefix(PLACE)
        if path == "/user/tokens/verify":
            return success({"id": uuid.uuid4().hex, "status": "active"})
        if path == "/zones" and self.command == "GET":
            return self.page(zones_seen(token, query), query, 20, 50)
        found = re.fullmatch(r"/zones/([^/]+)/dns_records(?:/([^/]+))?", path)
        if not found or found[1] not in STATE.zones:
            raise Refused(404, 7003, f"Could not route to {path}, perhaps your object identifier is invalid?")
        zone, record = found.groups()
        if not may(token, "dns:edit", STATE.zones[zone]["name"]):
            raise Refused(403, 10000, "Authentication error")
        if self.command == "GET" and not record:
            return self.page(records_seen(zone, query), query, 100, 5_000_000)
        if self.command == "POST" and record == "batch":
            return batch(zone, json.loads(body))
        if self.command == "POST" and not record:
            made = STATE.record(zone, json.loads(body))
            STATE.records[made["id"]] = made
            return success(public(made))
        if self.command == "DELETE" and record:
            delete(zone, record)
            return success({"id": record})
        raise Refused(405, 10405, "Method not allowed for this authentication scheme")

    def page(self, items, query, default, most):
        size, number = int(query.get("per_page", default)), int(query.get("page", 1))
        if not 1 <= size <= most:
            raise Refused(400, 6003, "Invalid per_page")
        part = items[(number - 1) * size:number * size]
        return success(part, {"page": number, "per_page": size, "count": len(part), "total_count": len(items),
                              "total_pages": -(-len(items) // size)})

    def send(self, status, document, headers=None):
        body = document.encode() if isinstance(document, str) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def success(result, info=None):
    document = {"success": True, "errors": [], "messages": [], "result": result}
    return document | ({"result_info": info} if info else {})


def refusal(status, code, message, chain=None):
    error = {"code": code, "message": message} | ({"error_chain": chain} if chain else {})
    return status, {"success": False, "errors": [error], "messages": [], "result": None}, {}


def may(token, permission, zone):
    return permission in token["permissions"] and (token["zones"] == "*" or zone in token["zones"])


def zones_seen(token, query):
    """Without permission the list is empty, and no error."""
    zones = sorted(STATE.zones.items(), key=lambda item: (item[1]["name"], item[0]))
    return [zone_document(zone_id, zone) for zone_id, zone in zones
            if may(token, "zone:read", zone["name"])
            and query.get("name", zone["name"]) == zone["name"]
            and query.get("status", zone["status"]) == zone["status"]]


def zone_document(zone_id, zone):
    servers = ["bob.ns.cloudflare.com", "lola.ns.cloudflare.com"]
    return {
        "id": zone_id, "name": zone["name"], "status": zone["status"], "paused": False, "type": "full",
        "development_mode": 0, "name_servers": servers, "original_name_servers": ["ns1.example.net"],
        "original_registrar": None, "original_dnshost": None, "created_on": STARTED, "modified_on": STARTED,
        "activated_on": STARTED, "owner": {"id": "0" * 32, "type": "user"}, "account": {"id": "1" * 32, "name": "rig"},
        "meta": {"cdn_only": False, "custom_certificate_quota": 0, "dns_only": False, "foundation_dns": False,
                 "page_rule_quota": 3, "phishing_detected": False, "step": 4},
    }


def records_seen(zone, query):
    name = query.get("name") or query.get("name.exact")
    content = query.get("content") or query.get("content.exact")
    seen = [public(record) for record in STATE.records.values()
            if record["zone_id"] == zone
            and query.get("type", record["type"]) == record["type"]
            and (name is None or record["name"] == name.rstrip(".").lower())
            and (content is None or plain(record["content"]) == plain(content))]
    return sorted(seen, key=lambda record: record["name"]) if query.get("order") == "name" else seen


def batch(zone, document):
    """One transaction, deletions first."""
    before = dict(STATE.records)
    try:
        if sum(map(len, document.values())) > cloudflare_table.BATCH:
            raise Refused(400, 9009, "Too many records in a batch.")
        deleted = [public(delete(zone, item["id"])) for item in document.get("deletes", [])]
        made = []
        for item in document.get("posts", []):
            record = STATE.record(zone, item)
            STATE.records[record["id"]] = record
            made.append(public(record))
    except Refused:
        STATE.records = before
        raise
    return success({"deletes": deleted, "patches": None, "puts": None, "posts": made})


def delete(zone, record_id):
    record = STATE.records.get(record_id)
    if not record or record["zone_id"] != zone:
        raise Refused(404, 81044, "Record does not exist.")
    return STATE.records.pop(record_id)


def public(record):
    return {name: value for name, value in record.items() if name != "zone_id"}


def plain(content):
    strings = re.findall(r'"((?:\\.|[^"\\])*)"', content) if content.startswith('"') else [content]
    return "".join(strings)


def moment():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Silent:
    def __getattr__(self, _):
        return lambda *_: None


class Resolver(BaseResolver):
    """Answers with what the API holds, and follows CNAMEs from zone to zone as a resolver does (Pebble does not)."""

    def resolve(self, request, handler):
        reply = request.reply()
        reply.header.ra = 1
        name, kind = str(request.q.qname).lower().rstrip("."), dnslib.QTYPE[request.q.qtype]
        with STATE.lock:
            records = list(STATE.records.values())
            zones = [zone["name"] for zone in STATE.zones.values() if zone["status"] == "active"]
        for _ in range(HOPS):
            here = [record for record in records if record["name"] == name]
            alias = next((record for record in here if record["type"] == "CNAME"), None)
            if kind == "TXT":
                for record in here:
                    if record["type"] == "TXT":
                        text = dnslib.TXT(plain(record["content"]).encode())
                        reply.add_answer(dnslib.RR(name, dnslib.QTYPE.TXT, ttl=60, rdata=text))
            if not alias:
                break
            target = alias["content"].rstrip(".").lower()
            reply.add_answer(dnslib.RR(name, dnslib.QTYPE.CNAME, ttl=60, rdata=dnslib.CNAME(target)))
            name = target
            if kind == "CNAME":
                break
        zone = max((zone for zone in zones if name == zone or name.endswith("." + zone)), key=len, default=None)
        if zone and (not reply.rr or dnslib.QTYPE[reply.rr[-1].rtype] != kind):
            times = (1, 10000, 2400, 604800, 1800)
            soa = dnslib.SOA("bob.ns.cloudflare.com", "dns.cloudflare.com", times)
            reply.add_auth(dnslib.RR(zone, dnslib.QTYPE.SOA, ttl=1800, rdata=soa))
        known = any(other == name or other.endswith("." + name)
                    for other in [record["name"] for record in records] + zones)
        if not reply.rr and not known:
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
        return reply


parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("--api", required=True, metavar="ADDRESS:PORT")
parser.add_argument("--dns", required=True, metavar="ADDRESS:PORT")
parser.add_argument("--config", required=True, metavar="FILE")
parser.add_argument("--calls", required=True, metavar="FILE")
OPTIONS = parser.parse_args()
STARTED = moment()
with open(OPTIONS.config) as file:
    STATE = State(json.load(file))
CALLS = open(OPTIONS.calls, "w")

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
dns_address, dns_port = OPTIONS.dns.rsplit(":", 1)
for is_tcp in (False, True):
    DNSServer(Resolver(), address=dns_address, port=int(dns_port), tcp=is_tcp, logger=Silent()).start_thread()
api_address, api_port = OPTIONS.api.rsplit(":", 1)
ThreadingHTTPServer((api_address, int(api_port)), Api).serve_forever()
