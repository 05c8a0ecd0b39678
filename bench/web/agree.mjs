// Losses of a run in the browser on WebGPU, beside the files of the run, so that the same can be done natively: by hand, on
// an adapter that may take minutes a step.
//
//   node agree.mjs SHAPES.json NAME STEPS FOLDER [--dist ../../dist] [--gpu]
//
// FOLDER gets the model, rows.csv and browser.json (losses); then `hone train --model FOLDER --data FOLDER/rows.csv --job ..`.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { withPage } from "./browser.mjs";
import { dataFile, modelFiles } from "./model.mjs";
import { serve } from "./server.mjs";

const bench = dirname(fileURLToPath(import.meta.url));
const [shapesFile, name, steps, folder] = process.argv.slice(2);
const shape = JSON.parse(readFileSync(shapesFile, "utf8"))[name];
mkdirSync(folder, { recursive: true });
const generated = new Map();
for (const [file, bytes] of [...modelFiles(shape), ["rows.csv", dataFile(shape, shape.batch * Number(steps))]]) {
  generated.set(`/data/${name}/${file}`, bytes);
  writeFileSync(join(folder, file), bytes);
}
const server = await serve({ bench, dist: resolve(bench, "../../dist"), generated });
try {
  const settings = { name, shape, backend: "webgpu", steps: Number(steps), memoryAt: [], protocol: { warmup: 1, every: 1, windows: 1 } };
  const options = { software: !process.argv.includes("--gpu") };
  const found = await withPage(`${server.url}/bench/hone.html`, options, (page) =>
    page.evaluate((all) => globalThis.run(all), settings),
  );
  writeFileSync(join(folder, "browser.json"), JSON.stringify(found.losses));
  console.log(JSON.stringify({ device: found.device.name, losses: found.losses, step_ms: found.step_ms }));
} finally {
  server.close();
}
