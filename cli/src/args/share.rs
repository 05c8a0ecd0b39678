//! Flags that say how the rows are shared out over training, validation and test, where shares alone do not say it.

use clap::Args;
use hone_core::config::{ConfigProblem, RowSharing};

/// How rows are shared out.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Sharing out the rows")]
pub(crate) struct ShareArgs {
    /// Column whose rows of one value never stand on both sides of a split, such as a customer or a document
    #[arg(long, value_name = "COLUMN", conflicts_with = "time_column")]
    group_column: Option<String>,
    /// Column with the time of a row (a number, or a date such as 2024-05-31): the newest rows are held out
    #[arg(long, value_name = "COLUMN")]
    time_column: Option<String>,
    /// Leave out rows that are the same in every column that is read as an earlier one
    #[arg(long)]
    dedupe: bool,
}

impl ShareArgs {
    pub(super) fn is_empty(&self) -> bool {
        self.typed_flags().is_empty()
    }

    /// The flags that were typed.
    pub(super) fn typed_flags(&self) -> Vec<&'static str> {
        let flags = [
            ("--group-column", self.group_column.is_some()),
            ("--time-column", self.time_column.is_some()),
            ("--dedupe", self.dedupe),
        ];
        flags.into_iter().filter(|(_, is_typed)| *is_typed).map(|(flag, _)| flag).collect()
    }

    /// The typed flags that say which rows are held out.
    fn typed_flags_of_splits(&self) -> impl Iterator<Item = &'static str> {
        self.typed_flags().into_iter().filter(|flag| *flag != "--dedupe")
    }

    /// Problems of what was typed in a run that splits off neither validation nor test rows.
    pub(super) fn unused_without_splits(&self) -> Vec<ConfigProblem> {
        let problem = |flag: &str| ConfigProblem {
            field: flag.trim_start_matches('-').replace('-', "_"),
            message: "has no effect: no rows are split off".to_owned(),
        };
        self.typed_flags_of_splits().map(problem).collect()
    }

    /// What was typed over `base`. `has_valid`: there is a file of validation rows, so that none are split off.
    pub(super) fn over(&self, base: &RowSharing, has_valid: bool, problems: &mut Vec<String>) -> RowSharing {
        let mut sharing = base.clone();
        if self.group_column.is_some() {
            (sharing.group_column, sharing.time_column) = (self.group_column.clone(), None);
        }
        if self.time_column.is_some() {
            (sharing.time_column, sharing.group_column) = (self.time_column.clone(), None);
        }
        sharing.dedupe |= self.dedupe;
        let typed = self.typed_flags_of_splits().filter(|_| has_valid);
        problems.extend(typed.map(|flag| format!("{flag}: has no effect with --valid: no rows are split off")));
        problems.extend(super::as_flags(&sharing.check()));
        sharing
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        share: ShareArgs,
    }

    fn over(flags: &[&str], has_valid: bool) -> (RowSharing, Vec<String>) {
        let line = Line::try_parse_from(["hone"].iter().chain(flags)).expect("parses");
        let mut problems = Vec::new();
        let base = RowSharing { group_column: Some("user".into()), ..RowSharing::default() };
        (line.share.over(&base, has_valid, &mut problems), problems)
    }

    #[test]
    fn flags_win_over_the_job() {
        let (sharing, problems) = over(&["--time-column", "day", "--dedupe"], false);
        assert_eq!((sharing.time_column.as_deref(), sharing.group_column, sharing.dedupe), (Some("day"), None, true));
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(over(&[], false).0.group_column.as_deref(), Some("user"));
    }

    #[test]
    fn what_has_no_effect_is_refused() {
        let (_, problems) = over(&["--group-column", "user", "--dedupe"], true);
        assert_eq!(problems, ["--group-column: has no effect with --valid: no rows are split off"]);
        assert_eq!(over(&["--time-column", " "], false).1.len(), 1);
        let line = Line::try_parse_from(["hone", "--group-column", "user", "--dedupe"]).expect("parses");
        let unused = super::super::as_flags(&line.share.unused_without_splits());
        assert_eq!(unused, ["--group-column: has no effect: no rows are split off"]);
        assert!(Line::try_parse_from(["hone", "--group-column", "a", "--time-column", "b"]).is_err());
    }
}
