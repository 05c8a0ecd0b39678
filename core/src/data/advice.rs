//! What a person may want to change about the classes before training: spellings that are probably one label, classes
//! with few rows, and classes of very different sizes.

use serde::{Deserialize, Serialize};
use tokenizers::NormalizedString;

use super::error::quote_name;
use crate::words::{list, plural};

/// What advice is about, with what its remedy needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdviceKind {
    /// Labels that are probably one. Remedy: `ReadOptions::merge_labels`, from each of the others to the first.
    SimilarLabels {
        /// The most frequent first.
        labels: Vec<String>,
    },
    /// Classes with few training rows.
    SmallClasses {
        /// Their names, the smallest first.
        labels: Vec<String>,
    },
    /// One class has many times the rows of another. Remedy: `RunConfig::class_weights`, balanced.
    Imbalance,
}

/// Something that a person may want to change before training.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// What it is about.
    pub kind: AdviceKind,
    /// A sentence for the person.
    pub message: String,
}

/// Classes with fewer training rows than this are named.
const FEW_ROWS: usize = 10;

/// The largest class has so many times the training rows of the smallest before it is said.
const MAX_RATIO: usize = 10;

/// A label may be a misspelling of one that has, in all its spellings, at least so many times its rows.
const RARE: usize = 5;

/// Shortest word in which a letter may be wrong, in characters.
const MIN_WORD: usize = 4;

/// Longest word in which only one letter may be wrong, in characters.
const MAX_ONE_WRONG: usize = 8;

/// Longest label that is compared letter by letter, in characters.
const MAX_COMPARED: usize = 64;

/// Most labels that are compared with each other.
const MAX_LABELS: usize = 1000;

/// Classes that a sentence names, and groups of labels that are advised on; the rest is counted.
const MAX_NAMED: usize = 10;

/// Advice about the classes of labeled rows. `trained` are the training rows of each label, `all` its rows in all splits;
/// `is_split` says that rows were held back for validation or test.
#[must_use]
pub fn advise_on_classes(labels: &[String], trained: &[usize], all: &[usize], is_split: bool) -> Vec<Advice> {
    let mut advice = similar_labels(labels, all);
    advice.extend(small_classes(labels, trained, is_split));
    advice.extend(imbalance(labels, trained));
    advice
}

fn small_classes(labels: &[String], counts: &[usize], is_split: bool) -> Option<Advice> {
    let mut small: Vec<(usize, &String)> =
        counts.iter().copied().zip(labels).filter(|&(count, _)| count < FEW_ROWS).collect();
    small.sort();
    let first = small.first()?;
    let named: Vec<String> = small
        .iter()
        .take(MAX_NAMED)
        .map(|(count, label)| format!("{} ({})", quote_name(label), plural(*count, "row")))
        .collect();
    let who = format!("{} {}", plural(small.len(), "class"), if small.len() == 1 { "has" } else { "have" });
    let single = match first.0 {
        0 | 1 if is_split => "; a class with a single row can't be validated or tested",
        _ => "",
    };
    let message = format!(
        "{who} fewer than {FEW_ROWS} training rows, which is little to learn from: {}{single}. Add rows, or merge them \
         with other classes.",
        list(&named, small.len())
    );
    let labels = small.iter().take(MAX_NAMED).map(|(_, label)| (*label).clone()).collect();
    Some(Advice { kind: AdviceKind::SmallClasses { labels }, message })
}

fn imbalance(labels: &[String], counts: &[usize]) -> Option<Advice> {
    let usable = || counts.iter().copied().zip(labels).filter(|&(count, _)| count > 0);
    let (most, largest) = usable().max_by_key(|&(count, _)| count)?;
    let (fewest, smallest) = usable().min_by_key(|&(count, _)| count)?;
    if most <= fewest * MAX_RATIO {
        return None;
    }
    let message = format!(
        "class {} has {} to train on and {} only {}: balanced class weights (class_weights) let every class count the \
         same.",
        quote_name(largest),
        plural(most, "row"),
        quote_name(smallest),
        plural(fewest, "row")
    );
    Some(Advice { kind: AdviceKind::Imbalance, message })
}

/// Characters without width and marks of direction, which come along where texts are copied.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// A label as it is compared.
struct Name<'d> {
    label: &'d str,
    count: usize,
    /// Without regard to case, to spaces, hyphens and underscores, to how accents are written, and to what is not seen.
    words: Vec<Vec<char>>,
}

impl<'d> Name<'d> {
    /// `None` for what is not compared: single letters, signs, and numbers but whole ones: `1.0`, which pandas makes of 1 in a column
    /// with gaps, is 1.
    fn new(label: &'d str, count: usize) -> Option<Self> {
        if let Some(whole) = whole_number(label) {
            return Some(Self { label, count, words: vec![whole.chars().collect()] });
        }
        let mut plain = NormalizedString::from(label);
        plain.nfkc();
        plain.lowercase();
        let words: Vec<Vec<char>> = plain
            .get()
            .split(|c: char| c.is_whitespace() || matches!(c, '_' | '-'))
            .map(|word| word.chars().filter(|&character| !is_invisible(character)).collect::<Vec<char>>())
            .filter(|word| !word.is_empty())
            .collect();
        let num_letters = words.iter().flatten().filter(|character| character.is_alphabetic()).count();
        (num_letters > 1 && label.parse::<f64>().is_err()).then_some(Self { label, count, words })
    }

    fn len(&self) -> usize {
        self.words.iter().map(Vec::len).sum()
    }

    /// Whether one word differs by a letter or two, or nothing but a space: not by a digit, and not by a prefix such as
    /// that of `atypical`.
    fn differs_little(&self, other: &Self) -> bool {
        let digits = |name: &Self| -> Vec<char> {
            name.words.iter().flatten().copied().filter(|character| character.is_numeric()).collect()
        };
        if self.len().max(other.len()) > MAX_COMPARED || digits(self) != digits(other) {
            return false;
        }
        if self.words.len() != other.words.len() {
            return self.words.concat() == other.words.concat();
        }
        let mut differing = self.words.iter().zip(&other.words).filter(|(word, other)| word != other);
        let (Some((word, other)), None) = (differing.next(), differing.next()) else { return false };
        let (short, long) = if word.len() <= other.len() { (word, other) } else { (other, word) };
        let limit = if short.len() > MAX_ONE_WRONG { 2 } else { 1 };
        short.len() >= MIN_WORD
            && long.len() - short.len() <= limit
            && !(long.len() > short.len() && long.ends_with(short))
            && distance(short, long) <= limit
    }
}

/// A whole number without zeros behind its point, with its sign; `None` for all else, `01` too, which may be a code.
fn whole_number(label: &str) -> Option<&str> {
    let (whole, zeros) = label.trim().split_once('.').unwrap_or((label.trim(), "0"));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_code = digits.len() > 1 && digits.starts_with('0');
    (are_digits(digits) && !is_code && zeros.bytes().all(|byte| byte == b'0')).then_some(whole)
}

/// Letters to insert, delete, replace or swap with the next one, to make `a` of `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && y == a[i - 1] {
                cost = cost.min(before_last[j - 1] + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Groups of labels that are probably one, the most frequent of each first.
#[must_use]
pub fn similar_labels(labels: &[String], counts: &[usize]) -> Vec<Advice> {
    if labels.len() > MAX_LABELS {
        return Vec::new();
    }
    let mut names: Vec<Name<'_>> =
        labels.iter().zip(counts).filter_map(|(label, &count)| Name::new(label, count)).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.count));
    // First those of the same words, so that all their rows count when a letter is wrong.
    let mut same: Vec<(usize, Vec<Name<'_>>)> = Vec::new();
    for name in names {
        match same.iter_mut().find(|(_, group)| group[0].words == name.words) {
            Some((count, group)) => {
                *count += name.count;
                group.push(name);
            }
            None => same.push((name.count, vec![name])),
        }
    }
    same.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let mut counted: Vec<(usize, Vec<Name<'_>>)> = Vec::new();
    for (count, spellings) in same {
        let alike =
            counted.iter_mut().find(|(most, group)| count * RARE <= *most && group[0].differs_little(&spellings[0]));
        match alike {
            Some((_, group)) => group.extend(spellings),
            None => counted.push((count, spellings)),
        }
    }
    let mut groups: Vec<Vec<Name<'_>>> = counted.into_iter().map(|(_, group)| group).collect();
    groups.retain(|group| group.len() > 1);
    let num_more = groups.len().saturating_sub(MAX_NAMED);
    let mut advice: Vec<Advice> = groups.iter().take(MAX_NAMED).map(|group| of_group(group)).collect();
    if let Some(last) = advice.last_mut()
        && num_more > 0
    {
        last.message += &format!(" {num_more} more groups of labels look alike.");
    }
    advice
}

fn of_group(group: &[Name<'_>]) -> Advice {
    let shown =
        group.iter().take(MAX_NAMED).map(|name| format!("{} ({})", quote_name(name.label), plural(name.count, "row")));
    let message = format!("{} are probably one label.", list(&shown.collect::<Vec<_>>(), group.len()));
    let labels = group.iter().map(|name| name.label.to_owned()).collect();
    Advice { kind: AdviceKind::SimilarLabels { labels }, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice_on(counts: &[(&str, usize)]) -> Vec<Advice> {
        let labels: Vec<String> = counts.iter().map(|&(label, _)| label.to_owned()).collect();
        let counts: Vec<usize> = counts.iter().map(|&(_, count)| count).collect();
        advise_on_classes(&labels, &counts, &counts, true)
    }

    fn groups(counts: &[(&str, usize)]) -> Vec<Vec<String>> {
        let of_kind = |advice: Advice| match advice.kind {
            AdviceKind::SimilarLabels { labels } => Some(labels),
            _ => None,
        };
        advice_on(counts).into_iter().filter_map(of_kind).collect()
    }

    #[test]
    fn spellings_of_one_label_are_found() {
        assert_eq!(
            groups(&[("Access", 90), ("Billing", 100), ("biling", 3), ("billing", 40), ("Hardware", 80)]),
            [["Billing", "billing", "biling"]]
        );
        assert_eq!(
            groups(&[("Billing", 48), ("biling", 11), ("billing", 37)]),
            [["Billing", "billing", "biling"]],
            "rare beside both"
        );
        for (label, other) in [
            ("caf\u{e9}", "cafe\u{301}"),
            ("Sign up", "sign_up"),
            ("log in", "login"),
            ("top-up failed", "top-up faild"),
            ("hardware", "hadrware"),
            ("subscription", "subscribtoin"),
            ("Straße", "STRAßE"),
            ("weather", "weather\u{200b}"),
            ("1", "1.0"),
            ("-2.0", "-2"),
            ("True", "true"),
        ] {
            assert_eq!(groups(&[(label, 50), (other, 2)]), [[label, other]]);
        }
    }

    #[test]
    fn labels_that_mean_to_differ_are_left_alone() {
        for (label, other) in [
            ("1 star", "2 stars"),
            ("level 1", "level 2"),
            ("1", "2"),
            ("1.5", "1"),
            ("10", "1"),
            ("1", "-1"),
            ("01", "1"),
            ("12345", "12354"),
            ("A", "a"),
            ("a", "b"),
            ("type i", "type ii"),
            ("typical", "atypical"),
            ("sign in", "sign on"),
            ("pos", "pop"),
            ("increase", "decrease"),
            ("C", "C++"),
        ] {
            assert!(groups(&[(label, 50), (other, 2)]).is_empty(), "{label} {other}");
        }
        assert!(groups(&[("fault", 50), ("vault", 40)]).is_empty(), "neither is rare");
    }

    #[test]
    fn small_classes_are_named_with_their_rows() {
        let found = advice_on(&[("a", 40), ("bb", 9), ("ccc", 1), ("dddd", 10)]);
        assert_eq!(found[0].kind, AdviceKind::SmallClasses { labels: vec!["ccc".into(), "bb".into()] });
        let start = "2 classes have fewer than 10 training rows, which is little to learn from: \"ccc\" (1 row), \
                     \"bb\" (9 rows); a class with a single row can't be validated or tested.";
        assert!(found[0].message.starts_with(start), "{}", found[0].message);
        assert!(advice_on(&[("aa", 10), ("bb", 10)]).is_empty());
    }

    #[test]
    fn imbalance_is_said_with_what_helps() {
        assert!(advice_on(&[("aa", 100), ("bb", 10)]).is_empty(), "just ten to one");
        let found = advice_on(&[("aa", 111), ("bb", 11), ("cc", 50)]);
        assert_eq!((found.len(), &found[0].kind), (1, &AdviceKind::Imbalance));
        let message = &found[0].message;
        assert!(message.starts_with("class \"aa\" has 111 rows to train on and \"bb\" only 11 rows"), "{message}");
        assert!(message.contains("class_weights"), "{message}");
    }

    #[test]
    fn many_classes_make_few_sentences() {
        let names: Vec<String> = (0..500).map(|i| format!("label {i}")).collect();
        let twice: Vec<(String, usize)> =
            names.iter().flat_map(|name| [(name.clone(), 20), (name.to_uppercase(), 1)]).collect();
        let counts: Vec<(&str, usize)> = twice.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        let found = advice_on(&counts);
        assert_eq!(found.len(), MAX_NAMED + 2, "ten groups, small classes, imbalance");
        assert!(found[MAX_NAMED - 1].message.ends_with(" 490 more groups of labels look alike."));
        assert!(found[MAX_NAMED].message.contains(" and 490 more"), "{}", found[MAX_NAMED].message);
        let many: Vec<(String, usize)> = (0..5000).map(|i| (format!("class {i}"), 1)).collect();
        let counts: Vec<(&str, usize)> = many.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert!(advice_on(&counts)[0].message.len() < 500);
    }

    #[test]
    fn distances_count_swaps_as_one() {
        let between = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(between("billing", "biling"), 1);
        assert_eq!(between("hardware", "hadrware"), 1);
        assert_eq!(between("kitten", "sitting"), 3);
        assert_eq!(between("", "abc"), 3);
    }
}
