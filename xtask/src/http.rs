//! HTTP/1.1 for the static server: a thread for each connection, requests without a body, answers of a known length. `httparse`
//! reads the heads.
//!
//! A pool of threads is what this must not have: a browser opens six connections at once and keeps them, and one that is queued
//! behind them waits until it gives up (tiny_http, which stood here before, queued connections that came at the same moment).

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Longest head of a request, in bytes, and most headers in it.
const MAX_HEAD_BYTES: u64 = 64 << 10;
const MAX_HEADERS: usize = 100;
/// How long a connection may stay without a request. Browsers let go of theirs after five minutes.
const IDLE: Duration = Duration::from_secs(600);

/// What a browser asks for.
#[derive(Debug)]
pub(crate) struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    headers: Vec<(String, String)>,
    is_last: bool,
}

impl Request {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What it gets.
pub(crate) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Box<dyn Read + Send>,
    /// Bytes of the body.
    pub length: u64,
}

/// A port that is listened on, until this is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    pub port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    /// Connections that are open, by their number.
    open: Mutex<HashMap<u64, TcpStream>>,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// Listens on 127.0.0.1 and has `answer` answer; port 0 takes a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub(crate) fn start(port: u16, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let (theirs, answer) = (Arc::clone(&shared), Arc::new(answer));
        let thread = thread::spawn(move || {
            for (number, stream) in (0..).zip(listener.incoming()) {
                if theirs.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok((stream, kept)) = stream.and_then(|stream| Ok((stream.try_clone()?, stream))) else { continue };
                theirs.open().insert(number, kept);
                let (shared, answer) = (Arc::clone(&theirs), Arc::clone(&answer));
                thread::spawn(move || {
                    // The browser may have gone away: nothing to do about it.
                    let _ = converse(stream, &*answer);
                    shared.open().remove(&number);
                });
            }
        });
        Ok(Self { port, shared, thread: Some(thread) })
    }

    /// Stops listening and closes all connections: from now on they are refused.
    pub(crate) fn stop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = thread.join();
        for (_, stream) in self.shared.open().drain() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Listens until the process is ended.
    pub(crate) fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Answers the requests of one connection, until either side has enough.
fn converse(mut stream: TcpStream, answer: &dyn Fn(&Request) -> Answer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let head = read_head(&mut reader)?;
        if head.is_empty() {
            return Ok(());
        }
        let Some(request) = request_of(&head) else {
            return stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        };
        send(&mut stream, &request, answer(&request))?;
        if request.is_last {
            return Ok(());
        }
    }
}

/// All up to the empty line; what ends before it is too long, or cut off. Empty where the connection was closed.
fn read_head(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut limited = reader.take(MAX_HEAD_BYTES);
    while limited.read_until(b'\n', &mut head)? > 0 {
        if head.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    Ok(head)
}

/// Nothing where it is no whole request of HTTP/1.
fn request_of(head: &[u8]) -> Option<Request> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    if !parsed.parse(head).ok()?.is_complete() {
        return None;
    }
    let named = |header: &httparse::Header| {
        let value = String::from_utf8_lossy(header.value).into_owned();
        (header.name.to_owned(), value)
    };
    let mut request = Request {
        method: parsed.method?.to_owned(),
        target: parsed.path?.to_owned(),
        headers: parsed.headers.iter().map(named).collect(),
        is_last: false,
    };
    let wants_end = request.header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    // No body is read: after a request that has one, nothing on this connection can be understood.
    let has_body = ["Content-Length", "Transfer-Encoding"].iter().any(|name| request.header(name).is_some());
    request.is_last = wants_end || has_body || parsed.version == Some(0);
    Some(request)
}

fn send(stream: &mut TcpStream, request: &Request, answer: Answer) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // An answer without a body may not name another length than the file has.
    if answer.status != 304 {
        head.push_str(&format!("Content-Length: {}\r\n", answer.length));
    }
    if request.is_last {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    if request.method != "HEAD" && answer.status != 304 {
        let sent = io::copy(&mut answer.body.take(answer.length), stream)?;
        if sent < answer.length {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
        }
    }
    stream.flush()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Range Not Satisfiable",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener() -> Listener {
        let answer = |request: &Request| {
            let body = format!("{} {}", request.method, request.target);
            let length = body.len() as u64;
            Answer { status: 200, headers: Vec::new(), body: Box::new(io::Cursor::new(body)), length }
        };
        Listener::start(0, answer).expect("a free port")
    }

    fn connect(listener: &Listener) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", listener.port)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
        BufReader::new(stream)
    }

    fn ask(stream: &mut BufReader<TcpStream>, head: &str, body_bytes: usize) -> (String, String) {
        stream.get_mut().write_all(head.as_bytes()).expect("sent");
        let head = read_head(stream).expect("an answer");
        let mut body = vec![0; body_bytes];
        stream.read_exact(&mut body).expect("a body");
        (String::from_utf8_lossy(&head).into_owned(), String::from_utf8_lossy(&body).into_owned())
    }

    #[test]
    fn connections_that_come_at_once_and_stay_are_all_answered() {
        let listener = listener();
        let mut streams: Vec<_> = (0..40).map(|_| connect(&listener)).collect();
        for round in 0..3 {
            for stream in streams.iter_mut().rev() {
                let (head, body) = ask(stream, &format!("GET /{round} HTTP/1.1\r\nHost: h\r\n\r\n"), 6);
                assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
                assert_eq!(body, format!("GET /{round}"));
            }
        }
    }

    #[test]
    fn what_is_stopped_refuses_and_closes() {
        let mut listener = listener();
        let mut stream = connect(&listener);
        let _ = ask(&mut stream, "GET / HTTP/1.1\r\n\r\n", 5);
        listener.stop();
        assert_eq!(stream.read(&mut [0]).expect("closed, not silent"), 0);
        assert!(TcpStream::connect(("127.0.0.1", listener.port)).is_err());
    }

    #[test]
    fn a_head_is_answered_without_a_body_and_a_body_ends_the_connection() {
        let listener = listener();
        let mut stream = connect(&listener);
        let (head, _) = ask(&mut stream, "HEAD /a HTTP/1.1\r\n\r\n", 0);
        assert!(head.contains("Content-Length: 7"), "{head}");
        let (head, _) = ask(&mut stream, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 6);
        assert!(head.contains("Connection: close"), "{head}");
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }

    #[test]
    fn what_is_no_request_is_refused_in_bounded_memory() {
        let listener = listener();
        let (head, _) = ask(&mut connect(&listener), "hello\r\n\r\n", 0);
        assert!(head.starts_with("HTTP/1.1 400"), "{head}");
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_HEAD_BYTES as usize));
        let (head, _) = ask(&mut connect(&listener), &long, 0);
        assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    }
}
