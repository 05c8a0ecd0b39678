//! `hone predict --explain`: in the place of answers, what each word of a text adds to one, as CSV (a line a word), JSON Lines or one
//! JSON array.

use anyhow::{anyhow, bail};
use futures_lite::future::block_on;
use hone_core::session::protocol::{ToExplain, Weights};
use hone_core::session::{Session, SessionError};
use hone_core::task::{Explanation, NumberedInput, Task, TaskError};
use hone_core::words::plural;
use serde_json::{Value, json};

use super::render::{Layout, objects_as};
use crate::csv_lines::CsvLines;
use crate::failure::Usage;
use crate::progress::Progress;

/// Shares of which more are missing are told.
const COMPLETE: f64 = 0.05;

/// Labels that are listed where one is not known.
const MAX_LISTED: usize = 20;

/// Which output is explained: that of a name, `None` where none is named.
///
/// # Errors
/// When answers of the task are not explained, or there is no such label.
pub(super) fn chosen_output(name: &str, task: Task, labels: &[String]) -> Result<Option<usize>, Usage> {
    if let Some(reason) = task.spec().unexplained() {
        return Err(Usage(vec![format!("--explain: {} is not explained: {reason}", task.name())]));
    }
    if name.is_empty() {
        return Ok(None);
    }
    if labels.is_empty() {
        return Err(Usage(vec![format!("--explain={name}: what this model gives has no names: leave the name out")]));
    }
    let found = labels.iter().position(|label| label == name);
    let known = || {
        let more = if labels.len() > MAX_LISTED { ", …" } else { "" };
        format!("{}{more}", labels.iter().take(MAX_LISTED).map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    let found =
        found.ok_or_else(|| Usage(vec![format!("--explain: no label is called {name:?}: there are {}", known())]))?;
    Ok(Some(found))
}

/// Explains the answers to all inputs, in their order. Says of which the words do not add up.
pub(super) fn explain(
    session: &mut Session,
    inputs: &[NumberedInput],
    output: Option<usize>,
    progress: &Progress,
) -> anyhow::Result<Vec<Explanation>> {
    let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    let mut explanations = Vec::with_capacity(inputs.len());
    for (done, NumberedInput { row, input, .. }) in inputs.iter().enumerate() {
        progress.rows("explaining", done, inputs.len());
        let asked = ToExplain { input: input.clone(), output, weights, part: None };
        let found =
            block_on(session.explain(&asked, async |_: usize, _: usize| true)).map_err(|error| match error {
                SessionError::Task(TaskError::Input { reason, .. }) => anyhow!("row {row}: {reason}"),
                other => other.into(),
            })?;
        let Some(found) = found else { bail!("row {row} was not explained") };
        explanations.push(found);
    }
    progress.clear();
    for (explanation, NumberedInput { row, .. }) in explanations.iter().zip(inputs) {
        if explanation.completeness_error() > COMPLETE {
            progress.note(&format!("row {row}: {}: take its numbers as rough", explanation.completeness()));
        }
    }
    let cut = explanations.iter().filter(|explanation| explanation.is_cut).count();
    if cut > 0 {
        let limit = session.max_tokens()?;
        progress
            .note(&format!("{} longer than {limit} tokens: words that are cut off add nothing", plural(cut, "text")));
    }
    Ok(explanations)
}

/// The explanations as a file, and how many of its cells got a `'` so that no spreadsheet takes them for a formula.
pub(super) fn render(
    inputs: &[NumberedInput],
    explanations: &[Explanation],
    layout: Layout,
) -> anyhow::Result<(Vec<u8>, usize)> {
    let rows = || inputs.iter().zip(explanations);
    if layout == Layout::Csv {
        let mut lines = CsvLines::new();
        lines.write(["row", "label", "text", "word", "attribution"].into_iter().map(str::to_owned))?;
        for (input, explanation) in rows() {
            for (text, word, attribution) in explanation.words() {
                let [row, text] = [input.row, text + 1].map(|number| number.to_string());
                let cells = [row, explanation.label.clone(), text, word.to_owned(), format!("{attribution:.6}")];
                lines.write(cells.into_iter())?;
            }
        }
        return lines.finish();
    }
    let objects: Vec<Value> = rows().map(|(input, explanation)| object(input, explanation)).collect();
    Ok((objects_as(layout, &objects)?, 0))
}

fn object(NumberedInput { row, input, .. }: &NumberedInput, explanation: &Explanation) -> Value {
    let Explanation { label, score, baseline_score, sum, num_steps, is_cut, .. } = explanation;
    let words = explanation.words();
    let words = words.map(|(text, word, value)| json!({"text": text + 1, "word": word, "attribution": value}));
    let mut object = json!({
        "row": row,
        "text": input.text,
        "label": label,
        "score": score,
        "baseline_score": baseline_score,
        "sum": sum,
        "completeness_error": explanation.completeness_error(),
        "steps": num_steps,
        "is_cut": is_cut,
        "words": words.collect::<Vec<_>>(),
    });
    if let Some(second) = &input.second {
        object["text_pair"] = json!(second);
    }
    object
}

#[cfg(test)]
mod tests {
    use hone_core::task::{TaskInput, TextPart};

    use super::*;

    fn explained() -> ([NumberedInput; 1], [Explanation; 1]) {
        let input = TaskInput { text: "a =b".into(), second: Some("c".into()), image: None };
        let part = |text: &str, attribution| TextPart { text: text.into(), attribution, num_tokens: 1 };
        let texts =
            vec![vec![part("a", Some(0.5)), part(" ", None), part("=b", Some(-0.25))], vec![part("c", Some(1.0))]];
        let explanation = Explanation {
            output: 1,
            label: "yes".into(),
            predicted: 1,
            score: 1.5,
            baseline_score: 0.25,
            sum: 1.25,
            num_steps: 50,
            texts,
            is_cut: false,
        };
        ([NumberedInput { row: 2, id: None, input }], [explanation])
    }

    #[test]
    fn each_word_has_its_line_and_json_has_what_they_add_up_to() {
        let (inputs, explanations) = explained();
        let (csv, num_formulas) = render(&inputs, &explanations, Layout::Csv).expect("renders");
        let expected =
            "row,label,text,word,attribution\n2,yes,1,a,0.500000\n2,yes,1,'=b,-0.250000\n2,yes,2,c,1.000000\n";
        assert_eq!((String::from_utf8(csv).expect("text").as_str(), num_formulas), (expected, 1));
        let (line, _) = render(&inputs, &explanations, Layout::Jsonl).expect("renders");
        let line: Value = serde_json::from_slice(&line).expect("one line");
        assert_eq!(
            (&line["row"], &line["text_pair"], &line["completeness_error"]),
            (&json!(2), &json!("c"), &json!(0.0))
        );
        assert_eq!(line["words"][1], json!({"text": 1, "word": "=b", "attribution": -0.25}));
    }

    #[test]
    fn a_label_that_is_not_there_and_a_task_without_scores_are_refused() {
        let labels = ["no".to_owned(), "yes".to_owned()];
        let chosen = |name, task| chosen_output(name, task, &labels).map_err(|error| error.to_string());
        assert_eq!(chosen("", Task::SequenceClassification), Ok(None));
        assert_eq!(chosen("yes", Task::SequenceClassification), Ok(Some(1)));
        let error = chosen("maybe", Task::MultiLabel).expect_err("no such label");
        assert_eq!(error, "--explain: no label is called \"maybe\": there are no, yes");
        let error = chosen_output("x", Task::Regression, &[]).expect_err("no names").to_string();
        assert_eq!(error, "--explain=x: what this model gives has no names: leave the name out");
        let error = chosen("", Task::TokenClassification).expect_err("it has no one score");
        assert!(error.starts_with("--explain: token_classification is not explained: each token"), "{error}");
    }
}
