//! What an answer of Vault means.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, LOCATION};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::Error;
use super::connection::{Request, Verb};
use crate::acme::{Setback, retry_after, start_of};

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// It may hold a secret.
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Vault's form of an error.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

impl Answer {
    /// The document in it.
    pub(super) fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|_| self.not_vault(path))
    }

    /// The success, or the error that this answer is. A 404 of Vault itself is a success: only who asked knows whether
    /// it means that there is nothing.
    pub(super) fn judged(self, request: &Request<'_>) -> Result<Self, (Error, Setback)> {
        let path = request.path;
        let wait = retry_after(&self.headers, SystemTime::now());
        let message = self.message();
        let said = message.clone().unwrap_or_else(|| start_of(&self.body));
        let (error, setback) = match self.status {
            200 if self.is_json() => return Ok(self),
            204 if !request.has_answer => return Ok(self),
            404 if self.is_nothing(request.verb) => return Ok(self),
            // What came instead of the answer may have been put there by a proxy, after Vault did what it was asked.
            200..=299 => (self.not_vault(path), Setback::Lost { timed_out: false }),
            300..=399 => (self.redirected(), Setback::Busy(None)),
            403 if request.is_login => (self.refused(path, said), Setback::Refused),
            403 => (request.denied(&said), Setback::Refused),
            404 => (not_found(request, message, self.not_vault(path)), Setback::Refused),
            429 => (Error::Throttled { message: said, retry_after: wait }, Setback::Busy(wait)),
            503 if said == "Vault is sealed" => (Error::Sealed, Setback::Busy(wait)),
            // 412: a node has not seen yet what `X-Vault-Index` asks for.
            412 | 503 => (self.unavailable(said, wait), Setback::Busy(wait)),
            500 if PERMANENT.iter().any(|text| said.contains(text)) => {
                (self.refused(path, said), Setback::Refused)
            }
            500 if said.contains(NO_LEADER) => (self.unavailable(said, wait), Setback::Busy(wait)),
            500.. => (self.unavailable(said, wait), Setback::ServerError(wait)),
            _ => (self.refused(path, said), Setback::Refused),
        };
        Err((error, setback))
    }

    /// Vault's way to say that there is nothing: no errors, or the metadata of a deleted version.
    fn is_nothing(&self, verb: Verb) -> bool {
        // To a PATCH, Vault says nothing at all.
        (self.body.is_empty() && verb == Verb::Patch)
            || self.message().is_some_and(|said| said.is_empty())
            || self.is_deleted_version()
    }

    pub(super) fn is_deleted_version(&self) -> bool {
        #[derive(Deserialize)]
        struct Deleted {
            #[allow(dead_code)]
            data: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            #[allow(dead_code)]
            metadata: serde::de::IgnoredAny,
        }
        serde_json::from_slice::<Deleted>(&self.body).is_ok()
    }

    fn is_json(&self) -> bool {
        serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok()
    }

    /// What Vault says, on one line; `None` when that is no document of errors.
    fn message(&self) -> Option<String> {
        let said: Errors = serde_json::from_slice(&self.body).ok()?;
        Some(said.errors.iter().map(|text| one_line(text)).collect::<Vec<_>>().join(", "))
    }

    fn redirected(&self) -> Error {
        let to = self.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        // Which node it is: the path is that of the request.
        let to = to.and_then(|to| Url::parse(to).ok()).map(|to| to.origin().ascii_serialization());
        Error::Redirected { to: to.unwrap_or_else(|| "nowhere".to_owned()) }
    }

    fn refused(&self, path: &str, message: String) -> Error {
        Error::Refused { path: path.to_owned(), status: self.status, message }
    }

    fn unavailable(&self, message: String, retry_after: Option<Duration>) -> Error {
        Error::Unavailable { status: self.status, message, retry_after }
    }

    /// The start of the body is quoted unless this could be a secret in a form that nobody expected.
    pub(super) fn not_vault(&self, path: &str) -> Error {
        let start = if self.status < 300 { String::new() } else { start_of(&self.body) };
        Error::NotVault { path: path.to_owned(), status: self.status, start }
    }
}

/// 500, and yet it would be said again.
const PERMANENT: [&str; 2] = ["missing role_id", "could not load backend configuration"];
/// 500, and nothing was done.
const NO_LEADER: &str = "local node not active";

fn not_found(request: &Request<'_>, message: Option<String>, not_vault: Error) -> Error {
    let path = request.path;
    match message {
        Some(said) if said.starts_with("no handler for route") => {
            Error::NoMount { mount: request.mount.unwrap_or(path).to_owned() }
        }
        Some(said) if said.contains("namespace not found") => Error::Setting {
            name: "VAULT_NAMESPACE".to_owned(),
            reason: "Vault has no such namespace".to_owned(),
        },
        Some(message) => Error::Refused { path: path.to_owned(), status: 404, message },
        None => not_vault,
    }
}

/// Vault counts its errors and puts each on a line of its own: `1 error occurred:\n\t* permission denied\n\n`.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("* ")).filter(|line| !line.is_empty());
    lines.filter(|line| !line.ends_with("occurred:")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_vault_says_is_one_line() {
        let cases = [
            ("permission denied", "permission denied"),
            ("1 error occurred:\n\t* permission denied\n\n", "permission denied"),
            (
                "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n",
                "permission denied, invalid token",
            ),
            ("", ""),
        ];
        for (text, line) in cases {
            assert_eq!(one_line(text), line);
        }
    }

    #[test]
    fn what_is_no_answer_of_vault_is_quoted_only_where_it_can_be_no_secret() {
        let said = |status, body: &str| {
            let body = Zeroizing::new(body.as_bytes().to_vec());
            Answer { status, headers: HeaderMap::new(), body }.not_vault("kv/data/a").to_string()
        };
        assert_eq!(
            said(404, "<h1>\n No\tway "),
            "HTTP 404 from `kv/data/a` is no answer of Vault: `<h1> No way`"
        );
        assert_eq!(said(200, "-----BEGIN PRIVATE KEY"), "HTTP 200 from `kv/data/a` is no answer of Vault");
    }
}
