//! What is in the sentences, before anything is trained: a pure function of what was read and of the tokens.

use std::collections::BTreeMap;

use super::encode::{EncodedSentence, WindowSize};
use super::sentence::{Dataset, Sentence};
use super::spans::Places;
use super::{PreviewSentence, ReportDetail, TagLayout, TypeCount};
use crate::config::RunConfig;
use crate::data::{LengthHistogram, ReadSummary, list_rows};
use crate::task::{self, DataReport, TaskError, TaskModel, data_report, name_cut_rows};
use crate::words::plural;

/// Sentences of the preview.
const PREVIEW: usize = 5;

/// Writes the report. `encoded` are the model and the tokens of all sentences; `None` before there are any.
///
/// # Errors
/// When a window has no room for tokens.
pub(super) fn report(
    summary: &ReadSummary,
    dataset: &Dataset,
    encoded: Option<(&TaskModel<'_>, &[Vec<EncodedSentence>; 3])>,
    run: &RunConfig,
) -> Result<DataReport, TaskError> {
    let mut detail = describe(dataset);
    let row_numbers: [Vec<usize>; 3] =
        dataset.splits.each_ref().map(|sentences| sentences.iter().map(|sentence| sentence.row).collect());
    let Some((model, tokens)) = encoded else {
        let detail = task::ReportDetail::TokenClassification(Box::new(detail));
        return Ok(data_report(summary, &row_numbers, &[], run.max_seq_length as usize, detail));
    };
    let (size, limit) = (WindowSize::of(model, run)?, model.limit(run));
    let num_special = model.tokenizer().num_special_tokens();
    let lengths: Vec<usize> = tokens.iter().flatten().map(|encoded| encoded.ids.len() + num_special).collect();
    let num_encoded: [usize; 3] =
        tokens.each_ref().map(|sentences| sentences.iter().map(|encoded| encoded.windows(size).len()).sum());
    let name_rows = |is_named: &dyn Fn(&EncodedSentence) -> bool| {
        // As rows that are cut are named: those with a 1.
        let marks: Vec<usize> = tokens.iter().flatten().map(|encoded| usize::from(is_named(encoded))).collect();
        name_cut_rows(summary.has_own_file, &row_numbers, &marks, 0)
    };
    let mut warnings = Vec::new();
    let long = name_cut_rows(summary.has_own_file, &row_numbers, &lengths, limit);
    detail.num_long = long.len();
    if !long.is_empty() {
        let (rows, are) = (plural(long.len(), "row"), if long.len() == 1 { "is" } else { "are" });
        let named = list_rows(&long);
        let shared = plural(size.shared, "token");
        let instead = match size.shared == run.doc_stride as usize {
            true => String::new(),
            false => format!(", half of one, rather than {} (doc_stride)", run.doc_stride),
        };
        warnings.push(format!(
            "{rows} {are} longer than {limit} tokens and {are} read in windows that share {shared}{instead}: rows {named}"
        ));
    }
    detail.num_unseen_words = tokens.iter().flatten().map(EncodedSentence::num_unseen).sum();
    if detail.num_unseen_words > 0 {
        let words = plural(detail.num_unseen_words, "word");
        let rows = list_rows(&name_rows(&|encoded| encoded.num_unseen() > 0));
        warnings
            .push(format!("the tokenizer has no token for {words}: they are not learned and not judged: rows {rows}"));
    }
    let giants = name_rows(&|encoded| encoded.has_word_longer_than(size.content));
    if !giants.is_empty() {
        let rows = list_rows(&giants);
        warnings.push(format!("words with more than {} tokens are not read to their end: rows {rows}", size.content));
    }
    let detail = task::ReportDetail::TokenClassification(Box::new(detail));
    // Nothing is cut: what is long was said here.
    let report = data_report(summary, &row_numbers, &[], limit, detail);
    Ok(DataReport {
        num_encoded,
        lengths: LengthHistogram::of(&lengths),
        warnings: report.warnings.into_iter().chain(warnings).collect(),
        ..report
    })
}

/// What there is to say without tokens.
fn describe(dataset: &Dataset) -> ReportDetail {
    let mut types: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for (split, sentences) in dataset.splits.iter().enumerate() {
        for entity in sentences.iter().flat_map(|sentence| dataset.entities(sentence)) {
            types.entry(entity.label).or_default()[split] += 1;
        }
    }
    let mut in_file: Vec<&Sentence> = dataset.splits.iter().flatten().collect();
    in_file.sort_by_key(|sentence| sentence.row);
    // A sentence without an entity shows nothing.
    let with_entities = in_file.iter().copied().filter(|sentence| !dataset.entities(sentence).is_empty());
    ReportDetail {
        scheme: dataset.scheme,
        layout: TagLayout { scheme: dataset.scheme, labels: dataset.labels.clone(), ..dataset.layout.clone() },
        num_labels: dataset.labels.len(),
        types: types.into_iter().map(|(label, counts)| TypeCount { label, counts }).collect(),
        num_words: dataset.splits.iter().flatten().map(|sentence| sentence.words.len()).sum(),
        num_long: 0,
        num_unseen_words: 0,
        preview: with_entities.take(PREVIEW).map(|sentence| preview(dataset, sentence)).collect(),
    }
}

fn preview(dataset: &Dataset, sentence: &Sentence) -> PreviewSentence {
    let all: Vec<usize> = (0..sentence.words.len()).collect();
    let places = Places::new(&sentence.text, &sentence.words);
    let spans = places.spans(&dataset.entities(sentence), &all, &[]);
    PreviewSentence { row: sentence.row, text: sentence.text.clone(), spans }
}

#[cfg(test)]
mod tests {
    use super::super::encode::tests::bert;
    use super::super::rows::tests::{model_of, tagged};
    use super::super::tags::Scheme;
    use super::*;

    fn detail_of(report: &DataReport) -> &ReportDetail {
        let task::ReportDetail::TokenClassification(detail) = &report.detail else { panic!("of this task") };
        detail
    }

    #[test]
    fn types_are_counted_by_split_and_the_preview_shows_entities() {
        let mut dataset = tagged(&["a/O", "abc/B-x b/I-x c/B-y", "paris/B-y", "b/B-x"]);
        dataset.splits[2] = dataset.splits[0].split_off(3);
        let found = report(&ReadSummary::default(), &dataset, None, &RunConfig::default()).expect("a report");
        let detail = detail_of(&found);
        let types: Vec<_> = detail.types.iter().map(|of| (of.label.as_str(), of.counts)).collect();
        assert_eq!(types, [("x", [1, 0, 1]), ("y", [2, 0, 0])]);
        assert_eq!(
            (detail.scheme, detail.num_labels, detail.num_words, detail.num_unseen_words),
            (Scheme::Bio, 4, 6, 0)
        );
        assert_eq!((found.split_sizes, found.num_encoded), ([3, 0, 1], [3, 0, 1]));
        assert_eq!(detail.preview.len(), 3);
        let preview = &detail.preview[0];
        let spans: Vec<_> = preview.spans.iter().map(|span| (span.start, span.end, span.label.as_str())).collect();
        assert_eq!((preview.row, preview.text.as_str(), spans), (2, "abc b c", vec![(0, 5, "x"), (6, 7, "y")]));
        let json = serde_json::to_string(&found).expect("plain values");
        assert_eq!(serde_json::from_str::<DataReport>(&json).expect("its own JSON"), found);
    }

    #[test]
    fn windows_and_words_without_tokens_are_said_with_their_rows() {
        let dataset = tagged(&["a/O b/B-x", "a/O b/O c/O a/O b/B-x c/O a/O", "\u{200b}/O abcabc/B-x"]);
        let tokenizer = bert();
        let model = model_of(&tokenizer);
        let encode = |sentence: &Sentence| {
            EncodedSentence::encode(&tokenizer, &sentence.text, &sentence.words, true).expect("words")
        };
        let tokens = dataset.splits.each_ref().map(|sentences| sentences.iter().map(encode).collect());
        let run = RunConfig { max_seq_length: 6, ..RunConfig::default() };
        let found = report(&ReadSummary::default(), &dataset, Some((&model, &tokens)), &run).expect("a report");
        let expected = [
            "2 rows are longer than 6 tokens and are read in windows that share 2 tokens, half of one, rather than 128 \
             (doc_stride): rows 2, 3",
            "the tokenizer has no token for 1 word: they are not learned and not judged: rows 3",
            "words with more than 4 tokens are not read to their end: rows 3",
        ];
        assert_eq!(found.warnings, expected);
        assert_eq!((found.num_truncated, found.lengths.max, found.max_seq_length), (0, 9, 6));
        assert_eq!((found.num_encoded, detail_of(&found).num_long), ([5, 0, 0], 2));
        let few = RunConfig { doc_stride: 1, ..run };
        let found = report(&ReadSummary::default(), &dataset, Some((&model, &tokens)), &few).expect("a report");
        assert!(found.warnings[0].contains("windows that share 1 token: rows 2, 3"), "{:?}", found.warnings);
    }
}
