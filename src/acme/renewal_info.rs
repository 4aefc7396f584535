//! Renewal information (RFC 9773): when the CA would like a certificate to be renewed.

use std::time::Duration;

use serde::Deserialize;
use time::OffsetDateTime;
use url::Url;

use super::{Client, Error, ServerUrl, client, order};

/// The window a CA suggests. When in it to renew is for the caller to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalInfo {
    /// Its start.
    pub start: OffsetDateTime,
    /// Its end, after the start.
    pub end: OffsetDateTime,
    /// A page for people that says why; `None` too if what the CA says is no web page.
    pub explanation_url: Option<String>,
    /// How long this answer is good for, between a minute and a day; `None` if the CA does not say.
    pub retry_after: Option<Duration>,
}

impl Client {
    /// Asks about the certificate with the identifier `renewal_id` (RFC 9773 §4.1).
    ///
    /// # Errors
    /// [`Error::NotOffered`] if the CA does not do this; [`Error::Malformed`] for a window that is none.
    pub async fn renewal_info(&self, renewal_id: &str) -> Result<RenewalInfo, Error> {
        let base =
            self.directory().renewal_info.as_ref().ok_or(Error::NotOffered { resource: "renewalInfo" })?;
        let url = format!("{}/{renewal_id}", base.as_str().trim_end_matches('/'));
        let url: ServerUrl = url.parse().map_err(|error| Error::malformed(base, &error))?;
        // No certificate fails because its renewal information does.
        let reply = self.get(&url, |_| true).await?;
        let retry_after = reply.retry_after().map(|wait| wait.clamp(SHORTEST, LONGEST));
        read(&url, client::json(&reply)?, retry_after)
    }
}

/// What a CA says outside of these is a mistake (RFC 9773 §4.3.2 leaves the limits to us).
const SHORTEST: Duration = Duration::from_mins(1);
const LONGEST: Duration = Duration::from_hours(24);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    suggested_window: Window,
    #[serde(rename = "explanationURL")]
    explanation_url: Option<String>,
}

#[derive(Deserialize)]
struct Window {
    start: String,
    end: String,
}

fn read(url: &ServerUrl, body: Body, retry_after: Option<Duration>) -> Result<RenewalInfo, Error> {
    let Window { start, end } = &body.suggested_window;
    match (order::date(start), order::date(end)) {
        (Some(start), Some(end)) if start < end => {
            let page = body.explanation_url.and_then(|url| Url::parse(&url).ok());
            let page = page.filter(|page| matches!(page.scheme(), "http" | "https"));
            Ok(RenewalInfo { start, end, explanation_url: page.map(Into::into), retry_after })
        }
        // RFC 9773 §4.2: not to be acted upon.
        _ => Err(Error::malformed(url, &format!("{start} to {end} is no window"))),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn parse(json: &str) -> Result<RenewalInfo, Error> {
        read(&"https://ca.example/i/x".parse().unwrap(), serde_json::from_str(json).unwrap(), None)
    }

    #[test]
    fn reads_the_example_of_rfc_9773() {
        let info = parse(
            r#"{"suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": "2025-01-03T04:00:00Z"},
                "explanationURL": "https://acme.example.com/docs/ari"}"#,
        )
        .unwrap();
        assert_eq!(info.start, datetime!(2025-01-02 04:00:00 UTC));
        assert_eq!(info.end, datetime!(2025-01-03 04:00:00 UTC));
        assert_eq!(info.explanation_url.as_deref(), Some("https://acme.example.com/docs/ari"));
    }

    #[test]
    fn a_page_that_is_none_is_no_reason_to_miss_the_window() {
        for page in ["", "why", "javascript:alert(1)", "\u{1b}[2J"] {
            let json = serde_json::json!({
                "suggestedWindow": { "start": "2025-01-02T04:00:00Z", "end": "2025-01-03T04:00:00Z" },
                "explanationURL": page,
            });
            assert_eq!(parse(&json.to_string()).unwrap().explanation_url, None, "{page}");
        }
    }

    #[test]
    fn a_window_that_does_not_open_is_no_answer() {
        for (start, end) in [
            ("2025-01-03T04:00:00Z", "2025-01-03T04:00:00Z"),
            ("2025-01-03T04:00:00Z", "2025-01-02T04:00:00Z"),
            ("soon", "2025-01-02T04:00:00Z"),
        ] {
            let json = format!(r#"{{"suggestedWindow": {{"start": "{start}", "end": "{end}"}}}}"#);
            assert!(matches!(parse(&json), Err(Error::Malformed { .. })), "{json}");
        }
    }
}
