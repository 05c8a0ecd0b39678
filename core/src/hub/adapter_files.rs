//! The files of an adapter, as PEFT names them. In: names of files that somebody chose. Out: whether they are those of an adapter.

use super::{CONFIG, INDEX, WEIGHTS};
use crate::config::JOB_FILE;

/// An adapter's settings, as PEFT writes them.
pub const ADAPTER_CONFIG: &str = "adapter_config.json";

/// An adapter's weights, as PEFT writes them.
pub const ADAPTER_WEIGHTS: &str = "adapter_model.safetensors";

/// The files that are read of an adapter: the last two say its labels and how it was trained, and need not be there.
pub const ADAPTER_FILES: [&str; 4] = [ADAPTER_CONFIG, ADAPTER_WEIGHTS, CONFIG, JOB_FILE];

/// Whether files are those of an adapter, with no model beside it; each is given by its name or its path.
#[must_use]
pub fn are_of_adapter<'a>(paths: impl IntoIterator<Item = &'a str>) -> bool {
    let (mut has_adapter, mut has_model) = (false, false);
    for path in paths {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        has_adapter |= [ADAPTER_CONFIG, ADAPTER_WEIGHTS].contains(&name);
        has_model |= [WEIGHTS, INDEX].contains(&name);
    }
    has_adapter && !has_model
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_is_known_by_its_files() {
        assert!(are_of_adapter(["faq/adapter_config.json", "faq/tokenizer.json"]));
        assert!(are_of_adapter(["faq\\adapter_model.safetensors", "config.json"]));
        assert!(!are_of_adapter(["adapter_config.json", "model.safetensors"]), "a whole model lies beside it");
        assert!(!are_of_adapter(["config.json", "my_adapter_config.json"]));
        assert!(!are_of_adapter([]));
    }
}
