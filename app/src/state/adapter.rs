//! An adapter that is put on the loaded model: which chosen files are one's, and how it is taken off again. Names are plain data, tested
//! natively.

use hone_core::hub::{ADAPTER_FILES, are_of_adapter};
use leptos::prelude::*;

use super::dropped::is_zip;
use super::{ModelChoice, Store};
use crate::browser::PickedFile;

/// Whether these names are of an adapter's files: where models are loaded, a zip can be nothing else.
pub(super) fn is_adapter<'a>(mut names: impl Iterator<Item = &'a str> + Clone) -> bool {
    are_of_adapter(names.clone()) || names.any(is_zip)
}

/// Whether files that are chosen now do not go with those that were chosen before.
fn is_another_choice(before: &[&str], now: &[&str]) -> bool {
    let [is_adapter_before, is_adapter_now] = [before, now].map(|names| is_adapter(names.iter().copied()));
    let has_weights = now.iter().any(|name| name.ends_with(".safetensors"));
    let has_zip = before.iter().chain(now).any(|name| is_zip(name));
    has_zip || (is_adapter_before != is_adapter_now && (is_adapter_now || has_weights))
}

fn names(files: &[PickedFile]) -> Vec<&str> {
    files.iter().map(|file| file.name.as_str()).collect()
}

/// Leaves out what is not read of the folder of an adapter: a training run leaves far larger files beside it.
pub(super) fn leave_unread(files: &mut Vec<PickedFile>) {
    let is_read = |path: &str| path.rsplit('/').next().is_some_and(|name| ADAPTER_FILES.contains(&name));
    if are_of_adapter(names(files)) {
        files.retain(|file| is_read(&file.name));
    }
}

impl Store {
    /// Takes the adapter off the loaded model: that is loaded again without it.
    pub(crate) fn take_adapter_off(self) {
        self.confirm_losing_weights("Take it off anyway", move || {
            if let Some(base) = self.model.base() {
                self.choose_again(base);
                self.load_model_and_rows();
            }
        });
    }

    /// Takes files of a model, or of an adapter, beside those that were chosen before: they may be chosen one by one. A second of the same
    /// name takes the place of the first, and those of an adapter are none of a model.
    pub(crate) fn choose_model_files(self, files: Vec<PickedFile>) {
        self.model.files.update(|known| {
            let is_another = {
                let [before, now] = [known.as_slice(), files.as_slice()].map(names);
                is_another_choice(&before, &now)
            };
            if is_another {
                known.clear();
            }
            known.retain(|old| files.iter().all(|new| new.name != old.name));
            known.extend(files);
        });
        self.choose_model(ModelChoice::Local);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_an_adapter_are_chosen_one_by_one_and_not_beside_those_of_a_model() {
        let model = ["config.json", "model.safetensors", "tokenizer.json"];
        let [config, weights] = ["adapter_config.json", "faq/adapter_model.safetensors"];
        assert!(is_another_choice(&model, &[config]) && is_another_choice(&[config, weights], &model));
        assert!(!is_another_choice(&[config], &[weights]) && !is_another_choice(&[config, weights], &["config.json"]));
        assert!(!is_another_choice(&model[..1], &model[1..]) && !is_another_choice(&[], &model));
        assert!(is_another_choice(&model, &["faq-adapter.zip"]) && is_another_choice(&["faq-adapter.ZIP"], &[config]));
        assert!(is_adapter(["faq-adapter.ZIP"].into_iter()) && !is_adapter(model.into_iter()));
    }
}
