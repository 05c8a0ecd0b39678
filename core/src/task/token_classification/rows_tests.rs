//! Rows of tagged sentences: targets, windows, and what ties a checkpoint to them.

use super::super::encode::tests::bert;
use super::super::tags::sort_tags;
use super::*;
use crate::config::ClassWeights;
use crate::data::HostTargets;
use crate::tokenizer::Tokenizer;

/// A model with this tokenizer that reads up to 64 tokens.
pub(in super::super) fn model_of(tokenizer: &Tokenizer) -> TaskModel<'_> {
    TaskModel::to_test(crate::task::Reads::Texts(tokenizer), 64)
}

/// Sentences to train on, each of `word/TAG` with spaces between.
pub(in super::super) fn tagged(sentences: &[&str]) -> Dataset {
    let split = |sentence: &str| -> Vec<(String, String)> {
        let pairs = sentence.split(' ').map(|pair| pair.split_once('/').expect("word/TAG"));
        pairs.map(|(word, tag)| (word.to_owned(), tag.to_owned())).collect()
    };
    let pairs: Vec<Vec<(String, String)>> = sentences.iter().map(|sentence| split(sentence)).collect();
    let mut labels: Vec<String> = pairs.iter().flatten().map(|(_, tag)| tag.clone()).collect();
    sort_tags(&mut labels);
    labels.dedup();
    let sentence = |(index, pairs): (usize, &Vec<(String, String)>)| {
        let mut sentence =
            Sentence { row: index + 1, text: String::new(), words: Vec::new(), tags: Vec::new(), is_split: true };
        for (word, tag) in pairs {
            if !sentence.text.is_empty() {
                sentence.text.push(' ');
            }
            sentence.words.push((sentence.text.len(), sentence.text.len() + word.len()));
            sentence.text.push_str(word);
            sentence.tags.push(labels.iter().position(|label| label == tag).expect("a label"));
        }
        sentence
    };
    let train = pairs.iter().enumerate().map(sentence).collect();
    Dataset::new(labels, [train, Vec::new(), Vec::new()])
}

/// The rows that a run gets of sentences.
pub(in super::super) fn rows_of(dataset: &Dataset, run: &RunConfig) -> TaggedRows {
    let tokenizer = bert();
    let encode = |sentence: &Sentence| {
        let Sentence { text, words, is_split, .. } = sentence;
        EncodedSentence::encode(&tokenizer, text, words, *is_split).expect("words")
    };
    let encoded = dataset.splits.each_ref().map(|sentences| sentences.iter().map(encode).collect());
    TaggedRows::new(Rc::new(dataset.clone()), &encoded, &model_of(&tokenizer), run).expect("room enough")
}

/// Where a batch has targets, and the label of each.
fn targets_of(batch: &HostBatch) -> Vec<(usize, usize)> {
    let HostTargets::Distributions { values, width } = &batch.targets else { panic!("classes") };
    let label = |row: &[f32]| row.iter().position(|&value| value > 0.0);
    values.chunks(*width).enumerate().filter_map(|(cell, row)| Some((cell, label(row)?))).collect()
}

#[test]
fn the_first_token_of_each_word_is_scored() {
    let rows = rows_of(&tagged(&["abc/B-x b/I-x", "c/O"]), &RunConfig::default());
    assert_eq!((rows.num_rows(), rows.lengths(Split::Train)), ([2, 0, 0], vec![6, 3]));
    let batch = rows.batch(Split::Train, &[1, 0], None);
    let text = batch.inputs.text();
    assert_eq!((text.batch, text.seq), (2, 8));
    assert_eq!(text.input_ids[8..14], [2, 4, 8, 9, 5, 3], "[CLS] a ##b ##c b [SEP]");
    assert_eq!(targets_of(&batch), [(1, 0), (9, 1), (12, 2)]);
    assert_eq!((batch.weight, batch.num_rows, batch.num_tokens), (3.0, 2, 9));
}

#[test]
fn all_tokens_of_a_word_are_scored_where_that_is_wished() {
    let run = RunConfig { label_all_tokens: true, ..RunConfig::default() };
    let targets = |sentence: &str| {
        let batch = rows_of(&tagged(&[sentence]), &run).batch(Split::Train, &[0], None);
        assert_eq!(batch.weight, 4.0);
        targets_of(&batch)
    };
    let (begin, inside) = (0, 1);
    assert_eq!(targets("abc/B-x b/I-x"), [(1, begin), (2, inside), (3, inside), (4, inside)], "as run_ner has it");
    assert_eq!(targets("abc/B-x b/B-x"), [(1, begin), (2, begin), (3, begin), (4, begin)], "there is no I-x");
    assert_eq!(targets("abc/I-x b/B-x"), [(1, inside), (2, inside), (3, inside), (4, begin)]);
}

#[test]
fn weights_of_classes_are_those_of_scored_tokens() {
    let run = RunConfig { class_weights: ClassWeights::Balanced, ..RunConfig::default() };
    let rows = rows_of(&tagged(&["a/O b/O c/O abc/B-x"]), &run);
    let batch = rows.batch(Split::Train, &[0], None);
    let HostTargets::Distributions { values, width } = &batch.targets else { panic!("classes") };
    assert_eq!((values[width * 4 + 1], values[*width]), (2.0, (4.0_f64 / 6.0) as f32));
    assert!((batch.weight - (3.0 * 4.0 / 6.0 + 2.0)).abs() < 1e-12);
}

#[test]
fn a_long_sentence_gives_several_rows_of_which_each_word_is_scored_once() {
    let run = RunConfig { max_seq_length: 6, doc_stride: 128, ..RunConfig::default() };
    let rows = rows_of(&tagged(&["a/O", "a/O b/B-x c/O a/O b/B-x c/O a/O b/B-x"]), &run);
    assert_eq!((rows.num_rows(), rows.num_read()), ([4, 0, 0], [2, 0, 0]), "windows, and sentences");
    let indices: Vec<usize> = (0..4).collect();
    let batch = rows.batch(Split::Train, &indices, None);
    assert_eq!((batch.weight, targets_of(&batch).len()), (9.0, 9));
    assert_eq!(indices.iter().map(|&index| rows.row_number(Split::Train, index)).collect::<Vec<_>>(), [1, 2, 2, 2]);
}

#[test]
fn a_fingerprint_changes_with_a_tag_and_a_word() {
    let fingerprint = |sentence: &str| rows_of(&tagged(&[sentence, "a/O b/B-x"]), &RunConfig::default()).fingerprint();
    let first = fingerprint("a/O b/O");
    assert_eq!(first, fingerprint("a/O b/O"));
    assert_ne!(first, fingerprint("a/O b/B-x"));
    assert_ne!(first, fingerprint("a/O c/O"));
}

#[test]
fn a_window_without_room_is_refused() {
    let (tokenizer, dataset) = (bert(), tagged(&["a/O b/B-x"]));
    let run = RunConfig { max_seq_length: 2, ..RunConfig::default() };
    let none = [vec![EncodedSentence::default()], Vec::new(), Vec::new()];
    let error = TaggedRows::new(Rc::new(dataset), &none, &model_of(&tokenizer), &run).expect_err("no room");
    assert!(matches!(error, TokenizerError::TooShort { max_seq_length: 2, num_special: 2 }));
}
