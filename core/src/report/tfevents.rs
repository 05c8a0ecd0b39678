//! Event files of TensorBoard: records of protocol buffers with their checksums, of which scalars need but a few fields. Tags are those
//! that the Trainer of `transformers` writes.
//!
//! In: lines of a run's log. Out: bytes, a record for each number. The format: `tensorflow/core/util/event.proto`,
//! `framework/summary.proto` and `lib/io/record_writer.cc` of TensorFlow.

use super::log::{LogEntry, LogLine};
use crate::event::{Split, TrainEvent};
use crate::metrics::Figure;
use crate::task::Evaluation;

/// What readers know the layout by.
const FILE_VERSION: &str = "brain.Event:2";

// Fields of `Event`.
const WALL_TIME: u8 = 1;
const STEP: u8 = 2;
const VERSION: u8 = 3;
const SUMMARY: u8 = 5;
const SESSION_LOG: u8 = 7;
// Of `Summary` and `Summary.Value`.
const VALUE: u8 = 1;
const TAG: u8 = 1;
const SIMPLE_VALUE: u8 = 2;
// Of `SessionLog`.
const STATUS: u8 = 1;
const START: u64 = 1;

// Wire types.
const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const BYTES: u8 = 2;
const FIXED_32: u8 = 5;

/// A whole log as an event file. Where a line has no time of day, its seconds since the run began stand there.
#[must_use]
pub fn event_file(lines: &[LogLine]) -> Vec<u8> {
    let mut bytes = version_record(lines.first().map_or(0.0, time_of));
    lines.iter().for_each(|line| bytes.extend(event_records(time_of(line), line)));
    bytes
}

fn time_of(line: &LogLine) -> f64 {
    line.time.unwrap_or(line.elapsed_secs)
}

/// The numbers of a line; what is measured of the model before training is no curve of the run.
#[must_use]
pub fn event_records(wall_time: f64, line: &LogLine) -> Vec<u8> {
    match &line.entry {
        LogEntry::Event(event) => records_of_event(wall_time, event),
        LogEntry::Measured(measured) if !measured.before_training => {
            figure_records(wall_time, line.step, prefix_of(measured.split), &measured.evaluation)
        }
        LogEntry::Measured(_) | LogEntry::Began(_) | LogEntry::Examined(_) => Vec::new(),
    }
}

fn records_of_event(wall_time: f64, event: &TrainEvent) -> Vec<u8> {
    match event {
        TrainEvent::Step { step, epoch, loss, learning_rate, grad_norm, .. } => {
            let numbers =
                [("loss", loss), ("grad_norm", grad_norm), ("learning_rate", learning_rate), ("epoch", epoch)];
            let record =
                |(name, value): (&str, &f64)| scalar_record(wall_time, *step, &format!("train/{name}"), *value);
            numbers.into_iter().flat_map(record).collect()
        }
        TrainEvent::Evaluated { step, split, evaluation, .. } => {
            figure_records(wall_time, *step, prefix_of(*split), evaluation)
        }
        TrainEvent::GeneralMeasured { step, evaluation } => figure_records(wall_time, *step, "general", evaluation),
        TrainEvent::RolledBack { to_step, .. } => restart_record(wall_time, to_step + 1),
        _ => Vec::new(),
    }
}

/// How the Trainer's names of figures begin: `eval/accuracy`, `test/accuracy`.
fn prefix_of(split: Split) -> &'static str {
    match split {
        Split::Train => "train_rows",
        Split::Valid => "eval",
        Split::Test => "test",
    }
}

fn figure_records(wall_time: f64, step: u32, prefix: &str, evaluation: &Evaluation) -> Vec<u8> {
    let record = |figure: &Figure| scalar_record(wall_time, step, &format!("{prefix}/{}", figure.name), figure.value);
    evaluation.figures.iter().flat_map(record).collect()
}

/// The record that a file begins with.
#[must_use]
pub fn version_record(wall_time: f64) -> Vec<u8> {
    record(&event(wall_time, 0, VERSION, FILE_VERSION.as_bytes()))
}

/// Says that a run begins, or goes on, before `step`: readers drop what they have of that step and of later ones.
#[must_use]
pub fn restart_record(wall_time: f64, step: u32) -> Vec<u8> {
    let mut log = Vec::new();
    put_varint_field(&mut log, STATUS, START);
    record(&event(wall_time, step, SESSION_LOG, &log))
}

/// A number of a step.
fn scalar_record(wall_time: f64, step: u32, tag: &str, value: f64) -> Vec<u8> {
    let mut own = Vec::new();
    put_bytes_field(&mut own, TAG, tag.as_bytes());
    own.push(key(SIMPLE_VALUE, FIXED_32));
    own.extend((value as f32).to_le_bytes());
    let mut summary = Vec::new();
    put_bytes_field(&mut summary, VALUE, &own);
    record(&event(wall_time, step, SUMMARY, &summary))
}

/// An `Event` with one field besides time and step; a step of 0 is not written, as protocol buffers have it.
fn event(wall_time: f64, step: u32, field: u8, content: &[u8]) -> Vec<u8> {
    let mut event = vec![key(WALL_TIME, FIXED_64)];
    event.extend(wall_time.to_le_bytes());
    if step > 0 {
        put_varint_field(&mut event, STEP, u64::from(step));
    }
    put_bytes_field(&mut event, field, content);
    event
}

fn key(field: u8, wire_type: u8) -> u8 {
    (field << 3) | wire_type
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value as u8) | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn put_varint_field(bytes: &mut Vec<u8>, field: u8, value: u64) {
    bytes.push(key(field, VARINT));
    put_varint(bytes, value);
}

fn put_bytes_field(bytes: &mut Vec<u8>, field: u8, content: &[u8]) {
    bytes.push(key(field, BYTES));
    put_varint(bytes, content.len() as u64);
    bytes.extend(content);
}

/// A record: its length, the length's checksum, the content, the content's checksum.
fn record(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(content.len() + 16);
    record.extend(length);
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(content);
    record.extend(masked_crc(content).to_le_bytes());
    record
}

/// CRC-32C, turned and shifted as record files have it, so that a checksum of bytes with checksums in them is another one.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32 with Castagnoli's polynomial; a few hundred bytes a step need no table.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            let carried = if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
            crc = (crc >> 1) ^ carried;
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by TensorBoard's own classes: `tests/python/make_tfevents.py`.
    const WRITTEN_BY_TENSORBOARD: &[u8] = include_bytes!("../../../tests/fixtures/tfevents/scalars.tfevents");

    /// The contents of a file's records.
    fn contents(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut contents = Vec::new();
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at(12);
            let length = u64::from_le_bytes(head[..8].try_into().expect("eight bytes"));
            let crc = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
            assert_eq!(crc(&head[8..]), masked_crc(&head[..8]), "checksum of a length");
            let (content, rest) = rest.split_at(usize::try_from(length).expect("a short record"));
            let (checksum, rest) = rest.split_at(4);
            assert_eq!(crc(checksum), masked_crc(content), "checksum of a content");
            contents.push(content.to_vec());
            bytes = rest;
        }
        contents
    }

    #[test]
    fn a_log_becomes_a_file_with_its_numbers_at_their_steps() {
        let (losses, rows, tokens) = (vec![0.5], 8, 80);
        let step = TrainEvent::Step {
            step: 3,
            epoch: 0.5,
            loss: 0.5,
            losses,
            learning_rate: 1e-3,
            grad_norm: 1.0,
            rows,
            tokens,
        };
        let line = LogLine::of_event(1.5, &step).expect("it is logged");
        let timed = LogLine { time: Some(1_700_000_001.5), ..line.clone() };
        let expected = |time: f64| {
            let numbers = [("loss", 0.5), ("grad_norm", 1.0), ("learning_rate", 1e-3), ("epoch", 0.5)];
            let record = |(name, value): (&str, f64)| scalar_record(time, 3, &format!("train/{name}"), value);
            [version_record(time), numbers.into_iter().flat_map(record).collect()].concat()
        };
        assert_eq!(event_file(std::slice::from_ref(&timed)), expected(1_700_000_001.5));
        assert_eq!(event_file(std::slice::from_ref(&line)), expected(1.5), "without a time of day");
        assert_eq!(contents(&event_file(&[line])).len(), 5, "a file that begins with its version");
    }

    #[test]
    fn a_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    #[test]
    fn a_file_is_the_one_that_tensorboard_writes() {
        let ours = [
            version_record(1_700_000_000.25),
            restart_record(1_700_000_000.5, 1),
            scalar_record(1_700_000_001.5, 1, "train/loss", std::f64::consts::LN_2),
            scalar_record(1_700_000_002.0, 300, "train/learning_rate", 2e-5),
            scalar_record(1_700_000_003.0, 300, "eval/accuracy", 1.0),
            scalar_record(1_700_000_004.0, 300, "eval/zero", 0.0),
        ];
        let theirs = contents(WRITTEN_BY_TENSORBOARD);
        assert_eq!(theirs.len(), ours.len(), "and its checksums are ours");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(contents(ours), std::slice::from_ref(theirs));
        }
        assert_eq!(ours.concat(), WRITTEN_BY_TENSORBOARD);
    }
}
