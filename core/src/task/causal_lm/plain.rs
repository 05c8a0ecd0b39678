//! Conversations before there is a model, and so no chat template: written plainly, to be looked at.

use serde_json::{Map, Value};

use crate::tokenizer::{Conversation, Piece, RenderedConversation, Turn};

/// Writes a conversation with its speakers' names and all that stands beside the words.
///
/// # Errors
/// Never: a chat template may fail, and this takes its place.
pub(super) fn write_plainly(conversation: &Conversation) -> Result<RenderedConversation, String> {
    let json = |fields: Map<String, Value>| match fields.is_empty() {
        true => String::new(),
        false => Value::from(fields).to_string(),
    };
    let beside = Piece { text: json(conversation.variables.clone()), has_loss: false };
    let piece = |turn: &Turn| {
        let mut message = turn.to_message(turn.role.name());
        message.retain(|key, _| key != "role" && key != "content");
        let text = format!("{}: {}{}\n", turn.role.name(), turn.content, json(message));
        Piece { text, has_loss: turn.has_loss() }
    };
    Ok(RenderedConversation {
        pieces: std::iter::once(beside).chain(conversation.turns.iter().map(piece)).collect(),
        only_last: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::Role;

    #[test]
    fn speakers_are_named_and_only_answers_are_learned() {
        let mut conversation =
            Conversation::from(vec![Turn::new(Role::User, "Hi"), Turn::new(Role::Assistant, "Hello")]);
        conversation.turns[1].extra.insert("mood".into(), "good".into());
        let rendered = write_plainly(&conversation).expect("it never fails");
        let pieces: Vec<(&str, bool)> =
            rendered.pieces.iter().map(|piece| (piece.text.as_str(), piece.has_loss)).collect();
        let answer = "assistant: Hello{\"mood\":\"good\"}\n";
        assert_eq!(pieces, [("", false), ("user: Hi\n", false), (answer, true)]);
    }
}
