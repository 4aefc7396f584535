//! What was written, as a tree, and reading it into types with all faults found at once.
//!
//! A deserializer of serde stops at the first fault. [`read`] leaves the faulty piece out and reads again, until the
//! rest is sound; the known keys and words come from the types themselves.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer as _, MapAccess,
    SeqAccess, Unexpected, Visitor,
};

/// One piece of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Its number, in the order they were written: a map or list before what is in it, a key before its value.
    pub(super) id: usize,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, or `~`.
    Null,
    /// A text, number or truth value, as it was written.
    Scalar(String),
    /// A text in which commas separate the items, where a list is wanted. Only the environment has them.
    Words(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order it was written, duplicates included.
    Map(Vec<(Node, Node)>),
}

/// Something that keeps a piece from being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The piece's number.
    pub(super) node: usize,
    /// What is wrong with it.
    pub(super) problem: Problem,
}

/// What is wrong with a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// A text that is no such value: the sentence that says so, the text included.
    BadValue(String),
    /// A key that was there before.
    DuplicateKey,
    /// YAML 1.1's `<<`.
    MergeKey,
    /// A key that has to be there is not.
    MissingKey(&'static str),
    /// A key that is a list or mapping.
    OddKey,
    /// A key that is not known, and those that are.
    UnknownKey(String, &'static [&'static str]),
    /// A word that is not one of those there are.
    UnknownWord(String, &'static [&'static str]),
    /// A list where a text should be, or the like.
    WrongKind {
        /// What should be there.
        expected: String,
        /// What is there.
        found: &'static str,
    },
}

impl Node {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text) | Kind::Words(text) => Some(text),
            _ => None,
        }
    }

    /// The keys and list positions that lead to the piece with number `id`, as `hooks[0].command`.
    pub(super) fn path_to(&self, id: usize) -> String {
        let mut path = String::new();
        self.descend(id, &mut path);
        path
    }

    /// The piece with number `id`.
    pub(super) fn find(&self, id: usize) -> Option<&Self> {
        if self.id == id {
            return Some(self);
        }
        match &self.kind {
            Kind::Null | Kind::Scalar(_) | Kind::Words(_) => None,
            Kind::List(items) => items.iter().find_map(|item| item.find(id)),
            Kind::Map(entries) => {
                entries.iter().find_map(|(key, value)| key.find(id).or_else(|| value.find(id)))
            }
        }
    }

    /// The key and the value that `keys` lead to, one below the other.
    pub(super) fn entry(&self, keys: &[&str]) -> Option<(&Self, &Self)> {
        let (first, rest) = keys.split_first()?;
        let Kind::Map(entries) = &self.kind else { return None };
        let (key, value) = entries.iter().find(|(key, _)| key.text() == Some(first))?;
        if rest.is_empty() { Some((key, value)) } else { value.entry(rest) }
    }

    fn descend(&self, id: usize, path: &mut String) -> bool {
        let before = path.len();
        match &self.kind {
            _ if self.id == id => return true,
            Kind::Null | Kind::Scalar(_) | Kind::Words(_) => {}
            Kind::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    let _ = write!(path, "[{at}]");
                    if item.descend(id, path) {
                        return true;
                    }
                    path.truncate(before);
                }
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    if before > 0 {
                        path.push('.');
                    }
                    let name = key.text().unwrap_or("?");
                    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                    if !name.is_empty() && name.chars().all(plain) {
                        path.push_str(name);
                    } else {
                        let _ = write!(path, "{name:?}");
                    }
                    if key.descend(id, path) || value.descend(id, path) {
                        return true;
                    }
                    path.truncate(before);
                }
            }
        }
        false
    }
}

/// Reads `root`, and every fault in it in the order of the text. What has a fault is left out of the result.
///
/// `known` are faults found before; their pieces are left out too.
pub(super) fn read<T: DeserializeOwned + Default>(root: &Node, known: Vec<Fault>) -> (T, Vec<Fault>) {
    if root.kind == Kind::Null {
        return (T::default(), known);
    }
    let mut faults = known;
    let mut left_out: BTreeSet<usize> = faults.iter().map(|fault| fault.node).collect();
    let result = loop {
        let error = match T::deserialize(Reader { node: root, left_out: &left_out }) {
            Ok(result) => break result,
            Err(error) => error,
        };
        let fault = Fault { node: error.node.unwrap_or(root.id), problem: error.problem };
        let new = left_out.insert(fault.node);
        let hopeless = !new || fault.node == root.id;
        if !follows_from_another(root, &fault, &left_out) {
            faults.push(fault);
        }
        if hopeless {
            break T::default();
        }
    };
    faults.sort_by_key(|fault| fault.node);
    (result, faults)
}

/// Whether a key is missing only because its value had a fault.
fn follows_from_another(root: &Node, fault: &Fault, left_out: &BTreeSet<usize>) -> bool {
    let Problem::MissingKey(missing) = fault.problem else { return false };
    let Some(Node { kind: Kind::Map(entries), .. }) = root.find(fault.node) else { return false };
    entries.iter().any(|(key, value)| {
        key.text() == Some(missing) && (left_out.contains(&key.id) || left_out.contains(&value.id))
    })
}

/// A fault on its way up to [`read`].
#[derive(Debug)]
struct Error {
    node: Option<usize>,
    problem: Problem,
}

impl Error {
    /// The innermost piece is the one that has the fault.
    fn at(mut self, node: usize) -> Self {
        self.node.get_or_insert(node);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.problem)
    }
}

impl std::error::Error for Error {}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self { node: None, problem }
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Problem::BadValue(message.to_string()).into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Map | Unexpected::StructVariant => "a mapping",
            Unexpected::Seq | Unexpected::TupleVariant => "a list",
            Unexpected::Unit | Unexpected::Option => "nothing",
            _ => "a single value",
        };
        Problem::WrongKind { expected: expected.to_string(), found }.into()
    }

    fn unknown_variant(word: &str, words: &'static [&'static str]) -> Self {
        Problem::UnknownWord(word.to_owned(), words).into()
    }

    fn unknown_field(key: &str, keys: &'static [&'static str]) -> Self {
        Problem::UnknownKey(key.to_owned(), keys).into()
    }

    fn missing_field(key: &'static str) -> Self {
        Problem::MissingKey(key).into()
    }

    fn duplicate_field(_: &'static str) -> Self {
        Problem::DuplicateKey.into()
    }
}

/// serde's view of a [`Node`].
#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    left_out: &'a BTreeSet<usize>,
}

impl<'a> Reader<'a> {
    fn to(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    fn visit_list<V: Visitor<'a>>(self, items: &'a [Node], visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Items { reader: self, rest: items.iter() })
    }

    fn visit_map<V: Visitor<'a>>(self, entries: &'a [(Node, Node)], visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Entries { reader: self, rest: entries.iter(), value: None })
    }

    fn visit_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Scalar(text) | Kind::Words(text) => visitor.visit_borrowed_str(text),
            Kind::List(items) => self.visit_list(items, visitor),
            Kind::Map(entries) => self.visit_map(entries, visitor),
        }
        .map_err(|error| error.at(self.node.id))
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
        .map_err(|error| error.at(self.node.id))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self).map_err(|error| error.at(self.node.id))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Kind::Words(text) = &self.node.kind else { return self.visit_any(visitor) };
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let items = words.map(StrDeserializer::<Error>::new);
        visitor
            .visit_seq(serde::de::value::SeqDeserializer::new(items))
            .map_err(|error| error.at(self.node.id))
    }

    /// serde would take a list for a struct, too: the first item for the first field.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::List(_) => Err(Error::invalid_type(Unexpected::Seq, &visitor).at(self.node.id)),
            _ => self.visit_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        tuple tuple_struct map enum identifier ignored_any
    }
}

struct Items<'a> {
    reader: Reader<'a>,
    rest: std::slice::Iter<'a, Node>,
}

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let left_out = self.reader.left_out;
        let next = self.rest.find(|item| !left_out.contains(&item.id));
        next.map(|item| seed.deserialize(self.reader.to(item))).transpose()
    }
}

struct Entries<'a> {
    reader: Reader<'a>,
    rest: std::slice::Iter<'a, (Node, Node)>,
    value: Option<&'a Node>,
}

impl<'a> MapAccess<'a> for Entries<'a> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let left_out = self.reader.left_out;
        let sound = |node: &Node| !left_out.contains(&node.id);
        let Some((key, value)) = self.rest.find(|(key, value)| sound(key) && sound(value)) else {
            return Ok(None);
        };
        self.value = Some(value);
        // serde's own errors about a key come up here, so that they are about the key and not its mapping.
        let name = key.text().unwrap_or_default();
        seed.deserialize(name.into_deserializer()).map(Some).map_err(|error: Error| error.at(key.id))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(self.reader.to(value)),
            None => Err(Error::custom("a value was asked for before its key")),
        }
    }
}
