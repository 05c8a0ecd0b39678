//! What is in the data, before anything is trained: a pure function of what was read and of the tokens.

use serde::{Deserialize, Serialize};

use super::encode::{LmEncoded, cut_rows};
use super::examples::{LmDataset, LmExample, LmSummary, Piece};
use crate::config::{DataShape, PromptFormat};
use crate::data::parse::{BadRow, Format};
use crate::data::reading::FileReading;
use crate::data::report::LengthHistogram;
use crate::tokenizer::{TextStream, Tokenizer, TokenizerError};
use crate::words::plural;

/// Bad rows, and cut ones, that the report lists.
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

/// What is in the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LmReport {
    /// Name of the training file.
    pub file_name: String,
    /// Its format; `None` for plain text.
    pub format: Option<Format>,
    /// Between its fields.
    pub delimiter: Option<char>,
    /// Its first row named the columns.
    pub has_header: bool,
    /// Its columns.
    pub columns: Vec<String>,
    /// How it was read, and its first rows with all columns.
    pub reading: FileReading,
    /// Those that are used, each with what it is used as.
    pub used_columns: Vec<(String, String)>,
    /// What an example is made of.
    pub shape: DataShape,
    /// How prompt and answer are joined; `None` where there is nothing to choose.
    pub prompt_format: Option<PromptFormat>,
    /// Nobody chose it.
    pub is_prompt_format_guessed: bool,
    /// Rows of all files, bad ones included.
    pub num_rows: usize,
    /// Examples that are used.
    pub num_usable: usize,
    /// Rows that repeat an earlier one to the letter.
    pub num_duplicates: usize,
    /// Validation and test rows that stand in an earlier split too.
    pub num_leaks: usize,
    /// Examples of training, validation and test.
    pub split_sizes: [usize; 3],
    /// Tokenised rows of training, validation and test: more than examples where texts were cut into passages. As many as
    /// examples before there is a model.
    pub num_encoded: [usize; 3],
    /// The first hundred bad rows.
    pub bad_rows: Vec<BadRow>,
    /// All bad rows.
    pub num_bad_rows: usize,
    /// Tokenised rows by their number of tokens before truncation; empty before there is a model.
    pub lengths: LengthHistogram,
    /// Tokens after which a row is cut off.
    pub max_seq_length: usize,
    /// Rows that are cut off.
    pub num_truncated: usize,
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
    /// What a person should know before training.
    pub warnings: Vec<String>,
    /// The first examples of the training file.
    pub preview: Vec<TokenPreview>,
}

/// Writes the report. `encoded` are the tokenised rows of training, validation and test: empty where there is no
/// tokenizer yet, and the preview then has a part of an example in the place of a token.
///
/// # Errors
/// When the tokenizer can't decode what it encoded.
pub fn lm_report(
    summary: &LmSummary,
    dataset: &LmDataset,
    encoded: [&[LmEncoded]; 3],
    tokenizer: Option<&Tokenizer>,
    max_seq_length: usize,
) -> Result<LmReport, TokenizerError> {
    let splits = [&dataset.train, &dataset.valid, &dataset.test];
    let split_sizes = splits.map(Vec::len);
    let rows = || encoded.iter().flat_map(|rows| rows.iter());
    let count = |is: fn(&LmEncoded) -> bool| rows().filter(|row| is(row)).count();
    let lengths: Vec<usize> = rows().map(|row| row.num_tokens_untruncated).collect();
    let num_truncated = count(LmEncoded::is_truncated);
    let num_prompt_cut = count(|row| row.prompt_was_cut);
    let num_lost_completion = count(|row| row.lost_completion);
    let mut warnings = summary.warnings.clone();
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
    Ok(LmReport {
        file_name: summary.file_name.clone(),
        format: summary.format,
        delimiter: summary.delimiter,
        has_header: summary.has_header,
        columns: summary.columns.clone(),
        reading: summary.reading.clone(),
        used_columns: summary.used_columns.clone(),
        shape: dataset.shape,
        prompt_format: summary.prompt_format.clone(),
        is_prompt_format_guessed: summary.is_prompt_format_guessed,
        num_rows: summary.num_rows,
        num_usable: split_sizes.iter().sum(),
        num_duplicates: summary.num_duplicates,
        num_leaks: summary.num_leaks,
        split_sizes,
        num_encoded: if tokenizer.is_some() { encoded.map(<[LmEncoded]>::len) } else { split_sizes },
        bad_rows: summary.bad_rows.iter().take(MAX_LISTED).cloned().collect(),
        num_bad_rows: summary.num_bad_rows,
        lengths: LengthHistogram::of(&lengths),
        max_seq_length,
        num_truncated,
        num_prompt_cut,
        num_lost_completion,
        cut_rows: listed.collect(),
        num_tokens: rows().map(LmEncoded::num_tokens).sum(),
        num_loss_tokens: rows().map(LmEncoded::num_loss_tokens).sum(),
        warnings,
        preview: match tokenizer {
            Some(tokenizer) => preview(&dataset.train, encoded[0], tokenizer)?,
            None => dataset.train.iter().take(PREVIEW).map(untokenised).collect(),
        },
    })
}

/// The beginning of an example that no tokenizer cut up: a piece in the place of a token, and no number of tokens.
fn untokenised(example: &LmExample) -> TokenPreview {
    let mut room = PREVIEW_CHARS;
    let mut token = |piece: &Piece| {
        let text: String = piece.text.chars().take(room).collect();
        room -= text.chars().count();
        PreviewToken { text, has_loss: piece.has_loss }
    };
    TokenPreview { row: example.row, tokens: example.pieces.iter().map(&mut token).collect(), num_tokens: 0 }
}

fn preview(
    examples: &[LmExample],
    encoded: &[LmEncoded],
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
    use super::*;
    use crate::config::{ReadOptions, SplitConfig};
    use crate::data::DataFiles;
    use crate::data::causal_lm::encode::tests::tokenizer;
    use crate::data::causal_lm::{LmEncodeSettings, build_lm_dataset, encode_examples};

    #[test]
    fn the_report_says_what_is_there() {
        let long = "b".repeat(300);
        let csv = format!("prompt,completion\nbb, ac\n{long},a\nb,{long}\nb,\n");
        let files = DataFiles { train: ("d.csv".into(), csv.into_bytes()), ..DataFiles::default() };
        let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
        let read = ReadOptions { prompt_format: Some(PromptFormat::Plain), ..ReadOptions::default() };
        let built = build_lm_dataset(&files, &read, None, &split, 1);
        let (dataset, summary) = built.expect("good rows");
        let tokenizer = tokenizer(true);
        let settings = LmEncodeSettings { max_seq_length: 280, eos_token_ids: vec![1], cut_texts_into_passages: false };
        let train = encode_examples(&tokenizer, &dataset.train, &settings).expect("room");
        let report = lm_report(&summary, &dataset, [&train, &[], &[]], Some(&tokenizer), 280).expect("its own tokens");
        assert_eq!((report.num_rows, report.num_usable, report.num_bad_rows), (4, 3, 1));
        assert_eq!((report.num_truncated, report.num_prompt_cut, report.num_lost_completion), (2, 1, 0));
        assert_eq!((report.split_sizes, report.num_encoded), ([3, 0, 0], [3, 0, 0]));
        assert_eq!(report.cut_rows[0].row, 3);
        assert_eq!((report.num_tokens, report.num_loss_tokens), (6 + 280 + 280, 3 + 2 + 278));
        assert_eq!(report.lengths.max, 303);
        assert_eq!(report.warnings.len(), 3, "{:?}", report.warnings);
        assert!(report.warnings[1].starts_with("2 of 3 rows are longer than 280 tokens"), "{:?}", report.warnings);
        assert!(report.warnings[2].starts_with("1 of 3 rows has a prompt that leaves"), "{:?}", report.warnings);
        let tokens: Vec<(&str, bool)> =
            report.preview[0].tokens.iter().map(|token| (token.text.as_str(), token.has_loss)).collect();
        assert_eq!(tokens, [("<s>", false), ("b", false), ("b", false), (" a", true), ("c", true), ("</s>", true)]);
        assert_eq!((report.preview[1].tokens.len(), report.preview[1].num_tokens), (256, 280));
        let json = serde_json::to_string(&report).expect("plain values");
        assert_eq!(serde_json::from_str::<LmReport>(&json).expect("its own JSON"), report);
    }
}
