//! What a run would cost, asked before it starts. In: settings. Out: an estimate by the session, with the worker's clock and
//! memory.

use hone_core::config::RunConfig;
use hone_core::plan::Limits;
use hone_core::session::Meter;
use hone_core::session::protocol::{Backend, Problem, Reply};

use super::Worker;
use crate::clock::now_ms;
use crate::device::wasm_bytes;
use crate::errors;

/// Bytes that a wasm of 32 bits addresses.
const WASM_BYTES: u64 = 4 << 30;

impl Worker {
    /// `Done` where the page asks for something else before the rows of the run are there.
    pub(super) async fn estimate(&mut self, run: RunConfig) -> Result<Reply, Problem> {
        if !self.add_copies_to_plan(&run).await? {
            return Ok(Reply::Done);
        }
        let open = self.device.as_ref().ok_or_else(errors::no_device)?;
        let (backend, device) = (open.report.backend, open.device.clone());
        let largest = open.report.max_storage_buffer_binding_size;
        let held_on_gpu = move || device.memory_pool_usage().map(|usage| usage.bytes_reserved);
        let held_by_wasm = || Some(wasm_bytes());
        let (held_bytes, limits): (&dyn Fn() -> Option<u64>, Limits) = match backend {
            Backend::Webgpu => {
                (&held_on_gpu, Limits { process: Some(WASM_BYTES), tensor: (largest > 0).then_some(largest) })
            }
            Backend::Cpu => (&held_by_wasm, Limits { process: Some(WASM_BYTES), tensor: None }),
        };
        let meter = Meter { now_ms: &now_ms, held_bytes, code_bytes: 0, limits };
        let estimated = self.ready()?.estimate(run, &meter).await.map_err(|error| error.problem());
        let estimate = Box::new(self.trust(estimated).await?);
        Ok(Reply::Estimated { estimate })
    }
}
