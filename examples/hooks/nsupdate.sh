#!/usr/bin/env bash
# Proves names by dynamic updates (RFC 2136): for BIND, Knot, PowerDNS, Windows and whatever else takes them. It needs
# `nsupdate` and `dig`, which Debian has in bind9-dnsutils, and works under hydrant and dehydrated, chained or not.
#
# Settings come from the environment (`env:` of the hook in hydrant.yml; exported in dehydrated's config), or from a
# file nsupdate.conf beside this script:
#   NSUPDATE_KEY_FILE  the TSIG key that signs the updates, as tsig-keygen, keymgr or ddns-confgen print it
#   NSUPDATE_SERVER    where updates go: an address or a name; else to the primary that the zone's SOA record names
#   NSUPDATE_PORT      its port (53)
#   NSUPDATE_RESOLVER  who is asked where CNAMEs lead, else the system's resolver; NSUPDATE_RESOLVER_PORT is its port (53)
#   NSUPDATE_TTL       of the records, in seconds (60)
#
# A record is added beside those that are there, and exactly that one is deleted again, so that any number of machines
# can prove names in one zone at the same time. Which zone a record is in nsupdate finds out.
#
# On a BIND server a key that can do no more than that is granted by
#   update-policy { grant acme. wildcard *.example.org. TXT; };
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ -r $here/nsupdate.conf ]]; then
    . "$here/nsupdate.conf"
fi

announce() {
    if [[ -n ${HYDRANT_PROTOCOL:-} ]]; then
        cat <<'JSON'
{
  "hydrant": 1,
  "operations": ["deploy_challenge", "clean_challenge"],
  "challenges": "certificate",
  "parallel": true,
  "record_names": true
}
JSON
    fi
}

# $1 is add or delete; behind it name, token and value of each challenge.
change() {
    local action=$1 names record index=0 failed=0
    shift
    # hydrant says where records belong, in the order of the challenges: not always at _acme-challenge.
    read -r -a names <<<"${HYDRANT_RECORD_NAMES:-}"
    while (($# >= 3)); do
        record=$(behind_cnames "${names[index]:-_acme-challenge.$1}.") && update "$action" "$record" "$3" || failed=1
        index=$((index + 1))
        shift 3
    done
    return "$failed"
}

update() {
    local action=$1 record=$2 value=$3
    local options=()
    if [[ -n ${NSUPDATE_KEY_FILE:-} ]]; then
        options=(-k "$NSUPDATE_KEY_FILE")
    fi
    {
        if [[ -n ${NSUPDATE_SERVER:-} ]]; then
            echo "server $NSUPDATE_SERVER ${NSUPDATE_PORT:-53}"
        fi
        if [[ $action == add ]]; then
            echo "update add $record ${NSUPDATE_TTL:-60} TXT \"$value\""
        else
            echo "update delete $record TXT \"$value\""
        fi
        echo send
    } | nsupdate "${options[@]}"
}

# Records of names that are CNAMEs are where those lead, often in a zone for nothing else.
behind_cnames() {
    local name=$1 next hop
    local options=(+short)
    if [[ -n ${NSUPDATE_RESOLVER:-} ]]; then
        options+=("@$NSUPDATE_RESOLVER" -p "${NSUPDATE_RESOLVER_PORT:-53}")
    fi
    for ((hop = 0; hop < 16; hop++)); do
        # Not to know is a failure: a record beside a CNAME helps nobody.
        next=$(dig "${options[@]}" "$name" CNAME) || return 1
        if [[ -z $next ]]; then
            echo "$name"
            return
        fi
        name=$next
    done
    echo "the CNAMEs at $1 do not end" >&2
    return 1
}

operation=${1:-}
case $operation in
    this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_hooks_in_your_script)
        announce
        ;;
    deploy_challenge)
        change add "${@:2}"
        ;;
    clean_challenge)
        change delete "${@:2}"
        ;;
esac
