"""Another client of Route 53, for tests of several at a time: it keeps replacing its own value of a name.

    route53_writer.py ZONE NAME

As every client that shares a name should, it deletes exactly what it read and creates the new set in one change, and
begins again where somebody else was quicker. It prints each value once it is there, and ends when its standard input does."""

import os
import random
import sys
import threading
import time

import boto3


def main():
    zone, name = sys.argv[1:]
    client = boto3.client("route53", endpoint_url=os.environ["RIG_ROUTE53"], region_name="us-east-1",
                          aws_access_key_id="test", aws_secret_access_key="test")
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    own, number = None, 0
    while not ended.is_set():
        new = f'"foreign {number}"'
        found = read(client, zone, name)
        values = [value for value in (found or {}).get("ResourceRecords", []) if value["Value"] != own]
        created = {"Name": name, "Type": "TXT", "TTL": 300, **(found or {}), "ResourceRecords": values + [{"Value": new}]}
        changes = [{"Action": "DELETE", "ResourceRecordSet": found}] if found else []
        changes.append({"Action": "CREATE", "ResourceRecordSet": created})
        try:
            client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
        except (client.exceptions.InvalidChangeBatch, client.exceptions.PriorRequestNotComplete):
            time.sleep(random.uniform(0.01, 0.05))
            continue
        own, number = new, number + 1
        print(own, flush=True)


def read(client, zone, name):
    page = client.list_resource_record_sets(HostedZoneId=zone, StartRecordName=name, StartRecordType="TXT", MaxItems="1")
    for found in page["ResourceRecordSets"]:
        if found["Name"].rstrip(".") == name and found["Type"] == "TXT":
            return found
    return None


if __name__ == "__main__":
    main()
