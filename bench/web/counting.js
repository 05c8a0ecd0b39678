// Counts what goes to the GPU, by wrapping WebGPU's own methods: dispatches, submits, pipelines, bytes written. Imported
// before anything that uses WebGPU, by the peers' pages and by the worker's wrapper alike.

const counted = { dispatches: 0, submits: 0, pipelines: 0, writes: 0 };

function wrap(type, method, field) {
  const prototype = globalThis[type]?.prototype;
  const original = prototype?.[method];
  if (!original) return;
  prototype[method] = function (...given) {
    counted[field] += 1;
    return original.apply(this, given);
  };
}

wrap("GPUComputePassEncoder", "dispatchWorkgroups", "dispatches");
wrap("GPUComputePassEncoder", "dispatchWorkgroupsIndirect", "dispatches");
wrap("GPUQueue", "submit", "submits");
wrap("GPUQueue", "writeBuffer", "writes");
wrap("GPUDevice", "createComputePipeline", "pipelines");
wrap("GPUDevice", "createComputePipelineAsync", "pipelines");

/** The counts so far. */
export function counts() {
  return { ...counted };
}
