//! One row of a table to the pieces of a text.

use super::examples::{Piece, RenderTurns};
use super::shape::LmColumns;
use super::turns::{Role, Turn, parse_turns};
use crate::data::parse::Row;

/// Pieces and turns of a row, or why it has none.
pub(super) fn read_row(
    row: &mut Row,
    names: &[String],
    columns: &LmColumns,
    template: Option<&RenderTurns<'_>>,
) -> Result<(Vec<Piece>, Vec<Turn>), String> {
    for (place, role) in columns.roles() {
        if *columns == (LmColumns::Messages { messages: place }) {
            continue;
        }
        let name = &names[place];
        if row.nested.contains(&place) {
            return Err(format!("the {role} holds an object or array (column {name:?}); conversations are `messages`"));
        }
        if role != "input" && row.cells[place].trim().is_empty() {
            return Err(format!("the {role} is empty (column {name:?})"));
        }
    }
    let mut cell = |place: usize| std::mem::take(&mut row.cells[place]);
    let (prompt, completion) = match *columns {
        LmColumns::Text { text } => return Ok((vec![Piece { text: cell(text), has_loss: true }], Vec::new())),
        LmColumns::Messages { messages } => {
            let json = cell(messages);
            if json.trim().is_empty() {
                return Err(format!("the conversation is missing (column {:?})", names[messages]));
            }
            let turns = parse_turns(&json).map_err(|reason| format!("{reason} (column {:?})", names[messages]))?;
            return written(turns, template);
        }
        LmColumns::PromptCompletion { prompt, completion } => (cell(prompt), cell(completion)),
        LmColumns::Instruction { instruction, input, output } => {
            let (instruction, input) = (cell(instruction), input.map(cell).unwrap_or_default());
            let prompt = match template {
                Some(_) if input.trim().is_empty() => instruction,
                Some(_) => [instruction.as_str(), "\n\n", &input].concat(),
                None => alpaca_prompt(&instruction, &input),
            };
            (prompt, std::mem::take(&mut row.cells[output]))
        }
    };
    if template.is_some() {
        let turn = |role, content| Turn { role, content };
        return written(vec![turn(Role::User, prompt), turn(Role::Assistant, completion)], template);
    }
    Ok((vec![Piece { text: prompt, has_loss: false }, Piece { text: completion, has_loss: true }], Vec::new()))
}

/// A conversation as the template writes it.
fn written(turns: Vec<Turn>, template: Option<&RenderTurns<'_>>) -> Result<(Vec<Piece>, Vec<Turn>), String> {
    let render = template.ok_or("the model has no chat template")?;
    let mut pieces = render(&turns)?;
    let last = pieces.iter().rposition(|piece| piece.has_loss && !piece.text.is_empty());
    pieces.truncate(last.ok_or("the chat template writes nothing for the assistant")? + 1);
    Ok((pieces, turns))
}

/// The prompt of Stanford Alpaca (<https://github.com/tatsu-lab/stanford_alpaca>, `train.py`), to the letter.
fn alpaca_prompt(instruction: &str, input: &str) -> String {
    if input.trim().is_empty() {
        return format!(
            "Below is an instruction that describes a task. Write a response that appropriately completes the \
             request.\n\n### Instruction:\n{instruction}\n\n### Response:"
        );
    }
    format!(
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a \
         response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n### \
         Input:\n{input}\n\n### Response:"
    )
}
