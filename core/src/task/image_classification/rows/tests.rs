//! Batches of images: what is in them, what is random in them, and the figures of their outputs.

use super::super::testing::{SIDE, encode, files, model, processor, read, run, two_classes};
use super::super::{EvaluationDetail, RowPrediction};
use super::*;
use crate::config::ClassWeights;
use crate::data::Outputs;
use crate::images::pack_zip;
use crate::task::{EvaluationDetail as AnyDetail, RowPredictions};

const SIZE: usize = CHANNELS * SIDE * SIDE;

fn rows(run: &RunConfig) -> Box<dyn TaskRows> {
    let processor = processor();
    let mut data = read(files(pack_zip(&two_classes(6))), run).expect("good images");
    encode(data.as_mut(), &model(&processor), run);
    data.prepare(&model(&processor), run).expect("two labels")
}

fn values(batch: &HostBatch) -> &[f32] {
    let HostInputs::Pixels(pixels) = &batch.inputs else { panic!("not images") };
    assert_eq!((pixels.channels, pixels.height, pixels.width), (CHANNELS, SIDE, SIDE));
    assert_eq!(pixels.values.len(), pixels.batch * SIZE);
    &pixels.values
}

fn distributions(batch: &HostBatch) -> &[f32] {
    let HostTargets::Distributions { values, width: 2 } = &batch.targets else { panic!("not two labels") };
    values
}

#[test]
fn batches_have_the_pixels_and_labels_of_their_rows() {
    let rows = rows(&run(0.0, 0.0));
    assert_eq!((rows.num_rows(), rows.lengths(Split::Train)), ([12, 0, 0], vec![1; 12]));
    assert!(rows.is_fixed() && rows.label_ids(Split::Train).is_some_and(|ids| [ids[1], ids[4]] == [1, 0]));
    let batch = rows.batch(Split::Train, &[1, 4], None);
    assert_eq!((batch.num_rows, batch.num_tokens, batch.weight), (2, 2, 2.0));
    assert_eq!(distributions(&batch), [0.0, 1.0, 1.0, 0.0]);
    assert_eq!(values(&batch)[SIZE..], *values(&rows.batch(Split::Train, &[4], None)));
    assert_eq!(rows.batch(Split::Train, &[1, 4], Some(3)), batch, "nothing is random");
    let (inputs, targets) = (HostInputs::Pixels(HostPixels::default()), rows.targets(Split::Train, &[1, 4]));
    assert_eq!(targets, HostBatch { inputs, ..batch }, "no image is decoded for them");
    assert_eq!(rows.row_number(Split::Train, 4), 5);
}

#[test]
fn rows_that_are_prepared_before_they_are_decoded_are_the_same() {
    let (run, processor) = (run(0.0, 0.0), processor());
    let data = read(files(pack_zip(&two_classes(6))), &run).expect("good images");
    let (found, expected) = (data.prepare(&model(&processor), &run).expect("two labels"), rows(&run));
    assert_eq!(found.batch(Split::Train, &[2, 0], None), expected.batch(Split::Train, &[2, 0], None));
    assert_eq!(found.fingerprint(), expected.fingerprint());
}

/// Names and bytes.
type Files = Vec<(String, Vec<u8>)>;

#[test]
fn the_fingerprint_is_that_of_the_files_and_their_labels() {
    let fingerprint = |change: &dyn Fn(&mut Files)| {
        let (run, processor, mut all) = (run(0.0, 0.0), processor(), two_classes(6));
        change(&mut all);
        let data = read(files(pack_zip(&all)), &run).expect("good images");
        data.prepare(&model(&processor), &run).expect("two labels").fingerprint()
    };
    let same = fingerprint(&|_| ());
    assert_eq!(same, rows(&run(0.0, 0.0)).fingerprint());
    assert_ne!(same, fingerprint(&|all| all.swap(0, 1)));
    assert_ne!(same, fingerprint(&|all| all[3].0 = "circle/x.png".into()));
}

#[test]
fn the_same_seed_changes_images_in_the_same_way() {
    for change in [
        RunConfig { horizontal_flip: true, color_jitter: 0.4, ..run(0.0, 0.0) },
        RunConfig { random_resized_crop: 0.3, ..run(0.0, 0.0) },
    ] {
        let rows = rows(&change);
        let batch = |seed| rows.batch(Split::Train, &[0, 1, 2, 3], seed);
        assert!(!rows.is_fixed());
        assert_eq!(batch(Some(5)), batch(Some(5)));
        assert_ne!(batch(Some(5)), batch(Some(6)));
        assert_ne!(batch(Some(5)), batch(None), "what is measured is not changed");
        assert_eq!(batch(None), batch(None));
        assert_eq!(distributions(&batch(Some(5))), distributions(&batch(None)));
    }
}

#[test]
fn mixed_images_have_mixed_labels_that_sum_to_the_same_weight() {
    let run = RunConfig { mixup_alpha: 1.0, ..run(0.0, 0.0) };
    let rows = rows(&run);
    let (plain, mixed) =
        (rows.batch(Split::Train, &[0, 1, 2, 3], None), rows.batch(Split::Train, &[0, 1, 2, 3], Some(9)));
    assert!(!rows.is_fixed());
    let share = draw_share(1.0, 9) as f32;
    for row in distributions(&mixed).chunks(2) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{row:?}");
    }
    assert!((distributions(&mixed)[0] - share).abs() < 1e-6, "a circle, mixed with the square at the end");
    let expected = share * values(&plain)[0] + (1.0 - share) * values(&plain)[3 * SIZE];
    assert!((values(&mixed)[0] - expected).abs() < 1e-6);
    assert_eq!(mixed.weight, plain.weight);

    let weighted = RunConfig { class_weights: ClassWeights::Balanced, label_smoothing_factor: 0.1, ..run };
    let rows = self::rows(&weighted);
    let of = |seed| rows.batch(Split::Train, &[0, 2, 1], seed);
    let sum = |batch: &HostBatch| distributions(batch).iter().sum::<f32>();
    assert!((sum(&of(None)) - sum(&of(Some(4)))).abs() < 1e-5);
    assert_eq!(of(None).weight, of(Some(4)).weight);
}

#[test]
fn figures_come_from_outputs() {
    let rows = rows(&run(0.5, 0.0));
    assert_eq!(rows.num_rows(), [6, 6, 0]);
    let mut measure = rows.measure(Split::Valid);
    let label = |index: usize| usize::from(distributions(&rows.batch(Split::Valid, &[index], None))[1] == 1.0);
    for index in 0..6 {
        let batch = rows.batch(Split::Valid, &[index], None);
        let wrong = Outputs::Rows { values: vec![f32::INFINITY, 0.0], width: 2 };
        assert_eq!(measure.add(&[index], &batch, &wrong), Err(index));
        let values = if label(index) == 0 { vec![2.0, 0.0] } else { vec![0.0, 0.0] };
        measure.add(&[index], &batch, &Outputs::Rows { values, width: 2 }).expect("finite");
    }
    let (evaluation, RowPredictions::ImageClassification(found)) = measure.finish() else { panic!("not of this task") };
    let expected = ((1.0 + (-2.0_f64).exp()).ln() + 2.0_f64.ln()) / 2.0;
    assert!((evaluation.figure("loss").expect("it is measured") - expected).abs() < 1e-7);
    assert_eq!(evaluation.figure("accuracy"), Some(0.5));
    let names: Vec<&str> = evaluation.figures.iter().map(|figure| figure.name.as_ref()).collect();
    let measured = SPEC.figures.iter().map(|figure| figure.name).filter(|name| names.contains(name));
    assert!(names.len() >= 11 && names == measured.collect::<Vec<_>>(), "in the order of the task: {names:?}");
    let RowPrediction { row, name, label, predicted, .. } = &found[0];
    assert_eq!((*row, *predicted), (rows.row_number(Split::Valid, 0), 0));
    assert!(name.starts_with(["circle", "square"][*label]), "{name}");
    let AnyDetail::ImageClassification(detail) = &evaluation.detail else { panic!("not of this task") };
    let detail: &EvaluationDetail = detail;
    assert_eq!(detail.baseline.as_ref().map(|baseline| baseline.label.as_str()), Some("circle"));
}
