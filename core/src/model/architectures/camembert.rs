//! CamemBERT (<https://arxiv.org/abs/1911.03894>): RoBERTa with a vocabulary for French.
//!
//! Reference: `transformers` v5.24 `models/camembert/modeling_camembert.py`, whose classes are RoBERTa's under other names; the
//! keys of their weights begin with `roberta.` too.

use super::super::spec::{ArchitectureSpec, HeadSpec, PadToken};
use super::roberta;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "camembert",
    backbone: roberta::backbone,
    heads: &HEADS,
    // PEFT 0.21 names none for this model type; queries and values, as elsewhere.
    default_target_modules: &["query", "value"],
    is_in_peft_table: false,
    field_names: &[],
    pad_token: PadToken::NumbersPositions(1),
};

const HEADS: [HeadSpec; 5] = roberta::heads([
    "CamembertForSequenceClassification",
    "CamembertForTokenClassification",
    "CamembertForQuestionAnswering",
    "CamembertForMaskedLM",
    "CamembertModel",
]);
