// What the models in TensorFlow.js share: layers, AdamW, and how a training step is run on its WebGPU backend. `tf` comes from
// the scripts of the page. Fused products with bias where TensorFlow.js has them.

import { counts } from "/bench/counting.js";
import { ADAMW, measure } from "./common.js";

const { tf } = globalThis;

/** `w(name)` gives a weight. */
export const linear = (w, x, name) => tf.fused.matMul({ a: x, b: w(`${name}.weight`), bias: w(`${name}.bias`) });

/** `w(name)` gives a weight. */
export function norm(w, x, name, epsilon) {
  const { mean, variance } = tf.moments(x, -1, true);
  const centered = tf.sub(x, mean);
  const scaled = tf.mul(centered, tf.rsqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(scaled, w(`${name}.weight`)), w(`${name}.bias`));
}

/** Attention of rows `[batch * seq, hidden]`, to rows; `masked` is applied to the scores. */
export function attention({ batch, seq }, heads, [query, key, value], masked = (scores) => scores) {
  const hidden = query.shape[1];
  const headDim = hidden / heads;
  const split = (x) => tf.transpose(tf.reshape(x, [batch, seq, heads, headDim]), [0, 2, 1, 3]);
  const scores = tf.mul(tf.matMul(split(query), split(key), false, true), 1 / Math.sqrt(headDim));
  const context = tf.matMul(tf.softmax(masked(scores)), split(value));
  return tf.reshape(tf.transpose(context, [0, 2, 1, 3]), [batch * seq, hidden]);
}

function adamw(weights) {
  const { lr, beta1, beta2, epsilon, weightDecay } = ADAMW;
  const moments = new Map();
  for (const [name, weight] of weights)
    moments.set(name, { first: tf.variable(tf.zerosLike(weight)), second: tf.variable(tf.zerosLike(weight)) });
  let time = 0;
  return (grads) => {
    time += 1;
    const stepSize = lr / (1 - beta1 ** time);
    const correction = 1 / Math.sqrt(1 - beta2 ** time);
    for (const [name, weight] of weights) {
      const gradient = grads[weight.name];
      if (!gradient) throw new Error(`no gradient for ${name}`);
      const { first, second } = moments.get(name);
      tf.tidy(() => {
        const m = tf.add(tf.mul(first, beta1), tf.mul(gradient, 1 - beta1));
        const v = tf.add(tf.mul(second, beta2), tf.mul(tf.square(gradient), 1 - beta2));
        const change = tf.div(tf.mul(m, stepSize), tf.add(tf.mul(tf.sqrt(v), correction), epsilon));
        weight.assign(tf.sub(tf.mul(weight, 1 - lr * weightDecay), change));
        first.assign(m);
        second.assign(v);
      });
    }
  };
}

/**
 * Runs a model: `weights()` gives `{ trained, frozen }`, `model(w)` a function from what `inputsOf(batch)` gives to the loss.
 */
export async function runOnWebGpu(shape, protocol, { weights, model, inputsOf }) {
  const start = performance.now();
  await tf.setBackend("webgpu");
  await tf.ready();
  if (tf.getBackend() !== "webgpu") throw new Error(`TensorFlow.js took the backend ${tf.getBackend()}`);
  const { trained, frozen } = weights();
  const variables = new Map(trained.map(({ name, shape: dims, values }) => [name, tf.variable(tf.tensor(values, dims))]));
  const constants = new Map(frozen.map(({ name, shape: dims, values }) => [name, tf.tensor(values, dims)]));
  const list = [...variables.values()];
  const lossOf = model((name) => variables.get(name) ?? constants.get(name));
  const update = adamw(variables);
  let pending = [];

  const step = (batch) => {
    const loss = tf.tidy(() => {
      const inputs = inputsOf(batch);
      const { value, grads } = tf.variableGrads(() => lossOf(inputs), list);
      update(grads);
      return value;
    });
    pending.push(loss);
  };
  const read = async () => {
    const all = tf.stack(pending);
    const values = await all.data();
    tf.dispose([all, ...pending]);
    pending = [];
    return Array.from(values);
  };
  const openMs = performance.now() - start;
  return { version: tf.version_core, open_ms: openMs, ...(await measure(shape, { step, read, counts }, protocol)) };
}
