//! The head of a table.

use leptos::prelude::*;

/// A row of column names; an empty name is an empty cell.
pub(crate) fn table_head(names: &[&'static str]) -> AnyView {
    let cells = names.iter().map(|name| match *name {
        "" => view! { <td></td> }.into_any(),
        name => view! { <th scope="col">{name}</th> }.into_any(),
    });
    view! { <thead><tr>{cells.collect_view()}</tr></thead> }.into_any()
}
