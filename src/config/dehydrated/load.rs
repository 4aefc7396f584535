//! From a command line to an installation, in dehydrated's order: defaults, configuration, drop-ins, the account's
//! configuration, command line (contract 1.4).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::account;
use super::bash::State;
use super::evaluator::Evaluator;
use super::overlay::Overlay;
use super::settle;
use super::user;
use super::variables::{DEFAULTS, LETSENCRYPT_V1, PRESETS, WELLKNOWN};
use super::{Installation, LoadError, Loaded, Told, Typed, Variables, curl};
use crate::cli::dehydrated::{Command, Parameters};
use crate::config::Config;
use crate::error::Error;
use crate::hook::HookSettings;
use crate::store::atomic;

/// Evaluates the configuration, and makes the account's directory as dehydrated does. `say` prints a line of stdout,
/// `warn` one of stderr. The process goes to the directory, and takes over the umask, that the configuration chose.
///
/// # Errors
/// Whatever dehydrated would end with.
pub fn load(typed: Typed, say: &dyn Fn(&str), warn: &dyn Fn(&str)) -> Result<Installation, LoadError> {
    let overlay = if typed.only_files { Overlay::default() } else { Overlay::of_this_process()? };
    let evaluator = Evaluator::start(&typed.program, typed.only_files)?;
    let mut loading = Loading {
        typed,
        evaluator,
        overlay,
        state: State::default(),
        hook: String::new(),
        scratch: None,
        say,
        warn,
    };
    match loading.carry_out() {
        Ok(variables) => loading.installation(&variables),
        Err(LoadError::Refused { message, .. }) => {
            let told = loading.refused()?;
            Err(LoadError::Refused { message, told })
        }
        Err(error) => Err(error),
    }
}

pub(super) struct Loading<'a> {
    pub(super) typed: Typed,
    pub(super) evaluator: Evaluator,
    pub(super) overlay: Overlay,
    /// As the shell told it last.
    pub(super) state: State,
    /// `HOOK` so far: it is told what ends the run.
    hook: String,
    /// Where programs made of functions are.
    pub(super) scratch: Option<TempDir>,
    pub(super) say: &'a dyn Fn(&str),
    pub(super) warn: &'a dyn Fn(&str),
}

impl Loading<'_> {
    fn carry_out(&mut self) -> Result<Variables, LoadError> {
        self.find_and_source()?;
        self.drop_ins()?;
        if !self.typed.only_files {
            user::change(&self.typed, &self.variables(), self.say)?;
        }

        let mut variables = self.variables();
        self.overlay.apply_to_places(&mut variables);
        let base_dir = variables.value("BASEDIR").as_bytes();
        if base_dir != b"/" && base_dir.ends_with(b"/") {
            let shorter = base_dir[..base_dir.len() - 1].to_vec();
            variables.set("BASEDIR", OsString::from_vec(shorter));
        }
        if !variables.path("BASEDIR").is_dir() {
            return Err(LoadError::refuse(format!("BASEDIR does not exist: {}", variables.text("BASEDIR"))));
        }
        self.choose_ca(&mut variables);
        let make = self.overlay.keeps_files().then_some(0o777 & !self.state.umask);
        let directory = account::directory(&mut variables, make, self.say)?;
        let own = directory.join("config");
        if own.is_file() {
            self.tell_shell(&variables)?;
            self.evaluator.source(&own, false)?;
            self.look()?;
            // What has led to the account stays what it was.
            let mut after = self.variables();
            self.overlay.apply_to_places(&mut after);
            for name in ["CA", "OLDCA", "CAHASH", "ACCOUNTDIR"] {
                after.set(name, variables.value(name));
            }
            variables = after;
        }
        account::files(&mut variables, &directory, self.say)?;
        self.overlay.apply(&mut variables);
        complete(&mut variables);
        apply(&self.typed.parameters, &mut variables);
        self.hook = variables.text("HOOK");
        let parameters = &self.typed.parameters;
        if parameters.force_validation && !parameters.force {
            let why = "Argument --force-validation can only be used in combination with --force (-x)";
            return Err(LoadError::refuse(why));
        }
        if !matches!(self.typed.command, Command::Version)
            && let Err(message) = settle::verify(&variables, &self.typed.command)
        {
            return Err(LoadError::refuse(message));
        }
        Ok(variables)
    }

    /// The configuration file, found as dehydrated finds it, with everything set that it may compute from.
    fn find_and_source(&mut self) -> Result<(), LoadError> {
        let (path, base_dir) = self.find();
        let mut set = |name: &str, value: &OsStr| self.evaluator.set(name, value);
        set("SCRIPTDIR", self.typed.script_dir.as_os_str())?;
        set("BASEDIR", base_dir.as_os_str())?;
        set("COMMAND", OsStr::new(self.typed.command.name()))?;
        if let Some(path) = &path {
            set("CONFIG", path.as_os_str())?;
        }
        for (_, name, url) in PRESETS {
            set(name, OsStr::new(url))?;
        }
        for (name, value) in DEFAULTS {
            set(name, OsStr::new(value))?;
        }
        match &path {
            None if self.typed.only_files => {
                return Err(LoadError::refuse(
                    "there is no configuration of dehydrated: name it with --config",
                ));
            }
            None => {
                (self.warn)("#");
                (self.warn)("# !! WARNING !! No main config file found, using default config!");
                (self.warn)("#");
            }
            Some(path) if path.is_file() => {
                (self.say)(&format!("# INFO: Using main config file {}", path.display()));
                self.evaluator.set("BASEDIR", directory_of(path).as_os_str())?;
                self.evaluator.source(path, false)?;
            }
            Some(_) => return Err(LoadError::refuse("Specified config file doesn't exist.")),
        }
        self.look()
    }

    /// The file, and what is `BASEDIR` at first.
    fn find(&self) -> (Option<PathBuf>, PathBuf) {
        if let Some(path) = self.typed.parameters.config.as_ref().or(self.overlay.config_path()) {
            return (Some(path.into()), self.typed.script_dir.clone());
        }
        let here = std::env::current_dir().unwrap_or_default();
        let places = [
            Path::new("/etc/dehydrated"),
            Path::new("/usr/local/etc/dehydrated"),
            &here,
            &self.typed.script_dir,
        ];
        match places.into_iter().find(|place| place.join("config").is_file()) {
            Some(place) => (Some(place.join("config")), place.to_owned()),
            None => (None, self.typed.script_dir.clone()),
        }
    }

    /// `CONFIG_D/*.sh`, in alphabetical order.
    fn drop_ins(&mut self) -> Result<(), LoadError> {
        let variables = self.variables();
        if variables.is_empty("CONFIG_D") {
            return Ok(());
        }
        let directory = variables.path("CONFIG_D");
        if !directory.is_dir() {
            let why = format!(
                "The path {} specified for CONFIG_D does not point to a directory.",
                directory.display()
            );
            return Err(LoadError::refuse(why));
        }
        // As under bash, a directory that cannot be listed has nothing in it.
        let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        let mut names: Vec<OsString> = entries.map(|entry| entry.file_name()).collect();
        names.retain(|name| name.as_bytes().ends_with(b".sh") && !name.as_bytes().starts_with(b"."));
        names.sort();
        for name in names {
            let path = directory.join(name);
            if !path.is_file() || std::fs::File::open(&path).is_err() {
                let shown = path.display();
                let why =
                    format!("Specified additional config {shown} is not readable or not a file at all.");
                return Err(LoadError::refuse(why));
            }
            (self.say)(&format!("# INFO: Using additional config file {}", path.display()));
            self.evaluator.source(&path, true)?;
        }
        self.look()
    }

    /// Asks what was set, and goes where the configuration went.
    fn look(&mut self) -> Result<(), LoadError> {
        self.state = self.evaluator.state()?;
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(self.state.umask));
        // A directory that cannot be entered is not the current one.
        let _ = std::env::set_current_dir(&self.state.directory);
        self.hook = self.variables().text("HOOK");
        Ok(())
    }

    pub(super) fn variables(&self) -> Variables {
        Variables(self.state.variables.clone())
    }

    /// `--ca`, then `HYDRANT_CA`, then the configuration; names become URLs.
    fn choose_ca(&self, variables: &mut Variables) {
        if let Some(ca) = self.overlay.ca() {
            variables.set("CA", ca);
        }
        if let Some(ca) = &self.typed.parameters.ca {
            variables.set("CA", ca);
        }
        if let Some((_, _, url)) = PRESETS.iter().find(|(name, _, _)| variables.value("CA") == *name) {
            variables.set("CA", *url);
        }
        if variables.is_empty("OLDCA") && variables.value("CA") == PRESETS[0].2 {
            variables.set("OLDCA", LETSENCRYPT_V1);
        }
    }

    /// Sets in the shell what has changed since it was asked.
    pub(super) fn tell_shell(&mut self, variables: &Variables) -> Result<(), LoadError> {
        for (name, variable) in &variables.0 {
            if self.state.variables.get(name) != Some(variable) {
                self.evaluator.set(name, &variable.value)?;
            }
        }
        Ok(())
    }

    /// The hook that is told why the run ends, if there is one.
    fn refused(&mut self) -> Result<Option<Box<Told>>, LoadError> {
        if self.hook.is_empty() {
            return Ok(None);
        }
        let hook = self.program(&self.hook.clone(), false)?;
        let environment = self.state.environment();
        Ok(Some(Box::new(Told { hook, environment, scratch: self.scratch.take() })))
    }

    /// The hook that `HOOK` means.
    fn program(&mut self, text: &str, chain: bool) -> Result<HookSettings, LoadError> {
        let command = make_program(text, &self.state, &mut self.evaluator, &mut self.scratch)?;
        Ok(settle::hook(text, command, chain))
    }

    fn installation(mut self, variables: &Variables) -> Result<Installation, LoadError> {
        self.tell_shell(variables)?;
        self.state = self.evaluator.state()?;
        let variables = self.variables();
        let mut config = match settle::config(&variables, &self.typed) {
            Ok(config) => config,
            // Showing what is configured needs no sense in it.
            Err(_) if matches!(self.typed.command, Command::Env | Command::Version) => {
                Config::in_directory(&variables.path("BASEDIR"))
            }
            Err(message) => {
                let told = self.refused()?;
                return Err(LoadError::Refused { message, told });
            }
        };
        let hook = self.hook.clone();
        if !hook.is_empty() {
            config.hooks = vec![self.program(&hook, variables.is_yes("HOOK_CHAIN"))?];
            config.hook_sequence = self.overlay.sequence_with_hooks();
        }
        config.certificates.base.hooks = config.hooks.iter().map(|hook| hook.name.clone()).collect();
        config.environment = Some(self.state.environment());
        config.umask = self.state.umask;
        self.overlay.apply_to_config(&mut config);
        let mut warnings = settle::warnings(&variables);
        let unknown = curl::apply(&variables.text("CURL_OPTS"), &mut config.network);
        if !unknown.is_empty() {
            warnings.push(format!("CURL_OPTS: these options mean nothing here: {}", unknown.join(" ")));
        }
        self.overlay.apply_to_network(&mut config.network);
        let path = |name: &str| variables.path(name);
        Ok(Installation {
            account_key: path("ACCOUNT_KEY"),
            account_key_json: path("ACCOUNT_KEY_JSON"),
            account_id_json: path("ACCOUNT_ID_JSON"),
            chain_cache: path("CHAINCACHE"),
            config,
            command: self.typed.command.clone(),
            parameters: self.typed.parameters.clone(),
            variables,
            warnings,
            with_hooks: self.overlay.sequence_with_hooks(),
            shell: Loaded(self.evaluator),
            state: self.state,
            scratch: self.scratch,
        })
    }
}

/// The program that `hook` means; a function of the configuration is made into one, in a private directory.
pub(super) fn make_program(
    hook: &str,
    state: &State,
    evaluator: &mut Evaluator,
    scratch: &mut Option<TempDir>,
) -> Result<PathBuf, LoadError> {
    if !state.functions.contains(hook) {
        return Ok(PathBuf::from(hook));
    }
    let directory = match scratch {
        Some(directory) => directory,
        None => scratch.insert(tempfile::Builder::new().prefix("hydrant-").tempdir().map_err(Error::failed)?),
    };
    // Functions may have names that files cannot.
    let number = state.functions.iter().take_while(|function| *function != hook).count();
    let path = directory.path().join(format!("hook-{number}"));
    atomic::write(&path, &evaluator.script(hook)?, 0o700).map_err(Error::failed)?;
    Ok(path)
}

/// What dehydrated fills in behind all configuration.
fn complete(variables: &mut Variables) {
    let below = |variables: &Variables, name: &str| {
        let mut path = variables.value("BASEDIR").to_owned();
        path.push("/");
        path.push(name);
        path
    };
    for (name, file) in [
        ("CERTDIR", "certs"),
        ("ALPNCERTDIR", "alpn-certs"),
        ("CHAINCACHE", "chains"),
        ("DOMAINS_TXT", "domains.txt"),
        ("LOCKFILE", "lock"),
    ] {
        let path = below(variables, file);
        variables.default_to(name, path);
    }
    variables.default_to("WELLKNOWN", WELLKNOWN);
}

/// The command line.
fn apply(parameters: &Parameters, variables: &mut Variables) {
    if let Some(suffix) = &parameters.lock_suffix {
        let mut path = variables.value("LOCKFILE").to_owned();
        path.push("-");
        path.push(suffix);
        variables.set("LOCKFILE", path);
    }
    if parameters.no_lock {
        variables.set("LOCKFILE", "");
    }
    for (name, value) in [
        ("HOOK", &parameters.hook),
        ("DOMAINS_TXT", &parameters.domains_txt),
        ("PREFERRED_CHAIN", &parameters.preferred_chain),
        ("CERTDIR", &parameters.out),
        ("ALPNCERTDIR", &parameters.alpn),
        ("CHALLENGETYPE", &parameters.challenge),
        ("KEY_ALGO", &parameters.algo),
        ("OCSP_MUST_STAPLE", &parameters.ocsp_must_staple),
        ("IP_VERSION", &parameters.ip_version),
        ("ACME_PROFILE", &parameters.acme_profile),
        ("ORDER_TIMEOUT", &parameters.order_timeout),
        ("VALIDATION_TIMEOUT", &parameters.validation_timeout),
        ("KEEP_GOING", &parameters.keep_going),
    ] {
        if let Some(value) = value {
            variables.set(name, value);
        }
    }
}

/// What dirname prints.
fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("/"),
    }
}
