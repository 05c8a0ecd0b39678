//! Texts as the rest of Hone reads them: what a job says of them, tokens a part at a time, models that are measured.

use super::super::encode::tests::{text_model, tokenizer};
use super::*;
use crate::config::{PromptFormat, SplitConfig};
use crate::data::{DataFiles, Split};
use crate::task::ReportDetail;
use crate::tokenizer::{Conversation, Piece, RenderedConversation};

const TALK: &str = r#"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#;

fn files(name: &str, text: &str) -> DataFiles {
    DataFiles { train: (name.into(), text.as_bytes().to_vec()), ..DataFiles::default() }
}

fn run(max_seq_length: u32) -> RunConfig {
    let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
    RunConfig { max_seq_length, split, ..RunConfig::default() }
}

fn read_as(
    files: &DataFiles,
    options: &ReadOptions,
    purpose: Purpose,
    model: Option<TaskModel<'_>>,
) -> Result<Box<dyn TaskData>, TaskError> {
    let run = run(8);
    read(&ReadRequest { files: &files.clone().into(), read: options, run: &run, known_labels: &[], purpose, model })
}

fn report(data: &dyn TaskData, model: Option<&TaskModel<'_>>) -> (DataReport, super::super::ReportDetail) {
    let report = data.report(model, &run(8)).expect("its own tokens");
    let ReportDetail::CausalLm(detail) = report.detail.clone() else { panic!("a report on texts") };
    (report, *detail)
}

#[test]
fn guessed_columns_are_kept() {
    let role = |column: &str, role: &str| (column.to_owned(), role.to_owned());
    let read = with_used_columns(ReadOptions::default(), &[role("frage", "prompt"), role("antwort", "completion")]);
    assert_eq!(read.shape, Some(DataShape::PromptCompletion));
    assert_eq!((read.prompt_column.as_deref(), read.completion_column.as_deref()), (Some("frage"), Some("antwort")));
    let used = [role("a", "instruction"), role("b", "input"), role("c", "output")];
    let as_chat = ReadOptions { prompt_format: Some(PromptFormat::Chat), ..ReadOptions::default() };
    let read = with_used_columns(as_chat, &used);
    assert_eq!((read.shape, read.prompt_format), (Some(DataShape::Instruction), Some(PromptFormat::Chat)));
    assert_eq!(read.input_column.as_deref(), Some("b"));
    assert_eq!(with_used_columns(ReadOptions::default(), &[]), ReadOptions::default(), "a plain text has no columns");
}

#[test]
fn what_was_guessed_is_in_the_options_of_a_job() {
    let files = files("x.csv", "question,answer\na,b\nb,a\n");
    let data = read_as(&files, &ReadOptions::default(), Purpose::Train, None).expect("two rows");
    let options = data.read_options();
    assert_eq!(
        (options.shape, options.prompt_format),
        (Some(DataShape::PromptCompletion), Some(PromptFormat::Newline))
    );
    assert_eq!(
        (options.prompt_column.as_deref(), options.completion_column.as_deref()),
        (Some("question"), Some("answer"))
    );
    let (report, detail) = report(&*data, None);
    assert_eq!((report.num_encoded, report.lengths.counts.len(), report.format.is_some()), ([2, 0, 0], 0, true));
    assert_eq!((detail.num_tokens, detail.preview[0].num_tokens, detail.preview[0].tokens.len()), (0, 0, 2));
    assert!(detail.is_prompt_format_guessed);
    assert_eq!(report.warnings, [NO_VALIDATION_ROWS]);
    assert_eq!(data.sample_texts(), ["a\n", "b", "b\n", "a"]);
}

#[test]
fn tokens_are_made_part_by_part_and_taken_for_a_run_of_the_same_length() {
    let tokenizer = tokenizer(true);
    let model = text_model(&tokenizer, 64);
    let text = "abc a\n".repeat(20_000);
    let mut data = read_as(&files("x.txt", &text), &ReadOptions::default(), Purpose::Train, None).expect("a text");
    let mut last = 0;
    let mut num_parts = 1;
    while data.encode_part(&model, &run(8)).expect("room") {
        let (done, all) = data.progress();
        assert!(done > last && done < all, "{done} of {all}");
        (last, num_parts) = (done, num_parts + 1);
    }
    assert!(num_parts >= 3 && data.progress() == (text.len(), text.len()), "{num_parts} parts");
    let (report, detail) = report(&*data, Some(&model));
    assert_eq!((report.num_usable, report.format), (1, None));
    // Of "abc a\n" each letter, the space with its letter, and the line break; and what begins and ends the text.
    assert_eq!(detail.num_tokens, 5 * 20_000 + 2);
    let known = data.prepare(&model, &run(8)).expect("they are there");
    let fresh = read_as(&files("x.txt", &text), &ReadOptions::default(), Purpose::Train, None).expect("a text");
    let fresh = fresh.prepare(&model, &run(8)).expect("they are made");
    assert_eq!((known.num_rows(), known.fingerprint()), (report.num_encoded, fresh.fingerprint()));
    let longer = data.prepare(&model, &run(16)).expect("they are made again");
    assert_eq!((longer.lengths(Split::Train)[0], known.lengths(Split::Train)[0]), (16, 8));
    assert!(data.encode_part(&model, &run(16)).expect("room"), "another length begins anew");
    assert!(matches!(data.prepare(&model, &run(1)), Err(TaskError::TooShort { max_seq_length: 1, .. })));
}

#[test]
fn only_rows_to_train_on_are_packed() {
    let tokenizer = tokenizer(true);
    let model = text_model(&tokenizer, 64);
    let mut files = files("x.csv", "prompt,completion\na, a\nb, a\n");
    files.valid = Some(("v.csv".into(), b"prompt,completion\na, a\nb, a\n".to_vec()));
    let data = read_as(&files, &ReadOptions::default(), Purpose::Train, Some(model)).expect("good rows");
    let packed = data.prepare(&model, &RunConfig { packing: true, ..run(8) }).expect("room");
    assert_eq!((packed.num_rows(), data.num_rows()), ([1, 2, 0], [2, 2, 0]));
}

#[test]
fn a_model_that_is_measured_reads_rows_of_another_kind_and_says_so() {
    let tokenizer = tokenizer(true);
    let model = text_model(&tokenizer, 64);
    let options = ReadOptions { prompt_format: Some(PromptFormat::QuestionAnswer), ..ReadOptions::default() };
    let texts = files("x.csv", &format!("text\n{}\n{}\n", "a".repeat(9), "b".repeat(9)));
    let error = read_as(&texts, &options, Purpose::Train, Some(model)).expect_err("texts have no prompts");
    assert!(error.to_string().starts_with("prompt_format qa has no effect on text rows"), "{error}");
    let mut data = read_as(&texts, &options, Purpose::Measure, Some(model)).expect("they are read all the same");
    assert_eq!((data.num_rows(), data.read_options().prompt_format), ([2, 0, 0], None));
    while data.encode_part(&model, &run(8)).expect("room") {}
    let (found, _) = report(&*data, Some(&model));
    assert_eq!(found.warnings, ["prompt_format qa has no effect on text rows: they are read without it"]);
    let pairs = files("x.csv", "prompt,completion\naaaaaaa,bbbbbb\n");
    let mut data = read_as(&pairs, &options, Purpose::Measure, Some(model)).expect("a row");
    while data.encode_part(&model, &run(8)).expect("room") {}
    let (found, _) = report(&*data, Some(&model));
    let window = "this model reads 64 tokens; rows are measured up to 8";
    assert_eq!(found.warnings.last().map(String::as_str), Some(window), "{:?}", found.warnings);
}

#[test]
fn a_broken_template_stands_in_the_way_of_conversations_only() {
    let tokenizer = tokenizer(true);
    let broken = TaskModel { broken_template: Some("the chat template is broken"), ..text_model(&tokenizer, 64) };
    let read = |files: &DataFiles, model| read_as(files, &ReadOptions::default(), Purpose::Train, Some(model));
    let talks = files("x.jsonl", TALK);
    let pairs = files("x.csv", "prompt,completion\na,b\n");
    assert_eq!(read(&talks, broken).expect_err("it is broken").to_string(), "the chat template is broken");
    let own = DataFiles { valid: Some(talks.train.clone()), ..talks.clone() };
    assert_eq!(read(&own, broken).expect_err("it is broken").to_string(), "the chat template is broken");
    assert_eq!(read(&pairs, broken).expect("nothing is to be written").num_rows(), [1, 0, 0]);
    let none = read(&talks, text_model(&tokenizer, 64)).expect_err("there is no template");
    assert!(matches!(none, TaskError::Data(DataError::NoChatTemplate)), "{none}");
}

#[test]
fn conversations_are_written_by_the_template_and_plainly_before_there_is_one() {
    let tokenizer = tokenizer(true);
    let render = |conversation: &Conversation| -> Result<RenderedConversation, String> {
        let piece = |turn: &crate::tokenizer::Turn| Piece { text: turn.content.clone(), has_loss: turn.has_loss() };
        Ok(RenderedConversation { pieces: conversation.turns.iter().map(piece).collect(), only_last: false })
    };
    let model = TaskModel { render: Some(&render), ..text_model(&tokenizer, 64) };
    let talks = files("x.jsonl", TALK);
    let with_model = read_as(&talks, &ReadOptions::default(), Purpose::Train, Some(model)).expect("a row");
    assert_eq!(with_model.sample_texts(), ["a", "b"]);
    let without = read_as(&talks, &ReadOptions::default(), Purpose::Train, None).expect("a row");
    assert_eq!(without.sample_texts(), ["", "user: a\n", "assistant: b\n"]);
}
