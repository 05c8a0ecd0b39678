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
pub(crate) struct Fault(Arc<Mutex<Option<Happened>>>);

/// What a fault is.
#[derive(Debug, Clone)]
struct Happened {
    message: String,
    /// It is one of those by which a lack of memory shows.
    may_be_memory: bool,
}

thread_local! {
    /// The fault of the device in use, for the log and for the panic hook.
    static CURRENT: RefCell<Option<Fault>> = const { RefCell::new(None) };
}

/// The fault of the device in use, if it has one.
pub(crate) fn current() -> Option<String> {
    CURRENT.with(|current| current.try_borrow().ok().and_then(|current| current.as_ref().and_then(Fault::get)))
}

/// Whether the device in use has a fault by which a lack of memory shows.
pub(crate) fn may_be_memory() -> bool {
    let of_device = CURRENT
        .with(|current| current.try_borrow().ok().and_then(|current| current.as_ref().map(Fault::may_be_memory)));
    of_device.unwrap_or(false)
}

/// Whether a panic is that of a vector which is larger than all memory that compiled code can have. Where memory runs out otherwise there
/// is no panic: the page hears of it from the browser.
pub(crate) fn is_of_size(message: &str) -> bool {
    message.contains("capacity overflow")
}

impl Fault {
    /// Watches a device. Call after burn has taken it: cubecl's own handler panics, this one replaces it.
    pub(crate) fn watch(device: &wgpu::Device) -> Self {
        let fault = Self::default();
        let lost = fault.clone();
        device.set_device_lost_callback(move |reason, message| {
            // Browsers end a GPU process that has too little memory; a device that was destroyed was meant to be.
            let may_be_memory = reason == wgpu::DeviceLostReason::Unknown;
            lost.set(&format!("the device was lost ({reason:?}): {message}"), may_be_memory);
        });
        let uncaptured = fault.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| match error {
            wgpu::Error::OutOfMemory { .. } => uncaptured.set("out of GPU memory", true),
            wgpu::Error::Validation { description, .. } => {
                // A buffer that is larger than the device allows, or one that could not be made.
                let may_be_memory = description.to_lowercase().contains("buffer");
                uncaptured.set(&format!("a call was refused: {description}"), may_be_memory);
            }
            wgpu::Error::Internal { description, .. } => {
                uncaptured.set(&format!("internal error: {description}"), false);
            }
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
        self.first().map(|happened| happened.message)
    }

    /// Whether there is a fault by which a lack of memory shows.
    pub(crate) fn may_be_memory(&self) -> bool {
        self.first().is_some_and(|happened| happened.may_be_memory)
    }

    fn first(&self) -> Option<Happened> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the first fault: those that follow are its consequences.
    fn set(&self, message: &str, may_be_memory: bool) {
        let mut fault = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fault.get_or_insert_with(|| Happened {
            message: message.trim().chars().take(MESSAGE_LIMIT).collect(),
            may_be_memory,
        });
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
                    fault.set(&message, false);
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

/// Panics as a mistake in Hone does, to rehearse it.
pub(crate) fn rehearse_panic() -> ! {
    panic!("this mistake was asked for, to rehearse one")
}

/// Asks for memory until there is none, which ends the worker without a word, to rehearse that.
pub(crate) fn exhaust_memory() -> ! {
    loop {
        let room = Vec::<u8>::with_capacity(isize::MAX as usize);
        std::hint::black_box(&room); // else the compiler leaves it out
        std::mem::forget(room);
    }
}
