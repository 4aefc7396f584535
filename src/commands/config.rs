//! `hydrant config check`, `show` and `schema`.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::cli::hydrant::Arguments;
use crate::config::environment::{Environment, variable};
use crate::config::file::{Overrides, Settings};
use crate::config::resolve::Origin;
use crate::config::written::{entry, said};
use crate::config::{self, Format, Resolved};
use crate::diagnostic::Diagnostic;
use crate::error::ExitCode;
use crate::identifier::CertName;
use crate::report::{Reporter, diagnostics};

/// What is wrong with a configuration.
#[derive(Clone, Debug)]
pub struct Checked {
    /// All findings.
    pub diagnostics: Vec<Diagnostic>,
    /// The file, if there is one and it could be used.
    pub path: Option<PathBuf>,
    /// What it says facts are to be printed as.
    pub format: Option<Format>,
}

impl Checked {
    /// Whether a run could start with it.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// One line that says how it went.
    #[must_use]
    pub fn summary(&self) -> String {
        let errors = self.diagnostics.iter().filter(|found| found.is_error()).count();
        let warnings = self.diagnostics.len() - errors;
        let count = |number: usize, word: &str| match number {
            0 => None,
            1 => Some(format!("1 {word}")),
            _ => Some(format!("{number} {word}s")),
        };
        let counts: Vec<String> =
            [count(errors, "error"), count(warnings, "warning")].into_iter().flatten().collect();
        let place = self.path.as_ref().map(|path| format!(": {}", path.display())).unwrap_or_default();
        match (errors, counts.is_empty()) {
            (0, true) => format!("ok{place}"),
            (0, false) => format!("ok, with {}{place}", counts.join(" and ")),
            _ => counts.join(" and "),
        }
    }
}

/// What facts are printed as where the configuration cannot say it: what flag or environment ask for.
#[must_use]
pub fn asked_format(arguments: &Arguments) -> Format {
    let environment = Environment::of_this_process();
    // What is no format is for whoever reads the configuration to say.
    let of_environment = || environment.value("format")?.to_str()?.parse().ok();
    arguments.options.format.or_else(of_environment).unwrap_or(Format::Text)
}

/// Prints what `config check` found.
#[must_use]
pub fn print_check(arguments: &Arguments, reporter: &Reporter) -> ExitCode {
    let checked = check(arguments);
    let code = if checked.is_ok() { ExitCode::Success } else { ExitCode::Usage };
    if reporter.is_json() || checked.format == Some(Format::Json) {
        let findings: Vec<_> = checked.diagnostics.iter().map(diagnostics::to_json).collect();
        reporter.json(&json!({ "version": 1, "path": checked.path, "findings": findings }));
    } else {
        if !checked.diagnostics.is_empty() {
            reporter.aside(&diagnostics::render(&checked.diagnostics, reporter.color()));
        }
        reporter.document(&checked.summary());
    }
    code
}

/// `config check`: reads file, environment and flags.
#[must_use]
pub fn check(arguments: &Arguments) -> Checked {
    match config::load(arguments) {
        Ok(resolved) => examine(resolved),
        Err(diagnostics) => Checked { diagnostics, path: None, format: None },
    }
}

fn examine(resolved: Resolved) -> Checked {
    let mut diagnostics = resolved.warnings;
    let config = resolved.config;
    let base = &config.certificates.base;
    let mut everywhere = base.clone();
    everywhere.apply(&config.certificates.above);
    if !everywhere.is_answerable(&config.hooks) {
        let challenge = everywhere.challenge.as_str();
        let help = match challenge {
            "http-01" => "set `webroot` or `http_listen`, or add a hook",
            _ => "add a hook",
        };
        let message = format!("nothing answers {challenge} challenges");
        diagnostics.push(Diagnostic::warning("unanswered-challenge", None, message).with_help(help));
    }
    Checked { diagnostics, path: config.config_path, format: Some(config.format) }
}

/// `config show`: what is in effect, for all certificates or for one, and where each value comes from.
#[must_use]
pub fn show(resolved: &Resolved, name: Option<&CertName>) -> String {
    let written = match name {
        None => said(&Settings::from(&resolved.config)),
        Some(name) => said(&Overrides::from(&resolved.config.certificate(name))),
    };
    let entries = written.into_iter().map(|(key, value)| {
        let origin = origin(resolved, name, &key);
        (key, value, origin)
    });
    match resolved.config.format {
        Format::Json => {
            let settings: Map<String, Value> = entries
                .map(|(key, value, origin)| (key, json!({ "value": value, "from": origin })))
                .collect();
            format!("{:#}\n", json!({ "version": 1, "settings": settings }))
        }
        Format::Text => entries.map(|(key, value, origin)| entry(&key, &value, &origin)).collect(),
    }
}

/// `config schema`: the JSON Schema of `hydrant.yml`.
#[must_use]
pub fn schema() -> String {
    let schema =
        schemars::generate::SchemaSettings::draft07().into_generator().into_root_schema_for::<Settings>();
    format!("{:#}\n", schema.to_value())
}

/// The first layer that says something about it.
fn origin(resolved: &Resolved, name: Option<&CertName>, key: &str) -> String {
    let [flags, environment, file] = &resolved.layers;
    for (origin, settings) in [flags, environment] {
        if said(settings).contains_key(key) {
            return describe(origin, key);
        }
    }
    if let Some(name) = name {
        let patterns = &resolved.config.certificates.patterns;
        let exact = patterns.iter().filter(|(pattern, _)| pattern.names(name));
        let globs =
            patterns.iter().rev().filter(|(pattern, _)| !pattern.names(name) && pattern.matches(name));
        if let Some((pattern, _)) =
            exact.chain(globs).find(|(_, overrides)| said(overrides).contains_key(key))
        {
            return format!("{}, certificates.\"{pattern}\"", describe(&file.0, key));
        }
    }
    if said(&file.1).contains_key(key) {
        return describe(&file.0, key);
    }
    "default".to_owned()
}

fn describe(origin: &Origin, key: &str) -> String {
    match origin {
        Origin::Environment => variable(&[key]),
        Origin::File(path) => path.display().to_string(),
        Origin::Flag => "command line".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::Path;

    use clap::Parser as _;

    use super::*;
    use crate::config::resolve::resolve;
    use crate::config::yaml::Document;

    const FILE: &str = "
ca: google
contacts: ops@example.org
hooks:
  - {command: /dns.sh, env: {TOKEN: hunter2}}
proxy: http://me:hunter2@proxy.example:3128
certificates:
  a.example: {owner: shop}
  '*': {profile: classic, hooks: []}
";

    fn resolved(flags: &[&str], text: &str) -> Resolved {
        let arguments = Arguments::try_parse_from(["hydrant"].iter().chain(flags)).unwrap();
        let variables = [(OsString::from("HYDRANT_JOBS"), OsString::from("8"))];
        let file = Some((PathBuf::from("/etc/hydrant.yml"), text.to_owned()));
        resolve(&arguments, &Environment::new(variables), file, Path::new("/work")).unwrap()
    }

    #[test]
    fn show_says_what_is_in_effect_and_where_it_comes_from() {
        let shown = show(&resolved(&["--key-type", "p384", "run"], FILE), None);
        for line in [
            "ca: google  # /etc/hydrant.yml",
            "contacts:  # /etc/hydrant.yml\n- ops@example.org",
            "key_type: p384  # command line",
            "jobs: 8  # HYDRANT_JOBS",
            "in_flight: 16  # default",
            "certs_dir: /etc/certs  # default",
            "certificates:  # /etc/hydrant.yml\n  a.example:\n    owner: shop\n",
        ] {
            assert!(shown.contains(line), "{line} is not in:\n{shown}");
        }
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn show_of_one_certificate_says_which_glob_was_obeyed() {
        let name = "a.example".parse().unwrap();
        assert_eq!(
            show(&resolved(&["--key-type", "p384", "run"], FILE), Some(&name)),
            "\
ca: google  # /etc/hydrant.yml
challenge: http-01  # default
propagation: no  # default
propagation_timeout: 5m  # default
hooks: []  # /etc/hydrant.yml, certificates.\"*\"
key_type: p384  # command line
reuse_key: false  # default
key_rollover: false  # default
must_staple: false  # default
profile: classic  # /etc/hydrant.yml, certificates.\"*\"
owner: shop  # /etc/hydrant.yml, certificates.\"a.example\"
order_timeout: 5m  # default
validation_timeout: 5m  # default
"
        );
    }

    #[test]
    fn what_show_prints_means_the_same_when_it_is_read() {
        let first = resolved(&["--key-type", "p384", "run"], crate::config::EXAMPLE);
        let (_, faults) = Document::parse("shown", &show(&first, None)).unwrap().read::<Settings>();
        assert_eq!(faults, []);
        let mut second = resolved(&["run"], &show(&first, None)).config;
        // Their values are hidden.
        for (hook, before) in second.hooks.iter_mut().zip(&first.config.hooks) {
            assert!(hook.env.keys().eq(before.env.keys()));
            hook.env.clone_from(&before.env);
        }
        let name = "legacy.example.org".parse().unwrap();
        assert_eq!(second.certificate(&name), first.config.certificate(&name));
        second.certificates = first.config.certificates.clone();
        assert_eq!(second, first.config);
    }

    #[test]
    fn show_has_a_version_for_machines() {
        let shown = show(&resolved(&["--format", "json", "run"], ""), None);
        let json: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(json["version"], 1);
        assert_eq!(json["settings"]["jobs"], json!({ "value": 8, "from": "HYDRANT_JOBS" }));
    }

    #[test]
    fn check_warns_when_nothing_answers_the_challenges() {
        let checked = examine(resolved(&["run"], ""));
        assert!(checked.is_ok());
        assert_eq!(checked.summary(), "ok, with 1 warning: /etc/hydrant.yml");
        assert_eq!(checked.diagnostics[0].message, "nothing answers http-01 challenges");
        for answered in ["webroot: /www", "http_listen: 80", "hooks: /dns.sh", "challenge: tls-alpn-01"] {
            assert_eq!(examine(resolved(&["run"], answered)).summary(), "ok: /etc/hydrant.yml", "{answered}");
        }
        for not in ["webroot: /www\nchallenge: dns-01", "hooks: [{command: /a, operations: deploy_cert}]"] {
            assert_eq!(examine(resolved(&["run"], not)).diagnostics.len(), 1, "{not}");
        }
    }
}
