//! Answers as a file: CSV, JSON Lines or one JSON array.

use std::ffi::OsStr;
use std::path::Path;

use hone_core::task::{Answers, NumberedInput, Prediction, answer_lines, answer_objects};
use serde::Serialize;

use crate::csv_lines::CsvLines;
use crate::failure::Usage;

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Csv,
    Jsonl,
    Json,
}

impl Layout {
    /// That of a file's name, or of `--json`; CSV where neither says.
    ///
    /// # Errors
    /// A name that ends otherwise, or in .csv beside `--json`.
    pub(crate) fn choose(output: Option<&Path>, json: bool) -> Result<Self, Usage> {
        let extension = output.and_then(Path::extension).and_then(OsStr::to_str).map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("json") => Ok(Layout::Json),
            Some("jsonl" | "ndjson") => Ok(Layout::Jsonl),
            Some("csv") if json => Err(Usage(vec!["--json: --output ends in .csv; choose one".into()])),
            Some("csv") => Ok(Layout::Csv),
            Some(other) if !json => Err(Usage(vec![format!("--output: .{other} is not one of .csv, .json, .jsonl")])),
            _ if json => Ok(Layout::Jsonl),
            _ => Ok(Layout::Csv),
        }
    }
}

/// The answers as a file, and how many of its cells got a `'` so that no spreadsheet takes them for a formula.
pub(crate) fn render(
    inputs: &[NumberedInput],
    labels: &[String],
    predictions: &[Prediction],
    answers: &Answers,
    layout: Layout,
) -> anyhow::Result<(Vec<u8>, usize)> {
    if layout == Layout::Csv {
        let mut lines = CsvLines::new();
        for cells in answer_lines(inputs, labels, predictions, answers) {
            lines.write(cells.into_iter())?;
        }
        return lines.finish();
    }
    Ok((objects_as(layout, &answer_objects(inputs, labels, predictions, answers))?, 0))
}

/// Objects as one JSON array, or with any other layout as JSON Lines.
pub(super) fn objects_as(layout: Layout, objects: &[impl Serialize]) -> anyhow::Result<Vec<u8>> {
    if layout == Layout::Json {
        let mut bytes = serde_json::to_vec_pretty(objects)?;
        bytes.push(b'\n');
        return Ok(bytes);
    }
    let mut bytes = Vec::new();
    for object in objects {
        serde_json::to_writer(&mut bytes, object)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use hone_core::task::{Task, TaskInput, sequence_classification, token_classification};
    use serde_json::{Value, json};

    use super::*;

    fn answers() -> &'static Answers {
        Task::SequenceClassification.answers()
    }

    #[test]
    fn the_extension_decides_the_layout() {
        assert_eq!(Layout::choose(None, false).expect("fine"), Layout::Csv);
        assert_eq!(Layout::choose(None, true).expect("fine"), Layout::Jsonl);
        assert_eq!(Layout::choose(Some(Path::new("x.JSONL")), false).expect("fine"), Layout::Jsonl);
        assert_eq!(Layout::choose(Some(Path::new("x.json")), false).expect("fine"), Layout::Json);
        assert!(Layout::choose(Some(Path::new("x.xlsx")), false).expect_err("unknown").to_string().contains(".xlsx"));
    }

    #[test]
    fn an_answer_of_several_lines_takes_the_place_of_the_text() {
        let answers = Task::TokenClassification.answers();
        let texts = ["Zoë in Rome", "nothing"];
        let input = |(index, text): (usize, &str)| NumberedInput {
            row: index + 2,
            id: None,
            input: TaskInput { text: text.into(), second: None, image: None },
        };
        let inputs: Vec<NumberedInput> = texts.into_iter().enumerate().map(input).collect();
        let span =
            |start, end, label: &str| token_classification::Span { start, end, label: label.into(), score: Some(0.5) };
        let found = [vec![span(0, 3, "PER"), span(7, 11, "LOC")], Vec::new()];
        let predict = |(text, spans): (&str, Vec<_>)| {
            Prediction::TokenClassification(token_classification::Prediction { text: text.into(), spans })
        };
        let predictions: Vec<Prediction> = texts.into_iter().zip(found).map(predict).collect();
        let (csv, _) = render(&inputs, &[], &predictions, answers, Layout::Csv).expect("renders");
        let expected = "row,start,end,text,label,score\n2,0,3,Zoë,PER,0.500000\n2,7,11,Rome,LOC,0.500000\n";
        assert_eq!(String::from_utf8(csv).expect("text"), expected);
        let (lines, _) = render(&inputs, &[], &predictions, answers, Layout::Jsonl).expect("renders");
        let lines: Vec<Value> =
            serde_json::Deserializer::from_slice(&lines).into_iter().map(|line| line.expect("JSON")).collect();
        assert_eq!((&lines[0]["spans"][1]["text"], &lines[0]["row"]), (&json!("Rome"), &json!(2)));
        assert_eq!((&lines[1]["text"], &lines[1]["spans"]), (&json!("nothing"), &json!([])));
    }

    #[test]
    fn csv_and_json_lines_say_the_same() {
        let input = |second: Option<&str>| TaskInput {
            text: "a, \"b\"".into(),
            second: second.map(str::to_owned),
            image: None,
        };
        let labels = ["no".to_owned(), "yes".to_owned()];
        let prediction = |unsure_below| {
            let own = sequence_classification::Prediction { probabilities: vec![0.25, 0.75], unsure_below };
            Prediction::SequenceClassification(own)
        };
        let predictions = [prediction(None)];
        let render = |second: Option<&str>, layout: Layout| {
            let inputs = [NumberedInput { row: 2, id: None, input: input(second) }];
            render(&inputs, &labels, &predictions, answers(), layout).expect("renders").0
        };
        let csv = |second: Option<&str>| String::from_utf8(render(second, Layout::Csv)).expect("text");
        let expected = "row,text,label,probability,no,yes\n2,\"a, \"\"b\"\"\",yes,0.750000,0.250000,0.750000\n";
        assert_eq!(csv(None), expected);
        assert!(csv(Some("c")).starts_with("row,text,text_pair,label,probability,no,yes\n2,\"a, \"\"b\"\"\",c,yes,"));
        let value: Value = serde_json::from_slice(&render(Some("c"), Layout::Jsonl)).expect("one line");
        assert_eq!((&value["label"], &value["probabilities"]["no"]), (&json!("yes"), &json!(0.25)));
        assert_eq!(value["text_pair"], json!("c"));
        assert!(value.get("unsure").is_none());

        let inputs = [2, 3].map(|row| NumberedInput { row, id: None, input: input(None) });
        let predictions = [prediction(Some(0.8)), prediction(Some(0.7))];
        let render = |layout| super::render(&inputs, &labels, &predictions, answers(), layout).expect("renders").0;
        let csv = String::from_utf8(render(Layout::Csv)).expect("text");
        let marks: Vec<&str> = csv.lines().filter_map(|line| line.rsplit(',').next()).collect();
        assert_eq!(marks, ["unsure", "yes", "no"]);
        let lines = String::from_utf8(render(Layout::Jsonl)).expect("text");
        assert!(lines.lines().next().is_some_and(|line| line.ends_with(r#""unsure":true}"#)), "{lines}");
    }
}
