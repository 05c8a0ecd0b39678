//! How long the search for findings takes: 50,000 generated rows, one thread.
//!
//! In: nothing. Out: one JSON object: rows, seconds to read them and seconds to look through them, findings.

use std::io::Write;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Result;
use hone_core::config::{ReadOptions, RunConfig};
use hone_core::data::DataFiles;
use hone_core::task::{FindingSearch, Purpose, ReadRequest, Task};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::json;

const NUM_ROWS: usize = 50_000;
/// Every so many rows one repeats an earlier one but for a letter.
const NEAR_EVERY: usize = 20;

/// Reads generated rows and looks through them, each timed.
pub(crate) fn run() -> Result<()> {
    let files = Rc::new(DataFiles { train: ("rows.csv".into(), rows().into_bytes()), ..DataFiles::default() });
    let (read, run) = (ReadOptions::default(), RunConfig::default());
    let request =
        ReadRequest { files: &files, read: &read, run: &run, known_labels: &[], purpose: Purpose::Train, model: None };
    let start = Instant::now();
    let rows = Task::default().read(&request)?;
    let report = rows.report(None, &run)?;
    let read_secs = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let mut search = FindingSearch::new(rows.as_ref(), report.max_seq_length, run.seed);
    while search.step(rows.as_ref(), 1000) {}
    let findings = search.finish(rows.as_ref(), &report);
    let found: Vec<_> =
        findings.findings.iter().map(|found| json!({ "kind": found.kind, "rows": found.num_rows })).collect();
    let secs = start.elapsed().as_secs_f64();
    let line = json!({ "rows": NUM_ROWS, "read_secs": read_secs, "search_secs": secs, "findings": found });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Rows of 12 to 35 words out of 2,000, with a mail address in every hundredth.
fn rows() -> String {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut below = |bound: u32| random.next_u32() % bound;
    let words: Vec<String> =
        (0..2000).map(|_| (0..3 + below(7)).map(|_| char::from(b'a' + below(26) as u8)).collect()).collect();
    let mut texts: Vec<String> = Vec::with_capacity(NUM_ROWS);
    for index in 0..NUM_ROWS {
        let text = match index % NEAR_EVERY {
            19 => texts[below(index as u32) as usize].replacen('e', "7", 1),
            _ => (0..12 + below(24)).map(|_| words[below(2000) as usize].as_str()).collect::<Vec<_>>().join(" "),
        };
        texts.push(if index % 100 == 0 { format!("{text} to a{index}@example.org") } else { text });
    }
    let line = |(index, text): (usize, &String)| format!("{text},{}\n", ["up", "down", "left"][index % 3]);
    String::from("text,label\n") + &texts.iter().enumerate().map(line).collect::<String>()
}
