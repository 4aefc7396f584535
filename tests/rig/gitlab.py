#!/usr/bin/python3
"""The id tokens of a GitLab job, without GitLab: gitlab.py DIR [CLAIM=VALUE...] prints one, signed with the key in DIR.

"expires_in=SECONDS" counts from now, and may be negative. A value that begins with [ or { is JSON."""

import json
import pathlib
import sys
import time
import uuid

import jwt

ISSUER = "https://gitlab.example"
AUDIENCE = "https://vault.example"


def make_keys(directory):
    """Makes the issuer's key; returns the public half in PEM."""
    return jwt.make_key(directory / "issuer.key")


def claims(given):
    """What GitLab documents for id_tokens: all ids but that of the runner are strings."""
    now = int(time.time())
    given = {name: json.loads(value) if value[:1] in "[{" else value for name, value in given.items()}
    expires = now + int(given.pop("expires_in", 3600))
    project = given.get("project_path", "team/site")
    group = given.get("namespace_path", project.rpartition("/")[0])
    branch = given.get("ref", "main")
    return {
        "iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now - 5, "exp": expires, "jti": str(uuid.uuid4()),
        "sub": f"project_path:{project}:ref_type:branch:ref:{branch}",
        "namespace_id": "72", "namespace_path": group, "project_id": "20", "project_path": project,
        "user_id": "1", "user_login": "jane", "user_email": "jane@example.com", "groups_direct": [group],
        "pipeline_id": "574", "pipeline_source": "push", "job_id": "302", "runner_id": 1,
        "ref": branch, "ref_type": "branch", "ref_path": f"refs/heads/{branch}", "ref_protected": "true",
        **given,
    }


def token(directory, given):
    return jwt.signed(directory / "issuer.key", claims(given))


if __name__ == "__main__":
    print(token(pathlib.Path(sys.argv[1]), dict(claim.split("=", 1) for claim in sys.argv[2:])))
