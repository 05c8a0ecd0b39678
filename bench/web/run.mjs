// The browser half of `cargo xtask bench`: Hone's worker beside TensorFlow.js and jax-js on WebGPU, and Hone on the CPU in
// wasm, each in a fresh headless browser, in turns. In: options below. Out: one JSON document on standard output;
// progress on standard error.
//
//   node run.mjs [--only PART,PART,..] [--rounds 2] [--windows 4] [--memory-steps 300] [--dist ../../dist] [--gpu]
//
// Parts: tfjs, jax, hone-webgpu, hone-cpu (an encoder); tfjs-decoder, jax-decoder, hone-decoder, hone-decoder-cpu (a decoder,
// every weight and LoRA); memory, memory-decoder (on both devices). Not taken unless named: hone-webgpu-plain (without
// subgroups), memory-cpu, memory-decoder-cpu. --gpu takes a hardware adapter instead of SwiftShader.

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { withPage } from "./browser.mjs";
import { dataFile, modelFiles } from "./model.mjs";
import { PROTOCOL } from "./peers/common.js";
import { serve } from "./server.mjs";

const PARTS = [
  ...["tfjs", "jax", "hone-webgpu", "hone-cpu", "memory"],
  ...["tfjs-decoder", "jax-decoder", "hone-decoder", "hone-decoder-cpu", "memory-decoder"],
];

const bench = dirname(fileURLToPath(import.meta.url));
const { values: given } = parseArgs({
  options: {
    only: { type: "string", default: PARTS.join(",") },
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
/** Puts a model and its rows under /data/<name>/; returns what Hone's page must know of them. */
function generate(name, steps) {
  const shape = shapes[name];
  const [folder, files] = [`/data/${name}`, modelFiles(shape)];
  for (const [file, bytes] of files) generated.set(`${folder}/${file}`, bytes);
  generated.set(`${folder}/rows.csv`, dataFile(shape, shape.batch * steps));
  return { folder, shape, files: [...files.keys()], steps };
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
const peer = (file, name, method) =>
  withPage(`${server.url}/bench/peers/${file}.html`, options, (page) =>
    page.evaluate((given) => globalThis.run(...given), [shapes[name], protocol, method]),
  );
const hone = (settings) =>
  withPage(`${server.url}/bench/hone.html`, options, (page) =>
    page.evaluate((all) => globalThis.run(all), settings),
  );
const timedSteps = protocol.warmup + protocol.every * protocol.windows;
const speed = (name, backend, { method = "full", hide } = {}) =>
  hone({ ...generate(name, timedSteps), method, backend, protocol, memoryAt: [], hide });

/** Memory of a run after 20 and after many steps. */
async function measureMemory(label, name, method, backends) {
  for (const backend of backends) {
    const memoryAt = [20, memorySteps];
    const { memory, device } = await hone({ ...generate(name, memorySteps), method, backend, protocol: null, memoryAt });
    (measured[`memory ${backend}, ${label}`] ??= []).push({ memory, device });
    console.error(`memory ${backend}, ${label}: ${JSON.stringify(memory)}`);
  }
}

try {
  for (let round = 0; round < rounds; round++) {
    if (wanted.has("hone-webgpu")) keep("hone webgpu, small", await speed("small", "webgpu"));
    if (wanted.has("hone-webgpu-plain"))
      keep("hone webgpu without subgroups, small", await speed("small", "webgpu", { hide: "subgroups" }));
    if (wanted.has("tfjs")) keep("tfjs webgpu, small", await peer("tfjs", "small"));
    if (wanted.has("jax")) keep("jax-js webgpu, small", await peer("jax", "small"));
    if (wanted.has("hone-cpu")) {
      keep("hone wasm cpu, small", await speed("small", "cpu"));
      keep("hone wasm cpu, minilm", await speed("minilm", "cpu"));
    }
    const decoder = "decoder_small";
    for (const [method, label] of [["full", decoder], ["lora", `${decoder}, lora`]]) {
      if (wanted.has("hone-decoder")) keep(`hone webgpu, ${label}`, await speed(decoder, "webgpu", { method }));
      if (wanted.has("tfjs-decoder")) keep(`tfjs webgpu, ${label}`, await peer("tfjs_decoder", decoder, method));
      if (wanted.has("jax-decoder")) keep(`jax-js webgpu, ${label}`, await peer("jax_decoder", decoder, method));
      if (wanted.has("hone-decoder-cpu")) keep(`hone wasm cpu, ${label}`, await speed(decoder, "cpu", { method }));
    }
  }
  const backends = (part) => (wanted.has(part) ? ["webgpu", "cpu"] : wanted.has(`${part}-cpu`) ? ["cpu"] : []);
  await measureMemory("small", "small", "full", backends("memory"));
  await measureMemory("decoder_small, lora", "decoder_small", "lora", backends("memory-decoder"));
} finally {
  server.close();
}
console.log(JSON.stringify({ software: !given.gpu, measured }, null, 1));
