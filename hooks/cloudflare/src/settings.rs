//! What a person can set, read once from the environment. The table is in the README of this crate.

use std::net::SocketAddr;
use std::time::Duration;

use hydrant_hook_dns::name::normalized;
use hydrant_hook_dns::settings::{BadSetting, Variables};
use reqwest::Url;

use crate::error::Fault;
use crate::token::{self, Token};

/// What a person can set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For records.
    pub token: Token,
    /// For the list of zones: the same one unless another is given.
    pub zone_token: Token,
    /// Where the API is.
    pub base_url: Url,
    /// The one zone that everything is written to.
    pub only_zone: Option<String>,
    /// Zones that need not be looked for: name and id.
    pub zones: Vec<(String, String)>,
    /// Of the records that are created; 1 leaves it to Cloudflare.
    pub ttl: u32,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long to wait for an account that has asked too much.
    pub patience: Duration,
    /// How long to wait when records were created, until Cloudflare's name servers have them.
    pub wait: Duration,
    /// Whether CNAMEs of `_acme-challenge` names are followed.
    pub follow: bool,
    /// Who is asked for CNAMEs instead of the system's resolver.
    pub nameserver: Option<SocketAddr>,
}

const BASE_URL: &str = "CLOUDFLARE_BASE_URL";
const TTL: &str = "CLOUDFLARE_TTL";
const ZONES: &str = "HYDRANT_CLOUDFLARE_ZONES";
/// The second one is how it is often written, the last one is acme.sh's.
const ZONE_IDS: [&str; 3] = ["CLOUDFLARE_ZONE_ID", "CF_ZONE_ID", "CF_Zone_ID"];
/// All that other programs call the global API key.
const GLOBAL_KEYS: [&str; 3] = ["CLOUDFLARE_API_KEY", "CF_API_KEY", "CF_Key"];

impl Settings {
    /// Reads variables. One that is empty is not set.
    ///
    /// # Errors
    /// When there is no token, or a variable holds what it cannot hold.
    pub fn read<F: Fn(&str) -> Option<String>>(variables: &Variables<F>) -> Result<Self, Fault> {
        let is_set = |name: &&str| variables.text(name).is_some();
        let token = Token::find(variables, &token::FOR_RECORDS)?
            .ok_or_else(|| Fault::NoToken { has_global_key: GLOBAL_KEYS.iter().any(is_set) })?;
        let zone_token = Token::find(variables, &token::FOR_ZONES)?.unwrap_or_else(|| token.clone());
        let zones = variables.list(ZONES);
        let ttl = match variables.text(TTL) {
            None => 60,
            Some(text) => match text.parse() {
                Ok(ttl @ (1 | 30..=86_400)) => ttl,
                _ => return Err(bad(TTL, format!("`{text}` is neither 1 nor 30 to 86400 seconds"))),
            },
        };
        Ok(Self {
            token,
            zone_token,
            base_url: base_url(variables.text(BASE_URL))?,
            only_zone: only_zone(variables)?,
            zones: zones.iter().map(|entry| named_zone(entry)).collect::<Result<_, _>>()?,
            ttl,
            request_timeout: variables.seconds("CLOUDFLARE_HTTP_TIMEOUT", 30.0)?,
            patience: variables.seconds("HYDRANT_CLOUDFLARE_PATIENCE", 330.0)?,
            wait: variables.seconds("HYDRANT_CLOUDFLARE_WAIT", 10.0)?,
            follow: variables.flag("HYDRANT_CLOUDFLARE_FOLLOW_CNAME", true)?,
            nameserver: variables.nameserver("HYDRANT_CLOUDFLARE_NAMESERVER")?,
        })
    }
}

fn base_url(text: Option<String>) -> Result<Url, Fault> {
    let text = text.unwrap_or_else(|| "https://api.cloudflare.com/client/v4".into());
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| bad(BASE_URL, format!("`{text}` is no URL of a server")))
}

fn only_zone<F: Fn(&str) -> Option<String>>(variables: &Variables<F>) -> Result<Option<String>, Fault> {
    let found = ZONE_IDS.iter().find_map(|&name| Some((name, variables.text(name)?)));
    match found {
        Some((name, id)) if !is_id(&id) => Err(bad(name, format!("`{id}` is no id of a zone"))),
        found => Ok(found.map(|(_, id)| id)),
    }
}

fn named_zone(entry: &str) -> Result<(String, String), Fault> {
    match entry.split_once('=') {
        Some((name, id)) if !name.is_empty() && is_id(id) => Ok((normalized(name), id.to_owned())),
        _ => Err(bad(ZONES, format!("`{entry}` is not NAME=ID"))),
    }
}

/// Ids become part of a path.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn bad(name: &'static str, reason: String) -> Fault {
    BadSetting::new(name, reason).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> Result<Settings, Fault> {
        Settings::read(&Variables(|asked: &str| match asked {
            "CF_Token" => Some("t".to_owned()),
            asked => (asked == name).then(|| value.to_owned()),
        }))
    }

    #[test]
    fn zones_have_ids() {
        let settings = with(ZONES, "Example.com.=0a1b, b.example=2").unwrap();
        let zone = |name: &str, id: &str| (name.to_owned(), id.to_owned());
        assert_eq!(settings.zones, [zone("example.com", "0a1b"), zone("b.example", "2")]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = |name, value| with(name, value).unwrap_err().to_string();
        assert_eq!(error(ZONES, "a.example"), "HYDRANT_CLOUDFLARE_ZONES: `a.example` is not NAME=ID");
        assert_eq!(
            error(ZONES, "a.example=../x"),
            "HYDRANT_CLOUDFLARE_ZONES: `a.example=../x` is not NAME=ID"
        );
        assert_eq!(error("CF_Zone_ID", "a/b"), "CF_Zone_ID: `a/b` is no id of a zone");
        assert_eq!(error(TTL, "5"), "CLOUDFLARE_TTL: `5` is neither 1 nor 30 to 86400 seconds");
        assert_eq!(error(BASE_URL, "api"), "CLOUDFLARE_BASE_URL: `api` is no URL of a server");
    }

    #[test]
    fn a_global_key_is_no_token() {
        let read = |pairs: &[&str]| {
            let fault =
                Settings::read(&Variables(|name: &str| pairs.contains(&name).then(|| "x".to_owned())));
            fault.unwrap_err()
        };
        assert_eq!(read(&["CF_Key"]), Fault::NoToken { has_global_key: true });
        assert_eq!(read(&[]), Fault::NoToken { has_global_key: false });
    }
}
