// The training step of a language model in jax-js on WebGPU: GPT-2 (pre-LayerNorm, GELU with tanh, learned positions, the table
// of tokens scores them too), cross-entropy of every next token, AdamW on every parameter or on LoRA's adapters, all of it
// under one `jit`.

import { nn, numpy as np } from "@jax-js/jax";
import { nextTokens } from "./common.js";
import { attention, linear, norm, runOnWebGpu } from "./jax_common.js";
import { LORA, initialAdapters, initialWeights } from "./weights.js";

function languageModel(shape) {
  const { config, batch, seq } = shape;
  const { n_embd: hidden, n_head: heads, vocab_size: vocab, layer_norm_epsilon: epsilon } = config;

  /** Takes `trained` and `frozen` over; every weight is used exactly once, but the table of tokens. */
  return (trained, frozen, { ids, targets }) => {
    const w = { ...frozen, ...trained };

    const adapted = (x, name) => {
      if (!w[`${name}.lora_A`]) return linear(w, x, name);
      const branch = np.dot(np.dot(x.ref, w[`${name}.lora_A`]).mul(LORA.lora_alpha / LORA.r), w[`${name}.lora_B`]);
      return linear(w, x, name).add(branch);
    };
    const causal = (scores) => np.where(np.tri(seq, seq, 0, { dtype: np.bool }), scores, -Infinity);

    const layer = (x, at) => {
      const parts = np.split(adapted(norm(w, x.ref, `${at}.ln_1`, epsilon), `${at}.attn.c_attn`), 3, 1);
      const attended = x.add(linear(w, attention(shape, heads, parts, causal), `${at}.attn.c_proj`));
      const inner = nn.gelu(linear(w, norm(w, attended.ref, `${at}.ln_2`, epsilon), `${at}.mlp.c_fc`));
      return attended.add(linear(w, inner, `${at}.mlp.c_proj`));
    };

    // Added as rows: `jit` can't scatter the gradient of the words if it comes through a reshape.
    const table = w["transformer.wte.weight"];
    const words = np.take(table.ref, ids, 0);
    const places = w["transformer.wpe.weight"].slice([0, seq]);
    let x = words.add(np.broadcastTo(places, [batch, seq, hidden]).reshape([batch * seq, hidden]));
    for (let i = 0; i < config.n_layer; i++) x = layer(x, `transformer.h.${i}`);
    const logits = np.dot(norm(w, x, "transformer.ln_f", epsilon), np.transpose(table));
    const isTarget = targets.reshape([batch * seq, 1]).equal(np.arange(vocab));
    return np.where(isTarget, nn.logSoftmax(logits, -1), 0).sum().mul(-1 / (batch * (seq - 1)));
  };
}

globalThis.run = (shape, protocol, method) =>
  runOnWebGpu(shape, protocol, {
    weights: () => {
      const weights = initialWeights(shape);
      return method === "lora" ? { trained: initialAdapters(shape), frozen: weights } : { trained: weights, frozen: [] };
    },
    lossOf: languageModel(shape),
    inputsOf: ({ ids }) => ({ ids: np.array(ids), targets: np.array(nextTokens(ids, shape.seq)) }),
  });
