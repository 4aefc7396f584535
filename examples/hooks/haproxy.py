#!/usr/bin/env python3
"""A whole hook in Python: delivers certificates to HAProxy.

HAProxy wants certificate, chain and key in one file. The hook writes DIRECTORY/NAME.pem for each certificate that
changed, and has HAProxy reload once, when the run ends.

Settings come from the environment (`env:` of the hook in hydrant.yml; exported in dehydrated's config):
  HAPROXY_DIRECTORY  where its `bind ... ssl crt` looks (/etc/haproxy/certs)
  HAPROXY_RELOAD     the command that makes it look again; none if not set
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

PROBE = "this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_hooks_in_your_script"


def main(operation="", *arguments):
    # What a hook does not know it leaves alone, with success: new operations may come.
    known = {PROBE: announce, "deploy_cert": deploy_cert, "exit_hook": exit_hook}
    if operation in known:
        known[operation](*arguments)


def announce():
    """Tells hydrant what to call this hook for. Under dehydrated a hook keeps silent here."""
    if "HYDRANT_PROTOCOL" in os.environ:
        print(json.dumps({"hydrant": 1, "operations": ["deploy_cert", "exit_hook"]}))


def deploy_cert(domain, key, cert, fullchain, chain, timestamp):
    """A failure is remembered, and tried again in the next run without a new certificate."""
    directory().mkdir(parents=True, exist_ok=True)
    # Under which name the certificate is kept, both programs say; a wildcard always has one of its own.
    name = os.environ.get("alias", domain)
    text = pathlib.Path(fullchain).read_text() + pathlib.Path(key).read_text()
    # Readable by nobody else from the first moment on, and never half a file.
    descriptor, new = tempfile.mkstemp(dir=directory(), prefix=f".{name}.")
    try:
        with open(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(new, directory() / f"{name}.pem")
    except BaseException:
        os.unlink(new)
        raise
    changed().touch()


def exit_hook(error=None):
    """A run ends; `error` says why, if it ended early. One reload serves all certificates."""
    if changed().exists():
        if os.environ.get("HAPROXY_RELOAD"):
            subprocess.run(shlex.split(os.environ["HAPROXY_RELOAD"]), check=True)
        # Not before: a reload that failed is tried again by the next run.
        changed().unlink()


def directory():
    return pathlib.Path(os.environ.get("HAPROXY_DIRECTORY", "/etc/haproxy/certs"))


def changed():
    """Marks that there is something to reload: each call of a hook is a process of its own."""
    return directory() / ".changed"


if __name__ == "__main__":
    main(*sys.argv[1:])
