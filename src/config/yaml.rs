//! YAML text as a tree, and where each piece of it stands.
//!
//! The parser keeps no places, but it knows where an error arose: to find a piece, the text is read once more and an
//! error raised at that piece. This happens only for what is reported.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor,
};

use super::nearest::suggestion;
use super::node::{self, Fault, Kind, Node, Problem};
use crate::diagnostic::{Diagnostic, Source, Span};

/// A YAML text that could be parsed.
#[derive(Clone, Debug)]
pub struct Document {
    source: Arc<Source>,
    root: Node,
}

impl Document {
    /// Parses `text`; `name` is what messages call it.
    ///
    /// # Errors
    ///
    /// When it is no YAML. The parser cannot go on after that, so there is one diagnostic.
    pub fn parse(name: &str, text: &str) -> Result<Self, Box<Diagnostic>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let source = Arc::new(Source { name: name.to_owned(), text });
        match tree(&source.text) {
            Ok(root) => Ok(Self { source, root }),
            Err(error) => Err(Box::new(syntax_error(&source, &error))),
        }
    }

    /// Reads it, and everything that is wrong with it. What has a fault is left out of the result.
    #[must_use]
    pub fn read<T: DeserializeOwned + Default>(&self) -> (T, Vec<Diagnostic>) {
        let mut doubtful = Vec::new();
        check_keys(&self.root, &mut doubtful);
        let (result, faults) = node::read(&self.root, doubtful);
        (result, faults.iter().map(|fault| self.diagnostic(fault)).collect())
    }

    /// Where the value is that `keys` lead to.
    #[must_use]
    pub fn span(&self, keys: &[&str]) -> Option<Span> {
        let (_, value) = self.root.entry(keys)?;
        self.span_of(value)
    }

    /// The text, and what it is called.
    #[must_use]
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    fn diagnostic(&self, fault: &Fault) -> Diagnostic {
        let span = self.root.find(fault.node).and_then(|node| self.span_of(node));
        let path = self.root.path_to(fault.node);
        let diagnostic = describe(&path, fault, span);
        if fault.problem != Problem::DuplicateKey {
            return diagnostic;
        }
        match first_of(&self.root, fault.node).and_then(|first| self.span_of(first)) {
            Some(first) => diagnostic.with_help(format!("it is already there in line {}", first.start().0)),
            None => diagnostic,
        }
    }

    fn span_of(&self, node: &Node) -> Option<Span> {
        let text = &self.source.text;
        let start = locate(text, node.id)?;
        let written = &text[start..];
        let quoted = written.starts_with(['"', '\'']);
        let length = match node.text() {
            Some(scalar) if quoted && written[1..].starts_with(scalar) => scalar.len() + 2,
            Some(scalar) if written.starts_with(scalar) => scalar.len(),
            _ => written.chars().next().map_or(0, char::len_utf8),
        };
        Some(Span { source: self.source.clone(), range: start..(start + length).min(text.len()) })
    }
}

/// What a person is told about a fault at `path`.
pub(super) fn describe(path: &str, fault: &Fault, span: Option<Span>) -> Diagnostic {
    match &fault.problem {
        Problem::BadValue(why) => Diagnostic::error("bad-value", span, format!("`{path}`: {why}")),
        Problem::DuplicateKey => Diagnostic::error("duplicate-key", span, format!("`{path}` is set twice")),
        Problem::MergeKey => {
            Diagnostic::error("merge-key", span, format!("`{path}`: merge keys are not part of YAML 1.2"))
                .with_help("write the settings out, or use a glob in `certificates`")
        }
        Problem::MissingKey(key) if path.is_empty() => {
            Diagnostic::error("missing-key", span, format!("`{key}` is missing"))
        }
        Problem::MissingKey(key) => {
            Diagnostic::error("missing-key", span, format!("`{path}` has no `{key}`"))
        }
        Problem::OddKey => Diagnostic::error("bad-key", span, format!("`{path}`: a key is a single word")),
        Problem::UnknownKey(key, keys) => {
            let unknown = format!("`{path}` is not a setting");
            Diagnostic::error("unknown-key", span, unknown).with_help(suggestion(key, keys))
        }
        Problem::UnknownWord(word, words) => {
            Diagnostic::error("bad-value", span, format!("`{path}` cannot be `{word}`"))
                .with_help(suggestion(word, words))
        }
        Problem::WrongKind { expected, found } => {
            let path = if path.is_empty() { "the document".to_owned() } else { format!("`{path}`") };
            Diagnostic::error("bad-value", span, format!("{path} is {found}, expected {expected}"))
        }
    }
}

fn syntax_error(source: &Arc<Source>, error: &serde_yaml::Error) -> Diagnostic {
    let span = error.location().map(|location| {
        let start = source.text.floor_char_boundary(location.index());
        Span { source: source.clone(), range: start..start }
    });
    // The parser's own text ends with the place, which the span shows better.
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    Diagnostic::error("yaml-syntax", span, format!("not YAML: {message}"))
}

/// The key that the duplicate with number `id` repeats.
fn first_of(below: &Node, id: usize) -> Option<&Node> {
    match &below.kind {
        Kind::Null | Kind::Scalar(_) | Kind::Words(_) => None,
        Kind::List(items) => items.iter().find_map(|item| first_of(item, id)),
        Kind::Map(entries) => {
            let Some((duplicate, _)) = entries.iter().find(|(key, _)| key.id == id) else {
                return entries.iter().find_map(|(_, value)| first_of(value, id));
            };
            entries.iter().map(|(key, _)| key).find(|key| key.text() == duplicate.text())
        }
    }
}

/// Finds keys that are there twice, everywhere, and keys that are no words.
fn check_keys(node: &Node, faults: &mut Vec<Fault>) {
    match &node.kind {
        Kind::Null | Kind::Scalar(_) | Kind::Words(_) => {}
        Kind::List(items) => items.iter().for_each(|item| check_keys(item, faults)),
        Kind::Map(entries) => {
            let mut seen = std::collections::HashSet::new();
            for (key, value) in entries {
                let problem = match key.text() {
                    None => Problem::OddKey,
                    Some("<<") => Problem::MergeKey,
                    Some(name) if !seen.insert(name) => Problem::DuplicateKey,
                    Some(_) => {
                        check_keys(value, faults);
                        continue;
                    }
                };
                faults.push(Fault { node: key.id, problem });
            }
        }
    }
}

/// The text as a tree. It is read twice: what is a list, mapping or neither is known only after the parser has turned
/// `1.10` into a number, so the second time each scalar is asked for as it was written.
fn tree(text: &str) -> Result<Node, serde_yaml::Error> {
    let shape = walk(text, None, None)?;
    walk(text, Some(&shape), None)
}

/// The byte offset of the piece with number `id`.
fn locate(text: &str, id: usize) -> Option<usize> {
    let error = walk(text, None, Some(id)).err()?;
    error.location().map(|location| text.floor_char_boundary(location.index()))
}

fn walk(text: &str, shape: Option<&Node>, fail_at: Option<usize>) -> Result<Node, serde_yaml::Error> {
    let walk = Walk { next: &Cell::new(0), shape, fail_at };
    walk.deserialize(serde_yaml::Deserializer::from_str(text))
}

/// One reading of the text.
#[derive(Clone, Copy)]
struct Walk<'a> {
    /// The number of the piece that comes next.
    next: &'a Cell<usize>,
    /// The same piece as an earlier reading found it.
    shape: Option<&'a Node>,
    /// The piece to fail at.
    fail_at: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let id = self.next.replace(self.next.get() + 1);
        let kind = match self.shape {
            _ if self.fail_at == Some(id) => deserializer.deserialize_any(Nothing),
            Some(Node { kind: Kind::Scalar(_), .. }) => deserializer.deserialize_str(self),
            _ => deserializer.deserialize_any(self),
        };
        kind.map(|kind| Node { id, kind })
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Kind, E> {
        Ok(Kind::Scalar(String::new()))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Scalar(String::new()))
    }

    fn visit_i128<E: serde::de::Error>(self, _: i128) -> Result<Kind, E> {
        Ok(Kind::Scalar(String::new()))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Scalar(String::new()))
    }

    fn visit_u128<E: serde::de::Error>(self, _: u128) -> Result<Kind, E> {
        Ok(Kind::Scalar(String::new()))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Scalar(String::new()))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Scalar(text.to_owned()))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Kind, A::Error> {
        Err(A::Error::custom("tags have no meaning here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let shapes = match self.shape.map(|shape| &shape.kind) {
            Some(Kind::List(shapes)) => shapes.as_slice(),
            _ => &[],
        };
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Walk { shape: shapes.get(list.len()), ..self })? {
            list.push(item);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
        let shapes = match self.shape.map(|shape| &shape.kind) {
            Some(Kind::Map(shapes)) => shapes.as_slice(),
            _ => &[],
        };
        let mut map = Vec::new();
        loop {
            let (key, value) = shapes.get(map.len()).map(|(key, value)| (key, value)).unzip();
            let Some(key) = entries.next_key_seed(Walk { shape: key, ..self })? else { break };
            map.push((key, entries.next_value_seed(Walk { shape: value, ..self })?));
        }
        Ok(Kind::Map(map))
    }
}

/// Refuses everything; the parser adds the place to the error.
struct Nothing;

impl Visitor<'_> for Nothing {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}
