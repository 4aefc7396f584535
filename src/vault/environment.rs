//! The variables of Vault's own client, and those that say how to log in.
//!
//! <https://developer.hashicorp.com/vault/docs/commands#configure-environment-variables>. Each name that begins with
//! `VAULT_` may begin with `BAO_` instead, which then wins, as in OpenBao's own client.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;
use zeroize::Zeroizing;

use super::options::SERVICE_ACCOUNT;
use super::{Auth, Error, Options, SecretId, Source, Tls};
use crate::config::duration::Humane;
use crate::key::Secret;

impl Options {
    /// What the environment of this process says.
    ///
    /// # Errors
    /// [`Error::Setting`] for a variable that cannot be used.
    pub fn from_env() -> Result<Self, Error> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// What these variables say. One that is empty is not set.
    ///
    /// # Errors
    /// [`Error::Setting`] for a variable that cannot be used.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let variables = Variables(&variable);
        let address = variables.text("VAULT_ADDR").unwrap_or_else(|| "https://127.0.0.1:8200".to_owned());
        let address = Url::parse(&address).map_err(|error| setting("VAULT_ADDR", error.to_string()))?;
        if !matches!(address.scheme(), "http" | "https") || !address.has_host() {
            return Err(setting("VAULT_ADDR", "it is no http:// or https:// URL".to_owned()));
        }
        let mut options = Self::new(address, variables.auth()?);
        options.namespace = variables.text("VAULT_NAMESPACE");
        options.tls = variables.tls()?;
        options.proxy = variables.first(&["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY"]).map(Secret::new);
        if let Some(text) = variables.text("VAULT_CLIENT_TIMEOUT") {
            options.request_timeout = duration("VAULT_CLIENT_TIMEOUT", &text)?;
        }
        if let Some(text) = variables.text("VAULT_MAX_RETRIES") {
            let retries = text.parse::<u32>();
            let retries =
                retries.map_err(|_| setting("VAULT_MAX_RETRIES", format!("`{text}` is no number")))?;
            options.retry.tries = retries.saturating_add(1);
            options.retry.waits = retries.min(options.retry.waits);
        }
        Ok(options)
    }
}

struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn text(&self, name: &str) -> Option<String> {
        let other = name.strip_prefix("VAULT_").map(|rest| format!("BAO_{rest}"));
        let names = other.as_deref().into_iter().chain([name]);
        names
            .filter_map(|name| (self.0)(name))
            .map(|text| text.trim().to_owned())
            .find(|text| !text.is_empty())
    }

    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.text(name).as_deref() {
            None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some(other) => Err(setting(name, format!("`{other}` is neither true nor false"))),
        }
    }

    /// A secret in `name`, or in the file that `name_FILE` names.
    fn source(&self, name: &str) -> Option<Source> {
        let text = self.text(name).map(|text| Source::Text(Secret::new(text)));
        text.or_else(|| self.text(&format!("{name}_FILE")).map(|path| Source::File(path.into())))
    }

    fn tls(&self) -> Result<Tls, Error> {
        let mut roots_pem = Vec::new();
        if let Some(bytes) = self.text("VAULT_CACERT_BYTES") {
            roots_pem.push(bytes.into_bytes());
        } else if let Some(path) = self.text("VAULT_CACERT") {
            roots_pem.push(read("VAULT_CACERT", Path::new(&path))?.to_vec());
        } else if let Some(path) = self.text("VAULT_CAPATH") {
            roots_pem = directory("VAULT_CAPATH", Path::new(&path))?;
        }
        let certificate = self.text("VAULT_CLIENT_CERT");
        let key = self.text("VAULT_CLIENT_KEY");
        let identity = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                let mut pem = read("VAULT_CLIENT_CERT", Path::new(&certificate))?;
                pem.push(b'\n');
                pem.extend_from_slice(&read("VAULT_CLIENT_KEY", Path::new(&key))?);
                let pem = String::from_utf8(std::mem::take(&mut *pem));
                Some(Secret::new(pem.map_err(|_| setting("VAULT_CLIENT_CERT", "it is no PEM file".into()))?))
            }
            (Some(_), None) => return Err(setting("VAULT_CLIENT_KEY", "the certificate has no key".into())),
            (None, Some(_)) => return Err(setting("VAULT_CLIENT_CERT", "the key has no certificate".into())),
        };
        Ok(Tls {
            roots_pem,
            skip_verify: self.flag("VAULT_SKIP_VERIFY")?,
            server_name: self.text("VAULT_TLS_SERVER_NAME"),
            identity,
        })
    }

    /// The way to log in that is named, else the first for which there is what it needs.
    fn auth(&self) -> Result<Auth, Error> {
        if let Some(method) = self.text(METHOD) {
            return match method.as_str() {
                "none" => Ok(Auth::None),
                "token" => self.token().ok_or_else(|| lacking("VAULT_TOKEN")),
                "approle" => self.approle().ok_or_else(|| lacking("VAULT_ROLE_ID")),
                "jwt" => self.jwt().ok_or_else(|| lacking("VAULT_ID_TOKEN")),
                "kubernetes" => Ok(self.kubernetes()),
                other => {
                    let methods = "none, token, approle, jwt, kubernetes";
                    Err(setting(METHOD, format!("`{other}` is none of {methods}")))
                }
            };
        }
        // What was given for this run first; the file that somebody's own login left behind last.
        let given = self.source("VAULT_TOKEN").map(Auth::Token);
        let found = given.or_else(|| self.approle()).or_else(|| self.jwt()).or_else(|| self.token());
        Ok(found.unwrap_or(Auth::None))
    }

    fn token(&self) -> Option<Auth> {
        let given = self.source("VAULT_TOKEN");
        given.or_else(|| self.token_file().map(Source::File)).map(Auth::Token)
    }

    /// Where `vault login` leaves its token.
    fn token_file(&self) -> Option<PathBuf> {
        let named = self.text("VAULT_TOKEN_PATH").map(PathBuf::from);
        let file = named.or_else(|| Some(Path::new(&self.text("HOME")?).join(".vault-token")))?;
        file.is_file().then_some(file)
    }

    fn approle(&self) -> Option<Auth> {
        let wrapped = self.source("VAULT_WRAPPED_SECRET_ID").map(SecretId::Wrapped);
        let secret_id = wrapped.or_else(|| self.source("VAULT_SECRET_ID").map(SecretId::Plain));
        Some(Auth::AppRole { mount: self.mount("approle"), role_id: self.text("VAULT_ROLE_ID")?, secret_id })
    }

    fn jwt(&self) -> Option<Auth> {
        let jwt = self.source("VAULT_ID_TOKEN")?;
        Some(Auth::Jwt { mount: self.mount("jwt"), role: self.text("VAULT_AUTH_ROLE"), jwt })
    }

    fn kubernetes(&self) -> Auth {
        let jwt = self.source("VAULT_ID_TOKEN").unwrap_or_else(|| Source::File(SERVICE_ACCOUNT.into()));
        Auth::Jwt { mount: self.mount("kubernetes"), role: self.text("VAULT_AUTH_ROLE"), jwt }
    }

    fn mount(&self, usual: &str) -> String {
        self.text("VAULT_AUTH_PATH").unwrap_or_else(|| usual.to_owned())
    }
}

/// Which way to log in; ours, since Vault's own client only takes tokens. `VAULT_AUTH_PATH`, `VAULT_AUTH_ROLE` and
/// `VAULT_ID_TOKEN` are the names that GitLab uses.
const METHOD: &str = "HYDRANT_VAULT_AUTH";

/// Seconds, or `90s`, `5m`.
fn duration(name: &str, text: &str) -> Result<Duration, Error> {
    let whole = text.parse().map(Duration::from_secs).ok().filter(|seconds| !seconds.is_zero());
    let duration = whole.or_else(|| text.parse().ok().map(Humane::get));
    duration.ok_or_else(|| setting(name, format!("`{text}` is no duration, such as 30s")))
}

fn read(name: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let bytes = fs::read(path).map(Zeroizing::new);
    bytes.map_err(|error| setting(name, format!("cannot read {}: {error}", path.display())))
}

/// All files in a directory, of which each is one of certificates.
fn directory(name: &str, path: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let refuse = |error: std::io::Error| setting(name, format!("cannot read {}: {error}", path.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(refuse)? {
        let file = entry.map_err(refuse)?.path();
        if file.is_file() {
            files.push(read(name, &file)?.to_vec());
        }
    }
    if files.is_empty() {
        return Err(setting(name, format!("{} holds no files", path.display())));
    }
    Ok(files)
}

fn lacking(name: &str) -> Error {
    setting(name, format!("{METHOD} needs it, and it is not set"))
}

fn setting(name: &str, reason: String) -> Error {
    Error::Setting { name: name.to_owned(), reason }
}
