//! Texts that a model learns to write: the page's words for it.

pub(super) mod data;
pub(super) mod evaluation;
mod prompt_format;
mod recipe;
mod shape;
pub(super) mod try_it;

use super::TaskPage;

/// What the page shows of this task.
pub(super) const PAGE: TaskPage = TaskPage {
    lead: "Texts as the model should write them: prompts with answers, instructions, conversations, or plain text. They \
           stay in this browser.",
    files: "For a language model: .jsonl, .json, .csv or .tsv, or .txt as one text.",
    pasted: "Rows with a header, such as prompt,completion, or as JSON",
    usable: "with something to learn",
    counts_bytes: true,
    reads_images: false,
    named_columns: &[
        ("name-prompt-column", "Column of the prompt, or the instruction", |read| &mut read.prompt_column),
        ("name-completion-column", "Column of the answer", |read| &mut read.completion_column),
        ("name-messages-column", "Column of the conversation", |read| &mut read.messages_column),
        ("name-text-column", "Column of the text, where all is learned", |read| &mut read.text_column),
    ],
    sample: Some(recipe::SAMPLE),
    is_tried_without_rows: true,
    python,
    adapter_python,
};

fn python(prompt: &str) -> String {
    format!(
        "from transformers import pipeline
write = pipeline(\"text-generation\", model=\"path/to/the/unzipped/folder\")
print(write({prompt}, max_new_tokens=20))"
    )
}

fn adapter_python(_num_labels: usize, prompt: &str) -> [String; 3] {
    [
        "AutoPeftModelForCausalLM".into(),
        String::new(),
        format!(
            "inputs = tokenizer({prompt}, return_tensors=\"pt\")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=20)[0]))"
        ),
    ]
}
