//! What the GPU has done wrong: lost, out of memory, a call it refused, a shader that does not compile. Once a device
//! has a fault, nothing it computes is reported.
//!
//! Three sources: `device.lost`, `uncapturederror`, and the error log of cubecl, which compiles shaders in an error scope
//! of its own (in the browser it can only log what that scope caught).

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::wgpu::wgpu;

/// Characters of a fault that are kept: compile errors carry the whole shader.
const MESSAGE_LIMIT: usize = 600;

/// The first fault of one device.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fault(Arc<Mutex<Option<String>>>);

thread_local! {
    /// The fault of the device in use, for the log and for the panic hook.
    static CURRENT: RefCell<Option<Fault>> = const { RefCell::new(None) };
}

/// The fault of the device in use, if it has one.
pub(crate) fn current() -> Option<String> {
    CURRENT.with(|current| current.try_borrow().ok().and_then(|current| current.as_ref().and_then(Fault::get)))
}

impl Fault {
    /// Watches a device. Call after burn has taken it: cubecl's own handler panics, this one replaces it.
    pub(crate) fn watch(device: &wgpu::Device) -> Self {
        let fault = Self::default();
        let lost = fault.clone();
        device.set_device_lost_callback(move |reason, message| {
            lost.set(&format!("the device was lost ({reason:?}): {message}"));
        });
        let uncaptured = fault.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| match error {
            wgpu::Error::OutOfMemory { .. } => uncaptured.set("out of GPU memory"),
            wgpu::Error::Validation { description, .. } => {
                uncaptured.set(&format!("a call was refused: {description}"))
            }
            wgpu::Error::Internal { description, .. } => uncaptured.set(&format!("internal error: {description}")),
        }));
        CURRENT.with(|current| *current.borrow_mut() = Some(fault.clone()));
        fault
    }

    /// A device that reports no faults: the CPU.
    pub(crate) fn none() -> Self {
        CURRENT.with(|current| *current.borrow_mut() = None);
        Self::default()
    }

    pub(crate) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the first fault: those that follow are its consequences.
    fn set(&self, message: &str) {
        let mut fault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fault.get_or_insert_with(|| message.trim().chars().take(MESSAGE_LIMIT).collect());
    }
}

struct ErrorLog;

impl log::Log for ErrorLog {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Error
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let message = record.args().to_string();
        let compiling = record.module_path().is_some_and(|path| path.starts_with("cubecl_wgpu::backend"));
        if compiling {
            CURRENT.with(|current| {
                if let Some(fault) = current.try_borrow().ok().as_ref().and_then(|current| current.as_ref()) {
                    fault.set(&message);
                }
            });
        }
        web_sys::console::warn_1(&format!("{}: {message}", record.target()).into());
    }

    fn flush(&self) {}
}

/// Hears what cubecl and wgpu log as errors. Call once.
pub(crate) fn listen_to_log() {
    static LOG: ErrorLog = ErrorLog;
    if log::set_logger(&LOG).is_ok() {
        log::set_max_level(log::LevelFilter::Error);
    }
}
