//! Conversations to text by the model's own chat template, as `transformers`' `apply_chat_template` does it.
//!
//! In: `chat_template.jinja`, or `chat_template` of `tokenizer_config.json` (a text, or a list in which `default` is
//! taken), and turns. Out: the text, or its pieces, of which those that the assistant says carry loss. Jinja is
//! rendered with `trim_blocks`, `lstrip_blocks` and loop controls; `raise_exception`, `strftime_now`, `tojson` and
//! Python's string methods are there; `{% generation %}` is read and has no effect, since the pieces are found by
//! rendering.

use minijinja::value::Serde;
use minijinja::{Environment, Value};
use serde::{Deserialize, Serialize};

use super::TokenizerError;
use super::from_vocab::Settings;
use super::jinja::{raise_exception, strftime, to_json, without_generation_tags};
use crate::data::causal_lm::{Piece, Role, Turn};
use crate::folder::Folder;

/// Name of the template's own file.
const FILE: &str = "chat_template.jinja";

/// Where a template without a file of its own stands.
const FIELD: &str = "tokenizer_config.json, chat_template";

/// Name of the template within the environment.
const NAME: &str = "chat_template";

/// A chat template that can't be used, at all or on a conversation.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// A file that the template stands in is broken.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Several templates, and none is called `default`.
    #[error("{FIELD} has no template named \"default\"; there are {}", names.join(", "))]
    NoDefault {
        /// What there is.
        names: Vec<String>,
    },
    /// Not Jinja, or Jinja that this build does not know.
    #[error("the chat template is broken: line {line}: {message} ({place})")]
    Broken {
        /// Where it stands.
        place: &'static str,
        /// From 1.
        line: usize,
        /// What the parser said.
        message: String,
    },
    /// The template refuses the conversation, or fails on it.
    #[error("the chat template does not take this conversation: line {line}: {message} ({place})")]
    Refused {
        /// Where it stands.
        place: &'static str,
        /// From 1.
        line: usize,
        /// What the template or the renderer said.
        message: String,
    },
    /// What the assistant says can't be told from the rest.
    #[error(
        "the chat template writes the turns before turn {turn} differently once it is there, so what the assistant \
         says can't be told apart; keep one question and one answer in a conversation ({place})"
    )]
    Unstable {
        /// Where it stands.
        place: &'static str,
        /// From 1.
        turn: usize,
    },
    /// The assistant speaks first.
    #[error("turn 1 is the assistant's: there is nothing before it to answer")]
    NothingBefore,
    /// The assistant says nothing.
    #[error("no turn is the assistant's: there is nothing to learn from")]
    NoAssistant,
}

/// The day that `strftime_now` tells, since this library has no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateDate {
    /// Year of the common era.
    pub year: u16,
    /// From 1 to 12.
    pub month: u8,
    /// From 1 to 31.
    pub day: u8,
}

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    place: &'static str,
    bos_token: Option<String>,
    eos_token: Option<String>,
}

impl ChatTemplate {
    /// The template of a model folder; `None` if the model has none.
    ///
    /// # Errors
    /// When a file is broken, the template is, or there are several and none is the default.
    pub fn from_folder(folder: &Folder, date: TemplateDate) -> Result<Option<Self>, ChatError> {
        let settings = Settings::read(folder)?;
        let malformed = |file, source| TokenizerError::Malformed { file, source };
        let (template, place) = if let Some(bytes) = folder.get(FILE) {
            let text = std::str::from_utf8(bytes).map_err(|source| malformed(FILE, source.into()))?;
            (text.to_owned(), FILE)
        } else {
            let file = "tokenizer_config.json";
            let Some(bytes) = folder.get(file) else { return Ok(None) };
            let config: Config = serde_json::from_slice(bytes).map_err(|source| malformed(file, source.into()))?;
            match config.chat_template {
                None => return Ok(None),
                Some(Templates::One(template)) => (template, FIELD),
                Some(Templates::Many(named)) => (default_of(named)?, FIELD),
            }
        };
        Self::compile(&template, place, settings.bos_token, settings.eos_token, date).map(Some)
    }

    /// Compiles a template that a person gave.
    ///
    /// # Errors
    /// When it is not Jinja, or Jinja that this build does not know.
    pub fn new(
        template: &str,
        bos_token: Option<String>,
        eos_token: Option<String>,
        date: TemplateDate,
    ) -> Result<Self, ChatError> {
        Self::compile(template, "the template given", bos_token, eos_token, date)
    }

    fn compile(
        template: &str,
        place: &'static str,
        bos_token: Option<String>,
        eos_token: Option<String>,
        date: TemplateDate,
    ) -> Result<Self, ChatError> {
        let mut environment = Environment::new();
        let syntax = minijinja::syntax::SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("the usual delimiters"));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", move |format: String| strftime(&format, date));
        let broken = |error: minijinja::Error| {
            let (line, message) = told(&error);
            ChatError::Broken { place, line, message }
        };
        environment.add_template_owned(NAME, without_generation_tags(template).into_owned()).map_err(broken)?;
        Ok(Self { environment, place, bos_token, eos_token })
    }

    /// The text of a conversation, with or without the words that open the assistant's next turn.
    ///
    /// # Errors
    /// When the template refuses the conversation or fails on it.
    pub fn render(&self, turns: &[Turn], add_generation_prompt: bool) -> Result<String, ChatError> {
        let refused = |error: minijinja::Error| {
            let (line, message) = told(&error);
            ChatError::Refused { place: self.place, line, message }
        };
        let mut variables = vec![
            ("messages", Value::from(Serde(turns))),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
        ];
        for (name, token) in [("bos_token", &self.bos_token), ("eos_token", &self.eos_token)] {
            variables.extend(token.as_deref().map(|token| (name, Value::from(token))));
        }
        let template = self.environment.get_template(NAME).map_err(refused)?;
        template.render(Value::from_pairs(variables)).map_err(refused)
    }

    /// The text of a conversation up to the assistant's last turn, in pieces: what the assistant says (with the token
    /// that ends its turn) carries loss, everything before it does not.
    ///
    /// # Errors
    /// When there is no assistant's turn or nothing before the first, when the template refuses the conversation, or
    /// when it writes earlier turns differently once later ones are there.
    pub fn pieces(&self, turns: &[Turn]) -> Result<Vec<Piece>, ChatError> {
        let mut pieces = Vec::new();
        let mut written = String::new();
        for (index, _) in turns.iter().enumerate().filter(|(_, turn)| turn.role == Role::Assistant) {
            if index == 0 {
                return Err(ChatError::NothingBefore);
            }
            let unstable = || ChatError::Unstable { place: self.place, turn: index + 1 };
            let before = self.render(&turns[..index], true)?;
            let whole = self.render(&turns[..=index], false)?;
            let prompt = before.strip_prefix(&written).ok_or_else(unstable)?;
            let answer = whole.strip_prefix(&before).ok_or_else(unstable)?;
            pieces.push(Piece { text: prompt.to_owned(), has_loss: false });
            pieces.push(Piece { text: answer.to_owned(), has_loss: true });
            written = whole;
        }
        if pieces.is_empty() { Err(ChatError::NoAssistant) } else { Ok(pieces) }
    }
}

/// What is read of `tokenizer_config.json`.
#[derive(Deserialize)]
struct Config {
    chat_template: Option<Templates>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Many(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

fn default_of(named: Vec<Named>) -> Result<String, ChatError> {
    match named.iter().position(|named| named.name == "default") {
        Some(place) => Ok(named.into_iter().nth(place).map(|named| named.template).unwrap_or_default()),
        None => Err(ChatError::NoDefault { names: named.into_iter().map(|named| named.name).collect() }),
    }
}

/// Line and message of an error.
fn told(error: &minijinja::Error) -> (usize, String) {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    (error.line().unwrap_or(1), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: TemplateDate = TemplateDate { year: 2026, month: 7, day: 4 };

    /// SmolLM2-135M-Instruct.
    const SMOLLM2: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ \
        '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}\
        {% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
        {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    /// Qwen2.5-0.5B-Instruct, its branches for tools included.
    const QWEN2: &str = r#"{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}
    {%- endif %}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\n</tools><|im_end|>\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first)
        or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\n<tool_call>\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\n<tool_response>\n' }}
        {{- message.content }}
        {{- '\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
"#;

    /// Meta-Llama-3-8B-Instruct.
    const LLAMA3: &str = "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = \
        '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}\
        {% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}\
        {% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

    /// Zephyr and TinyLlama-1.1B-Chat.
    const ZEPHYR: &str = "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + \
        message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + \
        message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + \
        message['content'] + eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n\
        {{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}";

    /// Llama-2's, which refuses what does not alternate.
    const ALTERNATING: &str = "{{ bos_token }}{% for message in messages %}\
        {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\
        {{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}\
        {% if message['role'] == 'user' %}{{ '[INST] ' + message['content'].strip() + ' [/INST]' }}\
        {% else %}{{ ' ' + message['content'].strip() + eos_token }}{% endif %}{% endfor %}";

    fn template(text: &str) -> ChatTemplate {
        ChatTemplate::new(text, Some("<s>".into()), Some("</s>".into()), DATE).expect("a good template")
    }

    fn turns(said: &[(Role, &str)]) -> Vec<Turn> {
        said.iter().map(|&(role, content)| Turn { role, content: content.into() }).collect()
    }

    fn talk() -> Vec<Turn> {
        turns(&[(Role::User, "Hi"), (Role::Assistant, "Hello!"), (Role::User, "2+2?"), (Role::Assistant, "4")])
    }

    /// The pieces as one text, what carries loss in ⟦ ⟧.
    fn marked(text: &str, turns: &[Turn]) -> String {
        let template = template(text);
        let pieces = template.pieces(turns).expect("a good conversation");
        let whole: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(whole, template.render(turns, false).expect("a good conversation"));
        let mark = |piece: &Piece| if piece.has_loss { format!("⟦{}⟧", piece.text) } else { piece.text.clone() };
        pieces.iter().map(mark).collect()
    }

    #[test]
    fn chatml_is_rendered_as_transformers_does() {
        let system =
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n";
        let qwen =
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n";
        let rest = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n⟦Hello!<|im_end|>\n⟧\
            <|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n⟦4<|im_end|>\n⟧";
        assert_eq!(marked(SMOLLM2, &talk()), [system, rest].concat());
        assert_eq!(marked(QWEN2, &talk()), [qwen, rest].concat());
        let own = turns(&[(Role::System, "Be <brief> & kind."), (Role::User, "Hi"), (Role::Assistant, "Yes")]);
        let expected = "<|im_start|>system\nBe <brief> & kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n\
            <|im_start|>assistant\n⟦Yes<|im_end|>\n⟧";
        assert_eq!(marked(SMOLLM2, &own), expected);
        assert_eq!(marked(QWEN2, &own), expected);
        let open = template(QWEN2).render(&own[..2], true).expect("a question");
        assert!(open.ends_with("Hi<|im_end|>\n<|im_start|>assistant\n"), "{open}");
    }

    #[test]
    fn llama_3_is_rendered_as_transformers_does() {
        let expected = "<s><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>\
            <|start_header_id|>assistant<|end_header_id|>\n\n⟦Hello!<|eot_id|>⟧\
            <|start_header_id|>user<|end_header_id|>\n\n2+2?<|eot_id|>\
            <|start_header_id|>assistant<|end_header_id|>\n\n⟦4<|eot_id|>⟧";
        assert_eq!(marked(LLAMA3, &talk()), expected);
    }

    #[test]
    fn zephyr_is_rendered_as_transformers_does() {
        let expected = "<|user|>\nHi</s>\n<|assistant|>\n⟦Hello!</s>\n⟧<|user|>\n2+2?</s>\n<|assistant|>\n⟦4</s>\n⟧";
        assert_eq!(marked(ZEPHYR, &talk()), expected);
    }

    #[test]
    fn a_template_without_a_generation_prompt_is_enough() {
        assert_eq!(marked(ALTERNATING, &talk()), "<s>[INST] Hi [/INST]⟦ Hello!</s>⟧[INST] 2+2? [/INST]⟦ 4</s>⟧");
    }

    #[test]
    fn what_a_template_raises_is_said_with_its_line() {
        let double = turns(&[(Role::User, "a"), (Role::User, "b"), (Role::Assistant, "c")]);
        let error = template(ALTERNATING).pieces(&double).expect_err("two users").to_string();
        let expected = "the chat template does not take this conversation: line 1: Conversation roles must alternate \
            user/assistant/user/assistant/... (the template given)";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_broken_template_is_said_with_its_line() {
        let error = ChatTemplate::new("{% for m in messages %}\n{{ m.content }}\n{% endfr %}", None, None, DATE);
        let error = error.expect_err("endfr");
        assert!(matches!(error, ChatError::Broken { line: 3, .. }), "{error}");
        assert!(error.to_string().contains("endfr"), "{error}");
        let error = template("a\n{{ messages | unheard_of }}").render(&talk(), false).expect_err("no such filter");
        assert!(matches!(error, ChatError::Refused { line: 2, .. } | ChatError::Broken { line: 2, .. }), "{error}");
    }

    #[test]
    fn conversations_without_question_or_answer_are_named() {
        let chatml = template(SMOLLM2);
        assert!(matches!(chatml.pieces(&talk()[1..]), Err(ChatError::NothingBefore)));
        assert!(matches!(chatml.pieces(&talk()[..1]), Err(ChatError::NoAssistant)));
        assert!(matches!(chatml.pieces(&[]), Err(ChatError::NoAssistant)));
        assert_eq!(chatml.pieces(&talk()[..3]).expect("an answer").len(), 2);
    }

    #[test]
    fn a_template_that_rewrites_earlier_turns_is_named() {
        let counting = template("{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}");
        let error = counting.pieces(&talk()).expect_err("the count changes");
        assert!(matches!(error, ChatError::Unstable { turn: 2, .. }), "{error}");
    }

    #[test]
    fn the_folder_says_which_template_and_which_tokens() {
        let mut folder = Folder::new();
        assert!(ChatTemplate::from_folder(&folder, DATE).expect("none is fine").is_none());
        folder.insert("tokenizer_config.json", r#"{"bos_token": "<s>", "chat_template": null}"#);
        assert!(ChatTemplate::from_folder(&folder, DATE).expect("none is fine").is_none());
        let text = |folder: &Folder| {
            let template = ChatTemplate::from_folder(folder, DATE).expect("a good folder").expect("a template");
            template.render(&talk()[..1], true).expect("a question")
        };
        let one = r#"{"bos_token": {"content": "<b>"}, "chat_template": "{{ bos_token }}{{ eos_token }}one"}"#;
        folder.insert("tokenizer_config.json", one);
        assert_eq!(text(&folder), "<b>one");
        let many =
            r#"{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}"#;
        folder.insert("tokenizer_config.json", many);
        assert_eq!(text(&folder), "d");
        folder.insert("tokenizer_config.json", r#"{"chat_template": [{"name": "rag", "template": "t"}]}"#);
        let error = ChatTemplate::from_folder(&folder, DATE).expect_err("no default").to_string();
        assert!(error.ends_with("has no template named \"default\"; there are rag"), "{error}");
        folder.insert("chat_template.jinja", "file");
        assert_eq!(text(&folder), "file");
        folder.insert("chat_template.jinja", "{% if %}");
        let error = ChatTemplate::from_folder(&folder, DATE).expect_err("broken").to_string();
        assert!(error.ends_with("(chat_template.jinja)"), "{error}");
    }

    #[test]
    fn what_transformers_adds_to_jinja_is_there() {
        let date =
            template("{% if strftime_now is defined %}{{ strftime_now('%d %b %Y|%Y-%m-%d|%B %-d|%q%%') }}{% endif %}");
        assert_eq!(date.render(&[], false).expect("a date"), "04 Jul 2026|2026-07-04|July 4|%q%");
        let json = template("{{ {'a': [1, 'é<'], 'b': {'c': none}} | tojson }}\n{{ {'a': [1]} | tojson(indent=2) }}");
        let expected = "{\"a\": [1, \"é<\"], \"b\": {\"c\": null}}\n{\n  \"a\": [\n    1\n  ]\n}";
        assert_eq!(json.render(&[], false).expect("JSON"), expected);
        let methods = template("{{ ' a-b '.strip().split('-')[1].upper() }}{{ 'x'.startswith('x') }}");
        assert_eq!(methods.render(&[], false).expect("methods"), "BTrue");
        let tagged = "{%- for m in messages %}{% if m.role == 'assistant' %}{%- generation -%} {{ m.content }} \
            {%- endgeneration -%}{% else %}{{ m.content }}|{% endif %}\
            {% if loop.index == 2 %}{% break %}{% endif %}{% endfor %}";
        assert_eq!(template(tagged).render(&talk(), false).expect("tags"), "Hi|Hello!");
    }
}
