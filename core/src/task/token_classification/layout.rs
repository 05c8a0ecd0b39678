//! How the tags of a row stand in its cell, for whoever gives it others (ADR 44). In: what stands there, the words of the row, and words
//! that get another type, or none. Out: a tag for each word; or what stands in the cell then, in the way of the file.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::cells::{read_spans, read_tags, read_words};
use super::place::{char_bounds, place_in_words};
use super::spans::Span;
use super::tags::{OUTSIDE, Scheme, to_capital, to_small};
use super::write::{write_items, write_spans};
use crate::metrics::{EntitySpan, entity_spans};

/// How the tags of rows stand in their cells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TagLayout {
    /// How tags mark entities.
    pub scheme: Scheme,
    /// All tags.
    pub labels: Vec<String>,
    /// What tags are called in the order of their ids, where the file has ids.
    pub names_of_ids: Vec<String>,
    /// The tags of the file are written small, `o` and `b-PER`.
    pub are_small: bool,
    /// The cells hold spans of a text.
    pub has_spans: bool,
    /// A span as it stands in the file, where there is one.
    pub example: Option<String>,
}

impl TagLayout {
    /// Types of entities.
    #[must_use]
    pub fn types(&self) -> Vec<String> {
        let mut types: Vec<String> = Vec::new();
        for label in self.labels.iter().filter(|label| *label != OUTSIDE) {
            let label = entity_spans(&[label]).pop().map_or_else(|| label.clone(), |entity| entity.label);
            if !types.contains(&label) {
                types.push(label);
            }
        }
        types
    }

    /// The scheme of the tags that words are given here. Spans know none.
    fn own_scheme(&self) -> Scheme {
        if self.has_spans { Scheme::Bio } else { self.scheme }
    }

    /// The tags of a row with these words, which count characters of its text, by what stands in its cell.
    ///
    /// # Errors
    /// When that can't be read, or has another number of tags.
    pub fn tags_of(&self, cell: &str, text: &str, words: &[(usize, usize)]) -> Result<Vec<String>, String> {
        if self.has_spans {
            let found = if cell.trim().is_empty() { Vec::new() } else { read_spans(cell)? };
            let placed = place_in_words(text, words_in_bytes(text, words), &found)?;
            let spans = placed.spans.into_iter();
            let entities: Vec<EntitySpan> =
                spans.map(|span| EntitySpan { start: span.start, end: span.end, label: span.label }).collect();
            return Ok(self.tags_with(&vec![OUTSIDE.to_owned(); words.len()], &entities));
        }
        let items = read_tags(cell)?;
        if items.values.len() != words.len() {
            return Err(format!("it has {} tags and {} words", items.values.len(), words.len()));
        }
        if self.names_of_ids.is_empty() {
            return Ok(self.as_read(items.values));
        }
        let name = |id: &String| {
            let index: Option<usize> = id.parse().ok();
            let name = index.and_then(|index| self.names_of_ids.get(index));
            name.cloned().ok_or_else(|| format!("no tag has the id {id}"))
        };
        items.values.iter().map(name).collect()
    }

    /// Tags of a cell as they are read.
    pub(super) fn as_read(&self, tags: Vec<String>) -> Vec<String> {
        if self.are_small { tags.iter().map(|tag| to_capital(tag)).collect() } else { tags }
    }

    /// What the cell of a row holds once its words have these tags; `before` is what stands there.
    ///
    /// # Errors
    /// When the file has no way to write them.
    pub fn cell_with(
        &self,
        tags: &[String],
        before: &str,
        text: &str,
        words: &[(usize, usize)],
    ) -> Result<String, String> {
        if self.has_spans {
            let entities = entity_spans(tags);
            return write_spans(before, self.example.as_deref(), (text, &words_in_bytes(text, words)), &entities);
        }
        if self.are_small {
            let small: Vec<String> = tags.iter().map(|tag| to_small(tag)).collect();
            return Ok(write_items(before, &small, false));
        }
        if self.names_of_ids.is_empty() {
            return Ok(write_items(before, tags, false));
        }
        let id = |tag: &String| {
            let place = self.names_of_ids.iter().position(|name| name == tag);
            let no_id = || format!("the file has ids instead of tags, and none for \u{201c}{tag}\u{201d}");
            place.map(|place| place.to_string()).ok_or_else(no_id)
        };
        let ids = tags.iter().map(id).collect::<Result<Vec<String>, String>>()?;
        Ok(write_items(before, &ids, true))
    }

    /// The first of these tags that no row had so far: of spans, the first type.
    #[must_use]
    pub fn find_new(&self, tags: &[String]) -> Option<String> {
        if self.has_spans {
            let types = self.types();
            return entity_spans(tags).into_iter().map(|entity| entity.label).find(|label| !types.contains(label));
        }
        tags.iter().find(|tag| !self.labels.contains(tag)).cloned()
    }

    /// The tags of words that some spans of characters cover, such as those that a model found.
    #[must_use]
    pub fn tags_of_spans(&self, spans: &[Span], words: &[(usize, usize)]) -> Vec<String> {
        let entity = |span: &Span| EntitySpan {
            start: words.partition_point(|&(_, end)| end <= span.start),
            end: words.partition_point(|&(start, _)| start < span.end),
            label: span.label.clone(),
        };
        let entities: Vec<EntitySpan> = spans.iter().map(entity).filter(|entity| entity.start < entity.end).collect();
        self.tags_with(&vec![OUTSIDE.to_owned(); words.len()], &entities)
    }

    /// The tags once the words of a range are one entity of a type, or none. What else was of an entity of these words stays one.
    #[must_use]
    pub fn give(&self, tags: &[String], range: Range<usize>, label: Option<&str>) -> Vec<String> {
        let range = range.start..range.end.min(tags.len());
        let mut entities: Vec<EntitySpan> = Vec::new();
        for EntitySpan { start, end, label } in entity_spans(tags) {
            if end <= range.start || start >= range.end {
                entities.push(EntitySpan { start, end, label });
                continue;
            }
            let rests = [(start, range.start), (range.end, end)].into_iter().filter(|(start, end)| start < end);
            entities.extend(rests.map(|(start, end)| EntitySpan { start, end, label: label.clone() }));
        }
        if let Some(label) = label.filter(|_| range.start < range.end) {
            entities.push(EntitySpan { start: range.start, end: range.end, label: label.to_owned() });
        }
        entities.sort_by_key(|entity| entity.start);
        self.tags_with(tags, &entities)
    }

    /// The tags of entities in order; what stays as it was before keeps its tags, as long as they say the same.
    fn tags_with(&self, before: &[String], entities: &[EntitySpan]) -> Vec<String> {
        let kept = self.write_tags(before, entities, true);
        if entity_spans(&kept) == entities { kept } else { self.write_tags(before, entities, false) }
    }

    fn write_tags(&self, before: &[String], entities: &[EntitySpan], keeps: bool) -> Vec<String> {
        let scheme = self.own_scheme();
        let old = entity_spans(before);
        let is_free = |word: usize| !old.iter().any(|entity| (entity.start..entity.end).contains(&word));
        let outside = |(word, tag): (usize, &String)| {
            if keeps && is_free(word) { tag.clone() } else { OUTSIDE.to_owned() }
        };
        let mut tags: Vec<String> = before.iter().enumerate().map(outside).collect();
        let mut last: Option<&EntitySpan> = None;
        for entity in entities {
            let range = entity.start..entity.end;
            if keeps && old.contains(entity) {
                tags[range.clone()].clone_from_slice(&before[range]);
            } else {
                let new = scheme.tags_of(&entity.label, range.len());
                tags[range].iter_mut().zip(new).for_each(|(tag, new)| *tag = new);
            }
            let follows = last.is_some_and(|last| last.end == entity.start && last.label == entity.label);
            if scheme == Scheme::Iob1 && follows {
                tags[entity.start] = format!("B-{}", entity.label);
            }
            last = Some(entity);
        }
        tags
    }
}

/// Whether words that come one by one in a cell make this text.
#[must_use]
pub fn are_words_of(cell: &str, text: &str) -> bool {
    read_words(cell).is_ok_and(|words| words.values.join(" ") == text)
}

/// Words that count characters, in bytes.
fn words_in_bytes(text: &str, words: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let chars = char_bounds(text);
    let at = |index: usize| chars.get(index).copied().unwrap_or(text.len());
    words.iter().map(|&(start, end)| (at(start), at(end))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(items: &str) -> Vec<String> {
        items.split_whitespace().map(str::to_owned).collect()
    }

    fn layout(scheme: Scheme) -> TagLayout {
        TagLayout { scheme, labels: owned("O B-PER I-PER B-LOC"), ..TagLayout::default() }
    }

    fn give(scheme: Scheme, tags: &str, range: Range<usize>, label: Option<&str>) -> String {
        layout(scheme).give(&owned(tags), range, label).join(" ")
    }

    #[test]
    fn words_get_a_type_in_the_scheme_of_the_file_and_the_others_stay() {
        for (scheme, before, range, label, expected) in [
            (Scheme::Bio, "B-PER I-PER O", 1..3, Some("LOC"), "B-PER B-LOC I-LOC"),
            (Scheme::Bio, "B-PER I-PER I-PER", 1..2, None, "B-PER O B-PER"),
            (Scheme::Bio, "I-PER I-PER O O", 3..4, Some("PER"), "I-PER I-PER O B-PER"),
            (Scheme::Bio, "O I-PER", 0..1, Some("PER"), "B-PER B-PER"),
            (Scheme::Iob1, "O I-PER O", 0..1, Some("PER"), "I-PER B-PER O"),
            (Scheme::Iob1, "I-PER B-PER O", 0..1, None, "O B-PER O"),
            (Scheme::Bioes, "B-PER E-PER O", 1..2, Some("PER"), "S-PER S-PER O"),
            (Scheme::Bilou, "O O O", 0..3, Some("LOC"), "B-LOC I-LOC L-LOC"),
            (Scheme::Io, "I-PER O O", 1..2, Some("PER"), "I-PER I-PER O"),
            (Scheme::Plain, "N N V", 1..2, Some("V"), "N V V"),
            (Scheme::Bio, "B-PER O", 1..9, Some("LOC"), "B-PER B-LOC"),
        ] {
            assert_eq!(give(scheme, before, range, label), expected, "{scheme:?}: {before}");
        }
    }

    #[test]
    fn tags_are_read_and_written_as_the_file_has_them() {
        let words = [(0, 3), (4, 8)];
        let text = "Zoë left";
        let names = layout(Scheme::Bio);
        assert_eq!(names.tags_of("B-PER O", text, &words), Ok(owned("B-PER O")));
        assert!(names.tags_of("B-PER", text, &words).is_err(), "a tag for each word");
        assert_eq!(names.cell_with(&owned("O O"), "B-PER O", text, &words), Ok("O O".into()));
        assert_eq!(
            (names.find_new(&owned("O I-PER")), names.find_new(&owned("O I-LOC"))),
            (None, Some("I-LOC".into()))
        );

        let small = TagLayout { are_small: true, ..layout(Scheme::Bio) };
        assert_eq!(small.tags_of("b-PER o", text, &words), Ok(owned("B-PER O")));
        assert_eq!(small.cell_with(&owned("O B-PER"), "b-PER o", text, &words), Ok("o b-PER".into()));

        let ids = TagLayout { names_of_ids: owned("O B-PER"), ..layout(Scheme::Bio) };
        assert_eq!(ids.tags_of("[1, 0]", text, &words), Ok(owned("B-PER O")));
        assert_eq!(ids.cell_with(&owned("O B-PER"), "[1, 0]", text, &words), Ok("[0, 1]".into()));
        let missing = ids.cell_with(&owned("O I-PER"), "[1, 0]", text, &words).expect_err("no id");
        assert!(missing.ends_with("none for \u{201c}I-PER\u{201d}"), "{missing}");
        assert!(ids.tags_of("[7, 0]", text, &words).is_err());

        let spans = TagLayout { has_spans: true, ..layout(Scheme::Plain) };
        let cell = r#"[[0, 3, "PER"]]"#;
        assert_eq!(spans.tags_of(cell, text, &words), Ok(owned("B-PER O")));
        assert_eq!(spans.tags_of("", text, &words), Ok(owned("O O")));
        assert_eq!(spans.cell_with(&owned("O B-LOC"), cell, text, &words), Ok(r#"[[4, 8, "LOC"]]"#.into()));
        assert_eq!((spans.find_new(&owned("O I-LOC")), spans.find_new(&owned("O B-X"))), (None, Some("X".into())));
    }

    #[test]
    fn what_a_model_finds_are_tags_of_words() {
        let span = |start, end| Span { start, end, label: "PER".into(), score: None };
        let tags = layout(Scheme::Bio).tags_of_spans(&[span(4, 9)], &[(0, 3), (4, 6), (6, 9)]);
        assert_eq!(tags, owned("O B-PER I-PER"));
        assert_eq!(layout(Scheme::Bio).types(), ["PER", "LOC"]);
    }

    #[test]
    fn words_that_come_one_by_one_make_the_text() {
        assert!(are_words_of(r#"["New", "York"]"#, "New York") && are_words_of("New  York", "New York"));
        assert!(!are_words_of(r#"["New"]"#, "New York"));
    }
}
