//! The commands of findings: what may be wrong with the rows that were read is sought a part at a time, between other commands, and
//! waits while a run goes on. The search ends where a command comes after which the rows are others; what was found stays here,
//! with all its rows, and the page gets what it shows.

use hone_core::config::RowEdits;
use hone_core::data::findings::{Finding, FindingAction, Findings, RowChange, ShownFindings, changes_of, edits_of};
use hone_core::data::{RowId, RowSource, RowWindow};
use hone_core::session::protocol::{Command, FromWorker, Problem, Reply, RequestId};
use hone_core::task::{DataReport, FindingSearch, TaskData};

use super::Worker;
use crate::errors;
use crate::mailbox::post;

/// Rows that are looked at before messages are let in.
const PART: usize = 100;

/// Rows after which the page hears how far the search is.
const ROWS_A_MESSAGE: usize = 1000;

/// A search that goes on.
pub(super) struct OpenSearch {
    /// The request that waits for what it finds.
    id: RequestId,
    search: FindingSearch,
    report: DataReport,
    /// Those that it began with.
    num_rows: [usize; 3],
}

/// Whether a command has rows read, or a model loaded, in the place of those that are there.
pub(super) fn replaces_rows(command: &Command) -> bool {
    matches!(
        command,
        Command::OpenDevice { .. }
            | Command::FetchModel { .. }
            | Command::LoadModel { .. }
            | Command::LoadKeptModel { .. }
            | Command::LoadData { .. }
            | Command::RereadData { .. }
            | Command::OpenRun { .. }
            | Command::OpenProject { .. }
            | Command::TrainParts { .. }
            | Command::EvaluateParts { .. }
            | Command::ContinueFromRun
    )
}

impl Worker {
    /// Starts a search, which answers `id` once it is done, or is ended.
    pub(super) fn begin_search(&mut self, id: RequestId) {
        self.forget_findings();
        match self.open_search(id) {
            Ok(search) => self.search = Some(search),
            Err(problem) => answer(id, Err(problem)),
        }
    }

    fn open_search(&self, id: RequestId) -> Result<OpenSearch, Problem> {
        let report = match (&self.survey, &self.session) {
            (Some(survey), _) => Some(survey.report.clone()),
            (None, Some(session)) => session.report_on_rows().map_err(|error| error.problem())?,
            (None, None) => None,
        };
        let (Some(report), Some(rows)) = (report, self.data_rows()) else { return Err(errors::no_data()) };
        let seed = self.data.as_ref().map_or(0, |data| data.run.seed);
        let search = FindingSearch::new(rows, report.max_seq_length, seed);
        Ok(OpenSearch { id, search, report, num_rows: rows.num_rows() })
    }

    /// Looks at some rows.
    pub(super) fn advance_search(&mut self) {
        let Some(mut open) = self.search.take() else { return };
        let Some(rows) = self.data_rows().filter(|rows| rows.num_rows() == open.num_rows) else {
            return answer(open.id, Ok(Reply::Done));
        };
        let (before, _) = open.search.progress();
        if open.search.step(rows, PART) {
            let (done, total) = open.search.progress();
            if done / ROWS_A_MESSAGE > before / ROWS_A_MESSAGE {
                post(&FromWorker::FindingProgress { done, total }, Vec::new());
            }
            self.search = Some(open);
            return;
        }
        let findings = open.search.finish(rows, &open.report);
        let found = Box::new(ShownFindings::of(&findings, rows.finding_rows()));
        self.findings = Some(findings);
        answer(open.id, Ok(Reply::Findings { found }));
    }

    /// Ends the search that goes on, and forgets what was found.
    pub(super) fn forget_findings(&mut self) {
        self.findings = None;
        if let Some(open) = self.search.take() {
            answer(open.id, Ok(Reply::Done));
        }
    }

    /// The ids of the rows of a finding.
    pub(super) fn rows_of_finding(&self, finding: usize) -> Reply {
        let Some(finding) = self.finding(finding) else { return Reply::Done };
        let rows = finding.groups.iter().flat_map(|group| &group.rows);
        let ids: Vec<RowId> = rows.map(|found| found.id()).collect();
        let window = Box::new(RowWindow { total: ids.len(), ids, ..RowWindow::default() });
        Reply::Rows { window }
    }

    /// What the action of a finding does.
    pub(super) fn mend_finding(
        &mut self,
        finding: usize,
        source: Option<&RowSource>,
        edits: &RowEdits,
    ) -> Result<Reply, Problem> {
        let rows = self.data_rows().and_then(|rows| rows.finding_rows());
        let Some(finding) = self.finding(finding) else { return Ok(Reply::Done) };
        let action = finding.action.clone();
        let changes: Vec<RowChange> = changes_of(finding, rows);
        if let FindingAction::MergeLabels { from, into } = action {
            let merged = std::iter::once(into).chain(from).collect();
            return Ok(Reply::Mended { edits: Vec::new(), merged, num_left: 0 });
        }
        // The words that stand in the file are needed where some of them change.
        let table = match source.filter(|_| action == FindingAction::RelabelToMajority) {
            Some(source) => Some(&*self.open_rows(source, Some(edits))?),
            None => None,
        };
        let mended = edits_of(&action, &changes, table);
        Ok(Reply::Mended { edits: mended.edits, merged: Vec::new(), num_left: mended.num_left })
    }

    fn finding(&self, index: usize) -> Option<&Finding> {
        self.findings.as_ref().and_then(|Findings { findings, .. }| findings.get(index))
    }

    /// The rows that were read last.
    pub(super) fn data_rows(&self) -> Option<&dyn TaskData> {
        match (&self.survey, &self.session) {
            (Some(survey), _) => Some(survey.data_rows()),
            (None, Some(session)) => session.data_rows(),
            (None, None) => None,
        }
    }
}

fn answer(id: RequestId, result: Result<Reply, Problem>) {
    post(&FromWorker::Reply { id, result }, Vec::new());
}
