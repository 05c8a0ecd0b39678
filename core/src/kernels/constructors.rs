//! What has to run before anything else in a wasm module.

/// Runs the module's static constructors, once.
///
/// cubecl registers hundreds of items through `inventory`. Unless the module itself names `__wasm_call_ctors`, wasm-ld
/// wraps *every* exported function in a call of it: half of a training step went into that. Naming it here makes the
/// linker leave the exports alone; call this first thing in the worker's `main`. Does nothing on native targets, where
/// the loader has already done it.
pub fn run_static_constructors() {
    #[cfg(target_arch = "wasm32")]
    #[expect(unsafe_code, reason = "the linker's symbol can only be named by an unsafe extern block")]
    {
        unsafe extern "C" {
            fn __wasm_call_ctors();
        }
        // SAFETY: the linker defines the symbol in every wasm module; it takes nothing, returns nothing, and this is
        // the only caller, before anything else has run.
        unsafe {
            __wasm_call_ctors();
        }
    }
}
