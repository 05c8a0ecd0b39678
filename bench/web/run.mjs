// The browser half of `cargo xtask bench`: Hone's worker beside TensorFlow.js and jax-js on WebGPU, and Hone on the CPU in
// wasm, each in a fresh headless browser, in turns. In: options below. Out: one JSON document on standard output;
// progress on standard error.
//
//   node run.mjs [--only PART,PART,..] [--rounds 2] [--warmup 5] [--windows 4] [--every 5] [--memory-steps 300]
//     [--method full|lora|head] [--dist ../../dist] [--gpu]
//
// Parts: tfjs, jax, hone-webgpu, hone-cpu (an encoder); tfjs-decoder, jax-decoder, hone-decoder, hone-decoder-cpu (a decoder,
// every weight and LoRA); memory, memory-decoder (on both devices). Not taken unless named: hone-webgpu-plain (without
// subgroups), memory-cpu, memory-decoder-cpu; and hone-MODEL, hone-MODEL-cpu, memory-MODEL (on both devices), memory-MODEL-cpu,
// where MODEL is t5 (T5 small, every weight and LoRA), vit (ViT tiny, every weight and the head alone), tiny-t5 or tiny-vit
// (small shapes of the same kinds, of which a software adapter takes hundreds of steps in minutes). --method leaves the other
// methods of these models out. --gpu takes a hardware adapter instead of SwiftShader.

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { withPage } from "./browser.mjs";
import { dataFile, modelFiles } from "./model.mjs";
import { PROTOCOL } from "./peers/common.js";
import { rowsFile } from "./peers/weights.js";
import { serve } from "./server.mjs";

const PARTS = [
  ...["tfjs", "jax", "hone-webgpu", "hone-cpu", "memory"],
  ...["tfjs-decoder", "jax-decoder", "hone-decoder", "hone-decoder-cpu", "memory-decoder"],
];

/** Models that have no peers here. */
const WITHOUT_PEERS = {
  t5: { shape: "t5_small", methods: ["full", "lora"] },
  vit: { shape: "vit_tiny", methods: ["full", "head"] },
  "tiny-t5": { shape: "encoder_decoder_tiny", methods: ["full", "lora"] },
  "tiny-vit": { shape: "image_tiny", methods: ["full", "head"] },
};

/** What is not taken unless it is named. */
const UNUSUAL = [
  ...["hone-webgpu-plain", "memory-cpu", "memory-decoder-cpu"],
  ...Object.keys(WITHOUT_PEERS)
    .flatMap((model) => [`hone-${model}`, `memory-${model}`])
    .flatMap((part) => [part, `${part}-cpu`]),
];

const bench = dirname(fileURLToPath(import.meta.url));
const { values: given } = parseArgs({
  options: {
    only: { type: "string", default: PARTS.join(",") },
    rounds: { type: "string", default: "2" },
    warmup: { type: "string", default: String(PROTOCOL.warmup) },
    windows: { type: "string", default: String(PROTOCOL.windows) },
    every: { type: "string", default: String(PROTOCOL.every) },
    "memory-steps": { type: "string", default: "300" },
    method: { type: "string" },
    dist: { type: "string", default: resolve(bench, "../../dist") },
    gpu: { type: "boolean", default: false },
  },
});
const wanted = new Set(given.only.split(","));
const unknown = [...wanted].filter((part) => ![...PARTS, ...UNUSUAL].includes(part));
if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(", ")}; there are ${[...PARTS, ...UNUSUAL].join(", ")}`);

/** The models without peers that are wanted in parts of a kind, once for each of their methods. */
const withoutPeers = (kind) =>
  Object.entries(WITHOUT_PEERS)
    .filter(([model]) => wanted.has(`${kind}-${model}`) || wanted.has(`${kind}-${model}-cpu`))
    .flatMap(([model, { shape, methods }]) => methods.map((method) => ({ part: `${kind}-${model}`, shape, method })))
    .filter(({ method }) => !given.method || method === given.method)
    .map((run) => ({ ...run, label: run.method === "full" ? run.shape : `${run.shape}, ${run.method}` }));
if (given.method && withoutPeers("hone").length + withoutPeers("memory").length === 0)
  throw new Error(`--method ${given.method}: none of the parts trains so, or they take all of their methods`);
const rounds = Number(given.rounds);
const protocol = { ...PROTOCOL, warmup: Number(given.warmup), windows: Number(given.windows), every: Number(given.every) };
const memorySteps = Number(given["memory-steps"]);
const shapes = JSON.parse(readFileSync(resolve(bench, "../shapes.json"), "utf8"));

const generated = new Map();
/** Puts a model and its rows under /data/<name>/, in place of those before; returns what Hone's page must know of them. */
function generate(name, steps) {
  const shape = shapes[name];
  const [folder, files] = [`/data/${name}`, modelFiles(shape)];
  generated.clear(); // those of T5 are a quarter of a gigabyte
  for (const [file, bytes] of files) generated.set(`${folder}/${file}`, bytes);
  generated.set(`${folder}/${rowsFile(shape)}`, dataFile(shape, shape.batch * steps));
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

/** Memory of a run after 20 steps, on the way, and after many. */
async function measureMemory(label, name, method, backends) {
  for (const backend of backends) {
    const memoryAt = [...[20, 100, 300, 1000].filter((step) => step < memorySteps), memorySteps];
    const { memory, device } = await hone({ ...generate(name, memorySteps), method, backend, protocol: null, memoryAt });
    (measured[`memory ${backend}, ${label}`] ??= []).push({ memory, device });
    for (const line of memoryLines(memory)) console.error(`memory ${backend}, ${label}: ${line}`);
  }
}

/** How much a kind of memory may have grown since step 100: issue 12, section 3. */
const MOST_GROWTH = 0.02;

/** What a run holds; builds before ADR 49 do not say it. */
function heldWords(held, mb) {
  if (!held) return "held: not told";
  const { weights, optimizer, best, state, num_states: states } = held;
  const parts = `weights ${mb(weights)}, moments ${mb(optimizer)}, best ${mb(best)}, ${states} state ${mb(state)}`;
  return `held ${mb(weights + optimizer + best + state)} (${parts})`;
}

/** A line for each measurement, and what grew since step 100: all of the worker's wasm, and what of it a run is known to hold. */
function memoryLines(memory) {
  const mb = (bytes) => (bytes === null ? "unknown" : `${(bytes / 1e6).toFixed(2)} MB`);
  const line = ({ step, wasm, script, gpu_in_use: used, gpu_reserved: reserved, held, saved }) => {
    const gpu = reserved > 0 ? `, GPU ${mb(used)} of ${mb(reserved)}` : "";
    return `step ${step}: wasm ${mb(wasm)}, script ${mb(script)}${gpu}; ${heldWords(held, mb)}; saved ${saved} times`;
  };
  const at100 = memory.find(({ step }) => step >= 100);
  const grown = (kind) => {
    const [from, to] = [at100?.[kind], memory.at(-1)[kind]];
    if (!from || !to || at100 === memory.at(-1)) return [];
    const share = to / from - 1;
    return [`${kind} ${(100 * share).toFixed(2)} % since step ${at100.step}${share > MOST_GROWTH ? " (TOO MUCH)" : ""}`];
  };
  return [...memory.map(line), ["wasm", "script", "gpu_in_use"].flatMap(grown).join(", ")].filter(Boolean);
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
    for (const { part, shape, method, label } of withoutPeers("hone")) {
      if (wanted.has(part)) keep(`hone webgpu, ${label}`, await speed(shape, "webgpu", { method }));
      if (wanted.has(`${part}-cpu`)) keep(`hone wasm cpu, ${label}`, await speed(shape, "cpu", { method }));
    }
  }
  const backends = (part) => (wanted.has(part) ? ["webgpu", "cpu"] : wanted.has(`${part}-cpu`) ? ["cpu"] : []);
  await measureMemory("small", "small", "full", backends("memory"));
  await measureMemory("decoder_small, lora", "decoder_small", "lora", backends("memory-decoder"));
  for (const { part, shape, method, label } of withoutPeers("memory"))
    await measureMemory(label, shape, method, backends(part));
} finally {
  server.close();
}
console.log(JSON.stringify({ software: !given.gpu, measured }, null, 1));
