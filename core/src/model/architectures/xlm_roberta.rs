//! XLM-RoBERTa (<https://arxiv.org/abs/1911.02116>): RoBERTa with one vocabulary for 100 languages.
//!
//! Reference: `transformers` v5.24 `models/xlm_roberta/modeling_xlm_roberta.py`, whose classes are RoBERTa's under other names; the
//! keys of their weights begin with `roberta.` too.

use super::super::spec::{ArchitectureSpec, HeadSpec, PadToken};
use super::roberta;

pub(super) const SPEC: ArchitectureSpec = ArchitectureSpec {
    model_type: "xlm-roberta",
    backbone: roberta::backbone,
    heads: &HEADS,
    default_target_modules: &["query", "value"],
    is_in_peft_table: true,
    field_names: &[],
    pad_token: PadToken::NumbersPositions(1),
};

const HEADS: [HeadSpec; 5] = roberta::heads([
    "XLMRobertaForSequenceClassification",
    "XLMRobertaForTokenClassification",
    "XLMRobertaForQuestionAnswering",
    "XLMRobertaForMaskedLM",
    "XLMRobertaModel",
]);
