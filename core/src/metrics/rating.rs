//! People rate: the texts of two models for the same prompts, one pair after the other, without the names of the models.
//!
//! In: what both wrote, and a seed that draws order and sides; then what a person says of each pair. Out: the pair that is next, the
//! tally, and the votes as a file. Plain data that survives JSON; the only way to change a [`Rating`] is [`Rating::apply`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::preference::{BlindPair, PreferenceTally, Vote, blind_order};
use super::text::TextSample;
use crate::spreadsheet::field;

/// Texts that a model wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenSet {
    /// The model in words: `Run 2`, `gpt2 before training`.
    pub name: String,
    /// A text a prompt.
    pub texts: Arc<Vec<TextSample>>,
}

/// A prompt with the text of each model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pair {
    row: usize,
    prompt: String,
    expected: String,
    texts: [String; 2],
}

/// What a person says of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatingInput {
    /// Text 1 is better.
    One,
    /// Text 2 is better.
    Two,
    /// Neither is.
    Tie,
    /// The last vote is taken back.
    Undo,
    /// The names are to be shown.
    Open,
}

/// A pair as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownPair {
    /// The prompt.
    pub prompt: String,
    /// What stands in the file.
    pub expected: String,
    /// Text 1 and text 2.
    pub texts: [String; 2],
    /// Whose they are, once the names are shown.
    pub names: Option<[String; 2]>,
}

/// A rating of two models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// The models.
    pub names: [String; 2],
    /// What order and sides are drawn from.
    pub seed: u64,
    pairs: Vec<Pair>,
    order: Vec<BlindPair>,
    /// Votes in that order, each with whether the names were hidden.
    votes: Vec<(Vote, bool)>,
    /// Prompts of which both wrote the same, which are not shown.
    pub num_same: usize,
    is_open: bool,
}

impl Rating {
    /// A rating of the prompts that both have, in the order that a seed draws; `None` where there are none with different texts.
    #[must_use]
    pub fn new(sides: &[WrittenSet; 2], seed: u64) -> Option<Self> {
        let [first, second] = sides;
        let of_same = |sample: &TextSample| {
            second.texts.iter().find(|other| other.row == sample.row && other.prompt == sample.prompt)
        };
        let mut num_same = 0;
        let mut pairs = Vec::new();
        for sample in first.texts.iter() {
            let Some(other) = of_same(sample) else { continue };
            if sample.generated.trim() == other.generated.trim() {
                num_same += 1;
                continue;
            }
            let texts = [sample.generated.clone(), other.generated.clone()];
            let (prompt, expected) = (sample.prompt.clone(), sample.expected.clone());
            pairs.push(Pair { row: sample.row, prompt, expected, texts });
        }
        let (names, order) = ([first.name.clone(), second.name.clone()], blind_order(pairs.len(), seed));
        let rating = Self { names, seed, pairs, order, votes: Vec::new(), num_same, is_open: false };
        (!rating.pairs.is_empty()).then_some(rating)
    }

    /// A rating out of its own JSON; `None` where that is damaged.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        let rating: Self = serde_json::from_str(text).ok()?;
        let is_whole = rating.order.iter().all(|place| place.index < rating.pairs.len());
        (is_whole && !rating.pairs.is_empty() && rating.votes.len() <= rating.order.len()).then_some(rating)
    }

    /// What is known after `input`.
    pub fn apply(&mut self, input: RatingInput) {
        match input {
            RatingInput::Undo => {
                self.is_open = self.is_revealed(); // the names were shown with the last vote: the next one is not blind
                self.votes.pop();
            }
            RatingInput::Open => self.is_open = true,
            RatingInput::One | RatingInput::Two | RatingInput::Tie => {
                let Some(shown) = self.order.get(self.votes.len()) else { return };
                let vote = match (input, shown.is_swapped) {
                    (RatingInput::Tie, _) => Vote::Tie,
                    (RatingInput::One, false) | (RatingInput::Two, true) => Vote::First,
                    _ => Vote::Second,
                };
                self.votes.push((vote, !self.is_open));
            }
        }
    }

    /// Pairs that were voted on, and all.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.votes.len(), self.order.len())
    }

    /// Whose texts are whose may be said: all pairs were voted on, or the person asked.
    #[must_use]
    pub fn is_revealed(&self) -> bool {
        self.is_open || self.votes.len() == self.order.len()
    }

    /// The pair that is voted on next; `None` after the last.
    #[must_use]
    pub fn shown(&self) -> Option<ShownPair> {
        let place = self.order.get(self.votes.len())?;
        let pair = &self.pairs[place.index];
        let names = self.is_revealed().then(|| sides(&self.names, place.is_swapped));
        let texts = sides(&pair.texts, place.is_swapped);
        Some(ShownPair { prompt: pair.prompt.clone(), expected: pair.expected.clone(), texts, names })
    }

    /// The votes, counted.
    #[must_use]
    pub fn tally(&self) -> PreferenceTally {
        self.votes.iter().map(|(vote, _)| *vote).collect()
    }

    /// Votes that were given after the names were shown.
    #[must_use]
    pub fn num_not_blind(&self) -> usize {
        self.votes.iter().filter(|(_, is_blind)| !is_blind).count()
    }

    /// The votes with their pairs, in the order in which they were given.
    fn voted(&self) -> impl Iterator<Item = (&Pair, BlindPair, Vote, bool)> {
        let places = self.order.iter().zip(&self.votes);
        places.map(|(place, (vote, is_blind))| (&self.pairs[place.index], *place, *vote, *is_blind))
    }

    /// Whose text a vote is for; `None` of a tie.
    fn winner(&self, vote: Vote) -> Option<&str> {
        match vote {
            Vote::First => Some(&self.names[0]),
            Vote::Second => Some(&self.names[1]),
            Vote::Tie => None,
        }
    }

    /// A line of JSON for each vote.
    #[must_use]
    pub fn to_jsonl(&self) -> String {
        let line = |(pair, place, vote, is_blind): (&Pair, BlindPair, Vote, bool)| {
            let [text_1, text_2] = sides(&pair.texts, place.is_swapped);
            let [by_1, by_2] = sides(&self.names, place.is_swapped);
            let line = json!({
                "row": pair.row,
                "prompt": pair.prompt,
                "text_1": text_1,
                "text_1_by": by_1,
                "text_2": text_2,
                "text_2_by": by_2,
                "preferred": self.winner(vote),
                "blind": is_blind,
                "seed": self.seed,
            });
            format!("{line}\n")
        };
        self.voted().map(line).collect()
    }

    /// The same as a table.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("row,prompt,text_1,text_1_by,text_2,text_2_by,preferred,blind,seed\n");
        for (pair, place, vote, is_blind) in self.voted() {
            let [text_1, text_2] = sides(&pair.texts, place.is_swapped);
            let [by_1, by_2] = sides(&self.names, place.is_swapped);
            let preferred = self.winner(vote).unwrap_or("tie");
            let texts = [&pair.prompt, &text_1, &by_1, &text_2, &by_2].map(|text| field(text, ','));
            let preferred = field(preferred, ',');
            csv.push_str(&format!("{},{},{preferred},{is_blind},{}\n", pair.row, texts.join(","), self.seed));
        }
        csv
    }
}

/// What belongs to both models as text 1 and text 2.
fn sides(of_models: &[String; 2], is_swapped: bool) -> [String; 2] {
    let [first, second] = of_models.clone();
    if is_swapped { [second, first] } else { [first, second] }
}

/// The sets that stand against each other: as chosen by their names, else the first against the newest.
#[must_use]
pub fn chosen_sides(sets: &[WrittenSet], chosen: &[String; 2]) -> Option<[WrittenSet; 2]> {
    let named = |name: &String| sets.iter().find(|set| set.name == *name);
    let second = named(&chosen[1]).or(sets.last())?;
    let others = || sets.iter().filter(|set| set.name != second.name);
    let first = named(&chosen[0]).filter(|set| set.name != second.name).or_else(|| others().next())?;
    Some([first.clone(), second.clone()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, texts: &[(usize, &str)]) -> WrittenSet {
        let text = |&(row, generated): &(usize, &str)| TextSample {
            row,
            prompt: format!("prompt {row}"),
            expected: "yes".into(),
            generated: generated.into(),
        };
        WrittenSet { name: name.into(), texts: Arc::new(texts.iter().map(text).collect()) }
    }

    fn rating(seed: u64) -> Rating {
        let first = set("a", &[(1, "a1"), (2, "a2"), (3, "same"), (4, "alone"), (5, "a5")]);
        let second = set("b", &[(5, "b5"), (3, " same\n"), (2, "b2"), (1, "b1")]);
        Rating::new(&[first, second], seed).expect("three pairs")
    }

    /// Votes for the text of a model, wherever it stands.
    fn vote_for(rating: &mut Rating, letter: char) {
        let shown = rating.shown().expect("a pair is left");
        let is_first = shown.texts[0].starts_with(letter);
        rating.apply(if is_first { RatingInput::One } else { RatingInput::Two });
    }

    #[test]
    fn prompts_of_both_are_rated_blind_until_the_end() {
        let mut rating = rating(3);
        assert_eq!((rating.progress(), rating.num_same, rating.is_revealed()), ((0, 3), 1, false));
        assert_eq!(rating.shown().expect("a pair").names, None);
        vote_for(&mut rating, 'b');
        vote_for(&mut rating, 'b');
        rating.apply(RatingInput::Undo);
        rating.apply(RatingInput::Tie);
        assert_eq!((rating.progress(), rating.is_revealed()), ((2, 3), false));
        vote_for(&mut rating, 'a');
        assert_eq!((rating.shown(), rating.is_revealed(), rating.num_not_blind()), (None, true, 0));
        assert_eq!(rating.tally(), PreferenceTally { first: 1, second: 1, ties: 1 });
        rating.apply(RatingInput::One);
        assert_eq!(rating.progress(), (3, 3), "there is nothing left to vote on");
        rating.apply(RatingInput::Undo);
        vote_for(&mut rating, 'a');
        assert_eq!((rating.progress(), rating.num_not_blind()), ((3, 3), 1), "the names had been shown");
    }

    #[test]
    fn sides_and_order_are_those_of_the_seed_and_votes_follow_the_text() {
        let order = |seed| {
            let mut rating = rating(seed);
            let mut seen = Vec::new();
            while let Some(shown) = rating.shown() {
                seen.push(shown.texts);
                vote_for(&mut rating, 'a');
            }
            assert_eq!(rating.tally(), PreferenceTally { first: 3, second: 0, ties: 0 });
            seen
        };
        assert_eq!(order(1), order(1));
        assert!((2..20).any(|seed| order(seed) != order(1)));
        let sides: Vec<bool> = (0..20).map(|seed| order(seed)[0][0].starts_with('a')).collect();
        assert!(sides.contains(&true) && sides.contains(&false), "each stands on each side");
    }

    #[test]
    fn who_asks_to_see_the_names_votes_no_more_blind() {
        let mut rating = rating(3);
        vote_for(&mut rating, 'a');
        rating.apply(RatingInput::Open);
        let shown = rating.shown().expect("a pair is left");
        let names = shown.names.expect("they are shown");
        assert!(names[0].starts_with(&shown.texts[0][..1]) && names[1].starts_with(&shown.texts[1][..1]));
        vote_for(&mut rating, 'b');
        assert_eq!((rating.num_not_blind(), rating.progress()), (1, (2, 3)));
        let lines: Vec<serde_json::Value> =
            rating.to_jsonl().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let told: Vec<_> = lines.iter().map(|line| (&line["preferred"], &line["blind"], &line["seed"])).collect();
        assert_eq!(told, [(&json!("a"), &json!(true), &json!(3)), (&json!("b"), &json!(false), &json!(3))]);
        let by = |line: &serde_json::Value| line["text_1"].as_str().map(|text| text[..1].to_owned());
        assert!(lines.iter().all(|line| by(line).as_deref() == line["text_1_by"].as_str()), "{lines:?}");
    }

    #[test]
    fn a_rating_survives_json() {
        let mut rating = rating(3);
        vote_for(&mut rating, 'a');
        let json = serde_json::to_string(&rating).expect("plain data");
        assert_eq!(Rating::from_json(&json), Some(rating));
        let damaged = json.replace("\"index\":2", "\"index\":9");
        assert_eq!([Rating::from_json(&damaged), Rating::from_json("")], [None, None]);
    }

    #[test]
    fn a_table_of_votes_has_no_formulas() {
        let sides = [set("a", &[(1, "=1+1")]), set("b", &[(1, "two, \"three\"")])];
        let mut rating = Rating::new(&sides, 0).expect("a pair");
        rating.apply(RatingInput::Tie);
        let csv = rating.to_csv();
        let rows: Vec<&str> = csv.lines().collect();
        assert_eq!(rows.len(), 2, "{csv}");
        assert!(rows[1].starts_with("1,prompt 1,") && rows[1].ends_with(",tie,true,0"), "{csv}");
        assert!(rows[1].contains("'=1+1,a") && rows[1].contains("\"two, \"\"three\"\"\",b"), "{csv}");
    }

    #[test]
    fn without_common_prompts_there_is_nothing_to_rate() {
        assert_eq!(Rating::new(&[set("a", &[(1, "x")]), set("b", &[(2, "y")])], 0), None);
        assert_eq!(Rating::new(&[set("a", &[(1, "x")]), set("b", &[(1, "x")])], 0), None);
        let sets = [set("base", &[]), set("Run 1", &[]), set("Run 2", &[])];
        let names = |chosen: [&str; 2]| {
            let found = chosen_sides(&sets, &chosen.map(str::to_owned)).expect("there are two");
            found.map(|set| set.name)
        };
        assert_eq!(names(["", ""]), ["base", "Run 2"]);
        assert_eq!(names(["Run 2", "Run 1"]), ["Run 2", "Run 1"]);
        assert_eq!(names(["Run 1", "Run 1"]), ["base", "Run 1"], "a model is not rated against itself");
        assert_eq!(chosen_sides(&sets[..1], &Default::default()), None);
    }
}
