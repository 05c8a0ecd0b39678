//! Which tag has which number, and what tags are called: as a model has them, as the file names them, or sorted.

use std::collections::{BTreeMap, HashMap};

use super::super::{Purpose, ReadRequest};
use super::tags::{OUTSIDE, SMALL_OUTSIDE, Scheme, are_small, sort_tags, split_tag, to_capital};
use super::tagset::TagSet;
use crate::data::DataError;
use crate::words::plural;

/// Most tags that are told apart.
const MAX_TAGS: usize = 1000;

/// So few tags are believed even where hardly two words share one.
const FEW_TAGS: usize = 10;

/// Tags with their final numbers.
#[derive(Debug)]
pub(super) struct NamedTags {
    /// Names in the order of their numbers.
    pub(super) labels: Vec<String>,
    /// The number of each tag of the [`TagSet`], in its order.
    pub(super) ids: Vec<usize>,
    /// The tags of the files are written small.
    pub(super) are_small: bool,
    /// What was done, where that is not obvious.
    pub(super) notes: Vec<String>,
}

/// Names and numbers the tags of the training rows, and closes the set. Tags that spans were given are completed, so that
/// longer entities of other files have theirs. `tags_of_rows` are the rows' tags as the set numbers them.
///
/// # Errors
/// When they are texts or ids of something else rather than tags.
pub(super) fn name_tags<'t, I: Iterator<Item = &'t [usize]>>(
    set: &mut TagSet,
    scheme_of_spans: Option<Scheme>,
    request: &ReadRequest<'_>,
    column: &str,
    num_words: usize,
    tags_of_rows: impl Fn() -> I,
) -> Result<NamedTags, DataError> {
    let too_many =
        |num_classes| DataError::TooManyClasses { column: column.to_owned(), num_classes, num_rows: num_words };
    let num_tags = set.raw.len();
    let are_rare = num_tags > FEW_TAGS && num_tags * 2 > num_words;
    if num_tags > MAX_TAGS || request.purpose == Purpose::Train && are_rare {
        return Err(too_many(num_tags));
    }
    let mut notes = Vec::new();
    if let Some(numbers) = set.as_numbers() {
        let largest = numbers.iter().copied().max().unwrap_or(0);
        if largest >= MAX_TAGS {
            return Err(too_many(largest + 1));
        }
        let mut counts = vec![0; largest + 1];
        tags_of_rows().flatten().for_each(|&tag| counts[numbers[tag]] += 1);
        let labels = name_ids(&counts, set.names.take(), request, &mut notes);
        set.close((0..labels.len()).map(|id| (id.to_string(), id)).collect());
        return Ok(NamedTags { labels, ids: numbers, are_small: false, notes });
    }
    let mut counts = vec![0; num_tags];
    tags_of_rows().flatten().for_each(|&tag| counts[tag] += 1);
    // A model that has them so reads them so.
    let are_known = request.known_labels.iter().any(|label| label == SMALL_OUTSIDE);
    let are_small = !are_known && are_small(&set.raw, &counts);
    let read_as = |tag: &String| if are_small { to_capital(tag) } else { tag.clone() };
    let mut labels: Vec<String> = set.raw.iter().map(read_as).collect();
    if request.purpose == Purpose::Measure {
        notes.extend(convert_prefixes(&mut labels, request.known_labels));
    }
    let spelled = labels.clone();
    if are_small {
        let note = "tags are written small in the file: \"o\" is read as \"O\", and prefixes such as \"b-\" as \"B-\"";
        notes.push(note.into());
    }
    if let Some(scheme) = scheme_of_spans
        && request.purpose == Purpose::Train
    {
        let types: Vec<String> = labels.iter().filter(|tag| *tag != OUTSIDE).map(|tag| type_of(tag, scheme)).collect();
        labels.extend(types.iter().flat_map(|label| scheme.all_tags_of(label)));
        labels.push(OUTSIDE.to_owned());
    }
    sort_tags(&mut labels);
    labels.dedup();
    let mut ids: HashMap<String, usize> = labels.iter().enumerate().map(|(id, label)| (label.clone(), id)).collect();
    let of_set: Vec<usize> = spelled.iter().map(|tag| ids[tag]).collect();
    ids.extend(set.raw.iter().cloned().zip(of_set.iter().copied()));
    set.close(ids);
    Ok(NamedTags { labels, ids: of_set, are_small, notes })
}

/// Reads tags of BIOES and BILOU as those of a model that knows BIO alone, which is exact: an entity is where it was. Says so with an
/// example. A model that knows such prefixes itself would take the tags for other ones.
fn convert_prefixes(tags: &mut [String], known: &[String]) -> Option<String> {
    let in_bio = |tag: &str| match split_tag(tag).0 {
        Some('S' | 'U') => Some('B'),
        Some('E' | 'L') => Some('I'),
        _ => None,
    };
    if known.iter().any(|label| in_bio(label).is_some()) {
        return None;
    }
    let mut example = None;
    for tag in tags.iter_mut().filter(|tag| !known.contains(tag)) {
        let Some(prefix) = in_bio(tag) else { continue };
        let converted = format!("{prefix}-{}", split_tag(tag).1);
        if known.contains(&converted) {
            example.get_or_insert_with(|| format!("{tag:?} is read as {converted:?}"));
            *tag = converted;
        }
    }
    example.map(|example| {
        format!("the tags have prefixes that the model has not: they are read as the model has them, so {example}")
    })
}

fn type_of(tag: &str, scheme: Scheme) -> String {
    if scheme == Scheme::Plain { tag.to_owned() } else { split_tag(tag).1.to_owned() }
}

/// Names of ids; `counts` says how many words have each.
fn name_ids(
    counts: &[usize],
    names: Option<Vec<String>>,
    request: &ReadRequest<'_>,
    notes: &mut Vec<String>,
) -> Vec<String> {
    let known = request.known_labels;
    if request.purpose == Purpose::Measure && counts.len() <= known.len() {
        notes.push("tags are ids: they are read as those of the model's labels".into());
        return known.to_vec();
    }
    if let Some(names) = names.filter(|names| are_distinct(names)) {
        let mut labels = names;
        notes.push(format!("tags are ids: their {} are in the file", plural(labels.len(), "name")));
        for id in labels.len()..counts.len() {
            labels.push(format!("LABEL_{id}"));
            notes.push(format!("the tag id {id} has no name in the file: it is called LABEL_{id}"));
        }
        return labels;
    }
    let mut labels: Vec<String> = (0..counts.len()).map(|id| format!("LABEL_{id}")).collect();
    let all: usize = counts.iter().sum();
    let how = "a list \"names\" in each row or beside the rows names them";
    if counts[0] * 2 > all && counts.len() > 1 {
        labels[0] = OUTSIDE.to_owned();
        notes.push(format!(
            "tags are ids, and nothing in the file names them: 0, which most words have, is taken for {OUTSIDE:?}, the \
             others are called LABEL_1 and so on; {how}"
        ));
    } else {
        notes.push(format!(
            "tags are ids, and nothing in the file names them: they are called LABEL_0 and so on; {how}"
        ));
    }
    labels
}

fn are_distinct(names: &[String]) -> bool {
    let mut sorted: Vec<&str> = names.iter().map(|name| name.trim()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    !names.is_empty() && sorted.len() == names.len() && !sorted.contains(&"")
}

/// The scheme of tags that spans are given so that a model with these labels knows them: BIO where it has none.
pub(super) fn scheme_of_labels(labels: &[String]) -> Scheme {
    let has = |prefix: char| labels.iter().any(|label| split_tag(label).0 == Some(prefix));
    let is_plain = !labels.is_empty() && labels.iter().all(|label| split_tag(label).0.is_none());
    match labels.iter().any(|label| label == OUTSIDE) {
        true if has('S') => Scheme::Bioes,
        true if has('U') => Scheme::Bilou,
        true if has('I') && !has('B') && !has('E') => Scheme::Io,
        true if is_plain && labels.len() > 1 => Scheme::Plain,
        _ => Scheme::Bio,
    }
}

/// Numbers the labels as a model does that knows them all; else changes nothing. `tags` are those of sentences.
pub(super) fn adopt<'s>(labels: &mut Vec<String>, tags: impl Iterator<Item = &'s mut Vec<usize>>, known: &[String]) {
    let id = |label: &String| known.iter().position(|known| known == label);
    let Some(map) = labels.iter().map(id).collect::<Option<Vec<usize>>>() else { return };
    tags.flatten().for_each(|tag| *tag = map[*tag]);
    *labels = known.to_vec();
}

/// Checks that a model which tells `known` tags apart can be measured on all rows.
///
/// # Errors
/// Names the first row with another tag.
pub(super) fn check_known<'a>(
    rows: impl Iterator<Item = (usize, &'a [usize])>,
    labels: &[String],
    known: &[String],
    column: &str,
) -> Result<(), DataError> {
    let is_known: Vec<bool> = labels.iter().map(|label| known.contains(label)).collect();
    let unknown: BTreeMap<usize, usize> =
        rows.filter_map(|(row, tags)| Some((row, *tags.iter().find(|&&tag| !is_known[tag])?))).collect();
    match unknown.first_key_value() {
        None => Ok(()),
        Some((&row, &tag)) => Err(DataError::UnknownToModel {
            row,
            column: column.to_owned(),
            label: labels[tag].clone(),
            num_rows: unknown.len(),
            known: known.to_vec(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|label| (*label).to_owned()).collect()
    }

    #[test]
    fn spans_are_tagged_as_the_model_is_used_to() {
        let cases: [(&[&str], Scheme); 7] = [
            (&[], Scheme::Bio),
            (&["LABEL_0", "LABEL_1"], Scheme::Bio),
            (&["O", "B-PER", "I-PER"], Scheme::Bio),
            (&["O", "I-PER"], Scheme::Io),
            (&["O", "B-PER", "I-PER", "E-PER", "S-PER"], Scheme::Bioes),
            (&["O", "B-PER", "I-PER", "L-PER", "U-PER"], Scheme::Bilou),
            (&["O", "PER", "LOC"], Scheme::Plain),
        ];
        for (labels, expected) in cases {
            assert_eq!(scheme_of_labels(&owned(labels)), expected, "{labels:?}");
        }
    }

    #[test]
    fn labels_that_a_model_knows_are_numbered_as_there() {
        let mut labels = owned(&["O", "B-PER"]);
        let mut tags = [vec![0, 1], vec![1]];
        adopt(&mut labels, tags.iter_mut(), &owned(&["B-PER", "I-PER", "O"]));
        assert_eq!((labels, &tags), (owned(&["B-PER", "I-PER", "O"]), &[vec![2, 0], vec![0]]));
        let mut labels = owned(&["O", "B-LOC"]);
        adopt(&mut labels, tags.iter_mut(), &owned(&["B-PER", "O"]));
        assert_eq!((labels, tags), (owned(&["O", "B-LOC"]), [vec![2, 0], vec![0]]));
    }

    #[test]
    fn tags_of_longer_schemes_are_read_as_a_model_of_bio_has_them() {
        let convert = |tags: &[&str], known: &[&str]| {
            let mut tags = owned(tags);
            let said = convert_prefixes(&mut tags, &owned(known));
            (tags, said.is_some_and(|said| said.ends_with("so \"S-PER\" is read as \"B-PER\"")))
        };
        let bio = ["O", "B-PER", "I-PER"];
        let all = ["O", "S-PER", "B-PER", "I-PER", "E-PER", "U-PER", "L-PER"];
        let expected = owned(&["O", "B-PER", "B-PER", "I-PER", "I-PER", "B-PER", "I-PER"]);
        assert_eq!(convert(&all, &bio), (expected, true));
        for (tags, known) in
            [(&all[..5], &all[..5]), (&["S-LOC", "B-LOC", "PER"][..], &bio[..]), (&all[..2], &all[2..5])]
        {
            let said = "known as they are, of a type that is not known, or of a model that has such prefixes";
            assert_eq!(convert(tags, known), (owned(tags), false), "{said}");
        }
    }

    #[test]
    fn a_tag_that_the_model_does_not_know_is_named_with_its_row() {
        let rows: [(usize, &[usize]); 3] = [(2, &[0]), (9, &[0, 1]), (5, &[1])];
        let rows = || rows.iter().copied();
        let labels = owned(&["O", "B-x"]);
        let error = check_known(rows(), &labels, &owned(&["O", "B-PER"]), "tags").expect_err("unknown").to_string();
        let expected = "row 5, column \"tags\": label \"B-x\" is not one of the model's (rows with such labels: 2)";
        assert!(error.starts_with(expected), "{error}");
        assert!(check_known(rows(), &labels, &labels, "tags").is_ok());
    }
}
