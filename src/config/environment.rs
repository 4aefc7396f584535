//! Settings from `HYDRANT_*` variables: the same keys as in `hydrant.yml`, in capitals.
//!
//! Items of a list are separated by commas. A variable that is set to nothing counts as not set: that is how CI systems
//! hand on what nobody filled in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use hydrant_hook_protocol::env::FACTS;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use super::delivery;
use super::file::{ExternalAccount, Settings, Vault};
use super::nearest::nearest;
use super::node::{self, Kind, Node};
use super::yaml::describe;
use crate::diagnostic::Diagnostic;

/// The variables whose names begin with `HYDRANT_`, and dehydrated's `EAB_KID`.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Those of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self::new(std::env::vars_os())
    }

    /// Those among `variables`.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX) || name == EAB_KID)?;
            (!value.is_empty()).then_some((name, value))
        };
        Self(variables.into_iter().filter_map(ours).collect())
    }

    /// The value of the variable that belongs to `key`, if it is set.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&OsString> {
        self.0.get(&variable(&[key]))
    }

    /// `EAB_KID`, which dehydrated reads too.
    #[must_use]
    pub fn eab_kid(&self) -> Option<&str> {
        self.0.get(EAB_KID).and_then(|kid| kid.to_str())
    }

    /// What they say, and what is wrong with them. What has a fault is left out.
    #[must_use]
    pub fn read(&self) -> (Settings, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let mut names: Vec<String> = vec![variable(&["config"])];
        let mut root = Vec::new();
        for key in keys::<Settings>() {
            if *key == "certificates" {
                continue;
            }
            // Not the rules themselves, but where they are.
            if *key == "tenants" {
                names.push(variable(&[key]));
                continue;
            }
            if let Some(inner) = inner_keys(key) {
                let mut entries = Vec::new();
                for inner in inner {
                    let name = variable(&[key, inner]);
                    entries.extend(self.entry(inner, &name, &mut diagnostics));
                    names.push(name);
                }
                if !entries.is_empty() {
                    root.push((scalar(key), Node { id: 0, kind: Kind::Map(entries) }));
                }
                continue;
            }
            let name = variable(&[key]);
            root.extend(self.entry(key, &name, &mut diagnostics));
            names.push(name);
        }
        let mut root = Node { id: 0, kind: Kind::Map(root) };
        renumber(&mut root, &mut 0);
        let (settings, faults) = node::read(&root, Vec::new());
        for fault in faults {
            let path = root.path_to(fault.node);
            let keys: Vec<&str> = path.split('.').collect();
            diagnostics.push(describe(&variable(&keys), &fault, None));
        }
        diagnostics.extend(self.slips(&names));
        (settings, diagnostics)
    }

    fn entry(&self, key: &str, name: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<(Node, Node)> {
        let Some(text) = self.0.get(name)?.to_str() else {
            diagnostics.push(Diagnostic::error("bad-value", None, format!("`{name}` is not UTF-8")));
            return None;
        };
        Some((scalar(key), Node { id: 0, kind: Kind::Words(text.to_owned()) }))
    }

    /// Variables that look like a setting's, but are none. Others are left alone: hooks have `HYDRANT_*` variables too.
    fn slips(&self, names: &[String]) -> Vec<Diagnostic> {
        let unknown = self.0.keys().filter(|name| name.starts_with(PREFIX) && !names.contains(name));
        let known = [&FACTS[..], &delivery::VARIABLES[..]].concat();
        let ours = unknown.filter(|name| !known.contains(&name.as_str()));
        let near = ours.filter_map(|name| Some((name, nearest(name, names.iter().map(String::as_str))?)));
        near.map(|(name, near)| {
            Diagnostic::warning("unknown-variable", None, format!("`{name}` is not a setting"))
                .with_help(format!("did you mean `{near}`?"))
        })
        .collect()
    }
}

/// `HYDRANT_EXTERNAL_ACCOUNT_KID`
#[must_use]
pub fn variable(keys: &[&str]) -> String {
    format!("{PREFIX}{}", keys.join("_").to_ascii_uppercase())
}

/// The keys of a settings type, as serde knows them.
#[must_use]
pub fn keys<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    T::deserialize(Keys).err().map_or(&[], |Found(keys)| keys)
}

fn scalar(text: &str) -> Node {
    Node { id: 0, kind: Kind::Scalar(text.to_owned()) }
}

fn renumber(node: &mut Node, next: &mut usize) {
    node.id = *next;
    *next += 1;
    if let Kind::Map(entries) = &mut node.kind {
        for (key, value) in entries {
            renumber(key, next);
            renumber(value, next);
        }
    }
}

/// Answers the question for a struct with the list of its fields.
struct Keys;

/// That list, on the way out.
#[derive(Debug)]
struct Found(&'static [&'static str]);

impl<'de> Deserializer<'de> for Keys {
    type Error = Found;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Found> {
        Err(Found(fields))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Found {}

impl serde::de::Error for Found {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

const PREFIX: &str = "HYDRANT_";
const EAB_KID: &str = "EAB_KID";

/// The keys of a value that has some.
fn inner_keys(key: &str) -> Option<&'static [&'static str]> {
    match key {
        "external_account" => Some(keys::<ExternalAccount>()),
        "vault" => Some(keys::<Vault>()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::new(variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    fn messages(diagnostics: &[Diagnostic]) -> Vec<String> {
        let line = |found: &Diagnostic| match &found.help {
            Some(help) => format!("{}: {} ({help})", found.severity.as_str(), found.message),
            None => format!("{}: {}", found.severity.as_str(), found.message),
        };
        diagnostics.iter().map(line).collect()
    }

    #[test]
    fn reads_every_kind_of_value() {
        let (settings, diagnostics) = environment(&[
            ("HYDRANT_CA", "letsencrypt-staging"),
            ("HYDRANT_ACCEPT_TERMS", "1"),
            ("HYDRANT_JOBS", "8"),
            ("HYDRANT_CONTACTS", "a@example.org, b@example.org"),
            ("HYDRANT_HOOKS", "./dns.sh,deploy"),
            ("HYDRANT_CA_ROOTS", "/etc/roots.pem"),
            ("HYDRANT_EXTERNAL_ACCOUNT_KID", "0042"),
            ("HYDRANT_ACCOUNT_KEY_TYPE", "p384"),
            ("HYDRANT_RENEW_BEFORE", "30d"),
            ("HYDRANT_KEY_TYPE", ""),
            ("HOME", "/root"),
        ])
        .read();
        assert_eq!(messages(&diagnostics), Vec::<String>::new());
        let yaml = "
            ca: letsencrypt-staging
            accept_terms: true
            jobs: 8
            contacts: [a@example.org, b@example.org]
            hooks: [./dns.sh, deploy]
            ca_roots: /etc/roots.pem
            external_account: {kid: 0042}
            account_key_type: p384
            renew_before: 30d";
        let (expected, faults) = super::super::yaml::Document::parse("x", yaml).unwrap().read();
        assert!(faults.is_empty());
        assert_eq!(settings, expected);
    }

    #[test]
    fn names_every_variable_that_has_a_fault() {
        let (settings, diagnostics) = environment(&[
            ("HYDRANT_CA", "letsencript"),
            ("HYDRANT_JOBS", "none"),
            ("HYDRANT_CHALLENGE", "dns01"),
            ("HYDRANT_CONTACTS", "a@example.org,nobody"),
            ("HYDRANT_JOSB", "3"),
            ("HYDRANT_NAMES", "a.example b.example"),
            ("HYDRANT_EXTERNAL_ACCOUNT_ALGORITHM", "md5"),
        ])
        .read();
        let external_account = Some(ExternalAccount::default());
        assert_eq!(settings, Settings { external_account, ..Settings::default() });
        assert_eq!(
            messages(&diagnostics),
            [
                "error: `HYDRANT_CA`: `letsencript` is neither a URL nor a CA known by name (`letsencrypt`, \
                 `letsencrypt-staging`, `zerossl`, `buypass`, `buypass-test`, `google`, or `google-test`)",
                "error: `HYDRANT_CONTACTS`: `nobody` is not an e-mail address",
                "error: `HYDRANT_EXTERNAL_ACCOUNT_ALGORITHM` cannot be `md5` (it can be `HS256`, `HS384`, or `HS512`)",
                "error: `HYDRANT_CHALLENGE` cannot be `dns01` (did you mean `dns-01`?)",
                "error: `HYDRANT_JOBS`: `none` is not a whole number of at least 1",
                "warning: `HYDRANT_JOSB` is not a setting (did you mean `HYDRANT_JOBS`?)",
            ]
        );
    }
}
