"""Signed tokens (RFC 7515, RS256), made and checked with openssl."""

import base64
import binascii
import json
import subprocess
import tempfile


def make_key(path):
    """Makes an issuer's key; returns the public half in PEM."""
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path)
    return openssl("pkey", "-in", path, "-pubout").decode()


def signed(key, claims):
    parts = [{"alg": "RS256", "typ": "JWT"}, claims]
    text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    return f"{text}.{base64url(openssl('dgst', '-sha256', '-sign', key, text=text))}"


def verified(key, token):
    """The claims of a token; None unless this key has signed it."""
    text, _, signature = token.rpartition(".")
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(decoded(signature))
            file.flush()
            openssl("dgst", "-sha256", "-prverify", key, "-signature", file.name, text=text)
        return json.loads(decoded(text.partition(".")[2]))
    except (binascii.Error, ValueError, subprocess.CalledProcessError):
        return None


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def openssl(*arguments, text=""):
    return subprocess.run(["openssl", *arguments], input=text.encode(), check=True, capture_output=True).stdout
