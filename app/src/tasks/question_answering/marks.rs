//! A text with an answer marked in it, beside the one that was given: the parts of it, and how they are drawn.

use hone_core::task::question_answering::Excerpt;
use leptos::prelude::*;

/// Characters of a text, from and up to.
pub(super) type Chars = Option<(usize, usize)>;

/// What a part of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Plain,
    /// The answer.
    Answer,
    /// Given instead.
    Wrong,
}

/// Cuts a part of a text where `answer` and `given`, in characters of the whole, begin and end. What is both is the
/// answer.
pub(super) fn parts(excerpt: &Excerpt, answer: Chars, given: Chars) -> Vec<(String, Part)> {
    let is_in = |range: Chars, at: usize| range.is_some_and(|(start, end)| (start..end).contains(&at));
    let part_of = |at: usize| match (is_in(answer, at), is_in(given, at)) {
        (true, _) => Part::Answer,
        (false, true) => Part::Wrong,
        (false, false) => Part::Plain,
    };
    let mut parts: Vec<(String, Part)> = Vec::new();
    for (char, at) in excerpt.text.chars().zip(excerpt.start..) {
        let part = part_of(at);
        match parts.last_mut() {
            Some((text, last)) if *last == part => text.push(char),
            _ => parts.push((char.to_string(), part)),
        }
    }
    if excerpt.start > 0 {
        parts.insert(0, ("… ".into(), Part::Plain));
    }
    if excerpt.is_cut {
        parts.push((" …".into(), Part::Plain));
    }
    parts
}

/// The text with both marked.
pub(super) fn marked(excerpt: &Excerpt, answer: Chars, given: Chars) -> AnyView {
    let parts = parts(excerpt, answer, given).into_iter().map(|(text, part)| match part {
        Part::Plain => view! { <span>{text}</span> }.into_any(),
        Part::Answer => view! { <mark class="span">{text}</mark> }.into_any(),
        Part::Wrong => view! { <mark class="span wrong">{text}</mark> }.into_any(),
    });
    view! { <p class="spans">{parts.collect_view()}</p> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(start: usize, is_cut: bool, answer: Chars, given: Chars) -> Vec<(String, Part)> {
        parts(&Excerpt { text: "Zoë saw Ann".into(), start, is_cut }, answer, given)
    }

    fn owned(parts: &[(&str, Part)]) -> Vec<(String, Part)> {
        parts.iter().map(|&(text, part)| (text.to_owned(), part)).collect()
    }

    #[test]
    fn a_text_is_cut_at_the_answer_and_at_what_was_given() {
        let both = [("Zoë", Part::Wrong), (" saw ", Part::Plain), ("Ann", Part::Answer)];
        assert_eq!(cut(0, false, Some((8, 11)), Some((0, 3))), owned(&both));
        let overlapping = [("Zoë ", Part::Plain), ("saw ", Part::Wrong), ("Ann", Part::Answer)];
        assert_eq!(cut(0, false, Some((8, 11)), Some((4, 11))), owned(&overlapping));
        assert_eq!(cut(0, false, None, None), owned(&[("Zoë saw Ann", Part::Plain)]));
    }

    #[test]
    fn characters_are_counted_from_the_start_of_the_whole_text() {
        let found = cut(100, true, Some((108, 111)), None);
        let expected = [("… ", Part::Plain), ("Zoë saw ", Part::Plain), ("Ann", Part::Answer), (" …", Part::Plain)];
        assert_eq!(found, owned(&expected));
    }
}
