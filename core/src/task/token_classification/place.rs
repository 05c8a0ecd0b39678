//! Spans of a text to spans of words: offsets are found, words that a span cuts are taken whole, and what can't be is said.
//!
//! In: a text and its spans as the file has them. Out: [`PlacedText`], or what is wrong with the row.

use super::cells::RawSpan;
use crate::tokenizer::split_words;

/// A text as words, some of which are in spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlacedText {
    /// Bytes of each word, from and up to.
    pub(super) words: Vec<(usize, usize)>,
    /// Spans in order, none of which overlaps another.
    pub(super) spans: Vec<PlacedSpan>,
    /// Spans that cut a word and were made longer by the rest of it.
    pub(super) num_widened: usize,
    /// Offsets fit what the file says of its spans only if they count UTF-16 units, as JavaScript does.
    pub(super) counts_utf16: bool,
}

/// A span of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlacedSpan {
    /// Its first word.
    pub(super) start: usize,
    /// The word after its last.
    pub(super) end: usize,
    pub(super) label: String,
    /// Its place among the spans of the file.
    pub(super) index: usize,
}

/// A span with its number in the row, from 1, and its bytes.
struct Found<'s> {
    number: usize,
    raw: &'s RawSpan,
    bytes: (usize, usize),
    words: (usize, usize),
}

/// Finds the words of a text and those of its spans. Offsets that cut words, or fit nowhere, count UTF-16 units where all spans are whole
/// words then.
///
/// # Errors
/// When a span is empty, lies outside the text, covers something else than the file says, or overlaps another.
pub(super) fn place_spans(text: &str, spans: &[RawSpan]) -> Result<PlacedText, String> {
    place_in_words(text, split_words(text), spans)
}

/// As [`place_spans`], where the words of the text are known.
///
/// # Errors
/// See [`place_spans`].
pub(super) fn place_in_words(text: &str, words: Vec<(usize, usize)>, spans: &[RawSpan]) -> Result<PlacedText, String> {
    let placed = place_counted(text, words.clone(), spans, false);
    let are_whole = |placed: &PlacedText| placed.num_widened == 0;
    if placed.as_ref().is_ok_and(are_whole) || text.chars().all(|character| character.len_utf16() == 1) {
        return placed;
    }
    place_counted(text, words, spans, true).ok().filter(are_whole).map_or(placed, Ok)
}

/// As [`place_in_words`], with offsets that all count UTF-16 units, or only where the file says what a span covers.
fn place_counted(
    text: &str,
    words: Vec<(usize, usize)>,
    spans: &[RawSpan],
    all_utf16: bool,
) -> Result<PlacedText, String> {
    let chars = char_bounds(text);
    let mut units = None;
    let mut placed = PlacedText { words, spans: Vec::new(), num_widened: 0, counts_utf16: false };
    let mut found = Vec::with_capacity(spans.len());
    for (index, raw) in spans.iter().enumerate() {
        let number = index + 1;
        let bytes = match covered(text, &chars, raw) {
            Ok(bytes) if !all_utf16 => bytes,
            by_characters => {
                let found = utf16_bytes(text, units.get_or_insert_with(|| utf16_bounds(text)), raw, all_utf16);
                let reason = by_characters.err().unwrap_or_default();
                placed.counts_utf16 = true;
                found.ok_or_else(|| format!("span {number} ({} to {}) {reason}", raw.start, raw.end))?
            }
        };
        let first = placed.words.partition_point(|&(_, end)| end <= bytes.0);
        let last = placed.words.partition_point(|&(start, _)| start < bytes.1);
        if first >= last {
            return Err(format!("span {number} ({} to {}) covers no word", raw.start, raw.end));
        }
        let is_widened = placed.words[first].0 < bytes.0 || placed.words[last - 1].1 > bytes.1;
        placed.num_widened += usize::from(is_widened);
        found.push(Found { number, raw, bytes, words: (first, last) });
    }
    found.sort_by_key(|span| span.bytes);
    for pair in found.windows(2) {
        let [left, right] = pair else { continue };
        if left.words.1 > right.words.0 {
            let spans = format!(
                "spans {} ({} to {}) and {} ({} to {})",
                left.number, left.raw.start, left.raw.end, right.number, right.raw.start, right.raw.end
            );
            if left.bytes.1 > right.bytes.0 {
                return Err(format!("{spans} overlap"));
            }
            let (start, end) = placed.words[right.words.0];
            return Err(format!("{spans} share the word {:?}", &text[start..end]));
        }
    }
    placed.spans = found
        .iter()
        .map(|span| {
            let ((start, end), label) = (span.words, span.raw.label.clone());
            PlacedSpan { start, end, label, index: span.number - 1 }
        })
        .collect();
    Ok(placed)
}

/// Where each character of a text begins, in bytes, and where the text ends.
pub(super) fn char_bounds(text: &str) -> Vec<usize> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
}

/// The bytes of a span whose offsets count characters; an error says what is wrong with it.
fn covered(text: &str, chars: &[usize], span: &RawSpan) -> Result<(usize, usize), String> {
    if span.start >= span.end {
        return Err("is empty".into());
    }
    let Some(&end) = chars.get(span.end) else {
        return Err(format!("ends outside the text, which has {} characters", chars.len() - 1));
    };
    let start = chars[span.start];
    match &span.text {
        Some(said) if said.trim() != text[start..end].trim() => {
            Err(format!("covers {:?}, where the file says {said:?}", &text[start..end]))
        }
        _ => Ok((start, end)),
    }
}

/// Where each UTF-16 unit of a text begins, in bytes, and where the text ends; `None` within a character.
fn utf16_bounds(text: &str) -> Vec<Option<usize>> {
    let units = |(at, character): (usize, char)| [Some(at), None].into_iter().take(character.len_utf16());
    text.char_indices().flat_map(units).chain([Some(text.len())]).collect()
}

/// The bytes of a span whose offsets count UTF-16 units, if what the file says of it stands there, and it says something or need not;
/// `units` are the bounds of the text.
fn utf16_bytes(text: &str, units: &[Option<usize>], span: &RawSpan, may_say_nothing: bool) -> Option<(usize, usize)> {
    let bound = |unit: usize| units.get(unit).copied().flatten();
    let (start, end) = (bound(span.start)?, bound(span.end)?);
    let is_said = match &span.text {
        Some(said) => start < end && text[start..end].trim() == said.trim(),
        None => may_say_nothing,
    };
    (start < end && is_said).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, end: usize, label: &str) -> RawSpan {
        RawSpan { start, end, label: label.into(), text: None }
    }

    fn saying(start: usize, end: usize, text: &str) -> RawSpan {
        RawSpan { text: Some(text.into()), ..span(start, end, "X") }
    }

    fn covered_words<'t>(text: &'t str, placed: &PlacedText) -> Vec<(&'t str, String)> {
        let words = |span: &PlacedSpan| &text[placed.words[span.start].0..placed.words[span.end - 1].1];
        placed.spans.iter().map(|span| (words(span), span.label.clone())).collect()
    }

    #[test]
    fn offsets_count_characters() {
        let text = "Zoë 😀 flew to São Paulo.";
        let placed = place_spans(text, &[span(14, 23, "LOC"), span(0, 3, "PER")]).expect("good spans");
        assert_eq!(covered_words(text, &placed), [("Zoë", "PER".into()), ("São Paulo", "LOC".into())]);
        assert_eq!((placed.num_widened, placed.counts_utf16), (0, false));
    }

    #[test]
    fn a_word_that_is_cut_is_taken_whole_and_spaces_are_let_go() {
        let text = "the Berliners' dogs";
        let placed = place_spans(text, &[span(4, 10, "LOC")]).expect("a good span");
        assert_eq!((covered_words(text, &placed), placed.num_widened), (vec![("Berliners", "LOC".into())], 1));
        let spaced = place_spans(text, &[span(3, 14, "LOC"), span(14, 19, "X")]).expect("good spans");
        assert_eq!(covered_words(text, &spaced), [("Berliners'", "LOC".into()), ("dogs", "X".into())]);
        assert_eq!(spaced.num_widened, 0);
    }

    #[test]
    fn what_can_not_be_is_said() {
        let fail = |spans: &[RawSpan]| place_spans("in 10km of it", spans).expect_err("not good");
        assert_eq!(
            fail(&[span(0, 2, "A"), span(5, 99, "A")]),
            "span 2 (5 to 99) ends outside the text, which has 13 characters"
        );
        assert_eq!(fail(&[span(4, 4, "A")]), "span 1 (4 to 4) is empty");
        assert_eq!(fail(&[span(2, 3, "A")]), "span 1 (2 to 3) covers no word");
        assert_eq!(fail(&[span(3, 10, "A"), span(0, 5, "B")]), "spans 2 (0 to 5) and 1 (3 to 10) overlap");
        assert_eq!(
            fail(&[span(3, 5, "A"), span(5, 7, "B")]),
            "spans 1 (3 to 5) and 2 (5 to 7) share the word \"10km\""
        );
        assert_eq!(fail(&[saying(0, 2, "on")]), "span 1 (0 to 2) covers \"in\", where the file says \"on\"");
    }

    #[test]
    fn offsets_may_count_utf_16_units_where_the_file_says_what_they_cover() {
        let text = "😀😀 Paris";
        let placed = place_spans(text, &[saying(5, 10, "Paris")]).expect("a good span");
        assert_eq!((covered_words(text, &placed), placed.counts_utf16), (vec![("Paris", "X".into())], true));
        let by_characters = place_spans(text, &[saying(3, 8, "Paris ")]).expect("a good span");
        assert!(!by_characters.counts_utf16);
        let within = place_spans(text, &[saying(1, 4, "😀")]).expect_err("it begins within a character");
        assert!(within.starts_with("span 1 (1 to 4) covers"), "{within}");
    }

    #[test]
    fn offsets_that_are_whole_words_in_utf_16_units_alone_count_these() {
        let text = "😀 Anna flew (to Paris).";
        let placed = place_spans(text, &[span(3, 7, "PER"), span(17, 22, "LOC")]).expect("good spans");
        assert_eq!(covered_words(text, &placed), [("Anna", "PER".into()), ("Paris", "LOC".into())]);
        assert_eq!((placed.num_widened, placed.counts_utf16), (0, true));
        let by_characters = place_spans(text, &[span(2, 6, "PER"), span(16, 21, "LOC")]).expect("good spans");
        assert_eq!(covered_words(text, &by_characters), covered_words(text, &placed));
        assert!(!by_characters.counts_utf16);
        let cut = place_spans(text, &[span(2, 5, "PER")]).expect("a part of a word, in either count");
        assert_eq!((cut.num_widened, cut.counts_utf16), (1, false));
        assert_eq!(place_spans("ends 😀", &[span(0, 4, "X"), span(5, 7, "X")]).map(|placed| placed.spans.len()), Ok(2));
    }

    #[test]
    fn units_of_utf_16_are_counted_once_for_all_spans() {
        assert_eq!(utf16_bounds("é😀x"), [Some(0), Some(2), None, Some(6), Some(7)]);
        let text = format!("😀 {}", "Paris ".repeat(1000));
        let spans: Vec<RawSpan> = (0..1000).map(|word| saying(3 + 6 * word, 8 + 6 * word, "Paris")).collect();
        let placed = place_spans(&text, &spans).expect("good spans");
        assert!(placed.counts_utf16 && placed.spans.len() == 1000);
        assert!(placed.spans.iter().enumerate().all(|(word, span)| placed.words[span.start].0 == 5 + 6 * word));
    }
}
