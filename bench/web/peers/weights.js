// Weights of a shape of shapes.json from one generator, so that Hone and its peers begin at the same place. In: the shape. Out:
// checkpoint names, shapes and values, as transformers writes them: matrices `[out, in]`, but GPT-2's `[in, out]`.

/** The adapters of the benches: PEFT's defaults, on the layers that PEFT adapts in each model (of GPT-2 `c_attn`). */
export const LORA = { r: 8, lora_alpha: 16 };

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

/** What a model of each `model_type` is trained for, as Hone calls its tasks. */
const TASKS = { bert: "sequence_classification", gpt2: "causal_lm", t5: "seq2seq_lm", vit: "image_classification" };

/** The task of a shape. */
export function taskOf({ config }) {
  const task = TASKS[config.model_type];
  if (!task) throw new Error(`no shape of ${config.model_type} is known here, only of ${Object.keys(TASKS).join(", ")}`);
  return task;
}

/** Whether the shape is of a language model. */
export const isDecoder = (shape) => taskOf(shape) === "causal_lm";

/** Whether the shape is of a model that reads images. */
export const readsImages = (shape) => taskOf(shape) === "image_classification";

/** What the file with a shape's rows is called. */
export const rowsFile = (shape) => (readsImages(shape) ? "rows.zip" : "rows.csv");

/** Collects `{ name, shape, std | bound | value }`: normal, uniform or constant values. */
class Layout {
  list = [];

  normal(name, shape, std = 0.02) {
    this.list.push({ name, shape, std });
  }

  matrix(name, rows, columns, std) {
    this.normal(`${name}.weight`, [rows, columns], std);
  }

  vector(name, size, value) {
    this.list.push({ name, shape: [size], value });
  }

  norm(name, size) {
    this.vector(`${name}.weight`, size, 1);
    this.vector(`${name}.bias`, size, 0);
  }

  /** The bias is as long as `[rows, columns]` has outputs. */
  linear(name, [rows, columns], outputs) {
    this.matrix(name, rows, columns);
    this.vector(`${name}.bias`, outputs, 0);
  }
}

function encoderLayout({ config, num_labels }, withHead) {
  const layout = new Layout();
  const linear = (name, rows, columns) => layout.linear(name, [rows, columns], rows);
  const { hidden_size: hidden, intermediate_size: inner } = config;
  layout.matrix("embeddings.word_embeddings", config.vocab_size, hidden);
  layout.matrix("embeddings.position_embeddings", config.max_position_embeddings, hidden);
  layout.matrix("embeddings.token_type_embeddings", config.type_vocab_size, hidden);
  layout.norm("embeddings.LayerNorm", hidden);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = `encoder.layer.${layer}`;
    for (const part of ["query", "key", "value"]) linear(`${at}.attention.self.${part}`, hidden, hidden);
    linear(`${at}.attention.output.dense`, hidden, hidden);
    layout.norm(`${at}.attention.output.LayerNorm`, hidden);
    linear(`${at}.intermediate.dense`, inner, hidden);
    linear(`${at}.output.dense`, hidden, inner);
    layout.norm(`${at}.output.LayerNorm`, hidden);
  }
  linear("pooler.dense", hidden, hidden);
  if (withHead) linear("classifier", num_labels, hidden);
  return layout.list;
}

/** GPT-2; the table of tokens scores them too, so there is no head. */
function decoderLayout({ config }) {
  const layout = new Layout();
  const linear = (name, inputs, outputs) => layout.linear(name, [inputs, outputs], outputs);
  const { n_embd: hidden, n_inner: inner = 4 * hidden } = config;
  layout.matrix("transformer.wte", config.vocab_size, hidden);
  layout.matrix("transformer.wpe", config.n_positions, hidden);
  for (let layer = 0; layer < config.n_layer; layer++) {
    const at = `transformer.h.${layer}`;
    layout.norm(`${at}.ln_1`, hidden);
    linear(`${at}.attn.c_attn`, hidden, 3 * hidden);
    linear(`${at}.attn.c_proj`, hidden, hidden);
    layout.norm(`${at}.ln_2`, hidden);
    linear(`${at}.mlp.c_fc`, hidden, inner);
    linear(`${at}.mlp.c_proj`, inner, hidden);
  }
  layout.norm("transformer.ln_f", hidden);
  return layout.list;
}

/**
 * T5, of the first kind: a plain feed-forward part, and the table of tokens scores them too. Values are spread as transformers
 * spreads them, for T5 does not divide its scores.
 */
function encoderDecoderLayout({ config }) {
  const layout = new Layout();
  const { d_model: hidden, d_ff: inner, d_kv: size, num_heads: heads } = config;
  const attention = (at, hasDistances) => {
    layout.matrix(`${at}.q`, heads * size, hidden, (hidden * size) ** -0.5);
    for (const part of ["k", "v"]) layout.matrix(`${at}.${part}`, heads * size, hidden, hidden ** -0.5);
    layout.matrix(`${at}.o`, hidden, heads * size, (heads * size) ** -0.5);
    const buckets = config.relative_attention_num_buckets;
    if (hasDistances) layout.matrix(`${at}.relative_attention_bias`, buckets, heads, hidden ** -0.5);
  };
  const stack = (name, numBlocks, attentions) => {
    for (let block = 0; block < numBlocks; block++) {
      const at = (layer) => `${name}.block.${block}.layer.${layer}`;
      attentions.forEach((part, layer) => attention(`${at(layer)}.${part}`, block === 0 && layer === 0));
      const last = at(attentions.length);
      layout.matrix(`${last}.DenseReluDense.wi`, inner, hidden, hidden ** -0.5);
      layout.matrix(`${last}.DenseReluDense.wo`, hidden, inner, inner ** -0.5);
      for (let layer = 0; layer <= attentions.length; layer++) layout.vector(`${at(layer)}.layer_norm.weight`, hidden, 1);
    }
    layout.vector(`${name}.final_layer_norm.weight`, hidden, 1);
  };
  layout.matrix("shared", config.vocab_size, hidden, 1);
  stack("encoder", config.num_layers, ["SelfAttention"]);
  stack("decoder", config.num_decoder_layers, ["SelfAttention", "EncDecAttention"]);
  return layout.list;
}

/** ViT with its classifier, always. */
function imageLayout({ config, num_labels, seq }) {
  const layout = new Layout();
  const linear = (name, rows, columns) => layout.linear(name, [rows, columns], rows);
  const { hidden_size: hidden, intermediate_size: inner, num_channels: channels, patch_size: side } = config;
  layout.normal("vit.embeddings.cls_token", [1, 1, hidden]);
  layout.normal("vit.embeddings.position_embeddings", [1, seq, hidden]);
  layout.normal("vit.embeddings.patch_embeddings.projection.weight", [hidden, channels, side, side]);
  layout.vector("vit.embeddings.patch_embeddings.projection.bias", hidden, 0);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const at = `vit.encoder.layer.${layer}`;
    layout.norm(`${at}.layernorm_before`, hidden);
    for (const part of ["query", "key", "value"]) linear(`${at}.attention.attention.${part}`, hidden, hidden);
    linear(`${at}.attention.output.dense`, hidden, hidden);
    layout.norm(`${at}.layernorm_after`, hidden);
    linear(`${at}.intermediate.dense`, inner, hidden);
    linear(`${at}.output.dense`, hidden, inner);
  }
  layout.norm("vit.layernorm", hidden);
  linear("classifier", num_labels, hidden);
  return layout.list;
}

const LAYOUTS = {
  sequence_classification: encoderLayout,
  causal_lm: decoderLayout,
  seq2seq_lm: encoderDecoderLayout,
  image_classification: imageLayout,
};

/** PEFT's start: `A` uniform in ±1 / sqrt(in), `B` zero; both `[in, out]` here. */
function adapterLayout({ config }) {
  const hidden = config.n_embd;
  return Array.from({ length: config.n_layer }, (_, layer) => `transformer.h.${layer}.attn.c_attn`).flatMap((at) => [
    { name: `${at}.lora_A`, shape: [hidden, LORA.r], bound: 1 / Math.sqrt(hidden) },
    { name: `${at}.lora_B`, shape: [LORA.r, 3 * hidden], value: 0 },
  ]);
}

/** Fills `values`, which are normal (Box-Muller), uniform or constant. */
function fill(values, { std, bound, value }, next) {
  if (value !== undefined) values.fill(value);
  else if (bound !== undefined) values.forEach((_, i) => (values[i] = (2 * next() - 1) * bound));
  else {
    for (let i = 0; i < values.length; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(next())) * std;
      const angle = 2 * Math.PI * next();
      values[i] = radius * Math.cos(angle);
      if (i + 1 < values.length) values[i + 1] = radius * Math.sin(angle);
    }
  }
}

/**
 * Names and shapes of the weights, in the order in which they are drawn; those of an encoder of texts with a classifier where
 * `withHead`.
 */
export const layoutOf = (shape, withHead) => LAYOUTS[taskOf(shape)](shape, withHead);

/** How many numbers a shape holds. */
export const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);

/** Draws every weight of a layout into the place that `room(index)` gives it. */
export function draw(layout, seed, room) {
  const next = uniform(seed);
  layout.forEach((weight, index) => fill(room(index), weight, next));
}

function drawn(layout, seed) {
  const weights = layout.map(({ name, shape }) => ({ name, shape, values: new Float32Array(sizeOf(shape)) }));
  draw(layout, seed, (index) => weights[index].values);
  return weights;
}

/** The seed of every model's weights. */
export const WEIGHTS_SEED = 7;

/** Initial weights: `[{ name, shape, values }]`. */
export const initialWeights = (shape, withHead) => drawn(layoutOf(shape, withHead), WEIGHTS_SEED);

/** Initial adapters of a decoder. */
export const initialAdapters = (shape) => drawn(adapterLayout(shape), 17);

/** `[out, in]` to `[in, out]` for every matrix of an encoder that is multiplied from the right; embeddings stay. */
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
