//! What models that write say to the inputs of a file, as cells of a table and as JSON. In: the texts that were written. Out: columns of
//! answers beside the prompts.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Prediction;
use super::answers::AnswerForm;
use super::spec::HeadKind;
use super::table::Task;

/// How what was written stands in a file.
pub(super) const FORM: AnswerForm = AnswerForm { columns, cells, fields };

/// What a model wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The text, without the prompt.
    pub text: String,
    /// The model ended it, or a text did at which to stop; else there was no room for more.
    pub is_complete: bool,
}

impl Written {
    /// As the answer of a model that writes for a task.
    #[must_use]
    pub fn into_prediction(self, task: Task) -> Prediction {
        match task.spec().head {
            HeadKind::Seq2seqLm => Prediction::Seq2seqLm(self),
            _ => Prediction::CausalLm(self),
        }
    }

    /// Why it ended, as `hone generate --json` says it.
    fn finish_reason(&self) -> &'static str {
        if self.is_complete { "stop" } else { "length" }
    }
}

fn written(prediction: &Prediction) -> Option<&Written> {
    match prediction {
        Prediction::CausalLm(written) | Prediction::Seq2seqLm(written) => Some(written),
        _ => None,
    }
}

fn columns(_labels: &[String]) -> Vec<String> {
    ["generated", "finish_reason"].map(str::to_owned).to_vec()
}

fn cells(prediction: &Prediction, _labels: &[String]) -> Vec<String> {
    let cells = written(prediction).map(|written| vec![written.text.clone(), written.finish_reason().to_owned()]);
    cells.unwrap_or_default()
}

fn fields(prediction: &Prediction, _labels: &[String]) -> Map<String, Value> {
    let fields = written(prediction)
        .into_iter()
        .flat_map(|written| [("generated", json!(written.text)), ("finish_reason", json!(written.finish_reason()))]);
    fields.map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_beside_why_it_ended() {
        let own = Written { text: "=1, \"two\"".into(), is_complete: false };
        for task in [Task::CausalLm, Task::Seq2seqLm] {
            let prediction = own.clone().into_prediction(task);
            assert_eq!(cells(&prediction, &[]), ["=1, \"two\"", "length"]);
            assert_eq!(columns(&[]).len(), 2);
            let expected = json!({"generated": "=1, \"two\"", "finish_reason": "length"});
            assert_eq!(Value::Object(fields(&prediction, &[])), expected);
        }
        let ended = Written { is_complete: true, ..own }.into_prediction(Task::Seq2seqLm);
        assert!(matches!(ended, Prediction::Seq2seqLm(_)));
        assert_eq!(cells(&ended, &[])[1], "stop");
    }
}
