//! For tests: a session that the tiny encoder of `tests/fixtures` is loaded into, and labeled rows for it.

use burn::tensor::Device;

use super::Session;
use crate::config::{ModelSource, ReadOptions, RunConfig};
use crate::data::DataFiles;
use crate::folder::Folder;

/// A session with the model on the CPU, and without rows.
pub(crate) fn loaded() -> Session {
    let files: [(&str, &[u8]); 4] = [
        ("config.json", include_bytes!("../../../tests/fixtures/tiny_encoder/config.json")),
        ("model.safetensors", include_bytes!("../../../tests/fixtures/tiny_encoder/model.safetensors")),
        ("tokenizer.json", include_bytes!("../../../tests/fixtures/tiny_encoder/tokenizer.json")),
        ("tokenizer_config.json", include_bytes!("../../../tests/fixtures/tiny_encoder/tokenizer_config.json")),
    ];
    let folder: Folder = files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let mut session = Session::new(Device::flex());
    session.load_model(ModelSource::Local { name: "tiny".into() }, folder).expect("the fixture loads");
    session
}

/// A session with the model and sixty lines of two labels, which are read for a run.
pub(crate) fn with_lines(run: &RunConfig) -> Session {
    let mut csv = String::from("text,label\n");
    for index in 0..60 {
        let (text, label) = [("my lord is come", "arrival"), ("thou hast slain my queen", "lament")][index % 2];
        csv.push_str(&format!("{text} {index},{label}\n"));
    }
    let files = DataFiles { train: ("lines.csv".into(), csv.into_bytes()), ..DataFiles::default() };
    let mut session = loaded();
    session.load_data(files, &ReadOptions::default(), run).expect("the rows load");
    session
}
