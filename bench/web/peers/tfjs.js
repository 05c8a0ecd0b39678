// The training step in TensorFlow.js on its WebGPU backend: a BERT encoder (post-LayerNorm, exact GELU), pooler, classifier,
// cross-entropy, AdamW on every parameter.

import { attention, linear, norm, runOnWebGpu } from "./tfjs_common.js";
import { forRightMultiplication, initialWeights } from "./weights.js";

const { tf } = globalThis;

function classifier(shape, w) {
  const { config, batch, seq, num_labels } = shape;
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: epsilon } = config;
  const gelu = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));

  const layer = (x, at) => {
    const parts = ["query", "key", "value"].map((part) => linear(w, x, `${at}.attention.self.${part}`));
    const joined = linear(w, attention(shape, heads, parts), `${at}.attention.output.dense`);
    const attended = norm(w, tf.add(x, joined), `${at}.attention.output.LayerNorm`, epsilon);
    const inner = gelu(linear(w, attended, `${at}.intermediate.dense`));
    return norm(w, tf.add(attended, linear(w, inner, `${at}.output.dense`)), `${at}.output.LayerNorm`, epsilon);
  };

  return ({ ids, targets }) => {
    const words = tf.reshape(tf.gather(w("embeddings.word_embeddings.weight"), ids), [batch, seq, hidden]);
    const places = tf.slice(w("embeddings.position_embeddings.weight"), [0, 0], [seq, hidden]);
    const kind = tf.slice(w("embeddings.token_type_embeddings.weight"), [0, 0], [1, hidden]);
    const summed = tf.reshape(tf.add(words, tf.add(places, kind)), [batch * seq, hidden]);
    let x = norm(w, summed, "embeddings.LayerNorm", epsilon);
    for (let i = 0; i < config.num_hidden_layers; i++) x = layer(x, `encoder.layer.${i}`);
    const first = tf.reshape(tf.slice(tf.reshape(x, [batch, seq, hidden]), [0, 0, 0], [batch, 1, hidden]), [batch, hidden]);
    const pooled = tf.tanh(linear(w, first, "pooler.dense"));
    const logits = tf.reshape(linear(w, pooled, "classifier"), [batch, num_labels]);
    return tf.losses.softmaxCrossEntropy(targets, logits);
  };
}

globalThis.run = (shape, protocol) =>
  runOnWebGpu(shape, protocol, {
    weights: () => ({ trained: forRightMultiplication(initialWeights(shape, true)), frozen: [] }),
    model: (w) => classifier(shape, w),
    inputsOf: ({ ids, labels }) => ({
      ids: tf.tensor1d(ids, "int32"),
      targets: tf.cast(tf.oneHot(tf.tensor1d(labels, "int32"), shape.num_labels), "float32"),
    }),
  });
