//! One label for a text, or for a pair of texts: the page's words for it.

pub(super) mod data;
pub(super) mod evaluation;
mod few_shot;
mod recipe;
pub(super) mod try_it;

use super::TaskPage;

/// What the page shows of this task.
pub(super) const PAGE: TaskPage = TaskPage {
    lead: "A table with a text and a label in each row: CSV, TSV, JSONL or a JSON array. It stays in this browser.",
    files: "For labels: .csv, .tsv, .txt, .jsonl or .json.",
    pasted: "Rows with a header, such as text,label",
    usable: "with a text and a label",
    counts_bytes: false,
    reads_images: false,
    named_columns: &[
        ("name-text-column", "Column of the text", |read| &mut read.text_column),
        ("name-label-column", "Column of the labels", |read| &mut read.label_column),
    ],
    sample: Some(recipe::SAMPLE),
    is_tried_without_rows: false,
    python,
    adapter_python,
};

fn python(_prompt: &str) -> String {
    "from transformers import pipeline
classify = pipeline(\"text-classification\", model=\"path/to/the/unzipped/folder\")
print(classify(\"My parcel has not arrived yet\"))"
        .into()
}

fn adapter_python(num_labels: usize, _prompt: &str) -> [String; 3] {
    [
        "AutoPeftModelForSequenceClassification".into(),
        // PEFT's files do not say how many labels a classifier has.
        format!(", num_labels={num_labels}"),
        "inputs = tokenizer(\"My parcel has not arrived yet\", return_tensors=\"pt\")
print(model(**inputs).logits.softmax(-1))"
            .into(),
    ]
}
