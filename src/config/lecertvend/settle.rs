//! From what was typed, what a team has and the certificates there are, to a [`Config`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::place::name_of;
use super::{ACCOUNT_KEY, STATE, TEAM, Team, path_of};
use crate::chain::Leaf;
use crate::cli::lecertvend::Arguments;
use crate::config::ca::Ca;
use crate::config::file::{Settings, Vault};
use crate::config::{
    CertificateSettings, ChallengeType, Config, DomainsSource, ExitCodes, HookSequence, OnFailure, Remarks,
    Resolved, SecretField, StoreKind, VaultSettings,
};
use crate::hook::{HookSettings, Operation};
use crate::identifier::{CertName, Identifier};
use crate::vault::Layout;

/// What a run is made of beside the team and its certificates.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'a> {
    /// What was typed.
    pub arguments: &'a Arguments,
    /// What hydrant's own settings say.
    pub resolved: &'a Resolved,
    /// `HYDRANT_STATE_MOUNT`
    pub state_mount: Option<&'a str>,
}

/// A certificate that is to be there.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The path of its secret in the mount.
    pub path: String,
    /// Its names; not empty.
    pub names: Vec<Identifier>,
    /// What is in the secret now.
    pub leaf: Option<Leaf>,
}

/// Why there is no run on these certificates.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadSettings {
    /// A secret whose name says nothing.
    #[error("`{path}` is no path of a certificate's secret")]
    Name {
        /// Its path.
        path: String,
    },
    /// `-staging` with a CA that has no twin that is known.
    #[error("a staging CA is asked for, and none is known for `{ca}`; HYDRANT_STAGING_CA names it")]
    NoStagingCa {
        /// The CA.
        ca: String,
    },
}

/// The run on certificates of one team. `program` is the team's hook.
///
/// # Errors
/// What was asked for cannot be.
pub fn config(
    basis: Basis<'_>,
    team: &Team,
    program: PathBuf,
    wanted: &[Wanted],
) -> Result<Config, BadSettings> {
    let Basis { arguments, resolved, .. } = basis;
    let mut config = resolved.config.clone();
    config.staging |= arguments.staging;
    config.store = StoreKind::Vault;
    config.vault = vault(basis, team);
    config.account.accept_terms = true;
    if let Some(contact) = &team.contact {
        config.account.contacts = vec![contact.url()];
    }
    config.hook_sequence = HookSequence::Overlapping;
    config.on_failure = OnFailure::GoOn;
    config.backoff = false;
    config.exit_codes = ExitCodes::Lecertvend;
    config.hooks = vec![hook(team, program)];

    let certificates = &mut config.certificates;
    certificates.patterns.clear();
    certificates.above.challenge = None;
    certificates.above.hooks = None;
    certificates.above.ca = None;
    certificates.base.challenge = ChallengeType::dns_01();
    certificates.base.hooks = vec![HOOK.to_owned()];
    certificates.base.ca = ca(resolved, team, config.staging)?;
    let everywhere = config.everywhere();

    let mut lines = String::new();
    for wanted in wanted {
        let bad = || BadSettings::Name { path: wanted.path.clone() };
        let name = name_of(&wanted.path).ok_or_else(bad)?;
        let names: Vec<String> = wanted.names.iter().map(ToString::to_string).collect();
        lines.push_str(&format!("{} > {name}\n", names.join(" ")));
        if path_of(&name) != name.as_str() {
            config.vault.elsewhere.insert(name.clone(), wanted.path.clone());
        }
        settle(&mut config, &everywhere, name, wanted, arguments.min_days);
    }
    config.domains = DomainsSource::Text(lines);
    Ok(config)
}

/// What is said of a certificate that is not renewed by the rule that was typed.
#[must_use]
pub fn renewal_note(basis: Basis<'_>, wanted: &Wanted) -> Option<String> {
    let leaf = wanted.leaf.as_ref()?;
    let is_for_keeps = !basis.resolved.config.staging && !basis.arguments.staging;
    if is_for_keeps && is_for_trial(leaf) {
        return Some(format!("cert in secret {} is from a staging CA, and has to be replaced.", wanted.path));
    }
    let min_days = basis.arguments.min_days?;
    is_too_short(leaf, min_days).then(|| {
        let life = lifetime(leaf);
        let life = if life < days(2) {
            format!("{} hours", life.whole_hours())
        } else {
            format!("{} days", life.whole_days())
        };
        format!(
            "cert in secret {} is valid for {life} in all: not renewed by -mindays {min_days}, but when the CA says so or a \
             third of its life is left (half, if that is under ten days).",
            wanted.path
        )
    })
}

/// What holds for one certificate.
fn settle(
    config: &mut Config,
    everywhere: &CertificateSettings,
    name: CertName,
    wanted: &Wanted,
    min_days: Option<i64>,
) {
    let mut settings = everywhere.clone();
    let is_too_short = |days: &i64| wanted.leaf.as_ref().is_some_and(|leaf| is_too_short(leaf, *days));
    settings.renew_days = min_days.filter(|days| !is_too_short(days));
    let is_for_trial = wanted.leaf.as_ref().map(is_for_trial);
    match (config.staging, is_for_trial) {
        (true, Some(false)) => {
            let refused = Some("a staging certificate does not take the place of one that is not".to_owned());
            config.certificates.remarks.insert(name.clone(), Remarks { refused, ..Remarks::default() });
        }
        // Nobody trusts it, however long it is valid.
        (false, Some(true)) => settings.renew_days = Some(i64::MAX),
        _ => {}
    }
    config.certificates.settled.insert(name, settings);
}

/// Whether it was issued for trying out: <https://letsencrypt.org/docs/staging-environment/>.
fn is_for_trial(leaf: &Leaf) -> bool {
    leaf.issuer.starts_with("(STAGING)")
}

/// Whether so many days would be more than a third of its life.
fn is_too_short(leaf: &Leaf, min_days: i64) -> bool {
    lifetime(leaf) < days(min_days.saturating_mul(3))
}

/// Its whole life: both ends belong to it (RFC 5280 §4.1.2.5).
fn lifetime(leaf: &Leaf) -> time::Duration {
    leaf.not_after - leaf.not_before + time::Duration::SECOND
}

fn days(days: i64) -> time::Duration {
    time::Duration::seconds(days.saturating_mul(24 * 60 * 60))
}

/// The CA: what the settings say, else what the team's secret says.
fn ca(base: &Resolved, team: &Team, staging: bool) -> Result<Ca, BadSettings> {
    let said = said(base, |settings| settings.ca.clone()).map(|ca| ca.0);
    let ca = said.or_else(|| team.ca.clone()).unwrap_or_else(Ca::letsencrypt);
    if !staging {
        return Ok(ca);
    }
    let twin = said_ca_for_trial(base).or_else(|| ca.staging_twin());
    twin.ok_or_else(|| BadSettings::NoStagingCa { ca: ca.to_string() })
}

fn said_ca_for_trial(base: &Resolved) -> Option<Ca> {
    said(base, |settings| settings.staging_ca.clone()).map(|ca| ca.0)
}

/// What the nearest of all settings says.
fn said<T>(base: &Resolved, of: impl Fn(&Settings) -> Option<T>) -> Option<T> {
    base.layers.iter().find_map(|(_, settings)| of(settings))
}

/// Certificates where lecertvend has them, by their whole paths; records beside the team's secret.
fn vault(basis: Basis<'_>, team: &Team) -> VaultSettings {
    let Basis { arguments, resolved, state_mount } = basis;
    let of_vault =
        |of: fn(&Vault) -> Option<String>| said(resolved, |settings| settings.vault.as_ref().and_then(of));
    let state_mount = state_mount.map(str::to_owned).or_else(|| of_vault(|vault| vault.state_mount.clone()));
    let state_prefix = of_vault(|vault| vault.state_prefix.clone());
    VaultSettings {
        mount: arguments.mount.clone(),
        prefix: String::new(),
        state_mount: state_mount.unwrap_or_else(|| arguments.mount.clone()),
        state_prefix: state_prefix.unwrap_or_else(|| format!("{}/{STATE}", team.folder)),
        elsewhere: BTreeMap::new(),
        layout: Layout::lecertvend(),
        account_key: Some(SecretField {
            mount: arguments.mount.clone(),
            path: format!("{}/{TEAM}", team.folder),
            field: ACCOUNT_KEY.to_owned(),
        }),
        // Where whoever moves the records has no say.
        rules: Some(SecretField::rules(&arguments.mount, &format!("{}/{STATE}", team.folder))),
        // Who may read the records may read the certificates' keys as well, and policies of lecertvend's allow no more.
        state_is_apart: false,
        ..resolved.config.vault.clone()
    }
}

fn hook(team: &Team, program: PathBuf) -> HookSettings {
    HookSettings {
        name: HOOK.to_owned(),
        command: program,
        operations: Some(vec![Operation::DeployChallenge, Operation::CleanChallenge]),
        env: BTreeMap::new(),
        secret_env: team.hook.environment.clone(),
        pass_env: Vec::new(),
        env_only: None,
        timeout: HOOK_TIMEOUT,
        retries: HOOK_RETRIES,
        chain: None,
    }
}

/// What the hook is called in messages and records.
const HOOK: &str = "dns";

/// DNS providers take minutes.
const HOOK_TIMEOUT: Duration = Duration::from_mins(10);
const HOOK_RETRIES: u32 = 2;
