//! Names and terms in texts: the page's words for it.

pub(super) mod correct;
pub(super) mod data;
pub(super) mod evaluation;
mod marks;
mod mistakes;
pub(super) mod try_it;

use super::TaskPage;

/// What the page shows of this task.
pub(super) const PAGE: TaskPage = TaskPage {
    lead: "Texts in which names and terms are marked: a CoNLL file, a table with one word a row, or JSONL with tokens and \
           tags or with texts and spans, as annotation tools write them. It stays in this browser.",
    files: "For names in texts: .conll, .tsv, .txt, .csv, .jsonl or .json.",
    pasted: "Words with their tags, such as Paris B-LOC, one a line and an empty line between sentences",
    usable: "with words and tags, or a text and spans",
    counts_bytes: false,
    reads_images: false,
    named_columns: &[
        ("name-tokens-column", "Column of the tokens", |read| &mut read.tokens_column),
        ("name-text-column", "Column of the text, where rows have spans", |read| &mut read.text_column),
        ("name-label-column", "Column of the tags or spans", |read| &mut read.label_column),
    ],
    sample: None,
    is_tried_without_rows: false,
    python,
    adapter_python,
};

fn python(_prompt: &str) -> String {
    "from transformers import pipeline
find = pipeline(\"token-classification\", model=\"path/to/the/unzipped/folder\", aggregation_strategy=\"first\")
print(find(\"Ada Lovelace was born in London\"))"
        .into()
}

fn adapter_python(num_labels: usize, _prompt: &str) -> [String; 3] {
    [
        "AutoPeftModelForTokenClassification".into(),
        // PEFT's files do not say how many labels a classifier has.
        format!(", num_labels={num_labels}"),
        "inputs = tokenizer(\"Ada Lovelace was born in London\", return_tensors=\"pt\")
print(model(**inputs).logits.argmax(-1))"
            .into(),
    ]
}
