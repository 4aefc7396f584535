//! lecertvend's command line.
//!
//! Flags are those of Go programs, which no parser library here reads: one dash or two, `-flag value` or `-flag=value`,
//! and a flag that is yes or no takes a value only behind `=`.

#[cfg(test)]
mod tests;

use std::ffi::OsString;

use thiserror::Error;

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// What to do.
    pub action: Action,
    /// The staging twin of the CA takes its place.
    pub staging: bool,
    /// Renew what is valid for fewer days, if the person says so.
    pub min_days: Option<i64>,
    /// The KV mount.
    pub mount: String,
    /// A zone's folder, or one above those of zones; no slash at its ends.
    pub prefix: String,
}

impl Arguments {
    /// The same without a staging CA.
    #[must_use]
    pub fn new(action: Action, mount: &str, prefix: &str, min_days: Option<i64>) -> Self {
        Self { action, staging: false, min_days, mount: trimmed(mount), prefix: trimmed(prefix) }
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Renew what is due of everything below the prefix.
    Renew,
    /// See to it that one certificate is there.
    Vend {
        /// What its secret is called, in the folder of its zone.
        secret: String,
        /// Its names, relative to the zone; `.` is the zone itself.
        names: Vec<String>,
    },
}

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Work.
    For(Arguments),
    /// The usage text.
    Help,
    /// The version of the program.
    Version,
}

/// Why a command line is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// A value that is none of the flag's.
    #[error("-{flag}: `{value}` is no {kind}")]
    BadValue {
        /// The flag.
        flag: String,
        /// Its value.
        value: String,
        /// What it should be.
        kind: &'static str,
    },
    /// A name between two commas that is empty.
    #[error("-names: there is nothing before, between or behind its commas")]
    EmptyName,
    /// A flag that has to be there.
    #[error("-{0} is missing")]
    Missing(&'static str),
    /// A flag at the end that needs a value.
    #[error("-{0} needs a value")]
    NoValue(String),
    /// Both, or neither.
    #[error("say either -vend or -renew")]
    NotOneAction,
    /// A word that is no flag.
    #[error("`{word}` is no flag{}", if matches!(word.as_str(), "true" | "false") { ": yes and no are written -flag=true and -flag=false" } else { "" })]
    Stray {
        /// The word.
        word: String,
    },
    /// A flag that there is not.
    #[error("there is no flag -{0}")]
    Unknown(String),
}

/// The usage text; `program` is what the person typed to get here.
#[must_use]
pub fn usage(program: &str) -> String {
    USAGE.replace("{program}", program)
}

const USAGE: &str = "\
Usage:
  {program} -vend -mount MOUNT -prefix PREFIX -secret SECRET -names NAMES [-mindays DAYS] [-staging]
  {program} -renew -mount MOUNT -prefix PREFIX [-mindays DAYS] [-staging]

Issues certificates by dns-01 and keeps them in Vault. What it needs to know is in the secret `lecertvend` at the
prefix, or one folder above.

  -vend            see to it that one certificate is there, has these names, and is valid for long enough
  -renew           renew what is due of everything below the prefix
  -mount MOUNT     the mount of the KV engine, version 2
  -prefix PREFIX   the folder of a zone, whose name is the zone's, such as lecertvend/team/example.com; with -renew also
                   a folder above those of zones
  -secret SECRET   with -vend: what the certificate's secret is called, in the folder of the zone
  -names NAMES     with -vend: its names in the zone, with commas between them; . is the zone itself
  -mindays DAYS    renew what is valid for fewer days than this. A certificate whose whole life is shorter than three
                   times as long is renewed as without it: when the CA says so, else when a third of its life is left
  -staging         use the CA's staging twin; what it issues never takes the place of other certificates
  -version         print the version
  -help            print this text

The secret `lecertvend` has these fields:
  cfToken    an API token of Cloudflare for the zones
  contact    the e-mail address of the account at the CA
  leKey      the account's private key, PEM; made when it is missing
  caURL      the CA, if it is not Let's Encrypt: a name that hydrant knows, or the URL of its directory
  dnsHook    the program that answers challenges, if it is not hydrant-hook-cloudflare: a path, or a name such as
             route53; fields named like AWS_ACCESS_KEY_ID are its environment

Vault is reached as by its own client: VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT, VAULT_NAMESPACE and the others. Settings
of hydrant are variables: HYDRANT_CA, HYDRANT_CA_ROOTS, HYDRANT_KEY_TYPE, HYDRANT_STATE_MOUNT and the others.

Exit codes: 0, all is well; 1, it is not.";

impl Asked {
    /// Reads `words`, what follows the program's name.
    ///
    /// # Errors
    /// The first fault from the left, then what is missing.
    pub fn parse(words: &[OsString]) -> Result<Self, Refusal> {
        let mut typed = Typed::default();
        let mut words = words.iter().map(|word| word.to_string_lossy().into_owned());
        while let Some(word) = words.next() {
            let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
                return Err(Refusal::Stray { word });
            };
            let (flag, value) = match flag.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (flag, None),
            };
            match flag {
                "h" | "help" => return Ok(Self::Help),
                "version" => return Ok(Self::Version),
                "" if value.is_none() => return Err(Refusal::Stray { word }),
                flag => typed.flag(flag, value, &mut words)?,
            }
        }
        typed.arguments().map(Self::For)
    }
}

#[derive(Default)]
struct Typed {
    vend: bool,
    renew: bool,
    staging: bool,
    min_days: Option<i64>,
    mount: String,
    prefix: String,
    secret: String,
    names: String,
}

impl Typed {
    fn flag(
        &mut self,
        flag: &str,
        value: Option<String>,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<(), Refusal> {
        let yes_or_no = match flag {
            "vend" => Some(&mut self.vend),
            "renew" => Some(&mut self.renew),
            "staging" => Some(&mut self.staging),
            _ => None,
        };
        if let Some(place) = yes_or_no {
            *place = value.map_or(Ok(true), |value| boolean(flag, value))?;
            return Ok(());
        }
        if !["mindays", "mount", "prefix", "secret", "names"].contains(&flag) {
            return Err(Refusal::Unknown(flag.to_owned()));
        }
        let value = value.or_else(|| rest.next()).ok_or_else(|| Refusal::NoValue(flag.to_owned()))?;
        match flag {
            "mindays" => {
                let days = value.parse().ok();
                let bad = || Refusal::BadValue { flag: flag.to_owned(), value, kind: "number of days" };
                self.min_days = Some(days.ok_or_else(bad)?);
            }
            "mount" => self.mount = value,
            "prefix" => self.prefix = value,
            "secret" => self.secret = value,
            _ => self.names = value,
        }
        Ok(())
    }

    fn arguments(self) -> Result<Arguments, Refusal> {
        if self.vend == self.renew {
            return Err(Refusal::NotOneAction);
        }
        let (mount, prefix) = (trimmed(&self.mount), trimmed(&self.prefix));
        let secret = trimmed(&self.secret);
        let required = [("mount", &mount, true), ("prefix", &prefix, true), ("secret", &secret, self.vend)];
        if let Some((flag, ..)) = required.iter().find(|(_, value, needed)| *needed && value.is_empty()) {
            return Err(Refusal::Missing(flag));
        }
        let action = if self.vend {
            if self.names.trim().is_empty() {
                return Err(Refusal::Missing("names"));
            }
            Action::Vend { secret, names: names(&self.names)? }
        } else {
            Action::Renew
        };
        Ok(Arguments { action, staging: self.staging, min_days: self.min_days, mount, prefix })
    }
}

/// Names with commas between them.
fn names(text: &str) -> Result<Vec<String>, Refusal> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) { Err(Refusal::EmptyName) } else { Ok(names) }
}

/// Slashes at the ends are a matter of taste.
fn trimmed(path: &str) -> String {
    path.trim().trim_matches('/').to_owned()
}

/// As Go's `strconv.ParseBool` reads it.
fn boolean(flag: &str, value: String) -> Result<bool, Refusal> {
    match value.as_str() {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(Refusal::BadValue { flag: flag.to_owned(), value, kind: "yes or no" }),
    }
}
