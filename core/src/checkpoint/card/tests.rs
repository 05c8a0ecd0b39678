//! Model cards of a classifier and of its adapters.

use super::*;
use crate::config::{ModelSource, ReadOptions, RunConfig};
use crate::hub::{OWN_MODEL, own_model_folder};
use crate::metrics::{Confusion, Figure, evaluate_regression};
use crate::task::{EvaluationDetail, Task, regression};

fn card(model: ModelSource, labels: &[&str], base_labels: &str) -> String {
    let config = format!(
        r#"{{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,
        "intermediate_size":16,"max_position_embeddings":32,"id2label":{base_labels}}}"#
    );
    let config = ModelConfig::from_json(config.as_bytes()).expect("a config");
    let labels: Vec<String> = labels.iter().map(|&label| label.to_owned()).collect();
    let mut run = RunConfig { method: Method::Lora, ..RunConfig::default() };
    run.lora.rank_pattern.insert("query".into(), 2);
    model_card(&config, &labels, &Job::new(model, None, ReadOptions::default(), run), None, true)
}

#[test]
fn an_adapters_code_finds_a_base_of_the_hub_and_names_the_folder_of_another() {
    let hub = card(ModelSource::hub("a/b"), &["x", "y"], "{}");
    assert!(hub.contains("AutoPeftModelForSequenceClassification.from_pretrained(\".\", num_labels=2)"), "{hub}");
    assert!(!hub.contains("path/to"), "{hub}");
    let local = card(ModelSource::Local { name: "models/my \"base\"/".into() }, &["x", "y"], "{}");
    assert!(local.contains(r#"from_pretrained("path/to/my \"base\"", num_labels=2)"#), "{local}");
    assert!(local.contains("put its path"), "{local}");
}

#[test]
fn a_base_that_is_on_no_hub_is_loaded_from_its_folder() {
    let own = card(ModelSource::hub(OWN_MODEL), &["x", "y"], "{}");
    assert!(own.contains("AutoModelForSequenceClassification.from_pretrained(\"path/to/tiny-decoder\""), "{own}");
    let sources = own_model_folder(OWN_MODEL).expect("it comes with the sources");
    assert!(own.contains(sources) && own.contains("--model path/to/tiny-decoder --adapter ."), "{own}");
    assert!(!own.contains("AutoPeftModel"), "{own}");
}

#[test]
fn a_base_with_a_head_of_another_size_is_loaded_without_it() {
    let labels = r#"{"0":"a","1":"b","2":"c"}"#;
    let of_other_size = card(ModelSource::hub("a/b"), &["x", "y"], labels);
    assert!(of_other_size.contains("num_labels=2, ignore_mismatched_sizes=True"), "{of_other_size}");
    assert!(!card(ModelSource::hub("a/b"), &["x", "y", "z"], labels).contains("ignore_mismatched"));
}

fn trained(job: &Job, test: Option<Evaluation>) -> String {
    let config = r#"{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,
        "num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":32}"#;
    let config = ModelConfig::from_json(config.as_bytes()).expect("a config");
    let num_rows = [8, 0, 2];
    let facts = CardFacts { num_rows, num_windows: num_rows, step: 3, test, ..CardFacts::default() };
    model_card(&config, &["x".into(), "y|z".into()], job, Some(&facts), false)
}

#[test]
fn rows_are_those_of_the_files_and_windows_are_told_apart() {
    let spec = Task::SequenceClassification.spec();
    let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
    let mut facts = CardFacts { num_rows: [8, 0, 2], num_windows: [8, 0, 2], ..CardFacts::default() };
    assert!(
        training(&job, spec, &facts).starts_with("Rows: 8 for training, 0 for validation, 2 for the test. Trained")
    );
    assert!(training(&job, spec, &facts).contains("gradient norm at most 1, at most 128 tokens a row, seed 42."));
    let of_images = training(&job, Task::ImageClassification.spec(), &facts);
    assert!(of_images.contains("gradient norm at most 1, seed 42."), "{of_images}");
    facts.num_added = 5;
    let told = training(&job, spec, &facts);
    assert!(told.contains("for the test. Augmentation added 5 changed copies of training rows. Trained"), "{told}");
    facts.num_added = 0;
    facts.num_windows = [9, 0, 5];
    let told = training(&job, spec, &facts);
    assert!(told.starts_with("Rows: 8 for training, 0 for validation, 2 for the test, read in 9, 0 and 5 windows. "));
}

#[test]
fn a_run_that_diverged_is_told_apart() {
    let spec = Task::SequenceClassification.spec();
    let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
    let mut facts = CardFacts { step: 20, ..CardFacts::default() };
    assert!(training(&job, spec, &facts).ends_with("These are the weights of step 20."));
    facts.diverged_at = Some(21);
    let told = training(&job, spec, &facts);
    assert!(told.contains("the weights of step 20. The run diverged at step 21, where the loss"), "{told}");
    let facts = CardFacts { diverged_at: None, rollbacks: Some((2, 0.25)), ..facts };
    let told = training(&job, spec, &facts);
    let went_back = "seed 42. The run diverged and went back to an earlier step 2 times; it went on at 0.25 times the learning \
                     rate. These are the weights of step 20.";
    assert!(told.ends_with(went_back), "{told}");
}

#[test]
fn a_card_says_how_to_repeat_the_run_with_all_that_it_needs() {
    let pinned = ModelSource::Hub { id: "a/b".into(), revision: "c0ffee".into() };
    let mut job = Job::new(pinned, Some("my tickets.csv".into()), ReadOptions::default(), RunConfig::default());
    let card = trained(&job, None);
    let schedule = "linear schedule after a warm-up of 10 % of the steps, 3 epochs of batch";
    assert!(card.contains(schedule), "{card}");
    let command = "hone train --job hone.json --model a/b@c0ffee --data 'path/to/my tickets.csv' --output repeated";
    assert!(card.contains(&format!("```sh\n{command}\n```")), "{card}");
    assert!(card.contains("hone predict --model . --text \"your text here\""), "{card}");

    job.model = ModelSource::Local { name: "models/mine".into() };
    job.data_sha256.test = Some("00".into());
    let card = trained(&job, None);
    assert!(card.contains("--model path/to/mine --data 'path/to/my tickets.csv' --test path/to/test-rows"), "{card}");
    job.test_file = Some("held out.csv".into());
    let card = trained(&job, None);
    assert!(card.contains("--data 'path/to/my tickets.csv' --test 'path/to/held out.csv'"), "{card}");
}

#[test]
fn a_card_says_what_one_gets_without_the_model() {
    let mut confusion = Confusion::new(&["x".into(), "y|z".into()]);
    for (label, predicted) in [(0, 0), (1, 1), (1, 1), (1, 0)] {
        confusion.add(label, predicted);
    }
    let mut detail = confusion.finish(0.5);
    detail.set_baseline(1);
    let evaluation = |detail: &crate::metrics::Evaluation| Evaluation {
        figures: detail.figures(),
        num_rows: detail.num_rows,
        detail: EvaluationDetail::SequenceClassification(Box::new(detail.clone())),
    };
    let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
    let card = trained(&job, Some(evaluation(&detail)));
    assert!(card.contains("| split | rows | loss | accuracy | macro precision | macro recall | macro F1 |\n|---|---|"));
    let row = "| test, always `y\\|z` | 4 | – | 0.7500 | 0.3750 | 0.5000 | 0.4286 |";
    assert!(card.contains(row) && card.contains("is +0.0 points of accuracy and "), "{card}");
    assert!(card.contains("In `all_results.json` are also `weighted_precision`, `weighted_recall`"), "{card}");
    detail.baseline = None;
    let mut whole = evaluation(&detail);
    whole.figures[1].interval = Some([0.5, 1.0]);
    let card = trained(&job, Some(whole));
    assert!(!card.contains("always"), "{card}");
    let spread = "What 95 % of a thousand draws of the test rows, with replacement, gave: accuracy 0.5000 to 1.0000.";
    assert!(card.contains(spread), "{card}");
}

#[test]
fn numbers_are_compared_with_always_answering_the_mean() {
    let measure = |predicted: &[f64; 3]| evaluate_regression(predicted, &[1.0, 2.0, 3.0], 1);
    let (found, baseline) = (measure(&[1.0, 2.0, 4.0]), measure(&[2.0; 3]).mean);
    let figures = [Figure::lower("loss", 1.0)].into_iter().chain(found.figures()).collect();
    let detail = regression::EvaluationDetail { labels: vec!["x".into()], evaluation: found, baseline: Some(baseline) };
    let detail = EvaluationDetail::Regression(Box::new(detail));
    let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
    let job = Job { task: Some(detail.task()), ..job };
    let card = trained(&job, Some(Evaluation { figures, num_rows: 3, detail }));
    let row = "| test, always `the mean` | 3 | – | 0.6667 | 0.6667 | 0.8165 | 0.0000 | – | – |";
    assert!(card.contains(row), "{card}");
    let gain =
        "this is -0.3333 of mean absolute error and +0.5000 of R² against always answering `the mean`, that of the";
    assert!(card.contains(gain), "{card}");
}

#[test]
fn a_figure_that_was_not_measured_has_no_column() {
    let detail = EvaluationDetail::SequenceClassification(Box::new(Confusion::new(&["x".into()]).finish(0.0)));
    let test = Evaluation { figures: vec![Figure::lower("loss", 123.456)], num_rows: 1, detail };
    let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
    let card = trained(&job, Some(test));
    assert!(card.contains("| split | rows | loss |\n|---|---|---|\n| test | 1 | 123.46 |"), "{card}");
}

#[test]
fn titles_lose_their_capital_within_a_sentence_but_not_where_they_are_abbreviations() {
    let cases = [("Macro F1", "macro F1"), ("Loss", "loss"), ("F1", "F1"), ("RMSE", "RMSE"), ("R2", "R2")];
    for (title, expected) in cases {
        assert_eq!(within_a_sentence(title), expected);
    }
}

#[test]
fn a_card_tells_ranks_that_differ() {
    let card = card(ModelSource::hub("a/b"), &["x", "y"], "{}");
    assert!(card.contains("ranks 2 to 8"), "{card}");
}

#[test]
fn a_model_that_began_with_fresh_weights_has_no_base() {
    let run = RunConfig { from_scratch: true, ..RunConfig::default() };
    let job = Job::new(ModelSource::Local { name: "tiny".into() }, None, ReadOptions::default(), run);
    let card = trained(&job, None);
    assert!(!card.contains("base_model") && card.contains("# tiny, trained from scratch with Hone"), "{card}");
    assert!(card.contains("Trained: all weights, which began fresh."), "{card}");
}

#[test]
fn what_was_changed_and_frozen_is_told() {
    let run = RunConfig { freeze: Freeze::Layers(2), ..RunConfig::default() };
    let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), run);
    let plain = trained(&job, None);
    assert!(plain.contains("Trained: all weights but the embeddings and the first 2 layers."), "{plain}");
    assert!(!plain.contains("Of the base model"), "{plain}");
    let changes = ModelChanges { keep_layers: vec![0, 2], add_layers: 1, add_tokens: vec!["stent".into()] };
    let card = trained(&Job { changes, ..job }, None);
    let says = "Of the base model, its layers 0, 2 were kept and the others left out, 1 fresh layer added, tokens added for \
                1 word. Rows:";
    assert!(card.contains(says), "{card}");
}
