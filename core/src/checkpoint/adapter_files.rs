//! An adapter in a zip. In: the zip's bytes. Out: those of its files that are read.

use std::io::Cursor;

use crate::folder::{Folder, FolderError, ZipFiles};
use crate::hub::{ADAPTER_FILES, are_of_adapter, names_in_folder};

/// Most bytes that a zip with an adapter may unpack to: a browser has it in memory whole.
const MAX_UNPACKED_BYTES: u64 = 512 << 20;

/// The files of an adapter that are read, out of a zip of them, of their folder, or of one around it; `None` where it holds none, or a
/// model beside it.
///
/// # Errors
/// When it is no zip, is damaged, or unpacks to more than 512 MiB.
pub fn unzip_adapter(bytes: &[u8]) -> Result<Option<Folder>, FolderError> {
    let mut zip = ZipFiles::open_if(Cursor::new(bytes), MAX_UNPACKED_BYTES, |_, _| Ok::<(), FolderError>(()))?;
    let paths: Vec<String> = zip.files().map(|(path, _)| path.to_owned()).collect();
    if !are_of_adapter(paths.iter().map(String::as_str)) {
        return Ok(None);
    }
    let found = names_in_folder(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    let mut adapter = Folder::new();
    for (name, index) in found.into_iter().filter(|(name, _)| ADAPTER_FILES.contains(&name.as_str())) {
        adapter.insert(name, zip.read(&paths[index])?);
    }
    Ok(Some(adapter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{ADAPTER_CONFIG, ADAPTER_WEIGHTS};

    fn zip(files: &[(&str, &str)]) -> Vec<u8> {
        let mut folder = Folder::new();
        files.iter().for_each(|(name, text)| folder.insert(*name, *text));
        folder.to_zip()
    }

    #[test]
    fn of_a_zip_the_adapter_that_lies_least_deep_is_read() {
        let files = [
            ("out/adapter_config.json", "settings"),
            ("out/adapter_model.safetensors", "weights"),
            ("out/checkpoint-9/adapter_config.json", "older"),
            ("out/config.json", "labels"),
            ("out/tokenizer.json", "not read"),
        ];
        let adapter = unzip_adapter(&zip(&files)).expect("a zip").expect("an adapter");
        let names: Vec<&str> = adapter.names().collect();
        assert_eq!(names, [ADAPTER_CONFIG, ADAPTER_WEIGHTS, "config.json"]);
        assert_eq!(adapter.get(ADAPTER_CONFIG), Some(&b"settings"[..]));

        assert!(unzip_adapter(&zip(&[("rows.csv", "a,b")])).expect("a zip").is_none());
        assert!(unzip_adapter(b"PK, but no zip").is_err());
    }
}
