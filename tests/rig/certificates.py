"""The HTTPS certificate of the rig's own servers: a small CA, and a leaf for the rig's address."""

import subprocess

EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def make(directory, address):
    """Writes minica.pem, leaf.pem and leaf.key."""
    ca, ca_key = directory / "minica.pem", directory / "minica.key"
    request(directory, "/CN=rig", ca, ca_key, [
        "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    ])
    request(directory, "/CN=rig server", directory / "leaf.pem", directory / "leaf.key", [
        "-CA", ca, "-CAkey", ca_key,
        "-addext", f"subjectAltName=DNS:localhost,IP:{address}",
        "-addext", "basicConstraints=critical,CA:FALSE",
        "-addext", "extendedKeyUsage=serverAuth",
    ])


def request(directory, subject, certificate, key, extra):
    # An own configuration: the machine's would add extensions of its own.
    config = directory / "openssl.cnf"
    config.write_text("[req]\ndistinguished_name = name\n[name]\n")
    subprocess.run(
        ["openssl", "req", "-x509", "-config", config, *EC_KEY, "-days", "30", "-subj", subject,
         "-keyout", key, "-out", certificate, *extra],
        check=True, capture_output=True,
    )
