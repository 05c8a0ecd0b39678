// Makes what Hone's worker is given: a Hugging Face folder with random weights and a vocabulary of made-up words, and a CSV
// whose rows fill the shape exactly. In: a shape of shapes.json. Out: file names to buffers.

import { initialWeights, uniform } from "./peers/common.js";

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/** A made-up word, one token each: letters only, so that the tokenizer keeps it whole. */
function word(id) {
  let letters = "";
  for (let rest = id; rest > 0; rest = Math.floor(rest / 26)) letters = String.fromCharCode(97 + (rest % 26)) + letters;
  return `w${letters}`;
}

/** config.json, vocab.txt, tokenizer_config.json and model.safetensors of a shape. */
export function modelFiles(shape) {
  const words = Array.from({ length: shape.config.vocab_size - SPECIAL.length }, (_, i) => word(i + 1));
  return new Map([
    ["config.json", Buffer.from(JSON.stringify(shape.config))],
    ["vocab.txt", Buffer.from(`${[...SPECIAL, ...words].join("\n")}\n`)],
    ["tokenizer_config.json", Buffer.from(JSON.stringify({ do_lower_case: true, tokenizer_class: "BertTokenizer" }))],
    ["model.safetensors", safetensors(initialWeights(shape, false))],
  ]);
}

/** `text,label` with as many words a row as fill `seq` with the two special tokens. */
export function dataFile(shape, rows) {
  const next = uniform(13);
  const lines = ["text,label"];
  for (let row = 0; row < rows; row++) {
    const words = Array.from({ length: shape.seq - 2 }, () =>
      word(1 + Math.floor(next() * (shape.config.vocab_size - SPECIAL.length))),
    );
    lines.push(`${words.join(" ")},class ${row % shape.num_labels}`);
  }
  return Buffer.from(`${lines.join("\n")}\n`);
}

function safetensors(weights) {
  const header = {};
  let offset = 0;
  for (const { name, shape, values } of weights) {
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text + " ".repeat((8 - (text.length % 8)) % 8));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(json.length));
  const data = weights.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  return Buffer.concat([size, json, ...data]);
}
