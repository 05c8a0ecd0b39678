//! Whole project files: what survives, what is refused, and that nothing panics.

use proptest::prelude::*;

use super::parts::HEADER;
use super::reader::ROOM_BYTES;
use super::*;
use crate::config::{DataHashes, JobPart, ModelSource, ReadOptions, RunConfig};
use crate::hub::sha256_hex;
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
    let saved = first_run(&example().to_zip()).saved.expect("it was saved");
    assert_eq!(saved, SavedStep { step: 3, total_steps: 9, is_finished: false, elapsed_secs: 2.5 });
    assert!(read.made_by.starts_with("Hone "), "{}", read.made_by);
    assert_eq!(example().to_zip(), example().to_zip(), "the same project, the same file");
    // What has no place in it is left out.
    let mut project = example();
    project.run.insert("manifest.json", "{}");
    project.model.insert("a\u{0}b", "x");
    assert_eq!(Project::from_zip(&project.to_zip()).expect("reads its own file"), example());
}

#[test]
fn a_run_that_was_never_saved_has_no_checkpoint() {
    let job = Job::new(ModelSource::hub("a/b"), None, ReadOptions::default(), RunConfig::default());
    let read = first_run(&Project::new(job, file("x.csv", "")).to_zip());
    assert_eq!((read.saved, read.files.len()), (None, 0));
    assert_eq!(first_run(&example().to_zip()).files.len(), 4);
}

/// The only run of a file.
fn first_run(zip: &[u8]) -> PackedRun {
    let reader = ProjectReader::open(Cursor::new(zip)).expect("reads its own file");
    assert_eq!((reader.runs().len(), reader.main(), reader.name()), (1, 0, None));
    reader.runs()[0].clone()
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

/// What is said of a run on the rows of [`ROWS`], whose model lies in the file.
fn about(number: u32, model: &str) -> RunAbout {
    let sha256 = |text: &str| sha256_hex(text.as_bytes());
    let job = Job { valid_file: None, data_sha256: DataHashes::default(), ..example().job };
    let data_sha256 = DataHashes { train: Some(sha256(ROWS)), ..DataHashes::default() };
    RunAbout {
        number: Some(number),
        began_ms: Some(1.5e12),
        note: format!("run {number}"),
        job: Job { data_sha256, ..job },
        model_sha256: [("config.json".to_owned(), sha256(model))].into(),
        has_model: true,
        page: "[]".into(),
    }
}

const ROWS: &str = "text,label\na,b\n";

/// Two runs on the same rows, of two models; the first was saved, and is the best.
fn two_runs() -> Vec<u8> {
    let rows = DraftFile { name: "tickets.csv".into(), sha256: sha256_hex(ROWS.as_bytes()) };
    let draft = ProjectDraft {
        task: Task::default(),
        model: Some(ModelSource::hub("a/b")),
        read: ReadOptions::default(),
        rows: [Some(rows), None, None],
        own_name: None,
        beside: Vec::new(),
        model_files: Vec::new(),
        page: "{}".into(),
    };
    let mut writer = ProjectWriter::new(Cursor::new(Vec::new()), "tickets", Some(0), Some(draft)).expect("memory");
    for (name, text) in [("a/tickets.csv", ROWS), ("config.json", "{}"), ("again.csv", ROWS), ("config.json", "{ }")] {
        let is_new = writer.begin_shared(name, &sha256_hex(text.as_bytes()), text.len() as u64).expect("memory");
        assert_eq!(is_new, name != "again.csv", "the same file is there once");
        if is_new {
            writer.append(text.as_bytes()).expect("memory");
        }
    }
    writer.begin_run(&about(4, "{}")).expect("memory");
    for (name, text) in [("state.json", "{}"), (EVENTS_FILE, "{}\n"), (SAVED_FILE, SAVED)] {
        assert!(writer.begin_file(name, text.len() as u64).expect("memory"));
        writer.append(text.as_bytes()).expect("memory");
    }
    assert!(!writer.begin_file("manifest.json", 1).expect("memory"));
    writer.begin_run(&about(7, "{ }")).expect("memory");
    writer.finish().expect("memory").into_inner()
}

#[test]
fn a_project_has_all_its_runs_and_what_they_share_once() {
    let zip = two_runs();
    let mut reader = ProjectReader::open(Cursor::new(&zip)).expect("reads its own file");
    assert_eq!((reader.name(), reader.main(), reader.runs().len()), (Some("tickets"), 0, 2));
    assert_eq!(reader.draft().map(|draft| draft.page.as_str()), Some("{}"));
    assert!(reader.shared(&sha256_hex(ROWS.as_bytes())).is_some_and(|file| file.bytes == ROWS.len() as u64));
    let [first, second] = [0, 1].map(|run| reader.runs()[run].clone());
    assert_eq!((&first.about, &second.about), (&about(4, "{}"), &about(7, "{ }")));
    assert_eq!((first.saved.map(|saved| saved.step), second.saved), (Some(3), None));
    let mut pieces = reader.pieces(first.rows[0][0].as_ref().expect("it has rows")).expect("is there");
    assert_eq!(pieces.next_piece().expect("whole").as_deref(), Some(ROWS.as_bytes()));
    drop(pieces);
    let read = reader.read_run(&second).expect("whole");
    assert_eq!((read.rows.train, read.model), (file("tickets.csv", ROWS), folder(&[("config.json", "{ }")])));
    let main = Project::from_zip(&zip).expect("the best is taken");
    assert_eq!((main.note.as_str(), main.run.iter().count()), ("run 4", 3));
    assert_eq!(Folder::from_zip(&zip).expect("a zip").iter().count(), 9, "header, three files, two runs, three of one");
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let mut odd = about(1, "{}");
    odd.model_sha256.insert("a:b.json".into(), sha256_hex(b"x"));
    let mut writer = ProjectWriter::new(Cursor::new(Vec::new()), "x", None, None).expect("memory");
    for (name, text) in [("tickets.csv", ROWS), ("config.json", "{}")] {
        assert!(writer.begin_shared(name, &sha256_hex(text.as_bytes()), text.len() as u64).expect("memory"));
        writer.append(text.as_bytes()).expect("memory");
    }
    writer.begin_run(&odd).expect("memory");
    let zip = writer.finish().expect("memory").into_inner();
    let reader = ProjectReader::open(Cursor::new(&zip)).expect("reads its own file");
    assert_eq!(reader.runs()[0].about, about(1, "{}"));
    let large = RunAbout { page: "x".repeat(5 << 20), ..about(1, "{}") };
    let error = ProjectWriter::of_one_run(Cursor::new(Vec::new()), &large).err().expect("too large").to_string();
    assert!(error.contains("at most 4194304 are read"), "{error}");
}

#[test]
fn what_is_wrong_with_several_runs_is_named() {
    let refused = |change: &dyn Fn(&mut Folder)| {
        let mut folder = Folder::from_zip(&two_runs()).expect("it is a zip");
        change(&mut folder);
        ProjectReader::open(Cursor::new(folder.to_zip())).err().expect("it is wrong").to_string()
    };
    let rows = format!("files/{}/tickets.csv", sha256_hex(ROWS.as_bytes()));
    for (path, says) in [
        (rows.as_str(), "has no tickets.csv, which runs/1/run.json names"),
        ("runs/1/run.json", "has no runs/1/run.json"),
        ("runs/2/run.json", "\"runs/2/"),
        ("runs/1/saved.json", "has no runs/1/saved.json"),
    ] {
        let error = match path {
            "runs/2/run.json" => refused(&|folder| {
                drop(folder.remove(path));
                folder.insert("runs/2/state.json", "{}");
            }),
            _ => refused(&|folder| drop(folder.remove(path))),
        };
        assert!(error.contains(says), "{path}: {error}");
    }
    for path in ["data/train/x.csv", "run/state.json", "model/config.json"] {
        let error = refused(&|folder| folder.insert(path, "{}"));
        assert_eq!(error, format!("{path:?} is no part of a project file"));
    }
    let twice = refused(&|folder| folder.insert(rows.replace("tickets", "twice"), "x"));
    assert!(twice.contains("several files in files/"), "{twice}");
    let name = |folder: &mut Folder| {
        let header = String::from_utf8(folder.remove("runs/1/run.json").expect("is there")).expect("text");
        folder.insert("runs/1/run.json", header.replace("\"config.json\"", "\"../config.json\""));
    };
    assert_eq!(refused(&name), "\"../config.json\" is no part of a project file");
}

/// A file of two runs in which one text of a part is another.
fn two_runs_with(path: &str, from: &str, to: &str) -> Result<ProjectReader<Cursor<Vec<u8>>>, ProjectError> {
    let mut folder = Folder::from_zip(&two_runs()).expect("it is a zip");
    let text = String::from_utf8(folder.remove(path).expect("it is there")).expect("it is text");
    assert!(text.contains(from), "{text}");
    folder.insert(path, text.replacen(from, to, 1));
    ProjectReader::open(Cursor::new(folder.to_zip()))
}

#[test]
fn runs_that_could_not_be_chosen_are_refused() {
    let twice = two_runs_with("runs/2/run.json", "\"number\": 7", "\"number\": 4").err().expect("4 is taken");
    assert_eq!(twice.to_string(), "number 4 stands at two runs of the project file");
    for run in ["0", "3"] {
        let main = format!("\"main_run\": {run}");
        let error = two_runs_with(HEADER, "\"main_run\": 1", &main).err().expect("there are two").to_string();
        assert_eq!(error, format!("the project file has no run {run}, its main_run"));
    }
    let second = two_runs_with(HEADER, "\"main_run\": 1", "\"main_run\": 2").expect("it is there");
    assert_eq!(second.main(), 1);
}

#[test]
fn a_model_of_ones_own_may_lie_elsewhere() {
    let read = first_run(&Project { model: Folder::new(), ..example() }.to_zip());
    assert!(matches!(read.about.job.model, ModelSource::Local { .. }) && !read.about.has_model);
    assert!(read.model.is_empty());
    let reader = two_runs_with("runs/2/run.json", "\"has_model\": true", "\"has_model\": false");
    assert!(reader.expect("its rows are there").runs()[1].model.is_empty());
}

#[test]
fn what_a_mac_adds_is_passed_over() {
    let zips = [(example().to_zip(), "data/train/.DS_Store"), (two_runs(), "runs/1/.DS_Store")];
    for (zip, path) in zips {
        let mut folder = Folder::from_zip(&zip).expect("it is a zip");
        for path in ["__MACOSX/._project.json", ".DS_Store", path] {
            folder.insert(path, "x");
        }
        let read = Project::from_zip(&folder.to_zip()).expect("it is whole");
        assert_eq!(read, Project::from_zip(&zip).expect("it is whole"));
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
    let model = folder(&[("mine/1_Pooling/config.json", "{ }"), ("mine/config.json", "{}")]);
    let rows = ProjectRows { train, ..example().rows };
    let read = Project::from_zip(&Project { rows, model, ..example() }.to_zip()).expect("it is whole");
    assert_eq!(read.rows.train.0, "a_b.csv");
    assert_eq!(read.model, folder(&[("1_Pooling/config.json", "{ }"), ("config.json", "{}")]));
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
    let error = refused(|folder| with_header(folder, "\"hone_project\": 1", "\"hone_project\": 4, \"new\": true"));
    assert_eq!(error, "the project file has layout 4, this version reads up to 3: update Hone");
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
    fn damaged_files_of_several_runs_never_panic(at in 0_usize..10_000, byte in any::<u8>(), cut in 0_usize..200) {
        let mut bytes = two_runs();
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
        let _ = Project::from_zip(&folder.to_zip());
    }
}
