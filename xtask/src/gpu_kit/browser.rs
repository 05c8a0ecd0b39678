//! The browser's half of the kit: the built page, Chromium from Debian's packages with the libraries that it needs, and a
//! script that drives it with Python alone. Chromium is packed into one file, which is cut into as many folders as are needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::folder::{LIMIT, find_library, newest_glibc, say_size, size};
use super::{MADE, beside, clear};
use crate::bench::machine::commit;
use crate::{apt, proc, web};

/// Where Debian's package puts the browser.
const CHROMIUM: &str = "/usr/lib/chromium";
/// What its folder holds and a headless browser does not need.
const UNNEEDED: [&str; 7] = [
    "chrome-sandbox",
    "libVkICD_mock_icd.so",
    "libVkICD_mock_icd.so.TOC",
    "libVkLayer_khronos_validation.so",
    "libVkLayer_khronos_validation.so.TOC",
    "libvulkan.so.1.TOC",
    "locales",
];
/// Languages: without one of its own the browser does not start.
const LOCALE: &str = "en-US.pak";
/// Libraries that are opened by name as it runs: certificates and their checks.
const OPENED: [&str; 4] = ["libsoftokn3.so", "libfreebl3.so", "libfreeblpriv3.so", "libnssckbi.so"];
/// Parts of glibc, which must be the machine's own, and so must be what its driver is built upon.
const SYSTEM: [&str; 12] = [
    "ld-linux-x86-64.so",
    "libc.so",
    "libm.so",
    "libmvec.so",
    "libdl.so",
    "libpthread.so",
    "librt.so",
    "libresolv.so",
    "libutil.so",
    "libanl.so",
    "linux-vdso.so",
    "libgcc_s.so",
];
/// Places of fonts, one of which is enough.
const FONTS: [&str; 2] = [
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
];
/// Files of `bench/`, and where the first folder has them.
const FILES: [(&str, &str); 9] = [
    ("kit/run_browser.sh", "run_browser.sh"),
    ("web/drive.py", "drive.py"),
    ("shapes.json", "shapes.json"),
    ("web/posting.html", "web/posting.html"),
    ("web/posting.js", "web/posting.js"),
    ("web/hone.js", "web/hone.js"),
    ("web/counting.js", "web/counting.js"),
    ("web/counting_worker.js", "web/counting_worker.js"),
    ("web/peers/weights.js", "web/peers/weights.js"),
];

/// Makes `<out>-browser-1`, `-2` and so on.
///
/// # Errors
/// Without a built page, without a Chromium of Debian's, or when a file can't be read or written.
pub(super) fn make(out: &Path) -> Result<()> {
    if !web::dist().join("index.html").is_file() {
        bail!("the page is not built: run cargo xtask build --release first");
    }
    if !Path::new(CHROMIUM).join("chromium").is_file() {
        if !apt::here() {
            bail!("Chromium is taken from Debian's packages, and there is no apt-get here: make this part on Debian");
        }
        apt::ensure(&["chromium"], "the kit's browser")?;
    }
    let first = numbered(out, 1)?;
    clear(&first)?;
    let root = crate::root();
    for (from, to) in FILES {
        let (from, to) = (root.join("bench").join(from), first.join(to));
        let parent = to.parent().context("a file lies in a folder")?;
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make folder {}", parent.display()))?;
        std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    // The default model is large, and random ones are measured.
    proc::copy_tree(&web::dist(), &first.join("dist"), &["models"])?;

    let packed = pack(out)?;
    let made = format!("commit {}, {}", commit(), packed.facts);
    proc::write(&first.join(MADE), format!("{made}\n"))?;
    proc::say(&made);
    let bytes = std::fs::read(&packed.file).with_context(|| format!("cannot read {}", packed.file.display()))?;
    let room = |folder: &Path| -> Result<usize> { Ok(LIMIT.saturating_sub(size(folder)? + 4096) as usize) };
    let (mut number, mut rest) = (1, bytes.as_slice());
    while !rest.is_empty() {
        let folder = numbered(out, number)?;
        if number > 1 {
            clear(&folder)?;
            proc::write(&folder.join(MADE), format!("{made}\n"))?;
        }
        let (slice, after) = rest.split_at(rest.len().min(room(&folder)?));
        proc::write(&folder.join(format!("chromium.tar.xz.{number:02}")), slice)?;
        say_size(&folder)?;
        (number, rest) = (number + 1, after);
    }
    // An earlier kit may have had more folders; what lies beside these would be taken for a part of it.
    while numbered(out, number)?.join(MADE).is_file() {
        let stale = numbered(out, number)?;
        std::fs::remove_dir_all(&stale).with_context(|| format!("cannot remove {}", stale.display()))?;
        number += 1;
    }
    std::fs::remove_file(&packed.file).with_context(|| format!("cannot remove {}", packed.file.display()))?;
    proc::say(format!("there: put the folders side by side, then {}", first.join("run_browser.sh").display()));
    Ok(())
}

/// The folder of this number, beside the kit's.
fn numbered(out: &Path, number: usize) -> Result<PathBuf> {
    beside(out, &format!("-browser-{number}"))
}

/// Chromium in one file.
struct Packed {
    file: PathBuf,
    facts: String,
}

fn pack(out: &Path) -> Result<Packed> {
    let folder = beside(out, "-chromium")?;
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let browser = folder.join("chromium");
    proc::copy_tree(Path::new(CHROMIUM), &browser, &UNNEEDED)?;
    let copy = |from: &Path, to: &Path| {
        std::fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {}", from.display()))
    };
    std::fs::create_dir_all(browser.join("locales"))?;
    copy(&Path::new(CHROMIUM).join("locales").join(LOCALE), &browser.join("locales").join(LOCALE))?;

    let libraries = folder.join("lib");
    std::fs::create_dir_all(&libraries).with_context(|| format!("cannot make folder {}", libraries.display()))?;
    let mut files = vec![browser.join("chromium")];
    let mut needed = needed(&browser.join("chromium"))?;
    for name in OPENED {
        let found = find_library(name).or_else(|| {
            let beside = find_library("libnss3.so")?.parent()?.join("nss").join(name);
            beside.is_file().then_some(beside)
        });
        match found {
            Some(path) => {
                needed.extend(self::needed(&path)?);
                needed.insert(path);
            }
            None => proc::say(format!("note: {name} is not on this machine, so the kit has none")),
        }
    }
    for path in &needed {
        let name = path.file_name().context("a library has a name")?;
        copy(path, &libraries.join(name))?;
        files.push(libraries.join(name));
    }
    let fonts = folder.join("fonts");
    std::fs::create_dir_all(&fonts).with_context(|| format!("cannot make folder {}", fonts.display()))?;
    match FONTS.iter().map(Path::new).find(|path| path.is_file()) {
        Some(font) => copy(font, &fonts.join(font.file_name().context("a font has a name")?))?,
        None => proc::say("note: neither DejaVu nor Liberation is on this machine, so the kit has no font"),
    }
    let glibc = newest_glibc(&files)?;
    let version = proc::output(Command::new("dpkg-query").args(["-W", "-f=${Version}", "chromium"]))?;
    proc::say(format!("packing Chromium {version} with {} libraries (a few minutes)", needed.len()));
    let file = folder.with_extension("tar.xz");
    let mut tar = Command::new("tar");
    tar.env("XZ_OPT", "-6 -T0").args(["--create", "--xz", "--file"]).arg(&file).arg("-C").arg(&folder).arg(".");
    proc::run(&mut tar)?;
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    Ok(Packed { file, facts: format!("Chromium {version}, needs glibc {glibc} or newer") })
}

/// The libraries that a program loads when it starts, but for the system's own.
fn needed(program: &Path) -> Result<BTreeSet<PathBuf>> {
    let said = proc::output(Command::new("ldd").arg(program))?;
    if let Some(absent) = said.lines().find(|line| line.contains("not found")) {
        bail!("a library of {} is not on this machine: {}", program.display(), absent.trim());
    }
    Ok(libraries(&said).into_iter().map(PathBuf::from).collect())
}

/// Paths in what `ldd` says: `name => path (address)`.
fn libraries(said: &str) -> Vec<&str> {
    let is_system = |name: &str| SYSTEM.iter().any(|part| name.starts_with(part));
    let named = said.lines().filter_map(|line| line.trim().split_once(" => "));
    let usable = named.filter(|&(name, _)| !is_system(name) && !name.contains('/'));
    usable.filter_map(|(_, path)| path.split_whitespace().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_own_libraries_stay() {
        let said = "\tlinux-vdso.so.1 (0x7f)\n\tlibnss3.so => /lib/libnss3.so (0x7f)\n\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x7f)\n\tlibcups.so.2 => /lib/libcups.so.2 (0x7f)\n";
        assert_eq!(libraries(said), ["/lib/libnss3.so", "/lib/libcups.so.2"]);
    }

    #[test]
    fn folders_lie_beside_the_kit() {
        assert_eq!(numbered(Path::new("a/kit"), 2).expect("it has a name"), Path::new("a/kit-browser-2"));
    }

    #[test]
    fn every_file_of_the_browser_is_there() {
        for (file, _) in FILES {
            assert!(crate::root().join("bench").join(file).is_file(), "{file}");
        }
    }
}
