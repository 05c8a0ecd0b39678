//! The report on a run whose events are written down here.

use super::*;
use crate::config::{ModelSource, ReadOptions, RowEdit, RunConfig};
use crate::event::StopReason;
use crate::metrics::{Confusion, Figure, TextSample, TextStyle, TextStyles, WritingEvaluation, evaluate_text_to_text};
use crate::task::{Evaluation, EvaluationDetail, WorstRow};

fn job() -> Job {
    let run = RunConfig { batch_size: 3, ..RunConfig::default() };
    let job = Job::new(ModelSource::hub("a/b"), Some("<rows>.csv".into()), ReadOptions::default(), run);
    Job { task: Some(Task::SequenceClassification), ..job }
}

/// Of two labels, one row of ten wrong.
fn evaluation(loss: f64) -> Evaluation {
    let labels = ["up".to_owned(), "<down>".to_owned()];
    let mut confusion = Confusion::new(&labels);
    for row in 0..10 {
        confusion.add(row % 2, if row == 3 { 0 } else { row % 2 });
    }
    let detail = confusion.finish(loss);
    let accuracy = Figure { interval: Some([0.7, 1.0]), ..Figure::higher("accuracy", detail.accuracy) };
    let figures = vec![Figure::lower("loss", loss), accuracy];
    Evaluation { figures, num_rows: 10, detail: EvaluationDetail::SequenceClassification(Box::new(detail)) }
}

fn step(step: u32, loss: f64) -> TrainEvent {
    let (epoch, learning_rate, grad_norm) = (f64::from(step) / 10.0, 1e-3, 1.0);
    TrainEvent::Step { step, epoch, loss, losses: vec![loss], learning_rate, grad_norm, rows: 1, tokens: 1 }
}

fn started(step: u32) -> TrainEvent {
    let (total_steps, steps_per_epoch, num_rows) = (20, 10, [30, 10, 10]);
    TrainEvent::Started { total_steps, steps_per_epoch, step, num_rows, num_parameters: 1000, num_trainable: 10 }
}

fn measured_on_the_way(step: u32, loss: f64, is_best: bool) -> TrainEvent {
    TrainEvent::Evaluated { step, epoch: 1.0, split: Split::Valid, evaluation: evaluation(loss), is_best }
}

/// What was written of one prompt.
fn written() -> WritingEvaluation {
    let styles = TextStyles {
        written: TextStyle { num_texts: 1, mean_length: 2.5, rep_4: Some(0.25), ..TextStyle::default() },
        expected: TextStyle { num_texts: 1, mean_length: 1.0, ..TextStyle::default() },
    };
    let [prompt, expected, generated] = ["a secret <prompt>", "a secret answer", "a secret text"].map(String::from);
    let figures = evaluate_text_to_text([(&generated, &expected)]);
    let samples = vec![TextSample { row: 7, prompt, expected, generated }];
    let how = "always taking the likeliest token, 64 tokens at most".to_owned();
    WritingEvaluation {
        figures,
        intervals: vec![Some([20.0, 60.0])],
        styles,
        samples,
        how,
        notes: vec!["as generation_config.json says".to_owned()],
    }
}

fn lines(events: &[TrainEvent]) -> Vec<LogLine> {
    events.iter().filter_map(|event| LogLine::of_event(65.0, event)).collect()
}

fn html(lines: &[LogLine]) -> String {
    RunReport { job: &job(), lines, results: None, version: "9.9", made_secs: 0.0, notes: &[] }.to_html()
}

#[test]
fn a_report_has_all_that_the_run_has_to_say() {
    let sample = |step, generated: &str| TrainEvent::Sampled {
        step,
        prompt: "Say".into(),
        expected: "yes".into(),
        generated: generated.into(),
        shape: Some(crate::metrics::TextShape { num_tokens: 9, rep_4: None, is_complete: true }),
    };
    let general = TrainEvent::GeneralMeasured { step: 0, evaluation: evaluation(3.5) };
    let mut lines = lines(&[
        started(0),
        general,
        sample(0, "first & foremost"),
        step(5, 0.9),
        measured_on_the_way(10, 0.5, true),
        sample(10, "better"),
        step(15, 0.4),
        sample(20, "last"),
        TrainEvent::Finished { step: 20, reason: StopReason::Completed, weights_of_step: 10 },
    ]);
    let data = DataSummary {
        file_name: "rows.csv".into(),
        split_sizes: [30, 10, 10],
        counts: vec![("rows that are cut off".into(), 7)],
        labels: vec![("up".into(), 25)],
        ..DataSummary::default()
    };
    let beginning = Beginning { version: "9.8".into(), device: "a <device>".into(), job: job(), data: vec![data] };
    let entry = LogEntry::Began(Box::new(beginning));
    lines.insert(0, LogLine { time: None, elapsed_secs: 0.0, step: 0, entry });
    let worst = WorstRow {
        row: 4,
        text: "<script>alert(1)</script>".into(),
        expected: "<down>".into(),
        predicted: "up".into(),
        note: "98 % sure".into(),
        ..WorstRow::default()
    };
    let of_split = |before_training: bool, loss, worst| {
        let writing = (!before_training).then(written);
        let split = MeasuredSplit { before_training, split: Split::Test, evaluation: evaluation(loss), worst, writing };
        LogLine { time: None, elapsed_secs: 70.0, step: 20, entry: LogEntry::Measured(Box::new(split)) }
    };
    lines.extend([of_split(true, 2.5, Vec::new()), of_split(false, 0.25, vec![worst])]);

    let html = html(&lines);
    for part in [
        "<td>batch_size</td><td>3</td>",
        "<td>a/b</td>",
        "<td>&lt;rows&gt;.csv</td>",
        "<td>a &lt;device&gt;</td>",
        "<td>10 of 1,000</td>",
        "<td>20 of 20</td>",
        "<td>Finished; the model holds the weights of step 10</td>",
        "<td>1 min 05 s</td>",
        "rows that are cut off: 7",
        "90.0 %",
        "70.0 % to 100.0 %",
        "2.500",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "98 % sure",
        "<td>Tokens a text</td><td class=\"number\">1.0</td><td class=\"number\">–</td><td class=\"number\">2.5</td>",
        "a secret &lt;prompt&gt;",
        "first &amp; foremost",
        "<th scope=\"col\">Before training</th><th scope=\"col\">Step 10, the best</th><th scope=\"col\">Step 20</th>",
        "last\n(9 tokens, ended by the model)",
        "<td>1 text: 9.0 tokens each; 1 ended</td>",
        "from 3.500 to 3.500",
        "<h3>10 test rows</h3>",
        "hone predict --model path/to/the/model",
    ] {
        assert!(html.contains(part), "{part} is not in\n{html}");
    }
    assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"), "{html}");
    assert_eq!(html.matches("<svg").count(), 4, "loss, accuracy, learning rate, general text");
}

#[test]
fn a_log_beside_a_model_has_no_texts_of_rows() {
    let line = |entry| LogLine { time: Some(1.0), elapsed_secs: 2.0, step: 3, entry };
    let [prompt, expected, generated] = ["secret", "x", "y"].map(String::from);
    let sample = TrainEvent::Sampled { step: 3, prompt, expected, generated, shape: None };
    assert_eq!(line(LogEntry::Event(sample)).without_texts(), None);
    let worst = WorstRow { row: 4, text: "secret".into(), expected: "up".into(), ..WorstRow::default() };
    let (split, worst, writing) = (Split::Test, vec![worst], Some(written()));
    let split = MeasuredSplit { before_training: false, split, evaluation: evaluation(0.5), worst, writing };
    let data = DataSummary { notes: vec!["secret".into()], ..DataSummary::default() };
    let edit = RowEdit::SetCell {
        file: Split::Train,
        row: 2,
        column: "text".into(),
        was: "secret".into(),
        value: "secret".into(),
    };
    let mut edited = job();
    edited.read.edits.log.push(edit);
    let beginning = Beginning { version: "1".into(), device: "cpu".into(), job: edited, data: vec![data] };
    let whole = [line(LogEntry::Measured(Box::new(split))), line(LogEntry::Began(Box::new(beginning)))];
    let bare: Vec<LogLine> = whole.iter().filter_map(LogLine::without_texts).collect();
    let text: String = bare.iter().map(LogLine::to_json_line).collect();
    assert!(bare.len() == 2 && !text.contains("secret") && text.contains(r#""expected":"up""#), "{text}");
    let html = html(&bare);
    assert!(
        html.contains("<th scope=\"col\">In the file</th>") && !html.contains("<th scope=\"col\">Text</th>"),
        "{html}"
    );
    assert!(html.contains("20.000 to 60.000"), "figures of written texts have their intervals: {html}");
}

#[test]
fn an_interval_that_is_not_known_is_null_in_the_log_and_not_known_in_the_report() {
    let mut evaluation = evaluation(0.5);
    evaluation.figures[1].interval = Some([0.9, 0.9]);
    let writing = WritingEvaluation { intervals: vec![Some([20.0, 20.0]); 6], ..written() };
    let (split, worst, writing) = (Split::Test, Vec::new(), Some(writing));
    let split = MeasuredSplit { before_training: false, split, evaluation, worst, writing };
    let entry = LogEntry::Measured(Box::new(split));
    let text = LogLine { time: None, elapsed_secs: 2.0, step: 3, entry }.to_json_line();
    assert!(text.contains(r#""interval":null"#) && text.contains(r#""intervals":[null,null"#), "{text}");
    let (read, num_unread) = read_log(text.as_bytes());
    let html = html(&read);
    assert_eq!(
        (num_unread, html.matches("not known</td>").count()),
        (0, 7),
        "in short, in full, and five of texts, which are too short for BLEU: {html}"
    );
}

#[test]
fn steps_that_were_taken_back_are_left_out() {
    let rolled_back = TrainEvent::RolledBack {
        from_step: 15,
        to_step: 10,
        learning_rate_factor: 0.5,
        why: crate::event::Divergence::Spike,
    };
    let before = [started(0), step(5, 0.9), measured_on_the_way(12, 0.7, false), step(15, 99.5)];
    let after = [rolled_back, step(15, 0.5)];
    let run = lines(&[&before[..], &after[..]].concat());
    let course = Course::of(&run);
    assert!(course.valid.is_empty(), "{course:?}");
    let html = html(&run);
    assert!(html.contains("At step 15 the loss ran away: it went back to step 10"), "{html}");
    assert!(html.contains("from 0.5000 to 0.9000") && !html.contains("99.5"), "{html}");
    assert!(html.contains("It has not ended."), "{html}");
}

#[test]
fn a_run_that_went_on_has_each_step_once() {
    let cut_off = [started(0), step(5, 0.9), step(10, 0.8), step(12, 77.5)];
    let gone_on = [started(10), step(12, 0.7)];
    let html = html(&lines(&[&cut_off[..], &gone_on[..]].concat()));
    assert!(html.contains("It went on at step 10") && !html.contains("77.5"), "{html}");
}

#[test]
fn a_run_without_a_log_has_its_figures_by_name() {
    let results = Map::from_iter([("test_accuracy".to_owned(), Value::from(0.875))]);
    let notes = ["There is no log.".to_owned()];
    let report =
        RunReport { job: &job(), lines: &[], results: Some(&results), version: "1", made_secs: 0.0, notes: &notes };
    let html = report.to_html();
    assert!(html.contains("<td>test_accuracy</td><td class=\"number\">0.8750</td>"), "{html}");
    assert!(html.contains("There is no log.") && html.contains("No figure of this run is known."), "{html}");
}
