//! Texts that are turned into others, such as translations and summaries: the page's words for it.

pub(super) mod data;
pub(super) mod evaluation;
mod prefix;
mod recipe;
pub(super) mod try_it;

use super::TaskPage;

/// What the page shows of this task.
pub(super) const PAGE: TaskPage = TaskPage {
    lead: "Texts, each with what it is turned into: translations, summaries, answers, dates in one form. They stay in this \
           browser.",
    files: "For text to text: .csv, .tsv, .jsonl or .json with a source and a target in each row: two columns, or an object \
            such as {\"translation\": {\"en\": …, \"de\": …}}.",
    pasted: "Rows with a header, such as source,target",
    usable: "with a source and a target",
    counts_bytes: false,
    reads_images: false,
    named_columns: &[
        ("name-source-column", "Column of the source, which is read", |read| &mut read.text_column),
        ("name-target-column", "Column of the target, which is written", |read| &mut read.target_column),
    ],
    sample: Some(recipe::SAMPLE),
    is_tried_without_rows: true,
    python,
    adapter_python,
};

/// Python that asks `model` with `tokenizer`.
fn ask(prompt: &str) -> String {
    format!(
        "inputs = tokenizer({prompt}, return_tensors=\"pt\")
outputs = model.generate(**inputs, max_new_tokens=128)
print(tokenizer.decode(outputs[0], skip_special_tokens=True))"
    )
}

fn python(prompt: &str) -> String {
    format!(
        "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
folder = \"path/to/the/unzipped/folder\"
model = AutoModelForSeq2SeqLM.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
{}",
        ask(prompt)
    )
}

fn adapter_python(_num_labels: usize, prompt: &str) -> [String; 3] {
    ["AutoPeftModelForSeq2SeqLM".into(), String::new(), ask(prompt)]
}
