//! Texts that are cleaned as they are read (ADR 50): damaged characters are repaired, HTML is taken out, personal data are replaced.
//!
//! In: what is asked for, and texts as they stand in their files. Out: the texts as they are read. The files stay as they are, and so
//! do the rows as a person looks through them: edits are made of what stands in the file, before it is cleaned.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;

use super::findings::{name_personal, repair_damage, strip_markup};
use super::literal::read_literal;
use super::parse::{Row, Table};
use crate::config::TextCleaning;
use crate::words::plural;

/// Roles of columns with texts that a model reads or writes.
const TEXT_ROLES: [&str; 11] = [
    "text",
    "second text",
    "negative",
    "source",
    "target",
    "prompt",
    "completion",
    "instruction",
    "input",
    "output",
    "messages",
];

/// A text as it is read; `None` where nothing in it is cleaned.
pub(crate) fn clean_text(how: &BTreeSet<TextCleaning>, text: &str) -> Option<String> {
    let mut cleaned: Option<String> = None;
    for one in how {
        let now = cleaned.as_deref().unwrap_or(text);
        let next = match one {
            TextCleaning::Damage => repair_damage(now),
            TextCleaning::Markup => strip_markup(now),
            TextCleaning::PersonalData => name_personal(now),
        };
        cleaned = next.or(cleaned);
    }
    cleaned
}

/// The places of the columns with texts among `columns`, each with its role.
pub(super) fn text_columns<'c>(columns: impl Iterator<Item = (usize, &'c str)>) -> Vec<usize> {
    columns.filter(|(_, role)| TEXT_ROLES.contains(role)).map(|(index, _)| index).collect()
}

/// Cleans the texts of a row, which stand in these columns; says whether there was anything to clean. A list or an object of JSON stays
/// as it is.
pub(super) fn clean_cells(
    how: &BTreeSet<TextCleaning>,
    columns: &[usize],
    nested: &[usize],
    cells: &mut [String],
) -> bool {
    let mut is_cleaned = false;
    for &index in columns.iter().filter(|index| !nested.contains(index)) {
        let Some(cell) = cells.get_mut(index) else { continue };
        if let Some(text) = clean_text(how, cell).filter(|_| !holds_values(cell)) {
            *cell = text;
            is_cleaned = true;
        }
    }
    is_cleaned
}

/// Whether a cell holds a list or an object, as JSON or as Python prints it: conversations in a CSV file. With `"` for `&quot;` it would
/// be none any more.
fn holds_values(cell: &str) -> bool {
    let cell = cell.trim();
    cell.starts_with(['[', '{']) && (serde_json::from_str::<IgnoredAny>(cell).is_ok() || read_literal(cell).is_some())
}

/// Cleans the texts of a table, of which `columns` are used, each with its role. Gives what there is to say of it; `None` where nothing
/// was asked for.
pub(crate) fn clean_table<'c>(
    how: &BTreeSet<TextCleaning>,
    columns: impl Iterator<Item = (usize, &'c str)>,
    table: &mut Table,
) -> Option<String> {
    if how.is_empty() {
        return None;
    }
    let columns = text_columns(columns);
    let clean = |Row { cells, nested, .. }: &mut Row| clean_cells(how, &columns, nested, cells);
    let num_cleaned = table.rows.iter_mut().map(clean).filter(|is_cleaned| *is_cleaned).count();
    let what: Vec<String> = how.iter().map(|one| one.words().to_owned()).collect();
    let what = crate::words::list(&what, what.len());
    let are = if num_cleaned == 1 { "is" } else { "are" };
    Some(format!("{} {are} read with {what}", plural(num_cleaned, "row")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ReadOptions;
    use crate::data::parse;

    fn cleaned(how: &[TextCleaning], text: &str) -> Option<String> {
        clean_text(&how.iter().copied().collect(), text)
    }

    #[test]
    fn what_is_asked_for_is_cleaned_in_its_order_and_nothing_else() {
        let text = "<p>caf\u{c3}\u{a9} &amp; bar</p> write to anna@example.org";
        assert_eq!(cleaned(&[], text), None);
        assert_eq!(
            cleaned(&[TextCleaning::PersonalData, TextCleaning::Damage, TextCleaning::Markup], text).as_deref(),
            Some("caf\u{e9} & bar write to [mail]")
        );
        assert_eq!(
            cleaned(&[TextCleaning::Markup], text).as_deref(),
            Some("caf\u{c3}\u{a9} & bar write to anna@example.org")
        );
        assert_eq!(cleaned(&TextCleaning::ALL, "nothing here"), None);
    }

    #[test]
    fn texts_of_a_table_are_cleaned_and_labels_and_other_columns_are_not() {
        let csv = "id,text,label\n<b>1</b>,a <b>bold</b> claim,<b>up</b>\n2,plain,down\n";
        let mut table =
            parse("x.csv", csv.as_bytes(), &ReadOptions { has_header: Some(true), ..ReadOptions::default() })
                .expect("a table");
        let columns = || [(1, "text"), (2, "label")].into_iter();
        let how = BTreeSet::from([TextCleaning::Markup]);
        let note = clean_table(&how, columns(), &mut table);
        assert_eq!(note.as_deref(), Some("1 row is read with HTML taken out"));
        assert_eq!(table.rows[0].cells, ["<b>1</b>", "a bold claim", "<b>up</b>"]);
        let note = clean_table(&BTreeSet::from(TextCleaning::ALL), columns(), &mut table).expect("it was asked for");
        assert!(note.starts_with("0 rows are read with damaged characters repaired, HTML taken out"), "{note}");
        assert_eq!(clean_table(&BTreeSet::new(), columns(), &mut table), None);
    }

    #[test]
    fn lists_in_cells_stay_what_they_are() {
        let how = BTreeSet::from([TextCleaning::Markup]);
        let cleaned = |cell: &str| {
            let mut cells = [cell.to_owned()];
            clean_cells(&how, &[0], &[], &mut cells).then(|| cells[0].clone())
        };
        assert_eq!(cleaned(r#"[{"role": "user", "content": "say &quot;a&quot;"}]"#), None, "it would be no JSON");
        assert_eq!(cleaned("[{'from': 'human', 'value': 'a <br> b'}]"), None);
        assert_eq!(cleaned("[deleted] a <br> b").as_deref(), Some("[deleted] a b"), "a text in brackets is a text");
    }
}
