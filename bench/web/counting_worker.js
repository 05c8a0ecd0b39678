// Hone's worker with WebGPU counted: patches first, then imports the real loader from the built page. Every message that
// the worker posts carries the counts so far beside it.

import { counts } from "/bench/counting.js";

// `?hide=subgroups` takes a feature away from every adapter, to see what it is worth.
const hidden = new URL(self.location.href).searchParams.get("hide");
const features = Object.getOwnPropertyDescriptor(self.GPUAdapter?.prototype ?? {}, "features");
if (hidden && features) {
  Object.defineProperty(GPUAdapter.prototype, "features", {
    get() {
      return new Set([...features.get.call(this)].filter((feature) => feature !== hidden));
    },
  });
}

const post = self.postMessage.bind(self);
self.postMessage = (message, ...rest) => {
  if (message !== null && typeof message === "object") message.counts = counts();
  return post(message, ...rest);
};

await import("/hone-worker_loader.js");
