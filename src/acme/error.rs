//! How a conversation with a CA fails.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use super::roots::BadRoots;
use super::transport::Reply;
use super::{Problem, ServerUrl};
use crate::key::KeyError;

/// Why something could not be had from a CA.
#[derive(Debug, Error)]
pub enum Error {
    /// The request asks for a certificate with the account's own key, which RFC 8555 §11.1 forbids.
    #[error("the CSR is for the key of the account")]
    AccountKeyInCsr,
    /// The proxy's URL is none.
    #[error("the proxy's URL cannot be used: {}", innermost(cause))]
    BadProxy {
        /// What the HTTP library says.
        cause: reqwest::Error,
    },
    /// A file with roots holds none, or is damaged.
    #[error("the roots in `{}` cannot be used: {cause}", path.display())]
    BadRoots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: BadRoots,
    },
    /// It did not come to pass in the time there was for it.
    #[error("{what} within {after:?}; the order is still {status}")]
    Deadline {
        /// What was waited for, as a clause.
        what: &'static str,
        /// How long was waited.
        after: Duration,
        /// The last status.
        status: &'static str,
    },
    /// The secret for external account binding is no base64url.
    #[error("the HMAC key for external account binding is not base64url")]
    ExternalAccountKey,
    /// Not even asked: the CA wants to be left alone for longer than is waited inside.
    #[error("{why}; the CA is left alone as it asks")]
    HeldBack {
        /// What it said when it asked for that.
        why: String,
        /// How much longer.
        left: Duration,
    },
    /// Our own key cannot be used.
    #[error(transparent)]
    Key(KeyError),
    /// The CA accepted the request, but its answer does not make sense.
    #[error("the CA's answer from {url} cannot be understood: {reason}")]
    Malformed {
        /// What was asked.
        url: ServerUrl,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {}", innermost(cause))]
    NoClient {
        /// What the HTTP library says.
        cause: reqwest::Error,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {cause}")]
    NoTls {
        /// What the TLS library says.
        cause: rustls::Error,
    },
    /// The answer to newNonce has no nonce.
    #[error("the CA gives no nonce at {url}")]
    NoNonce {
        /// The URL of newNonce.
        url: ServerUrl,
    },
    /// The CA does not offer what was asked for.
    #[error("the CA has no `{resource}`")]
    NotOffered {
        /// The member that its directory or an object lacks.
        resource: &'static str,
    },
    /// A body that is no JSON, or no problem document where one is due: from a proxy, or a CA in trouble.
    #[error("HTTP {status} from {url} with {}", if start.is_empty() { "an empty body".to_owned() } else { format!("the body `{start}`") })]
    NotJson {
        /// What was asked.
        url: ServerUrl,
        /// The status.
        status: u16,
        /// The first characters of the body.
        start: String,
        /// When to come back, if it says so.
        retry_after: Option<Duration>,
    },
    /// The CA refuses, and says why.
    #[error("{problem} (HTTP {status})")]
    Problem {
        /// What was asked.
        url: ServerUrl,
        /// The status of the answer.
        status: u16,
        /// What the CA says.
        problem: Box<Problem>,
        /// When to come back, if it says so.
        retry_after: Option<Duration>,
        /// Whether the answer to an earlier try was lost, so that the CA may have done then what it refuses now.
        is_repeated: bool,
    },
    /// The CA sends us elsewhere, where a signed request cannot follow.
    #[error("HTTP {status} from {url}: redirected{}", location.as_ref().map(|url| format!(" to {url}")).unwrap_or_default())]
    Redirected {
        /// What was asked.
        url: ServerUrl,
        /// The status.
        status: u16,
        /// Where to.
        location: Option<ServerUrl>,
    },
    /// No answer.
    #[error("no answer from {url}: {}", innermost(cause))]
    Unreachable {
        /// What was asked.
        url: ServerUrl,
        /// Whether the request may have reached the CA, so that it may have been carried out.
        is_lost: bool,
        /// What the HTTP library says.
        cause: Arc<reqwest::Error>,
    },
}

impl Error {
    /// What the CA says is wrong.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem { problem, .. } => Some(problem),
            _ => None,
        }
    }

    /// When the CA wants to be asked again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } | Self::NotJson { retry_after, .. } => *retry_after,
            Self::HeldBack { left, .. } => Some(*left),
            _ => None,
        }
    }

    /// Whether there was no answer at all: the network, a proxy or the CA is down, or its certificate is not trusted.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Whether a limit of the CA is in the way; [`Self::retry_after`] says until when, if the CA does. A CA that is
    /// overloaded or under maintenance and says when it is back (503 with `Retry-After`) is one too.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        let is_limit = |status: u16, retry_after: Option<Duration>| {
            status == 429 || status == 503 && retry_after.is_some()
        };
        match self {
            Self::Problem { problem, status, retry_after, .. } => {
                problem.is("rateLimited") || is_limit(*status, *retry_after)
            }
            Self::NotJson { status, retry_after, .. } => is_limit(*status, *retry_after),
            Self::HeldBack { .. } => true,
            _ => false,
        }
    }

    /// Whether the CA refuses for a reason that will be there the next time too: the request, and not a limit or a
    /// fault of the CA's.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Problem { status, .. } => (400..500).contains(status) && !self.is_rate_limited(),
            _ => false,
        }
    }

    /// After an order with `replaces`: whether the same order without it may succeed.
    ///
    /// CAs refuse the whole order when they do not like the certificate it replaces, with types that also mean other things
    /// (RFC 9773 §5), or stumble over their own records of it (Pebble does over the serial AF3E7316974D81, whose first
    /// octet in DER is zero); a second order is cheap.
    #[must_use]
    pub fn is_replaces_refused(&self) -> bool {
        const TYPES: [&str; 4] = ["alreadyReplaced", "malformed", "serverInternal", "unauthorized"];
        match self {
            Self::Problem { problem, status, .. } => {
                TYPES.iter().any(|name| problem.is(name)) || matches!(status, 404 | 409)
            }
            _ => false,
        }
    }

    /// Whether the request may have been carried out although it failed.
    pub(crate) fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Unreachable { is_lost, .. } => *is_lost,
            // 503: nothing was done.
            Self::Problem { status, .. } | Self::NotJson { status, .. } => *status >= 500 && *status != 503,
            _ => false,
        }
    }

    /// Whether the CA names `kind` as the type of the problem.
    pub(crate) fn is_problem(&self, kind: &str) -> bool {
        self.problem().is_some_and(|problem| problem.is(kind))
    }

    /// Whether the CA refuses with `kind` what it may have done at an earlier try.
    pub(crate) fn is_refused_repeat(&self, kind: &str) -> bool {
        matches!(self, Self::Problem { problem, is_repeated: true, .. } if problem.is(kind))
    }

    /// What a person may do about it, most useful first.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NoClient { cause } if innermost(cause).contains("No CA certificates") => {
                "there are no CA roots on this machine: install the package ca-certificates, or name a PEM file \
                 with HYDRANT_CA_ROOTS"
            }
            Self::Unreachable { cause, .. } if is_untrusted(cause.as_ref()) => {
                "name the CA's root certificate in a PEM file with HYDRANT_CA_ROOTS"
            }
            Self::Unreachable { cause, .. } if innermost(cause).contains("Network unreachable") => {
                "the CA has no address of the family that -4 or -6 asks for, or this machine has none"
            }
            Self::Problem { problem, .. } => return problem_hint(problem),
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }

    /// What a failed answer amounts to.
    pub(crate) fn of_reply(reply: &Reply, is_repeated: bool) -> Self {
        let (url, status) = (reply.url.clone(), reply.status);
        if (300..400).contains(&status) {
            return Self::Redirected { url, status, location: reply.location() };
        }
        let retry_after = reply.retry_after();
        match Problem::parse(&reply.body) {
            Some(problem) => {
                Self::Problem { url, status, problem: Box::new(problem), retry_after, is_repeated }
            }
            None => Self::not_json(reply),
        }
    }

    /// A body that is something else than what ACME speaks.
    pub(crate) fn not_json(reply: &Reply) -> Self {
        Self::NotJson {
            url: reply.url.clone(),
            status: reply.status,
            start: start_of(&reply.body),
            retry_after: reply.retry_after(),
        }
    }

    pub(crate) fn malformed(url: &ServerUrl, reason: &impl ToString) -> Self {
        Self::Malformed { url: url.clone(), reason: reason.to_string() }
    }
}

fn problem_hint(problem: &Problem) -> Vec<String> {
    let hint = match problem.short_kind() {
        // Boulder and Pebble have no type of its own for that.
        "unauthorized" if problem.detail.contains("deactivated") => {
            "the account is closed for good: remove its directory, or name another CA, to register a new one"
        }
        "accountDoesNotExist" => "the CA does not know this account key: register it first",
        "externalAccountRequired" => {
            "the CA wants external account binding: set the key identifier and HMAC key it gave you"
        }
        "badSignatureAlgorithm" | "badPublicKey" => {
            "the CA does not take this kind of key: choose another key type"
        }
        "invalidProfile" => "the CA lists its profiles in its directory: choose one of them, or none",
        "userActionRequired" => {
            let Some(instance) = &problem.instance else { return Vec::new() };
            return vec![format!("the CA asks you to visit {instance}")];
        }
        _ => return Vec::new(),
    };
    vec![hint.to_owned()]
}

/// The last reason in a chain of errors: the HTTP library says nothing useful in front of it.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = error.to_string();
        source = error.source();
    }
    text
}

/// Whether TLS failed over the CA's certificate.
pub(crate) fn is_untrusted(error: &(dyn StdError + 'static)) -> bool {
    if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
        return true;
    }
    // What an I/O error wraps is not among its sources, and may be an I/O error again.
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.is_some_and(|error| is_untrusted(error)) || error.source().is_some_and(is_untrusted)
}

/// Enough of a body that is no problem document to recognise it, on one line.
pub(crate) fn start_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    let words: Vec<_> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str, status: u16) -> Error {
        Error::Problem {
            url: "https://ca.example/x".parse().unwrap(),
            status,
            problem: Box::new(Problem::parse(body.as_bytes()).unwrap()),
            retry_after: Some(Duration::from_secs(3)),
            is_repeated: false,
        }
    }

    #[test]
    fn says_what_the_ca_said() {
        let error = problem(r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many"}"#, 429);
        assert_eq!(error.to_string(), "rateLimited: too many (HTTP 429)");
        assert!(error.is_rate_limited() && !error.is_unreachable() && !error.is_replaces_refused());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn knows_what_may_succeed_without_replaces() {
        for (body, status, expected) in [
            (r#"{"type":"urn:ietf:params:acme:error:alreadyReplaced"}"#, 409, true),
            (r#"{"type":"urn:ietf:params:acme:error:malformed"}"#, 400, true),
            (r#"{"type":"urn:ietf:params:acme:error:unauthorized"}"#, 403, true),
            (r#"{"type":"urn:ietf:params:acme:error:serverInternal"}"#, 500, true),
            (r#"{"type":"urn:ietf:params:acme:error:rejectedIdentifier"}"#, 400, false),
        ] {
            assert_eq!(problem(body, status).is_replaces_refused(), expected, "{body}");
        }
    }

    #[test]
    fn shows_the_beginning_of_a_page() {
        let page = format!("<html>\r\n\t<b>Bad\u{1b}[31m gateway</b> {}", "x".repeat(1000));
        let start = start_of(page.as_bytes());
        assert!(start.starts_with("<html> <b>Bad [31m gateway</b> xxx"));
        assert_eq!(start.chars().count(), 120);
        assert_eq!(start_of(b""), "");
        assert_eq!(start_of(&[0xff, b'a']), "\u{fffd}a");
    }

    #[test]
    fn is_small_enough_to_be_passed_around() {
        assert!(size_of::<Error>() <= 96);
    }
}
