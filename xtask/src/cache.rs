//! The folder that set-up owns: tools, the wasm toolchain, and a stamp for each, so that a second run is quick.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::proc;

/// `$HONE_CACHE`, else `$XDG_CACHE_HOME/hone`, else `~/.cache/hone`.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Finds the folder; makes nothing yet.
    ///
    /// # Errors
    /// When none of the three variables (nor `USERPROFILE`) is set.
    pub fn locate() -> Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let root = set("HONE_CACHE")
            .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("hone")))
            .or_else(|| set("HOME").or_else(|| set("USERPROFILE")).map(|home| home.join(".cache").join("hone")))
            .context("no home folder: set HONE_CACHE to a folder that set-up may fill")?;
        Ok(Self { root })
    }

    /// A cache at a given folder.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// The root that `cargo install` fills.
    #[must_use]
    pub fn tools(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// Where `trunk` and `wasm-bindgen` lie.
    #[must_use]
    pub fn tools_bin(&self) -> PathBuf {
        self.tools().join("bin")
    }

    /// The folder that `npm install` fills with wasm-opt.
    #[must_use]
    pub fn node(&self) -> PathBuf {
        self.root.join("node")
    }

    /// The folder that `npm install` fills with axe-core.
    #[must_use]
    pub fn axe(&self) -> PathBuf {
        self.root.join("axe")
    }

    /// Where `wasm-opt` lies.
    #[must_use]
    pub fn node_bin(&self) -> PathBuf {
        self.node().join("node_modules").join(".bin")
    }

    /// The assembled wasm toolchain (only where rustup cannot bring the target).
    #[must_use]
    pub fn toolchain(&self) -> PathBuf {
        self.root.join("toolchain")
    }

    /// Room for intermediate files of the set-up, kept so that an interrupted one goes on where it was.
    #[must_use]
    pub fn build(&self) -> PathBuf {
        self.root.join("build")
    }

    /// Where the tools are compiled: in one folder, since they share crates.
    #[must_use]
    pub fn tools_build(&self) -> PathBuf {
        self.build().join("tools")
    }

    /// What the stamp of `name` says, if there is one.
    #[must_use]
    pub fn stamp(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join("stamps").join(name)).ok()
    }

    /// Notes that `name` is installed in state `value`.
    ///
    /// # Errors
    /// When the stamp cannot be written.
    pub fn set_stamp(&self, name: &str, value: &str) -> Result<()> {
        proc::write(&self.root.join("stamps").join(name), value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read_back() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::at(folder.path());
        assert_eq!(cache.stamp("trunk"), None);
        cache.set_stamp("trunk", "0.22.1").expect("the folder is ours");
        assert_eq!(cache.stamp("trunk").as_deref(), Some("0.22.1"));
    }
}
