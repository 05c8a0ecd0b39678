//! The seven steps of the path, in order.

/// A step of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Choose and load a pretrained model.
    Model,
    /// Drop in labeled rows.
    Data,
    /// Choose the settings.
    Recipe,
    /// Run.
    Train,
    /// See how good it is.
    Evaluate,
    /// Type and see.
    Try,
    /// Take it home.
    Export,
}

impl Step {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 7] =
        [Self::Model, Self::Data, Self::Recipe, Self::Train, Self::Evaluate, Self::Try, Self::Export];

    /// Name on the page.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Model => "Model",
            Self::Data => "Data",
            Self::Recipe => "Recipe",
            Self::Train => "Train",
            Self::Evaluate => "Evaluate",
            Self::Try => "Try",
            Self::Export => "Export",
        }
    }

    /// Name in the page's ids.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Data => "data",
            Self::Recipe => "recipe",
            Self::Train => "train",
            Self::Evaluate => "evaluate",
            Self::Try => "try",
            Self::Export => "export",
        }
    }

    /// The step of a digit key, `1` to `7`, given as the key's code.
    pub(crate) fn of_key_code(code: &str) -> Option<Self> {
        let digit: usize = code.strip_prefix("Digit")?.parse().ok()?;
        Self::ALL.get(digit.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn digits_one_to_seven_are_steps() {
        assert_eq!(Step::of_key_code("Digit1"), Some(Step::Model));
        assert_eq!(Step::of_key_code("Digit7"), Some(Step::Export));
        assert_eq!(Step::of_key_code("Digit0"), None);
        assert_eq!(Step::of_key_code("Digit8"), None);
        assert_eq!(Step::of_key_code("KeyA"), None);
    }
}
