//! Whole project files: what survives, what is refused, and that nothing panics.

use proptest::prelude::*;

use super::*;
use crate::config::{DataHashes, JobPart, ReadOptions, RunConfig};
use crate::task::Task;

fn file(name: &str, bytes: &str) -> NamedFile {
    (name.to_owned(), bytes.as_bytes().to_vec())
}

fn folder(files: &[(&str, &str)]) -> Folder {
    files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.as_bytes().to_vec())).collect()
}

const SAVED: &str = r#"{"step":3,"total_steps":9,"is_finished":false,"saved_ms":1.0,"elapsed_secs":2.5,"summary":{}}"#;

/// A run that was cut off, with all that a project file can hold.
fn example() -> Project {
    let source = ModelSource::Local { name: "mine".into() };
    let job = Job::new(source, Some("tickets.csv".into()), ReadOptions::default(), RunConfig::default());
    let data_sha256 = DataHashes { train: Some("ab".repeat(32)), ..DataHashes::default() };
    let job = Job { valid_file: Some("dev.csv".into()), data_sha256, ..job };
    Project {
        began_ms: Some(1.5e12),
        note: "for the talk".into(),
        rows: ProjectRows {
            train: file("tickets.csv", "text,label\na,b\n"),
            valid: Some(file("dev.csv", "text,label\n")),
            test: None,
        },
        model_sha256: [("config.json".to_owned(), "cd".repeat(32))].into(),
        model: folder(&[("config.json", "{}"), ("model.safetensors", "weights")]),
        run: folder(&[
            ("state.json", "{}"),
            ("model.safetensors", "weights"),
            (EVENTS_FILE, "{}\n"),
            (SAVED_FILE, SAVED),
        ]),
        page: "[{}]".into(),
        ..Project::new(job, NamedFile::default())
    }
}

/// What reading says of the example with one of its files taken out, or another put in.
#[track_caller]
fn refused(change: impl FnOnce(&mut Folder)) -> String {
    let mut folder = Folder::from_zip(&example().to_zip()).expect("it is a zip");
    change(&mut folder);
    Project::from_zip(&folder.to_zip()).expect_err("it is wrong").to_string()
}

/// The header with one text of it replaced by another.
fn with_header(folder: &mut Folder, from: &str, to: &str) {
    let header = String::from_utf8(folder.remove(HEADER).expect("it is there")).expect("it is text");
    assert!(header.contains(from), "{header}");
    folder.insert(HEADER, header.replacen(from, to, 1));
}

#[test]
fn a_project_survives_its_file() {
    let read = Project::from_zip(&example().to_zip()).expect("reads its own file");
    assert_eq!(read, example());
    let saved = read.saved_step().expect("it is whole").expect("it was saved");
    assert_eq!(saved, SavedStep { step: 3, total_steps: 9, is_finished: false, elapsed_secs: 2.5 });
    assert!(read.made_by.starts_with("Hone "), "{}", read.made_by);
    assert_eq!(example().to_zip(), example().to_zip(), "the same project, the same file");
    // A run that is added a piece at a time gives the same file.
    let mut project = example();
    let run = std::mem::take(&mut project.run);
    let mut zip = project.into_zip(Cursor::new(Vec::new())).expect("memory");
    for (name, bytes) in run.iter() {
        zip.begin(&Project::path_of_run(name).expect("a file of a run"), bytes.len() as u64).expect("memory");
        bytes.chunks(5).for_each(|piece| zip.append(piece).expect("memory"));
    }
    assert!(zip.finish().expect("memory").into_inner() == example().to_zip(), "another file");
    assert!(Project::path_of_run("../x").is_none() && Project::path_of_run("manifest.json").is_none());
}

#[test]
fn a_run_that_was_never_saved_has_no_checkpoint() {
    let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
    let mut read = Project::from_zip(&Project::new(job, file("x.csv", "")).to_zip()).expect("reads its own file");
    assert_eq!(read.saved_step().expect("nothing is wrong"), None);
    assert_eq!(read.take_checkpoint(), None);
    let checkpoint = example().take_checkpoint().expect("it was saved");
    assert_eq!(checkpoint, folder(&[("state.json", "{}"), ("model.safetensors", "weights")]));
}

/// A run of two tasks, of which the second has validation rows of its own.
fn several() -> Project {
    let parts = [("topic", None), ("mood", Some("dev.csv"))]
        .map(|(name, valid)| JobPart { valid_file: valid.map(str::to_owned), ..JobPart::new(name, Task::default()) });
    let job = Job { valid_file: None, parts: parts.to_vec(), ..example().job };
    let train = file("tickets.csv", "text,label\na,b\n");
    let rows = ProjectRows { train: train.clone(), ..ProjectRows::default() };
    let beside = vec![ProjectRows { train, valid: Some(file("dev.csv", "text,label\n")), test: None }];
    Project { job, rows, beside, ..example() }
}

#[test]
fn several_tasks_have_their_rows_each_in_its_place() {
    let zip = several().to_zip();
    assert_eq!(Project::from_zip(&zip).expect("reads its own file"), several());
    let folder = Folder::from_zip(&zip).expect("it is a zip");
    for path in ["data/train/tickets.csv", "data/2/train/tickets.csv", "data/2/valid/dev.csv"] {
        assert!(folder.get(path).is_some(), "{path}");
    }
    let header: serde_json::Value = serde_json::from_slice(folder.get(HEADER).expect("it is there")).expect("JSON");
    assert_eq!(header["hone_project"], 2, "an older version does not take it for a run of one task");
    let refused = |change: fn(&mut Folder)| {
        let mut folder = folder.clone();
        change(&mut folder);
        Project::from_zip(&folder.to_zip()).expect_err("it is wrong").to_string()
    };
    assert_eq!(refused(|f| drop(f.remove("data/2/train/tickets.csv"))), "the project file has no data/2/train/");
    assert_eq!(refused(|f| drop(f.remove("data/2/valid/dev.csv"))), "the project file has no data/2/valid/");
    for path in ["data/valid/dev.csv", "data/3/train/more.csv"] {
        let mut folder = folder.clone();
        folder.insert(path, "x");
        let error = Project::from_zip(&folder.to_zip()).expect_err("the job names no such file").to_string();
        assert_eq!(error, format!("{path:?} is no part of a project file"));
    }
}

#[test]
fn the_job_stands_in_the_file_as_it_is() {
    let folder = Folder::from_zip(&example().to_zip()).expect("it is a zip");
    let header: serde_json::Value = serde_json::from_slice(folder.get(HEADER).expect("it is there")).expect("JSON");
    let job: serde_json::Value = serde_json::from_str(&example().job.to_json()).expect("JSON");
    assert_eq!((&header["hone_project"], &header["job"]), (&1.into(), &job));
}

#[test]
fn names_lose_what_leads_elsewhere() {
    let train = file("../../etc/a:b.csv", "text,label\n");
    let model = folder(&[("mine/config.json", "{}")]);
    let rows = ProjectRows { train, ..example().rows };
    let read = Project::from_zip(&Project { rows, model, ..example() }.to_zip()).expect("it is whole");
    assert_eq!(read.rows.train.0, "a_b.csv");
    assert!(read.model.get("config.json").is_some());
}

#[test]
fn what_is_missing_is_named() {
    for name in ["project.json", "model/config.json", "run/saved.json"] {
        let error = refused(|folder| drop(folder.remove(name)));
        assert_eq!(error, format!("the project file has no {name}"));
    }
    assert_eq!(refused(|f| drop(f.remove("data/train/tickets.csv"))), "the project file has no data/train/");
    assert_eq!(refused(|f| drop(f.remove("data/valid/dev.csv"))), "the project file has no data/valid/");
    let job = Job { model: ModelSource::hub("a/b"), ..example().job };
    let unknown = Project { job, model: Folder::new(), model_sha256: BTreeMap::new(), ..example() };
    let error = Project::from_zip(&unknown.to_zip()).expect_err("of which model?").to_string();
    assert!(error.contains("no model_sha256 in project.json"), "{error}");
}

#[test]
fn what_does_not_belong_is_named() {
    assert!(refused(|folder| folder.insert("notes.txt", "x")).starts_with("\"notes.txt\" is no part"));
    assert!(refused(|folder| folder.insert("run/manifest.json", "x")).contains("run/manifest.json"));
    let test = "\"data/test/x.csv\" is no part of a project file";
    assert_eq!(refused(|folder| folder.insert("data/test/x.csv", "x")), test, "the job names no such file");
    let several = refused(|folder| folder.insert("data/train/more.csv", "x"));
    assert_eq!(several, "the project file has several files in data/train/");
}

#[test]
fn a_newer_layout_is_named_whatever_else_it_holds() {
    let error = refused(|folder| with_header(folder, "\"hone_project\": 1", "\"hone_project\": 3, \"new\": true"));
    assert_eq!(error, "the project file has layout 3, this version reads up to 2: update Hone");
    let error = refused(|folder| with_header(folder, "\"made_by\"", "\"nmae\": 1, \"made_by\""));
    assert!(error.contains("project.json of the project file can't be read") && error.contains("nmae"), "{error}");
}

#[test]
fn its_job_is_checked_as_any_other() {
    let error = refused(|folder| with_header(folder, "\"seed\": 42", "\"seed\": -1"));
    assert!(error.starts_with("the project's job file: "), "{error}");
    assert!(refused(|folder| folder.insert("run/saved.json", "{}")).contains("run/saved.json of the project file"));
    assert!(Project::from_zip(b"text,label\n").expect_err("rows").to_string().contains("the zip can't be read"));
}

#[test]
fn a_file_that_unpacks_to_far_more_than_it_is_is_refused() {
    let mut folder = Folder::from_zip(&example().to_zip()).expect("it is a zip");
    folder.insert("data/train/tickets.csv", vec![b'x'; usize::try_from(ROOM_BYTES).expect("fits") + (32 << 20)]);
    let zip = folder.to_zip();
    assert!(zip.len() < 1 << 20);
    let error = Project::from_zip(&zip).expect_err("a bomb").to_string();
    assert!(error.contains("unpacks to more than"), "{error}");
}

proptest! {
    #[test]
    fn damaged_files_never_panic(at in 0_usize..10_000, byte in any::<u8>(), cut in 0_usize..200) {
        let mut bytes = example().to_zip();
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        let _ = Project::from_zip(&bytes);
    }

    #[test]
    fn headers_of_anything_never_panic(header in any::<Vec<u8>>(), name in "[a-z./]{0,12}") {
        let mut folder = Folder::from_zip(&example().to_zip()).expect("it is a zip");
        folder.insert(HEADER, header);
        folder.insert(format!("run/{name}"), "x");
        let _ = Project::from_folder(folder);
    }
}
