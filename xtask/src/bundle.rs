//! Puts `dist/` together for work and tests: the elements of `index.html` that are marked `data-trunk`, done as trunk does
//! them. What is deployed is put together by trunk itself. That is a program of 613 crates: bringing it took four minutes of
//! the first build on two cores, to copy a handful of files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::model::hex;
use crate::proc;
use crate::setup::Tools;
use crate::toolchain::TARGET;
use crate::web;

/// How an element begins that stands for a part of the page.
const ELEMENT: &str = "<link data-trunk";

/// Makes `dist` of `index.html` and of what cargo compiled with `profile`. It is replaced whole, once all of it is there.
///
/// # Errors
/// When `index.html` has an element that is unknown here, a file is missing, or wasm-bindgen fails.
pub(crate) fn assemble(tools: &Tools, profile: &str, dist: &Path) -> Result<()> {
    let root = crate::root();
    let index = root.join("index.html");
    let html = std::fs::read_to_string(&index).with_context(|| format!("cannot read {}", index.display()))?;
    let new = web::target_dir().join("bundle").join("dist");
    remove(&new)?;
    std::fs::create_dir_all(&new).with_context(|| format!("cannot make {}", new.display()))?;
    let compiled = web::target_dir().join(TARGET).join(profile);
    let page = replace_elements(&html, |element| {
        let href = element.get("href").context("it has no href")?;
        match (element.get("rel").unwrap_or_default(), element.get("data-type").unwrap_or_default()) {
            ("css", _) => {
                let name = copy_hashed(&root.join(href), &new)?;
                Ok(format!("<link rel=\"stylesheet\" href=\"./{name}\">"))
            }
            ("copy-dir", _) => proc::copy_tree(&root.join(href), &new, &[]).map(|()| String::new()),
            ("rust", "main") => main_script(tools, &compiled, &crate_of(href)?, &new),
            ("rust", "worker") => worker(tools, &compiled, &crate_of(href)?, &new).map(|()| String::new()),
            (rel, kind) => bail!("the quick build knows no rel {rel:?} with data-type {kind:?}"),
        }
    })?;
    proc::write(&new.join("index.html"), page)?;
    remove(dist)?;
    std::fs::rename(&new, dist).with_context(|| format!("cannot move {} to {}", new.display(), dist.display()))
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// An element and its attributes.
struct Element<'a>(&'a str);

impl Element<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.0.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    }
}

/// `html` with what `made` gives for each of the marked elements.
fn replace_elements(html: &str, made: impl Fn(&Element<'_>) -> Result<String>) -> Result<String> {
    let (mut page, mut rest) = (String::new(), html);
    while let Some(start) = rest.find(ELEMENT) {
        let length = rest[start..].find('>').context("an element of index.html has no end")? + 1;
        let element = &rest[start..start + length];
        page.push_str(&rest[..start]);
        // Attributes may stand on lines of their own.
        let line = element.split_whitespace().collect::<Vec<_>>().join(" ");
        page.push_str(&made(&Element(&line)).with_context(|| format!("in index.html, {line}"))?);
        rest = &rest[start + length..];
    }
    page.push_str(rest);
    Ok(page)
}

/// The name of a crate by its manifest, relative to the workspace.
fn crate_of(manifest: &str) -> Result<String> {
    let path = crate::root().join(manifest);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    name.map(str::to_owned).with_context(|| format!("{manifest} names no package"))
}

/// The page's script and wasm, under names that change with what is in them; returns the script that starts them.
fn main_script(tools: &Tools, compiled: &Path, name: &str, dist: &Path) -> Result<String> {
    let staged = bindgen(tools, compiled, name)?;
    let script = copy_hashed(&staged.join(format!("{name}.js")), dist)?;
    let wasm = copy_hashed(&staged.join(format!("{name}_bg.wasm")), dist)?;
    let mut html = String::new();
    writeln!(html, "<script type=\"module\">")?;
    writeln!(html, "import init from './{script}';\nawait init({{ module_or_path: './{wasm}' }});\n</script>")?;
    writeln!(html, "    <link rel=\"modulepreload\" href=\"./{script}\" crossorigin=\"anonymous\">")?;
    write!(
        html,
        "    <link rel=\"preload\" href=\"./{wasm}\" crossorigin=\"anonymous\" as=\"fetch\" type=\"application/wasm\">"
    )?;
    Ok(html)
}

/// The worker's script and wasm under the names by which the page starts it, and the script that loads both.
fn worker(tools: &Tools, compiled: &Path, name: &str, dist: &Path) -> Result<()> {
    let staged = bindgen(tools, compiled, name)?;
    for file in [format!("{name}.js"), format!("{name}_bg.wasm")] {
        std::fs::copy(staged.join(&file), dist.join(&file)).with_context(|| format!("cannot copy {file}"))?;
    }
    proc::write(&dist.join(format!("{name}_loader.js")), format!("import init from './{name}.js';await init();"))
}

/// Runs wasm-bindgen on a crate; returns the folder of what it wrote.
fn bindgen(tools: &Tools, compiled: &Path, name: &str) -> Result<PathBuf> {
    let staged = web::target_dir().join("bundle").join(name);
    let mut command = web::command(tools, "wasm-bindgen");
    command.args(["--target", "web", "--no-typescript", "--out-name", name, "--out-dir"]).arg(&staged);
    proc::run(command.arg(compiled.join(format!("{name}.wasm"))))?;
    Ok(staged)
}

/// Copies a file under its name and a hash of what is in it; returns that name.
fn copy_hashed(from: &Path, folder: &Path) -> Result<String> {
    let bytes = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    let (stem, suffix) = ["_bg.wasm", ".js", ".css"]
        .iter()
        .find_map(|suffix| Some((name.strip_suffix(suffix)?, *suffix)))
        .with_context(|| format!("{name} is no script, style sheet or wasm"))?;
    let hashed = format!("{stem}-{}{suffix}", &hex(&Sha256::digest(&bytes))[..16]);
    proc::write(&folder.join(&hashed), bytes)?;
    Ok(hashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_replaced_and_all_else_stays() {
        let html = "<head>\n<link rel=\"icon\" href=\"x\">\n<link data-trunk rel=\"css\"\n  href=\"a.css\">\n</head>";
        let page = replace_elements(html, |element| Ok(format!("[{}]", element.get("href").unwrap_or_default())));
        assert_eq!(page.expect("all is known"), "<head>\n<link rel=\"icon\" href=\"x\">\n[a.css]\n</head>");
        let error = replace_elements(html, |_| bail!("unknown")).expect_err("it is said where");
        assert_eq!(format!("{error:#}"), "in index.html, <link data-trunk rel=\"css\" href=\"a.css\">: unknown");
    }

    #[test]
    fn the_page_has_only_elements_that_are_known() {
        let html = std::fs::read_to_string(crate::root().join("index.html")).expect("it lies in the workspace");
        let rels = std::cell::RefCell::new(Vec::new());
        let note = |element: &Element<'_>| {
            let kind = element.get("data-type").unwrap_or_default();
            rels.borrow_mut().push(format!("{} {kind}", element.get("rel").unwrap_or_default()));
            Ok(String::new())
        };
        replace_elements(&html, note).expect("nothing fails");
        assert_eq!(rels.into_inner(), ["css ", "rust main", "rust worker", "copy-dir "]);
        assert_eq!(crate_of("app/worker/Cargo.toml").expect("it has a name"), "hone-worker");
    }

    #[test]
    fn a_copy_is_named_after_what_is_in_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("app_bg.wasm");
        proc::write(&file, "one").expect("the folder is ours");
        let one = copy_hashed(&file, folder.path()).expect("it can be read");
        proc::write(&file, "two").expect("the folder is ours");
        let two = copy_hashed(&file, folder.path()).expect("it can be read");
        assert!(one != two && one.starts_with("app-") && one.ends_with("_bg.wasm"), "{one}, {two}");
    }
}
