//! Certification authorities: the ones known by name, and any other by its directory URL.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::Url;

use crate::key::shown_url;

/// A certification authority.
#[derive(Clone, PartialEq, Eq)]
pub struct Ca {
    /// The preset's name, or the directory URL's host.
    pub name: String,
    /// Where its ACME directory is (RFC 8555 §7.1.1).
    pub directory: Url,
    /// Whether its certificates are for trying out: nobody's browser trusts them.
    pub staging: bool,
}

impl Ca {
    /// The CA that is used when none is named.
    #[must_use]
    pub fn letsencrypt() -> Self {
        Self::preset(&PRESETS[0])
    }

    /// The CA to try out with in place of this one: itself when it is one, the twin when one is known.
    #[must_use]
    pub fn staging_twin(&self) -> Option<Self> {
        if self.staging {
            return Some(self.clone());
        }
        let preset = PRESETS.iter().find(|preset| preset.directory == self.directory.as_str())?;
        let twin = PRESETS.iter().find(|twin| Some(twin.name) == preset.twin)?;
        Some(Self::preset(twin))
    }

    /// Whether this is Let's Encrypt, production or staging.
    #[must_use]
    pub fn is_letsencrypt(&self) -> bool {
        self.directory.domain().is_some_and(|host| host.ends_with(".letsencrypt.org"))
    }

    /// Its directory as messages have it: without a password that may be in the URL.
    #[must_use]
    pub fn shown(&self) -> String {
        shown_url(self.directory.as_str()).into_owned()
    }

    fn preset(preset: &Preset) -> Self {
        Self {
            name: preset.name.to_owned(),
            // Not reachable with a wrong URL: a test parses every row of the table.
            directory: Url::parse(preset.directory).unwrap_or_else(|_| unreachable!("a preset is a URL")),
            staging: preset.staging,
        }
    }
}

impl FromStr for Ca {
    type Err = CaError;

    fn from_str(text: &str) -> Result<Self, CaError> {
        let wanted = ALIASES.iter().find(|(alias, _)| *alias == text).map_or(text, |(_, name)| name);
        let known = |preset: &&Preset| preset.name == wanted || preset.directory == wanted;
        if let Some(preset) = PRESETS.iter().find(known) {
            return Ok(Self::preset(preset));
        }
        if !text.contains("://") {
            return Err(CaError::Unknown { text: text.to_owned() });
        }
        let not_url = || CaError::NotUrl { text: shown_url(text).into_owned() };
        let directory = Url::parse(text).map_err(|_| not_url())?;
        let host = directory.host_str().ok_or_else(not_url)?;
        if !matches!(directory.scheme(), "http" | "https") {
            return Err(not_url());
        }
        Ok(Self { name: host.to_owned(), staging: false, directory: directory.clone() })
    }
}

/// As a setting says it: the preset's name, else the URL, without a password in it.
impl fmt::Display for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if PRESETS.iter().any(|preset| preset.name == self.name) {
            return f.write_str(&self.name);
        }
        f.write_str(&self.shown())
    }
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ca({self})")
    }
}

/// Why a text names no CA.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CaError {
    /// It has `://`, but is no URL we could ask.
    #[error("`{text}` is not an `https:` URL")]
    NotUrl {
        /// What was written, without a password.
        text: String,
    },
    /// It is neither a URL nor known.
    #[error("`{text}` is neither a URL nor a CA known by name ({})", super::nearest::one_of(&NAMES))]
    Unknown {
        /// What was written.
        text: String,
    },
}

/// The presets by name, aliases left out.
pub const NAMES: [&str; 7] = {
    let mut names = [""; 7];
    let mut i = 0;
    while i < names.len() {
        names[i] = PRESETS[i].name;
        i += 1;
    }
    names
};

struct Preset {
    name: &'static str,
    directory: &'static str,
    staging: bool,
    twin: Option<&'static str>,
}

const PRESETS: [Preset; 7] = [
    Preset {
        name: "letsencrypt",
        directory: "https://acme-v02.api.letsencrypt.org/directory",
        staging: false,
        twin: Some("letsencrypt-staging"),
    },
    Preset {
        name: "letsencrypt-staging",
        directory: "https://acme-staging-v02.api.letsencrypt.org/directory",
        staging: true,
        twin: None,
    },
    Preset {
        name: "zerossl",
        directory: "https://acme.zerossl.com/v2/DV90",
        staging: false,
        // ZeroSSL has none.
        twin: None,
    },
    Preset {
        name: "buypass",
        directory: "https://api.buypass.com/acme/directory",
        staging: false,
        twin: Some("buypass-test"),
    },
    Preset {
        name: "buypass-test",
        directory: "https://api.test4.buypass.no/acme/directory",
        staging: true,
        twin: None,
    },
    Preset {
        name: "google",
        directory: "https://dv.acme-v02.api.pki.goog/directory",
        staging: false,
        twin: Some("google-test"),
    },
    Preset {
        name: "google-test",
        directory: "https://dv.acme-v02.test-api.pki.goog/directory",
        staging: true,
        twin: None,
    },
];

/// dehydrated's name for Let's Encrypt's staging CA, and the same word for all.
const ALIASES: [(&str, &str); 3] = [
    ("letsencrypt-test", "letsencrypt-staging"),
    ("buypass-staging", "buypass-test"),
    ("google-staging", "google-test"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ca(text: &str) -> Ca {
        text.parse().unwrap()
    }

    #[test]
    fn every_preset_is_read_by_name_and_by_url() {
        for preset in &PRESETS {
            assert_eq!(Url::parse(preset.directory).unwrap().as_str(), preset.directory);
            assert_eq!(ca(preset.name).to_string(), preset.name);
            assert_eq!(ca(preset.directory), ca(preset.name));
        }
        for (alias, name) in ALIASES {
            assert_eq!(ca(alias), ca(name));
        }
        assert_eq!(Ca::letsencrypt(), ca("letsencrypt"));
    }

    #[test]
    fn knows_the_staging_twins() {
        let twin = |name: &str| ca(name).staging_twin().map(|twin| twin.name);
        assert_eq!(twin("letsencrypt").as_deref(), Some("letsencrypt-staging"));
        assert_eq!(twin("google").as_deref(), Some("google-test"));
        assert_eq!(twin("buypass").as_deref(), Some("buypass-test"));
        assert_eq!(twin("letsencrypt-test").as_deref(), Some("letsencrypt-staging"));
        assert_eq!(twin("zerossl"), None);
        assert_eq!(twin("https://ca.example/dir"), None);
    }

    #[test]
    fn any_other_ca_is_a_url() {
        let other = ca("https://ca.example:14000/dir");
        assert_eq!((other.name.as_str(), other.staging), ("ca.example", false));
        assert_eq!(other.to_string(), "https://ca.example:14000/dir");
        for bad in ["ftp://ca.example/", "https://", "://"] {
            assert!(matches!(bad.parse::<Ca>(), Err(CaError::NotUrl { .. })), "{bad}");
        }
        assert!(matches!("letsencript".parse::<Ca>(), Err(CaError::Unknown { .. })));
    }
}
