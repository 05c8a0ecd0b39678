//! Figures of predictions, from plain numbers and texts: of classes, one or several a row, of entities in tag
//! sequences, of numbers, of answers, of sentence embeddings, of next tokens and of generated texts. Each evaluation
//! lists its numbers by name as [`Figure`]s.

mod bleu;
mod chrf;
mod classification;
mod entities;
mod figure;
mod language_model;
mod multi_label;
mod ngrams;
mod ratios;
mod regression;
mod retrieval;
mod rouge;
mod squad;
mod text;
mod text_to_text;

pub use bleu::{Bleu, MAX_NGRAM_ORDER};
pub use chrf::chrf;
pub use classification::{Baseline, ClassMetrics, Confusion, Evaluation, most_frequent};
pub use entities::{
    EntityConfusion, EntityError, EntityErrorCounts, EntityErrorKind, EntityEvaluation, EntitySpan, StrictEntities,
    TagScheme, compare_entities, detect_tag_scheme, entity_spans, evaluate_entities, strict_entity_spans,
};
pub use figure::{Figure, figure};
pub use language_model::{TokenAccumulator, TokenEvaluation};
pub use multi_label::{LabelMetrics, MultiLabelEvaluation, average_precision, best_thresholds, evaluate_multi_label};
pub use ratios::PrecisionRecallF1;
pub use regression::{OutputMetrics, RegressionEvaluation, evaluate_regression, pearson, spearman};
pub use retrieval::{
    NearestEvaluation, NearestOther, RecallAt, RetrievalEvaluation, SimilarityEvaluation, choose_few_shot,
    cosine_similarity, evaluate_nearest, evaluate_retrieval, evaluate_retrieval_of, evaluate_similarity,
    predict_among_others, predict_nearest, predict_nearest_of,
};
pub use rouge::{mean_rouge_l, rouge_l};
pub use squad::{
    BestThresholds, ExactAndF1, SquadEvaluation, SquadQuestion, answer_f1, evaluate_answers, is_exact_answer,
    normalize_answer,
};
pub use text::{TextSample, is_exact_match};
pub use text_to_text::{MAX_TARGET_LABELS, TargetLabels, TextToTextEvaluation, evaluate_text_to_text};
