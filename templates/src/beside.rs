//! A template that a module beside this crate renders. In: its text, and what it is given. Out: what the module makes of them; what
//! it is given goes there as JSON.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::renderer::find;
use crate::{Rendering, TemplateDate, TemplateError};

/// A value as a template takes it: its JSON.
#[derive(Debug, Clone)]
pub struct TemplateValue(Arc<str>);

impl TemplateValue {
    /// Takes what JSON can hold.
    pub fn new(value: &impl Serialize) -> Self {
        Self(serde_json::to_string(value).expect("texts, numbers and JSON can be written").into())
    }
}

/// A template that can be used.
#[derive(Debug)]
pub struct Template {
    source: String,
    date: TemplateDate,
}

impl Template {
    /// Takes a template for conversations of a day.
    ///
    /// # Errors
    /// When it is not Jinja, or Jinja that this build does not know, or it is too much; or nothing is there that renders it.
    pub fn compile(source: &str, date: TemplateDate) -> Result<Self, TemplateError> {
        (find()?.check)(source, date)?;
        Ok(Self { source: source.to_owned(), date })
    }

    /// Writes it.
    ///
    /// # Errors
    /// When it refuses what it is given, fails on it, or asks for more than that is worth.
    pub fn render(&self, rendering: &Rendering<'_, TemplateValue>) -> Result<String, TemplateError> {
        (find()?.render)(&self.source, self.date, &to_json(rendering))
    }
}

/// What a template is given, as `Template::render_json` reads it.
fn to_json(rendering: &Rendering<'_, TemplateValue>) -> String {
    let Rendering { messages, variables, num_bytes, is_marking } = rendering;
    let messages: Vec<&str> = messages.iter().map(|message| &*message.0).collect();
    let variables: Vec<String> =
        variables.iter().map(|(name, value)| format!("{}:{}", Value::from(*name), value.0)).collect();
    format!(
        r#"{{"messages":[{}],"variables":{{{}}},"num_bytes":{num_bytes},"is_marking":{is_marking}}}"#,
        messages.join(","),
        variables.join(",")
    )
}

#[cfg(all(test, feature = "jinja"))]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Renderer, install, template};

    const DATE: TemplateDate = TemplateDate { year: 2026, month: 7, day: 4 };

    /// Variables in an order that is not theirs by name, numbers of each kind, a text that JSON escapes, marks.
    const TEMPLATE: &str = "{{ tools | tojson }}{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}\
        {{ m.extra | tojson }}{% endfor %}{{ bos_token }}{{ add_generation_prompt }}{{ documents is none }}\
        {{ strftime_now('%d %b %Y') }}";

    fn render_beside(source: &str, date: TemplateDate, json: &str) -> Result<String, TemplateError> {
        template::Template::compile(source, date)?.render_json(json)
    }

    fn check_beside(source: &str, date: TemplateDate) -> Result<(), TemplateError> {
        template::Template::compile(source, date).map(drop)
    }

    #[test]
    fn a_module_beside_writes_what_this_crate_writes() {
        install(Renderer { check: check_beside, render: render_beside });
        let messages = [
            json!({"role": "user", "content": "é \"<\"\n\u{2028}", "extra": {"z": 1, "a": [1.5, -2, null, u64::MAX]}}),
            json!({"role": "assistant", "content": "", "extra": true}),
        ];
        let tools = json!([{"name": "f", "arguments": {}}]);
        let variables = [
            ("tools", tools),
            ("documents", Value::Null),
            ("bos_token", "<s>\\".into()),
            ("add_generation_prompt", true.into()),
        ];
        let own = template::Template::compile(TEMPLATE, DATE).expect("a good template");
        let beside = Template::compile(TEMPLATE, DATE).expect("a good template");
        for is_marking in [false, true] {
            let own = {
                let messages: Vec<_> = messages.iter().map(template::TemplateValue::new).collect();
                let variables: Vec<_> =
                    variables.iter().map(|(name, value)| (*name, template::TemplateValue::new(value))).collect();
                let rendering = Rendering { messages: &messages, variables: &variables, num_bytes: 99, is_marking };
                own.render(&rendering).expect("it takes this")
            };
            let messages: Vec<_> = messages.iter().map(TemplateValue::new).collect();
            let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, TemplateValue::new(value))).collect();
            let rendering = Rendering { messages: &messages, variables: &variables, num_bytes: 99, is_marking };
            assert_eq!(beside.render(&rendering).expect("it takes this"), own);
            assert_eq!(own.contains(crate::MARKS), is_marking, "{own}");
            assert!(own.contains("04 Jul 2026") && own.contains(r#"{"z": 1, "a": [1.5, -2, null, "#), "{own}");
        }
        let broken = Template::compile("{% if %}", DATE).expect_err("no condition");
        assert_eq!(broken, template::Template::compile("{% if %}", DATE).expect_err("no condition"));
        let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
        let deep: Value = serde_json::from_str(&deep).expect("as deep as files may be");
        let rendering =
            Rendering { messages: &[TemplateValue::new(&deep)], variables: &[], num_bytes: 1, is_marking: false };
        let refused = beside.render(&rendering).expect_err("too deep to be handed over");
        assert!(matches!(refused, TemplateError::Excessive { line: 1, .. }), "{refused}");
    }
}
