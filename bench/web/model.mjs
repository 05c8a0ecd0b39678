// Makes what Hone's worker is given: a Hugging Face folder with random weights and a vocabulary of made-up words, and a CSV
// whose rows fill the shape exactly. In: a shape of shapes.json. Out: file names to buffers.

import { numSpecial } from "./peers/common.js";
import { WEIGHTS_SEED, draw, isDecoder, layoutOf, sizeOf, uniform } from "./peers/weights.js";

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** Ends a text; id 0, as shapes.json says. */
const END = "<|endoftext|>";

/** A made-up word, one token each: letters only, so that the tokenizer keeps it whole. */
function word(id) {
  let letters = "";
  for (let rest = id; rest > 0; rest = Math.floor(rest / 26)) letters = String.fromCharCode(97 + (rest % 26)) + letters;
  return `w${letters}`;
}

const numWords = (shape) => shape.config.vocab_size - numSpecial(shape);

/** The files of a model but its weights. */
function smallFiles(shape) {
  const words = Array.from({ length: numWords(shape) }, (_, i) => word(i + 1));
  const files = isDecoder(shape)
    ? {
        "tokenizer.json": JSON.stringify(wordTokenizer(words)),
        "tokenizer_config.json": JSON.stringify({ tokenizer_class: "PreTrainedTokenizerFast", bos_token: END, eos_token: END }),
      }
    : {
        "vocab.txt": `${[...SPECIAL, ...words].join("\n")}\n`,
        "tokenizer_config.json": JSON.stringify({ do_lower_case: true, tokenizer_class: "BertTokenizer" }),
      };
  return { "config.json": JSON.stringify(shape.config), ...files };
}

/** What lies between spaces is a token; nothing is added to a text. */
function wordTokenizer(words) {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [{ id: 0, content: END, ...flags }],
    normalizer: null,
    pre_tokenizer: { type: "WhitespaceSplit" },
    post_processor: null,
    decoder: null,
    model: { type: "WordLevel", vocab: Object.fromEntries([END, ...words].map((token, id) => [token, id])), unk_token: END },
  };
}

/** The small files and model.safetensors of a shape. */
export function modelFiles(shape) {
  const files = Object.entries(smallFiles(shape)).map(([name, text]) => [name, Buffer.from(text)]);
  return new Map([...files, ["model.safetensors", safetensors(layoutOf(shape, false))]]);
}

/**
 * `text,label` with as many words a row as fill `seq` with the two special tokens; of a decoder `text` alone, and one token is
 * the end that Hone puts behind every text.
 */
export function dataFile(shape, rows) {
  const next = uniform(13);
  const [end, added] = isDecoder(shape) ? [() => "", 1] : [(row) => `,class ${row % shape.num_labels}`, 2];
  const lines = [isDecoder(shape) ? "text" : "text,label"];
  for (let row = 0; row < rows; row++) {
    const words = Array.from({ length: shape.seq - added }, () => word(1 + Math.floor(next() * numWords(shape))));
    lines.push(`${words.join(" ")}${end(row)}`);
  }
  return Buffer.from(`${lines.join("\n")}\n`);
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
