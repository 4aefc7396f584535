//! Settings that are on a certificate and that it does not have yet.
//!
//! They are no reason to renew: with a new default thousands of certificates would be issued at once. A renewal that
//! comes anyway brings them.

use std::fmt;

use crate::config::CertificateSettings;
use crate::key::{KeyType, shown_url};
use crate::ledger::Record;
use crate::store::Stored;

/// One setting that the next renewal brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its name in `hydrant.yml`.
    pub setting: &'static str,
    /// What the certificate was issued with; `None` where nothing was set.
    pub now: Option<String>,
    /// What is declared; `None` where nothing is set any more.
    pub then: Option<String>,
}

/// `key_type p384 instead of p256`
impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        write!(f, "{} {} instead of {}", self.setting, word(&self.then), word(&self.now))
    }
}

/// What a renewal of `stored` would change on it. The key's kind is its own, the rest is what the ledger knows.
#[must_use]
pub fn pending(settings: &CertificateSettings, stored: &Stored, record: &Record) -> Vec<Pending> {
    let recorded = record.settings.as_deref().and_then(CertificateSettings::read_fingerprint);
    let fingerprint = settings.fingerprint();
    let declared = CertificateSettings::read_fingerprint(&fingerprint);
    let mut found = Vec::new();
    for (setting, then) in declared.into_iter().flatten() {
        let kind = || KeyType::of_public_key(&stored.leaf.public_key_der).map(|kind| kind.to_string());
        let now = match setting {
            // A request that a hook made decides these, and a key that is kept stays what it is.
            "key_type" | "must_staple" if record.foreign_key => None,
            "key_type" if settings.reuse_key => None,
            "key_type" => kind(),
            _ => {
                let all = recorded.iter().flatten();
                all.clone().find(|(name, _)| *name == setting).map(|(_, value)| (*value).to_owned())
            }
        };
        if let Some(now) = now.filter(|now| now != then) {
            found.push(Pending { setting, now: said(&now), then: said(then) });
        }
    }
    found
}

/// A value of a fingerprint; a CA's URL may hold a password.
fn said(value: &str) -> Option<String> {
    (value != "-").then(|| shown_url(value).into_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::chain::Leaf;
    use crate::config::Config;

    const CERTIFICATE: &[u8] = include_bytes!("../../tests/fixtures/chain/fullchain.pem");

    fn stored() -> Stored {
        Stored { leaf: Leaf::parse_first(CERTIFICATE).unwrap(), timestamp: None }
    }

    fn settings() -> CertificateSettings {
        let mut settings = Config::in_directory(Path::new("/")).certificates.base;
        settings.key_type = KeyType::Rsa2048;
        settings
    }

    fn texts(settings: &CertificateSettings, record: &Record) -> Vec<String> {
        pending(settings, &stored(), record).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn of_a_certificate_that_came_from_elsewhere_only_the_key_is_known() {
        let record = Record::default();
        assert_eq!(texts(&settings(), &record), ["key_type rsa2048 instead of p256"]);
        assert_eq!(
            texts(&settings(), &Record { settings: Some("another form".to_owned()), ..record }).len(),
            1
        );
    }

    #[test]
    fn a_key_that_stays_or_is_with_a_hook_is_not_pending() {
        let kept = CertificateSettings { reuse_key: true, ..settings() };
        assert!(texts(&kept, &Record::default()).is_empty());
        assert!(texts(&settings(), &Record { foreign_key: true, ..Record::default() }).is_empty());
    }

    #[test]
    fn values_with_blanks_are_read_as_they_were_written() {
        let mut then = settings();
        then.preferred_chain = Some("ISRG Root profile=X1".to_owned());
        let record = Record { settings: Some(then.fingerprint()), ..Record::default() };
        then.reuse_key = true;
        assert!(texts(&then, &record).is_empty());
        let now = CertificateSettings { preferred_chain: None, ..then };
        assert_eq!(texts(&now, &record), ["preferred_chain none instead of ISRG Root profile=X1"]);
    }
}
