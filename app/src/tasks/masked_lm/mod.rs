//! Plain texts that a model learns from by filling in blanks: the page's words for it.

pub(super) mod data;
pub(super) mod evaluation;
pub(super) mod try_it;

use super::TaskPage;

/// What the page shows of this task.
pub(super) const PAGE: TaskPage = TaskPage {
    lead: "Plain texts like those the model will meet later: it learns their words by filling in blanks, and is then a \
           better base for your labels. They stay in this browser.",
    files: "For plain texts: .txt or .md as one text, or .csv, .tsv, .jsonl or .json with a text in each row.",
    pasted: "Rows with a header, such as text",
    usable: "with a text",
    counts_bytes: true,
    reads_images: false,
    named_columns: &[("name-text-column", "Column of the text", |read| &mut read.text_column)],
    sample: None,
    is_tried_without_rows: false,
    python,
    adapter_python,
};

fn python(_prompt: &str) -> String {
    "from transformers import pipeline
fill = pipeline(\"fill-mask\", model=\"path/to/the/unzipped/folder\")
print(fill(f\"your text with one {fill.tokenizer.mask_token} in it\"))"
        .into()
}

fn adapter_python(_num_labels: usize, _prompt: &str) -> [String; 3] {
    [
        "AutoModelForMaskedLM".into(),
        String::new(),
        "inputs = tokenizer(f\"your text with one {tokenizer.mask_token} in it\", return_tensors=\"pt\")
print(tokenizer.decode(model(**inputs).logits[0].argmax(-1)))"
            .into(),
    ]
}
