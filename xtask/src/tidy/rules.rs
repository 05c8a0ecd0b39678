//! The rules themselves: pure functions from a path and its text to findings.

use super::source::{code_only, feature_cfgs, is_word, line_of, paths, target_cfgs};
use super::{Finding, layers};
use crate::tools::locked_version;

/// A Rust file longer than this must be listed in [`LONG_FILES`].
const LONGEST: usize = 500;

/// Files that may be longer, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// Text that people write; the only files searched for leftovers and paths.
const WRITTEN: [&str; 13] = ["rs", "toml", "md", "html", "css", "js", "mjs", "ts", "py", "sh", "yml", "yaml", "json"];

/// The only library code that may ask what it is compiled for.
const TARGETS: [&str; 5] = [
    "core/src/kernels/",
    "app/src/platform/",
    "app/src/platform.rs",
    "app/worker/src/platform/",
    "app/worker/src/platform.rs",
];

/// Rooms that leave the choice between kernels to `kernels`.
const WITHOUT_FEATURES: [&str; 4] = ["core/src/nn/", "core/src/model/", "core/src/loss/", "core/src/optim/"];

/// Everything that is wrong with one file. `file` is relative to the workspace's folder, with slashes.
pub(super) fn check(file: &str, text: &str) -> Vec<Finding> {
    let mut found = Found { file, list: Vec::new() };
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    if WRITTEN.contains(&extension) || file.starts_with(".ci/") {
        leftovers(text, &mut found);
        absolute_paths(text, &mut found);
    }
    if extension == "rs" {
        rust(file, text, &mut found);
    }
    if file == "app/Cargo.toml" {
        page_without_burn(text, &mut found);
    }
    found.list
}

/// Trunk.toml names the wasm-bindgen that Cargo.lock pins.
pub(super) fn pinned(trunk: &str, lock: &str) -> Vec<Finding> {
    let wanted = locked_version(lock, "wasm-bindgen").unwrap_or_default();
    let line = trunk.lines().position(|line| line.trim_start().starts_with("wasm_bindgen"));
    let named = line.and_then(|at| trunk.lines().nth(at)).is_some_and(|text| text.contains(&format!("\"{wanted}\"")));
    let mut found = Found { file: "Trunk.toml", list: Vec::new() };
    if !named {
        found.add(line.map_or(1, |at| at + 1), format!("wasm_bindgen must be \"{wanted}\", as in Cargo.lock"));
    }
    found.list
}

struct Found<'a> {
    file: &'a str,
    list: Vec<Finding>,
}

impl Found<'_> {
    fn add(&mut self, line: usize, message: impl Into<String>) {
        self.list.push(Finding { file: self.file.to_owned(), line, message: message.into() });
    }
}

fn rust(file: &str, text: &str, found: &mut Found) {
    if !text.starts_with("//!") {
        found.add(1, "must open with `//!`: what it is, what goes in, what comes out");
    }
    length(file, text, found);

    let code = code_only(text);
    let within = |places: &[&str]| places.iter().any(|place| file.starts_with(place));
    if within(&["core/src/", "app/"]) && !within(&TARGETS) {
        for line in target_cfgs(&code) {
            found.add(line, "`cfg(target…)` belongs in kernels (core) or platform (app)");
        }
    }
    if within(&WITHOUT_FEATURES) {
        for line in feature_cfgs(&code) {
            found.add(line, "`cfg(feature…)` belongs in kernels");
        }
    }
    let named = paths(&code);
    for (line, message) in layers::upward_imports(file, &code, &named) {
        found.add(line, message);
    }
    for (line, path) in named {
        let (first, rest) = path.split_once("::").unwrap_or((&path, ""));
        let room = if matches!(first, "crate" | "super" | "self" | "hone_core") { room_of(&path) } else { "" };
        let burn = !rest.is_empty() && (first == "burn" || first.starts_with("burn_"));
        if burn && layers::is_plain(file) {
            found.add(line, format!("no burn in this room: {path}"));
        }
        if burn && within(&["app/src/"]) {
            found.add(line, format!("the page must not contain burn: {path}"));
        }
        if first == "web_sys" && within(&["core/"]) {
            found.add(line, format!("no browser API under core: {path}"));
        }
        if within(&["app/src/components/", "app/src/components.rs"]) && room == "state" {
            found.add(line, format!("components take signals and callbacks, they must not import state: {path}"));
        }
    }
}

/// The first name of a path that is neither `crate` nor a step upwards.
fn room_of(path: &str) -> &str {
    path.split("::").find(|part| !matches!(*part, "crate" | "super" | "self" | "hone_core")).unwrap_or("")
}

fn length(file: &str, text: &str, found: &mut Found) {
    let lines = text.lines().count();
    let listed = LONG_FILES.iter().any(|(name, _)| *name == file);
    if lines > LONGEST && !listed {
        found.add(LONGEST + 1, format!("{lines} lines: split it, or list it in xtask/src/tidy/rules.rs with a reason"));
    }
    if lines <= LONGEST && listed {
        found.add(1, "is no longer long: take it off the list in xtask/src/tidy/rules.rs");
    }
}

fn leftovers(text: &str, found: &mut Found) {
    for word in [concat!("TO", "DO"), concat!("FIX", "ME")] {
        for (at, _) in text.match_indices(word) {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            if !before.is_some_and(is_word) && !after.is_some_and(is_word) {
                found.add(line_of(text, at), format!("{word}: do it, or open an issue"));
            }
        }
    }
}

fn absolute_paths(text: &str, found: &mut Found) {
    for folder in ["root", "work", "home"] {
        let path = format!("/{folder}/");
        for (at, _) in text.match_indices(&path) {
            let before = text[..at].chars().next_back();
            if before.is_none_or(|c| c.is_whitespace() || "\"'`(=:,[<".contains(c)) {
                found.add(line_of(text, at), format!("a path of somebody's machine: {path}"));
            }
        }
    }
}

fn page_without_burn(text: &str, found: &mut Found) {
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("burn") || (line.starts_with("hone-core") && line.contains("\"engine\"")) {
            found.add(at + 1, "the page must not contain burn");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(file: &str, text: &str) -> Vec<String> {
        check(file, text).into_iter().map(|finding| format!("{}: {}", finding.line, finding.message)).collect()
    }

    #[track_caller]
    fn broken(file: &str, text: &str, line: usize, words: &str) {
        let found = messages(file, text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("{line}: ")) && found[0].contains(words), "{found:?}");
    }

    #[track_caller]
    fn fine(file: &str, text: &str) {
        assert_eq!(messages(file, text), Vec::<String>::new());
    }

    #[test]
    fn imports_run_one_way() {
        broken("core/src/data/split.rs", "//! a\nuse crate::{config, model::bert};\n", 2, "data must not import model");
        fine("core/src/data/split.rs", "//! crate::model\nuse crate::config::model;\nuse super::columns;\n");
        fine("core/src/train/step.rs", "//! a\nuse crate::model::bert;\n");
    }

    #[test]
    fn only_kernels_chooses_between_kernels() {
        let text = "//! a\n#[cfg(feature = \"cpu\")]\nfn f() {}\n";
        broken("core/src/nn/linear.rs", text, 2, "belongs in kernels");
        fine("core/src/kernels/gelu.rs", text);
        fine("core/src/nn/linear.rs", "//! a\n#[cfg(all(test, feature = \"cpu\"))]\nmod tests {}\n");
    }

    #[test]
    fn plain_rooms_have_no_burn() {
        for file in ["core/src/config/run.rs", "core/src/event.rs", "core/src/session/protocol.rs"] {
            broken(file, "//! a\nuse burn::tensor::Tensor;\n", 2, "no burn");
        }
        broken("core/src/metrics/mod.rs", "//! a\nuse burn_tensor::Tensor;\n", 2, "no burn");
        fine("core/src/session/run.rs", "//! a\nuse burn::tensor::Tensor;\n");
        fine("core/src/config/run.rs", "//! burn::x\nlet burn = 1;\nlet text = \"burn::tensor\";\n");
    }

    #[test]
    fn the_page_has_no_burn() {
        broken("app/src/main.rs", "//! a\nuse burn::tensor::Tensor;\n", 2, "page must not contain burn");
        broken("app/Cargo.toml", "[dependencies]\nburn.workspace = true\n", 2, "page must not contain burn");
        broken("app/Cargo.toml", "hone-core = { workspace = true, features = [\"engine\"] }\n", 1, "burn");
        fine("app/worker/src/main.rs", "//! a\nuse burn::tensor::Tensor;\n");
    }

    #[test]
    fn only_kernels_and_platform_ask_for_the_target() {
        let text = "//! a\n#[cfg(target_arch = \"wasm32\")]\nfn f() {}\n";
        broken("core/src/train/step.rs", text, 2, "kernels");
        broken("app/src/client.rs", text, 2, "platform");
        fine("core/src/kernels/constructors.rs", text);
        fine("app/worker/src/platform.rs", text);
        fine("cli/src/device.rs", text);
        fine("core/src/train/step.rs", "//! a\n#[cfg(test)]\nmod tests {}\n");
    }

    #[test]
    fn core_does_not_name_the_browser() {
        broken("core/src/hub.rs", "//! a\nuse web_sys::Window;\n", 2, "browser API");
        fine("app/src/client.rs", "//! a\nuse web_sys::Window;\n");
    }

    #[test]
    fn components_do_not_import_state() {
        broken("app/src/components/chart.rs", "//! a\nuse crate::state::RunState;\n", 2, "must not import state");
        fine("app/src/pages/train.rs", "//! a\nuse crate::state::RunState;\n");
    }

    #[test]
    fn every_rust_file_says_what_it_is() {
        broken("cli/src/main.rs", "fn main() {}\n", 1, "//!");
    }

    #[test]
    fn long_files_are_listed() {
        let long = "//! a\n".repeat(LONGEST + 1);
        broken("cli/src/main.rs", &long, LONGEST + 1, "501 lines");
        fine("cli/src/main.rs", &"//! a\n".repeat(LONGEST));
    }

    #[test]
    fn no_paths_of_somebodys_machine() {
        let path = format!("/{}/someone/x", "home");
        broken("README.md", &format!("a\nsee `{path}`\n"), 2, "somebody's machine");
        fine("README.md", "../home/x and https://example.org/work/x\n");
    }

    #[test]
    fn no_leftovers() {
        let word = concat!("TO", "DO");
        broken("cli/src/main.rs", &format!("//! a\n// {word}: later\n"), 2, word);
        fine("cli/src/main.rs", &format!("//! a\nconst {word}S: u8 = 1;\n"));
        fine("tests/data/tweets.csv", &format!("{word} list\n"));
    }

    #[test]
    fn trunk_names_the_locked_wasm_bindgen() {
        let lock = "name = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(pinned("[tools]\nwasm_bindgen = \"0.2.130\"\n", lock), []);
        let found = pinned("[tools]\nwasm_bindgen = \"0.2.1\"\n", lock);
        assert_eq!((found.len(), found[0].line), (1, 2));
    }
}
