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
                settings.propagation = base.propagation;
                settings.propagation_timeout = base.propagation_timeout;
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
            self.config.hook_sequence = self.with_hooks;
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

const OF_THE_SHELL: [&str; 11] = [
    "BASHOPTS",
    "BASHPID",
    "DIRSTACK",
    "GROUPS",
    "OLDPWD",
    "OPTARG",
    "OPTIND",
    "PWD",
    "REPLY",
    "SHELLOPTS",
    "SHLVL",
];

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::time::Duration;

    use super::*;
    use crate::cli::dehydrated::{Command, Parameters};
    use crate::config::dehydrated::{Typed, load};
    use crate::config::{Ocsp, OnFailure};
    use crate::hook::Chaining;
    use crate::key::KeyType;

    struct Place {
        directory: tempfile::TempDir,
    }

    impl Place {
        fn new(config: &str) -> Self {
            let place = Self { directory: tempfile::tempdir().unwrap() };
            place.write("config", config);
            place
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn load(&self, parameters: Parameters) -> Installation {
            let config = Some(self.directory.path().join("config").into());
            let typed = Typed {
                program: "dehydrated".into(),
                again: Vec::new(),
                script_dir: "/usr/bin".into(),
                command: Command::Cron,
                parameters: Parameters { config, ..parameters },
                only_files: false,
            };
            load(typed, &|_| {}, &|_| {}).unwrap()
        }
    }

    fn names(names: &[&str]) -> Vec<CertName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn pairs(said: &PerCertificate) -> Vec<(&str, &str)> {
        said.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    const CONFIG: &str = "CHALLENGETYPE=dns-01\nHOOK=/h\nRENEW_DAYS=30\nmine() { :; }\n";

    #[test]
    fn a_certificates_file_comes_before_the_command_line() {
        let place = Place::new(CONFIG);
        place.write(
            "certs/a.example/config",
            "KEY_ALGO=rsa\nKEYSIZE=2048\nRENEW_DAYS=$((RENEW_DAYS + 5))\nHOOK_CHAIN=no\nfalse\nPRIVATE_KEY_ROLLOVER=yes\n",
        );
        place.write("certs/b.example/config", "KEY_ALGO=$KEY_ALGO\n");
        let mut installation =
            place.load(Parameters { algo: Some("prime256v1".into()), ..Parameters::default() });
        let said = installation.certificates(&names(&["a.example", "none.example", "b.example"])).unwrap();
        let changed =
            [("KEYSIZE", "2048"), ("KEY_ALGO", "rsa"), ("PRIVATE_KEY_ROLLOVER", "yes"), ("RENEW_DAYS", "35")];
        assert_eq!(pairs(&said[0]), changed);
        assert_eq!(
            said[0].announcement(),
            " + Using certificate specific config file!\n   + KEYSIZE = 2048\n   + KEY_ALGO = rsa\n   \
             + PRIVATE_KEY_ROLLOVER = yes\n   + RENEW_DAYS = 35"
        );
        assert_eq!(pairs(&said[1]), [], "what is the same is no setting of its own");
        let settings = installation.config.certificate(&names(&["a.example"])[0]);
        assert_eq!(
            (settings.key_type, settings.renew_days, settings.key_rollover),
            (KeyType::Rsa2048, Some(35), true)
        );
        assert_eq!(settings.hooks, ["/h"]);
        let settings = installation.config.certificate(&names(&["none.example"])[0]);
        assert_eq!(
            (settings.key_type, settings.renew_days, settings.key_rollover),
            (KeyType::P256, Some(30), false)
        );
    }

    #[test]
    fn what_cannot_be_set_for_one_certificate_is_named_and_a_bad_value_refuses_it_alone() {
        let place = Place::new(&format!("{CONFIG}DOMAINS_D=$BASEDIR/d\n"));
        place.write("d/a.example", "CA=other\nQUOTE=\"it's\"\nKEEP_GOING=yes\nOCSP_FETCH=yes\ncd /\n");
        place.write("d/b.example", "KEY_ALGO=none\n");
        place.write("d/c.example", "RENEW_DAYS=1\nexit 0\n");
        place.write("d/d.example", "RENEW_DAYS=32\n");
        place.write("certs/e.example/config", "RENEW_DAYS=2\n");
        let mut installation = place.load(Parameters::default());
        let all = names(&["a.example", "b.example", "c.example", "d.example", "e.example"]);
        let said = installation.certificates(&all).unwrap();
        assert_eq!(said.len(), 4, "with DOMAINS_D, files in certificates' directories are of no account");
        assert_eq!(said[0].unsupported, ["CA", "QUOTE"]);
        let settings = installation.config.certificate(&all[0]);
        assert_eq!(settings.on_failure, Some(OnFailure::GoOn));
        assert_eq!(settings.ocsp, Some(Ocsp { max_age: Duration::from_hours(5 * 24) }));
        let refused = "Unknown public key algorithm none... cannot continue.";
        assert_eq!(said[1].refused.as_deref(), Some(refused));
        assert_eq!(pairs(&said[2]), [], "a file that ends the shell says nothing");
        assert_eq!(installation.config.certificate(&all[3]).renew_days, None, "dehydrated's default");
    }

    #[test]
    fn a_certificate_can_have_another_hook() {
        let place = Place::new(CONFIG);
        place.write("certs/a.example/config", "HOOK=/other\n");
        place.write("certs/b.example/config", "HOOK_CHAIN=yes\n");
        place.write("certs/c.example/config", "HOOK=mine\n");
        place.write("certs/d.example/config", "HOOK=\n");
        let mut installation = place.load(Parameters::default());
        let all = names(&["a.example", "b.example", "c.example", "d.example"]);
        let said = installation.certificates(&all).unwrap();
        assert_eq!(
            said[3].refused.as_deref(),
            Some("Challenge type dns-01 needs a hook script for deployment... cannot continue.")
        );
        let hooks: Vec<_> =
            installation.config.hooks.iter().map(|hook| (hook.name.as_str(), hook.chain)).collect();
        let chained = "/h (HOOK_CHAIN=yes)";
        assert_eq!(
            hooks,
            [("/h", None), ("/other", None), (chained, Some(Chaining::Certificate)), ("mine", None)]
        );
        assert_eq!(installation.config.certificate(&all[1]).hooks, [chained]);
        let made = &installation.config.hooks[3].command;
        assert!(made.is_absolute() && made.is_file(), "{}", made.display());
        let made = made.clone();
        drop(installation);
        assert!(!made.exists(), "it is wiped at the end");
    }

    #[test]
    fn thousands_of_files_are_read_by_one_bash() {
        let place = Place::new(&format!("{CONFIG}echo $$ >$BASEDIR/pid\n"));
        let all: Vec<String> = (0..300).map(|number| format!("n{number}.example")).collect();
        for name in &all {
            place.write(&format!("certs/{name}/config"), "WELLKNOWN=/w$$\n");
        }
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let mut installation = place.load(Parameters::default());
        let said = installation.certificates(&names(&all)).unwrap();
        let pid = std::fs::read_to_string(place.directory.path().join("pid")).unwrap();
        let expected = format!("/w{}", pid.trim());
        assert_eq!(said.len(), 300);
        assert!(said.iter().all(|said| pairs(said) == [("WELLKNOWN", expected.as_str())]));
        assert_eq!(installation.variables.value("HOOK"), OsStr::new("/h"));
    }
}
