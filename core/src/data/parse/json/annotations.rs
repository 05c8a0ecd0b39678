//! Rows as tools for annotation export them, as rows of a text and what was said of it.
//!
//! In: the keys and values of an object. Out: those of the row in it, as JSON texts, and what was made of it; nothing where it is
//! of none of these: Label Studio (JSON), Argilla (records, and the older feedback), Prodigy (choices, and labels that were accepted or
//! not), Dataturks, and FlagEmbedding, which has lists of texts.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// What a row of a tool is.
pub(super) enum Annotated {
    /// What was made of it, to go on after `the rows are`; keys, and values as JSON.
    Row(&'static str, Vec<(String, String)>),
    /// The row as it stands; whether its [`LABEL`] holds of its text, as a person answered it in Prodigy. `None` where the person
    /// did not decide (`ignore`).
    Answered(Option<bool>),
    /// It is not to be learned from.
    Bad(String),
}

/// The key of a label that a person said yes or no to.
pub(super) const LABEL: &str = "label";

/// What Prodigy says of a row that was accepted, and of one that was not.
pub(super) const ACCEPT: &str = "accept";
pub(super) const REJECT: &str = "reject";

/// Keys that Prodigy writes into each of its rows.
const PRODIGY_KEYS: [&str; 5] = ["_task_hash", "_input_hash", "_view_id", "_annotator_id", "_session_id"];

type Given<'t> = [(String, &'t RawValue)];

/// The row in an object of one of the tools; `None` of any other.
pub(super) fn read(fields: &Given<'_>) -> Option<Annotated> {
    let found = label_studio(fields).or_else(|| prodigy(fields)).or_else(|| argilla(fields));
    found.or_else(|| dataturks(fields)).or_else(|| flag_embedding(fields))
}

/// The list in `{"choices": […]}`, as Label Studio writes several choices in its shorter export.
pub(super) fn choices(json: &str) -> Option<String> {
    if !json.starts_with('{') || !json[1..].trim_start().starts_with("\"choices\"") {
        return None;
    }
    let object: Map<String, Value> = serde_json::from_str(json).ok()?;
    let list = object.get("choices").filter(|list| object.len() == 1 && list.is_array())?;
    Some(list.to_string())
}

fn find<'t>(fields: &Given<'t>, key: &str) -> Option<&'t str> {
    fields.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value.get())
}

fn value_of(fields: &Given<'_>, key: &str) -> Option<Value> {
    serde_json::from_str(find(fields, key)?).ok()
}

/// Keys and values other than those that `is_of_tool`.
fn others(fields: &Given<'_>, is_of_tool: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let others = fields.iter().filter(|(key, _)| !is_of_tool(key));
    others.map(|(key, value)| (key.clone(), value.get().to_owned())).collect()
}

/// `{"data": {"text": "…"}, "annotations": [{"result": […]}]}`: the data, and each question of the first annotation.
fn label_studio(fields: &Given<'_>) -> Option<Annotated> {
    let Value::Object(data) = value_of(fields, "data")? else { return None };
    let Value::Array(annotations) = value_of(fields, "annotations").or_else(|| value_of(fields, "completions"))? else {
        return None;
    };
    let mut row: Vec<(String, Value)> = data.into_iter().collect();
    let mut places: HashMap<String, usize> = row.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
    let is_kept = |annotation: &&Value| annotation["was_cancelled"] != Value::Bool(true);
    let results = annotations.iter().find(is_kept).and_then(|annotation| annotation["result"].as_array());
    for result in results.into_iter().flatten() {
        let (Some(name), Some(answer)) = (result["from_name"].as_str(), answer_of(result)) else { continue };
        let Some(&index) = places.get(name) else {
            places.insert(name.to_owned(), row.len());
            row.push((name.to_owned(), answer));
            continue;
        };
        match (&mut row[index].1, answer) {
            // Spans come one by one.
            (Value::Array(all), Value::Array(more)) => all.extend(more),
            (value, answer) => *value = answer,
        }
    }
    let row = row.into_iter().map(|(key, value)| (key, value.to_string())).collect();
    Some(Annotated::Row("Label Studio's: of each its data and its first annotation are read", row))
}

/// What a result of Label Studio says: a choice or several, a span with its label, a number or a text.
fn answer_of(result: &Value) -> Option<Value> {
    let value = &result["value"];
    let one_or_all = |list: &Vec<Value>| if list.len() == 1 { list[0].clone() } else { Value::Array(list.clone()) };
    match result["type"].as_str()? {
        "choices" => value["choices"].as_array().map(one_or_all),
        "labels" | "hypertextlabels" => {
            let (start, end) = (value["start"].as_u64()?, value["end"].as_u64()?);
            let labels = value["labels"].as_array().or_else(|| value["hypertextlabels"].as_array())?;
            Some(labels.iter().map(|label| json!({ "start": start, "end": end, "label": label })).collect())
        }
        kind @ ("rating" | "number") => Some(value[kind].clone()),
        "textarea" => value["text"].as_array().map(one_or_all),
        _ => None,
    }
}

/// `{"text": "…", "options": […], "accept": ["a"], "answer": "accept"}`: what was chosen, as `label`. What was not accepted is bad, also
/// of spans. Of a row with a label, `{"text": "…", "label": "a", "answer": "reject"}`, the answer says whether it holds.
fn prodigy(fields: &Given<'_>) -> Option<Annotated> {
    let answer = value_of(fields, "answer")?;
    let is_of_tool = PRODIGY_KEYS.iter().any(|key| find(fields, key).is_some());
    let chosen = value_of(fields, ACCEPT).filter(|_| is_of_tool || find(fields, "options").is_some());
    let has_spans = is_of_tool && find(fields, "spans").is_some();
    let has_label = is_of_tool && find(fields, LABEL).is_some_and(|label| label.starts_with('"'));
    if chosen.is_none() && !has_spans && !has_label {
        return None;
    }
    let is_label_asked = has_label && !has_spans && chosen.is_none();
    match answer.as_str() {
        Some(ACCEPT) if is_label_asked => return Some(Annotated::Answered(Some(true))),
        Some(REJECT) if is_label_asked => return Some(Annotated::Answered(Some(false))),
        Some(_) if is_label_asked => return Some(Annotated::Answered(None)),
        Some(ACCEPT) | None => {}
        Some(answer) => return Some(Annotated::Bad(format!("its answer in Prodigy is {answer:?}, not {ACCEPT:?}"))),
    }
    let chosen = chosen?;
    let mut row = others(fields, |key| matches!(key, "options" | ACCEPT | "answer") || key.starts_with('_'));
    let label = match &chosen {
        Value::Array(list) if list.len() == 1 => list[0].to_string(),
        chosen => chosen.to_string(),
    };
    row.push((LABEL.to_owned(), label));
    Some(Annotated::Row("Prodigy's: what was chosen is the label", row))
}

/// `{"text": "…", "label.responses": ["a", "b"], "label.responses.status": […]}`, or `{"label": [{"value": "a", "status": "submitted"}]}`:
/// the answer that most people gave.
fn argilla(fields: &Given<'_>) -> Option<Annotated> {
    const RESPONSES: &str = ".responses";
    const ABOUT_RESPONSES: &str = ".responses.";
    if !fields.iter().any(|(key, value)| key.ends_with(RESPONSES) || may_be_feedback(value.get())) {
        return None;
    }
    let keys: HashSet<&str> = fields.iter().map(|(key, _)| key.as_str()).collect();
    let is_given = |value: &Value| *value != Value::Null;
    let mut row = Vec::new();
    let mut is_argilla = false;
    for (key, value) in fields {
        let stem = key.strip_suffix(RESPONSES).filter(|_| keys.contains(format!("{key}.status").as_str()));
        if let Some(stem) = stem {
            let given = serde_json::from_str::<Option<Vec<Value>>>(value.get()).ok()?.unwrap_or_default();
            row.push((stem.to_owned(), most_given(given.into_iter().filter(is_given).collect()).to_string()));
            is_argilla = true;
        } else if let Some(given) = feedback(value.get()) {
            row.push((key.clone(), most_given(given).to_string()));
            is_argilla = true;
        } else if !key.contains(ABOUT_RESPONSES) {
            row.push((key.clone(), value.get().to_owned()));
        }
    }
    is_argilla.then_some(Annotated::Row("Argilla's: of several answers the most frequent is read", row))
}

/// A quick look, which spares most lists from being read.
fn may_be_feedback(json: &str) -> bool {
    json.starts_with('[')
        && json[1..].trim_start().starts_with('{')
        && json.contains("\"user_id\"")
        && json.contains("\"status\"")
}

/// The values of `[{"user_id": "…", "value": "a", "status": "submitted"}]`.
fn feedback(json: &str) -> Option<Vec<Value>> {
    if !may_be_feedback(json) {
        return None;
    }
    let answers: Vec<Map<String, Value>> = serde_json::from_str(json).ok()?;
    let is_answer =
        |answer: &Map<String, Value>| ["value", "status", "user_id"].iter().all(|key| answer.contains_key(*key));
    if answers.is_empty() || !answers.iter().all(is_answer) {
        return None;
    }
    let submitted = answers.into_iter().filter(|answer| answer["status"] == "submitted");
    Some(submitted.map(|mut answer| answer.remove("value").unwrap_or_default()).collect())
}

/// The most frequent value, the first of equals; null without any.
fn most_given(values: Vec<Value>) -> Value {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for value in &values {
        *counts.entry(value.to_string()).or_default() += 1;
    }
    let most = counts.values().max();
    values.into_iter().find(|value| counts.get(&value.to_string()) == most).unwrap_or_default()
}

/// `{"content": "…", "annotation": {"labels": ["a"]}, "extras": null}`, or with spans, the last character of which counts:
/// `[{"label": ["a"], "points": [{"start": 0, "end": 3}]}]`.
fn dataturks(fields: &Given<'_>) -> Option<Annotated> {
    let annotation = value_of(fields, "annotation")?;
    let text = find(fields, "content").filter(|text| text.starts_with('"'))?;
    let has_extras = find(fields, "extras").is_some();
    if !has_extras && find(fields, "metadata").is_none() {
        return None;
    }
    // Any other is a plain column of that name; so may be one that says nothing.
    let is_of_tool = match &annotation {
        Value::Object(answer) => answer.contains_key("label") || answer.contains_key("labels"),
        Value::Array(spans) => has_extras || !spans.is_empty(),
        Value::Null => has_extras,
        _ => false,
    };
    if !is_of_tool {
        return None;
    }
    let labels = |value: &Value| match value.get("label").or_else(|| value.get("labels")) {
        Some(Value::Array(all)) => all.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    let answer = match &annotation {
        Value::Null => None,
        Value::Array(spans) => {
            let mut all = Vec::new();
            for span in spans {
                for point in span["points"].as_array()? {
                    let (start, end) = (point["start"].as_u64()?, point["end"].as_u64()?.checked_add(1)?);
                    all.extend(labels(span).iter().map(|label| json!({ "start": start, "end": end, "label": label })));
                }
            }
            Some(("entities", Value::Array(all)))
        }
        answer => match labels(answer) {
            all if all.len() == 1 => Some(("label", all[0].clone())),
            all => Some(("label", Value::Array(all))),
        },
    };
    let answer = answer.map(|(key, value)| (key.to_owned(), value.to_string()));
    let row = std::iter::once(("text".to_owned(), text.to_owned())).chain(answer).collect();
    Some(Annotated::Row("Dataturks': of each its text and its annotation are read", row))
}

/// `{"query": "…", "pos": ["…"], "neg": ["…", "…"]}`: the first of each list.
fn flag_embedding(fields: &Given<'_>) -> Option<Annotated> {
    find(fields, "query").filter(|text| text.starts_with('"'))?;
    let first = |key: &str| -> Option<String> {
        let texts: Vec<String> = serde_json::from_str(find(fields, key)?).ok()?;
        Some(texts.first().map_or(Value::Null, |text| Value::from(text.as_str())).to_string())
    };
    let mut row = others(fields, |key| matches!(key, "pos" | "neg"));
    let (positive, negative) = (first("pos")?, first("neg")?);
    row.push(("pos".to_owned(), positive));
    // Rows that have none are pairs.
    if negative != "null" {
        row.push(("neg".to_owned(), negative));
    }
    Some(Annotated::Row("FlagEmbedding's: of the texts of pos and of neg the first is read", row))
}

#[cfg(test)]
mod tests {
    use super::super::item::{Item, first_value};
    use super::*;

    /// The row as one line, or why it is bad; `None` of an object that is no tool's.
    fn row(object: &str) -> Option<String> {
        let (Item::Object(fields), _) = first_value(object).expect("JSON") else { panic!("no object") };
        Some(match read(&fields)? {
            Annotated::Row(_, row) => {
                row.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
            }
            Annotated::Answered(holds) => format!("its label holds: {holds:?}"),
            Annotated::Bad(reason) => reason,
        })
    }

    #[test]
    fn tasks_of_label_studio_are_their_data_and_the_first_annotation() {
        let task = |result: &str| {
            format!(
                r#"{{"id": 1, "data": {{"text": "a b"}},
                "annotations": [{{"was_cancelled": true, "result": []}}, {{"result": [{result}]}}]}}"#
            )
        };
        let choice = |choices: &str| {
            task(&format!(
                r#"{{"from_name": "mood", "to_name": "text", "type": "choices", "value": {{"choices": {choices}}}}}"#
            ))
        };
        assert_eq!(row(&choice(r#"["good"]"#)).as_deref(), Some(r#"text="a b" mood="good""#));
        assert_eq!(row(&choice(r#"["x", "y"]"#)).as_deref(), Some(r#"text="a b" mood=["x","y"]"#));
        let span = |start: usize| {
            format!(
                r#"{{"from_name": "label", "type": "labels", "value": {{"start": {start}, "end": 3, "text": "b", "labels": ["X"]}}}}"#
            )
        };
        let spans = row(&task(&format!("{}, {}", span(0), span(2)))).expect("a task");
        assert_eq!(spans, r#"text="a b" label=[{"start":0,"end":3,"label":"X"},{"start":2,"end":3,"label":"X"}]"#);
        assert_eq!(row(&task("")).as_deref(), Some(r#"text="a b""#), "it has no label yet");
        assert_eq!(row(r#"{"data": "x", "annotations": []}"#), None);
    }

    #[test]
    fn choices_of_prodigy_are_labels_and_what_is_rejected_is_bad() {
        let choice = |answer: &str| {
            format!(
                r#"{{"text": "a", "_task_hash": 1, "options": [{{"id": "X"}}], "accept": ["X"], "answer": "{answer}"}}"#
            )
        };
        assert_eq!(row(&choice("accept")).as_deref(), Some(r#"text="a" label="X""#));
        let rejected = r#"its answer in Prodigy is "reject", not "accept""#;
        assert_eq!(row(&choice("reject")).as_deref(), Some(rejected));
        assert_eq!(
            row(r#"{"text": "a", "_task_hash": 1, "spans": [], "answer": "reject"}"#).as_deref(),
            Some(rejected)
        );
        for plain in [
            r#"{"text": "a", "_task_hash": 1, "spans": [], "answer": "accept"}"#,
            r#"{"text": "a", "label": "X", "answer": "reject"}"#,
            r#"{"question": "a", "answer": "b", "accept": true}"#,
        ] {
            assert_eq!(row(plain), None, "{plain}");
        }
    }

    #[test]
    fn labels_that_prodigy_asked_for_hold_where_they_were_accepted() {
        let answered = |answer: &str| {
            row(&format!(
                r#"{{"text": "a", "label": "X", "_view_id": "classification", "_input_hash": 3, "answer": "{answer}"}}"#
            ))
        };
        assert_eq!(answered("accept").as_deref(), Some("its label holds: Some(true)"));
        assert_eq!(answered("reject").as_deref(), Some("its label holds: Some(false)"));
        assert_eq!(answered("ignore").as_deref(), Some("its label holds: None"));
    }

    #[test]
    fn records_of_argilla_have_the_answer_that_most_gave() {
        let record = r#"{"text": "a", "label.responses": ["x", "y", "y"], "label.responses.users": [], "label.responses.status": [],
            "label.suggestion": "z"}"#;
        assert_eq!(row(record).as_deref(), Some(r#"text="a" label="y" label.suggestion="z""#));
        let none = r#"{"text": "a", "label.responses": null, "label.responses.status": null}"#;
        assert_eq!(row(none).as_deref(), Some(r#"text="a" label=null"#));
        let answer =
            |value: &str, status: &str| format!(r#"{{"user_id": "u", "value": "{value}", "status": "{status}"}}"#);
        let older =
            format!(r#"{{"text": "a", "label": [{}, {}]}}"#, answer("x", "discarded"), answer("y", "submitted"));
        assert_eq!(row(&older).as_deref(), Some(r#"text="a" label="y""#));
        assert_eq!(row(r#"{"text": "a", "turns": [{"from": "x", "value": "y"}], "b.responses": []}"#), None);
    }

    #[test]
    fn dataturks_counts_the_last_character_of_a_span() {
        let spans = r#"{"content": "Ann left", "annotation": [{"label": ["N"], "points": [{"start": 0, "end": 2}]}], "extras": null}"#;
        assert_eq!(row(spans).as_deref(), Some(r#"text="Ann left" entities=[{"start":0,"end":3,"label":"N"}]"#));
        let label = r#"{"content": "a", "annotation": {"notes": "", "labels": ["X"]}, "extras": null}"#;
        assert_eq!(row(label).as_deref(), Some(r#"text="a" label="X""#));
        let unlabeled = r#"{"content": "a", "annotation": null, "extras": null}"#;
        assert_eq!(row(unlabeled).as_deref(), Some(r#"text="a""#));
        for plain in [
            r#"{"content": "a", "annotation": "x"}"#,
            r#"{"content": "a", "annotation": "x", "metadata": {"b": 1}}"#,
            r#"{"content": "a", "annotation": null, "metadata": {"b": 1}}"#,
            r#"{"content": "a", "annotation": ["x"], "extras": null}"#,
        ] {
            assert_eq!(row(plain), None, "{plain}");
        }
    }

    #[test]
    fn of_lists_of_texts_the_first_is_read() {
        let lists = r#"{"query": "q", "pos": ["a", "b"], "neg": ["c"], "type": "x"}"#;
        assert_eq!(row(lists).as_deref(), Some(r#"query="q" type="x" pos="a" neg="c""#));
        let none = r#"{"query": "q", "pos": ["a"], "neg": []}"#;
        assert_eq!(row(none).as_deref(), Some(r#"query="q" pos="a""#));
        let plain =
            [r#"{"query": "q", "pos": "a", "neg": "b"}"#, r#"{"query": "q", "pos": ["a"]}"#, r#"{"pos": ["a"]}"#];
        for plain in plain {
            assert_eq!(row(plain), None, "{plain}");
        }
    }

    #[test]
    fn several_choices_alone_are_a_list() {
        assert_eq!(choices(r#"{"choices": ["a", "b"]}"#).as_deref(), Some(r#"["a","b"]"#));
        for other in [r#"{"choices": "a"}"#, r#"{"choices": ["a"], "b": 1}"#, r#"{"a": 1}"#, r#"["choices"]"#] {
            assert_eq!(choices(other), None, "{other}");
        }
    }
}
