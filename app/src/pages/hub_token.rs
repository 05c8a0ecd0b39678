//! The field for a token of the person's, where a hub hands a model only to those whom it knows. It opens by hand, and by itself when
//! a hub has refused a model. In: what is typed, and whether this browser keeps it. Out: the token, in the state of the page.

use hone_core::hub::host_of;
use leptos::prelude::*;

use crate::components::{Button, TextInput, check};
use crate::state::Store;

pub(super) fn hub_token(store: Store, is_busy: Signal<bool>) -> AnyView {
    let (hub_url, tokens) = (store.model.hub_url, store.model.tokens);
    let token = Memo::new(move |_| hub_url.with(|url| tokens.of(url)));
    let has_token = Signal::derive(move || token.with(Option::is_some));
    let is_kept = Signal::derive(move || token.with(|token| token.as_ref().is_some_and(|token| token.is_kept)));
    let label = Signal::derive(move || hub_url.with(|url| format!("Token for {}", host_of(url))));
    let text =
        Signal::derive(move || token.with(|token| token.as_ref().map(|token| token.text.clone()).unwrap_or_default()));
    let where_it_is = move || match (has_token.get(), is_kept.get()) {
        (false, _) => "No token is given: models that are open to all need none.",
        (true, false) => "It is in the memory of this page alone, and gone when the page is closed or loaded again.",
        (true, true) => {
            "It is kept in this browser until you remove it: whoever uses this browser, and any other page of this site, can read it."
        }
    };
    let set = move |typed: &str| {
        tokens.is_asked_for.set(true); // the box stays open when the field is emptied
        tokens.set(&hub_url.get_untracked(), typed);
    };
    let on_input = Callback::new(move |typed: String| set(&typed));
    let on_keep = Callback::new(move |keeps| tokens.keep(&hub_url.get_untracked(), keeps));
    let cannot_keep = Signal::derive(move || is_busy.get() || !has_token.get());
    let remove = move || {
        let on_remove = Callback::new(move |()| set(""));
        view! { <Button id="remove-hub-token" text="Remove the token" disabled=is_busy on_press=on_remove /> }
    };
    view! {
        <details data-testid="hub-token-box" prop:open=move || tokens.is_asked_for.get() || has_token.get()>
            <summary>"A token, for private and gated models"</summary>
            <TextInput id="hub-token" label=label value=text is_secret=true disabled=is_busy on_input=on_input />
            {check("Remember it on this device", "keep-hub-token", is_kept, cannot_keep, on_keep)}
            <p class="hint" data-testid="hub-token-place">{where_it_is}</p>
            <p class="hint">
                "It is sent to this hub alone, with each request for a file of the model, and stands in no project, job file, card \
                 or log. A token that may only read is enough. Before such a request a browser asks the hub whether it takes \
                 tokens, which the list of requests does not count."
            </p>
            {move || has_token.get().then(remove)}
        </details>
    }
    .into_any()
}
