"""Calls of the AWS APIs for the tests, in MiniStack's root key: a JSON list of [service, operation, arguments] on
stdin, the list of answers on stdout. An argument "@PATH" is taken from an earlier answer: "@0.HostedZone.Id"."""

import json
import os
import sys

import boto3


def main():
    answers = []
    for service, operation, arguments in json.load(sys.stdin):
        client = boto3.client(service, endpoint_url=os.environ["RIG_ROUTE53_DIRECT"], region_name="us-east-1",
                              aws_access_key_id="test", aws_secret_access_key="test")
        answers.append(getattr(client, operation)(**resolved(arguments, answers)))
    json.dump(answers, sys.stdout, default=str)


def resolved(value, answers):
    if isinstance(value, dict):
        return {name: resolved(inner, answers) for name, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, answers) for inner in value]
    if isinstance(value, str) and value.startswith("@"):
        found = answers
        for step in value[1:].split("."):
            found = found[int(step) if step.isdigit() else step]
        return found
    return value


if __name__ == "__main__":
    main()
