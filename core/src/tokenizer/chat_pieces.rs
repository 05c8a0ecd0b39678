//! Which parts of a conversation the assistant says: a chat template writes it, and the parts are found in the text.
//!
//! In: a conversation and its template. Out: the text in pieces, as `apply_chat_template` writes it whole. Where the
//! template marks what is learned (`{% generation %}`), that is learned. Else a conversation is written up to each of
//! the assistant's turns, without it and with it, and what the turn adds is learned, provided that each writing begins
//! with the one before. Where it does not (templates of thinking models write earlier turns differently once later
//! ones are there), only the last answer is learned, after the history as the template writes it then.

use std::ops::Range;

use hone_templates::{MARKS, TemplateValue};

use super::chat_template::{ChatError, ChatTemplate, TemplateInput};
use super::conversation::{Conversation, Piece, RenderedConversation, Role, Turn};

/// Turns up to which a conversation is written once for each of the assistant's turns: beyond, that is too much work.
const MAX_REWRITTEN_TURNS: usize = 128;

/// Around the number of a turn that stands for its text: characters that no text has.
const STAND_IN: [char; 2] = ['\u{fdd2}', '\u{fdd3}'];

/// A text, and what is learned of it.
type Learned = (String, Vec<Range<usize>>);

impl ChatTemplate {
    /// The text of a conversation up to the assistant's last turn that is learned, in pieces: what the assistant says
    /// (with the token that ends its turn) carries loss, unless the turn's weight is 0; everything else does not.
    ///
    /// # Errors
    /// When there is no assistant's turn to learn or nothing before the first, when the template refuses the
    /// conversation or asks for too much, or when the last answer can't be told from what stands before it.
    pub fn pieces(&self, conversation: &Conversation) -> Result<RenderedConversation, ChatError> {
        let last = conversation.turns.iter().rposition(Turn::has_loss).ok_or(ChatError::NoAssistant)?;
        let turns = &conversation.turns[..=last];
        let answers: Vec<usize> = (0..=last).filter(|&index| turns[index].role == Role::Assistant).collect();
        if answers[0] == 0 {
            return Err(ChatError::NothingBefore);
        }
        let input = self.input(turns, conversation);
        let has_loss: Vec<bool> = answers.iter().map(|&index| turns[index].has_loss()).collect();
        if let Some(written) = self.tagged(&input, &has_loss)? {
            return Ok(written);
        }
        let learned = if last < MAX_REWRITTEN_TURNS {
            self.rewritten(&input, turns, &answers)?
        } else {
            self.located(&input, turns, &answers)?
        };
        if let Some((text, spans)) = learned {
            let spans = spans.into_iter().zip(has_loss);
            return Ok(RenderedConversation { pieces: in_pieces(&text, spans), only_last: false });
        }
        let unstable = ChatError::Unstable { place: self.place, turn: last + 1 };
        let whole = self.write(&input, &input.messages, false, false)?;
        let start = match self.answer_start(&input, &turns[last], last, &whole)? {
            Some(start) => start,
            None => self.text_start(&input, &turns[last], last, &whole).ok_or(unstable)?,
        };
        let spans = std::iter::once((start..whole.len(), true));
        let only_last = has_loss.iter().filter(|&&has_loss| has_loss).count() > 1;
        Ok(RenderedConversation { pieces: in_pieces(&whole, spans), only_last })
    }

    /// What stands between the tags of generation; `None` where the template has none, or they do not tell the turns.
    fn tagged(&self, input: &TemplateInput, has_loss: &[bool]) -> Result<Option<RenderedConversation>, ChatError> {
        if !self.has_generation_tags() {
            return Ok(None);
        }
        let marked = self.write(input, &input.messages, false, true)?;
        let [open, close] = MARKS;
        let (mut text, mut spans) = (String::with_capacity(marked.len()), Vec::new());
        let mut start = None;
        for part in marked.split_inclusive(MARKS) {
            text.push_str(part.trim_end_matches(MARKS));
            match (part.chars().next_back(), start) {
                (Some(mark), None) if mark == open => start = Some(text.len()),
                (Some(mark), Some(from)) if mark == close => {
                    spans.push(from..text.len());
                    start = None;
                }
                (Some(mark), _) if mark == open || mark == close => return Ok(None),
                _ => {}
            }
        }
        let tells_turns = spans.len() == has_loss.len() || has_loss.iter().all(|&has_loss| has_loss);
        if start.is_some() || !tells_turns || spans.iter().all(Range::is_empty) {
            return Ok(None);
        }
        let has_loss = has_loss.iter().copied().chain(std::iter::repeat(true));
        let spans: Vec<_> = spans.into_iter().zip(has_loss).filter(|(span, _)| !span.is_empty()).collect();
        if !spans.iter().any(|(_, has_loss)| *has_loss) {
            return Ok(None);
        }
        Ok(Some(RenderedConversation { pieces: in_pieces(&text, spans), only_last: false }))
    }

    /// Writes the conversation up to each answer; `None` where one writing does not begin with the one before.
    fn rewritten(
        &self,
        input: &TemplateInput,
        turns: &[Turn],
        answers: &[usize],
    ) -> Result<Option<Learned>, ChatError> {
        let (mut written, mut spans) = (String::new(), Vec::new());
        for &index in answers {
            let whole = self.write(input, &input.messages[..=index], false, false)?;
            if !whole.starts_with(&written) {
                return Ok(None);
            }
            match self.answer_start(input, &turns[index], index, &whole)? {
                Some(start) if start >= written.len() => spans.push(start..whole.len()),
                _ => return Ok(None),
            }
            written = whole;
        }
        Ok(Some((written, spans)))
    }

    /// Finds the answers of a long conversation by texts that stand for its turns' own; `None` where a text is not
    /// written as it stands, or three of the answers do not stand in the same frame of template's words, or are
    /// written differently once later turns are there.
    fn located(&self, input: &TemplateInput, turns: &[Turn], answers: &[usize]) -> Result<Option<Learned>, ChatError> {
        let whole = self.write(input, &input.messages, false, false)?;
        let stand_ins = turns.iter().enumerate().map(|(index, turn)| self.stand_in(turn, index));
        let outline = self.write(input, &stand_ins.collect::<Vec<_>>(), false, false)?;
        let Some(places) = places(&whole, &outline, turns) else { return Ok(None) };
        let mut frame = None;
        for index in [answers[0], answers[answers.len() / 2], answers[answers.len() - 1]] {
            let until = self.write(input, &input.messages[..=index], false, false)?;
            let Some(start) = self.answer_start(input, &turns[index], index, &until)? else { return Ok(None) };
            let place = &places[index];
            if !whole.starts_with(&until) || start > place.start || place.end > until.len() {
                return Ok(None);
            }
            let found = (&whole[start..place.start], &whole[place.end..until.len()]);
            if *frame.get_or_insert(found) != found {
                return Ok(None);
            }
        }
        let Some((before, after)) = frame else { return Ok(None) };
        let mut spans: Vec<Range<usize>> = Vec::with_capacity(answers.len());
        for &index in answers {
            let Range { start, end } = places[index];
            let is_framed = whole[..start].ends_with(before) && whole[end..].starts_with(after);
            let free = spans.last().map_or(0, |span| span.end);
            if !is_framed || start < free + before.len() {
                return Ok(None);
            }
            spans.push(start - before.len()..end + after.len());
        }
        Ok(Some((whole, spans)))
    }

    /// Where in the conversation up to an answer the answer starts: behind what opens it. Where the template opens it
    /// with more than it writes (a thought that is taken out of answers), that is behind what both have in common;
    /// `None` where the turns before are written differently.
    fn answer_start(
        &self,
        input: &TemplateInput,
        turn: &Turn,
        index: usize,
        whole: &str,
    ) -> Result<Option<usize>, ChatError> {
        let before = &input.messages[..index];
        let opened = self.write(input, before, true, false)?;
        if whole.starts_with(&opened) {
            return Ok(Some(opened.len()));
        }
        let Ok(closed) = self.write(input, before, false, false) else { return Ok(None) };
        let stand_in = [before, &[self.stand_in(turn, index)]].concat();
        let Ok(outline) = self.write(input, &stand_in, false, false) else { return Ok(None) };
        if !whole.starts_with(&closed) || !outline.starts_with(&closed) {
            return Ok(None);
        }
        let pairs = opened.char_indices().zip(outline.chars());
        let common = pairs.take_while(|((_, left), right)| left == right).last();
        let common = common.map_or(0, |((place, character), _)| place + character.len_utf8());
        if common < closed.len() {
            return Ok(None);
        }
        let end = if outline[common..].starts_with(STAND_IN[0]) {
            common
        } else {
            // What both begin with may end in the middle of a word: `<th` of `<think>` and `<thanks>`.
            let is_end = |character: char| matches!(character, '>' | ']' | ':' | '\n' | ' ');
            outline[closed.len()..common].rfind(is_end).map_or(closed.len(), |place| closed.len() + place + 1)
        };
        Ok(whole.starts_with(&outline[..end]).then_some(end))
    }

    /// Where the text of the last answer starts: what opens it stays outside. For templates that write the turns before
    /// differently once it is there (Mistral's writes a system text only before the last question).
    fn text_start(&self, input: &TemplateInput, turn: &Turn, index: usize, whole: &str) -> Option<usize> {
        let messages = [&input.messages[..index], &[self.stand_in(turn, index)]].concat();
        let outline = self.write(input, &messages, false, false).ok()?;
        let start = outline.find(STAND_IN[0])?;
        whole.starts_with(&outline[..start]).then_some(start)
    }

    /// A turn with a text that is found again in place of its own.
    fn stand_in(&self, turn: &Turn, index: usize) -> TemplateValue {
        let mut stand_in = turn.clone();
        stand_in.content = stand_in_text(index);
        stand_in.extra.shift_remove("content");
        self.message(&stand_in)
    }
}

fn stand_in_text(index: usize) -> String {
    let [open, close] = STAND_IN;
    format!("{open}{index}{close}")
}

/// Where the texts of turns stand in the whole, which is the outline with the texts, or the texts without the blanks
/// around them, in place of what stands for them.
fn places(whole: &str, outline: &str, turns: &[Turn]) -> Option<Vec<Range<usize>>> {
    let mut places = Vec::with_capacity(turns.len());
    let (first, mut outline) = outline.split_once(STAND_IN[0])?;
    let mut rest = whole.strip_prefix(first)?;
    for (index, turn) in turns.iter().enumerate() {
        outline = outline.strip_prefix(&format!("{index}{}", STAND_IN[1]))?;
        let (between, next) = outline.split_once(STAND_IN[0]).unwrap_or((outline, ""));
        let mut texts = [turn.content.as_str(), turn.content.trim()].into_iter();
        let (text, after) = texts.find_map(|text| Some((text, rest.strip_prefix(text)?.strip_prefix(between)?)))?;
        let start = whole.len() - rest.len();
        places.push(start..start + text.len());
        (rest, outline) = (after, next);
    }
    (rest.is_empty() && outline.is_empty()).then_some(places)
}

/// A text as pieces: its spans, each learned or not, and what stands before each.
fn in_pieces(text: &str, spans: impl IntoIterator<Item = (Range<usize>, bool)>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut end = 0;
    for (span, has_loss) in spans {
        pieces.push(Piece { text: text[end..span.start].to_owned(), has_loss: false });
        pieces.push(Piece { text: text[span.clone()].to_owned(), has_loss });
        end = span.end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::chat_template::tests::{
        ALTERNATING, LLAMA3, QWEN2, SMOLLM2, ZEPHYR, marked, talk, template, turns,
    };
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// The kind of Qwen3: a thought before the answers to the last question, and none before earlier ones.
    const QWEN3: &str = r#"{%- set ns = namespace(last=messages|length - 1, open=true) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.open and message.role == "user" and message.content is string %}
        {%- set ns.open = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == "assistant" %}
        {%- set thought = '' %}
        {%- set said = message.content %}
        {%- if message.reasoning_content is string %}
            {%- set thought = message.reasoning_content %}
        {%- elif '</think>' in message.content %}
            {%- set thought = message.content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
            {%- set said = message.content.split('</think>')[-1].lstrip('\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last %}
            {{- '<|im_start|>assistant\n<think>\n' + thought.strip('\n') + '\n</think>\n\n' + said.lstrip('\n') + '<|im_end|>\n' }}
        {%- else %}
            {{- '<|im_start|>assistant\n' + said + '<|im_end|>\n' }}
        {%- endif %}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\n\n</think>\n\n' }}
    {%- endif %}
{%- endif %}
"#;

    /// DeepSeek-R1's distilled models: the thought is opened for the model and taken out of every answer.
    const R1: &str = "{% for m in messages %}{% if m.role == 'user' %}{{ '<|User|>' + m.content }}\
        {% else %}{{ '<|Assistant|>' + m.content.split('</think>')[-1] + '<|end|>' }}{% endif %}{% endfor %}\
        {% if add_generation_prompt %}{{ '<|Assistant|><think>\\n' }}{% endif %}";

    fn only_last(text: &str, turns: &[Turn]) -> bool {
        template(text).pieces(&turns.to_vec().into()).expect("a good conversation").only_last
    }

    #[test]
    fn a_system_text_that_goes_once_the_answer_is_there_bars_no_conversation() {
        let system_before_the_last_question = "{%- for m in messages %}{%- if m.role == 'user' %}\
            {%- if loop.last and messages[0].role == 'system' %}[INST]{{ messages[0].content }} {{ m.content }}[/INST]\
            {%- else %}[INST]{{ m.content }}[/INST]{%- endif %}\
            {%- elif m.role == 'assistant' %} {{ m.content }}</s>{%- endif %}{%- endfor %}";
        let said = turns(&[(Role::System, "Be brief."), (Role::User, "Hi"), (Role::Assistant, "Hello!")]);
        let written = template(system_before_the_last_question).pieces(&said.into()).expect("the answer is found");
        let pieces: Vec<(&str, bool)> =
            written.pieces.iter().map(|piece| (piece.text.as_str(), piece.has_loss)).collect();
        assert_eq!(pieces, [("[INST]Hi[/INST] ", false), ("Hello!</s>", true)]);
    }

    #[test]
    fn of_a_template_that_rewrites_earlier_turns_the_last_answer_is_learned() {
        let expected = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n\
            <|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n⟦<think>\n\n</think>\n\n4<|im_end|>\n⟧";
        assert_eq!(marked(QWEN3, &talk()), expected);
        assert!(only_last(QWEN3, &talk()) && !only_last(QWEN3, &talk()[..2]) && !only_last(QWEN2, &talk()));
        let mut first_not_learned = talk();
        first_not_learned[1].extra.insert("weight".into(), json!(0));
        assert!(!only_last(QWEN3, &first_not_learned), "nothing is lost");
        let counting = "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}";
        assert!(only_last(counting, &talk()), "the count changes");
        let silent = "{{ messages | length }}";
        let error = template(silent).pieces(&talk().into()).expect_err("no answer is written");
        assert!(matches!(error, ChatError::Unstable { turn: 4, .. }), "{error}");
    }

    #[test]
    fn a_thought_is_learned_where_the_template_writes_it() {
        let mut turns = talk();
        turns[3].extra.insert("reasoning_content".into(), json!("2 and 2"));
        let text = marked(QWEN3, &turns);
        assert!(text.ends_with("<|im_start|>assistant\n⟦<think>\n2 and 2\n</think>\n\n4<|im_end|>\n⟧"), "{text}");
        assert!(!marked(QWEN2, &turns).contains("2 and 2"));
    }

    #[test]
    fn an_answer_that_is_opened_with_more_than_is_written_starts_behind_what_both_share() {
        let expected = "<|User|>Hi<|Assistant|>⟦Hello!<|end|>⟧<|User|>2+2?<|Assistant|>⟦4<|end|>⟧";
        assert_eq!(marked(R1, &talk()), expected);
        let mut tricky = talk();
        tricky[1].content = "<thing>".into();
        tricky[3].content = "<think>\nhm</think>4".into();
        let expected = "<|User|>Hi<|Assistant|>⟦<thing><|end|>⟧<|User|>2+2?<|Assistant|>⟦4<|end|>⟧";
        assert_eq!(marked(R1, &tricky), expected);
    }

    #[test]
    fn tags_of_generation_say_what_is_learned() {
        let tagged = "{% for m in messages %}{% if m.role == 'assistant' %}A:{% generation %}{{ m.content }};\n\
            {%- endgeneration %}\n{% else %}{{ messages | length }}U:{{ m.content }}\n{% endif %}{% endfor %}";
        let expected = "4U:Hi\nA:⟦Hello!;⟧4U:2+2?\nA:⟦4;⟧";
        assert_eq!(marked(tagged, &talk()), expected);
        let mut weighted = talk();
        weighted[1].extra.insert("weight".into(), json!(0));
        assert_eq!(marked(tagged, &weighted), "4U:Hi\nA:Hello!;4U:2+2?\nA:⟦4;⟧");
    }

    #[test]
    fn a_turn_of_weight_0_is_only_read() {
        let mut turns = talk();
        turns[1].extra.insert("weight".into(), json!(0));
        let text = marked(SMOLLM2, &turns);
        assert!(text.contains("\nHello!<|im_end|>") && text.ends_with("⟦4<|im_end|>\n⟧"), "{text}");
        turns[1].extra.clear();
        turns[3].extra.insert("weight".into(), json!(0.0));
        let text: String = template(SMOLLM2).pieces(&turns.into()).expect("an answer").pieces.remove(1).text;
        assert_eq!(text, "Hello!<|im_end|>\n");
    }

    #[test]
    fn calls_of_tools_are_written_as_they_stand_in_the_file() {
        let mut turns =
            turns(&[(Role::User, "2+2?"), (Role::Assistant, ""), (Role::Tool, "4"), (Role::Assistant, "4")]);
        let calls = json!([{"type": "function", "function": {"name": "add", "arguments": {"a": 2, "b": 2}}}]);
        turns[1].extra.insert("tool_calls".into(), calls);
        let mut conversation = Conversation::from(turns);
        conversation.variables.insert("tools".into(), json!([{"type": "function", "function": {"name": "add"}}]));
        let written = template(QWEN2).pieces(&conversation).expect("a good conversation").pieces;
        assert!(
            written[0].text.contains(r#"{"type": "function", "function": {"name": "add"}}"#),
            "{}",
            written[0].text
        );
        let call = "\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 2, \"b\": 2}}\n</tool_call><|im_end|>\n";
        assert!(call.ends_with(written[1].text.trim_start()), "{}", written[1].text);
        assert!(written[2].text.contains("<tool_response>\n4\n</tool_response>"), "{}", written[2].text);
        assert_eq!(written[3].text, "4<|im_end|>\n");
    }

    #[test]
    fn long_conversations_are_learned_like_short_ones_in_linear_work() {
        for text in [SMOLLM2, QWEN2, LLAMA3, ZEPHYR, ALTERNATING] {
            let long: Vec<Turn> = talk().into_iter().cycle().take(400).collect();
            let template = template(text);
            let input = template.input(&long, &Conversation::default());
            let answers: Vec<usize> = (1..long.len()).step_by(2).collect();
            let located =
                template.located(&input, &long, &answers).expect("a good conversation").expect("a plain frame");
            let (few, answers) = (&long[..40], &answers[..20]);
            let rewritten = template.rewritten(&input, few, answers).expect("good").expect("nothing is rewritten");
            assert_eq!(located.1[..20], rewritten.1);
            assert!(located.0.starts_with(&rewritten.0));
            assert!(!template.pieces(&long.into()).expect("a good conversation").only_last);
        }
        let long: Vec<Turn> = talk().into_iter().cycle().take(4000).collect();
        let written = template(QWEN3).pieces(&long.clone().into()).expect("a good conversation");
        assert!(written.only_last && written.pieces.len() == 2);
        assert_eq!(template(SMOLLM2).pieces(&long.into()).expect("a good conversation").pieces.len(), 4000);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn no_conversation_panics_and_pieces_are_the_whole(
            said in prop::collection::vec((0_usize..4, "[a<>/think\n {}%]{0,12}"), 0..7),
            repeats in prop::sample::select(vec![1_usize, 2, 30]),
        ) {
            let role = |number: usize| [Role::System, Role::User, Role::Assistant, Role::Tool][number];
            let turns: Vec<Turn> = said.iter().map(|(number, text)| Turn::new(role(*number), text.as_str())).collect();
            let turns: Vec<Turn> = turns.iter().cycle().take(turns.len() * repeats).cloned().collect();
            for text in [SMOLLM2, QWEN2, QWEN3, LLAMA3, ZEPHYR, ALTERNATING, R1] {
                let template = template(text);
                let Ok(written) = template.pieces(&turns.clone().into()) else { continue };
                let last = turns.iter().rposition(Turn::has_loss).expect("there are pieces");
                let whole: String = written.pieces.iter().map(|piece| piece.text.as_str()).collect();
                prop_assert_eq!(whole, template.render(&turns[..=last], false).expect("it was written"));
                prop_assert!(written.pieces.iter().any(|piece| piece.has_loss));
            }
        }
    }
}
