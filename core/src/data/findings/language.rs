//! The language of a text, roughly: by the script of its letters, and in Latin script by frequent words of ten languages.
//!
//! In: normalized texts. Out: an English name, or nothing where a text is too short to tell or could be one of several. Frequent
//! words are cheap and need no model; of twelve words and more they name the right language nearly always.

use std::collections::HashMap;

use super::near::hash_chars;
use super::normalize::Normalized;

/// Letters before a script is named.
const MIN_LETTERS: usize = 8;

/// Frequent words, without quotes and in lower case.
const WORDS: [(&str, &str); 10] = [
    (
        "English",
        "the of and to is that it for with was this are have not you what how my can do does on be from they his were \
         would which there your please when why will been has had where who dont im its an in but or if so i a me we at no \
         get just now out up am as any after more than",
    ),
    (
        "German",
        "der die das und ist nicht ich mit auf ein eine den von zu im f\u{fc}r sich wie dem wird auch es an werden aus hat \
         dass sie nach wir bei noch mein meine kann was wann warum habe sind oder aber wenn zur zum als",
    ),
    (
        "French",
        "le la les des et est une un que pour dans qui pas sur avec au ne se ce sont plus par je vous nous mais comment mon \
         ma du en il elle cette jai cest votre \u{e9}t\u{e9} \u{e0} ou tout",
    ),
    (
        "Spanish",
        "el la los las de que y en un una por con no para es se del lo como su m\u{e1}s pero est\u{e1} mi c\u{f3}mo puedo al \
         ha qu\u{e9} muy ya tengo esta hay le",
    ),
    (
        "Italian",
        "il la di che e un una per non con del della sono le si da come pi\u{f9} nel mi gli anche ma \u{e8} ho al lo dei alla \
         questo perch\u{e9} posso quando",
    ),
    (
        "Portuguese",
        "o a os as de que e um uma para com n\u{e3}o do da em por se mais como dos \u{e9} s\u{e3}o meu minha voc\u{ea} \
         est\u{e1} na no ao foi mas quando pelo tem",
    ),
    (
        "Dutch",
        "de het een en van is dat op te in niet zijn met voor er maar om ook aan wordt ik je mijn die heb kan naar hoe wat \
         bij dan nog uit",
    ),
    (
        "Polish",
        "w na si\u{119} nie \u{17c}e z jest to jak po co ale tak od czy mam mo\u{17c}e przez ju\u{17c} dla o s\u{105} za \
         by\u{142} tylko",
    ),
    (
        "Swedish",
        "och att det som p\u{e5} \u{e4}r av f\u{f6}r med den till inte jag ett om har de hur kan en i vi s\u{e5} min var men \
         f\u{f6}r fr\u{e5}n",
    ),
    (
        "Turkish",
        "ve bir bu i\u{e7}in ile \u{e7}ok da ne de\u{11f}il gibi daha var ama en mi ben olarak olan nas\u{131}l neden kadar \
         sonra her",
    ),
];

/// Tells languages.
#[derive(Debug)]
pub(super) struct Languages {
    /// Hash of a word to the languages that it is frequent in, a bit for each.
    words: HashMap<u64, u16>,
}

/// Tells the language of one text after the other.
#[derive(Debug)]
pub(in crate::data) struct TextLanguage {
    languages: Languages,
    normalized: Normalized,
}

impl TextLanguage {
    pub(in crate::data) fn new() -> Self {
        Self { languages: Languages::new(), normalized: Normalized::default() }
    }

    /// The language of a text; `None` where it is too short to tell.
    pub(in crate::data) fn of(&mut self, text: &str) -> Option<&'static str> {
        self.normalized.read(&[text]);
        self.languages.guess(&self.normalized.texts)
    }
}

/// Letters of a text by their script.
#[derive(Debug, Default)]
struct Scripts {
    latin: usize,
    han: usize,
    kana: usize,
    others: [usize; OTHER_SCRIPTS.len()],
}

/// Scripts by their names, as wide ranges of letters.
const OTHER_SCRIPTS: [(&str, char, char); 8] = [
    ("Greek", '\u{370}', '\u{3FF}'),
    ("Cyrillic script", '\u{400}', '\u{52F}'),
    ("Hebrew", '\u{590}', '\u{5FF}'),
    ("Arabic script", '\u{600}', '\u{77F}'),
    ("Indic scripts", '\u{900}', '\u{DFF}'),
    ("Thai", '\u{E00}', '\u{E7F}'),
    ("Korean", '\u{AC00}', '\u{D7A3}'),
    ("Georgian or Armenian", '\u{530}', '\u{58F}'),
];

impl Languages {
    pub(super) fn new() -> Self {
        let mut words: HashMap<u64, u16> = HashMap::new();
        for (language, (_, list)) in WORDS.iter().enumerate() {
            for word in list.split_whitespace() {
                let chars: Vec<char> = word.chars().collect();
                *words.entry(hash_chars(&chars, 0)).or_default() |= 1 << language;
            }
        }
        Self { words }
    }

    /// The language of some texts together.
    pub(super) fn guess(&self, texts: &[Vec<char>]) -> Option<&'static str> {
        let mut scripts = Scripts::default();
        texts.iter().flatten().for_each(|&char| scripts.count(char));
        match scripts.leading()? {
            Leading::Latin => self.guess_latin(texts),
            Leading::Other(name) => Some(name),
        }
    }

    /// The language whose frequent words come most often: three times, or twice without a word of any other; and more
    /// than half as often again as those of the next.
    fn guess_latin(&self, texts: &[Vec<char>]) -> Option<&'static str> {
        let mut counts = [0_usize; WORDS.len()];
        for word in texts.iter().flat_map(|text| text.split(|char| *char == ' ')) {
            let languages = self.words.get(&hash_chars(word, 0)).copied().unwrap_or(0);
            for (language, count) in counts.iter_mut().enumerate() {
                *count += usize::from((languages >> language) & 1 == 1);
            }
        }
        let (best, &most) = counts.iter().enumerate().max_by_key(|(_, count)| **count)?;
        let next =
            counts.iter().enumerate().filter(|(language, _)| *language != best).map(|(_, count)| *count).max()?;
        let is_clear = most >= 2 && next == 0 || most >= 3 && most * 2 > next * 3;
        is_clear.then_some(WORDS[best].0)
    }
}

/// The script that most letters are of.
enum Leading {
    Latin,
    Other(&'static str),
}

impl Scripts {
    fn count(&mut self, char: char) {
        match char {
            'a'..='z' | '\u{DF}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' => self.latin += 1,
            '\u{3040}'..='\u{30FF}' => self.kana += 1,
            '\u{3400}'..='\u{9FFF}' => self.han += 1,
            ..'\u{370}' => {}
            _ => {
                let found = OTHER_SCRIPTS.iter().position(|(_, first, last)| (*first..=*last).contains(&char));
                if let Some(index) = found {
                    self.others[index] += 1;
                }
            }
        }
    }

    /// The script of more than half of the letters, of which a syllable of Chinese, Japanese or Korean counts as four.
    fn leading(&self) -> Option<Leading> {
        let east_asian = 4 * (self.han + self.kana);
        let name = if 10 * self.kana > self.han + self.kana { "Japanese" } else { "Chinese" };
        let others = OTHER_SCRIPTS.iter().zip(self.others).map(|((name, _, _), count)| {
            let weight = if *name == "Korean" { 4 } else { 1 };
            (weight * count, Leading::Other(name))
        });
        let counts = [(self.latin, Leading::Latin), (east_asian, Leading::Other(name))].into_iter().chain(others);
        let counts: Vec<(usize, Leading)> = counts.collect();
        let total: usize = counts.iter().map(|(count, _)| count).sum();
        let (most, leading) = counts.into_iter().max_by_key(|(count, _)| *count)?;
        (most >= MIN_LETTERS && 2 * most > total).then_some(leading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(text: &str) -> Option<&'static str> {
        TextLanguage::new().of(text)
    }

    #[test]
    fn ten_languages_are_told_by_their_words() {
        for (language, text) in [
            ("English", "What is the reason that my card was not accepted at the shop?"),
            ("German", "Warum wurde meine Karte im Laden nicht angenommen, und was kann ich tun?"),
            ("French", "Je ne sais pas pourquoi ma carte est refus\u{e9}e dans les magasins de la ville."),
            ("Spanish", "No s\u{e9} por qu\u{e9} la tarjeta no funciona en los cajeros de la ciudad, pero es nueva."),
            (
                "Italian",
                "Non so perch\u{e9} la mia carta non viene accettata nei negozi della citt\u{e0}, ma \u{e8} nuova.",
            ),
            ("Portuguese", "N\u{e3}o sei por que o meu cart\u{e3}o n\u{e3}o foi aceito na loja, mas \u{e9} novo."),
            ("Dutch", "Ik weet niet waarom mijn kaart in de winkel niet wordt geaccepteerd, maar het is een nieuwe."),
            ("Polish", "Nie wiem, czy to jest mo\u{17c}liwe, ale nie mam ju\u{17c} karty i co teraz."),
            ("Swedish", "Jag vet inte om det \u{e4}r f\u{f6}r sent att h\u{e4}mta kortet som jag har p\u{e5} banken."),
            ("Turkish", "Bu kart neden \u{e7}al\u{131}\u{15f}m\u{131}yor, bir sorun var ama ne olarak bilmiyorum."),
        ] {
            assert_eq!(guess(text), Some(language), "{text}");
        }
    }

    #[test]
    fn other_scripts_are_told_by_their_letters() {
        for (language, text) in [
            ("Cyrillic script", "\u{43f}\u{43e}\u{447}\u{435}\u{43c}\u{443} \u{43a}\u{430}\u{440}\u{442}\u{430}"),
            ("Japanese", "\u{30ab}\u{30fc}\u{30c9}\u{304c}\u{4f7f}\u{3048}\u{306a}\u{3044}"),
            ("Chinese", "\u{4e3a}\u{4ec0}\u{4e48}\u{5361}\u{4e0d}\u{80fd}\u{7528}"),
            ("Korean", "\u{ce74}\u{b4dc}\u{b97c} \u{c4f8} \u{c218}"),
            ("Greek", "\u{3b3}\u{3b9}\u{3b1}\u{3c4}\u{3b9} \u{3b4}\u{3b5}\u{3bd}"),
        ] {
            assert_eq!(guess(text), Some(language), "{text}");
        }
    }

    #[test]
    fn short_and_unclear_texts_are_of_no_language() {
        for text in ["", "ok", "12345 67890", "Samsung Galaxy S24 Ultra", "de la en"] {
            assert_eq!(guess(text), None, "{text}");
        }
    }
}
