//! A conversation's JSON to turns: OpenAI's `[{"role", "content"}]` and ShareGPT's `[{"from", "value"}]`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Says how to behave.
    System,
    /// Asks.
    User,
    /// Answers; what it says is learned.
    Assistant,
    /// What a tool gave back.
    Tool,
}

impl Role {
    /// A role by any of its names.
    fn parse(name: &str) -> Option<Self> {
        match name.trim().to_lowercase().as_str() {
            "system" | "developer" => Some(Self::System),
            "user" | "human" | "prompter" => Some(Self::User),
            "assistant" | "gpt" | "bot" | "model" | "ai" | "chatgpt" => Some(Self::Assistant),
            "tool" | "function" | "observation" => Some(Self::Tool),
            _ => None,
        }
    }
}

/// What one side says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Reads a conversation up to the assistant's last turn; says what is wrong with it.
pub(super) fn parse_turns(json: &str) -> Result<Vec<Turn>, String> {
    let value: Value = serde_json::from_str(json).map_err(|error| format!("the conversation is not JSON: {error}"))?;
    let Value::Array(items) = value else { return Err("the conversation is not a list of turns".into()) };
    let turn =
        |(index, item): (usize, &Value)| parse_turn(item).map_err(|reason| format!("turn {}: {reason}", index + 1));
    let mut turns = items.iter().enumerate().map(turn).collect::<Result<Vec<Turn>, String>>()?;
    let Some(last) = turns.iter().rposition(|turn| turn.role == Role::Assistant) else {
        return Err("no turn is the assistant's: there is nothing to learn from".into());
    };
    turns.truncate(last + 1);
    let empty = |turn: &Turn| turn.role == Role::Assistant && turn.content.trim().is_empty();
    match turns.iter().position(empty) {
        Some(index) => Err(format!("turn {}: the assistant says nothing", index + 1)),
        None => Ok(turns),
    }
}

fn parse_turn(item: &Value) -> Result<Turn, String> {
    let field = |names: [&str; 2]| names.into_iter().find_map(|name| item.get(name));
    let Some(name) = field(["role", "from"]).and_then(Value::as_str) else {
        return Err("it does not say who speaks (\"role\" or \"from\")".into());
    };
    let Some(role) = Role::parse(name) else {
        return Err(format!("the role {name:?} is unknown; known are system, user, assistant and tool"));
    };
    let content = match field(["content", "value"]) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => joined(parts)?,
        Some(Value::Null) | None if item.get("tool_calls").is_some() => {
            return Err("it calls a tool, which can't be learned here".into());
        }
        _ => return Err("it has no text (\"content\" or \"value\")".into()),
    };
    Ok(Turn { role, content })
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

    fn turn(role: Role, content: &str) -> Turn {
        Turn { role, content: content.into() }
    }

    #[test]
    fn both_spellings_are_read_up_to_the_last_answer() {
        let expected = [turn(Role::System, "s"), turn(Role::User, "q"), turn(Role::Assistant, "a")];
        let openai = r#"[{"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "q"}]},
            {"role": "assistant", "content": "a", "weight": 1}, {"role": "user", "content": "unanswered"}]"#;
        assert_eq!(parse_turns(openai).expect("good turns"), expected);
        let sharegpt =
            r#"[{"from": "system", "value": "s"}, {"from": "human", "value": "q"}, {"from": "GPT", "value": "a"}]"#;
        assert_eq!(parse_turns(sharegpt).expect("good turns"), expected);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_turn() {
        let reason = |json: &str| parse_turns(json).expect_err("a bad conversation");
        assert!(reason("[{\"role\"").starts_with("the conversation is not JSON: EOF"));
        assert_eq!(reason("\"hello\""), "the conversation is not a list of turns");
        assert_eq!(reason("[]"), "no turn is the assistant's: there is nothing to learn from");
        assert!(reason(r#"[{"role": "user", "content": "q"}]"#).starts_with("no turn is the assistant's"));
        let unknown = r#"[{"role": "user", "content": "q"}, {"role": "narrator", "content": "a"}]"#;
        assert!(reason(unknown).starts_with("turn 2: the role \"narrator\" is unknown"));
        let empty = r#"[{"role": "user", "content": "q"}, {"role": "assistant", "content": " "}]"#;
        assert_eq!(reason(empty), "turn 2: the assistant says nothing");
        assert!(reason(r#"[{"content": "q"}]"#).starts_with("turn 1: it does not say who speaks"));
        assert!(reason(r#"[{"role": "user"}]"#).starts_with("turn 1: it has no text"));
        let call = r#"[{"role": "assistant", "content": null, "tool_calls": []}]"#;
        assert_eq!(reason(call), "turn 1: it calls a tool, which can't be learned here");
    }

    proptest! {
        #[test]
        fn no_json_like_text_panics(text in "([\\[\\]{}:,]|\"role\"|\"content\"|\"assistant\"|1|null){0,40}") {
            let _ = parse_turns(&text);
        }
    }
}
