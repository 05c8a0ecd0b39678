//! Writes the tuned model of a session to a folder, opens that again, and compares what it answers with what the model in memory
//! answered. What does not answer alike is marked by a file in the folder, and is an error.

use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, bail};
use futures_lite::future::block_on;
use hone_core::config::ExportFormat;
use hone_core::folder::Folder;
use hone_core::session::{GivenAnswers, Session};

use crate::disk_file::DiskFile;
use crate::output::{self, read_file};

/// Says in a folder that it is not the model that was trained.
pub(crate) const DAMAGED: &str = "DAMAGED.txt";

/// What was written.
pub(crate) struct Written {
    /// Names and sizes of the files.
    pub(crate) files: Vec<(String, u64)>,
    /// Whether it was opened again, and how far off it is.
    pub(crate) told: String,
}

/// Writes the tuned model, and opens it again where that `is_verified`. The run of the session is gone then: what is opened needs
/// its room.
///
/// # Errors
/// When the device or the disk fails, or what was written does not answer like the model in memory.
pub(crate) fn export(
    session: &mut Session,
    format: ExportFormat,
    (dir, force): (&Path, bool),
    is_verified: bool,
) -> anyhow::Result<Written> {
    let began = Instant::now();
    let now_ms = || began.elapsed().as_secs_f64() * 1000.0;
    let mut told = "not opened again and compared (--no-verify)".to_owned();
    let given = match is_verified.then(|| block_on(session.answers_to_compare(format, &now_ms))) {
        None => None,
        Some(Ok(given)) => Some(given),
        Some(Err(error)) if error.is_of_memory() => {
            told = format!("not opened again and compared: the device has too little memory for that: {error}");
            None
        }
        Some(Err(error)) => return Err(error).context("asking the model in memory"),
    };
    let files = output::write(block_on(session.stream_export(format))?, dir, force)?;
    if let Some(given) = given {
        session.forget_run();
        session.release_built();
        told = compare(given, dir, &files, &now_ms)?;
    }
    Ok(Written { files, told })
}

/// Opens what lies in a folder, and says that it answers alike.
fn compare(
    given: GivenAnswers,
    dir: &Path,
    files: &[(String, u64)],
    now_ms: &dyn Fn() -> f64,
) -> anyhow::Result<String> {
    let mut written = Folder::new();
    for (name, _) in files {
        let (doing, path) = ("open again what was written", dir.join(name));
        match name.ends_with(".safetensors") {
            true => written.insert_stored(name.as_str(), Rc::new(DiskFile::open(doing, &path)?)),
            false => written.insert(name.as_str(), read_file(doing, &path)?),
        }
    }
    let found = block_on(given.compare(written, now_ms));
    if found.is_alike {
        return Ok(format!("opened again in {:.1} s: {}", found.secs, found.text));
    }
    let why = format!("what was written is not the model that was trained: {}", found.text);
    let mark = format!(
        "{why}\n\nDo not use the files in this folder. Write them again, to another disk if it happens again.\n"
    );
    let marked = match output::write_file(mark.as_bytes(), &dir.join(DAMAGED)) {
        Ok(()) => format!("{DAMAGED} in it says so"),
        Err(error) => format!("it could not be marked: {error:#}"),
    };
    bail!("{why}; {marked}: {}", dir.display())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use hone_core::config::{ModelSource, ReadOptions, RunConfig};
    use hone_core::data::DataFiles;

    use super::*;

    fn tiny_encoder() -> Folder {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny_encoder");
        let names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
        names.map(|name| (name.to_owned(), read_file("read", &dir.join(name)).expect("reads"))).into_iter().collect()
    }

    fn trained() -> Session {
        let rows: String =
            (0..40).map(|index| format!("my lord is come {index},{}\n", ["a", "b"][index % 2])).collect();
        let files =
            DataFiles { train: ("x.csv".into(), format!("text,label\n{rows}").into_bytes()), ..DataFiles::default() };
        let run = RunConfig { num_train_epochs: 1, max_seq_length: 16, ..RunConfig::default() };
        let mut session = Session::new(Device::flex());
        session.load_model(ModelSource::Local { name: "tiny".into() }, tiny_encoder()).expect("loads");
        session.load_data(files, &ReadOptions::default(), &run).expect("loads");
        session.start(run).expect("starts");
        while block_on(session.next_event()).expect("goes on").is_some() {}
        session
    }

    #[test]
    fn what_was_written_is_opened_again_and_a_flag_skips_that() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (checked, skipped) = (dir.path().join("checked"), dir.path().join("skipped"));
        let written = export(&mut trained(), ExportFormat::Merged, (&checked, false), true).expect("it is the same");
        let told = &written.told;
        assert!(told.starts_with("opened again in ") && told.contains("of 4 test rows"), "{told}");
        assert!(written.files.iter().any(|(name, bytes)| name == "model.safetensors" && *bytes > 0));
        assert!(!checked.join(DAMAGED).exists());
        let written = export(&mut trained(), ExportFormat::Merged, (&skipped, false), false).expect("it writes");
        assert!(written.told.contains("--no-verify"), "{}", written.told);
    }

    #[test]
    fn a_file_that_the_disk_damaged_is_an_error_and_marked() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut session = trained();
        let given = block_on(session.answers_to_compare(ExportFormat::Merged, &|| 0.0)).expect("it answers");
        let exported = block_on(session.stream_export(ExportFormat::Merged)).expect("it exports");
        let files = output::write(exported, dir.path(), false).expect("writes");
        let folder = block_on(session.export(ExportFormat::Merged)).expect("it exports");
        let written = |name: &str| read_file("read", &dir.path().join(name)).expect("reads");
        assert!(folder.iter().all(|(name, bytes)| written(name) == bytes), "the files are those that lay in memory");
        let size = |name: &str| (name.to_owned(), folder.size(name).unwrap_or(0));
        assert_eq!(files, folder.names().map(size).collect::<Vec<_>>());
        let weights = dir.path().join("model.safetensors");
        let mut bytes = read_file("read", &weights).expect("reads");
        let half = bytes.len() / 2;
        bytes[half..].fill(63); // numbers near 0.75
        output::write_file(&bytes, &weights).expect("writes");
        let error = compare(given, dir.path(), &files, &|| 0.0).expect_err("it is damaged").to_string();
        assert!(error.contains("furthest off is row ") && error.contains("DAMAGED.txt in it says so"), "{error}");
        let mark = std::fs::read_to_string(dir.path().join(DAMAGED)).expect("it is marked");
        assert!(mark.contains("Do not use the files"), "{mark}");
    }
}
