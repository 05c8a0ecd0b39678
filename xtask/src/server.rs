//! A small static server for the built page: right types, ranges, and the headers that make it private by design.
//!
//! The content security policy is that of `policy.rs`. `Cross-Origin-*` headers isolate the page (what that is good for: ADR 46).
//! It listens on 127.0.0.1 only.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};

use crate::http::{Answer, Listener, Request};
use crate::policy;

type Body = Box<dyn Read + Send>;
type Header = (&'static str, String);

/// What a server does beyond serving files.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Further origins that models may be fetched from (a test's stand-in for the hub).
    pub connect: Vec<String>,
    /// Whether to remember every request.
    pub record: bool,
}

/// A server at work; it ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    listener: Listener,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.listener.port
    }

    /// Its origin, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The requests so far, as `GET /path?query`, when [`Options::record`] is on.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops serving: nothing listens on the port any more, and connections are closed. What was asked for is still known.
    pub fn stop(&mut self) {
        self.listener.stop();
    }

    /// Serves until the process is ended.
    pub fn wait(self) {
        self.listener.wait();
    }
}

/// Serves `folder` on 127.0.0.1; port 0 takes a free one.
///
/// # Errors
/// When the port is taken.
pub fn serve(folder: &Path, port: u16) -> Result<Running> {
    serve_with(folder, port, Options::default())
}

/// Like [`serve`], with options.
///
/// # Errors
/// When the port is taken.
pub fn serve_with(folder: &Path, port: u16, options: Options) -> Result<Running> {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (theirs, folder) = (Arc::clone(&requests), folder.to_path_buf());
    let listener = Listener::start(port, move |request| {
        if options.record {
            let line = format!("{} {}", request.method, request.target);
            theirs.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
        answer(request, &folder, &options)
    });
    let listener = listener.with_context(|| format!("cannot listen on port {port}; choose another with --port"))?;
    Ok(Running { listener, requests })
}

fn answer(request: &Request, folder: &Path, options: &Options) -> Answer {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return plain(405, "only GET and HEAD are answered");
    }
    let path = request.target.split(['?', '#']).next().unwrap_or("/");
    let Some(mut path) = locate(folder, path) else { return plain(404, "not found") };
    if path.is_dir() {
        path.push("index.html");
    }
    match file(request, &path, options) {
        Ok(response) => response,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => plain(404, "not found"),
        Err(error) => plain(500, &error.to_string()),
    }
}

fn file(request: &Request, path: &Path, options: &Options) -> std::io::Result<Answer> {
    let mut file = File::open(path)?;
    let found = file.metadata()?;
    let length = found.len();
    let age = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let etag = format!("\"{length:x}-{:x}\"", age.as_nanos());

    let mut headers = vec![header("Content-Type", media_type(path)), header("ETag", &etag)];
    headers.push(header("Accept-Ranges", "bytes"));
    if media_type(path).starts_with("text/html") {
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        file.rewind()?;
        headers.push(header("Cache-Control", "no-store"));
        let is_hub = path.file_name().is_some_and(|name| name == policy::HUB_PAGE);
        headers.extend(security(&match is_hub {
            true => policy::header_of_hub(&options.connect),
            false => policy::header(&policy::inline_scripts(&text)),
        }));
    } else {
        headers.push(header("Cache-Control", "no-cache"));
        headers.extend(security(&policy::header(&[])));
        if request.header("If-None-Match") == Some(&etag) {
            return Ok(respond(304, headers, Box::new(std::io::empty()), 0));
        }
    }

    let fresh = request.header("If-Range").is_none_or(|wanted| wanted == etag);
    match request.header("Range").filter(|_| fresh).map(|text| range(text, length)) {
        None | Some(Range::Whole) => Ok(respond(200, headers, Box::new(file), length)),
        Some(Range::Part { start, end }) => {
            file.seek(SeekFrom::Start(start))?;
            headers.push(header("Content-Range", &format!("bytes {start}-{}/{length}", end - 1)));
            Ok(respond(206, headers, Box::new(file.take(end - start)), end - start))
        }
        Some(Range::Outside) => {
            headers.push(header("Content-Range", &format!("bytes */{length}")));
            Ok(respond(416, headers, Box::new(std::io::empty()), 0))
        }
    }
}

fn security(policy: &str) -> Vec<Header> {
    vec![
        header("Content-Security-Policy", policy),
        header("Cross-Origin-Opener-Policy", "same-origin"),
        header("Cross-Origin-Embedder-Policy", "require-corp"),
        header("Cross-Origin-Resource-Policy", "same-origin"),
        header("X-Content-Type-Options", "nosniff"),
        header("Referrer-Policy", "no-referrer"),
    ]
}

/// The file of a request path, never outside `folder`.
fn locate(folder: &Path, path: &str) -> Option<PathBuf> {
    let decoded = percent_decoded(path)?;
    let relative = Path::new(decoded.trim_start_matches('/'));
    let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
    inside.then(|| folder.join(relative))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok().filter(|decoded| !decoded.contains('\0'))
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// `start..end`, in bytes.
    Part {
        start: u64,
        end: u64,
    },
    Outside,
}

/// Reads one byte range; several, or what is not understood, mean the whole file.
fn range(text: &str, length: u64) -> Range {
    let Some((start, end)) = text.trim().strip_prefix("bytes=").and_then(|spec| spec.split_once('-')) else {
        return Range::Whole;
    };
    match (start.trim().parse::<u64>(), end.trim().parse::<u64>()) {
        (Ok(start), _) if start >= length => Range::Outside,
        (Ok(start), Ok(end)) if end >= start => Range::Part { start, end: length.min(end.saturating_add(1)) },
        (Ok(start), Err(_)) if end.trim().is_empty() => Range::Part { start, end: length },
        (Err(_), Ok(0)) if start.trim().is_empty() => Range::Outside,
        (Err(_), Ok(last)) if start.trim().is_empty() => {
            Range::Part { start: length.saturating_sub(last), end: length }
        }
        _ => Range::Whole,
    }
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "csv" => "text/csv; charset=utf-8",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn header(name: &'static str, value: &str) -> Header {
    (name, value.to_owned())
}

fn respond(status: u16, headers: Vec<Header>, body: Body, length: u64) -> Answer {
    Answer { status, headers, body, length }
}

fn plain(status: u16, text: &str) -> Answer {
    let mut headers = vec![header("Content-Type", "text/plain; charset=utf-8"), header("Cache-Control", "no-store")];
    headers.extend(security(&policy::header(&[])));
    respond(status, headers, Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), text.len() as u64)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpStream;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    fn get(running: &Running, path: &str, more: &str) -> (String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", running.port())).expect("the server listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n").expect("sent");
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).expect("an answer") > 0 {}
        let mut body = String::new();
        reader.read_to_string(&mut body).expect("a body of text");
        (head.to_lowercase(), body)
    }

    fn site() -> (tempfile::TempDir, Running) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let page = "<html><script type=\"module\">go()</script><script src=\"a.js\"></script></html>";
        std::fs::write(folder.path().join("index.html"), page).expect("the folder is ours");
        std::fs::write(folder.path().join("a.wasm"), "0123456789").expect("the folder is ours");
        std::fs::write(folder.path().join("hub.html"), "<html></html>").expect("the folder is ours");
        let options = Options { connect: vec!["http://127.0.0.1:1".to_owned()], record: true };
        let running = serve_with(folder.path(), 0, options).expect("a free port");
        (folder, running)
    }

    #[test]
    fn page_carries_the_policy_with_the_hash_of_its_script() {
        let (_folder, running) = site();
        let (head, body) = get(&running, "/", "");
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(body.contains("go()"));
        let hash = STANDARD.encode(Sha256::digest("go()"));
        assert!(head.contains(&format!("'wasm-unsafe-eval' 'sha256-{hash}';").to_lowercase()), "{head}");
        assert!(head.contains("; connect-src 'self'; ") && head.contains("; frame-ancestors 'none'"), "{head}");
        assert!(head.contains("cache-control: no-store"));
        assert!(head.contains("cross-origin-opener-policy: same-origin"));
        assert!(head.contains("cross-origin-embedder-policy: require-corp"));
        assert_eq!(running.requests(), ["GET /"]);
        let (head, _) = get(&running, "/hub.html", "");
        assert!(head.contains("*.hf.co http://127.0.0.1:1;") && head.contains("; frame-ancestors 'self'"), "{head}");
    }

    #[test]
    fn wasm_has_its_type_and_its_length() {
        let (_folder, running) = site();
        let (head, body) = get(&running, "/a.wasm?v=1", "");
        assert!(head.contains("content-type: application/wasm"), "{head}");
        assert!(head.contains("content-length: 10"), "{head}");
        assert_eq!(body, "0123456789");
    }

    #[test]
    fn a_range_is_resumed() {
        let (_folder, running) = site();
        let (head, body) = get(&running, "/a.wasm", "Range: bytes=7-\r\n");
        assert!(head.starts_with("http/1.1 206"), "{head}");
        assert!(head.contains("content-range: bytes 7-9/10"), "{head}");
        assert_eq!(body, "789");
        let (head, _) = get(&running, "/a.wasm", "Range: bytes=10-\r\n");
        assert!(head.starts_with("http/1.1 416"), "{head}");
    }

    #[test]
    fn an_unchanged_file_is_not_sent_again() {
        let (_folder, running) = site();
        let (head, _) = get(&running, "/a.wasm", "");
        let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("an etag").to_owned();
        let (head, body) = get(&running, "/a.wasm", &format!("If-None-Match: {etag}\r\n"));
        assert!(head.starts_with("http/1.1 304"), "{head}");
        assert_eq!(body, "");
    }

    #[test]
    fn nothing_outside_the_folder_is_served() {
        let (_folder, running) = site();
        for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/%00", "/absent"] {
            assert!(get(&running, path, "").0.starts_with("http/1.1 404"), "{path}");
        }
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(range("bytes=2-4", 10), Range::Part { start: 2, end: 5 });
        assert_eq!(range("bytes=2-400", 10), Range::Part { start: 2, end: 10 });
        assert_eq!(range("bytes=-3", 10), Range::Part { start: 7, end: 10 });
        assert_eq!(range("bytes=4-2", 10), Range::Whole);
        assert_eq!(range("bytes=0-1,4-5", 10), Range::Whole);
        assert_eq!(range("items=0-1", 10), Range::Whole);
        assert_eq!(range("bytes=0-", 0), Range::Outside);
    }
}
