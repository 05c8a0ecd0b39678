//! Characters that were damaged on their way, and HTML that was left over.
//!
//! In: a text. Out: what the first of its damaged characters is, in words; or the text repaired, and without HTML. UTF-8 that was read
//! as Windows-1252 shows in characters whose bytes are UTF-8 once more: `Ã©` is `é`. Not every such pair is damage (`« café »` with
//! narrow spaces is one), so a sequence counts alone only where what it stands for is common, else where a second one follows it.

/// What is damaged in a text; `None` where nothing is.
pub(super) fn find_damage(text: &str) -> Option<String> {
    if text.is_ascii() {
        return text.chars().find(|char| is_control(*char)).map(describe_control);
    }
    for (at, char) in text.char_indices() {
        if char == '\u{FFFD}' {
            return Some("a character was replaced (U+FFFD)".to_owned());
        }
        if let Some((seen, meant)) = misread(&text[at..]) {
            let meant = meant.to_string();
            return Some(format!("{seen:?} was {meant:?}"));
        }
        if is_control(char) {
            return Some(describe_control(char));
        }
    }
    None
}

/// The text with what can be repaired of it: characters that were read in a wrong encoding become what they were, and control
/// characters go. What was replaced by U+FFFD is lost, and stays. `None` where nothing changes.
pub(in crate::data) fn repair_damage(text: &str) -> Option<String> {
    find_damage(text)?;
    let (mut repaired, mut rest) = (String::with_capacity(text.len()), text);
    // What follows a character that was read wrongly, and is no more of an oddity than that one.
    let mut goes_on = false;
    while let Some(char) = rest.chars().next() {
        let found = misread(rest).map(|(seen, meant)| (seen.len(), meant));
        let found = found.or_else(|| decode(rest).filter(|&(_, meant)| goes_on && is_plausible(meant)));
        goes_on = found.is_some();
        let (len, meant) = match found {
            Some((len, meant)) => (len, Some(meant).filter(|meant| *meant != BYTE_ORDER_MARK)),
            None => (char.len_utf8(), meant_by(char)),
        };
        repaired.extend(meant);
        rest = &rest[len..];
    }
    (repaired != text).then_some(repaired)
}

/// What some programs write before a text; a text has no use for it.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// A character as it was meant: of a control character the sign that Windows-1252 has in its place, `None` where that has none.
fn meant_by(char: char) -> Option<char> {
    if !is_control(char) {
        return Some(char);
    }
    let place = u32::from(char).checked_sub(0x80)?;
    FROM_80.get(place as usize).copied().filter(|meant| !is_control(*meant))
}

fn is_control(char: char) -> bool {
    char.is_control() && !matches!(char, '\t' | '\n' | '\r' | '\u{85}')
}

fn describe_control(char: char) -> String {
    format!("a control character (U+{:04X})", u32::from(char))
}

/// What a text begins with, and the character that its bytes are, where they are UTF-8 that was read as Windows-1252.
fn misread(text: &str) -> Option<(&str, char)> {
    let (len, meant) = decode(text)?;
    let is_second = || decode(&text[len..]).is_some();
    (is_common(meant) || is_plausible(meant) && is_second()).then_some((&text[..len], meant))
}

/// The bytes that a character takes in `text`, which begins with it, and the character itself.
fn decode(text: &str) -> Option<(usize, char)> {
    let mut chars = text.chars();
    let first = byte_of(chars.next()?)?;
    let num_more = match first {
        0xC2..=0xDF => 1,
        0xE1..=0xEF => 2,
        0xF0 => 3,
        _ => return None,
    };
    let mut bytes = [first, 0, 0, 0];
    for byte in &mut bytes[1..=num_more] {
        *byte = byte_of(chars.next()?)?;
    }
    let meant = std::str::from_utf8(&bytes[..=num_more]).ok()?.chars().next()?;
    Some((text.len() - chars.as_str().len(), meant))
}

/// Signs of the bytes 0x80 to 0x9F in Windows-1252; bytes without one there are controls of the same number.
const FROM_80: [char; 32] = [
    '\u{20AC}', '\u{81}', '\u{201A}', '\u{192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2C6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8D}', '\u{17D}', '\u{8F}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201C}',
    '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2DC}', '\u{2122}', '\u{161}', '\u{203A}', '\u{153}', '\u{9D}',
    '\u{17E}', '\u{178}',
];

/// The byte of a character in Windows-1252.
fn byte_of(char: char) -> Option<u8> {
    match u32::from(char) {
        code @ 0x80..=0xFF => Some(code as u8),
        0..=0x7F => None,
        _ => FROM_80.iter().position(|other| *other == char).map(|index| 0x80 + index as u8),
    }
}

/// What UTF-8 mostly holds beside ASCII in Latin scripts, the byte order mark, and emoji.
fn is_common(char: char) -> bool {
    matches!(char,
        '\u{A0}'..='\u{17F}' | '\u{2010}'..='\u{203A}' | '\u{20AC}' | '\u{2122}' | '\u{FEFF}' | '\u{FFFD}'
        | '\u{1F300}'..='\u{1FAFF}')
}

/// Letters of other scripts.
fn is_plausible(char: char) -> bool {
    matches!(char, '\u{370}'..='\u{6FF}' | '\u{3040}'..='\u{30FF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}')
}

/// Tags that end in `>` at the latest so many bytes after their name.
const MAX_TAG: usize = 300;

const TAGS: [&str; 38] = [
    "a",
    "article",
    "b",
    "blockquote",
    "body",
    "br",
    "center",
    "code",
    "div",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "head",
    "hr",
    "html",
    "i",
    "iframe",
    "img",
    "li",
    "link",
    "meta",
    "ol",
    "p",
    "pre",
    "script",
    "section",
    "span",
    "strong",
    "style",
    "sup",
    "table",
    "td",
    "tr",
    "u",
    "ul",
];

/// Tags within a line: no space is left where they were.
const INLINE: [&str; 10] = ["a", "b", "code", "em", "font", "i", "span", "strong", "sup", "u"];

/// Entities, each with what it stands for.
const ENTITIES: [(&str, char); 40] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("auml", '\u{E4}'),
    ("ouml", '\u{F6}'),
    ("uuml", '\u{FC}'),
    ("Auml", '\u{C4}'),
    ("Ouml", '\u{D6}'),
    ("Uuml", '\u{DC}'),
    ("szlig", '\u{DF}'),
    ("agrave", '\u{E0}'),
    ("aacute", '\u{E1}'),
    ("acirc", '\u{E2}'),
    ("egrave", '\u{E8}'),
    ("eacute", '\u{E9}'),
    ("ecirc", '\u{EA}'),
    ("iacute", '\u{ED}'),
    ("oacute", '\u{F3}'),
    ("uacute", '\u{FA}'),
    ("ccedil", '\u{E7}'),
    ("ntilde", '\u{F1}'),
    ("euro", '\u{20AC}'),
    ("pound", '\u{A3}'),
    ("copy", '\u{A9}'),
    ("reg", '\u{AE}'),
    ("trade", '\u{2122}'),
    ("deg", '\u{B0}'),
    ("hellip", '\u{2026}'),
    ("ndash", '\u{2013}'),
    ("mdash", '\u{2014}'),
    ("lsquo", '\u{2018}'),
    ("rsquo", '\u{2019}'),
    ("ldquo", '\u{201C}'),
    ("rdquo", '\u{201D}'),
    ("laquo", '\u{AB}'),
    ("raquo", '\u{BB}'),
    ("shy", '\u{AD}'),
];

/// The first tag or entity of HTML in a text.
pub(super) fn find_markup(text: &str) -> Option<String> {
    let entity = || text.match_indices('&').find_map(|(at, _)| entity_of(&text[at + 1..]));
    let tag = || text.match_indices('<').find_map(|(at, _)| tag_of(&text[at + 1..]));
    tag().map(|(name, _)| format!("<{name}>")).or_else(|| entity().map(|name| format!("&{name};")))
}

/// The text without tags of HTML, and with the characters that entities stand for. `None` where nothing changes.
pub(in crate::data) fn strip_markup(text: &str) -> Option<String> {
    find_markup(text)?;
    let (mut stripped, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['<', '&']) {
        stripped.push_str(&rest[..at]);
        let (sign, after) = rest[at..].split_at(1);
        let tag = if sign == "<" { tag_of(after) } else { None };
        let entity = if sign == "&" { entity_of(after).and_then(|name| Some((name, char_of(name)?))) } else { None };
        rest = match (tag, entity) {
            (Some((name, len)), _) if INLINE.contains(&name.as_str()) => &after[len..],
            (Some((_, len)), _) => {
                push_space(&mut stripped);
                after[len..].trim_start_matches(' ')
            }
            (None, Some((name, char))) => {
                if char.is_whitespace() {
                    push_space(&mut stripped)
                } else {
                    stripped.push(char)
                }
                &after[name.len() + 1..]
            }
            (None, None) => {
                stripped.push_str(sign);
                after
            }
        };
    }
    stripped.push_str(rest);
    let stripped = stripped.trim();
    (stripped != text).then(|| stripped.to_owned())
}

/// A space, unless the text begins, or there is one.
fn push_space(text: &mut String) {
    if text.ends_with(|char: char| !char.is_whitespace()) {
        text.push(' ');
    }
}

/// The tag that a text goes on with after `<`: its name, and how many bytes on it ends.
fn tag_of(rest: &str) -> Option<(String, usize)> {
    let name_and_more = rest.strip_prefix('/').unwrap_or(rest);
    let end = name_and_more.bytes().take(11).take_while(u8::is_ascii_alphanumeric).count();
    let name = name_and_more[..end].to_ascii_lowercase();
    let after = &name_and_more.as_bytes()[end..];
    let is_ended = matches!(after.first(), Some(b'>' | b'/' | b' ' | b'\n' | b'\t'));
    let close = after.iter().take(MAX_TAG).take_while(|byte| **byte != b'<').position(|byte| *byte == b'>')?;
    let len = rest.len() - after.len() + close + 1;
    (is_ended && TAGS.contains(&name.as_str())).then_some((name, len))
}

/// The entity that a text goes on with after `&`: its name, which `;` ends.
fn entity_of(rest: &str) -> Option<&str> {
    let end = rest.bytes().take(9).position(|byte| byte == b';')?;
    let name = rest.get(..end)?;
    let is_named = || ENTITIES.iter().any(|(known, _)| *known == name);
    (number_of(name).is_some() || is_named()).then_some(name)
}

/// The number that an entity names a character by.
fn number_of(entity: &str) -> Option<u32> {
    let number = entity.strip_prefix('#')?;
    let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |digits| (digits, 16));
    u32::from_str_radix(digits, radix).ok()
}

/// The character that an entity stands for; `None` where there is none of its number.
fn char_of(entity: &str) -> Option<char> {
    match number_of(entity) {
        Some(number) => char::from_u32(number).and_then(meant_by),
        None => ENTITIES.iter().find(|(known, _)| *known == entity).map(|(_, char)| *char),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes of UTF-8 read as Windows-1252.
    fn misread_as(text: &str) -> String {
        let char = |byte: u8| (0..=0x2122).filter_map(char::from_u32).find(|char| byte_of(*char) == Some(byte));
        text.bytes().map(|byte| if byte < 0x80 { char::from(byte) } else { char(byte).unwrap_or('?') }).collect()
    }

    #[test]
    fn utf8_read_in_another_encoding_is_found() {
        for text in [
            "caf\u{e9}",
            "Stra\u{df}e",
            "don\u{2019}t",
            "5 \u{20ac}",
            "\u{feff}a",
            "\u{41f}\u{440}\u{438}",
            "\u{1f600}",
        ] {
            let damaged = misread_as(text);
            assert!(find_damage(&damaged).is_some(), "{damaged}");
            assert_eq!(find_damage(text), None, "{text}");
            assert_eq!(repair_damage(&damaged).as_deref(), Some(text.trim_start_matches(BYTE_ORDER_MARK)), "{damaged}");
        }
        assert_eq!(find_damage("caf\u{c3}\u{a9}").as_deref(), Some("\"\u{c3}\u{a9}\" was \"\u{e9}\""));
    }

    #[test]
    fn whole_texts_are_no_damage() {
        for text in [
            "\u{ab}\u{a0}caf\u{e9}\u{a0}\u{bb}",
            "\u{ab}\u{a0}voil\u{e0}\u{a0}\u{bb}",
            "S\u{c3}O PAULO",
            "\u{c9}COLE, \u{c2}GE",
            "tab\tand\r\nline",
            "\u{4f60}\u{597d}",
        ] {
            assert_eq!(find_damage(text), None, "{text}");
            assert_eq!(repair_damage(text), None, "{text}");
        }
    }

    #[test]
    fn replaced_and_control_characters_are_damage() {
        assert!(find_damage("M\u{fffd}ller").is_some_and(|what| what.contains("U+FFFD")));
        assert_eq!(find_damage("a\u{0}b").as_deref(), Some("a control character (U+0000)"));
        assert_eq!(find_damage("it\u{92}s").as_deref(), Some("a control character (U+0092)"));
        assert_eq!(repair_damage("M\u{fffd}ller"), None, "it is lost");
        assert_eq!(repair_damage("a\u{0}b it\u{92}s\tM\u{fffd}").as_deref(), Some("ab it\u{2019}s\tM\u{fffd}"));
    }

    #[test]
    fn tags_and_entities_are_markup_and_comparisons_are_not() {
        for (text, found) in [
            ("one<br />two", "<br>"),
            ("<p class=\"x\">a</p>", "<p>"),
            ("end</DIV>", "<div>"),
            ("a &amp; b", "&amp;"),
            ("it&#39;s", "&#39;"),
            ("&#xE9;", "&#xE9;"),
        ] {
            assert_eq!(find_markup(text).as_deref(), Some(found));
        }
        for text in ["a < b and c > d", "if a<b then", "<name> of the person", "R&D; AT&T", "x <br", "&;", "<3 <3"] {
            assert_eq!(find_markup(text), None, "{text}");
            assert_eq!(strip_markup(text), None, "{text}");
        }
    }

    #[test]
    fn tags_go_and_entities_become_their_characters() {
        for (text, stripped) in [
            ("one<br />two <br> three", "one two three"),
            ("<p class=\"x\">a <b>bold</b> claim</p><p>b</p>", "a bold claim b"),
            ("1 &lt; 2 &amp;&nbsp;3&#8230; it&#146;s &#xE9;", "1 < 2 & 3\u{2026} it\u{2019}s \u{e9}"),
            ("a<b and <name> &amp; &#0; &unknown;", "a<b and <name> & &#0; &unknown;"),
        ] {
            assert_eq!(strip_markup(text).as_deref(), Some(stripped), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|[\u{80}-\u{2122}&<;>]*") {
            let _ = (find_damage(&text), find_markup(&text));
            if let Some(repaired) = repair_damage(&text) {
                prop_assert!(!repaired.chars().any(is_control));
            }
            let _ = strip_markup(&text);
        }
    }
}
