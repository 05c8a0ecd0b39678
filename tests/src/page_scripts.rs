//! Scripts that a test has run in a page, most before the page's own: they remember its workers, and take or break what a browser has.

use serde_json::json;

/// Remembers the page's workers, so that a test can speak to one behind the page's back.
pub(crate) const REMEMBER_WORKERS: &str = "(() => { const Native = window.Worker; window.__workers = []; \
    window.Worker = class extends Native { constructor(...a) { super(...a); window.__workers.push(this); } }; })();";

/// Has `own` run before the script of each worker that the page makes, which it does from a text.
#[must_use]
pub fn before_workers(own: &str) -> String {
    let own = json!(own);
    format!(
        "(() => {{ const make = URL.createObjectURL; \
        URL.createObjectURL = blob => make.call(URL, blob.type !== 'text/javascript' ? blob : \
            new Blob([{own}, ';', blob], {{ type: blob.type }})); }})();"
    )
}

/// Takes WebGPU out of the page and of its workers: this Chromium has no switch for that.
pub(crate) fn take_webgpu_out() -> String {
    format!("delete Navigator.prototype.gpu; {}", before_workers("delete WorkerNavigator.prototype.gpu"))
}

/// Gives the page's workers a GPU that fails where a test wants it. What fails comes by a channel (`hone-gpu`): `what` (`lost`, `full`,
/// or `wrong` from now on), and `at`, the command at whose first work on the GPU it does; without one at its next work.
pub(crate) fn gpu_that_fails() -> String {
    before_workers(FAULTS_OF_GPU)
}

/// What does it in the worker.
const FAULTS_OF_GPU: &str = r#"(() => {
    const ask = GPUAdapter.prototype.requestDevice;
    let device;
    GPUAdapter.prototype.requestDevice = async function (...given) {
        return device = await ask.apply(this, given);
    };
    const fails = {
        lost: () => device.destroy(),
        full: () => device.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', {
            error: new GPUOutOfMemoryError('a test wanted it'), cancelable: true,
        })),
    };
    const isSkipped = () => {
        const { what, isDue } = self.honeFault ?? {};
        if (what === 'wrong') return true;
        if (!isDue) return false;
        self.honeFault = null;
        fails[what]();
        return false;
    };
    for (const name of ['submit', 'writeBuffer']) {
        const call = GPUQueue.prototype[name];
        GPUQueue.prototype[name] = function (...given) { if (!isSkipped()) call.apply(this, given); };
    }
    addEventListener('message', ({ data }) => {
        const at = self.honeFault?.at;
        if (at && data?.json?.includes(`"command":{"${at}":`)) self.honeFault.isDue = true;
    });
    self.honeLine = new BroadcastChannel('hone-gpu');
    self.honeLine.onmessage = ({ data: { what, at } }) => {
        self.honeFault = { what, at, isDue: !at };
        self.honeLine.postMessage('heard');
    };
})();"#;

/// Has a script run in each worker that the page starts from now on, before its own; an empty one ends that.
pub(crate) const RUN_BEFORE_WORKERS: &str = "window.__before = arguments[0]; if (window.__make) return; \
    const make = window.__make = URL.createObjectURL; \
    URL.createObjectURL = blob => make.call(URL, blob.type !== 'text/javascript' ? blob : \
        new Blob([window.__before, ';', blob], { type: blob.type }))";
