//! The model of a session: its files, the task that it is used for, and what its own head is for.

use burn::tensor::Device;

use super::SessionError;
use super::changes::Changed;
use super::protocol::ModelInfo;
use super::run::Session;
use super::weights::{Built, HeadSettings};
use crate::checkpoint::{CheckpointError, ModelReader, PretrainedModel, pooling_notes};
use crate::config::{JOB_FILE, Job, ModelSource};
use crate::folder::Folder;
use crate::generate::generation_file;
use crate::hub::MODULES;
use crate::model::{BackboneConfig, ModelConfig, ProblemType};
use crate::task::{HeadKind, Reads, RenderTurns, Task, TaskModel};
use crate::tokenizer::Conversation;
use crate::tokenizer::chat_template::{ChatTemplate, TemplateDate};

/// The day that templates are given: core has no clock, and the same run must read the same text on any day.
const TEMPLATE_DATE: TemplateDate = TemplateDate { year: 2026, month: 1, day: 1 };

/// Most bytes of a generation_config.json, or a config.json in its place, that are told of: such files have some hundreds.
const MAX_GENERATION_CONFIG: usize = 64 << 10;

/// A model that was loaded.
pub(super) struct LoadedModel {
    pub(super) source: ModelSource,
    /// Its files; the chosen head of its config is that of `task`.
    pub(super) pretrained: PretrainedModel,
    /// What it is used for.
    pub(super) task: Task,
    /// Its file holds the head of `task`.
    pub(super) has_head: bool,
    /// What the outputs of a sequence head in the file mean; `None` where there is no such head.
    own_problem: Option<ProblemType>,
    /// Its chat template; an error says why that can't be used.
    template: Result<Option<ChatTemplate>, String>,
    pub(super) eos_token_ids: Vec<u32>,
    /// What was changed of it after it was loaded.
    pub(super) changed: Option<Changed>,
}

impl LoadedModel {
    /// Builds a model for a task, else for the one that it is for, so that missing or misshapen weights are reported now and
    /// not at the start of a run.
    pub(super) fn new(
        source: ModelSource,
        pretrained: PretrainedModel,
        task: Option<Task>,
        device: &Device,
    ) -> Result<(Self, Built), SessionError> {
        let own_problem = pretrained.holds_head(HeadKind::Sequence).then_some(pretrained.config.problem_type);
        let job = pretrained.folder.get(JOB_FILE).and_then(|bytes| Job::from_json(bytes).ok());
        let trained = job.and_then(|job| job.task);
        let task = task.unwrap_or_else(|| default_task(&pretrained.config, own_problem, trained));
        let (template, eos_token_ids) = (read_template(&pretrained), find_eos_token_ids(&pretrained));
        let (has_head, changed) = (false, None);
        let mut model = Self { source, pretrained, task, has_head, own_problem, template, eos_token_ids, changed };
        let built = model.choose(task, device)?;
        Ok((model, built))
    }

    /// Uses the model for a task, and builds it with the head of that task. What it was used for before stays on an
    /// error.
    fn choose(&mut self, task: Task, device: &Device) -> Result<Built, SessionError> {
        let config = self.pretrained.config.with_head(task.spec().head).map_err(CheckpointError::from)?;
        let before = std::mem::replace(&mut self.pretrained.config, config);
        let head = HeadSettings::new(task, &self.pretrained.run, self.labels_for(task).len());
        match head.build(&self.pretrained, device) {
            Ok((model, loaded)) => {
                self.task = task;
                // A pooler may be fresh under a head that is not.
                let is_of_head = |path: &String| path.starts_with("head.") && !path.starts_with("head.dense");
                self.has_head = self.pretrained.has_weights && !loaded.fresh.iter().any(is_of_head);
                Ok(Built::new(head, model, loaded))
            }
            Err(error) => {
                self.pretrained.config = before;
                Err(error.into())
            }
        }
    }

    /// Names of the outputs of the file's head, where that is one for the task.
    pub(super) fn labels(&self) -> &[String] {
        self.labels_for(self.task)
    }

    fn labels_for(&self, task: Task) -> &[String] {
        let spec = task.spec();
        let own_head = self.pretrained.config.own_head().kind;
        let is_of_another = own_head != spec.head && has_named_outputs(own_head);
        if spec.has_labels && !is_of_another { &self.pretrained.config.labels } else { &[] }
    }

    /// Names of the outputs of the file's head that rows of a task have, too; none where that head is for another problem.
    pub(super) fn known_labels_for(&self, task: Task) -> &[String] {
        let is_of_another = self.own_problem.is_some_and(|problem| !fits_problem(task, problem));
        if is_of_another { &[] } else { self.labels_for(task) }
    }

    /// Checks that its architecture has a head for a task.
    pub(super) fn check_has_head(&self, task: Task) -> Result<(), SessionError> {
        let config = &self.pretrained.config;
        if config.has_head(task.spec().head) {
            return Ok(());
        }
        let known = tasks_of(config).into_iter().map(Task::name).collect::<Vec<_>>().join(", ");
        Err(SessionError::NoHeadFor { model_type: config.model_type(), task: task.name(), known })
    }

    /// What the file's head is for, where that is another problem than that of the task.
    pub(super) fn other_problem(&self) -> Option<ProblemType> {
        self.own_problem.filter(|&problem| !fits_problem(self.task, problem))
    }

    /// Whether its file holds a head that fills in words, whatever it is used for.
    pub(super) fn fills_blanks(&self) -> bool {
        self.pretrained.has_weights && self.pretrained.holds_head(HeadKind::MaskedLm)
    }

    /// The model as its task sees it.
    pub(super) fn with_task_model<T>(&self, use_it: impl FnOnce(&TaskModel<'_>) -> T) -> T {
        with_task_model(&self.pretrained, &self.template, &self.eos_token_ids, use_it)
    }

    /// Its chat template.
    pub(super) fn template(&self) -> Result<&ChatTemplate, SessionError> {
        match &self.template {
            Ok(Some(template)) => Ok(template),
            Ok(None) => Err(SessionError::NoChatTemplate),
            Err(reason) => Err(SessionError::BrokenTemplate(reason.clone())),
        }
    }

    /// What is told of the model that was built, and of what neither its files nor those of `adapter` hold.
    pub(super) fn info(&self, built: &Built, adapter: Option<&Folder>) -> ModelInfo {
        let config = &self.pretrained.config;
        let mut notes = Vec::new();
        if let Some(problem) = self.other_problem().filter(|_| adapter.is_none()) {
            let head = describe(problem);
            let task = self.task.name();
            notes.push(format!("its head is for {head}, not for {task}: a run would begin with a fresh one"));
        }
        notes.extend(built.loaded.sentences_beside(adapter));
        if self.task.spec().head == HeadKind::Pooled {
            notes.extend(pooling_notes(&self.pretrained.folder));
        }
        notes.extend(self.pretrained.padding_note());
        notes.extend(self.pretrained.type_ids_note());
        if let ModelReader::Texts(tokenizer) = &self.pretrained.reader {
            notes.extend(tokenizer.notes().iter().cloned());
        }
        if let Some(Err(error)) = self.pretrained.folder.get(JOB_FILE).map(Job::from_json) {
            let unknown = "the settings that it was trained with are not known";
            notes.push(format!("{JOB_FILE} can't be used, so {unknown}: {error}"));
        }
        // Without its chat template a model still writes on from a text.
        notes.extend(self.template.as_ref().err().map(|error| format!("it can't be talked with: {error}")));
        if let Ok(Some(template)) = &self.template
            && template.tells_the_day()
        {
            let TemplateDate { year, month, day } = TEMPLATE_DATE;
            notes.push(format!(
                "its chat template asks for today's date, and gets {year}-{month:02}-{day:02} always: a run reads the same \
                 text on any day"
            ));
        }
        ModelInfo {
            source: self.source.clone(),
            tasks: tasks_of(config),
            task: self.task,
            model_type: config.model_type().into(),
            num_parameters: burn::module::Module::num_params(&built.base),
            hidden_size: config.hidden_size(),
            num_hidden_layers: config.num_hidden_layers(),
            max_position_embeddings: config.max_tokens(),
            vocab_size: config.vocab_size(),
            labels: if self.has_head { self.labels().to_vec() } else { Vec::new() },
            module_names: built.base.module_names(config.key_map()),
            target_modules: default_targets(config),
            has_chat_template: matches!(self.template, Ok(Some(_))),
            fills_blanks: self.fills_blanks(),
            generation_config: self.generation_config(),
            notes,
        }
    }

    /// How its own file says that it writes; none of a model that does not, or where the file is no text of that size.
    fn generation_config(&self) -> Option<String> {
        let writes = tasks_of(&self.pretrained.config).iter().any(|task| task.spec().writes());
        let file = generation_file(&self.pretrained.folder).filter(|_| writes)?;
        let text = std::str::from_utf8(file).ok()?;
        (text.len() <= MAX_GENERATION_CONFIG).then(|| text.to_owned())
    }
}

impl Session {
    /// Checks a model's files and keeps them, for the task that the model is for; what was read and trained for the model
    /// before is dropped.
    ///
    /// # Errors
    /// Names the file and what is wrong with it; what was loaded before stays.
    pub fn load_model(&mut self, source: ModelSource, folder: Folder) -> Result<ModelInfo, SessionError> {
        self.take_model(source, PretrainedModel::open(folder)?)
    }

    /// As [`Self::load_model`], of a model for runs that begin with fresh weights (`from_scratch`): it needs none, and those
    /// among its files are not read.
    ///
    /// # Errors
    /// Names the file and what is wrong with it; what was loaded before stays.
    pub fn load_model_without_weights(
        &mut self,
        source: ModelSource,
        folder: Folder,
    ) -> Result<ModelInfo, SessionError> {
        self.take_model(source, PretrainedModel::open_without_weights(folder)?)
    }

    fn take_model(&mut self, source: ModelSource, pretrained: PretrainedModel) -> Result<ModelInfo, SessionError> {
        self.release_built();
        let (model, built) = LoadedModel::new(source, pretrained, None, &self.device)?;
        let info = model.info(&built, None);
        self.model = Some(model);
        self.built = Some(built);
        self.forget_task();
        Ok(info)
    }

    /// What the loaded model is, used for its task as it is now; `None` where there is none, or a run has its weights.
    #[must_use]
    pub fn model_info(&self) -> Option<ModelInfo> {
        let adapter = self.adapter.as_ref().map(|adapter| &adapter.folder);
        Some(self.model.as_ref()?.info(self.built.as_ref()?, adapter))
    }

    /// Uses the loaded model for a task. Rows, adapter and run of another task are dropped.
    ///
    /// # Errors
    /// When no model is loaded, or its architecture has no head for the task; then all stays as it is.
    pub fn set_task(&mut self, task: Task) -> Result<(), SessionError> {
        let model = self.model.as_mut().ok_or(SessionError::NoModel)?;
        if model.task == task {
            return Ok(());
        }
        model.check_has_head(task)?;
        self.built = None; // room for the one of the other task
        let built = model.choose(task, &self.device)?;
        self.built = Some(built);
        self.forget_task();
        Ok(())
    }

    /// Drops what belongs to the model and the task before.
    pub(super) fn forget_task(&mut self) {
        (self.adapter, self.data, self.measured) = (None, None, None);
        self.parts.clear();
        self.forget_run();
    }

    /// What the head in the loaded model's file is for; `None` where it holds none, or none of a task.
    #[must_use]
    pub fn task_of_own_head(&self) -> Option<Task> {
        let pretrained = &self.model.as_ref()?.pretrained;
        let head = pretrained.config.own_head().kind;
        // Any encoder gives vectors; it is for them where its folder lists the modules of `sentence-transformers`.
        let is_of_use = head != HeadKind::Pooled || pretrained.folder.has(MODULES);
        let is_there = is_of_use && pretrained.has_weights && pretrained.holds_head(head);
        Task::ALL.iter().copied().find(|task| is_there && task.spec().head == head)
    }

    /// What the loaded model is used for.
    ///
    /// # Errors
    /// When none is loaded.
    pub fn task(&self) -> Result<Task, SessionError> {
        Ok(self.loaded()?.task)
    }

    /// The loaded model.
    pub(super) fn loaded(&self) -> Result<&LoadedModel, SessionError> {
        self.model.as_ref().ok_or(SessionError::NoModel)
    }
}

/// What rows must know of a model, out of its files, without its weights: to read rows for it and to count their tokens.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn with_model_of_rows<T>(folder: Folder, use_it: impl FnOnce(&TaskModel<'_>) -> T) -> Result<T, SessionError> {
    let pretrained = PretrainedModel::open_without_weights(folder)?;
    let (template, eos_token_ids) = (read_template(&pretrained), find_eos_token_ids(&pretrained));
    Ok(with_task_model(&pretrained, &template, &eos_token_ids, use_it))
}

fn read_template(pretrained: &PretrainedModel) -> Result<Option<ChatTemplate>, String> {
    ChatTemplate::from_folder(&pretrained.folder, TEMPLATE_DATE).map_err(|error| error.to_string())
}

fn find_eos_token_ids(pretrained: &PretrainedModel) -> Vec<u32> {
    match &pretrained.reader {
        ModelReader::Texts(tokenizer) => {
            tokenizer.eos_token_ids(&crate::tokenizer::configured_eos_ids(&pretrained.folder))
        }
        ModelReader::Images(_) => Vec::new(),
    }
}

fn with_task_model<T>(
    pretrained: &PretrainedModel,
    template: &Result<Option<ChatTemplate>, String>,
    eos_token_ids: &[u32],
    use_it: impl FnOnce(&TaskModel<'_>) -> T,
) -> T {
    let render = template.as_ref().ok().and_then(Option::as_ref).map(|template| {
        move |conversation: &Conversation| template.pieces(conversation).map_err(|error| error.to_string())
    });
    let config = &pretrained.config;
    let decoder_start_token_id = match &config.backbone {
        BackboneConfig::EncoderDecoder(both) => Some(both.decoder_start_token_id),
        BackboneConfig::Encoder(_)
        | BackboneConfig::ModernEncoder(_)
        | BackboneConfig::Decoder(_)
        | BackboneConfig::Vision(_) => None,
    };
    use_it(&TaskModel {
        reads: match &pretrained.reader {
            ModelReader::Texts(tokenizer) => Reads::Texts(tokenizer),
            ModelReader::Images(processor) => Reads::Images(processor),
        },
        max_tokens: config.max_tokens(),
        pad_token_id: config.pad_token_id,
        position_ids: config.position_ids(),
        eos_token_ids,
        decoder_start_token_id,
        render: render.as_ref().map(|render| render as &RenderTurns<'_>),
        broken_template: template.as_ref().err().map(String::as_str),
    })
}

/// The tasks that an architecture has heads for.
pub(super) fn tasks_of(config: &ModelConfig) -> Vec<Task> {
    Task::ALL.iter().copied().filter(|task| config.has_head(task.spec().head)).collect()
}

/// The task that the model was trained for, if Hone trained it, else what the file's own head is for. A base, whose head
/// scores words or which has none, is for the first task that the architecture has a head for, as is a head of no task.
fn default_task(config: &ModelConfig, own_problem: Option<ProblemType>, trained: Option<Task>) -> Task {
    let tasks = tasks_of(config);
    if let Some(trained) = trained.filter(|task| tasks.contains(task)) {
        return trained;
    }
    let own_head = config.own_head().kind;
    let is_base = matches!(own_head, HeadKind::MaskedLm | HeadKind::Pooled);
    let of_own_head = || tasks.iter().copied().filter(|task| !is_base && task.spec().head == own_head);
    let own = own_problem.and_then(|problem| of_own_head().find(|&task| fits_problem(task, problem)));
    let own = own.or_else(|| of_own_head().next());
    own.or(tasks.first().copied()).expect("every architecture has the head of a task")
}

/// Whether outputs of a head mean what they mean to the task.
pub(super) fn fits_problem(task: Task, problem: ProblemType) -> bool {
    let spec = task.spec();
    spec.head != HeadKind::Sequence || spec.problem_type.is_none_or(|name| name == problem.name())
}

/// The task of a sequence head whose outputs mean this.
pub(super) fn task_of_problem(problem: ProblemType) -> Task {
    let is_of_it = |task: &Task| task.spec().head == HeadKind::Sequence && fits_problem(*task, problem);
    Task::ALL.iter().copied().find(is_of_it).expect("every problem is that of a task")
}

/// What a head is for, in words.
pub(super) fn describe(problem: ProblemType) -> &'static str {
    match problem {
        ProblemType::SingleLabelClassification => "one label of several",
        ProblemType::MultiLabelClassification => "multi-label classification",
        ProblemType::Regression => "regression",
    }
}

/// Whether config.json names the outputs of such a head.
fn has_named_outputs(head: HeadKind) -> bool {
    matches!(head, HeadKind::Sequence | HeadKind::Token | HeadKind::Image)
}

/// The modules that LoRA adapts where none are named.
pub(super) fn default_targets(config: &ModelConfig) -> Vec<String> {
    config.architecture.default_target_modules.iter().map(|&name| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> ModelConfig {
        ModelConfig::from_json(json.as_bytes()).expect("usable")
    }

    fn bert(fields: &str) -> ModelConfig {
        config(&format!(
            r#"{{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,"num_attention_heads":2,
            "intermediate_size":16,"max_position_embeddings":32{fields}}}"#
        ))
    }

    const GPT2: &str =
        r#"{"model_type":"gpt2","vocab_size":10,"n_embd":8,"n_layer":1,"n_head":2,"n_positions":32,"eos_token_id":9}"#;

    #[test]
    fn the_task_is_that_of_the_files_own_head() {
        let single = bert(r#","id2label":{"0":"a","1":"b"}"#);
        let spec = default_task(&single, Some(single.problem_type), None).spec();
        assert_eq!((spec.head, spec.problem_type), (HeadKind::Sequence, Some("single_label_classification")));
        assert_eq!(default_task(&bert(""), None, None).spec().head, HeadKind::Sequence, "a bare encoder");
        let writes = default_task(&config(GPT2), None, None);
        assert_eq!(writes.spec().head, HeadKind::CausalLm);
        assert_eq!(default_task(&bert(""), None, Some(writes)).spec().head, HeadKind::Sequence, "it has no such head");
        let labels = config(&GPT2.replacen('{', r#"{"architectures":["GPT2ForSequenceClassification"],"#, 1));
        let single = Some(ProblemType::SingleLabelClassification);
        assert_eq!(default_task(&labels, single, None), Task::SequenceClassification, "a decoder that labels");
        for base in ["BertModel", "BertForMaskedLM"] {
            let base = bert(&format!(r#","architectures":[{base:?}]"#));
            assert_eq!(default_task(&base, None, None), default_task(&bert(""), None, None), "rows have labels");
            let fills = Task::ALL.iter().copied().find(|task| task.spec().head == HeadKind::MaskedLm);
            let fills = fills.expect("there is such a task");
            assert_eq!(default_task(&base, None, Some(fills)), fills, "Hone trained it for that");
        }
        for config in [bert(""), config(GPT2)] {
            let tasks = tasks_of(&config);
            assert!(!tasks.is_empty() && tasks.iter().all(|task| config.has_head(task.spec().head)));
            for task in tasks {
                assert_eq!(default_task(&config, None, Some(task)), task, "as it was trained");
            }
        }
    }

    #[test]
    fn a_head_of_another_problem_does_not_fit() {
        let problems =
            [ProblemType::SingleLabelClassification, ProblemType::MultiLabelClassification, ProblemType::Regression];
        for problem in problems {
            let task = task_of_problem(problem);
            let fitting = problems.into_iter().filter(|&other| fits_problem(task, other));
            assert_eq!(fitting.collect::<Vec<_>>(), [problem], "{}", task.name());
        }
        let writes = default_task(&config(GPT2), None, None);
        assert!(fits_problem(writes, ProblemType::Regression), "the problem is one of sequence heads");
    }
}
