//! Columns that hold images rather than texts: their addresses, or their bytes as base64. In: a table and the columns that are used. Out:
//! what a person should know, as neither is fetched or decoded.

use super::parse::Table;
use super::rows::UsedColumn;
use crate::images::is_image_name;

/// Filled cells that are looked at.
const SAMPLE: usize = 20;

/// How JPEG, PNG, GIF and WebP begin in base64, and addresses that hold a file.
const BASE64: [&str; 5] = ["/9j/", "iVBORw0KGgo", "R0lGOD", "UklGR", "data:image/"];

/// Bytes of a cell at least that is an image.
const MIN_BASE64: usize = 80;

/// Says which of the columns of texts hold images.
pub(super) fn note_images(table: &Table, used: &[UsedColumn]) -> Vec<String> {
    let is_label = |used: &&UsedColumn| used.role.starts_with("label");
    let note = |used: &UsedColumn| {
        let name = &table.columns[used.index];
        let holds = |is_it: fn(&str) -> bool| {
            let cells = table.rows.iter().map(|row| row.cells[used.index].trim()).filter(|cell| !cell.is_empty());
            let mut sample = cells.take(SAMPLE).peekable();
            sample.peek().is_some() && sample.all(is_it)
        };
        let what = if holds(is_address) {
            "addresses of images, and nothing is fetched"
        } else if holds(is_base64) {
            "images as base64"
        } else {
            return None;
        };
        Some(format!(
            "column {name:?} holds {what}: their letters are read as texts. To learn from the images, put them as files in a folder or \
             zip, with a table of their names and labels"
        ))
    };
    used.iter().filter(|used| !is_label(used)).filter_map(note).collect()
}

/// `https://example.org/a/1.jpg?size=2`.
fn is_address(cell: &str) -> bool {
    let is_web = cell.starts_with("https://") || cell.starts_with("http://");
    let path = cell.split(['?', '#']).next().unwrap_or_default();
    is_web && !cell.contains(char::is_whitespace) && is_image_name(path)
}

fn is_base64(cell: &str) -> bool {
    cell.len() >= MIN_BASE64
        && BASE64.iter().any(|start| cell.starts_with(start))
        && !cell.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ReadOptions;
    use crate::data::parse;

    fn notes(cell: &str) -> Vec<String> {
        let rows: String = (0..9).map(|row| format!("{},{}\n", cell.replace('#', &row.to_string()), row % 2)).collect();
        let table =
            parse("x.csv", format!("image,label\n{rows}").as_bytes(), &ReadOptions::default()).expect("a table");
        note_images(&table, &[UsedColumn { role: "text", index: 0 }, UsedColumn { role: "label", index: 1 }])
    }

    #[test]
    fn images_that_are_read_as_texts_are_said() {
        let said = notes("https://example.org/a/#.jpg?size=2");
        assert!(
            said.len() == 1 && said[0].starts_with("column \"image\" holds addresses of images, and nothing"),
            "{said:?}"
        );
        for start in BASE64 {
            let said = notes(&format!("{start}#{}", "A".repeat(MIN_BASE64)));
            assert!(said.len() == 1 && said[0].contains("holds images as base64"), "{said:?}");
        }
        for text in ["https://example.org/a/#.html", "see https://example.org/a/#.jpg there", "a text #", "/9j/#"] {
            assert!(notes(text).is_empty(), "{text}");
        }
    }
}
