//! What makes a challenge's answer: the type says where it goes and what it is.

use super::IssueError;
use crate::acme::{Account, Authorization, Challenge};
use crate::acme::{dns_account01_label, dns01_value, key_authorization, tls_alpn01_hook_value};
use crate::hook::{Answer, dns01_record};
use crate::identifier::Identifier;
use crate::responder::reverse_name;

/// The answer to a challenge, as hooks and responders deploy it.
///
/// # Errors
/// The challenge has no token, or is of a type whose answer is not known.
pub(super) fn to(
    authorization: &Authorization,
    challenge: &Challenge,
    account: &Account,
) -> Result<Answer, IssueError> {
    let kind = challenge.kind.as_str();
    let unknown =
        || IssueError::ChallengeUnknown { name: authorization.name(), kind: challenge.kind.clone() };
    let token = challenge.token.clone().ok_or_else(unknown)?;
    let key_authorization = key_authorization(&token, account.thumbprint());
    let value = match kind {
        "http-01" => key_authorization,
        "dns-01" | "dns-account-01" => dns01_value(&key_authorization),
        "tls-alpn-01" => tls_alpn01_hook_value(&key_authorization),
        _ => return Err(unknown()),
    };
    let identifier = match &authorization.identifier {
        // RFC 8738 §6: what the CA's handshake asks for.
        Identifier::Ip(address) if kind == "tls-alpn-01" => reverse_name(*address),
        name => name.value(),
    };
    let record = (kind == "dns-account-01").then(|| {
        let label = dns_account01_label(account.url().as_str());
        format!("{label}.{}", dns01_record(&identifier))
    });
    Ok(Answer { identifier, token, value, wildcard: authorization.wildcard, record })
}
