//! Where an answer stands in its text: where the file says, else where it is found.

/// Bytes of an answer, from and up to, and how they were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) how: How,
}

/// How an answer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It stands where the file says.
    AsSaid,
    /// It stands elsewhere: the nearest place was taken.
    Moved,
    /// The file does not say where: the first of so many places was taken.
    Sought(usize),
}

/// Finds an answer in its text; `start` is its first character, where the file says so. Without it, the first place
/// counts where the answer is no part of a longer word, else the first of all. Space around the answer does not count.
pub(super) fn place_answer(text: &str, answer: &str, start: Option<usize>) -> Option<Placed> {
    let trimmed = answer.trim();
    let placed = |start: usize, how: How| Placed { start, end: start + trimmed.len(), how };
    if trimmed.is_empty() {
        return None;
    }
    let found = || text.match_indices(trimmed).map(|(at, _)| at);
    let Some(start) = start else {
        let is_apart = |&at: &usize| {
            let before = text[..at].chars().next_back();
            let after = text[at + trimmed.len()..].chars().next();
            let is_in_word = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
            !is_in_word(before) && !is_in_word(after)
        };
        let words = found().filter(is_apart).count();
        return match words {
            0 => found().next().map(|at| placed(at, How::Sought(found().count()))),
            words => found().find(is_apart).map(|at| placed(at, How::Sought(words))),
        };
    };
    let start = start.saturating_add(answer.chars().take_while(|char| char.is_whitespace()).count());
    let said = byte_of_char(text, start).unwrap_or(text.len());
    if text[said..].starts_with(trimmed) {
        return Some(placed(said, How::AsSaid));
    }
    found().min_by_key(|at| at.abs_diff(said)).map(|at| placed(at, How::Moved))
}

/// Where a character begins, in bytes; `None` behind the text.
pub(super) fn byte_of_char(text: &str, index: usize) -> Option<usize> {
    if text.is_ascii() {
        return (index <= text.len()).then_some(index);
    }
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(index)
}

/// Characters before a byte that begins one.
pub(super) fn chars_before(text: &str, at: usize) -> usize {
    text[..at].chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Zoë 😀 said: in Berlin, in the inn, in Berlin.";

    fn place(answer: &str, start: Option<usize>) -> Option<(usize, How)> {
        place_answer(TEXT, answer, start).map(|found| {
            assert_eq!(&TEXT[found.start..found.end], answer.trim());
            (chars_before(TEXT, found.start), found.how)
        })
    }

    #[test]
    fn starts_count_characters() {
        assert_eq!(place("said", Some(6)), Some((6, How::AsSaid)));
        assert_eq!(place(" said", Some(5)), Some((6, How::AsSaid)), "space around an answer does not count");
        assert_eq!(place("Berlin", Some(38)), Some((38, How::AsSaid)));
    }

    #[test]
    fn a_start_that_is_off_leads_to_the_nearest_place() {
        assert_eq!(place("Berlin", Some(30)), Some((38, How::Moved)));
        assert_eq!(place("Berlin", Some(14)), Some((15, How::Moved)));
        assert_eq!(place("Berlin", Some(999)), Some((38, How::Moved)));
        assert_eq!(place(" Berlin", Some(usize::MAX)), Some((38, How::Moved)));
        assert_eq!(place("Paris", Some(15)), None);
    }

    #[test]
    fn without_a_start_the_first_place_of_the_whole_word_counts() {
        assert_eq!(place("Berlin", None), Some((15, How::Sought(2))));
        assert_eq!(place("inn", None), Some((30, How::Sought(1))));
        assert_eq!(place("lin", None), Some((18, How::Sought(2))), "only within words");
        assert_eq!(place("in", None), Some((12, How::Sought(3))));
        assert_eq!((place("Paris", None), place(" ", None)), (None, None));
    }
}
