//! The commands of rows without labels: they are put in the order in which they are best labeled, by the trained model where there is
//! one; and a file that has no column for labels gets one.

use hone_core::config::{ReadOptions, RowEdits};
use hone_core::data::{LabelColumn, RowQuery, RowSource, add_label_column};
use hone_core::session::protocol::{Problem, ProblemKind, Reply};
use hone_core::session::{Answered, Answering, Session};
use hone_core::task::{HeadKind, RankedRows, Uncertainty, UnlabeledRows};
use js_sys::Uint8Array;

use super::{Answer, Worker};
use crate::errors;
use crate::kept::NamedBytes;
use crate::readers;

/// Rows that are asked about between two looks at what the page asks.
const PART_SIZE: usize = 64;

impl Worker {
    /// Puts the unlabeled rows in order; `Done` where the page ended it.
    pub(super) async fn rank_unlabeled(
        &mut self,
        source: &RowSource,
        edits: &RowEdits,
        by: Uncertainty,
        seed: u64,
    ) -> Result<Reply, Problem> {
        let table = self.open_rows(source, Some(edits))?;
        let rows = table.unlabeled();
        let labels = table.window(&RowQuery { wants_labels: true, ..RowQuery::default() }).labels.unwrap_or_default();
        let is_by_model = self.parts.is_none() && self.session.as_ref().is_some_and(knows_labels);
        let chosen = UnlabeledRows::choose(rows, seed, is_by_model);
        if !is_by_model {
            return Ok(Reply::Ranked { ranked: Box::new(RankedRows { labels, ..chosen.as_they_are() }) });
        }
        let mut answering = Answering::new(chosen.inputs(), PART_SIZE);
        if !self.answer_all(&mut answering, None, None).await? {
            return Ok(Reply::Done);
        }
        let Answered { predictions, .. } = answering.finish();
        let session = self.ready()?;
        let known = if session.is_trained() { session.labels() } else { session.model_labels() };
        let ranked = chosen.by_answers(&predictions, known, by, None);
        Ok(Reply::Ranked { ranked: Box::new(RankedRows { labels, ..ranked }) })
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

/// Whether its model was trained to give a text one of some labels.
fn knows_labels(session: &Session) -> bool {
    let gives_labels = session
        .answering_task(None)
        .is_ok_and(|task| task.spec().gives_labels() && task.spec().head == HeadKind::Sequence);
    gives_labels && (session.is_trained() || session.has_own_head())
}
