//! What the card of a language model says: what it does, and how it is asked.

use crate::config::Job;
use crate::task::{CardRequest, CardText};

/// What a person puts in the place of their own prompt.
const PROMPT: &str = "your text here";

/// Tokens that the examples let the model write: the default may be more than a small model has room for.
const MAX_NEW_TOKENS: usize = 20;

/// What the card of a language model says.
#[must_use]
pub fn card(request: &CardRequest<'_>) -> CardText {
    let input = example_input(request.job);
    CardText {
        what: " that continues a prompt.".into(),
        pipeline_arguments: format!("{input}, max_new_tokens={MAX_NEW_TOKENS}"),
        python: request.is_adapter.then(|| ask(&input)),
        hone_arguments: format!("--prompt \"{PROMPT}\""),
    }
}

/// A prompt in Python, as the model was given those that it was trained on.
fn example_input(job: &Job) -> String {
    match job.read.format_of_prompts().prompt(PROMPT) {
        Some(prompt) => serde_json::to_string(&prompt).expect("a text serializes"),
        // The tokenizer brings the chat template.
        None => format!(r#"[{{"role": "user", "content": "{PROMPT}"}}]"#),
    }
}

/// Lines of Python that ask `model` with `tokenizer`.
fn ask(input: &str) -> String {
    let inputs = match input.starts_with('"') {
        true => format!("tokenizer({input}, return_tensors=\"pt\")"),
        false => format!(
            "tokenizer.apply_chat_template(\n    {input}, add_generation_prompt=True, return_dict=True, \
             return_tensors=\"pt\"\n)"
        ),
    };
    format!("inputs = {inputs}\nprint(tokenizer.decode(model.generate(**inputs, max_new_tokens={MAX_NEW_TOKENS})[0]))")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataShape, ModelSource, PromptFormat, ReadOptions, RunConfig};

    fn text(read: ReadOptions, is_adapter: bool) -> CardText {
        let job = Job::new(ModelSource::hub("a/b"), None, read, RunConfig::default());
        card(&CardRequest { class_name: "GPT2LMHeadModel", labels: &[], job: &job, is_adapter })
    }

    #[test]
    fn a_model_is_asked_as_it_was_trained() {
        let plain = text(ReadOptions::default(), false);
        assert_eq!(plain.pipeline_arguments, r#""your text here", max_new_tokens=20"#);
        assert_eq!((plain.python, plain.hone_arguments.as_str()), (None, r#"--prompt "your text here""#));
        let shape = Some(DataShape::PromptCompletion);
        let qa = ReadOptions { shape, prompt_format: Some(PromptFormat::QuestionAnswer), ..ReadOptions::default() };
        assert_eq!(text(qa, false).pipeline_arguments, r#""Q: your text here\nA:", max_new_tokens=20"#);
        let chat = ReadOptions { shape: Some(DataShape::Messages), ..ReadOptions::default() };
        let chat = text(chat, true);
        assert!(chat.pipeline_arguments.starts_with(r#"[{"role": "user", "content": "your text here"}], max"#));
        assert!(
            chat.python.expect("an adapter has no pipeline").starts_with("inputs = tokenizer.apply_chat_template(")
        );
    }

    #[test]
    fn an_adapter_is_asked_without_a_pipeline() {
        let python = text(ReadOptions::default(), true).python.expect("an adapter has no pipeline");
        let expected = "inputs = tokenizer(\"your text here\", return_tensors=\"pt\")\n\
                        print(tokenizer.decode(model.generate(**inputs, max_new_tokens=20)[0]))";
        assert_eq!(python, expected);
    }
}
