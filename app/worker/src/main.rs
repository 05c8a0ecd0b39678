//! Hone's Web Worker: binds the session of `hone-core` to `postMessage`, and owns the device, the downloads and the disk.
//!
//! In: `{json, blobs}` messages holding a [`hone_core::session::protocol::Request`]. Out: the same shape, holding a
//! [`hone_core::session::protocol::FromWorker`]. One command at a time, in order; while a run goes on, waiting commands
//! are served between two micro-batches.

mod beside;
mod blob_file;
mod cached_models;
mod clock;
mod codecs;
mod device;
mod disk;
mod errors;
mod export;
mod fault;
mod fetch;
mod growing_blob;
mod hash;
mod hashed_file;
mod journal;
mod kept;
mod kept_projects;
mod kept_run;
mod kept_runs;
mod kept_steps;
mod macrotask;
mod mailbox;
mod model_files;
mod outside_bytes;
mod own_files;
mod readers;
mod received;
mod run_lock;
mod seeking;
mod shared_files;
mod templates;
mod worker_loop;

use std::rc::Rc;

use hone_core::session::protocol::FromWorker;

/// Runs when the module has loaded: a module worker's loader awaits it, so it must return and leave the loop behind.
fn main() {
    hone_core::kernels::run_static_constructors();
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        let message = info.to_string();
        let lacks_memory = fault::may_be_memory() || fault::is_of_size(&message);
        let problem = errors::panicked(&message);
        mailbox::post(&FromWorker::Failed { run: None, problem, lacks_memory }, Vec::new());
    }));
    fault::listen_to_log();
    let mailbox = Rc::new(mailbox::Mailbox::listen());
    own_files::report();
    mailbox::post(&FromWorker::Ready { version: env!("CARGO_PKG_VERSION").into() }, Vec::new());
    wasm_bindgen_futures::spawn_local(worker_loop::Worker::new(mailbox).serve());
}
