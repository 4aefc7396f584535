//! Which field of a secret holds which part of a certificate.

use std::str::FromStr;

use hydrant::vault::Data;
use thiserror::Error;

use crate::certificate::Certificate;

/// The fields of a secret, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout(Vec<(String, Part)>);

/// What a field can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The certificate alone.
    Cert,
    /// The chain without the certificate.
    Chain,
    /// The certificate and its chain.
    Fullchain,
    /// The private key as it is in its file.
    Key,
    /// The private key; one for ECDSA as `EC PRIVATE KEY`.
    FileKey,
    /// Certificate, chain and private key, as HAProxy wants them in one file.
    Combined,
    /// Whose the certificate is.
    Owner,
    /// When it was made, in seconds since 1970.
    Timestamp,
}

/// The layouts that have a name. The fields of Numberly's hook for dehydrated, of lecertvend, of a Kubernetes secret of
/// type `kubernetes.io/tls`, and one that HAProxy can read.
const NAMED: [(&str, &[(&str, Part)]); 4] = [
    (
        "numberly",
        &[
            ("cert", Part::Cert),
            ("key", Part::Key),
            ("chain", Part::Chain),
            ("fullchain", Part::Fullchain),
            ("timestamp", Part::Timestamp),
            ("owner", Part::Owner),
        ],
    ),
    ("lecertvend", &[("cert", Part::Fullchain), ("key", Part::FileKey)]),
    ("kubernetes", &[("tls.crt", Part::Fullchain), ("tls.key", Part::Key)]),
    ("haproxy", &[("pem", Part::Combined)]),
];

const PARTS: [(&str, Part); 8] = [
    ("cert", Part::Cert),
    ("chain", Part::Chain),
    ("fullchain", Part::Fullchain),
    ("key", Part::Key),
    ("file-key", Part::FileKey),
    ("combined", Part::Combined),
    ("owner", Part::Owner),
    ("timestamp", Part::Timestamp),
];

impl Layout {
    /// What the secret is to hold, where it holds `stored` now. Fields that no layout has are left as they are. Those
    /// of another layout go: they would hold an older certificate and its key for ever.
    #[must_use]
    pub fn filled(&self, certificate: &Certificate, owner: Option<&str>, stored: &Data) -> Data {
        let mut data = stored.clone();
        let known =
            NAMED.iter().flat_map(|(_, fields)| fields.iter()).filter(|(_, part)| part.is_certificate());
        for (field, _) in known.filter(|(field, _)| !self.0.iter().any(|(own, _)| own == field)) {
            data.remove(field);
        }
        let is_other = |(field, part): &&(String, Part)| {
            part.is_certificate() && !is_same(stored.text(field), &part.of(certificate))
        };
        let is_replaced = self.0.iter().any(|field| is_other(&field));
        for (field, part) in &self.0 {
            let there = stored.text(field).filter(|text| !text.is_empty());
            match part {
                Part::Owner => match owner.or(there) {
                    Some(owner) => data.set(field, owner),
                    None => data.set(field, ""),
                },
                // Of an old certificate the time may have been noted better when it was new.
                Part::Timestamp if !certificate.is_new && !is_replaced && there.is_some() => {}
                Part::Timestamp => data.set(field, &certificate.timestamp),
                part => {
                    let text = part.of(certificate);
                    // Some writers drop the last newline.
                    if !is_same(stored.text(field), &text) {
                        data.set(field, &text);
                    }
                }
            }
        }
        data
    }
}

impl Part {
    fn is_certificate(self) -> bool {
        !matches!(self, Self::Owner | Self::Timestamp)
    }

    fn of(self, certificate: &Certificate) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(match self {
            Self::Cert => certificate.cert.clone(),
            Self::Chain => certificate.chain.clone(),
            Self::Fullchain => certificate.fullchain.clone(),
            Self::Key => certificate.key.expose().to_owned(),
            Self::FileKey => certificate.file_key.expose().to_owned(),
            Self::Combined => {
                format!("{}\n{}", certificate.fullchain.trim_end(), certificate.key.expose())
            }
            Self::Owner => String::new(),
            Self::Timestamp => certificate.timestamp.clone(),
        })
    }
}

fn is_same(stored: Option<&str>, text: &str) -> bool {
    stored.is_some_and(|stored| stored.trim_end() == text.trim_end())
}

impl Default for Layout {
    fn default() -> Self {
        Self::named(NAMED[0].1)
    }
}

impl Layout {
    fn named(fields: &[(&str, Part)]) -> Self {
        Self(fields.iter().map(|(field, part)| ((*field).to_owned(), *part)).collect())
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    /// A name, or fields of one's own: `tls.crt=fullchain tls.key=key`.
    fn from_str(text: &str) -> Result<Self, LayoutError> {
        if !text.contains('=') {
            let named = NAMED.iter().find(|(name, _)| *name == text.trim());
            return named
                .map(|(_, fields)| Self::named(fields))
                .ok_or(LayoutError::Name { text: text.to_owned() });
        }
        let mut fields: Vec<(String, Part)> = Vec::new();
        for word in text.split([' ', ',', '\n']).filter(|word| !word.is_empty()) {
            let (field, part) = word.split_once('=').ok_or(LayoutError::Field { word: word.to_owned() })?;
            let part = PARTS.iter().find(|(name, _)| *name == part);
            let Some((_, part)) = part.filter(|_| !field.is_empty()) else {
                return Err(LayoutError::Field { word: word.to_owned() });
            };
            if fields.iter().any(|(known, _)| known == field) {
                return Err(LayoutError::Twice { field: field.to_owned() });
            }
            fields.push((field.to_owned(), *part));
        }
        Ok(Self(fields))
    }
}

/// Why a text is no layout.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LayoutError {
    /// No field and a part.
    #[error("`{word}` is not FIELD=PART, with a part of {}", PARTS.map(|(name, _)| name).join(", "))]
    Field {
        /// What stood there.
        word: String,
    },
    /// A name that no layout has.
    #[error("`{text}` is none of {}, nor a list of FIELD=PART", NAMED.map(|(name, _)| name).join(", "))]
    Name {
        /// What stood there.
        text: String,
    },
    /// A field can hold one thing.
    #[error("`{field}` is there twice")]
    Twice {
        /// Its name.
        field: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        text.parse::<Layout>().unwrap_err().to_string()
    }

    #[test]
    fn layouts_have_names_or_are_written_out() {
        let written: Layout = "tls.crt=fullchain, tls.key=key".parse().unwrap();
        assert_eq!(written, "kubernetes".parse().unwrap());
        assert_eq!(Layout::default(), "numberly".parse().unwrap());
    }

    #[test]
    fn what_is_no_layout_is_named() {
        assert_eq!(
            error("nginx"),
            "`nginx` is none of numberly, lecertvend, kubernetes, haproxy, nor a list of FIELD=PART"
        );
        let parts = "with a part of cert, chain, fullchain, key, file-key, combined, owner, timestamp";
        assert_eq!(error("a=key b"), format!("`b` is not FIELD=PART, {parts}"));
        assert_eq!(error("a=private"), format!("`a=private` is not FIELD=PART, {parts}"));
        assert_eq!(error("a=key a=cert"), "`a` is there twice");
    }
}
