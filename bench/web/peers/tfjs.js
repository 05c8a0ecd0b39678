// The training step in TensorFlow.js on its WebGPU backend: a BERT encoder (post-LayerNorm, exact GELU), pooler, classifier,
// cross-entropy, AdamW on every parameter. `tf` comes from the scripts of tfjs.html. Fused products with bias where
// TensorFlow.js has them.

import { counts } from "/bench/counting.js";
import { ADAMW, forRightMultiplication, initialWeights, measure } from "./common.js";

const { tf } = globalThis;

function classifier({ config, batch, seq, num_labels }, weights) {
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: epsilon } = config;
  const headDim = hidden / heads;
  const w = (name) => weights.get(name);

  const linear = (x, name) => tf.fused.matMul({ a: x, b: w(`${name}.weight`), bias: w(`${name}.bias`) });
  const norm = (x, name) => {
    const { mean, variance } = tf.moments(x, -1, true);
    const centered = tf.sub(x, mean);
    const scaled = tf.mul(centered, tf.rsqrt(tf.add(variance, epsilon)));
    return tf.add(tf.mul(scaled, w(`${name}.weight`)), w(`${name}.bias`));
  };
  const gelu = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
  const split = (x) => tf.transpose(tf.reshape(x, [batch, seq, heads, headDim]), [0, 2, 1, 3]);

  const layer = (x, at) => {
    const query = split(linear(x, `${at}.attention.self.query`));
    const key = split(linear(x, `${at}.attention.self.key`));
    const value = split(linear(x, `${at}.attention.self.value`));
    const scores = tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(headDim));
    const context = tf.matMul(tf.softmax(scores), value);
    const joined = tf.reshape(tf.transpose(context, [0, 2, 1, 3]), [batch * seq, hidden]);
    const attended = norm(tf.add(x, linear(joined, `${at}.attention.output.dense`)), `${at}.attention.output.LayerNorm`);
    const inner = gelu(linear(attended, `${at}.intermediate.dense`));
    return norm(tf.add(attended, linear(inner, `${at}.output.dense`)), `${at}.output.LayerNorm`);
  };

  return (ids, targets) => {
    const words = tf.reshape(tf.gather(w("embeddings.word_embeddings.weight"), ids), [batch, seq, hidden]);
    const places = tf.slice(w("embeddings.position_embeddings.weight"), [0, 0], [seq, hidden]);
    const kind = tf.slice(w("embeddings.token_type_embeddings.weight"), [0, 0], [1, hidden]);
    const summed = tf.reshape(tf.add(words, tf.add(places, kind)), [batch * seq, hidden]);
    let x = norm(summed, "embeddings.LayerNorm");
    for (let i = 0; i < config.num_hidden_layers; i++) x = layer(x, `encoder.layer.${i}`);
    const first = tf.reshape(tf.slice(tf.reshape(x, [batch, seq, hidden]), [0, 0, 0], [batch, 1, hidden]), [batch, hidden]);
    const pooled = tf.tanh(linear(first, "pooler.dense"));
    const logits = tf.reshape(linear(pooled, "classifier"), [batch, num_labels]);
    return tf.losses.softmaxCrossEntropy(targets, logits);
  };
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

async function run(shape, protocol) {
  const start = performance.now();
  await tf.setBackend("webgpu");
  await tf.ready();
  if (tf.getBackend() !== "webgpu") throw new Error(`TensorFlow.js took the backend ${tf.getBackend()}`);
  const weights = new Map();
  for (const { name, shape: dims, values } of forRightMultiplication(initialWeights(shape, true)))
    weights.set(name, tf.variable(tf.tensor(values, dims)));
  const list = [...weights.values()];
  const forward = classifier(shape, weights);
  const update = adamw(weights);
  let pending = [];

  const step = ({ ids, labels }) => {
    const loss = tf.tidy(() => {
      const tokens = tf.tensor1d(ids, "int32");
      const targets = tf.cast(tf.oneHot(tf.tensor1d(labels, "int32"), shape.num_labels), "float32");
      const { value, grads } = tf.variableGrads(() => forward(tokens, targets), list);
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

globalThis.run = run;
