//! What comes back: the envelope of every answer, and what an error in it means.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use serde_json::Value;

use crate::error::Fault;

/// A good answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What was asked for.
    pub(crate) result: Value,
    /// How many pages a list has.
    pub(crate) pages: u64,
}

/// What an answer means for its request.
#[derive(Debug)]
pub(crate) enum Verdict {
    Good(Answer),
    /// It is of no use to ask again.
    Refused(Refusal),
    /// Ask again after a while: this request alone is concerned.
    Again {
        message: String,
        after: Option<Duration>,
    },
    /// The account is asked too much.
    Slower {
        message: String,
        after: Option<Duration>,
    },
}

/// An answer that is an error.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: u16,
    codes: Vec<u64>,
    message: String,
}

/// The envelope, as much of it as is needed. Cloudflare has dropped members of its answers before.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    success: bool,
    errors: Vec<Told>,
    result: Value,
    result_info: Option<Info>,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    code: u64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error_chain: Vec<Told>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    total_pages: u64,
}

/// `An identical record already exists`, with and without other settings.
const THERE: [u64; 2] = [81057, 81058];
/// `Record does not exist`.
const GONE: u64 = 81044;
/// `No route for the URI`, and the same with a doubt about the ids in it.
const NO_ROUTE: [u64; 2] = [7000, 7003];
/// Headers or tokens that are none: malformed, unknown, expired, tried too often.
const BAD_TOKEN: [u64; 10] = [1000, 6003, 6103, 6111, 9103, 9106, 9107, 9109, 10001, 10502];
/// Too many requests.
const LIMITED: [u64; 2] = [971, 10429];

/// Reads an answer.
pub(crate) fn judge(status: u16, headers: &HeaderMap, body: &[u8]) -> Verdict {
    let envelope: Option<Envelope> = serde_json::from_slice(body).ok();
    let after = retry_after(headers);
    let (codes, message) = match envelope {
        Some(Envelope { success: true, result, result_info, .. }) if (200..300).contains(&status) => {
            let pages = result_info.map_or(1, |info| info.total_pages);
            return Verdict::Good(Answer { result, pages });
        }
        Some(envelope) if !envelope.errors.is_empty() => said(&envelope.errors),
        // A page of a proxy, or of Cloudflare itself, which is long and says little.
        _ => (Vec::new(), format!("HTTP status {status}")),
    };
    match status {
        429 => Verdict::Slower { message, after },
        _ if codes.iter().any(|code| LIMITED.contains(code)) => Verdict::Slower { message, after },
        // A success that cannot be read was cut off on its way.
        408 | 500 | 502.. | 200..300 => Verdict::Again { message, after },
        _ => Verdict::Refused(Refusal { status, codes, message }),
    }
}

/// Codes and texts of errors, each with what is behind it.
fn said(errors: &[Told]) -> (Vec<u64>, String) {
    let (mut codes, mut texts) = (Vec::new(), Vec::new());
    for error in errors {
        codes.push(error.code);
        texts.push(format!("{} ({})", error.message.trim_end_matches('.'), error.code));
        if !error.error_chain.is_empty() {
            let (behind, text) = said(&error.error_chain);
            codes.extend(behind);
            texts.push(text);
        }
    }
    (codes, texts.join("; "))
}

/// Cloudflare gives whole seconds: <https://developers.cloudflare.com/fundamentals/api/reference/limits/>.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// When the account may be asked again, if this answer used up what it had: an item of `Ratelimit` with `r=0`. The next
/// request would not only be refused, but all of them for five minutes.
pub(crate) fn used_up(headers: &HeaderMap) -> Option<Duration> {
    let items = headers.get("ratelimit")?.to_str().ok()?;
    let number = |item: &str, key: &str| {
        item.split(';').find_map(|part| part.trim().strip_prefix(key)?.strip_prefix('=')?.parse().ok())
    };
    let empty = items.split(',').filter(|item| number(item, "r") == Some(0));
    empty.filter_map(|item| number(item, "t")).max().map(Duration::from_secs)
}

impl Refusal {
    /// Whether a record with this name and content is there already.
    pub(crate) fn is_there(&self) -> bool {
        self.codes.iter().any(|code| THERE.contains(code))
    }

    /// Whether the record is not there any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.codes.contains(&GONE)
    }

    /// Whether the way to ask is refused, and perhaps nothing else.
    pub(crate) fn is_of_route(&self) -> bool {
        let is_bad_token = self.codes.iter().any(|code| BAD_TOKEN.contains(code));
        let is_no_route = self.codes.iter().any(|code| NO_ROUTE.contains(code));
        !is_bad_token && (is_no_route || matches!(self.status, 403 | 404 | 405 | 501))
    }

    /// The same with another text.
    pub(crate) fn with_message(self, change: impl FnOnce(&str) -> String) -> Self {
        let message = change(&self.message);
        Self { message, ..self }
    }

    /// What it means for whoever asked.
    pub(crate) fn fault(self, action: &'static str, zone: Option<&str>) -> Fault {
        let Self { status, codes, message } = self;
        let zone = zone.map(str::to_owned);
        if codes.iter().any(|code| BAD_TOKEN.contains(code)) {
            return Fault::Token { message };
        }
        match zone {
            Some(zone) if codes.iter().any(|code| NO_ROUTE.contains(code)) => {
                Fault::NoSuchZone { zone, message }
            }
            zone if status == 401 || status == 403 => Fault::Denied { action, zone, message },
            _ => Fault::Refused { action, message },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        match judge(status, &HeaderMap::new(), body.as_bytes()) {
            Verdict::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn errors_are_named_with_what_is_behind_them() {
        let body = r#"{"success":false,"errors":[{"code":6003,"message":"Invalid request headers",
            "error_chain":[{"code":6111,"message":"Invalid format for Authorization header"}]}],"result":null}"#;
        assert_eq!(
            refusal(400, body).fault("a request", None).to_string(),
            "the API token is not valid: Invalid request headers (6003); \
             Invalid format for Authorization header (6111)"
        );
        assert_eq!(
            refusal(404, "<html>").fault("a request", None).to_string(),
            "Cloudflare refused a request: HTTP status 404"
        );
    }

    #[test]
    fn what_is_missing_in_an_answer_is_no_fault() {
        let headers = HeaderMap::new();
        assert!(matches!(
            judge(200, &headers, br#"{"success":true}"#),
            Verdict::Good(Answer { pages: 1, .. })
        ));
        assert!(matches!(judge(200, &headers, br#"{"success":tr"#), Verdict::Again { .. }));
        assert!(matches!(judge(502, &headers, b"<html>"), Verdict::Again { .. }));
    }

    #[test]
    fn headers_say_how_long_to_wait() {
        let headers = |name: &'static str, value| {
            HeaderMap::from_iter([(
                reqwest::header::HeaderName::from_static(name),
                reqwest::header::HeaderValue::from_static(value),
            )])
        };
        assert_eq!(retry_after(&headers("retry-after", "7")), Some(Duration::from_secs(7)));
        let used = |value| used_up(&headers("ratelimit", value));
        assert_eq!(used("\"default\";r=50;t=30"), None);
        assert_eq!(used("\"burst\";r=3;t=1, \"default\";r=0;t=30"), Some(Duration::from_secs(30)));
    }
}
