//! dehydrated's command line.
//!
//! Read by dehydrated's own rules, which no parser library has: an option's value is the next word and cannot begin
//! with a dash, there is no `--name=value`, no bundling and no `--`, and errors are raised from left to right.

mod help;
mod parameters;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use thiserror::Error;

pub use help::help;
pub use parameters::Parameters;

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// What to do; `None` when only parameters were given.
    pub command: Option<Command>,
    /// How.
    pub parameters: Parameters,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `--account`
    Account,
    /// `--cleanup`
    Cleanup,
    /// `--cleanup-delete`
    CleanupDelete,
    /// `--cron`
    Cron,
    /// `--deactivate`
    Deactivate,
    /// `--display-terms`
    DisplayTerms,
    /// `--env`
    Env,
    /// `--help`, or no arguments at all.
    Help,
    /// `--register`
    Register,
    /// `--revoke`
    Revoke(PathBuf),
    /// `--signcsr`
    SignCsr(PathBuf),
    /// `--version`
    Version,
}

/// Why a command line is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// A value that begins with a dash.
    #[error("Invalid argument: {}", .0.display())]
    Dash(OsString),
    /// An option without its value; the help belongs below it.
    #[error("The specified command requires additional parameters. See help:")]
    NoValue,
    /// An option that can be given once, given twice.
    #[error("{0} can only be specified once!")]
    Repeated(&'static str),
    /// A second command.
    #[error("Only one command can be executed at a time. See help (-h) for more information.")]
    SecondCommand,
    /// A word that means nothing; the help belongs below it.
    #[error("Unknown parameter detected: {}", .0.display())]
    Unknown(OsString),
}

impl Refusal {
    /// Whether the help is printed below it.
    #[must_use]
    pub fn shows_help(&self) -> bool {
        matches!(self, Self::NoValue | Self::Unknown(_))
    }
}

impl Command {
    /// What dehydrated calls it in the variable `COMMAND`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Cleanup => "cleanup",
            Self::CleanupDelete => "cleanupdelete",
            Self::Cron => "sign_domains",
            Self::Deactivate => "deactivate",
            Self::DisplayTerms => "terms",
            Self::Env => "env",
            Self::Help => "help",
            Self::Register => "register",
            Self::Revoke(_) => "revoke",
            Self::SignCsr(_) => "sign_csr",
            Self::Version => "version",
        }
    }
}

impl Arguments {
    /// Reads `words`, what follows the program's name, on top of `parameters`, which the environment gave.
    ///
    /// # Errors
    /// The first fault from the left.
    pub fn parse(words: &[OsString], parameters: Parameters) -> Result<Self, Refusal> {
        let mut read = Reader { words: words.iter(), command: None, parameters };
        if matches!(words, [] | [_]) && words.iter().all(|word| word.is_empty()) {
            return Ok(read.help());
        }
        while let Some(word) = read.words.next() {
            if matches!(word.as_bytes(), b"--help" | b"-h") {
                // At once: what follows is not even looked at.
                return Ok(read.help());
            }
            read.word(word)?;
        }
        Ok(Self { command: read.command, parameters: read.parameters })
    }
}

struct Reader<'a> {
    words: std::slice::Iter<'a, OsString>,
    command: Option<Command>,
    parameters: Parameters,
}

impl Reader<'_> {
    fn word(&mut self, word: &OsStr) -> Result<(), Refusal> {
        let unknown = || Refusal::Unknown(word.to_owned());
        match word.to_str().ok_or_else(unknown)? {
            "--account" => self.command(Command::Account)?,
            "--cleanup" | "-gc" => self.command(Command::Cleanup)?,
            "--cleanup-delete" | "-gcd" => self.command(Command::CleanupDelete)?,
            "--cron" | "-c" => self.command(Command::Cron)?,
            "--deactivate" => self.command(Command::Deactivate)?,
            "--display-terms" => self.command(Command::DisplayTerms)?,
            "--env" | "-e" => self.command(Command::Env)?,
            "--register" => self.command(Command::Register)?,
            "--revoke" | "-r" => self.command_with(Command::Revoke)?,
            "--signcsr" | "-s" => self.command_with(Command::SignCsr)?,
            "--version" | "-v" => self.command(Command::Version)?,
            _ => self.parameter(word)?,
        }
        Ok(())
    }

    fn parameter(&mut self, word: &OsStr) -> Result<(), Refusal> {
        let unknown = || Refusal::Unknown(word.to_owned());
        match word.to_str().ok_or_else(unknown)? {
            "--accept-terms" => self.parameters.accept_terms = true,
            "--force" | "-x" => self.parameters.force = true,
            "--force-validation" => self.parameters.force_validation = true,
            "--full-chain" | "-fc" => self.parameters.full_chain = true,
            "--ipv4" | "-4" => self.parameters.ip_version = Some("4".into()),
            "--ipv6" | "-6" => self.parameters.ip_version = Some("6".into()),
            "--keep-going" | "-g" => self.parameters.keep_going = Some("yes".into()),
            "--no-lock" | "-n" => self.parameters.no_lock = true,
            "--ocsp" => self.parameters.ocsp_must_staple = Some("yes".into()),
            "--domain" | "-d" => {
                let more = self.value()?;
                match &mut self.parameters.domain {
                    Some(domain) => {
                        domain.push(" ");
                        domain.push(more);
                    }
                    none => *none = Some(more),
                }
            }
            "--ca" => once("CA", self.value()?, &mut self.parameters.ca)?,
            "--alias" => once("Alias", self.value()?, &mut self.parameters.alias)?,
            "--acme-profile" => self.parameters.acme_profile = Some(self.value()?),
            "--algo" | "-a" => self.parameters.algo = Some(self.value()?),
            "--alpn" => self.parameters.alpn = Some(self.value()?),
            "--challenge" | "-t" => self.parameters.challenge = Some(self.value()?),
            "--config" | "-f" => self.parameters.config = Some(self.value()?),
            "--domains-txt" => self.parameters.domains_txt = Some(self.value()?),
            "--hook" | "-k" => self.parameters.hook = Some(self.value()?),
            "--lock-suffix" => self.parameters.lock_suffix = Some(self.value()?),
            "--order-timeout" => self.parameters.order_timeout = Some(self.value()?),
            "--out" | "-o" => self.parameters.out = Some(self.value()?),
            "--preferred-chain" => self.parameters.preferred_chain = Some(self.value()?),
            "--privkey" | "-p" => self.parameters.privkey = Some(self.value()?),
            "--validation-timeout" => self.parameters.validation_timeout = Some(self.value()?),
            _ => return Err(unknown()),
        }
        Ok(())
    }

    fn command(&mut self, command: Command) -> Result<(), Refusal> {
        match self.command.replace(command) {
            None => Ok(()),
            Some(_) => Err(Refusal::SecondCommand),
        }
    }

    /// That it is a second command is said before that its value is missing.
    fn command_with(&mut self, command: impl FnOnce(PathBuf) -> Command) -> Result<(), Refusal> {
        if self.command.is_some() {
            return Err(Refusal::SecondCommand);
        }
        self.command = Some(command(self.value()?.into()));
        Ok(())
    }

    fn value(&mut self) -> Result<OsString, Refusal> {
        match self.words.next() {
            None => Err(Refusal::NoValue),
            Some(value) if value.is_empty() => Err(Refusal::NoValue),
            Some(value) if value.as_bytes().starts_with(b"-") => Err(Refusal::Dash(value.clone())),
            Some(value) => Ok(value.clone()),
        }
    }

    fn help(self) -> Arguments {
        Arguments { command: Some(Command::Help), parameters: self.parameters }
    }
}

fn once(what: &'static str, value: OsString, place: &mut Option<OsString>) -> Result<(), Refusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Refusal::Repeated(what)),
    }
}
