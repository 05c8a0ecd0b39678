//! What is said when the part that trains has stopped: plain words, tested natively.

use super::STOPPED;

/// What is said when the part that trains has stopped, and with it the model and the rows that it held.
pub(super) fn what_was_lost(parts: &[String], has_run: bool, saved_step: Option<u32>) -> String {
    let (them, were) = if parts.len() == 1 { ("it", "was") } else { ("them", "were") };
    let mut text = format!("{STOPPED} It held {}, which {were} lost. Load {them} again to go on.", parts.join(" and "));
    match saved_step {
        _ if !has_run => {}
        Some(step) => text.push_str(&format!(" The last run is saved in this browser up to step {step}.")),
        None => text.push_str(" The weights of the last run were lost, too; its curves and figures are still here."),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_is_named_without_jargon() {
        let parts = ["the model a/b", "the data rows.csv"].map(String::from);
        let text = what_was_lost(&parts[..1], false, Some(7));
        assert_eq!(text, format!("{STOPPED} It held the model a/b, which was lost. Load it again to go on."));
        let text = what_was_lost(&parts, true, Some(7));
        assert!(text.ends_with("saved in this browser up to step 7.") && !text.contains("too"), "{text}");
        let text = what_was_lost(&parts, true, None);
        assert!(text.contains("the model a/b and the data rows.csv, which were lost. Load them again"), "{text}");
        assert!(text.contains("curves and figures are still here") && !text.contains("worker"), "{text}");
    }
}
