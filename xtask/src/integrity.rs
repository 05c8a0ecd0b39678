//! Integrity hashes: the page takes each script, style sheet and wasm only as it was built. In: the page's HTML or one of its
//! scripts, and the folder that its files lie in. Out: the same with the SHA-256 of each file that it names.
//!
//! A browser that gets another file, of another build or changed on its way, does not run it. What module scripts import is
//! held to it by the `modulepreload` of the same address; a preloaded wasm by the `fetch` that asks for it. The loader of the worker,
//! `hone-worker.js`, and the scripts of the modules beside it (`hone-readers.js`, `hone-images.js`, `hone-templates.js`) have no hash:
//! browsers have none for what a worker imports.

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// How an address of a file beside the page begins.
const BESIDE: &str = "./";
/// How scripts of the tool that cuts the page fetch the parts of it; a name stands between.
const FETCH: [&str; 2] = ["fetch(new URL(\"./", "\", import.meta.url))"];

/// A file's hash as an `integrity` attribute has it.
///
/// # Errors
/// When it can't be read.
pub(crate) fn of_file(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(format!("sha256-{}", STANDARD.encode(Sha256::digest(bytes))))
}

/// `html` with a hash in each element that runs or styles by a file of `dist`, unless it has one.
///
/// # Errors
/// When a file is missing.
pub(crate) fn with_digests(html: &str, dist: &Path) -> Result<String> {
    let (mut page, mut rest) = (String::with_capacity(html.len()), html);
    while let Some(start) = rest.find('<') {
        let end = rest[start..].find('>').map_or(rest.len(), |end| start + end);
        let element = &rest[start..end];
        page.push_str(&rest[..end]);
        if let Some(name) = file_of(element)
            && attribute(element, "integrity").is_none()
        {
            page.push_str(&format!(" integrity=\"{}\"", of_file(&dist.join(name))?));
        }
        rest = &rest[end..];
    }
    page.push_str(rest);
    Ok(page)
}

/// `script` with a hash for each wasm of `folder` that it fetches.
///
/// # Errors
/// When a file is missing.
pub(crate) fn with_digests_of_fetched(script: &str, folder: &Path) -> Result<String> {
    let [begin, end] = FETCH;
    let mut parts = script.split(begin);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) =
            part.split_once(end).context("a fetch of a script of the page has another form than is known")?;
        let digest = of_file(&folder.join(name))?;
        filled.push_str(&format!("{begin}{name}\", import.meta.url), {{ integrity: \"{digest}\" }}){rest}"));
    }
    Ok(filled)
}

/// The file that an element runs or styles by, if it lies beside the page.
fn file_of(element: &str) -> Option<&str> {
    let address = if element.starts_with("<script ") {
        attribute(element, "src")
    } else if element.starts_with("<link ") {
        let is_held = matches!(attribute(element, "rel"), Some("stylesheet" | "modulepreload"));
        attribute(element, "href").filter(|_| is_held)
    } else {
        None
    };
    address?.strip_prefix(BESIDE)
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = element.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `go()`.
    fn digest() -> String {
        format!("sha256-{}", STANDARD.encode(Sha256::digest("go()")))
    }

    fn dist() -> tempfile::TempDir {
        let dist = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dist.path().join("a.js"), "go()").expect("the folder is ours");
        dist
    }

    #[test]
    fn scripts_and_styles_are_held_to_their_files() {
        let (dist, digest) = (dist(), digest());
        for element in [
            "<script type=\"module\" src=\"./a.js\"",
            "<link rel=\"modulepreload\" href=\"./a.js\" crossorigin=\"anonymous\"",
            "<link rel=\"stylesheet\" href=\"./a.js\"",
        ] {
            let page = with_digests(&format!("<p>\n{element}></p>"), dist.path()).expect("the file is there");
            assert_eq!(page, format!("<p>\n{element} integrity=\"{digest}\"></p>"));
            assert_eq!(with_digests(&page, dist.path()).expect("the file is there"), page, "once");
        }
        let other = "<link rel=\"icon\" href=\"./b.svg\"><script>1 < 2</script><script src=\"https://x/b.js\">";
        assert_eq!(with_digests(other, dist.path()).expect("no file of ours"), other);
        assert!(with_digests("<script src=\"./b.js\"></script>", dist.path()).is_err(), "there is no such file");
    }

    #[test]
    fn fetched_parts_are_held_to_their_files() {
        let (dist, digest) = (dist(), digest());
        let script = "const src = fetch(new URL(\"./a.js\", import.meta.url));\n    src.catch(() => {});";
        let expected =
            format!("const src = fetch(new URL(\"./a.js\", import.meta.url), {{ integrity: \"{digest}\" }});");
        let filled = with_digests_of_fetched(script, dist.path()).expect("the file is there");
        assert!(filled.starts_with(&expected) && filled.ends_with("src.catch(() => {});"), "{filled}");
        assert!(with_digests_of_fetched("fetch(new URL(\"./a.js\"))", dist.path()).is_err(), "another form");
        assert_eq!(with_digests_of_fetched("go()", dist.path()).expect("it fetches nothing"), "go()");
    }
}
