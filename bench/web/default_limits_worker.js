// Hone's worker on a GPU that has no more than WebGPU's default limits: every adapter gives those that a device gets which
// asks for none, and so does every device that asks for what the adapter has.

const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
const device = await adapter?.requestDevice();
if (device) {
  const { limits } = device;
  Object.defineProperty(GPUAdapter.prototype, "limits", { get: () => limits });
  device.destroy();
}

await import("/counting_worker.js");
