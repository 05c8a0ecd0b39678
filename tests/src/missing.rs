//! What a test does where something it needs is missing: it says so, and under CI it fails.

/// Says that a test is left out because of `what`, and how to bring that.
///
/// # Panics
/// Under CI (`CI` is set), where only tests that need PyTorch may be left out.
pub fn skip(what: &str) {
    eprintln!("SKIPPED: {what}");
    assert!(std::env::var_os("CI").is_none(), "under CI nothing may be missing: {what}");
}
