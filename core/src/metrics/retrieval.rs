//! Figures of sentence embeddings: similarity against scores, retrieval of pairs, and nearest neighbours.
//!
//! In: embeddings row by row, `dim` numbers each, and what belongs together. Out: a [`SimilarityEvaluation`], a
//! [`RetrievalEvaluation`] or a [`NearestEvaluation`]. Everything is measured by cosine similarity, in 64 bits; an
//! embedding of zeros is similar to nothing (0).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::ratios::ratio;
use super::regression::{pearson, spearman};

/// How well similarities follow the scores of pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimilarityEvaluation {
    /// Spearman's rank correlation; `None` where either side is constant.
    pub spearman: Option<f64>,
    /// Pearson's correlation; `None` where either side is constant.
    pub pearson: Option<f64>,
    /// Pairs measured.
    pub num_pairs: usize,
}

impl SimilarityEvaluation {
    /// The figures by name; those that are undefined are left out.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let named = [("spearman", self.spearman), ("pearson", self.pearson)];
        named.into_iter().filter_map(|(name, value)| value.map(|value| Figure::higher(name, value))).collect()
    }
}

/// Share of queries whose document is among the first `k`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecallAt {
    /// How many documents count.
    pub k: usize,
    /// The share, 0 to 1.
    pub recall: f64,
}

/// Figures of pairs, each query looking for its document among all documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrievalEvaluation {
    /// One entry for each `k` asked for.
    pub recall_at: Vec<RecallAt>,
    /// Mean reciprocal rank.
    pub mrr: f64,
    /// Rank of each query's document, from 1.
    pub ranks: Vec<usize>,
    /// Index of the document that is most similar to each query.
    pub first: Vec<usize>,
}

impl RetrievalEvaluation {
    /// The figures by name: `recall@k` and `mrr`.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let recalls = self.recall_at.iter().map(|at| Figure::higher(format!("recall@{}", at.k), at.recall));
        recalls.chain([Figure::higher("mrr", self.mrr)]).collect()
    }
}

/// Figures of a classification by the nearest labelled examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NearestEvaluation {
    /// Share of queries predicted right.
    pub accuracy: f64,
    /// Neighbours that vote.
    pub k: usize,
    /// Labelled examples they are chosen from.
    pub num_references: usize,
    /// Queries measured.
    pub num_queries: usize,
}

impl NearestEvaluation {
    /// The figure by name.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        vec![Figure::higher("accuracy", self.accuracy)]
    }
}

/// Cosine similarity of two embeddings, -1 to 1; 0 where either is all zeros.
///
/// # Panics
/// When they are of unequal length.
#[must_use]
pub fn cosine_similarity(left: &[f32], right: &[f32]) -> f64 {
    assert_eq!(left.len(), right.len(), "the embeddings are of equal length");
    dot(&unit(left), &unit(right))
}

/// The embedding in 64 bits, at length 1 unless it is all zeros.
fn unit(embedding: &[f32]) -> Vec<f64> {
    let norm = embedding.iter().map(|&number| f64::from(number) * f64::from(number)).sum::<f64>().sqrt();
    let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
    embedding.iter().map(|&number| f64::from(number) * scale).collect()
}

/// Sums in eight lanes, which the compiler turns into vector instructions.
pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (left_chunks, left_rest) = left.as_chunks::<8>();
    let (right_chunks, right_rest) = right.as_chunks::<8>();
    for (left, right) in left_chunks.iter().zip(right_chunks) {
        for ((lane, left), right) in lanes.iter_mut().zip(left).zip(right) {
            *lane += left * right;
        }
    }
    let rest: f64 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    lanes.iter().sum::<f64>() + rest
}

/// Rows of length 1, so that similarities are dot products.
#[derive(Debug)]
struct Embeddings {
    rows: Vec<Vec<f64>>,
}

impl Embeddings {
    fn new(numbers: &[f32], dim: usize) -> Self {
        assert!(dim > 0 && numbers.len().is_multiple_of(dim), "embeddings are whole");
        Self { rows: numbers.chunks_exact(dim).map(unit).collect() }
    }

    fn similarities(&self, query: &[f64]) -> Vec<f64> {
        self.rows.iter().map(|row| dot(query, row)).collect()
    }
}

/// How the similarity of each row of `left` to the same row of `right` follows `scores`.
///
/// # Panics
/// When there is not one embedding of `dim` numbers on both sides for each score.
#[must_use]
pub fn evaluate_similarity<S: Copy + Into<f64>>(
    left: &[f32],
    right: &[f32],
    dim: usize,
    scores: &[S],
) -> SimilarityEvaluation {
    let (left, right) = (Embeddings::new(left, dim), Embeddings::new(right, dim));
    assert!(left.rows.len() == scores.len() && right.rows.len() == scores.len(), "each pair has one score");
    let similarities: Vec<f64> = left.rows.iter().zip(&right.rows).map(|(left, right)| dot(left, right)).collect();
    let scores: Vec<f64> = scores.iter().copied().map(Into::<f64>::into).collect();
    SimilarityEvaluation {
        spearman: spearman(&similarities, &scores),
        pearson: pearson(&similarities, &scores),
        num_pairs: scores.len(),
    }
}

/// Ranks, for each row of `queries`, the same row of `documents` among all of them. Of documents that are equally similar
/// the earlier comes first; a query whose similarity to its document is no number comes last.
///
/// # Panics
/// When there are not as many documents as queries, or embeddings do not have `dim` numbers.
#[must_use]
pub fn evaluate_retrieval(queries: &[f32], documents: &[f32], dim: usize, ks: &[usize]) -> RetrievalEvaluation {
    assert_eq!(queries.len(), documents.len(), "each query has one document");
    let own: Vec<usize> = (0..queries.len() / dim).collect();
    evaluate_retrieval_of(queries, documents, dim, (&own, &own), ks)
}

/// As [`evaluate_retrieval`], where queries may share a document, and a query may come several times, each time with another document:
/// `own` has the index of each query's document, `texts` a number for each that queries of one text have alike. The other documents of
/// the same text are right, too, and do not stand in the way of the one that is looked for.
///
/// # Panics
/// When there is not one index and one number a query, one names no document, or embeddings do not have `dim` numbers.
#[must_use]
pub fn evaluate_retrieval_of(
    queries: &[f32],
    documents: &[f32],
    dim: usize,
    (own, texts): (&[usize], &[usize]),
    ks: &[usize],
) -> RetrievalEvaluation {
    let (queries, documents) = (Embeddings::new(queries, dim), Embeddings::new(documents, dim));
    assert!(queries.rows.len() == own.len() && own.len() == texts.len(), "each query has one document and one text");
    let mut right: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (&own, &text) in own.iter().zip(texts) {
        right.entry(text).or_default().push(own);
    }
    let mut ranks = Vec::with_capacity(own.len());
    let mut first = Vec::with_capacity(own.len());
    for ((query, &own), text) in queries.rows.iter().zip(own).zip(texts) {
        let similarities = documents.similarities(query);
        let mut is_right = vec![false; similarities.len()];
        right[text].iter().for_each(|&index| is_right[index] = true);
        ranks.push(rank_of(own, &similarities, &is_right));
        let better = |best: usize, index: usize| if similarities[index] > similarities[best] { index } else { best };
        first.push((0..similarities.len()).fold(own, better));
    }
    let recall_at = |&k: &usize| {
        let found = ranks.iter().filter(|&&rank| rank <= k).count();
        RecallAt { k, recall: ratio(found, ranks.len()) }
    };
    RetrievalEvaluation {
        recall_at: ks.iter().map(recall_at).collect(),
        mrr: ranks.iter().map(|&rank| 1.0 / rank as f64).sum::<f64>() / ranks.len().max(1) as f64,
        ranks,
        first,
    }
}

/// The rank of a document among those that are not right, from 1.
fn rank_of(index: usize, similarities: &[f64], is_right: &[bool]) -> usize {
    let own = similarities[index];
    let is_before = |&(other, similarity): &(usize, &f64)| match similarity.partial_cmp(&own) {
        Some(Ordering::Greater) => true,
        Some(Ordering::Equal) => other < index,
        Some(Ordering::Less) => false,
        None => other != index,
    };
    1 + similarities.iter().enumerate().filter(|&(other, _)| !is_right[other]).filter(is_before).count()
}

/// The label of each query: the one that most of its `k` nearest references have. Of labels with as many votes the one
/// whose voters are more similar in sum is taken, then the lower id.
///
/// # Panics
/// When there is no reference, `k` is 0, there is not one label a reference, or embeddings do not have `dim` numbers.
#[must_use]
pub fn predict_nearest(
    references: &[f32],
    reference_labels: &[usize],
    queries: &[f32],
    dim: usize,
    k: usize,
) -> Vec<usize> {
    let (references, queries) = (Embeddings::new(references, dim), Embeddings::new(queries, dim));
    assert_eq!(references.rows.len(), reference_labels.len(), "each reference has one label");
    assert!(k > 0 && !reference_labels.is_empty(), "there is someone to vote");
    let predict = |query: &Vec<f64>| {
        let similarities = references.similarities(query);
        vote(&nearest_of(0..similarities.len(), &similarities, k), &similarities, reference_labels)
    };
    queries.rows.iter().map(predict).collect()
}

/// [`predict_nearest`] for several choices of references at once, each with its own `k`: the similarities, which take the
/// most time, are computed once. Gives the labels of all queries for each choice; `choices` hold indices of references.
///
/// # Panics
/// As [`predict_nearest`]; when a choice is empty, or names a reference that is not there.
#[must_use]
pub fn predict_nearest_of(
    (references, reference_labels): (&[f32], &[usize]),
    queries: &[f32],
    dim: usize,
    choices: &[(&[usize], usize)],
) -> Vec<Vec<usize>> {
    NearestReferences::new(references, reference_labels.to_vec(), dim).predict(queries, choices)
}

/// References that queries are compared with, made ready once for many of them.
#[derive(Debug)]
pub struct NearestReferences {
    embeddings: Embeddings,
    labels: Vec<usize>,
    dim: usize,
}

impl NearestReferences {
    /// References of `dim` numbers and a label each.
    ///
    /// # Panics
    /// When there is not one label a reference, or embeddings do not have `dim` numbers.
    #[must_use]
    pub fn new(references: &[f32], labels: Vec<usize>, dim: usize) -> Self {
        let embeddings = Embeddings::new(references, dim);
        assert_eq!(embeddings.rows.len(), labels.len(), "each reference has one label");
        Self { embeddings, labels, dim }
    }

    /// As [`predict_nearest_of`].
    ///
    /// # Panics
    /// When a `k` is 0, a choice is empty or names a reference that is not there, or queries do not have `dim` numbers.
    #[must_use]
    pub fn predict(&self, queries: &[f32], choices: &[(&[usize], usize)]) -> Vec<Vec<usize>> {
        assert!(choices.iter().all(|(chosen, k)| *k > 0 && !chosen.is_empty()), "there is someone to vote");
        let queries = Embeddings::new(queries, self.dim);
        let mut predicted = vec![Vec::with_capacity(queries.rows.len()); choices.len()];
        for query in &queries.rows {
            let similarities = self.embeddings.similarities(query);
            for (predicted, (chosen, k)) in predicted.iter_mut().zip(choices) {
                let nearest = nearest_of(chosen.iter().copied(), &similarities, *k);
                predicted.push(vote(&nearest, &similarities, &self.labels));
            }
        }
        predicted
    }
}

/// The other row that is most similar to each, with its similarity, and the label that [`predict_nearest`] gives the row
/// by its `k` nearest others; `None` where there is no other row.
///
/// # Panics
/// When there is not one label a row, `k` is 0, or embeddings do not have `dim` numbers.
#[must_use]
pub fn predict_among_others(embeddings: &[f32], labels: &[usize], dim: usize, k: usize) -> Vec<Option<NearestOther>> {
    let rows = Embeddings::new(embeddings, dim);
    assert_eq!(rows.rows.len(), labels.len(), "each row has one label");
    assert!(k > 0, "there is someone to vote");
    let predict = |(own, row): (usize, &Vec<f64>)| {
        let similarities = rows.similarities(row);
        let others = (0..similarities.len()).filter(|&other| other != own);
        let nearest = nearest_of(others, &similarities, k);
        let &index = nearest.first()?;
        let label = vote(&nearest, &similarities, labels);
        Some(NearestOther { index, similarity: similarities[index], label })
    };
    rows.rows.iter().enumerate().map(predict).collect()
}

/// What [`predict_among_others`] says of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearestOther {
    /// Index of the most similar other row.
    pub index: usize,
    /// How similar it is.
    pub similarity: f64,
    /// The label that most of the nearest others have.
    pub label: usize,
}

/// The `k` most similar of some references, the most similar first, of equals the earlier.
fn nearest_of(references: impl Iterator<Item = usize>, similarities: &[f64], k: usize) -> Vec<usize> {
    let mut nearest: Vec<usize> = references.collect();
    let by_similarity =
        |left: &usize, right: &usize| similarities[*right].total_cmp(&similarities[*left]).then(left.cmp(right));
    if k < nearest.len() {
        nearest.select_nth_unstable_by(k, by_similarity);
        nearest.truncate(k);
    }
    nearest.sort_by(by_similarity);
    nearest
}

fn vote(nearest: &[usize], similarities: &[f64], labels: &[usize]) -> usize {
    let mut votes: BTreeMap<usize, (usize, f64)> = BTreeMap::new();
    for &index in nearest {
        let (count, sum) = votes.entry(labels[index]).or_default();
        *count += 1;
        *sum += similarities[index];
    }
    // Of equals the last is taken: the lowest id comes last.
    let winner =
        votes.into_iter().rev().max_by(|(_, left), (_, right)| left.0.cmp(&right.0).then(left.1.total_cmp(&right.1)));
    winner.expect("someone votes").0
}

/// The figures of [`predict_nearest`] against the queries' labels.
///
/// # Panics
/// As [`predict_nearest`], and when there is not one label a query.
#[must_use]
pub fn evaluate_nearest(
    (references, reference_labels): (&[f32], &[usize]),
    (queries, query_labels): (&[f32], &[usize]),
    dim: usize,
    k: usize,
) -> NearestEvaluation {
    let predicted = predict_nearest(references, reference_labels, queries, dim, k);
    assert_eq!(predicted.len(), query_labels.len(), "each query has one label");
    let right = predicted.iter().zip(query_labels).filter(|(predicted, label)| predicted == label).count();
    NearestEvaluation {
        accuracy: ratio(right, query_labels.len()),
        k,
        num_references: reference_labels.len(),
        num_queries: query_labels.len(),
    }
}

/// Rows for few-shot: of each label the first `per_class` rows in the order of `permutation`, in that order. A label with
/// fewer rows gives all it has.
///
/// # Panics
/// When the permutation names a row that is not there.
#[must_use]
pub fn choose_few_shot(labels: &[usize], permutation: &[usize], per_class: usize) -> Vec<usize> {
    let mut chosen: BTreeMap<usize, usize> = BTreeMap::new();
    let mut rows = permutation.to_vec();
    rows.retain(|&row| {
        let count = chosen.entry(labels[row]).or_default();
        *count += 1;
        *count <= per_class
    });
    rows
}

#[cfg(test)]
mod tests;
