// Drives Hone's real worker through its protocol: opens a device, loads the generated model and rows, trains, and takes its
// times from the run's own events. The worker is started through counting_worker.js, which counts what goes to the GPU.

import { LORA, readsImages, rowsFile, taskOf } from "./peers/weights.js";

/** One line to the worker: requests with replies, and listeners for events and for checkpoints that were written. */
class Line {
  constructor(onEvent, onSaved, hide, defaultLimits) {
    this.onEvent = onEvent;
    this.onSaved = onSaved;
    this.waiting = new Map();
    this.nextId = 0;
    const script = defaultLimits ? "/default_limits_worker.js" : "/counting_worker.js";
    this.worker = new Worker(`${script}${hide ? `?hide=${hide}` : ""}`, { type: "module" });
    this.dead = new Promise((_, reject) => {
      this.reject = reject;
      this.worker.onerror = (event) => reject(new Error(`the worker stopped: ${event.message}`));
    });
    this.dead.catch(() => {}); // heard through `request`
    this.ready = new Promise((resolve) => {
      this.worker.onmessage = ({ data }) => {
        const message = JSON.parse(data.json);
        if (message.ready) resolve();
        else if (message.reply) this.answer(message.reply);
        else if (message.event) this.onEvent(message.event, data.counts);
        else if (message.checkpoint_written) this.onSaved();
        else if (message.failed) this.reject(new Error(message.failed.problem.message));
      };
    });
  }

  answer({ id, result }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (result.Ok) resolve(Object.values(result.Ok)[0]);
    else reject(new Error(`${result.Err.message} (${result.Err.hint})`));
  }

  /** A command is its name, or an object of its fields under its name. */
  request(command, blobs = []) {
    this.nextId += 1;
    const id = this.nextId;
    const reply = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.worker.postMessage({ json: JSON.stringify({ id, command }), blobs }, blobs);
    return Promise.race([reply, this.dead]);
  }
}

async function fetched(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.arrayBuffer();
}

/** The columns of rows.csv; images lie in folders that are called as their labels. */
const COLUMNS = {
  sequence_classification: { text_column: "text" },
  causal_lm: { text_column: "text" },
  seq2seq_lm: { text_column: "source", target_column: "target" },
  image_classification: {},
};

/** Settings that only some shapes have: Hone refuses those that a task has no use for. */
function limits(shape) {
  if (readsImages(shape)) return {};
  const { seq, target_seq } = shape;
  return { max_seq_length: seq, ...(target_seq && { max_target_length: target_seq }) };
}

/** Settings of the run; what is not named is the default of `RunConfig`. Losses are read at every `every`th step. */
function runConfig(shape, method, every) {
  return {
    method,
    ...limits(shape),
    ...(method === "lora" && { lora: { ...LORA, lora_dropout: shape.dropout } }),
    num_train_epochs: 1,
    batch_size: shape.batch,
    learning_rate: 5e-5,
    lr_scheduler_type: "constant",
    warmup_ratio: 0,
    dropout: shape.dropout,
    max_grad_norm: shape.max_grad_norm,
    load_best_model_at_end: false,
    logging_steps: every,
    split: { valid_fraction: 0, test_fraction: 0 },
  };
}

/** Tokens that Hone counts in a row, which is full; an image counts as one. */
const tokensInRow = (shape) => (readsImages(shape) ? 1 : shape.seq + (shape.target_seq ?? 0));

/** Bytes of JavaScript in this page and its worker, after a collection; `null` where the browser won't say. */
async function scriptBytes() {
  if (!performance.measureUserAgentSpecificMemory) return null;
  const { breakdown } = await performance.measureUserAgentSpecificMemory();
  const ours = breakdown.filter(({ types }) => types.includes("JavaScript"));
  return ours.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * `settings`: `{ folder, shape, files, method, backend, steps, protocol, memoryAt, hide, defaultLimits }`; `files` are those of
 * the model in `folder`, `method` is `full`, `lora` or `head`, `hide` names a feature of WebGPU that the worker is not to see, and with
 * `defaultLimits` it sees no more than WebGPU's default limits. With a protocol, steps are timed as the peers'; at each step of
 * `memoryAt` the run is held and its memory is measured.
 */
async function run({ folder, shape, files, method, backend, steps, protocol, memoryAt, hide, defaultLimits }) {
  const seen = [];
  const memory = [];
  let finish;
  const finished = new Promise((resolve) => (finish = resolve));
  const measureMemory = async (step) => {
    await line.request("pause");
    const { memory: bytes } = await line.request("memory");
    memory.push({ step, ...bytes, script: await scriptBytes(), saved });
    await line.request("resume");
  };
  let [reached, measuring, saved] = [0, Promise.resolve(), 0];
  const line = new Line(({ event: named, elapsed_secs: secs }, counts) => {
    const [kind, fields] = Object.entries(named)[0];
    const event = { event: kind, ...fields };
    if (protocol) seen.push({ event, ms: secs * 1000, counts }); // not while memory is measured: it would grow
    // The last step ends what is timed: the checkpoint after it is not waited for.
    if (event.event === "finished" || (protocol && event.event === "step" && event.step === steps)) finish();
    // After the last step the run ends by itself: holding it then does nothing, and the figures are the same.
    if ((event.event === "step" || event.event === "progress") && event.step > reached) {
      reached = event.step;
      if (memoryAt.includes(event.step)) measuring = measuring.then(() => measureMemory(event.step));
    }
  }, () => (saved += 1), hide, defaultLimits);
  await line.ready;
  const opened = performance.now();
  const { device } = await line.request({ open_device: { prefer: backend } });
  if (device.backend !== backend) throw new Error(`the worker chose ${device.backend}: ${device.reason}`);
  const openMs = performance.now() - opened;

  const blobs = await Promise.all(files.map((file) => fetched(`${folder}/${file}`)));
  await line.request({ load_model: { files: files.map((file, blob) => ({ name: file, blob })) } }, blobs);
  const settings = runConfig(shape, method, protocol?.every ?? 5);
  const task = taskOf(shape);
  const train = { name: rowsFile(shape), blob: 0 };
  const rows = await fetched(`${folder}/${train.name}`);
  await line.request(
    { load_data: { task, train, valid: null, test: null, read: COLUMNS[task], run: settings } },
    [rows],
  );
  const { job } = await line.request({ train: { number: 1, run: settings, changes: {}, page: "" } });
  await Promise.race([finished, line.dead]);
  await measuring;
  line.worker.terminate();

  const common = { device, job, open_ms: openMs, memory };
  return protocol ? { ...common, ...times(seen, shape, steps, protocol) } : common;
}

/** Times from events: a `step` event comes after the losses of a window were read, a `progress` event after queueing. */
function times(seen, shape, steps, { warmup, every, windows }) {
  const at = new Map();
  for (const { event, ms, counts } of seen)
    if (event.event === "step" || event.event === "progress") at.set(event.step, { ...event, ms, counts });
  const tokens = at.get(steps).tokens;
  if (tokens !== steps * shape.batch * tokensInRow(shape)) throw new Error(`${tokens} tokens in ${steps} steps: rows are not full`);
  const stepMs = [];
  for (let window = 0; window < windows; window++) {
    const from = warmup + window * every;
    stepMs.push((at.get(from + every).ms - at.get(from).ms) / every);
  }
  const queueMs = [];
  for (let step = warmup + 1; step <= steps; step++)
    if (at.get(step).event === "progress") queueMs.push(at.get(step).ms - at.get(step - 1).ms);
  const [first, last] = [at.get(warmup).counts, at.get(steps).counts];
  const timed = steps - warmup;
  return {
    first_step_ms: at.get(1).ms,
    step_ms: stepMs,
    queue_ms: queueMs,
    dispatches: (last.dispatches - first.dispatches) / timed,
    submits: (last.submits - first.submits) / timed,
    losses: seen.flatMap(({ event }) => (event.event === "step" ? event.losses : [])),
  };
}

globalThis.run = run;
