"""Cloudflare of the rig: a double of its API with the DNS that follows from it, and before it, where Cloudflare's own
OpenAPI description is at hand (CLOUDFLARE_OPENAPI names the file), Prism, which refuses whatever breaks it."""

import json
import os
import pathlib
import sys

import processes
import route53

HERE = pathlib.Path(__file__).resolve().parent
API, PRISM, DNS = 8787, 8789, 8054
DESCRIPTION = "CLOUDFLARE_OPENAPI"

# Good for nothing but the double. Cloudflare's have 40 characters.
TOKENS = {
    # What the page of the hook asks for.
    "HOOK": ("hook-hook-hook-hook-hook-hook-hook-hook1", {"zone:read", "dns:edit"}, "*"),
    # Records of one zone, and no list of zones.
    "NARROW": ("narrow-narrow-narrow-narrow-narrow-narr2", {"dns:edit"}, ["example.com"]),
    # The list of zones alone.
    "READER": ("reader-reader-reader-reader-reader-read3", {"zone:read"}, "*"),
    # Of other people's programs: not held to the table of our own requests.
    "STRANGER": ("stranger-stranger-stranger-stranger-str4", {"zone:read", "dns:edit"}, "*"),
}


def add_options(parser):
    parser.add_argument("--cloudflare", action="store_true",
                        help="add Cloudflare, which is then the DNS of the CA: see tests/rig/cloudflare.py")
    parser.add_argument("--cloudflare-limit", metavar="REQUESTS:SECONDS", default="1200:300",
                        help="requests of an account in so many seconds, after which all are refused (1200:300)")
    parser.add_argument("--cloudflare-plain", action="store_true",
                        help="without Prism: for answers that are in no description, as of a server that is down")


def start(parts, directory, address, options):
    """Starts it; returns processes and ports."""
    interpreter = route53.python(parts)
    config = directory / "cloudflare.json"
    tokens = {text: {"permissions": sorted(permissions), "zones": zones, "is_ours": name != "STRANGER"}
              for name, (text, permissions, zones) in TOKENS.items()}
    requests, seconds = options.cloudflare_limit.split(":")
    config.write_text(json.dumps({"tokens": tokens, "limit": [int(requests), float(seconds)]}))
    started = [processes.start(directory, "cloudflare", [
        interpreter, HERE / "cloudflare_api.py",
        "--api", f"{address}:{API}",
        "--dns", f"{address}:{DNS}",
        "--config", config,
        "--calls", directory / "cloudflare-calls.json",
    ])]
    ports = [API, DNS]
    if described(options):
        started.append(start_prism(parts, directory, address))
        ports.append(PRISM)
    return started, ports


def described(options):
    return os.environ.get(DESCRIPTION) and not options.cloudflare_plain


def start_prism(parts, directory, address):
    program = parts / "prism/node_modules/.bin/prism"
    if not program.exists():
        sys.exit(f"rig: Prism is not in {parts}; run tests/rig/install with {DESCRIPTION} set")
    description = directory / "cloudflare-openapi.json"
    description.write_text(json.dumps(as_it_is(with_batch(read_description()))))
    return processes.start(directory, "prism", [
        program, "proxy", "--errors", "--host", address, "--port", str(PRISM), description,
        f"http://{address}:{API}/client/v4",
    ], {"NO_PROXY": "*", "no_proxy": "*"})


def read_description():
    path = pathlib.Path(os.environ[DESCRIPTION])
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"rig: {DESCRIPTION} has to name Cloudflare's OpenAPI description as JSON: {path}: {error}")


def with_batch(description):
    """Older descriptions know no batches: then one is made of what they say of single records, in the shape that
    Cloudflare's SDKs give it."""
    path = "/zones/{zone_id}/dns_records/batch"
    if path in description["paths"]:
        return description
    single = description["paths"]["/zones/{zone_id}/dns_records"]["post"]
    record = single["requestBody"]["content"]["application/json"]["schema"]
    deletion = {"type": "object", "properties": {"id": {"type": "string", "minLength": 1, "maxLength": 32}},
                "required": ["id"], "additionalProperties": False}
    array = lambda items: {"type": "array", "items": items, "minItems": 1, "maxItems": 200}
    body = {"type": "object", "additionalProperties": False, "minProperties": 1,
            "properties": {"posts": array(record), "deletes": array(deletion)}}
    description["paths"][path] = {"post": {
        **single,
        "operationId": "dns-records-for-a-zone-batch-dns-records",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {"description": "Batch", "content": {"application/json": {"schema": {
                "type": "object", "required": ["success", "errors", "messages", "result"],
                "properties": {"success": {"type": "boolean", "enum": [True]}, "result": {"type": "object"}}}}}},
            "4XX": single["responses"]["4XX"],
        },
    }}
    return description


def as_it_is(description):
    """Where Cloudflare takes more than its description says: certbot's plugin asks for zones one at a time."""
    for parameter in description["paths"]["/zones"]["get"]["parameters"]:
        if parameter.get("name") == "per_page":
            parameter["schema"] = {**parameter["schema"], "minimum": 1}
    return description


def facts(parts, directory, address, options):
    """What a client of it needs to know."""
    url = f"http://{address}:{PRISM}" if described(options) else f"http://{address}:{API}/client/v4"
    return {
        "RIG_PYTHON": route53.python(parts),
        "RIG_CLOUDFLARE": url,
        "RIG_CLOUDFLARE_DIRECT": f"http://{address}:{API}",
        "RIG_CLOUDFLARE_DNS": f"{address}:{DNS}",
    } | {f"RIG_CLOUDFLARE_{name}": text for name, (text, _, _) in TOKENS.items()} | (
        {"RIG_CLOUDFLARE_PRISM": directory / "prism.log"} if described(options) else {})
