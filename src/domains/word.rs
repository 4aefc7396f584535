//! One word of the list: a name, an alias, or the fault it is.

use std::net::{IpAddr, SocketAddr};

use super::fault;
use crate::diagnostic::{Diagnostic, Span};
use crate::identifier::{CertName, Identifier, IdentifierError};

/// Reads a name. Its fault is the one that explains the whole word, not the first character that is wrong.
pub(super) fn name(word: &str, place: &Span) -> Result<Identifier, Diagnostic> {
    let error = match word.parse::<Identifier>() {
        Ok(identifier) => return Ok(identifier),
        Err(error) => error,
    };
    let place = place.clone();
    if let Some(character) = word.chars().find(|character| character.is_control()) {
        return Err(fault::control_character(word, character, place));
    }
    if word.contains(char::REPLACEMENT_CHARACTER) {
        return Err(fault::not_utf8(word, place));
    }
    if word.contains(',') {
        return Err(fault::comma(word, place));
    }
    if let Some(address) = address_in(word) {
        return Err(fault::address_form(word, address, place));
    }
    if error == IdentifierError::BadAddress {
        return Err(fault::bad_address(word, place));
    }
    if word.contains('/') {
        return Err(fault::url(word, place));
    }
    if let Some((host, port)) = word.rsplit_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(fault::port(word, host, place));
    }
    Err(match error {
        IdentifierError::StrayWildcard => fault::stray_wildcard(word, place),
        IdentifierError::TrailingDot => fault::trailing_dot(word, place),
        _ if word.contains('_') => fault::underscore(word, place),
        _ => fault::invalid_name(word, &error, place),
    })
}

/// Reads an alias, or a first name that serves as one.
pub(super) fn alias(word: &str, place: &Span) -> Result<CertName, Diagnostic> {
    if word.starts_with("*.") {
        return Err(fault::wildcard_alias(word, place.clone()));
    }
    if word.contains(char::REPLACEMENT_CHARACTER) {
        return Err(fault::not_utf8(word, place.clone()));
    }
    word.parse().map_err(|error| fault::unsafe_alias(word, &error, place.clone()))
}

/// Whether a character looks like a blank, or like nothing at all, and does not separate words.
///
/// The joiners U+200C and U+200D are not among them: some scripts need them in names.
pub(super) fn is_strange_blank(character: char) -> bool {
    let is_invisible = || {
        matches!(
            character,
            '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2060}' | '\u{feff}'
        )
    };
    !character.is_ascii() && !character.is_control() && (character.is_whitespace() || is_invisible())
}

/// The address in a word that is one but for its prefix, brackets or port.
fn address_in(word: &str) -> Option<IpAddr> {
    let prefixes = ["ip:", "ip4:", "ip6:", "ipv4:", "ipv6:"];
    let bare = prefixes
        .iter()
        .find_map(|prefix| {
            let start = word.get(..prefix.len())?;
            start.eq_ignore_ascii_case(prefix).then(|| &word[prefix.len()..])
        })
        .unwrap_or(word);
    let address = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(bare);
    address.parse().ok().or_else(|| bare.parse().ok().map(|socket: SocketAddr| socket.ip()))
}
