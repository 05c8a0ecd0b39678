//! The few commands of the WebDriver protocol that the tests send, as JSON over HTTP, one after another.
//!
//! By hand over `ureq`, which is here anyway: the client libraries bring an asynchronous runtime and sixty crates for
//! eleven addresses. <https://www.w3.org/TR/webdriver2/>; `goog/cdp` and `se/log` are chromedriver's own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// Longest time that one command may take; a page that is loading counts too.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(600);
/// Key that lets go of held keys, and the control key, as the protocol writes them.
const SELECT_ALL: &str = "\u{E009}a\u{E000}";
/// Under this name the protocol wraps an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Why a command failed: the driver's own words.
pub type Failure = String;

/// An element of the page.
#[derive(Debug, Clone)]
pub struct Element(String);

/// A driver process and its one session. Dropping it ends both, and with them the browser.
pub struct Session {
    agent: ureq::Agent,
    /// `http://127.0.0.1:{port}/session/{id}`, once there is a session.
    address: String,
    process: Child,
}

impl Session {
    /// Starts a driver on a port that it chooses, and a browser with these capabilities.
    ///
    /// # Errors
    /// When either does not start.
    pub fn start(driver: &Path, capabilities: &Value) -> Result<Self, Failure> {
        let mut process = Command::new(driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{error}: {}", driver.display()))?;
        let port = match port_of(&mut process) {
            Ok(port) => port,
            Err(said) => {
                let _ = process.kill();
                return Err(format!("the driver named no port; it said: {said}"));
            }
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(COMMAND_TIMEOUT))
            .proxy(None)
            .build();
        let address = format!("http://127.0.0.1:{port}/session");
        let mut session = Self { agent: config.into(), address, process };
        let wanted = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let created = session.post("", &wanted)?;
        let id = created["sessionId"].as_str().ok_or("the driver gave no session")?;
        session.address = format!("{}/{id}", session.address);
        Ok(session)
    }

    /// Opens an address and waits until it is loaded.
    ///
    /// # Errors
    /// When it can't be reached.
    pub fn open(&self, url: &str) -> Result<(), Failure> {
        self.post("/url", &json!({ "url": url })).map(drop)
    }

    /// Runs a script; returns what it returns.
    ///
    /// # Errors
    /// When it throws.
    pub fn script(&self, script: &str, arguments: &[Value]) -> Result<Value, Failure> {
        self.post("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Runs a script; returns what it gives its last argument.
    ///
    /// # Errors
    /// When it throws, or does not call.
    pub fn script_async(&self, script: &str, arguments: &[Value]) -> Result<Value, Failure> {
        self.post("/execute/async", &json!({ "script": script, "args": arguments }))
    }

    /// The first element that matches a CSS selector.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, css: &str) -> Result<Element, Failure> {
        let found = self.post("/element", &json!({ "using": "css selector", "value": css }))?;
        found[ELEMENT].as_str().map(|id| Element(id.to_owned())).ok_or_else(|| format!("not an element: {found}"))
    }

    /// Clicks the middle of an element, having scrolled to it.
    ///
    /// # Errors
    /// When it is hidden or covered.
    pub fn click(&self, Element(id): &Element) -> Result<(), Failure> {
        self.post(&format!("/element/{id}/click"), &json!({})).map(drop)
    }

    /// Types over what stands in a field.
    ///
    /// # Errors
    /// When it takes no keys.
    pub fn type_over(&self, element: &Element, text: &str) -> Result<(), Failure> {
        self.send(element, &format!("{SELECT_ALL}{text}"))
    }

    /// Sends keys to a field, or paths (one a line) to a file input.
    ///
    /// # Errors
    /// When it takes none.
    pub fn send(&self, Element(id): &Element, text: &str) -> Result<(), Failure> {
        self.post(&format!("/element/{id}/value"), &json!({ "text": text })).map(drop)
    }

    /// Presses keys one after the other, wherever the focus is.
    ///
    /// # Errors
    /// When the browser takes none.
    pub fn press(&self, keys: &str) -> Result<(), Failure> {
        let events =
            keys.chars().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })));
        let source = json!({ "type": "key", "id": "keyboard", "actions": events.collect::<Vec<_>>() });
        self.post("/actions", &json!({ "actions": [source] })).map(drop)
    }

    /// A picture of what is seen: base64 of a PNG.
    ///
    /// # Errors
    /// When the page does not answer.
    pub fn screenshot(&self) -> Result<String, Failure> {
        let answer = self.agent.get(format!("{}/screenshot", self.address)).call();
        Ok(value(answer)?.as_str().unwrap_or_default().to_owned())
    }

    /// A command of the browser's own protocol.
    ///
    /// # Errors
    /// When the browser refuses it.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Result<Value, Failure> {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// The console since the last look: (level, message). Levels are `SEVERE`, `WARNING`, `INFO`, …
    ///
    /// # Errors
    /// When the browser is gone.
    pub fn console(&self) -> Result<Vec<(String, String)>, Failure> {
        let log = self.post("/se/log", &json!({ "type": "browser" }))?;
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        Ok(log.as_array().into_iter().flatten().map(|entry| (text(entry, "level"), text(entry, "message"))).collect())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self.agent.post(format!("{}{path}", self.address)).header("Content-Type", "application/json");
        value(request.send(body.to_string()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A browser that crashed can't be asked to end; what is left of it ends with its driver.
        let _ = self.agent.delete(&self.address).call();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What stands under `value`, or the driver's message where the status is not 200.
fn value(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, Failure> {
    let mut answer = answer.map_err(|error| format!("the driver does not answer: {error}"))?;
    let is_good = answer.status().is_success();
    let text = answer.body_mut().with_config().limit(1 << 28).read_to_string().map_err(|error| error.to_string())?;
    let mut body: Value = serde_json::from_str(&text).map_err(|error| format!("{error} in the answer {text:?}"))?;
    let value = body["value"].take();
    if is_good {
        return Ok(value);
    }
    let message = value["message"].as_str().unwrap_or_default();
    Err(format!("{}: {}", value["error"].as_str().unwrap_or_default(), message.lines().next().unwrap_or_default()))
}

/// The port that the driver says it listens on, or all it said.
fn port_of(process: &mut Child) -> Result<u16, String> {
    let mut lines = BufReader::new(process.stdout.take().expect("the output is piped"));
    let mut said = String::new();
    loop {
        let start = said.len();
        if lines.read_line(&mut said).unwrap_or(0) == 0 {
            return Err(said);
        }
        let port = said[start..].split("on port ").nth(1).map(|rest| rest.trim_end().trim_end_matches('.'));
        if let Some(port) = port.and_then(|port| port.parse().ok()).filter(|port| *port != 0) {
            // It must not fill the pipe and stop.
            std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
            return Ok(port);
        }
    }
}
