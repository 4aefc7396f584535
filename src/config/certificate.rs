//! What holds for one certificate.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::OnFailure;
use super::ca::Ca;
use super::file::Overrides;
use super::pattern::Pattern;
use super::propagation::{PROPAGATION_TIMEOUT, Propagation};
use super::values::ChallengeType;
use crate::acme::persist;
use crate::hook::{HookSettings, Operation};
use crate::identifier::CertName;
use crate::key::KeyType;

/// Everything one certificate needs, with all defaults applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSettings {
    /// The certification authority; the staging twin under staging and in a dry run.
    pub ca: Ca,
    /// The type of the key.
    pub key_type: KeyType,
    /// Keep the key when the certificate is renewed.
    pub reuse_key: bool,
    /// Have the next key ready while this one is in use.
    pub key_rollover: bool,
    /// Ask for the TLS feature extension.
    pub must_staple: bool,
    /// The certificate profile to ask for.
    pub profile: Option<String>,
    /// How names are proved.
    pub challenge: ChallengeType,
    /// Who has to see a DNS record before the CA is told to look.
    pub propagation: Propagation,
    /// How long to wait for that.
    pub propagation_timeout: Duration,
    /// The names of the hooks it is given to, of those in `Config::hooks` and in their order.
    pub hooks: Vec<String>,
    /// The common name of the issuer that the chain should end at.
    pub preferred_chain: Option<String>,
    /// Renew this long before the end.
    pub renew_before: Option<Duration>,
    /// Renew when not even this many days are left, which may be negative; comes before `renew_before`, and the CA's
    /// renewal window counts no more.
    pub renew_days: Option<i64>,
    /// Keep an OCSP response beside it.
    pub ocsp: Option<Ocsp>,
    /// What its failure means for those behind it, if not what `Config::on_failure` says.
    pub on_failure: Option<OnFailure>,
    /// Who it belongs to.
    pub owner: Option<String>,
    /// The directory a web server hands out as `/.well-known/acme-challenge/`.
    pub webroot: Option<PathBuf>,
    /// Where to answer http-01 ourselves.
    pub http_listen: Option<SocketAddr>,
    /// Where to answer tls-alpn-01 ourselves.
    pub tls_alpn_listen: Option<SocketAddr>,
    /// How long to wait for the CA to issue.
    pub order_timeout: Duration,
    /// How long to wait for the CA to validate the names.
    pub validation_timeout: Duration,
}

/// How an OCSP response is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ocsp {
    /// A response older than this is fetched anew.
    pub max_age: Duration,
}

/// What is said about certificates, by how near it is to the single one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificates {
    /// What holds where nothing else is said.
    pub base: CertificateSettings,
    /// What the file says about names and globs, in its order.
    pub patterns: Vec<(Pattern, Overrides)>,
    /// What flags and environment say; it holds for all but those that are listed in `settled`.
    pub above: Overrides,
    /// Certificates whose settings are decided already, flags or not.
    pub settled: BTreeMap<CertName, CertificateSettings>,
    /// What is said of single certificates when it is their turn.
    pub remarks: BTreeMap<CertName, Remarks>,
}

/// What is said of a certificate's own settings when it is its turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Worth knowing.
    pub said: Vec<String>,
    /// Worth a warning.
    pub warnings: Vec<String>,
    /// Why it cannot be worked on, if it cannot.
    pub refused: Option<String>,
}

impl CertificateSettings {
    /// How much of its life is left when it is renewed, where the person says so.
    #[must_use]
    pub fn renewal_rule(&self) -> Option<time::Duration> {
        if let Some(days) = self.renew_days {
            return Some(time::Duration::seconds(days.saturating_mul(24 * 60 * 60)));
        }
        self.renew_before.map(|before| before.try_into().unwrap_or(time::Duration::MAX))
    }
}

impl Certificates {
    /// The settings of the certificate `name`.
    #[must_use]
    pub fn settings(&self, name: &CertName) -> CertificateSettings {
        if let Some(settled) = self.settled.get(name) {
            return settled.clone();
        }
        let mut settings = self.base.clone();
        let globs = self.patterns.iter().filter(|(pattern, _)| pattern.matches(name) && !pattern.names(name));
        let named = self.patterns.iter().filter(|(pattern, _)| pattern.names(name));
        for (_, overrides) in globs.chain(named) {
            settings.apply(overrides);
        }
        settings.apply(&self.above);
        settings
    }
}

impl CertificateSettings {
    /// What is on the certificate itself, as one line of text: when it changes, the certificate is not as declared.
    ///
    /// The ledger keeps it, so it must not change from one version to the next.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!(
            "ca={} key_type={} must_staple={} profile={} preferred_chain={}",
            self.ca.directory,
            self.key_type,
            self.must_staple,
            self.profile.as_deref().unwrap_or("-"),
            self.preferred_chain.as_deref().unwrap_or("-"),
        )
    }

    /// The values in such a line, by the names of their settings; `None` for a line of another form.
    #[must_use]
    pub fn read_fingerprint(line: &str) -> Option<[(&'static str, &str); 5]> {
        let (ca, rest) = line.strip_prefix("ca=")?.split_once(" key_type=")?;
        let (key_type, rest) = rest.split_once(" must_staple=")?;
        let (must_staple, rest) = rest.split_once(" profile=")?;
        let (profile, preferred_chain) = rest.split_once(" preferred_chain=")?;
        Some([
            ("ca", ca),
            ("key_type", key_type),
            ("must_staple", must_staple),
            ("profile", profile),
            ("preferred_chain", preferred_chain),
        ])
    }

    /// Whether anything at all would answer its challenges, given all hooks of the run.
    #[must_use]
    pub fn is_answerable(&self, hooks: &[HookSettings]) -> bool {
        let mut chosen = hooks.iter().filter(|hook| self.hooks.contains(&hook.name));
        let answers = |hook: &HookSettings| {
            hook.operations.as_ref().is_none_or(|all| all.contains(&Operation::DeployChallenge))
        };
        let by_hook = chosen.any(answers);
        match self.challenge.as_str() {
            "http-01" => by_hook || self.webroot.is_some() || self.http_listen.is_some(),
            // Files for a TLS server to find are always written; a record that stands for good needs nobody.
            "tls-alpn-01" | persist::TYPE => true,
            _ => by_hook,
        }
    }

    /// Takes over everything that `overrides` says.
    pub(crate) fn apply(&mut self, overrides: &Overrides) {
        // Destructured, so that a new setting cannot be forgotten.
        let Overrides {
            ca,
            challenge,
            webroot,
            propagation,
            propagation_timeout,
            hooks,
            key_type,
            reuse_key,
            key_rollover,
            must_staple,
            profile,
            preferred_chain,
            renew_before,
            owner,
            order_timeout,
            validation_timeout,
        } = overrides;
        replace(&mut self.ca, ca.as_ref().map(|ca| ca.0.clone()));
        replace(&mut self.challenge, challenge.as_ref().map(|challenge| challenge.0.clone()));
        replace(&mut self.webroot, webroot.clone().map(Some));
        replace(&mut self.propagation, propagation.as_ref().map(|propagation| propagation.0));
        replace(&mut self.propagation_timeout, propagation_timeout.as_ref().map(|timeout| timeout.0.get()));
        replace(&mut self.key_type, key_type.as_ref().map(|key_type| key_type.0));
        replace(&mut self.reuse_key, reuse_key.as_ref().map(|reuse| reuse.0));
        replace(&mut self.key_rollover, key_rollover.as_ref().map(|rollover| rollover.0));
        replace(&mut self.must_staple, must_staple.as_ref().map(|must| must.0));
        replace(&mut self.profile, profile.clone().map(Some));
        replace(&mut self.preferred_chain, preferred_chain.clone().map(Some));
        replace(&mut self.renew_before, renew_before.as_ref().map(|before| Some(before.0.get())));
        replace(&mut self.owner, owner.clone().map(Some));
        replace(&mut self.order_timeout, order_timeout.as_ref().map(|timeout| timeout.0.get()));
        replace(&mut self.validation_timeout, validation_timeout.as_ref().map(|timeout| timeout.0.get()));
        replace(&mut self.hooks, hooks.as_ref().map(|hooks| hooks.0.clone()));
    }
}

impl Default for CertificateSettings {
    fn default() -> Self {
        Self {
            ca: Ca::letsencrypt(),
            key_type: KeyType::P256,
            reuse_key: false,
            key_rollover: false,
            must_staple: false,
            profile: None,
            challenge: ChallengeType::http_01(),
            propagation: Propagation::No,
            propagation_timeout: PROPAGATION_TIMEOUT,
            hooks: Vec::new(),
            preferred_chain: None,
            renew_before: None,
            renew_days: None,
            ocsp: None,
            on_failure: None,
            owner: None,
            webroot: None,
            http_listen: None,
            tls_alpn_listen: None,
            order_timeout: Duration::from_mins(5),
            validation_timeout: Duration::from_mins(5),
        }
    }
}

/// Puts `said` in the place of `value`, if anything was said.
pub(super) fn replace<T>(value: &mut T, said: Option<T>) {
    if let Some(said) = said {
        *value = said;
    }
}
