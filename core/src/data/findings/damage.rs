//! Characters that were damaged on their way, and HTML that was left over.
//!
//! In: a text. Out: what the first of its damaged characters is, in words. UTF-8 that was read as Windows-1252 shows in
//! characters whose bytes are UTF-8 once more: `Ã©` is `é`. Not every such pair is damage (`« café »` with narrow spaces is
//! one), so a sequence counts alone only where what it stands for is common, else where a second one follows it.

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

/// The byte of a character in Windows-1252; bytes without one there are controls of the same number.
fn byte_of(char: char) -> Option<u8> {
    const FROM_80: [char; 32] = [
        '\u{20AC}', '\u{81}', '\u{201A}', '\u{192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2C6}',
        '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8D}', '\u{17D}', '\u{8F}', '\u{90}', '\u{2018}', '\u{2019}',
        '\u{201C}', '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2DC}', '\u{2122}', '\u{161}', '\u{203A}',
        '\u{153}', '\u{9D}', '\u{17E}', '\u{178}',
    ];
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

const ENTITIES: [&str; 40] = [
    "amp", "lt", "gt", "quot", "apos", "nbsp", "auml", "ouml", "uuml", "Auml", "Ouml", "Uuml", "szlig", "agrave",
    "aacute", "acirc", "egrave", "eacute", "ecirc", "iacute", "oacute", "uacute", "ccedil", "ntilde", "euro", "pound",
    "copy", "reg", "trade", "deg", "hellip", "ndash", "mdash", "lsquo", "rsquo", "ldquo", "rdquo", "laquo", "raquo",
    "shy",
];

/// The first tag or entity of HTML in a text.
pub(super) fn find_markup(text: &str) -> Option<String> {
    let entity = || text.match_indices('&').find_map(|(at, _)| entity_of(&text[at + 1..]));
    let tag = || text.match_indices('<').find_map(|(at, _)| tag_of(&text[at + 1..]));
    tag().or_else(entity)
}

fn tag_of(rest: &str) -> Option<String> {
    let name_and_more = rest.strip_prefix('/').unwrap_or(rest);
    let end = name_and_more.bytes().take(11).take_while(u8::is_ascii_alphanumeric).count();
    let name = name_and_more[..end].to_ascii_lowercase();
    let after = &name_and_more.as_bytes()[end..];
    let is_ended = matches!(after.first(), Some(b'>' | b'/' | b' ' | b'\n' | b'\t'))
        && after.iter().take(MAX_TAG).take_while(|byte| **byte != b'<').any(|byte| *byte == b'>');
    (is_ended && TAGS.contains(&name.as_str())).then(|| format!("<{name}>"))
}

fn entity_of(rest: &str) -> Option<String> {
    let end = rest.bytes().take(9).position(|byte| byte == b';')?;
    let name = rest.get(..end)?;
    let is_number = name.strip_prefix('#').is_some_and(|number| {
        let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |digits| (digits, 16));
        u32::from_str_radix(digits, radix).is_ok()
    });
    (is_number || ENTITIES.contains(&name)).then(|| format!("&{name};"))
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
        }
    }

    #[test]
    fn replaced_and_control_characters_are_damage() {
        assert!(find_damage("M\u{fffd}ller").is_some_and(|what| what.contains("U+FFFD")));
        assert_eq!(find_damage("a\u{0}b").as_deref(), Some("a control character (U+0000)"));
        assert_eq!(find_damage("it\u{92}s").as_deref(), Some("a control character (U+0092)"));
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
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|[\u{80}-\u{2122}&<;>]*") {
            let _ = (find_damage(&text), find_markup(&text));
        }
    }
}
