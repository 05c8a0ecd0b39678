//! A single object that is a whole table, as `DataFrame.to_json` of pandas writes it without `orient="records"`.
//!
//! In: the object's keys and values. Out: its rows as objects, and how they are written; `None` where it is no such table.

use serde_json::value::RawValue;

use super::item::{Fields, Item};

/// The rows of a table, and the `orient` of pandas that it is written in: `columns`, where each column is an object with a value
/// for each row, `index`, where each row is an object under its number, or `split`, where names and rows are lists.
pub(super) fn rows<'t>(fields: &[(String, &'t RawValue)]) -> Option<(Vec<Item<'t>>, &'static str)> {
    if let Some(rows) = split_rows(fields) {
        return Some((rows, "split"));
    }
    let mut objects: Vec<Fields<'t>> = Vec::with_capacity(fields.len());
    for (_, value) in fields {
        let item: Item<'t> = serde_json::from_str(value.get()).ok()?;
        match item {
            Item::Object(object) => objects.push(object),
            Item::Other(_) => return None,
        }
    }
    if are_numbers(fields) {
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
