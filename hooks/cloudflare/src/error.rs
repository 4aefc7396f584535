//! What can go wrong, what a person can do about it, and which of it passes by itself.

use hydrant_hook_dns::delegation::Lost;
use hydrant_hook_dns::outcome;
use hydrant_hook_dns::settings::BadSetting;
use thiserror::Error;

/// Why a challenge was not deployed or cleaned.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// The token may not do it.
    #[error("no permission for {action}{}: {message}", zone.as_ref().map(|zone| format!(" in zone {zone}")).unwrap_or_default())]
    Denied {
        /// What was asked for.
        action: &'static str,
        /// The id of the zone, where it is about one.
        zone: Option<String>,
        /// What Cloudflare said.
        message: String,
    },
    /// Nobody knows where the record has to be written.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// There is no zone with the id that was given.
    #[error("there is no zone with the id {zone}: {message}")]
    NoSuchZone {
        /// The id.
        zone: String,
        /// What Cloudflare said.
        message: String,
    },
    /// There is no token at all.
    #[error("there is no API token")]
    NoToken {
        /// Whether there is what may do everything with the account instead.
        has_global_key: bool,
    },
    /// None of the zones that the token sees holds the name.
    #[error("none of the {seen} zones that the token sees holds `{record}`")]
    NoZone {
        /// The name of the record.
        record: String,
        /// How many zones there are.
        seen: usize,
    },
    /// Without Zone:Read the list of zones is empty, and no error.
    #[error("the token sees no zone that could hold `{record}`")]
    NoZoneSeen {
        /// The name of the record.
        record: String,
    },
    /// Cloudflare does not take this record, or the request.
    #[error("Cloudflare refused {action}: {message}")]
    Refused {
        /// What was asked for.
        action: &'static str,
        /// What it said.
        message: String,
    },
    /// A setting cannot be read.
    #[error(transparent)]
    Setting(#[from] BadSetting),
    /// The token is none, or none any more.
    #[error("the API token is not valid: {message}")]
    Token {
        /// What Cloudflare said.
        message: String,
    },
    /// No answer, or only ones that ask for patience, until the time was up.
    #[error("{action} did not succeed in time: {message}")]
    Unanswered {
        /// What was asked for.
        action: &'static str,
        /// The last thing that was heard.
        message: String,
    },
}

impl Fault {
    /// Whether it will meet every record of the zone alike.
    #[must_use]
    pub fn is_of_all(&self) -> bool {
        matches!(
            self,
            Self::Denied { .. } | Self::NoSuchZone { .. } | Self::Token { .. } | Self::Unanswered { .. }
        )
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Denied { zone: None, .. } => {
                "give the token Zone:Zone:Read, or name the zones by id in HYDRANT_CLOUDFLARE_ZONES or CF_ZONE_ID".into()
            }
            Self::Denied { zone: Some(zone), .. } => {
                format!("give the token Zone:DNS:Edit, and zone {zone} among its zone resources")
            }
            Self::NoSuchZone { .. } => {
                "the id is on the overview page of the zone; does the token include this zone?".into()
            }
            Self::NoToken { has_global_key: false } => {
                "give one in CLOUDFLARE_API_TOKEN, or the path of a file with it in CLOUDFLARE_API_TOKEN_FILE".into()
            }
            Self::NoToken { has_global_key: true } => {
                "the global API key may do everything with the account and is not used: make a token with \
                 Zone:DNS:Edit and Zone:Zone:Read, and give it in CLOUDFLARE_API_TOKEN"
                    .into()
            }
            Self::NoZone { .. } => "is it in another account, or not among the token's zone resources?".into(),
            Self::NoZoneSeen { .. } => {
                "give it Zone:Zone:Read, or name the zones by id in HYDRANT_CLOUDFLARE_ZONES or CF_ZONE_ID".into()
            }
            Self::Token { .. } => {
                "was it copied whole, and is it neither expired nor revoked? \
                 https://dash.cloudflare.com/profile/api-tokens has the list"
                    .into()
            }
            _ => return None,
        })
    }
}

impl outcome::Fault for Fault {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Unanswered { .. } | Self::Lost(Lost::Unanswered { .. }))
    }

    fn line(&self) -> String {
        self.hint().map_or_else(|| self.to_string(), |hint| format!("{self}; hint: {hint}"))
    }
}
