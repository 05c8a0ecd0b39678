//! Code of a model card: Python that loads and asks the model, and words of command lines.

use serde_json::Value;

use super::hf::CLASSIFIER;
use super::padding::{is_judged_by_last_token, names_padding};
use crate::config::{Job, ModelSource, Pooling};
use crate::hub::own_model_folder;
use crate::model::{ModelConfig, ProblemType, checkpoint_key};
use crate::task::{CardText, HeadKind, TaskSpec};

/// How `transformers` loads the folder and asks the model.
pub(super) fn how_to_load(
    config: &ModelConfig,
    spec: &TaskSpec,
    text: &CardText,
    labels: &[String],
    job: &Job,
    is_adapter: bool,
) -> String {
    let has_class = config.json.get("classifier_pooling").is_some();
    if job.run.pooling == Pooling::Mean && config.head_kind() == HeadKind::Sequence && !has_class {
        let key = checkpoint_key(config.key_map(), CLASSIFIER).unwrap_or_default();
        let module = key.trim_end_matches(".weight");
        let token = if is_judged_by_last_token(config) { "last" } else { "first" };
        return format!(
            "**Pooling:** this head reads the mean of the token states, not the {token} token. `transformers` has no class \
             for that: load it with Hone, or average the last hidden states over the attention mask and apply `{module}` \
             yourself.\n"
        );
    }
    if is_adapter {
        return how_to_load_adapter(config, spec, text, labels, job);
    }
    let code = text.python.clone().unwrap_or_else(|| {
        let (pipeline, arguments) = (spec.pipeline, &text.pipeline_arguments);
        format!(
            "from transformers import pipeline\npipe = pipeline(\"{pipeline}\", model=\".\")\nprint(pipe({arguments}))"
        )
    });
    format!("```python\n{code}\n```\n{}", of_last_token(config))
}

/// What must be known to ask in batches a model that judges texts by their last token.
fn of_last_token(config: &ModelConfig) -> String {
    match is_judged_by_last_token(config) {
        true => format!(
            "\nA text is judged by its last token, which `transformers` tells from padding by `pad_token_id`, {}: pad with \
             that token.\n",
            config.pad_token_id
        ),
        false => String::new(),
    }
}

/// Code that finds the base model by itself where it came from the hub, and that names its folder where it did not.
fn how_to_load_adapter(config: &ModelConfig, spec: &TaskSpec, text: &CardText, labels: &[String], job: &Job) -> String {
    let (class, has_own_loader) = auto_class(config.head_kind());
    let mut more = String::new();
    if spec.has_labels {
        more.push_str(&format!(", num_labels={}", labels.len())); // PEFT's files do not say it
        if !config.labels.is_empty() && config.labels.len() != labels.len() {
            more.push_str(", ignore_mismatched_sizes=True"); // the base has a head of another size
        }
    }
    if is_judged_by_last_token(config) && !names_padding(config) {
        more.push_str(&format!(", pad_token_id={}", config.pad_token_id)); // without it the class refuses batches
    }
    let ask = text.python.clone().unwrap_or_else(|| how_to_ask(config.head_kind(), spec, &text.pipeline_arguments));
    let (reader, reader_class) = match config.head_kind() {
        HeadKind::Image => ("processor", "AutoImageProcessor"),
        _ => ("tokenizer", "AutoTokenizer"),
    };
    let rest = format!("{reader} = {reader_class}.from_pretrained(\".\")\n{ask}");
    if is_on_hub(&job.model) && has_own_loader {
        let class = if config.head_kind() == HeadKind::Pooled { "ForFeatureExtraction" } else { class };
        return format!(
            "```python\nfrom peft import AutoPeftModel{class}\nfrom transformers import {reader_class}\nmodel = \
             AutoPeftModel{class}.from_pretrained(\".\"{more})\n{rest}\n```\n"
        );
    }
    let (origin, path) = match &job.model {
        model if is_on_hub(model) => (None, model.name().to_owned()),
        model => {
            let folder = folder_of(model.name());
            let origin = match model {
                ModelSource::Hub { id, .. } => {
                    let sources = own_model_folder(id).unwrap_or(id);
                    format!("The base model `{id}` is on no hub: it comes with Hone's sources, in `{sources}`. Put")
                }
                ModelSource::Local { .. } => format!("The base model was read from a folder called `{folder}`: put"),
            };
            let origin = format!("{origin} its path where the code says `path/to`.\n\n");
            (Some(origin), format!("path/to/{folder}"))
        }
    };
    let path = serde_json::to_string(&path).expect("a text serializes");
    format!(
        "{}```python\nfrom peft import PeftModel\nfrom transformers import AutoModel{class}, {reader_class}\nbase = \
         AutoModel{class}.from_pretrained({path}{more})\nmodel = PeftModel.from_pretrained(base, \".\")\n{rest}\n```\n",
        origin.unwrap_or_default()
    )
}

/// What follows `AutoModel` in the class that loads a head, and whether PEFT has a class for it that finds the base.
fn auto_class(head: HeadKind) -> (&'static str, bool) {
    match head {
        HeadKind::Sequence => ("ForSequenceClassification", true),
        HeadKind::Token => ("ForTokenClassification", true),
        HeadKind::Span => ("ForQuestionAnswering", false), // PEFT's drops token types
        HeadKind::MaskedLm => ("ForMaskedLM", false),
        HeadKind::CausalLm => ("ForCausalLM", true),
        HeadKind::Seq2seqLm => ("ForSeq2SeqLM", true),
        HeadKind::Pooled => ("", true),
        HeadKind::Image => ("ForImageClassification", false),
    }
}

/// Lines of Python that ask `model` with `tokenizer`, of images with `processor`, given the arguments of a pipeline.
fn how_to_ask(head: HeadKind, spec: &TaskSpec, arguments: &str) -> String {
    let ask = match head {
        HeadKind::Sequence => match spec.problem_type.and_then(ProblemType::from_name) {
            Some(ProblemType::MultiLabelClassification) => "print(model(**inputs).logits.sigmoid())",
            Some(ProblemType::Regression) => "print(model(**inputs).logits)",
            Some(ProblemType::SingleLabelClassification) | None => "print(model(**inputs).logits.softmax(-1))",
        },
        HeadKind::Token => "print(model(**inputs).logits.argmax(-1))",
        HeadKind::Span => {
            "outputs = model(**inputs)\nprint(outputs.start_logits.argmax(), outputs.end_logits.argmax())"
        }
        HeadKind::MaskedLm => "print(tokenizer.decode(model(**inputs).logits[0].argmax(-1)))",
        HeadKind::CausalLm => "print(tokenizer.decode(model.generate(**inputs, max_new_tokens=20)[0]))",
        HeadKind::Seq2seqLm => {
            "outputs = model.generate(**inputs, max_new_tokens=100)\nprint(tokenizer.decode(outputs[0], \
             skip_special_tokens=True))"
        }
        HeadKind::Pooled => "print(model(**inputs).last_hidden_state.mean(1))",
        HeadKind::Image => {
            return format!(
                "from PIL import Image, ImageOps\nimage = ImageOps.exif_transpose(Image.open({})).convert(\"RGB\")\ninputs = \
                 processor(image, return_tensors=\"pt\")\nprint(model(**inputs).logits.softmax(-1))",
                tokenizer_arguments(arguments)
            );
        }
    };
    format!("inputs = tokenizer({}, return_tensors=\"pt\")\n{ask}", tokenizer_arguments(arguments))
}

/// The texts among the arguments of a pipeline, as a tokenizer takes them: of an object its values, of named arguments
/// what stands behind their names.
fn tokenizer_arguments(arguments: &str) -> String {
    let first = serde_json::Deserializer::from_str(arguments).into_iter::<Value>().next();
    let texts: Vec<String> = match first {
        Some(Ok(Value::Object(texts))) => texts.values().map(Value::to_string).collect(),
        Some(Ok(text)) => vec![text.to_string()],
        Some(Err(_)) | None => texts_in(arguments),
    };
    texts.join(", ")
}

/// The texts in quotes.
fn texts_in(arguments: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = arguments;
    while let Some(start) = rest.find('"') {
        let mut values = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<String>();
        let Some(Ok(text)) = values.next() else { break };
        texts.push(Value::from(text).to_string());
        rest = &rest[start + values.byte_offset()..];
    }
    texts
}

/// A model as a command line names it.
pub(super) fn model_argument(model: &ModelSource) -> String {
    if is_on_hub(model) { quoted(&model.argument()) } else { quoted(&format!("path/to/{}", folder_of(model.name()))) }
}

/// Whether others find the model by its name alone.
fn is_on_hub(model: &ModelSource) -> bool {
    matches!(model, ModelSource::Hub { id, .. } if own_model_folder(id).is_none())
}

/// The last part of a path.
fn folder_of(name: &str) -> &str {
    name.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or("base")
}

/// A word of a command line, in quotes where it needs them.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-@".contains(c);
    if word.chars().all(is_plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    #[test]
    fn words_of_a_command_line_are_quoted_where_they_must_be() {
        assert_eq!(quoted("path/to/all-MiniLM_L6.v2@main"), "path/to/all-MiniLM_L6.v2@main");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }

    #[test]
    fn a_tokenizer_gets_the_texts_of_a_pipelines_arguments() {
        let cases = [
            (r#""your text here""#, r#""your text here""#),
            (r#""your text here", function_to_apply="none", top_k=None"#, r#""your text here""#),
            (r#"{"text": "a", "text_pair": "b"}"#, r#""a", "b""#),
            (r#"question="Who?", context="A \"b\" c", top_k=2"#, r#""Who?", "A \"b\" c""#),
        ];
        for (arguments, expected) in cases {
            assert_eq!(tokenizer_arguments(arguments), expected);
        }
    }

    #[test]
    fn an_adapter_is_asked_as_its_head_answers() {
        let spec = Task::SequenceClassification.spec();
        let ask = |head| how_to_ask(head, spec, "\"a\"");
        let expected = "inputs = tokenizer(\"a\", return_tensors=\"pt\")\nprint(model(**inputs).logits.softmax(-1))";
        assert_eq!(ask(HeadKind::Sequence), expected);
        let image = "from PIL import Image, ImageOps\nimage = ImageOps.exif_transpose(Image.open(\"a\")).convert(\"RGB\")\ninputs = \
             processor(image, return_tensors=\"pt\")\n";
        assert!(ask(HeadKind::Image).starts_with(image) && ask(HeadKind::Image).ends_with("softmax(-1))"));
        assert!(ask(HeadKind::Span).contains("start_logits") && ask(HeadKind::Token).contains("argmax(-1)"));
        let regression = TaskSpec { problem_type: Some("regression"), ..*spec };
        assert!(how_to_ask(HeadKind::Sequence, &regression, "\"a\"").ends_with("print(model(**inputs).logits)"));
    }
}
