//! Rows whose texts are nearly the same, among many, without comparing each with each.
//!
//! In: rows, one after the other, as the sets of the four-character pieces (shingles) of their texts. Out: groups of rows.
//! Each set gets a MinHash signature (Broder 1997, <https://doi.org/10.1109/SEQUEN.1997.666900>) of 80 numbers in 16 bands of
//! 5: rows that agree in a band are candidates. Two rows whose sets share `s` of all their pieces become candidates with
//! probability `1 - (1 - s^5)^16`: 0.998 at 0.8, 0.5 at 0.53, 0.04 at 0.3. Candidates are then compared by the sets
//! themselves, so that none is taken for near that is not.

use std::collections::HashMap;

use rand_chacha::rand_core::RngCore;

use super::normalize::Normalized;
use crate::data::generator;
use crate::splitmix64::mix;

/// Share of all pieces of two texts (Jaccard) that both must have. A letter changed in 39 characters, or a word of five in
/// 75, stays above it.
pub const NEAR_THRESHOLD: f64 = 0.8;

/// Characters of a piece.
const SHINGLE: usize = 4;
const NUM_BANDS: usize = 16;
const BAND: usize = 5;
const NUM_HASHES: usize = NUM_BANDS * BAND;
/// Numbers of two signatures that agree before the sets are compared: at 0.8 there are fewer once in 100,000 pairs.
const MIN_AGREEING: usize = NUM_HASHES * 6 / 10;
/// Earlier rows of a band whose signatures a row's is compared with.
const MAX_COMPARED: usize = 64;
/// Candidates that turn out not to be near before a row is compared with no more of them: rows made of one template are all alike,
/// and each comparison reads a text anew.
const MAX_FAR: usize = 16;
/// Rows with different texts that are compared: a signature and its places take 650 bytes.
const MAX_ENTRIES: usize = 200_000;
/// Stream of the seed that the hash functions are drawn from.
const STREAM: u64 = 0x006E_6561_7221;
const NONE: u32 = u32::MAX;

type Signature = [u32; NUM_HASHES];

/// The pieces of a row's texts, by their hashes: a list for each text.
#[derive(Debug, Default)]
pub(super) struct Shingles {
    texts: Vec<Vec<u64>>,
    /// Texts whose lists are sets already: the first ones.
    num_sorted: usize,
}

impl Shingles {
    /// Takes the texts of a row in the place of those before.
    pub(super) fn read(&mut self, normalized: &Normalized) {
        self.num_sorted = 0;
        self.texts.resize_with(normalized.texts.len(), Vec::new);
        for (index, (hashes, chars)) in self.texts.iter_mut().zip(&normalized.texts).enumerate() {
            hashes.clear();
            // The same piece in another text of a row is another piece.
            let salt = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            match chars.len() {
                0 => {}
                1..SHINGLE => hashes.push(hash_chars(chars, salt)),
                _ => hashes.extend(chars.windows(SHINGLE).map(|piece| hash_chars(piece, salt))),
            }
        }
    }

    /// The set of a text, sorted once it is asked for: of questions about one long context most differ before it is.
    fn sorted(&mut self, index: usize) -> &[u64] {
        while self.num_sorted <= index {
            let hashes = &mut self.texts[self.num_sorted];
            hashes.sort_unstable();
            hashes.dedup();
            self.num_sorted += 1;
        }
        &self.texts[index]
    }

    /// Whether the first texts share enough of their pieces; without a text they don't.
    pub(super) fn begin_near(&mut self, other: &mut Self) -> bool {
        let has_texts = !self.texts.is_empty() && !other.texts.is_empty();
        has_texts && jaccard(self.sorted(0), other.sorted(0)) >= NEAR_THRESHOLD
    }

    /// Whether each text shares enough of its pieces with that of the other row.
    pub(super) fn are_near(&mut self, other: &mut Self) -> bool {
        let num_texts = self.texts.len();
        num_texts == other.texts.len()
            && (0..num_texts).all(|index| jaccard(self.sorted(index), other.sorted(index)) >= NEAR_THRESHOLD)
    }

    fn signature(&self, functions: &[Signature; 2]) -> Signature {
        let [multipliers, increments] = functions;
        let mut signature = [u32::MAX; NUM_HASHES];
        for hash in self.texts.iter().flatten() {
            let hash = (hash >> 32) as u32;
            for ((least, multiplier), increment) in signature.iter_mut().zip(multipliers).zip(increments) {
                *least = (*least).min(hash.wrapping_mul(*multiplier).wrapping_add(*increment));
            }
        }
        signature
    }
}

/// Up to four characters as one number, mixed.
pub(super) fn hash_chars(chars: &[char], salt: u64) -> u64 {
    let packed = chars.iter().fold(chars.len() as u64 ^ salt, |hash, &char| {
        (hash.rotate_left(21) ^ u64::from(u32::from(char))).wrapping_mul(0xD6E8_FEB8_6659_FD93)
    });
    mix(packed)
}

/// Share of all members of two sorted sets that both have; 1 of two empty sets.
fn jaccard(a: &[u64], b: &[u64]) -> f64 {
    let (fewer, more) = (a.len().min(b.len()), a.len().max(b.len()));
    if more == 0 {
        return 1.0;
    }
    if (fewer as f64) < NEAR_THRESHOLD * more as f64 {
        return fewer as f64 / more as f64; // no more than this
    }
    let (mut i, mut j, mut num_shared) = (0, 0, 0_usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        num_shared += usize::from(x == y);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    num_shared as f64 / (a.len() + b.len() - num_shared) as f64
}

/// Rows in groups, each named by its first row.
#[derive(Debug, Default)]
pub(super) struct Groups {
    parents: Vec<u32>,
}

impl Groups {
    /// Adds the next row, alone.
    pub(super) fn push(&mut self) {
        self.parents.push(self.parents.len() as u32);
    }

    /// The first row of a row's group.
    pub(super) fn first(&mut self, row: u32) -> u32 {
        let mut row = row;
        loop {
            let parent = self.parents[row as usize];
            if parent == row {
                return row;
            }
            let above = self.parents[parent as usize];
            self.parents[row as usize] = above;
            row = above;
        }
    }

    /// Makes one group of those of two rows.
    pub(super) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.first(a), self.first(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }
}

/// What was seen of the rows so far, to find those that the next may be near to.
#[derive(Debug)]
pub(super) struct NearIndex {
    /// Multipliers and increments of the hash functions.
    functions: [Signature; 2],
    /// One entry a row that was added.
    signatures: Vec<Signature>,
    rows: Vec<u32>,
    /// The entry before it with the same numbers in a band.
    before: Vec<[u32; NUM_BANDS]>,
    /// The entry that it was compared with last.
    compared: Vec<u32>,
    /// Hash of a band to the last entry with its numbers.
    last: HashMap<u64, u32>,
    /// Rows that have more candidates than they were compared with.
    pub(super) num_crowded: usize,
    /// Rows that came when the index was full.
    pub(super) num_left_out: usize,
}

impl NearIndex {
    pub(super) fn new(seed: u64) -> Self {
        let mut generator = generator(seed, STREAM);
        let mut draw = || -> Signature { std::array::from_fn(|_| generator.next_u32()) };
        let (multipliers, increments) = (draw().map(|number| number | 1), draw());
        Self {
            functions: [multipliers, increments],
            signatures: Vec::new(),
            rows: Vec::new(),
            before: Vec::new(),
            compared: Vec::new(),
            last: HashMap::new(),
            num_crowded: 0,
            num_left_out: 0,
        }
    }

    /// Adds a row and joins it with the earlier ones that it is near to: with candidates for which `are_near` says so.
    pub(super) fn add(
        &mut self,
        row: u32,
        shingles: &mut Shingles,
        groups: &mut Groups,
        mut are_near: impl FnMut(&mut Shingles, u32) -> bool,
    ) {
        if self.rows.len() >= MAX_ENTRIES {
            self.num_left_out += 1;
            return;
        }
        let signature = shingles.signature(&self.functions);
        let entry = self.rows.len() as u32;
        let mut before = [NONE; NUM_BANDS];
        for (band, (numbers, before)) in signature.chunks_exact(BAND).zip(&mut before).enumerate() {
            let fold = |hash: u64, &number: &u32| mix(hash ^ u64::from(number));
            let key = numbers.iter().fold(mix(band as u64 + 1), fold);
            *before = self.last.insert(key, entry).unwrap_or(NONE);
        }
        let (mut num_far, mut is_crowded) = (0, false);
        for other in self.candidates(&signature, &before, entry) {
            let other = self.rows[other];
            if groups.first(other) == groups.first(row) {
                continue;
            }
            if num_far == MAX_FAR {
                is_crowded = true;
                break;
            }
            match are_near(shingles, other) {
                true => groups.join(row, other),
                false => num_far += 1,
            }
        }
        // Those that a band has beyond are near, too, where all that were looked at are.
        is_crowded |= before.iter().enumerate().any(|(band, &last)| {
            let has_more = entries_of_band(&self.before, band, last).nth(MAX_COMPARED).is_some();
            let mut seen = entries_of_band(&self.before, band, last).take(MAX_COMPARED);
            has_more && seen.any(|other| groups.first(self.rows[other]) != groups.first(row))
        });
        self.num_crowded += usize::from(is_crowded);
        self.signatures.push(signature);
        self.rows.push(row);
        self.before.push(before);
        self.compared.push(NONE);
    }

    /// The entries that agree with a signature in a band, and in enough of its numbers: those that agree in most first.
    fn candidates(&mut self, signature: &Signature, before: &[u32; NUM_BANDS], entry: u32) -> Vec<usize> {
        let mut found = Vec::new();
        for (band, &last) in before.iter().enumerate() {
            for other in entries_of_band(&self.before, band, last).take(MAX_COMPARED) {
                if std::mem::replace(&mut self.compared[other], entry) != entry {
                    let num_agreeing = agreeing(signature, &self.signatures[other]);
                    found.extend((num_agreeing >= MIN_AGREEING).then_some((num_agreeing, other)));
                }
            }
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.into_iter().map(|(_, other)| other).collect()
    }
}

/// The entries with the same numbers in a band, from the last one back.
fn entries_of_band(before: &[[u32; NUM_BANDS]], band: usize, last: u32) -> impl Iterator<Item = usize> {
    let some = |entry: u32| (entry != NONE).then_some(entry as usize);
    std::iter::successors(some(last), move |entry| some(before[*entry][band]))
}

fn agreeing(a: &Signature, b: &Signature) -> usize {
    a.iter().zip(b).map(|(a, b)| u32::from(a == b)).sum::<u32>() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shingles(texts: &[&str]) -> Shingles {
        let (mut normalized, mut found) = (Normalized::default(), Shingles::default());
        normalized.read(texts);
        found.read(&normalized);
        found
    }

    /// The first row of each row's group.
    fn groups_of(rows: &[&[&str]]) -> Vec<u32> {
        let (mut index, mut groups) = (NearIndex::new(1), Groups::default());
        for (row, texts) in rows.iter().enumerate() {
            groups.push();
            let verify = |own: &mut Shingles, other: u32| own.are_near(&mut shingles(rows[other as usize]));
            index.add(row as u32, &mut shingles(texts), &mut groups, verify);
        }
        (0..rows.len() as u32).map(|row| groups.first(row)).collect()
    }

    const LONG: &str = "the delivery that was promised for last friday has still not arrived at our house";

    #[test]
    fn a_changed_letter_is_near_and_another_sentence_is_not() {
        let typo = LONG.replace("friday", "fridey");
        let other = "the invoice that was sent for this month names a wrong amount of money to pay";
        assert_eq!(groups_of(&[&[LONG], &[other], &[&typo]]), [0, 1, 0]);
    }

    #[test]
    fn rows_that_are_all_alike_and_not_near_are_not_all_compared() {
        let template = (0..60).map(|n| format!("{:x} ", mix(n))).collect::<String>();
        let text = |row: u32| {
            format!(
                "{template}{}",
                (0..9).map(|n| format!("{:x} ", mix(u64::from(row + 1) << 9 | n))).collect::<String>()
            )
        };
        let (mut index, mut groups, mut num_compared) = (NearIndex::new(1), Groups::default(), 0);
        for row in 0..200 {
            groups.push();
            index.add(row, &mut shingles(&[&text(row)]), &mut groups, |own, other| {
                num_compared += 1;
                let is_near = own.are_near(&mut shingles(&[&text(other)]));
                assert!(!is_near, "{row} and {other}");
                is_near
            });
        }
        assert!(num_compared > 200 && num_compared <= 200 * MAX_FAR, "{num_compared}");
        assert!(index.num_crowded > 100, "{}", index.num_crowded);
    }

    #[test]
    fn every_text_of_a_row_must_be_near() {
        let context = "a long context that many questions are asked about, ".repeat(20);
        let rows: [&[&str]; 3] = [
            &["who came first of all to the old house", &context],
            &["what was it that they found below the stairs", &context],
            &["who came first of all to the old house?!", &context],
        ];
        assert_eq!(groups_of(&rows), [0, 1, 0]);
        assert!(shingles(&["", LONG]).are_near(&mut shingles(&["", LONG])));
        assert!(!shingles(&[LONG]).are_near(&mut shingles(&[LONG, ""])));
    }

    #[test]
    fn shared_pieces_are_counted_once() {
        let mut a = shingles(&["abcabcabc"]); // abca bcab cabc
        let mut b = shingles(&["abcab"]); // abca bcab
        assert_eq!((a.sorted(0).len(), b.sorted(0).len()), (3, 2));
        assert_eq!(jaccard(&[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5]), 1.0);
        assert_eq!(jaccard(&[1, 2, 3, 4], &[2, 3, 4, 5]), 0.6);
        assert_eq!(jaccard(&[], &[]), 1.0);
        assert!(jaccard(&[1], &[1, 2, 3]) < NEAR_THRESHOLD);
    }

    #[test]
    fn signatures_agree_as_often_as_sets_do() {
        let index = NearIndex::new(7);
        let text = |from: usize| (from..from + 400).map(|n| format!("{:x} ", mix(n as u64))).collect::<String>();
        let (mut a, mut b) = (shingles(&[&text(0)]), shingles(&[&text(40)]));
        let estimate =
            agreeing(&a.signature(&index.functions), &b.signature(&index.functions)) as f64 / NUM_HASHES as f64;
        let real = jaccard(a.sorted(0), b.sorted(0));
        assert!((estimate - real).abs() < 0.18, "four deviations: {estimate} and {real}");
    }

    #[test]
    fn groups_are_named_by_their_first_row() {
        let mut groups = Groups::default();
        (0..5).for_each(|_| groups.push());
        groups.join(4, 3);
        groups.join(3, 1);
        assert_eq!((0..5).map(|row| groups.first(row)).collect::<Vec<_>>(), [0, 1, 2, 1, 1]);
    }
}
