// Rows with faults of known kinds: English words in sentences of everyday lengths, without sense. In: a folder, a name, how many
// rows there are. Out: CSV files, and how many rows of each fault were planted.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { uniform } from "./peers/weights.js";

/** Words that stand between the others, so that two sentences have about as many of them as in English. */
const FREQUENT =
  "the of and to in a is that it for was on are as with they be at have this from or had by not but what all were we when your can " +
  "there an which their if will how about out them then so would like has more two go no could my than been who its now did get";

/** English words: those of the table of synonyms. */
const TABLE = new URL("../../core/src/data/augment/synonyms.txt", import.meta.url);

const LABELS = ["delivery", "billing", "account", "returns", "technical", "praise"];

/** Of so many rows one is planted, of each kind. */
const EVERY = 50;

function vocabulary() {
  const lines = readFileSync(TABLE, "utf8").split("\n").filter((line) => !line.startsWith("#"));
  return lines.join(" ").split(/\s+/).filter((word) => word);
}

/**
 * Writes `NAME-train.csv` and, where there are test rows, `NAME-test.csv`, from which the page knows what each is for. Of the
 * training rows one in fifty repeats an earlier one, one repeats the text of one under another label, one is one but for a letter; of
 * the test rows one in fifty is a training row.
 */
export function faultyRows(folder, name, { train, test }) {
  const next = uniform(17);
  const below = (bound) => Math.floor(bound * next());
  const [frequent, words] = [FREQUENT.split(" "), vocabulary()];
  const word = () => (next() < 0.45 ? frequent[below(frequent.length)] : words[below(words.length)]);
  const sentence = () => Array.from({ length: 6 + Math.floor(50 * next() ** 2) }, word).join(" ");
  const label = () => LABELS[below(LABELS.length)];
  const clean = () => [sentence(), label()];

  const planted = { duplicates: 0, conflicts: 0, near_duplicates: 0, leaks: 0 };
  const rows = [];
  const sources = []; // each row is repeated once at most
  const source = () => sources.splice(below(sources.length), 1)[0];
  for (let index = 0; index < train; index++) {
    const kind = index % EVERY;
    if (index < EVERY || kind >= 3) {
      rows.push(clean());
      sources.push(rows.length - 1);
      continue;
    }
    const [text, of] = rows[source()];
    if (kind === 0) {
      planted.duplicates += 1;
      rows.push([text, of]);
    } else if (kind === 1) {
      planted.conflicts += 1;
      rows.push([text, LABELS[(LABELS.indexOf(of) + 1) % LABELS.length]]);
    } else {
      planted.near_duplicates += 1;
      const at = below(text.length);
      rows.push([`${text.slice(0, at)}7${text.slice(at + 1)}`, of]);
    }
  }
  const held_out = Array.from({ length: test }, (_, index) => {
    if (index % EVERY !== 0) return clean();
    planted.leaks += 1;
    return rows[source()];
  });
  const write = (split, rows) => {
    const path = join(folder, `${name}-${split}.csv`);
    writeFileSync(path, `text,label\n${rows.map((row) => row.join(",")).join("\n")}\n`);
    return path;
  };
  const files = [write("train", rows), ...(test > 0 ? [write("test", held_out)] : [])];
  return { files, total: train + test, planted };
}
