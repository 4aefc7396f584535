//! `--env`: the configuration as bash declares it, for scripts to evaluate.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::{Installation, Variables};
use crate::hook::{self, Program};

impl Installation {
    /// The declarations, a line each but for values with newlines (contract 1.5).
    #[must_use]
    pub fn declarations(&self) -> String {
        let mut variables = self.variables.clone();
        if variables.is_empty("OPENSSL_CNF") {
            variables.set("OPENSSL_CNF", openssl_cnf(variables.value("OPENSSL")));
        }
        NAMES.iter().map(|name| declaration(&variables, name)).collect()
    }
}

/// The configuration of OpenSSL in its own directory.
fn openssl_cnf(openssl: &OsStr) -> String {
    let program = Program::find(Path::new(openssl), std::env::var_os("PATH").as_deref()).ok();
    let printed = program.and_then(|program| hook::output(&program, &["version", "-d"].map(OsStr::new)).ok());
    // OPENSSLDIR: "/usr/lib/ssl"
    let text = printed.map(|(_, text)| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
    format!("{}/openssl.cnf", text.split('"').nth(1).unwrap_or_default())
}

fn declaration(variables: &Variables, name: &str) -> String {
    let exported = variables.0.get(name).is_some_and(|variable| variable.exported);
    let value = quoted(variables.value(name).as_bytes());
    format!("declare {} {name}={value}\n", if exported { "-x" } else { "--" })
}

/// As bash writes a word that it can read again.
fn quoted(value: &[u8]) -> String {
    let plain = std::str::from_utf8(value).ok().filter(|text| !text.chars().any(char::is_control));
    let Some(plain) = plain else {
        let escaped = |byte: &u8| match byte {
            b'\\' | b'\'' => format!("\\{}", char::from(*byte)),
            b'\n' => "\\n".to_owned(),
            b'\t' => "\\t".to_owned(),
            b'\r' => "\\r".to_owned(),
            0x1b => "\\E".to_owned(),
            b' '..=b'~' => char::from(*byte).to_string(),
            byte => format!("\\{byte:03o}"),
        };
        return format!("$'{}'", value.iter().map(escaped).collect::<String>());
    };
    let mut text = String::from("\"");
    for c in plain.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

/// In dehydrated's order.
const NAMES: [&str; 18] = [
    "CA",
    "CERTDIR",
    "ALPNCERTDIR",
    "CHALLENGETYPE",
    "DOMAINS_D",
    "DOMAINS_TXT",
    "HOOK",
    "HOOK_CHAIN",
    "RENEW_DAYS",
    "ACCOUNT_KEY",
    "ACCOUNT_KEY_JSON",
    "ACCOUNT_ID_JSON",
    "KEYSIZE",
    "WELLKNOWN",
    "PRIVATE_KEY_RENEW",
    "OPENSSL_CNF",
    "CONTACT_EMAIL",
    "LOCKFILE",
];
