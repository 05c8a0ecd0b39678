//! Personal data in texts, as a warning: mail addresses, phone numbers, account numbers (IBAN) and card numbers.
//!
//! In: a text. Out: where such data stand, and the text with them masked. Account numbers must have the length of their
//! country and the check digits of ISO 7064 (mod 97), card numbers a known beginning and the check digit of Luhn. Phone numbers
//! have no check digit: what is written like one is taken for one. Names are not found.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

/// What stands for what is left out.
const MASK: &str = "\u{2022}\u{2022}\u{2022}";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mail,
    Account,
    Card,
    Phone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    kind: Kind,
    /// Bytes of the text.
    range: Range<usize>,
}

/// The text with all personal data in it masked; borrowed where there are none.
#[must_use]
pub fn mask_personal(text: &str) -> Cow<'_, str> {
    match find(text).as_slice() {
        [] => Cow::Borrowed(text),
        found => Cow::Owned(replace_with(text, found, |one| mask(text, one))),
    }
}

/// The text with all personal data in it replaced by another text, and how many there were.
#[must_use]
pub fn replace_personal(text: &str, replacement: &str) -> (String, usize) {
    let found = find(text);
    (replace_with(text, &found, |_| replacement.to_owned()), found.len())
}

/// The text with what they are in the place of all personal data in it, so that a model may learn that one stands there: `[mail]`,
/// `[phone]`, `[account]`, `[card]`. `None` where there are none.
pub(in crate::data) fn name_personal(text: &str) -> Option<String> {
    let name = |one: &Found| match one.kind {
        Kind::Mail => "[mail]",
        Kind::Account => "[account]",
        Kind::Card => "[card]",
        Kind::Phone => "[phone]",
    };
    let found = find(text);
    (!found.is_empty()).then(|| replace_with(text, &found, |one| name(one).to_owned()))
}

/// The text with another one in the place of each that was found.
fn replace_with(text: &str, all: &[Found], replacement: impl Fn(&Found) -> String) -> String {
    let (mut replaced, mut from) = (String::with_capacity(text.len()), 0);
    for found in all {
        replaced.push_str(&text[from..found.range.start]);
        replaced.push_str(&replacement(found));
        from = found.range.end;
    }
    replaced.push_str(&text[from..]);
    replaced
}

/// What a text holds, masked: `mail a•••@•••.org, phone •••67`; `None` where it holds nothing.
pub(super) fn describe_personal(text: &str) -> Option<String> {
    let describe = |found: &Found| {
        let kind = match found.kind {
            Kind::Mail => "mail",
            Kind::Account => "IBAN",
            Kind::Card => "card",
            Kind::Phone => "phone",
        };
        format!("{kind} {}", mask(text, found))
    };
    let found: Vec<String> = find(text).iter().map(describe).collect();
    (!found.is_empty()).then(|| crate::words::list(&found[..found.len().min(3)], found.len()))
}

fn mask(text: &str, found: &Found) -> String {
    let value = &text[found.range.clone()];
    // Numbers are ASCII.
    let last_two = || &value[value.len().saturating_sub(2)..];
    match found.kind {
        Kind::Mail => {
            let first = value.chars().next().unwrap_or_default();
            let end = value.rfind('.').map_or("", |dot| &value[dot..]);
            format!("{first}{MASK}@{MASK}{end}")
        }
        Kind::Account => format!("{}{MASK}{}", &value[..2], last_two()),
        Kind::Card | Kind::Phone => format!("{MASK}{}", last_two()),
    }
}

/// All that is found, in the order of the text, none over another.
fn find(text: &str) -> Vec<Found> {
    let has_mail = text.contains('@');
    let num_digits = text.bytes().filter(u8::is_ascii_digit).take(8).count();
    let mut found = AllFound::new();
    if has_mail {
        find_mails(text, &mut found);
    }
    if num_digits >= 8 {
        find_accounts(text, &mut found);
        find_numbers(text, &mut found);
    }
    found.into_values().collect()
}

/// What was found, by where it starts: none over another.
type AllFound = BTreeMap<usize, Found>;

fn add(found: &mut AllFound, kind: Kind, range: Range<usize>) {
    // Of those that start before its end only the last can reach into it. A text may hold a million.
    let last = found.range(..range.end).next_back();
    if last.is_none_or(|(_, last)| last.range.end <= range.start) {
        found.insert(range.start, Found { kind, range });
    }
}

fn find_mails(text: &str, found: &mut AllFound) {
    for (at, _) in text.match_indices('@') {
        let is_local = |char: char| char.is_alphanumeric() || matches!(char, '.' | '_' | '%' | '+' | '-');
        let is_domain = |char: char| char.is_alphanumeric() || matches!(char, '.' | '-');
        let local = text[..at].len() - text[..at].trim_end_matches(is_local).len();
        let rest = &text[at + 1..];
        let domain = &rest[..rest.len() - rest.trim_start_matches(is_domain).len()];
        let domain = domain.trim_end_matches(['.', '-']);
        let has_top = domain.rsplit_once('.').is_some_and(|(name, top)| {
            !name.is_empty() && top.chars().count() >= 2 && top.chars().all(char::is_alphabetic)
        });
        if local > 0 && has_top {
            add(found, Kind::Mail, at - local..at + 1 + domain.len());
        }
    }
}

/// Countries with the length of their account numbers.
const ACCOUNTS: [(&str, usize); 44] = [
    ("AD", 24),
    ("AE", 23),
    ("AT", 20),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("CH", 21),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("EE", 20),
    ("ES", 24),
    ("FI", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GI", 23),
    ("GR", 27),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IS", 26),
    ("IT", 27),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("ME", 22),
    ("MT", 31),
    ("NL", 18),
    ("NO", 15),
    ("PL", 28),
    ("PT", 25),
    ("RO", 24),
    ("RS", 22),
    ("SA", 24),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("TR", 26),
];

fn find_accounts(text: &str, found: &mut AllFound) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + 4 <= bytes.len() {
        let is_start = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let end = if is_start { account_end(&bytes[at..]) } else { None };
        if let Some(len) = end {
            add(found, Kind::Account, at..at + len);
        }
        at += end.unwrap_or(1);
    }
}

/// The bytes of an account number that `bytes` begin with, spaces between its parts included.
fn account_end(bytes: &[u8]) -> Option<usize> {
    let country = [bytes.first()?.to_ascii_uppercase(), bytes.get(1)?.to_ascii_uppercase()];
    if !bytes.get(2)?.is_ascii_digit() || !bytes.get(3)?.is_ascii_digit() {
        return None;
    }
    let (_, len) = ACCOUNTS.iter().find(|(name, _)| name.as_bytes() == country)?;
    let (mut signs, mut end) = (Vec::with_capacity(*len), 0);
    while signs.len() < *len {
        match bytes.get(end)? {
            sign if sign.is_ascii_alphanumeric() => signs.push(sign.to_ascii_uppercase()),
            b' ' if bytes.get(end + 1)?.is_ascii_alphanumeric() => {}
            _ => return None,
        }
        end += 1;
    }
    let is_whole = !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
    (is_whole && has_account_digits(&signs)).then_some(end)
}

/// Whether letters and digits of an account number, its first four moved to the end, leave 1 when divided by 97.
fn has_account_digits(signs: &[u8]) -> bool {
    let (country, rest) = signs.split_at(4);
    let remainder = rest.iter().chain(country).fold(0_u32, |remainder, sign| match sign {
        b'0'..=b'9' => (remainder * 10 + u32::from(sign - b'0')) % 97,
        letter => (remainder * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    remainder == 1
}

/// Digits that stand together.
#[derive(Debug, Clone, Copy)]
struct DigitGroup {
    start: usize,
    end: usize,
}

impl DigitGroup {
    fn len(self) -> usize {
        self.end - self.start
    }
}

/// Finds card and phone numbers: runs of digits with no more between them than spaces and signs.
fn find_numbers(text: &str, found: &mut AllFound) {
    let bytes = text.as_bytes();
    let mut run: Vec<DigitGroup> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let len = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let group = DigitGroup { start: at, end: at + len };
        let belongs = run.last().is_some_and(|last| is_gap(&bytes[last.end..group.start]));
        if !belongs {
            take_run(text, &run, found);
            run.clear();
        }
        run.push(group);
        at = group.end;
    }
    take_run(text, &run, found);
}

/// What may stand between two parts of a number.
fn is_gap(between: &[u8]) -> bool {
    matches!(
        between,
        [b' ' | b'-' | b'/' | b'.'] | [b')'] | [b')' | b' ' | b'(', b' ' | b'('] | [b' ', b'-' | b'/', b' ']
    )
}

fn take_run(text: &str, run: &[DigitGroup], found: &mut AllFound) {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
    let before = text[..first.start].chars().next_back();
    let after = text[last.end..].chars().next();
    if before.is_some_and(|char| char.is_alphanumeric() || char == '_') || after.is_some_and(char::is_alphanumeric) {
        return;
    }
    let num_before = found.len();
    find_cards(text.as_bytes(), run, found);
    if found.len() == num_before && is_phone(text.as_bytes(), run, before) {
        let has_sign = before.is_some_and(|char| matches!(char, '+' | '('));
        add(found, Kind::Phone, first.start - usize::from(has_sign)..last.end);
    }
}

fn find_cards(bytes: &[u8], run: &[DigitGroup], found: &mut AllFound) {
    for (index, first) in run.iter().enumerate() {
        let mut digits: Vec<u8> = Vec::with_capacity(19);
        let mut end = first.start;
        for group in &run[index..] {
            let is_joined = end == group.start || matches!(&bytes[end..group.start], [b' ' | b'-']);
            if !is_joined || digits.len() + group.len() > 19 {
                break;
            }
            digits.extend_from_slice(&bytes[group.start..group.end]);
            end = group.end;
            if is_card(&digits) {
                add(found, Kind::Card, first.start..end);
            }
        }
    }
}

fn is_card(digits: &[u8]) -> bool {
    let begin =
        |count: usize| digits.iter().take(count).fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
    let is_known = match digits.len() {
        13 | 19 => begin(1) == 4,
        14 => matches!(begin(2), 30 | 36 | 38 | 39),
        15 => matches!(begin(2), 34 | 37),
        16 => begin(1) == 4 || matches!(begin(2), 35 | 51..=55 | 62 | 65) || matches!(begin(4), 2221..=2720 | 6011),
        _ => false,
    };
    is_known && has_card_digit(digits)
}

/// Luhn: every second digit from the end doubled, the digits of all that add up to a multiple of ten.
fn has_card_digit(digits: &[u8]) -> bool {
    let value = |(index, digit): (usize, &u8)| {
        let digit = u32::from(digit - b'0') * if index % 2 == 1 { 2 } else { 1 };
        digit / 10 + digit % 10
    };
    digits.iter().rev().enumerate().map(value).sum::<u32>().is_multiple_of(10)
}

fn is_phone(bytes: &[u8], run: &[DigitGroup], before: Option<char>) -> bool {
    let lens: Vec<usize> = run.iter().map(|group| group.len()).collect();
    let num_digits: usize = lens.iter().sum();
    let start = run[0].start;
    let begins = |prefix: &str| bytes[start..run[0].end].starts_with(prefix.as_bytes());
    if before == Some('+') {
        return (8..=15).contains(&num_digits);
    }
    // A price, a share, a part of an address.
    if before.is_some_and(|char| matches!(char, '.' | ',' | '-' | '/' | '#' | '$' | '\u{20AC}' | '\u{A3}' | '=' | ':'))
    {
        return false;
    }
    let has_points = run.windows(2).any(|pair| bytes[pair[0].end..pair[1].start].contains(&b'.'));
    match lens.as_slice() {
        [2, 2, 2, 2, 2] => begins("0"),
        [3, 3, 4] => !begins("0") && !begins("1"),
        [1, 3, 3, 4] => begins("1"),
        _ if has_points => false,
        [10 | 11] => ["015", "016", "017", "06", "07"].into_iter().any(begins),
        [_] => false,
        _ if begins("00") => (10..=16).contains(&num_digits),
        [first, ..] => begins("0") && (3..=5).contains(first) && (9..=12).contains(&num_digits),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        find(text).iter().map(|found| found.kind).collect()
    }

    #[test]
    fn mail_addresses_are_found_and_masked() {
        assert_eq!(mask_personal("write to anna.b+c@mail.example.org."), "write to a•••@•••.org.");
        assert_eq!(mask_personal("j\u{fc}rgen@x.de"), "j•••@•••.de");
        for text in ["@home", "a@b", "me @ x.de", "5 @ 3.50", "@@@@@"] {
            assert!(kinds(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn account_numbers_have_their_check_digits() {
        let good =
            ["DE89 3704 0044 0532 0130 00", "gb82west12345698765432", "FR1420041010050500013M02606", "NO9386011117947"];
        for account in good {
            let text = format!("to {account}, please");
            assert_eq!(kinds(&text), [Kind::Account], "{account}");
            assert!(!mask_personal(&text).contains(&account[4..12]), "{account}");
        }
        assert_eq!(mask_personal(good[0]), "DE•••00");
        let wrong = [
            "DE88 3704 0044 0532 0130 00",
            "DE89 3704 0044 0532 0130 0",
            "XX89370400440532013000",
            "ADE89370400440532013000",
        ];
        for account in wrong {
            assert!(!kinds(account).contains(&Kind::Account), "{account}");
        }
    }

    #[test]
    fn card_numbers_have_their_check_digit() {
        for card in ["4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005", "6011111111111117"] {
            assert_eq!(kinds(&format!("card {card}, 12/27")), [Kind::Card], "{card}");
        }
        assert_eq!(mask_personal("4111111111111111"), "•••11");
        for number in ["4111 1111 1111 1112", "1234567812345670", "order 41111111111111110"] {
            assert!(!kinds(number).contains(&Kind::Card), "{number}");
        }
    }

    #[test]
    fn phone_numbers_are_found_and_dates_are_not() {
        let phones = [
            "+49 170 1234567",
            "0170/1234567",
            "030 12345678",
            "(555) 123-4567",
            "555-123-4567",
            "1-555-123-4567",
            "01 23 45 67 89",
            "0049 30 123456",
            "01701234567",
            "+1 (555) 123-4567",
        ];
        for phone in phones {
            let text = format!("call {phone} today");
            assert_eq!(kinds(&text), [Kind::Phone], "{phone}");
            assert!(mask_personal(&text).ends_with(&format!("•••{} today", &phone[phone.len() - 2..])), "{phone}");
        }
        for text in [
            "2024-01-15 10:30",
            "01.02.2024 10:30",
            "from 01-02-2024 to 03-04-2024",
            "invoice 20240115",
            "192.168.100.100",
            "3.14159265",
            "0.123456789",
            "1 000 000 000",
            "$100 200 3000",
            "isbn 978-3-16-148410-0",
            "a1234567890",
        ] {
            assert!(kinds(text).is_empty(), "{text}: {:?}", kinds(text));
        }
    }

    #[test]
    fn what_is_described_is_masked() {
        let found = describe_personal("a@b.org, c@d.org, e@f.org and g@h.org").expect("four");
        assert_eq!(found, "mail a•••@•••.org, mail c•••@•••.org, mail e•••@•••.org and 1 more");
        assert_eq!(describe_personal("nothing here"), None);
    }

    #[test]
    fn what_stood_there_is_named() {
        let text = "anna@example.org, +49 170 1234567, DE89 3704 0044 0532 0130 00 or 4111 1111 1111 1111";
        let named = name_personal(text).expect("four");
        assert_eq!(named, "[mail], [phone], [account] or [card]");
        assert_eq!((name_personal(&named), name_personal("nothing here")), (None, None));
    }

    #[test]
    fn a_text_may_be_full_of_them() {
        let text = "anna@example.org, 4111 1111 1111 1111; ".repeat(50_000);
        let named = name_personal(&text).expect("many");
        assert_eq!(named, "[mail], [card]; ".repeat(50_000));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|[0-9A-Z@ .()/+-]*") {
            let masked = mask_personal(&text);
            prop_assert!(masked.is_empty() == text.is_empty());
        }
    }
}
