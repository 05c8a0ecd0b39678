//! Whether what a run saves fits into the browser's storage: plain values and words, tested natively.

use hone_core::session::protocol::{CachedModel, StoragePlace};

use crate::browser::StorageRoom;
use crate::format;

/// Share of the quota below which little is left, whatever a run needs.
const SMALL_SHARE: f64 = 0.1;

/// Bytes of a number as it is saved.
const NUMBER_BYTES: f64 = 4.0;
/// Numbers that are saved at most for each that is trained: it, two moments of the optimizer, its best value so far, and value and
/// moments of the good state that a run goes back to.
const NUMBERS_SAVED: f64 = 7.0;
/// Checkpoints on the disk at most: two stay, and the older one goes when the next is whole.
const NUM_CHECKPOINTS: f64 = 3.0;

/// The most that a run of so many trained parameters, on files of so many bytes, may take.
pub(crate) fn most_bytes(num_trained: u64, file_bytes: f64) -> f64 {
    // Parameters are far below 2^53.
    num_trained as f64 * NUMBER_BYTES * NUMBERS_SAVED * NUM_CHECKPOINTS + file_bytes
}

/// How much there is, and for how long.
pub(crate) fn describe(room: &StorageRoom) -> String {
    let promise = if room.is_promised {
        "It has promised to keep that until you delete it."
    } else {
        "It may clear that when the disk runs full."
    };
    let [quota, used] = [room.quota_bytes, room.used_bytes].map(format::bytes);
    format!("This browser lets the page keep {quota}; what is kept here, the page too, takes {used} of it. {promise}")
}

/// What is said where a run, of which at most `needed` bytes are saved, may not fit; `None` where it fits as far as is known.
pub(crate) fn shortage(room: &StorageRoom, needed: Option<f64>) -> Option<String> {
    let left = room.left_bytes();
    let does_not_fit = needed.filter(|needed| *needed > left);
    if does_not_fit.is_none() && left >= room.quota_bytes * SMALL_SHARE {
        return None;
    }
    let needs =
        does_not_fit.map_or_else(String::new, |needed| format!("; saving this run may take {}", format::bytes(needed)));
    Some(format!(
        "Little room is left in this browser's storage: {} of {}{needs}.",
        format::bytes(left),
        format::bytes(room.quota_bytes)
    ))
}

/// Where it is kept, and what that means.
pub(crate) fn place_words(place: Option<StoragePlace>) -> &'static str {
    match place {
        Some(StoragePlace::Files) => "Models, projects and runs are kept in this browser's private files.",
        Some(StoragePlace::Database) => {
            "This browser has no private files for this page, so that all of it lies in its database (IndexedDB), which takes \
             longer to read and to write."
        }
        None => {
            "This browser keeps nothing for this page: projects, runs and models last until it is closed. Private windows and strict \
             settings do that."
        }
    }
}

/// How many models are kept, and what they take.
pub(crate) fn models_words(models: &[CachedModel]) -> String {
    let bytes: u64 = models.iter().map(|model| model.bytes).sum();
    match models.len() {
        0 => "No model is kept".into(),
        count => format!("{} kept: {}", format::plural(count, "model"), format::bytes(bytes as f64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_kept_that_is_said() {
        assert!(place_words(None).contains("keeps nothing"));
        assert!(place_words(Some(StoragePlace::Database)).contains("IndexedDB"));
        // It also stands below "No model is kept".
        let files = place_words(Some(StoragePlace::Files));
        assert!(
            files.starts_with("Models, projects and runs are kept in") && files.contains("private files"),
            "{files}"
        );
        let model = |bytes| CachedModel {
            address: "0".repeat(32),
            id: "a/b".into(),
            revision: "main".into(),
            bytes,
            used_ms: None,
            is_whole: true,
            is_loaded: false,
        };
        assert_eq!(models_words(&[]), "No model is kept");
        assert_eq!(models_words(&[model(1_000_000), model(500_000)]), "2 models kept: 1.5 MB");
    }

    fn room(used_bytes: f64) -> StorageRoom {
        StorageRoom { used_bytes, quota_bytes: 10e9, is_promised: false }
    }

    #[test]
    fn a_run_that_may_not_fit_is_said_so_before_it_starts() {
        let needed = most_bytes(30_000_000, 5e6);
        assert_eq!(needed, 2525e6);
        assert_eq!(shortage(&room(1e9), Some(needed)), None);
        assert_eq!(shortage(&room(8e9), None), None);
        let little = shortage(&room(9.5e9), None).expect("a twentieth is left");
        assert_eq!(little, "Little room is left in this browser's storage: 500.0 MB of 10.00 GB.");
        let large = shortage(&room(8e9), Some(most_bytes(200_000_000, 0.0))).expect("it is too large");
        assert!(large.ends_with("2.00 GB of 10.00 GB; saving this run may take 16.80 GB."), "{large}");
        let full = shortage(&room(11e9), None).expect("browsers estimate");
        assert!(full.contains("0 bytes of"), "{full}");
    }

    #[test]
    fn how_long_it_is_kept_is_said() {
        let text = describe(&room(2e9));
        assert!(text.contains("keep 10.00 GB; what is kept here, the page too, takes 2.00 GB of it"), "{text}");
        assert!(text.ends_with("runs full."), "{text}");
        let promised = describe(&StorageRoom { is_promised: true, ..room(0.0) });
        assert!(promised.ends_with("until you delete it."), "{promised}");
    }
}
