//! What the columns of a file are to a language model: as asked for, else by their names.
//!
//! In: a table and the wishes. Out: [`Columns`], indices of the columns that are used.

use crate::config::{DataShape, ReadOptions};
use crate::data::{DataError, Table, name_rank, parse_keeping_nested};
use crate::task::guess::{beginning, is_plain_text};

/// Names of columns of conversations, best first.
const MESSAGES: &[&str] = &["messages", "conversations", "conversation", "chat", "dialog", "dialogue", "turns"];

/// Names of columns of instructions.
const INSTRUCTION: &[&str] = &["instruction", "instructions"];

/// Names of columns that an instruction is about.
const INPUT: &[&str] = &["input", "context", "inputs"];

/// Names of columns of what an instruction asks for, best first.
const OUTPUT: &[&str] = &["output", "response", "completion", "answer", "outputs", "target", "chosen"];

/// The column of conversations with wanted answers, beside one with others.
const CHOSEN: &[&str] = &["chosen"];

/// Names of columns of prompt and completion, best first.
const PAIRS: &[(&str, &str)] = &[
    ("prompt", "completion"),
    ("prompt", "response"),
    ("prompt", "output"),
    ("prompt", "answer"),
    ("prompt", "chosen"),
    ("question", "answer"),
    ("question", "response"),
    ("query", "response"),
    ("query", "answer"),
    ("problem", "solution"),
    ("input", "output"),
    ("input", "response"),
    ("input", "completion"),
    ("input", "target"),
    ("inputs", "targets"),
    ("input_text", "output_text"),
    ("input_text", "target_text"),
    ("user", "assistant"),
    ("human", "assistant"),
    ("source", "target"),
    ("src", "tgt"),
    ("frage", "antwort"),
    ("eingabe", "ausgabe"),
];

/// Names of columns of plain texts, best first.
const TEXT: &[&str] = &["text", "content", "texts", "document", "story", "body"];

impl ReadOptions {
    /// How the table is read.
    pub(super) fn table(&self) -> ReadOptions {
        ReadOptions {
            delimiter: self.delimiter,
            has_header: self.has_header,
            header_row: self.header_row,
            encoding: self.encoding,
            // A first row that holds one of these names the columns.
            text_column: self.text_column.clone(),
            prompt_column: self.prompt_column.clone(),
            input_column: self.input_column.clone(),
            completion_column: self.completion_column.clone(),
            messages_column: self.messages_column.clone(),
            ..ReadOptions::default()
        }
    }

    /// The same columns, by their names, of a file that goes with the one they were chosen of.
    pub(super) fn of_columns(&self, columns: &Columns, names: &[String]) -> Self {
        let name = |index: usize| Some(names[index].clone());
        let mut read = Self { shape: Some(columns.shape()), ..Self::default() };
        match *columns {
            Columns::Text { text } => read.text_column = name(text),
            Columns::PromptCompletion { prompt, completion } => {
                (read.prompt_column, read.completion_column) = (name(prompt), name(completion));
            }
            Columns::Instruction { instruction, input, output } => {
                (read.prompt_column, read.completion_column) = (name(instruction), name(output));
                read.input_column = input.and_then(name);
            }
            Columns::Messages { messages } => read.messages_column = name(messages),
        }
        // The header of another file may stand in another row.
        Self { delimiter: self.delimiter, has_header: self.has_header, encoding: self.encoding, ..read }
    }

    /// Whether a file can only be a table if it is to be read like this.
    pub(super) fn asks_for_table(&self) -> bool {
        let columns = [
            &self.text_column,
            &self.prompt_column,
            &self.input_column,
            &self.completion_column,
            &self.messages_column,
        ];
        self.shape.is_some_and(|shape| shape != DataShape::Text)
            || self.delimiter.is_some()
            || self.has_header.is_some()
            || self.header_row.is_some()
            || columns.into_iter().any(Option::is_some)
    }

    /// The shape, where it was asked for or follows from the columns that were.
    fn wanted(&self) -> Option<DataShape> {
        let by_columns = || {
            if self.messages_column.is_some() {
                Some(DataShape::Messages)
            } else if self.input_column.is_some() {
                Some(DataShape::Instruction)
            } else if self.prompt_column.is_some() || self.completion_column.is_some() {
                Some(DataShape::PromptCompletion)
            } else {
                self.text_column.is_some().then_some(DataShape::Text)
            }
        };
        self.shape.or_else(by_columns)
    }
}

/// Indices of the columns that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// [`DataShape::Text`].
    Text {
        /// Column of the text.
        text: usize,
    },
    /// [`DataShape::PromptCompletion`].
    PromptCompletion {
        /// Column of the prompt.
        prompt: usize,
        /// Column of the completion.
        completion: usize,
    },
    /// [`DataShape::Instruction`].
    Instruction {
        /// Column of the instruction.
        instruction: usize,
        /// Column of what it is about.
        input: Option<usize>,
        /// Column of what it asks for.
        output: usize,
    },
    /// [`DataShape::Messages`].
    Messages {
        /// Column of the conversation.
        messages: usize,
    },
}

impl Columns {
    /// What an example is made of.
    #[must_use]
    pub(super) fn shape(&self) -> DataShape {
        match self {
            Self::Text { .. } => DataShape::Text,
            Self::PromptCompletion { .. } => DataShape::PromptCompletion,
            Self::Instruction { .. } => DataShape::Instruction,
            Self::Messages { .. } => DataShape::Messages,
        }
    }

    /// Indices and roles of the columns, in the order in which they are read.
    #[must_use]
    pub(super) fn roles(&self) -> Vec<(usize, &'static str)> {
        match *self {
            Self::Text { text } => vec![(text, "text")],
            Self::PromptCompletion { prompt, completion } => vec![(prompt, "prompt"), (completion, "completion")],
            Self::Instruction { instruction, input, output } => {
                let input = input.map(|input| (input, "input"));
                std::iter::once((instruction, "instruction")).chain(input).chain([(output, "output")]).collect()
            }
            Self::Messages { messages } => vec![(messages, "messages")],
        }
    }
}

/// Whether a file is a plain text, or its columns have names of prompts with answers, instructions or conversations.
#[must_use]
pub fn recognise(name: &str, bytes: &[u8]) -> bool {
    if is_plain_text(name, bytes) {
        return true;
    }
    let read = ReadOptions::default();
    let Ok(table) = parse_keeping_nested(name, beginning(bytes), &read) else { return false };
    choose_columns(&table, &read).is_ok_and(|columns| columns.shape() != DataShape::Text)
}

/// Chooses the columns: those asked for, else those with known names, else the only one.
///
/// # Errors
/// When a named column is not there, one would be used twice, or nothing looks like it.
pub(super) fn choose_columns(table: &Table, read: &ReadOptions) -> Result<Columns, DataError> {
    let columns = match read.wanted() {
        Some(shape) => of_shape(table, read, shape)?,
        None => nested_turns(table, MESSAGES)
            .or_else(|| guess(&table.columns).filter(|columns| columns.shape() != DataShape::Text))
            .or_else(|| nested_turns(table, CHOSEN))
            .or_else(|| guess(&table.columns))
            .ok_or_else(|| DataError::NoShape { columns: table.columns.clone() })?,
    };
    let roles = columns.roles();
    for (index, &(column, first)) in roles.iter().enumerate() {
        if let Some(&(_, second)) = roles[index + 1..].iter().find(|(other, _)| *other == column) {
            return Err(DataError::SharedColumn { column: table.columns[column].clone(), first, second });
        }
    }
    Ok(columns)
}

/// Columns of a shape: the names asked for, else known ones.
fn of_shape(table: &Table, read: &ReadOptions, shape: DataShape) -> Result<Columns, DataError> {
    let names = &table.columns;
    let missing = |role| DataError::NoShapeColumn { shape: shape.name(), role, columns: names.clone() };
    let find = |wish: &Option<String>| wish.as_deref().map(|name| find_column(names, name)).transpose();
    let (prompt, completion) = (find(&read.prompt_column)?, find(&read.completion_column)?);
    match shape {
        DataShape::Text => {
            let only = (names.len() == 1).then_some(0);
            let text = find(&read.text_column)?.or_else(|| best(names, TEXT)).or(only);
            Ok(Columns::Text { text: text.ok_or_else(|| missing("text"))? })
        }
        DataShape::PromptCompletion => {
            let (known_prompt, known_completion) = guess_pair(names, prompt, completion).unzip();
            let prompt = prompt.or(known_prompt).ok_or_else(|| missing("prompt"))?;
            let completion = completion.or(known_completion).ok_or_else(|| missing("completion"))?;
            Ok(Columns::PromptCompletion { prompt, completion })
        }
        DataShape::Instruction => {
            let instruction = prompt.or_else(|| best(names, INSTRUCTION)).or_else(|| best(names, &["prompt"]));
            let instruction = instruction.ok_or_else(|| missing("instruction"))?;
            let output = completion.or_else(|| best(names, OUTPUT)).ok_or_else(|| missing("output"))?;
            let free = |input: &usize| *input != instruction && *input != output;
            let input = find(&read.input_column)?.or_else(|| best(names, INPUT).filter(free));
            Ok(Columns::Instruction { instruction, input, output })
        }
        DataShape::Messages => {
            let messages = find(&read.messages_column)?.or_else(|| best(names, MESSAGES));
            Ok(Columns::Messages { messages: messages.ok_or_else(|| missing("messages"))? })
        }
    }
}

/// A column that is called as conversations are, and holds lists or objects: `chat` and `turns` may as well be texts.
fn nested_turns(table: &Table, names: &[&str]) -> Option<Columns> {
    let messages = best(&table.columns, names)?;
    let is_nested = table.rows.first().is_some_and(|row| row.nested.contains(&messages));
    is_nested.then_some(Columns::Messages { messages })
}

/// Columns by their names alone, the shape that says most first.
pub(super) fn guess(names: &[String]) -> Option<Columns> {
    if let Some(messages) = best(names, &MESSAGES[..2]) {
        return Some(Columns::Messages { messages });
    }
    if let (Some(instruction), Some(output)) = (best(names, INSTRUCTION), best(names, OUTPUT)) {
        return Some(Columns::Instruction { instruction, input: best(names, INPUT), output });
    }
    if let Some((prompt, completion)) = guess_pair(names, None, None) {
        return Some(Columns::PromptCompletion { prompt, completion });
    }
    let text = best(names, TEXT).or((names.len() == 1).then_some(0));
    text.map(|text| Columns::Text { text })
}

/// Whether cells are the names of columns whose shape is known.
pub(super) fn are_names(cells: &[String]) -> bool {
    if cells.len() > 1 { guess(cells).is_some() } else { best(cells, TEXT).is_some() }
}

/// Prompt and completion of a known pair, of which one may be chosen already; with one chosen and one column left,
/// that one.
fn guess_pair(names: &[String], prompt: Option<usize>, completion: Option<usize>) -> Option<(usize, usize)> {
    let free = |index: &usize| Some(*index) != prompt && Some(*index) != completion;
    let known = PAIRS.iter().find_map(|&(first, second)| {
        let first = prompt.or_else(|| best(names, &[first]).filter(free))?;
        let second = completion.or_else(|| best(names, &[second]).filter(free))?;
        Some((first, second))
    });
    let left = || {
        let chosen = prompt.or(completion)?;
        let other = (names.len() == 2).then_some(1 - chosen.min(1))?;
        Some((prompt.unwrap_or(other), completion.unwrap_or(other)))
    };
    known.or_else(left)
}

/// Index of the column whose name stands first in a list of known ones.
fn best(names: &[String], known: &[&str]) -> Option<usize> {
    let ranked = names.iter().enumerate().filter_map(|(index, name)| Some((name_rank(name, known)?, index)));
    ranked.min().map(|(_, index)| index)
}

/// Index of a column by name: exactly, else ignoring case and outer spaces.
fn find_column(names: &[String], name: &str) -> Result<usize, DataError> {
    let like = |column: &String| column.trim().to_lowercase() == name.trim().to_lowercase();
    let index = names.iter().position(|column| column == name).or_else(|| names.iter().position(like));
    index.ok_or_else(|| DataError::MissingColumn { column: name.to_owned(), columns: names.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::parse;

    fn table(header: &str) -> Table {
        let cells = header.replace(|character| character != ',', "");
        let read = ReadOptions { has_header: Some(true), delimiter: Some(','), ..ReadOptions::default() };
        parse("x.csv", format!("{header}\nx{}\n", cells.replace(',', ",x")).as_bytes(), &read).expect("a table")
    }

    fn choose(header: &str) -> Columns {
        choose_columns(&table(header), &ReadOptions::default()).expect("known names")
    }

    #[test]
    fn known_names_say_the_shape() {
        assert_eq!(choose("id,Messages"), Columns::Messages { messages: 1 });
        assert_eq!(choose("id,conversations,text"), Columns::Messages { messages: 1 });
        let alpaca = Columns::Instruction { instruction: 0, input: Some(1), output: 2 };
        assert_eq!(choose("instruction,input,output,text"), alpaca);
        let dolly = Columns::Instruction { instruction: 0, input: Some(1), output: 2 };
        assert_eq!(choose("instruction,context,response,category"), dolly);
        for pair in ["prompt,completion", "Prompt,Response", "question,answer", "input,output", "source,target"] {
            assert_eq!(choose(pair), Columns::PromptCompletion { prompt: 0, completion: 1 }, "{pair}");
        }
        assert_eq!(choose("answer,id,QUESTION"), Columns::PromptCompletion { prompt: 2, completion: 0 });
        assert_eq!(choose("label,content"), Columns::Text { text: 1 });
        assert_eq!(choose("anything"), Columns::Text { text: 0 });
    }

    #[test]
    fn lists_under_a_name_of_conversations_are_some() {
        let read = ReadOptions::default();
        let of = |json: &str| choose_columns(&parse("x.jsonl", json.as_bytes(), &read).expect("a table"), &read);
        let turns = of(r#"{"id": 1, "conversation": [{"role": "user", "content": "q"}], "text": "t"}"#);
        assert_eq!(turns.expect("known"), Columns::Messages { messages: 1 });
        let text = of(r#"{"id": 1, "conversation": "a text", "text": "t"}"#);
        assert_eq!(text.expect("known"), Columns::Text { text: 2 });
        let pairs =
            of(r#"{"chosen": [{"role": "user", "content": "q"}], "rejected": [{"role": "user", "content": "q"}]}"#);
        assert_eq!(pairs.expect("known"), Columns::Messages { messages: 0 });
        let texts = of(r#"{"chosen": "a", "rejected": "b"}"#).expect_err("which is which?").to_string();
        assert!(texts.ends_with("name \"chosen\" as the column of the answers, or of the whole texts"), "{texts}");
    }

    #[test]
    fn what_is_asked_for_is_taken_or_missed() {
        let wish = |read: ReadOptions| choose_columns(&table("a,b,text"), &read);
        let name = |name: &str| Some(name.to_owned());
        let pair = ReadOptions { prompt_column: name("B"), completion_column: name("a"), ..ReadOptions::default() };
        assert_eq!(wish(pair.clone()).expect("there"), Columns::PromptCompletion { prompt: 1, completion: 0 });
        let instruction = ReadOptions { shape: Some(DataShape::Instruction), ..pair.clone() };
        let expected = Columns::Instruction { instruction: 1, input: None, output: 0 };
        assert_eq!(wish(instruction).expect("there"), expected);
        let same = ReadOptions { completion_column: name("b"), ..pair.clone() };
        let error = wish(same).expect_err("twice").to_string();
        assert_eq!(error, r#"column "b" can't be both the prompt and the completion"#);
        let half = ReadOptions { completion_column: None, ..pair };
        let error = wish(half).expect_err("no completion").to_string();
        assert!(error.starts_with("a prompt_completion file needs a column for the completion"), "{error}");
        let unknown = ReadOptions { text_column: name("c"), ..ReadOptions::default() };
        assert!(matches!(wish(unknown), Err(DataError::MissingColumn { .. })));
        let read = ReadOptions { completion_column: name("y"), ..ReadOptions::default() };
        let two = choose_columns(&table("x,y"), &read).expect("the other one is the prompt");
        assert_eq!(two, Columns::PromptCompletion { prompt: 0, completion: 1 });
    }

    #[test]
    fn unknown_columns_are_listed() {
        let error = choose_columns(&table("foo,bar"), &ReadOptions::default()).expect_err("unknown");
        assert!(error.to_string().ends_with(r#"say which column is which: "foo", "bar""#), "{error}");
    }
}
