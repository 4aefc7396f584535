"""Pebble, the CA of the rig, and the challenge test server that is its DNS."""

import json

import processes

# The same ports on every rig; each rig has an address of its own.
ACME, MANAGEMENT, HTTP_01, TLS_ALPN_01, DNS, DNS_API = 14000, 15000, 5002, 5001, 8053, 8055
DEFAULT_PROFILE = "default=7776000"


def add_options(parser):
    """What a person or a test may choose about the CA."""
    parser.add_argument("--nonce-reject", metavar="PERCENT", type=int, default=5,
                        help="good nonces that are refused all the same (5)")
    parser.add_argument("--authorization-reuse", metavar="PERCENT", type=int, default=0,
                        help="valid authorizations that are used again (0)")
    parser.add_argument("--retry-after", metavar="SECONDS", type=int, default=0,
                        help="Retry-After on pending orders and authorizations (0: none)")
    parser.add_argument("--profile", metavar="NAME=SECONDS", action="append", default=[],
                        help=f"offer this profile, with this lifetime; repeatable ({DEFAULT_PROFILE}). "
                             "An order that names none gets a random one")
    parser.add_argument("--eab", metavar="KID=KEY", action="append", default=[],
                        help="require an external account; KEY is base64url; repeatable")
    parser.add_argument("--blocked", metavar="DOMAIN", action="append", default=["blocked-domain.example"],
                        help="refuse names in this domain (blocked-domain.example always)")
    parser.add_argument("--alternate-roots", metavar="N", type=int, default=0,
                        help="offer N alternate chains (0)")
    parser.add_argument("--chain-length", metavar="N", type=int, default=1, help="intermediates in a chain (1)")
    parser.add_argument("--always-valid", action="store_true", help="do not validate challenges at all")
    parser.add_argument("--ocsp", metavar="PORT", type=int,
                        help="name this port of the rig's address as the OCSP responder in certificates; "
                             "nothing listens there")
    parser.add_argument("--challenge-responders", action="store_true",
                        help="let the challenge test server answer http-01 and tls-alpn-01 too, "
                             "with what a hook posts to RIG_DNS_API")


def start(parts, directory, address, dns, options):
    """Starts both; returns them as processes. The CA asks `dns`."""
    challenges = processes.start(directory, "challtestsrv", [
        parts / "usr/bin/pebble-challtestsrv",
        "-dnsserver", f"{address}:{DNS}",
        "-management", f"{address}:{DNS_API}",
        "-defaultIPv4", address,
        "-defaultIPv6", "",
        "-http01", f"{address}:{HTTP_01}" if options.challenge_responders else "",
        "-tlsalpn01", f"{address}:{TLS_ALPN_01}" if options.challenge_responders else "",
        "-https01", "",
        "-doh", "",
    ])
    config = directory / "pebble.json"
    config.write_text(json.dumps({"pebble": settings(directory, address, options)}, indent=2) + "\n")
    ca = processes.start(
        directory, "pebble",
        [parts / "usr/bin/pebble", "-strict", "-config", config, "-dnsserver", dns],
        environment(options),
    )
    return [challenges, ca]


def settings(directory, address, options):
    profiles = dict(profile.split("=") for profile in options.profile or [DEFAULT_PROFILE])
    return {
        "listenAddress": f"{address}:{ACME}",
        "managementListenAddress": f"{address}:{MANAGEMENT}",
        "certificate": str(directory / "leaf.pem"),
        "privateKey": str(directory / "leaf.key"),
        "httpPort": HTTP_01,
        "tlsPort": TLS_ALPN_01,
        # Pebble hands out the key that a responder signs with only if it is RSA.
        "keyAlgorithm": "rsa" if options.ocsp else "ecdsa",
        "ocspResponderURL": f"http://{address}:{options.ocsp}" if options.ocsp else "",
        "caaIdentities": ["pebble.letsencrypt.org"],
        "domainBlocklist": options.blocked,
        "retryAfter": {"authz": options.retry_after, "order": options.retry_after},
        "profiles": {
            name: {"description": f"{name} certificates", "validityPeriod": int(seconds)}
            for name, seconds in profiles.items()
        },
        "externalAccountBindingRequired": bool(options.eab),
        "externalAccountMACKeys": dict(binding.split("=", 1) for binding in options.eab),
    }


def environment(options):
    return {
        # Pebble 2.10 locks itself up for good under concurrent orders when it runs on several cores.
        "GOMAXPROCS": "1",
        "PEBBLE_VA_NOSLEEP": "1",
        "PEBBLE_VA_ALWAYS_VALID": "1" if options.always_valid else "0",
        "PEBBLE_WFE_NONCEREJECT": str(options.nonce_reject),
        "PEBBLE_AUTHZREUSE": str(options.authorization_reuse),
        "PEBBLE_ALTERNATE_ROOTS": str(options.alternate_roots),
        "PEBBLE_CHAIN_LENGTH": str(options.chain_length),
    }
