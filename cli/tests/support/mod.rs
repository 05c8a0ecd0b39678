//! What the tests of the binary share: running it away from the person's own cache, and a hub on localhost.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

/// The binary, with a cache of its own and no way to a real hub.
pub(crate) fn hone(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hone"));
    command.stdin(Stdio::null()).current_dir(home);
    for name in
        ["COLUMNS", "HF_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
    {
        command.env_remove(name);
    }
    // The hub's own variables would lead to the person's models and token.
    for name in [
        "HF_ENDPOINT",
        "HF_HOME",
        "HF_HUB_CACHE",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN",
        "HF_HUB_OFFLINE",
        "HF_TOKEN_PATH",
        "HUGGINGFACE_HUB_CACHE",
        "HUGGING_FACE_HUB_TOKEN",
        "TRANSFORMERS_OFFLINE",
    ] {
        command.env_remove(name);
    }
    // Port 9 is "discard": nothing listens there.
    command.env("XDG_CACHE_HOME", home.join("cache")).env("HOME", home).env("HONE_HUB", "http://127.0.0.1:9");
    command
}

/// Exit code, standard output and standard error.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    (status.code().expect("not killed"), text(stdout), text(stderr))
}

/// A model small enough to train in seconds.
pub(crate) fn tiny_encoder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/tiny_encoder")
}

/// A model of one's own, to be changed: the files of `model` in a new folder.
pub(crate) fn copy_model(model: &Path, to: &Path) {
    fs::create_dir(to).expect("makes");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(model.join(name), to.join(name)).expect("copies");
    }
}

/// Two hundred short rows of two classes that a person tells apart at a glance.
pub(crate) fn write_rows(path: &Path) {
    let good = ["good", "great", "happy", "kind", "bright"];
    let bad = ["bad", "poor", "sad", "cruel", "dark"];
    let things = ["day", "house", "man", "word", "night"];
    let mut text = String::from("text,label\n");
    for n in 0..100 {
        let (thing, more) = (things[n % 5], things[n / 5 % 5]);
        text.push_str(&format!("\"the {thing} was {} and the {more} too\",up\n", good[n / 25 % 5]));
        text.push_str(&format!("\"the {thing} was {} and the {more} too\",down\n", bad[n / 25 % 5]));
    }
    fs::write(path, text).expect("writes");
}

/// A run of a few seconds on those rows.
pub(crate) fn train_line(model: &Path) -> Vec<String> {
    let model = model.display().to_string();
    ["train", "--model", &model, "--data", "rows.csv", "--device", "cpu", "--batch-size", "8", "--max-seq-length", "32"]
        .map(str::to_owned)
        .into()
}

/// Trains three epochs on `rows.csv` into `output`, and kills the run after its first checkpoint.
pub(crate) fn leave_checkpoint(home: &Path, model: &Path, output: &str) {
    let mut command = hone(home);
    command.args(train_line(model)).args(["--epochs", "3", "--logging-steps", "1", "--json", "--output", output]);
    kill_after_checkpoint(&mut command);
    assert!(home.join(output).join("checkpoint/inputs.json").is_file());
    let _ = fs::remove_dir_all(home.join(output).join("checkpoint.old")); // it may have come to a second one
}

/// Starts a run that says its events, and kills it after its first checkpoint.
pub(crate) fn kill_after_checkpoint(command: &mut Command) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts");
    let events = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let mut after = events.skip_while(|line| !line.contains("\"event\":\"checkpoint_due\""));
    after.nth(1).expect("the event after the checkpoint was written");
    child.kill().expect("it still runs");
    child.wait().expect("ends");
}

/// A request as the hub saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// First byte asked for.
    pub(crate) range: Option<usize>,
    pub(crate) has_token: bool,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Close the connection after so many bytes of the body.
    pub(crate) cut_after: Option<usize>,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The whole of `body`, or the rest from where it was asked.
    pub(crate) fn ranged(request: &Request, body: &[u8]) -> Self {
        match request.range {
            Some(from) if from < body.len() => Self { status: 206, body: body[from..].to_vec(), ..Self::default() }
                .header("Content-Range", format!("bytes {from}-{}/{}", body.len() - 1, body.len())),
            Some(_) => Self::status(416),
            None => Self::ok(body),
        }
    }
}

/// A server on localhost that answers every request by a function.
pub(crate) struct FakeHub {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl FakeHub {
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(request) = read_request(&stream) {
                    log.lock().expect("no panic before").push(request.clone());
                    write_reply(&stream, &answer(&request));
                }
            }
        });
        Self { url, seen }
    }

    /// Requests for a path that ends so.
    pub(crate) fn requests(&self, end: &str) -> Vec<Request> {
        self.seen
            .lock()
            .expect("no panic before")
            .iter()
            .filter(|request| request.path.ends_with(end))
            .cloned()
            .collect()
    }
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut request = Request { path: first.split_whitespace().nth(1)?.to_owned(), range: None, has_token: false };
    for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = value.trim().strip_prefix("bytes=")?.trim_end_matches('-').parse().ok(),
            "authorization" => request.has_token = value.trim() == "Bearer secret",
            _ => {}
        }
    }
    Some(request)
}

fn write_reply(mut stream: &TcpStream, reply: &Reply) {
    let mut head = format!("HTTP/1.1 {} Whatever\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", reply.body.len()));
    let sent = reply.cut_after.unwrap_or(reply.body.len()).min(reply.body.len());
    // The client may have gone: that is its test's business.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&reply.body[..sent]));
}
