//! axe-core on every view, with data in it: wide and narrow, light and dark. Nothing serious or critical may be found. No
//! rule is switched off. The dark view differs from the light one in its colours alone, so that only the rules about colours run there.

use std::path::PathBuf;

use hone_tests::browser::WebGpu;
use hone_tests::missing::skip;
use hone_tests::rows;
use serde_json::{Value, json};

use crate::language_model;
use crate::site::{READ_SECS, Site, TRAIN_SECS, decoder_files, tiny_files};

/// WCAG 2.2 at level AA, and what is good practice beyond it.
const TAGS: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/// The rules among these that look at colours.
const COLOUR_RULES: [&str; 2] = ["color-contrast", "link-in-text-block"];
/// Impacts of a finding that fail the test; milder ones are printed.
const GRAVE: [&str; 2] = ["serious", "critical"];

/// One look at the page as it is now. Of what is as it should be only the names of rules are wanted: without `resultTypes` axe-core
/// describes every element of it.
const RUN: &str = "const done = arguments[arguments.length - 1]; \
    const options = { runOnly: arguments[0], resultTypes: ['violations'] }; \
    const place = node => ({ selector: node.target.join(' '), summary: node.failureSummary }); \
    const finding = ({ id, impact, nodes }) => ({ rule: id, impact, places: nodes.map(place) }); \
    requestAnimationFrame(() => axe.run(document, options).then( \
        found => done({ rules: found.passes.map(rule => rule.id), findings: found.violations.map(finding) }), \
        error => done({ error: String(error) })))";

/// It lasts longer than the looks at it, and learns hardly anything: there are mistakes to look at.
const RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "400"), ("batch_size", "16"), ("learning_rate", "1e-7"), ("max_seq_length", "32")];

/// What was found on the views of a test.
struct Audit<'a> {
    site: &'a Site,
    grave: Vec<String>,
}

impl<'a> Audit<'a> {
    /// Brings axe-core into the page; `None`, loudly, where it is absent.
    fn begin(site: &'a Site) -> Option<Self> {
        let Some(path) = std::env::var_os("HONE_AXE").map(PathBuf::from) else {
            skip("there is no axe-core (HONE_AXE is not set); run `cargo xtask test`");
            return None;
        };
        let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}: {}", path.display()));
        // Not as a script element: the page's policy allows no scripts but its own.
        site.browser.devtools("Runtime.evaluate", json!({ "expression": source }));
        Some(Self { site, grave: Vec::new() })
    }

    /// Unfolds the page and looks at it in every size and colour; `view` is what it shows.
    fn look(&mut self, view: &str) {
        let site = self.site;
        let unfold = "for (const part of document.querySelectorAll('main details')) part.open = true";
        let _ = site.browser.script(unfold, Vec::new());
        site.in_all_views(|how| {
            let wanted = match how.ends_with("dark") {
                true => json!({ "type": "rule", "values": COLOUR_RULES }),
                false => json!({ "type": "tag", "values": TAGS }),
            };
            let found = site.browser.script_async(RUN, vec![wanted]);
            let rules = found["rules"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(rules.contains(&json!("color-contrast")), "{view}, {how}: axe-core did not look: {found}");
            for finding in found["findings"].as_array().into_iter().flatten() {
                let [rule, impact] = ["rule", "impact"].map(|key| finding[key].as_str().unwrap_or_default());
                for place in finding["places"].as_array().into_iter().flatten() {
                    let [selector, summary] =
                        ["selector", "summary"].map(|key| place[key].as_str().unwrap_or_default().replace('\n', " "));
                    let line = format!("{view}, {how}: {rule} ({impact}): {selector}: {summary}");
                    eprintln!("{line}");
                    if GRAVE.contains(&impact) {
                        self.grave.push(line);
                    }
                }
            }
        });
    }

    /// Ends the test: with all that was found, if anything was.
    fn close(self) {
        assert!(self.grave.is_empty(), "serious or critical findings:\n{}", self.grave.join("\n"));
    }
}

/// Looks at the page as a test of another file has brought it: nothing serious may be found. Left out, loudly, where there
/// is no axe-core.
pub(crate) fn check(site: &Site, view: &str) {
    if let Some(mut audit) = Audit::begin(site) {
        audit.look(view);
        audit.close();
    }
}

/// Rows with all that a report has something to say about: a label in two spellings, a rare one, rows that lack a part or
/// are too long.
fn mixed_rows() -> String {
    let long = "a long story of rain and wind, ".repeat(12);
    let more = "she sang a song for us,Music\nwe sang along,Music\nnobody knows,rare\nsomebody knows,rare\n";
    format!("{}{more},music\nno label here,\n\"{long}\",weather\n", rows::csv(150))
}

#[test]
fn a_classifiers_views_keep_nobody_out() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let Some(mut audit) = Audit::begin(&site) else { return };
    let browser = &site.browser;
    audit.look("model");
    for chip in ["device-chip", "network-count"] {
        let open = "document.querySelector(`[data-testid=${arguments[0]}]`).parentElement.open = true";
        let _ = browser.script(open, vec![json!(chip)]);
        audit.look(chip);
    }
    let _ = browser.script("document.querySelector('.pop[open]').open = false", Vec::new());
    site.load_tiny();
    audit.look("model, loaded");

    site.choose_rows(&site.file("header.csv", "text,label\n"));
    browser.wait_for_problem(READ_SECS);
    audit.look("data, a problem");
    browser.dismiss_problem();
    site.choose_rows(&site.file("mixed.csv", mixed_rows()));
    browser.wait_for("data-report", READ_SECS);
    assert!(browser.has("finding") && browser.has("bad-rows") && browser.has("all-columns"), "there is a lot to say");
    let is_current = "return document.querySelector('[data-testid=findings]')?.dataset.current === 'true'";
    browser.wait_until("the rows are looked through", READ_SECS, is_current, Vec::new());
    audit.look("data");
    browser.click("open-rows");
    browser.wait_for("rows-row", READ_SECS);
    let edit = "document.querySelector('[data-testid=rows-row]').click(); \
        document.querySelector('[data-testid=rows-edit]').click()";
    let _ = browser.script(edit, Vec::new());
    browser.wait_for("row-editor", READ_SECS);
    audit.look("data, all rows");
    browser.click("open-rows");

    browser.go_to("recipe");
    browser.type_into("field-learning_rate", "none");
    let is_wrong = "return !!document.querySelector('.plan.bad')";
    browser.wait_until("the setting is wrong", READ_SECS, is_wrong, Vec::new());
    audit.look("recipe, a wrong setting");
    site.set_recipe(RECIPE);
    audit.look("recipe");

    site.start();
    browser.wait_for("evaluations", TRAIN_SECS);
    browser.click("pause");
    browser.wait_for("resume", READ_SECS);
    audit.look("train, paused");
    browser.click("resume");
    browser.wait_for("pause", READ_SECS);
    audit.look("train, running");
    browser.click("stop");
    site.finish();
    audit.look("train, finished");
    // What fills the screen would have its size, and not that of the views.
    let _ = browser.script("delete Element.prototype.requestFullscreen", Vec::new());
    browser.click("big-screen-open");
    browser.wait_for("big-screen", READ_SECS);
    audit.look("train, on a big screen");
    browser.click("big-screen-close");

    site.evaluate("accuracy");
    let find = "return document.querySelector('[data-testid^=confused-]')?.dataset.testid || false";
    let cell = browser.wait_until("a mistake can be pressed", READ_SECS, find, Vec::new());
    browser.click(cell.as_str().expect("it has an id"));
    browser.wait_for("wrong-rows-all", READ_SECS);
    let press = "document.querySelector('[data-testid=wrong-rows] tbody tr').cells[0].querySelector('button').click()";
    let _ = browser.script(press, Vec::new());
    browser.wait_for("nearest-rows", READ_SECS);
    audit.look("evaluate, the rows of one mistake, and what the model looks at");

    browser.go_to("try");
    site.try_text("there was thunder before the rain came");
    audit.look("try");
    site.choose_model(&tiny_files());
    browser.wait_for("weights-question", READ_SECS);
    audit.look("model, trained weights would go");
    browser.click("keep-weights");
    let _ = site.export();
    audit.look("export");
    audit.close();
}

#[test]
fn a_language_models_views_keep_nobody_out() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let Some(mut audit) = Audit::begin(&site) else { return };
    let browser = &site.browser;
    site.choose_model(&decoder_files());
    browser.wait_for("model-ready", READ_SECS);
    let odd = [
        json!({ "prompt": "an answer is missing", "completion": "" }),
        json!({ "prompt": "a ".repeat(100), "completion": " b" }),
    ];
    let lines: String = odd.iter().map(|row: &Value| format!("{row}\n")).collect();
    site.choose_rows(&site.file("colours.jsonl", language_model::rows() + &lines));
    browser.wait_for("token-view", READ_SECS);
    audit.look("texts");

    browser.go_to("recipe");
    audit.look("texts, recipe");
    site.set_recipe(&[("num_train_epochs", "2"), ("batch_size", "4"), ("learning_rate", "3e-3")]);
    site.start();
    site.finish();
    assert!(browser.has("train-samples"), "texts were written on the way");
    audit.look("texts, train");
    site.evaluate("general-loss");
    assert!(browser.has("eval-samples"), "prompts were written on from");
    audit.look("texts, evaluate");
    language_model::write(&site);
    audit.look("texts, try");
    let _ = site.export_by("export-adapter");
    audit.look("texts, export");
    audit.close();
}

#[test]
fn views_of_several_tasks_keep_nobody_out() {
    let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
    let Some(mut audit) = Audit::begin(&site) else { return };
    let browser = &site.browser;
    site.load_tiny();
    site.load_rows(150);
    browser.click("keep-part");
    browser.wait_for("parts", READ_SECS);
    site.choose_rows(&site.file("more.csv", rows::csv(60)));
    browser.wait_for("data-report", READ_SECS);
    audit.look("several tasks, data");
    site.set_recipe(&[("num_train_epochs", "1"), ("batch_size", "16"), ("max_seq_length", "32")]);
    site.start();
    site.finish();
    audit.look("several tasks, train");
    site.evaluate("accuracy");
    audit.look("several tasks, evaluate");
    let _ = site.export();
    audit.look("several tasks, export");
    audit.close();
}
