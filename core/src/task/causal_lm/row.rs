//! One row of a table to the pieces of a text.

use super::beside::is_unwanted;
use super::conversation::{Companions, ConversationNotes};
use super::shape::Columns;
use super::turns::{TurnsOrText, has_no_roles, parse_pair, parse_turns};
use crate::config::{PromptFormat, alpaca_prompt, with_input_below};
use crate::data::{BadCell, Row};
use crate::task::RenderTurns;
use crate::tokenizer::{Conversation, Piece, RenderedConversation, Role, Turn};

/// How the rows of a table are read.
pub(super) struct ExampleReader<'a> {
    pub(super) names: &'a [String],
    pub(super) columns: Columns,
    pub(super) companions: Companions,
    /// Says of each answer whether it is wanted.
    pub(super) wanted: Option<usize>,
    /// How prompts and completions are joined.
    pub(super) prompt_format: PromptFormat,
    /// Writes conversations; `None` where there are none.
    pub(super) template: Option<&'a RenderTurns<'a>>,
}

impl ExampleReader<'_> {
    /// Pieces and turns of a row, or why it has none.
    pub(super) fn read(
        &self,
        row: &mut Row,
        notes: &mut ConversationNotes,
    ) -> Result<(Vec<Piece>, Vec<Turn>), BadCell> {
        let (names, columns) = (self.names, self.columns);
        let is_chat = self.template.is_some();
        if let Some(index) = self.wanted.filter(|&index| is_unwanted(&row.cells[index])) {
            let reason = format!(
                "its answer is marked as one that is not wanted, and only wanted ones are learned (column {:?})",
                names[index]
            );
            return Err(BadCell::Other(reason));
        }
        for (index, role) in columns.roles() {
            if columns == (Columns::Messages { messages: index }) {
                continue;
            }
            let name = &names[index];
            if row.nested.contains(&index) {
                let is_pair = matches!(columns, Columns::PromptCompletion { .. });
                if is_chat && is_pair && row.cells[index].starts_with('[') {
                    continue;
                }
                return Err(BadCell::Other(format!(
                    "the {role} holds an object or array (column {name:?}); conversations are `messages`, or lists of \
                     turns that the chat template joins (prompt_format chat)"
                )));
            }
            let may_be_empty = role == "input" || (role == "prompt" && !is_chat);
            if !may_be_empty && row.cells[index].trim().is_empty() {
                return Err(BadCell::Empty(format!("the {role} is empty (column {name:?})")));
            }
        }
        let mut cell = |index: usize| std::mem::take(&mut row.cells[index]);
        let (prompt, completion) = match columns {
            Columns::Text { text } => return Ok((vec![Piece { text: cell(text), has_loss: true }], Vec::new())),
            Columns::Messages { messages } => {
                let json = cell(messages);
                if json.trim().is_empty() {
                    let reason = format!("the conversation is missing (column {:?})", names[messages]);
                    return Err(BadCell::Empty(reason));
                }
                let bad = |reason| BadCell::Other(format!("{reason} (column {:?})", names[messages]));
                let turns = parse_turns(&json).map_err(bad)?;
                if has_no_roles(&json) {
                    notes.add_without_roles();
                }
                return self.write(turns, row, notes);
            }
            Columns::PromptCompletion { prompt, completion } if is_chat => {
                let [prompt, completion] = [prompt, completion].map(|index| match row.nested.contains(&index) {
                    true => TurnsOrText::Turns(cell(index)),
                    false => TurnsOrText::Text(cell(index)),
                });
                return self.write(parse_pair(prompt, completion).map_err(BadCell::Other)?, row, notes);
            }
            Columns::PromptCompletion { prompt, completion } => (cell(prompt), cell(completion)),
            Columns::Instruction { instruction, input, output } => {
                let (instruction, input) = (cell(instruction), input.map(&mut cell).unwrap_or_default());
                let prompt = match self.template {
                    Some(_) => with_input_below(&instruction, &input),
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
            Columns::Instruction { .. } => [prompt, completion],
            _ => self.prompt_format.join(&prompt, &completion).ok_or_else(no_template)?,
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
    ) -> Result<(Vec<Piece>, Vec<Turn>), BadCell> {
        let render = self.template.ok_or_else(no_template)?;
        let mut conversation = Conversation::from(turns);
        let has_second_system = self.companions.add_to(&mut conversation, row, self.names).map_err(BadCell::Other)?;
        let rendered = render_answers(&conversation, render).map_err(BadCell::Other)?;
        notes.add(&conversation, &rendered, &|conversation: &Conversation| render_answers(conversation, render));
        if has_more {
            notes.add_more();
        }
        if has_second_system {
            notes.add_second_system();
        }
        Ok((rendered.pieces, conversation.turns))
    }
}

fn no_template() -> BadCell {
    BadCell::Other("the model has no chat template".into())
}

/// What a template writes, up to the last piece that is learned.
fn render_answers(conversation: &Conversation, render: &RenderTurns<'_>) -> Result<RenderedConversation, String> {
    let mut rendered = render(conversation)?;
    let last = rendered.pieces.iter().rposition(|piece| piece.has_loss && !piece.text.is_empty());
    rendered.pieces.truncate(last.ok_or("the chat template writes nothing for the assistant")? + 1);
    Ok(rendered)
}
