//! Parts of long texts, to be shown.

use super::Excerpt;
use super::place::chars_before;

/// Characters of a part.
const MAX_CHARS: usize = 320;

/// The part of a text around some bytes of it, or its start.
pub(super) fn excerpt(text: &str, around: Option<(usize, usize)>) -> Excerpt {
    let num_chars = text.chars().count();
    if num_chars <= MAX_CHARS {
        return Excerpt { text: text.to_owned(), start: 0, is_cut: false };
    }
    let start = around.map_or(0, |(start, end)| {
        let (start, end) = (chars_before(text, start), chars_before(text, end));
        let spare = MAX_CHARS.saturating_sub(end - start);
        start.saturating_sub(spare / 2).min(num_chars - MAX_CHARS)
    });
    let part = text.chars().skip(start).take(MAX_CHARS).collect();
    Excerpt { text: part, start, is_cut: start + MAX_CHARS < num_chars }
}

/// From the first to the last of two ranges, where that can be shown at once; else the first.
pub(super) fn join(first: Option<(usize, usize)>, second: Option<(usize, usize)>) -> Option<(usize, usize)> {
    let (Some(one), Some(other)) = (first, second) else { return first.or(second) };
    let both = (one.0.min(other.0), one.1.max(other.1));
    if both.1 - both.0 <= MAX_CHARS { Some(both) } else { Some(one) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_shown_around_what_matters() {
        let text = format!("{}x{}", "é".repeat(1000), "b".repeat(1000));
        let found = excerpt(&text, Some((2000, 2001)));
        assert_eq!((found.text.chars().count(), found.is_cut), (MAX_CHARS, true));
        assert_eq!(found.text.chars().position(|char| char == 'x'), Some(1000 - found.start));
        assert_eq!(excerpt(&text, None).start, 0);
        let end = excerpt(&text, Some((2999, 3001)));
        assert_eq!((end.start, end.is_cut), (2001 - MAX_CHARS, false));
        assert_eq!(excerpt("short", Some((1, 2))), Excerpt { text: "short".into(), start: 0, is_cut: false });
        let long = excerpt(&text, Some((0, 3001)));
        assert_eq!((long.start, long.text.chars().count()), (0, MAX_CHARS));
    }

    #[test]
    fn two_answers_are_shown_at_once_where_they_are_near() {
        assert_eq!(join(Some((10, 20)), Some((40, 50))), Some((10, 50)));
        assert_eq!(join(Some((40, 50)), Some((10, 20))), Some((10, 50)));
        assert_eq!(join(Some((1000, 1001)), Some((10, 20))), Some((1000, 1001)));
        assert_eq!((join(None, Some((1, 2))), join(None, None)), (Some((1, 2)), None));
    }
}
