"""A DNS server that knows what the Route 53 API says and nothing else.

It reads the whole zone at every question, follows CNAMEs from zone to zone as a resolver does (Pebble does not), and
answers over UDP and TCP (Pebble asks over TCP alone). Of zones with one name the public one counts."""

import argparse
import re
import signal
import sys

import boto3
import dnslib
from dnslib.server import BaseResolver, DNSServer

HOPS = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--listen", required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--api", required=True, metavar="URL")
    options = parser.parse_args()
    resolver = Resolver(boto3.client("route53", endpoint_url=options.api, region_name="us-east-1"))
    address, port = options.listen.rsplit(":", 1)
    for is_tcp in (False, True):
        DNSServer(resolver, address=address, port=int(port), tcp=is_tcp, logger=Silent()).start_thread()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        signal.pause()


class Silent:
    def __getattr__(self, _):
        return lambda *_: None


class Resolver(BaseResolver):
    def __init__(self, api):
        self.api = api

    def resolve(self, request, handler):
        reply = request.reply()
        reply.header.ra = 1
        try:
            self.answer(request.q, reply)
        except Exception as error:
            print("error:", request.q.qname, repr(error), flush=True)
            reply.header.rcode = dnslib.RCODE.SERVFAIL
        return reply

    def answer(self, question, reply):
        name, kind = str(question.qname).lower(), dnslib.QTYPE[question.qtype]
        for _ in range(HOPS):
            zone, zone_id = self.zone_of(name)
            if not zone:
                reply.header.rcode = dnslib.RCODE.NXDOMAIN
                return
            sets = self.sets_of(zone_id)
            for ttl, value in sets.get((name, kind), []):
                reply.add_answer(dnslib.RR(name, question.qtype, ttl=ttl, rdata=data(kind, value)))
            alias = sets.get((name, "CNAME"))
            if (name, kind) in sets or not alias:
                break
            ttl, name_behind = alias[0]
            reply.add_answer(dnslib.RR(name, dnslib.QTYPE.CNAME, ttl=ttl, rdata=dnslib.CNAME(name_behind)))
            name = name_behind.lower().rstrip(".") + "."
        if not reply.rr or dnslib.QTYPE[reply.rr[-1].rtype] != kind:
            if not any(other == name or other.endswith("." + name) for other, _ in sets):
                reply.header.rcode = dnslib.RCODE.NXDOMAIN
            for ttl, value in sets.get((zone, "SOA"), []):
                reply.add_auth(dnslib.RR(zone, dnslib.QTYPE.SOA, ttl=ttl, rdata=data("SOA", value)))

    def zone_of(self, name):
        """The longest public zone that holds a name, and its id."""
        zones = {}
        for page in self.api.get_paginator("list_hosted_zones").paginate():
            for zone in page["HostedZones"]:
                if not zone["Config"].get("PrivateZone"):
                    zones[plain(zone["Name"])] = zone["Id"]
        holding = [zone for zone in zones if name == zone or name.endswith("." + zone)]
        best = max(holding, key=len, default=None)
        return best, zones.get(best)

    def sets_of(self, zone_id):
        sets = {}
        for page in self.api.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone_id):
            for found in page["ResourceRecordSets"]:
                values = [(found.get("TTL", 60), record["Value"]) for record in found.get("ResourceRecords", [])]
                sets.setdefault((plain(found["Name"]), found["Type"]), []).extend(values)
        return sets


def plain(name):
    """A name of the API: `\\052.Example.com.` is `*.example.com.`"""
    return re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), name).lower()


def data(kind, value):
    if kind == "TXT":
        return dnslib.TXT([text(string) for string in re.findall(r'"((?:\\.|[^"\\])*)"', value)])
    if kind == "SOA":
        server, mailbox, *times = value.split()
        return dnslib.SOA(server, mailbox, tuple(map(int, times)))
    return getattr(dnslib, kind)(value)


def text(string):
    octal = lambda code: chr(int(code[1], 8)) if code[1] else code[2]
    return re.sub(r"\\(?:([0-3][0-7]{2})|(.))", octal, string).encode("latin-1")


if __name__ == "__main__":
    main()
