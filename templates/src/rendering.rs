//! What a template is given, and how it is written.

/// Around what stands between the tags of generation, where it is to be found: characters that no text has.
pub const MARKS: [char; 2] = ['\u{fdd0}', '\u{fdd1}'];

/// What a template is given, and how it is written. `V` is a value as the template takes it.
#[derive(Debug)]
pub struct Rendering<'a, V> {
    /// The turns, oldest first: its variable `messages`.
    pub messages: &'a [V],
    /// Its other variables by name.
    pub variables: &'a [(&'a str, V)],
    /// Bytes of the conversation, by which its limits are measured.
    pub num_bytes: usize,
    /// Puts [`MARKS`] around what stands between the tags of generation.
    pub is_marking: bool,
}
