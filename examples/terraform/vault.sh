#!/bin/sh
# What main.tf does, with Vault's command line; with OpenBao's it is `VAULT=bao vault.sh`. What is there already stays.
#
#   VAULT_ADDR=https://vault.example VAULT_TOKEN=... TEAMS="team-a team-b" ./vault.sh
#
# Each team is a group of GitLab, and may ask for names below TEAM.$DOMAIN.
set -eu

vault=${VAULT:-vault}
teams=${TEAMS:-team-a team-b}
domain=${DOMAIN:-example}
gitlab=${GITLAB:-https://gitlab.example}
audience=${AUDIENCE:-https://vault.example}

# Certificates, for whoever serves them. Records are elsewhere: keys of certificates to come are in there.
for mount in kv-certificates hydrant; do
    $vault secrets list | grep -q "^$mount/ " || $vault secrets enable -path="$mount" -version=2 kv
done

# Who may ask for which name. Jobs can read it, and none can write it.
{
    echo "tenants:"
    for team in $teams; do
        echo "  - {name: $team, claims: {namespace_path: $team}, domains: $team.$domain}"
    done
} | $vault kv put -mount=hydrant platform/tenants tenants=-

# Jobs log in with GitLab's id tokens. A Vault that cannot reach GitLab is given the public key instead.
$vault auth list | grep -q "^jwt/ " || $vault auth enable jwt
if [ -n "${GITLAB_KEY:-}" ]; then
    $vault write auth/jwt/config jwt_validation_pubkeys="@$GITLAB_KEY" bound_issuer="$gitlab"
else
    $vault write auth/jwt/config jwks_url="$gitlab/oauth/discovery/keys" bound_issuer="$gitlab"
fi

for team in $teams; do
    $vault policy write "hydrant-$team" - <<EOT
path "kv-certificates/data/certs/$team/*" { capabilities = ["create", "read", "update", "patch"] }
path "kv-certificates/metadata/certs/$team/" { capabilities = ["list"] }
path "kv-certificates/metadata/certs/$team/*" { capabilities = ["create", "read", "update", "patch", "list"] }
path "kv-certificates/detailed-metadata/certs/$team/" { capabilities = ["list"] }
path "hydrant/data/hydrant-state/$team/*" { capabilities = ["create", "read", "update"] }
path "hydrant/metadata/hydrant-state/$team/" { capabilities = ["list"] }
path "hydrant/metadata/hydrant-state/$team/*" { capabilities = ["create", "read", "update", "list"] }
path "hydrant/destroy/hydrant-state/$team/*" { capabilities = ["update"] }
path "hydrant/data/platform/tenants" { capabilities = ["read"] }
EOT
    $vault write "auth/jwt/role/hydrant-$team" - <<EOT
{
  "role_type": "jwt",
  "user_claim": "project_path",
  "bound_audiences": ["$audience"],
  "bound_claims": { "namespace_path": "$team", "ref_protected": "true" },
  "claim_mappings": { "namespace_path": "namespace_path", "project_path": "project_path" },
  "token_policies": ["hydrant-$team"],
  "token_ttl": 600,
  "token_max_ttl": 7200
}
EOT
done

# Load balancers read all certificates, and nothing else.
$vault auth list | grep -q "^approle/ " || $vault auth enable approle
$vault auth tune -default-lease-ttl=60s approle/
$vault policy write loadbalancer - <<'EOT'
path "kv-certificates/data/*" { capabilities = ["read"] }
EOT
$vault write auth/approle/role/loadbalancer token_policies=loadbalancer token_ttl=600
