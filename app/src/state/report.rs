//! What is in the data, for either task, and how columns are chosen for a language model. Plain data, tested natively.

use hone_core::config::{DataShape, ReadOptions, Task};
use hone_core::data::DataReport;
use hone_core::data::causal_lm::LmReport;

use crate::format;

/// The worker's report on the rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Report {
    /// Texts with labels.
    Classes(Box<DataReport>),
    /// Texts to go on with.
    Texts(Box<LmReport>),
}

impl Report {
    /// What a model must be for to be trained on these rows.
    pub(crate) fn task(&self) -> Task {
        match self {
            Self::Classes(_) => Task::SequenceClassification,
            Self::Texts(_) => Task::CausalLm,
        }
    }

    /// Name of the training file.
    pub(crate) fn file_name(&self) -> &str {
        match self {
            Self::Classes(report) => &report.file_name,
            Self::Texts(report) => &report.file_name,
        }
    }

    /// Rows that are used.
    pub(crate) fn num_usable(&self) -> usize {
        match self {
            Self::Classes(report) => report.num_usable,
            Self::Texts(report) => report.num_usable,
        }
    }

    /// Rows of training, validation and test as the model gets them: a long text gives several.
    pub(crate) fn split_sizes(&self) -> [usize; 3] {
        match self {
            Self::Classes(report) => report.split_sizes,
            Self::Texts(report) => report.num_encoded,
        }
    }

    /// What one of those rows is called.
    pub(crate) fn part(&self) -> &'static str {
        match self {
            Self::Classes(_) => "row",
            Self::Texts(report) => part_of(report),
        }
    }

    /// How much there is, in words: rows, or the passages that a file of one text is cut into.
    pub(crate) fn size_words(&self) -> String {
        match self {
            // Nothing is cut before there is a model.
            Self::Texts(report) if report.format.is_none() && report.lengths.counts.is_empty() => "1 text".into(),
            Self::Texts(report) if report.format.is_none() => {
                format::plural(self.split_sizes().iter().sum(), "passage")
            }
            _ => format::plural(self.num_usable(), "row"),
        }
    }

    /// Labels; 0 where there are none.
    pub(crate) fn num_classes(&self) -> usize {
        match self {
            Self::Classes(report) => report.classes.len(),
            Self::Texts(_) => 0,
        }
    }
}

/// What one of the texts is called that a language model gets.
pub(crate) fn part_of(report: &LmReport) -> &'static str {
    if report.shape == DataShape::Text { "passage" } else { "row" }
}

/// What a column can be to an example of a shape, in the order in which it is read.
pub(crate) fn roles(shape: DataShape) -> &'static [&'static str] {
    match shape {
        DataShape::Text => &["text"],
        DataShape::PromptCompletion => &["prompt", "completion"],
        DataShape::Instruction => &["instruction", "input", "output"],
        DataShape::Messages => &["messages"],
    }
}

/// Another header, or another task, has other columns.
pub(crate) fn forget_columns(read: &mut ReadOptions) {
    let kept = std::mem::take(read);
    let ReadOptions { delimiter, has_header, header_row, encoding, merge_labels, prompt_format, .. } = kept;
    *read = ReadOptions {
        delimiter,
        has_header,
        header_row,
        encoding,
        merge_labels,
        prompt_format,
        ..ReadOptions::default()
    };
}

/// Takes another column for a role; if it was another's, the two change places. An empty name takes none.
pub(crate) fn choose_column(read: &mut ReadOptions, report: &LmReport, role: &str, chosen: &str) {
    let before = column_of(report, role);
    for &one in roles(report.shape) {
        let column = match column_of(report, one) {
            _ if one == role => Some(chosen).filter(|chosen| !chosen.is_empty()),
            Some(column) if column == chosen => before.or(Some(column)),
            column => column,
        };
        *wish(read, one) = column.map(str::to_owned);
    }
    read.shape = Some(report.shape);
}

/// Takes another shape. Every part of it gets a column: one of that name, else the one that was used for the same, else
/// the first that is left; what is wrong can then be corrected.
pub(crate) fn choose_shape(read: &mut ReadOptions, report: &LmReport, shape: DataShape) {
    forget_columns(read);
    // How prompt and answer are joined was chosen for another shape.
    read.prompt_format = None;
    read.shape = Some(shape);
    let mut taken: Vec<&str> = Vec::new();
    for &role in roles(shape) {
        let is_free = |column: &&str| !taken.contains(column);
        let names = || report.columns.iter().map(String::as_str);
        let named = names().find(|column| column.trim().eq_ignore_ascii_case(role));
        let like = match role {
            "prompt" => "instruction",
            "instruction" => "prompt",
            "completion" => "output",
            "output" => "completion",
            other => other,
        };
        let found = named.filter(is_free).or_else(|| column_of(report, like).filter(is_free));
        let found = if role == "input" { found } else { found.or_else(|| names().find(is_free)) };
        taken.extend(found);
        *wish(read, role) = found.map(str::to_owned);
    }
}

/// The column that is used for a role.
pub(crate) fn column_of<'a>(report: &'a LmReport, role: &str) -> Option<&'a str> {
    report.used_columns.iter().find(|(_, used_as)| used_as == role).map(|(column, _)| column.as_str())
}

fn wish<'a>(read: &'a mut ReadOptions, role: &str) -> &'a mut Option<String> {
    match role {
        "prompt" | "instruction" => &mut read.prompt_column,
        "input" => &mut read.input_column,
        "completion" | "output" => &mut read.completion_column,
        "messages" => &mut read.messages_column,
        _ => &mut read.text_column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(columns: &[&str], shape: DataShape, used: &[(&str, &str)]) -> LmReport {
        LmReport {
            file_name: "rows.jsonl".into(),
            format: None,
            delimiter: None,
            has_header: true,
            columns: columns.iter().map(|&name| name.into()).collect(),
            reading: hone_core::data::FileReading::default(),
            used_columns: used.iter().map(|&(column, role)| (column.into(), role.into())).collect(),
            shape,
            prompt_format: None,
            is_prompt_format_guessed: false,
            num_rows: 1,
            num_usable: 1,
            num_duplicates: 0,
            num_leaks: 0,
            split_sizes: [1, 0, 0],
            num_encoded: [4, 0, 0],
            bad_rows: Vec::new(),
            num_bad_rows: 0,
            lengths: hone_core::data::LengthHistogram::default(),
            max_seq_length: 8,
            num_truncated: 0,
            num_prompt_cut: 0,
            num_lost_completion: 0,
            cut_rows: Vec::new(),
            num_tokens: 8,
            num_loss_tokens: 4,
            warnings: Vec::new(),
            preview: Vec::new(),
        }
    }

    fn name(name: &str) -> Option<String> {
        Some(name.into())
    }

    #[test]
    fn steps_are_counted_by_what_the_model_gets() {
        let texts = Report::Texts(Box::new(report(&["text"], DataShape::Text, &[("text", "text")])));
        assert_eq!((texts.task(), texts.num_usable(), texts.split_sizes()), (Task::CausalLm, 1, [4, 0, 0]));
        assert_eq!((texts.part(), texts.size_words().as_str()), ("passage", "1 text"));
        let mut cut = report(&["text"], DataShape::Text, &[("text", "text")]);
        cut.lengths.counts.push(4);
        assert_eq!(Report::Texts(Box::new(cut)).size_words(), "4 passages");
        let mut pairs = report(&["q", "a"], DataShape::PromptCompletion, &[("q", "prompt"), ("a", "completion")]);
        pairs.format = Some(hone_core::data::Format::Jsonl);
        let pairs = Report::Texts(Box::new(pairs));
        assert_eq!((pairs.part(), pairs.size_words().as_str()), ("row", "1 row"));
    }

    #[test]
    fn columns_change_places() {
        let pair = report(&["q", "a", "id"], DataShape::PromptCompletion, &[("q", "prompt"), ("a", "completion")]);
        let mut read = ReadOptions::default();
        choose_column(&mut read, &pair, "prompt", "a");
        assert_eq!((read.prompt_column.clone(), read.completion_column.clone()), (name("a"), name("q")));
        choose_column(&mut read, &pair, "completion", "id");
        assert_eq!((read.prompt_column, read.completion_column), (name("q"), name("id")));
        assert_eq!(read.shape, Some(DataShape::PromptCompletion));
    }

    #[test]
    fn another_shape_gets_columns_for_all_its_parts() {
        let text = report(&["subject", "text", "output"], DataShape::Text, &[("text", "text")]);
        let mut read = ReadOptions { has_header: Some(true), text_column: name("text"), ..ReadOptions::default() };
        choose_shape(&mut read, &text, DataShape::Instruction);
        let expected = ReadOptions {
            has_header: Some(true),
            shape: Some(DataShape::Instruction),
            prompt_column: name("subject"),
            completion_column: name("output"),
            ..ReadOptions::default()
        };
        assert_eq!(read, expected);

        let pair = report(&["q", "a"], DataShape::PromptCompletion, &[("a", "prompt"), ("q", "completion")]);
        choose_shape(&mut read, &pair, DataShape::Instruction);
        assert_eq!((read.prompt_column, read.completion_column), (name("a"), name("q")));
    }

    #[test]
    fn a_plain_text_has_no_columns_to_name() {
        let plain = report(&[], DataShape::Text, &[]);
        let mut read = ReadOptions::default();
        choose_shape(&mut read, &plain, DataShape::Messages);
        assert_eq!(read, ReadOptions { shape: Some(DataShape::Messages), ..ReadOptions::default() });
    }
}
