//! Images on the disk. In: a folder of them, which becomes the zip that rows of images are read from; or paths of images,
//! folders and zips, which are to be answered. Out: bytes with their names.
//!
//! In a folder, links are not followed and hidden names are passed over; of the others, images and tables are taken by
//! their names, and what is none of them is said.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{anyhow, bail};
use hone_core::images::{Archive, ImageZip, is_image_name};
use hone_core::words::plural;
use indicatif::HumanBytes;

use crate::failure::io_error;
use crate::output::{MAX_DATA_BYTES, read_data_file, read_file};
use crate::progress::say;

/// Extensions of tables, which may say what is in the images beside them.
const TABLES: [&str; 6] = ["csv", "tsv", "tab", "json", "jsonl", "ndjson"];

/// What is done with images that are to be answered, in messages.
const DOING: &str = "read the images";

/// Names that are listed in a message; the rest is counted.
const MAX_LISTED: usize = 5;

/// What a folder holds, all of it sorted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Images and tables, by their paths in the folder, with `/`.
    files: Vec<String>,
    /// Their sizes in bytes, added up.
    bytes: u64,
    /// What is neither.
    others: Vec<String>,
    /// Links.
    links: Vec<String>,
}

/// A folder of images, and perhaps of tables, as a zip. The same files give the same bytes. Beside the zip one file lies in memory at a
/// time.
///
/// # Errors
/// When it holds no image, more than fits into memory, or what can't be read.
pub(crate) fn pack_folder(doing: &str, dir: &Path) -> anyhow::Result<Vec<u8>> {
    let found = find_files(doing, dir, MAX_DATA_BYTES)?;
    let mut zip = ImageZip::with_room(found.files.iter().map(String::as_str), found.bytes);
    for name in &found.files {
        let path = dir.join(name);
        let bytes = read_file(doing, &path)?;
        zip.add(name, &bytes).map_err(|error| io_error(doing, &error, &path))?;
    }
    Ok(zip.finish().map_err(|error| io_error(doing, &error, dir))?.into_inner())
}

/// The images that paths name: files as they are, all images of a folder or of a zip. An image is called as its path.
///
/// # Errors
/// When a path is nothing, a folder or a zip holds no image, or there is more than fits into memory.
pub(crate) fn read_images(paths: &[PathBuf]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut images = Vec::new();
    let mut left = MAX_DATA_BYTES;
    for path in paths {
        let files: Vec<(String, Vec<u8>)> = if path.is_dir() {
            let files = read_folder(DOING, path, left)?.into_iter().filter(|(name, _)| is_image_name(name));
            files.map(|(name, bytes)| (name_in(path, &name), bytes)).collect()
        } else if is_zip(path) {
            read_zip(path, left)?
        } else {
            vec![(path.display().to_string(), read_data_file(DOING, path)?)]
        };
        left = take_bytes(&files, left, path)?;
        images.extend(files);
    }
    Ok(images)
}

/// The images of a zip; says which of them can't be unpacked. No more than a file over `limit` bytes are held.
fn read_zip(path: &Path, limit: u64) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let bytes = read_data_file(DOING, path)?;
    let zip = Archive::open(bytes.as_slice()).map_err(|error| anyhow!("can't {DOING}: {error}: {}", path.display()))?;
    let is_read = |(_, name): &(usize, &str)| is_image_name(name) && !name.split(['/', '\\']).any(is_hidden);
    let (mut files, mut held) = (Vec::new(), 0);
    for (index, name) in zip.files().filter(is_read) {
        match zip.read(index) {
            Ok(bytes) => {
                held += bytes.len() as u64;
                files.push((name_in(path, name), bytes));
            }
            Err(error) => say(&format!("{} is left out: {error}", name_in(path, name))),
        }
        if held > limit {
            break; // which is said by who counts them
        }
    }
    if files.is_empty() {
        bail!("can't {DOING}: the zip holds none: {}", path.display());
    }
    Ok(files)
}

/// What is left of so many bytes.
fn take_bytes(files: &[(String, Vec<u8>)], left: u64, path: &Path) -> anyhow::Result<u64> {
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    left.checked_sub(bytes).ok_or_else(|| {
        let limit = HumanBytes(MAX_DATA_BYTES);
        anyhow!("can't {DOING}: they have more than {limit}, ask for fewer at once: {}", path.display())
    })
}

/// How a file of a folder or a zip is called.
fn name_in(path: &Path, name: &str) -> String {
    format!("{}/{name}", path.display().to_string().trim_end_matches('/'))
}

/// Whether a file is a zip by its name.
pub(crate) fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
}

/// Images and tables of a folder with their paths in it. No more than `limit` bytes are read.
fn read_folder(doing: &str, dir: &Path, limit: u64) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let read = |name: String| {
        let bytes = read_file(doing, &dir.join(&name))?;
        anyhow::Ok((name, bytes))
    };
    find_files(doing, dir, limit)?.files.into_iter().map(read).collect()
}

/// Looks for images and tables in a folder; says what else is there. They have `limit` bytes at most.
fn find_files(doing: &str, dir: &Path, limit: u64) -> anyhow::Result<Found> {
    let found = walk(dir)?;
    if !found.files.iter().any(|name| is_image_name(name)) {
        bail!(
            "can't {doing}: it is a folder without images, and without files of rows (those in folders of its own are not read): {}",
            dir.display()
        );
    }
    if found.bytes > limit {
        let (found, limit) = (HumanBytes(found.bytes), HumanBytes(limit));
        bail!("can't {doing}: its images have {found}, at most {limit} are read: {}", dir.display());
    }
    for (names, what) in [(&found.others, "neither an image nor a table"), (&found.links, "a link")] {
        if let Some(passed) = passed_over(names, what) {
            say(&format!("{}: {passed}", dir.display()));
        }
    }
    Ok(found)
}

/// Says which names were passed over, and why; nothing where none was.
fn passed_over(names: &[String], what: &str) -> Option<String> {
    let more = names.len().saturating_sub(MAX_LISTED);
    let shown = names[..names.len() - more].join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| format!("{} passed over, each {what}: {shown}{more}", plural(names.len(), "name")))
}

/// Looks through a folder and those in it.
fn walk(dir: &Path) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut waiting = vec![(dir.to_owned(), String::new())];
    while let Some((dir, prefix)) = waiting.pop() {
        let failed = |error: io::Error| io_error("list the folder", &error, &dir);
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (name, kind) = (entry.file_name(), entry.file_type().map_err(failed)?);
            let path = format!("{prefix}{}", name.to_string_lossy());
            // In a zip names are Unicode.
            let name = name.to_str();
            if name.is_some_and(is_hidden) {
                continue;
            }
            if kind.is_symlink() {
                found.links.push(path);
            } else if kind.is_dir() && name.is_some() {
                waiting.push((entry.path(), format!("{path}/")));
            } else if kind.is_file() && name.is_some_and(|name| is_image_name(name) || is_table_name(name)) {
                found.bytes += entry.metadata().map_err(failed)?.len();
                found.files.push(path);
            } else {
                found.others.push(path);
            }
        }
    }
    [&mut found.files, &mut found.others, &mut found.links].into_iter().for_each(|names| names.sort_unstable());
    Ok(found)
}

/// Whether a name is hidden, or of what programs leave behind.
fn is_hidden(name: &str) -> bool {
    let left_behind = ["__MACOSX", "Thumbs.db", "desktop.ini"];
    name.starts_with('.') || left_behind.iter().any(|own| name.eq_ignore_ascii_case(own))
}

fn is_table_name(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|extension| TABLES.iter().any(|table| extension.eq_ignore_ascii_case(table)))
}

#[cfg(test)]
mod tests {
    use hone_core::images::pack_zip;

    use super::*;

    fn put(dir: &Path, path: &str, bytes: &[u8]) {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("makes");
        fs::write(path, bytes).expect("writes");
    }

    #[test]
    fn a_folder_is_packed_by_names_whatever_the_times() {
        let [a, b] = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
        let files: [(&str, &[u8]); 3] = [("circle/1.png", b"1"), ("square/b.JPG", b"2"), ("metadata.csv", b"3")];
        files.iter().for_each(|(path, bytes)| put(a.path(), path, bytes));
        files.iter().rev().for_each(|(path, bytes)| put(b.path(), path, bytes));
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        let file = fs::File::options().write(true).open(b.path().join("circle/1.png")).expect("opens");
        file.set_modified(old).expect("the file is ours");
        let packed = pack_folder("read the data", a.path()).expect("packs");
        assert_eq!(packed, pack_folder("read the data", b.path()).expect("packs"));
        let zip = Archive::open(packed.as_slice()).expect("a zip");
        let names: Vec<&str> = zip.files().map(|(_, name)| name).collect();
        assert_eq!(names, ["circle/1.png", "metadata.csv", "square/b.JPG"]);
        put(b.path(), "circle/2.png", b"4");
        assert_ne!(packed, pack_folder("read the data", b.path()).expect("packs"));
    }

    #[test]
    fn what_is_not_read_is_passed_over_and_said() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for path in ["a/1.png", "a/.b.png", ".git/2.png", "__MACOSX/a/3.png", "a/Thumbs.db", "a/notes.txt", "b.pdf"] {
            put(dir.path(), path, b"x");
        }
        let found = walk(dir.path()).expect("reads");
        assert_eq!((found.files, found.bytes), (vec!["a/1.png".to_owned()], 1));
        assert_eq!(found.others, ["a/notes.txt", "b.pdf"]);
        let said = passed_over(&found.others, "neither an image nor a table").expect("there are some");
        assert_eq!(said, "2 names passed over, each neither an image nor a table: a/notes.txt, b.pdf");
        assert_eq!(passed_over(&[], "a link"), None);
        let many: Vec<String> = (0..8).map(|n| format!("{n}.txt")).collect();
        assert!(passed_over(&many, "a link").expect("there are some").ends_with("4.txt and 3 more"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        put(dir.path(), "in/a/1.png", b"x");
        put(dir.path(), "secret/2.png", b"y");
        for (to, from) in [("secret", "in/b"), ("secret/2.png", "in/a/2.png"), ("in", "in/a/loop")] {
            std::os::unix::fs::symlink(dir.path().join(to), dir.path().join(from)).expect("links");
        }
        let found = walk(&dir.path().join("in")).expect("reads");
        assert_eq!((found.files.len(), found.links), (1, vec!["a/2.png".into(), "a/loop".into(), "b".into()]));
    }

    #[test]
    fn a_folder_without_images_and_one_that_is_too_large_are_refused() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        put(dir.path(), "rows.csv", b"text,label\n");
        let message = pack_folder("read the data", dir.path()).expect_err("a table alone").to_string();
        assert!(message.starts_with("can't read the data: it is a folder without images"), "{message}");
        assert!(message.ends_with(&dir.path().display().to_string()), "{message}");
        put(dir.path(), "a/1.png", b"0123456789");
        let message = read_folder("read the data", dir.path(), 20).expect_err("too large").to_string();
        assert!(message.contains("its images have 21 B, at most 20 B are read"), "{message}");
        assert_eq!(read_folder("read the data", dir.path(), 21).expect("they fit").len(), 2);
    }

    #[test]
    fn images_to_answer_come_from_files_folders_and_zips() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for path in ["x.dat", "photos/b/2.png", "photos/a/1.png", "photos/metadata.csv"] {
            put(dir.path(), path, path.as_bytes());
        }
        let files = ["a/3.png", "__MACOSX/a/._3.png", "readme.txt"].map(|name| (name.to_owned(), b"z".to_vec()));
        put(dir.path(), "more.ZIP", &pack_zip(&files));
        let paths = ["x.dat", "photos", "more.ZIP"].map(|name| dir.path().join(name));
        let images = read_images(&paths).expect("all are there");
        let expected = ["x.dat", "photos/a/1.png", "photos/b/2.png", "more.ZIP/a/3.png"];
        let expected = expected.map(|name| name_in(dir.path(), name));
        assert_eq!(images.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected);
        put(dir.path(), "none.zip", &pack_zip(&files[2..]));
        let message = read_images(&[dir.path().join("none.zip")]).expect_err("no image").to_string();
        assert!(message.contains("the zip holds none"), "{message}");
        assert!(read_images(&[dir.path().join("nowhere.png")]).is_err());
    }
}
