//! Sums over the rows of several tasks: those of each part, and the mean of their losses.

use std::collections::BTreeMap;

use super::{EvaluationDetail, PartRows, SEPARATOR, full_name};
use crate::data::{HostBatch, Outputs, Split};
use crate::metrics::Figure;
use crate::task::{Evaluation, EvaluationDetail as Detail, LOSS, Measure, RowPredictions};

/// A part that is measured.
struct PartMeasure {
    name: String,
    /// Index of its first row in the split.
    start: usize,
    size: usize,
    /// `None` where it has no rows.
    measure: Option<Box<dyn Measure>>,
}

/// Measures the parts, each by its own task.
pub(super) struct SeveralMeasure {
    parts: Vec<PartMeasure>,
}

impl SeveralMeasure {
    /// Of a split of these parts.
    pub(super) fn new(parts: &[PartRows], split: Split) -> Self {
        let mut start = 0;
        let mut measured = Vec::with_capacity(parts.len());
        for PartRows { name, rows } in parts {
            let size = rows.num_rows()[split as usize];
            let measure = (size > 0).then(|| rows.measure(split));
            measured.push(PartMeasure { name: name.clone(), start, size, measure });
            start += size;
        }
        Self { parts: measured }
    }
}

impl Measure for SeveralMeasure {
    /// A label stands behind the name of its part.
    fn set_thresholds(&mut self, thresholds: &BTreeMap<String, f64>) {
        for part in &mut self.parts {
            let own = thresholds_of(thresholds, &part.name);
            if let Some(measure) = &mut part.measure {
                measure.set_thresholds(&own);
            }
        }
    }

    fn measure_in_full(&mut self) {
        self.parts.iter_mut().filter_map(|part| part.measure.as_mut()).for_each(|measure| measure.measure_in_full());
    }

    fn add(&mut self, indices: &[usize], batch: &HostBatch, outputs: &Outputs) -> Result<(), usize> {
        let Some(&first) = indices.first() else { return Ok(()) };
        let holds = |part: &&mut PartMeasure| (part.start..part.start + part.size).contains(&first);
        let Some(part) = self.parts.iter_mut().find(holds) else { return Ok(()) };
        let own: Vec<usize> = indices.iter().map(|index| index - part.start).collect();
        match &mut part.measure {
            Some(measure) => measure.add(&own, batch, outputs).map_err(|index| part.start + index),
            None => Ok(()),
        }
    }

    fn finish(self: Box<Self>) -> (Evaluation, RowPredictions) {
        let (mut parts, mut rows) = (Vec::new(), Vec::new());
        for part in self.parts {
            if let Some(measure) = part.measure {
                let (evaluation, predictions) = measure.finish();
                parts.push((part.name.clone(), evaluation));
                rows.push((part.name, predictions));
            }
        }
        (whole(parts), RowPredictions::Several(rows))
    }
}

/// The thresholds of a part among those of all, by its labels alone.
#[must_use]
pub fn thresholds_of(thresholds: &BTreeMap<String, f64>, part: &str) -> BTreeMap<String, f64> {
    let own = |(label, value): (&String, &f64)| {
        let label = label.strip_prefix(part)?.strip_prefix(SEPARATOR)?;
        Some((label.to_owned(), *value))
    };
    thresholds.iter().filter_map(own).collect()
}

/// The evaluation of all parts: the mean of their losses, and every figure of each.
fn whole(parts: Vec<(String, Evaluation)>) -> Evaluation {
    let losses: Vec<f64> = parts.iter().filter_map(|(_, evaluation)| evaluation.figure(LOSS.name)).collect();
    let mean = losses.iter().sum::<f64>() / losses.len() as f64;
    let mut figures: Vec<Figure> = (!losses.is_empty()).then(|| Figure::lower(LOSS.name, mean)).into_iter().collect();
    for (name, evaluation) in &parts {
        let of_part = |figure: &Figure| Figure { name: full_name(name, &figure.name).into(), ..figure.clone() };
        figures.extend(evaluation.figures.iter().map(of_part));
    }
    let num_rows = parts.iter().map(|(_, evaluation)| evaluation.num_rows).sum();
    Evaluation { figures, num_rows, detail: Detail::Several(Box::new(EvaluationDetail { parts })) }
}
