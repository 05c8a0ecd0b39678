//! A stand-in for the model hub, on this machine: a listing, addresses that redirect to a store, ranges, hashes in
//! headers; and the faults that a hub can have. The files of one folder stand in it as one repository.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use hone_core::hub::sha256_hex;
use serde_json::json;

use crate::paths;

/// The commit that its branch `main` is.
pub const COMMIT: &str = "5f0c1d2e3a4b59687766554433221100ffeeddcc";

/// Says how a model of sentence-transformers pools: a file in a folder of the repository.
pub const POOLING: &str = "1_Pooling/config.json";

/// Seconds before a connection breaks: a browser drops what its page has not read yet when it does.
const BROKEN_SECS: u64 = 2;

/// Seconds that a silent connection stays.
const SILENT_SECS: u64 = 30;

/// What is wrong with a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// A byte of each large file is another than the hash says.
    ChangedByte,
    /// A login page comes in the place of each file.
    WebPage,
    /// The connection breaks when half of a large file was sent.
    BrokenHalfWay,
    /// When half of a large file was sent nothing more comes, and the connection stays.
    SilentHalfWay,
}

/// A hub at work; it ends when this is dropped.
pub struct Hub {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    id: String,
    files: BTreeMap<String, Vec<u8>>,
    fault: Mutex<Fault>,
    /// What it must be shown for a file, if anything.
    token: Mutex<Option<String>>,
    /// Where it sends who asks for a file, if not to its own store.
    elsewhere: Mutex<Option<String>>,
    requests: Mutex<Vec<Request>>,
    stop: AtomicBool,
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `HEAD`, `OPTIONS`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// First byte that was asked for.
    pub from: Option<usize>,
    /// The header that holds a token.
    pub authorization: Option<String>,
    /// Bytes of a body, of which there must be none.
    pub sent_bytes: usize,
}

impl Hub {
    /// Serves the files of `folder`, and what it has of `1_Pooling`, as the repository `id`, on a free port of this machine.
    ///
    /// # Panics
    /// When the folder can't be read or there is no port.
    #[must_use]
    pub fn serve(id: &str, folder: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound port").port();
        let mut files: BTreeMap<String, Vec<u8>> = paths::read_folder(folder).into_iter().collect();
        if folder.join(POOLING).is_file() {
            files.insert(POOLING.to_owned(), std::fs::read(folder.join(POOLING)).expect("a file can be read"));
        }
        let shared = Arc::new(Shared {
            id: id.to_owned(),
            files,
            fault: Mutex::default(),
            token: Mutex::default(),
            elsewhere: Mutex::default(),
            requests: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if theirs.stop.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&theirs);
                // One thread a connection: a browser opens some and uses them later.
                std::thread::spawn(move || shared.answer(stream));
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes what is wrong from now on.
    pub fn set_fault(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// From now on files are handed to those only who have this token.
    pub fn ask_for_token(&self, token: &str) {
        *self.shared.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.to_owned());
    }

    /// From now on who asks for a file is sent to the store of another hub.
    pub fn send_elsewhere(&self, url: &str) {
        *self.shared.elsewhere.lock().unwrap_or_else(PoisonError::into_inner) = Some(url.to_owned());
    }

    /// All requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often the bytes of a file were asked for.
    #[must_use]
    pub fn downloads(&self, name: &str) -> usize {
        let path = format!("/store/{name}");
        self.requests().iter().filter(|request| request.method == "GET" && request.path == path).count()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) {
        let Some(request) = read_request(&stream) else { return };
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        // A browser that went away is no fault of the hub.
        let _ = self.respond(&mut stream, &request);
    }

    fn respond(&self, stream: &mut TcpStream, request: &Request) -> std::io::Result<()> {
        let path = request.path.split('?').next().unwrap_or_default();
        let repository = format!("/{}/resolve/", self.id);
        let commit = format!("X-Repo-Commit: {COMMIT}\r\n");
        if request.method == "OPTIONS" {
            let allowed = "Access-Control-Allow-Headers: range, authorization\r\n";
            return send(stream, "204 No Content", allowed, &[], None);
        }
        let listing = format!("/api/models/{}/revision/", self.id);
        if path.strip_prefix(&listing).is_some_and(is_revision) {
            let body = self.listing().to_string();
            return send(stream, "200 OK", "Content-Type: application/json\r\n", body.as_bytes(), None);
        }
        if let Some((revision, name)) = path.strip_prefix(&repository).and_then(|rest| rest.split_once('/'))
            && is_revision(revision)
            && self.files.contains_key(name)
        {
            if !self.lets_in(request) {
                let gated = "X-Error-Code: GatedRepo\r\n";
                return send(stream, "401 Unauthorized", gated, b"Access to it is restricted", None);
            }
            let store = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
            return send(stream, "302 Found", &format!("{commit}Location: {store}/store/{name}\r\n"), &[], None);
        }
        match path.strip_prefix("/store/").and_then(|name| Some((name, self.files.get(name)?))) {
            Some((name, bytes)) => self.send_file(stream, request, name, bytes),
            None => send(stream, "404 Not Found", "", b"not found", None),
        }
    }

    fn lets_in(&self, request: &Request) -> bool {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = token.as_ref().map(|token| format!("Bearer {token}"));
        wanted.is_none_or(|wanted| request.authorization.as_ref() == Some(&wanted))
    }

    fn send_file(&self, stream: &mut TcpStream, request: &Request, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if fault == Fault::WebPage {
            let page = b"<!DOCTYPE html><html><body>Please log in to this network</body></html>";
            return send(stream, "200 OK", "Content-Type: text/html\r\n", page, None);
        }
        let is_large = is_large(name);
        let etag = format!("ETag: \"{}\"\r\nAccept-Ranges: bytes\r\n", sha256_hex(bytes));
        let mut content = bytes.to_vec();
        if fault == Fault::ChangedByte && is_large {
            // The last byte: a length or a name would be found without any hash.
            let last = content.last_mut().expect("a weight file is not empty");
            *last ^= 1;
        }
        let is_cut = [Fault::BrokenHalfWay, Fault::SilentHalfWay].contains(&fault) && is_large;
        let secs = if fault == Fault::SilentHalfWay { SILENT_SECS } else { BROKEN_SECS };
        let broken = is_cut.then_some((content.len() / 2, secs));
        match request.from.filter(|from| *from < content.len()) {
            Some(from) => {
                let range = format!("Content-Range: bytes {from}-{}/{}\r\n", content.len() - 1, content.len());
                send(stream, "206 Partial Content", &format!("{etag}{range}"), &content[from..], broken)
            }
            None => send(stream, "200 OK", &etag, &content, broken),
        }
    }

    fn listing(&self) -> serde_json::Value {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|(name, bytes)| match is_large(name) {
                true => {
                    let lfs = json!({ "sha256": sha256_hex(bytes), "size": bytes.len() });
                    json!({ "rfilename": name, "size": bytes.len(), "lfs": lfs })
                }
                false => json!({ "rfilename": name, "size": bytes.len() }),
            })
            .collect();
        json!({ "id": self.id, "sha": COMMIT, "siblings": files })
    }
}

fn is_revision(revision: &str) -> bool {
    ["main", COMMIT].contains(&revision)
}

/// The hub keeps such files in its store of large files, and promises their hash.
fn is_large(name: &str) -> bool {
    name.ends_with(".safetensors")
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut request = Request { method, path, from: None, authorization: None, sent_bytes: 0 };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line == "\r\n" {
            return Some(request);
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let start = value.trim().strip_prefix("bytes=").and_then(|range| range.split('-').next());
                request.from = start.and_then(|start| start.parse().ok());
            }
            "authorization" => request.authorization = Some(value.trim().to_owned()),
            "content-length" => request.sent_bytes = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
}

/// Sends an answer and closes; `broken_after` so many bytes, and seconds, it closes without the rest.
fn send(
    stream: &mut TcpStream,
    status: &str,
    headers: &str,
    body: &[u8],
    broken_after: Option<(usize, u64)>,
) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\nAccess-Control-Allow-Origin: *\r\n\
         Access-Control-Expose-Headers: ETag, X-Linked-Etag, Content-Length, Content-Range, Accept-Ranges, \
         X-Repo-Commit, X-Error-Code\r\n\
         Cross-Origin-Resource-Policy: cross-origin\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    let length = broken_after.map_or(body.len(), |(length, _)| length.min(body.len()));
    stream.write_all(&body[..length])?;
    stream.flush()?;
    if let Some((_, secs)) = broken_after {
        std::thread::sleep(std::time::Duration::from_secs(secs));
    }
    stream.shutdown(std::net::Shutdown::Write)
}
