//! One setting's value: how a text becomes it, the same in `hydrant.yml`, in the environment and on the command line.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// A type whose values people write as one word.
pub trait Setting: Sized {
    /// Why a text is none. Displayed as a sentence that contains the text.
    type Error: fmt::Display;

    /// What a text should be, to complete "expected": `a duration such as 30d`.
    const EXPECTED: &'static str;

    /// All words there are; empty when they cannot be listed.
    const WORDS: &'static [&'static str] = &[];

    /// Reads a text.
    ///
    /// # Errors
    ///
    /// When the text is no such value.
    fn read(text: &str) -> Result<Self, Self::Error>;

    /// Writes what [`read`](Self::read) reads.
    fn write(&self) -> String;

    /// The same as a file has it: numbers and truth values need no quotes.
    fn value(&self) -> Value {
        Value::String(self.write())
    }

    /// What an editor should know.
    #[must_use]
    fn schema() -> Schema {
        if Self::WORDS.is_empty() {
            json_schema!({ "type": "string" })
        } else {
            json_schema!({ "type": "string", "enum": Self::WORDS })
        }
    }
}

/// A [`Setting`] in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<T>(pub T);

impl<'de, T: Setting> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FromText<T>(PhantomData<T>);

        impl<T: Setting> Visitor<'_> for FromText<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
                T::read(text).map_err(|error| {
                    if T::WORDS.is_empty() { E::custom(error) } else { E::unknown_variant(text, T::WORDS) }
                })
            }
        }

        deserializer.deserialize_str(FromText(PhantomData)).map(Self)
    }
}

impl<T: Setting> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.value().serialize(serializer)
    }
}

impl<T: Setting> JsonSchema for Text<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

/// Several values; one alone needs no brackets, and none is `[]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
                T::deserialize(serde::de::value::StrDeserializer::new(text)).map(|only| vec![only])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(list)
            }
        }

        deserializer.deserialize_seq(OneOrMany(PhantomData)).map(Self)
    }
}

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "List".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}
