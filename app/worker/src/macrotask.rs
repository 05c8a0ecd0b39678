//! Hands control back to the browser for one task, so that messages and GPU errors can arrive. A `MessageChannel` is
//! used because browsers slow nested `setTimeout(0)` down to 4 ms, more than a small step takes.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Function, Promise};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::JsFuture;
use web_sys::{MessageChannel, MessageEvent, MessagePort};

/// A channel to itself.
pub(crate) struct Macrotask {
    sender: MessagePort,
    resolve: Rc<RefCell<Option<Function>>>,
    _receiver: MessagePort,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
}

impl Macrotask {
    pub(crate) fn new() -> Self {
        let channel = MessageChannel::new().expect("workers have message channels");
        let resolve: Rc<RefCell<Option<Function>>> = Rc::default();
        let waiting = Rc::clone(&resolve);
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |_| {
            if let Some(resolve) = waiting.borrow_mut().take() {
                let _ = resolve.call0(&wasm_bindgen::JsValue::UNDEFINED);
            }
        });
        let receiver = channel.port1();
        receiver.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        Self { sender: channel.port2(), resolve, _receiver: receiver, _on_message: on_message }
    }

    /// Resumes after the tasks that are already waiting. One caller at a time.
    pub(crate) async fn pass(&self) {
        let promise = Promise::new(&mut |resolve, _| {
            *self.resolve.borrow_mut() = Some(resolve.unchecked_into());
        });
        if self.sender.post_message(&wasm_bindgen::JsValue::NULL).is_ok() {
            let _ = JsFuture::from(promise).await;
        }
    }
}
