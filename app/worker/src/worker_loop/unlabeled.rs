//! The commands of rows without labels: they are put in the order in which they are best labeled, by the trained model where there is
//! one; and a file that has no column for labels gets one.

use hone_core::config::{ReadOptions, RowEdits};
use hone_core::data::{LabelColumn, RowQuery, RowSource, add_label_column};
use hone_core::session::protocol::{Problem, ProblemKind, Reply};
use hone_core::session::{Answered, Answering, Session};
use hone_core::task::{HeadKind, RankedRows, TaskInput, Uncertainty, UnlabeledRows};
use js_sys::Uint8Array;

use super::answers::show_progress;
use super::{Answer, Worker};
use crate::codecs;
use crate::errors;
use crate::kept::NamedBytes;
use crate::readers;

/// Rows that are asked about between two looks at what the page asks.
const PART_SIZE: usize = 64;

/// The same of images: so many are taken out of their file at a time.
const IMAGES_A_PART: usize = 16;

impl Worker {
    /// Puts the unlabeled rows in order, without a source those that are images; `Done` where the page ended it.
    pub(super) async fn rank_unlabeled(
        &mut self,
        source: Option<&RowSource>,
        edits: &RowEdits,
        by: Uncertainty,
        seed: u64,
    ) -> Result<Reply, Problem> {
        let Some(source) = source else { return self.rank_images(by, seed).await };
        let table = self.open_rows(source, Some(edits))?;
        let rows = table.unlabeled();
        let labels = table.window(&RowQuery { wants_labels: true, ..RowQuery::default() }).labels.unwrap_or_default();
        let is_by_model = self.ranks_by_model(HeadKind::Sequence);
        let chosen = UnlabeledRows::choose(rows, seed, is_by_model);
        if !is_by_model {
            return Ok(Reply::Ranked { ranked: Box::new(RankedRows { labels, ..chosen.as_they_are() }) });
        }
        let mut answering = Answering::new(chosen.inputs(), PART_SIZE);
        if !self.answer_all(&mut answering, None, None).await? {
            return Ok(Reply::Done);
        }
        let Answered { predictions, .. } = answering.finish();
        let ranked = chosen.by_answers(&predictions, self.ready_labels()?, by, None);
        Ok(Reply::Ranked { ranked: Box::new(RankedRows { labels, ..ranked }) })
    }

    /// The same of images, with the labels that the page knows already left out.
    async fn rank_images(&mut self, by: Uncertainty, seed: u64) -> Result<Reply, Problem> {
        let rows = self.data_rows().map(|rows| rows.unlabeled_images()).unwrap_or_default();
        let is_by_model = self.ranks_by_model(HeadKind::Image);
        let chosen = UnlabeledRows::choose(rows, seed, is_by_model);
        if !is_by_model {
            return Ok(Reply::Ranked { ranked: Box::new(chosen.as_they_are()) });
        }
        codecs::load().await?;
        let (inputs, numbers) = (chosen.inputs(), chosen.row_numbers());
        let total = inputs.len();
        let mut predictions = Vec::with_capacity(total);
        for (inputs, numbers) in inputs.chunks(IMAGES_A_PART).zip(numbers.chunks(IMAGES_A_PART)) {
            show_progress(predictions.len(), total);
            let mut answering = Answering::new(self.with_bytes(inputs, numbers), IMAGES_A_PART);
            while self.answer_part(&mut answering, None, None).await? {}
            predictions.extend(answering.finish().predictions);
            if self.is_reading_ended().await {
                return Ok(Reply::Done);
            }
        }
        let ranked = chosen.by_answers(&predictions, self.ready_labels()?, by, None);
        Ok(Reply::Ranked { ranked: Box::new(ranked) })
    }

    /// Whether a model that knows the labels ranks the rows.
    fn ranks_by_model(&self, head: HeadKind) -> bool {
        self.parts.is_none() && self.session.as_ref().is_some_and(|session| knows_labels(session, head))
    }

    /// Images of the training file with their bytes; of one that can't be taken out of it none, which no model reads.
    fn with_bytes(&self, inputs: &[TaskInput], numbers: &[usize]) -> Vec<TaskInput> {
        let data = self.data_rows();
        let bytes = |row: usize| Some(data?.image_of_row(row)?.1);
        let with_image = |(input, &row): (&TaskInput, &usize)| {
            let image = Some(bytes(row).unwrap_or_default());
            TaskInput { image, ..input.clone() }
        };
        inputs.iter().zip(numbers).map(with_image).collect()
    }

    /// The labels that the model which answers tells apart.
    fn ready_labels(&mut self) -> Result<&[String], Problem> {
        let session = self.ready()?;
        Ok(if session.is_trained() { session.labels() } else { session.model_labels() })
    }

    /// Adds an empty column for labels to a file.
    pub(super) async fn add_label_column(file: &NamedBytes, read: &ReadOptions) -> Answer {
        let (name, bytes) = readers::read_first(file, read.sheet.as_deref()).await?;
        let bytes = bytes.to_vec();
        let LabelColumn { bytes, ending, num_rows, notes } =
            add_label_column((&name, &bytes), read).map_err(|error| {
                let hint = "choose a file with a text a row";
                errors::problem(ProblemKind::Data, format!("{name}: {error}"), hint)
            })?;
        let (stem, own) = name.rsplit_once('.').unwrap_or((name.as_str(), "csv"));
        // What came as no text is text from here on.
        let own = match own {
            "csv" | "tsv" | "txt" | "json" | "jsonl" | "ndjson" => own,
            _ if bytes.starts_with(b"{") => "jsonl",
            _ => "csv",
        };
        let name = format!("{stem}-to-label.{}", ending.unwrap_or(own));
        Ok((Reply::Cleaned { name, blob: 0, num_rows, notes }, vec![Uint8Array::from(bytes.as_slice())]))
    }
}

/// Whether its model was trained to give a text, or an image, some of its labels: by the kind of its head.
fn knows_labels(session: &Session, head: HeadKind) -> bool {
    let gives_labels =
        session.answering_task(None).is_ok_and(|task| task.spec().gives_labels() && task.spec().head == head);
    gives_labels && (session.is_trained() || session.has_own_head())
}
