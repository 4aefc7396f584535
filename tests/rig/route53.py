"""Route 53 of the rig: MiniStack, which checks signatures, policies and sets; before it a guard that checks what
MiniStack does not; behind it a DNS server that answers with what the API says."""

import pathlib
import sys

import processes

HERE = pathlib.Path(__file__).resolve().parent
API, GUARD, DNS = 4566, 4568, 8054
# MiniStack's key to everything.
ROOT_KEY = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def add_options(parser):
    parser.add_argument("--route53", action="store_true",
                        help="add Route 53, which is then the DNS of the CA: see tests/rig/route53.py")
    parser.add_argument("--route53-pending", metavar="SECONDS", default="0.1",
                        help="how long a change is PENDING (0.1)")
    parser.add_argument("--route53-bucket", metavar="BURST:RATE", default="",
                        help="throttle the account: requests at once, and more a second (no limit)")
    parser.add_argument("--route53-busy", metavar="MILLISECONDS", default="0",
                        help="how long a change keeps its zone from taking another (0)")
    parser.add_argument("--route53-form", choices=["error", "messages"], default="error",
                        help="which of its two documents Route 53 refuses changes with (error)")


def python(parts):
    """The interpreter that has the packages: see tests/rig/install."""
    program = parts / "python/bin/python"
    if not program.exists():
        sys.exit(f"rig: MiniStack is not in {parts}; run tests/rig/install first")
    return program


def start(parts, directory, address, options):
    """Starts all three; returns them as processes."""
    interpreter = python(parts)
    direct = f"http://{address}:{API}"
    ministack = processes.start(directory, "ministack", [interpreter, "-m", "ministack"], {
        "AUTH": "true",
        "BIND_HOST": address,
        "GATEWAY_PORT": str(API),
        "SERVICES": "route53,sts,iam",
        "DOCKER_HOST": "",
        "HOME": str(directory),
    })
    guard = processes.start(directory, "guard", [
        interpreter, HERE / "route53_guard.py",
        "--listen", f"{address}:{GUARD}",
        "--upstream", direct,
        "--pending", options.route53_pending,
        "--bucket", options.route53_bucket,
        "--busy", options.route53_busy,
        "--form", options.route53_form,
    ], ROOT_KEY)
    dns = processes.start(directory, "route53-dns", [
        interpreter, HERE / "route53_dns.py", "--listen", f"{address}:{DNS}", "--api", direct,
    ], ROOT_KEY)
    return [ministack, guard, dns]


def facts(parts, address):
    """What a client of it needs to know."""
    return {
        "RIG_PYTHON": python(parts),
        "RIG_ROUTE53": f"http://{address}:{GUARD}",
        "RIG_ROUTE53_DIRECT": f"http://{address}:{API}",
        "RIG_ROUTE53_DNS": f"{address}:{DNS}",
    }
