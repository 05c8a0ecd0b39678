//! Files of rows that are no text: Parquet, workbooks, gzip and zip. In: a file as it came. Out: the files that core reads, with
//! what there is to say of them. A module of its own reads them, which is fetched when the first such file comes and started
//! anew for each: what goes wrong in it ends that module alone (`app/readers`, ADR 26).

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use hone_core::data::{DataFiles, is_packed, share_out_by_names};
use hone_core::session::protocol::{Problem, ProblemKind};
use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::codecs;
use crate::errors;
use crate::kept::NamedBytes;

/// The function that the build puts into the script which loads this worker (`xtask/src/bundle.rs`).
const READ_ROWS: &str = "honeReadRows";

/// How the error of wasm-bindgen begins where the server has no wasm to give; errors about the file are of the same kind.
const NOT_FETCHED: &str = "failed to fetch Wasm";

/// Files of rows as core reads them, outside of wasm memory.
#[derive(Debug, Clone)]
pub(crate) struct Readable {
    pub(crate) train: NamedBytes,
    pub(crate) valid: Option<NamedBytes>,
    pub(crate) test: Option<NamedBytes>,
    /// The test file stands in one file with the training rows, and was found by its name.
    is_test_by_name: bool,
    /// The sheet that was asked for.
    pub(crate) sheet: Option<String>,
    /// How they were read, in sentences; none where all of them came as text.
    pub(crate) notes: Vec<String>,
    /// Their copy in wasm memory, as long as somebody has it.
    copied: RefCell<Weak<DataFiles>>,
}

impl Readable {
    /// The files in wasm memory: the copy that somebody has, such as those who read them last, else a new one.
    pub(crate) fn files(&self) -> Rc<DataFiles> {
        if let Some(files) = self.copied.borrow().upgrade() {
            return files;
        }
        let file = |(name, bytes): &NamedBytes| (name.clone(), bytes.to_vec());
        let (valid, test) = (self.valid.as_ref().map(file), self.test.as_ref().map(file));
        let files = Rc::new(DataFiles { train: file(&self.train), valid, test, is_test_by_name: self.is_test_by_name });
        self.copied.replace(Rc::downgrade(&files));
        files
    }
}

/// Makes text of the files of training, validation and test rows. A zip of several files for training has validation and test rows
/// by their names.
///
/// # Errors
/// When one can't be read, or it is not clear which file is for what.
pub(crate) async fn read_all(
    train: &NamedBytes,
    valid: Option<&NamedBytes>,
    test: Option<&NamedBytes>,
    sheet: Option<&str>,
) -> Result<Readable, Problem> {
    let mut notes = Vec::new();
    let files = read(train, sheet, &mut notes).await?;
    let mut readable = share_out(files, &mut notes, &train.0)?;
    for (given, own) in [(valid, &mut readable.valid), (test, &mut readable.test)] {
        let Some(given) = given else { continue };
        if let Some((own, _)) = own {
            let message = format!("{} was chosen, and {own} stands in {} for the same", given.0, train.0);
            return Err(errors::problem(ProblemKind::Data, message, "remove one of the two files"));
        }
        *own = Some(read_one(given, sheet, &mut notes).await?);
    }
    (readable.sheet, readable.notes) = (sheet.map(str::to_owned), notes);
    Ok(readable)
}

/// Makes text of a file; of several in a zip the first.
///
/// # Errors
/// When it can't be read.
pub(crate) async fn read_first(file: &NamedBytes, sheet: Option<&str>) -> Result<NamedBytes, Problem> {
    let files = read(file, sheet, &mut Vec::new()).await?;
    files.into_iter().next().ok_or_else(|| errors::bug(format!("{} gave no rows", file.0)))
}

async fn read_one(file: &NamedBytes, sheet: Option<&str>, notes: &mut Vec<String>) -> Result<NamedBytes, Problem> {
    let mut files = read(file, sheet, notes).await?.into_iter();
    match (files.next(), files.next()) {
        (Some(one), None) => Ok(one),
        _ => {
            let message = format!("{} holds several files of rows, and is to be rows of one kind", file.0);
            Err(errors::problem(ProblemKind::Data, message, "choose a file, or a zip with one file in it"))
        }
    }
}

/// The files of one that holds training rows, by their names.
fn share_out(files: Vec<NamedBytes>, notes: &mut Vec<String>, name: &str) -> Result<Readable, Problem> {
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let shared = if names.len() == 1 { Some([Some(0), None, None]) } else { share_out_by_names(&names, false) };
    let Some(indices) = shared else {
        let message = format!("which file in {name} is for what? It holds {}", names.join(", "));
        let hint = "have train, valid and test in their names, one file each, and pack them again";
        return Err(errors::problem(ProblemKind::Data, message, hint));
    };
    if names.len() > 1 {
        let uses = ["for training", "for validation", "as test rows"];
        let used =
            indices.iter().zip(uses).filter_map(|(index, what)| Some(format!("{} {what}", names.get((*index)?)?)));
        notes.push(format!("by their names: {}", used.collect::<Vec<_>>().join(", ")));
    }
    let [train, valid, test] = indices.map(|index| index.and_then(|index| files.get(index)).cloned());
    let train = train.ok_or_else(|| errors::bug(format!("{name} gave no rows")))?;
    let is_test_by_name = test.is_some();
    Ok(Readable { train, valid, test, is_test_by_name, sheet: None, notes: Vec::new(), copied: RefCell::default() })
}

/// Makes text of a file, if it is none. A zip of images stays one, and what decodes them is there from then on.
async fn read(file: &NamedBytes, sheet: Option<&str>, notes: &mut Vec<String>) -> Result<Vec<NamedBytes>, Problem> {
    let (name, bytes) = file;
    if !must_be_read(bytes) {
        if is_zip(bytes) {
            codecs::load().await?;
        }
        return Ok(vec![file.clone()]);
    }
    let function: Option<Function> =
        Reflect::get(&js_sys::global(), &READ_ROWS.into()).ok().and_then(|found| found.dyn_into().ok());
    let Some(function) = function else {
        let message = format!("{name} can't be read: this build of Hone has no reader for such files");
        return Err(errors::problem(ProblemKind::Data, message, "save it as .csv or .jsonl"));
    };
    let sheet = sheet.map_or(JsValue::UNDEFINED, JsValue::from_str);
    let arguments = Array::of3(&name.as_str().into(), bytes, &sheet);
    let answer: Result<JsValue, JsValue> = Reflect::apply(&function, &JsValue::UNDEFINED, &arguments);
    let promise: Promise = answer.map_err(|thrown| failed(name, &thrown))?.unchecked_into();
    let read: JsValue = JsFuture::from(promise).await.map_err(|thrown| failed(name, &thrown))?;
    let entries: Array = read.unchecked_into();
    let files: Vec<NamedBytes> =
        entries.iter().map(|entry| open(&entry.unchecked_into(), notes)).collect::<Result<_, Problem>>()?;
    // A gzip may hold a zip of images.
    if files.iter().any(|(_, bytes)| is_zip(bytes)) {
        codecs::load().await?;
    }
    Ok(files)
}

/// Whether a file is no text that core reads. Only a zip is copied to be looked at: images may be in it.
fn must_be_read(bytes: &Uint8Array) -> bool {
    is_packed(&start_of(bytes)) || (is_zip(bytes) && is_packed(&bytes.to_vec()))
}

fn is_zip(bytes: &Uint8Array) -> bool {
    start_of(bytes).starts_with(b"PK")
}

fn start_of(bytes: &Uint8Array) -> Vec<u8> {
    bytes.subarray(0, bytes.length().min(4)).to_vec()
}

/// A file of `[name, bytes, notes]`.
fn open(entry: &Array, notes: &mut Vec<String>) -> Result<NamedBytes, Problem> {
    let (name, bytes) = (entry.get(0).as_string(), entry.get(1).dyn_into::<Uint8Array>());
    let (Some(name), Ok(bytes)) = (name, bytes) else {
        return Err(errors::bug("the reader of files gave something else than a file"));
    };
    notes.extend(entry.get(2).unchecked_into::<Array>().iter().filter_map(|note| note.as_string()));
    Ok((name, bytes))
}

/// Why a file was not read: what its reader says, or what ended the reader.
fn failed(name: &str, thrown: &JsValue) -> Problem {
    let error = thrown.dyn_ref::<js_sys::Error>();
    let (kind, message) =
        error.map(|error| (String::from(error.name()), String::from(error.message()))).unwrap_or_default();
    match kind.as_str() {
        "Error" if !message.starts_with(NOT_FETCHED) => {
            let hint = "save it anew, or as .csv or .jsonl, and choose that";
            errors::problem(ProblemKind::Data, format!("{name}: {message}"), hint)
        }
        "RuntimeError" | "RangeError" => {
            let message = format!("{name} can't be read: it is damaged, or too large for the browser ({message})");
            errors::problem(ProblemKind::Data, message, "save it anew, or as .csv or .jsonl, in parts if it is large")
        }
        _ => {
            let message = format!("the reader of {name} was not loaded: {}", errors::js_text(thrown));
            errors::problem(ProblemKind::Network, message, "check the connection, and choose the file again")
        }
    }
}
