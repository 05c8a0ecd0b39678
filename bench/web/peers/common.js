// What every training step in the browser shares: the shape, the same initial weights and batches from one generator,
// and the way in which steps are timed. In: a shape of shapes.json. Out: plain numbers.

/** Steps before the clock starts, steps a window, windows. Losses are read once a window, by everybody. */
export const PROTOCOL = { warmup: 5, every: 5, windows: 4 };

/** Settings of AdamW, as Hone's defaults; a constant rate. */
export const ADAMW = { lr: 5e-5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };

/** Uniform numbers in (0, 1) from a seed (mulberry32). */
export function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
}

/** `count` normal numbers with standard deviation `std`. */
function normal(next, count, std) {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(next())) * std;
    const angle = 2 * Math.PI * next();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

/**
 * Initial weights by checkpoint name, matrices as `[out, in]` like a checkpoint; with a classifier where `withHead`.
 * Returns `[{ name, shape, values }]`.
 */
export function initialWeights({ config, num_labels }, withHead) {
  const next = uniform(7);
  const weights = [];
  const matrix = (name, rows, columns) =>
    weights.push({ name: `${name}.weight`, shape: [rows, columns], values: normal(next, rows * columns, 0.02) });
  const vector = (name, size, value) => weights.push({ name, shape: [size], values: new Float32Array(size).fill(value) });
  const linear = (name, rows, columns) => {
    matrix(name, rows, columns);
    vector(`${name}.bias`, rows, 0);
  };
  const norm = (name, size) => {
    vector(`${name}.weight`, size, 1);
    vector(`${name}.bias`, size, 0);
  };
  const { hidden_size: hidden, intermediate_size: inner } = config;
  matrix("embeddings.word_embeddings", config.vocab_size, hidden);
  matrix("embeddings.position_embeddings", config.max_position_embeddings, hidden);
  matrix("embeddings.token_type_embeddings", config.type_vocab_size, hidden);
  norm("embeddings.LayerNorm", hidden);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = `encoder.layer.${layer}`;
    for (const part of ["query", "key", "value"]) linear(`${at}.attention.self.${part}`, hidden, hidden);
    linear(`${at}.attention.output.dense`, hidden, hidden);
    norm(`${at}.attention.output.LayerNorm`, hidden);
    linear(`${at}.intermediate.dense`, inner, hidden);
    linear(`${at}.output.dense`, hidden, inner);
    norm(`${at}.output.LayerNorm`, hidden);
  }
  linear("pooler.dense", hidden, hidden);
  if (withHead) linear("classifier", num_labels, hidden);
  return weights;
}

/** `[out, in]` to `[in, out]` for every matrix that is multiplied from the right; embeddings stay. */
export function forRightMultiplication(weights) {
  return weights.map(({ name, shape, values }) => {
    if (shape.length === 1 || name.includes("embeddings")) return { name, shape, values };
    const [rows, columns] = shape;
    const turned = new Float32Array(values.length);
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column];
    return { name, shape: [columns, rows], values: turned };
  });
}

/** A fixed list of random batches; rows are full, so that nobody needs an attention mask. */
export function batches({ config, batch, seq, num_labels }, count) {
  const next = uniform(11);
  return Array.from({ length: count }, () => ({
    ids: Int32Array.from({ length: batch * seq }, () => 5 + Math.floor(next() * (config.vocab_size - 5))),
    labels: Int32Array.from({ length: batch }, () => Math.floor(next() * num_labels)),
  }));
}

/**
 * Times a peer. `step(batch)` queues a whole training step and returns without waiting; `read()` waits for the losses
 * of all steps since the last reading. `counts()` returns the dispatches and submits so far.
 */
export async function measure(shape, { step, read, counts }, protocol = PROTOCOL) {
  const { warmup, every, windows } = protocol;
  const data = batches(shape, warmup + every * windows);
  const losses = [];
  const start = performance.now();
  step(data[0]);
  losses.push(...(await read()));
  const firstStepMs = performance.now() - start;
  for (let i = 1; i < warmup; i++) step(data[i]);
  losses.push(...(await read()));

  const stepMs = [];
  const queueMs = [];
  const before = counts();
  for (let window = 0; window < windows; window++) {
    const from = performance.now();
    for (let i = 0; i < every; i++) {
      const queued = performance.now();
      step(data[warmup + window * every + i]);
      queueMs.push(performance.now() - queued);
    }
    losses.push(...(await read()));
    stepMs.push((performance.now() - from) / every);
  }
  const after = counts();
  const steps = every * windows;
  return {
    first_step_ms: firstStepMs,
    step_ms: stepMs,
    queue_ms: queueMs,
    dispatches: (after.dispatches - before.dispatches) / steps,
    submits: (after.submits - before.submits) / steps,
    losses,
  };
}
