//! The files of single certificates (contract 2.2): `DOMAINS_D/NAME`, or `config` in the certificate's directory.

use std::ffi::OsString;
use std::path::PathBuf;

use super::bash::State;
use super::load::make_program;
use super::variables::PER_CERTIFICATE;
use super::{Installation, LoadError, Variable, Variables, settle};
use crate::identifier::CertName;

/// What the file of a single certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerCertificate {
    /// The certificate.
    pub name: CertName,
    /// The file.
    pub path: PathBuf,
    /// What it sets to something else than before, sorted by name.
    pub settings: Vec<(String, String)>,
    /// Other variables that it sets; they cannot be set for one certificate.
    pub unsupported: Vec<String>,
    /// Why the certificate cannot be worked on, if it cannot.
    pub refused: Option<String>,
}

impl PerCertificate {
    /// What is said when the certificate's turn comes, on stdout.
    #[must_use]
    pub fn announcement(&self) -> String {
        let settings = self.settings.iter().map(|(name, value)| format!("\n   + {name} = {value}"));
        " + Using certificate specific config file!".to_owned() + &settings.collect::<String>()
    }

    /// The same on stderr, a line each.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.unsupported
            .iter()
            .map(|name| format!("   ! Setting {name} on a per-certificate base is not (yet) supported"))
    }
}

impl Installation {
    /// Evaluates the files of those certificates that have one, in the order given, and settles what holds for them in
    /// `config.certificates`: it comes before the command line. No file changes what another one finds.
    ///
    /// # Errors
    /// Only when files cannot be evaluated at all. What is wrong with one is in its result.
    pub fn certificates(&mut self, names: &[CertName]) -> Result<Vec<PerCertificate>, LoadError> {
        let mut found = Vec::new();
        for name in names {
            let path = self.file_of(name);
            if path.is_file() {
                found.push(self.certificate(name, path)?);
            }
        }
        Ok(found)
    }

    fn file_of(&self, name: &CertName) -> PathBuf {
        if self.variables.is_empty("DOMAINS_D") {
            self.config.certs_dir.join(name.as_str()).join("config")
        } else {
            self.variables.path("DOMAINS_D").join(name.as_str())
        }
    }

    fn certificate(&mut self, name: &CertName, path: PathBuf) -> Result<PerCertificate, LoadError> {
        let mut said = PerCertificate {
            name: name.clone(),
            path,
            settings: Vec::new(),
            unsupported: Vec::new(),
            refused: None,
        };
        let after = match self.shell.0.certificate(&said.path) {
            // As under dehydrated, such a file says nothing.
            Ok(None) => return Ok(said),
            Ok(Some(after)) => after,
            Err(LoadError::Faults(faults)) => {
                let first = faults.first().map(|fault| fault.message.clone()).unwrap_or_default();
                said.refused = Some(format!("{}: {first}", said.path.display()));
                return Ok(said);
            }
            Err(error) => return Err(error),
        };
        let mut variables = self.variables.clone();
        for (name, value) in changes(&self.state, &after) {
            if PER_CERTIFICATE.contains(&name.as_str()) {
                said.settings.push((name.clone(), value.to_string_lossy().into_owned()));
                variables.set(&name, value);
            } else {
                said.unsupported.push(name);
            }
        }
        if let Err(message) = settle::verify(&variables, &self.command) {
            said.refused = Some(message);
            return Ok(said);
        }
        match settle::certificate(&variables) {
            Ok(mut settings) => {
                settings.hooks = self.hooks_for(&variables)?;
                let base = &self.config.certificates.base;
                settings.owner.clone_from(&base.owner);
                (settings.http_listen, settings.tls_alpn_listen) = (base.http_listen, base.tls_alpn_listen);
                if variables.value("RENEW_DAYS") == self.variables.value("RENEW_DAYS") {
                    settings.renew_before = base.renew_before;
                    settings.renew_days = base.renew_days;
                }
                self.config.certificates.settled.insert(name.clone(), settings);
            }
            Err(message) => said.refused = Some(message),
        }
        Ok(said)
    }

    /// The names of the hooks of a certificate; one that is met for the first time joins `config.hooks`.
    fn hooks_for(&mut self, variables: &Variables) -> Result<Vec<String>, LoadError> {
        let same = |name: &str| variables.value(name) == self.variables.value(name);
        if same("HOOK") && same("HOOK_CHAIN") {
            return Ok(self.config.certificates.base.hooks.clone());
        }
        let hook = variables.text("HOOK");
        if hook.is_empty() {
            return Ok(Vec::new());
        }
        let chain = variables.is_yes("HOOK_CHAIN");
        // A hook is one destination, however many of its challenges go into one call.
        let name = if same("HOOK") {
            format!("{hook} (HOOK_CHAIN={})", variables.text("HOOK_CHAIN"))
        } else {
            hook.clone()
        };
        if self.config.hooks.iter().all(|known| known.name != name) {
            let command = make_program(&hook, &self.state, &mut self.shell.0, &mut self.scratch)?;
            let mut settings = settle::hook(&name, command, chain);
            // The run's beginning and end are the business of the run's hook.
            settings.operations = Some(settle::OF_CERTIFICATES.to_vec());
            self.config.hooks.push(settings);
        }
        Ok(vec![name])
    }
}

/// The variables that differ, sorted by name; what the shell changes by itself left out.
fn changes(before: &State, after: &State) -> Vec<(String, OsString)> {
    let differs = |(name, variable): &(&String, &Variable)| {
        before.variables.get(*name).is_none_or(|known| known.value != variable.value)
            && !OF_THE_SHELL.contains(&name.as_str())
    };
    let changed = after.variables.iter().filter(differs);
    changed.map(|(name, variable)| (name.clone(), variable.value.clone())).collect()
}

const OF_THE_SHELL: [&str; 9] =
    ["BASHOPTS", "BASHPID", "OLDPWD", "OPTARG", "OPTIND", "PWD", "REPLY", "SHELLOPTS", "SHLVL"];
