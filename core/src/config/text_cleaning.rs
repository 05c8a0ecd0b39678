//! What texts are cleaned of as they are read (ADR 50): plain wishes, of which a job file holds no text.

use serde::{Deserialize, Serialize};

/// Something that texts are cleaned of. Where there are several they are done in this order: what was damaged may be part of a tag, and
/// a number may stand between two tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextCleaning {
    /// Characters that were read in a wrong encoding become what they were; control characters go.
    Damage,
    /// Tags of HTML go, and entities become the characters that they stand for.
    Markup,
    /// Mail addresses, phone, account and card numbers become the name of what they are.
    PersonalData,
}

impl TextCleaning {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Damage, Self::Markup, Self::PersonalData];

    /// As it is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Damage => "damage",
            Self::Markup => "markup",
            Self::PersonalData => "personal-data",
        }
    }

    /// The one of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name.trim())
    }

    /// What becomes of the texts: `with …`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Damage => "damaged characters repaired",
            Self::Markup => "HTML taken out",
            Self::PersonalData => "personal data replaced",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_and_they_are_ordered_as_they_are_done() {
        assert!(TextCleaning::ALL.is_sorted());
        for one in TextCleaning::ALL {
            assert_eq!(TextCleaning::from_name(one.name()), Some(one));
        }
        assert_eq!(TextCleaning::from_name("html"), None);
    }
}
