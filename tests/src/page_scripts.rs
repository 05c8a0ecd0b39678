//! Scripts that a test has run in a page, most before the page's own: they remember its workers, and take or break what a browser has.

/// Remembers the page's workers, so that a test can speak to one behind the page's back.
pub(crate) const REMEMBER_WORKERS: &str = "(() => { const Native = window.Worker; window.__workers = []; \
    window.Worker = class extends Native { constructor(...a) { super(...a); window.__workers.push(this); } }; })();";

/// Takes WebGPU out of the page and of its workers, whose script the page makes: this Chromium has no switch for that.
pub(crate) const TAKE_WEBGPU_OUT: &str = "(() => { delete Navigator.prototype.gpu; const make = URL.createObjectURL; \
    URL.createObjectURL = (blob) => make.call(URL, blob.type !== 'text/javascript' ? blob : \
        new Blob(['delete WorkerNavigator.prototype.gpu;', blob], { type: blob.type })); })();";

/// Gives the page's workers a GPU that fails where a test wants it. What fails comes by a channel (`hone-gpu`): `what` (`lost`, `full`,
/// or `wrong` from now on), and `at`, the command at whose first work on the GPU it does; without one at its next work.
pub(crate) const GPU_THAT_FAILS: &str = r#"(() => {
    const hook = () => {
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
    };
    const make = URL.createObjectURL;
    URL.createObjectURL = blob => make.call(URL, blob.type !== 'text/javascript' ? blob :
        new Blob([`(${hook})();`, blob], { type: blob.type }));
})();"#;

/// Has a script run in each worker that the page starts from now on, before its own; an empty one ends that.
pub(crate) const RUN_BEFORE_WORKERS: &str = "window.__before = arguments[0]; if (window.__make) return; \
    const make = window.__make = URL.createObjectURL; \
    URL.createObjectURL = blob => make.call(URL, blob.type !== 'text/javascript' ? blob : \
        new Blob([window.__before, ';', blob], { type: blob.type }))";
