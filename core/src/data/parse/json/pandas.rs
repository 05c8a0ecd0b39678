//! A single object that is a whole table, as `DataFrame.to_json` of pandas writes it without `orient="records"`, or as `to_dict` of
//! the `datasets` library gives it.
//!
//! In: the object's keys and values. Out: its rows as objects, and how they are written; `None` where it is no such table.

use serde_json::value::RawValue;

use super::item::{Fields, Item};

/// Keys of texts, which show whether an object's keys name columns or rows.
const TEXTS: [&str; 8] = ["text", "sentence", "utterance", "review", "message", "prompt", "instruction", "question"];

/// The rows of a table, and the `orient` of pandas that it is written in: `columns`, where each column is an object with a value
/// for each row, `list`, where it is a list, `index`, where each row is an object under its number or name, or `split`, where names
/// and rows are lists.
pub(super) fn rows<'t>(fields: &[(String, &'t RawValue)]) -> Option<(Vec<Item<'t>>, &'static str)> {
    if let Some(rows) = split_rows(fields) {
        return Some((rows, "split"));
    }
    if let Some(rows) = list_rows(fields) {
        return Some((rows, "list"));
    }
    let mut objects: Vec<Fields<'t>> = Vec::with_capacity(fields.len());
    for (_, value) in fields {
        let item: Item<'t> = serde_json::from_str(value.get()).ok()?;
        match item {
            Item::Object(object) => objects.push(object),
            Item::Other(_) => return None,
        }
    }
    if are_numbers(fields) || are_rows(fields, &objects) {
        return Some((objects.into_iter().map(Item::Object).collect(), "index"));
    }
    let (first, others) = objects.split_first()?;
    let is_like_first = |column: &Fields<'_>| {
        column.len() == first.len() && column.iter().zip(first).all(|((key, _), (number, _))| key == number)
    };
    if !are_numbers(first) || !others.iter().all(is_like_first) {
        return None;
    }
    let row = |index: usize| {
        let cells = fields.iter().zip(&objects).map(|((name, _), column)| (name.clone(), column[index].1));
        Item::Object(cells.collect())
    };
    Some(((0..first.len()).map(row).collect(), "columns"))
}

/// Whether objects are rows under names of their own, as each has a text.
fn are_rows(fields: &[(String, &RawValue)], objects: &[Fields<'_>]) -> bool {
    let has_text = |row: &Fields<'_>| row.iter().any(|(key, value)| is_text(key) && value.get().starts_with('"'));
    objects.len() > 1 && objects.iter().all(has_text) && !fields.iter().any(|(key, _)| is_text(key))
}

fn is_text(key: &str) -> bool {
    TEXTS.contains(&key.to_lowercase().as_str())
}

/// The rows of `{"text": ["…", "…"], "label": [0, 1]}`. Lists without one of texts are no columns: words and their tags, say.
fn list_rows<'t>(fields: &[(String, &'t RawValue)]) -> Option<Vec<Item<'t>>> {
    let lists: Option<Vec<Vec<&'t RawValue>>> =
        fields.iter().map(|(_, value)| serde_json::from_str(value.get()).ok()).collect();
    let lists = lists?;
    let num_rows = lists.first()?.len();
    let holds_texts = |list: &Vec<&RawValue>| list.iter().all(|value| value.get().starts_with('"'));
    let has_texts = fields.iter().zip(&lists).any(|((key, _), list)| is_text(key) && holds_texts(list));
    if num_rows < 2 || !has_texts || lists.iter().any(|list| list.len() != num_rows) {
        return None;
    }
    let row = |index: usize| -> Fields<'t> {
        fields.iter().zip(&lists).map(|((name, _), list)| (name.clone(), list[index])).collect()
    };
    Some((0..num_rows).map(|index| Item::Object(row(index))).collect())
}

/// Whether there are keys, and all are numbers, as those of an index that nobody named.
fn are_numbers(fields: &[(String, &RawValue)]) -> bool {
    !fields.is_empty() && fields.iter().all(|(key, _)| key.parse::<u64>().is_ok())
}

/// The rows of `{"columns": […], "index": […], "data": [[…], …]}`.
fn split_rows<'t>(fields: &[(String, &'t RawValue)]) -> Option<Vec<Item<'t>>> {
    let find = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.get());
    let names: Vec<String> = serde_json::from_str(find("columns")?).ok()?;
    let lists: Vec<Vec<&'t RawValue>> = serde_json::from_str(find("data")?).ok()?;
    if names.is_empty() || lists.is_empty() || lists.iter().any(|row| row.len() != names.len()) {
        return None;
    }
    Some(lists.into_iter().map(|row| Item::Object(names.iter().cloned().zip(row).collect())).collect())
}
