//! URLs with a name and a password in them (RFC 3986 §3.2.1), as they may be seen.

use std::borrow::Cow;

use ::url::{Position, Url};

/// A URL as messages have it: `[secret]` stands for name and password. Anything else stays as it is.
#[must_use]
pub fn shown_url(text: &str) -> Cow<'_, str> {
    with_userinfo(text, "[secret]@")
}

/// A URL without name and password, for programs. Anything else stays as it is.
#[must_use]
pub fn bare_url(text: &str) -> Cow<'_, str> {
    with_userinfo(text, "")
}

fn with_userinfo<'t>(text: &'t str, other: &str) -> Cow<'t, str> {
    match Url::parse(text) {
        Ok(url) if url.username().is_empty() && url.password().is_none() => Cow::Borrowed(text),
        Ok(url) => Cow::Owned(format!("{}://{other}{}", url.scheme(), &url[Position::BeforeHost..])),
        // What is wrong with it may be the password.
        Err(_) => match (text.find("://"), text.rfind('@')) {
            (Some(scheme), Some(at)) if scheme < at => {
                Cow::Owned(format!("{}{other}{}", &text[..scheme + 3], &text[at + 1..]))
            }
            _ => Cow::Borrowed(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_password_are_not_seen() {
        for (url, shown, bare) in [
            (
                "https://ops:hunter2@ca.example/@dir",
                "https://[secret]@ca.example/@dir",
                "https://ca.example/@dir",
            ),
            (
                "HTTPS://token@CA.example:14000",
                "https://[secret]@ca.example:14000/",
                "https://ca.example:14000/",
            ),
            ("socks5h://me:p%40ss@[::1]:1080", "socks5h://[secret]@[::1]:1080", "socks5h://[::1]:1080"),
            ("https:/ops:hunter2@ca.example/", "https://[secret]@ca.example/", "https://ca.example/"),
            ("https://ops:hun/ter2@ca.example", "https://[secret]@ca.example", "https://ca.example"),
        ] {
            assert_eq!((&*shown_url(url), &*bare_url(url)), (shown, bare), "{url}");
        }
    }

    #[test]
    fn anything_else_stays_as_it_is() {
        for text in
            ["", "HTTPS://CA.example:443/a/../b?x=@", "ops@example.org", "mailto:a@b", "://", "vault:8200"]
        {
            assert_eq!((&*shown_url(text), &*bare_url(text)), (text, text));
        }
    }
}
