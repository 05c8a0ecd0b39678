//! Names in sentences: a file may hold a hundred thousand of them, each as long as it likes.

/// Names that a sentence lists.
const LISTED: usize = 8;
/// Characters of a name that are shown.
const SHOWN: usize = 100;

/// `a, b and 7 more`.
pub(super) fn listed(names: &[String]) -> String {
    list(names, cut)
}

/// `"a.", "b."`, as [`listed`] otherwise.
pub(super) fn quoted(names: &[String]) -> String {
    list(names, |name| format!("{:?}", cut(name)))
}

fn list(names: &[String], show: impl Fn(&str) -> String) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| show(name)).collect();
    crate::words::list(&shown, names.len())
}

/// The beginning of a name.
pub(super) fn cut(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}...", &name[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_and_long_names_are_cut() {
        let names: Vec<String> = (0..100_000).map(|index| format!("tensor.{index}")).collect();
        assert_eq!(listed(&names[..2]), "tensor.0, tensor.1");
        assert!(listed(&names).ends_with("tensor.7 and 99992 more"), "{}", listed(&names));
        assert_eq!(quoted(&names[..1]), "\"tensor.0\"");
        assert_eq!(listed(&["ä".repeat(1000)]).chars().count(), 103);
    }
}
