//! Texts turned into others by the tiny T5: what every method trains, folders that write the same when they are loaded again,
//! runs that compute blocks twice or in half precision, and what is written as it is measured. What can't be used is in
//! `bad_pairs.rs`.

use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::{ADAPTER_CONFIG, ADAPTER_WEIGHTS, WEIGHTS, WeightFile};
use hone_core::config::{Dtype, ExportFormat, LoraConfig, Method, ModelSource, ReadOptions, RunConfig};
use hone_core::event::{Split, TrainEvent};
use hone_core::folder::Folder;
use hone_core::generate::SamplingConfig;
use hone_core::metrics::evaluate_text_to_text;
use hone_core::session::Session;
use hone_core::session::protocol::{Prompt, Weights};
use hone_core::task::Task;
use hone_tests::dates::{MAX_NEW_TOKENS, PREFIX, ROWS, files, jsonl, model, open, read, ready, run, sample, write};
use hone_tests::figure::demand;
use hone_tests::half::{HALF, all_losses, compare_losses};
use hone_tests::texts::{drain, loss, valid_losses};
use serde_json::Value;

/// Largest difference of a loss of a run whose blocks are computed again in the backward pass.
const CHECKPOINTED: f64 = 1e-4;

/// Of rows that are measured, those that the fixture must write as they stand in the file.
const KNOWS: f64 = 0.8;

/// A run of a method, with adapters where that has any.
fn run_of(method: Method, learning_rate: f64) -> RunConfig {
    let lora = if method == Method::Lora { run().lora } else { LoraConfig::default() };
    RunConfig { method, lora, learning_rate, ..run() }
}

fn trained(run: &RunConfig) -> (Session, Vec<TrainEvent>) {
    let mut session = ready(run);
    session.start(run.clone()).expect("it starts");
    let events = drain(&mut session);
    (session, events)
}

/// What is written token by token, and what with four beams.
fn written(session: &mut Session, weights: Weights) -> [Vec<String>; 2] {
    [1, 4].map(|num_beams| write(session, weights, num_beams))
}

/// The loss on the test rows, before training and after.
fn test_losses(session: &mut Session) -> [f64; 2] {
    [Weights::Base, Weights::Tuned].map(|weights| {
        let measured = block_on(session.evaluate(weights, Split::Test, &mut |_, _| {}));
        loss(&measured.expect("there are test rows").0)
    })
}

fn exported(session: &mut Session, format: ExportFormat) -> Folder {
    block_on(session.export(format)).expect("it exports")
}

#[test]
fn an_adapter_is_trained_exported_and_loaded_again() {
    let mut session = ready(&run());
    let before = written(&mut session, Weights::Base);
    let job = session.start(run()).expect("it starts");
    assert_eq!((job.task, job.read.source_prefix.as_deref()), (Some(Task::Seq2seqLm), Some(PREFIX)));
    let columns = [&job.read.text_column, &job.read.target_column].map(Option::as_deref);
    assert_eq!(columns, [Some("source"), Some("target")], "what was guessed is in the job");
    let events = drain(&mut session);
    assert_eq!(valid_losses(&events).len(), 3);
    let is_sample =
        |event: &TrainEvent| matches!(event, TrainEvent::Sampled { prompt, .. } if prompt.starts_with(PREFIX));
    assert!(events.iter().any(is_sample), "samples are shown, of sources with their prefix");
    let TrainEvent::Started { num_parameters, num_trainable, .. } = events[0] else { panic!("it starts") };
    assert!(num_trainable * 5 < num_parameters, "{num_trainable} of {num_parameters}");
    let [base, tuned] = test_losses(&mut session);
    assert!(tuned < 0.5 * base, "the loss was {base} and is {tuned}");

    let tuned = written(&mut session, Weights::Tuned);
    assert!(tuned[0] != before[0] && tuned[1] != before[1], "{tuned:?}");
    assert_eq!(written(&mut session, Weights::Base), before, "the base is untouched");

    let adapter = exported(&mut session, ExportFormat::Adapter);
    let merged = exported(&mut session, ExportFormat::Merged);
    assert!(adapter.get(WEIGHTS).is_none());
    let settings: Value = serde_json::from_slice(adapter.get(ADAPTER_CONFIG).expect("it has settings")).expect("JSON");
    assert_eq!(settings["task_type"], "SEQ_2_SEQ_LM");
    let mut again = open(model());
    again.load_adapter(adapter).expect("its own adapter fits");
    assert_eq!(written(&mut again, Weights::Tuned), tuned, "adapter");
    assert_eq!(written(&mut again, Weights::Base), before, "its base");
    let mut whole = open(merged);
    assert_eq!(written(&mut whole, Weights::Base), tuned, "merged");
    for session in [again, whole] {
        let given = session.prompt_format().prompt("May 1st, 2001");
        assert_eq!(given, Some([PREFIX, "May 1st, 2001"].concat()), "a text is given as in training");
    }
}

#[test]
fn an_adapter_with_magnitudes_is_exported_and_loaded_again() {
    let lora = LoraConfig { use_dora: true, ..run().lora };
    let (mut session, _) = trained(&RunConfig { lora, ..run() });
    let [base, tuned] = test_losses(&mut session);
    assert!(tuned < 0.8 * base, "the loss was {base} and is {tuned}");
    let tuned = written(&mut session, Weights::Tuned);

    let [adapter, merged] = [ExportFormat::Adapter, ExportFormat::Merged].map(|format| exported(&mut session, format));
    let settings: Value = serde_json::from_slice(adapter.get(ADAPTER_CONFIG).expect("it has settings")).expect("JSON");
    assert!(settings["use_dora"] == true && settings["task_type"] == "SEQ_2_SEQ_LM", "{settings}");
    let weights = WeightFile::open_in(&adapter, [ADAPTER_WEIGHTS]).expect("it is whole");
    let named = |end: &str| weights.names().filter(|name| name.ends_with(end)).count();
    assert!(named("lora_magnitude_vector") > 0 && named("lora_magnitude_vector") == named("lora_A.weight"));

    let mut again = open(model());
    again.load_adapter(adapter).expect("its own adapter fits");
    assert_eq!(written(&mut again, Weights::Tuned), tuned, "adapter");
    assert_eq!(written(&mut open(merged), Weights::Base), tuned, "merged");
}

/// Tensors of a folder that are not those of the fixture; and how many there are.
fn changed(folder: &Folder) -> (Vec<String>, usize) {
    let base = model();
    let [found, base] = [folder, &base].map(|folder| folder.get(WEIGHTS).expect("it has weights"));
    let found = WeightFile::open("found", found).expect("it is whole");
    let base = WeightFile::open("base", base).expect("it is whole");
    let differs = |name: &&str| found.read(name).expect("it reads") != base.read(name).expect("it reads");
    (base.names().filter(differs).map(str::to_owned).collect(), base.names().count())
}

#[test]
fn every_method_trains_its_own_tensors_and_leaves_a_folder_that_writes_the_same() {
    for (method, learning_rate) in [(Method::Full, 1e-3), (Method::LastLayers(1), 5e-3)] {
        let (mut session, _) = trained(&run_of(method, learning_rate));
        let [base, tuned] = test_losses(&mut session);
        assert!(tuned < 0.8 * base, "{method:?}: the loss was {base} and is {tuned}");
        let tuned = written(&mut session, Weights::Tuned);
        let folder = exported(&mut session, ExportFormat::Merged);
        let error = block_on(session.export(ExportFormat::Adapter)).expect_err("there is none").to_string();
        assert!(error.contains("trained no adapter"), "{error}");

        let (changed, all) = changed(&folder);
        let is_last = |name: &String| {
            let is_beside = ["decoder.final_layer_norm.weight", "lm_head.weight"].contains(&name.as_str());
            is_beside || name.starts_with("decoder.block.1.")
        };
        match method {
            Method::Full => assert_eq!(changed.len(), all, "{changed:?}"),
            // Two attentions of four matrices, three of the gated part, three norms; then the last norm and the scores.
            _ => assert!(changed.len() == 14 + 2 && changed.iter().all(is_last), "{changed:?}"),
        }
        let mut again = open(folder);
        assert_eq!(again.task().expect("it is loaded"), Task::Seq2seqLm);
        assert_eq!(written(&mut again, Weights::Base), tuned, "{method:?}");
    }
}

#[test]
fn blocks_that_are_computed_again_give_the_same_losses() {
    for method in [Method::Full, Method::Lora] {
        let run = RunConfig { num_train_epochs: 2, ..run_of(method, 1e-3) };
        let expected = all_losses(&trained(&run).1);
        let found = all_losses(&trained(&RunConfig { gradient_checkpointing: true, ..run }).1);
        demand(&[compare_losses(&format!("{method:?}, checkpointed"), &found, &expected, CHECKPOINTED)]);
    }
}

#[test]
fn losses_in_half_precision_stay_close_to_those_of_f32() {
    let train = |dtype: Dtype| {
        let events = trained(&RunConfig { dtype, ..run_of(Method::Lora, 1e-3) }).1;
        let valid = valid_losses(&events);
        assert!(valid[2] < valid[0], "{dtype:?} learns: {valid:?}");
        all_losses(&events)
    };
    let expected = train(Dtype::F32);
    for (dtype, tolerance) in HALF {
        let found = train(dtype);
        assert_ne!(found, expected, "{dtype:?}: nothing was rounded");
        demand(&[compare_losses(dtype.name(), &found, &expected, tolerance)]);
    }
}

#[test]
fn a_config_alone_is_trained_from_scratch() {
    let mut folder = model();
    folder.remove(WEIGHTS).expect("the fixture has weights");
    let scratch = RunConfig { from_scratch: true, ..run_of(Method::Full, 2e-3) };
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "config".into() };
    let info = session.load_model_without_weights(source, folder).expect("a config is enough");
    assert!(info.notes.iter().any(|note| note.starts_with("all weights are fresh: ")), "{:?}", info.notes);
    session.load_data(files(jsonl(ROWS)), &read(), &scratch).expect("the rows load");
    let error = session.start(run_of(Method::Full, 2e-3)).expect_err("it has no weights").to_string();
    assert!(error.starts_with("from_scratch: must be true"), "{error}");
    session.start(scratch).expect("it starts");
    let losses = valid_losses(&drain(&mut session));
    assert!(losses.len() == 3 && losses[2] < losses[0], "{losses:?}");
    let tuned = write(&mut session, Weights::Tuned, 1);
    let mut again = open(exported(&mut session, ExportFormat::Merged));
    assert_eq!(write(&mut again, Weights::Base, 1), tuned);
}

#[test]
fn what_is_measured_is_what_stands_in_the_samples() {
    let mut session = ready(&run());
    let mut seen = Vec::new();
    let mut tell = |done: usize, total: usize| seen.push((done, total));
    let found = block_on(session.evaluate_writing(Weights::Base, Split::Test, 50, Some(MAX_NEW_TOKENS), &mut tell));
    let found = found.expect("the test rows have sources");
    let rows: Vec<Value> = jsonl(ROWS).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(found.samples.len(), ROWS / 5, "all test rows, which are fewer than were asked for");
    assert_eq!(seen.last(), Some(&(ROWS / 5, ROWS / 5)));
    for sample in &found.samples {
        let row = &rows[sample.row - 1];
        let source = row["source"].as_str().expect("a text");
        assert_eq!(sample.prompt, [PREFIX, source].concat());
        assert_eq!(row["target"], sample.expected);
    }
    let pairs = found.samples.iter().map(|sample| (sample.generated.as_str(), sample.expected.as_str()));
    assert_eq!(found.figures, evaluate_text_to_text(pairs));
    let sampling = SamplingConfig { max_new_tokens: MAX_NEW_TOKENS, ..SamplingConfig::default() };
    for sample in &found.samples[..3] {
        let prompt = Prompt::Text(sample.prompt.clone());
        let alone = block_on(session.generate(&prompt, Weights::Base, &sampling, async |_: &str| true));
        assert_eq!(alone.expect("it writes").text, sample.generated);
    }
}

#[test]
fn the_fixture_writes_dates_that_it_never_saw() {
    const COUNT: usize = 40;
    let mut session = open(model());
    let report = session.load_rows_to_measure(files(sample(COUNT)), &ReadOptions::default()).expect("good rows");
    assert_eq!((report.split_sizes, report.num_truncated), ([COUNT, 0, 0], 0));
    let (evaluation, _) =
        block_on(session.evaluate(Weights::Base, Split::Train, &mut |_, _| {})).expect("it is measured");
    let [perplexity, accuracy] =
        ["perplexity", "token_accuracy"].map(|name| evaluation.figure(name).expect("it is measured"));
    assert!((perplexity.ln() - loss(&evaluation)).abs() < 1e-6 && accuracy > KNOWS, "{evaluation:?}");
    let written =
        block_on(session.evaluate_writing(Weights::Base, Split::Train, COUNT, Some(MAX_NEW_TOKENS), &mut |_, _| {}));
    let figures = written.expect("it writes").figures;
    assert!(figures.exact_match > KNOWS && figures.chrf > 100.0 * KNOWS, "{figures:?}");
    assert_eq!(figures.labels, None, "every date is another");
}
