// The training step of a language model in TensorFlow.js on its WebGPU backend: GPT-2 (pre-LayerNorm, GELU with tanh, learned
// positions, the table of tokens scores them too), cross-entropy of every next token, AdamW on every parameter or on LoRA's
// adapters.

import { nextTokens } from "./common.js";
import { attention, linear, norm, runOnWebGpu } from "./tfjs_common.js";
import { LORA, initialAdapters, initialWeights } from "./weights.js";

const { tf } = globalThis;

function languageModel(shape, w) {
  const { config, batch, seq } = shape;
  const { n_embd: hidden, n_head: heads, vocab_size: vocab, layer_norm_epsilon: epsilon } = config;
  const future = Float32Array.from({ length: seq * seq }, (_, at) => (at % seq > Math.floor(at / seq) ? -1e9 : 0));
  const mask = tf.tensor(future, [seq, seq]);
  const causal = (scores) => tf.add(scores, mask);

  const gelu = (x) => {
    const inner = tf.mul(tf.mul(x, tf.add(tf.mul(tf.square(x), 0.044715), 1)), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
  };
  const adapted = (x, name) => {
    if (!w(`${name}.lora_A`)) return linear(w, x, name);
    const branch = tf.matMul(tf.mul(tf.matMul(x, w(`${name}.lora_A`)), LORA.lora_alpha / LORA.r), w(`${name}.lora_B`));
    return tf.add(linear(w, x, name), branch);
  };

  const layer = (x, at) => {
    const parts = tf.split(adapted(norm(w, x, `${at}.ln_1`, epsilon), `${at}.attn.c_attn`), 3, 1);
    const attended = tf.add(x, linear(w, attention(shape, heads, parts, causal), `${at}.attn.c_proj`));
    const inner = gelu(linear(w, norm(w, attended, `${at}.ln_2`, epsilon), `${at}.mlp.c_fc`));
    return tf.add(attended, linear(w, inner, `${at}.mlp.c_proj`));
  };

  return ({ ids, targets }) => {
    const table = w("transformer.wte.weight");
    const words = tf.reshape(tf.gather(table, ids), [batch, seq, hidden]);
    const places = tf.slice(w("transformer.wpe.weight"), [0, 0], [seq, hidden]);
    let x = tf.reshape(tf.add(words, places), [batch * seq, hidden]);
    for (let i = 0; i < config.n_layer; i++) x = layer(x, `transformer.h.${i}`);
    const logits = tf.matMul(norm(w, x, "transformer.ln_f", epsilon), table, false, true);
    const scores = tf.sum(tf.mul(tf.logSoftmax(tf.reshape(logits, [batch * seq, vocab])), targets));
    return tf.mul(scores, -1 / (batch * (seq - 1)));
  };
}

globalThis.run = (shape, protocol, method) =>
  runOnWebGpu(shape, protocol, {
    weights: () => {
      const weights = initialWeights(shape);
      return method === "lora" ? { trained: initialAdapters(shape), frozen: weights } : { trained: weights, frozen: [] };
    },
    model: (w) => languageModel(shape, w),
    inputsOf: ({ ids }) => {
      const targets = tf.tensor1d(nextTokens(ids, shape.seq), "int32");
      return { ids: tf.tensor1d(ids, "int32"), targets: tf.cast(tf.oneHot(targets, shape.config.vocab_size), "float32") };
    },
  });
