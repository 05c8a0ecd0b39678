//! What lets the page open without a connection: a service worker that keeps the files of one build, and never mixes two. In: a
//! `dist/` with all else in it. Out: the same with the service worker, and with a page that starts it (ADR 20).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::integrity;
use crate::model::hex;
use crate::proc;

/// What the two scripts are made of, relative to the workspace's folder.
const SOURCES: &str = "app/offline";
/// The service worker, in the sources and in `dist/`. Its scope is the folder that it lies in.
const WORKER: &str = "service-worker.js";
/// The script that the page starts it with.
const STARTER: &str = "offline.js";
/// What of `dist/` no browser keeps by this: models, which the part that trains keeps where they are used; notes of the build;
/// and the service worker itself, which browsers keep by themselves.
const LEFT_OUT: [&str; 3] = ["models", "built.txt", WORKER];
/// How the element begins that starts it; its name of the build follows.
const ELEMENT: &str = "<script type=\"module\" src=\"./offline.js\" data-build=\"";
const ELEMENT_END: &str = "\"></script>";
/// What the service worker's source says of its build, and of its files, without one.
const NO_BUILD: &str = "const BUILD = \"\";";
const NO_FILES: &str = "const FILES = {};";

/// Makes the page in `dist` one that browsers keep; returns the name of the build. Any other byte in any of its files, or in what
/// keeps them, makes it another build.
///
/// # Errors
/// When a file can't be read or written, or has a name that addresses write otherwise.
pub fn keep(dist: &Path) -> Result<String> {
    let page = dist.join("index.html");
    let html = without_element(&read(&page)?)?;
    proc::write(&page, &html)?;
    proc::write(&dist.join(STARTER), read(&source("page.js"))?)?;
    let template = read(&source(WORKER))?;
    let build = name_of(&template, &digests(dist)?);
    let (head, rest) = html.split_once("</head>").context("index.html has no end of its head")?;
    let digest = integrity::of_file(&dist.join(STARTER))?;
    proc::write(&page, format!("{head}  {ELEMENT}{build}\" integrity=\"{digest}{ELEMENT_END}\n  </head>{rest}"))?;
    proc::write(&dist.join(WORKER), filled(&template, &build, &digests(dist)?)?)?;
    Ok(build)
}

/// Makes the page in `dist` one that browsers do not keep, and that takes the place of one that they did.
///
/// # Errors
/// When a file can't be read or written.
pub fn keep_nothing(dist: &Path) -> Result<()> {
    let page = dist.join("index.html");
    proc::write(&page, without_element(&read(&page)?)?)?;
    let starter = dist.join(STARTER);
    if starter.exists() {
        std::fs::remove_file(&starter).with_context(|| format!("cannot remove {}", starter.display()))?;
    }
    proc::write(&dist.join(WORKER), read(&source(WORKER))?)
}

fn source(name: &str) -> PathBuf {
    crate::root().join(SOURCES).join(name)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The page without the element that starts the service worker.
fn without_element(html: &str) -> Result<String> {
    let Some((before, rest)) = html.split_once(ELEMENT) else { return Ok(html.to_owned()) };
    let (_, after) = rest.split_once(ELEMENT_END).context("the script of index.html that keeps it has no end")?;
    Ok(format!("{}{}", before.trim_end(), after))
}

/// A name for these files, kept in this way.
fn name_of(template: &str, digests: &BTreeMap<String, String>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(template);
    for (name, digest) in digests {
        hasher.update(format!("{name} {digest}\n"));
    }
    hex(&hasher.finalize())[..16].to_owned()
}

/// The service worker of a build.
fn filled(template: &str, build: &str, digests: &BTreeMap<String, String>) -> Result<String> {
    for line in [NO_BUILD, NO_FILES] {
        if template.matches(line).count() != 1 {
            bail!("{SOURCES}/{WORKER} must have one line {line}");
        }
    }
    let files = serde_json::to_string_pretty(digests).context("digests are plain text")?;
    let with_build = template.replace(NO_BUILD, &format!("const BUILD = \"{build}\";"));
    Ok(with_build.replace(NO_FILES, &format!("const FILES = {files};")))
}

/// SHA-256 of each file of the build, by its path in `dist`.
fn digests(dist: &Path) -> Result<BTreeMap<String, String>> {
    let mut digests = BTreeMap::new();
    collect(dist, "", &mut digests)?;
    Ok(digests)
}

fn collect(folder: &Path, above: &str, digests: &mut BTreeMap<String, String>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let name = format!("{above}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, &format!("{name}/"), digests)?;
            continue;
        }
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._/".contains(letter);
        if !name.chars().all(is_plain) {
            bail!("browsers keep only files with plain names (letters, digits, - . _), not {name:?}");
        }
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        digests.insert(name, hex(&Sha256::digest(&bytes)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<html>\n  <head>\n    <title>Hone</title>\n  </head>\n</html>";

    fn page() -> tempfile::TempDir {
        let dist = tempfile::tempdir().expect("a temporary folder");
        let files = [
            ("index.html", PAGE),
            ("page-1/hone-app.js", "go()"),
            ("models/a/model.safetensors", "m"),
            ("built.txt", "b"),
        ];
        for (name, text) in files {
            proc::write(&dist.path().join(name), text).expect("the folder is ours");
        }
        dist
    }

    fn text(dist: &tempfile::TempDir, name: &str) -> String {
        read(&dist.path().join(name)).expect("it is there")
    }

    #[test]
    fn all_files_of_the_build_are_kept_and_models_are_not() {
        let dist = page();
        let build = keep(dist.path()).expect("it can be kept");
        let worker = text(&dist, WORKER);
        assert!(worker.contains(&format!("const BUILD = \"{build}\";")), "{worker}");
        for name in ["index.html", "offline.js", "page-1/hone-app.js"] {
            let digest = hex(&Sha256::digest(text(&dist, name)));
            assert!(worker.contains(&format!("  \"{name}\": \"{digest}\"")), "{name}: {worker}");
        }
        for name in ["models/", "built.txt", "\"service-worker.js\":"] {
            let files = worker.split_once("const FILES = ").and_then(|(_, rest)| rest.split_once("};"));
            assert!(!files.expect("a list").0.contains(name), "{name}: {worker}");
        }
        let html = text(&dist, "index.html");
        let digest = integrity::of_file(&dist.path().join(STARTER)).expect("it is there");
        assert!(html.contains(&format!("{ELEMENT}{build}\" integrity=\"{digest}{ELEMENT_END}\n  </head>")), "{html}");
    }

    #[test]
    fn another_byte_or_another_name_makes_another_build() {
        let dist = page();
        let build = || keep(dist.path()).expect("it can be kept");
        let first = build();
        let (script, html) = (text(&dist, WORKER), text(&dist, "index.html"));
        assert_eq!(build(), first, "the same files");
        assert_eq!([text(&dist, WORKER), text(&dist, "index.html")], [script, html], "to the byte");
        proc::write(&dist.path().join("models/a/model.safetensors"), "n").expect("the folder is ours");
        assert_eq!(build(), first, "models are no part of it");

        proc::write(&dist.path().join("page-1/hone-app.js"), "go( )").expect("the folder is ours");
        let second = build();
        assert_ne!(second, first);
        std::fs::rename(dist.path().join("page-1"), dist.path().join("page-2")).expect("the folder is ours");
        let third = build();
        assert_ne!(third, second);
        proc::write(&dist.path().join("index.html"), PAGE.replace("Hone", "Home")).expect("the folder is ours");
        assert_ne!(build(), third);
        assert_ne!(name_of("a", &BTreeMap::new()), name_of("b", &BTreeMap::new()), "what keeps them counts, too");
    }

    #[test]
    fn a_page_that_is_not_kept_takes_the_place_of_one_that_was() {
        let dist = page();
        keep(dist.path()).expect("it can be kept");
        keep_nothing(dist.path()).expect("it can be written");
        assert_eq!(text(&dist, "index.html"), PAGE);
        assert!(!dist.path().join(STARTER).exists());
        let worker = text(&dist, WORKER);
        assert!(worker.contains(NO_BUILD) && worker.contains(NO_FILES), "it takes itself out: {worker}");
    }

    #[test]
    fn a_name_that_addresses_write_otherwise_is_refused() {
        let dist = page();
        proc::write(&dist.path().join("samples/my rows.csv"), "a").expect("the folder is ours");
        let error = keep(dist.path()).expect_err("it has a space");
        assert!(error.to_string().contains("samples/my rows.csv"), "{error}");
    }
}
