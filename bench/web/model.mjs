// Makes what Hone's worker is given: a Hugging Face folder with random weights and a vocabulary of made-up words, and rows that
// fill the shape exactly: a CSV, or a zip of images. In: a shape of shapes.json. Out: file names to buffers.

import { squarePng, zip } from "./images.mjs";
import { numSpecial } from "./peers/common.js";
import { WEIGHTS_SEED, draw, layoutOf, sizeOf, taskOf, uniform } from "./peers/weights.js";

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** Ends a text; id 0, as shapes.json says. */
const END = "<|endoftext|>";

/** T5's special tokens; the ids of the first two are those of shapes.json. */
const T5_SPECIAL = ["<pad>", "</s>", "<unk>"];

/** Images are of squares of so many pixels, each of a random colour: noise, but in files that are small. */
const SQUARE = 8;

/** A made-up word, one token each: letters only, so that the tokenizer keeps it whole. */
function word(id) {
  let letters = "";
  for (let rest = id; rest > 0; rest = Math.floor(rest / 26)) letters = String.fromCharCode(97 + (rest % 26)) + letters;
  return `w${letters}`;
}

const numWords = (shape) => shape.config.vocab_size - numSpecial(shape);
const words = (shape) => Array.from({ length: numWords(shape) }, (_, i) => word(i + 1));
const label = (id) => `class ${id}`;

/** The files of a model beside config.json and its weights; what is no text becomes JSON. */
const FILES = {
  sequence_classification: (shape) => ({
    "vocab.txt": `${[...SPECIAL, ...words(shape)].join("\n")}\n`,
    "tokenizer_config.json": { do_lower_case: true, tokenizer_class: "BertTokenizer" },
  }),
  causal_lm: (shape) => ({
    "tokenizer.json": wordTokenizer(words(shape)),
    "tokenizer_config.json": { tokenizer_class: "PreTrainedTokenizerFast", bos_token: END, eos_token: END },
  }),
  seq2seq_lm: (shape) => ({
    "tokenizer.json": pieceTokenizer(words(shape)),
    "tokenizer_config.json": {
      tokenizer_class: "PreTrainedTokenizerFast",
      pad_token: "<pad>",
      eos_token: "</s>",
      unk_token: "<unk>",
      model_max_length: shape.config.n_positions,
    },
  }),
  image_classification: ({ config }) => ({
    "preprocessor_config.json": {
      image_processor_type: "ViTImageProcessor",
      do_resize: true,
      size: { height: config.image_size, width: config.image_size },
      resample: 2,
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
    },
  }),
};

/** config.json; of a model of images with the names of its labels, for it comes with a classifier. */
function configFile(shape) {
  if (taskOf(shape) !== "image_classification") return shape.config;
  const labels = Array.from({ length: shape.num_labels }, (_, id) => label(id));
  const label2id = Object.fromEntries(labels.map((name, id) => [name, id]));
  return { ...shape.config, id2label: { ...labels }, label2id };
}

const addedToken = (content, id) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

/** What lies between spaces is a token; nothing is added to a text. */
function wordTokenizer(words) {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [addedToken(END, 0)],
    normalizer: null,
    pre_tokenizer: { type: "WhitespaceSplit" },
    post_processor: null,
    decoder: null,
    model: { type: "WordLevel", vocab: Object.fromEntries([END, ...words].map((token, id) => [token, id])), unk_token: END },
  };
}

/** Of SentencePiece's kind, as T5 has it: every word is a piece, all equally likely, and a text ends with `</s>`. */
function pieceTokenizer(words) {
  const metaspace = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true };
  const [text, end] = [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }];
  const second = { Sequence: { id: "B", type_id: 0 } };
  const score = -Math.log(words.length);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: T5_SPECIAL.map(addedToken),
    normalizer: null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, metaspace] },
    post_processor: {
      type: "TemplateProcessing",
      single: [text, end],
      pair: [text, end, second, end],
      special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
    },
    decoder: metaspace,
    model: {
      type: "Unigram",
      unk_id: 2,
      vocab: [...T5_SPECIAL.map((token) => [token, 0]), ...words.map((word) => [`▁${word}`, score])],
      byte_fallback: false,
    },
  };
}

/** The small files and model.safetensors of a shape. */
export function modelFiles(shape) {
  const files = Object.entries({ "config.json": configFile(shape), ...FILES[taskOf(shape)](shape) });
  const small = files.map(([name, content]) => [
    name,
    Buffer.from(typeof content === "string" ? content : JSON.stringify(content)),
  ]);
  return new Map([...small, ["model.safetensors", safetensors(layoutOf(shape, false))]]);
}

/** Columns of rows.csv, and the cells of a row: `text(count)` has so many words, fewer than tokens by those that Hone adds. */
const TABLES = {
  sequence_classification: {
    columns: "text,label",
    cells: ({ seq, num_labels }, text, row) => [text(seq - 2), label(row % num_labels)],
  },
  causal_lm: { columns: "text", cells: ({ seq }, text) => [text(seq - 1)] },
  seq2seq_lm: {
    columns: "source,target",
    cells: ({ seq, target_seq }, text) => [text(seq - 1), text(target_seq - 1)],
  },
};

/** The file of a shape's rows, whose name is that of `rowsFile`. */
export function dataFile(shape, rows) {
  const next = uniform(13);
  if (taskOf(shape) === "image_classification") return imageFile(shape, rows, next);
  const { columns, cells } = TABLES[taskOf(shape)];
  const text = (count) => Array.from({ length: count }, () => word(1 + Math.floor(next() * numWords(shape)))).join(" ");
  const lines = Array.from({ length: rows }, (_, row) => cells(shape, text, row).join(","));
  return Buffer.from(`${[columns, ...lines].join("\n")}\n`);
}

/** A zip with a folder for each label. */
function imageFile({ config, num_labels }, rows, next) {
  const side = config.image_size;
  const across = Math.ceil(side / SQUARE);
  const image = () => {
    const colors = Array.from({ length: across * across }, () => [0, 1, 2].map(() => Math.floor(256 * next())));
    return squarePng(side, (row, column) => colors[Math.floor(row / SQUARE) * across + Math.floor(column / SQUARE)]);
  };
  return zip(Array.from({ length: rows }, (_, row) => [`${label(row % num_labels)}/${row}.png`, image()]));
}

/** The weights are drawn where they stand in the file: GPT-2's are half a gigabyte. */
function safetensors(layout) {
  const header = {};
  const starts = [];
  let end = 0;
  for (const { name, shape } of layout) {
    starts.push(end);
    end += sizeOf(shape) * Float32Array.BYTES_PER_ELEMENT;
    header[name] = { dtype: "F32", shape, data_offsets: [starts.at(-1), end] };
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text + " ".repeat((8 - (text.length % 8)) % 8));
  const start = 8 + json.length;
  const file = new ArrayBuffer(start + end);
  const bytes = Buffer.from(file);
  bytes.writeBigUInt64LE(BigInt(json.length));
  json.copy(bytes, 8);
  draw(layout, WEIGHTS_SEED, (index) => new Float32Array(file, start + starts[index], sizeOf(layout[index].shape)));
  return bytes;
}
