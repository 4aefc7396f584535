#!/bin/bash
# Stores certificates in Vault with curl, a login for each, as people write it: a peer for measurements.
set -euo pipefail

json_string() {
    local text=${1//$'\n'/\\n}
    printf '"%s"' "$text"
}

case ${1-} in
deploy_cert | unchanged_cert)
    domain=$2
    login="{\"role_id\": \"$VAULT_ROLE_ID\", \"secret_id\": \"$VAULT_SECRET_ID\"}"
    token=$(curl -sSf --cacert "$VAULT_CACERT" -d "$login" "$VAULT_ADDR/v1/auth/approle/login" |
        sed -n 's/.*"client_token":"\([^"]*\)".*/\1/p')
    body="{\"data\": {\"key\": $(json_string "$(<"$3")"), \"cert\": $(json_string "$(<"$4")"), \
\"fullchain\": $(json_string "$(<"$5")"), \"chain\": $(json_string "$(<"$6")"), \
\"timestamp\": \"${7-}\", \"owner\": \"letsencrypt\"}}"
    curl -sSf -o /dev/null --cacert "$VAULT_CACERT" -H "X-Vault-Token: $token" -d "$body" \
        "$VAULT_ADDR/v1/kv-certificates/data/$domain"
    ;;
esac
