#!/bin/bash
# A dns-01 hook as small as they come: it publishes answers on the rig's DNS.
# RIG_DNS_API comes from tests/rig/up. The challenge test server can only forget a whole name, so
# certificates that prove the same name must not be in work at the same time; the compiled hook of the rig
# knows a way round that.
set -euo pipefail

api() {
    curl --silent --show-error --fail --noproxy '*' --max-time 10 --data "$2" "$RIG_DNS_API/$1"
}

operation=${1:-}
shift || true
case $operation in
deploy_challenge)
    while [ $# -ge 3 ]; do
        api set-txt "{\"host\": \"_acme-challenge.$1.\", \"value\": \"$3\"}"
        shift 3
    done
    ;;
clean_challenge)
    while [ $# -ge 3 ]; do
        api clear-txt "{\"host\": \"_acme-challenge.$1.\"}"
        shift 3
    done
    ;;
esac
