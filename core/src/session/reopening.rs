//! An export is opened again, as whoever gets it would open it, and asked what the model in memory was asked before it was written.
//!
//! In: a model with its rows, then the files that were written of it. Out: whether they answer alike, within a tolerance that
//! follows from the device, on rows of the test split (else validation, else training); without rows on inputs that are made up.
//! Labels, thresholds, the task and what turns rows into numbers have to be the same. Both compute in f32, as whoever opens the
//! files does, also where the run did not. The answers lie on the host: the model may be dropped before its files are read, so that
//! two of them are never needed at once.

mod difference;

use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::{Device, Tensor, TensorData};

use self::difference::{Compared, F32_TOLERANCE, Reading, TF32_TOLERANCE};
use super::SessionError;
use super::protocol::Weights;
use super::run::Session;
use crate::checkpoint::{CheckpointError, ModelReader, in_full_precision};
use crate::config::{ExportFormat, ModelSource};
use crate::data::{HostBatch, HostInputs, HostPixels, HostTargets, HostText, Outputs, Padding, PositionIds, TextRow};
use crate::event::Split;
use crate::folder::Folder;
use crate::kernels::linear;
use crate::model::{BackboneConfig, Model};
use crate::task::several::{task_of_head, thresholds_of};
use crate::task::{Task, TaskRows};
use crate::tokenizer::Tokenizer;
use crate::train::{TrainError, read_outputs};
use crate::words::{count, plural};

/// Most rows that are compared.
const MAX_ROWS: usize = 200;

/// Milliseconds after which no more rows are asked about.
const ASKING_MS: f64 = 10_000.0;

/// Rows in a batch; of models that write one, so that each has a loss of its own.
const BATCH_SIZE: usize = 8;

/// Inputs that are made up where there are no rows, and their tokens.
const MADE_UP: usize = 16;
const MADE_UP_TOKENS: usize = 24;

/// Texts of which both tokenizers have to make the same tokens: of the rows so many, and these.
const ROWS_TO_ENCODE: usize = 20;
const TEXTS: [&str; 4] = [
    "The quick brown fox jumps over the lazy dog, 12.50 times?",
    "Grüße aus Zürich — naïve façade, “quoted” <b>text</b>\n\tand a new line",
    "Привет, мир! 你好，世界。 こんにちは 🙂",
    "fn main() { let x_1 = 3e-4; } // https://example.org/a?b=c&d",
];

/// Most tokens of such a text that are compared, and the characters of a row that may have as many: a row may be a whole book.
const MAX_TOKENS: usize = 256;
const MAX_CHARS: usize = 4096;

/// Rows and columns of the matrices by which it is found how many digits a device multiplies.
const SIDE: usize = 64;

/// What came of opening an export again and asking it what the model in memory was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Reopened {
    /// It answers alike, and says the same of itself; or the device has no room to ask it, which the text says then.
    pub is_alike: bool,
    /// On how many rows and how far off, or what is other: `it answers like the model in memory on 200 of 200 test rows (…)`.
    pub text: String,
    /// Seconds that opening and asking took.
    pub secs: f64,
}

/// What a model answered before it was written.
pub struct GivenAnswers {
    device: Device,
    /// How far off an answer may be.
    tolerance: f64,
    /// The model that an adapter is written for.
    base: Option<Folder>,
    reader: ModelReader,
    texts: Vec<String>,
    /// One for each head.
    parts: Vec<Given>,
}

/// Of one head.
struct Given {
    /// Of one of several tasks its name, and that of its folder.
    name: Option<String>,
    task: Task,
    labels: Vec<String>,
    thresholds: BTreeMap<String, f64>,
    asked: Asked,
    outputs: Vec<Outputs>,
}

/// What was asked.
enum Asked {
    Rows {
        rows: Rc<dyn TaskRows>,
        split: Split,
        /// Indices of batches.
        batches: Vec<Vec<usize>>,
        /// Rows that the split has.
        num_rows: usize,
        /// Asking more would have taken too long.
        is_cut: bool,
    },
    MadeUp(Box<HostBatch>),
}

impl Session {
    /// Asks the tuned model, before it is written in a format, what the files are asked afterwards. Asking ends after 200 rows,
    /// or after ten seconds of this clock.
    ///
    /// # Errors
    /// When nothing was trained, or the device fails.
    pub async fn answers_to_compare(
        &mut self,
        format: ExportFormat,
        now_ms: &dyn Fn() -> f64,
    ) -> Result<GivenAnswers, SessionError> {
        let model = self.weights(Weights::Tuned)?;
        let thresholds = self.thresholds(Weights::Tuned);
        let rows = self.rows().ok();
        let loaded = self.loaded()?;
        let pretrained = &loaded.pretrained;
        let is_half = self.trainer.as_ref().is_some_and(|trainer| !trainer.job().run.dtype.is_f32());
        let model = if is_half { in_full_precision(pretrained, model)? } else { model };
        let several = rows.as_ref().and_then(|rows| rows.as_several());
        let mut parts = Vec::new();
        match (several, &rows) {
            (Some(several), Some(rows)) => {
                for (head, part) in several.parts().iter().enumerate() {
                    let (own, name) = (model.of_head(head), part.name.clone());
                    let asked = Asked::rows(rows, Some(head));
                    parts.push(Given {
                        task: part.rows.task(),
                        labels: part.rows.labels().to_vec(),
                        thresholds: thresholds_of(&thresholds, &name),
                        name: Some(name),
                        ..Given::ask(asked, &own, &self.device, now_ms).await?
                    });
                }
            }
            _ => {
                let asked = match &rows {
                    Some(rows) => Asked::rows(rows, None),
                    None => Asked::MadeUp(Box::new(self.make_up(&model)?)),
                };
                let (task, labels) = (loaded.task, self.labels().to_vec());
                let given = Given::ask(asked, &model, &self.device, now_ms).await?;
                parts.push(Given { task, labels, thresholds, ..given });
            }
        }
        let of_rows = self.data.as_ref().map(|data| data.rows.sample_texts()).unwrap_or_default();
        let of_rows = of_rows.into_iter().take(ROWS_TO_ENCODE);
        let begin = |text: &str| text.chars().take(MAX_CHARS).collect::<String>();
        Ok(GivenAnswers {
            device: self.device.clone(),
            tolerance: tolerance_of(&self.device).await?,
            base: (format == ExportFormat::Adapter).then(|| pretrained.folder.clone()),
            reader: pretrained.reader.clone(),
            texts: of_rows.chain(TEXTS).map(begin).collect(),
            parts,
        })
    }

    /// Inputs that any model of this kind reads, where there are no rows.
    fn make_up(&self, model: &Model) -> Result<HostBatch, SessionError> {
        let loaded = self.loaded()?;
        let config = &loaded.pretrained.config;
        let inputs = match (&loaded.pretrained.reader, &config.backbone) {
            (ModelReader::Images(processor), _) => {
                let [height, width] = processor.size();
                let channels = 3;
                let numbers = 0..MADE_UP * channels * height * width;
                let values = numbers.map(|index| (index as f32 * 0.37).sin()).collect();
                HostInputs::Pixels(HostPixels { values, batch: MADE_UP, channels, height, width })
            }
            (ModelReader::Texts(_), backbone) => {
                let longest = MADE_UP_TOKENS.min(config.max_tokens()).max(1);
                let (vocabulary, pad_token_id) = (model.backbone.vocab_size(), config.pad_token_id);
                let text = |shift: usize| made_up_text(vocabulary, longest, shift, pad_token_id, config.position_ids());
                match backbone {
                    BackboneConfig::EncoderDecoder(_) => HostInputs::TextToText { source: text(0), target: text(7) },
                    _ => HostInputs::Text(text(0)),
                }
            }
        };
        // Of scores over a vocabulary those of the last token of each input; a head without one gives all that it has.
        let targets = match &inputs {
            HostInputs::Pixels(_) => HostTargets::None,
            HostInputs::Text(text) | HostInputs::TextToText { target: text, .. } => {
                HostTargets::Positions(last_tokens(text))
            }
        };
        Ok(HostBatch { inputs, targets, weight: MADE_UP as f64, num_rows: MADE_UP, num_tokens: 0 })
    }
}

/// How far off an answer may be on a device: it is asked for products that are whole only where no digit is left out.
async fn tolerance_of(device: &Device) -> Result<f64, TrainError> {
    let whole = 1.0 + 2.0_f32.powi(-12);
    let matrix = |value: f32| Tensor::<2>::from_data(TensorData::new(vec![value; SIDE * SIDE], [SIDE, SIDE]), device);
    let products = linear(matrix(whole), matrix(1.0 / SIDE as f32), None);
    let products = products.into_data_async().await.map_err(TrainError::Device)?;
    let has_all_digits = products.iter::<f32>().all(|product| product == whole);
    Ok(if has_all_digits { F32_TOLERANCE } else { TF32_TOLERANCE })
}

/// Rows of tokens of different lengths, none of them padding before its end.
fn made_up_text(
    vocabulary: usize,
    longest: usize,
    shift: usize,
    pad_token_id: u32,
    positions: PositionIds,
) -> HostText {
    let token = |row: usize, at: usize| {
        let id = ((row * 7919 + (at + shift) * 104_729 + 13) % vocabulary.max(2)) as u32;
        if id == pad_token_id { (id + 1) % vocabulary.max(2) as u32 } else { id }
    };
    let length = |row: usize| (longest - row % longest.div_ceil(2)).max(1);
    let rows: Vec<Vec<u32>> = (0..MADE_UP).map(|row| (0..length(row)).map(|at| token(row, at)).collect()).collect();
    let rows: Vec<TextRow<'_>> = rows.iter().map(|ids| TextRow { input_ids: ids, token_type_ids: &[] }).collect();
    HostText::pad(&rows, &Padding { pad_token_id, multiple_of: 1, max_length: longest, positions })
}

/// Where the last token of each row stands in the flattened batch.
fn last_tokens(text: &HostText) -> Vec<i32> {
    let seq = text.attention_mask.len() / MADE_UP;
    let last = |(row, mask): (usize, &[i32])| {
        let tokens = mask.iter().filter(|&&seen| seen == 1).count();
        (row * seq + tokens.saturating_sub(1)) as i32
    };
    text.attention_mask.chunks(seq.max(1)).enumerate().map(last).collect()
}

impl Asked {
    /// Rows of the test split, else of validation, else of training, spread over all of it. `head`: those of one of several tasks.
    fn rows(rows: &Rc<dyn TaskRows>, head: Option<usize>) -> Self {
        let of_split = |split: Split| match (head, rows.as_several()) {
            (Some(head), Some(several)) => {
                let sizes = several.sizes(split);
                (sizes[..head].iter().sum::<usize>(), sizes[head])
            }
            _ => (0, rows.num_rows()[split.index()]),
        };
        let splits = [Split::Test, Split::Valid, Split::Train];
        let split = splits.into_iter().find(|&split| of_split(split).1 > 0).unwrap_or(Split::Train);
        let (first, num_rows) = of_split(split);
        let asked = num_rows.min(MAX_ROWS);
        let indices: Vec<usize> = (0..asked).map(|index| first + index * num_rows / asked.max(1)).collect();
        let task = head.map_or_else(|| rows.task(), |head| task_of_head(rows.as_ref(), head));
        let at_once = if task.spec().writes() { 1 } else { BATCH_SIZE };
        let batches = indices.chunks(at_once).map(<[usize]>::to_vec).collect();
        Self::Rows { rows: Rc::clone(rows), split, batches, num_rows, is_cut: false }
    }

    fn num_batches(&self) -> usize {
        match self {
            Self::Rows { batches, .. } => batches.len(),
            Self::MadeUp(_) => 1,
        }
    }

    /// A batch, and the names of its rows.
    fn batch(&self, index: usize) -> (HostBatch, Vec<String>) {
        match self {
            Self::Rows { rows, split, batches, .. } => {
                let indices = &batches[index];
                let name = |&row: &usize| format!("row {} of the file", count(rows.row_number(*split, row)));
                (rows.batch(*split, indices, None), indices.iter().map(name).collect())
            }
            Self::MadeUp(batch) => {
                ((**batch).clone(), (1..=MADE_UP).map(|number| format!("made-up input {number}")).collect())
            }
        }
    }

    /// `200 of 200 test rows`
    fn words(&self, num_alike: usize, num_asked: usize) -> String {
        match self {
            Self::MadeUp(_) => format!("{num_alike} of {num_asked} made-up inputs, as there are no rows for it here"),
            Self::Rows { rows, split, num_rows, is_cut, .. } => {
                let words = split.words();
                // A row of questions is read in several windows, each of which is asked by itself.
                let are_windows = rows.as_several().is_none() && rows.task() == Task::QuestionAnswering;
                let noun = if are_windows { "windows" } else { "rows" };
                let mut text = format!("{} of {} {words} {noun}", count(num_alike), count(num_asked));
                if *num_rows > num_asked {
                    let why = if *is_cut { ": more would have taken too long" } else { "" };
                    text.push_str(&format!(" (of {}{why})", count(*num_rows)));
                }
                text
            }
        }
    }
}

impl Given {
    /// Asks a model; what else there is to say of it the caller knows.
    async fn ask(
        mut asked: Asked,
        model: &Model,
        device: &Device,
        now_ms: &dyn Fn() -> f64,
    ) -> Result<Self, SessionError> {
        let began_ms = now_ms();
        let mut outputs = Vec::new();
        for index in 0..asked.num_batches() {
            outputs.push(read_outputs(model, &asked.batch(index).0, device).await?);
            if now_ms() - began_ms > ASKING_MS {
                break;
            }
        }
        if let Asked::Rows { batches, is_cut, .. } = &mut asked {
            *is_cut = outputs.len() < batches.len();
            batches.truncate(outputs.len());
        }
        let (task, labels, thresholds) = (Task::default(), Vec::new(), BTreeMap::new());
        Ok(Self { name: None, task, labels, thresholds, asked, outputs })
    }

    /// Compares the answers of what was opened.
    async fn compare(
        &self,
        (session, weights): (&mut Session, Weights),
        tolerance: f64,
    ) -> Result<Compared, SessionError> {
        let model = session.kept(weights)?.for_inference();
        let mut compared = Compared::new(Reading::of_task(self.task), tolerance);
        for (index, before) in self.outputs.iter().enumerate() {
            let (batch, names) = self.asked.batch(index);
            let after = read_outputs(&model, &batch, &session.device).await?;
            compared.add(&names, before, &after);
        }
        Ok(compared)
    }

    /// What an opened model says of itself that is other than it was; `None` where all is the same.
    fn other_fact(&self, session: &Session, weights: Weights) -> Option<String> {
        let task = session.task().ok()?;
        if task != self.task {
            return Some(format!("it is taken for {}, not for {}", task.name(), self.task.name()));
        }
        if !self.labels.is_empty() && session.labels() != self.labels {
            return Some(format!("its labels are {}, not {}", session.labels().join(", "), self.labels.join(", ")));
        }
        let found = session.thresholds(weights);
        let is_same = |(name, value): (&String, &f64)| found.get(name).is_some_and(|own| (own - value).abs() < 1e-9);
        if self.thresholds.len() != found.len() || !self.thresholds.iter().all(is_same) {
            return Some("its thresholds are not those of the run".into());
        }
        None
    }
}

impl GivenAnswers {
    /// Bytes of memory that opening files of so many bytes takes, which stay where they are: their weights as tensors, and of an
    /// adapter those of its base.
    #[must_use]
    pub fn bytes_to_open(&self, written: u64) -> u64 {
        written + self.base.as_ref().map_or(0, Folder::total_bytes)
    }

    /// Opens the files that were written, and compares what they answer. Files that can't be opened, that say something else of
    /// themselves, or that answer otherwise are a result, and no error: the text says which row, and how far off. A device that has
    /// no room to ask them says nothing against them.
    pub async fn compare(self, mut written: Folder, now_ms: &dyn Fn() -> f64) -> Reopened {
        let began_ms = now_ms();
        let mut texts = Vec::new();
        let mut is_alike = true;
        for part in &self.parts {
            let folder = match &part.name {
                None => std::mem::take(&mut written),
                Some(name) => files_of_part(&written, name),
            };
            let (found, text) = match self.compare_part(part, folder).await {
                Ok(found) => found,
                Err(error) if error.is_of_memory() => {
                    (true, format!("it was not asked again, for the device has too little memory for that: {error}"))
                }
                Err(error) => (false, format!("it can't be opened and asked again: {error}")),
            };
            is_alike &= found;
            texts.push(match &part.name {
                None => text,
                Some(name) => format!("{name}: {text}"),
            });
        }
        self.device.memory_cleanup(); // what was opened is needed no more
        Reopened { is_alike, text: texts.join("; "), secs: (now_ms() - began_ms) / 1000.0 }
    }

    /// Whether the files of one task answer alike, in words.
    async fn compare_part(&self, part: &Given, folder: Folder) -> Result<(bool, String), SessionError> {
        let mut session = Session::new(self.device.clone());
        let source = || ModelSource::Local { name: "export".into() };
        let weights = match &self.base {
            None => {
                session.load_model(source(), folder)?;
                Weights::Base
            }
            Some(base) => {
                match session.load_model(source(), base.clone()) {
                    // That says nothing against the adapter.
                    Err(SessionError::Checkpoint(error @ CheckpointError::Read { .. })) => {
                        return Ok((true, format!("it was not asked again, for its base is gone: {error}")));
                    }
                    loaded => loaded?,
                };
                session.load_adapter(folder)?;
                Weights::Tuned
            }
        };
        if let Some(fact) = part.other_fact(&session, weights).or_else(|| self.other_reader(&session)) {
            return Ok((false, fact));
        }
        let compared = part.compare((&mut session, weights), self.tolerance).await?;
        let alike = part.asked.words(compared.num_alike, compared.num_rows);
        let told = compared.words();
        Ok(match (compared.is_alike(), &compared.largest) {
            (false, Some((_, name))) => {
                (false, format!("it answers alike on {alike} only; furthest off is {name}: {told}"))
            }
            (is_alike, _) => (is_alike, format!("it answers like the model in memory on {alike} ({told})")),
        })
    }

    /// What of the tokenizer or the image processor is other than it was.
    fn other_reader(&self, session: &Session) -> Option<String> {
        let opened = &session.loaded().ok()?.pretrained.reader;
        match (&self.reader, opened) {
            (ModelReader::Images(before), ModelReader::Images(after)) => {
                (before != after).then(|| "its images are prepared otherwise (preprocessor_config.json)".into())
            }
            (ModelReader::Texts(before), ModelReader::Texts(after)) => {
                let ids = |tokenizer: &Tokenizer, text: &str| {
                    tokenizer.encode(text, MAX_TOKENS).ok().map(|encoded| encoded.ids)
                };
                let other = self.texts.iter().filter(|text| ids(before, text) != ids(after, text)).count();
                let of = plural(self.texts.len(), "text");
                (other > 0).then(|| format!("its tokenizer makes other tokens of {other} of {of}"))
            }
            _ => Some("it reads something else: texts for images, or images for texts".into()),
        }
    }
}

/// The files in the folder of one of several tasks.
fn files_of_part(all: &Folder, name: &str) -> Folder {
    let mut own = Folder::new();
    for path in all.names() {
        if let Some(rest) = path.strip_prefix(name).and_then(|rest| rest.strip_prefix('/')) {
            own.insert_shared(rest, all, path);
        }
    }
    own
}

#[cfg(all(test, feature = "cpu"))]
mod tests;
