//! What is said in a cleaned file of rows that could not be read. In: where the rows of the file stand, and the numbers of those that
//! were dropped. Out: sentences that name the rows: those that are gone, those that are still there, and those that nothing was left
//! out for.

use std::collections::HashSet;

use crate::data::parse::LocatedRows;
use crate::data::report::list_rows;
use crate::words::plural;

/// Sentences about rows that could not be read, and about dropped rows that the file has no place of.
pub(super) fn notes(located: &LocatedRows, dropped: &HashSet<usize>) -> Vec<String> {
    let read: HashSet<usize> = located.table.rows.iter().map(|row| row.number).collect();
    // Of an array every item has a place among the rows.
    let places = || located.spans.iter().chain(&located.bad_spans).map(|(number, _)| *number);
    let (gone, left): (Vec<usize>, Vec<usize>) =
        places().filter(|number| !read.contains(number)).partition(|number| dropped.contains(number));
    let known: HashSet<usize> = places().collect();
    let unknown: Vec<usize> = dropped.iter().copied().filter(|number| !known.contains(number)).collect();
    let said = [
        (
            gone,
            "row",
            "that could not be read is left out, as it was dropped",
            "that could not be read are left out, as they were dropped",
        ),
        (
            left,
            "row",
            "that could not be read stays in the file as it is",
            "that could not be read stay in the file as they are",
        ),
        (
            unknown,
            "dropped row",
            "is not found by its number, and nothing is left out for it",
            "are not found by their numbers, and nothing is left out for them",
        ),
    ];
    let told = said.into_iter().filter(|(numbers, ..)| !numbers.is_empty());
    told.map(|(numbers, noun, one, many)| {
        let what = if numbers.len() == 1 { one } else { many };
        format!("{} {what}: {}", plural(numbers.len(), noun), named(numbers))
    })
    .collect()
}

/// The numbers in their order, the first of many.
fn named(mut numbers: Vec<usize>) -> String {
    numbers.sort_unstable();
    list_rows(&numbers.iter().map(usize::to_string).collect::<Vec<_>>())
}
