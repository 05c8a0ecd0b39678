//! Where the rows of a long list stand while only those in view are drawn: pure geometry, in pixels. All rows are as high as each
//! other. A list that is higher than browsers lay out is scrolled in proportion.

/// Height of a row; `.rows-row` in the style sheet has the same.
pub(crate) const ROW_HEIGHT: f64 = 44.0;

/// Highest list that is laid out: browsers give up on more than some millions of pixels.
const MAX_HEIGHT: f64 = 8_000_000.0;

/// A list of rows and how much of it is in view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Extent {
    /// Rows in all.
    pub total: usize,
    /// Height of what is in view.
    pub viewport: f64,
}

impl Extent {
    /// Height of the list as it is laid out.
    pub(crate) fn height(self) -> f64 {
        self.full_height().min(MAX_HEIGHT)
    }

    /// The first row in view, when so much was scrolled.
    pub(crate) fn first(self, scroll: f64) -> usize {
        let last = self.total.saturating_sub(1);
        ((scroll.max(0.0) * self.scale() / ROW_HEIGHT) as usize).min(last)
    }

    /// Rows in view, cut ones too.
    pub(crate) fn count(self) -> usize {
        (self.viewport.max(0.0) / ROW_HEIGHT) as usize + 2
    }

    /// Where a row begins in the list as it is laid out, when so much was scrolled.
    pub(crate) fn offset(self, index: usize, scroll: f64) -> f64 {
        index as f64 * ROW_HEIGHT - scroll * (self.scale() - 1.0)
    }

    /// How much is scrolled when a row is in view, as little more or less as possible.
    pub(crate) fn scroll_to(self, index: usize, scroll: f64) -> f64 {
        let top = index as f64 * ROW_HEIGHT;
        let seen = scroll * self.scale();
        let wanted = seen.min(top).max(top + ROW_HEIGHT - self.viewport);
        (wanted / self.scale()).max(0.0)
    }

    fn full_height(self) -> f64 {
        self.total as f64 * ROW_HEIGHT
    }

    /// Pixels of the list for each that is scrolled.
    fn scale(self) -> f64 {
        let (full, laid_out) = (self.full_height() - self.viewport, self.height() - self.viewport);
        if laid_out > 0.0 { full / laid_out } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_fits_is_scrolled_pixel_by_pixel() {
        let extent = Extent { total: 100, viewport: 440.0 };
        assert_eq!((extent.height(), extent.first(0.0), extent.first(100.0), extent.count()), (4400.0, 0, 2, 12));
        assert_eq!([extent.offset(3, 0.0), extent.offset(3, 1000.0)], [132.0, 132.0]);
        assert_eq!(extent.scroll_to(5, 0.0), 0.0, "it is in view");
        assert_eq!(extent.scroll_to(10, 0.0), 44.0, "just so that it is");
        assert_eq!(extent.scroll_to(5, 1000.0), 220.0);
        assert_eq!(Extent { total: 0, viewport: 440.0 }.first(50.0), 0);
    }

    #[test]
    fn a_list_of_a_million_rows_is_scrolled_in_proportion() {
        let extent = Extent { total: 1_000_000, viewport: 440.0 };
        assert_eq!(extent.height(), MAX_HEIGHT);
        let end = MAX_HEIGHT - 440.0;
        assert_eq!(extent.first(end), 999_990, "the last ten rows");
        let shown = extent.offset(999_999, end) + ROW_HEIGHT;
        assert!((shown - MAX_HEIGHT).abs() < 1e-3, "the last row ends where the list does: {shown}");
        for index in [0, 1, 500_000, 999_999] {
            let scroll = extent.scroll_to(index, 4_000_000.0);
            let top = extent.offset(index, scroll) - scroll;
            assert!((-1e-3..=440.0 - ROW_HEIGHT + 1e-3).contains(&top), "row {index} is in view: {top}");
        }
    }
}
