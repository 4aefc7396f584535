//! `hydrant.yml` exactly as it is written.
//!
//! The environment and the command line say the same things with the same types. The comments on the fields are the
//! documentation of the settings: the JSON Schema carries them into editors.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};

use super::AutoCleanup;
use super::ca::Ca;
use super::duration::Humane;
use super::pattern::Pattern;
use super::propagation::{Propagation, Resolver};
use super::setting::{List, Text};
use super::store::StoreKind;
use super::values::{ChallengeType, Contact, Count, Format, IpVersion, Listen, MacAlgorithm, Proxy};
use crate::hook::{Chaining, Operation};
use crate::key::KeyType;
use crate::vault::Layout;

/// The settings of hydrant. Each is also an environment variable (`jobs` is `HYDRANT_JOBS`), and most are a flag
/// (`--jobs`). Flags come before the environment, that before settings of a certificate, those before the file's other
/// settings. Relative paths are relative to the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping of settings")]
#[schemars(title = "hydrant.yml")]
pub struct Settings {
    /// The certification authority: `letsencrypt`, `letsencrypt-staging`, `zerossl`, `buypass`, `buypass-test`,
    /// `google`, `google-test`, or the URL of an ACME directory. Default: `letsencrypt`.
    pub ca: Option<Text<Ca>>,
    /// The CA that takes its place with `staging` and in a dry run, for a CA whose staging twin hydrant does not know.
    pub staging_ca: Option<Text<Ca>>,
    /// Use the CA's staging twin, and directories of their own for what it issues: `-staging` is appended to the names
    /// of `certs_dir`, `alpn_dir`, and `state_dir`. Default: `false`, or `true` when `ca` is a staging CA.
    pub staging: Option<Text<bool>>,
    /// PEM files with roots that the CA's own TLS certificate may chain to, besides the system's.
    pub ca_roots: Option<List<PathBuf>>,
    /// Trust only `ca_roots`, not the system's roots. Default: `false`.
    pub ca_roots_only: Option<Text<bool>>,
    /// Do not verify the CA's TLS certificate at all. For experiments. Default: `false`.
    pub insecure: Option<Text<bool>>,

    /// The CA's terms of service are read and agreed to; needed before the first run can register an account.
    /// Default: `false`.
    pub accept_terms: Option<Text<bool>>,
    /// E-mail addresses the CA may write to.
    pub contacts: Option<List<Text<Contact>>>,
    /// Binds the ACME account to one that the CA keeps elsewhere.
    pub external_account: Option<ExternalAccount>,
    /// An existing account key to go on with: PEM, or certbot's `private_key.json`.
    pub account_key: Option<PathBuf>,
    /// The type of a new account key. Default: `p256`.
    pub account_key_type: Option<Text<KeyType>>,

    /// The directory below which everything is kept. Default: the directory of this file, else the current directory.
    pub base_dir: Option<PathBuf>,
    /// The list of certificates, or `-` for standard input. Default: `domains.txt` in `base_dir`.
    pub domains: Option<PathBuf>,
    /// What keeps certificates, accounts, and what hydrant remembers: `files`, in the directories below, or `vault`, so
    /// that nothing is left on the disk. Default: `files`.
    pub store: Option<Text<StoreKind>>,
    /// Where things are in Vault or OpenBao, with `store: vault`.
    pub vault: Option<Vault>,
    /// Where certificates and their keys are kept. Default: `certs` in `base_dir`.
    pub certs_dir: Option<PathBuf>,
    /// Where account keys are kept. Default: `accounts` in `base_dir`.
    pub accounts_dir: Option<PathBuf>,
    /// Where certificates that answer tls-alpn-01 are put for a TLS server to find. Default: `alpn-certs` in
    /// `base_dir`.
    pub alpn_dir: Option<PathBuf>,
    /// Where hydrant remembers what it owes. Default: `.hydrant` in `base_dir`.
    pub state_dir: Option<PathBuf>,

    /// How names are proved: `http-01`, `dns-01`, or `tls-alpn-01`; where the CA has them, `dns-account-01`, whose records
    /// belong to one account, or `dns-persist-01`, by a record that stands for good (`hydrant dns persist` prints it) and
    /// by `dns-01` for names that have none yet. Default: `http-01`.
    pub challenge: Option<Text<ChallengeType>>,
    /// The directory a web server hands out as `/.well-known/acme-challenge/`; dehydrated's `WELLKNOWN`.
    pub webroot: Option<PathBuf>,
    /// Answer http-01 ourselves at this address, such as `[::]:80`. A port alone means all addresses.
    pub http_listen: Option<Text<Listen>>,
    /// Answer tls-alpn-01 ourselves at this address, such as `[::]:443`. A port alone means all addresses.
    pub tls_alpn_listen: Option<Text<Listen>>,
    /// The programs that answer challenges and deliver certificates, in the order they are called.
    pub hooks: Option<List<Hook>>,

    /// Whether, before the CA is told to look, a DNS record has to be visible at all name servers of its zone
    /// (`authoritative`), or at `resolvers` (`resolvers`). `authoritative` asks nobody where the hooks announce that they
    /// return only when it is visible. Default: `no`, as under dehydrated, where hooks wait themselves.
    pub propagation: Option<Text<Propagation>>,
    /// How long to wait until a DNS record is visible. Default: `5m`.
    pub propagation_timeout: Option<Text<Humane>>,
    /// The resolvers that are asked which name servers a zone has, and for records with `propagation: resolvers`:
    /// addresses, with a port if it is not 53. Default: the system's.
    pub resolvers: Option<List<Text<Resolver>>>,

    /// The type of certificates' keys: `p256`, `p384`, `p521`, `rsa2048`, `rsa3072`, `rsa4096`, or `rsa8192`.
    /// Default: `p256`.
    pub key_type: Option<Text<KeyType>>,
    /// Keep a certificate's key when it is renewed. Default: `false`.
    pub reuse_key: Option<Text<bool>>,
    /// Have the key of the next certificate ready while this one is in use, so that it can be announced beforehand; it is
    /// beside the key as `privkey.roll.pem`. Default: `false`.
    pub key_rollover: Option<Text<bool>>,
    /// Ask for the TLS feature extension (OCSP must-staple). Let's Encrypt no longer issues it. Default: `false`.
    pub must_staple: Option<Text<bool>>,
    /// The certificate profile to ask for, of those that the CA offers. Default: the CA's choice.
    pub profile: Option<String>,
    /// Prefer the chain that ends at an issuer with this common name. Default: the CA's first.
    pub preferred_chain: Option<String>,
    /// Renew this long before the end. Default: when the CA says so, else when a third of the lifetime is left.
    pub renew_before: Option<Text<Humane>>,
    /// How long it is from one run to the next, so that nothing expires in between. Default: learned from the runs.
    pub cadence: Option<Text<Humane>>,
    /// Who a certificate belongs to. Passed on to hooks and reports.
    pub owner: Option<String>,
    /// How long to wait for the CA to issue. Default: `5m`.
    pub order_timeout: Option<Text<Humane>>,
    /// How long to wait for the CA to validate the names of a certificate. Default: `5m`.
    pub validation_timeout: Option<Text<Humane>>,

    /// How many certificates are in work at once. Default: `256`.
    pub jobs: Option<Text<Count>>,
    /// How many requests are with a CA at once. Default: `16`.
    pub in_flight: Option<Text<Count>>,
    /// How long a request may take. Default: `30s`.
    pub request_timeout: Option<Text<Humane>>,
    /// Speak only IPv4 or only IPv6 to the CA: `4` or `6`. Default: both.
    pub ip_version: Option<Text<IpVersion>>,
    /// The proxy to the CA: a URL, `none`, or `environment` for what `HTTPS_PROXY` and the like say.
    /// Default: `environment`.
    pub proxy: Option<Text<Proxy>>,
    /// What is done with superseded files at the end of a run over the whole list: `no` for nothing, `archive` to move
    /// them to `archive` in `base_dir`, or `delete`. Default: `no`.
    pub auto_cleanup: Option<Text<AutoCleanup>>,
    /// What facts are printed as: `text` or `json`. Default: `text`.
    pub format: Option<Text<Format>>,

    /// Settings of single certificates: by name, or by a glob with `*` and `?`. Where several match, a later one comes
    /// before an earlier one, and the name itself before all.
    pub certificates: Option<Certificates>,
}

/// Settings of one certificate, or of those whose names match a glob. Each takes the place of the setting of the same
/// name outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping of settings")]
pub struct Overrides {
    /// The certification authority.
    pub ca: Option<Text<Ca>>,
    /// How names are proved.
    pub challenge: Option<Text<ChallengeType>>,
    /// The directory a web server hands out as `/.well-known/acme-challenge/`.
    pub webroot: Option<PathBuf>,
    /// Whether a DNS record has to be visible before the CA is told to look.
    pub propagation: Option<Text<Propagation>>,
    /// How long to wait until a DNS record is visible.
    pub propagation_timeout: Option<Text<Humane>>,
    /// The hooks this certificate needs, by name, of those under `hooks` outside. Default: all of them.
    pub hooks: Option<List<String>>,
    /// The type of the key.
    pub key_type: Option<Text<KeyType>>,
    /// Keep the key when the certificate is renewed.
    pub reuse_key: Option<Text<bool>>,
    /// Have the next key ready while this one is in use.
    pub key_rollover: Option<Text<bool>>,
    /// Ask for the TLS feature extension.
    pub must_staple: Option<Text<bool>>,
    /// The certificate profile to ask for.
    pub profile: Option<String>,
    /// Prefer the chain that ends at an issuer with this common name.
    pub preferred_chain: Option<String>,
    /// Renew this long before the end.
    pub renew_before: Option<Text<Humane>>,
    /// Who the certificate belongs to.
    pub owner: Option<String>,
    /// How long to wait for the CA to issue.
    pub order_timeout: Option<Text<Humane>>,
    /// How long to wait for the CA to validate the names.
    pub validation_timeout: Option<Text<Humane>>,
}

/// Binds the ACME account to one that the CA keeps elsewhere (RFC 8555 §7.3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping of settings")]
pub struct ExternalAccount {
    /// The key identifier that the CA gave. Default: the environment variable `EAB_KID`.
    pub kid: Option<String>,
    /// The file that holds the MAC key, as the CA gave it (base64url).
    pub hmac_key_file: Option<PathBuf>,
    /// The environment variable that holds the MAC key. Default: `EAB_HMAC_KEY`.
    pub hmac_key_env: Option<String>,
    /// `HS256`, `HS384`, or `HS512`. Default: `HS256`.
    pub algorithm: Option<Text<MacAlgorithm>>,
}

/// Where things are in Vault or OpenBao, and the way there. Everything that Vault's own client and its ways to log in
/// have a variable for (`VAULT_ADDR`, `VAULT_TOKEN`, `VAULT_SECRET_ID` ...) can be such a variable, which comes before
/// what is said here; secrets cannot be said here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a mapping of settings")]
pub struct Vault {
    /// Scheme, host, and port. Default: the environment variable `VAULT_ADDR`.
    pub address: Option<String>,
    /// The namespace. Default: the environment variable `VAULT_NAMESPACE`.
    pub namespace: Option<String>,
    /// A PEM file with the roots of Vault's own certificate. Default: the environment variable `VAULT_CACERT`.
    pub ca: Option<PathBuf>,
    /// How to log in: `token`, `approle`, `jwt`, `kubernetes`, or `none` behind a proxy that does it. Default: the first
    /// for which the environment has what it takes.
    pub auth: Option<String>,
    /// Where the way to log in is mounted. Default: its own name.
    pub auth_path: Option<String>,
    /// The role to log in to with `jwt` or `kubernetes`.
    pub role: Option<String>,
    /// The public half of an AppRole; the other is in `VAULT_SECRET_ID` or the file that `VAULT_SECRET_ID_FILE` names.
    pub role_id: Option<String>,
    /// The KV version 2 mount with the certificates. Default: `secret`.
    pub mount: Option<String>,
    /// The folder in it; `""` for none. A certificate is the secret of its name in there. Default: `certificates`.
    pub prefix: Option<String>,
    /// The KV version 2 mount with accounts and with what hydrant remembers, where no reader of certificates should
    /// reach: keys of certificates to come are in there. Default: `hydrant`.
    pub state_mount: Option<String>,
    /// The folder in it; `""` for none. Default: `hydrant-state`.
    pub state_prefix: Option<String>,
    /// What a certificate's secret holds: `numberly` for `cert`, `chain`, `fullchain`, `key`, `owner`, and `timestamp`;
    /// `lecertvend` for `cert` (the full chain) and `key`; `kubernetes`, `haproxy`, or fields of one's own such as
    /// `crt=fullchain key=key`. Default: `numberly`.
    pub layout: Option<Text<Layout>>,
    /// How long a certificate stays with a run that gives no sign of life before another run takes it over; runs that are
    /// alive renew it in time. Default: `1m`.
    pub lease: Option<Text<Humane>>,
}

/// A program that answers challenges or delivers certificates. One that needs no settings can be written as its path
/// alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Hook(pub HookTable);

/// A program that answers challenges or delivers certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a program or a mapping of settings")]
#[schemars(rename = "Hook")]
pub struct HookTable {
    /// The program: a path, or a bare name that is looked up on `PATH`. It gets no arguments but the operation's.
    pub command: PathBuf,
    /// What `certificates` calls it, and what deliveries to it are recorded under. Default: the program's file name.
    pub name: Option<String>,
    /// What it is called for, such as `deploy_challenge` and `deploy_cert`. Default: everything, or what it announces.
    pub operations: Option<List<Text<Operation>>>,
    /// Variables that it gets on top of hydrant's environment, and no other hook.
    #[schemars(schema_with = "variables_schema")]
    pub env: Option<BTreeMap<String, String>>,
    /// Variables with secrets that it gets although they are withheld from hooks, such as `VAULT_TOKEN`.
    pub pass_env: Option<List<String>>,
    /// The only variables of hydrant's environment that it gets. Default: all.
    pub env_only: Option<List<String>>,
    /// How long one call may take. Default: `10m`.
    pub timeout: Option<Text<Humane>>,
    /// How often a call is repeated when it ends with exit code 75, "try again later". Default: `2`.
    pub retries: Option<Text<u32>>,
    /// How many challenges it gets in one call: `no` for one, `yes` for all of a certificate, `batch` for those of many
    /// certificates. Default: `no`, or what it announces.
    pub chain: Option<Text<Chaining>>,
}

/// `certificates`, in the order they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificates(pub Vec<(Pattern, Overrides)>);

impl Hook {
    /// A hook of which only the program is known.
    #[must_use]
    pub fn program(command: impl Into<PathBuf>) -> Self {
        Self(HookTable { command: command.into(), ..HookTable::default() })
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> String {
        let file_name = || self.0.command.file_name().unwrap_or(self.0.command.as_os_str());
        self.0.name.clone().unwrap_or_else(|| file_name().to_string_lossy().into_owned())
    }
}

impl<'de> Deserialize<'de> for Hook {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ProgramOrTable;

        impl<'de> Visitor<'de> for ProgramOrTable {
            type Value = Hook;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a program or a mapping of settings")
            }

            fn visit_str<E: serde::de::Error>(self, command: &str) -> Result<Hook, E> {
                Ok(Hook::program(command))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Hook, A::Error> {
                HookTable::deserialize(MapAccessDeserializer::new(map)).map(Hook)
            }
        }

        deserializer.deserialize_any(ProgramOrTable)
    }
}

impl JsonSchema for Hook {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HookOrProgram".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<HookTable>();
        json_schema!({ "anyOf": [{ "type": "string" }, table] })
    }
}

/// `TTL: 60` needs no quotes.
fn variables_schema(_: &mut SchemaGenerator) -> Schema {
    let value = json_schema!({ "type": ["string", "number", "boolean"] });
    json_schema!({ "type": ["object", "null"], "additionalProperties": value })
}

impl Serialize for Certificates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (pattern, overrides) in &self.0 {
            map.serialize_entry(pattern.as_str(), overrides)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Certificates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Certificates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping from names or globs to settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Certificates, A::Error> {
                let mut certificates = Vec::new();
                while let Some((Text(pattern), overrides)) = map.next_entry::<_, Option<Overrides>>()? {
                    certificates.push((pattern, overrides.unwrap_or_default()));
                }
                Ok(Certificates(certificates))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

impl JsonSchema for Certificates {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Certificates".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let overrides = generator.subschema_for::<Option<Overrides>>();
        json_schema!({ "type": "object", "additionalProperties": overrides })
    }
}
