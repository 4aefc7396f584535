# Vault or OpenBao for hydrant in GitLab's pipelines: the mounts, who logs in, and what each may touch. `vault.sh` beside
# this file does the same with Vault's command line.
#
# Each team is a group of GitLab. Its jobs keep certificates in kv-certificates/certs/TEAM and records in
# hydrant/hydrant-state/TEAM, with this in their hydrant.yml:
#
#     store: vault
#     vault: {mount: kv-certificates, prefix: certs/TEAM, state_mount: hydrant, state_prefix: hydrant-state/TEAM}

terraform {
  required_providers {
    vault = {
      source  = "hashicorp/vault"
      version = ">= 3.20"
    }
  }
}

variable "teams" {
  description = "The groups of GitLab, each with the domains it may ask for."
  type        = map(list(string))
  default = {
    "team-a" = ["team-a.example"]
    "team-b" = ["team-b.example"]
  }
}

variable "gitlab" {
  description = "The URL of GitLab, which is what it calls itself in tokens."
  type        = string
  default     = "https://gitlab.example"
}

variable "audience" {
  description = "What tokens for Vault are made for: `aud` of a job's `id_tokens`."
  type        = string
  default     = "https://vault.example"
}

# Certificates, for whoever serves them. Records are elsewhere: keys of certificates to come are in there.
resource "vault_mount" "certificates" {
  path    = "kv-certificates"
  type    = "kv"
  options = { version = "2" }
}

resource "vault_mount" "records" {
  path    = "hydrant"
  type    = "kv"
  options = { version = "2" }
}

# Who may ask for which name. Jobs can read it, and none can write it.
resource "vault_kv_secret_v2" "tenants" {
  mount = vault_mount.records.path
  name  = "platform/tenants"
  data_json = jsonencode({
    tenants = yamlencode({
      tenants = [for team, domains in var.teams : {
        name    = team
        claims  = { namespace_path = team }
        domains = domains
      }]
    })
  })
}

# Jobs log in with GitLab's id tokens.
resource "vault_jwt_auth_backend" "gitlab" {
  path         = "jwt"
  jwks_url     = "${var.gitlab}/oauth/discovery/keys"
  bound_issuer = var.gitlab
}

resource "vault_policy" "team" {
  for_each = var.teams
  name     = "hydrant-${each.key}"
  policy   = <<-EOT
    path "kv-certificates/data/certs/${each.key}/*" { capabilities = ["create", "read", "update", "patch"] }
    path "kv-certificates/metadata/certs/${each.key}/" { capabilities = ["list"] }
    path "kv-certificates/metadata/certs/${each.key}/*" { capabilities = ["create", "read", "update", "patch", "list"] }
    path "kv-certificates/detailed-metadata/certs/${each.key}/" { capabilities = ["list"] }
    path "hydrant/data/hydrant-state/${each.key}/*" { capabilities = ["create", "read", "update"] }
    path "hydrant/metadata/hydrant-state/${each.key}/" { capabilities = ["list"] }
    path "hydrant/metadata/hydrant-state/${each.key}/*" { capabilities = ["create", "read", "update", "list"] }
    path "hydrant/destroy/hydrant-state/${each.key}/*" { capabilities = ["update"] }
    path "hydrant/data/platform/tenants" { capabilities = ["read"] }
  EOT
}

resource "vault_jwt_auth_backend_role" "team" {
  for_each        = var.teams
  backend         = vault_jwt_auth_backend.gitlab.path
  role_name       = "hydrant-${each.key}"
  role_type       = "jwt"
  user_claim      = "project_path"
  bound_audiences = [var.audience]
  bound_claims = {
    namespace_path = each.key
    ref_protected  = "true"
  }
  claim_mappings = {
    namespace_path = "namespace_path"
    project_path   = "project_path"
  }
  token_policies = [vault_policy.team[each.key].name]
  token_ttl      = 600
  token_max_ttl  = 7200
}

# Load balancers read all certificates, and nothing else.
resource "vault_auth_backend" "approle" {
  type = "approle"
  tune {
    default_lease_ttl = "60s"
  }
}

resource "vault_policy" "loadbalancer" {
  name   = "loadbalancer"
  policy = <<-EOT
    path "kv-certificates/data/*" { capabilities = ["read"] }
  EOT
}

resource "vault_approle_auth_backend_role" "loadbalancer" {
  backend        = vault_auth_backend.approle.path
  role_name      = "loadbalancer"
  token_policies = [vault_policy.loadbalancer.name]
  token_ttl      = 600
}
