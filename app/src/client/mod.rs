//! The page's end of the line to its worker. In: commands with buffers. Out: exactly one answer for each, and notices
//! for everything that the worker says unasked. It also starts the worker, and starts another when one dies.
//!
//! Before the parts of the later steps are there it reads the messages that the first step waits for; one of another kind waits,
//! with all that come behind it, until those parts bring what reads it (ADR 42).

mod oneshot;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use hone_core::session::protocol::{
    Command, EarlyMessage, FromWorker, Problem, ProblemKind, Reply, Request, RequestId,
};
use js_sys::{Array, ArrayBuffer, Object, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, ErrorEvent, Event, MessageEvent, Worker, WorkerOptions, WorkerType};

use crate::browser;

/// Where the build puts the script that starts the worker.
const WORKER_URL: &str = "hone-worker_loader.js";
/// The script by which the worker asks model hubs; it must be there before the worker hears of one.
const HUB_URL: &str = "hone-worker_hub.js";

/// What came of a command, with the buffers that travelled beside it; a file that was packed is the last of them, as a `Blob`.
pub(crate) type Answer = Result<(Reply, Vec<ArrayBuffer>), Problem>;

/// What the worker says unasked.
pub(crate) enum Notice {
    /// It listens, and is of the page's own version.
    Ready,
    /// Progress and events.
    Message(Box<FromWorker>),
    /// Messages came that are not read before the parts of the later steps are there.
    Waits,
    /// It can't go on; all waiting commands were answered with this. It may have had too little memory, which it can't say itself.
    Dead { problem: Problem, lacks_memory: bool },
}

/// What goes to the worker beside a command and its buffers.
enum Beside<'a> {
    Nothing,
    /// A file, handed over as it is: the worker reads it.
    File(&'a Blob),
    /// A port to a model hub, which is given away; null where this site serves the model.
    Hub(&'a JsValue),
}

/// What waits for an answer.
type OnAnswer = Box<dyn FnOnce(Answer)>;

/// Reads a message that the browser has parsed; `None` where that takes code that is not there yet.
type Read = fn(JsValue) -> Result<Option<FromWorker>, String>;

/// The line to the worker; clones share it.
#[derive(Clone)]
pub(crate) struct Client(Rc<RefCell<Line>>);

struct Line {
    listener: Rc<dyn Fn(Notice)>,
    worker: Option<Running>,
    is_ready: bool,
    /// Sent before the worker listened: a wasm worker loses messages that come too early.
    early: Vec<(JsValue, Array)>,
    waiting: Vec<(RequestId, OnAnswer)>,
    next_id: u32,
    /// Messages that came from workers, wrapping.
    num_heard: u32,
    read: Read,
    /// Messages in their order, of which the first can't be read yet.
    unread: VecDeque<JsValue>,
}

/// A worker and what it calls; dropped together, after it was terminated.
struct Running {
    worker: Worker,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(Event)>,
}

impl Client {
    /// A line without a worker.
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(Line {
            listener: Rc::new(|_| {}),
            worker: None,
            is_ready: false,
            early: Vec::new(),
            waiting: Vec::new(),
            next_id: 0,
            num_heard: 0,
            read: read_early,
            unread: VecDeque::new(),
        })))
    }

    /// Says who hears the notices.
    pub(crate) fn listen(&self, listener: impl Fn(Notice) + 'static) {
        self.0.borrow_mut().listener = Rc::new(listener);
    }

    /// Ends the worker, if there is one, and starts another. Waiting commands are answered with a problem.
    pub(crate) fn restart(&self) {
        if let Some(running) = self.0.borrow_mut().worker.take() {
            running.worker.terminate();
        }
        self.fail_all(&problem("the part of the page that trains was restarted before this was done", "Do it again."));
        match self.spawn() {
            Ok(running) => self.0.borrow_mut().worker = Some(running),
            Err(error) => self.die(
                problem(
                    &format!("the part of the page that trains could not be started: {}", browser::describe(&error)),
                    "Use a current browser; in private windows of some browsers Hone can't run.",
                ),
                false,
            ),
        }
    }

    /// Sends a command; `then` is called with its answer, in order with the notices around it. Returns the name that
    /// notices about the command have.
    pub(crate) fn send(
        &self,
        command: Command,
        blobs: Vec<ArrayBuffer>,
        then: impl FnOnce(Answer) + 'static,
    ) -> RequestId {
        self.send_boxed(command, blobs, &Beside::Nothing, Box::new(then))
    }

    fn send_boxed(&self, command: Command, blobs: Vec<ArrayBuffer>, beside: &Beside<'_>, then: OnAnswer) -> RequestId {
        let mut line = self.0.borrow_mut();
        line.next_id += 1;
        let id = RequestId(line.next_id);
        let json = serde_json::to_string(&Request { id, command }).expect("commands hold only plain values");
        let buffers: Array = blobs.iter().collect();
        let transfer = Array::from(&buffers);
        let message = Object::new();
        let set = |key: &str, value: &JsValue| {
            Reflect::set(&message, &key.into(), value).expect("a fresh object takes properties");
        };
        set("json", &JsValue::from_str(&json));
        set("blobs", &buffers);
        match beside {
            Beside::Nothing => {}
            Beside::File(file) => set("files", &Array::of1(file)),
            Beside::Hub(port) => {
                set("hub", port);
                if !port.is_null() {
                    transfer.push(port);
                }
            }
        }
        line.waiting.push((id, then));
        let message = JsValue::from(message);
        if !line.is_ready {
            line.early.push((message, transfer));
            return id;
        }
        let posted = line.post(&message, &transfer);
        drop(line);
        if let Err(error) = posted {
            let text = format!("the part of the page that trains does not answer: {}", browser::describe(&error));
            self.answer(id, Err(problem(&text, RESTART_HINT)));
        }
        id
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn request(&self, command: Command, blobs: Vec<ArrayBuffer>) -> Answer {
        let (fill, receiver) = oneshot::oneshot();
        self.send(command, blobs, fill);
        receiver.await
    }

    /// As [`Self::request`], with a file that the worker reads where it is.
    pub(crate) async fn request_with_file(&self, command: Command, file: &Blob) -> Answer {
        let (fill, receiver) = oneshot::oneshot();
        self.send_boxed(command, Vec::new(), &Beside::File(file), Box::new(fill));
        receiver.await
    }

    /// As [`Self::request`], with a port by which the worker asks a model hub; null where this site serves the model.
    pub(crate) async fn request_with_hub(&self, command: Command, port: &JsValue) -> Answer {
        let (fill, receiver) = oneshot::oneshot();
        self.send_boxed(command, Vec::new(), &Beside::Hub(port), Box::new(fill));
        receiver.await
    }

    fn spawn(&self) -> Result<Running, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        // A worker of a blob is under the page's own policy, also where a static host sends none with the script.
        let [hub, worker] = [HUB_URL, WORKER_URL].map(browser::absolute_url);
        let url = browser::script_url(&format!("await import({hub:?}); await import({worker:?});"))?;
        let worker = Worker::new_with_options(&url, &options)?;
        let line = self.clone();
        let on_message = Closure::new(move |event: MessageEvent| line.receive(&event.data()));
        let line = self.clone();
        let on_error = Closure::new(move |event: Event| {
            let said = event.dyn_ref::<ErrorEvent>().map(ErrorEvent::message).filter(|text| !text.is_empty());
            let said = said.unwrap_or_else(|| "its script could not be loaded".into());
            let lacks_memory = tells_of_memory(&said);
            let hint = if lacks_memory { MEMORY_HINT } else { RESTART_HINT };
            line.die(problem(&format!("the part of the page that trains has stopped: {said}"), hint), lacks_memory);
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Running { worker, _on_message: on_message, _on_error: on_error })
    }

    /// Reads messages of every kind from now on, those that have waited first. To be called by the parts of the later steps alone:
    /// the code that does it is fetched with them.
    pub(crate) fn read_all_messages(&self) {
        self.0.borrow_mut().read = read_all;
        let line = self.clone();
        // Not within the drawing of a view, which would follow every signal that is read.
        wasm_bindgen_futures::spawn_local(async move {
            let next = || line.0.borrow_mut().unread.pop_front();
            while let Some(data) = next() {
                line.take(&data);
            }
        });
    }

    /// How many messages have come so far, by which silence is told; it begins anew after the largest number.
    pub(crate) fn num_heard(&self) -> u32 {
        self.0.borrow().num_heard
    }

    /// Whether messages wait for the parts of the later steps.
    pub(crate) fn has_unread(&self) -> bool {
        !self.0.borrow().unread.is_empty()
    }

    fn receive(&self, data: &JsValue) {
        {
            let mut line = self.0.borrow_mut();
            line.num_heard = line.num_heard.wrapping_add(1);
        }
        if self.has_unread() {
            self.0.borrow_mut().unread.push_back(data.clone());
        } else {
            self.take(data);
        }
    }

    fn take(&self, data: &JsValue) {
        let read = self.0.borrow().read;
        match decode(data, read) {
            Ok((Some(FromWorker::Ready { version }), _)) => self.greet(&version),
            Ok((Some(FromWorker::Reply { id, result }), blobs)) => self.answer(id, result.map(|reply| (reply, blobs))),
            Ok((Some(message), _)) => self.notify(Notice::Message(Box::new(message))),
            Ok((None, _)) => {
                self.0.borrow_mut().unread.push_back(data.clone());
                self.notify(Notice::Waits);
            }
            Err(error) => {
                self.die(problem(&format!("a message inside the page is unreadable: {error}"), RELOAD_HINT), false);
            }
        }
    }

    fn greet(&self, version: &str) {
        let own = env!("CARGO_PKG_VERSION");
        if version != own {
            let text = format!("the page is version {own}, the part of it that trains is version {version}");
            return self.die(problem(&text, RELOAD_HINT), false);
        }
        // Notified first, so that opening the device comes before anything that waited.
        let early = {
            let mut line = self.0.borrow_mut();
            line.is_ready = true;
            std::mem::take(&mut line.early)
        };
        self.notify(Notice::Ready);
        for (message, transfer) in early {
            let posted = self.0.borrow().post(&message, &transfer);
            if let Err(error) = posted {
                let text = format!("the part of the page that trains does not answer: {}", browser::describe(&error));
                return self.die(problem(&text, RESTART_HINT), false);
            }
        }
    }

    fn answer(&self, id: RequestId, answer: Answer) {
        let then = {
            let mut line = self.0.borrow_mut();
            let position = line.waiting.iter().position(|(waiting, _)| *waiting == id);
            position.map(|position| line.waiting.swap_remove(position).1)
        };
        // Nobody waits for an answer that came after a restart.
        if let Some(then) = then {
            then(answer);
        }
    }

    fn die(&self, problem: Problem, lacks_memory: bool) {
        self.fail_all(&problem);
        self.notify(Notice::Dead { problem, lacks_memory });
    }

    fn fail_all(&self, problem: &Problem) {
        let waiting = {
            let mut line = self.0.borrow_mut();
            line.is_ready = false;
            line.early.clear();
            line.unread.clear();
            std::mem::take(&mut line.waiting)
        };
        for (_, then) in waiting {
            then(Err(problem.clone()));
        }
    }

    fn notify(&self, notice: Notice) {
        let listener = Rc::clone(&self.0.borrow().listener);
        listener(notice);
    }
}

impl Line {
    fn post(&self, message: &JsValue, transfer: &Array) -> Result<(), JsValue> {
        match &self.worker {
            Some(running) => running.worker.post_message_with_transfer(message, transfer),
            None => Err("there is no worker".into()),
        }
    }
}

const RESTART_HINT: &str = "Press Restart.";
const MEMORY_HINT: &str = "It may have had too little memory. Press Restart: a run that is gone on with then has its batches computed \
    in parts. If it stops again, choose a smaller batch, shorter texts or a smaller model.";
const RELOAD_HINT: &str = "Reload the page without its cache (Ctrl+Shift+R, on a Mac Cmd+Shift+R).";

fn problem(message: &str, hint: &str) -> Problem {
    Problem { kind: ProblemKind::Bug, message: message.into(), hint: hint.into() }
}

/// Whether what a browser says of a worker that stopped may mean that it had too little memory. Compiled code that gets none executes
/// `unreachable`; a panic does, too, but the worker says that itself before. Browsers say the rest in words of their own.
fn tells_of_memory(said: &str) -> bool {
    let said = said.to_lowercase();
    ["unreachable", "memory", "allocat"].iter().any(|word| said.contains(word))
}

fn read_early(message: JsValue) -> Result<Option<FromWorker>, String> {
    Ok(serde_wasm_bindgen::from_value::<EarlyMessage>(message).ok().map(FromWorker::from))
}

fn read_all(message: JsValue) -> Result<Option<FromWorker>, String> {
    serde_wasm_bindgen::from_value(message).map(Some).map_err(|error| error.to_string())
}

fn decode(data: &JsValue, read: Read) -> Result<(Option<FromWorker>, Vec<ArrayBuffer>), String> {
    let get = |key: &str| Reflect::get(data, &key.into()).map_err(|error| browser::describe(&error));
    let json = get("json")?.as_string().ok_or("no json in the message")?;
    // The browser parses it: that takes less of the page than a JSON parser of our own.
    let message = js_sys::JSON::parse(&json).map_err(|error| browser::describe(&error))?;
    let message = read(message)?;
    let blobs = get("blobs")?;
    let blobs = if Array::is_array(&blobs) { Array::from(&blobs) } else { Array::new() };
    Ok((message, blobs.iter().map(JsCast::unchecked_into).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_is_told_from_what_else_stops_a_worker() {
        for said in [
            "Uncaught RuntimeError: unreachable",
            "RuntimeError: unreachable executed",
            "RuntimeError: Unreachable code should not be executed",
            "Uncaught RangeError: Array buffer allocation failed",
            "Uncaught RangeError: WebAssembly.Memory.grow(): Unable to grow instance memory",
            "Error: Out of memory",
        ] {
            assert!(tells_of_memory(said), "{said}");
        }
        for said in ["its script could not be loaded", "it was killed", "RangeError: Maximum call stack size exceeded"]
        {
            assert!(!tells_of_memory(said), "{said}");
        }
    }
}
