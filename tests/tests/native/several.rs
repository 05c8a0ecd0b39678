//! Several tasks at once: a run that learns labels, numbers and tags on one encoder, and a folder for each that answers as
//! the run did.

use burn::module::Module;
use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::checkpoint::{PretrainedModel, WEIGHTS, WeightFile};
use hone_core::config::{
    ExportFormat, JOB_FILE, Job, Method, ModelSource, Pooling, ReadOptions, RunConfig, SplitConfig, Techniques,
};
use hone_core::data::{
    DataFiles, HostBatch, HostInputs, HostTargets, HostText, Padding, PositionIds, TextRow, rows_an_epoch,
};
use hone_core::event::{Split, TrainEvent};
use hone_core::folder::Folder;
use hone_core::model::{Model, path_in_whole};
use hone_core::optim::GradientSum;
use hone_core::session::protocol::Weights;
use hone_core::session::{PartRequest, Session};
use hone_core::task::{Evaluation, EvaluationDetail, HeadKind, Prediction, RowPredictions, Task};
use hone_core::train::MicroStep;
use hone_tests::classes::{files, inputs, loaded, repeatable_run};
use hone_tests::paths::text_in;
use hone_tests::texts::drain;
use hone_tests::{paths, rows, tagged};

/// Accuracy and F1 that the tiny model must reach on rows it never saw, and R² of numbers.
const LEARNED: f64 = 0.8;

/// Largest difference of an answer that is to be the same.
const SAME: f32 = 1e-4;

const TEXTS: [&str; 3] =
    ["butter and salt on warm bread", "thunder and rain came with the wind", "so the great king was better that night"];

fn run() -> RunConfig {
    RunConfig {
        num_train_epochs: 8,
        metric_for_best_model: "topic/accuracy".into(),
        split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.2 },
        ..repeatable_run()
    }
}

fn part(name: &str, task: Option<Task>, files: DataFiles) -> PartRequest {
    PartRequest { name: name.into(), task, files, read: ReadOptions::default() }
}

fn topics(count: usize) -> PartRequest {
    part("topic", None, files(rows::csv(count)))
}

fn tags(count: usize) -> PartRequest {
    let train = ("train.conll".to_owned(), tagged::conll(count).into_bytes());
    part("tags", None, DataFiles { train, ..DataFiles::default() })
}

fn numbers(count: usize) -> PartRequest {
    part("mood", Some(Task::Regression), files(rows::numbers_csv(count)))
}

fn with_parts(parts: Vec<PartRequest>, run: &RunConfig) -> Session {
    let mut session = loaded();
    session.load_parts(parts, run).expect("good rows");
    session
}

fn trained(parts: Vec<PartRequest>, run: &RunConfig) -> (Session, Vec<TrainEvent>) {
    let mut session = with_parts(parts, run);
    session.start(run.clone()).expect("it starts");
    let events = drain(&mut session);
    (session, events)
}

/// The files of one part.
fn folder_of(whole: &Folder, part: &str) -> Folder {
    let start = format!("{part}/");
    let own = whole.iter().filter_map(|(name, bytes)| Some((name.strip_prefix(&start)?.to_owned(), bytes.to_vec())));
    own.collect()
}

fn open(folder: Folder) -> Session {
    let mut session = Session::new(Device::flex());
    session.load_model(ModelSource::Local { name: "export".into() }, folder).expect("it opens");
    session
}

/// The numbers of predictions, in their order.
fn numbers_of(predictions: Vec<Prediction>) -> Vec<f32> {
    let of_one = |prediction| match prediction {
        Prediction::SequenceClassification(own) => own.probabilities,
        Prediction::Regression(own) => own.numbers,
        Prediction::TokenClassification(own) => {
            own.spans.iter().map(|span| span.score.expect("predictions have scores")).collect()
        }
        other => panic!("of no part: {other:?}"),
    };
    predictions.into_iter().flat_map(of_one).collect()
}

fn answers(session: &mut Session, part: Option<&str>, weights: Weights) -> Vec<f32> {
    let texts = inputs(&TEXTS.map(str::to_owned));
    let (predictions, _) = match part {
        Some(part) => block_on(session.predict_part(part, &texts, weights)).expect("it predicts"),
        None => block_on(session.predict(&texts, weights)).expect("it predicts"),
    };
    numbers_of(predictions)
}

fn check_same(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < SAME, "{found} is not {expected}");
    }
}

/// The tensors of the encoder, by their names.
fn encoder(folder: &Folder) -> Vec<(String, Vec<f32>)> {
    let file = WeightFile::open(WEIGHTS, folder.get(WEIGHTS).expect("it has weights")).expect("whole");
    let names = file.names().filter(|name| name.contains("embeddings.") || name.contains("encoder."));
    let tensor = |name: &str| file.read(name).expect("plain numbers").expect("the name is the file's").values;
    names.map(|name| (name.trim_start_matches("bert.").to_owned(), tensor(name))).collect()
}

fn losses(events: &[TrainEvent]) -> Vec<f64> {
    let of_step = |event: &TrainEvent| match event {
        TrainEvent::Step { losses, .. } => losses.clone(),
        _ => Vec::new(),
    };
    events.iter().flat_map(of_step).collect()
}

#[test]
fn three_tasks_are_learned_at_once_and_leave_as_folders_that_answer_alike() {
    let (mut session, events) = trained(vec![topics(240), numbers(240), tags(200)], &run());
    let (evaluation, found) =
        block_on(session.evaluate(Weights::Tuned, Split::Test, &mut |_, _| {})).expect("test rows");
    for figure in ["topic/accuracy", "mood/r2", "tags/f1"] {
        assert!(evaluation.figure(figure).is_some_and(|value| value >= LEARNED), "{:?}", evaluation.figures);
    }
    let of_parts = ["topic/loss", "mood/loss", "tags/loss"].map(|name| evaluation.figure(name).expect("measured"));
    let loss = evaluation.figure("loss").expect("measured");
    assert!((loss - of_parts.iter().sum::<f64>() / 3.0).abs() < 1e-12, "{loss} is not the mean of {of_parts:?}");
    let EvaluationDetail::Several(detail) = &evaluation.detail else { panic!("of several tasks") };
    let RowPredictions::Several(found) = &found else { panic!("of several tasks") };
    let names: Vec<&str> = detail.parts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names.as_slice(), found.len()), (&["topic", "mood", "tags"][..], 3));
    let is_named = |event: &TrainEvent| matches!(event, TrainEvent::Evaluated { evaluation, .. } if evaluation.figure("tags/f1").is_some());
    assert!(events.iter().any(is_named), "figures of each task while it trains");

    let whole = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    let job = Job::from_json(whole.get(JOB_FILE).expect("the job of all")).expect("its own file");
    assert_eq!(job.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), names);
    let first = encoder(&folder_of(&whole, "topic"));
    assert_eq!(first.len(), 3 + 2 + 2 * 16, "tables, their norm, and two layers of eight modules");
    for (name, task) in
        [("topic", Task::SequenceClassification), ("mood", Task::Regression), ("tags", Task::TokenClassification)]
    {
        let expected = answers(&mut session, Some(name), Weights::Tuned);
        let folder = folder_of(&whole, name);
        assert!(encoder(&folder) == first, "the encoder of {name} is that of topic, bit for bit");
        let card = text_in(&folder, "README.md");
        assert!(card.contains("One of 3 tasks") && card.contains("--part"), "{card}");
        let mut alone = open(folder);
        assert_eq!(alone.task().expect("loaded"), task);
        check_same(&answers(&mut alone, None, Weights::Base), &expected);
        assert_ne!(answers(&mut session, Some(name), Weights::Base), expected, "{name} learned something");
    }
    let error = block_on(session.predict(&inputs(&["x".to_owned()]), Weights::Tuned)).expect_err("of which?");
    assert!(error.to_string().contains("several tasks"), "{error}");
    let error = block_on(session.predict_part("mail", &[], Weights::Tuned)).expect_err("there is none").to_string();
    assert!(error.contains("\"mail\"") && error.contains("topic, mood, tags"), "{error}");
}

#[test]
fn every_method_learns_on_a_shared_encoder() {
    for method in [Method::Head, Method::LastLayers(1), Method::Lora] {
        let run = RunConfig { method, num_train_epochs: 2, metric_for_best_model: "loss".into(), ..run() };
        let (mut session, events) = trained(vec![topics(96), numbers(96)], &run);
        let found = losses(&events);
        let (first, second) = found.split_at(found.len() / 2);
        assert!(second.iter().sum::<f64>() < first.iter().sum::<f64>(), "{method:?}: {found:?}");
        let whole = block_on(session.export(ExportFormat::Merged)).expect("it exports");
        let [topic, mood] = ["topic", "mood"].map(|name| folder_of(&whole, name));
        assert!(encoder(&topic) == encoder(&mood), "{method:?}");
        let base = encoder(&paths::read_folder(&paths::fixture("tiny_encoder")));
        let is_base = encoder(&topic).iter().zip(&base).all(|((_, tuned), (_, base))| tuned == base);
        assert_eq!(is_base, method == Method::Head, "{method:?}");
        let expected = answers(&mut session, Some("mood"), Weights::Tuned);
        check_same(&answers(&mut open(mood), None, Weights::Base), &expected);
        let error = block_on(session.export(ExportFormat::Adapter)).expect_err("they share it").to_string();
        assert!(error.contains("share one adapter"), "{error}");
    }
}

#[test]
fn a_run_of_several_tasks_goes_on_from_its_checkpoint() {
    let temperature = RunConfig { task_temperature: 2.0, gradient_accumulation_steps: 2, num_train_epochs: 2, ..run() };
    let parts = || vec![topics(160), tags(40)];
    let (mut whole, events) = trained(parts(), &temperature);
    let expected = losses(&events);
    let sizes = whole.part_sizes();
    let of_epoch = rows_an_epoch(&[sizes[0].num_rows, sizes[1].num_rows], 2.0);
    assert_eq!([sizes[0].rows_an_epoch, sizes[1].rows_an_epoch], of_epoch[..]);
    assert!(of_epoch[0] < sizes[0].num_rows && of_epoch[1] > sizes[1].num_rows, "{sizes:?}");
    for cut in [2, 5, 9] {
        let mut first = with_parts(parts(), &temperature);
        first.start(temperature.clone()).expect("starts");
        for _ in 0..cut {
            block_on(first.next_event()).expect("goes on").expect("is not over");
        }
        let checkpoint = block_on(first.checkpoint()).expect("can be saved");
        let mut second = with_parts(parts(), &temperature);
        let job = second.resume(&checkpoint).expect("can be taken up");
        assert_eq!(job.parts.len(), 2);
        let rest = losses(&drain(&mut second));
        assert!(!rest.is_empty(), "cut at {cut}");
        for (found, expected) in rest.iter().zip(&expected[expected.len() - rest.len()..]) {
            // Losses that wait for their reading go through JSON, which may cost the last bit.
            assert!((found - expected).abs() <= f64::EPSILON * expected, "cut at {cut}: {found} is not {expected}");
        }
        for name in ["topic", "tags"] {
            let [found, expected] =
                [&mut second, &mut whole].map(|session| answers(session, Some(name), Weights::Tuned));
            assert_eq!(found, expected, "cut at {cut}, {name}");
        }
    }
    let mut other = with_parts(vec![topics(160), tags(41)], &temperature);
    let mut first = with_parts(parts(), &temperature);
    first.start(temperature.clone()).expect("starts");
    block_on(first.next_event()).expect("goes on");
    let checkpoint = block_on(first.checkpoint()).expect("can be saved");
    assert!(other.resume(&checkpoint).expect_err("other rows").to_string().contains("training rows"));
}

/// A batch of three rows of tokens, with a label for each row or each token.
fn batch(width: usize, is_of_tokens: bool) -> HostBatch {
    let texts: [&[u32]; 3] = [&[2, 40, 41, 42, 3], &[2, 43, 3], &[2, 44, 45, 46, 47, 48, 3]];
    let rows: Vec<TextRow<'_>> = texts.iter().map(|input_ids| TextRow { input_ids, token_type_ids: &[] }).collect();
    let padding = Padding { pad_token_id: 0, multiple_of: 8, max_length: 32, positions: PositionIds::FromZero };
    let text = HostText::pad(&rows, &padding);
    let outputs = if is_of_tokens { text.batch * text.seq } else { text.batch };
    let is_scored = |row: usize| !is_of_tokens || text.attention_mask[row] == 1;
    let value = |row: usize, label: usize| f32::from(u8::from(is_scored(row) && row % width == label));
    let values: Vec<f32> = (0..outputs)
        .flat_map(|row| (0..width).map(move |label| (row, label)))
        .map(|(row, label)| value(row, label))
        .collect();
    let weight = values.iter().sum::<f32>().into();
    let num_tokens = text.num_tokens();
    let targets = HostTargets::Distributions { values, width };
    HostBatch { inputs: HostInputs::Text(text), targets, weight, num_rows: 3, num_tokens }
}

fn gradients(model: &Model, batch: &HostBatch, device: &Device) -> (f32, GradientSum) {
    let mut sum = GradientSum::default();
    let (weight_sum, techniques) = (batch.weight, Techniques::default());
    let (frozen, features, gradient_checkpointing) = (None, None, false);
    let step = MicroStep { model, frozen, features, weight_sum, gradient_checkpointing, techniques, seed: 0, device };
    let loss = step.run(batch, &mut sum).into_data().iter::<f32>().next().expect("one number");
    (loss, sum)
}

#[test]
fn a_step_has_the_gradients_of_a_model_with_that_head_alone() {
    let device = Device::flex().autodiff();
    let base = PretrainedModel::open(paths::read_folder(&paths::fixture("tiny_encoder"))).expect("whole");
    let build = |head: HeadKind, seed: u64| {
        let mut model = base.build(head, Pooling::Cls, 3, seed, &device).expect("the weights fit").0;
        model.set_dropout(Some(0.0));
        model
    };
    let models = [build(HeadKind::Sequence, 1), build(HeadKind::Token, 2), build(HeadKind::Sequence, 3)];
    let more_heads = models[1..].iter().map(|model| model.head.clone()).collect();
    let whole = Model { more_heads, ..models[0].clone() };
    assert_eq!(
        whole.num_params(),
        models[0].num_params() + models[1].num_params() + models[2].num_params() - 2 * models[0].backbone.num_params()
    );
    for (head, alone) in models.iter().enumerate() {
        let batch = batch(3, head == 1);
        let (expected_loss, expected) = gradients(alone, &batch, &device);
        let (loss, own) = gradients(&whole.of_head(head), &batch, &device);
        let mut found = GradientSum::default();
        found.add_all(own, |path| path_in_whole(path, head).into_owned());
        assert_eq!(loss.to_bits(), expected_loss.to_bits());
        assert_eq!(found.tensors().count(), expected.tensors().count());
        for (path, gradient) in expected.tensors() {
            let path = path_in_whole(path, head);
            let same = found.remove(&path).unwrap_or_else(|| panic!("{path} has a gradient"));
            assert_eq!(same.into_data(), gradient.clone().into_data(), "{path}");
        }
    }
}

#[test]
fn what_can_not_be_learned_at_once_is_refused_by_name() {
    let run = run();
    let refused = |parts: Vec<PartRequest>| loaded().load_parts(parts, &run).expect_err("it can't be").to_string();
    assert!(refused(vec![topics(60)]).contains("two at the least"));
    let twice = || PartRequest { name: "Topic".into(), ..topics(60) };
    assert!(refused(vec![topics(60), twice()]).contains("two tasks have the name \"Topic\""));
    let writes = part("writes", Some(Task::CausalLm), files(rows::csv(60)));
    let error = refused(vec![topics(60), writes]);
    assert!(error.starts_with("writes: causal_lm can't be learned beside other tasks"), "{error}");
    let broken = part("mood", Some(Task::Regression), files(rows::csv(60)));
    assert!(refused(vec![topics(60), broken]).starts_with("mood: "), "its rows have no numbers");

    let mut session = with_parts(vec![topics(60), numbers(60)], &run);
    for (wrong, field) in [
        (RunConfig { metric_for_best_model: "accuracy".into(), ..run.clone() }, "metric_for_best_model"),
        (RunConfig { metric_for_best_model: "mood/accuracy".into(), ..run.clone() }, "metric_for_best_model"),
        (RunConfig { from_scratch: true, ..run.clone() }, "from_scratch"),
        (RunConfig { task_temperature: 0.5, ..run.clone() }, "task_temperature"),
        (RunConfig { doc_stride: 7, ..run.clone() }, "doc_stride"),
    ] {
        let error = session.start(wrong).expect_err(field).to_string();
        assert!(error.contains(field), "{error}");
    }
    session.start(RunConfig { task_temperature: 3.0, ..run.clone() }).expect("that is for several");

    let mut one = loaded();
    one.load_data(files(rows::csv(60)), &ReadOptions::default(), &run).expect("good rows");
    let plain = RunConfig { metric_for_best_model: "loss".into(), ..run };
    let error = one.start(RunConfig { task_temperature: 2.0, ..plain.clone() }).expect_err("one task").to_string();
    assert!(error.contains("task_temperature: has no effect"), "{error}");
    one.start(plain).expect("it starts");
    assert!(one.part_sizes().is_empty());
}

fn measured(session: &mut Session, weights: Weights) -> (Evaluation, RowPredictions) {
    block_on(session.evaluate(weights, Split::Test, &mut |_, _| {})).expect("test rows")
}

#[test]
fn a_reading_of_several_tasks_that_is_dropped_leaves_the_rows_of_before() {
    let run = RunConfig { num_train_epochs: 1, metric_for_best_model: "loss".into(), ..run() };
    let mut session = loaded();
    session.load_data(files(rows::csv(60)), &ReadOptions::default(), &run).expect("good rows");
    let expected = measured(&mut session, Weights::Base);

    let mut reading = session.begin_parts(vec![numbers(60), tags(40)], &run).expect("their names differ");
    assert_eq!(reading.progress(), None, "none is begun");
    let mut seen = Vec::new();
    while reading.progress().is_none_or(|(name, ..)| name != "tags") {
        assert!(session.advance_parts(&mut reading).expect("good rows"), "not all is read");
        seen.extend(reading.progress().map(|(name, done, total)| (name.to_owned(), done, total)));
    }
    assert_eq!((seen[0].0.as_str(), seen[0].2), ("mood", 60), "{seen:?}");
    drop(reading);
    let broken = part("mood", Some(Task::Regression), files(rows::csv(60)));
    let mut reading = session.begin_parts(vec![topics(60), broken], &run).expect("their names differ");
    let error = loop {
        match session.advance_parts(&mut reading) {
            Ok(goes_on) => assert!(goes_on, "the second has no numbers"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.starts_with("mood: "), "{error}");
    drop(reading);

    assert_eq!(session.task().expect("it is loaded"), Task::SequenceClassification);
    assert_eq!(measured(&mut session, Weights::Base), expected);
    session.start(run).expect("the rows are there");
    assert!(!drain(&mut session).is_empty() && session.part_sizes().is_empty());
}

#[test]
fn what_is_measured_before_a_run_is_what_its_base_gives() {
    let run = RunConfig { num_train_epochs: 1, ..run() };
    let nothing = block_on(loaded().evaluate_parts(&run, Split::Test, &mut |_, _| {})).expect_err("there are no rows");
    assert_eq!(nothing.to_string(), "no data is loaded");

    let mut session = with_parts(vec![topics(120), numbers(90), tags(60)], &run);
    let mut last = (0, 0);
    let mut tell = |done: usize, total: usize| last = (done, total);
    let before = block_on(session.evaluate_parts(&run, Split::Test, &mut tell)).expect("test rows");
    assert!(0 < last.0 && last.0 <= last.1, "{last:?}");
    let again = block_on(session.evaluate_parts(&run, Split::Test, &mut |_, _| {})).expect("test rows");
    assert_eq!(again, before, "the heads of a seed are the same");
    session.start(run.clone()).expect("it starts");
    let _ = drain(&mut session);
    assert_eq!(measured(&mut session, Weights::Base), before);
    assert_ne!(measured(&mut session, Weights::Tuned).0, before.0, "something was learned");

    let all = RunConfig { split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.0 }, ..run };
    let mut session = with_parts(vec![topics(60), numbers(60)], &all);
    let error = block_on(session.evaluate_parts(&all, Split::Test, &mut |_, _| {})).expect_err("there are none");
    assert!(error.to_string().contains("Test split has no rows"), "{error}");
}
