//! One call of a hook, to and from its arguments.

use thiserror::Error;

use crate::operation::{Operation, PROBE};

/// One call of a hook. Paths are absolute or relative to the hook's working directory, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookCall {
    /// The operation that no hook implements. A hook that knows hydrant answers it with its
    /// [`Capabilities`](crate::Capabilities).
    Probe,
    /// A run begins.
    StartupHook,
    /// Give a CSR in PEM on stdout, or nothing: then hydrant makes key and CSR itself.
    GenerateCsr {
        /// The first name of the certificate.
        domain: String,
        /// The directory in which certificates are kept.
        certdir: String,
        /// All names, the first one included. None is empty or holds a blank.
        names: Vec<String>,
    },
    /// Make these answers visible to the CA. One triple, or as many as the hook may be given at once.
    DeployChallenge(Vec<Triple>),
    /// Take the same answers away. Called whatever became of them, and also for those that were never deployed.
    CleanChallenge(Vec<Triple>),
    /// Tell which values there are at the `_acme-challenge` names of these names, whoever put them there
    /// ([`Listing`](crate::Listing)). Of the names none is a wildcard, and there is at least one. Only for hooks that
    /// announce it.
    ListChallenges(Vec<String>),
    /// The CA refused an answer.
    InvalidChallenge {
        /// The name that failed.
        domain: String,
        /// What the CA said.
        response: String,
    },
    /// New files are on disk; the links still show the old ones.
    SyncCert {
        /// The private key.
        key: String,
        /// The certificate alone.
        cert: String,
        /// The certificate and its chain.
        fullchain: String,
        /// The chain without the certificate.
        chain: String,
        /// The CSR.
        csr: String,
    },
    /// A new certificate is in use: copy it, reload what serves it.
    DeployCert {
        /// The first name of the certificate.
        domain: String,
        /// The private key.
        key: String,
        /// The certificate alone.
        cert: String,
        /// The certificate and its chain.
        fullchain: String,
        /// The chain without the certificate.
        chain: String,
        /// When its issuance began, in seconds since 1970; part of the names of its files.
        timestamp: u64,
    },
    /// A new OCSP response is in use.
    DeployOcsp {
        /// The first name of the certificate.
        domain: String,
        /// The response, DER.
        ocsp: String,
        /// When it was fetched, in seconds since 1970.
        timestamp: u64,
    },
    /// A certificate was looked at and is not due.
    UnchangedCert {
        /// The first name of the certificate.
        domain: String,
        /// The private key.
        key: String,
        /// The certificate alone.
        cert: String,
        /// The certificate and its chain.
        fullchain: String,
        /// The chain without the certificate.
        chain: String,
    },
    /// The CA answered a request with an error.
    RequestFailure {
        /// The HTTP status.
        status: String,
        /// The body of the answer; for `head` its headers.
        body: String,
        /// `get`, `head` or `post`.
        method: String,
        /// The headers of the answer; empty for `head`.
        headers: String,
    },
    /// A run ends.
    ExitHook {
        /// Why it ended early. Empty after an HTTP error, `None` at the normal end.
        error: Option<String>,
    },
    /// An operation that this version does not know. A hook leaves it alone and exits with 0.
    Unknown {
        /// The first argument.
        operation: String,
        /// Those behind it.
        arguments: Vec<String>,
    },
}

/// What a challenge needs: dehydrated's `DOMAIN TOKEN_FILENAME TOKEN_VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Triple {
    /// The name to prove, without `*.`; for an address under tls-alpn-01 its reverse-DNS name.
    pub identifier: String,
    /// The token of the challenge: the name of the file for http-01.
    pub token: String,
    /// dns-01: the content of the TXT record. http-01: the content of the file. tls-alpn-01: the SHA-256 of the key
    /// authorization in lower-case hexadecimal, its bytes separated by colons.
    pub value: String,
}

impl HookCall {
    /// The call this program was started for.
    ///
    /// # Errors
    /// When there is no argument, or too few for the operation.
    pub fn from_env() -> Result<Self, ParseError> {
        Self::parse(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()))
    }

    /// Reads a call from its arguments, the operation first and without the program's name.
    ///
    /// Arguments beyond those of the operation are ignored, so that an added one breaks no hook.
    ///
    /// # Errors
    /// When there is no argument, too few for the operation, or a timestamp that is no number.
    pub fn parse(arguments: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ParseError> {
        let mut rest = arguments.into_iter().map(Into::into);
        let word = rest.next().ok_or(ParseError::NoOperation)?;
        if word == PROBE {
            return Ok(Self::Probe);
        }
        let Ok(operation) = word.parse() else {
            return Ok(Self::Unknown { operation: word, arguments: rest.collect() });
        };
        Arguments { operation, values: rest.collect() }.call()
    }

    /// The arguments of this call, the operation first.
    #[must_use]
    pub fn to_argv(&self) -> Vec<String> {
        let mut argv = vec![self.operation_name().to_owned()];
        match self {
            Self::Probe | Self::StartupHook => {}
            Self::GenerateCsr { domain, certdir, names } => {
                // dehydrated joins the first name, a blank and the rest: a single name ends in a blank.
                let (first, rest) = names.split_first().map_or(("", &[][..]), |(f, r)| (f.as_str(), r));
                argv.extend([domain.clone(), certdir.clone(), format!("{first} {}", rest.join(" "))]);
            }
            Self::DeployChallenge(triples) | Self::CleanChallenge(triples) => {
                for Triple { identifier, token, value } in triples {
                    argv.extend([identifier.clone(), token.clone(), value.clone()]);
                }
            }
            Self::ListChallenges(names) => argv.extend_from_slice(names),
            Self::InvalidChallenge { domain, response } => {
                argv.extend([domain.clone(), response.clone()]);
            }
            Self::SyncCert { key, cert, fullchain, chain, csr } => {
                argv.extend([key, cert, fullchain, chain, csr].map(Clone::clone));
            }
            Self::DeployCert { domain, key, cert, fullchain, chain, timestamp } => {
                argv.extend([domain, key, cert, fullchain, chain].map(Clone::clone));
                argv.push(timestamp.to_string());
            }
            Self::DeployOcsp { domain, ocsp, timestamp } => {
                argv.extend([domain.clone(), ocsp.clone(), timestamp.to_string()]);
            }
            Self::UnchangedCert { domain, key, cert, fullchain, chain } => {
                argv.extend([domain, key, cert, fullchain, chain].map(Clone::clone));
            }
            Self::RequestFailure { status, body, method, headers } => {
                argv.extend([status, body, method, headers].map(Clone::clone));
            }
            Self::ExitHook { error } => argv.extend(error.clone()),
            Self::Unknown { arguments, .. } => argv.extend_from_slice(arguments),
        }
        argv
    }

    /// Which operation this is; `None` for the probe and for unknown ones.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        match self {
            Self::Probe | Self::Unknown { .. } => None,
            Self::StartupHook => Some(Operation::StartupHook),
            Self::GenerateCsr { .. } => Some(Operation::GenerateCsr),
            Self::DeployChallenge(_) => Some(Operation::DeployChallenge),
            Self::CleanChallenge(_) => Some(Operation::CleanChallenge),
            Self::ListChallenges(_) => Some(Operation::ListChallenges),
            Self::InvalidChallenge { .. } => Some(Operation::InvalidChallenge),
            Self::SyncCert { .. } => Some(Operation::SyncCert),
            Self::DeployCert { .. } => Some(Operation::DeployCert),
            Self::DeployOcsp { .. } => Some(Operation::DeployOcsp),
            Self::UnchangedCert { .. } => Some(Operation::UnchangedCert),
            Self::RequestFailure { .. } => Some(Operation::RequestFailure),
            Self::ExitHook { .. } => Some(Operation::ExitHook),
        }
    }

    /// The first argument.
    #[must_use]
    pub fn operation_name(&self) -> &str {
        match self {
            Self::Probe => PROBE,
            Self::Unknown { operation, .. } => operation,
            // Every other variant is an operation.
            _ => self.operation().map_or("", Operation::as_str),
        }
    }
}

/// What stands behind the operation.
struct Arguments {
    operation: Operation,
    values: Vec<String>,
}

impl Arguments {
    fn call(self) -> Result<HookCall, ParseError> {
        Ok(match self.operation {
            Operation::StartupHook => HookCall::StartupHook,
            Operation::GenerateCsr => {
                let [domain, certdir, names] = self.exactly()?;
                let names = names.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect();
                HookCall::GenerateCsr { domain, certdir, names }
            }
            Operation::DeployChallenge => HookCall::DeployChallenge(self.triples()?),
            Operation::CleanChallenge => HookCall::CleanChallenge(self.triples()?),
            Operation::ListChallenges if self.values.is_empty() => {
                return Err(ParseError::TooFewArguments { operation: self.operation, expected: 1, given: 0 });
            }
            Operation::ListChallenges => HookCall::ListChallenges(self.values),
            Operation::InvalidChallenge => {
                let [domain, response] = self.exactly()?;
                HookCall::InvalidChallenge { domain, response }
            }
            Operation::SyncCert => {
                let [key, cert, fullchain, chain, csr] = self.exactly()?;
                HookCall::SyncCert { key, cert, fullchain, chain, csr }
            }
            Operation::DeployCert => {
                let [domain, key, cert, fullchain, chain, timestamp] = self.exactly()?;
                let timestamp = parse_timestamp(timestamp)?;
                HookCall::DeployCert { domain, key, cert, fullchain, chain, timestamp }
            }
            Operation::DeployOcsp => {
                let [domain, ocsp, timestamp] = self.exactly()?;
                HookCall::DeployOcsp { domain, ocsp, timestamp: parse_timestamp(timestamp)? }
            }
            Operation::UnchangedCert => {
                let [domain, key, cert, fullchain, chain] = self.exactly()?;
                HookCall::UnchangedCert { domain, key, cert, fullchain, chain }
            }
            Operation::RequestFailure => {
                let [status, body, method, headers] = self.exactly()?;
                HookCall::RequestFailure { status, body, method, headers }
            }
            Operation::ExitHook => HookCall::ExitHook { error: self.values.into_iter().next() },
        })
    }

    fn exactly<const N: usize>(self) -> Result<[String; N], ParseError> {
        let Self { operation, mut values } = self;
        let given = values.len();
        values.truncate(N);
        values.try_into().map_err(|_| ParseError::TooFewArguments { operation, expected: N, given })
    }

    fn triples(self) -> Result<Vec<Triple>, ParseError> {
        if self.values.is_empty() || !self.values.len().is_multiple_of(3) {
            return Err(ParseError::NotTriples { operation: self.operation, given: self.values.len() });
        }
        let mut values = self.values.into_iter();
        let mut triples = Vec::new();
        while let (Some(identifier), Some(token), Some(value)) = (values.next(), values.next(), values.next())
        {
            triples.push(Triple { identifier, token, value });
        }
        Ok(triples)
    }
}

fn parse_timestamp(text: String) -> Result<u64, ParseError> {
    text.parse().map_err(|_| ParseError::Timestamp { text })
}

/// Why arguments are no call.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParseError {
    /// No argument at all.
    #[error("the first argument, the operation, is missing")]
    NoOperation,
    /// Challenges come in threes, and there is at least one.
    #[error(
        "`{operation}` takes identifier, token and value, once or several times; {given} arguments were given"
    )]
    NotTriples {
        /// The operation.
        operation: Operation,
        /// How many arguments stood behind it.
        given: usize,
    },
    /// A timestamp that is no number.
    #[error("the timestamp `{text}` is not a number of seconds")]
    Timestamp {
        /// What stood there.
        text: String,
    },
    /// Fewer arguments than the operation has.
    #[error("`{operation}` takes {expected} arguments, {given} were given")]
    TooFewArguments {
        /// The operation.
        operation: Operation,
        /// How many it takes.
        expected: usize,
        /// How many stood behind it.
        given: usize,
    },
}

#[cfg(test)]
mod tests;
