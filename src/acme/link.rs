//! Link headers (RFC 8288), in which a CA tells of alternate chains.

use reqwest::header::{HeaderMap, LINK};

use super::ServerUrl;

/// One link of a header: where it leads and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The target as it stands between `<` and `>`.
    pub target: String,
    /// Its relation types, in lower case.
    pub relations: Vec<String>,
}

impl Link {
    /// Reads the value of one header, which may hold several links; ends at the first thing that is none.
    #[must_use]
    pub fn parse_all(value: &str) -> Vec<Self> {
        let mut links = Vec::new();
        let mut rest = value;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let Some((target, tail)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
                return links;
            };
            let (parameters, tail) = split_at_comma(tail);
            let relation = parameters.into_iter().find(|(name, _)| name == "rel");
            let relations = relation.map_or_else(String::new, |(_, value)| value.to_ascii_lowercase());
            links.push(Self {
                target: target.trim().to_owned(),
                relations: relations.split_ascii_whitespace().map(str::to_owned).collect(),
            });
            rest = tail;
        }
    }
}

/// The targets of all links with `relation`, made absolute.
pub(crate) fn with_relation(headers: &HeaderMap, relation: &str, base: &ServerUrl) -> Vec<ServerUrl> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let links = values.flat_map(Link::parse_all);
    let wanted = links.filter(|link| link.relations.iter().any(|one| one == relation));
    wanted.filter_map(|link| base.join(&link.target).ok()).collect()
}

/// The parameters up to the comma in front of the next link, and what is behind it.
fn split_at_comma(text: &str) -> (Vec<(String, String)>, &str) {
    let mut parameters = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(behind) = rest.strip_prefix(';') else { break };
        let end = behind.find(['=', ';', ',']).unwrap_or(behind.len());
        let name = behind[..end].trim().to_ascii_lowercase();
        let (value, tail) = match behind[end..].strip_prefix('=') {
            Some(value) => parameter_value(value.trim_start()),
            None => (String::new(), &behind[end..]),
        };
        parameters.push((name, value));
        rest = tail;
    }
    let tail = rest.find(',').map_or("", |comma| &rest[comma + 1..]);
    (parameters, tail)
}

/// A token, or a quoted string in which a backslash takes the next character as it is.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<(String, String)> {
        Link::parse_all(value).into_iter().map(|link| (link.target, link.relations.join(" "))).collect()
    }

    #[test]
    fn reads_links_with_commas_and_quotes_in_awkward_places() {
        let cases = [
            ("<https://a/1>;rel=\"alternate\"", vec![("https://a/1", "alternate")]),
            ("<https://a/1>; rel=alternate", vec![("https://a/1", "alternate")]),
            ("<https://a/1> ; REL = \"Alternate up\"", vec![("https://a/1", "alternate up")]),
            (
                "<https://a/1,2>;title=\"x, <y>; rel=up\\\"\";rel=\"alternate\", </b>;rel=index",
                vec![("https://a/1,2", "alternate"), ("/b", "index")],
            ),
            ("<a>, <b>;rel=x,,<c>;rel", vec![("a", ""), ("b", "x"), ("c", "")]),
            ("<a>;rel=x;rel=y", vec![("a", "x")]),
            ("<a>;rel=\"open", vec![("a", "open")]),
            ("no link", vec![]),
            ("<open", vec![]),
            ("", vec![]),
        ];
        for (value, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(read(value), expected, "{value}");
        }
    }

    #[test]
    fn finds_a_relation_in_several_headers() {
        let mut headers = HeaderMap::new();
        headers.append(LINK, "<https://ca/dir>;rel=\"index\"".parse().unwrap());
        headers
            .append(LINK, "</cert/2>;rel=\"alternate\", <https://ca/cert/3>;rel=alternate".parse().unwrap());
        headers.append(LINK, "<mailto:x>;rel=alternate".parse().unwrap());
        let base = "https://ca/cert/1".parse().unwrap();
        let found: Vec<_> =
            with_relation(&headers, "alternate", &base).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["https://ca/cert/2", "https://ca/cert/3"]);
    }
}
