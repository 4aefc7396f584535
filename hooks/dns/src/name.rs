//! Names as they are written, compared and looked for.

/// RFC 8555 §8.4: the value stands at this label before the name.
pub const LABEL: &str = "_acme-challenge.";

/// Where a CA looks for the value of a name: a wildcard's is at the name without `*.`.
#[must_use]
pub fn record(identifier: &str) -> String {
    let name = normalized(identifier);
    format!("{LABEL}{}", name.strip_prefix("*.").unwrap_or(&name))
}

/// A name as names are compared: lower case, no dot at its end, octal escapes of an API resolved (`\052` is `*`).
#[must_use]
pub fn normalized(name: &str) -> String {
    let mut plain = String::new();
    let mut rest = name;
    while let Some(next) = rest.chars().next() {
        let code = rest.strip_prefix('\\').and_then(|digits| digits.get(..3));
        if let Some(code) = code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            plain.push(char::from(code).to_ascii_lowercase());
            rest = &rest[4..];
        } else {
            plain.push(next.to_ascii_lowercase());
            rest = &rest[next.len_utf8()..];
        }
    }
    plain.truncate(plain.trim_end_matches('.').len());
    plain
}

/// Whether a zone's name is a record's or one above it, at a dot. The empty name holds everything.
#[must_use]
pub fn holds(zone: &str, record: &str) -> bool {
    zone.is_empty() || record.strip_suffix(zone).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_an_api_are_normalized() {
        assert_eq!(normalized("\\052.Example.COM."), "*.example.com");
        assert_eq!(normalized("a\\"), "a\\");
    }

    #[test]
    fn a_wildcard_is_proven_at_the_name_below_it() {
        assert_eq!(record("*.Example.com."), "_acme-challenge.example.com");
        assert_eq!(record("a.example.com"), "_acme-challenge.a.example.com");
    }

    #[test]
    fn a_zone_holds_whole_labels() {
        assert!(holds("example.com", "example.com") && holds("example.com", "_x.example.com"));
        assert!(!holds("example.com", "evilexample.com") && !holds("a.example.com", "example.com"));
        assert!(holds("", "anything.test"));
    }
}
