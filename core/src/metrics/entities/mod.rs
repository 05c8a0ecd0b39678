//! Entities in tag sequences, found and scored as seqeval 1.2 does.
//!
//! In: sequences of tags, gold and predicted. Out: spans of words with a type, an [`EntityEvaluation`], and each error
//! with its kind. The default figures read tags leniently, as `conlleval.pl` does; the strict ones keep to a
//! [`TagScheme`]. Tags without a prefix (`PER` for `I-PER`), of which seqeval warns and whose first letter it takes for
//! the prefix, are read as if they had `I-` before them.

mod errors;
mod evaluation;
mod spans;
mod strict;

pub use errors::{EntityError, EntityErrorKind, compare_entities};
pub use evaluation::{
    ENTITY_FIGURES, EntityConfusion, EntityErrorCounts, EntityEvaluation, StrictEntities, entity_sums,
    evaluate_entities,
};
pub use spans::{EntitySpan, entity_spans};
pub use strict::{TagScheme, detect_tag_scheme, strict_entity_spans};
