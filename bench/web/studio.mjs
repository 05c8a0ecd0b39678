// The built page with many rows, and with a large model, on the CPU, in a fresh headless browser each time. In: options below. Out:
// one JSON document on standard output: every measurement, and of each figure the best and the median; progress on standard error.
//
//   node studio.mjs [--only report,scroll,model,..] [--rounds 3] [--dist ../../dist] [--rows 50000] [--scroll-rows 100000]
//     [--tokenizer FOLDER] [--shapes minilm,gpt2_t32] [--trace FILE]
//
// Parts: `report` gives the page two files of rows (training and test, with faults planted) and takes the time until the report and
// until the findings are shown; `scroll` gives it one file and moves through the table of rows by wheel and by jumps; `model` makes
// a model of each shape (shapes.json) with random weights and takes the time from its files to ready. With --tokenizer the rows are
// read for the model in that folder, so that tokens are counted; else before any model is there. With --trace the browser's own
// profile of the last measurement is written (chrome://tracing).
//
// Figures: `longest_task_ms`, of the page's thread (Long Tasks API: what takes less than 50 ms is not in it, and then it is 0);
// frames are intervals between callbacks of requestAnimationFrame; `memory` is in bytes: wasm of worker and page (linear memory
// never shrinks, so that this is its peak), script and all after a collection, and the most that the page's process had resident,
// with the page and its device alone in `resident_before`.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { withBrowser } from "./browser.mjs";
import { faultyRows } from "./faulty_rows.mjs";
import { modelFiles } from "./model.mjs";
import { serve } from "./server.mjs";

const PARTS = ["report", "scroll", "model"];

/** Without it the browser waits for a collection of its own before it says what is in use. */
const FLAGS = ["--enable-blink-features=ForceEagerMeasureMemory", "--window-size=1280,900"];

/** Turns of the wheel, pixels and milliseconds from one to the next: as fast as a hand turns it. */
const WHEEL = { turns: 80, pixels: 360, every_ms: 25 };

/** Jumps to places all over the table, milliseconds from one to the next. */
const JUMPS = { count: 24, every_ms: 250 };

/** Milliseconds to wait for the page, at most. */
const PATIENCE_MS = 300_000;

const bench = dirname(fileURLToPath(import.meta.url));
const { values: given } = parseArgs({
  options: {
    only: { type: "string", default: PARTS.join(",") },
    rounds: { type: "string", default: "3" },
    dist: { type: "string", default: resolve(bench, "../../dist") },
    rows: { type: "string", default: "50000" },
    "scroll-rows": { type: "string", default: "100000" },
    tokenizer: { type: "string" },
    shapes: { type: "string", default: "minilm,gpt2_t32" },
    trace: { type: "string" },
  },
});
const wanted = given.only.split(",");
const unknown = wanted.filter((part) => !PARTS.includes(part));
if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(", ")}; there are ${PARTS.join(", ")}`);
const shapes = JSON.parse(readFileSync(resolve(bench, "../shapes.json"), "utf8"));

/** Runs in the page before any of its scripts: keeps its worker and wasm memories at hand, and notes long tasks and frames. */
function watch() {
  const bench = { worker: null, memories: new Set(), tasks: [], frames: null, ids: 1_000_000 };
  globalThis.bench = bench;
  const Own = globalThis.Worker;
  globalThis.Worker = class extends Own {
    constructor(...args) {
      super(...args);
      bench.worker = this;
    }
  };
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const own = WebAssembly[name];
    WebAssembly[name] = async function (...args) {
      const made = await own.apply(this, args);
      for (const thing of Object.values((made.instance ?? made).exports ?? {}))
        if (thing instanceof WebAssembly.Memory) bench.memories.add(thing);
      return made;
    };
  }
  new PerformanceObserver((list) => bench.tasks.push(...list.getEntries())).observe({ type: "longtask", buffered: true });
  document.addEventListener("change", () => (bench.given ??= performance.now()), { capture: true });
  bench.reset = () => {
    bench.given = undefined;
    bench.tasks.length = 0;
  };
  /** The time at which `isTrue(...args)` first is; or the problem that the page shows. */
  bench.until = async (isTrue, patience, ...args) => {
    for (const end = performance.now() + patience; performance.now() < end; ) {
      if (isTrue(...args)) return performance.now();
      const problem = document.querySelector("[data-testid=problem-message]");
      if (problem) throw new Error(problem.textContent);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`waited ${patience} ms in vain: ${isTrue}`);
  };
  /** The longest task that ended after a time. */
  bench.longestTask = async (from) => {
    await new Promise((resolve) => setTimeout(resolve, 200)); // entries come late
    const tasks = bench.tasks.filter(({ startTime, duration }) => startTime + duration > from);
    return Math.max(0, ...tasks.map(({ duration }) => duration));
  };
  bench.countFrames = () => {
    const times = (bench.frames = []);
    const frame = (now) => {
      if (bench.frames !== times) return;
      times.push(now);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  };
  bench.takeFrames = () => {
    const times = bench.frames;
    bench.frames = null;
    return times.slice(1).map((time, index) => time - times[index]);
  };
  /** Asks the worker beside the page, which does not know the answer's number and leaves it alone. */
  bench.ask = (command) =>
    new Promise((resolve) => {
      const id = bench.ids++;
      const hear = ({ data }) => {
        const { reply } = JSON.parse(data.json);
        if (reply?.id !== id) return;
        bench.worker.removeEventListener("message", hear);
        resolve(Object.values(reply.result.Ok)[0]);
      };
      bench.worker.addEventListener("message", hear);
      bench.worker.postMessage({ json: JSON.stringify({ id, command }), blobs: [] });
    });
  bench.memory = async () => {
    const { memory: { wasm: worker_wasm } } = await bench.ask("memory");
    const page_wasm = [...bench.memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
    const { bytes, breakdown } = await performance.measureUserAgentSpecificMemory();
    const script = breakdown.filter(({ types }) => types.includes("JavaScript"));
    return { worker_wasm, page_wasm, script: script.reduce((sum, part) => sum + part.bytes, 0), all: bytes };
  };
}

/** What stands in /proc of the page's process, the largest of its kind; `null` where there is no such folder. */
async function resident(browser, field) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const bytes = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => {
    try {
      return 1024 * Number(readFileSync(`/proc/${id}/status`, "utf8").match(new RegExp(`${field}:\\s+(\\d+)`))[1]);
    } catch {
      return 0;
    }
  });
  return Math.max(0, ...bytes) || null;
}

/** Opens the page, waits for its device, measures, and adds the memory after it. */
const measure = (work) =>
  withBrowser(
    `${server.url}/index.html?backend=cpu`,
    FLAGS,
    async (page, browser) => {
      await until(page, () => document.querySelector("[data-testid=device-chip]")?.dataset.backend);
      const resident_before = await resident(browser, "VmRSS");
      if (given.trace) await browser.startTracing(page, { path: given.trace });
      const found = await work(page);
      if (given.trace) await browser.stopTracing();
      const peaks = { resident_before, resident_peak: await resident(browser, "VmHWM") };
      return { ...found, memory: { ...(await page.evaluate(() => globalThis.bench.memory())), ...peaks } };
    },
    (page) => page.addInitScript(watch),
  );

/** Waits in the page; `isTrue` is told `argument`. Returns the page's time. */
const until = (page, isTrue, argument) =>
  page.evaluate(`globalThis.bench.until(${isTrue}, ${PATIENCE_MS}, ${JSON.stringify(argument)})`);

const click = (page, id) => page.locator(`[data-testid=${id}]`).first().click();

/** Gives the page files; what follows is timed from there. */
async function give(page, id, files) {
  await page.evaluate(() => globalThis.bench.reset());
  await page.locator(`[data-testid=${id}]`).setInputFiles(files);
  return page.evaluate(() => globalThis.bench.given);
}

const isReported = (rows) => document.querySelector("[data-testid=count-rows]")?.dataset.value === String(rows);

/** Loads the model whose tokenizer the rows are read with. */
async function loadTokenizer(page) {
  if (!given.tokenizer) return;
  const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
  await loadModel(page, names.map((name) => join(given.tokenizer, name)));
}

async function loadModel(page, files) {
  await click(page, "step-model");
  await page.evaluate(() => (document.querySelector("[data-testid=more-models]").open = true));
  await give(page, "local-files", files);
  await page.evaluate(() => (globalThis.bench.given = performance.now()));
  await click(page, "load-model");
  const ready = await until(page, () => document.querySelector("[data-testid=model-ready]"));
  const from = await page.evaluate(() => globalThis.bench.given);
  const longest_task_ms = await page.evaluate((from) => globalThis.bench.longestTask(from), from);
  return { ready_ms: ready - from, longest_task_ms };
}

async function report(page) {
  const { files, total, planted } = rows.report;
  await loadTokenizer(page);
  await click(page, "step-data");
  const from = await give(page, "data-file", files);
  const shown = await until(page, isReported, total);
  const found = await until(page, () => document.querySelector("[data-testid=findings]")?.dataset.current === "true");
  const longest_task_ms = await page.evaluate((from) => globalThis.bench.longestTask(from), from);
  const findings = await page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll("[data-testid=finding]")].map(({ dataset }) => [dataset.kind, Number(dataset.value)]),
    ),
  );
  return { rows: total, report_ms: shown - from, findings_ms: found - from, longest_task_ms, planted, findings };
}

/** Middle, 95 of 100, and longest. */
function summary(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
  return { count: sorted.length, median_ms: at(0.5), p95_ms: at(0.95), longest_ms: at(1) };
}

/** Jumps to places all over the table; returns how long it took at each until all of its view was drawn. */
async function jump({ count, every_ms }) {
  const grid = document.getElementById("rows-grid");
  const isDrawn = () => {
    const box = grid.getBoundingClientRect();
    const [top, bottom] = [box.top + 88, Math.min(box.bottom, innerHeight) - 24]; // behind the head, before the scroll bar
    const rows = [...grid.querySelectorAll("[data-testid=rows-row]")].map((row) => row.getBoundingClientRect());
    return [top, (top + bottom) / 2, bottom].every((y) => rows.some((row) => row.top <= y && row.bottom > y));
  };
  const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const drawn = [];
  for (let place = 0; place < count; place++) {
    const begun = performance.now();
    grid.scrollTop = ((place * 0.381966) % 1) * (grid.scrollHeight - grid.clientHeight); // by the golden ratio
    do await nextFrame();
    while (!isDrawn() && performance.now() - begun < 5000);
    drawn.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, every_ms - (performance.now() - begun))));
  }
  return drawn;
}

async function scroll(page) {
  const { files, total } = rows.scroll;
  await loadTokenizer(page);
  await click(page, "step-data");
  await give(page, "data-file", files);
  await until(page, isReported, total);
  await until(page, () => document.querySelector("[data-testid=findings]")?.dataset.current === "true");
  const opened = await page.evaluate(() => performance.now());
  await click(page, "open-rows");
  const listed = await until(page, () => document.querySelector("[data-testid=rows-row]"));
  await page.evaluate(() => document.getElementById("rows-grid").scrollIntoView({ block: "center", behavior: "instant" }));
  const { x, y, width, height } = await page.locator("#rows-grid").boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);

  const taken = { rows: total, table_ms: listed - opened };
  for (const [name, move] of [["wheel", turnWheel], ["jumps", (page) => page.evaluate(jump, JUMPS)]]) {
    const from = await page.evaluate(() => (globalThis.bench.countFrames(), performance.now()));
    const drawn = await move(page);
    const frames = summary(await page.evaluate(() => globalThis.bench.takeFrames()));
    const longest_task_ms = await page.evaluate((from) => globalThis.bench.longestTask(from), from);
    taken[name] = { frames, longest_task_ms, ...(drawn && { drawn: summary(drawn) }) };
  }
  return taken;
}

async function turnWheel(page) {
  const before = await page.evaluate(() => document.getElementById("rows-grid").scrollTop);
  for (let turn = 0; turn < WHEEL.turns; turn++) {
    await page.mouse.wheel(0, WHEEL.pixels);
    await page.waitForTimeout(WHEEL.every_ms);
  }
  const after = await page.evaluate(() => document.getElementById("rows-grid").scrollTop);
  if (after === before) throw new Error("the wheel did not scroll the table");
}

/** Writes the files of a model, once for all rounds. */
function writeModel(name) {
  const place = mkdtempSync(join(folder, "model-"));
  return [...modelFiles(shapes[name])].map(([file, bytes]) => {
    writeFileSync(join(place, file), bytes);
    return join(place, file);
  });
}

/** Tenths of a millisecond are enough. */
const rounded = (_, value) => (typeof value === "number" ? Math.round(10 * value) / 10 : value);

/** Of every number, however deep it stands, the best (the least) and the median. */
function condensed(measured) {
  const values = measured.filter((value) => value !== undefined && value !== null);
  if (values.every((value) => typeof value === "number")) {
    const sorted = [...values].sort((a, b) => a - b);
    return { best: sorted[0], median: sorted[Math.floor(sorted.length / 2)] };
  }
  if (values.some((value) => typeof value !== "object")) return values[0];
  const keys = new Set(values.flatMap(Object.keys));
  return Object.fromEntries([...keys].map((key) => [key, condensed(values.map((value) => value[key]))]));
}

const folder = mkdtempSync(join(tmpdir(), "hone-studio-"));
const server = await serve({ bench, dist: resolve(given.dist) });
const measured = {};
async function take(name, work) {
  for (let round = 0; round < Number(given.rounds); round++) {
    const result = await measure(work);
    (measured[name] ??= []).push(result);
    console.error(`${name}: ${JSON.stringify(result, rounded)}`);
  }
}

const rows = {};
try {
  if (wanted.includes("report")) {
    rows.report = faultyRows(folder, "report", { train: Math.round(0.9 * given.rows), test: Math.round(0.1 * given.rows) });
    await take(`report, ${given.rows} rows`, report);
  }
  if (wanted.includes("scroll")) {
    rows.scroll = faultyRows(folder, "scroll", { train: Number(given["scroll-rows"]), test: 0 });
    await take(`scroll, ${given["scroll-rows"]} rows`, scroll);
  }
  if (wanted.includes("model")) {
    for (const name of given.shapes.split(",")) {
      const files = writeModel(name);
      await take(`model, ${name}`, (page) => loadModel(page, files));
    }
  }
} finally {
  server.close();
  rmSync(folder, { recursive: true });
}
const best = Object.fromEntries(Object.entries(measured).map(([name, results]) => [name, condensed(results)]));
console.log(JSON.stringify({ dist: resolve(given.dist), measured, condensed: best }, rounded, 1));
