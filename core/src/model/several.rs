//! A model with several heads on one backbone: which of them a parameter is of, and the model with one of them alone.
//!
//! The first head is `head`, the others are `more_heads`. Whoever computes with one of them takes the model that has it
//! alone ([`Model::of_head`]), whose parameters are the same ones under the paths of a model with one head.

use std::borrow::Cow;

use super::Model;

/// Where the parameters of the first head lie.
const FIRST: &str = "head.";

/// Where those of the others lie, each under its number.
const OTHERS: &str = "more_heads.";

impl Model {
    /// The model with one of its heads alone; all weights are shared.
    ///
    /// # Panics
    /// When it has no such head.
    #[must_use]
    pub fn of_head(&self, index: usize) -> Self {
        let head = match index.checked_sub(1) {
            None => &self.head,
            Some(other) => &self.more_heads[other],
        };
        Self { backbone: self.backbone.clone(), head: head.clone(), more_heads: Vec::new() }
    }
}

/// The path of a parameter in the model that has its head alone ([`Model::of_head`]).
pub(super) fn path_of_one_head(path: &str) -> Cow<'_, str> {
    match path.strip_prefix(OTHERS).and_then(|rest| rest.split_once('.')) {
        Some((_, rest)) => Cow::Owned(format!("{FIRST}{rest}")),
        None => Cow::Borrowed(path),
    }
}

/// Whether a parameter is one of a head.
pub(crate) fn is_of_head(path: &str) -> bool {
    path.starts_with(FIRST) || is_of_further_head(path)
}

/// Whether a parameter is one of a head but the first.
pub(super) fn is_of_further_head(path: &str) -> bool {
    path.starts_with(OTHERS)
}

/// The path in the whole model of a parameter of [`Model::of_head`].
#[must_use]
pub fn path_in_whole(path: &str, head: usize) -> Cow<'_, str> {
    match (head.checked_sub(1), path.strip_prefix(FIRST)) {
        (Some(other), Some(rest)) => Cow::Owned(format!("{OTHERS}{other}.{rest}")),
        _ => Cow::Borrowed(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_a_head_and_back() {
        let cases =
            [(0, "head.classifier.bias"), (1, "more_heads.0.classifier.bias"), (3, "more_heads.2.lm_head.bias")];
        for (head, whole) in cases {
            let one = path_of_one_head(whole);
            assert!(one.starts_with("head.") && is_of_head(whole), "{one}");
            assert_eq!(path_in_whole(&one, head), whole);
        }
        for path in ["backbone.layers.0.query.weight", "backbone.norm.weight"] {
            assert_eq!((path_of_one_head(path), path_in_whole(path, 2)), (Cow::Borrowed(path), Cow::Borrowed(path)));
            assert!(!is_of_head(path));
        }
    }
}
