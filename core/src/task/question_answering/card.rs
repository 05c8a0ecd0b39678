//! What a model card says of a model that answers questions from a text.

use crate::task::{CardRequest, CardText};

const QUESTION: &str = r#""your question here""#;
const CONTEXT: &str = r#""the text that holds the answer""#;

/// Lines of Python that load a whole model.
const LOAD: &str = "from transformers import AutoModelForQuestionAnswering, AutoTokenizer\nmodel = \
                    AutoModelForQuestionAnswering.from_pretrained(\".\")\ntokenizer = \
                    AutoTokenizer.from_pretrained(\".\")\n";

/// What the model does and how it is asked: `transformers` 5 has no pipeline for it any more.
#[must_use]
pub fn card(request: &CardRequest<'_>) -> CardText {
    let load = if request.is_adapter { "" } else { LOAD };
    CardText {
        what: " that answers questions from a text, with a part of that text.".into(),
        pipeline_arguments: format!("question={QUESTION}, context={CONTEXT}"),
        python: Some(format!("{load}{}", ask())),
        hone_arguments: format!("--text {QUESTION} --context {CONTEXT}"),
    }
}

/// Lines of Python that ask `model` with `tokenizer`.
fn ask() -> String {
    format!(
        "question, context = {QUESTION}, {CONTEXT}\n\
         inputs = tokenizer(question, context, truncation=\"only_second\", return_tensors=\"pt\")\n\
         outputs = model(**inputs)\n\
         start, end = outputs.start_logits.argmax(), outputs.end_logits.argmax()\n\
         print(tokenizer.decode(inputs[\"input_ids\"][0, start : end + 1]))\n\
         # transformers 4: pipeline(\"question-answering\", model=\".\")(question=question, context=context)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Job, ModelSource, ReadOptions, RunConfig};

    #[test]
    fn a_model_is_asked_with_a_question_and_its_text() {
        let job = &Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        let card_of = |is_adapter: bool| {
            card(&CardRequest { class_name: "BertForQuestionAnswering", labels: &[], job, is_adapter })
        };
        let (whole, adapter) = (card_of(false), card_of(true));
        assert!(whole.hone_arguments.starts_with("--text \"your question here\" --context \"the text"));
        let (whole, adapter) = (whole.python.expect("lines"), adapter.python.expect("lines"));
        assert!(
            whole.starts_with("from transformers import AutoModelForQuestionAnswering") && whole.ends_with(&adapter)
        );
        assert!(adapter.starts_with("question, context = \"your question here\", \"the text"), "{adapter}");
    }
}
