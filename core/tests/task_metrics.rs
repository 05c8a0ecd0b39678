//! Metrics of the tasks against seqeval, the SQuAD script, scikit-learn and scipy, which
//! `tests/fixtures/task_metrics/make.py` asked about random cases.

use std::collections::BTreeMap;
use std::path::Path;

use hone_core::metrics::{
    BestThresholds, EntitySpan, ExactAndF1, PrecisionRecallF1, SquadEvaluation, SquadQuestion, TagScheme, answer_f1,
    average_precision, best_thresholds, cosine_similarity, detect_tag_scheme, entity_spans, evaluate_answers,
    evaluate_entities, evaluate_multi_label, evaluate_nearest, evaluate_regression, evaluate_retrieval,
    evaluate_similarity, is_exact_answer, normalize_answer, predict_nearest, strict_entity_spans,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

const TOLERANCE: f64 = 1e-9;

fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/task_metrics").join(name);
    serde_json::from_slice(&std::fs::read(path).expect("the fixture is checked in")).expect("the fixture is JSON")
}

/// Of a sentence: from, up to, type.
type Spans = Vec<(usize, usize, String)>;

#[derive(Deserialize)]
struct Cases<T> {
    cases: Vec<T>,
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() < TOLERANCE, "{what}: {found} is not {expected}");
}

fn close_if_defined(found: Option<f64>, expected: Option<f64>, what: &str) {
    match (found, expected) {
        (Some(found), Some(expected)) => close(found, expected, what),
        (None, None) => {}
        _ => panic!("{what}: {found:?} is not {expected:?}"),
    }
}

fn all_close(found: PrecisionRecallF1, expected: PrecisionRecallF1, what: &str) {
    close(found.precision, expected.precision, what);
    close(found.recall, expected.recall, what);
    close(found.f1, expected.f1, what);
}

#[derive(Deserialize)]
struct EntityCase {
    gold: Vec<String>,
    predicted: Vec<String>,
    micro: PrecisionRecallF1,
    #[serde(rename = "macro")]
    macro_avg: PrecisionRecallF1,
    weighted: PrecisionRecallF1,
    accuracy: f64,
    per_type: Vec<TypeCase>,
    spans: Vec<Spans>,
    detected: Option<TagScheme>,
    strict: BTreeMap<String, Option<PrecisionRecallF1>>,
    strict_spans: BTreeMap<String, Vec<Option<Spans>>>,
}

#[derive(Deserialize)]
struct TypeCase {
    label: String,
    #[serde(flatten)]
    figures: PrecisionRecallF1,
    support: usize,
}

fn tags(sequences: &[String]) -> Vec<Vec<&str>> {
    sequences.iter().map(|tags| tags.split(' ').collect()).collect()
}

fn to_tuples(spans: Vec<EntitySpan>) -> Vec<(usize, usize, String)> {
    spans.into_iter().map(|span| (span.start, span.end, span.label)).collect()
}

fn scheme(name: &str) -> TagScheme {
    serde_json::from_value(name.into()).expect("a scheme's name")
}

#[test]
fn entities_score_as_in_seqeval() {
    for (index, case) in fixture::<Cases<EntityCase>>("entities.json").cases.into_iter().enumerate() {
        let what = format!("case {index}");
        let (gold, predicted) = (tags(&case.gold), tags(&case.predicted));
        let found = evaluate_entities(&gold, &predicted, None);
        let micro = PrecisionRecallF1 { precision: found.precision, recall: found.recall, f1: found.f1 };
        all_close(micro, case.micro, &what);
        all_close(found.macro_avg, case.macro_avg, &what);
        all_close(found.weighted_avg, case.weighted, &what);
        close(found.accuracy, case.accuracy, &what);
        assert_eq!(found.per_type.len(), case.per_type.len(), "{what}");
        for (found, expected) in found.per_type.iter().zip(case.per_type) {
            assert_eq!((&found.label, found.support), (&expected.label, expected.support), "{what}");
            let figures = PrecisionRecallF1 { precision: found.precision, recall: found.recall, f1: found.f1 };
            all_close(figures, expected.figures, &what);
        }
        let spans: Vec<_> = predicted.iter().map(|tags| to_tuples(entity_spans(tags))).collect();
        assert_eq!(spans, case.spans, "{what}");

        // Every entity and every prediction is right, in one error, or in one pair of errors.
        let num_gold: usize =
            case.gold.iter().map(|line| entity_spans(&tags(std::slice::from_ref(line))[0]).len()).sum();
        let hits: u32 = (0..found.confusion.types.len()).map(|id| found.confusion.counts[id][id]).sum();
        let errors = found.errors;
        assert_eq!(num_gold, hits as usize + errors.missed + errors.wrong_type + errors.wrong_border, "{what}");
        let num_predicted: usize = spans.iter().map(Vec::len).sum();
        assert_eq!(num_predicted, hits as usize + errors.spurious + errors.wrong_type + errors.wrong_border, "{what}");
    }
}

#[test]
fn strict_entities_score_as_in_seqeval() {
    let mut num_scored = 0;
    for (index, case) in fixture::<Cases<EntityCase>>("entities.json").cases.into_iter().enumerate() {
        let (gold, predicted) = (tags(&case.gold), tags(&case.predicted));
        assert_eq!(detect_tag_scheme(gold.iter().flatten()), case.detected, "case {index}");
        let strict_of = |scheme| {
            let found = evaluate_entities(&gold, &predicted, scheme).strict?;
            Some((found.scheme, PrecisionRecallF1 { precision: found.precision, recall: found.recall, f1: found.f1 }))
        };
        for (name, expected) in &case.strict {
            let what = format!("case {index}, {name}");
            let found = strict_of(Some(scheme(name)));
            assert_eq!(found.is_some(), expected.is_some(), "{what}");
            if let (Some((used, found)), Some(expected)) = (found, expected) {
                assert_eq!(used, scheme(name), "{what}");
                all_close(found, *expected, &what);
                num_scored += 1;
            }
        }
        let guessed = strict_of(None).map(|(scheme, _)| scheme);
        assert!(guessed.is_none() || guessed == case.detected, "case {index}");
        for (name, expected) in &case.strict_spans {
            for (tags, expected) in predicted.iter().zip(expected) {
                let found = strict_entity_spans(tags, scheme(name)).map(to_tuples);
                assert_eq!(&found, expected, "case {index}, {name}, {tags:?}");
            }
        }
    }
    assert!(num_scored > 50, "schemes fit in many cases");
}

#[derive(Deserialize)]
struct SquadFixture {
    pairs: Vec<SquadPair>,
    sets: Vec<SquadSet>,
}

#[derive(Deserialize)]
struct SquadPair {
    gold: String,
    prediction: String,
    normalized: String,
    exact: u8,
    f1: f64,
}

#[derive(Deserialize)]
struct SquadSet {
    questions: Vec<SquadQuestion>,
    probabilities: Vec<f64>,
    threshold: f64,
    plain: BTreeMap<String, f64>,
    with_probabilities: BTreeMap<String, f64>,
}

/// The evaluation under the names of the official script.
fn official_names(found: &SquadEvaluation) -> BTreeMap<String, f64> {
    let mut names = BTreeMap::new();
    let mut name_part = |prefix: &str, part: &ExactAndF1| {
        names.insert(format!("{prefix}exact"), part.exact_match);
        names.insert(format!("{prefix}f1"), part.f1);
        names.insert(format!("{prefix}total"), part.total as f64);
    };
    name_part("", &found.all);
    found.has_answer.iter().for_each(|part| name_part("HasAns_", part));
    found.no_answer.iter().for_each(|part| name_part("NoAns_", part));
    if let Some(BestThresholds { exact_match, exact_match_threshold, f1, f1_threshold }) = found.best {
        names.insert("best_exact".to_owned(), exact_match);
        names.insert("best_exact_thresh".to_owned(), exact_match_threshold);
        names.insert("best_f1".to_owned(), f1);
        names.insert("best_f1_thresh".to_owned(), f1_threshold);
    }
    names
}

#[test]
fn answers_score_as_in_the_squad_script() {
    let SquadFixture { pairs, sets } = fixture("squad.json");
    for SquadPair { gold, prediction, normalized, exact, f1 } in pairs {
        assert_eq!(normalize_answer(&gold), normalized, "{gold:?}");
        assert_eq!(is_exact_answer(&gold, &prediction), exact == 1, "{gold:?}, {prediction:?}");
        close(answer_f1(&gold, &prediction), f1, &format!("{gold:?}, {prediction:?}"));
    }
    for (index, set) in sets.into_iter().enumerate() {
        let plain = evaluate_answers(&set.questions, None, 1.0);
        let withheld = evaluate_answers(&set.questions, Some(&set.probabilities), set.threshold);
        for (found, expected) in [(plain, set.plain), (withheld, set.with_probabilities)] {
            let found = official_names(&found);
            assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "set {index}");
            for (name, expected) in expected {
                close(found[&name], expected, &format!("set {index}, {name}"));
            }
        }
    }
}

#[derive(Deserialize)]
struct RegressionCase {
    num_outputs: usize,
    predictions: Vec<f64>,
    targets: Vec<f64>,
    mean: OutputCase,
    per_output: Vec<OutputCase>,
}

#[derive(Deserialize)]
struct OutputCase {
    mse: f64,
    mae: f64,
    rmse: f64,
    r2: Option<f64>,
    pearson: Option<f64>,
    spearman: Option<f64>,
}

#[test]
fn numbers_score_as_in_scikit_learn_and_scipy() {
    for (index, case) in fixture::<Cases<RegressionCase>>("regression.json").cases.into_iter().enumerate() {
        let found = evaluate_regression(&case.predictions, &case.targets, case.num_outputs);
        assert_eq!(found.per_output.len(), case.per_output.len());
        let expected = std::iter::once(case.mean).chain(case.per_output);
        for (found, expected) in std::iter::once(&found.mean).chain(&found.per_output).zip(expected) {
            // Squared errors of large targets are large.
            let scale = expected.mse.max(1.0);
            close(found.mse / scale, expected.mse / scale, &format!("case {index}, mse"));
            close(found.mae / scale, expected.mae / scale, &format!("case {index}, mae"));
            close(found.rmse / scale, expected.rmse / scale, &format!("case {index}, rmse"));
            close_if_defined(found.r2, expected.r2, &format!("case {index}, r2"));
            close_if_defined(found.pearson, expected.pearson, &format!("case {index}, pearson"));
            close_if_defined(found.spearman, expected.spearman, &format!("case {index}, spearman"));
        }
    }
}

#[derive(Deserialize)]
struct MultiLabelCase {
    num_labels: usize,
    probabilities: Vec<f64>,
    targets: String,
    thresholds: Vec<f64>,
    micro: PrecisionRecallF1,
    #[serde(rename = "macro")]
    macro_avg: PrecisionRecallF1,
    weighted: PrecisionRecallF1,
    samples: PrecisionRecallF1,
    subset_accuracy: f64,
    hamming_loss: f64,
    average_precision: Option<f64>,
    per_label: Vec<LabelCase>,
    best_thresholds: Vec<f64>,
}

#[derive(Deserialize)]
struct LabelCase {
    #[serde(flatten)]
    figures: PrecisionRecallF1,
    support: usize,
    average_precision: Option<f64>,
}

#[test]
fn several_labels_score_as_in_scikit_learn() {
    for (index, case) in fixture::<Cases<MultiLabelCase>>("multi_label.json").cases.into_iter().enumerate() {
        let what = format!("case {index}");
        let labels: Vec<String> = (0..case.num_labels).map(|id| format!("label {id}")).collect();
        let targets: Vec<bool> = case.targets.chars().map(|target| target == '1').collect();
        let found = evaluate_multi_label(&labels, &case.probabilities, &targets, &case.thresholds);
        all_close(found.micro_avg, case.micro, &what);
        all_close(found.macro_avg, case.macro_avg, &what);
        all_close(found.weighted_avg, case.weighted, &what);
        all_close(found.samples_avg, case.samples, &what);
        close(found.subset_accuracy, case.subset_accuracy, &what);
        close(found.hamming_loss, case.hamming_loss, &what);
        close_if_defined(found.average_precision, case.average_precision, &what);
        assert_eq!(found.per_label.len(), case.per_label.len(), "{what}");
        for (id, (found, expected)) in found.per_label.iter().zip(case.per_label).enumerate() {
            let what = format!("case {index}, label {id}");
            let figures = PrecisionRecallF1 { precision: found.precision, recall: found.recall, f1: found.f1 };
            all_close(figures, expected.figures, &what);
            assert_eq!(found.support, expected.support, "{what}");
            close_if_defined(found.average_precision, expected.average_precision, &what);
            let scores: Vec<f64> = case.probabilities.iter().skip(id).step_by(case.num_labels).copied().collect();
            let truths: Vec<bool> = targets.iter().skip(id).step_by(case.num_labels).copied().collect();
            assert_eq!(average_precision(&scores, &truths), found.average_precision, "{what}");
        }
        let thresholds = best_thresholds(&case.probabilities, &targets, case.num_labels);
        assert_eq!(thresholds.len(), case.best_thresholds.len(), "{what}");
        thresholds.into_iter().zip(case.best_thresholds).for_each(|(found, expected)| close(found, expected, &what));
    }
}

#[derive(Deserialize)]
struct RetrievalCase {
    dim: usize,
    queries: Vec<f32>,
    documents: Vec<f32>,
    scores: Vec<f64>,
    labels: Vec<usize>,
    k: usize,
    cosines: Vec<f64>,
    spearman: Option<f64>,
    pearson: Option<f64>,
    ranks: Vec<usize>,
    recall_at: Vec<(usize, f64)>,
    mrr: f64,
    nearest: Vec<usize>,
    accuracy: f64,
}

#[test]
fn embeddings_score_as_in_numpy_and_scipy() {
    for (index, case) in fixture::<Cases<RetrievalCase>>("retrieval.json").cases.into_iter().enumerate() {
        let what = format!("case {index}");
        let RetrievalCase { dim, queries, documents, labels, k, .. } = &case;
        let (dim, k) = (*dim, *k);
        let pairs = queries.chunks_exact(dim).zip(documents.chunks_exact(dim));
        for ((query, document), &expected) in pairs.zip(&case.cosines) {
            close(cosine_similarity(query, document), expected, &what);
        }
        let similarity = evaluate_similarity(queries, documents, dim, &case.scores);
        close_if_defined(similarity.spearman, case.spearman, &what);
        close_if_defined(similarity.pearson, case.pearson, &what);
        let ks: Vec<usize> = case.recall_at.iter().map(|&(k, _)| k).collect();
        let retrieval = evaluate_retrieval(queries, documents, dim, &ks);
        assert_eq!(retrieval.ranks, case.ranks, "{what}");
        close(retrieval.mrr, case.mrr, &what);
        for (found, &(k, recall)) in retrieval.recall_at.iter().zip(&case.recall_at) {
            assert_eq!(found.k, k, "{what}");
            close(found.recall, recall, &what);
        }
        assert_eq!(predict_nearest(documents, labels, queries, dim, k), case.nearest, "{what}");
        let nearest = evaluate_nearest((documents, labels), (queries, labels), dim, k);
        close(nearest.accuracy, case.accuracy, &what);
    }
}
