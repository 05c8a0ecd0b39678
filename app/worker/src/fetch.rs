//! One file over the network: progress, limits, resume of a broken download by HTTP Range, and a clear word when it
//! fails.
//!
//! In: a URL, what is known of the file, and a folder on the disk. Out: its bytes. Redirects are followed by the browser;
//! no cookie and no referrer is sent.

use std::cell::Cell;
use std::rc::Rc;

use hone_core::hub;
use hone_core::session::protocol::{FromWorker, Problem, ProblemKind};
use js_sys::{Array, Promise, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    ReadableStreamDefaultReader, ReferrerPolicy, Request, RequestCache, RequestCredentials, RequestInit, Response,
    WorkerGlobalScope,
};

use crate::disk::{DiskError, DiskFolder, FileWriter};
use crate::macrotask::Macrotask;
use crate::{clock, errors, mailbox};

/// Milliseconds between two progress messages.
const PROGRESS_MS: f64 = 100.0;

/// A file to fetch.
pub(crate) struct Wanted<'a> {
    /// File name, also on the disk.
    pub(crate) name: &'a str,
    /// Name of the model that it belongs to.
    pub(crate) model: &'a str,
    pub(crate) url: &'a str,
    /// Size in bytes, if a listing said it.
    pub(crate) bytes: Option<u64>,
    /// A web page means that there is no such file: servers of single-page sites answer every address with their page.
    pub(crate) page_means_missing: bool,
    /// Milliseconds without a byte after which the connection counts as broken.
    pub(crate) stall_ms: u32,
}

/// A file that came.
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 that the server promised in its headers, lower-case hex.
    pub(crate) sha256: Option<String>,
    /// Commit that the server says it is of.
    pub(crate) commit: Option<String>,
    /// Why it could not be kept on the disk, if so.
    pub(crate) not_kept: Option<DiskError>,
}

/// What a partial file on the disk is a part of; stands beside it until the folder is whole.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    url: String,
    etag: String,
    total: u64,
}

/// Name of the note beside a partial file.
pub(crate) fn part_note(name: &str) -> String {
    format!("{name}.part.json")
}

/// Fetches a file, into memory and, as it comes, onto the disk. `None`: the server has no such file.
///
/// # Errors
/// No network, a refusal by the server, too many bytes, or fewer than promised; what came stays on the disk for the next
/// try.
pub(crate) async fn fetch_file(wanted: &Wanted<'_>, disk: Option<&DiskFolder>) -> Result<Option<Fetched>, Problem> {
    let name = wanted.name;
    let partial = match disk {
        Some(disk) => partial_file(disk, wanted).await,
        None => None,
    };
    if let Some((part, bytes)) = &partial
        && bytes.len() as u64 == part.total
    {
        let (bytes, sha256) = (bytes.clone(), hub::sha256_from_etag(&part.etag));
        progress(name, part.total, Some(part.total));
        return Ok(Some(Fetched { bytes, sha256, commit: None, not_kept: None }));
    }

    let mut response = request(wanted, partial.as_ref().map(|(_, bytes)| bytes.len() as u64)).await?;
    let mut bytes = Vec::new();
    if let Some((part, have)) = partial {
        if continues(&response, &part, have.len() as u64) {
            bytes = have;
        } else if response.status() != 200 {
            response = request(wanted, None).await?; // another file by now: start over
        }
    }
    match response.status() {
        200 | 206 => {}
        404 | 410 => return Ok(None),
        _ => return Err(refused(wanted, &response)),
    }
    if header(&response, "content-type").is_some_and(|kind| kind.starts_with("text/html")) {
        if wanted.page_means_missing {
            return Ok(None);
        }
        let message =
            format!("{name}: a web page came instead of the file (a login page or a proxy may have answered)");
        let hint = "open the hub's address in the browser, log in to the network if it asks, and try again";
        return Err(errors::problem(ProblemKind::Network, message, hint));
    }

    let etag = header(&response, "etag").or_else(|| header(&response, "x-linked-etag")).unwrap_or_default();
    let coming = header(&response, "content-length").and_then(|length| length.parse::<u64>().ok());
    let total = wanted.bytes.or_else(|| coming.map(|coming| coming + bytes.len() as u64));
    let most = wanted.bytes.unwrap_or(u64::MAX).min(hub::max_bytes(name));
    if total.is_some_and(|total| total > hub::max_bytes(name)) {
        return Err(too_large(name, total.unwrap_or_default()));
    }
    let mut keeper = Keeper::new(disk, wanted, bytes.len() as u64, &etag, total).await;
    receive(wanted, &response, total, most, &mut bytes, &mut keeper).await?;

    let received = bytes.len() as u64;
    // A listed size must be met exactly; `Content-Length` counts compressed bytes where a server compresses.
    let wrong = wanted.bytes.is_some_and(|listed| listed != received) || total.is_some_and(|total| received < total);
    if wrong {
        let total = total.unwrap_or_default();
        return Err(broken(name, &format!("{received} of {total} bytes came")));
    }
    let sha256 = ["x-linked-etag", "etag"]
        .iter()
        .find_map(|key| header(&response, key).and_then(|etag| hub::sha256_from_etag(&etag)));
    let commit = header(&response, "x-repo-commit");
    Ok(Some(Fetched { bytes, sha256, commit, not_kept: keeper.finish().await }))
}

/// A hub's list of a model's files. `Ok(None)`: the server can't be reached or has no such list.
///
/// # Errors
/// When the server refuses it (401, 403).
pub(crate) async fn fetch_listing(model: &str, url: &str, stall_ms: u32) -> Result<Option<serde_json::Value>, Problem> {
    let wanted = Wanted { name: "list of files", model, url, bytes: None, page_means_missing: true, stall_ms };
    let Ok(response) = request(&wanted, None).await else { return Ok(None) };
    match response.status() {
        200 => {}
        401 | 403 => return Err(refused(&wanted, &response)),
        _ => return Ok(None),
    }
    let Ok(text) = response.text() else { return Ok(None) };
    let text = before_stall(&text, stall_ms).await.ok().flatten().and_then(|text| text.as_string());
    note_traffic(url, 0, text.as_ref().map_or(0, String::len));
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

async fn partial_file(disk: &DiskFolder, wanted: &Wanted<'_>) -> Option<(Part, Vec<u8>)> {
    let note = disk.read(&part_note(wanted.name)).await.ok()??;
    let part: Part = serde_json::from_slice(&note).ok()?;
    let bytes = disk.read(wanted.name).await.ok()??;
    let usable = part.url == wanted.url
        && wanted.bytes.is_none_or(|listed| listed == part.total)
        && !bytes.is_empty()
        && bytes.len() as u64 <= part.total;
    usable.then_some((part, bytes))
}

/// Whether the response is the rest of that very file.
fn continues(response: &Response, part: &Part, have: u64) -> bool {
    let range = header(response, "content-range").unwrap_or_default();
    response.status() == 206
        && header(response, "etag").unwrap_or_default() == part.etag
        && (range.is_empty()
            || range.starts_with(&format!("bytes {have}-")) && range.ends_with(&format!("/{}", part.total)))
}

async fn request(wanted: &Wanted<'_>, from: Option<u64>) -> Result<Response, Problem> {
    let init = RequestInit::new();
    init.set_credentials(RequestCredentials::Omit);
    init.set_referrer_policy(ReferrerPolicy::NoReferrer);
    init.set_cache(RequestCache::NoStore);
    // A browser names the address in what it says of it, password and all.
    let thrown = |error: JsValue| broken(wanted.name, &hub::redact(&errors::js_text(&error)));
    let request = Request::new_with_str_and_init(wanted.url, &init).map_err(thrown)?;
    if let Some(from) = from {
        request.headers().set("range", &format!("bytes={from}-")).map_err(thrown)?;
    }
    let policy = PolicyWatch::start();
    note_traffic(wanted.url, 1, 0);
    match before_stall(&scope().fetch_with_request(&request), wanted.stall_ms).await {
        Ok(Some(response)) => {
            let response: Response = response.unchecked_into();
            if response.redirected() {
                note_traffic(&response.url(), 1, 0);
            }
            Ok(response)
        }
        Ok(None) => Err(broken(wanted.name, &format!("the server did not answer for {}", seconds(wanted.stall_ms)))),
        // Of a failed request a browser says no more than that it failed.
        Err(_) => {
            let is_stopped = policy.has_stopped_a_request().await;
            Err(if is_stopped { not_allowed(wanted.url) } else { unreachable(wanted.url) })
        }
    }
}

fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Notes whether the page's content security policy stops a request.
struct PolicyWatch {
    stopped: Rc<Cell<bool>>,
    listener: Closure<dyn FnMut()>,
}

impl PolicyWatch {
    const EVENT: &'static str = "securitypolicyviolation";

    fn start() -> Self {
        let stopped = Rc::new(Cell::new(false));
        let noted = Rc::clone(&stopped);
        let listener = Closure::<dyn FnMut()>::new(move || noted.set(true));
        // Without it the reason is said less exactly.
        let _ = scope().add_event_listener_with_callback(Self::EVENT, listener.as_ref().unchecked_ref());
        Self { stopped, listener }
    }

    async fn has_stopped_a_request(&self) -> bool {
        Macrotask::new().pass().await; // the event may come after the request has failed
        self.stopped.get()
    }
}

impl Drop for PolicyWatch {
    fn drop(&mut self) {
        let _ = scope().remove_event_listener_with_callback(Self::EVENT, self.listener.as_ref().unchecked_ref());
    }
}

/// What a promise of the network becomes; `None` where nothing comes for so long.
async fn before_stall(promise: &Promise, stall_ms: u32) -> Result<Option<JsValue>, JsValue> {
    let scope = scope();
    let late = JsValue::from_str("hone: nothing came");
    let stall_ms = i32::try_from(stall_ms).unwrap_or(i32::MAX);
    let mut timer = None;
    let waited = Promise::new(&mut |resolve, _| {
        let resolve: js_sys::Function = resolve.unchecked_into();
        let arguments = Array::of1(&late);
        timer = scope.set_timeout_with_callback_and_timeout_and_arguments(&resolve, stall_ms, &arguments).ok();
    });
    let first = JsFuture::from(Promise::race(&Array::of2(promise, &waited))).await;
    if let Some(timer) = timer {
        scope.clear_timeout_with_handle(timer);
    }
    Ok(Some(first?).filter(|value| *value != late))
}

async fn receive(
    wanted: &Wanted<'_>,
    response: &Response,
    total: Option<u64>,
    most: u64,
    bytes: &mut Vec<u8>,
    keeper: &mut Keeper,
) -> Result<(), Problem> {
    let Some(body) = response.body() else { return Ok(()) };
    let name = wanted.name;
    let more = total.unwrap_or_default().saturating_sub(bytes.len() as u64);
    if usize::try_from(more).is_err() || bytes.try_reserve_exact(more as usize).is_err() {
        return Err(no_room(name, more));
    }
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let mut reported_ms = f64::NEG_INFINITY;
    let mut reported = bytes.len();
    loop {
        let next = before_stall(&reader.read(), wanted.stall_ms).await.map_err(|_| {
            // What the browser says of it (`TypeError: network error`) helps nobody.
            broken(name, &format!("the connection broke after {} bytes", bytes.len()))
        })?;
        let Some(next) = next else {
            let _ = reader.cancel();
            let waited = seconds(wanted.stall_ms);
            return Err(broken(name, &format!("nothing more came for {waited} after {} bytes", bytes.len())));
        };
        let done = Reflect::get(&next, &"done".into()).is_ok_and(|done| done.is_truthy());
        if let Some(chunk) = Reflect::get(&next, &"value".into()).ok().and_then(|v| v.dyn_into::<Uint8Array>().ok()) {
            let start = bytes.len();
            let length = chunk.length() as usize;
            if (start + length) as u64 > most {
                let _ = reader.cancel();
                return Err(too_large(name, (start + length) as u64));
            }
            if bytes.try_reserve(length).is_err() {
                let _ = reader.cancel();
                return Err(no_room(name, length as u64));
            }
            bytes.resize(start + length, 0);
            chunk.copy_to(&mut bytes[start..]);
            keeper.append(&bytes[start..]).await;
        }
        if done || clock::now_ms() - reported_ms >= PROGRESS_MS {
            reported_ms = clock::now_ms();
            let received = bytes.len() as u64;
            progress(name, received, total.filter(|&total| total >= received));
            note_traffic(wanted.url, 0, bytes.len() - reported);
            reported = bytes.len();
        }
        if done {
            return Ok(());
        }
    }
}

/// `60 seconds`.
fn seconds(ms: u32) -> String {
    hone_core::words::plural((ms / 1000) as usize, "second")
}

fn progress(name: &str, received: u64, total: Option<u64>) {
    mailbox::post(&FromWorker::Download { file: name.into(), received, total, cached: false }, Vec::new());
}

/// Tells the page of requests to an address, or of bytes that came from there.
pub(crate) fn note_traffic(url: &str, requests: usize, received: usize) {
    let message = FromWorker::Traffic { url: hub::redact(url), requests, received: received as u64 };
    mailbox::post(&message, Vec::new());
}

/// Writes beside the download; gives up on the first error and leaves nothing half-written behind the note's back.
struct Keeper {
    writer: Option<FileWriter>,
    failed: Option<DiskError>,
}

impl Keeper {
    async fn new(disk: Option<&DiskFolder>, wanted: &Wanted<'_>, have: u64, etag: &str, total: Option<u64>) -> Self {
        let Some(disk) = disk else { return Self { writer: None, failed: None } };
        match Self::open(disk, wanted, have, etag, total).await {
            Ok(writer) => Self { writer: Some(writer), failed: None },
            Err(error) => Self { writer: None, failed: Some(error) },
        }
    }

    async fn open(
        disk: &DiskFolder,
        wanted: &Wanted<'_>,
        have: u64,
        etag: &str,
        total: Option<u64>,
    ) -> Result<FileWriter, DiskError> {
        let note = part_note(wanted.name);
        match total {
            // Without a validator a rest can't be told from the rest of another file.
            Some(total) if !etag.is_empty() => {
                let part = Part { url: wanted.url.into(), etag: etag.into(), total };
                let json = serde_json::to_vec(&part).expect("a note holds only plain values");
                disk.write(&note, &json).await?;
            }
            _ => disk.remove(&note).await?,
        }
        disk.writer(wanted.name, have).await
    }

    async fn append(&mut self, bytes: &[u8]) {
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.append(bytes).await
        {
            self.writer = None;
            self.failed = Some(error);
        }
    }

    async fn finish(self) -> Option<DiskError> {
        match self.writer {
            Some(writer) => writer.finish().await.err(),
            None => self.failed,
        }
    }
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).ok().flatten().filter(|value| !value.is_empty())
}

fn refused(wanted: &Wanted<'_>, response: &Response) -> Problem {
    let (status, model, host) = (response.status(), wanted.model, hub::host_of(wanted.url));
    let is_gated = header(response, "x-error-code").is_some_and(|code| code == "GatedRepo");
    let (what, hint) = match status {
        401 | 403 if is_gated => (
            format!("{model} is gated: {host} hands it out to people who have accepted its terms"),
            "accept them on the model's page, download its files there, and load them from this machine",
        ),
        401 | 403 => (
            format!("{model} is private, gated, or does not exist on {host}"),
            "check the spelling of the id; files of a private model can be downloaded on its page and loaded from this \
             machine",
        ),
        429 => (format!("{host} is busy"), "wait a minute and try again"),
        _ => (
            format!("{host} failed to send {}", wanted.name),
            "try again later, or load the files from this machine instead",
        ),
    };
    errors::problem(ProblemKind::Network, format!("{what} (HTTP {status})"), hint)
}

fn unreachable(url: &str) -> Problem {
    let hint = "check your connection and try again: what came so far is kept";
    errors::problem(ProblemKind::Network, format!("couldn't reach {}", hub::host_of(url)), hint)
}

fn not_allowed(url: &str) -> Problem {
    let message = format!("this page may reach its own site and the model hub only, not {}", hub::host_of(url));
    let hint =
        "correct the hub address, or load the files from this machine; whoever serves the page can allow other hubs";
    errors::problem(ProblemKind::Network, message, hint)
}

fn too_large(name: &str, bytes: u64) -> Problem {
    let message = format!("{name}: the server sends {bytes} bytes or more, which is too much for this file");
    errors::problem(ProblemKind::Network, message, "choose another model, or try again")
}

fn no_room(name: &str, bytes: u64) -> Problem {
    let message = format!("{name}: {bytes} bytes do not fit into the browser's memory");
    errors::problem(ProblemKind::Storage, message, "choose a smaller model, or train it with the command line tool")
}

fn broken(name: &str, reason: &str) -> Problem {
    let hint = "check the connection and try again: what came so far is kept";
    errors::problem(ProblemKind::Network, format!("{name} did not come whole: {reason}"), hint)
}
