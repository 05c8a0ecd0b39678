//! A box in which a class is chosen by keys: a digit, or the first letters of its name. In: names of classes, the one that is chosen.
//! Out: what was asked for. Which key does what is plain, tested natively.

use std::sync::Arc;

use leptos::prelude::*;
use web_sys::KeyboardEvent;

/// Classes that have a button each; others are found by their letters.
const MAX_BUTTONS: usize = 60;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClassAct {
    /// A class, or (where that is allowed) one that is new.
    Choose(String),
    /// The next, without a choice.
    Skip,
    /// The one before.
    Back,
}

/// What a key does.
#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyAct {
    Ask(ClassAct),
    /// These letters are typed now.
    Type(String),
}

/// The key of a class: its own name where that is a digit, else its place among the first nine where no name is.
fn key_of(index: usize, names: &[String]) -> Option<char> {
    let digit = |name: &String| name.parse::<char>().ok().filter(char::is_ascii_digit);
    match names.iter().any(|name| digit(name).is_some()) {
        true => digit(&names[index]),
        false => char::from_digit(u32::try_from(index + 1).ok()?, 10),
    }
}

/// The classes whose names begin with what is typed, whatever the case; one that is it comes first.
fn matching<'n>(typed: &str, names: &'n [String]) -> Vec<&'n String> {
    let typed = typed.to_lowercase();
    let mut found: Vec<&String> = names.iter().filter(|name| name.to_lowercase().starts_with(&typed)).collect();
    found.sort_by_key(|name| name.to_lowercase() != typed);
    found
}

fn act_of(key: &str, typed: &str, names: &[String], allows_new: bool) -> Option<KeyAct> {
    let ask = |act: ClassAct| Some(KeyAct::Ask(act));
    let mut letters = key.chars();
    let letter = letters.next().filter(|_| letters.next().is_none());
    let with_key = |key: char| (0..names.len()).find(|&index| key_of(index, names) == Some(key));
    match key {
        "Enter" if typed.is_empty() => None,
        "Enter" => match matching(typed, names).first() {
            Some(&name) => ask(ClassAct::Choose(name.clone())),
            None if allows_new && !typed.trim().is_empty() => ask(ClassAct::Choose(typed.trim().to_owned())),
            None => None,
        },
        "Escape" if !typed.is_empty() => Some(KeyAct::Type(String::new())),
        "Backspace" => match typed.char_indices().next_back() {
            Some((end, _)) => Some(KeyAct::Type(typed[..end].to_owned())),
            None => ask(ClassAct::Back),
        },
        "ArrowLeft" if typed.is_empty() => ask(ClassAct::Back),
        "ArrowRight" if typed.is_empty() => ask(ClassAct::Skip),
        // A button that has the focus is pressed by it.
        " " if typed.is_empty() => None,
        _ => {
            let letter = letter?;
            match with_key(letter).filter(|_| typed.is_empty()) {
                Some(index) => ask(ClassAct::Choose(names[index].clone())),
                None => Some(KeyAct::Type(format!("{typed}{letter}"))),
            }
        }
    }
}

/// What is typed, and what Enter makes of it.
fn words_on(typed: &str, names: &[String], allows_new: bool) -> String {
    let found = matching(typed, names);
    match (typed, found.as_slice()) {
        ("", _) => String::new(),
        (typed, [name]) => format!("{typed}: Enter takes “{name}”"),
        (typed, [name, others @ ..]) => format!("{typed}: Enter takes “{name}”, the first of {}", others.len() + 1),
        (typed, []) if allows_new => format!("{typed}: no class begins so. Enter makes it a new one"),
        (typed, []) => format!("{typed}: no class begins so. Escape takes it back"),
    }
}

/// The box; `id` is its id and test id, `label` says what is chosen there. With `allows_new` what is typed can become a class.
pub(crate) fn class_box(
    id: &'static str,
    label: &'static str,
    names: Signal<Arc<Vec<String>>>,
    chosen: Signal<Option<String>>,
    waits: Signal<bool>,
    allows_new: bool,
    on_act: Callback<ClassAct>,
) -> AnyView {
    let typed = RwSignal::new(String::new());
    let ask = move |act: ClassAct| {
        typed.set(String::new());
        on_act.run(act);
    };
    let on_key = move |event: KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() || waits.get_untracked() {
            return;
        }
        let act =
            names.with_untracked(|names| typed.with_untracked(|typed| act_of(&event.key(), typed, names, allows_new)));
        let Some(act) = act else { return };
        event.prevent_default();
        match act {
            KeyAct::Ask(act) => ask(act),
            KeyAct::Type(text) => typed.set(text),
        }
    };
    let buttons = move || {
        let names = names.get();
        let button = |index: usize| {
            let name = names[index].clone();
            let (own, pressed) = (name.clone(), name.clone());
            let key = key_of(index, &names).map(|key| view! { <kbd>{key.to_string()}</kbd> " " });
            let is_chosen = move || chosen.with(|chosen| chosen.as_ref() == Some(&own));
            let on_click = move |_| {
                if !waits.get_untracked() {
                    ask(ClassAct::Choose(pressed.clone()));
                }
            };
            view! {
                <button
                    type="button"
                    class="button"
                    aria-pressed=move || if is_chosen() { "true" } else { "false" }
                    aria-disabled=move || waits.get().then_some("true")
                    on:click=on_click
                >
                    {key}
                    {name}
                </button>
            }
            .into_any()
        };
        let more = (names.len() > MAX_BUTTONS).then(|| {
            let text = format!("{} more: type their first letters.", names.len() - MAX_BUTTONS);
            view! { <span class="hint">{text}</span> }
        });
        view! { {(0..names.len().min(MAX_BUTTONS)).map(button).collect_view()} {more} }.into_any()
    };
    let words = move || names.with(|names| typed.with(|typed| words_on(typed, names, allows_new)));
    view! {
        <div id=id data-testid=id class="class-box" role="group" tabindex="0" aria-label=label on:keydown=on_key>
            <div class="row">{buttons}</div>
            <p class="hint" role="status" data-testid=format!("{id}-typed")>{words}</p>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Vec<String> {
        all.iter().map(|&name| name.to_owned()).collect()
    }

    fn choose(name: &str) -> Option<KeyAct> {
        Some(KeyAct::Ask(ClassAct::Choose(name.into())))
    }

    fn type_in(text: &str) -> Option<KeyAct> {
        Some(KeyAct::Type(text.into()))
    }

    #[test]
    fn digits_choose_by_place_or_by_name() {
        let classes = names(&["billing", "refund", "access"]);
        let act = |key| act_of(key, "", &classes, true);
        assert_eq!([act("1"), act("3")], [choose("billing"), choose("access")]);
        assert_eq!(act("4"), type_in("4"), "there is no fourth");
        let numbers = names(&["0", "1", "2"]);
        assert_eq!(act_of("1", "", &numbers, true), choose("1"), "not the first, which is called 0");
        assert_eq!(act_of("0", "", &numbers, true), choose("0"));
        let many: Vec<String> = (0..12).map(|index| format!("class {index}")).collect();
        assert_eq!([key_of(8, &many), key_of(9, &many)], [Some('9'), None]);
    }

    #[test]
    fn letters_find_a_class_and_enter_takes_it() {
        let classes = names(&["refund now", "refund", "access"]);
        assert_eq!(act_of("R", "", &classes, true), type_in("R"));
        assert_eq!(act_of("1", "re", &classes, true), type_in("re1"), "a digit among letters is a letter");
        assert_eq!(act_of(" ", "refund", &classes, true), type_in("refund "));
        assert_eq!(act_of("Enter", "REFUND", &classes, true), choose("refund"), "the one that it is");
        assert_eq!(act_of("Enter", "a", &classes, true), choose("access"));
        assert_eq!(act_of("Enter", " new ", &classes, true), choose("new"));
        assert_eq!(act_of("Enter", "new", &classes, false), None);
        assert_eq!(act_of("Enter", "", &classes, true), None, "a button that has the focus is pressed");
        assert_eq!(
            [act_of("Backspace", "re", &classes, true), act_of("Escape", "re", &classes, true)],
            [type_in("r"), type_in("")]
        );
    }

    #[test]
    fn arrows_and_backspace_move_where_nothing_is_typed() {
        let classes = names(&["a"]);
        let ask = |act| Some(KeyAct::Ask(act));
        assert_eq!(act_of("ArrowRight", "", &classes, true), ask(ClassAct::Skip));
        assert_eq!(
            [act_of("ArrowLeft", "", &classes, true), act_of("Backspace", "", &classes, true)],
            [ask(ClassAct::Back), ask(ClassAct::Back)]
        );
        assert_eq!([act_of("ArrowRight", "x", &classes, true), act_of("Tab", "", &classes, true)], [None, None]);
    }

    #[test]
    fn it_is_said_what_enter_makes_of_the_letters() {
        let classes = names(&["refund", "reminder"]);
        assert_eq!(words_on("", &classes, true), "");
        assert_eq!(words_on("rem", &classes, true), "rem: Enter takes “reminder”");
        assert_eq!(words_on("re", &classes, true), "re: Enter takes “refund”, the first of 2");
        assert!(words_on("x", &classes, true).ends_with("Enter makes it a new one"));
        assert!(words_on("x", &classes, false).ends_with("Escape takes it back"));
    }
}
