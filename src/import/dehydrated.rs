//! An installation of dehydrated as a `hydrant.yml` that means the same.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::document::Document;
use super::origin::{OF_THE_SHELL, ORIGINS};
use crate::config::account::HmacKey;
use crate::config::certificate::CertificateSettings;
use crate::config::dehydrated::{Installation, PerCertificate, Variables};
use crate::config::duration::Humane;
use crate::config::file::{ExternalAccount, Hook, Overrides, Settings};
use crate::config::setting::{List, Text};
use crate::config::written::said;
use crate::config::{Config, Proxy};
use crate::hook::WITHHELD;
use crate::identifier::CertName;
use crate::key::{bare_url, shown_url};

/// What the installation does not say itself.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// What was read of single certificates, after which the installation's settings of them are settled.
    pub certificates: &'a [PerCertificate],
    /// Hooks of further passes.
    pub more_hooks: &'a [String],
    /// Whether there is an account at the CA.
    pub has_account: bool,
    /// What relative paths are relative to.
    pub current_dir: &'a Path,
    /// The environment before the configuration was read.
    pub environment: &'a [(OsString, OsString)],
}

/// The installation in our words.
#[derive(Debug)]
pub struct Import {
    /// `hydrant.yml`
    pub text: String,
    /// What it says that has no equivalent, a line each.
    pub lost: Vec<String>,
    /// What would be different and must not be, a line each.
    pub changes: Vec<String>,
}

/// Writes it.
#[must_use]
pub fn import(installation: &Installation, surroundings: &Surroundings<'_>) -> Import {
    let mut writer = Writer { installation, surroundings, lost: Vec::new(), changes: Vec::new() };
    let settings = writer.settings();
    let certificates = writer.certificates();
    writer.lost_of_all();
    let text = writer.text(&settings, &certificates);
    Import { text, lost: writer.lost, changes: writer.changes }
}

struct Writer<'a> {
    installation: &'a Installation,
    surroundings: &'a Surroundings<'a>,
    lost: Vec<String>,
    changes: Vec<String>,
}

/// What is said of one certificate, or of all, and where.
struct Single {
    pattern: String,
    overrides: Map<String, Value>,
    from: String,
}

impl Writer<'_> {
    fn config(&self) -> &Config {
        &self.installation.config
    }

    fn variables(&self) -> &Variables {
        &self.installation.variables
    }

    /// What holds for all certificates, as far as it is not the default.
    fn settings(&mut self) -> Map<String, Value> {
        let mut settings = Settings::from(self.config());
        settings.hooks = Some(List(self.hooks()));
        settings.certificates = None;
        settings.external_account = self.external_account();
        let base = &self.config().certificates.base;
        let challenge_needs_files = |settings: &CertificateSettings| settings.challenge.as_str() == "http-01";
        let any_needs_files = std::iter::once(base)
            .chain(self.config().certificates.settled.values())
            .any(challenge_needs_files);
        if !any_needs_files && self.variables().is_default("WELLKNOWN") {
            settings.webroot = None;
        }
        if self.surroundings.has_account {
            settings.account_key_type = None;
        }
        settings.order_timeout = limited(base.order_timeout);
        settings.validation_timeout = limited(base.validation_timeout);
        settings.renew_before = base.renew_days.and_then(|days| self.renew_before(days, "RENEW_DAYS"));

        let usual = said(&Settings::from(&Config::in_directory(&self.config().base_dir)));
        let is_staging = self.config().certificates.base.ca.staging;
        let mut all = said(&settings.relative_to(self.surroundings.current_dir));
        all.retain(|key, value| match key.as_str() {
            // The file may be put anywhere.
            "base_dir" => true,
            // Else its directories would be others.
            "staging" => is_staging,
            _ => usual.get(key) != Some(value),
        });
        all
    }

    fn hooks(&mut self) -> Vec<Hook> {
        let mut hooks: Vec<Hook> = Vec::new();
        for settings in &self.installation.config.hooks {
            let mut hook = Hook::from(settings);
            if self.installation.is_function(settings) {
                let name = &settings.name;
                self.changes
                    .push(format!("hook `{name}` is a function of the configuration, and no program"));
                hook.0.command = PathBuf::from(name);
            }
            hooks.push(hook);
        }
        if let Some(first) = hooks.first().cloned() {
            for text in self.surroundings.more_hooks {
                let mut hook = first.clone();
                hook.0.command = PathBuf::from(text);
                hook.0.name = Some(text.clone());
                hooks.push(hook);
            }
        }
        let withheld: Vec<String> = self.secrets().map(str::to_owned).collect();
        for hook in &mut hooks {
            let name = hook.0.name.take();
            hook.0.name = name.filter(|name| hook.name() != *name);
            hook.0.retries = None;
            hook.0.pass_env = Some(List(withheld.clone()));
            // Hooks read their credentials from the configuration that this variable names: it has to stay bash.
            let path = self.installation.config.config_path.as_ref();
            hook.0.env = path.map(|path| [("CONFIG".to_owned(), path.display().to_string())].into());
        }
        hooks
    }

    /// Secrets that dehydrated's hooks see, and ours only when they are named. Which of them are set is another matter where
    /// the runs are.
    fn secrets(&self) -> impl Iterator<Item = &'static str> {
        let environment = self.config().environment.as_deref().unwrap_or_default();
        // What the configuration does not export no hook sees; from now on the key has to be in the environment.
        let is_hidden = self.has_mac_key() && !environment.iter().any(|(name, _)| name == MAC_KEY);
        WITHHELD.into_iter().filter(move |name| !(is_hidden && *name == MAC_KEY))
    }

    /// Whether the configuration itself holds a MAC key.
    fn has_mac_key(&self) -> bool {
        let external = self.config().account.external_account.as_ref();
        external.is_some_and(|external| matches!(external.key, HmacKey::Given(_)))
    }

    /// The MAC key itself stays where it is.
    fn external_account(&self) -> Option<ExternalAccount> {
        let external = self.config().account.external_account.as_ref()?;
        Some(ExternalAccount {
            kid: Some(external.kid.clone()),
            hmac_key_file: match &external.key {
                HmacKey::File(path) => Some(path.clone()),
                _ => None,
            },
            hmac_key_env: match &external.key {
                HmacKey::File(_) => None,
                HmacKey::Environment(name) => Some(name.clone()),
                HmacKey::Given(_) => Some(MAC_KEY.to_owned()),
            },
            algorithm: None,
        })
    }

    /// A number of days as a duration, which is more than nothing.
    fn renew_before(&mut self, days: i64, what: &str) -> Option<Text<Humane>> {
        let seconds = u64::try_from(days).ok().and_then(|days| days.checked_mul(24 * 60 * 60));
        if days == i64::MAX || days > 0 && seconds.is_none() {
            self.changes.push(format!("{what}: every run renews, for which there is no setting"));
            return None;
        }
        if days < 1 {
            self.lost
                .push(format!("{what}={days}: the latest that can be said is one second before the end"));
        }
        Humane::new(Duration::from_secs(seconds.unwrap_or_default().max(1))).map(Text)
    }

    /// What is said of single certificates.
    fn certificates(&mut self) -> Vec<Single> {
        let mut all = Vec::new();
        let base = &self.installation.config.certificates.base;
        let of_base: Vec<String> = base.hooks.iter().chain(self.surroundings.more_hooks).cloned().collect();
        let own = |hook: &&String| !base.hooks.contains(*hook);
        let settled = &self.installation.config.certificates.settled;
        if settled.values().any(|settings| settings.hooks.iter().any(|hook| own(&hook))) {
            let overrides = Overrides { hooks: Some(List(of_base)), ..Overrides::default() };
            let from = "all but those that have hooks of their own".to_owned();
            all.push(Single { pattern: "*".to_owned(), overrides: said(&overrides), from });
        }
        for file in self.surroundings.certificates {
            if let Some(reason) = &file.refused {
                self.changes.push(format!("{}: {reason}", file.name));
            }
            let shown = file.path.display();
            let lost = file.unsupported.iter();
            self.lost.extend(lost.map(|name| format!("{shown}: {name} cannot be set for one certificate")));
            let Some(settings) = settled.get(&file.name) else { continue };
            let overrides = self.single(&file.name, settings);
            if !overrides.is_empty() {
                let from = file.path.display().to_string();
                all.push(Single { pattern: file.name.to_string(), overrides, from });
            }
        }
        all
    }

    /// In what one certificate differs from all.
    fn single(&mut self, name: &CertName, settings: &CertificateSettings) -> Map<String, Value> {
        let base = &self.installation.config.certificates.base;
        let usual = said(&Overrides::from(base));
        let mut overrides = Overrides::from(settings);
        overrides.order_timeout = limited(settings.order_timeout);
        overrides.validation_timeout = limited(settings.validation_timeout);
        if settings.hooks == base.hooks {
            overrides.hooks = None;
        }
        overrides.renew_before = match (settings.renew_days, base.renew_days) {
            (days, of_all) if days == of_all => None,
            (Some(days), _) => self.renew_before(days, &format!("{name}: RENEW_DAYS")),
            // Nobody can take back what holds for all.
            (None, _) => Some(Text(Humane::seconds(32 * 24 * 60 * 60))),
        };
        let mut lost = |differs: bool, what: &str| {
            if differs {
                self.lost.push(format!("{name}: {what}"));
            }
        };
        lost(settings.profile.is_none() && base.profile.is_some(), "ACME_PROFILE=''");
        lost(settings.preferred_chain.is_none() && base.preferred_chain.is_some(), "PREFERRED_CHAIN=''");
        lost(settings.ocsp != base.ocsp, "OCSP_FETCH, OCSP_DAYS");
        lost(settings.on_failure != base.on_failure, "KEEP_GOING: the others are always gone on with");
        let mut all = said(&overrides);
        all.retain(|key, value| key == "renew_before" || usual.get(key) != Some(value));
        all
    }

    /// What there is no setting for, and somebody chose.
    fn lost_of_all(&mut self) {
        let installation = self.installation;
        let (config, variables) = (&installation.config, &installation.variables);
        let network = &config.network;
        let usual = Config::in_directory(&config.base_dir);
        let base = &config.certificates.base;
        let chosen = |name: &str| !variables.is_default(name) && !variables.is_empty(name);
        let mut lost = installation.warnings.clone();
        let mut add = |is_lost: bool, text: &str| {
            if is_lost {
                lost.push(text.to_owned());
            }
        };
        add(base.ocsp.is_some(), "OCSP_FETCH=yes: no OCSP response is kept");
        add(config.umask != usual.umask, "umask: hydrant writes for its user alone");
        add(network.connect_timeout != usual.network.connect_timeout, "CURL_OPTS: --connect-timeout");
        add(network.no_proxy.is_some(), "CURL_OPTS: --noproxy with hosts; set NO_PROXY");
        add(network.source.is_some(), "CURL_OPTS: --interface");
        add(!network.resolve.is_empty(), "CURL_OPTS: --resolve, --connect-to");
        let has_password = matches!(&network.proxy, Proxy::Url(url) if url.contains('@'));
        add(has_password, "CURL_OPTS: the proxy's password; set HYDRANT_PROXY");
        add(chosen("OPENSSL") || chosen("OPENSSL_CNF"), "OPENSSL, OPENSSL_CNF: openssl is not used");
        let user = chosen("DEHYDRATED_USER") || chosen("DEHYDRATED_GROUP");
        add(user, "DEHYDRATED_USER, DEHYDRATED_GROUP: start hydrant as this user");
        add(
            self.has_mac_key(),
            "EAB_HMAC_KEY: a secret; put it into the environment, or name a file with `hmac_key_file`",
        );
        let exported = self.exported();
        if !exported.is_empty() {
            let names = exported.join(", ");
            lost.push(format!(
                "exported for hooks, and perhaps secret: {names}; put them into the environment"
            ));
        }
        self.lost.extend(lost);
        let ca = base.ca.directory.as_str();
        if bare_url(ca) != ca {
            self.changes.push("CA: the password in it is not written; set HYDRANT_CA".to_owned());
        }
    }

    /// Variables that the configuration exports, for hooks.
    fn exported(&self) -> Vec<String> {
        let environment = self.config().environment.as_deref().unwrap_or_default();
        let is_known =
            |name: &str| OF_THE_SHELL.contains(&name) || name.starts_with("EAB_") || Variables::is_ours(name);
        let is_new = |variable: &&(OsString, OsString)| !self.surroundings.environment.contains(variable);
        let names = environment.iter().filter(is_new).map(|(name, _)| name.to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| !is_known(name)).collect();
        names.sort();
        names
    }

    fn text(&self, settings: &Map<String, Value>, certificates: &[Single]) -> String {
        let mut document = Document::default();
        let config = self.config();
        let path = config.config_path.as_deref().unwrap_or(&config.base_dir).display();
        document.comment(&[
            format!("The installation of dehydrated that `{path}` describes, imported by hydrant."),
            "What is not here is as hydrant has it anyway: `hydrant config show` prints all of it."
                .to_owned(),
        ]);
        document.gap();
        for (key, value) in settings {
            document.setting(key, value, &self.origin(key));
        }
        if !certificates.is_empty() {
            document.heading("certificates");
            for single in certificates {
                document.below(&single.pattern, &Value::Object(single.overrides.clone()), &single.from);
            }
        }
        let mut remarks = Vec::new();
        if !settings.contains_key("renew_before") {
            remarks.push(
                "RENEW_DAYS is 32, as nobody changed it: hydrant renews when the CA says so, else when a third of \
                 the lifetime is left. `renew_before: 32d` would be what dehydrated does.",
            );
        }
        if !self.variables().is_yes("KEEP_GOING") {
            remarks.push("KEEP_GOING: certificates behind one that fails are always gone on with.");
        }
        if !settings.contains_key("order_timeout") || !settings.contains_key("validation_timeout") {
            remarks.push(
                "ORDER_TIMEOUT, VALIDATION_TIMEOUT: where dehydrated waits for ever, 5 minutes are waited.",
            );
        }
        if !config.hooks.is_empty() {
            remarks.push(
                "Certificates are worked on side by side, but calls of one hook never overlap. `jobs: 1` is one \
                 certificate after the other, as under dehydrated.",
            );
        }
        if !config.hooks.is_empty() {
            remarks.push(
                "pass_env: dehydrated's hooks see the whole environment. These secrets hydrant gives only to hooks that \
                 name them: take out what a hook does not need.",
            );
        }
        if !self.surroundings.more_hooks.is_empty() {
            remarks.push(
                "Two passes become one: every hook gets `deploy_cert` for a new certificate, and `unchanged_cert` for \
                 any other.",
            );
        }
        document.comment(&remarks.into_iter().map(str::to_owned).collect::<Vec<_>>());
        if !self.lost.is_empty() {
            let title = "Without an equivalent here:".to_owned();
            let items = self.lost.iter().map(|line| format!("- {line}"));
            document.comment(&std::iter::once(title).chain(items).collect::<Vec<_>>());
        }
        document.into_text()
    }

    /// The variables that a setting comes from.
    fn origin(&self, key: &str) -> String {
        let Some((_, names)) = ORIGINS.iter().find(|(known, _)| *known == key) else {
            return "as under dehydrated".to_owned();
        };
        let shown = |name: &&str| match *name {
            // They may hold passwords.
            "CA" => format!("CA={}", shown_url(&self.variables().text(name)).replace(char::is_control, "?")),
            "CURL_OPTS" | MAC_KEY => (*name).to_owned(),
            name => format!("{name}={}", self.variables().text(name).replace(char::is_control, "?")),
        };
        let said: Vec<&&str> = names.iter().filter(|name| !self.variables().is_default(name)).collect();
        if said.is_empty() {
            let names: Vec<String> = names.iter().take(1).map(shown).collect();
            return format!("{}, dehydrated's default", names.join(", "));
        }
        said.into_iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}

/// The variable of dehydrated's that has the key for external account binding.
const MAC_KEY: &str = "EAB_HMAC_KEY";

/// A limit that somebody set.
fn limited(timeout: Duration) -> Option<Text<Humane>> {
    Some(timeout).filter(|timeout| *timeout < Duration::from_hours(24)).and_then(Humane::new).map(Text)
}
