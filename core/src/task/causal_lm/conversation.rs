//! What stands beside the turns of a row, and what a person should know about how conversations are written.

use serde_json::{Map, Value};

use crate::data::{Row, Table};
use crate::task::RenderTurns;
use crate::tokenizer::{Conversation, Piece, RenderedConversation, Role, Turn, WEIGHT_KEY};
use crate::words::plural;

/// Names of columns of a system text, best first.
const SYSTEM: &[&str] = &["system", "system_prompt", "system_message"];

/// Name of the column of tools that the model may call.
const TOOLS: &str = "tools";

/// Name of the column of other variables for the template (TRL's).
const VARIABLES: &str = "chat_template_kwargs";

/// Conversations that are tried before a field counts as one that the template does not write.
const MAX_TRIES: usize = 8;

/// Fields that are looked at: a file of random keys has as many as it has turns.
const MAX_FIELDS: usize = 64;

/// Columns that stand beside a conversation, by index.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Companions {
    system: Option<usize>,
    tools: Option<usize>,
    variables: Option<usize>,
}

impl Companions {
    /// Those of a table, without the columns that are something else.
    pub(super) fn find(table: &Table, used: &[(usize, &str)]) -> Self {
        let index = |name: &str| {
            let is_free = |index: &usize| used.iter().all(|(other, _)| other != index);
            let like = |column: &String| column.trim().eq_ignore_ascii_case(name);
            table.columns.iter().position(like).filter(is_free)
        };
        Self { system: SYSTEM.iter().find_map(|name| index(name)), tools: index(TOOLS), variables: index(VARIABLES) }
    }

    /// Indices and roles of the columns.
    pub(super) fn roles(&self) -> Vec<(usize, &'static str)> {
        let all = [(self.system, "system"), (self.tools, "tools"), (self.variables, "template variables")];
        all.into_iter().filter_map(|(index, role)| Some((index?, role))).collect()
    }

    /// Whether a row has a system text beside its turns.
    pub(super) fn has_system(&self, row: &Row) -> bool {
        self.system.is_some_and(|index| !row.cells[index].trim().is_empty())
    }

    /// Adds what a row holds beside its turns; whether its system text gave way to one among the turns.
    pub(super) fn add_to(&self, conversation: &mut Conversation, row: &Row, names: &[String]) -> Result<bool, String> {
        let cell = |index: Option<usize>| {
            let index = index.filter(|&index| !row.cells[index].trim().is_empty())?;
            Some((row.cells[index].as_str(), &names[index]))
        };
        if let Some((json, name)) = cell(self.tools) {
            let tools: Value = serde_json::from_str(json)
                .map_err(|error| format!("the tools are not JSON: {error} (column {name:?})"))?;
            if !tools.is_null() && tools != Value::Array(Vec::new()) {
                conversation.variables.insert(TOOLS.into(), tools);
            }
        }
        if let Some((json, name)) = cell(self.variables) {
            let variables: Map<String, Value> = serde_json::from_str(json).map_err(|error| {
                format!("the template's variables are not a JSON object: {error} (column {name:?})")
            })?;
            let others = variables.into_iter().filter(|(key, value)| key != "messages" && !value.is_null());
            conversation.variables.extend(others);
        }
        let Some((system, _)) = cell(self.system) else { return Ok(false) };
        if conversation.turns.first().is_some_and(|turn| turn.role == Role::System) {
            return Ok(conversation.turns[0].content.trim() != system.trim());
        }
        conversation.turns.insert(0, Turn::new(Role::System, system));
        Ok(false)
    }
}

/// A part of conversations that a template may leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    /// A key of turns.
    Key(String),
    /// A variable of the template.
    Variable(String),
    /// All turns of a role.
    Turns(Role),
}

impl Field {
    fn of(conversation: &Conversation) -> Vec<Self> {
        let mut fields: Vec<Self> = conversation.variables.keys().cloned().map(Self::Variable).collect();
        for turn in &conversation.turns {
            let keys = turn.extra.keys().filter(|key| *key != WEIGHT_KEY && *key != "content").cloned().map(Self::Key);
            let role = matches!(turn.role, Role::System | Role::Tool).then_some(Self::Turns(turn.role));
            for field in keys.chain(role) {
                if fields.len() < MAX_FIELDS && !fields.contains(&field) {
                    fields.push(field);
                }
            }
        }
        fields
    }

    fn removed_from(&self, conversation: &Conversation) -> Conversation {
        let mut rest = conversation.clone();
        match self {
            Self::Key(key) => rest.turns.iter_mut().for_each(|turn| drop(turn.extra.shift_remove(key))),
            Self::Variable(name) => drop(rest.variables.shift_remove(name)),
            Self::Turns(role) => rest.turns.retain(|turn| turn.role != *role),
        }
        rest
    }

    fn name(&self) -> String {
        match self {
            Self::Key(key) => key.clone(),
            Self::Variable(name) => name.clone(),
            Self::Turns(role) => format!("a {} turn", role.name()),
        }
    }
}

/// All that is written; where a piece ends may move when a turn is left out.
fn text_of(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| piece.text.as_str()).collect()
}

/// What is known of a field.
#[derive(Debug)]
struct FieldUse {
    field: Field,
    num_rows: usize,
    num_tries: usize,
    is_written: bool,
}

/// Counts what conversations say and the template does not write.
#[derive(Debug, Default)]
pub(super) struct ConversationNotes {
    fields: Vec<FieldUse>,
    num_only_last: usize,
    num_with_more: usize,
    num_without_roles: usize,
    num_second_systems: usize,
    num_empty_prompts: usize,
    num_unwritten_systems: usize,
    /// Conversations with a role that the file calls otherwise than this library; and whether the template writes such a name.
    num_renamed: usize,
    is_name_written: Option<bool>,
}

impl ConversationNotes {
    /// A conversation that was written.
    pub(super) fn add(
        &mut self,
        conversation: &Conversation,
        written: &RenderedConversation,
        render: &RenderTurns<'_>,
    ) {
        self.num_only_last += usize::from(written.only_last);
        self.add_names(conversation, written, render);
        for field in Field::of(conversation) {
            let known = self.fields.iter().position(|known| known.field == field);
            let index = known.unwrap_or(self.fields.len());
            if known.is_none() {
                if self.fields.len() >= MAX_FIELDS {
                    continue;
                }
                self.fields.push(FieldUse { field, num_rows: 0, num_tries: 0, is_written: false });
            }
            let known = &mut self.fields[index];
            known.num_rows += 1;
            if !known.is_written && known.num_tries < MAX_TRIES {
                known.num_tries += 1;
                // Where it can't be written without, it is written.
                let without = render(&known.field.removed_from(conversation));
                known.is_written = !without.is_ok_and(|without| text_of(&without.pieces) == text_of(&written.pieces));
            }
        }
    }

    /// Looks once whether a role goes by the file's name for it, such as `developer`.
    fn add_names(&mut self, conversation: &Conversation, written: &RenderedConversation, render: &RenderTurns<'_>) {
        let is_other = |turn: &Turn| {
            turn.role_name.as_deref().is_some_and(|name| !name.trim().eq_ignore_ascii_case(turn.role.name()))
        };
        if !conversation.turns.iter().any(is_other) {
            return;
        }
        self.num_renamed += 1;
        if self.is_name_written.is_none() {
            let mut usual = conversation.clone();
            usual.turns.iter_mut().for_each(|turn| turn.role_name = None);
            let is_same = render(&usual).is_ok_and(|usual| text_of(&usual.pieces) == text_of(&written.pieces));
            self.is_name_written = Some(!is_same);
        }
    }

    /// A conversation whose last turn is not the assistant's.
    pub(super) fn add_more(&mut self) {
        self.num_with_more += 1;
    }

    /// A conversation of plain texts.
    pub(super) fn add_without_roles(&mut self) {
        self.num_without_roles += 1;
    }

    /// A conversation with a system text beside the turns and another among them.
    pub(super) fn add_second_system(&mut self) {
        self.num_second_systems += 1;
    }

    /// A row without a prompt.
    pub(super) fn add_empty_prompt(&mut self) {
        self.num_empty_prompts += 1;
    }

    /// A row with a system text that nothing writes.
    pub(super) fn add_unwritten_system(&mut self) {
        self.num_unwritten_systems += 1;
    }

    /// One sentence for each thing to know.
    pub(super) fn warnings(&self) -> Vec<String> {
        let unwritten = self.fields.iter().filter(|known| !known.is_written).map(|known| {
            let (name, rows) = (known.field.name(), plural(known.num_rows, "row"));
            format!("{name} is in {rows}, and this model's chat template does not write it")
        });
        let counts = [
            (
                self.num_only_last,
                "conversation",
                "only the last answer is learned: the chat template writes earlier ones differently once \
                 later ones are there",
            ),
            (
                self.num_with_more,
                "conversation",
                "what follows the assistant's last turn is left out: nothing answers it",
            ),
            (
                self.num_without_roles,
                "conversation",
                "nothing says who speaks: plain texts are taken as those of the user and the assistant in turn",
            ),
            (
                self.num_second_systems,
                "row",
                "the system text beside the conversation is left out: the first turn holds another one",
            ),
            (self.num_empty_prompts, "row", "the prompt is empty: the completion follows the token that begins a text"),
            (
                self.num_unwritten_systems,
                "row",
                "the system text is left out: only the model's chat template (prompt_format chat) writes it",
            ),
            (
                if self.is_name_written == Some(false) { self.num_renamed } else { 0 },
                "conversation",
                "a role gets the name that chat templates know, system or tool, as this model's has none for developer, \
                 observation or the like",
            ),
        ];
        let counted = counts.into_iter().filter(|(count, ..)| *count > 0);
        unwritten.chain(counted.map(|(count, of, what)| format!("in {} {what}", plural(count, of)))).collect()
    }
}
