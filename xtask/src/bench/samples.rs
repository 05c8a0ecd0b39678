//! What was measured, as the programs of `bench/` said it in JSON.

use anyhow::{Context, Result};
use serde_json::Value;

/// A JSON document or a part of it; what is missing is null.
#[derive(Debug, Clone)]
pub(super) struct Json(Value);

impl Json {
    /// The last line that is JSON, or the whole text.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let whole = serde_json::from_str(text);
        let last = || serde_json::from_str(text.lines().last().unwrap_or_default());
        whole.or_else(|_| last()).map(Self).with_context(|| format!("not JSON: {text}"))
    }

    pub(super) fn at(&self, key: &str) -> Self {
        Self(self.0.get(key).cloned().unwrap_or(Value::Null))
    }

    pub(super) fn list(&self) -> Vec<Self> {
        self.0.as_array().into_iter().flatten().cloned().map(Self).collect()
    }

    pub(super) fn number(&self) -> Option<f64> {
        self.0.as_f64()
    }

    fn numbers(&self) -> Vec<f64> {
        self.0.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    }

    fn text(&self) -> Option<String> {
        self.0.as_str().map(str::to_owned)
    }
}

/// The part of a shape that turns milliseconds into rates.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) batch: f64,
    pub(super) seq: f64,
}

impl Shape {
    /// The shape as a contest of its own, where not everything is trained.
    pub(super) fn of_method(self, method: &str) -> Self {
        match method {
            "full" => self,
            method => Self { name: format!("{}, {method}", self.name), ..self },
        }
    }
}

/// Reads a shape of `bench/shapes.json`.
pub(super) fn shape(name: &str) -> Result<Shape> {
    let path = crate::root().join("bench").join("shapes.json");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let shape = Json::parse(&text)?.at(name);
    let number = |field| shape.at(field).number().with_context(|| format!("shapes.json: {name}: {field}"));
    Ok(Shape { name: name.to_owned(), batch: number("batch")?, seq: number("seq")? })
}

/// All turns of one contestant at one shape; times in milliseconds.
#[derive(Debug, Clone)]
pub(super) struct Samples {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// The device, in its own words.
    pub(super) device: String,
    /// Mean of each window of steps.
    pub(super) step_ms: Vec<f64>,
    pub(super) first_step_ms: Vec<f64>,
    /// Before it: opening the device (Hone in the browser: checking it too) and putting the weights there.
    pub(super) open_ms: Vec<f64>,
    /// Each step, until it was queued.
    pub(super) queue_ms: Vec<f64>,
    /// A step.
    pub(super) dispatches: Option<f64>,
    /// The browser, where there is one.
    pub(super) browser: Option<String>,
}

impl Samples {
    pub(super) fn new(name: &str, shape: &Shape) -> Self {
        Self {
            name: name.to_owned(),
            shape: shape.clone(),
            device: String::new(),
            step_ms: Vec::new(),
            first_step_ms: Vec::new(),
            open_ms: Vec::new(),
            queue_ms: Vec::new(),
            dispatches: None,
            browser: None,
        }
    }

    /// A turn of `hone-bench` or `torch_step.py`.
    pub(super) fn add(&mut self, said: &Json) {
        self.add_report(&said.at("report"));
        self.device = said.at("device").text().unwrap_or_default();
    }

    /// A turn in the browser.
    pub(super) fn add_report(&mut self, report: &Json) {
        self.step_ms.extend(report.at("step_ms").numbers());
        self.queue_ms.extend(report.at("queue_ms").numbers());
        self.first_step_ms.extend(report.at("first_step_ms").number());
        self.open_ms.extend(report.at("open_ms").number());
        self.dispatches = report.at("dispatches").number().filter(|count| *count > 0.0).or(self.dispatches);
        self.browser = report.at("browser").text().or(self.browser.take());
        let device = report.at("device").at("name").text().or(report.at("version").text());
        self.device = device.unwrap_or_else(|| std::mem::take(&mut self.device));
    }

    /// Median of the windows, in milliseconds.
    pub(super) fn step(&self) -> Option<f64> {
        median(&self.step_ms)
    }

    pub(super) fn rows_per_sec(&self) -> Option<f64> {
        self.step().map(|step| self.shape.batch * 1000.0 / step)
    }
}

/// One kind of memory after the first and the last measuring, in bytes.
#[derive(Debug, Clone)]
pub(super) struct MemoryRun {
    pub(super) name: String,
    /// `process`, `gpu_reserved`, `gpu_in_use`, `wasm`, `script`.
    pub(super) kind: &'static str,
    pub(super) steps: [f64; 2],
    pub(super) bytes: [f64; 2],
}

impl MemoryRun {
    /// Every kind of memory that `said.memory` tells of and that is not zero.
    pub(super) fn read(name: &str, said: &Json) -> Vec<Self> {
        let found = said.at("memory").list();
        let (Some(first), Some(last)) = (found.first(), found.last()) else { return Vec::new() };
        let kinds = ["process", "gpu_reserved", "gpu_in_use", "wasm", "script"];
        let both = |key: &str| Some([first.at(key).number()?, last.at(key).number()?]);
        kinds
            .into_iter()
            .filter_map(|kind| {
                let (steps, bytes) = (both("step")?, both(kind)?);
                (bytes[1] > 0.0).then(|| Self { name: name.to_owned(), kind, steps, bytes })
            })
            .collect()
    }

    /// Growth in per cent; `None` from nothing.
    pub(super) fn growth(&self) -> Option<f64> {
        (self.bytes[0] > 0.0).then(|| (self.bytes[1] / self.bytes[0] - 1.0) * 100.0)
    }
}

/// The middle of the values; of two middles, their mean.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    Some(if sorted.len() % 2 == 1 { upper } else { f64::midpoint(sorted[half - 1], upper) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn turns_are_gathered() {
        let shape = Shape { name: "small".into(), batch: 8.0, seq: 64.0 };
        let mut samples = Samples::new("x", &shape);
        let said = r#"{"device":"d","report":{"step_ms":[100,300],"first_step_ms":9,"dispatches":5}}"#;
        samples.add(&Json::parse(&format!("noise\n{said}")).expect("the last line is JSON"));
        assert_eq!((samples.step(), samples.rows_per_sec()), (Some(200.0), Some(40.0)));
        assert_eq!((samples.device.as_str(), samples.dispatches), ("d", Some(5.0)));
    }

    #[test]
    fn memory_that_is_there_is_compared() {
        let said = r#"{"memory":[{"step":20,"wasm":100,"gpu_in_use":0},{"step":300,"wasm":101,"gpu_in_use":0}]}"#;
        let found = MemoryRun::read("x", &Json::parse(said).expect("JSON"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].steps, [20.0, 300.0]);
        assert!((found[0].growth().expect("from something") - 1.0).abs() < 1e-9);
    }
}
