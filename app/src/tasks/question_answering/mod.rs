//! Questions that are answered from a text: the page's words for it.

pub(super) mod data;
pub(super) mod evaluation;
mod marks;
mod mistakes;
pub(super) mod try_it;

use super::TaskPage;

/// What the page shows of this task.
pub(super) const PAGE: TaskPage = TaskPage {
    lead: "Questions with a text each that holds the answer: SQuAD's JSON, or a table with a question, a context and an \
           answer in each row. It stays in this browser.",
    files: "For answers from texts: .json, .jsonl, .csv or .tsv.",
    pasted: "Rows with a header, such as question,context,answer",
    usable: "with a question, a context and an answer that stands in it",
    counts_bytes: false,
    reads_images: false,
    named_columns: &[
        ("name-question-column", "Column of the question", |read| &mut read.question_column),
        ("name-context-column", "Column of the context", |read| &mut read.context_column),
        ("name-answer-column", "Column of the answers", |read| &mut read.answer_column),
    ],
    sample: None,
    is_tried_without_rows: false,
    python,
    adapter_python,
};

/// Python that asks `model` with `tokenizer`.
const ASK: &str = "question, context = \"Who wrote it?\", \"It was written by Ada Lovelace in 1843.\"
inputs = tokenizer(question, context, return_tensors=\"pt\")
outputs = model(**inputs)
start, end = outputs.start_logits.argmax(), outputs.end_logits.argmax()
print(tokenizer.decode(inputs[\"input_ids\"][0, start : end + 1]))";

fn python(_prompt: &str) -> String {
    format!(
        "from transformers import AutoModelForQuestionAnswering, AutoTokenizer
folder = \"path/to/the/unzipped/folder\"
model = AutoModelForQuestionAnswering.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
{ASK}"
    )
}

fn adapter_python(_num_labels: usize, _prompt: &str) -> [String; 3] {
    ["AutoModelForQuestionAnswering".into(), String::new(), ASK.into()]
}
