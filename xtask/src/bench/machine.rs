//! Where and when a bench ran: figures mean nothing without it.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::proc;

/// The machine, the commit and the day.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// `2026-11-21`, in UTC.
    pub(super) date: String,
    /// Short hash, with `+` when the tree has changes.
    pub(super) commit: String,
    /// Cores and model.
    pub(super) cpu: String,
    /// Compiler.
    pub(super) rustc: String,
}

impl Machine {
    /// Reads what this machine is.
    pub(super) fn look() -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Ok(Self {
            date: today(),
            commit: commit(),
            cpu: format!("{cores} x {}", cpu_model(&info).unwrap_or("unnamed CPU")),
            rustc: proc::output(Command::new("rustc").current_dir(crate::root()).arg("--version"))?,
        })
    }
}

/// Short hash, with `+` when the tree has changes.
pub(crate) fn commit() -> String {
    let git = |arguments: &[&str]| proc::output(Command::new("git").current_dir(crate::root()).args(arguments));
    let hash = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|_| "no commit".into());
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_ok_and(|text| !text.is_empty());
    format!("{hash}{}", if changed { "+" } else { "" })
}

/// Processes that want a core, over the last minute; a busy machine makes every figure worse.
pub(super) fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn cpu_model(info: &str) -> Option<&str> {
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim())
}

fn today() -> String {
    let secs = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    date_of(secs / 86_400)
}

/// The date `days` after 1970-01-01 (<https://howardhinnant.github.io/date_algorithms.html>, `civil_from_days`).
fn date_of(days: u64) -> String {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(date_of(0), "1970-01-01");
        assert_eq!(date_of(11_016), "2000-02-29");
        assert_eq!(date_of(20_778), "2026-11-21");
    }

    #[test]
    fn the_model_is_read() {
        assert_eq!(cpu_model("flags: x\nmodel name\t: A CPU @ 2GHz\n"), Some("A CPU @ 2GHz"));
        assert_eq!(cpu_model(""), None);
    }
}
