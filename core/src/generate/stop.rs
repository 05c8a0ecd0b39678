//! Stop strings in streamed text.
//!
//! In: pieces of text as they are decoded. Out: the same text up to the first stop string, which is not part of it.
//! Text that could be the beginning of a stop string is held back until it is decided. However the text is cut into
//! pieces, what comes out is the same.

/// Watches streamed text for stop strings.
///
/// ```
/// use hone_core::generate::StopDetector;
///
/// let mut detector = StopDetector::new(&["</s>".to_string()]);
/// assert_eq!(detector.push("1 < 2 <"), ("1 < 2 ".to_string(), false));
/// assert_eq!(detector.push("/s> 3"), (String::new(), true));
/// ```
#[derive(Debug, Clone)]
pub struct StopDetector {
    stop: Vec<String>,
    held: String,
    stopped: bool,
}

impl StopDetector {
    /// Watches for any of `stop`; empty strings are left out.
    #[must_use]
    pub fn new(stop: &[String]) -> Self {
        let stop = stop.iter().filter(|stop| !stop.is_empty()).cloned().collect();
        Self { stop, held: String::new(), stopped: false }
    }

    /// Takes the next piece; returns the text that can be shown now, and whether a stop string was found in this piece
    /// or before. The stop string that ends first counts; of those that end together, the longest. After it nothing
    /// comes out.
    pub fn push(&mut self, text: &str) -> (String, bool) {
        if self.stopped {
            return (String::new(), true);
        }
        for char in text.chars() {
            self.held.push(char);
            let found = self.stop.iter().filter(|stop| self.held.ends_with(stop.as_str())).map(String::len).max();
            if let Some(len) = found {
                self.held.truncate(self.held.len() - len);
                self.stopped = true;
                return (std::mem::take(&mut self.held), true);
            }
        }
        let undecided = self.held.split_off(self.decided_len());
        (std::mem::replace(&mut self.held, undecided), false)
    }

    /// Ends the text: what was held back is no stop string, so it comes out now.
    #[must_use]
    pub fn finish(self) -> String {
        self.held
    }

    /// Whether a stop string was found.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// Bytes of the held text before its longest end that begins a stop string.
    fn decided_len(&self) -> usize {
        let longest = self.stop.iter().map(String::len).max().unwrap_or(0);
        let len = self.held.len();
        let mut starts = self.held.char_indices().map(|(at, _)| at).skip_while(|at| len - at >= longest);
        starts.find(|&at| self.stop.iter().any(|stop| stop.starts_with(&self.held[at..]))).unwrap_or(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    fn stream(stop: &[String], pieces: &[String]) -> (String, bool) {
        let mut detector = StopDetector::new(stop);
        let mut shown = String::new();
        for piece in pieces {
            shown.push_str(&detector.push(piece).0);
        }
        let stopped = detector.stopped();
        shown.push_str(&detector.finish());
        (shown, stopped)
    }

    /// The text before the stop string that ends first, found by looking at the whole.
    fn cut(stop: &[String], text: &str) -> (String, bool) {
        let ends = text.char_indices().map(|(at, char)| at + char.len_utf8());
        for end in ends {
            let found = stop.iter().filter(|stop| !stop.is_empty() && text[..end].ends_with(stop.as_str()));
            if let Some(len) = found.map(String::len).max() {
                return (text[..end - len].to_string(), true);
            }
        }
        (text.to_string(), false)
    }

    #[test]
    fn a_stop_string_across_pieces_never_shows() {
        let mut detector = StopDetector::new(&strings(&["\n\nQ:"]));
        assert_eq!(detector.push("an answer\n"), ("an answer".into(), false));
        assert_eq!(detector.push("\nQ"), (String::new(), false));
        assert_eq!(detector.push(": next"), (String::new(), true));
        assert_eq!(detector.push("more"), (String::new(), true));
        assert_eq!(detector.finish(), "");
    }

    #[test]
    fn a_false_beginning_comes_out() {
        let mut detector = StopDetector::new(&strings(&["aab"]));
        assert_eq!(detector.push("aa"), (String::new(), false));
        assert_eq!(detector.push("a"), ("a".into(), false));
        assert_eq!(detector.push("c"), ("aac".into(), false));
        assert_eq!(detector.push("xa"), ("x".into(), false));
        assert_eq!(detector.finish(), "a");
    }

    #[test]
    fn the_stop_string_that_ends_first_counts() {
        assert_eq!(stream(&strings(&["abcd", "c"]), &strings(&["xab", "cd"])), ("xab".into(), true));
        assert_eq!(stream(&strings(&["c", "bc"]), &strings(&["ab", "c"])), ("a".into(), true));
    }

    #[test]
    fn without_stop_strings_everything_comes_out_at_once() {
        let mut detector = StopDetector::new(&strings(&[""]));
        assert_eq!(detector.push("texte é"), ("texte é".into(), false));
        assert_eq!(detector.finish(), "");
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            stop in prop::collection::vec("[abé]{0,4}", 0..4),
            pieces in prop::collection::vec("[abé]{0,5}", 0..8),
        ) {
            prop_assert_eq!(stream(&stop, &pieces), cut(&stop, &pieces.concat()));
        }

        #[test]
        fn any_text_passes_without_panic(
            stop in prop::collection::vec(".{0,5}", 0..3),
            pieces in prop::collection::vec(".{0,9}", 0..6),
        ) {
            prop_assert_eq!(stream(&stop, &pieces), cut(&stop, &pieces.concat()));
        }

        #[test]
        fn no_more_than_the_beginning_of_a_stop_string_is_held(
            stop in prop::collection::vec("[ab]{1,4}", 1..4),
            pieces in prop::collection::vec("[abc]{0,5}", 0..8),
        ) {
            let mut detector = StopDetector::new(&stop);
            for piece in &pieces {
                let (_, stopped) = detector.push(piece);
                let held = detector.held.as_str();
                prop_assert_eq!(stopped, detector.stopped());
                let begins_one = stop.iter().any(|stop| stop.len() > held.len() && stop.starts_with(held));
                prop_assert!(held.is_empty() || begins_one);
            }
        }
    }
}
