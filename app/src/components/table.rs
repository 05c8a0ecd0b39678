//! Tables and lists of facts, made of plain values: one view type for all of them.

use leptos::prelude::*;

/// A cell of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    pub text: String,
    /// `head` names the row, `number` and `text` say what it holds.
    pub class: &'static str,
    /// Test id.
    pub id: Option<String>,
    /// The value as a bare number, for programs.
    pub raw: Option<String>,
}

impl Cell {
    /// A cell of a class.
    pub(crate) fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self { text: text.into(), class, ..Self::default() }
    }

    /// A cell with a number.
    pub(crate) fn number(text: impl Into<String>) -> Self {
        Self::new("number", text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new("", text)
    }
}

/// A table that scrolls where it is too wide or too long. `label` says what it shows, `id` is its test id.
pub(crate) fn table(label: &'static str, id: &'static str, heads: &[&'static str], rows: Vec<Vec<Cell>>) -> AnyView {
    let heads = heads.iter().map(|name| match *name {
        "" => view! { <td></td> }.into_any(),
        name => view! { <th scope="col">{name}</th> }.into_any(),
    });
    let row = |cells: Vec<Cell>| view! { <tr>{cells.into_iter().map(cell).collect_view()}</tr> };
    view! {
        <div class="scroll tall" tabindex="0" role="region" aria-label=label>
            <table data-testid=(!id.is_empty()).then_some(id)>
                <thead>
                    <tr>{heads.collect_view()}</tr>
                </thead>
                <tbody>{rows.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn cell(Cell { text, class, id, raw }: Cell) -> AnyView {
    match class {
        "head" => view! { <th scope="row">{text}</th> }.into_any(),
        class => view! { <td class=class data-testid=id data-value=raw>{text}</td> }.into_any(),
    }
}

/// Names with their values; `class` says how they are laid out.
pub(crate) fn facts(class: &'static str, rows: Vec<(&'static str, String)>) -> AnyView {
    let rows = rows.into_iter().map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> });
    view! { <dl class=class>{rows.collect_view()}</dl> }.into_any()
}
