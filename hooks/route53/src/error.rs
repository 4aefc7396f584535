//! What can go wrong, what a person can do about it, and which of it passes by itself.

use hydrant_hook_dns::delegation::Lost;
use hydrant_hook_dns::outcome;
use hydrant_hook_dns::settings::BadSetting;
use thiserror::Error;

/// Why a challenge was not deployed or cleaned.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// Several public zones have the name's best-fitting name; only one of them is delegated to.
    #[error("several public zones are named `{zone}`: {}", ids.join(", "))]
    AmbiguousZone {
        /// Their name.
        zone: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// Route 53 answered with an error that has no variant of its own.
    #[error("Route 53 answered {action} with {code}: {message}")]
    Answer {
        /// The action of the API.
        action: &'static str,
        /// The code of the error, or the HTTP status.
        code: String,
        /// Its text.
        message: String,
    },
    /// There are no credentials, or they are wrong.
    #[error("no valid AWS credentials: {message}")]
    Credentials {
        /// What the SDK or AWS said.
        message: String,
    },
    /// The policy of the credentials does not allow it.
    #[error("no permission for route53:{action}{}: {message}", zone.as_ref().map(|zone| format!(" on zone {zone}")).unwrap_or_default())]
    Denied {
        /// The action that is missing in the policy.
        action: &'static str,
        /// The zone it is missing for, where it is for one.
        zone: Option<String>,
        /// What AWS said.
        message: String,
    },
    /// Nobody knows where the record has to be written.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// No public zone holds the name.
    #[error("no public hosted zone holds `{record}`")]
    NoZone {
        /// The name of the record.
        record: String,
    },
    /// The name has records with a routing policy, beside which no simple one can stand.
    #[error("`{record}` has TXT records with a routing policy or an alias; none can be added beside them")]
    NotSimple {
        /// The name of the record.
        record: String,
    },
    /// The change was accepted and has not reached all name servers in time.
    #[error("the change is not on all name servers of the zone after {seconds} s")]
    Pending {
        /// How long was waited.
        seconds: u64,
    },
    /// Route 53 does not take this record.
    #[error("Route 53 refused the record: {message}")]
    Refused {
        /// What it said.
        message: String,
    },
    /// A setting cannot be read.
    #[error(transparent)]
    Setting(#[from] BadSetting),
    /// The set is full.
    #[error("the name has {there} TXT values already and a set takes 400")]
    TooManyValues {
        /// How many there are.
        there: usize,
    },
    /// No answer, or only ones that ask for patience, until the time was up.
    #[error("{action} did not succeed in time: {message}")]
    Unanswered {
        /// The action of the API.
        action: &'static str,
        /// The last thing that was heard.
        message: String,
    },
}

impl Fault {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::AmbiguousZone { .. } => {
                "name the one that is delegated to in HYDRANT_ROUTE53_ZONES or AWS_HOSTED_ZONE_ID".into()
            }
            Self::Credentials { .. } => {
                "give them as the AWS command line takes them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
                 AWS_PROFILE, AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE, or the machine's role"
                    .into()
            }
            Self::Denied { action, zone, .. } => {
                let resource = zone
                    .as_ref()
                    .map_or("*".to_owned(), |zone| format!("arn:aws:route53:::hostedzone/{zone}"));
                format!("allow route53:{action} on {resource} in the policy of these credentials")
            }
            Self::NoZone { .. } => {
                "is the zone in another account? then give its role in HYDRANT_ROUTE53_ZONES".into()
            }
            Self::Pending { .. } => "AWS_PROPAGATION_TIMEOUT sets how long to wait, in seconds".into(),
            Self::TooManyValues { .. } => "remove the values that nobody waits for any more".into(),
            _ => return None,
        })
    }
}

impl outcome::Fault for Fault {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Pending { .. } | Self::Unanswered { .. } | Self::Lost(Lost::Unanswered { .. }))
    }

    fn line(&self) -> String {
        self.hint().map_or_else(|| self.to_string(), |hint| format!("{self}; hint: {hint}"))
    }
}
