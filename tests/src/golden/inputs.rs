//! What a golden's model reads, and what it is to give back.

use hone_core::data::{HostBatch, HostInputs, HostTargets, HostText, PositionIds};
use hone_core::model::ProblemType;
use hone_core::task::HeadKind;

use super::Golden;
use crate::fixture::COLUMNS;

/// Label of a token that is not scored.
const IGNORED: i32 = -100;

impl Golden {
    /// `in`, which is one batch, or `train`, the twenty of training.
    pub(super) fn batches(&self, part: &str) -> Vec<HostBatch> {
        if let Some(batches) = self.image_batches(part) {
            return batches;
        }
        let find = |name: &str| self.find_ids(part, name).map(|(_, ids)| ids);
        let (shape, input_ids) = self.find_ids(part, "input_ids").expect("a golden has inputs");
        let [batch, seq] = [shape[shape.len() - 2], shape[shape.len() - 1]];
        let count = input_ids.len() / (batch * seq);
        let cut = |values: &[i32], step: usize| part_of(values, step, count).to_vec();
        let [mask, types, positions, segments] =
            ["attention_mask", "token_type_ids", "position_ids", "segment_ids"].map(find);
        let decoder_inputs = self.find_ids(part, "decoder_input_ids");
        let targets = self.targets(part, batch * seq, count);
        targets
            .into_iter()
            .enumerate()
            .map(|(step, targets)| {
                let input_ids = cut(&input_ids, step);
                let attention_mask = mask.as_ref().map_or_else(|| vec![1; batch * seq], |mask| cut(mask, step));
                let position_ids = match &positions {
                    Some(positions) => cut(positions, step),
                    None => self.position_ids(&input_ids, seq),
                };
                let text = HostText {
                    token_type_ids: types.as_ref().map_or_else(|| vec![0; batch * seq], |types| cut(types, step)),
                    segment_ids: segments.as_ref().map(|segments| cut(segments, step)),
                    input_ids,
                    attention_mask,
                    position_ids,
                    batch,
                    seq,
                };
                let num_tokens = text.num_tokens();
                let weight = weight_of(&targets, batch);
                let inputs = match &decoder_inputs {
                    None => HostInputs::Text(text),
                    Some((shape, ids)) => {
                        let target = seen_text(cut(ids, step), batch, shape[shape.len() - 1]);
                        HostInputs::TextToText { source: text, target }
                    }
                };
                HostBatch { inputs, targets, weight, num_rows: batch, num_tokens }
            })
            .collect()
    }

    /// Shape and values of a tensor of ids; of embeddings, the texts of all columns of each batch, one after another.
    pub(super) fn find_ids(&self, part: &str, name: &str) -> Option<(Vec<usize>, Vec<i32>)> {
        if let Some(found) = self.fixture.find_ids(&format!("{part}.{name}")) {
            return Some(found);
        }
        let columns = COLUMNS.map(|column| self.fixture.find_ids(&format!("{part}.{column}.{name}")));
        let [(mut shape, first), (_, second)] = [columns[0].clone()?, columns[1].clone()?];
        let batches = if part == "in" { 1 } else { shape[0] };
        let rows = shape.len() - 2;
        shape[rows] *= COLUMNS.len();
        let of_batch = |batch| [part_of(&first, batch, batches), part_of(&second, batch, batches)].concat();
        Some((shape, (0..batches).flat_map(of_batch).collect()))
    }

    /// As the model counts them where the golden does not say.
    fn position_ids(&self, input_ids: &[i32], seq: usize) -> Vec<i32> {
        let count = |row: &[i32]| -> Vec<i32> {
            match self.config.position_ids() {
                PositionIds::FromZero => (0..seq as i32).collect(),
                PositionIds::AfterPad(pad) => {
                    let (pad, mut next) = (pad as i32, pad as i32);
                    let position = |&id: &i32| {
                        next += i32::from(id != pad);
                        if id == pad { pad } else { next }
                    };
                    row.iter().map(position).collect()
                }
            }
        };
        input_ids.chunks(seq).flat_map(count).collect()
    }

    /// The targets of each batch, of `cells` tokens.
    fn targets(&self, part: &str, cells: usize, count: usize) -> Vec<HostTargets> {
        let ids = |name: &str| self.find_ids(part, name).map(|(_, ids)| ids);
        let each = |make: &dyn Fn(usize) -> HostTargets| -> Vec<HostTargets> { (0..count).map(make).collect() };
        if let (Some(starts), Some(ends)) = (ids("start_positions"), ids("end_positions")) {
            return each(&|step| HostTargets::Spans {
                starts: part_of(&starts, step, count).to_vec(),
                ends: part_of(&ends, step, count).to_vec(),
            });
        }
        let seq = self.find_ids(part, "input_ids").and_then(|(shape, _)| shape.last().copied()).unwrap_or(1);
        if let Some(scale) = self.fixture.meta["scale"].as_f64() {
            let anchors = cells / seq / COLUMNS.len();
            let (targets, scale) = ((0..anchors as i32).collect::<Vec<_>>(), scale as f32);
            return each(&|_| HostTargets::InBatchNegatives {
                anchors,
                targets: targets.clone(),
                ignored: Vec::new(),
                scale,
            });
        }
        let Some(labels) = ids("labels") else {
            let labels = self.fixture.tensor(&format!("{part}.labels"));
            let columns = if part == "in" { labels.shape.get(1) } else { labels.shape.get(2) };
            let width = columns.copied().unwrap_or(1);
            return each(&|step| self.number_targets(part_of(&labels.values, step, count), width));
        };
        each(&|step| {
            let labels = part_of(&labels, step, count);
            match self.config.head_kind() {
                HeadKind::CausalLm => id_targets(labels, |index| (index % seq > 0).then(|| index - 1)),
                HeadKind::MaskedLm | HeadKind::Seq2seqLm => id_targets(labels, Some),
                _ => {
                    assert!(labels.len() == cells || cells.is_multiple_of(labels.len()), "a label a row or a token");
                    class_targets(labels, self.num_outputs())
                }
            }
        })
    }

    fn number_targets(&self, values: &[f32], width: usize) -> HostTargets {
        match self.config.problem_type {
            ProblemType::MultiLabelClassification => HostTargets::Binary {
                positive: values.to_vec(),
                negative: values.iter().map(|value| 1.0 - value).collect(),
                width,
            },
            ProblemType::Regression | ProblemType::SingleLabelClassification => {
                HostTargets::Numbers { values: values.to_vec(), width }
            }
        }
    }

    /// Sources of texts, without padding.
    pub(crate) fn sources(&self) -> Vec<Vec<u32>> {
        let [ids, mask] = ["input_ids", "attention_mask"].map(|name| {
            let found = self.find_ids("generate", name).expect("the golden has sources");
            (found.0[1], found.1)
        });
        let rows = ids.1.chunks(ids.0).zip(mask.1.chunks(mask.0));
        let seen = |(ids, mask): (&[i32], &[i32])| {
            ids.iter().zip(mask).filter(|(_, bit)| **bit == 1).map(|(&id, _)| id as u32).collect()
        };
        rows.map(seen).collect()
    }
}

/// Tokens that are all seen, for a decoder, which sees only what is before each of them.
fn seen_text(input_ids: Vec<i32>, batch: usize, seq: usize) -> HostText {
    let cells = batch * seq;
    HostText {
        input_ids,
        attention_mask: vec![1; cells],
        token_type_ids: vec![0; cells],
        position_ids: (0..cells).map(|cell| (cell % seq) as i32).collect(),
        segment_ids: None,
        batch,
        seq,
    }
}

/// One of `count` equal parts.
pub(super) fn part_of<T>(values: &[T], index: usize, count: usize) -> &[T] {
    let size = values.len() / count;
    &values[index * size..(index + 1) * size]
}

/// `labels` as `transformers` has them, beside the token they name; `position` of the state that predicts it.
fn id_targets(labels: &[i32], position: impl Fn(usize) -> Option<usize>) -> HostTargets {
    let (mut positions, mut ids) = (Vec::new(), Vec::new());
    for (index, &label) in labels.iter().enumerate().filter(|(_, label)| **label != IGNORED) {
        if let Some(position) = position(index) {
            positions.push(position as i32);
            ids.push(label);
        }
    }
    HostTargets::Ids { positions, ids, label_smoothing: 0.0 }
}

/// 1 at each label; zeros where none is scored.
pub(super) fn class_targets(labels: &[i32], width: usize) -> HostTargets {
    let mut values = vec![0.0; labels.len() * width];
    for (row, &label) in values.chunks_mut(width).zip(labels).filter(|(_, label)| **label != IGNORED) {
        row[label as usize] = 1.0;
    }
    HostTargets::Distributions { values, width }
}

/// What the mean of `transformers` divides by.
pub(super) fn weight_of(targets: &HostTargets, rows: usize) -> f64 {
    match targets {
        HostTargets::Distributions { values, .. } => values.iter().map(|&value| f64::from(value)).sum(),
        HostTargets::Numbers { values, .. } | HostTargets::Binary { positive: values, .. } => values.len() as f64,
        HostTargets::Ids { ids, .. } => ids.len() as f64,
        HostTargets::InBatchNegatives { anchors, .. } => *anchors as f64,
        _ => rows as f64,
    }
}
