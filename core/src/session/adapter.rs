//! An adapter that was loaded, not trained here: the task and the labels that it brings, and how it was trained.

use super::SessionError;
use super::model::fits_problem;
use super::protocol::Weights;
use super::run::Session;
use crate::checkpoint::{AdapterConfig, adapter_labels, read_adapter_config};
use crate::config::{JOB_FILE, Job};
use crate::folder::Folder;
use crate::model::{ModelConfig, ProblemType};
use crate::task::Task;

/// An adapter in PEFT's layout, and what it says about itself.
pub(super) struct LoadedAdapter {
    pub(super) folder: Folder,
    /// Of its head, if it has one.
    pub(super) labels: Option<Vec<String>>,
    /// How it was trained, if Hone trained it.
    pub(super) job: Option<Job>,
}

impl LoadedAdapter {
    /// What the outputs of its head mean; `None` where it has no head of labels.
    pub(super) fn problem(&self, base: &ModelConfig) -> Option<ProblemType> {
        let labels = self.labels.as_ref()?;
        let beside = config_beside(&self.folder);
        let config = beside.as_ref().unwrap_or(base);
        // How many labels the base has says nothing of this head.
        let is_said = config.json.get("problem_type").is_some_and(|value| !value.is_null());
        let said = if is_said { config.problem_type } else { ProblemType::SingleLabelClassification };
        Some(said.of_outputs(labels.len()))
    }

    /// Whether PEFT trained it, and answers with it, as if all tokens of `base` had type 0. Hone's own adapters were trained with
    /// the types; those have a job that names the file of their rows.
    pub(super) fn drops_token_types(&self, base: &ModelConfig) -> bool {
        let is_hones = self.job.as_ref().is_some_and(Job::was_run);
        !is_hones && read_adapter_config(&self.folder).is_ok_and(|settings| settings.drops_token_types(base))
    }
}

impl Session {
    /// Puts an adapter in PEFT's layout on the loaded model: it answers as the tuned model until a run is started, with the
    /// labels of its own head, if it has one. The model is used for the task of the adapter, where that says one.
    ///
    /// # Errors
    /// When it does not fit the model; one that was there for the same task stays. When there is a run, whose weights would
    /// answer in its place.
    pub fn load_adapter(&mut self, folder: Folder) -> Result<(), SessionError> {
        if self.trainer.is_some() {
            return Err(SessionError::AdapterBesideRun);
        }
        let settings = read_adapter_config(&folder)?;
        let job = folder.get(JOB_FILE).and_then(|bytes| Job::from_json(bytes).ok());
        if let Some(task) = self.task_of_adapter(&folder, &settings, job.as_ref())? {
            self.set_task(task)?;
        }
        let labels = adapter_labels(&self.loaded()?.pretrained.config, &folder)?;
        let before = self.adapter.replace(LoadedAdapter { folder, labels, job });
        self.row_vectors = None;
        if let Some(built) = &mut self.built {
            built.forget_adapter();
        }
        if let Err(error) = self.weights(Weights::Tuned) {
            self.adapter = before;
            return Err(error);
        }
        let known = self.known_labels().to_vec();
        if let Some(data) = &mut self.data {
            data.rows.adopt_labels(&known);
        }
        Ok(())
    }

    /// What the loaded adapter is, which model it was put on, and what makes its answers worthless, in sentences; none without one.
    #[must_use]
    pub fn adapter_notes(&self) -> Vec<String> {
        let (Some(adapter), Some(model)) = (&self.adapter, &self.model) else { return Vec::new() };
        let Ok(settings) = read_adapter_config(&adapter.folder) else { return Vec::new() };
        let name = model.source.name();
        let mut notes = vec![format!("{} was added to {name}", settings.describe())];
        notes.extend(self.peft_notes());
        if let Some(base) = settings.other_base(Some(name)) {
            notes.push(format!(
                "warning: the adapter names {base} as its base: it fits {name}, but answers as it was trained to only where both have the \
                 same weights"
            ));
        }
        notes.extend(self.warnings());
        notes
    }

    /// What of the loaded adapter does not count, because it does not in PEFT either, in sentences.
    #[must_use]
    pub fn peft_notes(&self) -> Vec<String> {
        let (Some(adapter), Some(model)) = (&self.adapter, &self.model) else { return Vec::new() };
        let config = &model.pretrained.config;
        let types = adapter.drops_token_types(config).then(|| {
            "PEFT trains question answering with all token types 0, whatever the tokenizer gives, so they are 0 here too".to_owned()
        });
        let settings = read_adapter_config(&adapter.folder).ok();
        let table = settings.and_then(|settings| settings.unread_table(config).ok().flatten()).map(|table| {
            format!(
                "its copy of {table} is not used: encoder and decoder read the base's table, in PEFT too, where only {table} is replaced"
            )
        });
        types.into_iter().chain(table).collect()
    }

    /// The task that an adapter was trained for, as its job or PEFT's settings say it, where the model has a head for it.
    fn task_of_adapter(
        &self,
        folder: &Folder,
        settings: &AdapterConfig,
        job: Option<&Job>,
    ) -> Result<Option<Task>, SessionError> {
        let model = self.loaded()?;
        let has_head = |task: &Task| model.pretrained.config.has_head(task.spec().head);
        if let Some(task) = job.and_then(|job| job.task) {
            return Ok(Some(task).filter(has_head));
        }
        let Some(head) = settings.head() else { return Ok(None) };
        let problem = config_beside(folder).map(|config| config.problem_type);
        let fits = |task: &Task| {
            let is_of_head = task.spec().head == head && has_head(task);
            is_of_head && problem.is_none_or(|problem| fits_problem(*task, problem))
        };
        Ok(if fits(&model.task) { None } else { Task::ALL.iter().copied().find(fits) })
    }

    /// Labels by their ids in the adapter's head, else those of the model's own head.
    pub(super) fn known_labels(&self) -> &[String] {
        self.adapter_labels().or(self.model.as_ref().map(|model| model.labels())).unwrap_or_default()
    }

    /// Labels of the loaded adapter's head, if it has one.
    pub(super) fn adapter_labels(&self) -> Option<&[String]> {
        self.adapter.as_ref().and_then(|adapter| adapter.labels.as_deref())
    }
}

/// The config that Hone writes beside an adapter.
fn config_beside(folder: &Folder) -> Option<ModelConfig> {
    folder.get("config.json").and_then(|bytes| ModelConfig::from_json(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::ADAPTER_CONFIG;
    use crate::config::{ModelSource, ReadOptions, RunConfig};

    const BERT: &str = r#"{"model_type":"bert","vocab_size":10,"hidden_size":8,"num_hidden_layers":1,
        "num_attention_heads":2,"intermediate_size":16,"max_position_embeddings":32"#;

    #[test]
    fn token_types_count_where_hone_trained_the_adapter() {
        let base = ModelConfig::from_json(format!("{BERT},\"type_vocab_size\":2}}").as_bytes()).expect("usable");
        let settings =
            r#"{"peft_type":"LORA","task_type":"QUESTION_ANS","r":4,"lora_alpha":8,"target_modules":["query"]}"#;
        let drops = |job: Option<Job>| {
            let mut folder = Folder::new();
            folder.insert(ADAPTER_CONFIG, settings);
            LoadedAdapter { folder, labels: None, job }.drops_token_types(&base)
        };
        let job = |file: Option<&str>| {
            let file = file.map(str::to_owned);
            Job::new(ModelSource::hub("a/b"), file, ReadOptions::default(), RunConfig::default())
        };
        assert!(drops(None));
        assert!(drops(Some(job(None))), "Hone wrote PEFT's adapter again");
        assert!(!drops(Some(job(Some("questions.json")))));
    }

    #[test]
    fn what_a_head_is_for_is_said_beside_it_or_follows_from_its_labels() {
        let base = ModelConfig::from_json(format!("{BERT}}}").as_bytes()).expect("usable");
        let problem = |labels: &[&str], said: &str| {
            let mut folder = Folder::new();
            folder.insert("config.json", format!("{BERT}{said}}}"));
            let labels = Some(labels.iter().map(|&label| label.to_owned()).collect());
            LoadedAdapter { folder, labels, job: None }.problem(&base)
        };
        assert_eq!(problem(&["a", "b"], ""), Some(ProblemType::SingleLabelClassification));
        assert_eq!(problem(&["a"], ""), Some(ProblemType::Regression));
        let several = r#","problem_type":"multi_label_classification""#;
        for labels in [&["a"][..], &["a", "b"]] {
            assert_eq!(problem(labels, several), Some(ProblemType::MultiLabelClassification), "{labels:?}");
        }
        assert_eq!(LoadedAdapter { folder: Folder::new(), labels: None, job: None }.problem(&base), None);
    }
}
