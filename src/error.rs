//! How a command fails: kind, cause, hints. And every exit code, documented where it is defined.

use std::fmt;

/// A failure that ends a command, or one certificate's part of a run.
#[derive(Debug)]
pub struct Error {
    /// Whose fault it is, which decides the exit code.
    pub kind: ErrorKind,
    source: Box<dyn std::error::Error + Send + Sync>,
    /// What to do about it, a line each.
    pub hints: Vec<String>,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something declared or typed is wrong: exit code 2.
    Config,
    /// It was tried and did not work: exit code 1.
    Failed,
    /// The CA, the store or the network could not be reached at all: exit code 75.
    Unreachable,
    /// The CA's rate limits hold it back: exit code 5.
    Limited,
    /// A signal ended it.
    Interrupted,
}

impl Error {
    /// An error of `kind` caused by `source`.
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into(), hints: Vec::new() }
    }

    /// [`Error::new`] of [`ErrorKind::Config`].
    pub fn config(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Config, source)
    }

    /// [`Error::new`] of [`ErrorKind::Failed`].
    pub fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Failed, source)
    }

    /// The same, with one more thing to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same, with more things to do about it.
    #[must_use]
    pub fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// The exit code of a command that ends with this.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self.kind {
            ErrorKind::Config => ExitCode::Usage,
            ErrorKind::Failed | ErrorKind::Interrupted => ExitCode::Failed,
            ErrorKind::Unreachable => ExitCode::Unreachable,
            ErrorKind::Limited => ExitCode::Limited,
        }
    }
}

/// The whole chain of causes, outermost first, in one line.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.source.to_string();
        f.write_str(&said)?;
        let mut cause = self.source.source();
        while let Some(next) = cause {
            let text = next.to_string();
            // Some libraries repeat their cause in their own message.
            if !said.contains(&text) {
                write!(f, ": {text}")?;
                said = text;
            }
            cause = next.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// What a run of the program ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: everything is as declared: issued, delivered, clean.
    Success,
    /// 1: at least one certificate was not issued, delivered or cleaned up, or is held back by backoff.
    Failed,
    /// 2: usage or configuration is wrong, or the domains list cannot be read or has no valid line; nothing was
    /// done. For `lint`: an error was found.
    Usage,
    /// 3: `plan --detailed-exitcode`: there are changes to make.
    Changes,
    /// 4: as 1, and a certificate will expire, or has, before hydrant is likely to mend it.
    Danger,
    /// 5: only the CA's limits hold something back, on schedule, with nothing in danger.
    Limited,
    /// 75: the CA, Vault or the network could not be reached at all: try again.
    Unreachable,
    /// 129: interrupted by SIGHUP, after cleaning up.
    HungUp,
    /// 130: interrupted by SIGINT, after cleaning up.
    Interrupted,
    /// 143: interrupted by SIGTERM, after cleaning up.
    Terminated,
    /// What a configuration that is a script ended with itself.
    Script(u8),
}

impl ExitCode {
    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Changes => 3,
            Self::Danger => 4,
            Self::Limited => 5,
            Self::Unreachable => 75,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::Script(code) => code,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}
