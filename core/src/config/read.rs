//! How a file is read: plain wishes, that the rooms of data turn into columns.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ConfigProblem, Encoding, MadeCopies, PromptFormat, RowEdits, RowSharing, TextCleaning};

/// Labels over which one may lead to another: the check follows each of them to its end.
const MAX_MERGES_IN_A_ROW: usize = 100;

/// What an example of a file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataShape {
    /// A text; all of it is learned.
    Text,
    /// A prompt and what follows it; only that is learned.
    PromptCompletion,
    /// An instruction, perhaps an input to it, and the output: Alpaca's template makes a prompt of the former.
    Instruction,
    /// A conversation; what the assistant says is learned.
    Messages,
}

impl DataShape {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Text, Self::PromptCompletion, Self::Instruction, Self::Messages];

    /// As it is called in messages and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::PromptCompletion => "prompt_completion",
            Self::Instruction => "instruction",
            Self::Messages => "messages",
        }
    }
}

/// How a data file is read; `None` means guess.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Column that holds the text.
    pub text_column: Option<String>,
    /// Column that holds the second text of a pair. An empty name says that there is none, and that none is guessed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_pair_column: Option<String>,
    /// Column that holds a text which does not belong to the first two of a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_column: Option<String>,
    /// Column that holds the label; of several in one cell, or tags, or a number, too.
    pub label_column: Option<String>,
    /// Columns that each hold one label (0 or 1), or one number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub label_columns: Vec<String>,
    /// Column that holds the tokens of a sentence, or one token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_column: Option<String>,
    /// Column that tells the sentences apart, where a row is one token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence_column: Option<String>,
    /// Column that holds the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question_column: Option<String>,
    /// Column that holds the text in which the answer stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_column: Option<String>,
    /// Column that holds the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_column: Option<String>,
    /// Column that holds the target: what the text is turned into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_column: Option<String>,
    /// What is written before every text that is turned into another, such as `summarize: `, to the letter. An empty one
    /// says that there is none, also where a model was trained with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_prefix: Option<String>,
    /// Column that holds the file names of images, in a table that lies beside them in their zip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_column: Option<String>,
    /// What an example is made of, for a language model.
    pub shape: Option<DataShape>,
    /// Column that holds the prompt, or the instruction.
    pub prompt_column: Option<String>,
    /// Column that holds what an instruction is about.
    pub input_column: Option<String>,
    /// Column that holds the completion, or the output of an instruction.
    pub completion_column: Option<String>,
    /// Column that holds the conversation.
    pub messages_column: Option<String>,
    /// How prompt and answer are joined. An instruction has Alpaca's prompt, unless the chat template writes it.
    #[serde(
        alias = "as_chat",
        deserialize_with = "super::prompt_format::read_prompt_format",
        skip_serializing_if = "Option::is_none"
    )]
    pub prompt_format: Option<PromptFormat>,
    /// Field separator of a delimited file.
    pub delimiter: Option<char>,
    /// Whether the first row names the columns.
    pub has_header: Option<bool>,
    /// The row that names the columns, from 1, as a spreadsheet counts: of delimited text. Rows above it are skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_row: Option<usize>,
    /// How the file's bytes stand for characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// The sheet of a workbook; the first with rows, where none is named. `hone-readers` makes text of it before core reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// What stands between the labels of a cell that holds several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_separator: Option<char>,
    /// Labels that are read as another one, from the former to the latter: two spellings of one class.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub merge_labels: BTreeMap<String, String>,
    /// What texts are cleaned of as they are read.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub clean_texts: BTreeSet<TextCleaning>,
    /// How the rows are shared out, where shares alone do not say it.
    #[serde(skip_serializing_if = "RowSharing::is_default")]
    pub sharing: RowSharing,
    /// What was edited of single rows after the file was read: cells, rows that are left out, rows of another split.
    #[serde(skip_serializing_if = "RowEdits::is_empty")]
    pub edits: RowEdits,
    /// Copies of training rows that a model made, which are trained on beside them.
    #[serde(skip_serializing_if = "MadeCopies::is_empty")]
    pub copies: MadeCopies,
}

impl ReadOptions {
    /// The column that is named for the second text of a pair.
    #[must_use]
    pub fn pair_column(&self) -> Option<&str> {
        self.text_pair_column.as_deref().filter(|name| !name.is_empty())
    }

    /// Whether rows are no pairs, whatever their columns are called.
    #[must_use]
    pub fn has_no_pair(&self) -> bool {
        self.text_pair_column.as_deref() == Some("")
    }

    /// What is written before every text that is turned into another; empty where nothing is.
    #[must_use]
    pub fn prefix_of_sources(&self) -> &str {
        self.source_prefix.as_deref().unwrap_or_default()
    }

    /// Every wish that can't be followed, whatever the file is.
    #[must_use]
    pub fn check(&self) -> Vec<ConfigProblem> {
        let mut problems = self.sharing.check();
        let mut add = |field: &str, message: String| problems.push(ConfigProblem { field: field.into(), message });
        if self.header_row == Some(0) {
            add("header_row", "rows are counted from 1".into());
        }
        if self.header_row.is_some() && self.has_header == Some(false) {
            add("header_row", "names the row of the header, and has_header says that there is none".into());
        }
        if let Some(separator) = self.label_separator.filter(|one| one.is_alphanumeric() || "\"'[]".contains(*one)) {
            let message = format!("{separator:?} can't stand between labels: it is part of them, or of a list");
            add("label_separator", message);
        }
        // It becomes a part of a format of prompts, in which these two are places.
        if let Some(place) =
            ["{prompt}", "{completion}"].into_iter().find(|place| self.prefix_of_sources().contains(place))
        {
            add("source_prefix", format!("can't hold {place}: it is written before the text as it stands"));
        }
        for (from, to) in &self.merge_labels {
            if from.trim().is_empty() || to.trim().is_empty() {
                add("merge_labels", format!("{from:?} can't be read as {to:?}: a label is not empty"));
            } else if self.merge_labels.contains_key(self.merged_label(from)) {
                add(
                    "merge_labels",
                    format!("{from:?} is read as {to:?}, which leads back to it or over too many others"),
                );
            }
        }
        problems.extend(self.edits.check());
        problems.extend(self.copies.check());
        problems
    }

    /// The label that `label` is read as: itself, unless [`ReadOptions::merge_labels`] has another.
    #[must_use]
    pub fn merged_label<'r>(&'r self, label: &'r str) -> &'r str {
        let mut found = label;
        // A label may lead to one that is merged itself; who leads back to itself, or not to an end, is refused by the check.
        for _ in 0..self.merge_labels.len().min(MAX_MERGES_IN_A_ROW) {
            match self.merge_labels.get(found) {
                Some(next) => found = next,
                None => break,
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merging(pairs: &[(&str, &str)]) -> ReadOptions {
        let merge_labels = pairs.iter().map(|&(from, to)| (from.to_owned(), to.to_owned())).collect();
        ReadOptions { merge_labels, ..ReadOptions::default() }
    }

    #[test]
    fn labels_are_followed_to_the_last() {
        let read = merging(&[("biling", "billing"), ("billing", "Billing")]);
        assert!(read.check().is_empty());
        for (label, merged) in [("biling", "Billing"), ("billing", "Billing"), ("Billing", "Billing"), ("x", "x")] {
            assert_eq!(read.merged_label(label), merged);
        }
    }

    #[test]
    fn a_chain_of_labels_without_end_is_refused_at_once() {
        let chain = |length: usize| {
            let pairs = (0..length).map(|index| (format!("{index}"), format!("{}", index + 1)));
            ReadOptions { merge_labels: pairs.collect(), ..ReadOptions::default() }
        };
        assert!(chain(MAX_MERGES_IN_A_ROW).check().is_empty());
        assert_eq!(chain(MAX_MERGES_IN_A_ROW + 1).check().len(), 1, "the first label does not come to an end");
        let start = std::time::Instant::now();
        assert_eq!(chain(50_000).check().len(), 50_000 - MAX_MERGES_IN_A_ROW);
        assert!(start.elapsed().as_secs() < 30, "each label was followed over all others");
    }

    #[test]
    fn wishes_that_contradict_are_named() {
        let fields =
            |read: &ReadOptions| -> Vec<String> { read.check().into_iter().map(|problem| problem.field).collect() };
        assert_eq!(fields(&merging(&[("a", "b"), ("b", "a"), ("c", "c"), ("d", " ")])), ["merge_labels"; 4]);
        let read = ReadOptions { header_row: Some(2), has_header: Some(false), ..ReadOptions::default() };
        assert_eq!(fields(&read), ["header_row"]);
        assert_eq!(fields(&ReadOptions { header_row: Some(0), ..ReadOptions::default() }), ["header_row"]);
        let both = ReadOptions { header_row: Some(2), has_header: Some(true), ..ReadOptions::default() };
        assert!(both.check().is_empty());
        let prefix = |text: &str| ReadOptions { source_prefix: Some(text.into()), ..ReadOptions::default() };
        assert_eq!(fields(&prefix("Write {prompt}: ")), ["source_prefix"]);
        assert!(["", "Write {json}: "].into_iter().all(|text| prefix(text).check().is_empty()));
        let read = |separator| ReadOptions { label_separator: Some(separator), ..ReadOptions::default() };
        assert_eq!(fields(&read('a')), ["label_separator"]);
        assert!([';', '|', ',', '\t', ' '].into_iter().all(|separator| read(separator).check().is_empty()));
    }

    #[test]
    fn only_what_was_chosen_is_in_a_job_file() {
        let json = serde_json::to_string(&ReadOptions::default()).expect("plain values");
        assert!(!json.contains("target_column") && !json.contains("source_prefix"), "{json}");
        assert!(!json.contains("image_column") && !json.contains("clean_texts"), "{json}");
        assert!(!json.contains("encoding") && !json.contains("header_row") && !json.contains("merge_labels"), "{json}");
        let read = ReadOptions {
            encoding: Some(Encoding::Windows1252),
            header_row: Some(3),
            clean_texts: [TextCleaning::PersonalData, TextCleaning::Markup].into(),
            ..merging(&[("biling", "Billing")])
        };
        let json = serde_json::to_string(&read).expect("plain values");
        assert!(json.contains(r#""encoding":"windows1252""#) && json.contains(r#"{"biling":"Billing"}"#), "{json}");
        assert!(json.contains(r#""clean_texts":["markup","personal_data"]"#), "{json}");
        assert_eq!(serde_json::from_str::<ReadOptions>(&json).expect("its own JSON"), read);
    }
}
