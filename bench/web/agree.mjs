// Losses of a run in the browser on WebGPU, beside the files of the run, so that the same can be done natively: by hand, on
// an adapter that may take minutes a step.
//
//   node agree.mjs SHAPES.json NAME STEPS FOLDER [--method full|lora] [--default-limits] [--gpu] [--dist ../../dist]
//   node agree.mjs --native EVENTS.jsonl FOLDER
//
// The first makes the model and its rows in FOLDER, trains, and leaves job.json and browser.json (losses, device, times) there;
// it prints the native command, whose standard output is EVENTS.jsonl. The second compares the two runs. --default-limits gives
// the worker no more than WebGPU's default limits, else it asks for the adapter's; --gpu takes a hardware adapter.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { withPage } from "./browser.mjs";
import { dataFile, modelFiles } from "./model.mjs";
import { rowsFile } from "./peers/weights.js";
import { serve } from "./server.mjs";

const bench = dirname(fileURLToPath(import.meta.url));
const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    method: { type: "string", default: "full" },
    "default-limits": { type: "boolean", default: false },
    gpu: { type: "boolean", default: false },
    dist: { type: "string", default: resolve(bench, "../../dist") },
    native: { type: "string" },
  },
});

/** Writes model and rows; returns the names of the model's files. Nothing of them is kept here. */
function generate(shape, rows, folder) {
  mkdirSync(folder, { recursive: true });
  const files = modelFiles(shape);
  for (const [file, bytes] of [...files, [rowsFile(shape), dataFile(shape, rows)]]) writeFileSync(join(folder, file), bytes);
  return [...files.keys()];
}

/** One step before the clock starts, then each for itself. */
async function train(shape, steps, folder) {
  const files = generate(shape, shape.batch * steps, folder);
  const server = await serve({ bench, dist: resolve(given.dist), data: folder });
  const protocol = { warmup: 1, every: 1, windows: steps - 1 };
  const run = { folder: "/data", shape, files, method: given.method, backend: "webgpu", steps, protocol, memoryAt: [] };
  const settings = { ...run, defaultLimits: given["default-limits"] };
  try {
    return await withPage(`${server.url}/bench/hone.html`, { software: !given.gpu }, (page) =>
      page.evaluate((all) => globalThis.run(all), settings),
    );
  } finally {
    server.close();
  }
}

function compare(eventsFile, folder) {
  const events = readFileSync(eventsFile, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const native = events.flatMap(({ event, losses }) => (event === "step" ? losses : []));
  const { losses: browser } = JSON.parse(readFileSync(join(folder, "browser.json"), "utf8"));
  if (native.length !== browser.length) throw new Error(`${native.length} native losses, ${browser.length} in the browser`);
  const largest = Math.max(...native.map((loss, i) => Math.abs(loss - browser[i])));
  console.log(JSON.stringify({ native, browser, largest_difference: largest }));
}

if (given.native) {
  compare(given.native, positionals[0]);
} else {
  const [shapesFile, name, steps, path] = positionals;
  const folder = resolve(path);
  const shape = JSON.parse(readFileSync(shapesFile, "utf8"))[name];
  const { device, job, losses, first_step_ms, step_ms, dispatches } = await train(shape, Number(steps), folder);
  const { name: adapter, max_buffer_size, max_storage_buffer_binding_size } = device;
  const found = { device: adapter, max_buffer_size, max_storage_buffer_binding_size, losses, first_step_ms, step_ms, dispatches };
  writeFileSync(join(folder, "job.json"), job);
  writeFileSync(join(folder, "browser.json"), JSON.stringify(found));
  console.log(JSON.stringify(found));
  const files = `--job ${folder}/job.json --model ${folder} --data ${folder}/${rowsFile(shape)} --output ${folder}/tuned --force`;
  console.error(`natively: hone train ${files} --device cpu --json > ${folder}/native.jsonl`);
  console.error(`then: node agree.mjs --native ${folder}/native.jsonl ${folder}`);
}
