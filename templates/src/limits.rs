//! Limits of a chat template, which a stranger wrote: how much it may do, build and write for one conversation.
//!
//! `minijinja` counts instructions (fuel) and bounds ranges and repeated texts; here are the bytes. Every filter and
//! method that can make much of little is measured before it runs, and so are the operands of `~`, `+` and `*` and the
//! lists and maps that a template builds, through filters that [`crate::text`] writes into it.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

use crate::MARKS;
use crate::filters::{MEASURED, measure_format, measure_join, measure_replace};

/// Filter of the operands of `+`.
pub(crate) const SUM_FILTER: &str = "hone_summed";

/// Filter of the operands of `~`.
pub(crate) const TILDE_FILTER: &str = "hone_shown";

/// Filter of the operands of `*`.
pub(crate) const PRODUCT_FILTER: &str = "hone_factor";

/// Filter of lists and maps that a template builds.
pub(crate) const LITERAL_FILTER: &str = "hone_built";

/// Filter of what a template keeps in a namespace.
pub(crate) const NAMESPACE_FILTER: &str = "hone_kept";

/// Filter of what stands between the tags of generation.
pub(crate) const GENERATION_FILTER: &str = "hone_answered";

/// Instructions for one conversation, and more for each of its turns.
const FUEL: u64 = 1_000_000;
const FUEL_A_TURN: u64 = 20_000;

/// Most instructions, whatever the conversation.
const MAX_FUEL: u64 = 1 << 30;

/// Bytes that may be built for one conversation, and more for each byte of it.
const BUILT_BYTES: u64 = 64 << 20;
const BUILT_BYTES_A_BYTE: u64 = 64;

/// Bytes that may be written for one conversation, and more for each byte of it.
const WRITTEN_BYTES: usize = 4 << 20;
const WRITTEN_BYTES_A_BYTE: usize = 16;

/// What an item of a list is counted as.
pub(crate) const ITEM_BYTES: usize = 32;

/// Lists and maps within each other.
const MAX_DEPTH: usize = 100;

/// What `minijinja` counts as depth: a loop is 1, a macro 6. Each macro is a deep frame of this program's stack.
const MAX_RECURSION: usize = 200;

/// Items of a kept value that are looked at.
const MAX_LOOKED_AT: usize = 1000;

/// Longest text, in bytes, or list that is multiplied, and largest number that is: what a ruler or an indent needs.
const MAX_MULTIPLIED: usize = 16;
const MAX_MULTIPLIER: f64 = 4096.0;

/// Largest width of a formatted value, and largest number of a batch.
pub(crate) const MAX_COUNT: usize = 10_000;

/// What a template has too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Excess {
    #[error("is longer than 262144 bytes")]
    Length,
    #[error("is nested too deeply")]
    Depth,
    #[error("does too much work for one conversation")]
    Work,
    #[error("builds or writes too much text for one conversation")]
    Text,
    #[error("multiplies twice in one expression, or raises to a power")]
    Products,
}

impl Excess {
    /// The excess that an error tells of.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        let known = |error: &Error| match error.detail() {
            _ if error.kind() == ErrorKind::OutOfFuel => Some(Self::Work),
            Some("recursion limit exceeded" | "template exceeds maximum recursion limits") => Some(Self::Depth),
            Some("range has too many elements") => Some(Self::Work),
            Some("repeated string is too large" | "repeated sequence is too large") => Some(Self::Text),
            _ => None,
        };
        let mut source = error.source();
        let mut found = known(error);
        while let (None, Some(error)) = (found, source) {
            found = error.downcast_ref::<Self>().copied().or_else(|| error.downcast_ref::<Error>().and_then(known));
            source = error.source();
        }
        found
    }
}

impl From<Excess> for Error {
    fn from(excess: Excess) -> Self {
        Self::new(ErrorKind::InvalidOperation, excess.to_string()).with_source(excess)
    }
}

/// Instructions for a conversation.
pub(crate) fn fuel(num_turns: usize) -> u64 {
    FUEL.saturating_add(FUEL_A_TURN.saturating_mul(num_turns as u64)).min(MAX_FUEL)
}

/// Bytes that may be written for a conversation of `num_bytes` bytes.
pub(crate) fn written_limit(num_bytes: usize) -> usize {
    WRITTEN_BYTES.saturating_add(num_bytes.saturating_mul(WRITTEN_BYTES_A_BYTE))
}

/// Takes text as long as `takes` allows another so many bytes.
pub(crate) struct BoundedText<F> {
    bytes: Vec<u8>,
    takes: F,
    /// There was more.
    pub(crate) is_full: bool,
}

impl<F: FnMut(usize) -> bool> BoundedText<F> {
    pub(crate) fn new(takes: F) -> Self {
        Self { bytes: Vec::new(), takes, is_full: false }
    }

    /// What was written.
    pub(crate) fn into_text(self) -> String {
        String::from_utf8(self.bytes).expect("templates and JSON write texts")
    }
}

impl<F: FnMut(usize) -> bool> io::Write for BoundedText<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !(self.takes)(bytes.len()) {
            self.is_full = true;
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a template may still build for a conversation.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    num_left: AtomicU64,
    /// What stands between the tags of generation is marked.
    is_marking: AtomicBool,
}

impl Limits {
    /// Begins a conversation of so many bytes.
    pub(crate) fn begin(&self, num_bytes: usize, is_marking: bool) {
        let bytes = BUILT_BYTES.saturating_add(BUILT_BYTES_A_BYTE.saturating_mul(num_bytes as u64));
        self.num_left.store(bytes, Ordering::Relaxed);
        self.is_marking.store(is_marking, Ordering::Relaxed);
    }

    /// Counts bytes that are built.
    pub(crate) fn spend(&self, num_bytes: usize) -> Result<(), Error> {
        let less = |left: u64| left.checked_sub(num_bytes as u64);
        match self.num_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) {
            Ok(_) => Ok(()),
            Err(_) => Err(Excess::Text.into()),
        }
    }

    /// Counts a text, or the items of a list.
    pub(crate) fn spend_shallow(&self, value: &Value) -> Result<(), Error> {
        match (value.as_str(), value.kind()) {
            (Some(text), _) => self.spend(text.len()),
            (None, ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) => {
                self.spend(value.len().unwrap_or(0).saturating_mul(ITEM_BYTES))
            }
            _ => Ok(()),
        }
    }

    /// Counts all that a value holds.
    pub(crate) fn spend_deep(&self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Excess::Depth.into());
        }
        self.spend(value.as_str().map_or(ITEM_BYTES, str::len))?;
        for item in items(value) {
            self.spend_deep(&item, depth + 1)?;
        }
        Ok(())
    }
}

/// What a list or map holds.
pub(crate) fn items(value: &Value) -> Box<dyn Iterator<Item = Value> + '_> {
    match (value.kind(), value.try_iter()) {
        (ValueKind::Seq | ValueKind::Iterable, Ok(items)) => Box::new(items),
        (ValueKind::Map, Ok(keys)) => Box::new(keys.filter_map(move |key| value.get_item(&key).ok())),
        _ => Box::new(std::iter::empty()),
    }
}

/// Checks how deep lists and maps stand within each other, last items first.
fn check_depth(value: &Value) -> Result<(), Error> {
    let mut open = vec![(value.clone(), 0)];
    for _ in 0..MAX_LOOKED_AT {
        let Some((value, depth)) = open.pop() else { break };
        if depth > MAX_DEPTH {
            return Err(Excess::Depth.into());
        }
        open.extend(items(&value).take(MAX_LOOKED_AT).map(|item| (item, depth + 1)));
    }
    Ok(())
}

/// Checks an operand of `*`.
fn check_factor(limits: &Limits, value: &Value) -> Result<(), Error> {
    let length = value.as_str().map(str::len).or_else(|| match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => value.len(),
        _ => None,
    });
    if let Some(length) = length {
        return if length > MAX_MULTIPLIED { Err(Excess::Text.into()) } else { Ok(()) };
    }
    let number = f64::try_from(value.clone()).unwrap_or(0.0).abs();
    if number > MAX_MULTIPLIER {
        return Err(Excess::Text.into());
    }
    limits.spend(number as usize * MAX_MULTIPLIED)
}

/// Refuses a value that would be too much.
type Check = fn(&Limits, &Value) -> Result<(), Error>;

/// Puts the limits into an environment.
pub(crate) fn limit(environment: &mut Environment<'static>, limits: &Arc<Limits>) {
    environment.set_recursion_limit(MAX_RECURSION);
    let plain = Arc::new(Environment::new());
    // Chains of chains are walked again at every step, however long they are; no template needs them.
    environment.remove_filter("chain");
    for &(name, measure) in MEASURED {
        let (plain, limits) = (Arc::clone(&plain), Arc::clone(limits));
        environment.add_filter(name, move |value: Value, arguments: Rest<ValueOrKwargs>| -> Result<Value, Error> {
            let arguments = arguments.into_values();
            measure(&limits, &value, &arguments)?;
            let all: Vec<Value> = std::iter::once(value).chain(arguments).collect();
            plain.empty_state().apply_filter(name, &all)
        });
    }
    let passed: [(&str, Check); 5] = [
        (SUM_FILTER, |limits, value| limits.spend_shallow(value)),
        (TILDE_FILTER, |limits, value| limits.spend_deep(value, 0)),
        (LITERAL_FILTER, |limits, value| limits.spend_deep(value, 0)),
        (NAMESPACE_FILTER, |_, value| check_depth(value)),
        (PRODUCT_FILTER, check_factor),
    ];
    for (name, check) in passed {
        let limits = Arc::clone(limits);
        environment.add_filter(name, move |value: Value| -> Result<Value, Error> {
            check(&limits, &value)?;
            Ok(value)
        });
    }
    let marking = Arc::clone(limits);
    environment.add_filter(GENERATION_FILTER, move |text: String| -> String {
        let [open, close] = MARKS;
        if marking.is_marking.load(Ordering::Relaxed) { format!("{open}{text}{close}") } else { text }
    });
    let called = Arc::clone(limits);
    environment.set_unknown_method_callback(move |state, value, method, arguments| {
        call_method(&called, state, value, method, arguments)
    });
    let written = Arc::clone(limits);
    environment.set_formatter(move |out, state, value| {
        written.spend(value.as_str().map_or(ITEM_BYTES, str::len))?;
        minijinja::escape_formatter(out, state, value)
    });
}

/// A method of Python's strings, lists and maps.
fn call_method(
    limits: &Limits,
    state: &mut State,
    value: &Value,
    method: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        match (method, arguments) {
            ("startswith" | "endswith", _) => {}
            ("replace", _) => measure_replace(limits, value, arguments)?,
            ("join", [values, ..]) => measure_join(limits, values, std::slice::from_ref(value))?,
            ("format", _) => measure_format(limits, value, arguments)?,
            _ => limits.spend(text.len())?,
        }
    }
    pycompat::unknown_method_callback(state, value, method, arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a template gives with the limits of a conversation of `num_bytes` bytes.
    fn rendered(template: &str, num_bytes: usize) -> Result<String, Option<Excess>> {
        let limits = Arc::new(Limits::default());
        let mut environment = Environment::new();
        limit(&mut environment, &limits);
        limits.begin(num_bytes, false);
        environment.set_fuel(Some(fuel(1)));
        environment.render_str(template, ()).map_err(|error| Excess::of(&error))
    }

    #[test]
    fn filters_do_what_they_do_without_limits() {
        for template in [
            "{{ 'a\nb' | indent(2) }}|{{ 'a\nb' | indent(width=2, first=true) }}",
            "{{ 'aXb' | replace('X', '-') }}{{ 'aXb'.replace('X', '-') }}{{ [1, 'b'] | join(', ') }}{{ '-'.join(['a']) }}",
            "{{ '%5d|%s' | format(20000, 'x') }}{{ '{:>5}{}'.format('a', 123456) }}",
            "{{ [1, 2, 3] | batch(2, 0) | list }}{{ [1, 2, 3] | slice(2) | list }}{{ [2, 1] | sort | join }}",
            "{{ [1, 1] | unique | list }}{{ [1, 2] | sum }}{{ [{'a': 1}] | string }}{{ [{'a': 1}] | groupby('a') }}",
        ] {
            let mut plain = Environment::new();
            plain.set_unknown_method_callback(pycompat::unknown_method_callback);
            let expected = plain.render_str(template, ()).expect("a good template");
            assert_eq!(rendered(template, 100), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_makes_much_of_little_is_stopped() {
        let text = Err(Some(Excess::Text));
        for template in [
            "{{ 'a' | indent(10000000000) }}",
            "{{ 'a' | indent(width=10000000000, first=true) }}",
            "{{ 'aaaa' | replace('', 'b' * 90000000) }}",
            "{{ 'aaaa'.replace('a', 'b' * 90000000) }}",
            "{{ range(100000) | join('a' * 100000) }}",
            "{{ ('a' * 100000).join(range(100000)) }}",
            "{{ '%1000000000d' | format(1) }}",
            "{{ '{:1000000000}'.format(1) }}",
            "{{ '{:{}}'.format(1, 1000000000) }}",
            "{{ 'a' * 10000000000 }}",
            "{{ ([1] * 90000000) | list }}",
            "{% for i in range(100000) %}{{ 'a' * 10000 }}{% endfor %}",
        ] {
            assert_eq!(rendered(template, 100), text, "{template}");
        }
        for template in [
            "{{ range(1000000000) }}",
            "{{ [1] | batch(10000000000, 0) }}",
            "{{ [1] | slice(10000000000) }}",
            "{% for i in range(100000) %}{% for i in range(100000) %}{% endfor %}{% endfor %}",
        ] {
            assert_eq!(rendered(template, 100), Err(Some(Excess::Work)), "{template}");
        }
        let calls_itself = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
        assert_eq!(rendered(calls_itself, 100), Err(Some(Excess::Depth)));
        assert_eq!(rendered("{{ 1 + 'a' }}", 100), Err(None), "an error of its own");
    }

    #[test]
    fn operands_and_kept_values_are_counted() {
        let doubled = |expression: &str| {
            let template =
                format!("{{% set ns = namespace(x=START) %}}{{% for i in range(90) %}}{expression}{{% endfor %}}");
            template.replace("START", if expression.contains('[') { "[1]" } else { "'a'" })
        };
        let text = "{% set ns.x = ns.x|hone_shown ~ ns.x|hone_shown %}";
        assert_eq!(rendered(&doubled(text), 100), Err(Some(Excess::Text)));
        let sum = "{% set ns.x = ns.x|hone_summed + ns.x|hone_summed %}";
        assert_eq!(rendered(&doubled(sum), 100), Err(Some(Excess::Text)));
        let list = "{% set ns.x = [ns.x, ns.x]|hone_built %}";
        assert_eq!(rendered(&doubled(list), 100), Err(Some(Excess::Text)));
        let nested = "{% set ns.x = ([ns.x],)|hone_kept %}";
        assert_eq!(rendered(&doubled(nested), 100), Err(Some(Excess::Depth)));
        for factor in ["'abcdefghijklmnopq'", "10000000", "10000000.0", "range(20)"] {
            assert_eq!(rendered(&format!("{{{{ {factor}|hone_factor }}}}"), 100), Err(Some(Excess::Text)), "{factor}");
        }
        assert_eq!(rendered("{{ ' '|hone_factor * 4|hone_factor }}", 100), Ok("    ".into()));
    }
}
