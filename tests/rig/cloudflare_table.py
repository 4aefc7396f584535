"""The five requests of hydrant-hook-cloudflare, exactly: whatever else comes from it is a violation."""

import json
import re

ID = r"[0-9a-f]{32}"
RECORDS = rf"/client/v4/zones/{ID}/dns_records"
# Records in a batch on the smallest plan.
BATCH = 200


def violation(method, path, query, headers, body):
    """The name of the call, and what is wrong with it: an empty text when it is one of the five."""
    calls = {name: rule for name, rule in TABLE.items() if rule[0] == method and re.fullmatch(rule[1], path)}
    if not calls:
        return "?", f"none of the five requests: {method} {path}"
    name, (_, _, wanted, check) = calls.popitem()
    faults = list(query_faults(query, wanted)) + list(header_faults(headers, body))
    try:
        document = json.loads(body) if body else None
    except ValueError:
        faults.append("the body is no JSON")
    else:
        faults += check(document)
    return name, "; ".join(faults)


def query_faults(query, wanted):
    for name, value in query:
        if not re.fullmatch(wanted.get(name, "(?!)"), value):
            yield f"query {name}={value}"
    names = [name for name, _ in query]
    if len(set(names)) != len(names):
        yield "a query parameter twice"
    for name in set(wanted) - set(names) - {"name"}:
        yield f"no query {name}"


def header_faults(headers, body):
    if not re.fullmatch(r"hydrant-hook-cloudflare/\S+", headers.get("user-agent", "")):
        yield "user-agent"
    if bool(body) != (headers.get("content-type") == "application/json"):
        yield "content-type"
    if "cookie" in headers or "referer" in headers:
        yield "a header that no program has to send"


def no_body(document):
    return [] if document is None else ["a body"]


def record_faults(record):
    if not isinstance(record, dict) or sorted(record) != ["content", "name", "ttl", "type"]:
        return [f"a record is {record}"]
    faults = []
    if record["type"] != "TXT":
        faults.append(f"type {record['type']}")
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+", str(record["name"])):
        faults.append(f"name {record['name']}")
    if not re.fullmatch(r'"[A-Za-z0-9_-]{1,255}"', str(record["content"])):
        faults.append(f"content {record['content']}")
    if type(record["ttl"]) is not int or not (record["ttl"] == 1 or 30 <= record["ttl"] <= 86400):
        faults.append(f"ttl {record['ttl']}")
    return faults


def batch_faults(document):
    if not isinstance(document, dict) or sorted(document) not in (["posts"], ["deletes"]):
        return [f"a batch is {document}"]
    [(kind, items)] = document.items()
    # One alone is no batch.
    if not isinstance(items, list) or not 2 <= len(items) <= BATCH:
        return [f"{len(items)} {kind}"]
    if kind == "posts":
        return [fault for item in items for fault in record_faults(item)]
    return [f"delete {item}" for item in items
            if sorted(item) != ["id"] or not re.fullmatch(ID, item["id"])]


NAME = r"[a-z0-9_-]+(\.[a-z0-9_-]+)+"
# Name: method, path, query, body.
TABLE = {
    "zones": ("GET", "/client/v4/zones", {"page": r"[1-9]\d*", "per_page": "50", "name": NAME}, no_body),
    "records": ("GET", RECORDS, {"type": "TXT", "order": "name", "page": r"[1-9]\d*", "per_page": "1000", "name": NAME},
                no_body),
    "create": ("POST", RECORDS, {}, record_faults),
    "delete": ("DELETE", f"{RECORDS}/{ID}", {}, no_body),
    "batch": ("POST", f"{RECORDS}/batch", {}, batch_faults),
}
