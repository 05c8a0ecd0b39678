// The training step in jax-js on WebGPU: a BERT encoder (post-LayerNorm, exact GELU), pooler, classifier, cross-entropy,
// AdamW on every parameter, all of it under one `jit`. jax-js counts references: `.ref` keeps an array for another use.

import { counts } from "/bench/counting.js";
import { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { ADAMW, forRightMultiplication, initialWeights, measure } from "./common.js";

function classifier({ config, batch, seq, num_labels }) {
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: epsilon } = config;
  const headDim = hidden / heads;

  /** Takes `w` over; every weight is used exactly once. */
  return (w, ids, targets) => {
    const linear = (x, name) => np.dot(x, w[`${name}.weight`]).add(w[`${name}.bias`]);
    const norm = (x, name) =>
      nn.standardize(x, -1, { epsilon }).mul(w[`${name}.weight`]).add(w[`${name}.bias`]);
    const gelu = (x) => lax.erf(x.ref.mul(Math.SQRT1_2)).add(1).mul(x).mul(0.5);
    const split = (x) => np.transpose(x.reshape([batch, seq, heads, headDim]), [0, 2, 1, 3]);

    const layer = (x, at) => {
      const query = split(linear(x.ref, `${at}.attention.self.query`));
      const key = split(linear(x.ref, `${at}.attention.self.key`));
      const value = split(linear(x.ref, `${at}.attention.self.value`));
      const scores = np.matmul(query, np.transpose(key, [0, 1, 3, 2])).mul(1 / Math.sqrt(headDim));
      const context = np.matmul(nn.softmax(scores, -1), value);
      const joined = np.transpose(context, [0, 2, 1, 3]).reshape([batch * seq, hidden]);
      const attended = norm(x.add(linear(joined, `${at}.attention.output.dense`)), `${at}.attention.output.LayerNorm`);
      const inner = gelu(linear(attended.ref, `${at}.intermediate.dense`));
      return norm(attended.add(linear(inner, `${at}.output.dense`)), `${at}.output.LayerNorm`);
    };

    // Added as rows: `jit` can't scatter the gradient of the words if it comes through a reshape.
    const words = np.take(w["embeddings.word_embeddings.weight"], ids, 0);
    const places = w["embeddings.position_embeddings.weight"].slice([0, seq]);
    const kind = w["embeddings.token_type_embeddings.weight"].slice([0, 1]);
    const added = np.broadcastTo(places.add(kind), [batch, seq, hidden]).reshape([batch * seq, hidden]);
    let x = norm(words.add(added), "embeddings.LayerNorm");
    for (let i = 0; i < config.num_hidden_layers; i++) x = layer(x, `encoder.layer.${i}`);
    const first = x.reshape([batch, seq, hidden]).slice([], 0);
    const pooled = np.tanh(linear(first, "pooler.dense"));
    const logits = linear(pooled, "classifier").reshape([batch, num_labels]);
    return nn.logSoftmax(logits, -1).mul(targets).sum().mul(-1 / batch);
  };
}

/** One step: new weights, new moments, the loss. `stepSize` and `correction` are scalars that change from step to step. */
function trainingStep(shape) {
  const { lr, beta1, beta2, epsilon, weightDecay } = ADAMW;
  const lossAndGrads = valueAndGrad(classifier(shape));
  return jit((w, firsts, seconds, ids, targets, stepSize, correction) => {
    const names = Object.keys(w);
    const kept = Object.fromEntries(names.map((name) => [name, w[name].ref]));
    const [loss, grads] = lossAndGrads(w, ids, targets);
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

async function run(shape, protocol) {
  const start = performance.now();
  const devices = await init("webgpu");
  if (!devices.includes("webgpu")) throw new Error("jax-js found no WebGPU");
  defaultDevice("webgpu");
  const { lr, beta1, beta2 } = ADAMW;
  let [w, firsts, seconds] = [{}, {}, {}];
  for (const { name, shape: dims, values } of forRightMultiplication(initialWeights(shape, true))) {
    w[name] = np.array(values).reshape(dims);
    firsts[name] = np.zeros(dims);
    seconds[name] = np.zeros(dims);
  }
  const train = trainingStep(shape);
  let [time, pending] = [0, []];

  const step = ({ ids, labels }) => {
    time += 1;
    const hot = new Float32Array(labels.length * shape.num_labels);
    labels.forEach((label, row) => (hot[row * shape.num_labels + label] = 1));
    const targets = np.array(hot).reshape([labels.length, shape.num_labels]);
    const stepSize = np.array(new Float32Array([lr / (1 - beta1 ** time)])).reshape([]);
    const correction = np.array(new Float32Array([1 / Math.sqrt(1 - beta2 ** time)])).reshape([]);
    const out = train(w, firsts, seconds, np.array(ids), targets, stepSize, correction);
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
  const openMs = performance.now() - start;
  return { open_ms: openMs, ...(await measure(shape, { step, read, counts }, protocol)) };
}

globalThis.run = run;
