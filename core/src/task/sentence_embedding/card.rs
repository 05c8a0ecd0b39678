//! What a model card says of a model that turns texts into vectors.

use crate::task::{CardRequest, CardText};

/// Asks a whole model, which `sentence-transformers` loads.
const WHOLE: &str = "from sentence_transformers import SentenceTransformer
model = SentenceTransformer(\".\")
embeddings = model.encode([\"your text here\", \"and another text\"])
print(model.similarity(embeddings, embeddings))";

/// Asks an adapter on its base: the mean of the token states, at length 1.
const ADAPTER: &str =
    "inputs = tokenizer([\"your text here\", \"and another text\"], padding=True, return_tensors=\"pt\")
mask = inputs[\"attention_mask\"].unsqueeze(-1)
states = model(**inputs).last_hidden_state
embeddings = (states * mask).sum(1) / mask.sum(1)
embeddings = embeddings / embeddings.norm(dim=1, keepdim=True)
print(embeddings @ embeddings.T)";

/// What the model does and how it is asked.
#[must_use]
pub fn card(request: &CardRequest<'_>) -> CardText {
    CardText {
        what: " that turns texts into vectors: the mean of the token states, of length 1. Texts that belong together have \
               a high cosine similarity."
            .into(),
        pipeline_arguments: "\"your text here\"".into(),
        python: Some(if request.is_adapter { ADAPTER } else { WHOLE }.into()),
        hone_arguments: "--text \"your text here\" --text-pair \"and another text\"".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Job, ModelSource, ReadOptions, RunConfig};

    #[test]
    fn a_whole_model_is_asked_by_its_own_library_and_an_adapter_on_its_base() {
        let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
        let python = |is_adapter| {
            let request = CardRequest { class_name: "BertModel", labels: &[], job: &job, is_adapter };
            card(&request).python.expect("no pipeline of transformers does it")
        };
        assert!(python(false).contains("SentenceTransformer(\".\")"));
        assert!(python(true).contains("mask.sum(1)") && !python(true).contains("SentenceTransformer"));
    }
}
