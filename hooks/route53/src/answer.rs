//! What an error of the API means.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_route53::config::http::HttpResponse;
use aws_sdk_route53::error::SdkError;

use crate::error::Fault;
use crate::pace::Verdict;

/// Says whether a request is worth repeating, and if not, what is wrong.
pub(crate) fn judge<E>(error: &SdkError<E, HttpResponse>, action: &'static str, zone: Option<&str>) -> Verdict
where
    E: Error + Send + Sync + 'static,
{
    if let Some(failure) = credentials_error(error) {
        return Verdict::Final(Fault::Credentials { message: in_one_line(failure) });
    }
    let Some(response) = error.raw_response() else {
        return match error {
            SdkError::ConstructionFailure(_) => {
                Verdict::Final(Fault::Answer { action, code: "nothing".into(), message: in_one_line(error) })
            }
            _ => Verdict::Again(in_one_line(error)),
        };
    };
    let status = response.status().as_u16();
    let body = String::from_utf8_lossy(response.body().bytes().unwrap_or_default());
    let Said { code, message } = said(&body);
    match code.as_str() {
        "InvalidChangeBatch" => Verdict::Final(Fault::Refused { message }),
        "PriorRequestNotComplete" => Verdict::Again(message),
        "AccessDenied" | "AccessDeniedException" | "NotAuthorized" | "UnauthorizedOperation" => {
            Verdict::Final(Fault::Denied { action, zone: zone.map(str::to_owned), message })
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => {
            Verdict::Final(Fault::Credentials { message: format!("{code}: {message}") })
        }
        code if code.contains("Throttl") || code == "TooManyRequestsException" || status == 429 => {
            Verdict::Slower(format!("{code}: {message}"))
        }
        // A success that cannot be read was cut off on its way.
        code if status >= 500 || status == 408 || status < 300 => {
            Verdict::Again(format!("HTTP status {status} {code} {message}").trim_end().to_owned())
        }
        "" => Verdict::Final(Fault::Answer {
            action,
            code: format!("HTTP status {status}"),
            message: body.into(),
        }),
        _ => Verdict::Final(Fault::Answer { action, code, message }),
    }
}

fn credentials_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CredentialsError> {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.into_iter().find_map(|error| error.downcast_ref())
}

/// An error and its causes.
fn in_one_line(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    let mut texts: Vec<String> = Vec::new();
    for text in chain.map(ToString::to_string) {
        let text = text.lines().map(str::trim).collect::<Vec<_>>().join("; ");
        // Some errors repeat their cause.
        if !texts.last().is_some_and(|last| last.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

struct Said {
    code: String,
    message: String,
}

/// Reads code and text of an error. There are three forms: `ErrorResponse`, a bare `Error`, and for refused changes
/// `InvalidChangeBatch` with `Messages`, which the SDK does not read.
fn said(body: &str) -> Said {
    let messages: Vec<_> = elements(body, "Message").collect();
    let code = elements(body, "Code").next();
    let code = code.or_else(|| body.contains("<InvalidChangeBatch").then(|| "InvalidChangeBatch".to_owned()));
    Said { code: code.unwrap_or_default(), message: messages.join(", ") }
}

/// The texts of all elements with this name. In these documents none is inside another of its name.
fn elements<'b>(body: &'b str, name: &str) -> impl Iterator<Item = String> + use<'b> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = body;
    std::iter::from_fn(move || {
        let start = rest.find(&open)? + open.len();
        let end = start + rest[start..].find(&close)?;
        let text = rest[start..end].trim();
        rest = &rest[end..];
        let entities =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
        Some(entities.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_an_error_are_read() {
        let read = |body| {
            let Said { code, message } = said(body);
            (code, message)
        };
        let pair = |code: &str, message: &str| (code.to_owned(), message.to_owned());
        assert_eq!(
            read(
                "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"
            ),
            pair("Throttling", "Rate exceeded")
        );
        assert_eq!(
            read(
                "<InvalidChangeBatch xmlns=\"x\"><Messages><Message>a &lt; b</Message><Message>c</Message></Messages></InvalidChangeBatch>"
            ),
            pair("InvalidChangeBatch", "a < b, c")
        );
        assert_eq!(read("<Error><Code>AccessDenied</Code></Error>"), pair("AccessDenied", ""));
        assert_eq!(read("gateway timeout"), pair("", ""));
    }
}
