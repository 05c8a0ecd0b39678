//! A real Chromium behind its WebDriver, with the few gestures that the end-to-end tests make.
//!
//! In: test ids of the page. Out: what the page shows. Every call blocks, waits a bounded time, and panics with a
//! picture of the page in `target/screenshots/` when the page is not as the test expects it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::missing::skip;
use crate::page_scripts::{REMEMBER_WORKERS, RUN_BEFORE_WORKERS, gpu_that_fails, take_webgpu_out};
use crate::paths;
use crate::webdriver::{Failure, Session};

/// Seconds within which a control must appear and take a click; the machine may be busy building something.
const PATIENCE_SECS: u64 = 60;
/// Clicks on a control, of which one must reach it: a page that moves under the mouse, as ours does when a hint goes, or that
/// disables the control at that moment, lets a click go elsewhere.
const MAX_CLICKS: usize = 5;
/// Pauses between two looks at the page: most of what is waited for comes at once, and what takes long is not looked at more
/// often for that.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// Presses of Tab within which a control is reached: a step with much to see has about a hundred stops.
const MAX_TABS: usize = 250;

/// Keys as the protocol writes them.
pub const ENTER: &str = "\u{E007}";
/// As [`ENTER`].
pub const ESCAPE: &str = "\u{E00C}";
const TAB: &str = "\u{E004}";

/// Whether the element that has the focus is the one that is sought, and what it is where nothing shows that it has the focus: a ring
/// around it, or around what it is drawn as.
const LOOK_AT_FOCUS: &str = "const e = document.activeElement; \
    const hasRing = n => { const { outlineStyle, outlineWidth } = getComputedStyle(n); \
        return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2; }; \
    let n = e, isShown = false; \
    for (let up = 0; n && up < 5 && !isShown; n = n.parentElement, up++) isShown = hasRing(n); \
    return [e.matches(arguments[0]), isShown || e === document.body ? '' : e.outerHTML.slice(0, 200)]";

/// A wait as long as this is told, so that `--nocapture` shows what a test spends its time with.
const LONG_WAIT: Duration = Duration::from_secs(1);

/// What a browser has of WebGPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebGpu {
    /// A software adapter (SwiftShader).
    Software,
    /// The interface, but no adapter behind it.
    NoAdapter,
    /// Nothing: `navigator.gpu` is not there.
    Absent,
}

/// Where the page, the browser and its driver lie.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The built page.
    pub dist: PathBuf,
    chromium: PathBuf,
    chromedriver: PathBuf,
}

impl Parts {
    /// From the environment that `cargo xtask test` sets; `None`, loudly, where the browser tests are left out.
    ///
    /// # Panics
    /// When the environment names a page, but it or the browser is not there.
    #[must_use]
    pub fn find() -> Option<Self> {
        if std::env::var_os("HONE_NATIVE_ONLY").is_some_and(|value| value == "1") {
            eprintln!("SKIPPED: browser tests are left out (HONE_NATIVE_ONLY=1)");
            return None;
        }
        let Some(dist) = std::env::var_os("HONE_DIST").map(PathBuf::from) else {
            skip("there is no built page (HONE_DIST is not set); run `cargo xtask test`");
            return None;
        };
        assert!(dist.join("index.html").is_file(), "HONE_DIST is not a built page: {}", dist.display());
        let program = |variable: &str, name: &str| {
            let named = std::env::var_os(variable).map(PathBuf::from).or_else(|| xtask::proc::find(name));
            named.unwrap_or_else(|| panic!("there is no {name}: set {variable}"))
        };
        let chromium = program("HONE_CHROMIUM", "chromium");
        Some(Self { dist, chromium, chromedriver: program("HONE_CHROMEDRIVER", "chromedriver") })
    }
}

/// A browser with one window, a profile of its own, and a folder for its downloads. Dropping it ends it.
pub struct Browser {
    // First, so that the browser is gone before its folders are.
    session: Session,
    downloads: TempDir,
    _profile: TempDir,
}

impl Browser {
    /// Starts Chromium.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(parts: &Parts, webgpu: WebGpu) -> Self {
        Self::start_with(parts, webgpu, &[])
    }

    /// Starts Chromium with more arguments.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_with(parts: &Parts, webgpu: WebGpu, more: &[String]) -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder");
        let downloads = tempfile::tempdir().expect("a temporary folder");
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-dev-shm-usage".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--window-size=1280,900".into(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        if webgpu == WebGpu::Software {
            arguments.extend(["--enable-unsafe-webgpu".into(), "--use-webgpu-adapter=swiftshader".into()]);
        }
        arguments.extend_from_slice(more);
        let capabilities = json!({
            "goog:chromeOptions": { "binary": parts.chromium, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let session = Session::start(&parts.chromedriver, &capabilities)
            .unwrap_or_else(|error| panic!("Chromium did not start: {error}"));
        let browser = Self { session, downloads, _profile: profile };
        let of_gpu = match webgpu {
            WebGpu::Software => Some(gpu_that_fails()),
            WebGpu::NoAdapter => None,
            WebGpu::Absent => Some(take_webgpu_out()),
        };
        let scripts = [of_gpu, Some(REMEMBER_WORKERS.to_owned())];
        for source in scripts.into_iter().flatten() {
            browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source }));
        }
        let folder = browser.downloads.path().to_string_lossy().into_owned();
        browser.devtools("Browser.setDownloadBehavior", json!({ "behavior": "allow", "downloadPath": folder }));
        browser
    }

    /// Opens a page.
    ///
    /// # Panics
    /// When it can't be reached.
    pub fn open(&self, url: &str) {
        self.session.open(url).unwrap_or_else(|error| panic!("{url} does not open: {error}"));
    }

    /// Runs a script in the page and returns what it returns.
    ///
    /// # Panics
    /// When it throws.
    #[must_use]
    pub fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        let result = self.session.script(script, &arguments);
        result.unwrap_or_else(|error| self.fail(&format!("a script failed: {error}\n{script}")))
    }

    /// Runs a script that calls its last argument with its result.
    ///
    /// # Panics
    /// When it throws or does not call within the driver's patience.
    #[must_use]
    pub fn script_async(&self, script: &str, arguments: Vec<Value>) -> Value {
        let result = self.session.script_async(script, &arguments);
        result.unwrap_or_else(|error| self.fail(&format!("a script failed: {error}\n{script}")))
    }

    /// Has a script run in each worker that this page starts from now on, before the worker's own; an empty one ends that.
    pub fn run_before_workers(&self, script: &str) {
        let _ = self.script(RUN_BEFORE_WORKERS, vec![json!(script)]);
    }

    /// Has the GPU of a browser with a software adapter fail: `lost`, `full` (out of memory), or `wrong` (it computes nothing from now
    /// on); at the first work of the command `at`, or at its next work where that is empty.
    pub fn fail_gpu(&self, what: &str, at: &str) {
        let script = "const [what, at, done] = arguments, line = new BroadcastChannel('hone-gpu'); \
            line.onmessage = () => { line.close(); done(true); }; line.postMessage({ what, at })";
        let _ = self.script_async(script, vec![json!(what), json!(at)]);
    }

    /// Sends a command of the browser's own protocol.
    ///
    /// # Panics
    /// When the browser refuses it.
    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        let result = self.session.devtools(command, &parameters);
        result.unwrap_or_else(|error| panic!("{command} failed: {error}"))
    }

    /// Looks until `script` returns something truthy, and returns that.
    ///
    /// # Panics
    /// When `secs` have passed.
    pub fn wait_until(&self, what: &str, secs: u64, script: &str, arguments: Vec<Value>) -> Value {
        let (start, mut pauses) = (Instant::now(), pauses());
        loop {
            let found = self.script(script, arguments.clone());
            if !matches!(found, Value::Null | Value::Bool(false)) && found != "" {
                if start.elapsed() >= LONG_WAIT {
                    eprintln!("{:.1} s until {what}", start.elapsed().as_secs_f64());
                }
                return found;
            }
            if start.elapsed() > Duration::from_secs(secs) {
                self.fail(&format!("waited {secs} s in vain: {what}"));
            }
            std::thread::sleep(pauses.next().unwrap_or(LONGEST_PAUSE));
        }
    }

    /// Waits until a control is there, or a problem is: those end the waiting.
    ///
    /// # Panics
    /// When `secs` have passed, or the page shows a problem.
    pub fn wait_for(&self, id: &str, secs: u64) {
        let script = "return !!document.querySelector(arguments[0]) || \
            document.querySelector('[data-testid=problem-message]')?.textContent || false";
        let found = self.wait_until(&format!("{id} appears"), secs, script, vec![json!(selector(id))]);
        if let Some(problem) = found.as_str() {
            self.fail(&format!("waiting for {id}, the page says: {problem}"));
        }
    }

    /// Whether an element is on the page.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.script("return !!document.querySelector(arguments[0])", vec![json!(selector(id))]) == true
    }

    /// What an element shows; empty when it is not there.
    #[must_use]
    pub fn text(&self, id: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.textContent ?? ''";
        self.script(script, vec![json!(selector(id))]).as_str().unwrap_or_default().to_owned()
    }

    /// The bare value (`data-value`) of an element.
    #[must_use]
    pub fn value(&self, id: &str) -> Option<String> {
        self.attribute(id, "data-value")
    }

    /// What a control of a form holds; empty where there is none.
    #[must_use]
    pub fn held(&self, id: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.value ?? ''";
        self.script(script, vec![json!(selector(id))]).as_str().unwrap_or_default().to_owned()
    }

    /// An attribute of an element.
    #[must_use]
    pub fn attribute(&self, id: &str, name: &str) -> Option<String> {
        let script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null";
        self.script(script, vec![json!(selector(id)), json!(name)]).as_str().map(str::to_owned)
    }

    /// The bare value of an element as a number.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn number(&self, id: &str) -> f64 {
        let value = self.value(id).and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| self.fail(&format!("{id} has no number")))
    }

    /// Clicks a control as soon as it takes clicks.
    ///
    /// # Panics
    /// When it does not within a minute.
    pub fn click(&self, id: &str) {
        let script = "const e = document.querySelector(arguments[0]); if (!e || e.matches(':disabled')) return false; \
            document.removeEventListener('click', window.__hear, true); window.__heard = false; \
            window.__hear = event => { window.__heard ||= !!event.target.closest(arguments[0]); }; \
            document.addEventListener('click', window.__hear, true); return true";
        for _ in 0..MAX_CLICKS {
            self.wait_until(&format!("{id} can be clicked"), PATIENCE_SECS, script, vec![json!(selector(id))]);
            let clicked = self.session.find(&selector(id)).and_then(|element| self.session.click(&element));
            if clicked.as_ref().is_err_and(|error| error.contains("stale element")) {
                continue; // it was drawn anew meanwhile
            }
            self.demand(clicked, &format!("{id} can't be clicked"));
            // Where the click replaced the page, the new one knows nothing of it.
            if self.script("return window.__heard ?? true", Vec::new()) == true {
                return;
            }
        }
        self.fail(&format!("{MAX_CLICKS} clicks on {id} went elsewhere"));
    }

    /// Goes to a step of the path: `model`, `data`, `recipe`, `train`, `evaluate`, `try`, `export`.
    pub fn go_to(&self, step: &str) {
        let id = format!("step-{step}");
        self.click(&id);
        let script = "return document.querySelector(arguments[0])?.getAttribute('aria-current') === 'step'";
        self.wait_until(&format!("the step {step} is shown"), PATIENCE_SECS, script, vec![json!(selector(&id))]);
        // The page moves the focus to the heading a moment later: keys sent before would go there.
        let script = "return document.activeElement?.id === 'page-title'";
        self.wait_until(&format!("the step {step} has the focus"), PATIENCE_SECS, script, Vec::new());
    }

    /// Replaces what stands in a text field, with the keyboard.
    ///
    /// # Panics
    /// When the field does not take it.
    pub fn type_into(&self, id: &str, text: &str) {
        let typed = self.session.find(&selector(id)).and_then(|element| self.session.type_over(&element, text));
        self.demand(typed, &format!("{id} can't be typed into"));
        let script = "return document.querySelector(arguments[0]).value === arguments[1]";
        let arguments = vec![json!(selector(id)), json!(text)];
        self.wait_until(&format!("{id} holds {text:?}"), PATIENCE_SECS, script, arguments);
    }

    /// Presses Enter in a text field.
    ///
    /// # Panics
    /// When the field does not take it.
    pub fn press_enter(&self, id: &str) {
        let pressed = self.session.find(&selector(id)).and_then(|element| self.session.send(&element, "\u{e007}"));
        self.demand(pressed, &format!("{id} takes no keys"));
    }

    /// Presses keys one after the other, wherever the focus is.
    ///
    /// # Panics
    /// When the browser takes none.
    pub fn press(&self, keys: &str) {
        self.demand(self.session.press(keys), "the keyboard does nothing");
    }

    /// Presses Tab until the element that a CSS selector names has the focus. Everything that has it on the way must show it.
    ///
    /// # Panics
    /// When it is not reached, or something hides that it has the focus.
    pub fn tab_to(&self, css: &str) {
        for _ in 0..MAX_TABS {
            self.press(TAB);
            let found = self.script(LOOK_AT_FOCUS, vec![json!(css)]);
            if let Some(hidden) = found[1].as_str().filter(|html| !html.is_empty()) {
                self.fail(&format!("on the way to {css} nothing shows that this has the focus: {hidden}"));
            }
            if found[0] == true {
                return;
            }
        }
        self.fail(&format!("{MAX_TABS} presses of Tab do not lead to {css}"));
    }

    /// Chooses an option of a select by its value.
    ///
    /// # Panics
    /// When there is no such option.
    pub fn select(&self, id: &str, value: &str) {
        let script = "const e = document.querySelector(arguments[0]); e.value = arguments[1]; \
            e.dispatchEvent(new Event('change', { bubbles: true })); return e.value";
        let chosen = self.script(script, vec![json!(selector(id)), json!(value)]);
        if chosen != value {
            self.fail(&format!("{id} has no option {value:?}"));
        }
    }

    /// Gives files to a file input, as a person's choice does.
    ///
    /// # Panics
    /// When the input does not take them.
    pub fn choose_files(&self, id: &str, files: &[PathBuf]) {
        let script = "const e = document.querySelector(arguments[0]); return !!e && !e.disabled";
        self.wait_until(&format!("{id} takes files"), PATIENCE_SECS, script, vec![json!(selector(id))]);
        let list: Vec<_> = files.iter().map(|file| absolute(file)).collect();
        let chosen = self.session.find(&selector(id)).and_then(|input| self.session.send(&input, &list.join("\n")));
        self.demand(chosen, &format!("{id} takes no files"));
    }

    /// The problem that the page shows, when it shows one.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        Some(self.text("problem-message")).filter(|text| !text.is_empty())
    }

    /// Waits for a problem and returns its words.
    ///
    /// # Panics
    /// When none comes.
    pub fn wait_for_problem(&self, secs: u64) -> String {
        let script = "return document.querySelector('[data-testid=problem-message]')?.textContent || false";
        let found = self.wait_until("the page shows a problem", secs, script, Vec::new());
        found.as_str().unwrap_or_default().to_owned()
    }

    /// Puts the problem away.
    pub fn dismiss_problem(&self) {
        let script = "const box = document.querySelector('[data-testid=problem]'); \
            [...(box?.querySelectorAll('button') ?? [])].at(-1)?.click(); return !box";
        self.wait_until("the problem is put away", PATIENCE_SECS, script, Vec::new());
    }

    /// Errors in the browser's console since the last look.
    #[must_use]
    pub fn console_errors(&self) -> Vec<String> {
        let log = self.session.console().unwrap_or_else(|error| panic!("no console: {error}"));
        log.into_iter().filter(|(level, _)| level == "SEVERE").map(|(_, message)| message).collect()
    }

    /// Waits for a download of that ending to be whole.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn wait_for_download(&self, ending: &str, secs: u64) -> PathBuf {
        let (deadline, mut pauses) = (Instant::now() + Duration::from_secs(secs), pauses());
        loop {
            let files = std::fs::read_dir(self.downloads.path()).expect("the folder is ours");
            let whole = files.flatten().map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with(ending));
            if let Some(path) = whole {
                return path;
            }
            if Instant::now() > deadline {
                self.fail(&format!("no download *{ending} within {secs} s"));
            }
            std::thread::sleep(pauses.next().unwrap_or(LONGEST_PAUSE));
        }
    }

    /// Size of the page in CSS pixels, and whether it is shown as to someone who prefers dark.
    pub fn set_view(&self, width: u32, height: u32, is_phone: bool, is_dark: bool) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
        let value = if is_dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", features);
    }

    /// Saves what is seen as `target/screenshots/<name>.png`.
    ///
    /// # Panics
    /// When the picture can't be written.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        self.picture(name).unwrap_or_else(|error| panic!("no picture: {error}"))
    }

    /// Ends the test: with what the page shows, a picture of it, and the console.
    ///
    /// # Panics
    /// Always.
    pub fn fail(&self, reason: &str) -> ! {
        let name = std::thread::current().name().unwrap_or("test").replace("::", "-");
        let body = self.session.script("return document.body?.innerText ?? ''", &[]);
        let shown = body.map_or_else(|error| error, |text| text.as_str().unwrap_or_default().to_owned());
        let console: Vec<_> = self.session.console().unwrap_or_default();
        let console: Vec<_> = console.into_iter().map(|(level, message)| format!("{level}: {message}")).collect();
        let picture =
            self.picture(&format!("failed-{name}")).map_or_else(|error| error, |path| path.display().to_string());
        panic!("{reason}\n-- console --\n{}\n-- page ({picture}) --\n{shown}", console.join("\n"));
    }

    fn picture(&self, name: &str) -> Result<PathBuf, Failure> {
        let png = STANDARD.decode(self.session.screenshot()?).map_err(|error| error.to_string())?;
        let path = paths::root().join("target/screenshots").join(format!("{name}.png"));
        xtask::proc::write(&path, png).map_err(|error| format!("{error:#}"))?;
        Ok(path)
    }

    fn demand(&self, outcome: Result<(), Failure>, what: &str) {
        if let Err(error) = outcome {
            self.fail(&format!("{what}: {error}"));
        }
    }
}

/// Pauses between looks, each twice as long as the one before, up to the longest.
fn pauses() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(FIRST_PAUSE), |pause| Some((*pause * 2).min(LONGEST_PAUSE)))
}

fn selector(id: &str) -> String {
    format!("[data-testid=\"{id}\"]")
}

fn absolute(path: &Path) -> String {
    let found = path.canonicalize().unwrap_or_else(|error| panic!("{error}: {}", path.display()));
    found.to_string_lossy().into_owned()
}
