//! The person's tokens for model hubs: in memory, and in this browser's storage where they ask for that. In: what was typed, and for
//! which hub. Out: the token for that hub, and for no other; it goes to `public/hub.js` alone, and so to no job file, card, log,
//! project or worker (ADR 46).

use hone_core::session::protocol::{Command, Problem, ProblemKind};
use js_sys::ArrayBuffer;
use leptos::prelude::*;

use super::Store;
use crate::browser::{self, WayToHub};
use crate::client::Answer;

/// How a token is called in this browser's storage; the hub's origin follows.
const KEPT: &str = "hone-hub-token ";

/// A token for one hub. It has no `Debug`, so that it is not printed by mistake.
#[derive(Clone, PartialEq)]
pub(crate) struct HubToken {
    origin: String,
    pub text: String,
    /// It lies in this browser's storage, too.
    pub is_kept: bool,
}

/// Signals of the tokens.
#[derive(Clone, Copy)]
pub(crate) struct HubTokens {
    /// What was typed since the page was opened, at most one a hub; empty where it was removed.
    typed: RwSignal<Vec<HubToken>>,
    /// A hub has refused a model, or somebody types here: the field for a token is shown.
    pub is_asked_for: RwSignal<bool>,
}

impl HubTokens {
    pub(super) fn new() -> Self {
        Self { typed: RwSignal::new(Vec::new()), is_asked_for: RwSignal::new(false) }
    }

    /// The token for the hub at an address.
    pub(crate) fn of(self, hub_url: &str) -> Option<HubToken> {
        self.typed.with(|typed| find(typed, hub_url))
    }

    fn of_untracked(self, hub_url: &str) -> Option<HubToken> {
        self.typed.with_untracked(|typed| find(typed, hub_url))
    }

    /// Takes what was typed for a hub in the place of its token; nothing removes it, also where it is kept.
    pub(crate) fn set(self, hub_url: &str, typed: &str) {
        let is_kept = self.of_untracked(hub_url).is_some_and(|token| token.is_kept);
        if let Some(origin) = browser::origin_of(hub_url) {
            self.put(HubToken { origin, text: typed.trim().to_owned(), is_kept });
        }
    }

    /// Has this browser keep the token for a hub, or keep it no more.
    pub(crate) fn keep(self, hub_url: &str, is_kept: bool) {
        if let Some(token) = self.of_untracked(hub_url) {
            self.put(HubToken { is_kept, ..token });
        }
    }

    fn put(self, mut token: HubToken) {
        let key = format!("{KEPT}{}", token.origin);
        if token.is_kept && !token.text.is_empty() {
            browser::remember(&key, &token.text);
        } else {
            browser::forget(&key);
        }
        // Where the browser keeps nothing, nothing is kept.
        token.is_kept = browser::remembered(&key).is_some();
        self.typed.update(|typed| {
            typed.retain(|other| other.origin != token.origin);
            typed.push(token);
        });
    }
}

/// The token for a hub: what was typed, else what is kept.
fn find(typed: &[HubToken], hub_url: &str) -> Option<HubToken> {
    let origin = browser::origin_of(hub_url)?;
    let token = match of_origin(typed, &origin) {
        Some(token) => token.clone(),
        None => HubToken { text: browser::remembered(&format!("{KEPT}{origin}"))?, origin, is_kept: true },
    };
    Some(token).filter(|token| !token.text.is_empty())
}

fn of_origin<'a>(typed: &'a [HubToken], origin: &str) -> Option<&'a HubToken> {
    typed.iter().find(|token| token.origin == origin)
}

/// Whether a token can be sent: a header takes no other letters.
fn can_be_sent(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Store {
    /// Has the worker load a model. The way to a hub is open for as long as that takes.
    pub(super) async fn request_model(self, command: Command, blobs: Vec<ArrayBuffer>) -> Answer {
        let way = match &command {
            Command::FetchModel { base_url: Some(_), .. } => Some(WayToHub::none()),
            Command::FetchModel { hub_url, .. } => Some(self.way_to(hub_url)?),
            _ => None,
        };
        let answer = match &way {
            Some(way) => self.client().request_with_hub(command, way.port()).await,
            None => self.request(command, blobs).await,
        };
        let is_refused = matches!(&answer, Err(problem) if problem.kind == ProblemKind::Access);
        self.model.tokens.is_asked_for.set(is_refused);
        answer
    }

    fn way_to(self, hub_url: &str) -> Result<WayToHub, Problem> {
        let token = self.model.tokens.of_untracked(hub_url).map(|token| token.text).unwrap_or_default();
        if !can_be_sent(&token) {
            let message = "the token for the hub holds a space, or a letter that no token has".into();
            let hint = "Copy it again from the hub's page of tokens, or remove it.".into();
            return Err(Problem { kind: ProblemKind::Access, message, hint });
        }
        Ok(WayToHub::open(hub_url, &token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_the_hub_that_it_was_given_for() {
        let token = |origin: &str, text: &str| HubToken { origin: origin.into(), text: text.into(), is_kept: false };
        let typed = [token("https://a.example", "first"), token("https://b.example", "second")];
        let found = |origin: &str| of_origin(&typed, origin).map(|token| token.text.as_str());
        assert_eq!(found("https://b.example"), Some("second"));
        for other in ["https://c.example", "http://a.example", "https://a.example.evil", "https://a.example:8443"] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn what_no_header_takes_is_not_sent() {
        assert!(can_be_sent("hf_aZ09-._~+/=") && can_be_sent(""));
        for token in ["hf_a b", "hf_a\nX-Other: 1", "hf_ä", "hf_\u{0}"] {
            assert!(!can_be_sent(token), "{token:?}");
        }
    }
}
