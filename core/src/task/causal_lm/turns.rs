//! A conversation's JSON to turns: OpenAI's `[{"role", "content"}]` and ShareGPT's `[{"from", "value"}]`, and such with `text`; and
//! objects with a text for each side, `[{"human", "assistant"}]`. A null is no key, except for `content`.

use serde_json::{Map, Value};

use crate::data::read_literal;
use crate::tokenizer::{CALL_KEYS, Role, Turn, WEIGHT_KEY};

/// What other programs call the key that says whether an assistant's turn is learned: Axolotl's, and that of ms-swift.
const LEARNED_KEYS: [&str; 3] = ["train", "training", "loss"];

/// Whether a conversation is a list of plain texts, which does not say who speaks.
pub(super) fn has_no_roles(json: &str) -> bool {
    json.trim_start().strip_prefix('[').is_some_and(|inside| inside.trim_start().starts_with(['"', '\'']))
}

/// Reads a conversation up to the assistant's last turn, and whether there was more; says what is wrong with it.
pub(super) fn parse_turns(json: &str) -> Result<(Vec<Turn>, bool), String> {
    up_to_last_answer(parse_list(json)?)
}

/// Reads a prompt and its completion, each a list of turns or a text, which is the user's or the assistant's: up to the
/// assistant's last turn, and whether there was more. Only what the assistant says in the completion is learned.
pub(super) fn parse_pair(prompt: TurnsOrText, completion: TurnsOrText) -> Result<(Vec<Turn>, bool), String> {
    let turns = |part: TurnsOrText, name: &str, role: Role| match part {
        TurnsOrText::Turns(json) => parse_list(&json).map_err(|reason| format!("the {name}: {reason}")),
        TurnsOrText::Text(text) => Ok(vec![Turn::new(role, text)]),
    };
    let mut all = turns(prompt, "prompt", Role::User)?;
    for turn in all.iter_mut().filter(|turn| turn.role == Role::Assistant) {
        turn.extra.insert(WEIGHT_KEY.into(), 0.into());
    }
    let completion = turns(completion, "completion", Role::Assistant)?;
    if !completion.iter().any(|turn| turn.role == Role::Assistant) {
        return Err("no turn of the completion is the assistant's: there is nothing to learn from".into());
    }
    all.extend(completion);
    up_to_last_answer(all)
}

/// A part of a row: a list of turns as JSON, or a text.
pub(super) enum TurnsOrText {
    Turns(String),
    Text(String),
}

fn parse_list(json: &str) -> Result<Vec<Turn>, String> {
    let value = serde_json::from_str(json).or_else(|error| {
        // As pandas writes a column of lists into a CSV file.
        read_literal(json).ok_or_else(|| format!("the conversation is not JSON: {error}"))
    })?;
    let Value::Array(items) = value else { return Err("the conversation is not a list of turns".into()) };
    if items.len() > 1 && items.iter().all(Value::is_string) {
        // Plain texts, of which the user's is the first: so DailyDialog has them.
        let roles = [Role::User, Role::Assistant].into_iter().cycle();
        return Ok(roles.zip(items).map(|(role, text)| Turn::new(role, text.as_str().unwrap_or_default())).collect());
    }
    let turns = |(index, item): (usize, Value)| match sides_of(&item) {
        Some(turns) => Ok(turns),
        None => parse_turn(item).map(|turn| vec![turn]).map_err(|reason| format!("turn {}: {reason}", index + 1)),
    };
    let all = items.into_iter().enumerate().map(turns).collect::<Result<Vec<Vec<Turn>>, String>>()?;
    Ok(all.into_iter().flatten().collect())
}

/// The turns of an object that has a text for each side under its name, as Firefly and XTuner have them: `{"human": "…", "assistant":
/// "…"}`, `{"system": "…", "input": "…", "output": "…"}`. `None` where it is something else.
fn sides_of(item: &Value) -> Option<Vec<Turn>> {
    let mut sides: [Option<&str>; 3] = [None; 3];
    for (key, value) in item.as_object()?.iter().filter(|(_, value)| !value.is_null()) {
        let place = match Role::parse(key)? {
            Role::System => 0,
            Role::User => 1,
            Role::Assistant => 2,
            Role::Tool => return None,
        };
        if sides[place].replace(value.as_str()?).is_some() {
            return None;
        }
    }
    let [system, Some(user), Some(assistant)] = sides else { return None };
    let system = system.filter(|text| !text.trim().is_empty()).map(|text| Turn::new(Role::System, text));
    Some(system.into_iter().chain([Turn::new(Role::User, user), Turn::new(Role::Assistant, assistant)]).collect())
}

/// The turns up to the assistant's last one, and whether there were more; says what is wrong with them.
fn up_to_last_answer(mut turns: Vec<Turn>) -> Result<(Vec<Turn>, bool), String> {
    let Some(last) = turns.iter().rposition(|turn| turn.role == Role::Assistant) else {
        return Err("no turn is the assistant's: there is nothing to learn from".into());
    };
    let has_more = last + 1 < turns.len();
    turns.truncate(last + 1);
    if let Some(index) = turns.iter().position(|turn| turn.has_loss() && turn.is_empty()) {
        return Err(format!("turn {}: the assistant says nothing", index + 1));
    }
    if !turns.iter().any(Turn::has_loss) {
        return Err("every turn of the assistant's has the weight 0 (or train: false, loss: false): there is nothing to learn from".into());
    }
    Ok((turns, has_more))
}

fn parse_turn(item: Value) -> Result<Turn, String> {
    let Value::Object(mut keys) = item else { return Err("it is not an object".into()) };
    let name = match keys.shift_remove("role") {
        Some(Value::String(name)) => Some(name),
        _ => keys.shift_remove("from").and_then(|name| name.as_str().map(str::to_owned)),
    };
    let name = name.ok_or("it does not say who speaks (\"role\" or \"from\")")?;
    let Some(role) = Role::parse(&name) else {
        return Err(format!("the role {name:?} is unknown; known are system, user, assistant and tool"));
    };
    let content = keys.shift_remove("content");
    let content = content.or_else(|| keys.shift_remove("value")).or_else(|| keys.shift_remove("text"));
    let is_null = content == Some(Value::Null);
    let calls = CALL_KEYS.iter().any(|key| keys.get(*key).is_some_and(|calls| !calls.is_null()));
    let text = match content {
        Some(Value::String(text)) => Some(text),
        Some(Value::Array(parts)) => Some(joined(&parts)?),
        Some(Value::Null) | None if calls => None,
        _ => return Err("it has no text (\"content\", \"value\" or \"text\")".into()),
    };
    keys.retain(|_, value| !value.is_null());
    name_weight(role, &mut keys);
    match keys.get(WEIGHT_KEY).map(Value::as_f64) {
        None | Some(Some(0.0 | 1.0)) => {}
        Some(_) => return Err(format!("its weight is {}, which is neither 0 nor 1", keys[WEIGHT_KEY])),
    }
    // A call without a text is not a call with an empty one: templates tell them apart.
    match &text {
        None if is_null => keys.insert("content".into(), Value::Null),
        Some(text) if calls && text.is_empty() => keys.insert("content".into(), Value::String(String::new())),
        _ => None,
    };
    let name = name.trim();
    let role_name = matches!(role, Role::System | Role::Tool) && name != role.name();
    Ok(Turn { role, role_name: role_name.then(|| name.to_owned()), content: text.unwrap_or_default(), extra: keys })
}

/// Makes the key by which other programs say whether a turn is learned our own. Only answers are; of other turns a no is no news, and a
/// yes stays, so that it is said that nothing comes of it.
fn name_weight(role: Role, keys: &mut Map<String, Value>) {
    if keys.contains_key(WEIGHT_KEY) {
        return;
    }
    let truth = |value: &Value| match value {
        Value::String(text) => text.trim().to_lowercase().parse::<bool>().ok(),
        value => value.as_bool().or(value.as_f64().map(|number| number != 0.0)),
    };
    let found = LEARNED_KEYS.iter().find_map(|name| Some((*name, truth(keys.get(*name)?)?)));
    let Some((name, is_learned)) = found else { return };
    if role == Role::Assistant || !is_learned {
        keys.shift_remove(name);
    }
    if role == Role::Assistant {
        keys.insert(WEIGHT_KEY.into(), i32::from(is_learned).into());
    }
}

/// The text of content that comes in parts.
fn joined(parts: &[Value]) -> Result<String, String> {
    let text = |part: &Value| match part {
        Value::String(text) => Ok(text.clone()),
        part => match part.get("text").and_then(Value::as_str) {
            Some(text) => Ok(text.to_owned()),
            None => Err("a part of it is not text".to_owned()),
        },
    };
    parts.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn turns(json: &str) -> Vec<Turn> {
        parse_turns(json).expect("good turns").0
    }

    #[test]
    fn both_spellings_are_read_up_to_the_last_answer() {
        let expected = [Turn::new(Role::System, "s"), Turn::new(Role::User, "q"), Turn::new(Role::Assistant, "a")];
        let openai = r#"[{"role": "system", "content": "s", "name": null},
            {"role": "user", "content": [{"type": "text", "text": "q"}]},
            {"role": "assistant", "content": "a"}, {"role": "user", "content": "unanswered"}]"#;
        assert_eq!(parse_turns(openai).expect("good turns"), (expected.to_vec(), true));
        let sharegpt =
            r#"[{"from": "system", "value": "s"}, {"from": "human", "value": "q"}, {"from": "GPT", "value": "a"}]"#;
        assert_eq!(parse_turns(sharegpt).expect("good turns"), (expected.to_vec(), false));
        let literal =
            "[{'from': 'system', 'value': 's'} {'from': 'human', 'value': \"q\"}, {'from': 'gpt', 'value': 'a'}]";
        assert_eq!(
            parse_turns(literal).expect("good turns"),
            (expected.to_vec(), false),
            "as Python or NumPy print it"
        );
        let texts = sharegpt.replace("value", "text");
        assert_eq!(parse_turns(&texts).expect("good turns"), (expected.to_vec(), false));
    }

    #[test]
    fn objects_with_a_text_for_each_side_are_two_turns_or_three() {
        let expected = [Turn::new(Role::System, "s"), Turn::new(Role::User, "q"), Turn::new(Role::Assistant, "a")];
        let xtuner = r#"[{"system": "s", "input": "q", "output": "a"}, {"input": "q", "output": "a", "system": null}]"#;
        assert_eq!(turns(xtuner), [&expected[..], &expected[1..]].concat());
        assert_eq!(turns(r#"[{"assistant": "a", "human": "q", "system": ""}]"#), expected[1..]);
        let reason = |json: &str| parse_turns(json).expect_err("it is no pair");
        for json in
            [r#"[{"human": "q", "user": "q", "gpt": "a"}]"#, r#"[{"human": "q"}]"#, r#"[{"human": 1, "gpt": "a"}]"#]
        {
            assert!(reason(json).starts_with("turn 1: it does not say who speaks"), "{json}");
        }
    }

    #[test]
    fn what_a_turn_holds_beside_its_text_is_kept() {
        let json = r#"[{"role": "developer", "content": "s"}, {"role": "user", "content": "q", "name": "Ann"},
            {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
            {"role": "ipython", "content": "4", "tool_call_id": "c1"},
            {"role": "assistant", "reasoning_content": "hm", "content": "a"}]"#;
        let turns = turns(json);
        assert_eq!((turns[0].role, turns[0].role_name.as_deref()), (Role::System, Some("developer")));
        assert_eq!(turns[1].extra["name"], "Ann");
        assert_eq!((turns[2].content.as_str(), &turns[2].extra["content"]), ("", &Value::Null));
        assert_eq!(turns[2].extra["tool_calls"][0]["function"]["arguments"], "{}");
        assert_eq!((turns[3].role, turns[3].role_name.as_deref()), (Role::Tool, Some("ipython")));
        assert_eq!((turns[4].content.as_str(), &turns[4].extra["reasoning_content"]), ("a", &Value::from("hm")));
        let message = |turn: &Turn, name: &str| Value::Object(turn.to_message(name)).to_string();
        assert_eq!(message(&turns[3], "tool"), r#"{"role":"tool","content":"4","tool_call_id":"c1"}"#);
        assert!(message(&turns[2], "assistant").starts_with(r#"{"role":"assistant","content":null,"tool_calls":[{"#));
        let page = serde_json::to_string(&Turn::new(Role::User, "q")).expect("plain values");
        assert_eq!(page, r#"{"role":"user","content":"q"}"#);
        assert_eq!(serde_json::from_str::<Turn>(&page).expect("its own JSON"), Turn::new(Role::User, "q"));
    }

    #[test]
    fn a_weight_says_what_is_learned() {
        let json = |first: &str, last: &str| {
            format!(
                r#"[{{"role": "user", "content": "q"}}, {{"role": "assistant", "content": "", "weight": {first}}},
                {{"role": "user", "content": "q"}}, {{"role": "assistant", "content": "a", "weight": {last}}}]"#
            )
        };
        let learned: Vec<bool> = turns(&json("0", "1")).iter().map(Turn::has_loss).collect();
        assert_eq!(learned, [false, false, false, true]);
        let reason = |json: &str| parse_turns(json).expect_err("a bad weight");
        assert!(reason(&json("0", "0.0")).starts_with("every turn of the assistant's has the weight 0"));
        assert_eq!(reason(&json("0", "0.5")), "turn 4: its weight is 0.5, which is neither 0 nor 1");
        assert_eq!(reason(&json("1", "1")), "turn 2: the assistant says nothing");
    }

    #[test]
    fn other_programs_call_the_weight_otherwise() {
        for (no, yes) in [
            ("\"train\": false", "\"train\": true"),
            ("\"loss\": 0", "\"loss\": 1"),
            ("\"training\": false", "\"train\": 1"),
            ("\"train\": \"False\"", "\"train\": \"true\""),
        ] {
            let json = format!(
                r#"[{{"role": "user", "content": "q", {no}}}, {{"role": "assistant", "content": "", {no}}},
                {{"role": "user", "content": "q", {yes}}}, {{"role": "assistant", "content": "a", {yes}}}]"#
            );
            let turns = turns(&json);
            let learned: Vec<bool> = turns.iter().map(Turn::has_loss).collect();
            assert_eq!(learned, [false, false, false, true], "{no}");
            assert!(turns[0].extra.is_empty() && turns[2].extra.len() == 1, "{turns:?}");
            let keys: Vec<&String> = turns[1].extra.keys().chain(turns[3].extra.keys()).collect();
            assert_eq!(keys, ["weight", "weight"]);
        }
        let both = turns(r#"[{"role": "assistant", "content": "a", "weight": 1, "loss": false}]"#);
        assert!(both[0].has_loss() && both[0].extra.contains_key("loss"), "ours goes before, and the other is said");
    }

    #[test]
    fn only_the_completion_of_a_pair_is_learned() {
        let list = |json: &str| TurnsOrText::Turns(json.into());
        let prompt = r#"[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
            {"role": "user", "content": "and?"}]"#;
        let completion = r#"[{"role": "assistant", "content": "b"}]"#;
        let (turns, has_more) = parse_pair(list(prompt), list(completion)).expect("good turns");
        assert_eq!(turns.iter().map(Turn::has_loss).collect::<Vec<_>>(), [false, false, false, true]);
        assert!(!has_more);
        let (turns, _) = parse_pair(list(prompt), TurnsOrText::Text("b".into())).expect("good turns");
        assert_eq!(turns[3], Turn::new(Role::Assistant, "b"));
        let text = |text: &str| TurnsOrText::Text(text.into());
        let reason = |prompt, completion| parse_pair(prompt, completion).expect_err("a bad pair");
        assert!(reason(list("{}"), text("b")).starts_with("the prompt: the conversation is not a list"));
        let unanswered = r#"[{"role": "user", "content": "q"}]"#;
        assert!(reason(text("q"), list(unanswered)).starts_with("no turn of the completion is the assistant's"));
    }

    #[test]
    fn plain_texts_are_turns_in_turn() {
        let (turns, has_more) = parse_turns(r#"["hello", "hi", "how are you?"]"#).expect("good turns");
        assert_eq!(turns, [Turn::new(Role::User, "hello"), Turn::new(Role::Assistant, "hi")]);
        assert!(has_more && has_no_roles("[ \"hello\", \"hi\"]") && has_no_roles("['hello', 'hi']"));
        assert!(!has_no_roles(r#"[{"role": "user"}]"#));
        assert_eq!(parse_turns(r#"["hello"]"#).expect_err("no answer"), "turn 1: it is not an object");
    }

    #[test]
    fn what_is_wrong_is_said_with_the_turn() {
        let reason = |json: &str| parse_turns(json).expect_err("a bad conversation");
        assert!(reason("[{\"role\"").starts_with("the conversation is not JSON: EOF"));
        assert_eq!(reason("\"hello\""), "the conversation is not a list of turns");
        assert_eq!(reason("[1]"), "turn 1: it is not an object");
        assert_eq!(reason("[]"), "no turn is the assistant's: there is nothing to learn from");
        assert!(reason(r#"[{"role": "user", "content": "q"}]"#).starts_with("no turn is the assistant's"));
        let unknown = r#"[{"role": "user", "content": "q"}, {"role": "narrator", "content": "a"}]"#;
        assert!(reason(unknown).starts_with("turn 2: the role \"narrator\" is unknown"));
        let empty = r#"[{"role": "user", "content": "q"}, {"role": "assistant", "content": " "}]"#;
        assert_eq!(reason(empty), "turn 2: the assistant says nothing");
        assert!(reason(r#"[{"content": "q"}]"#).starts_with("turn 1: it does not say who speaks"));
        assert!(reason(r#"[{"role": "user"}]"#).starts_with("turn 1: it has no text"));
        let nothing = r#"[{"role": "assistant", "content": null, "tool_calls": []}]"#;
        assert_eq!(reason(nothing), "turn 1: the assistant says nothing");
    }

    proptest! {
        #[test]
        fn no_json_like_text_panics(
            text in "([\\[\\]{}:,]|\"role\"|\"content\"|\"assistant\"|\"weight\"|\"tool_calls\"|1|null){0,40}",
        ) {
            let _ = parse_turns(&text);
        }
    }
}
