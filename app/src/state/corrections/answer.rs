//! Questions whose answer is corrected: in, a row of the table and a question as it was measured; out, the answer that stands there, and
//! the edits that give it another one. Plain data, tested natively.

use hone_core::config::RowEdit;
use hone_core::data::{RowSource, RowView};
use hone_core::task::question_answering::{ANSWER_ROLES, answer_in_cells, cells_with_answer};

use crate::state::rows::set_cells;

/// Places of the columns that say an answer, among those that are used, each with its role.
fn answer_columns(source: &RowSource) -> Vec<(usize, &str)> {
    let columns = source.columns.iter().enumerate().map(|(place, (_, role))| (place, role.as_str()));
    columns.filter(|(_, role)| ANSWER_ROLES.contains(role)).collect()
}

fn cell<'v>(source: &RowSource, view: &'v RowView, role: &str) -> Option<&'v str> {
    let place = source.columns.iter().position(|(_, own)| own == role)?;
    view.cells.get(place).map(String::as_str)
}

/// Whether a row of the table is this question: it is asked there, and its context holds what was shown of it.
pub(super) fn is_question(source: &RowSource, view: &RowView, question: &str, context: &str) -> bool {
    let is_asked = cell(source, view, "question").is_some_and(|own| own.trim() == question.trim());
    is_asked && (view.is_cut || cell(source, view, "context").is_some_and(|own| own.contains(context)))
}

/// The answer that a row has; empty for none.
pub(super) fn answer_of(source: &RowSource, view: &RowView) -> String {
    let cells = answer_columns(source).into_iter().map(|(place, role)| (role, view.cells[place].as_str()));
    answer_in_cells(&cells.collect::<Vec<_>>())
}

/// The edits that give a row this answer alone; none where it has it. The reason, where it can't have it.
pub(super) fn edits_of_answer(source: &RowSource, view: &RowView, answer: &str) -> Result<Vec<RowEdit>, String> {
    let row = view.id.row;
    if view.is_cut {
        return Err(format!("Row {row} is too long to be corrected here."));
    }
    if answer_of(source, view).trim() == answer.trim() {
        return Ok(Vec::new());
    }
    let columns = answer_columns(source);
    let own: Vec<(&str, &str)> = columns.iter().map(|&(place, role)| (role, view.cells[place].as_str())).collect();
    let context = cell(source, view, "context").unwrap_or_default();
    let written = cells_with_answer(context, &own, answer);
    let written = written.map_err(|reason| format!("Row {row} can't be corrected here: {reason}."))?;
    let mut cells = view.cells.clone();
    for ((place, _), new) in columns.into_iter().zip(written) {
        cells[place] = new;
    }
    Ok(set_cells(source, view, &cells))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hone_core::config::Split;
    use hone_core::data::{RowId, RowState};

    use super::*;

    fn row(cells: [&str; 4]) -> (RowSource, RowView) {
        let roles = ["question", "context", "answers", "start of the answer"];
        let columns = roles.map(|role| (format!("its {role}"), role.to_owned())).to_vec();
        let source = RowSource { columns, file_columns: Vec::new(), is_lines: false, merge_labels: BTreeMap::new() };
        let view = RowView {
            id: RowId { file: Split::Train, row: 3 },
            state: RowState::Test,
            is_edited: false,
            num_tokens: None,
            cells: cells.map(str::to_owned).to_vec(),
            label: None,
            is_cut: false,
        };
        (source, view)
    }

    #[test]
    fn an_answer_is_an_edit_of_its_cell_and_of_where_it_begins() {
        let (source, view) = row([" Who? ", "Ann saw Bob.", "Ann", "0"]);
        assert!(is_question(&source, &view, "Who?", "saw Bob") && !is_question(&source, &view, "Who?", "saw Zoe"));
        assert_eq!(answer_of(&source, &view), "Ann");
        assert_eq!(edits_of_answer(&source, &view, "Ann"), Ok(Vec::new()));
        let edits = edits_of_answer(&source, &view, "Bob").expect("it stands there");
        let set = |column: &str, was: &str, value: &str| {
            let [column, was, value] = [column, was, value].map(str::to_owned);
            RowEdit::SetCell { file: Split::Train, row: 3, column, was, value }
        };
        assert_eq!(edits, [set("its answers", "Ann", "Bob"), set("its start of the answer", "0", "8")]);
        let refused = edits_of_answer(&source, &view, "Zoe").expect_err("nowhere");
        assert!(refused.starts_with("Row 3 can't be corrected here: "), "{refused}");
        assert!(edits_of_answer(&source, &RowView { is_cut: true, ..view }, "Bob").is_err());
    }
}
