//! Tables and lists of facts, made of plain values: one view type for all of them.

use std::cmp::Ordering;

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
    /// What pressing it does, and in words.
    pub press: Option<(String, Callback<()>)>,
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

    /// Its number, where it holds one.
    fn value(&self) -> Option<f64> {
        let text = self.raw.as_deref().unwrap_or(&self.text);
        let plain = text.chars().filter(|c| !", %".contains(*c)).map(|c| if c == '\u{2212}' { '-' } else { c });
        plain.collect::<String>().parse().ok()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new("", text)
    }
}

/// The column that rows are in the order of, and whether that falls; `None` is the order in which they came.
type Order = Option<(usize, bool)>;

/// What a press on a column's head makes of the order: rising, falling, as they came.
fn next_order(order: Order, column: usize) -> Order {
    match order {
        Some((sorted, false)) if sorted == column => Some((column, true)),
        Some((sorted, true)) if sorted == column => None,
        _ => Some((column, false)),
    }
}

/// Indices of the rows in an order. In a column of numbers, cells without one come last, whichever way it goes.
fn sorted(rows: &[Vec<Cell>], order: Order) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..rows.len()).collect();
    let Some((column, is_falling)) = order else { return indices };
    let cell = |index: usize| rows[index].get(column);
    let is_numeric = indices.iter().any(|&index| cell(index).is_some_and(|cell| cell.class.starts_with("number")));
    let turned = |ordering: Ordering| if is_falling { ordering.reverse() } else { ordering };
    if is_numeric {
        let value = |index: usize| cell(index).and_then(Cell::value);
        indices.sort_by(|&a, &b| match (value(a), value(b)) {
            (Some(a), Some(b)) => turned(a.total_cmp(&b)),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
    } else {
        let key = |index: usize| cell(index).map(|cell| cell.text.to_lowercase());
        indices.sort_by(|&a, &b| turned(key(a).cmp(&key(b))));
    }
    indices
}

/// Rows from which a table scrolls within itself rather than with the page: of a small one that would hide a row.
const MIN_TALL_ROWS: usize = 20;

/// Classes of the frame of a table that scrolls within itself.
const TALL: &str = "scroll tall";

/// A table that scrolls where it is too wide or too long. `label` says what it shows, `id` is its test id.
pub(crate) fn table(label: &'static str, id: &'static str, heads: &[&str], rows: Vec<Vec<Cell>>) -> AnyView {
    let heads = heads.iter().map(|name| match *name {
        "" => view! { <td></td> }.into_any(),
        name => view! { <th scope="col">{name.to_owned()}</th> }.into_any(),
    });
    framed_as(frame_class(rows.len()), label, id, heads.collect(), rows.into_iter().map(row).collect_view().into_any())
}

/// As [`table`]; a press on a column's head puts the rows in its order.
pub(crate) fn sortable_table(
    label: &'static str,
    id: &'static str,
    heads: &[&'static str],
    rows: Vec<Vec<Cell>>,
) -> AnyView {
    let order: RwSignal<Order> = RwSignal::new(None);
    let head = |(column, name): (usize, &&'static str)| {
        let name = *name;
        let sort = move || match order.get() {
            Some((sorted, is_falling)) if sorted == column => Some(if is_falling { "descending" } else { "ascending" }),
            _ => None,
        };
        view! {
            <th scope="col" aria-sort=sort>
                <button
                    type="button"
                    class="sort"
                    on:click=move |_| order.update(|order| *order = next_order(*order, column))
                >
                    {name}
                </button>
            </th>
        }
        .into_any()
    };
    let heads = heads.iter().enumerate().map(head).collect();
    let class = frame_class(rows.len());
    let body = move || {
        let order = sorted(&rows, order.get());
        order.into_iter().map(|index| row(rows[index].clone())).collect_view()
    };
    framed_as(class, label, id, heads, body.into_any())
}

/// The frame of a table whose rows are more than cells of text, each of them high: it scrolls within itself.
pub(crate) fn framed(label: &'static str, id: &'static str, heads: Vec<AnyView>, body: AnyView) -> AnyView {
    framed_as(TALL, label, id, heads, body)
}

/// How the frame of so many rows is laid out.
fn frame_class(num_rows: usize) -> &'static str {
    if num_rows >= MIN_TALL_ROWS { TALL } else { "scroll" }
}

fn framed_as(
    class: &'static str,
    label: &'static str,
    id: &'static str,
    heads: Vec<AnyView>,
    body: AnyView,
) -> AnyView {
    view! {
        <div class=class tabindex="0" role="region" aria-label=label>
            <table data-testid=(!id.is_empty()).then_some(id)>
                <thead>
                    <tr>{heads}</tr>
                </thead>
                <tbody>{body}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn row(cells: Vec<Cell>) -> AnyView {
    view! { <tr>{cells.into_iter().map(cell).collect_view()}</tr> }.into_any()
}

fn cell(Cell { text, class, id, raw, press }: Cell) -> AnyView {
    let shown = if class.ends_with("settings") { pairs(&text) } else { text.clone().into_any() };
    let content = match press {
        Some((what, on_press)) => pressed(&text, shown, what, on_press),
        None => shown,
    };
    match class {
        "head" => view! { <th scope="row">{content}</th> }.into_any(),
        class => view! { <td class=class data-testid=id data-value=raw>{content}</td> }.into_any(),
    }
}

/// Settings with commas between them: a name and its value stay on one line.
fn pairs(text: &str) -> AnyView {
    let pair = |pair: &str| view! { <span class="whole">{pair.to_owned()}</span> " " }.into_any();
    text.split_inclusive(", ").map(|own| pair(own.trim_end())).collect_view().into_any()
}

fn pressed(text: &str, shown: AnyView, what: String, on_press: Callback<()>) -> AnyView {
    // What is read out has what is seen in it, so that it can be spoken to (WCAG 2.5.3).
    let label = if what.contains(text) { what } else { format!("{text}: {what}") };
    view! { <button type="button" class="cell" aria-label=label on:click=move |_| on_press.run(())>{shown}</button> }
        .into_any()
}

/// Names with their values; `class` says how they are laid out.
pub(crate) fn facts(class: &'static str, rows: Vec<(&'static str, String)>) -> AnyView {
    let rows = rows.into_iter().map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> });
    view! { <dl class=class>{rows.collect_view()}</dl> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<Cell>> {
        let row = |name: &str, figure: &str| vec![Cell::new("head", name), Cell::number(figure)];
        vec![row("refund", "1,200"), row("Billing", "–"), row("access", "\u{2212}3.5 %"), row("delivery", "90")]
    }

    #[test]
    fn only_many_rows_scroll_within_their_table() {
        assert_eq!([0, 4, 19, 20, 500].map(frame_class), ["scroll", "scroll", "scroll", "scroll tall", "scroll tall"]);
    }

    #[test]
    fn numbers_are_sorted_by_their_value_and_what_is_none_comes_last() {
        assert_eq!(sorted(&rows(), Some((1, false))), [2, 3, 0, 1]);
        assert_eq!(sorted(&rows(), Some((1, true))), [0, 3, 2, 1]);
    }

    #[test]
    fn words_are_sorted_whatever_their_case() {
        assert_eq!(sorted(&rows(), Some((0, false))), [2, 1, 3, 0]);
        assert_eq!(sorted(&rows(), Some((0, true))), [0, 3, 1, 2]);
        assert_eq!(sorted(&rows(), None), [0, 1, 2, 3], "as they came");
    }

    #[test]
    fn a_head_sorts_rising_then_falling_then_not_at_all() {
        let rising = next_order(None, 1);
        let falling = next_order(rising, 1);
        assert_eq!([rising, falling, next_order(falling, 1)], [Some((1, false)), Some((1, true)), None]);
        assert_eq!(next_order(falling, 0), Some((0, false)), "another column begins anew");
    }

    #[test]
    fn the_bare_number_counts_before_what_is_shown() {
        let cell = Cell { raw: Some("0.25".into()), ..Cell::number("25.0 %") };
        assert_eq!([cell.value(), Cell::number("no rows").value()], [Some(0.25), None]);
    }
}
