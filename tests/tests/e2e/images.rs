//! Images on the page: a zip with a folder a class, what augmentation makes of them, a run of the head and one of all
//! weights, what is mixed up with what as pictures, an image to try, dropped, pasted or of the camera; and the exported zip says the
//! same natively. Then the sample, images that are given class by class, and those of no class, which are labeled by keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use burn::tensor::Device;
use futures_lite::future::block_on;
use hone_core::config::ModelSource;
use hone_core::images::{Picture, encode_png, pack_zip};
use hone_core::session::Session;
use hone_core::session::protocol::Weights;
use hone_core::task::{Prediction, Task, TaskInput};
use hone_tests::browser::WebGpu;
use serde_json::{Value, json};

use crate::axe;
use crate::corrections::press;
use crate::rows::{click_when_ready, wait_for_text};
use crate::site::{READ_SECS, Site, TRAIN_SECS, check_losses, vit_files};

/// Classes, and their colours.
const CLASSES: [(&str, [u8; 3]); 3] = [("blue", [40, 60, 200]), ("green", [40, 180, 60]), ("red", [200, 50, 40])];
/// Images of each class to train on, and in the test file.
const TRAIN: usize = 40;
const TEST: usize = 5;
/// Pixels of a side.
const SIDE: usize = 20;
const HEAD: &[(&str, &str)] = &[("num_train_epochs", "20"), ("batch_size", "8"), ("learning_rate", "1e-2")];
const FULL: &[(&str, &str)] = &[("num_train_epochs", "6"), ("batch_size", "8"), ("learning_rate", "1e-3")];
/// Accuracy that the tiny model must reach; two of the seventeen test images are in the wrong folder.
const ACCURACY: f64 = 0.8;
/// Largest difference of a probability between page and native; bars are drawn with two digits of a percent.
const SAME: f64 = 2e-3;

/// A PNG of a colour with blocks of other brightness, which are others for each number.
fn image(colour: [u8; 3], number: usize) -> Vec<u8> {
    let shade = |x: usize, y: usize| {
        let block = (number as u64 * 25 + (y / 4 * 5 + x / 4) as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((block ^ (block >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 59) as u8 // 0 to 31
    };
    let pixel = |at: usize| colour.map(|channel| channel.saturating_add(shade(at % SIDE, at / SIDE)));
    let pixels = (0..SIDE * SIDE).flat_map(pixel).collect();
    encode_png(&Picture { width: SIDE, height: SIDE, pixels }).expect("a PNG")
}

/// So many images of each class, numbered from one on, under their paths.
fn images(count: usize, from: usize) -> Vec<(String, Vec<u8>)> {
    let one = |class: usize, number: usize| {
        let (name, colour) = CLASSES[class];
        (format!("{name}/{number}.png"), image(colour, class * 1000 + number))
    };
    (0..CLASSES.len()).flat_map(|class| (from..from + count).map(move |number| one(class, number))).collect()
}

/// Whether so many pictures inside of an element are shown.
fn wait_for_pictures(site: &Site, id: &str, count: usize) {
    let script = "return [...document.querySelectorAll(`[data-testid=${arguments[0]}] img`)] \
        .filter(image => image.naturalWidth > 0).length >= arguments[1]";
    site.browser.wait_until(&format!("{id} shows {count} pictures"), READ_SECS, script, vec![json!(id), json!(count)]);
}

/// Gives the page an image as a person does that lets go of it there (`drop`) or pastes it (`paste`), and reads the probabilities of the
/// tuned model: label and probability.
fn give_to_try(site: &Site, by: &str, name: &str, png: &[u8]) -> Vec<(String, f64)> {
    let script = "const [by, name, png] = arguments, bytes = Uint8Array.from(atob(png), c => c.charCodeAt(0)); \
        const data = new DataTransfer(); data.items.add(new File([bytes], name, { type: 'image/png' })); \
        const [Kind, held] = by === 'paste' ? [ClipboardEvent, 'clipboardData'] : [DragEvent, 'dataTransfer']; \
        document.querySelector('.rail').dispatchEvent(new Kind(by, { [held]: data, bubbles: true, cancelable: true }))";
    let _ = site.browser.script(script, vec![json!(by), json!(name), json!(STANDARD.encode(png))]);
    answers_to(site, name)
}

/// The probabilities that the tuned model gives the image of this name, once they are there: label and probability.
fn answers_to(site: &Site, name: &str) -> Vec<(String, f64)> {
    let script = "return document.querySelector('.quoted')?.textContent === arguments[0] && \
        !!document.querySelector('[data-testid=try-result-tuned]')";
    site.browser.wait_until("the image is answered", READ_SECS, script, vec![json!(name)]);
    wait_for_pictures(site, "try-image-shown", 1);
    let script = "return [...document.querySelectorAll('[data-testid=try-result-tuned] .bar')].map(bar => \
        [bar.querySelector('.bar-label').textContent, parseFloat(bar.querySelector('.bar-fill').style.width) / 100])";
    let bars = site.browser.script(script, Vec::new());
    let bar = |bar: &Value| Some((bar[0].as_str()?.to_owned(), bar[1].as_f64()?));
    bars.as_array().into_iter().flatten().filter_map(bar).collect()
}

/// A picture of the browser's own camera is answered, and the camera is off then.
fn take_picture(site: &Site) {
    let browser = &site.browser;
    browser.click("open-camera");
    let script = "return document.querySelector('video')?.videoWidth > 0";
    browser.wait_until("the camera shows something", READ_SECS, script, Vec::new());
    browser.click("take-picture");
    assert!(!answers_to(site, "camera.png").is_empty());
    assert!(browser.has("open-camera") && browser.text("camera-problem").is_empty(), "it is off");
}

/// Reads a zip to train on, with a copy of an image that differs in a pixel and a file that is no image, and one to test on
/// with two images in the wrong folder.
fn load_images(site: &Site) {
    let mut train = images(TRAIN, 1);
    let (name, colour) = CLASSES[0];
    let mut near = hone_core::images::decode(&image(colour, 1)).expect("our own PNG");
    near.pixels[0] = near.pixels[0].saturating_add(1);
    train.push((format!("{name}/near.png"), encode_png(&near).expect("a PNG")));
    train.push((format!("{name}/broken.png"), b"this is a text".to_vec()));
    let mut test = images(TEST, 500);
    for number in [600, 601] {
        test.push((format!("green/{number}.png"), image(CLASSES[2].1, number)));
    }
    site.choose_rows(&site.file("colours.zip", pack_zip(&train)));
    site.browser.wait_for("data-report", READ_SECS);
    site.browser.choose_files("test-file", &[site.file("test.zip", pack_zip(&test))]);
    let script = "return document.querySelector('[data-testid=count-test]')?.dataset.value === arguments[0]";
    let expected = (TEST * CLASSES.len() + 2).to_string();
    site.browser.wait_until("the test images are read", READ_SECS, script, vec![json!(expected)]);
}

#[test]
fn images_are_labeled_on_the_page() {
    let Some(site) = Site::open_with_camera() else { return };
    let browser = &site.browser;
    site.choose_model(&vit_files());
    browser.wait_for("model-ready", READ_SECS);
    let shown = browser.text("model-ready");
    assert!(!shown.contains("tokens") && shown.contains("labels images as: circle, square, triangle"), "{shown}");
    let fetched = || site.server.requests().iter().filter(|asked| asked.contains("/hone-images_bg.wasm")).count();
    // A page that browsers keep fetches all of its files.
    let is_kept = site.server.requests().iter().any(|asked| asked.contains("/offline.js"));
    assert!(is_kept || fetched() == 0, "what decodes images comes with the first images");
    load_images(&site);
    let num_test = TEST * CLASSES.len() + 2;
    let num_train = TRAIN * CLASSES.len() + 1;
    site.check_counts(&[("rows", num_train + 1 + num_test), ("usable", num_train + num_test), ("test", num_test)]);
    assert!(browser.number("count-look-alikes") >= 1.0, "the copy looks like its image");
    let shown = browser.text("data-report");
    assert!(shown.contains("broken.png") && shown.contains("3 classes") && !shown.contains("tokens"), "{shown}");
    assert!(!browser.has("paste-data") && !browser.has("encoding"), "nothing of it is text");
    wait_for_pictures(&site, "first-images", CLASSES.len());
    wait_for_pictures(&site, "look-alikes", 2);
    axe::check(&site, "images, data");

    site.set_recipe(HEAD);
    browser.select("field-method", "head");
    assert!(!browser.has("augmentation"), "no image is changed");
    browser.select("field-horizontal_flip", "true");
    wait_for_pictures(&site, "augmentation", 8);
    browser.click("draw-again");
    axe::check(&site, "images, recipe");
    browser.select("field-horizontal_flip", "false");
    site.start();
    check_losses(&site.finish());
    assert!(!browser.text("phase").is_empty() && browser.has("rows-per-sec"));
    site.evaluate("accuracy");
    let [before, by_head] = site.figure("accuracy");
    assert!(by_head > before, "accuracy {by_head} of the head, before training {before}");

    site.set_recipe(FULL);
    browser.go_to("train");
    browser.click("start");
    browser.wait_for("weights-question", READ_SECS);
    browser.click("lose-weights");
    browser.wait_for("run-finished", TRAIN_SECS);
    site.evaluate("accuracy");
    let [_, after] = site.figure("accuracy");
    assert!(after >= ACCURACY, "accuracy {after}, of the head {by_head}");
    look_at_mistakes(&site);
    axe::check(&site, "images, evaluate");

    browser.go_to("try");
    wait_for_pictures(&site, "try-samples", 8);
    let png = image(CLASSES[2].1, 700);
    let probabilities = give_to_try(&site, "drop", "dropped.png", &png);
    assert_eq!(probabilities.first().map(|(label, _)| label.as_str()), Some("red"), "{probabilities:?}");
    assert_eq!(give_to_try(&site, "paste", "pasted.png", &png), probabilities);
    take_picture(&site);
    axe::check(&site, "images, try");
    check_export(&site, &png, &probabilities);
    assert!(is_kept || fetched() == 1, "{} times", fetched());
    site.check_requests();
}

/// The images in the wrong folder are mistakes: those of their cell alone are shown, as pictures.
fn look_at_mistakes(site: &Site) {
    let browser = &site.browser;
    let [green, red] = [1, 2];
    browser.click(&format!("confused-{green}-{red}"));
    browser.wait_for("wrong-rows-all", READ_SECS);
    assert!(browser.text("wrong-rows-title").contains("true “green”, predicted “red”"));
    wait_for_pictures(site, "wrong-rows", 2);
    let shown = browser.text("wrong-rows");
    assert!(shown.contains("green → red"), "{shown}");
}

/// The exported folder has what images are read with, and says natively what the page said of an image.
fn check_export(site: &Site, png: &[u8], probabilities: &[(String, f64)]) {
    let folder = site.export();
    assert!(folder.get("preprocessor_config.json").is_some() && folder.get("tokenizer.json").is_none());
    let mut session = Session::new(Device::flex());
    let source = ModelSource::Local { name: "export".into() };
    let info = session.load_model(source, folder).expect("the exported folder loads");
    assert_eq!((info.task, info.labels.len()), (Task::ImageClassification, CLASSES.len()));
    let input = TaskInput { text: "dropped.png".into(), image: Some(png.to_vec()), ..TaskInput::default() };
    let (predictions, _) = block_on(session.predict(&[input], Weights::Base)).expect("it predicts");
    let [Prediction::ImageClassification(own)] = predictions.as_slice() else { panic!("of this task") };
    for (label, probability) in probabilities {
        let id = info.labels.iter().position(|own| own == label).expect("a label of the model");
        let native = f64::from(own.probabilities[id]);
        assert!((native - probability).abs() <= SAME, "{label}: {native} natively, {probability} on the page");
    }
}

/// The sample of images brings its model, its recipe and its rows with one press.
fn try_sample(site: &Site) {
    let browser = &site.browser;
    browser.click("try-image-sample");
    browser.wait_for("field-learning_rate", READ_SECS);
    assert_eq!(browser.held("field-learning_rate"), "5e-4");
    browser.go_to("data");
    browser.wait_for("data-report", READ_SECS);
    site.check_counts(&[("rows", 360), ("usable", 360)]);
    wait_for_pictures(site, "first-images", 6);
}

#[test]
fn images_are_given_class_by_class() {
    let Some(site) = Site::open(WebGpu::Absent) else { return };
    let browser = &site.browser;
    try_sample(&site);
    let unfold = "document.querySelector('[data-testid=class-by-class]').open = true";
    let _ = browser.script(unfold, Vec::new());
    for (class, (name, colour)) in CLASSES.iter().take(2).enumerate() {
        let id = class + 1;
        let files: Vec<_> = (0..6)
            .map(|number| site.file(&format!("{name}-{number}.png"), image(*colour, class * 1000 + number)))
            .collect();
        browser.choose_files(&format!("class-files-{id}"), &files);
        wait_for_pictures(&site, &format!("class-{id}"), 6);
        assert_eq!(browser.text(&format!("class-count-{id}")), "6 images");
        assert!(!browser.text("classes-problem").is_empty(), "a class has no name yet, or is alone");
        browser.type_into(&format!("class-name-{id}"), name);
    }
    assert_eq!(browser.text("classes-problem"), "");
    axe::check(&site, "images, class by class");
    browser.click("use-classes");
    let script = "return document.querySelector('[data-testid=count-usable]')?.dataset.value === '12'";
    browser.wait_until("the classes are read in the place of the sample", READ_SECS, script, Vec::new());
    site.check_counts(&[("rows", 12), ("usable", 12)]);
    let shown = browser.text("data-report");
    assert!(shown.contains("images.zip") && shown.contains("blue") && shown.contains("green"), "{shown}");
    label_images(&site);
    site.check_requests();
}

/// Two images more, of a class without a name: one is labeled by a key, seen again after a step back, and the labels are taken home.
fn label_images(site: &Site) {
    let browser = &site.browser;
    browser.click("add-class");
    let files = [90, 91].map(|number| site.file(&format!("new-{number}.png"), image(CLASSES[1].1, 1000 + number)));
    browser.choose_files("class-files-3", &files);
    wait_for_pictures(site, "class-3", 2);
    browser.click("label-classes");
    wait_for_text(site, "num-unlabeled", "2 images have no label");
    click_when_ready(site, "label-rows");
    wait_for_text(site, "labeling-place", "1 of 2");
    wait_for_pictures(site, "labeling-image", 1);
    axe::check(site, "images, labeled by keys");
    press(site, "label-box", "2");
    wait_for_text(site, "num-unlabeled", "1 image has no label");
    wait_for_text(site, "labeling-counts", "green7");
    assert!(browser.text("labeling-counts").contains("ClassImages"), "{}", browser.text("labeling-counts"));
    click_when_ready(site, "labeling-undo");
    wait_for_text(site, "num-unlabeled", "2 images have no label");
    wait_for_text(site, "labeling-place", "1 of 2");
    press(site, "label-box", "2");
    wait_for_text(site, "num-unlabeled", "1 image has no label");
    click_when_ready(site, "save-image-labels");
    wait_for_text(site, "image-labels-note", "metadata.jsonl has 14 images");
}
