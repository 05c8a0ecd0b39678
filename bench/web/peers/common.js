// What every training step in the browser shares: the optimizer's settings, the same batches from one generator, and the way
// in which steps are timed. In: a shape of shapes.json. Out: plain numbers.

import { isDecoder, taskOf, uniform } from "./weights.js";

/** Steps before the clock starts, steps a window, windows. Losses are read once a window, by everybody. */
export const PROTOCOL = { warmup: 5, every: 5, windows: 4 };

/** Settings of AdamW, as Hone's defaults; a constant rate. */
export const ADAMW = { lr: 5e-5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };

const NUM_SPECIAL = { sequence_classification: 5, causal_lm: 1, seq2seq_lm: 3 };

/** Special tokens at the head of a made-up vocabulary. */
export const numSpecial = (shape) => NUM_SPECIAL[taskOf(shape)];

/** A fixed list of random batches; rows are full, so that nobody needs an attention mask. */
export function batches(shape, count) {
  const next = uniform(11);
  const { config, batch, seq, num_labels } = shape;
  const [first, labels] = [numSpecial(shape), isDecoder(shape) ? 0 : batch];
  return Array.from({ length: count }, () => ({
    ids: Int32Array.from({ length: batch * seq }, () => first + Math.floor(next() * (config.vocab_size - first))),
    labels: Int32Array.from({ length: labels }, () => Math.floor(next() * num_labels)),
  }));
}

/** The token behind each one, which a language model predicts; -1 behind the last of a row. */
export function nextTokens(ids, seq) {
  return ids.map((_, at) => ((at + 1) % seq === 0 ? -1 : ids[at + 1]));
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
