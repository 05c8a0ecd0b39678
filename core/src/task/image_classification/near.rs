//! Images that stand twice: the same file, or one that looks nearly the same; in one split, under two labels, or in two
//! splits.
//!
//! In: images in the order of training, validation and test, each with the SHA-256 of its file and its difference hash.
//! Out: counts, the first pairs, and sentences.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::data::{ReadSummary, Split, list_rows, warn_of_leaks};
use crate::words::{list, plural};

/// What a warning of one file with several labels has, and nothing else.
pub(in crate::task) const SAME_IMAGE: &str = "the same as an earlier one but with another label";

/// What a warning of images that look nearly like one of an earlier split has, and nothing else.
pub(in crate::task) const NEAR_LEAKED: &str = "nearly the same as one of an earlier split";

/// Two images look nearly the same where so many of the 64 bits of their difference hashes differ, at most.
const MAX_DISTANCE: u32 = 4;

/// Two hashes that differ in at most [`MAX_DISTANCE`] bits are equal in one of so many parts.
const NUM_BANDS: usize = MAX_DISTANCE as usize + 1;

/// Pairs that a report lists.
const MAX_PAIRS: usize = 100;

/// Pairs that a sentence names.
const MAX_NAMED: usize = 10;

/// Labels of one file that are remembered.
const MAX_LABELS: usize = 100;

/// Two images that look nearly the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearPair {
    /// The later one, by its path.
    pub name: String,
    /// Its split.
    pub split: Split,
    /// Its place among the images of that split, from 0.
    pub index: usize,
    /// The earlier one, by its path.
    pub other: String,
    /// Its split.
    pub other_split: Split,
    /// Its place among the images of that split, from 0.
    pub other_index: usize,
    /// Bits of their difference hashes that differ, of 64.
    pub distance: u32,
}

/// An image as it is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared<'a> {
    pub(super) split: Split,
    pub(super) name: &'a str,
    pub(super) label: usize,
    pub(super) sha256: &'a [u8; 32],
    pub(super) difference_hash: u64,
}

/// The first image of a file.
#[derive(Debug, Clone, Copy)]
struct First<'a> {
    /// Its place in the list.
    at: usize,
    /// Its place among the images of its split.
    place: usize,
    image: Compared<'a>,
}

/// What is found twice, besides what a summary counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Repeats {
    /// Images whose file stood earlier with another label.
    pub(super) num_conflicts: usize,
    /// Images that look nearly like an earlier one, and are another file.
    pub(super) num_near: usize,
    /// The first hundred of them, those of two splits first.
    pub(super) pairs: Vec<NearPair>,
    /// Those of validation or test that look nearly like one of an earlier split.
    pub(super) num_near_leaks: usize,
    /// Images of another split than the same file before them, each with that: both by their places in the list.
    pub(super) leaks: Vec<(usize, usize)>,
    /// In the same way the images that `num_conflicts` counts.
    pub(super) conflicts: Vec<(usize, usize)>,
    /// In the same way those of one split, with a label that the file had before.
    pub(super) duplicates: Vec<(usize, usize)>,
    /// In the same way those that `num_near` counts.
    pub(super) near: Vec<(usize, usize)>,
}

/// Finds what stands twice among images in the order of their splits; counts the same files in the summary, and warns.
pub(super) fn find_repeats(images: &[Compared<'_>], summary: &mut ReadSummary) -> Repeats {
    let mut repeats = Repeats::default();
    let mut firsts: Vec<First<'_>> = Vec::new();
    let mut counts = [0; 3];
    // File to the first image of it, with its place in the list, and the labels that it had (nearly always one).
    let mut seen: HashMap<&[u8; 32], (usize, Compared<'_>, Vec<usize>)> = HashMap::new();
    let (mut leaks, mut conflicts) = (Vec::new(), Vec::new());
    for (at, &image) in images.iter().enumerate() {
        let place = counts[image.split as usize];
        counts[image.split as usize] += 1;
        let Some((first_at, first, labels)) = seen.get_mut(image.sha256) else {
            seen.insert(image.sha256, (at, image, vec![image.label]));
            firsts.push(First { at, place, image });
            continue;
        };
        let pair = format!("{} is {}", image.name, first.name);
        if labels.contains(&image.label) {
            summary.num_duplicates += 1;
            if first.split == image.split {
                repeats.duplicates.push((at, *first_at));
            }
        } else {
            if labels.len() < MAX_LABELS {
                labels.push(image.label);
            }
            conflicts.push(pair.clone());
            repeats.conflicts.push((at, *first_at));
        }
        if first.split != image.split {
            leaks.push(pair);
            repeats.leaks.push((at, *first_at));
        }
    }
    summary.num_leaks += leaks.len();
    if !leaks.is_empty() {
        summary.warnings.push(format!("{} ({})", warn_of_leaks(leaks.len()), list_rows(&leaks)));
    }
    if !conflicts.is_empty() {
        let (images, are) = (plural(conflicts.len(), "image"), if conflicts.len() == 1 { "is" } else { "are" });
        let pairs = list_rows(&conflicts);
        summary.warnings.push(format!("{images} {are} {SAME_IMAGE} ({pairs})"));
    }
    repeats.num_conflicts = conflicts.len();
    find_near(&firsts, &mut repeats);
    if repeats.num_near_leaks > 0 {
        let images = plural(repeats.num_near_leaks, "validation or test image");
        let verb = if repeats.num_near_leaks == 1 { "looks" } else { "look" };
        let is_leak = |pair: &&NearPair| pair.split != pair.other_split;
        let pairs = repeats.pairs.iter().filter(is_leak).take(MAX_NAMED);
        let names: Vec<String> = pairs.map(|pair| format!("{} and {}", pair.name, pair.other)).collect();
        let names = list(&names, repeats.num_near_leaks);
        summary
            .warnings
            .push(format!("{images} {verb} {NEAR_LEAKED}: figures may look better than they are ({names})"));
    }
    repeats
}

/// Finds images that look nearly like an earlier one: of those the one of the earliest split, and of these the closest.
/// Hashes are looked up by their parts, so that the time grows little faster than the number of images.
fn find_near(images: &[First<'_>], repeats: &mut Repeats) {
    // The first image of each hash: others of that hash have it as their closest.
    let mut by_hash: HashMap<u64, usize> = HashMap::new();
    let mut bands: HashMap<(usize, u64), Vec<usize>> = HashMap::new();
    let (mut leaks, mut others) = (Vec::new(), Vec::new());
    for (index, First { at, place, image }) in images.iter().enumerate() {
        let hash = image.difference_hash;
        let same = by_hash.get(&hash).copied();
        let alike = (0..NUM_BANDS).filter_map(|band| bands.get(&(band, part_of(hash, band)))).flatten().copied();
        let distance = |other: usize| (images[other].image.difference_hash ^ hash).count_ones();
        let near = same.into_iter().chain(alike).filter(|&other| distance(other) <= MAX_DISTANCE);
        if let Some(other) = near.min_by_key(|&other| (images[other].image.split as usize, distance(other), other)) {
            let (First { at: other_at, place: other_place, image: earlier }, distance) =
                (images[other], distance(other));
            repeats.near.push((*at, other_at));
            repeats.num_near += 1;
            repeats.num_near_leaks += usize::from(earlier.split != image.split);
            let pairs = if earlier.split == image.split { &mut others } else { &mut leaks };
            if pairs.len() < MAX_PAIRS {
                pairs.push(NearPair {
                    name: image.name.to_owned(),
                    split: image.split,
                    index: *place,
                    other: earlier.name.to_owned(),
                    other_split: earlier.split,
                    other_index: other_place,
                    distance,
                });
            }
        }
        if same.is_none() {
            by_hash.insert(hash, index);
            for band in 0..NUM_BANDS {
                bands.entry((band, part_of(hash, band))).or_default().push(index);
            }
        }
    }
    leaks.append(&mut others);
    leaks.truncate(MAX_PAIRS);
    repeats.pairs = leaks;
}

/// Every fifth bit of a hash: neighbouring bits are of one place in the image, which may be plain in all of them.
fn part_of(hash: u64, band: usize) -> u64 {
    const EVERY_FIFTH: u64 = {
        let (mut bits, mut at) = (0, 0);
        while at < 64 {
            bits |= 1 << at;
            at += NUM_BANDS;
        }
        bits
    };
    (hash >> band) & EVERY_FIFTH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn image<'a>(split: Split, name: &'a str, label: usize, sha256: &'a [u8; 32], hash: u64) -> Compared<'a> {
        Compared { split, name, label, sha256, difference_hash: hash }
    }

    #[test]
    fn the_same_files_are_counted_and_named() {
        let files: Vec<[u8; 32]> = (0..4).map(|digit| [digit; 32]).collect();
        let far = [0, 0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_0000_FFFF];
        let (train, valid) = (Split::Train, Split::Valid);
        let images = [
            image(train, "a", 0, &files[0], far[0]),
            image(train, "b", 1, &files[1], far[1]),
            image(train, "c", 0, &files[0], far[0]),
            image(train, "d", 1, &files[0], far[0]),
            image(valid, "e", 1, &files[1], far[1]),
            image(valid, "f", 0, &files[2], far[2]),
        ];
        let mut summary = ReadSummary::default();
        let found = find_repeats(&images, &mut summary);
        assert_eq!((summary.num_duplicates, summary.num_leaks, found.num_conflicts, found.num_near), (2, 1, 1, 0));
        let leaks =
            "1 validation or test row is also in the training rows: figures will look better than they are (e is b)";
        let conflicts = "1 image is the same as an earlier one but with another label (d is a)";
        assert_eq!(summary.warnings, [leaks, conflicts]);
        assert_eq!((found.leaks, found.conflicts, found.duplicates), (vec![(4, 1)], vec![(3, 0)], vec![(2, 0)]));
    }

    #[test]
    fn images_that_look_alike_are_pairs_and_leaks_where_their_splits_differ() {
        let files: Vec<[u8; 32]> = (0..5).map(|digit| [digit; 32]).collect();
        let (train, test) = (Split::Train, Split::Test);
        let images = [
            image(train, "a", 0, &files[0], 0),
            image(train, "b", 0, &files[1], u64::MAX),
            image(train, "c", 1, &files[2], 0b111),
            image(test, "d", 0, &files[3], 0b1111),
            image(test, "e", 0, &files[4], u64::MAX),
        ];
        let mut summary = ReadSummary::default();
        let found = find_repeats(&images, &mut summary);
        let pair = |(name, split, index): (&str, Split, usize), (other, other_index): (&str, usize), distance| {
            let (name, other) = (name.to_owned(), other.to_owned());
            NearPair { name, split, index, other, other_split: train, other_index, distance }
        };
        let pairs =
            [pair(("d", test, 0), ("c", 2), 1), pair(("e", test, 1), ("b", 1), 0), pair(("c", train, 2), ("a", 0), 3)];
        assert_eq!(found.near, [(2, 0), (3, 2), (4, 1)]);
        assert_eq!((found.num_near, found.num_near_leaks, found.pairs), (3, 2, pairs.to_vec()));
        let said = "2 validation or test images look nearly the same as one of an earlier split: figures may look better \
                    than they are (d and c, e and b)";
        assert_eq!(summary.warnings, [said]);
    }

    #[test]
    fn fifty_thousand_images_are_compared_in_little_time() {
        let files: Vec<[u8; 32]> = (0..50_000_u32)
            .map(|number| {
                let mut file = [0; 32];
                file[..4].copy_from_slice(&number.to_le_bytes());
                file
            })
            .collect();
        let hash = |index: usize| (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let images: Vec<Compared<'_>> = files
            .iter()
            .enumerate()
            .map(|(index, file)| image(Split::Train, "x", 0, file, hash(index % 49_000)))
            .collect();
        let found = find_repeats(&images, &mut ReadSummary::default());
        assert!(found.num_near >= 1000 && found.pairs.len() == MAX_PAIRS, "{}", found.num_near);
    }

    proptest! {
        #[test]
        fn no_pair_is_missed(hashes in prop::collection::vec(0_u64..4096, 0..40), spread in any::<u64>()) {
            let files: Vec<[u8; 32]> = (0..hashes.len()).map(|index| [index as u8; 32]).collect();
            let hashes: Vec<u64> = hashes.iter().map(|hash| hash.wrapping_mul(spread | 1) ^ hash).collect();
            let images: Vec<Compared<'_>> =
                files.iter().zip(&hashes).map(|(file, &hash)| image(Split::Train, "x", 0, file, hash)).collect();
            let is_near = |index: usize| {
                hashes[..index].iter().any(|other| (other ^ hashes[index]).count_ones() <= MAX_DISTANCE)
            };
            let expected = (0..hashes.len()).filter(|&index| is_near(index)).count();
            prop_assert_eq!(find_repeats(&images, &mut ReadSummary::default()).num_near, expected);
        }
    }
}
