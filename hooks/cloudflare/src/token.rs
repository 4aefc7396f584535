//! What must not be seen: API tokens, from where their users keep them.

use std::fmt;
use std::fs;

use hydrant_hook_dns::settings::{BadSetting, Variables};
use zeroize::Zeroizing;

use crate::error::Fault;

/// An API token: wiped from memory when dropped, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

/// Where a token for records is looked for, the first one first: Cloudflare's own SDKs and Terraform; lego, under both its
/// names; wrangler and external-dns; acme.sh.
pub const FOR_RECORDS: [&str; 5] =
    ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_DNS_API_TOKEN", "CF_DNS_API_TOKEN", "CF_API_TOKEN", "CF_Token"];
/// Where a token of its own for the list of zones is looked for, as lego does.
pub const FOR_ZONES: [&str; 2] = ["CLOUDFLARE_ZONE_API_TOKEN", "CF_ZONE_API_TOKEN"];

/// The member of certbot's file.
const OF_CERTBOT: &str = "dns_cloudflare_api_token";

impl Token {
    /// Takes charge of `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself; what receives it must need it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A text without this token in it, whoever put it there.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        text.replace(self.expose(), "[token]")
    }

    /// The first token that is found: each name, then the file that the name with `_FILE` behind it says.
    ///
    /// # Errors
    /// When a file cannot be read or holds none, or what is found is none.
    pub fn find<F>(variables: &Variables<F>, names: &[&'static str]) -> Result<Option<Self>, Fault>
    where
        F: Fn(&str) -> Option<String>,
    {
        for &name in names {
            let (token, source) = match variables.text(name) {
                Some(text) => (Self::new(text), name.to_owned()),
                None => match variables.text(&format!("{name}_FILE")) {
                    Some(path) => (Self::read(name, &path)?, path),
                    None => continue,
                },
            };
            // RFC 6750 §2.1: what a bearer token is made of.
            let is_of_tokens = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
            if !token.expose().bytes().all(is_of_tokens) {
                return Err(BadSetting::new(name, format!("there is no API token in {source}")).into());
            }
            return Ok(Some(token));
        }
        Ok(None)
    }

    fn read(name: &'static str, path: &str) -> Result<Self, Fault> {
        let text = fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|error| BadSetting::new(name, format!("{path}: {error}")))?;
        in_file(&text).ok_or_else(|| {
            BadSetting::new(name, format!("{path} has neither a token alone nor {OF_CERTBOT}")).into()
        })
    }
}

/// The token in a file: the only word of it, or that of certbot's INI file.
fn in_file(text: &str) -> Option<Token> {
    let mut words = text.split_whitespace();
    if let (Some(token), None) = (words.next(), words.next())
        && !token.contains(OF_CERTBOT)
    {
        return Some(Token::new(token));
    }
    let value = text.lines().find_map(|line| {
        let (member, value) = line.split_once('=')?;
        (member.trim() == OF_CERTBOT).then(|| value.trim().trim_matches(['"', '\'']))
    });
    value.filter(|value| !value.is_empty()).map(Token::new)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[token]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_shown() {
        let token = Token::new("s3cret");
        assert_eq!(format!("{token:?}"), "[token]");
        assert_eq!(token.redact("Bearer s3cret!"), "Bearer [token]!");
    }

    #[test]
    fn a_file_holds_it_alone_or_as_certbot_has_it() {
        let read = |text| in_file(text).map(|token| token.expose().to_owned());
        assert_eq!(read("abc\n").as_deref(), Some("abc"));
        assert_eq!(read("# mine\ndns_cloudflare_api_token = \"abc\"\n").as_deref(), Some("abc"));
        assert_eq!(read("dns_cloudflare_api_token=abc").as_deref(), Some("abc"));
        assert_eq!(read("dns_cloudflare_email = a@b.c\ndns_cloudflare_api_key = abc\n"), None);
        assert_eq!(read("\n"), None);
    }

    #[test]
    fn the_names_of_other_programs_are_known_and_the_first_one_counts() {
        let find = |pairs: &[(&str, &str)]| {
            let variables = Variables(|name: &str| {
                pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            });
            Token::find(&variables, &FOR_RECORDS).map(|token| token.map(|token| token.expose().to_owned()))
        };
        assert_eq!(find(&[("CF_Token", "a")]), Ok(Some("a".into())));
        assert_eq!(find(&[("CF_Token", "a"), ("CLOUDFLARE_API_TOKEN", "b")]), Ok(Some("b".into())));
        assert_eq!(find(&[]), Ok(None));
        assert_eq!(
            find(&[("CF_API_TOKEN", "not one")]).unwrap_err().to_string(),
            "CF_API_TOKEN: there is no API token in CF_API_TOKEN"
        );
    }
}
