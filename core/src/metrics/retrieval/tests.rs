//! Similarities against scores, ranks of documents and nearest neighbours, on embeddings of two numbers.

use super::super::figure::figure;
use super::*;

#[test]
fn only_the_direction_counts() {
    assert!((cosine_similarity(&[1.0, 1.0], &[3.0, 3.0]) - 1.0).abs() < 1e-12);
    assert!((cosine_similarity(&[1.0, 0.0], &[-2.0, 0.0]) + 1.0).abs() < 1e-12);
    assert_eq!(cosine_similarity(&[1.0, 0.0], &[0.0, 5.0]), 0.0);
    assert_eq!(cosine_similarity(&[0.0, 0.0], &[1.0, 1.0]), 0.0);
    let long: Vec<f32> = (0..19).map(|number| number as f32).collect();
    assert!((cosine_similarity(&long, &long) - 1.0).abs() < 1e-12);
}

#[test]
fn similarities_follow_scores() {
    let left = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
    let right = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
    let found = evaluate_similarity(&left, &right, 2, &[5.0_f32, 3.0, 1.0]);
    assert!(found.spearman.is_some_and(|figure| (figure - 1.0).abs() < 1e-12));
    assert_eq!(found.num_pairs, 3);
    assert_eq!(found.figures().len(), 2);
    let constant = evaluate_similarity(&left, &right, 2, &[2.0_f32; 3]);
    assert_eq!((constant.spearman, constant.pearson), (None, None));
    assert!(constant.figures().is_empty());
}

#[test]
fn the_rank_of_its_document_counts() {
    let queries = [1.0, 0.0, 0.0, 1.0, 1.0, 0.1];
    let documents = [1.0, 0.0, 0.0, 1.0, 0.5, 1.0];
    let found = evaluate_retrieval(&queries, &documents, 2, &[1, 2, 5]);
    assert_eq!(found.ranks, [1, 1, 2]);
    assert_eq!(found.recall_at.iter().map(|at| at.recall).collect::<Vec<_>>(), [2.0 / 3.0, 1.0, 1.0]);
    assert!((found.mrr - 2.5 / 3.0).abs() < 1e-12);
    assert_eq!(figure(&found.figures(), "recall@2"), Some(&Figure::higher("recall@2", 1.0)));
    let json = serde_json::to_string(&found).expect("figures are finite");
    assert_eq!(serde_json::from_str::<RetrievalEvaluation>(&json).expect("just written"), found);
}

#[test]
fn queries_that_share_a_document_do_not_stand_in_each_others_way() {
    let queries = [1.0, 0.0, 0.9, 0.1, 0.0, 1.0];
    let found = evaluate_retrieval_of(&queries, &[1.0, 0.0, 0.2, 1.0], 2, (&[0, 0, 1], &[0, 1, 2]), &[1]);
    assert_eq!((found.ranks, found.first), (vec![1, 1, 1], vec![0, 0, 1]));
    let found = evaluate_retrieval_of(&queries, &[1.0, 0.0, 0.2, 1.0], 2, (&[1, 0, 0], &[0, 1, 2]), &[1]);
    assert_eq!((found.ranks, found.first), (vec![2, 1, 2], vec![0, 0, 1]));
}

#[test]
fn documents_of_the_same_query_do_not_stand_in_each_others_way() {
    // The same query three times, with documents of which only one can come first; the fourth belongs to another.
    let queries = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
    let documents = [1.0, 0.0, 1.0, 0.1, 0.5, 1.0, 0.9, 0.2];
    let found = evaluate_retrieval_of(&queries, &documents, 2, (&[0, 1, 2, 3], &[7, 7, 7, 8]), &[1]);
    assert_eq!(found.ranks, [1, 1, 2, 2], "the third stands behind the fourth");
    let apart = evaluate_retrieval(&queries, &documents, 2, &[1]);
    assert_eq!(apart.ranks, [1, 2, 4, 2], "as if each query were another text");
}

#[test]
fn rows_are_labeled_by_the_others() {
    let rows = [1.0, 0.0, 1.0, 0.1, 0.1, 1.0, 0.0, 1.0];
    let found = predict_among_others(&rows, &[3, 3, 5, 5], 2, 1);
    let found: Vec<(usize, usize)> = found.iter().flatten().map(|other| (other.index, other.label)).collect();
    assert_eq!(found, [(1, 3), (0, 3), (3, 5), (2, 5)]);
    let all = predict_among_others(&rows, &[3, 3, 5, 5], 2, 9);
    assert_eq!(all[0].map(|other| other.label), Some(5), "two of three others, its own label does not count");
    assert_eq!(predict_among_others(&[1.0, 0.0], &[3], 2, 5), [None]);
}

#[test]
fn several_choices_of_references_give_what_each_gives_alone() {
    let (references, labels) = ([1.0, 0.0, 0.9, 0.5, 0.8, 0.6, 0.0, 1.0], [2, 1, 1, 0]);
    let queries = [1.0, 0.0, 0.1, 1.0];
    let found = predict_nearest_of((&references, &labels), &queries, 2, &[(&[0, 1, 2, 3], 3), (&[2, 3], 1)]);
    assert_eq!(found[0], predict_nearest(&references, &labels, &queries, 2, 3));
    assert_eq!(found[1], [1, 0]);
}

#[test]
fn embeddings_that_are_all_the_same_rank_by_position() {
    let same = [1.0; 8];
    assert_eq!(evaluate_retrieval(&same, &same, 2, &[1]).ranks, [1, 2, 3, 4]);
    assert_eq!(evaluate_retrieval(&[], &[], 2, &[1]).mrr, 0.0);
}

#[test]
fn embeddings_that_are_no_numbers_find_nothing() {
    assert_eq!(evaluate_retrieval(&[f32::NAN; 6], &[1.0; 6], 2, &[1]).ranks, [3, 3, 3]);
}

#[test]
fn most_votes_win_and_similarity_decides_between_equals() {
    let references = [1.0, 0.0, 0.9, 0.5, 0.8, 0.6, 0.0, 1.0];
    let labels = [2, 1, 1, 0];
    let query = [1.0, 0.0];
    assert_eq!(predict_nearest(&references, &labels, &query, 2, 1), [2]);
    assert_eq!(predict_nearest(&references, &labels, &query, 2, 2), [2]);
    assert_eq!(predict_nearest(&references, &labels, &query, 2, 3), [1]);
    assert_eq!(predict_nearest(&references, &labels, &query, 2, 99), [1]);
    assert_eq!(predict_nearest(&[1.0, 0.0, 1.0, 0.0], &[4, 3], &query, 2, 2), [3], "the lower id");
    let found = evaluate_nearest((&references, &labels), (&[1.0, 0.0, 0.0, 1.0], &[2, 1]), 2, 1);
    let expected = NearestEvaluation { accuracy: 0.5, k: 1, num_references: 4, num_queries: 2 };
    assert_eq!(found, expected);
    assert_eq!(found.figures(), [Figure::higher("accuracy", 0.5)]);
}

#[test]
fn few_shot_takes_the_first_of_each_label() {
    let labels = [0, 0, 0, 1, 2, 2];
    assert_eq!(choose_few_shot(&labels, &[5, 2, 0, 3, 1, 4], 2), [5, 2, 0, 3, 4]);
    assert_eq!(choose_few_shot(&labels, &[1, 0, 2], 1), [1]);
    assert!(choose_few_shot(&labels, &[1, 0], 0).is_empty());
}
