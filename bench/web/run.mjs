// The browser half of `cargo xtask bench`: Hone's worker beside TensorFlow.js and jax-js on WebGPU, and Hone on the CPU in
// wasm, each in a fresh headless browser, in turns. In: options below. Out: one JSON document on standard output;
// progress on standard error.
//
//   node run.mjs [--only tfjs,jax,hone-webgpu,hone-webgpu-plain,hone-cpu,memory,memory-cpu] [--rounds 2] [--windows 4] [--memory-steps 300]
//                [--dist ../../dist] [--gpu]      --gpu takes a hardware adapter instead of SwiftShader

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { withPage } from "./browser.mjs";
import { dataFile, modelFiles } from "./model.mjs";
import { PROTOCOL } from "./peers/common.js";
import { serve } from "./server.mjs";

const bench = dirname(fileURLToPath(import.meta.url));
const { values: given } = parseArgs({
  options: {
    only: { type: "string", default: "tfjs,jax,hone-webgpu,hone-cpu,memory" },
    rounds: { type: "string", default: "2" },
    windows: { type: "string", default: String(PROTOCOL.windows) },
    "memory-steps": { type: "string", default: "300" },
    dist: { type: "string", default: resolve(bench, "../../dist") },
    gpu: { type: "boolean", default: false },
  },
});
const wanted = new Set(given.only.split(","));
const rounds = Number(given.rounds);
const protocol = { ...PROTOCOL, windows: Number(given.windows) };
const memorySteps = Number(given["memory-steps"]);
const shapes = JSON.parse(readFileSync(resolve(bench, "../shapes.json"), "utf8"));

const generated = new Map();
/** Puts a model and its rows under /data/<name>/. */
function generate(name, steps) {
  const shape = shapes[name];
  for (const [file, bytes] of modelFiles(shape)) generated.set(`/data/${name}/${file}`, bytes);
  generated.set(`/data/${name}/rows.csv`, dataFile(shape, shape.batch * steps));
}

const measured = {};
function keep(name, result) {
  (measured[name] ??= []).push(result);
  const { first_step_ms: first, step_ms: steps = [] } = result;
  const ms = steps.map((step) => step.toFixed(0)).join(" ");
  console.error(`${name}: first step ${first?.toFixed(0)} ms; steps ${ms} ms`);
}

const server = await serve({ bench, dist: resolve(given.dist), generated });
const options = { software: !given.gpu };
const peer = (name) =>
  withPage(`${server.url}/bench/peers/${name}.html`, options, (page) =>
    page.evaluate(([shape, protocol]) => globalThis.run(shape, protocol), [shapes.small, protocol]),
  );
const hone = (settings) =>
  withPage(`${server.url}/bench/hone.html`, options, (page) =>
    page.evaluate((all) => globalThis.run(all), settings),
  );
const timedSteps = protocol.warmup + protocol.every * protocol.windows;
const speed = (name, backend, hide) =>
  hone({ name, shape: shapes[name], backend, steps: timedSteps, protocol, memoryAt: [], hide });

try {
  for (let round = 0; round < rounds; round++) {
    if (wanted.has("hone-webgpu")) {
      generate("small", timedSteps);
      keep("hone webgpu, small", await speed("small", "webgpu"));
    }
    if (wanted.has("hone-webgpu-plain")) {
      generate("small", timedSteps);
      keep("hone webgpu without subgroups, small", await speed("small", "webgpu", "subgroups"));
    }
    if (wanted.has("tfjs")) keep("tfjs webgpu, small", await peer("tfjs"));
    if (wanted.has("jax")) keep("jax-js webgpu, small", await peer("jax"));
    if (wanted.has("hone-cpu")) {
      generate("small", timedSteps);
      keep("hone wasm cpu, small", await speed("small", "cpu"));
      generate("minilm", timedSteps);
      keep("hone wasm cpu, minilm", await speed("minilm", "cpu"));
    }
  }
  const backends = wanted.has("memory") ? ["webgpu", "cpu"] : wanted.has("memory-cpu") ? ["cpu"] : [];
  if (backends.length > 0) {
    generate("small", memorySteps);
    for (const backend of backends) {
      const memoryAt = [20, memorySteps];
      const settings = { name: "small", shape: shapes.small, backend, steps: memorySteps, protocol: null, memoryAt };
      const { memory, device } = await hone(settings);
      (measured[`memory ${backend}, small`] ??= []).push({ memory, device });
      console.error(`memory ${backend}: ${JSON.stringify(memory)}`);
    }
  }
} finally {
  server.close();
}
console.log(JSON.stringify({ software: !given.gpu, measured }, null, 1));
