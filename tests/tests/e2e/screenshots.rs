//! Pictures of every step: wide and narrow, light and dark. Not a check; run it with
//! `cargo xtask test screenshots -- --ignored`, and look into `target/screenshots/`.

use hone_tests::browser::WebGpu;

use crate::language_model::{self, RECIPE};
use crate::site::{READ_SECS, Site, decoder_files};

fn picture(site: &Site, step: &str) {
    site.in_all_views(|how| {
        let _ = site.browser.script("window.scrollTo(0, 0)", Vec::new());
        let path = site.browser.screenshot(&format!("{step}-{how}"));
        let wider = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
        assert_eq!(site.browser.script(wider, Vec::new()), false, "{step} is wider than the page ({how})");
        eprintln!("{}", path.display());
    });
}

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    site.load_tiny();
    picture(&site, "model");
    site.load_rows(240);
    picture(&site, "data");
    site.set_recipe(&[("num_train_epochs", "8"), ("batch_size", "16"), ("learning_rate", "5e-4")]);
    picture(&site, "recipe");
    site.start();
    site.finish();
    picture(&site, "train");
    site.evaluate("accuracy");
    picture(&site, "evaluate");
    site.browser.go_to("try");
    site.try_text("there was thunder before the rain came");
    picture(&site, "try");
    site.export();
    picture(&site, "export");
}

#[test]
#[ignore = "makes pictures; it checks little"]
fn screenshots_of_a_language_model() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    site.choose_model(&decoder_files());
    site.browser.wait_for("model-ready", READ_SECS);
    site.choose_rows(&site.file("colours.jsonl", language_model::rows()));
    site.browser.wait_for("data-report", READ_SECS);
    picture(&site, "lm-data");
    site.set_recipe(RECIPE);
    picture(&site, "lm-recipe");
    site.start();
    site.finish();
    picture(&site, "lm-train");
    site.evaluate("general-loss");
    picture(&site, "lm-evaluate");
    language_model::write(&site);
    picture(&site, "lm-try");
    site.export_by("export-adapter");
    picture(&site, "lm-export");
}
