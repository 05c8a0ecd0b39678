// What the models in jax-js share: layers, the training step (loss, gradients, AdamW, all under one `jit`), and how it is run
// on WebGPU. jax-js counts references: `.ref` keeps an array for another use.

import { counts } from "/bench/counting.js";
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { ADAMW, measure } from "./common.js";

/** Takes the layer's weights of `w`. */
export const linear = (w, x, name) => np.dot(x, w[`${name}.weight`]).add(w[`${name}.bias`]);

/** Takes the layer's weights of `w`. */
export const norm = (w, x, name, epsilon) =>
  nn.standardize(x, -1, { epsilon }).mul(w[`${name}.weight`]).add(w[`${name}.bias`]);

/** Attention of rows `[batch * seq, hidden]`, to rows; `masked` is applied to the scores. */
export function attention({ batch, seq }, heads, [query, key, value], masked = (scores) => scores) {
  const hidden = query.shape[1];
  const headDim = hidden / heads;
  const split = (x) => np.transpose(x.reshape([batch, seq, heads, headDim]), [0, 2, 1, 3]);
  const scores = np.matmul(split(query), np.transpose(split(key), [0, 1, 3, 2])).mul(1 / Math.sqrt(headDim));
  const context = np.matmul(nn.softmax(masked(scores), -1), split(value));
  return np.transpose(context, [0, 2, 1, 3]).reshape([batch * seq, hidden]);
}

/**
 * One step: new weights, new moments, the loss. `lossOf(w, frozen, inputs)` takes all of them over. `stepSize` and `correction`
 * are scalars that change from step to step.
 */
export function trainingStep(lossOf) {
  const { lr, beta1, beta2, epsilon, weightDecay } = ADAMW;
  const lossAndGrads = valueAndGrad(lossOf);
  return jit((w, firsts, seconds, frozen, inputs, stepSize, correction) => {
    const names = Object.keys(w);
    const kept = Object.fromEntries(names.map((name) => [name, w[name].ref]));
    const [loss, grads] = lossAndGrads(w, frozen, inputs);
    const out = { w: {}, firsts: {}, seconds: {}, loss };
    for (const name of names) {
      const gradient = grads[name];
      const m = firsts[name].mul(beta1).add(gradient.ref.mul(1 - beta1));
      const v = seconds[name].mul(beta2).add(np.square(gradient).mul(1 - beta2));
      const denominator = np.sqrt(v.ref).mul(correction.ref).add(epsilon);
      const change = m.ref.mul(stepSize.ref).div(denominator);
      out.w[name] = kept[name].mul(1 - lr * weightDecay).sub(change);
      out.firsts[name] = m;
      out.seconds[name] = v;
    }
    stepSize.dispose();
    correction.dispose();
    return out;
  });
}

/** Weights in training: `step(inputs)` queues a step, `read()` waits for the losses since the last reading. */
export function training(lossOf, trained, frozenWeights) {
  const { lr, beta1, beta2 } = ADAMW;
  const frozen = {};
  let [w, firsts, seconds] = [{}, {}, {}];
  for (const { name, shape, values } of frozenWeights) frozen[name] = np.array(values).reshape(shape);
  for (const { name, shape, values } of trained) {
    w[name] = np.array(values).reshape(shape);
    firsts[name] = np.zeros(shape);
    seconds[name] = np.zeros(shape);
  }
  const train = trainingStep(lossOf);
  let [time, pending] = [0, []];

  const step = (inputs) => {
    time += 1;
    const stepSize = np.array(new Float32Array([lr / (1 - beta1 ** time)])).reshape([]);
    const correction = np.array(new Float32Array([1 / Math.sqrt(1 - beta2 ** time)])).reshape([]);
    const out = train(w, firsts, seconds, tree.ref(frozen), inputs, stepSize, correction);
    ({ w, firsts, seconds } = out);
    pending.push(out.loss);
  };
  const read = async () => {
    await blockUntilReady(w);
    const values = [];
    for (const loss of pending) values.push(...(await loss.data()));
    pending = [];
    return values;
  };
  return { step, read };
}

/**
 * Runs a model: `weights()` gives `{ trained, frozen }`, `lossOf` the loss, `inputsOf(batch)` what it needs of a batch.
 */
export async function runOnWebGpu(shape, protocol, { weights, lossOf, inputsOf }) {
  const start = performance.now();
  const devices = await init("webgpu");
  if (!devices.includes("webgpu")) throw new Error("jax-js found no WebGPU");
  defaultDevice("webgpu");
  const { trained, frozen } = weights();
  const { step, read } = training(lossOf, trained, frozen);
  const openMs = performance.now() - start;
  const queue = (batch) => step(inputsOf(batch));
  return { open_ms: openMs, ...(await measure(shape, { step: queue, read, counts }, protocol)) };
}
