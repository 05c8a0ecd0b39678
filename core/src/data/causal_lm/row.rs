//! One row of a table to the pieces of a text.

use super::conversation::{Companions, ConversationNotes, Written};
use super::examples::{Piece, RenderTurns};
use super::shape::LmColumns;
use super::turns::{Conversation, Role, Turn, TurnsOrText, parse_pair, parse_turns};
use crate::config::{ALPACA, PromptFormat};
use crate::data::parse::Row;

/// How the rows of a table are read.
pub(super) struct RowReader<'a> {
    pub(super) names: &'a [String],
    pub(super) columns: LmColumns,
    pub(super) companions: Companions,
    /// How prompts and completions are joined.
    pub(super) prompt_format: PromptFormat,
    /// Writes conversations; `None` where there are none.
    pub(super) template: Option<&'a RenderTurns<'a>>,
}

impl RowReader<'_> {
    /// Pieces and turns of a row, or why it has none.
    pub(super) fn read(&self, row: &mut Row, notes: &mut ConversationNotes) -> Result<(Vec<Piece>, Vec<Turn>), String> {
        let (names, columns) = (self.names, self.columns);
        let is_chat = self.template.is_some();
        for (place, role) in columns.roles() {
            if columns == (LmColumns::Messages { messages: place }) {
                continue;
            }
            let name = &names[place];
            if row.nested.contains(&place) {
                let is_pair = matches!(columns, LmColumns::PromptCompletion { .. });
                if is_chat && is_pair && row.cells[place].starts_with('[') {
                    continue;
                }
                return Err(format!(
                    "the {role} holds an object or array (column {name:?}); conversations are `messages`, or lists of \
                     turns that the chat template joins (prompt_format chat)"
                ));
            }
            let may_be_empty = role == "input" || (role == "prompt" && !is_chat);
            if !may_be_empty && row.cells[place].trim().is_empty() {
                return Err(format!("the {role} is empty (column {name:?})"));
            }
        }
        let mut cell = |place: usize| std::mem::take(&mut row.cells[place]);
        let (prompt, completion) = match columns {
            LmColumns::Text { text } => return Ok((vec![Piece { text: cell(text), has_loss: true }], Vec::new())),
            LmColumns::Messages { messages } => {
                let json = cell(messages);
                if json.trim().is_empty() {
                    return Err(format!("the conversation is missing (column {:?})", names[messages]));
                }
                let read = parse_turns(&json).map_err(|reason| format!("{reason} (column {:?})", names[messages]));
                return self.write(read?, row, notes);
            }
            LmColumns::PromptCompletion { prompt, completion } if is_chat => {
                let [prompt, completion] = [prompt, completion].map(|place| match row.nested.contains(&place) {
                    true => TurnsOrText::Turns(cell(place)),
                    false => TurnsOrText::Text(cell(place)),
                });
                return self.write(parse_pair(prompt, completion)?, row, notes);
            }
            LmColumns::PromptCompletion { prompt, completion } => (cell(prompt), cell(completion)),
            LmColumns::Instruction { instruction, input, output } => {
                let (instruction, input) = (cell(instruction), input.map(&mut cell).unwrap_or_default());
                let prompt = match self.template {
                    Some(_) if input.trim().is_empty() => instruction,
                    Some(_) => [instruction.as_str(), "\n\n", &input].concat(),
                    None => alpaca_prompt(&instruction, &input),
                };
                (prompt, cell(output))
            }
        };
        if is_chat {
            let turns = vec![Turn::new(Role::User, prompt), Turn::new(Role::Assistant, completion)];
            return self.write((turns, false), row, notes);
        }
        if self.companions.has_system(row) {
            notes.add_unwritten_system();
        }
        let [prompt, completion] = match columns {
            LmColumns::Instruction { .. } => [prompt, completion],
            _ => self.prompt_format.join(&prompt, &completion).ok_or("the model has no chat template")?,
        };
        if prompt.is_empty() {
            notes.add_empty_prompt();
        }
        Ok((vec![Piece { text: prompt, has_loss: false }, Piece { text: completion, has_loss: true }], Vec::new()))
    }

    /// Turns, of which there may have been more, as the template writes them, with what stands beside them in the row.
    fn write(
        &self,
        (turns, has_more): (Vec<Turn>, bool),
        row: &Row,
        notes: &mut ConversationNotes,
    ) -> Result<(Vec<Piece>, Vec<Turn>), String> {
        let render = self.template.ok_or("the model has no chat template")?;
        let mut conversation = Conversation::from(turns);
        let has_second_system = self.companions.add_to(&mut conversation, row, self.names)?;
        let written = written(&conversation, render)?;
        notes.add(&conversation, &written, &|conversation: &Conversation| self::written(conversation, render));
        if has_more {
            notes.add_more();
        }
        if has_second_system {
            notes.add_second_system();
        }
        Ok((written.pieces, conversation.turns))
    }
}

/// What a template writes, up to the last piece that is learned.
fn written(conversation: &Conversation, render: &RenderTurns<'_>) -> Result<Written, String> {
    let mut written = render(conversation)?;
    let last = written.pieces.iter().rposition(|piece| piece.has_loss && !piece.text.is_empty());
    written.pieces.truncate(last.ok_or("the chat template writes nothing for the assistant")? + 1);
    Ok(written)
}

/// The prompt of Stanford Alpaca (<https://github.com/tatsu-lab/stanford_alpaca>, `train.py`), to the letter.
fn alpaca_prompt(instruction: &str, input: &str) -> String {
    if input.trim().is_empty() {
        return [ALPACA[0], instruction, ALPACA[1]].concat();
    }
    format!(
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a \
         response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n### \
         Input:\n{input}\n\n### Response:"
    )
}
