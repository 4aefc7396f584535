//! URLs that a CA gave.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;
use url::Url;

use crate::key::shown_url;

/// The URL of a resource, in the very characters the CA wrote.
///
/// A signed request repeats them (RFC 8555 §6.4), so that nothing that tidies URLs may stand between.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// The URL as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a URL that may be relative to this one, as in headers.
    ///
    /// # Errors
    /// If the outcome is no `http` or `https` URL.
    pub fn join(&self, text: &str) -> Result<Self, ServerUrlError> {
        if let Ok(url) = text.parse() {
            return Ok(url);
        }
        let joined = Url::parse(&self.0).and_then(|base| base.join(text));
        joined.map_err(|_| ServerUrlError { text: text.to_owned() })?.as_str().parse()
    }
}

/// Without a password, which the URL of a directory may hold.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown_url(&self.0))
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

impl From<&Url> for ServerUrl {
    fn from(url: &Url) -> Self {
        Self(url.as_str().to_owned())
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self(text.to_owned())),
            _ => Err(ServerUrlError { text: text.to_owned() }),
        }
    }
}

impl<'de> Deserialize<'de> for ServerUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that is no URL of a CA.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is not an http or https URL")]
pub struct ServerUrlError {
    /// The text.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_character() {
        for text in ["https://ca.example", "HTTPS://CA.example:443/a/../b?q=%7e", "http://127.0.0.1:1/"] {
            assert_eq!(text.parse::<ServerUrl>().unwrap().as_str(), text);
        }
        for text in ["", "/acme", "ftp://ca.example", "file:///etc/passwd"] {
            text.parse::<ServerUrl>().unwrap_err();
        }
    }

    #[test]
    fn a_password_is_sent_and_not_shown() {
        let url: ServerUrl = "https://ops:hunter2@ca.example/dir".parse().unwrap();
        assert_eq!(url.as_str(), "https://ops:hunter2@ca.example/dir");
        assert_eq!(format!("{url} {url:?}"), {
            let shown = "https://[secret]@ca.example/dir";
            format!("{shown} ServerUrl({shown})")
        });
    }

    #[test]
    fn joins_what_a_header_may_hold() {
        let base: ServerUrl = "https://ca.example/acme/cert/1".parse().unwrap();
        assert_eq!(base.join("/acme/cert/2").unwrap().as_str(), "https://ca.example/acme/cert/2");
        assert_eq!(base.join("HTTPS://b.example").unwrap().as_str(), "HTTPS://b.example");
        base.join("javascript:alert(1)").unwrap_err();
    }
}
