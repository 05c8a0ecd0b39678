//! Texts that belong together, and vectors that are close to each other for them: the page's words for it.

pub(super) mod data;
pub(super) mod evaluation;
pub(super) mod try_it;
mod worst;

use super::TaskPage;

/// What the page shows of this task.
pub(super) const PAGE: TaskPage = TaskPage {
    lead: "Texts that belong together: questions and their answers, sentences that mean the same, texts with a label, or \
           plain texts alone. The model learns to tell how similar two texts are. They stay in this browser.",
    files: "For similar texts: .csv, .tsv, .jsonl or .json with two texts in each row (a third that does not belong to \
            them, or a score, may follow) or a text and a label, or .txt with a text in each line.",
    pasted: "Rows with a header, such as anchor,positive",
    usable: "with texts that belong together",
    counts_bytes: false,
    reads_images: false,
    named_columns: &[
        ("name-text-column", "Column of the text", |read| &mut read.text_column),
        ("name-text-pair-column", "Column of the text that belongs to it", |read| &mut read.text_pair_column),
    ],
    sample: None,
    is_tried_without_rows: false,
    python,
    adapter_python,
};

fn python(_prompt: &str) -> String {
    "from sentence_transformers import SentenceTransformer
model = SentenceTransformer(\"path/to/the/unzipped/folder\")
embeddings = model.encode([\"Where is my parcel?\", \"My package has not arrived yet\"])
print(model.similarity(embeddings, embeddings))"
        .into()
}

fn adapter_python(_num_labels: usize, _prompt: &str) -> [String; 3] {
    [
        "AutoPeftModelForFeatureExtraction".into(),
        String::new(),
        "texts = [\"Where is my parcel?\", \"My package has not arrived yet\"]
inputs = tokenizer(texts, padding=True, return_tensors=\"pt\")
mask = inputs[\"attention_mask\"].unsqueeze(-1)
embeddings = (model(**inputs).last_hidden_state * mask).sum(1) / mask.sum(1)
embeddings = embeddings / embeddings.norm(dim=1, keepdim=True)
print(embeddings @ embeddings.T)"
            .into(),
    ]
}
