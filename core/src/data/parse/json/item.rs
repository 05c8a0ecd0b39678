//! A JSON value that stands where a row should: its keys and values, borrowed as they are written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// An object's keys and values, in the order of the file.
pub(super) type Fields<'t> = Vec<(String, &'t RawValue)>;

/// White space and whatever else may stand between two objects: commas, and the byte order mark of a second file.
pub(super) fn is_gap(character: char) -> bool {
    character.is_whitespace() || matches!(character, ',' | '\u{feff}')
}

/// What stands where an object should. Nothing in it is copied but the keys.
#[derive(Debug)]
pub(super) enum Item<'t> {
    Object(Fields<'t>),
    Other(&'static str),
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Item<'de>, E> {
        Ok(Item::Other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Item<'de>, E> {
        Ok(Item::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Item<'de>, E> {
        Ok(Item::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Item<'de>, E> {
        Ok(Item::Other("a number"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Item<'de>, E> {
        Ok(Item::Other("a string"))
    }

    fn visit_unit<E>(self) -> Result<Item<'de>, E> {
        Ok(Item::Other("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Item<'de>, A::Error> {
        let first: [Option<&'de RawValue>; 2] = [array.next_element()?, array.next_element()?];
        let mut num_more = 0;
        while array.next_element::<IgnoredAny>()?.is_some() {
            num_more += 1;
        }
        Ok(first[0].zip(first[1]).filter(|_| num_more == 0).and_then(annotated).unwrap_or(Item::Other("an array")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Item<'de>, A::Error> {
        let mut fields: Fields<'de> = Vec::new();
        while let Some(field) = object.next_entry()? {
            fields.push(field);
        }
        Ok(Item::Object(fields))
    }
}

/// The row in `["a text", {"entities": [[2, 6, "X"]]}]`, as examples for spaCy are written: its text and what is said of that.
fn annotated<'t>((text, annotations): (&'t RawValue, &'t RawValue)) -> Option<Item<'t>> {
    if !text.get().starts_with('"') || !annotations.get().starts_with('{') {
        return None;
    }
    let Ok(Item::Object(fields)) = serde_json::from_str(annotations.get()) else { return None };
    Some(Item::Object(std::iter::once(("text".to_owned(), text)).chain(fields).collect()))
}

impl<'de> Deserialize<'de> for Item<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

/// The value that a text starts with, which is not white space, and where it ends.
pub(super) fn first_value(text: &str) -> Result<(Item<'_>, usize), serde_json::Error> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Item<'_>>();
    match values.next() {
        Some(Ok(item)) => Ok((item, values.byte_offset())),
        Some(Err(error)) => Err(error),
        None => Ok((Item::Other("nothing"), text.len())),
    }
}

/// What the parser said, without the place: its "line 1" would only confuse.
pub(super) fn message_of(error: &serde_json::Error) -> String {
    error.to_string().split(" at line ").next().unwrap_or_default().to_owned()
}
