//! One file over the network: progress, limits, resume of a broken download by HTTP Range, and a clear word when it
//! fails.
//!
//! In: a URL, what is known of the file, and a folder on the disk. Out: its bytes. Redirects are followed by the browser;
//! no cookie and no referrer is sent. A hub is asked by way of the page (`public/hone-worker_hub.js`, ADR 46), which adds the
//! person's token, if there is one: it never gets here.

use hone_core::hub;
use hone_core::session::protocol::{FromWorker, Problem, ProblemKind};
use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, ReadableStreamDefaultReader, ReferrerPolicy, Request, RequestCache, RequestCredentials, RequestInit,
    Response, WorkerGlobalScope,
};

use crate::disk::{DiskError, DiskFolder};
use crate::received::{Body, Keeper, Part, Partial, Received, Refusal};
use crate::{clock, errors, mailbox};

/// Milliseconds between two progress messages.
const PROGRESS_MS: f64 = 100.0;

/// The function that asks a hub by way of the page, and this site itself (`public/hone-worker_hub.js`).
const FETCH: &str = "honeFetch";

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
    pub(crate) body: Body,
    /// SHA-256 that the server promised in its headers, lower-case hex.
    pub(crate) sha256: Option<String>,
    /// Commit that the server says it is of.
    pub(crate) commit: Option<String>,
    /// Why it could not be kept on the disk, if so.
    pub(crate) not_kept: Option<DiskError>,
}

/// Fetches a file, as it comes onto the disk and, unless it is one of weights, into memory. `None`: the server has no such file.
///
/// # Errors
/// No network, a refusal by the server, too many bytes, or fewer than promised; what came stays on the disk for the next
/// try.
pub(crate) async fn fetch_file(wanted: &Wanted<'_>, disk: Option<&DiskFolder>) -> Result<Option<Fetched>, Problem> {
    match fetch_onto(wanted, disk).await? {
        Ok(fetched) => Ok(fetched),
        // Nothing else has the bytes of weights that the disk does not take: they come again, without it.
        Err(error) => {
            let again = fetch_onto(wanted, None).await?.ok().flatten();
            Ok(again.map(|fetched| Fetched { not_kept: Some(error), ..fetched }))
        }
    }
}

/// As [`fetch_file`]; of weights also why the disk does not take them.
async fn fetch_onto(
    wanted: &Wanted<'_>,
    disk: Option<&DiskFolder>,
) -> Result<Result<Option<Fetched>, DiskError>, Problem> {
    let name = wanted.name;
    let partial = match disk {
        Some(disk) => partial_file(disk, wanted).await,
        None => None,
    };
    let partial = match partial {
        Some(whole) if whole.length == whole.part.total => {
            progress(name, whole.length, Some(whole.length));
            let sha256 = hub::sha256_from_etag(&whole.part.etag);
            return Ok(Ok(Some(Fetched { body: whole.whole(name), sha256, commit: None, not_kept: None })));
        }
        partial => partial,
    };

    let mut response = request(wanted, partial.as_ref().map(|partial| partial.length)).await?;
    let (mut have, mut bytes) = (0, Vec::new());
    if let Some(partial) = partial {
        if continues(&response, &partial.part, partial.length) {
            (have, bytes) = (partial.length, partial.bytes);
        } else if response.status() != 200 {
            response = request(wanted, None).await?; // another file by now: start over
        }
    }
    match response.status() {
        200 | 206 => {}
        404 | 410 => return Ok(Ok(None)),
        _ => return Err(refused(wanted, &response)),
    }
    if header(&response, "content-type").is_some_and(|kind| kind.starts_with("text/html")) {
        if wanted.page_means_missing {
            return Ok(Ok(None));
        }
        let message =
            format!("{name}: a web page came instead of the file (a login page or a proxy may have answered)");
        let hint = "open the hub's address in the browser, log in to the network if it asks, and try again";
        return Err(errors::problem(ProblemKind::Network, message, hint));
    }

    let etag = header(&response, "etag").or_else(|| header(&response, "x-linked-etag")).unwrap_or_default();
    let coming = header(&response, "content-length").and_then(|length| length.parse::<u64>().ok());
    let total = wanted.bytes.or_else(|| coming.map(|coming| coming + have));
    let most = wanted.bytes.unwrap_or(u64::MAX).min(hub::max_bytes(name));
    if total.is_some_and(|total| total > hub::max_bytes(name)) {
        return Err(too_large(name, total.unwrap_or_default()));
    }
    let part = total.map(|total| Part { url: wanted.url.into(), etag, total });
    let keeper = Keeper::new(disk, name, have, part).await;
    let mut received = match Received::begin(name, have, bytes, keeper) {
        Ok(received) => received,
        Err(error) => return Ok(Err(error)),
    };
    if let Err(error) = receive(wanted, &response, total, most, &mut received).await? {
        return Ok(Err(error));
    }

    let received_bytes = received.num_bytes();
    // A listed size must be met exactly; `Content-Length` counts compressed bytes where a server compresses.
    let wrong = wanted.bytes.is_some_and(|listed| listed != received_bytes)
        || total.is_some_and(|total| received_bytes < total);
    if wrong {
        let total = total.unwrap_or_default();
        return Err(broken(name, &format!("{received_bytes} of {total} bytes came")));
    }
    let sha256 = ["x-linked-etag", "etag"]
        .iter()
        .find_map(|key| header(&response, key).and_then(|etag| hub::sha256_from_etag(&etag)));
    let commit = header(&response, "x-repo-commit");
    match received.finish().await {
        Ok((body, not_kept)) => Ok(Ok(Some(Fetched { body, sha256, commit, not_kept }))),
        Err(Refusal::Disk(error)) => Ok(Err(error)),
        Err(Refusal::Memory) => Err(no_room(name, received_bytes)),
    }
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

async fn partial_file(disk: &DiskFolder, wanted: &Wanted<'_>) -> Option<Partial> {
    let partial = Partial::find(disk, wanted.name).await?;
    let usable = partial.part.url == wanted.url
        && wanted.bytes.is_none_or(|listed| listed == partial.part.total)
        && (1..=partial.part.total).contains(&partial.length);
    usable.then_some(partial)
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
    note_traffic(wanted.url, 1, 0);
    match before_stall(&send(&request).map_err(thrown)?, wanted.stall_ms).await {
        Ok(Some(response)) => {
            let response: Response = response.unchecked_into();
            if response.redirected() {
                note_traffic(&response.url(), 1, 0);
            }
            Ok(response)
        }
        Ok(None) => Err(broken(wanted.name, &format!("the server did not answer for {}", seconds(wanted.stall_ms)))),
        // Of a failed request a browser says no more than that it failed.
        Err(error) => Err(match error.dyn_ref::<DomException>().map(DomException::name).as_deref() {
            Some("SecurityError") => not_allowed(wanted.url),
            Some("InvalidStateError") => explain_missing_way(),
            _ => unreachable(wanted.url),
        }),
    }
}

/// A worker that was not started by the page reaches its own site alone.
fn send(request: &Request) -> Result<Promise, JsValue> {
    match Reflect::get(&js_sys::global(), &FETCH.into())?.dyn_into::<Function>() {
        Ok(function) => {
            let promise: JsValue = Reflect::apply(&function, &JsValue::UNDEFINED, &Array::of1(request))?;
            Ok(promise.unchecked_into())
        }
        Err(_) => Ok(scope().fetch_with_request(request)),
    }
}

fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
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

/// Takes what comes of a file; of weights also why the disk does not take more.
async fn receive(
    wanted: &Wanted<'_>,
    response: &Response,
    total: Option<u64>,
    most: u64,
    received: &mut Received,
) -> Result<Result<(), DiskError>, Problem> {
    let Some(body) = response.body() else { return Ok(Ok(())) };
    let name = wanted.name;
    let more = total.unwrap_or_default().saturating_sub(received.num_bytes());
    if !received.reserve(more) {
        return Err(no_room(name, more));
    }
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let mut reported_ms = f64::NEG_INFINITY;
    let mut reported = received.num_bytes();
    loop {
        let next = before_stall(&reader.read(), wanted.stall_ms).await.map_err(|_| {
            // What the browser says of it (`TypeError: network error`) helps nobody.
            broken(name, &format!("the connection broke after {} bytes", received.num_bytes()))
        })?;
        let Some(next) = next else {
            let _ = reader.cancel();
            let waited = seconds(wanted.stall_ms);
            return Err(broken(name, &format!("nothing more came for {waited} after {} bytes", received.num_bytes())));
        };
        let done = Reflect::get(&next, &"done".into()).is_ok_and(|done| done.is_truthy());
        if let Some(chunk) = Reflect::get(&next, &"value".into()).ok().and_then(|v| v.dyn_into::<Uint8Array>().ok()) {
            let length = received.num_bytes() + u64::from(chunk.length());
            if length > most {
                let _ = reader.cancel();
                return Err(too_large(name, length));
            }
            if let Err(refusal) = received.append(&chunk).await {
                let _ = reader.cancel();
                return match refusal {
                    Refusal::Memory => Err(no_room(name, u64::from(chunk.length()))),
                    Refusal::Disk(error) => Ok(Err(error)),
                };
            }
        }
        if done || clock::now_ms() - reported_ms >= PROGRESS_MS {
            reported_ms = clock::now_ms();
            let length = received.num_bytes();
            progress(name, length, total.filter(|&total| total >= length));
            note_traffic(wanted.url, 0, (length - reported) as usize);
            reported = length;
        }
        if done {
            return Ok(Ok(()));
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

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).ok().flatten().filter(|value| !value.is_empty())
}

fn refused(wanted: &Wanted<'_>, response: &Response) -> Problem {
    let (status, model, host) = (response.status(), wanted.model, hub::host_of(wanted.url));
    if matches!(status, 401 | 403) {
        let is_gated = header(response, "x-error-code").is_some_and(|code| code == "GatedRepo");
        let message = format!("{host} refuses access (HTTP {status}): {model} {}", hub::why_refused(is_gated));
        let hint = "give a token of yours that may read it, under the hub's address; or download its files on its page, and load \
                    them from this machine";
        return errors::problem(ProblemKind::Access, message, hint);
    }
    let (what, hint) = match status {
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
    let host = hub::host_of(url);
    let message =
        format!("this page may not reach {host}, or the host that it redirects to: it may reach the chosen hub only");
    let hint = "correct the hub address, or download the model's files and load them from this machine; whoever serves the page can \
                allow other hubs";
    errors::problem(ProblemKind::Network, message, hint)
}

/// Says that `hub.html` can't be used, the document by which hubs are reached.
fn explain_missing_way() -> Problem {
    let message = "the page's own hub.html, by which it reaches a hub, could not be opened in a frame";
    let hint = "check your connection and try again; if it stays so, whoever serves the page forbids frames of its own site: load \
                the files from this machine instead";
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
