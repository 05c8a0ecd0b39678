// The training step in jax-js on WebGPU: a BERT encoder (post-LayerNorm, exact GELU), pooler, classifier, cross-entropy,
// AdamW on every parameter, all of it under one `jit`.

import { lax, nn, numpy as np } from "@jax-js/jax";
import { attention, linear, norm, runOnWebGpu } from "./jax_common.js";
import { forRightMultiplication, initialWeights } from "./weights.js";

function classifier(shape) {
  const { config, batch, seq, num_labels } = shape;
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: epsilon } = config;

  /** Takes `w` over; every weight is used exactly once. */
  return (w, _frozen, { ids, targets }) => {
    const gelu = (x) => lax.erf(x.ref.mul(Math.SQRT1_2)).add(1).mul(x).mul(0.5);

    const layer = (x, at) => {
      const parts = ["query", "key", "value"].map((part) => linear(w, x.ref, `${at}.attention.self.${part}`));
      const joined = linear(w, attention(shape, heads, parts), `${at}.attention.output.dense`);
      const attended = norm(w, x.add(joined), `${at}.attention.output.LayerNorm`, epsilon);
      const inner = gelu(linear(w, attended.ref, `${at}.intermediate.dense`));
      return norm(w, attended.add(linear(w, inner, `${at}.output.dense`)), `${at}.output.LayerNorm`, epsilon);
    };

    // Added as rows: `jit` can't scatter the gradient of the words if it comes through a reshape.
    const words = np.take(w["embeddings.word_embeddings.weight"], ids, 0);
    const places = w["embeddings.position_embeddings.weight"].slice([0, seq]);
    const kind = w["embeddings.token_type_embeddings.weight"].slice([0, 1]);
    const added = np.broadcastTo(places.add(kind), [batch, seq, hidden]).reshape([batch * seq, hidden]);
    let x = norm(w, words.add(added), "embeddings.LayerNorm", epsilon);
    for (let i = 0; i < config.num_hidden_layers; i++) x = layer(x, `encoder.layer.${i}`);
    const first = x.reshape([batch, seq, hidden]).slice([], 0);
    const pooled = np.tanh(linear(w, first, "pooler.dense"));
    const logits = linear(w, pooled, "classifier").reshape([batch, num_labels]);
    return nn.logSoftmax(logits, -1).mul(targets).sum().mul(-1 / batch);
  };
}

function inputsOf({ num_labels }) {
  return ({ ids, labels }) => {
    const hot = new Float32Array(labels.length * num_labels);
    labels.forEach((label, row) => (hot[row * num_labels + label] = 1));
    return { ids: np.array(ids), targets: np.array(hot).reshape([labels.length, num_labels]) };
  };
}

globalThis.run = (shape, protocol) =>
  runOnWebGpu(shape, protocol, {
    weights: () => ({ trained: forRightMultiplication(initialWeights(shape, true)), frozen: [] }),
    lossOf: classifier(shape),
    inputsOf: inputsOf(shape),
  });
