// Hone's worker with WebGPU counted: patches first, then imports the real loader from the built page. Every message that
// the worker posts carries the counts so far beside it.

import { counts } from "/bench/counting.js";

const post = self.postMessage.bind(self);
self.postMessage = (message, ...rest) => {
  if (message !== null && typeof message === "object") message.counts = counts();
  return post(message, ...rest);
};

await import("/hone-worker_loader.js");
