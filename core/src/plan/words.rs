//! An estimate in words, for the page and the terminal alike.

use super::{Estimate, Suggestion, SuggestionKind};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;

/// `less than a minute`, `about 25 minutes`, `about 2 hours`, `about 2 days`.
#[must_use]
pub fn about(secs: f64) -> String {
    let count = |unit: f64, name: &str| match (secs / unit).round().max(1.0) {
        1.0 => format!("about 1 {name}"),
        many => format!("about {many} {name}s"),
    };
    match secs {
        s if s < 50.0 => "less than a minute".into(),
        s if s < 100.0 * MINUTE => count(MINUTE, "minute"),
        s if s < 40.0 * HOUR => count(HOUR, "hour"),
        _ => count(DAY, "day"),
    }
}

/// `1.9 GB`, `350 MB`.
#[must_use]
pub fn gigabytes(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes >= 1e9 => format!("{:.1} GB", bytes / 1e9),
        bytes => format!("{:.0} MB", (bytes / 1e6).max(1.0)),
    }
}

/// What other settings are: `batch size 4, 4 batches a step`.
#[must_use]
pub fn describe(suggestion: &Suggestion) -> String {
    match suggestion.kind {
        SuggestionKind::Settings => {}
        SuggestionKind::HalfOfTheRows => return "half of the rows".into(),
        SuggestionKind::QuickBaseline => return "the quick baseline, without training".into(),
    }
    let one = |(name, value): &(String, String)| match (name.as_str(), value.as_str()) {
        ("batch_size", value) => format!("batch size {value}"),
        ("gradient_accumulation_steps", value) => format!("{value} batches a step"),
        ("gradient_checkpointing", _) => "gradient checkpointing".into(),
        ("num_train_epochs", value) => format!("{value} {}", if value == "1" { "epoch" } else { "epochs" }),
        ("method", "head") => "head only".into(),
        ("method", "lora") => "LoRA".into(),
        (name, value) => format!("{name} {value}"),
    };
    suggestion.settings.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What memory a run needs: `It needs about 1.9 GB of the 4.3 GB that …`, and what its time leaves out. `whose` goes on after the
/// limit: `that a page can have`.
#[must_use]
pub fn memory_in_words(estimate: &Estimate, whose: &str) -> String {
    let needed = gigabytes(estimate.bytes);
    let mut text = match estimate.limit {
        Some(limit) if estimate.bytes > limit => {
            format!("It does not fit: it needs about {needed}, more than the {} {whose}.", gigabytes(limit))
        }
        Some(limit) => format!("It needs about {needed} of the {} {whose}.", gigabytes(limit)),
        None if estimate.on_gpu => {
            format!("It needs about {needed} on the GPU; how much that has is not known before.")
        }
        None => format!("It needs about {needed} of memory."),
    };
    if let Some((bytes, most)) = estimate.too_large_tensor {
        let [bytes, most] = [bytes, most].map(gigabytes);
        text.push_str(&format!(" It does not fit: one tensor has {bytes}, and this device takes at most {most}."));
    }
    match &estimate.fitting {
        Some(other) => {
            text.push_str(&format!(" {} would fit: about {}.", sentence(&describe(other)), gigabytes(other.bytes)))
        }
        None if !estimate.fits => {
            text.push_str(" No setting of batch or method makes it fit: shorter rows or a smaller model would.")
        }
        None => {}
    }
    if estimate.writes_samples && estimate.secs.is_some() {
        text.push_str(" The time is without the samples that it writes after each evaluation.");
    }
    text
}

fn sentence(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::MemoryParts;

    #[test]
    fn times_are_said_as_a_person_says_them() {
        for (secs, expected) in [
            (3.0, "less than a minute"),
            (55.0, "about 1 minute"),
            (25.4 * MINUTE, "about 25 minutes"),
            (120.0 * MINUTE, "about 2 hours"),
            (2.2 * DAY, "about 2 days"),
        ] {
            assert_eq!(about(secs), expected);
        }
        assert_eq!(
            (gigabytes(1_940_000_000), gigabytes(350_400_000), gigabytes(5)),
            ("1.9 GB".into(), "350 MB".into(), "1 MB".into())
        );
    }

    fn suggestion(settings: &[(&str, &str)]) -> Suggestion {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Suggestion { kind: SuggestionKind::Settings, settings, secs: None, bytes: 1_000_000_000 }
    }

    #[test]
    fn what_does_not_fit_is_said_with_what_would() {
        let mut estimate = Estimate {
            steps: 1,
            secs: None,
            memory: MemoryParts::default(),
            on_gpu: false,
            bytes: 6_000_000_000,
            limit: Some(4_000_000_000),
            too_large_tensor: None,
            fits: false,
            fitting: Some(suggestion(&[("batch_size", "4"), ("gradient_accumulation_steps", "4")])),
            shorter: Vec::new(),
            writes_samples: true,
        };
        let text = memory_in_words(&estimate, "that a page can have");
        assert_eq!(
            text,
            "It does not fit: it needs about 6.0 GB, more than the 4.0 GB that a page can have. Batch size 4, 4 batches a step \
             would fit: about 1.0 GB."
        );
        estimate.fitting = None;
        assert!(memory_in_words(&estimate, "x").ends_with("a smaller model would."));
        let timed = Estimate { secs: Some(60.0), ..estimate.clone() };
        assert!(
            memory_in_words(&timed, "x")
                .ends_with("The time is without the samples that it writes after each evaluation.")
        );
        estimate = Estimate { bytes: 1_900_000_000, fits: true, ..estimate };
        assert_eq!(
            memory_in_words(&estimate, "that a page can have"),
            "It needs about 1.9 GB of the 4.0 GB that a page can have."
        );
        estimate = Estimate {
            limit: None,
            on_gpu: true,
            too_large_tensor: Some((200_000_000, 134_000_000)),
            fits: false,
            ..estimate
        };
        let text = memory_in_words(&estimate, "");
        assert!(text.contains("on the GPU") && text.contains("one tensor has 200 MB"), "{text}");
        assert_eq!(
            describe(&suggestion(&[("method", "head"), ("gradient_checkpointing", "true")])),
            "head only, gradient checkpointing"
        );
        let other = |kind: SuggestionKind| describe(&Suggestion { kind, ..suggestion(&[]) });
        assert_eq!(other(SuggestionKind::HalfOfTheRows), "half of the rows");
        assert_eq!(other(SuggestionKind::QuickBaseline), "the quick baseline, without training");
    }
}
