//! What a model card says of a model that fills blanks.

use crate::task::{CardRequest, CardText};

/// What the model does and how it is asked. The base's own name of a blank is that of its tokenizer.
#[must_use]
pub fn card(request: &CardRequest<'_>) -> CardText {
    let ask = "inputs = tokenizer(f\"your text with one {tokenizer.mask_token} in it\", return_tensors=\"pt\")\n\
               position = (inputs[\"input_ids\"][0] == tokenizer.mask_token_id).nonzero().item()\n\
               print(tokenizer.decode(model(**inputs).logits[0, position].argmax()))";
    CardText {
        what: " that fills in blanks, trained on plain texts: a base for models that label such texts.".into(),
        pipeline_arguments: "f\"your text with one {pipe.tokenizer.mask_token} in it\"".into(),
        python: request.is_adapter.then(|| ask.into()),
        hone_arguments: "--text \"your text with one [MASK] in it\"".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Job, ModelSource, ReadOptions, RunConfig};

    #[test]
    fn a_model_is_asked_with_a_blank() {
        let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        let text =
            |is_adapter| card(&CardRequest { class_name: "BertForMaskedLM", labels: &[], job: &job, is_adapter });
        assert!(text(false).pipeline_arguments.contains("{pipe.tokenizer.mask_token}"));
        assert!(text(false).python.is_none() && text(true).python.is_some());
        assert!(text(true).hone_arguments.contains("[MASK]"));
    }
}
