//! A text with its spans marked: the parts of it, and how they are drawn.

use hone_core::task::token_classification::Span;
use leptos::prelude::*;

use crate::format;

/// Characters of a text that are shown.
const MAX_CHARS: usize = 1200;

/// A part of a text, and the span that it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub text: String,
    /// Index of its span.
    pub span: Option<usize>,
}

/// Cuts a text into parts that are a span and parts between them. Spans count characters, are in order and do not overlap;
/// what is longer than a page shows is cut off at its end.
pub(super) fn parts(text: &str, spans: &[Span]) -> Vec<Part> {
    let mut chars = text.chars();
    let mut at = 0;
    let mut parts = Vec::new();
    let mut take = |end: usize, span: Option<usize>| {
        let part: String = chars.by_ref().take(end.min(MAX_CHARS).saturating_sub(at)).collect();
        at = at.max(end.min(MAX_CHARS));
        if !part.is_empty() {
            parts.push(Part { text: part, span });
        }
    };
    for (index, span) in spans.iter().enumerate() {
        take(span.start, None);
        take(span.end, Some(index));
    }
    take(usize::MAX, None);
    if chars.next().is_some() {
        parts.push(Part { text: "…".into(), span: None });
    }
    parts
}

/// The text with each span marked and named. `is_wrong` says of a span, by its index, whether it is a mistake.
pub(super) fn marked(text: &str, spans: &[Span], is_wrong: impl Fn(usize) -> bool) -> AnyView {
    let parts = parts(text, spans).into_iter().map(|part| {
        let Some((index, span)) = part.span.and_then(|index| Some((index, spans.get(index)?))) else {
            return view! { <span>{part.text}</span> }.into_any();
        };
        let class = if is_wrong(index) { "span wrong" } else { "span" };
        let score = span.score.map(|score| format!("{}, {}", span.label, format::percent(f64::from(score))));
        view! { <mark class=class title=score>{part.text}" "<small>{span.label.clone()}</small></mark> }.into_any()
    });
    view! { <p class="spans">{parts.collect_view()}</p> }.into_any()
}

/// What a span covers.
pub(super) fn covered(text: &str, span: &Span) -> String {
    text.chars().skip(span.start).take(span.end.saturating_sub(span.start)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, end: usize) -> Span {
        Span { start, end, label: "X".into(), score: None }
    }

    fn cut(text: &str, spans: &[Span]) -> Vec<(String, Option<usize>)> {
        parts(text, spans).into_iter().map(|part| (part.text, part.span)).collect()
    }

    #[test]
    fn a_text_is_cut_at_its_spans_by_characters() {
        let found = cut("Zoë in São Paulo", &[span(0, 3), span(7, 16)]);
        let expected = [("Zoë", Some(0)), (" in ", None), ("São Paulo", Some(1))];
        assert_eq!(found, expected.map(|(text, span)| (text.to_owned(), span)));
        assert_eq!(cut("none", &[]), [("none".to_owned(), None)]);
        assert_eq!(covered("Zoë in São Paulo", &span(7, 10)), "São");
    }

    #[test]
    fn what_is_very_long_is_cut_off() {
        let text = "é".repeat(MAX_CHARS + 5);
        let found = cut(&text, &[span(MAX_CHARS - 1, MAX_CHARS + 2), span(MAX_CHARS + 3, MAX_CHARS + 4)]);
        assert_eq!(found.len(), 3);
        assert_eq!((found[1].0.as_str(), found[1].1, found[2].0.as_str()), ("é", Some(0), "…"));
    }
}
