//! Chat templates of known models, and of strangers.

use super::*;
use crate::tokenizer::{Piece, Role};
use proptest::prelude::*;

const DATE: TemplateDate = TemplateDate { year: 2026, month: 7, day: 4 };

/// SmolLM2-135M-Instruct.
pub(in crate::tokenizer) const SMOLLM2: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ \
    '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}\
    {% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// Qwen2.5-0.5B-Instruct, its branches for tools included.
pub(in crate::tokenizer) const QWEN2: &str = r#"{%- if tools %}
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
pub(in crate::tokenizer) const LLAMA3: &str = "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = \
    '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}\
    {% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

/// Zephyr and TinyLlama-1.1B-Chat.
pub(in crate::tokenizer) const ZEPHYR: &str = "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + \
    message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + \
    message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + \
    message['content'] + eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n\
    {{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}";

/// Llama-2's, which refuses what does not alternate.
pub(in crate::tokenizer) const ALTERNATING: &str = "{{ bos_token }}{% for message in messages %}\
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\
    {{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}\
    {% if message['role'] == 'user' %}{{ '[INST] ' + message['content'].strip() + ' [/INST]' }}\
    {% else %}{{ ' ' + message['content'].strip() + eos_token }}{% endif %}{% endfor %}";

pub(in crate::tokenizer) fn template(text: &str) -> ChatTemplate {
    ChatTemplate::new(text, Some("<s>".into()), Some("</s>".into()), DATE).expect("a good template")
}

pub(in crate::tokenizer) fn turns(said: &[(Role, &str)]) -> Vec<Turn> {
    said.iter().map(|&(role, content)| Turn::new(role, content)).collect()
}

pub(in crate::tokenizer) fn talk() -> Vec<Turn> {
    turns(&[(Role::User, "Hi"), (Role::Assistant, "Hello!"), (Role::User, "2+2?"), (Role::Assistant, "4")])
}

/// The pieces as one text, what carries loss in ⟦ ⟧.
pub(in crate::tokenizer) fn marked(text: &str, turns: &[Turn]) -> String {
    let template = template(text);
    let pieces = template.pieces(&turns.to_vec().into()).expect("a good conversation").pieces;
    let whole: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    assert_eq!(whole, template.render(turns, false).expect("a good conversation"));
    let mark = |piece: &Piece| if piece.has_loss { format!("⟦{}⟧", piece.text) } else { piece.text.clone() };
    pieces.iter().map(mark).collect()
}

#[test]
fn chatml_is_rendered_as_transformers_does() {
    let system = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n";
    let qwen = "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n";
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
    let error = template(ALTERNATING).pieces(&double.into()).expect_err("two users").to_string();
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
    let pieces = |turns: &[Turn]| chatml.pieces(&turns.to_vec().into());
    assert!(matches!(pieces(&talk()[1..]), Err(ChatError::NothingBefore)));
    assert!(matches!(pieces(&talk()[..1]), Err(ChatError::NoAssistant)));
    assert!(matches!(pieces(&[]), Err(ChatError::NoAssistant)));
    assert_eq!(pieces(&talk()[..3]).expect("an answer").pieces.len(), 2);
}

#[test]
fn a_template_that_asks_for_too_much_is_named() {
    let place = "(the template given)";
    let compiled = |text: &str| ChatTemplate::new(text, None, None, DATE).expect_err("too much").to_string();
    let deep = "{{ (((((((((((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))))))))) }}";
    assert_eq!(compiled(deep), format!("the chat template is nested too deeply: line 1 {place}"));
    assert!(compiled(&"a".repeat(300_000)).starts_with("the chat template is longer than 262144 bytes"));
    let written = |text: &str| template(text).render(&talk(), false).expect_err("too much").to_string();
    let work = format!("the chat template does too much work for one conversation: line 2 {place}");
    assert_eq!(written("\n{% for i in range(1000000000) %}{% endfor %}"), work);
    let text = format!("the chat template builds or writes too much text for one conversation: line 1 {place}");
    for template in [
        "{{ 'a' | indent(10000000000, true) }}",
        "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}",
        "{% for i in range(99999) %}{{ messages | tojson }}{% endfor %}",
        "{% for i in range(99999) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% endfor %}",
    ] {
        assert_eq!(written(template), text, "{template}");
    }
    let depth = format!("the chat template is nested too deeply: line 1 {place}");
    for template in [
        "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{% set ns = namespace(x=1) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x=1) %}{% for i in range(99999) %}{% set ns.x = (ns.x,) %}{% endfor %}",
    ] {
        assert_eq!(written(template), depth, "{template}");
    }
}

#[test]
fn a_role_goes_by_the_name_that_the_template_knows() {
    let developer = Turn { role_name: Some("developer".into()), ..Turn::new(Role::System, "s") };
    let text = "{% for m in messages %}{{ m.role }}{% endfor %}";
    assert_eq!(template(text).render(std::slice::from_ref(&developer), false).expect("a role"), "system");
    let field = format!("{text}{{# tool.developer #}}");
    assert_eq!(template(&field).render(std::slice::from_ref(&developer), false).expect("a role"), "system");
    let knows = format!("{text}{{# 'developer' #}}");
    assert_eq!(template(&knows).render(&[developer], false).expect("a role"), "developer");
}

proptest! {
    #[test]
    fn no_template_panics(
        text in "(\\{\\{|\\}\\}|\\{%|%\\}| |-|\n|m|messages|m\\.content|'a'|7|for m in |endfor|if |elif |else|endif|set x = |~|\\+|\\*|\\||indent|join|tojson|\\(|\\)|\\[|\\]|generation|endgeneration|macro x\\(\\)|endmacro|x){0,40}",
    ) {
        if let Ok(template) = ChatTemplate::new(&text, None, None, DATE) {
            let _ = template.render(&talk(), true);
            let _ = template.pieces(&talk().into());
        }
    }
}

#[test]
fn the_folder_says_which_template_and_which_tokens() {
    let mut folder = Folder::new();
    assert!(ChatTemplate::from_folder(&folder, DATE).expect("none is fine").is_none());
    folder.insert("tokenizer_config.json", r#"{"bos_token": "<s>", "chat_template": null}"#);
    assert!(ChatTemplate::from_folder(&folder, DATE).expect("none is fine").is_none());
    assert!(!ChatTemplate::is_in(&folder));
    let text = |folder: &Folder| {
        let template = ChatTemplate::from_folder(folder, DATE).expect("a good folder").expect("a template");
        template.render(&talk()[..1], true).expect("a question")
    };
    let one = r#"{"bos_token": {"content": "<b>"}, "chat_template": "{{ bos_token }}{{ eos_token }}one"}"#;
    folder.insert("tokenizer_config.json", one);
    assert_eq!(text(&folder), "<b>one");
    let many = r#"{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}"#;
    folder.insert("tokenizer_config.json", many);
    assert_eq!(text(&folder), "d");
    folder.insert("tokenizer_config.json", r#"{"chat_template": {"rag": "r", "default": "by name"}}"#);
    assert_eq!(text(&folder), "by name");
    folder.insert("special_tokens_map.json", r#"{"eos_token": "</s>", "chat_template": {"rag": "r"}}"#);
    let error = ChatTemplate::from_folder(&folder, DATE).expect_err("no default").to_string();
    assert!(error.contains("special_tokens_map.json, chat_template has no template named \"default\""), "{error}");
    folder.insert("special_tokens_map.json", r#"{"eos_token": "</s>", "chat_template": "{{ eos_token }}of the map"}"#);
    assert_eq!(text(&folder), "</s>of the map");
    folder.insert("tokenizer_config.json", r#"{"chat_template": "one", "added_tokens_decoder": {}}"#);
    assert_eq!(text(&folder), "one", "beside a decoder the map is not read");
    folder.remove("special_tokens_map.json");
    folder.insert("tokenizer_config.json", r#"{"chat_template": [{"name": "rag", "template": "t"}]}"#);
    let error = ChatTemplate::from_folder(&folder, DATE).expect_err("no default").to_string();
    assert!(error.ends_with("has no template named \"default\"; there are rag"), "{error}");
    assert!(!ChatTemplate::is_in(&folder), "none that could be rendered");
    folder.insert("chat_template.jinja", "file");
    assert_eq!(text(&folder), "file");
    folder.insert("additional_chat_templates/default.jinja", "among several");
    assert_eq!(text(&folder), "among several");
    folder.remove("additional_chat_templates/default.jinja");
    folder.insert("chat_template.jinja", "{% if %}");
    let error = ChatTemplate::from_folder(&folder, DATE).expect_err("broken").to_string();
    assert!(error.ends_with("(chat_template.jinja)"), "{error}");
    assert!(ChatTemplate::is_in(&folder), "what renders it says that it is broken");
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
