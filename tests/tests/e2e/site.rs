//! The page, served and opened, and the steps that most tests take.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use hone_core::folder::Folder;
use hone_tests::browser::{Browser, Parts, WebGpu};
use hone_tests::{net_log, paths, rows};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::server::{self, Options, Running};

/// Seconds for the page to start, and for a device to be opened and checked.
pub(crate) const DEVICE_SECS: u64 = 600;
/// Seconds for a file to be read.
pub(crate) const READ_SECS: u64 = 120;
/// Seconds for a run of the tiny model.
pub(crate) const TRAIN_SECS: u64 = 900;
/// The last losses of a run must be below this share of the first. The page shows the mean of ten steps, which in a short
/// run holds a good part of the first.
const LOSS_FALLS_TO: f64 = 0.9;
/// Files of a model that a person has on disk.
pub(crate) const MODEL_FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];
/// How people look at the page: name, width and height in CSS pixels, whether it is a phone.
const VIEWS: [(&str, u32, u32, bool); 2] = [("desktop", 1280, 900, false), ("phone", 390, 844, true)];

/// Browsers that may be open at a time: the page computes on one core, a second browser uses what it leaves. More of them
/// would only wait for each other, on whatever machine.
const MAX_BROWSERS: usize = 2;

/// Places of the browsers that may be open still.
static PLACES: (Mutex<usize>, Condvar) = (Mutex::new(MAX_BROWSERS), Condvar::new());

/// Places that a test holds; dropping it gives them back.
struct Turn(usize);

impl Turn {
    /// Waits until so many places are free at once.
    fn wait(places: usize) -> Self {
        let free = PLACES.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = PLACES.1.wait_while(free, |free| *free < places);
        *free.unwrap_or_else(PoisonError::into_inner) -= places;
        Self(places)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *PLACES.0.lock().unwrap_or_else(PoisonError::into_inner) += self.0;
        PLACES.1.notify_all();
    }
}

/// A served page in a browser, and a folder for the files of a test.
pub(crate) struct Site {
    pub browser: Browser,
    pub server: Running,
    pub folder: TempDir,
    query: String,
    // Last, so that the browser is gone before another takes its place.
    _turn: Turn,
}

impl Site {
    /// Serves the page and opens it; `None`, loudly, where browser tests are left out.
    pub(crate) fn open(webgpu: WebGpu) -> Option<Self> {
        Self::open_with(webgpu, None)
    }

    /// As [`Self::open`], in a browser with a camera of its own, which nobody is asked about.
    pub(crate) fn open_with_camera() -> Option<Self> {
        let camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"].map(str::to_owned);
        Self::open_in(WebGpu::Absent, None, 1, None, &camera)
    }

    /// As [`Self::open`], with no other browser beside it: for what is measured.
    pub(crate) fn open_alone(webgpu: WebGpu) -> Option<Self> {
        Self::open_in(webgpu, None, MAX_BROWSERS, None, &[])
    }

    /// As [`Self::open`], with a hub of our own.
    pub(crate) fn open_with(webgpu: WebGpu, hub: Option<&str>) -> Option<Self> {
        Self::open_in(webgpu, hub, 1, None, &[])
    }

    /// As [`Self::open_with`], of a page that lies in a folder of the test's own.
    pub(crate) fn open_from(webgpu: WebGpu, dist: &Path, hub: Option<&str>) -> Option<Self> {
        Self::open_in(webgpu, hub, 1, Some(dist), &[])
    }

    /// As [`Self::open_with`], in a browser that writes all of its network traffic to a log, which is whole once the browser
    /// has ended (`hone_tests::net_log`).
    pub(crate) fn open_logged(webgpu: WebGpu, hub: &str, log: &Path) -> Option<Self> {
        Self::open_in(webgpu, Some(hub), 1, None, &net_log::arguments(log))
    }

    fn open_in(
        webgpu: WebGpu,
        hub: Option<&str>,
        places: usize,
        dist: Option<&Path>,
        arguments: &[String],
    ) -> Option<Self> {
        let parts = Parts::find()?;
        let turn = Turn::wait(places);
        let connect = hub.map(str::to_owned).into_iter().collect();
        let server =
            server::serve_with(dist.unwrap_or(&parts.dist), 0, Options { connect, record: true }).expect("a free port");
        let browser = Browser::start_with(&parts, webgpu, arguments);
        let mut query = String::from(if webgpu == WebGpu::Software { "?backend=webgpu" } else { "?" });
        if let Some(hub) = hub {
            query.push_str(&format!("&hub={hub}"));
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let site = Self { browser, server, folder, query, _turn: turn };
        site.reload();
        let backend = if webgpu == WebGpu::Software { "webgpu" } else { "cpu" };
        assert_eq!(site.backend(), backend, "{}", site.browser.text("device-chip"));
        Some(site)
    }

    /// Opens the page anew and waits for its device.
    pub(crate) fn reload(&self) {
        self.browser.open(&format!("{}/{}", self.server.url(), self.query));
        self.wait_for_device();
    }

    /// Waits until the device is open.
    pub(crate) fn wait_for_device(&self) {
        let script = "return document.querySelector('[data-testid=device-chip]')?.dataset.backend || \
            document.querySelector('[data-testid=problem-message]')?.textContent || false";
        let found = self.browser.wait_until("the device is open", DEVICE_SECS, script, Vec::new());
        if !matches!(found.as_str(), Some("webgpu" | "cpu")) {
            self.browser.fail(&format!("instead of a device: {found}"));
        }
    }

    /// `webgpu` or `cpu`, as the page says.
    pub(crate) fn backend(&self) -> String {
        self.browser.attribute("device-chip", "data-backend").unwrap_or_default()
    }

    /// Writes a file for the test to choose.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("the folder is ours");
        path
    }

    /// Goes to the models that are in no list.
    pub(crate) fn open_more_models(&self) {
        self.browser.go_to("model");
        let script = "document.querySelector('[data-testid=more-models]').open = true";
        let _ = self.browser.script(script, Vec::new());
    }

    /// Chooses files of a model and presses the button.
    pub(crate) fn choose_model(&self, files: &[PathBuf]) {
        self.open_more_models();
        self.browser.choose_files("local-files", files);
        self.browser.click("load-model");
    }

    /// Loads the tiny encoder from files.
    pub(crate) fn load_tiny(&self) {
        self.choose_model(&tiny_files());
        self.browser.wait_for("model-ready", READ_SECS);
    }

    /// Chooses a file of rows.
    pub(crate) fn choose_rows(&self, path: &Path) {
        self.browser.go_to("data");
        self.browser.choose_files("data-file", &[path.to_path_buf()]);
    }

    /// Loads `count` good rows.
    pub(crate) fn load_rows(&self, count: usize) {
        let path = self.file("rows.csv", rows::csv(count));
        self.choose_rows(&path);
        self.browser.wait_for("data-report", READ_SECS);
    }

    /// The report's counts are these.
    pub(crate) fn check_counts(&self, counts: &[(&str, usize)]) {
        for (name, expected) in counts {
            assert_eq!(self.browser.number(&format!("count-{name}")), *expected as f64, "{name}");
        }
    }

    /// Types settings over the preset for few rows (which reads the loss at every step).
    pub(crate) fn set_recipe(&self, fields: &[(&str, &str)]) {
        self.browser.go_to("recipe");
        self.browser.click("preset-few_rows");
        self.browser.type_into("field-early_stopping_patience", "off"); // so that it is known how many steps there are
        for (name, value) in fields {
            self.browser.type_into(&format!("field-{name}"), value);
        }
        let plan = self.browser.text("plan");
        assert!(plan.contains("steps in all"), "{plan}");
    }

    /// Types a setting that is shown only when asked for.
    pub(crate) fn set_advanced(&self, name: &str, value: &str) {
        let _ = self.browser.script("document.querySelector('[data-testid=advanced]').open = true", Vec::new());
        self.browser.type_into(&format!("field-{name}"), value);
    }

    /// Starts a run and waits until it has a loss.
    pub(crate) fn start(&self) {
        self.browser.go_to("train");
        let script = "window.__losses = []; clearInterval(window.__look); window.__look = setInterval(() => { \
            const loss = document.querySelector('[data-testid=last-loss]')?.dataset.value; \
            if (loss !== undefined && loss !== window.__losses.at(-1)) window.__losses.push(loss); }, 30);";
        let _ = self.browser.script(script, Vec::new());
        self.browser.click("start");
        let script = "return window.__losses.length > 0 || \
            document.querySelector('[data-testid=problem-message]')?.textContent || false";
        let found = self.browser.wait_until("the run has a loss", TRAIN_SECS, script, Vec::new());
        if let Some(problem) = found.as_str() {
            self.browser.fail(&format!("the run did not start: {problem}"));
        }
    }

    /// Waits for the end of the run; returns the losses that were seen on the page.
    pub(crate) fn finish(&self) -> Vec<f64> {
        self.browser.wait_for("run-finished", TRAIN_SECS);
        let losses =
            self.browser.script("clearInterval(window.__look); return window.__losses.map(Number)", Vec::new());
        losses.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    }

    /// Measures both models, until the figure `last` of the tuned one is there.
    pub(crate) fn evaluate(&self, last: &str) {
        self.browser.go_to("evaluate");
        self.browser.click("evaluate-run");
        let script = "return document.querySelector(`[data-testid=eval-${arguments[0]}-tuned]`)?.dataset.value || \
            document.querySelector('[data-testid=problem-message]')?.textContent || false";
        self.browser.wait_until("the evaluation is there", TRAIN_SECS, script, vec![json!(last)]);
    }

    /// A figure of the evaluation, before and after training.
    pub(crate) fn figure(&self, name: &str) -> [f64; 2] {
        ["base", "tuned"].map(|which| self.browser.number(&format!("eval-{name}-{which}")))
    }

    /// Types a text and reads the probabilities of the tuned model: label and probability.
    pub(crate) fn try_text(&self, text: &str) -> Vec<(String, f64)> {
        self.browser.type_into("try-text", text);
        self.browser.click("try-run");
        let script = "return document.querySelector('.quoted')?.textContent === arguments[0] && \
            !!document.querySelector('[data-testid=try-result-tuned]')";
        self.browser.wait_until("the prediction is there", READ_SECS, script, vec![json!(text)]);
        let script = "return [...document.querySelectorAll('[data-testid=try-result-tuned] .bar')].map(bar => \
            [bar.querySelector('.bar-label').textContent, parseFloat(bar.querySelector('.bar-fill').style.width) / 100])";
        let bars = self.browser.script(script, Vec::new());
        let bar = |bar: &Value| Some((bar[0].as_str()?.to_owned(), bar[1].as_f64()?));
        bars.as_array().into_iter().flatten().filter_map(bar).collect()
    }

    /// Exports the whole model, waits for the download, and unzips it.
    pub(crate) fn export(&self) -> Folder {
        self.export_by("export-zip")
    }

    /// Exports by a button, waits for the download, and unzips it.
    pub(crate) fn export_by(&self, button: &str) -> Folder {
        self.browser.go_to("export");
        self.browser.click(button);
        self.browser.wait_for("exported", READ_SECS);
        let zip = std::fs::read(self.browser.wait_for_download(".zip", READ_SECS)).expect("the download can be read");
        Folder::from_zip(&zip).expect("the download is a zip")
    }

    /// Shows the page wide and narrow, light and dark; `look` is told which of them it is.
    pub(crate) fn in_all_views(&self, mut look: impl FnMut(&str)) {
        for (name, width, height, is_phone) in VIEWS {
            for (theme, is_dark) in [("light", false), ("dark", true)] {
                self.browser.set_view(width, height, is_phone, is_dark);
                look(&format!("{name}-{theme}"));
            }
        }
        let (_, width, height, is_phone) = VIEWS[0];
        self.browser.set_view(width, height, is_phone, false);
    }

    /// Nothing was sent, and the console has no errors.
    pub(crate) fn check_requests(&self) {
        let requests = self.server.requests();
        assert!(requests.iter().all(|line| line.starts_with("GET ") || line.starts_with("HEAD ")), "{requests:?}");
        assert_eq!(self.browser.console_errors(), Vec::<String>::new(), "the console has no errors");
    }
}

/// The loss that the page showed fell.
pub(crate) fn check_losses(losses: &[f64]) {
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    assert!(losses.len() >= 4, "the loss was seen to move: {losses:?}");
    let third = losses.len().div_ceil(3).min(5);
    let (first, last) = (mean(&losses[..third]), mean(&losses[losses.len() - third..]));
    assert!(last < LOSS_FALLS_TO * first, "the loss falls, from {first} to {last}: {losses:?}");
}

/// The tiny encoder, which stands in the repository.
pub(crate) fn tiny_files() -> Vec<PathBuf> {
    files_of("tiny_encoder", &MODEL_FILES)
}

/// The tiny decoder, which stands in the repository.
pub(crate) fn decoder_files() -> Vec<PathBuf> {
    files_of("tiny_decoder", &["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
}

/// The tiny T5, which stands in the repository.
pub(crate) fn t5_files() -> Vec<PathBuf> {
    files_of("tiny_t5", &["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
}

/// A tiny vision transformer, which has learned nothing.
pub(crate) fn vit_files() -> Vec<PathBuf> {
    files_of("vit_tiny", &["config.json", "model.safetensors", "preprocessor_config.json"])
}

fn files_of(fixture: &str, names: &[&str]) -> Vec<PathBuf> {
    let folder = paths::fixture(fixture);
    let files: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    for file in &files {
        assert!(file.is_file(), "the fixture is missing: {}", file.display());
    }
    files
}
