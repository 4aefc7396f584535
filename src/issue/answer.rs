//! What makes a challenge's answer: the type says where it goes and what it is.

use super::IssueError;
use crate::acme::{Authorization, Challenge};
use crate::acme::{dns01_value, key_authorization, tls_alpn01_hook_value};
use crate::hook::Answer;
use crate::identifier::Identifier;
use crate::responder::reverse_name;

/// The answer to a challenge, as hooks and responders deploy it.
///
/// # Errors
/// The challenge has no token, or is of a type whose answer is not known.
pub(super) fn to(
    authorization: &Authorization,
    challenge: &Challenge,
    thumbprint: &str,
) -> Result<Answer, IssueError> {
    let kind = challenge.kind.as_str();
    let unknown =
        || IssueError::ChallengeUnknown { name: authorization.name(), kind: challenge.kind.clone() };
    let token = challenge.token.clone().ok_or_else(unknown)?;
    let key_authorization = key_authorization(&token, thumbprint);
    let value = match kind {
        "http-01" => key_authorization,
        "dns-01" => dns01_value(&key_authorization),
        "tls-alpn-01" => tls_alpn01_hook_value(&key_authorization),
        _ => return Err(unknown()),
    };
    let identifier = match &authorization.identifier {
        // RFC 8738 §6: what the CA's handshake asks for.
        Identifier::Ip(address) if kind == "tls-alpn-01" => reverse_name(*address),
        name => name.value(),
    };
    Ok(Answer { identifier, token, value, wildcard: authorization.wildcard })
}
