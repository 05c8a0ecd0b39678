//! Exports of a tiny encoder are opened again: whole, adapted, and damaged in each way that matters.

use std::io;
use std::ops::Range;

use burn::tensor::Device;
use futures_lite::future::block_on;

use super::*;
use crate::config::{Dtype, LoraConfig, Method, RunConfig, SplitConfig};
use crate::folder::StoredBytes;
use crate::session::tiny;

const WEIGHTS: &str = "model.safetensors";

/// A run that is over, of 60 rows.
fn trained(run: &RunConfig) -> Session {
    let mut session = tiny::with_lines(run);
    session.start(run.clone()).expect("it starts");
    while block_on(session.next_event()).expect("the run goes on").is_some() {}
    session
}

fn settings() -> RunConfig {
    RunConfig {
        num_train_epochs: 2,
        batch_size: 8,
        learning_rate: 1e-3,
        max_seq_length: 16,
        split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.1 },
        ..RunConfig::default()
    }
}

/// What comes of an export after something was done to its files.
fn reopened(session: &mut Session, format: ExportFormat, damage: impl FnOnce(&mut Folder)) -> Reopened {
    let given = block_on(session.answers_to_compare(format, &|| 0.0)).expect("it answers");
    let mut files = block_on(session.export(format)).expect("it exports");
    damage(&mut files);
    block_on(given.compare(files, &|| 0.0))
}

fn change(files: &mut Folder, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = files.remove(name).unwrap_or_else(|| panic!("there is a {name}"));
    change(&mut bytes);
    files.insert(name, bytes);
}

#[test]
fn what_was_written_answers_like_what_is_in_memory() {
    let mut session = trained(&settings());
    let found = reopened(&mut session, ExportFormat::Merged, |_| {});
    assert!(found.is_alike, "{}", found.text);
    assert!(found.text.starts_with("it answers like the model in memory on 6 of 6 test rows"), "{}", found.text);
}

#[test]
fn adapters_alone_and_added_to_their_weights_answer_alike() {
    let of_run = |dtype: Dtype, use_dora: bool| {
        let lora = LoraConfig { target_modules: vec!["all-linear".into()], use_dora, ..LoraConfig::default() };
        trained(&RunConfig { method: Method::Lora, learning_rate: 1e-2, lora, dtype, ..settings() })
    };
    // Of a run in half precision it is the weights that are compared, not what it rounds.
    for (dtype, use_dora) in [(Dtype::F32, false), (Dtype::Bf16, false), (Dtype::Bf16, true)] {
        let mut session = of_run(dtype, use_dora);
        for format in [ExportFormat::Adapter, ExportFormat::Merged] {
            let found = reopened(&mut session, format, |_| {});
            assert!(found.is_alike, "{dtype:?} {format:?}: {}", found.text);
        }
    }
    let mut session = of_run(Dtype::F32, false);
    let found = reopened(&mut session, ExportFormat::Adapter, |files| {
        change(files, "adapter_model.safetensors", |bytes| overwrite_second_half(bytes));
    });
    assert!(!found.is_alike && found.text.contains("furthest off is row "), "{}", found.text);
    let mut given = block_on(session.answers_to_compare(ExportFormat::Adapter, &|| 0.0)).expect("it answers");
    given.base.as_mut().expect("an adapter has one").insert_stored(WEIGHTS, Rc::new(Gone));
    let files = block_on(session.export(ExportFormat::Adapter)).expect("it exports");
    let found = block_on(given.compare(files, &|| 0.0));
    let told = "its base is gone: model.safetensors can't be read any more";
    assert!(found.is_alike && found.text.contains(told), "{}", found.text);
}

/// A file that was deleted since it was opened.
#[derive(Debug)]
struct Gone;

impl StoredBytes for Gone {
    fn num_bytes(&self) -> u64 {
        100
    }

    fn read(&self, _: Range<u64>) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Sets the second half of the weights to a number.
fn overwrite_second_half(bytes: &mut [u8]) {
    let header = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let begin = 8 + header;
    let numbers = (bytes.len() - begin) / 4;
    for four in bytes[begin + numbers / 2 * 4..].chunks_exact_mut(4) {
        four.copy_from_slice(&0.75_f32.to_le_bytes());
    }
}

#[test]
fn a_damaged_file_is_found_with_the_row_that_is_furthest_off() {
    let mut session = trained(&settings());
    let mut of = |name: &str, damage: &dyn Fn(&mut Vec<u8>)| {
        let found = reopened(&mut session, ExportFormat::Merged, |files| change(files, name, damage));
        assert!(!found.is_alike, "{name}: {}", found.text);
        found.text
    };
    let told = of(WEIGHTS, &|bytes| overwrite_second_half(bytes));
    assert!(told.contains("furthest off is row ") && told.contains("of 6 test rows only"), "{told}");
    let told = of(WEIGHTS, &|bytes| bytes.truncate(bytes.len() - 100));
    assert!(told.starts_with("it can't be opened and asked again: "), "{told}");
    let text = |from: &'static str, to: &'static str| {
        move |bytes: &mut Vec<u8>| {
            let text = String::from_utf8(bytes.clone()).expect("it is text");
            assert!(text.contains(from), "{from} is not in it");
            *bytes = text.replace(from, to).into_bytes();
        }
    };
    let told = of("config.json", &text("\"arrival\"", "\"departure\""));
    assert!(told.starts_with("its labels are departure, lament, not arrival, lament"), "{told}");
    let told = of("hone.json", &text("sequence_classification", "regression"));
    assert!(told.contains("regression"), "{told}");
}

#[test]
fn without_rows_made_up_inputs_are_asked() {
    let lora = LoraConfig { target_modules: vec!["all-linear".into()], ..LoraConfig::default() };
    let mut session = trained(&RunConfig { method: Method::Lora, learning_rate: 1e-2, lora, ..settings() });
    let adapter = block_on(session.export(ExportFormat::Adapter)).expect("it exports");
    let base = session.loaded().expect("it is there").pretrained.folder.clone();
    let mut bare = Session::new(Device::flex());
    bare.load_model(ModelSource::Local { name: "tiny".into() }, base).expect("the fixture loads");
    bare.load_adapter(adapter).expect("it fits");
    for format in [ExportFormat::Merged, ExportFormat::Adapter] {
        let found = reopened(&mut bare, format, |_| {});
        assert!(found.is_alike && found.text.contains("16 of 16 made-up inputs"), "{}", found.text);
    }
    let found = reopened(&mut bare, ExportFormat::Merged, |files| {
        change(files, WEIGHTS, |bytes| overwrite_second_half(bytes));
    });
    assert!(!found.is_alike && found.text.contains("made-up input "), "{}", found.text);
}

#[test]
fn asking_ends_after_its_time() {
    let mut session =
        trained(&RunConfig { split: SplitConfig { valid_fraction: 0.2, test_fraction: 0.0 }, ..settings() });
    let passed = std::cell::Cell::new(0.0);
    let clock = || {
        passed.set(passed.get() + 2.0 * ASKING_MS);
        passed.get()
    };
    let given = block_on(session.answers_to_compare(ExportFormat::Merged, &clock)).expect("it answers");
    let files = block_on(session.export(ExportFormat::Merged)).expect("it exports");
    let found = block_on(given.compare(files, &|| 0.0));
    assert!(found.is_alike, "{}", found.text);
    assert!(found.text.contains("validation rows (of 12: more would have taken too long)"), "{}", found.text);
}

#[test]
fn the_files_of_a_task_are_those_of_its_folder() {
    let mut all = Folder::new();
    for name in ["hone.json", "mood/hone.json", "mood/1_Pooling/config.json", "moods/hone.json"] {
        all.insert(name, name);
    }
    let own = files_of_part(&all, "mood");
    assert_eq!(own.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["1_Pooling/config.json", "hone.json"]);
}
