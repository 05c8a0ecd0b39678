//! A language model from a file of prompts to an adapter that loads again: training, exporting, writing; and what it
//! forgets meanwhile.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::ADAPTER_CONFIG;
use hone_core::config::{ExportFormat, LoraConfig, ModelSource, ReadOptions, RunConfig, SplitConfig};
use hone_core::data::DataFiles;
use hone_core::event::{Phase, Split, TrainEvent};
use hone_core::generate::{FinishReason, OutputFilters, SamplingConfig, TokenRules};
use hone_core::metrics::TextStyles;
use hone_core::report::side_by_side::{Sample, side_by_side};
use hone_core::session::Session;
use hone_core::session::protocol::{Prompt, Weights};
use hone_core::task::Evaluation;
use hone_tests::paths;
use hone_tests::texts::{drain, loaded, loss, num_tokens, ready, run, valid_losses, write};

/// Largest difference of a loss that is to be the same, computed another way.
const SAME: f64 = 1e-6;

/// Largest difference of a loss from that of the reference.
const REFERENCE: f64 = 1e-4;

#[test]
fn a_text_that_the_window_ends_says_so() {
    let mut session = loaded();
    let mut write = |max_new_tokens: u32| {
        let rules = TokenRules { min_new_tokens: Some(max_new_tokens), ..TokenRules::default() };
        let sampling = SamplingConfig { max_new_tokens, rules, ..SamplingConfig::default() };
        let prompt = Prompt::Text("3. The capital of Spain is".into());
        block_on(session.generate(&prompt, Weights::Base, &sampling, async |_: &str| true)).expect("it writes")
    };
    let short = write(8);
    assert_eq!((short.num_tokens, short.finish_reason, short.filled_window), (8, FinishReason::Length, None));
    let cut = write(200);
    assert_eq!((cut.finish_reason, cut.filled_window), (FinishReason::Length, Some(64)));
    assert!(cut.num_tokens < 64, "the prompt takes its part: {}", cut.num_tokens);
}

#[test]
fn an_adapter_is_trained_exported_and_loaded_again() {
    let run = run();
    let mut session = ready(&run);
    let before = write(&mut session, Weights::Base);
    session.start(run).expect("it starts");
    let events = drain(&mut session);
    let losses = valid_losses(&events);
    assert_eq!(losses.len(), 4);
    assert!(losses[3] < 0.5 * losses[0], "validation losses {losses:?}");
    check_what_is_watched(&events);
    let TrainEvent::Started { num_parameters, num_trainable, .. } = events[0] else { panic!("it starts") };
    assert!(num_trainable * 10 < num_parameters, "{num_trainable} of {num_parameters}");

    let tuned = write(&mut session, Weights::Tuned);
    assert_ne!(tuned, before);
    assert_eq!(write(&mut session, Weights::Base), before, "the base is untouched");
    let written = block_on(session.evaluate_writing(Weights::Tuned, Split::Test, 3, Some(12), &mut |_, _| {}))
        .expect("the test rows are written on from");
    assert_eq!((written.figures.num_rows, written.samples.len()), (3, 3));
    let TextStyles { written: style, expected } = written.styles;
    assert!(style.num_texts == 3 && style.mean_length <= 12.0 && style.completed.is_some(), "{style:?}");
    assert!(expected.num_texts == 3 && expected.mean_length > 0.0 && expected.completed.is_none(), "{expected:?}");
    let prompt = Prompt::Text("3. The capital of Spain is".into());
    let plain = SamplingConfig { max_new_tokens: 6, ..SamplingConfig::default() };
    let mut pieces: Vec<String> = Vec::new();
    let show = async |piece: &str| {
        pieces.push(piece.to_owned());
        true
    };
    let whole = block_on(session.generate(&prompt, Weights::Tuned, &plain, async |_: &str| true)).expect("it writes");
    // Prompt and text together: the one is followed in the place of the other.
    let together = |max_length| SamplingConfig { max_new_tokens: 1, max_length, ..plain.clone() };
    let longer = block_on(session.generate(&prompt, Weights::Tuned, &together(60), async |_: &str| true));
    assert!(longer.expect("it writes").num_tokens >= whole.num_tokens, "{}", whole.num_tokens);
    let none = block_on(session.generate(&prompt, Weights::Tuned, &together(1), async |_: &str| true));
    let error = none.expect_err("the prompt is longer").to_string();
    assert!(error.contains("together may have 1 (max_length)"), "{error}");
    let word = whole.text.split(|char: char| !char.is_alphanumeric()).find(|word| !word.is_empty());
    let word = word.expect("it writes a word").to_owned();
    let filters = OutputFilters { words: vec![word], ..OutputFilters::default() };
    let (expected, counts) = filters.apply(&whole.text);
    let filtering = SamplingConfig { filters, ..plain };
    let filtered = block_on(session.generate(&prompt, Weights::Tuned, &filtering, show)).expect("it writes");
    assert!(counts.words > 0 && expected.contains("[removed]"), "{expected:?}");
    assert_eq!((&filtered.text, filtered.filtered), (&expected, counts));
    assert_eq!(pieces.concat(), expected, "nothing is shown before it is whole");
    assert!(pieces[..pieces.len() - 1].iter().all(String::is_empty), "{pieces:?}");

    let adapter = block_on(session.export(ExportFormat::Adapter)).expect("it exports");
    let merged = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    assert!(adapter.get("model.safetensors").is_none() && adapter.get(ADAPTER_CONFIG).is_some());
    let mut again = loaded();
    again.load_adapter(adapter).expect("its own adapter fits");
    assert_eq!(write(&mut again, Weights::Tuned), tuned, "adapter");
    let mut whole = Session::new(Device::flex());
    whole.load_model(ModelSource::Local { name: "merged".into() }, merged).expect("the merged model loads");
    assert_eq!(write(&mut whole, Weights::Base), tuned, "merged");
}

/// What a model that writes is looked at for: before the first step, and after each evaluation.
fn check_what_is_watched(events: &[TrainEvent]) {
    let first_step = events.iter().position(|event| matches!(event, TrainEvent::Step { .. })).expect("it steps");
    let is_general = |event: &&TrainEvent| matches!(event, TrainEvent::GeneralMeasured { .. });
    let (before, after) = events.split_at(first_step);
    let num_evaluations = after.iter().filter(|event| matches!(event, TrainEvent::Evaluated { .. })).count();
    assert_eq!(
        (before.iter().filter(is_general).count(), after.iter().filter(is_general).count()),
        (1, num_evaluations)
    );
    let samples = |events: &[TrainEvent]| events.iter().filter_map(Sample::of_event).collect::<Vec<_>>();
    let (base, tuned) = (samples(before), samples(after));
    assert!(base.len() == 2 && base.iter().all(|sample| sample.step == 0 && sample.shape.is_some()), "{base:?}");
    assert_eq!(tuned.len(), 2 * num_evaluations);
    let found = side_by_side(base.iter().chain(&tuned), None, 9);
    assert_eq!((found.prompts.len(), found.checkpoints.len()), (2, 1 + num_evaluations));
    assert!(found.prompts.iter().all(|one| one.texts.iter().all(Option::is_some)), "{found:?}");
}

#[test]
fn without_samples_only_the_general_text_is_looked_at() {
    let run = RunConfig { eval_samples: 0, num_train_epochs: 1, ..run() };
    let mut cut = ready(&run);
    cut.start(run.clone()).expect("it starts");
    assert!(block_on(cut.next_event()).is_ok_and(|event| event.is_some()));
    let checkpoint = block_on(cut.checkpoint()).expect("it is saved");
    let mut session = ready(&run);
    session.resume(&checkpoint).expect("it goes on, and looks before its first step as if it had not been cut off");
    let events = drain(&mut session);
    assert!(!events.iter().any(|event| matches!(event, TrainEvent::Sampled { .. })));
    assert_eq!(events.iter().filter(|event| matches!(event, TrainEvent::GeneralMeasured { .. })).count(), 2);
    let phases: Vec<Phase> = events
        .iter()
        .filter_map(|event| match event {
            TrainEvent::Phase { phase } => Some(*phase),
            _ => None,
        })
        .collect();
    assert_eq!(phases[..2], [Phase::Sampling, Phase::FirstStep]);
}

#[test]
fn with_beams_a_text_comes_at_the_end_of_the_search_and_can_be_stopped_before() {
    let mut session = loaded();
    let sampling = SamplingConfig { num_beams: 3, max_new_tokens: 6, ..SamplingConfig::default() };
    let prompt = Prompt::Text("3. The capital of Spain is".into());
    let mut pieces: Vec<String> = Vec::new();
    let show = async |piece: &str| {
        pieces.push(piece.to_owned());
        true
    };
    let whole = block_on(session.generate(&prompt, Weights::Base, &sampling, show)).expect("it writes");
    assert_eq!((pieces.concat(), pieces[0].as_str()), (whole.text.clone(), ""));
    let num_with_text = pieces.iter().filter(|piece| !piece.is_empty()).count();
    assert!(num_with_text <= 2, "the text, and what a stop string might have begun: {pieces:?}");

    let stopped = session.generate(&prompt, Weights::Base, &sampling, async |_: &str| false);
    let stopped = block_on(stopped).expect("it is stopped");
    assert_eq!((stopped.text.as_str(), stopped.num_tokens), ("", 0));

    let stop = whole.text.chars().last().expect("it writes something").to_string();
    let sampling = SamplingConfig { stop: vec![stop.clone()], ..sampling };
    let cut = block_on(session.generate(&prompt, Weights::Base, &sampling, async |_: &str| true)).expect("it writes");
    assert_eq!((Some(cut.text.as_str()), cut.finish_reason), (whole.text.split(&stop).next(), FinishReason::Stop));
    assert!(cut.num_tokens <= whole.num_tokens);
}

/// The loss over a field case's rows, and what the report warns of; checks it against the reference's.
fn as_the_reference(case: &str) -> Vec<String> {
    let folder = paths::fixture("field").join(case);
    let bytes = |name: &str| std::fs::read(folder.join(name)).expect("the fixture can be read");
    let mut session = Session::new(Device::flex());
    let model = paths::read_folder(&folder.join("model"));
    session.load_model(ModelSource::Local { name: case.into() }, model).expect("the fixture loads");
    let split = SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 };
    let run = RunConfig { max_seq_length: 128, split, ..run() };
    let files = DataFiles { train: ("data.jsonl".into(), bytes("data.jsonl")), ..DataFiles::default() };
    let report = session.load_data(files, &ReadOptions::default(), &run).expect("the rows load");
    assert_eq!((report.num_rows, report.num_usable), (12, 12), "{case}");
    let (found, _) = block_on(session.evaluate(Weights::Base, Split::Train, &mut |_, _| {})).expect("it is measured");
    let expected: serde_json::Value = serde_json::from_slice(&bytes("expected.json")).expect("the fixture is JSON");
    assert_eq!(num_tokens(&found), expected["num_tokens"].as_u64().expect("a number"), "{case}");
    let expected = expected["loss"].as_f64().expect("a number");
    assert!((loss(&found) - expected).abs() < REFERENCE, "{case}: {found:?}, expected {expected}");
    report.warnings
}

#[test]
fn of_a_template_that_rewrites_earlier_answers_the_last_one_is_measured() {
    let warnings = as_the_reference("28-qwen3-multi-turn");
    let said = "in 12 conversations only the last answer is learned";
    assert!(warnings.iter().any(|warning| warning.starts_with(said)), "{warnings:?}");
}

#[test]
fn thoughts_beside_the_answer_are_measured_where_the_template_writes_them() {
    let warnings = as_the_reference("29-reasoning-content");
    assert!(!warnings.iter().any(|warning| warning.contains("reasoning_content")), "{warnings:?}");
}

#[test]
fn packing_trains_on_the_same_tokens_in_fewer_rows() {
    let plain = RunConfig { num_train_epochs: 1, lora: LoraConfig { lora_dropout: 0.0, ..run().lora }, ..run() };
    let packed = RunConfig { packing: true, ..plain.clone() };
    let rows = |run: &RunConfig| {
        let mut session = ready(run);
        session.start(run.clone()).expect("it starts");
        let events = drain(&mut session);
        let TrainEvent::Started { num_rows, .. } = events[0] else { panic!("it starts") };
        let mut tokens = events.iter().rev().filter_map(|event| match event {
            TrainEvent::Step { tokens, .. } => Some(*tokens),
            _ => None,
        });
        (num_rows[0], tokens.next().expect("it steps"))
    };
    let ((plain_rows, plain_tokens), (packed_rows, packed_tokens)) = (rows(&plain), rows(&packed));
    assert_eq!(plain_tokens, packed_tokens);
    assert!(packed_rows < plain_rows, "{packed_rows} rows instead of {plain_rows}");
}

fn general(session: &mut Session, weights: Weights, text: Option<&str>) -> Evaluation {
    block_on(session.evaluate_general(weights, text, &mut |_, _| {})).expect("the text is measured")
}

#[test]
fn forgetting_is_measured_on_a_text_that_is_not_of_the_rows() {
    let mut session = ready(&run());
    let mut seen = Vec::new();
    let measured = block_on(session.evaluate_general(Weights::Base, None, &mut |done, total| seen.push((done, total))));
    let before = measured.expect("the bundled text is measured");
    assert!(!seen.is_empty() && seen.is_sorted() && seen.iter().all(|(done, total)| done < total), "{seen:?}");
    let perplexity = before.figure("perplexity").expect("it is measured");
    assert!(num_tokens(&before) > 2000 && (perplexity.ln() - loss(&before)).abs() < SAME, "{before:?}");
    assert_eq!(general(&mut loaded(), Weights::Base, None), before, "no rows are needed");

    let bundled = paths::root().join("core/src/task/causal_lm/general_text.txt");
    let bundled = std::fs::read_to_string(bundled).expect("the bundled text can be read");
    for own in [bundled.clone(), bundled.replace('\n', "\r\n")] {
        assert_eq!(general(&mut session, Weights::Base, Some(&own)), before, "the same text, given as one's own");
    }
    let long = bundled.repeat(200);
    let measured = general(&mut session, Weights::Base, Some(&long));
    assert!((16_000..=16_384).contains(&num_tokens(&measured)), "its beginning is measured: {measured:?}");
    let other = general(&mut session, Weights::Base, Some("3. The capital of Spain is Madrid."));
    assert!(num_tokens(&other) < 50 && (loss(&other) - loss(&before)).abs() > SAME, "{other:?}");

    session.start(run()).expect("it starts");
    let _ = drain(&mut session);
    let base = general(&mut session, Weights::Base, None);
    let is_same = num_tokens(&base) == num_tokens(&before) && (loss(&base) - loss(&before)).abs() < SAME;
    assert!(is_same, "{base:?}, {before:?}");
    let tuned = general(&mut session, Weights::Tuned, None);
    assert_eq!(num_tokens(&tuned), num_tokens(&before));
    assert!((loss(&tuned) - loss(&before)).abs() > 1e-3, "the run changed nothing: {tuned:?}");
}

#[test]
fn a_general_text_that_says_nothing_is_refused() {
    let mut session = loaded();
    for text in ["", " \n\t\r\n"] {
        let measured = block_on(session.evaluate_general(Weights::Base, Some(text), &mut |_, _| {}));
        let error = measured.expect_err("there is nothing in it").to_string();
        assert!(error.contains("the general text is empty"), "{error}");
    }
    let mut encoder = Session::new(Device::flex());
    let folder = paths::read_folder(&paths::fixture("tiny_encoder"));
    encoder.load_model(ModelSource::Local { name: "tiny".into() }, folder).expect("the fixture loads");
    let measured = block_on(encoder.evaluate_general(Weights::Base, None, &mut |_, _| {}));
    let error = measured.expect_err("it writes nothing").to_string();
    assert!(error.contains("labels texts"), "{error}");
}

/// Eight rows whose completions have from 1 to 15 words.
fn uneven() -> DataFiles {
    let row = |index: usize| {
        let completion = " a".repeat(1 + 2 * index);
        serde_json::json!({ "prompt": format!("row {index}:"), "completion": completion }).to_string() + "\n"
    };
    let lines: String = (0..8).map(row).collect();
    DataFiles { train: ("uneven.jsonl".into(), lines.into_bytes()), ..DataFiles::default() }
}

#[test]
fn micro_batches_of_uneven_rows_are_one_large_batch() {
    let steps = |batch_size: u32, gradient_accumulation_steps: u32| {
        let run = RunConfig {
            batch_size,
            gradient_accumulation_steps,
            num_train_epochs: 4,
            dropout: Some(0.0),
            learning_rate: 1e-3,
            warmup_ratio: 0.0,
            max_seq_length: 64,
            logging_steps: 1,
            split: SplitConfig { valid_fraction: 0.0, test_fraction: 0.0 },
            ..RunConfig::default()
        };
        let mut session = loaded();
        session.load_data(uneven(), &ReadOptions::default(), &run).expect("the rows load");
        session.start(run).expect("it starts");
        let step = |event: &TrainEvent| match event {
            TrainEvent::Step { loss, grad_norm, .. } => Some((*loss, *grad_norm)),
            _ => None,
        };
        drain(&mut session).iter().filter_map(step).collect::<Vec<_>>()
    };
    let (whole, parts) = (steps(8, 1), steps(2, 4));
    assert_eq!((whole.len(), parts.len()), (4, 4));
    for ((loss, norm), (part_loss, part_norm)) in whole.into_iter().zip(parts) {
        assert!((loss - part_loss).abs() < 1e-4, "{loss} and {part_loss}");
        assert!((norm - part_norm).abs() < 1e-3 * norm, "{norm} and {part_norm}");
    }
}
