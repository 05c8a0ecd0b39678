//! Encodings of one byte a character: their tables, and a guess which of them a text is in.
//!
//! The guess compares the bytes above ASCII with the letters of languages that are written so. Cyrillic shows by runs of
//! such bytes; Central European and old Mac texts must fit clearly better than windows-1252 does.

use crate::config::Encoding;

/// Characters of the bytes from 128 on. Bytes without a character are control characters, as in the WHATWG standard.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ\
    \u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿\
    ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß\
    àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ";

const WINDOWS_1250: &str = "€\u{81}‚\u{83}„…†‡\u{88}‰Š‹ŚŤŽŹ\u{90}‘’“”•–—\u{98}™š›śťžź\
    \u{a0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{ad}®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż\
    ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
    ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙";

const WINDOWS_1251: &str = "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{98}™љ›њќћџ\
    \u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕї\
    АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ\
    абвгдежзийклмнопрстуфхцчшщъыьэюя";

const MACINTOSH: &str = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü\
    †°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø\
    ¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ\
    ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";

/// Letters beside ASCII's of languages that are written in windows-1252 and on Macs: French, German, Spanish,
/// Portuguese, Italian, Swedish, Danish, Dutch, Icelandic, Catalan.
const WESTERN: &[&str] = &[
    "àâæçéèêëîïôœùûüÿ",
    "äöüß",
    "áéíóúñü¿¡ªº",
    "áâãàçéêíóôõúü",
    "àèéìíòóùú",
    "äöåé",
    "æøåé",
    "ëïéèöü",
    "áéíóúýþæðö",
    "àçèéíïòóúü",
];

/// The same of languages that are written in windows-1250: Polish, Czech, Slovak, Hungarian, Croatian, Romanian.
const CENTRAL: &[&str] = &["ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţ"];

/// Characters of any text, where they do not stand between two letters.
const MARKS: &str = "“”„‘’‚–—…«»‹›•·€£§°©®™²³½\u{a0}\u{ad}";

/// The most frequent letters of Cyrillic texts (о, е, а, и, н, т) in windows-1251.
const FREQUENT_CYRILLIC: [u8; 6] = [0xEE, 0xE5, 0xE0, 0xE8, 0xED, 0xF2];

/// So many characters more than windows-1252 must another encoding explain.
const MIN_MORE: usize = 3;

/// For each byte from 128 on, how often it stands elsewhere, and how often between two letters of ASCII.
type Uses = [[usize; 2]; 128];

/// Characters of the bytes from 128 on; `None` for encodings of several bytes a character.
fn upper_half(encoding: Encoding) -> Option<&'static str> {
    match encoding {
        Encoding::Utf8 | Encoding::Utf16Le | Encoding::Utf16Be => None,
        Encoding::Windows1252 => Some(WINDOWS_1252),
        Encoding::Windows1250 => Some(WINDOWS_1250),
        Encoding::Windows1251 => Some(WINDOWS_1251),
        Encoding::Macintosh => Some(MACINTOSH),
    }
}

/// The text of some bytes; `None` for encodings of several bytes a character.
pub(super) fn decode(bytes: &[u8], encoding: Encoding) -> Option<String> {
    let upper_half: Vec<char> = upper_half(encoding)?.chars().collect();
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    for &byte in bytes {
        text.push(if byte.is_ascii() { char::from(byte) } else { upper_half[usize::from(byte - 128)] });
    }
    Some(text)
}

/// The likeliest of these encodings, and whether it fits the text well.
pub(super) fn guess(bytes: &[u8]) -> (Encoding, bool) {
    if looks_cyrillic(bytes) {
        return (Encoding::Windows1251, true);
    }
    let uses = uses(bytes);
    let total: usize = uses.iter().flatten().sum();
    let western = num_explained(&uses, WINDOWS_1252, WESTERN);
    let others = [
        (num_explained(&uses, WINDOWS_1250, CENTRAL), Encoding::Windows1250),
        (num_explained(&uses, MACINTOSH, WESTERN), Encoding::Macintosh),
    ];
    let clearer = others.into_iter().filter(|&(count, _)| {
        let more = count.saturating_sub(western);
        more >= MIN_MORE && more * 20 >= total && count * 10 >= total * 9
    });
    match clearer.max_by_key(|&(count, _)| count) {
        Some((_, encoding)) => (encoding, true),
        None => {
            // A table may hold names and texts of several languages.
            let letters = WESTERN.concat();
            let known = num_explained(&uses, WINDOWS_1252, &[letters.as_str()]);
            (Encoding::Windows1252, known * 5 >= total * 4)
        }
    }
}

fn uses(bytes: &[u8]) -> Uses {
    let mut uses = [[0; 2]; 128];
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
    for (index, &byte) in bytes.iter().enumerate().filter(|(_, byte)| !byte.is_ascii()) {
        let before = index.checked_sub(1).and_then(|before| bytes.get(before));
        let is_inside = is_letter(before) && is_letter(bytes.get(index + 1));
        uses[usize::from(byte - 128)][usize::from(is_inside)] += 1;
    }
    uses
}

/// How many bytes are letters of the language that explains most of them, or marks of any text.
fn num_explained(uses: &Uses, upper_half: &str, languages: &[&str]) -> usize {
    let of_language = |letters: &&str| -> usize {
        let explained = upper_half.chars().zip(uses).map(|(character, &[elsewhere, inside])| {
            let lower = character.to_lowercase().next().unwrap_or(character);
            if letters.contains(lower) || character == '’' {
                elsewhere + inside
            } else if MARKS.contains(character) {
                elsewhere
            } else {
                0
            }
        });
        explained.sum()
    };
    languages.iter().map(of_language).max().unwrap_or(0)
}

/// Whether most bytes above ASCII are letters of windows-1251 beside another such letter, and the frequent ones are.
fn looks_cyrillic(bytes: &[u8]) -> bool {
    let is_letter = |byte: &u8| *byte >= 0xC0;
    let num_high = bytes.iter().filter(|byte| !byte.is_ascii()).count();
    let num_letters = bytes.iter().filter(|&byte| is_letter(byte)).count();
    let num_pairs = bytes.windows(2).filter(|pair| pair.iter().all(is_letter)).count();
    // Capital letters are 32 places before the small ones.
    let num_frequent = bytes.iter().filter(|&&byte| byte >= 0xC0 && FREQUENT_CYRILLIC.contains(&(byte | 0x20))).count();
    num_letters * 2 > num_high && num_pairs * 2 > num_letters && num_frequent * 3 > num_letters
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The text in an encoding of one byte a character.
    pub(in crate::data::parse) fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
        let upper_half: Vec<char> =
            upper_half(encoding).expect("an encoding of one byte a character").chars().collect();
        let byte = |character: char| match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() => byte,
            _ => {
                let index = upper_half.iter().position(|other| *other == character).expect("a character that it has");
                u8::try_from(index + 128).expect("a table has 128 places")
            }
        };
        text.chars().map(byte).collect()
    }

    #[test]
    fn every_table_has_128_characters_of_its_own() {
        let sums = [
            (Encoding::Windows1252, 3_860_234),
            (Encoding::Windows1250, 4_356_256),
            (Encoding::Windows1251, 10_539_701),
            (Encoding::Macintosh, 39_718_983),
        ];
        for (encoding, sum) in sums {
            let characters: Vec<char> = upper_half(encoding).expect("one byte a character").chars().collect();
            assert_eq!(characters.len(), 128, "{encoding:?}");
            // As the codecs of Python have them, with the standard's control characters.
            let found =
                (1..).zip(&characters).map(|(index, &character)| index * u64::from(u32::from(character))).sum::<u64>();
            assert_eq!(found, sum, "{encoding:?}");
            let all: Vec<u8> = (0..=255).collect();
            assert_eq!(encode(&decode(&all, encoding).expect("as above"), encoding), all);
        }
    }

    const WESTERN_TEXTS: &[&str] = &[
        "L’imprimante du troisième étage est en panne, où ça coûte 5 €. Tous les êtres humains naissent libres et égaux \
         en dignité et en droits. Ils sont doués de raison et de conscience et doivent agir dans un esprit de fraternité.",
        "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sollen einander im Geiste der \
         Brüderlichkeit begegnen. „Der Drucker läuft nicht“ – bitte öffnen, größere Störung",
        "Todos los seres humanos nacen libres e iguales en dignidad y derechos, dotados como están de razón y \
         conciencia. ¿Dónde está la contraseña? Mañana no podré iniciar sesión aquí",
        "Todos os seres humanos nascem livres e iguais. Dotados de razão e de consciência, devem agir em espírito de \
         fraternidade. Não há ligação nem informações",
    ];

    const CENTRAL_TEXTS: &[&str] = &[
        "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem i \
         sumieniem i powinni postępować wobec innych w duchu braterstwa. Drukarka nie działa, proszę o pomoc",
        "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv. Jsou nadáni rozumem a svědomím a mají \
         spolu jednat v duchu bratrství.",
        "Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Az emberek, ésszel és lelkiismerettel \
         bírván, egymással szemben testvéri szellemben kell hogy viseltessenek. A nyomtató nem működik, kérjük, \
         küldjön segítséget a hibás gépről",
    ];

    const CYRILLIC_TEXTS: &[&str] = &[
        "Все люди рождаются свободными и равными в своем достоинстве и правах. Принтер не работает",
        "Всі люди народжуються вільними і рівними у своїй гідності та правах. Вони наділені розумом і совістю",
        "ticket,team\nПРИНТЕР СНОВА СЛОМАЛСЯ,hardware\nне могу войти в систему,access\n",
    ];

    #[test]
    fn real_texts_are_told_apart() {
        let sets = [
            (Encoding::Windows1252, WESTERN_TEXTS),
            (Encoding::Macintosh, WESTERN_TEXTS),
            (Encoding::Windows1250, CENTRAL_TEXTS),
            (Encoding::Windows1251, CYRILLIC_TEXTS),
        ];
        for (encoding, texts) in sets {
            for text in texts {
                assert_eq!(guess(&encode(text, encoding)), (encoding, true), "{text}");
            }
        }
    }

    #[test]
    fn windows_1252_is_what_is_left() {
        for text in ["5 m³ at 20 °C", "naïve café", "one ł only: bit ³ by ³"] {
            let bytes: Vec<u8> = text.chars().filter_map(|character| u8::try_from(character).ok()).collect();
            assert_eq!(guess(&bytes).0, Encoding::Windows1252, "{text}");
        }
        let names = "Müller, Jørgensen, Peña, père, ça";
        let guessed = guess(&encode(names, Encoding::Windows1252));
        assert_eq!(guessed, (Encoding::Windows1252, true), "no language alone has all these letters");
        // Japanese in Shift JIS: nothing fits.
        assert_eq!(
            guess(b"\x82\xb7\x82\xd7\x82\xc4\x82\xcc\x90l\x8a\xd4\x82\xcd\x81A\x90\xb6\x82\xdc"),
            (Encoding::Windows1252, false)
        );
    }
}
