//! A box in which a class is chosen by keys, or several are: a digit, or the first letters of its name. In: names of classes, those
//! that are chosen. Out: what was asked for. Which key does what is plain, tested natively.

use std::sync::Arc;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::KeyboardEvent;

/// Classes that have a button each; others are found by their letters.
const MAX_BUTTONS: usize = 60;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClassAct {
    /// A class, or one that is new; where several may be chosen, also one that is to be chosen no more.
    Choose(String),
    /// Those that are chosen are all.
    Done,
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

fn act_of(key: &str, typed: &str, names: &[String], is_several: bool) -> Option<KeyAct> {
    let ask = |act: ClassAct| Some(KeyAct::Ask(act));
    let mut letters = key.chars();
    let letter = letters.next().filter(|_| letters.next().is_none());
    let with_key = |key: char| (0..names.len()).find(|&index| key_of(index, names) == Some(key));
    match key {
        "Enter" if typed.is_empty() => is_several.then_some(KeyAct::Ask(ClassAct::Done)),
        "Enter" => match matching(typed, names).first() {
            Some(&name) => ask(ClassAct::Choose(name.clone())),
            None if !typed.trim().is_empty() => ask(ClassAct::Choose(typed.trim().to_owned())),
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
fn describe_typed(typed: &str, names: &[String]) -> String {
    let found = matching(typed, names);
    match (typed, found.as_slice()) {
        ("", []) => "There is no class yet: type the name of the first, and Enter takes it".into(),
        ("", _) => String::new(),
        (typed, [name]) => format!("{typed}: Enter takes “{name}”"),
        (typed, [name, others @ ..]) => format!("{typed}: Enter takes “{name}”, the first of {}", others.len() + 1),
        (typed, []) => format!("{typed}: none begins so. Enter makes it a new one"),
    }
}

/// The box; `id` is its id and test id, `label` says what is chosen there. With `is_several` any number of classes are chosen, until
/// Enter keeps them.
pub(crate) fn class_box(
    id: &'static str,
    label: &'static str,
    names: Signal<Arc<Vec<String>>>,
    chosen: Signal<Vec<String>>,
    waits: Signal<bool>,
    is_several: bool,
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
            names.with_untracked(|names| typed.with_untracked(|typed| act_of(&event.key(), typed, names, is_several)));
        let Some(act) = act else { return };
        // A button that has the focus is pressed by Enter.
        let is_of_box = || {
            let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
            target.is_some_and(|target| target.id() == id)
        };
        if act == KeyAct::Ask(ClassAct::Done) && !is_of_box() {
            return;
        }
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
            let is_chosen = move || chosen.with(|chosen| chosen.contains(&own));
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
    let words = move || names.with(|names| typed.with(|typed| describe_typed(typed, names)));
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
        let act = |key| act_of(key, "", &classes, false);
        assert_eq!([act("1"), act("3")], [choose("billing"), choose("access")]);
        assert_eq!(act("4"), type_in("4"), "there is no fourth");
        let numbers = names(&["0", "1", "2"]);
        assert_eq!(act_of("1", "", &numbers, false), choose("1"), "not the first, which is called 0");
        assert_eq!(act_of("0", "", &numbers, false), choose("0"));
        let many: Vec<String> = (0..12).map(|index| format!("class {index}")).collect();
        assert_eq!([key_of(8, &many), key_of(9, &many)], [Some('9'), None]);
    }

    #[test]
    fn where_there_is_no_class_yet_it_is_said_how_one_is_made() {
        assert!(describe_typed("", &[]).starts_with("There is no class yet"));
        assert_eq!(describe_typed("", &names(&["a"])), "");
        assert_eq!(describe_typed("cat", &[]), "cat: none begins so. Enter makes it a new one");
        assert_eq!(act_of("Enter", "cat", &[], false), choose("cat"));
    }

    #[test]
    fn letters_find_a_class_and_enter_takes_it() {
        let classes = names(&["refund now", "refund", "access"]);
        assert_eq!(act_of("R", "", &classes, false), type_in("R"));
        assert_eq!(act_of("1", "re", &classes, false), type_in("re1"), "a digit among letters is a letter");
        assert_eq!(act_of(" ", "refund", &classes, false), type_in("refund "));
        assert_eq!(act_of("Enter", "REFUND", &classes, false), choose("refund"), "the one that it is");
        assert_eq!(act_of("Enter", "a", &classes, false), choose("access"));
        assert_eq!(act_of("Enter", " new ", &classes, false), choose("new"));
        assert_eq!(act_of("Enter", "", &classes, false), None, "a button that has the focus is pressed");
        assert_eq!(act_of("Enter", "", &classes, true), Some(KeyAct::Ask(ClassAct::Done)), "all that are chosen");
        assert_eq!(
            [act_of("Backspace", "re", &classes, false), act_of("Escape", "re", &classes, false)],
            [type_in("r"), type_in("")]
        );
    }

    #[test]
    fn arrows_and_backspace_move_where_nothing_is_typed() {
        let classes = names(&["a"]);
        let ask = |act| Some(KeyAct::Ask(act));
        assert_eq!(act_of("ArrowRight", "", &classes, false), ask(ClassAct::Skip));
        assert_eq!(
            [act_of("ArrowLeft", "", &classes, false), act_of("Backspace", "", &classes, false)],
            [ask(ClassAct::Back), ask(ClassAct::Back)]
        );
        assert_eq!([act_of("ArrowRight", "x", &classes, false), act_of("Tab", "", &classes, false)], [None, None]);
    }

    #[test]
    fn it_is_said_what_enter_makes_of_the_letters() {
        let classes = names(&["refund", "reminder"]);
        assert_eq!(describe_typed("", &classes), "");
        assert_eq!(describe_typed("rem", &classes), "rem: Enter takes “reminder”");
        assert_eq!(describe_typed("re", &classes), "re: Enter takes “refund”, the first of 2");
        assert!(describe_typed("x", &classes).ends_with("Enter makes it a new one"));
    }
}
