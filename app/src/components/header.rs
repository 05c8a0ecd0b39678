//! The name on top of the page, and the choice between light and dark.

use leptos::prelude::*;

use crate::browser;

const THEME_KEY: &str = "hone.theme";

/// The name and what it is.
#[component]
pub(crate) fn Brand() -> impl IntoView {
    view! {
        <div class="brand">
            <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
                <rect class="brand-tile" width="32" height="32" rx="8" />
                <path class="brand-curve" d="M6 8c5 0 5 14 11 15.500s6 .5 9 .5" />
                <circle class="brand-dot" cx="26" cy="24" r="2.600" />
            </svg>
            <h1>"Hone"</h1>
            <p class="tagline">"Fine-tune a small model on your own rows, in this tab."</p>
        </div>
    }
    .into_any()
}

/// System, light, dark: each press goes to the next. Remembered on this machine.
#[component]
pub(crate) fn ThemeToggle() -> impl IntoView {
    let theme = RwSignal::new(browser::remembered(THEME_KEY).unwrap_or_default());
    browser::set_theme(&theme.get_untracked());
    let name = move || match theme.get().as_str() {
        "light" => "Light",
        "dark" => "Dark",
        _ => "System",
    };
    let on_click = move |_| {
        let next = match theme.get_untracked().as_str() {
            "" => "light",
            "light" => "dark",
            _ => "",
        };
        browser::set_theme(next);
        browser::remember(THEME_KEY, next);
        theme.set(next.into());
    };
    view! {
        <button
            type="button"
            class="chip"
            data-testid="theme"
            aria-label=move || format!("Theme: {}", name())
            on:click=on_click
        >
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                <circle cx="8" cy="8" r="6.500" fill="none" stroke="currentColor" stroke-width="1.500" />
                <path d="M8 1.500a6.500 6.500 0 0 1 0 13z" fill="currentColor" />
            </svg>
            <span class="on-wide">{name}</span>
        </button>
    }
    .into_any()
}
