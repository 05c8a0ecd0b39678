//! Figures of predictions, from plain numbers and texts: of classes, one or several a row, of entities in tag
//! sequences, of numbers, of answers, of sentence embeddings, of next tokens and of generated texts. Each evaluation
//! lists its numbers by name as [`Figure`]s. Of all of them the interval, and whether one run is better than another or lucky: of
//! classes and labels by what was predicted, of the rest by sums over rows (`row_sums`) or by the rows themselves (`number_draws`). Of
//! classes and labels also how far probabilities can be believed. `logistic` learns classes
//! from vectors, `label_errors` finds labels that may be wrong. Of written texts also what they are like (`text_style`), and
//! which of two models people prefer (`rating`).

mod bleu;
mod bootstrap;
mod calibration;
mod chrf;
mod class_counts;
mod class_scores;
mod classification;
mod compare;
mod coverage;
mod entities;
mod expected;
mod figure;
#[cfg(test)]
mod fixture_tests;
#[cfg(test)]
mod interval_tests;
mod label_errors;
mod label_scores;
mod language_model;
mod lbfgs;
mod logistic;
mod multi_label;
mod ngrams;
mod number_draws;
mod preference;
mod ranking;
mod rating;
mod ratios;
mod regression;
mod retrieval;
mod rouge;
mod row_sums;
mod slices;
mod softmax;
mod squad;
mod text;
mod text_style;
mod text_to_text;

pub use bleu::{Bleu, MAX_NGRAM_ORDER};
pub use bootstrap::{NUM_RESAMPLES, RESAMPLE_SEED};
pub use calibration::{NUM_BINS, ReliabilityBin, TemperatureFit, fit_temperature};
pub use chrf::chrf;
pub use class_scores::{Calibration, ClassScores};
pub use classification::{Baseline, ClassMetrics, Confusion, Evaluation, most_frequent};
pub use compare::{Difference, McNemar, PairedClass, compare_accuracy, compare_macro_f1, mcnemar};
pub use coverage::{CoveragePoint, NUM_THRESHOLDS};
pub use entities::{
    ENTITY_FIGURES, EntityConfusion, EntityError, EntityErrorCounts, EntityErrorKind, EntityEvaluation, EntitySpan,
    StrictEntities, TagScheme, compare_entities, detect_tag_scheme, entity_spans, entity_sums, evaluate_entities,
    strict_entity_spans,
};
pub use expected::expected_interval;
pub use figure::{Figure, figure, known_interval};
pub use label_errors::{
    LabelErrorFilter, SuspectLabel, confident_joint, confident_thresholds, find_label_errors, num_estimated_errors,
};
pub use label_scores::{LabelScores, RowsOfLabels};
pub use language_model::{TOKEN_FIGURES, TokenAccumulator, TokenEvaluation};
pub(crate) use logistic::PART_PRODUCTS;
pub use logistic::{LOGISTIC_C, LOGISTIC_TOLERANCE, LabeledVectors, LogisticFit, LogisticRegression};
pub use multi_label::{LabelMetrics, MultiLabelEvaluation, average_precision, best_thresholds, evaluate_multi_label};
pub use number_draws::add_number_intervals;
pub use preference::{BlindPair, PreferenceTally, Vote, blind_order, wilson_interval};
pub(crate) use ranking::ranking_notes;
pub use rating::{Rating, RatingInput, ShownPair, WrittenSet, chosen_sides};
pub use ratios::PrecisionRecallF1;
pub use regression::{ERROR_FIGURES, OutputMetrics, RegressionEvaluation, evaluate_regression, pearson, spearman};
pub use retrieval::{
    NearestEvaluation, NearestOther, NearestReferences, RecallAt, RetrievalEvaluation, SimilarityEvaluation,
    choose_few_shot, cosine_similarity, evaluate_nearest, evaluate_retrieval, evaluate_retrieval_of,
    evaluate_similarity, predict_among_others, predict_nearest, predict_nearest_of,
};
pub use rouge::{mean_rouge_l, rouge_l};
pub(crate) use row_sums::mean_of;
pub use row_sums::{RowSums, SumFigure, add_intervals, compare_sums};
pub use slices::{MIN_SLICE, RowOutcomes, Slice, SliceFigure, SliceReport, SliceResult, compare_slices};
pub(crate) use softmax::{find_highest, log_softmax, softmax};
pub use squad::{
    ANSWER_FIGURES, BestThresholds, ExactAndF1, SquadEvaluation, SquadQuestion, answer_f1, evaluate_answers,
    is_exact_answer, normalize_answer,
};
pub use text::{TextSample, WritingEvaluation, is_exact_match};
pub use text_style::{REFUSAL_PHRASES, TextShape, TextStyle, TextStyles, WrittenText, is_refusal, text_style};
pub use text_to_text::{
    MAX_TARGET_LABELS, TEXT_FIGURES, TargetLabels, TextToTextEvaluation, evaluate_text_to_text,
    evaluate_with_intervals, sums_of_text,
};
