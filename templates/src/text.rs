//! A chat template's text before it is compiled: its size and nesting are checked, `{% generation %}` (an extension of
//! `transformers`) becomes a block that is written, and values that may grow pass a filter that measures them.
//!
//! In: Jinja as a stranger wrote it. Out: the same template, line for line: operands of `~`, `+` and `*`, lists and
//! maps, and what is kept in a namespace go through the filters of [`crate::limits`]; `a ~ b` is
//! `a|hone_shown ~ b|hone_shown`. Whoever doubles a text forty times is stopped before there is a terabyte of it.
//! The parser recurses where these limits do not, so they stand before it.

use crate::limits::{
    Excess, GENERATION_FILTER, LITERAL_FILTER, NAMESPACE_FILTER, PRODUCT_FILTER, SUM_FILTER, TILDE_FILTER,
};

/// Longest template.
const MAX_BYTES: usize = 256 << 10;

/// Blocks within each other; an `elif` counts as one.
const MAX_BLOCKS: usize = 64;

/// Brackets within each other.
const MAX_BRACKETS: usize = 32;

/// Operators, attributes, calls and filters of one tag: the depth that its expression may have.
const MAX_LINKS: usize = 256;

/// Longest text between the tags of a loop or macro, which may be written any number of times.
const MAX_REPEATED_TEXT: usize = 4 << 10;

/// Longest text in quotes that is not measured where it is an operand.
const MAX_CONSTANT: usize = 256;

/// Words that end an operand.
const KEYWORDS: [&str; 8] = ["if", "else", "and", "or", "in", "not", "is", "recursive"];

/// Functions that build a map.
const BUILDERS: [&str; 2] = ["namespace", "dict"];

/// The template to compile; or what there is too much of, and in which line.
pub(crate) fn prepare(template: &str) -> Result<String, (usize, Excess)> {
    if template.len() > MAX_BYTES {
        return Err((1, Excess::Length));
    }
    let mut scanner =
        Scanner { source: template, at: 0, out: String::with_capacity(template.len()), blocks: Vec::new() };
    let line = |at: usize| 1 + template.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count();
    match scanner.scan() {
        Ok(()) => Ok(scanner.out),
        Err(excess) => Err((line(scanner.at), excess)),
    }
}

/// A block that is open.
struct Block {
    num_levels: usize,
    is_repeated: bool,
}

/// What stands right before the next character of an expression.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    /// No operand: an operator, or the beginning.
    None,
    /// A number or a short text.
    Constant,
    /// Any other operand.
    Value,
}

/// A bracket that is open, and what waits outside it.
struct Bracket {
    is_built: bool,
    pending: Option<&'static str>,
    has_product: bool,
}

/// A tag, as far as it was read.
struct Tag<'t> {
    /// Its first word, if it is a statement.
    word: Option<&'t str>,
    brackets: Vec<Bracket>,
    operand: Operand,
    /// The filter that the operand in the making passes.
    pending: Option<&'static str>,
    /// `*`, `/` or `%` stands in the product in the making.
    has_product: bool,
    /// The next word is an attribute or a filter.
    is_named: bool,
    /// The next bracket is the call of a function that builds a map.
    is_builder: bool,
    /// A `set`'s target has a dot.
    has_dot: bool,
    /// A `set` has its `=`.
    has_equals: bool,
    num_links: usize,
}

struct Scanner<'t> {
    source: &'t str,
    at: usize,
    out: String,
    blocks: Vec<Block>,
}

impl<'t> Scanner<'t> {
    fn scan(&mut self) -> Result<(), Excess> {
        let source = self.source;
        loop {
            let rest = &source[self.at..];
            let opens = |&place: &usize| matches!(rest.as_bytes().get(place + 1), Some(b'{' | b'%' | b'#'));
            let start = rest.match_indices('{').map(|(place, _)| place).find(opens);
            let text = start.unwrap_or(rest.len());
            if text > MAX_REPEATED_TEXT && self.blocks.iter().any(|block| block.is_repeated) {
                return Err(Excess::Text);
            }
            self.copy(text);
            match rest.as_bytes().get(text + 1) {
                None => return Ok(()),
                Some(b'#') => self.copy(rest[text..].find("#}").map_or(rest.len() - text, |end| end + 2)),
                Some(b'%') => self.tag(true)?,
                Some(_) => self.tag(false)?,
            }
        }
    }

    /// Copies so many bytes as they stand.
    fn copy(&mut self, num_bytes: usize) {
        let end = (self.at + num_bytes).min(self.source.len());
        self.out.push_str(&self.source[self.at..end]);
        self.at = end;
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.source.as_bytes().get(self.at + ahead).copied()
    }

    /// Reads a tag, from its opening braces on.
    fn tag(&mut self, is_statement: bool) -> Result<(), Excess> {
        self.copy(2 + usize::from(matches!(self.byte(2), Some(b'-' | b'+'))));
        let mut tag = Tag {
            word: None,
            brackets: Vec::new(),
            operand: Operand::None,
            pending: None,
            has_product: false,
            is_named: false,
            is_builder: false,
            has_dot: false,
            has_equals: false,
            num_links: 0,
        };
        while let Some(byte) = self.byte(0) {
            if let Some(length) = self.end_of_tag(is_statement, tag.brackets.is_empty()) {
                self.end_operand(&mut tag);
                if tag.has_dot && tag.has_equals {
                    self.out.push_str(&format!(")|{NAMESPACE_FILTER} "));
                }
                self.copy(length);
                break;
            }
            self.token(byte, is_statement, &mut tag)?;
            if tag.num_links > MAX_LINKS || tag.brackets.len() > MAX_BRACKETS {
                return Err(Excess::Depth);
            }
        }
        match tag.word {
            Some(word) => self.statement(word, tag.has_equals),
            None => Ok(()),
        }
    }

    /// Length of the braces that end a tag, if they stand here.
    fn end_of_tag(&self, is_statement: bool, is_outside: bool) -> Option<usize> {
        let sign = usize::from(matches!(self.byte(0), Some(b'-' | b'+')));
        let close = if is_statement { b'%' } else { b'}' };
        let is_end = self.byte(sign) == Some(close) && self.byte(sign + 1) == Some(b'}');
        (is_end && (is_statement || is_outside)).then_some(sign + 2)
    }

    /// Keeps count of the blocks that a statement opens and closes.
    fn statement(&mut self, word: &str, has_equals: bool) -> Result<(), Excess> {
        match word {
            "for" | "macro" => self.blocks.push(Block { num_levels: 1, is_repeated: true }),
            "if" | "call" | "filter" | "with" | "autoescape" | "block" | "generation" => {
                self.blocks.push(Block { num_levels: 1, is_repeated: false });
            }
            "set" if !has_equals => self.blocks.push(Block { num_levels: 1, is_repeated: false }),
            "elif" => {
                if let Some(block) = self.blocks.last_mut() {
                    block.num_levels += 1;
                }
            }
            "raw" => {
                let source = self.source;
                let rest = &source[self.at..];
                let end = rest.find("endraw").and_then(|word| rest[..word].rfind("{%"));
                self.copy(end.unwrap_or(rest.len()));
            }
            "endraw" => {}
            word if word.starts_with("end") => {
                self.blocks.pop();
            }
            _ => {}
        }
        let depth: usize = self.blocks.iter().map(|block| block.num_levels).sum();
        if depth > MAX_BLOCKS { Err(Excess::Depth) } else { Ok(()) }
    }

    /// Reads what begins with a byte, and measures the operand that it ends.
    fn token(&mut self, byte: u8, is_statement: bool, tag: &mut Tag<'t>) -> Result<(), Excess> {
        match byte {
            b'\'' | b'"' => self.string(byte, tag),
            b'(' | b'[' | b'{' => self.open_bracket(byte, tag),
            b')' | b']' | b'}' => self.close_bracket(tag),
            b'.' | b'|' => {
                tag.is_named = true;
                tag.has_dot |= byte == b'.' && tag.word == Some("set") && tag.brackets.is_empty() && !tag.has_equals;
                tag.num_links += 1;
                self.copy(1);
            }
            b'~' => self.operator(Some(TILDE_FILTER), 1, tag),
            b'+' if tag.operand != Operand::None => self.operator(Some(SUM_FILTER), 1, tag),
            b'-' if tag.operand != Operand::None => self.operator(None, 1, tag),
            b'*' if tag.operand != Operand::None => {
                // Of `a * b * c` and `a ** b` the operands would not tell the size.
                if tag.has_product || self.byte(1) == Some(b'*') {
                    return Err(Excess::Products);
                }
                self.operator(Some(PRODUCT_FILTER), 1, tag);
                tag.has_product = true;
            }
            b'/' | b'%' => {
                let had_product = tag.has_product;
                self.operator(None, 1 + usize::from(byte == b'/' && self.byte(1) == Some(b'/')), tag);
                tag.has_product = had_product;
            }
            b'=' if self.byte(1) != Some(b'=') => {
                self.operator(None, 1, tag);
                if tag.word == Some("set") && tag.brackets.is_empty() && !tag.has_equals {
                    tag.has_equals = true;
                    self.out.push_str(if tag.has_dot { " (" } else { "" });
                }
            }
            b'<' | b'>' | b'=' | b'!' => self.operator(None, 1 + usize::from(self.byte(1) == Some(b'=')), tag),
            b',' | b':' => {
                self.operator(None, 1, tag);
                tag.num_links -= 1; // a list is long, not deep
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii() => {
                self.word(is_statement, tag);
            }
            byte => {
                tag.num_links += usize::from(matches!(byte, b'-' | b'+'));
                self.copy(1);
            }
        }
        Ok(())
    }

    /// Measures the operand that ends here, if it is one that grows.
    fn end_operand(&mut self, tag: &mut Tag<'t>) {
        if let Some(filter) = tag.pending.take() {
            self.measure(filter, tag.operand);
        }
    }

    fn measure(&mut self, filter: &str, operand: Operand) {
        if operand == Operand::Value || (operand == Operand::Constant && filter == PRODUCT_FILTER) {
            self.out.push_str(&format!("|{filter} "));
        }
    }

    /// An operator of so many bytes between two operands, which pass a filter.
    fn operator(&mut self, filter: Option<&'static str>, num_bytes: usize, tag: &mut Tag<'t>) {
        let measured = tag.pending;
        self.end_operand(tag);
        if let Some(filter) = filter.filter(|_| filter != measured) {
            self.measure(filter, tag.operand);
        }
        (tag.pending, tag.operand) = (filter, Operand::None);
        (tag.has_product, tag.is_named) = (false, false);
        tag.num_links += 1;
        self.copy(num_bytes);
    }

    fn string(&mut self, quote: u8, tag: &mut Tag<'t>) {
        let source = self.source;
        let rest = &source.as_bytes()[self.at..];
        let mut length = 1;
        while let Some(&byte) = rest.get(length) {
            length += 1;
            match byte {
                b'\\' => length += 1,
                byte if byte == quote => break,
                _ => {}
            }
        }
        // An escaped character may have several bytes.
        while !source.is_char_boundary((self.at + length).min(source.len())) {
            length += 1;
        }
        self.copy(length);
        tag.operand = if length > MAX_CONSTANT { Operand::Value } else { Operand::Constant };
        tag.is_named = false;
    }

    fn open_bracket(&mut self, byte: u8, tag: &mut Tag<'t>) {
        let is_literal = byte != b'(' && (tag.operand == Operand::None || byte == b'{');
        let next = self.source[self.at + 1..].trim_start().bytes().next();
        let is_built = is_literal && !matches!(next, Some(b']' | b'}'));
        if is_built {
            self.out.push('(');
        }
        tag.num_links += usize::from(!is_literal);
        tag.brackets.push(Bracket {
            is_built: is_built || tag.is_builder,
            pending: tag.pending.take(),
            has_product: std::mem::take(&mut tag.has_product),
        });
        (tag.operand, tag.is_named, tag.is_builder) = (Operand::None, false, false);
        self.copy(1);
    }

    fn close_bracket(&mut self, tag: &mut Tag<'t>) {
        self.end_operand(tag);
        self.copy(1);
        if let Some(bracket) = tag.brackets.pop() {
            (tag.pending, tag.has_product) = (bracket.pending, bracket.has_product);
            if bracket.is_built {
                self.out.push_str(&format!("|{LITERAL_FILTER})"));
            }
        }
        (tag.operand, tag.is_named) = (Operand::Value, false);
    }

    /// A name, a keyword or a number.
    fn word(&mut self, is_statement: bool, tag: &mut Tag<'t>) {
        let source: &'t str = self.source;
        let rest = &source[self.at..];
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
        let mut length = rest.bytes().take_while(|&byte| is_part(byte)).count();
        let is_number = rest.as_bytes()[0].is_ascii_digit();
        let has_exponent = is_number && rest[..length].ends_with(['e', 'E']);
        if has_exponent && matches!(rest.as_bytes().get(length), Some(b'-' | b'+')) {
            length += 1 + rest[length + 1..].bytes().take_while(u8::is_ascii_digit).count();
        }
        let word = &rest[..length];
        if is_statement && tag.word.is_none() {
            tag.word = Some(word);
            match word {
                "generation" => self.out.push_str(&format!("filter {GENERATION_FILTER}")),
                "endgeneration" => self.out.push_str("endfilter"),
                _ => self.out.push_str(word),
            }
            self.at += length;
            return;
        }
        if !tag.is_named && KEYWORDS.contains(&word) {
            self.operator(None, length, tag);
            return;
        }
        let is_call = rest[length..].trim_start().starts_with('(');
        if !tag.is_named && is_call && BUILDERS.contains(&word) {
            tag.is_builder = true;
            self.out.push('(');
        }
        tag.operand = if is_number && tag.operand != Operand::Value { Operand::Constant } else { Operand::Value };
        tag.is_named = false;
        self.copy(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prepared(template: &str) -> String {
        prepare(template).expect("a modest template")
    }

    fn refused(template: &str) -> (usize, Excess) {
        prepare(template).expect_err("too much")
    }

    #[test]
    fn a_template_that_builds_nothing_stays_as_it_is() {
        for template in [
            "no tags { at all }",
            "{%- for m in messages if m.role != 'system' -%}{{ m['content'] | trim }}{% else %}-{% endfor %}",
            "{{- '<' + '>' ~ 1.5 -}}{% set x = -1 %}{% set a, b = 1, 2 %}{{ x if a > 2 else b - 1 }}",
            "{# {{ a ~ b }} #}{% raw %}{{ a ~ b }}{% endraw %}{{ '{{ a ~ b }}' }}{{ [] }}{{ {} }}{{ f(*args, **more) }}",
            "{{ messages[1:] }}{{ a.b['c ~ d'].e(f)[-1] }}{% if a is not none and b is defined %}{% endif %}",
            "{% set x %}text{% endset %}{% macro f(a, b=none) %}{% endmacro %}{{ 'a\\'~b' }}{{ 'unclosed ~ ",
        ] {
            assert_eq!(prepared(template), template);
        }
    }

    #[test]
    fn operands_that_may_grow_are_measured() {
        for (template, expected) in [
            ("{{ '<' + m.role + '\\n' }}", "{{ '<' + m.role |hone_summed + '\\n' }}"),
            ("{{a~b}}", "{{a|hone_shown ~b|hone_shown }}"),
            ("{{ a ~ (b + c)|trim -}}", "{{ a |hone_shown ~ (b |hone_summed + c|hone_summed )|trim |hone_shown -}}"),
            ("{{ ' ' * depth }}", "{{ ' ' |hone_factor * depth |hone_factor }}"),
            ("{{ x ~ y if a else b }}", "{{ x |hone_shown ~ y |hone_shown if a else b }}"),
            ("{{ f(a + b, c) }}", "{{ f(a |hone_summed + b|hone_summed , c) }}"),
            (
                "{{ [a, [b]] }}{{ {'k': [v]} }}",
                "{{ ([a, ([b]|hone_built)]|hone_built) }}{{ ({'k': ([v]|hone_built)}|hone_built) }}",
            ),
            ("{% set ns = namespace(x=1) %}", "{% set ns = (namespace(x=1)|hone_built) %}"),
            ("{% set ns.x = a, -%}", "{% set ns.x = ( a, )|hone_kept -%}"),
            ("{%- generation -%} a {%- endgeneration %}", "{%- filter hone_answered -%} a {%- endfilter %}"),
        ] {
            assert_eq!(prepared(template), expected);
        }
        let constant = "a".repeat(MAX_CONSTANT);
        assert!(prepared(&format!("{{{{ '{constant}' ~ '' }}}}")).contains(TILDE_FILTER));
    }

    #[test]
    fn what_the_parser_can_not_take_is_refused_with_its_line() {
        let many = |text: &str, count: usize| text.repeat(count);
        assert_eq!(refused(&many("a", MAX_BYTES + 1)), (1, Excess::Length));
        for deep in [
            many("{% if a %}", 65),
            format!("{{% if a %}}{}", many("{% elif a %}", 65)),
            format!("\n{{{{ {}", many("(", 100)),
            format!("{{{{ {}", many("not ", 10_000)),
            format!("{{{{ {}", many("-", 10_000)),
            format!("{{{{ a{}", many(".a", 10_000)),
            format!("{{{{ a{}", many("|a", 10_000)),
            format!("{{{{ a{}", many(" + a", 10_000)),
            format!("{{{{ a{}", many(" if a else a", 10_000)),
            format!("{{{{ {}", many("[", 10_000)),
        ] {
            assert_eq!(refused(&deep), (1 + usize::from(deep.starts_with('\n')), Excess::Depth), "{}", &deep[..20]);
        }
        assert_eq!(refused("{{ 1 }}\n{{ a * b * c }}"), (2, Excess::Products));
        assert_eq!(refused("{{ 2 ** 9 }}").1, Excess::Products);
        let text = many("a", MAX_REPEATED_TEXT + 1);
        assert_eq!(refused(&format!("{{% for a in b %}}{text}")).1, Excess::Text);
        assert!(prepare(&format!("{{% if a %}}{text}{{% endif %}}{{% for a in b %}}{{% endfor %}}{text}")).is_ok());
        let list = format!("{{{{ [{}] }}}}", many("a, ", 2000));
        assert!(prepare(&list).is_ok(), "long lists are not deep");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_lines_stay(
            text in "(\\{\\{|\\}\\}|\\{%|%\\}|\\{#|#\\}|-|[~+*/%.,:|=!<>'\"\\\\()\\[\\]{}\n ]|a|set |if |1e|é|namespace|raw|end){0,60}",
        ) {
            if let Ok(prepared) = prepare(&text) {
                prop_assert_eq!(prepared.matches('\n').count(), text.matches('\n').count());
            }
        }
    }
}
