//! How the browser keeps the page, and whether a newer version of it is there. In: attributes of the root element, in which
//! `app/offline/page.js` notes both; a page that is not kept, as one that is built for work on it, has none. Out: signals. The
//! words are plain values, tested natively.

use leptos::prelude::*;

use super::Store;
use crate::browser;

/// The event at each change of the attributes.
const CHANGED: &str = "offlinechange";
/// The event that asks for the newer version.
const USE: &str = "useupdate";

/// A newer version of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Update {
    /// All of it is there, and waits.
    Waits,
    /// It was asked for, but the page is open in other tabs, which would go on with its files.
    OtherTabs,
    /// It takes the place of this one.
    Begun,
}

impl Update {
    /// As the attribute has it.
    fn of_name(name: &str) -> Option<Self> {
        match name {
            "waits" => Some(Self::Waits),
            "tabs" => Some(Self::OtherTabs),
            "begun" => Some(Self::Begun),
            _ => None,
        }
    }

    /// What there is to say of it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Waits => "A new version of Hone is there. Using it reloads this page.",
            Self::OtherTabs => {
                "A new version of Hone is there. It can be used once Hone is closed in all other tabs of this browser."
            }
            Self::Begun => "The new version of Hone is being opened.",
        }
    }
}

/// Signals of how the page is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfflineState {
    /// In words; empty where the page is not kept.
    pub kept: RwSignal<String>,
    pub update: RwSignal<Option<Update>>,
}

impl OfflineState {
    pub(super) fn new() -> Self {
        Self { kept: RwSignal::new(String::new()), update: RwSignal::new(None) }
    }
}

/// How the page is kept, in words.
fn kept_words(state: &str, error: &str) -> String {
    match state {
        "fetching" => "The page is being kept in this browser, to open without a connection.".into(),
        "whole" => {
            "The page is kept in this browser: it opens without a connection, and loads the models that were loaded \
            before."
                .into()
        }
        "failed" => format!("The page could not be kept in this browser, so it opens only with a connection: {error}."),
        _ => String::new(),
    }
}

/// Requests and bytes of `17 2960000`.
fn fetched(text: &str) -> Option<(usize, usize)> {
    let (requests, bytes) = text.split_once(' ')?;
    Some((requests.parse().ok()?, bytes.parse().ok()?))
}

impl Store {
    /// Hears how the browser keeps the page, for as long as the page lives.
    pub(crate) fn hear_of_keeping(self) {
        window_event_listener_untyped(CHANGED, move |_| self.note_keeping());
        self.note_keeping();
    }

    fn note_keeping(self) {
        let read = |name| browser::root_attribute(name).unwrap_or_default();
        self.offline.kept.set(kept_words(&read("data-kept"), &read("data-kept-error")));
        self.offline.update.set(Update::of_name(&read("data-update")));
        if let Some((requests, bytes)) = fetched(&read("data-fetched")) {
            self.network.note_kept(requests, bytes as f64);
        }
    }

    /// Whether a newer version takes the place of this page, which the person agreed to.
    pub(crate) fn is_being_replaced(self) -> bool {
        self.offline.update.get_untracked() == Some(Update::Begun)
    }

    /// Opens the newer version in place of this page. Where trained weights would go, the person is asked first.
    pub(crate) fn use_update(self) {
        self.confirm_losing_weights("Use it anyway", || browser::tell_window(USE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_are_read() {
        let found = ["waits", "tabs", "begun", ""].map(Update::of_name);
        assert_eq!(found, [Some(Update::Waits), Some(Update::OtherTabs), Some(Update::Begun), None]);
        assert_eq!(fetched("17 2960000"), Some((17, 2_960_000)));
        assert_eq!(["", "17", "17 many"].map(fetched), [None; 3]);
    }

    #[test]
    fn a_page_that_is_not_kept_says_nothing_and_one_that_could_not_be_says_why() {
        assert_eq!(kept_words("", ""), "");
        assert!(kept_words("failed", "the disk is full").ends_with("only with a connection: the disk is full."));
        assert!(kept_words("whole", "").contains("opens without a connection, and loads the models"));
    }
}
