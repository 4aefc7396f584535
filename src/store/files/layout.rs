//! Names in dehydrated's certificate directory, and of the state beside it.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use crate::store::Paths;

/// One of the five kinds of file a certificate has, in the order in which the links are switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Key,
    Chain,
    Fullchain,
    Csr,
    Cert,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Key, Self::Chain, Self::Fullchain, Self::Csr, Self::Cert];

    /// The name in use: a link to a file with a timestamp.
    pub(crate) fn link(self) -> &'static str {
        match self {
            Self::Key => "privkey.pem",
            Self::Chain => "chain.pem",
            Self::Fullchain => "fullchain.pem",
            Self::Csr => "cert.csr",
            Self::Cert => "cert.pem",
        }
    }

    /// The name of the file of an issue.
    pub(crate) fn file(self, timestamp: u64) -> String {
        let (base, extension) = split(self.link());
        format!("{base}-{timestamp}.{extension}")
    }

    /// The timestamp in the name of a file of this kind.
    pub(crate) fn timestamp(self, file: &str) -> Option<u64> {
        let (base, extension) = split(self.link());
        let rest = file.strip_prefix(base)?.strip_prefix('-')?;
        rest.strip_suffix(extension)?.strip_suffix('.')?.parse().ok()
    }
}

/// dehydrated's name of the OCSP response in use.
pub(crate) const OCSP: &str = "ocsp.der";

/// dehydrated's name of the key that is ready for the next issue.
pub(crate) const NEXT_KEY: &str = "privkey.roll.pem";

/// `cert.pem` → `cert`, `pem`.
pub(crate) fn split(link: &str) -> (&str, &str) {
    link.rsplit_once('.').unwrap_or((link, ""))
}

/// The timestamp of any file with one, revoked or not: `cert-17.pem-revoked` → 17.
pub(crate) fn timestamp_of(file: &str) -> Option<u64> {
    let file = file.strip_suffix("-revoked").unwrap_or(file);
    let (stem, _) = split(file);
    stem.rsplit_once('-')?.1.parse().ok()
}

/// The names in use below a certificate's directory.
pub(crate) fn in_use(dir: PathBuf) -> Paths {
    paths(dir, |kind| kind.link().to_owned())
}

/// The names of an issue's files.
pub(crate) fn issued(dir: PathBuf, timestamp: u64) -> Paths {
    paths(dir, |kind| kind.file(timestamp))
}

fn paths(dir: PathBuf, name: impl Fn(Kind) -> String) -> Paths {
    Paths {
        key: dir.join(name(Kind::Key)),
        cert: dir.join(name(Kind::Cert)),
        fullchain: dir.join(name(Kind::Fullchain)),
        chain: dir.join(name(Kind::Chain)),
        csr: dir.join(name(Kind::Csr)),
        dir,
    }
}

/// The file of a certificate's record, in the directory of records.
pub(crate) fn record(records: &Path, name: &str) -> PathBuf {
    records.join(record_name(name))
}

/// The same without the directory.
pub(crate) fn record_name(name: &str) -> String {
    format!("{}.json", escape(name))
}

/// The file that a certificate's lease is a lock on.
pub(crate) fn lock(records: &Path, name: &str) -> PathBuf {
    records.join(format!("{}.lock", escape(name)))
}

/// The certificate whose record has this file name; `None` when it is no record, or one of a shortened name.
pub(crate) fn recorded_name(file: &str) -> Option<String> {
    unescape(file.strip_suffix(".json")?)
}

/// What escaped names may have in octets; a suffix has to fit into the 255 of a file name.
const LONGEST: usize = 200;

/// A file name for a certificate's name. Different names have different ones, also where letter case does not count.
fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'*' | b':' | b'.' => escaped.push(char::from(byte)),
            _ => {
                escaped.push('%');
                push_hex(&mut escaped, byte);
            }
        }
    }
    if escaped.len() <= LONGEST {
        return escaped;
    }
    // `%%` is in no escaped name, so this is none either.
    escaped.truncate(LONGEST - 66);
    escaped.push_str("%%");
    for byte in digest::digest(&digest::SHA256, name.as_bytes()).as_ref() {
        push_hex(&mut escaped, *byte);
    }
    escaped
}

fn push_hex(text: &mut String, byte: u8) {
    let digit = |value| char::from_digit(u32::from(value), 16).unwrap_or('0');
    text.extend([digit(byte >> 4), digit(byte & 15)]);
}

fn unescape(escaped: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_files_as_dehydrated_does() {
        let files: Vec<_> = Kind::ALL.map(|kind| kind.file(1_700_000_000)).into();
        assert_eq!(
            files,
            [
                "privkey-1700000000.pem",
                "chain-1700000000.pem",
                "fullchain-1700000000.pem",
                "cert-1700000000.csr",
                "cert-1700000000.pem"
            ]
        );
        assert_eq!(Kind::Cert.timestamp("cert-17.pem"), Some(17));
        assert_eq!(Kind::Cert.timestamp("cert-17.csr"), None);
        assert_eq!(Kind::Chain.timestamp("fullchain-17.pem"), None);
        assert_eq!(Kind::Key.timestamp("privkey.roll.pem"), None);
        assert_eq!(timestamp_of("cert-17.pem-revoked"), Some(17));
        assert_eq!(timestamp_of("privkey.roll.pem"), None);
    }

    #[test]
    fn a_record_is_recognisable_by_its_name() {
        assert_eq!(record_name("www.example.org"), "www.example.org.json");
        assert_eq!(record_name("s/d"), "s%2fd.json");
        assert_eq!(recorded_name("s%2fd.json").as_deref(), Some("s/d"));
        assert_eq!(recorded_name("s%2fd.lock"), None);
    }

    #[test]
    fn a_name_of_any_length_has_a_file_name() {
        let (a, b) = ("a".repeat(253), format!("{}b", "a".repeat(252)));
        assert!(record_name(&a).len() <= 255);
        assert_ne!(record_name(&a), record_name(&b));
        assert_eq!(recorded_name(&record_name(&a)), None);
    }

    proptest! {
        #[test]
        fn escape_and_unescape_are_inverse(name in "\\PC{1,60}") {
            let escaped = escape(&name);
            prop_assert!(!escaped.contains('/'));
            if escaped.len() <= LONGEST && !escaped.contains("%%") {
                prop_assert_eq!(unescape(&escaped), Some(name));
            }
        }

        #[test]
        fn different_names_have_different_files(a in "[a/%.b]{1,120}", b in "[a/%.b]{1,120}") {
            prop_assert_eq!(a == b, escape(&a) == escape(&b));
        }
    }
}
