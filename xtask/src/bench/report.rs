//! The tables of a bench, as Markdown: for the terminal, for `bench/results/`, and in short for `docs/LOG.md`.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context, Result};

use super::machine::{Machine, load};
use super::samples::{MemoryRun, Samples, median};
use super::{BROWSER_WEBGPU, JAX, NATIVE_CPU, TFJS, TORCH};
use crate::proc;
use crate::size::Size;

/// Share of PyTorch's rate that the native CPU must reach.
const TORCH_BAR: f64 = 0.5;
/// Share of TensorFlow.js's rate that WebGPU must reach.
const TFJS_BAR: f64 = 1.0;
/// Per cent that memory may grow between the two measurings.
const GROWTH_BAR: f64 = 2.0;

/// Shape, its title, and the peer that ratios are taken to.
const TABLES: [(&str, &str, &str); 12] = [
    ("minilm", "Full fine-tuning step, MiniLM (6 layers, hidden 384), batch 16, length 64", TORCH),
    ("distilgpt2_b1, lora", "LoRA step (rank 8), DistilGPT-2, batch 1, length 128", TORCH),
    ("distilgpt2_b1", "Full fine-tuning step, DistilGPT-2, batch 1, length 128", TORCH),
    ("distilgpt2_b8, lora", "LoRA step (rank 8), DistilGPT-2, batch 8, length 128", TORCH),
    ("distilgpt2_b8", "Full fine-tuning step, DistilGPT-2, batch 8, length 128", TORCH),
    ("t5_small, lora", "LoRA step (rank 8), T5 small, batch 8, source 128, target 32", TORCH),
    ("t5_small", "Full fine-tuning step, T5 small, batch 8, source 128, target 32", TORCH),
    (
        "vit_tiny, head",
        "Step of the head alone, ViT-Tiny/16 (12 layers, hidden 192), 224 x 224, batch 8, the backbone run in each step",
        TORCH,
    ),
    ("vit_tiny", "Full fine-tuning step, ViT-Tiny/16, 224 x 224, batch 8", TORCH),
    ("small", "Full fine-tuning step in the browser, 2 layers, hidden 128, vocabulary 1,000, batch 8, length 64", TFJS),
    (
        "decoder_small",
        "Full fine-tuning step in the browser, decoder of 4 layers, hidden 128, vocabulary 1,000, batch 8, length 64",
        JAX,
    ),
    ("decoder_small, lora", "LoRA step (rank 8) in the browser, the same decoder", JAX),
];

/// Everything that a bench found.
#[derive(Debug)]
pub(super) struct Report {
    machine: Machine,
    load_before: Option<f64>,
    pub(super) steps: Vec<Samples>,
    pub(super) memory: Vec<MemoryRun>,
    pub(super) sizes: Vec<Size>,
    notes: Vec<String>,
}

impl Report {
    pub(super) fn new(machine: Machine) -> Self {
        let (steps, memory, sizes, notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { machine, load_before: load(), steps, memory, sizes, notes }
    }

    /// Something that a reader must know.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        proc::say(&text);
        self.notes.push(text);
    }

    /// Prints the tables, writes them to `bench/results/<date>.md`, and with `log` an entry to `docs/LOG.md`.
    pub(super) fn close(self, log: bool) -> Result<()> {
        let text = self.markdown();
        write!(std::io::stdout(), "\n{text}").context("standard output")?;
        let path = crate::root().join("bench").join("results").join(format!("{}.md", self.machine.date));
        proc::write(&path, &text)?;
        proc::say(format!("written to {}", path.display()));
        if log {
            let path = crate::root().join("docs").join("LOG.md");
            let before = std::fs::read_to_string(&path).unwrap_or_default();
            proc::write(&path, format!("{}\n\n{}", before.trim_end(), self.entry()))?;
        }
        Ok(())
    }

    fn markdown(&self) -> String {
        let mut text = String::new();
        let Machine { date, commit, cpu, rustc } = &self.machine;
        let shown = |load: Option<f64>| load.map_or_else(|| "unknown".into(), |load| format!("{load:.1}"));
        line(&mut text, &format!("# Bench of {date}"));
        line(&mut text, &format!("\n`cargo xtask bench` at commit {commit}, {rustc}, {cpu}."));
        line(&mut text, &format!("Load before {}, after {}.", shown(self.load_before), shown(load())));
        let browser = self.steps.iter().find_map(|samples| samples.browser.clone());
        if let Some(browser) = browser {
            line(&mut text, &format!("Chromium {browser}, headless."));
        }
        for (shape, title, peer) in TABLES {
            self.step_table(&mut text, shape, title, peer);
        }
        self.memory_table(&mut text);
        if !self.sizes.is_empty() {
            line(
                &mut text,
                "\n## Size of page and worker\n\n| | raw KB | brotli KB | budget KB |\n| --- | ---: | ---: | ---: |",
            );
            for Size { name, raw, brotli, budget } in &self.sizes {
                let [raw, brotli, budget] = [raw, brotli, budget].map(|bytes| *bytes as f64 / 1000.0);
                line(&mut text, &format!("| {name} | {raw:.0} | {brotli:.0} | {budget:.0} |"));
            }
        }
        line(&mut text, "\n## Bars\n");
        for (met, bar) in self.bars() {
            line(&mut text, &format!("- {}: {bar}", if met { "met" } else { "NOT MET" }));
        }
        for note in &self.notes {
            line(&mut text, &format!("- note: {note}"));
        }
        text
    }

    fn step_table(&self, text: &mut String, shape: &str, title: &str, peer: &str) {
        let rows: Vec<&Samples> = self.steps.iter().filter(|row| row.shape.name == shape).collect();
        if rows.is_empty() {
            return;
        }
        let heads = [
            "",
            "device",
            "step ms",
            "rows/s",
            "tokens/s",
            "x peer",
            "opening ms",
            "first step ms",
            "queueing ms",
            "dispatches",
        ];
        line(text, &format!("\n## {title}\n\nMedians; \"x peer\" is the rate beside {peer}.\n"));
        line(text, &format!("| {} |", heads.join(" | ")));
        line(text, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        for row in rows {
            let Some(rate) = row.rows_per_sec() else { continue };
            let cells = [
                row.name.clone(),
                row.device.clone(),
                figure(row.step()),
                figure(Some(rate)),
                figure(Some(rate * row.shape.seq)),
                self.ratio(row, peer).map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}")),
                figure(median(&row.open_ms)),
                figure(median(&row.first_step_ms)),
                figure(median(&row.queue_ms)),
                row.dispatches.map_or_else(|| "-".into(), |count| format!("{count:.0}")),
            ];
            line(text, &format!("| {} |", cells.join(" | ")));
        }
    }

    fn memory_table(&self, text: &mut String) {
        let Some(first) = self.memory.first() else { return };
        let [from, to] = first.steps;
        line(text, &format!("\n## Memory after {from} and after {to} steps\n"));
        line(
            text,
            "Hidden 128, batch 8, length 64: an encoder of 2 layers, every weight; a decoder of 4 layers, LoRA.\n",
        );
        line(
            text,
            &format!("| | kind | after {from}, MB | after {to}, MB | change |\n| --- | --- | ---: | ---: | ---: |"),
        );
        for run in &self.memory {
            let [before, after] = run.bytes.map(|bytes| bytes / 1e6);
            let change = run.growth().map_or_else(|| "-".into(), |growth| format!("{growth:+.1} %"));
            line(text, &format!("| {} | {} | {before:.1} | {after:.1} | {change} |", run.name, run.kind));
        }
    }

    fn find(&self, name: &str, shape: &str) -> Option<&Samples> {
        self.steps.iter().find(|row| row.name == name && row.shape.name == shape)
    }

    /// How many times the peer's rate.
    fn ratio(&self, row: &Samples, peer: &str) -> Option<f64> {
        Some(row.rows_per_sec()? / self.find(peer, &row.shape.name)?.rows_per_sec()?)
    }

    /// Each bar that was measured, and whether it is met.
    fn bars(&self) -> Vec<(bool, String)> {
        let mut bars = Vec::new();
        let native = TABLES.into_iter().filter(|(_, _, peer)| *peer == TORCH);
        let native = native.map(|(shape, ..)| (NATIVE_CPU, shape, TORCH, TORCH_BAR));
        for (name, shape, peer, bar) in native.chain([(BROWSER_WEBGPU, "small", TFJS, TFJS_BAR)]) {
            if let Some(ratio) = self.find(name, shape).and_then(|row| self.ratio(row, peer)) {
                bars.push((ratio >= bar, format!("{name}, {shape}: {ratio:.2} x {peer}, at least {bar}")));
            }
        }
        for Size { name, brotli, budget, .. } in &self.sizes {
            bars.push((brotli <= budget, format!("{name}: {brotli} bytes of brotli, at most {budget}")));
        }
        for run in &self.memory {
            if let Some(growth) = run.growth() {
                let text = format!("{}, {}: {growth:+.1} %, at most {GROWTH_BAR} %", run.name, run.kind);
                bars.push((growth <= GROWTH_BAR, text));
            }
        }
        bars
    }

    /// The run in a few lines; the format is described at the head of `docs/LOG.md`.
    fn entry(&self) -> String {
        let Machine { date, commit, cpu, .. } = &self.machine;
        let mut text = String::new();
        line(&mut text, &format!("## {date}, {commit}, {cpu}\n"));
        for (shape, title, peer) in TABLES {
            let rows = self.steps.iter().filter(|row| row.shape.name == shape).filter_map(|row| {
                let rate = figure(Some(row.rows_per_sec()?));
                let ratio = self.ratio(row, peer).filter(|_| row.name != peer);
                let ratio = ratio.map_or_else(String::new, |ratio| format!(" ({ratio:.2} x {peer})"));
                Some(format!("{} {rate}{ratio}", row.name))
            });
            let rows: Vec<String> = rows.collect();
            if !rows.is_empty() {
                line(&mut text, &format!("- {title}, rows/s: {}", rows.join("; ")));
            }
        }
        let sizes: Vec<String> =
            self.sizes.iter().map(|size| format!("{} {:.0} KB", size.name, size.brotli as f64 / 1000.0)).collect();
        if !sizes.is_empty() {
            line(&mut text, &format!("- brotli: {}", sizes.join(", ")));
        }
        let missed: Vec<String> = self.bars().into_iter().filter(|(met, _)| !met).map(|(_, bar)| bar).collect();
        let missed = if missed.is_empty() { "none".to_owned() } else { missed.join("; ") };
        line(&mut text, &format!("- bars missed: {missed}"));
        text
    }
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "{content}").expect("a string takes every line");
}

/// Three figures at least, as a person reads them; a dash for nothing.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Json, Shape};
    use super::*;

    fn samples(name: &str, shape: &str, step_ms: f64) -> Samples {
        let mut samples = Samples::new(name, &Shape { name: shape.into(), batch: 16.0, seq: 64.0 });
        samples.step_ms.push(step_ms);
        samples
    }

    fn report() -> Report {
        let machine =
            Machine { date: "2026-11-21".into(), commit: "abc".into(), cpu: "2 x C".into(), rustc: "rustc 1".into() };
        let mut report = Report::new(machine);
        report.steps = vec![
            samples(NATIVE_CPU, "minilm", 1000.0),
            samples(TORCH, "minilm", 800.0),
            samples(BROWSER_WEBGPU, "small", 500.0),
            samples(TFJS, "small", 400.0),
        ];
        let memory = r#"{"memory":[{"step":20,"wasm":100},{"step":300,"wasm":110}]}"#;
        report.memory = MemoryRun::read(BROWSER_WEBGPU, &Json::parse(memory).expect("JSON"));
        report.sizes = vec![Size { name: "page".into(), raw: 9, brotli: 3, budget: 3 }];
        report
    }

    #[test]
    fn ratios_and_bars_are_told() {
        let report = report();
        let text = report.markdown();
        assert!(text.contains(&format!("| {NATIVE_CPU} |  | 1000 | 16.0 | 1024 | 0.80 |")), "{text}");
        assert!(text.contains("- NOT MET: Hone, WebGPU, small: 0.80 x"), "{text}");
        let met: Vec<bool> = report.bars().into_iter().map(|(met, _)| met).collect();
        assert_eq!(met, [true, false, true, false]);
    }

    #[test]
    fn an_entry_names_what_was_missed() {
        let text = report().entry();
        assert!(text.starts_with("## 2026-11-21, abc, 2 x C\n"), "{text}");
        assert!(text.contains("Hone, native CPU 16.0 (0.80 x PyTorch, CPU)"), "{text}");
        assert!(text.contains("- bars missed: Hone, WebGPU, small: 0.80 x TensorFlow.js"), "{text}");
    }
}
