//! The wire: `{json: string, blobs: ArrayBuffer[]}` both ways, blobs transferred rather than copied; from the page also `files:
//! Blob[]`, which stay where they are until they are read. A file that was packed for the page is the last of its `blobs`, as a `Blob`.
//! A command that fetches a model has `hub` beside it, a port that `public/hone-worker_hub.js` takes, or null.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use hone_core::session::protocol::{Command, FromWorker, NamedBlob, Problem, Request, RequestId};
use js_sys::{Array, ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, DedicatedWorkerGlobalScope, MessageEvent};

use crate::errors;

/// A request and the buffers that came with it.
pub(crate) struct Letter {
    pub(crate) request: Request,
    pub(crate) blobs: Vec<Uint8Array>,
    /// Files that are read where they are.
    pub(crate) files: Vec<Blob>,
}

impl Letter {
    /// The file that `named` stands for. It stays on JavaScript's heap until it is read.
    pub(crate) fn file(blobs: &[Uint8Array], named: &NamedBlob) -> Result<(String, Uint8Array), Problem> {
        match blobs.get(named.blob) {
            Some(bytes) => Ok((named.name.clone(), bytes.clone())),
            None => Err(errors::bug(format!("{}: buffer {} did not come with the message", named.name, named.blob))),
        }
    }

    /// The file that `named` stands for, unread.
    pub(crate) fn unread_file(files: &[Blob], named: &NamedBlob) -> Result<Blob, Problem> {
        let file = files.get(named.blob).cloned();
        file.ok_or_else(|| errors::bug(format!("{}: file {} did not come with the message", named.name, named.blob)))
    }
}

#[derive(Default)]
struct Waiting {
    letters: VecDeque<Letter>,
    waker: Option<Waker>,
}

/// Requests in the order in which they came.
pub(crate) struct Mailbox {
    waiting: Rc<RefCell<Waiting>>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl Mailbox {
    /// Starts listening.
    pub(crate) fn listen() -> Self {
        let waiting: Rc<RefCell<Waiting>> = Rc::default();
        let queue = Rc::clone(&waiting);
        let on_message =
            Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| match open(&event.data()) {
                Ok(letter) => {
                    let mut queue = queue.borrow_mut();
                    queue.letters.push_back(letter);
                    if let Some(waker) = queue.waker.take() {
                        waker.wake();
                    }
                }
                Err(message) => {
                    let problem = errors::bug(message);
                    post(&FromWorker::Failed { run: None, problem, lacks_memory: false }, Vec::new());
                }
            });
        scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Self { waiting, _on_message: on_message }
    }

    /// The next request that has already come.
    pub(crate) fn waiting(&self) -> Option<Letter> {
        self.waiting.borrow_mut().letters.pop_front()
    }

    /// Whether a request has come.
    pub(crate) fn has_letters(&self) -> bool {
        !self.waiting.borrow().letters.is_empty()
    }

    /// Takes the request to end the text that is being written, if one has come.
    pub(crate) fn take_stop(&self) -> Option<RequestId> {
        self.take(|command| matches!(command, Command::StopGenerating))
    }

    /// Takes the request to end the reading that goes on, if one has come.
    pub(crate) fn take_cancel(&self) -> Option<RequestId> {
        self.take(|command| matches!(command, Command::CancelReading))
    }

    /// Takes the request to end what learns of labels, if one has come.
    pub(crate) fn take_stop_of_labels(&self) -> Option<RequestId> {
        self.take(|command| matches!(command, Command::StopLearningLabels))
    }

    /// Whether a request has come after which the rows are read anew.
    pub(crate) fn is_reading_superseded(&self) -> bool {
        let anew = |command: &Command| {
            let is_model = matches!(command, Command::FetchModel { .. } | Command::LoadModel { .. });
            let is_model = is_model || matches!(command, Command::LoadKeptModel { .. });
            is_model || matches!(command, Command::GuessTask { .. } | Command::LoadData { .. })
        };
        self.waiting.borrow().letters.iter().any(|letter| anew(&letter.request.command))
    }

    fn take(&self, is_wanted: fn(&Command) -> bool) -> Option<RequestId> {
        self.take_letter(is_wanted).map(|letter| letter.request.id)
    }

    /// Takes the first request of a kind, if one has come.
    pub(crate) fn take_letter(&self, is_wanted: impl Fn(&Command) -> bool) -> Option<Letter> {
        let letters = &mut self.waiting.borrow_mut().letters;
        let index = letters.iter().position(|letter| is_wanted(&letter.request.command))?;
        letters.remove(index)
    }

    /// The next request, when it comes.
    pub(crate) async fn next(&self) -> Letter {
        poll_fn(|context| {
            let mut waiting = self.waiting.borrow_mut();
            match waiting.letters.pop_front() {
                Some(letter) => Poll::Ready(letter),
                None => {
                    waiting.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Sends a message; `blobs` are given away.
pub(crate) fn post(message: &FromWorker, blobs: Vec<Uint8Array>) {
    post_with_file(message, blobs, None);
}

/// As [`post`], with a file that was packed for the page.
pub(crate) fn post_with_file(message: &FromWorker, blobs: Vec<Uint8Array>, file: Option<Blob>) {
    let json = serde_json::to_string(message).expect("messages hold only plain values");
    let buffers: Array = blobs.iter().map(Uint8Array::buffer).collect();
    let attached: Array = buffers.iter().collect();
    if let Some(file) = file {
        attached.push(&file);
    }
    let envelope = Object::new();
    let set = |key: &str, value: &JsValue| {
        Reflect::set(&envelope, &key.into(), value).expect("a plain object takes any property");
    };
    set("json", &json.into());
    set("blobs", &attached);
    if let Err(error) = scope().post_message_with_transfer(&envelope, &buffers) {
        web_sys::console::error_2(&"the page can't be reached:".into(), &error);
    }
}

fn open(data: &JsValue) -> Result<Letter, String> {
    let json = Reflect::get(data, &"json".into()).ok().and_then(|json| json.as_string());
    let json = json.ok_or("a message without text came from the page")?;
    // As bytes, as all other JSON here is read: a text would be read by a reader of its own, which the worker would hold twice.
    let request =
        serde_json::from_slice(json.as_bytes()).map_err(|error| format!("a message can't be understood: {error}"))?;
    let buffers = Reflect::get(data, &"blobs".into()).ok().and_then(|blobs| blobs.dyn_into::<Array>().ok());
    let blobs = buffers.unwrap_or_default().into_iter().filter_map(|buffer| buffer.dyn_into::<ArrayBuffer>().ok());
    let files = Reflect::get(data, &"files".into()).ok().and_then(|files| files.dyn_into::<Array>().ok());
    let files = files.unwrap_or_default().into_iter().filter_map(|file| file.dyn_into::<Blob>().ok());
    let blobs = blobs.map(|buffer| Uint8Array::new(&buffer)).collect();
    Ok(Letter { request, blobs, files: files.collect() })
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}
