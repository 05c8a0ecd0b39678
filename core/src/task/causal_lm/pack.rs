//! Several short rows in one: less padding, the same examples.
//!
//! In: lengths. Out: which go together. Rows stay segments that do not see each other: positions start again and
//! attention ends at each (see `batch`).

/// Puts rows together, first fit decreasing: the longest first, each into the first row with room for it. Returns the
/// indices of the segments of each row, ascending; every index is in one row.
///
/// # Panics
/// When a length is above `max_seq_length`: encoding cuts rows to it.
#[must_use]
pub(super) fn pack(lengths: &[usize], max_seq_length: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by(|&a, &b| lengths[b].cmp(&lengths[a]).then(a.cmp(&b)));
    let mut space = Space::new(lengths.len(), max_seq_length);
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for index in order {
        assert!(lengths[index] <= max_seq_length, "encoding cuts rows to the maximum length");
        let row = space.take_first(lengths[index]);
        if row == rows.len() {
            rows.push(Vec::new());
        }
        rows[row].push(index);
    }
    rows.iter_mut().for_each(|row| row.sort_unstable());
    rows
}

/// Each row for itself.
#[must_use]
pub(super) fn one_a_row(num_rows: usize) -> Vec<Vec<usize>> {
    (0..num_rows).map(|index| vec![index]).collect()
}

/// Room that is left in each of so many rows: a tree of which each node holds the most of its two children.
struct Space {
    tree: Vec<usize>,
    num_leaves: usize,
}

impl Space {
    fn new(num_rows: usize, room: usize) -> Self {
        let num_leaves = num_rows.next_power_of_two();
        Self { tree: vec![room; 2 * num_leaves], num_leaves }
    }

    /// Takes room in the first row that has it.
    fn take_first(&mut self, length: usize) -> usize {
        let mut node = 1;
        while node < self.num_leaves {
            node *= 2;
            node += usize::from(self.tree[node] < length);
        }
        let row = node - self.num_leaves;
        self.tree[node] -= length;
        while node > 1 {
            node /= 2;
            self.tree[node] = self.tree[2 * node].max(self.tree[2 * node + 1]);
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_rows_fill_up_long_ones() {
        assert_eq!(pack(&[3, 8, 5, 2, 6], 8), [vec![1], vec![3, 4], vec![0, 2]]);
        assert_eq!(pack(&[], 8), Vec::<Vec<usize>>::new());
        assert_eq!(one_a_row(2), [vec![0], vec![1]]);
    }

    proptest! {
        #[test]
        fn every_row_is_packed_once_and_none_is_too_long(
            lengths in prop::collection::vec(1_usize..=64, 0..200),
            spare in 0_usize..64,
        ) {
            let max = 64 + spare;
            let rows = pack(&lengths, max);
            let mut all: Vec<usize> = rows.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
            let filled: Vec<usize> = rows.iter().map(|row| row.iter().map(|&index| lengths[index]).sum()).collect();
            prop_assert!(filled.iter().all(|&tokens| tokens <= max && tokens > 0));
            // First fit leaves at most one row half empty.
            prop_assert!(filled.iter().filter(|&&tokens| 2 * tokens <= max).count() <= 1);
        }

        #[test]
        fn the_tree_finds_what_a_search_finds(lengths in prop::collection::vec(1_usize..=20, 1..60)) {
            let mut order: Vec<usize> = (0..lengths.len()).collect();
            order.sort_by(|&a, &b| lengths[b].cmp(&lengths[a]).then(a.cmp(&b)));
            let mut rows: Vec<(usize, Vec<usize>)> = Vec::new();
            for index in order {
                match rows.iter_mut().find(|(room, _)| *room >= lengths[index]) {
                    Some((room, row)) => {
                        *room -= lengths[index];
                        row.push(index);
                    }
                    None => rows.push((20 - lengths[index], vec![index])),
                }
            }
            let expected: Vec<Vec<usize>> = rows.into_iter().map(|(_, mut row)| { row.sort_unstable(); row }).collect();
            prop_assert_eq!(pack(&lengths, 20), expected);
        }
    }
}
