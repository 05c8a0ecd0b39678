//! Which of two models writes better: a person compares their texts without the names, by keys or buttons. Shown at the step Evaluate,
//! once two models have written for the same prompts. Which key does what is plain, tested natively.

use hone_core::metrics::{Rating, RatingInput, ShownPair, chosen_sides};
use leptos::prelude::*;
use web_sys::KeyboardEvent;

use crate::browser;
use crate::components::{Button, select};
use crate::format;
use crate::state::Store;

/// Id of the pair, which has the focus so that keys vote on it.
const PAIR_ID: &str = "rating-pair";

/// Characters of a text.
const MAX_CHARS: usize = 2000;

/// What a key says.
fn input_of(key: &str) -> Option<RatingInput> {
    Some(match key {
        "1" => RatingInput::One,
        "2" => RatingInput::Two,
        "=" | "0" => RatingInput::Tie,
        "u" | "U" | "Backspace" => RatingInput::Undo,
        _ => return None,
    })
}

/// The whole of it; nothing before two models wrote, unless pairs were rated before the page was loaded again.
pub(crate) fn panel(store: Store) -> AnyView {
    store.restore_rating();
    let has_begun = Memo::new(move |_| store.rating.current.with(Option::is_some));
    let can_rate = Memo::new(move |_| has_begun.get() || store.rating.sets.with(|sets| sets.len() > 1));
    let content = move || {
        let content = || {
            view! {
                <div class="panel" data-testid="rating">
                    <h3>"Which writes better? Rate without the names"</h3>
                    {start(store)}
                    {move || has_begun.get().then(|| rated(store))}
                </div>
            }
            .into_any()
        };
        can_rate.get().then(content)
    };
    view! { {content} }.into_any()
}

/// The two models, the seed, and the button that begins.
fn start(store: Store) -> AnyView {
    let state = store.rating;
    let sides = Memo::new(move |_| {
        let chosen = state.chosen.get();
        state.sets.with(|sets| chosen_sides(sets, &chosen))
    });
    let names = Memo::new(move |_| state.sets.with(|sets| sets.iter().map(|set| set.name.clone()).collect::<Vec<_>>()));
    let choices = move || {
        let shown = sides.get().map(|sides| sides.map(|set| set.name)).unwrap_or_default();
        names.with(|names| side_choices(store, names, &shown))
    };
    let is_wrong = Memo::new(move |_| state.seed.with(|seed| seed.trim().parse::<u64>().is_err()));
    let can_start = Memo::new(move |_| {
        let seed = state.seed.with(|seed| seed.trim().parse().unwrap_or(0));
        sides.with(|sides| sides.as_ref().is_some_and(|sides| Rating::new(sides, seed).is_some()))
    });
    let cannot_start = Signal::derive(move || is_wrong.get() || !can_start.get());
    let on_start = Callback::new(move |()| {
        store.start_rating();
        browser::after(0, || browser::focus_element(PAIR_ID));
    });
    let num_votes =
        Memo::new(move |_| state.current.with(|rating| rating.as_ref().map_or(0, |rating| rating.progress().0)));
    let begin = Signal::derive(move || match num_votes.get() {
        0 => "Begin to rate".to_owned(),
        votes => format!("Drop {} and begin anew", format::plural(votes, "vote")),
    });
    let why = move || match (is_wrong.get(), can_start.get()) {
        _ if sides.with(Option::is_none) => Some("Measure two models first: they write for the same prompts then."),
        (true, _) => Some("The seed is a whole number."),
        (false, false) => Some("These two wrote nothing different for the same prompts."),
        (false, true) => None,
    };
    view! {
        <p class="hint">
            "The texts that both wrote for the same prompts when they were measured. Their order, and which of the two is text 1, is \
             drawn from the seed. Votes stay in this tab, also when it is loaded again, and are gone with it: save them before."
        </p>
        <div class="fields">
            {choices}
            <label class="stacked">
                <span>"Seed of the order"</span>
                <input
                    type="text"
                    inputmode="numeric"
                    autocomplete="off"
                    data-testid="rating-seed"
                    prop:value=move || state.seed.get()
                    on:input=move |event| state.seed.set(event_target_value(&event))
                />
            </label>
        </div>
        <div class="row">
            <Button id="rating-start" text=begin disabled=cannot_start on_press=on_start />
            <p class="hint" role="status">{why}</p>
        </div>
    }
    .into_any()
}

/// Two lists of the models, each with the one that is `shown` chosen.
fn side_choices(store: Store, names: &[String], shown: &[String; 2]) -> AnyView {
    let chosen = store.rating.chosen;
    let one = |index: usize, label: &'static str, id: &'static str| {
        let options = names.iter().map(|name| (name.clone(), name.clone())).collect();
        let on_choose = Callback::new(move |name: String| {
            let refocus = browser::focus_keeper(); // both lists are built anew
            chosen.update(|chosen| chosen[index] = name);
            refocus();
        });
        select(label, id, options, &shown[index], Signal::stored(false), on_choose)
    };
    view! { {one(0, "One model", "rating-first")} {one(1, "The other", "rating-second")} }.into_any()
}

/// `3 of 20 pairs rated.`
fn progress_words(rating: &Rating) -> String {
    let (done, all) = rating.progress();
    let same = match rating.num_same {
        0 => String::new(),
        same => format!(" {} not shown, for both wrote the same.", format::plural(same, "pair")),
    };
    format!("{} of {} rated.{same}", format::count(done), format::plural(all, "pair"))
}

/// What the votes say, once the names are shown.
fn verdict_words(rating: &Rating) -> String {
    if !rating.is_revealed() {
        return String::new();
    }
    let not_blind = match rating.num_not_blind() {
        0 => String::new(),
        votes => format!(" {} given after the names were shown.", format::plural(votes, "vote")),
    };
    format!("{}{not_blind}", rating.tally().in_words(&rating.names[0], &rating.names[1]))
}

/// The pair that is voted on, and what the votes say.
fn rated(store: Store) -> AnyView {
    let read = move |read: fn(&Rating) -> String| {
        Signal::derive(move || store.rating.current.with(|rating| rating.as_ref().map(read).unwrap_or_default()))
    };
    let (progress, verdict) = (read(progress_words), read(verdict_words));
    let shown = Memo::new(move |_| store.rating.current.with(|rating| rating.as_ref().and_then(Rating::shown)));
    let pair = move || shown.get().map(|shown| pair(&shown));
    let is_over = Memo::new(move |_| shown.with(Option::is_none));
    let is_hidden = Memo::new(move |_| {
        store.rating.current.with(|rating| rating.as_ref().is_some_and(|rating| !rating.is_revealed()))
    });
    let has_votes = Memo::new(move |_| {
        store.rating.current.with(|rating| rating.as_ref().is_some_and(|rating| rating.progress().0 > 0))
    });
    let vote = move |input| Callback::new(move |()| store.rate(input));
    let cannot_vote: Signal<bool> = is_over.into();
    let cannot_undo = Signal::derive(move || !has_votes.get());
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        if let Some(input) = input_of(&event.key()) {
            event.prevent_default();
            store.rate(input);
        }
    };
    let open = move || {
        let button =
            || view! { <Button id="rating-open" text="Show whose is whose" on_press=vote(RatingInput::Open) /> };
        is_hidden.get().then(|| button().into_any())
    };
    let save = move |is_table: bool| Callback::new(move |()| store.save_rating(is_table));
    let comes_from = move || store.rating.comes_from.get().map(|text| view! { <p class="note">{text}</p> }.into_any());
    view! {
        {comes_from}
        <div
            id=PAIR_ID
            tabindex="0"
            role="group"
            aria-label="The pair that is rated"
            aria-describedby="rating-keys"
            data-testid=PAIR_ID
            on:keydown=on_key
        >
            <p class="hint" id="rating-keys">"Keys: 1, 2, = for neither, u takes the last vote back."</p>
            <p role="status" data-testid="rating-progress">{progress}</p>
            {pair}
            <div class="row">
                <Button id="rating-1" text="1 is better" waits=cannot_vote on_press=vote(RatingInput::One) />
                <Button id="rating-2" text="2 is better" waits=cannot_vote on_press=vote(RatingInput::Two) />
                <Button id="rating-tie" text="= Neither" waits=cannot_vote on_press=vote(RatingInput::Tie) />
                <Button id="rating-undo" text="Take back" waits=cannot_undo on_press=vote(RatingInput::Undo) />
                {open}
            </div>
        </div>
        <p role="status" data-testid="rating-verdict">{verdict}</p>
        <div class="row">
            <Button id="rating-csv" text="Save the votes as CSV" waits=cannot_undo on_press=save(true) />
            <Button id="rating-jsonl" text="Save as JSON Lines" waits=cannot_undo on_press=save(false) />
        </div>
    }
    .into_any()
}

/// Both texts of a prompt.
fn pair(shown: &ShownPair) -> AnyView {
    let text = |index: usize| {
        let name = shown.names.as_ref().map_or_else(String::new, |names| format!(", {}", names[index]));
        view! {
            <div class="panel">
                <h4>{format!("Text {}{name}", index + 1)}</h4>
                <p class="written" data-testid=format!("rating-text-{}", index + 1)>
                    {format::shortened(shown.texts[index].trim_start(), MAX_CHARS)}
                </p>
            </div>
        }
        .into_any()
    };
    view! {
        <p class="quoted written">{format::shortened(&shown.prompt, MAX_CHARS)}</p>
        <details>
            <summary>"What stands in the file"</summary>
            <p class="written">{format::shortened(shown.expected.trim_start(), MAX_CHARS)}</p>
        </details>
        <div class="columns">{text(0)} {text(1)}</div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_vote_and_take_back() {
        let inputs = ["1", "2", "=", "0", "u", "Backspace"].map(input_of);
        let [one, two, tie, undo] = [RatingInput::One, RatingInput::Two, RatingInput::Tie, RatingInput::Undo].map(Some);
        assert_eq!(inputs, [one, two, tie, tie, undo, undo]);
        assert_eq!(["3", "Enter", "a", " "].map(input_of), [None; 4]);
    }
}
