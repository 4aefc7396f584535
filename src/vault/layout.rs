//! Which field of a secret holds which part of a certificate.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use zeroize::Zeroizing;

use super::Data;

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

/// What a secret is filled with.
#[derive(Clone, Copy)]
pub struct Content<'a> {
    /// The certificate alone.
    pub cert: &'a str,
    /// The chain without the certificate; empty for one that a root signed.
    pub chain: &'a str,
    /// The certificate and its chain.
    pub fullchain: &'a str,
    /// The private key, PEM; empty where somebody else keeps it.
    pub key: &'a str,
    /// The private key as nginx of old and lecertvend have it: SEC1 for ECDSA.
    pub file_key: &'a str,
    /// When it was made, in seconds since 1970, as far as that is known.
    pub timestamp: &'a str,
    /// Whether it is known to be new.
    pub is_new: bool,
    /// Whose it is.
    pub owner: Option<&'a str>,
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
    /// lecertvend's: the whole chain in `cert`, the key in `key`.
    #[must_use]
    pub fn lecertvend() -> Self {
        Self(vec![("cert".to_owned(), Part::Fullchain), ("key".to_owned(), Part::FileKey)])
    }

    /// What the secret is to hold, where it holds `stored` now. Fields that no layout has are left as they are. Those
    /// of another layout go: they would hold an older certificate and its key for ever.
    #[must_use]
    pub fn filled(&self, content: &Content<'_>, stored: &Data) -> Data {
        let mut data = stored.clone();
        let known =
            NAMED.iter().flat_map(|(_, fields)| fields.iter()).filter(|(_, part)| part.is_certificate());
        for (field, _) in known.filter(|(field, _)| !self.0.iter().any(|(own, _)| own == field)) {
            data.remove(field);
        }
        let is_other = |(field, part): &&(String, Part)| {
            part.is_certificate() && !is_same(stored.text(field), &part.of(content))
        };
        let is_replaced = self.0.iter().any(|field| is_other(&field));
        for (field, part) in &self.0 {
            let there = stored.text(field).filter(|text| !text.is_empty());
            match part {
                Part::Owner => match content.owner.or(there) {
                    Some(owner) => data.set(field, owner),
                    None => data.set(field, ""),
                },
                // Of an old certificate the time may have been noted better when it was new.
                Part::Timestamp if !content.is_new && !is_replaced && there.is_some() => {}
                Part::Timestamp => data.set(field, content.timestamp),
                part => {
                    let text = part.of(content);
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

    fn of(self, content: &Content<'_>) -> Zeroizing<String> {
        Zeroizing::new(match self {
            Self::Cert => content.cert.to_owned(),
            Self::Chain => content.chain.to_owned(),
            Self::Fullchain => content.fullchain.to_owned(),
            Self::Key => content.key.to_owned(),
            Self::FileKey => content.file_key.to_owned(),
            Self::Combined => format!("{}\n{}", content.fullchain.trim_end(), content.key),
            Self::Owner => String::new(),
            Self::Timestamp => content.timestamp.to_owned(),
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
    /// Whether a certificate and its key can be read from such a secret again.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        let has = |wanted: &[Part]| self.0.iter().any(|(_, part)| wanted.contains(part));
        let has_chain = has(&[Part::Fullchain, Part::Combined]) || has(&[Part::Cert]) && has(&[Part::Chain]);
        has_chain && has(&[Part::Key, Part::FileKey, Part::Combined])
    }

    /// The certificate and its chain as they stand in a secret.
    #[must_use]
    pub fn fullchain(&self, data: &Data) -> Option<String> {
        let whole = self.text(data, Part::Fullchain).or_else(|| self.text(data, Part::Combined));
        let parts = || Some(format!("{}\n{}", self.text(data, Part::Cert)?, self.text(data, Part::Chain)?));
        whole.map(str::to_owned).or_else(parts)
    }

    /// The certificate alone, where it stands in a field of its own.
    #[must_use]
    pub fn cert<'d>(&self, data: &'d Data) -> Option<&'d str> {
        self.text(data, Part::Cert)
    }

    /// The text that holds the private key.
    #[must_use]
    pub fn key<'d>(&self, data: &'d Data) -> Option<&'d str> {
        let parts = [Part::Key, Part::FileKey, Part::Combined];
        parts.into_iter().find_map(|part| self.text(data, part))
    }

    /// When it was made, in seconds since 1970.
    #[must_use]
    pub fn timestamp(&self, data: &Data) -> Option<u64> {
        self.text(data, Part::Timestamp)?.trim().parse().ok()
    }

    fn text<'d>(&self, data: &'d Data, wanted: Part) -> Option<&'d str> {
        let field = self.0.iter().find(|(_, part)| *part == wanted);
        field.and_then(|(field, _)| data.text(field)).filter(|text| !text.trim().is_empty())
    }

    fn named(fields: &[(&str, Part)]) -> Self {
        Self(fields.iter().map(|(field, part)| ((*field).to_owned(), *part)).collect())
    }
}

/// As it is read.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = NAMED.iter().find(|(_, fields)| *self == Self::named(fields)) {
            return f.write_str(name);
        }
        for (index, (field, part)) in self.0.iter().enumerate() {
            let name = PARTS.iter().find(|(_, known)| known == part).map_or("", |(name, _)| name);
            write!(f, "{}{field}={name}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
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
        assert_eq!(written.to_string(), "kubernetes");
        let own = "a=fullchain b=file-key";
        assert_eq!(own.parse::<Layout>().unwrap().to_string(), own);
    }

    #[test]
    fn not_every_layout_can_be_read_again() {
        let is_readable = |text: &str| text.parse::<Layout>().unwrap().is_readable();
        for text in ["numberly", "lecertvend", "kubernetes", "haproxy", "a=cert b=chain c=key"] {
            assert!(is_readable(text), "{text}");
        }
        for text in ["a=fullchain", "a=cert b=key", "a=key"] {
            assert!(!is_readable(text), "{text}");
        }
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
