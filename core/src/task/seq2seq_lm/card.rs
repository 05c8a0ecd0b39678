//! What the card of a model that turns texts into others says: what it does, and how it is asked.

use crate::config::Job;
use crate::task::{CardRequest, CardText};

/// What a person puts in the place of their own text.
const TEXT: &str = "your text here";

/// What the card says. `transformers` has no pipeline for such models: they are asked with `generate`.
#[must_use]
pub fn card(request: &CardRequest<'_>) -> CardText {
    let job = request.job;
    let text = [job.read.prefix_of_sources(), TEXT].concat();
    let input = serde_json::to_string(&text).expect("a text serializes");
    let ask = format!(
        "inputs = tokenizer({input}, return_tensors=\"pt\")\noutputs = model.generate(**inputs, max_new_tokens={})\n\
         print(tokenizer.decode(outputs[0], skip_special_tokens=True))",
        job.run.max_target_length
    );
    let load = "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer\ntokenizer = \
                AutoTokenizer.from_pretrained(\".\")\nmodel = AutoModelForSeq2SeqLM.from_pretrained(\".\")\n";
    CardText {
        what: format!(" that turns one text into another{}.", trained_on(job)),
        pipeline_arguments: input,
        // Who loads an adapter has model and tokenizer by then.
        python: Some(if request.is_adapter { ask } else { [load, ask.as_str()].concat() }),
        // Hone writes the prefix before it by itself.
        hone_arguments: format!("--prompt \"{TEXT}\""),
    }
}

/// The columns of the training rows and what stood before their sources, to go on after "into another".
fn trained_on(job: &Job) -> String {
    let columns = match (&job.read.text_column, &job.read.target_column) {
        (Some(source), Some(target)) => format!(": `{source}` into `{target}`"),
        _ => String::new(),
    };
    match job.read.prefix_of_sources() {
        "" => columns,
        prefix => format!("{columns}, with {prefix:?} before every text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ModelSource, ReadOptions, RunConfig};

    fn text(read: ReadOptions, is_adapter: bool) -> CardText {
        let run = RunConfig { max_target_length: 40, ..RunConfig::default() };
        let job = Job::new(ModelSource::hub("a/b"), None, read, run);
        card(&CardRequest { class_name: "T5ForConditionalGeneration", labels: &[], job: &job, is_adapter })
    }

    #[test]
    fn a_model_is_asked_as_it_was_trained() {
        let read = ReadOptions {
            text_column: Some("article".into()),
            target_column: Some("highlights".into()),
            source_prefix: Some("summarize: ".into()),
            ..ReadOptions::default()
        };
        let found = text(read, false);
        let expected =
            " that turns one text into another: `article` into `highlights`, with \"summarize: \" before every text.";
        assert_eq!((found.what.as_str(), found.hone_arguments.as_str()), (expected, "--prompt \"your text here\""));
        let expected = "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer\n\
                        tokenizer = AutoTokenizer.from_pretrained(\".\")\n\
                        model = AutoModelForSeq2SeqLM.from_pretrained(\".\")\n\
                        inputs = tokenizer(\"summarize: your text here\", return_tensors=\"pt\")\n\
                        outputs = model.generate(**inputs, max_new_tokens=40)\n\
                        print(tokenizer.decode(outputs[0], skip_special_tokens=True))";
        assert_eq!(found.python.as_deref(), Some(expected));
    }

    #[test]
    fn an_adapter_is_asked_once_its_model_is_loaded() {
        let found = text(ReadOptions::default(), true);
        assert_eq!(found.what, " that turns one text into another.");
        let python = found.python.expect("there is no pipeline");
        assert!(
            python.starts_with("inputs = tokenizer(\"your text here\", return_tensors=\"pt\")\noutputs = "),
            "{python}"
        );
    }
}
