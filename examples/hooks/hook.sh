#!/usr/bin/env bash
# A hook with every operation there is. Copy it, fill in what you need, delete the rest.
#
# hydrant starts a hook once for each thing that is to be done. The first argument says what; the arguments behind it
# depend on that and are listed at each function below. dehydrated starts hooks in the same way, so this script works
# under both.
#
# Exit code   0   done
#            75   not now, try again later (only hydrant does; to dehydrated it is a failure)
#          else   failed: the certificate at hand is given up for this run
#
# Operations that a script does not know must end with 0: new ones may come. Try a script with `hydrant hook test PATH`.
#
# More facts are in the environment. Under both programs:
#   alias           the name the certificate is kept under
#   altnames        all its names, separated by blanks
#   CHALLENGETYPE   dns-01, http-01 or tls-alpn-01
#   KEY_ALGO        rsa, prime256v1, secp384r1 or secp521r1
#   CERTDIR BASEDIR WELLKNOWN ALPNCERTDIR CONFIG COMMAND
# Under hydrant alone:
#   HYDRANT_PROTOCOL     1
#   HYDRANT_HOOK         what this hook is called in the configuration
#   HYDRANT_CERTIFICATE  as alias           HYDRANT_NAMES    as altnames
#   HYDRANT_CHALLENGE    as CHALLENGETYPE   HYDRANT_CA       the directory URL of the CA
#   HYDRANT_ATTEMPT      1 at the first attempt at this certificate
#   HYDRANT_OWNER        its owner, where one is configured
#   HYDRANT_DRY_RUN      1 in a dry run: nothing is stored or delivered
#   HYDRANT_RECORD_NAME  the name of the TXT record, when there is a single one to set
#   HYDRANT_RECORD_NAMES those of all challenges of a call, in their order, separated by blanks
#   HYDRANT_CHANGED      in exit_hook: the certificates that changed in this run
#   HYDRANT_CHANGED_FILE where they are too many for a variable: a file with all of them, a line each

set -euo pipefail

# Not an operation: what hydrant learns about this hook, once a run. Under dehydrated the hook must keep silent here.
# Leave it out altogether and hydrant calls the script exactly as dehydrated would.
#   operations         what it wants to be called for; what is missing here costs no process
#   challenges         "name": one challenge a call; "certificate": all of a certificate in one call;
#                      "batch": those of many certificates in one call (see deploy_challenge)
#   parallel           whether several calls may run at the same time
#   visible_on_return  whether deploy_challenge waits until the CA can see the record
#   record_names       whether it writes records by HYDRANT_RECORD_NAMES, and so can answer dns-account-01 too
#   verifies_delivery  whether success of deploy_cert means that the certificate was seen in use
announce() {
    if [[ -n "${HYDRANT_PROTOCOL:-}" ]]; then
        cat <<'JSON'
{
  "hydrant": 1,
  "operations": ["startup_hook", "generate_csr", "deploy_challenge", "clean_challenge", "invalid_challenge", "sync_cert",
    "deploy_cert", "deploy_ocsp", "unchanged_cert", "request_failure", "exit_hook"],
  "challenges": "batch",
  "parallel": false,
  "visible_on_return": false,
  "verifies_delivery": false
}
JSON
    fi
}

# A run begins. No arguments.
startup_hook() {
    :
}

# The place for a CSR that somebody else makes, from a key that never comes here: print it as PEM. Print nothing, as
# here, and key and CSR are made for you.
#   $1     first name of the certificate
#   $2     directory in which certificates are kept
#   $3     all names, separated by blanks
generate_csr() {
    local domain=$1 certdir=$2 names=$3
    : "$domain" "$certdir" "$names"
}

# Make answers visible to the CA. All of a certificate are deployed before the first is looked at, and a name can have
# two at once (itself and its wildcard), so add records rather than replace them.
#   $1     the name to prove, without `*.`
#   $2     the token; for http-01 the name of the file
#   $3     dns-01: content of the TXT record; http-01: content of the file; tls-alpn-01: digest, aa:bb:…
#   $4…    three more for every further challenge, if the hook takes more than one
#
# In a batch HYDRANT_RESULTS names a file that gets a line of JSON for each challenge, counted from 0; HYDRANT_BATCH names
# one that tells which challenge is of which certificate. One name may then fail without the others. Without company a
# challenge comes in a plain call, also to a hook that announces batches: its exit code then says it all.
deploy_challenge() {
    each_challenge add_record "$@"
}

# Take the same answers away. Also called for what failed, and after a crash for what was never there or is gone
# already: that must be no failure.
#   as deploy_challenge
clean_challenge() {
    each_challenge remove_record "$@"
}

# Tell which values there are at the challenge records of these names, whoever put them there, so that `hydrant dns gc`
# finds forgotten ones. Only a hook that announces it is asked: fill in list_records and add it to "operations".
#   $1…    names, without `*.`
#
# Each value is a line of JSON in the file HYDRANT_RESULTS:
#   {"name": "a.example", "record": "_acme-challenge.a.example", "value": "…", "created": "2026-11-22T08:01:41Z"}
# "record" is where it stands: at that name, at _LABEL._acme-challenge.a.example, or where a CNAME there leads. "created"
# may be missing. A name that cannot be looked at has a line {"name": "a.example", "message": "why"}.
list_challenges() {
    local name
    for name in "$@"; do
        list_records "$name" >>"${HYDRANT_RESULTS:-/dev/stdout}"
    done
}

# The CA looked and did not like what it saw.
#   $1     the name
#   $2     what the CA said
invalid_challenge() {
    local domain=$1 response=$2
    printf 'the CA refused %s: %s\n' "$domain" "$response" >&2
}

# New files are on disk, and the links privkey.pem, cert.pem and so on still show the old ones. To fail here leaves it so.
#   $1 key   $2 certificate   $3 certificate and chain   $4 chain   $5 CSR
sync_cert() {
    local key=$1 cert=$2 fullchain=$3 chain=$4 csr=$5
    : "$key" "$cert" "$fullchain" "$chain" "$csr"
}

# A new certificate is in use: copy it to where it is needed. A failure is remembered and tried again in the next run,
# without a new certificate.
#   $1 first name   $2 key   $3 certificate   $4 certificate and chain   $5 chain
#   $6 when its issuance began, in seconds since 1970
deploy_cert() {
    local domain=$1 key=$2 cert=$3 fullchain=$4 chain=$5 timestamp=$6
    : "$key" "$cert" "$chain" "$timestamp"
    printf 'new certificate for %s in %s\n' "$domain" "$fullchain"
}

# A new OCSP response is in use.
#   $1 first name   $2 the response   $3 when it was fetched
deploy_ocsp() {
    local domain=$1 ocsp=$2 timestamp=$3
    : "$domain" "$ocsp" "$timestamp"
}

# A certificate is not due. Called in every run, so keep it cheap, or leave it out of "operations".
#   $1 first name   $2 key   $3 certificate   $4 certificate and chain   $5 chain
unchanged_cert() {
    local domain=$1 key=$2 cert=$3 fullchain=$4 chain=$5
    : "$domain" "$key" "$cert" "$fullchain" "$chain"
}

# The CA answered a request with an error.
#   $1 HTTP status   $2 body   $3 get, head or post   $4 headers
request_failure() {
    local status=$1 body=$2 method=$3 headers=$4
    : "$body" "$headers"
    printf 'the CA answered a %s with %s\n' "$method" "$status" >&2
}

# A run ends: the place to reload services, once for all certificates.
#   $1     why it ended early; missing at the normal end
exit_hook() {
    local changed=${HYDRANT_CHANGED:-}
    if [[ -n "${HYDRANT_CHANGED_FILE:-}" ]]; then
        changed=$(<"$HYDRANT_CHANGED_FILE")
    fi
    if [[ -n "$changed" ]]; then
        printf 'changed: %s\n' "$changed"
    fi
}

# Calls $1 with name, token and value of each challenge, and notes how each went.
each_challenge() {
    local action=$1 index=0 failed=0 outcome
    shift
    while (($# >= 3)); do
        outcome=done
        "$action" "$1" "$2" "$3" || outcome=failed
        if [[ $outcome == failed ]]; then
            failed=1
        fi
        if [[ -n "${HYDRANT_RESULTS:-}" ]]; then
            printf '{"index": %d, "outcome": "%s"}\n' "$index" "$outcome" >>"$HYDRANT_RESULTS"
        fi
        index=$((index + 1))
        shift 3
    done
    return "$failed"
}

# Yours to fill in. For dns-01 the record is _acme-challenge.$1, of type TXT, with content "$3".
add_record() {
    local domain=$1 token=$2 value=$3
    printf 'add _acme-challenge.%s TXT "%s" (%s)\n' "$domain" "$value" "$token"
}

remove_record() {
    local domain=$1 token=$2 value=$3
    printf 'remove _acme-challenge.%s TXT "%s" (%s)\n' "$domain" "$value" "$token"
}

list_records() {
    local domain=$1
    printf '{"name": "%s", "message": "this hook cannot list"}\n' "$domain"
}

operation=${1:-}
case $operation in
    this_hookscript_is_broken__dehydrated_is_working_fine__please_ignore_unknown_hooks_in_your_script)
        announce
        ;;
    startup_hook | generate_csr | deploy_challenge | clean_challenge | list_challenges | invalid_challenge | sync_cert | \
        deploy_cert | deploy_ocsp | unchanged_cert | request_failure | exit_hook)
        shift
        "$operation" "$@"
        ;;
    *)
        # Nothing that this script knows, and no failure.
        ;;
esac
