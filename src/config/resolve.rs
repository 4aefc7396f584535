//! Flags over environment over per-certificate settings over the file over defaults, once.

mod certificates;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::account::{AccountSettings, ExternalAccount, HmacKey};
use super::certificate::replace;
use super::environment::Environment;
use super::file::{self, Settings};
use super::flags;
use super::setting::List;
use super::values::MacAlgorithm;
use super::yaml::Document;
use super::{Config, DomainsSource, StoreKind, VaultSettings};
use crate::cli::hydrant::{Arguments, Command, Options};
use crate::diagnostic::Diagnostic;
use crate::hook::HookSettings;

/// A configuration, and how it came about.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// What the program runs on.
    pub config: Config,
    /// What is worth knowing about it.
    pub warnings: Vec<Diagnostic>,
    /// What was said, and where; the first that says something about a setting is obeyed.
    pub layers: [(Origin, Settings); 3],
}

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A `HYDRANT_*` variable.
    Environment,
    /// The configuration file.
    File(PathBuf),
    /// The command line.
    Flag,
}

/// Reads the file and the environment, and resolves them with the command line.
///
/// # Errors
///
/// All faults of all three, at least one of them an error.
pub fn load(arguments: &Arguments) -> Result<Resolved, Vec<Diagnostic>> {
    load_from(arguments, &USUAL_PLACES)
}

/// The same with a file only where `HYDRANT_CONFIG` or a flag names one.
///
/// # Errors
///
/// As [`load`].
pub fn load_if_named(arguments: &Arguments) -> Result<Resolved, Vec<Diagnostic>> {
    load_from(arguments, &[])
}

fn load_from(arguments: &Arguments, usual_places: &[&str]) -> Result<Resolved, Vec<Diagnostic>> {
    let environment = Environment::of_this_process();
    let current_dir = std::env::current_dir().map_err(|error| {
        vec![Diagnostic::error("config-file", None, format!("cannot tell the current directory: {error}"))]
    })?;
    let text = read_file(&arguments.options, &environment, usual_places).map_err(|fault| vec![fault])?;
    resolve(arguments, &environment, text, &current_dir)
}

/// Resolves a command line, an environment and a file (its path and text). `current_dir` is absolute. No I/O.
///
/// # Errors
///
/// All faults of all three, at least one of them an error.
pub fn resolve(
    arguments: &Arguments,
    environment: &Environment,
    text: Option<(PathBuf, String)>,
    current_dir: &Path,
) -> Result<Resolved, Vec<Diagnostic>> {
    let (environment_settings, mut diagnostics) = environment.read();
    let mut document = None;
    let mut file_settings = Settings::default();
    if let Some((path, text)) = &text {
        match Document::parse(&path.display().to_string(), text) {
            Ok(parsed) => {
                let (settings, faults) = parsed.read::<Settings>();
                file_settings = settings;
                diagnostics.extend(faults);
                document = Some(parsed);
            }
            Err(fault) => diagnostics.push(*fault),
        }
    }
    let path = text.map(|(path, _)| current_dir.join(path));
    // An absolute path has a parent unless it is the root, which is no file.
    let file_dir = path.as_deref().and_then(Path::parent).unwrap_or(current_dir);

    let mut resolver = Resolver {
        flags: flags::settings(&arguments.options).relative_to(current_dir),
        environment: environment_settings.relative_to(current_dir),
        file: file_settings.relative_to(file_dir),
        eab_kid: environment.eab_kid().map(str::to_owned),
        document,
        diagnostics,
    };
    let base_dir = resolver.merged().base_dir.unwrap_or_else(|| file_dir.to_owned());
    let mut config = resolver.config(&base_dir, &arguments.command);
    config.config_path.clone_from(&path);
    if resolver.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(resolver.diagnostics);
    }
    Ok(Resolved {
        config,
        warnings: resolver.diagnostics,
        layers: [
            (Origin::Flag, resolver.flags),
            (Origin::Environment, resolver.environment),
            (Origin::File(path.unwrap_or_default()), resolver.file),
        ],
    })
}

/// The first of `--config`, `HYDRANT_CONFIG` and the usual places that there is.
fn read_file(
    options: &Options,
    environment: &Environment,
    usual_places: &[&str],
) -> Result<Option<(PathBuf, String)>, Diagnostic> {
    let named = options.config.clone().or_else(|| environment.value("config").map(PathBuf::from));
    let (places, must_exist) = match named {
        Some(path) => (vec![path], true),
        None => (usual_places.iter().map(PathBuf::from).collect(), false),
    };
    for path in places {
        // read_to_string's own message for bytes that are no text names neither the file nor the encoding.
        let text = std::fs::read(&path)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8")));
        match text {
            Ok(text) => return Ok(Some((path, text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {}
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", path.display());
                return Err(Diagnostic::error("config-file", None, message));
            }
        }
    }
    Ok(None)
}

struct Resolver {
    flags: Settings,
    environment: Settings,
    file: Settings,
    eab_kid: Option<String>,
    document: Option<Document>,
    diagnostics: Vec<Diagnostic>,
}

impl Resolver {
    fn merged(&self) -> Settings {
        self.flags.clone().or(self.environment.clone()).or(self.file.clone())
    }

    fn config(&mut self, base_dir: &Path, command: &Command) -> Config {
        let merged = self.merged();
        let mut config = Config::in_directory(base_dir);
        if let Command::Run(run) = command {
            config.dry_run = run.dry_run;
            config.backoff = !run.ignore_backoff;
        }
        replace(&mut config.store, merged.store.as_ref().map(|store| store.0));
        config.vault = VaultSettings::of(merged.vault.clone().unwrap_or_default());
        self.check_vault(&config);
        replace(&mut config.certs_dir, merged.certs_dir.clone());
        replace(&mut config.accounts_dir, merged.accounts_dir.clone());
        replace(&mut config.alpn_dir, merged.alpn_dir.clone());
        replace(&mut config.state_dir, merged.state_dir.clone());
        replace(&mut config.domains, merged.domains.clone().map(DomainsSource::from_path));
        replace(&mut config.jobs, merged.jobs.as_ref().map(|jobs| jobs.0.0.get()));
        replace(&mut config.cadence, merged.cadence.as_ref().map(|cadence| Some(cadence.0.get())));
        if let Some(List(resolvers)) = &merged.resolvers {
            config.resolvers = resolvers.iter().map(|resolver| resolver.0.0).collect();
        }
        replace(&mut config.auto_cleanup, merged.auto_cleanup.as_ref().map(|cleanup| cleanup.0));
        replace(&mut config.format, merged.format.as_ref().map(|format| format.0));
        self.network(&mut config, &merged);
        config.account = self.account(&merged);
        config.hooks = self.hooks();
        self.certificates(&mut config, &merged);
        config.tenants = merged.tenants.map(|tenants| tenants.0);
        config
    }

    fn network(&mut self, config: &mut Config, merged: &Settings) {
        let network = &mut config.network;
        replace(&mut network.roots, merged.ca_roots.clone().map(|roots| roots.0));
        replace(&mut network.roots_only, merged.ca_roots_only.as_ref().map(|only| only.0));
        replace(&mut network.insecure, merged.insecure.as_ref().map(|insecure| insecure.0));
        replace(&mut network.family, merged.ip_version.as_ref().map(|version| Some(version.0)));
        replace(&mut network.proxy, merged.proxy.clone().map(|proxy| proxy.0));
        replace(&mut network.in_flight, merged.in_flight.as_ref().map(|count| count.0.0.get()));
        let timeout = merged.request_timeout.as_ref().map(|timeout| timeout.0.get());
        replace(&mut network.request_timeout, timeout);
        if network.roots_only && network.roots.is_empty() {
            let nothing = "`ca_roots_only` leaves no root to trust: `ca_roots` is not set";
            self.error("ca-roots", &["ca_roots_only"], nothing);
        }
    }

    fn check_vault(&mut self, config: &Config) {
        if config.store != StoreKind::Vault {
            return;
        }
        if !config.vault.layout.is_readable() {
            let message = "`vault`: `layout` has no field for the whole chain or for the key, so that it could not be read again";
            self.error("vault-layout", &["vault", "layout"], message);
        }
        if config.vault.state_is_among_certificates() {
            let span = self.document.as_ref().and_then(|document| document.span(&["vault", "state_prefix"]));
            let message = "`vault`: who may read all certificates may read the keys of those to come as well";
            self.diagnostics.push(Diagnostic::warning("vault-state", span, message).with_help(
                "set `state_mount` to another mount, or `state_prefix` to a folder outside `prefix`",
            ));
        }
    }

    fn account(&mut self, merged: &Settings) -> AccountSettings {
        let mut account = AccountSettings::default();
        replace(&mut account.accept_terms, merged.accept_terms.as_ref().map(|accept| accept.0));
        if let Some(contacts) = &merged.contacts {
            account.contacts = contacts.0.iter().map(|contact| contact.0.url()).collect();
        }
        account.key_file.clone_from(&merged.account_key);
        replace(&mut account.key_type, merged.account_key_type.as_ref().map(|kind| kind.0));
        account.external_account = self.external_account(merged.external_account.clone());
        account
    }

    fn external_account(&mut self, said: Option<file::ExternalAccount>) -> Option<ExternalAccount> {
        if said.is_none() && self.eab_kid.is_none() {
            return None;
        }
        let said = said.unwrap_or_default();
        let Some(kid) = said.kid.or_else(|| self.eab_kid.clone()) else {
            self.error("external-account", &["external_account"], "`external_account` has no `kid`");
            return None;
        };
        let key = match (said.hmac_key_file, said.hmac_key_env) {
            (Some(_), Some(_)) => {
                let both = "`external_account` has both `hmac_key_file` and `hmac_key_env`";
                self.error("external-account", &["external_account"], both);
                return None;
            }
            (Some(path), None) => HmacKey::File(path),
            (None, Some(name)) => HmacKey::Environment(name),
            (None, None) => HmacKey::Environment("EAB_HMAC_KEY".to_owned()),
        };
        let algorithm = said.algorithm.map_or(MacAlgorithm::Hs256, |algorithm| algorithm.0);
        Some(ExternalAccount { kid, key, algorithm })
    }

    /// The hooks of the nearest layer that has any. A flag or variable may name one that the file defines.
    fn hooks(&mut self) -> Vec<HookSettings> {
        let defined = self.file.hooks.clone().map(|hooks| hooks.0).unwrap_or_default();
        let hooks = match self.forced_hooks() {
            None => defined,
            Some(forced) => {
                let by_name = |hook: file::Hook| {
                    let same = |known: &&file::Hook| Path::new(&known.name()) == hook.0.command;
                    defined.iter().find(same).cloned().unwrap_or(hook)
                };
                forced.0.into_iter().map(by_name).collect()
            }
        };
        let mut names = BTreeSet::new();
        for hook in &hooks {
            if !names.insert(hook.name()) {
                let twice = format!("two hooks are called `{}`", hook.name());
                self.error("hook-name", &["hooks"], &twice);
                self.help("give each its own `name`");
            }
        }
        hooks.into_iter().map(hook_settings).collect()
    }

    fn forced_hooks(&self) -> Option<List<file::Hook>> {
        self.flags.hooks.clone().or(self.environment.hooks.clone())
    }

    /// An error about the value of `keys`, if that is in the file.
    fn error(&mut self, rule: &'static str, keys: &[&str], message: &str) {
        let span = self.document.as_ref().and_then(|document| document.span(keys));
        self.diagnostics.push(Diagnostic::error(rule, span, message));
    }

    /// What to do about the last error.
    fn help(&mut self, help: &str) {
        if let Some(last) = self.diagnostics.last_mut() {
            last.help = Some(help.to_owned());
        }
    }
}

impl DomainsSource {
    fn from_path(path: PathBuf) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::Path(path) }
    }
}

fn hook_settings(hook: file::Hook) -> HookSettings {
    let name = hook.name();
    let hook = hook.0;
    HookSettings {
        name,
        command: hook.command,
        operations: hook.operations.map(|list| list.0.into_iter().map(|operation| operation.0).collect()),
        env: hook.env.unwrap_or_default(),
        secret_env: BTreeMap::new(),
        pass_env: hook.pass_env.map(|list| list.0).unwrap_or_default(),
        env_only: hook.env_only.map(|list| list.0),
        timeout: hook.timeout.map_or(HOOK_TIMEOUT, |timeout| timeout.0.get()),
        retries: hook.retries.map_or(HOOK_RETRIES, |retries| retries.0),
        chain: hook.chain.map(|chain| chain.0),
    }
}

/// Where a file is looked for that nobody named.
const USUAL_PLACES: [&str; 2] = ["hydrant.yml", "/etc/hydrant/hydrant.yml"];

/// DNS providers take minutes, and hooks wait for them.
const HOOK_TIMEOUT: Duration = Duration::from_mins(10);
const HOOK_RETRIES: u32 = 2;
