//! An adapter that the person chose is put on the loaded model, and both become one model. In: its files, or a zip of them. Out: that
//! model, which is kept, trained, measured and exported as any other whose files are the person's own; or why not, and what to load first.

use hone_core::checkpoint::{AdapterConfig, read_adapter_config, unzip_adapter};
use hone_core::config::ModelSource;
use hone_core::folder::Folder;
use hone_core::hub::{ADAPTER_CONFIG, ADAPTER_FILES, ADAPTER_WEIGHTS, are_of_adapter};
use hone_core::session::protocol::{ModelInfo, Problem, ProblemKind};
use hone_core::session::{Session, SessionError};

use super::{Worker, merged_files};
use crate::errors;
use crate::kept::{NamedBytes, to_folder};

/// Most bytes of a zip that is unpacked: it is copied into wasm memory.
const MAX_ZIP_BYTES: u32 = 256 << 20;

/// Most characters of an adapter's name in that of the model that is made of it.
const MAX_NAME: usize = 60;

const ZIP: &str = ".zip";

/// The files of an adapter among those that were chosen, as core reads them; `None` where they are those of a model.
///
/// # Errors
/// When they are a zip with something else in it, or one that can't be read.
pub(super) fn find_adapter(files: &[NamedBytes]) -> Result<Option<Folder>, Problem> {
    if let [(name, bytes)] = files
        && name.to_ascii_lowercase().ends_with(ZIP)
    {
        let refused = |message: String| {
            let hint = "choose the zip of an adapter, or unpack it and choose the files of one, or of a whole model";
            errors::problem(ProblemKind::Model, message, hint)
        };
        if bytes.length() > MAX_ZIP_BYTES {
            let limit = MAX_ZIP_BYTES >> 20;
            return Err(refused(format!("{name} is not unpacked: it has more than {limit} MB")));
        }
        let adapter = unzip_adapter(&bytes.to_vec()).map_err(|error| refused(format!("{name}: {error}")))?;
        let no_adapter = || refused(format!("{name} holds no {ADAPTER_CONFIG}, or a model beside it"));
        return Ok(Some(adapter.ok_or_else(no_adapter)?));
    }
    if !are_of_adapter(files.iter().map(|(name, _)| name.as_str())) {
        return Ok(None);
    }
    // A training run leaves far larger ones beside them.
    let is_read = |path: &str| path.rsplit(['/', '\\']).next().is_some_and(|name| ADAPTER_FILES.contains(&name));
    let files: Vec<NamedBytes> = files.iter().filter(|(path, _)| is_read(path)).cloned().collect();
    Ok(Some(to_folder(&files)))
}

impl Worker {
    /// Puts an adapter on the model that is loaded, and takes what both are for the loaded one. `name` is that of the adapter, if it has
    /// one. What was loaded before stays where that fails.
    pub(super) async fn put_on(&mut self, adapter: Folder, name: Option<&str>) -> Result<ModelInfo, Problem> {
        if let Some(missing) = [ADAPTER_CONFIG, ADAPTER_WEIGHTS].into_iter().find(|name| !adapter.has(name)) {
            let hint =
                format!("choose {ADAPTER_CONFIG} and {ADAPTER_WEIGHTS} at once: PEFT's save_pretrained writes both");
            return Err(errors::problem(ProblemKind::Model, format!("the adapter lacks its {missing}"), hint));
        }
        let settings = read_adapter_config(&adapter).map_err(|error| SessionError::from(error).problem())?;
        let Some(base) = &self.model else { return Err(no_base(&settings)) };
        let source = base.source.clone();
        let Some(folder) = base.folder().await else {
            let message =
                format!("the files of {}, the loaded model, are no longer in the browser's storage", source.name());
            return Err(errors::problem(ProblemKind::Storage, message, "load it again, then the adapter"));
        };
        let mut session = self.fresh_session(&folder).await?;
        let notes = put_on(&mut session, &source, folder, adapter, &settings);
        let notes = self.trust_loaded(notes).await?;
        let files = merged_files(&mut session).await;
        let files = self.trust(files).await?;
        drop(session); // room for the model that is made of it
        let source = ModelSource::Local { name: name_of_both(source.name(), name) };
        let mut info = self.take_local_model(source, files).await?;
        info.notes = [notes, info.notes].concat();
        Ok(info)
    }
}

/// Loads a model and an adapter into an empty session: what there is to say of them.
fn put_on(
    session: &mut Session,
    source: &ModelSource,
    folder: Folder,
    adapter: Folder,
    settings: &AdapterConfig,
) -> Result<Vec<String>, Problem> {
    session.load_model(source.clone(), folder).map_err(|error| error.problem())?;
    let name = source.name();
    if let Err(error) = session.load_adapter(adapter) {
        let problem = error.problem();
        return Err(match settings.other_base(Some(name)) {
            Some(base) if problem.kind == ProblemKind::Model => {
                let hint = format!("load {base} first, which the adapter names as its base, then the adapter again");
                Problem { hint, ..problem }
            }
            _ => problem,
        });
    }
    if !session.has_own_head() {
        let task = session.task().map_err(|error| error.problem())?.name();
        let message =
            format!("neither the adapter nor {name} holds a head for {task}: what they answer would be arbitrary");
        let hint = "load the base with its head first; or save the adapter with its head in PEFT (modules_to_save)";
        return Err(errors::problem(ProblemKind::Model, message, hint));
    }
    Ok(session.adapter_notes())
}

/// There is nothing to put an adapter on.
fn no_base(settings: &AdapterConfig) -> Problem {
    let message = format!("this is {}, and no model is loaded that it can be put on", settings.describe());
    let hint = match settings.other_base(None) {
        Some(base) => format!("load {base} first, which it names as its base, then the adapter again"),
        None => "load the model first that it was made for, then the adapter again".to_owned(),
    };
    errors::problem(ProblemKind::Model, message, hint)
}

/// What the model is called that is made of a base and an adapter.
fn name_of_both(base: &str, adapter: Option<&str>) -> String {
    let base = base.rsplit('/').next().unwrap_or(base);
    let adapter: String = adapter.unwrap_or("adapter").chars().take(MAX_NAME).collect();
    format!("{base}-with-{adapter}")
}

/// What an adapter or a model is called: its folder (`folder/config.json`), or its zip without the ending; single files have no name in
/// common.
pub(super) fn name_of(files: &[NamedBytes]) -> Option<&str> {
    let (path, _) = files.first()?;
    match path.rsplit_once('.') {
        Some((name, ending)) if files.len() == 1 && ending.eq_ignore_ascii_case("zip") => Some(name),
        _ => path.split_once(['/', '\\']).map(|(folder, _)| folder),
    }
}
