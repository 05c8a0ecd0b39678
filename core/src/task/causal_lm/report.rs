//! What is in the data, before anything is trained: a pure function of what was read and of the tokens.

use serde::{Deserialize, Serialize};

use super::encode::{Encoded, cut_rows};
use super::examples::{Dataset, Example, Summary};
use crate::config::{DataShape, PromptFormat};
use crate::data::{BadRow, LengthHistogram};
use crate::task::{self, DataReport, data_report};
use crate::tokenizer::{Piece, TextStream, Tokenizer, TokenizerError};
use crate::words::plural;

/// Shortened rows that the report lists.
const MAX_LISTED: usize = 100;

/// Examples of the preview.
const PREVIEW: usize = 3;

/// Tokens of an example in the preview.
const PREVIEW_TOKENS: usize = 256;

/// Characters of an example in the preview, where there are no tokens.
const PREVIEW_CHARS: usize = 1000;

/// A token as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewToken {
    /// What it adds to the text: nothing where a character is spread over several tokens, until its last.
    pub text: String,
    /// Whether the model learns to write it.
    pub has_loss: bool,
}

/// An example as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPreview {
    /// Row number in its file.
    pub row: usize,
    /// Its first tokens.
    pub tokens: Vec<PreviewToken>,
    /// All its tokens, after truncation; 0 before there is a tokenizer.
    pub num_tokens: usize,
}

/// What a report on texts says besides what all tasks say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportDetail {
    /// What an example is made of.
    pub shape: DataShape,
    /// How prompt and answer are joined; `None` where there is nothing to choose.
    pub prompt_format: Option<PromptFormat>,
    /// Nobody chose it.
    pub is_prompt_format_guessed: bool,
    /// Rows whose prompt lost its beginning.
    pub num_prompt_cut: usize,
    /// Rows in which nothing is left to learn.
    pub num_lost_completion: usize,
    /// The first hundred rows of the last two kinds.
    pub cut_rows: Vec<BadRow>,
    /// Tokens in all, after truncation.
    pub num_tokens: usize,
    /// Tokens that the model learns to write.
    pub num_loss_tokens: usize,
    /// The first examples of the training file.
    pub preview: Vec<TokenPreview>,
}

/// Writes the report. `encoded` are the tokenised rows of training, validation and test: empty where there is no
/// tokenizer yet, and the preview then has a part of an example in the place of a token.
///
/// # Errors
/// When the tokenizer can't decode what it encoded.
pub(super) fn report(
    summary: &Summary,
    dataset: &Dataset,
    encoded: [&[Encoded]; 3],
    tokenizer: Option<&Tokenizer>,
    max_seq_length: usize,
) -> Result<DataReport, TokenizerError> {
    let splits = dataset.splits();
    let rows = || encoded.iter().flat_map(|rows| rows.iter());
    let count = |is: fn(&Encoded) -> bool| rows().filter(|row| is(row)).count();
    let lengths: Vec<usize> = rows().map(|row| row.num_tokens_untruncated).collect();
    let num_truncated = count(Encoded::is_truncated);
    let num_prompt_cut = count(|row| row.prompt_was_cut);
    let num_lost_completion = count(|row| row.lost_completion);
    let mut warnings = summary.read.warnings.clone();
    let all = plural(lengths.len(), "row");
    let verb = |count: usize, one, many| if count == 1 { one } else { many };
    if num_truncated * 10 > lengths.len() {
        let (are, limit) = (verb(num_truncated, "is", "are"), plural(max_seq_length, "token"));
        warnings.push(format!("{num_truncated} of {all} {are} longer than {limit} and {are} shortened"));
    }
    if num_prompt_cut > 0 {
        let have = verb(num_prompt_cut, "has", "have");
        let message = "a prompt that leaves no room for the answer: the prompt loses its beginning";
        warnings.push(format!("{num_prompt_cut} of {all} {have} {message}"));
    }
    if num_lost_completion > 0 {
        let have = verb(num_lost_completion, "has", "have");
        warnings.push(format!("{num_lost_completion} of {all} {have} nothing left to learn"));
    }
    let listed = splits.iter().zip(encoded).flat_map(|(examples, rows)| cut_rows(examples, rows)).take(MAX_LISTED);
    let detail = ReportDetail {
        shape: dataset.shape,
        prompt_format: summary.prompt_format.clone(),
        is_prompt_format_guessed: summary.is_prompt_format_guessed,
        num_prompt_cut,
        num_lost_completion,
        cut_rows: listed.collect(),
        num_tokens: rows().map(Encoded::num_tokens).sum(),
        num_loss_tokens: rows().map(Encoded::num_loss_tokens).sum(),
        preview: match tokenizer {
            Some(tokenizer) => preview(&dataset.train, encoded[0], tokenizer)?,
            None => dataset.train.iter().take(PREVIEW).map(untokenised).collect(),
        },
    };
    let row_numbers: [Vec<usize>; 3] = splits.map(|examples| examples.iter().map(|example| example.row).collect());
    let detail = task::ReportDetail::CausalLm(Box::new(detail));
    // Of a long text there are several rows: what is cut is counted and said here.
    let of_all_tasks = data_report(&summary.read, &row_numbers, &[], max_seq_length, detail);
    Ok(DataReport {
        num_encoded: if tokenizer.is_some() { encoded.map(<[Encoded]>::len) } else { of_all_tasks.split_sizes },
        lengths: LengthHistogram::of(&lengths),
        num_truncated,
        warnings,
        ..of_all_tasks
    })
}

/// The beginning of an example that no tokenizer cut up: a piece in the place of a token, and no number of tokens.
fn untokenised(example: &Example) -> TokenPreview {
    let mut room = PREVIEW_CHARS;
    let mut token = |piece: &Piece| {
        let text: String = piece.text.chars().take(room).collect();
        room -= text.chars().count();
        PreviewToken { text, has_loss: piece.has_loss }
    };
    TokenPreview { row: example.row, tokens: example.pieces.iter().map(&mut token).collect(), num_tokens: 0 }
}

fn preview(
    examples: &[Example],
    encoded: &[Encoded],
    tokenizer: &Tokenizer,
) -> Result<Vec<TokenPreview>, TokenizerError> {
    let mut previews = Vec::new();
    for row in encoded.iter().take(PREVIEW) {
        let mut stream = TextStream::new(tokenizer, &[], false);
        let mut tokens = Vec::new();
        for (&id, &has_loss) in row.input_ids.iter().zip(&row.loss_mask).take(PREVIEW_TOKENS) {
            tokens.push(PreviewToken { text: stream.push(id)?, has_loss });
        }
        if let Some(last) = tokens.last_mut() {
            last.text += &stream.finish()?;
        }
        let number = examples.get(row.example).map_or(0, |example| example.row);
        previews.push(TokenPreview { row: number, tokens, num_tokens: row.num_tokens() });
    }
    Ok(previews)
}

#[cfg(test)]
mod tests {
    use super::super::encode::tests::tokenizer;
    use super::super::encode::{EncodeSettings, encode_examples};
    use super::super::examples::build_dataset;
    use super::*;
    use crate::config::{ReadOptions, SplitConfig};
    use crate::data::DataFiles;

    #[test]
    fn the_report_says_what_is_there() {
        let long = "b".repeat(300);
        let csv = format!("prompt,completion\nbb, ac\n{long},a\nb,{long}\nb,\n");
        let files = DataFiles { train: ("d.csv".into(), csv.into_bytes()), ..DataFiles::default() };
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let read = ReadOptions { prompt_format: Some(PromptFormat::Plain), ..ReadOptions::default() };
        let (dataset, summary) = build_dataset(&files, &read, None, &split, 1).expect("good rows");
        let tokenizer = tokenizer(true);
        let settings = EncodeSettings { max_seq_length: 280, eos_token_ids: vec![1], cut_texts_into_passages: false };
        let train = encode_examples(&tokenizer, &dataset.train, &settings).expect("room");
        let report = report(&summary, &dataset, [&train, &[], &[]], Some(&tokenizer), 280).expect("its own tokens");
        let task::ReportDetail::CausalLm(detail) = &report.detail else { panic!("a report on texts") };
        assert_eq!((report.num_rows, report.num_usable, report.num_bad_rows, report.num_empty), (4, 3, 1, 1));
        assert_eq!((report.num_truncated, detail.num_prompt_cut, detail.num_lost_completion), (2, 1, 0));
        assert_eq!((report.split_sizes, report.num_encoded), ([3, 0, 0], [3, 0, 0]));
        assert_eq!((detail.cut_rows[0].row, detail.shape), (3, DataShape::PromptCompletion));
        assert_eq!((detail.num_tokens, detail.num_loss_tokens), (6 + 280 + 280, 3 + 2 + 278));
        assert_eq!(report.lengths.max, 303);
        assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
        assert!(report.warnings[0].starts_with("2 of 3 rows are longer than 280 tokens"), "{:?}", report.warnings);
        assert!(report.warnings[1].starts_with("1 of 3 rows has a prompt that leaves"), "{:?}", report.warnings);
        let tokens: Vec<(&str, bool)> =
            detail.preview[0].tokens.iter().map(|token| (token.text.as_str(), token.has_loss)).collect();
        assert_eq!(tokens, [("<s>", false), ("b", false), ("b", false), (" a", true), ("c", true), ("</s>", true)]);
        assert_eq!((detail.preview[1].tokens.len(), detail.preview[1].num_tokens), (256, 280));
        let json = serde_json::to_string(&report).expect("plain values");
        assert_eq!(serde_json::from_str::<DataReport>(&json).expect("its own JSON"), report);
    }
}
