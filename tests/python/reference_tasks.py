#!/usr/bin/env python3
"""Reference figures: MiniLM fine-tuned with transformers on WNUT17 (named entities) and English XQuAD (answers).

    python3 reference_tasks.py wnut17 [--seeds 42 43 44] [--epochs 3] [--learning-rate 5e-5] ...
    python3 reference_tasks.py xquad [--write FOLDER] ...

In: the model's folder (--model) and the data's (--data). Out, on standard output: a line an epoch, and a JSON object a
seed with its settings and figures on the test rows. The figures are noted in reference_tasks.md.

Both: CPU, f32, AdamW (betas 0.9 and 0.999, epsilon 1e-8, weight decay 0.01 except on biases and norms), learning rate
rising linearly over the first 10 % of the steps and falling linearly to 0, gradients clipped at norm 1, dropout of the
model's config, batches in a new order each epoch, padded to their longest row, the last one kept though it is smaller.
The model after the last epoch is measured. The seed decides the fresh head, the order and the dropout. What it decides can be
taken away, so that another trainer can be held against this one step by step: --model a folder that has a head,
--sequential, --no-dropout, and --pad-to-multiple-of 8 where it pads so (answers are sought among padding too).

wnut17: labels on the first sub-token of a word, the others ignored; words cut by --max-length are predicted as O.
Micro-averaged precision, recall and F1 of entities by seqeval, in its default mode (conlleval) and strictly as IOB2.

xquad: articles are divided by `random.Random(42).shuffle` of their indices, the first four fifths for training,
the rest for the test. Windows of --max-length tokens that overlap by --stride; a window without the whole answer is
trained towards [CLS]. Of the 20 best starts and the 20 best ends of each window, the pair with the highest sum of
logits wins, if it lies in the context, is in order and at most 30 tokens long. Exact match and F1 as SQuAD's script.
"""

import argparse
import collections
import json
import os
import random
import re
import string
import time
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", CUDA_VISIBLE_DEVICES="", TOKENIZERS_PARALLELISM="false")

import torch
import transformers
from transformers import AutoModelForQuestionAnswering, AutoModelForTokenClassification, AutoTokenizer

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "public/models/sentence-transformers/all-MiniLM-L6-v2"
DATA = ROOT.parent / "shared/data"
IGNORED = -100
EVAL_BATCH = 32
SPLIT_SEED, TRAIN_PART = 42, 0.8
NUM_BEST, MAX_ANSWER = 20, 30

# ---------------------------------------------------------------- training


def seed_all(seed):
    random.seed(seed)
    torch.manual_seed(seed)


def padded(rows, pad, multiple=1):
    """Rows of lists as tensors, as long as the longest, rounded up; `pad` has a value for each key that is a list."""
    longest = -(-max(len(row["input_ids"]) for row in rows) // multiple) * multiple
    batch = {}
    for key, first in rows[0].items():
        if isinstance(first, list):
            batch[key] = torch.tensor([row[key] + [pad[key]] * (longest - len(row[key])) for row in rows])
        else:
            batch[key] = torch.tensor([row[key] for row in rows])
    return batch


def adamw(model, options):
    def undecayed(name):
        return name.endswith("bias") or "norm" in name.lower()

    named = list(model.named_parameters())
    groups = [
        dict(params=[p for name, p in named if not undecayed(name)], weight_decay=options.weight_decay),
        dict(params=[p for name, p in named if undecayed(name)], weight_decay=0.0),
    ]
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.999), eps=1e-8)


def train(model, rows, pad, options, seed):
    """Seconds that it took."""
    order = torch.Generator().manual_seed(seed)
    steps = -(-len(rows) // options.batch_size) * options.epochs
    optimizer = adamw(model, options)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, int(options.warmup * steps), steps)
    began = time.monotonic()
    model.train()
    for epoch in range(options.epochs):
        indices = torch.arange(len(rows)) if options.sequential else torch.randperm(len(rows), generator=order)
        total, batches = 0.0, indices.split(options.batch_size)
        for batch in batches:
            chosen = [rows[index] for index in batch.tolist()]
            loss = model(**padded(chosen, pad, options.pad_to_multiple_of)).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        elapsed = time.monotonic() - began
        print(f"seed {seed} epoch {epoch + 1}: mean loss {total / len(batches):.4f}, {elapsed:.0f} s", flush=True)
    return time.monotonic() - began


def rates(options):
    """Dropout of the model: that of its config, or none."""
    return dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0) if options.no_dropout else {}


@torch.no_grad()
def predict(model, rows, pad, keys):
    """Outputs named `keys` of each row, without padding, in the order of the rows."""
    model.eval()
    by_length = sorted(range(len(rows)), key=lambda index: len(rows[index]["input_ids"]))
    found = [None] * len(rows)
    for start in range(0, len(rows), EVAL_BATCH):
        indices = by_length[start : start + EVAL_BATCH]
        output = model(**padded([rows[index] for index in indices], pad))
        for at, index in enumerate(indices):
            length = len(rows[index]["input_ids"])
            found[index] = [output[key][at, :length] for key in keys]
    return found


def settings(options):
    names = ["epochs", "batch_size", "learning_rate", "weight_decay", "warmup", "max_length"]
    return {name: getattr(options, name) for name in names if hasattr(options, name)}


def report(task, options, seed, seconds, steps, **figures):
    versions = dict(transformers=transformers.__version__, torch=torch.__version__)
    known = dict(task=task, seed=seed, **settings(options), steps=steps, train_secs=round(seconds), **versions)
    print(json.dumps(known | figures), flush=True)


# ---------------------------------------------------------------- WNUT17


def read_conll(path):
    """Sentences as (words, tags); a line that is empty or only a tab separates them."""
    sentences, words, tags = [], [], []
    for line in [*path.read_text(encoding="utf-8").split("\n"), ""]:
        if line.strip():
            word, tag = line.split("\t")
            words.append(word)
            tags.append(tag.strip())
        elif words:
            sentences.append((words, tags))
            words, tags = [], []
    return sentences


def encode_words(tokenizer, words, max_length):
    """The inputs, and of each token the index of the word that it is the first of, or None."""
    encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=max_length)
    before, firsts = None, []
    for word in encoded.word_ids():
        firsts.append(word if word != before else None)
        before = word
    return dict(encoded), firsts


def tagged_row(tokenizer, sentence, ids, max_length):
    words, tags = sentence
    inputs, firsts = encode_words(tokenizer, words, max_length)
    return dict(inputs, labels=[IGNORED if word is None else ids[tags[word]] for word in firsts])


def predict_tags(model, tokenizer, sentences, names, options):
    """Tags of every word, and how many words had no token of theirs."""
    encoded = [encode_words(tokenizer, words, options.max_length) for words, _ in sentences]
    logits = predict(model, [inputs for inputs, _ in encoded], PAD_WORDS, ["logits"])
    predicted, without = [], 0
    for (words, _), (_, firsts), (scores,) in zip(sentences, encoded, logits):
        tags = ["O"] * len(words)
        best = scores.argmax(-1).tolist()
        for at, word in enumerate(firsts):
            if word is not None:
                tags[word] = names[best[at]]
        without += len(words) - sum(word is not None for word in firsts)
        predicted.append(tags)
    return predicted, without


def entity_figures(gold, predicted):
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    default = classification_report(gold, predicted, output_dict=True, zero_division=0)
    strict = classification_report(gold, predicted, output_dict=True, zero_division=0, mode="strict", scheme=IOB2)
    per_type = {name: row["f1-score"] for name, row in default.items() if not name.endswith("avg")}
    micro = default["micro avg"]
    return dict(
        precision=micro["precision"], recall=micro["recall"], f1=micro["f1-score"],
        strict_f1=strict["micro avg"]["f1-score"], f1_per_type=per_type,
    )  # fmt: skip


PAD_WORDS = dict(input_ids=0, attention_mask=0, token_type_ids=0, labels=IGNORED)


def wnut17(options):
    folder = options.data or DATA / "wnut17"
    files = dict(train="wnut17train.conll", dev="emerging.dev.conll", test="emerging.test.annotated")
    parts = {part: read_conll(folder / name) for part, name in files.items()}
    names = sorted({tag for _, tags in parts["train"] for tag in tags}, key=lambda tag: (tag != "O", tag))
    ids = {name: index for index, name in enumerate(names)}
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    tokenizer.backend_tokenizer.no_padding()
    rows = [tagged_row(tokenizer, sentence, ids, options.max_length) for sentence in parts["train"]]
    print({part: len(sentences) for part, sentences in parts.items()}, names, flush=True)
    for seed in options.seeds:
        seed_all(seed)
        labels = dict(id2label=dict(enumerate(names)), label2id=ids)
        model = AutoModelForTokenClassification.from_pretrained(
            options.model, **rates(options), **labels, dtype=torch.float32
        )
        seconds = train(model, rows, PAD_WORDS, options, seed)
        figures = {}
        for part in ("dev", "test"):
            predicted, without = predict_tags(model, tokenizer, parts[part], names, options)
            gold = [tags for _, tags in parts[part]]
            figures[part] = dict(entity_figures(gold, predicted), words_without_token=without)
        report("wnut17", options, seed, seconds, -(-len(rows) // options.batch_size) * options.epochs, **figures)


# ---------------------------------------------------------------- XQuAD


def split_articles(articles):
    indices = list(range(len(articles)))
    random.Random(SPLIT_SEED).shuffle(indices)
    cut = int(len(indices) * TRAIN_PART)
    return [articles[index] for index in sorted(indices[:cut])], [articles[index] for index in sorted(indices[cut:])]


def questions(articles):
    return [
        dict(id=qa["id"], question=qa["question"], context=paragraph["context"], answers=qa["answers"])
        for article in articles
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def encode_windows(tokenizer, row, options):
    """The windows of one question: inputs, and the offsets of tokens of the context (None for all others)."""
    encoded = tokenizer(
        row["question"].strip(), row["context"], truncation="only_second", max_length=options.max_length,
        stride=options.stride, return_overflowing_tokens=True, return_offsets_mapping=True,
    )  # fmt: skip
    windows = []
    for index in range(len(encoded["input_ids"])):
        inputs = {key: encoded[key][index] for key in ("input_ids", "attention_mask", "token_type_ids")}
        sequence = encoded.sequence_ids(index)
        offsets = [pair if part == 1 else None for pair, part in zip(encoded["offset_mapping"][index], sequence)]
        windows.append((inputs, offsets))
    return windows


def answer_tokens(offsets, answer):
    """First and last token of the answer; both 0 where the window does not hold all of it."""
    start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
    first = [at for at, pair in enumerate(offsets) if pair and pair[0] <= start < pair[1]]
    last = [at for at, pair in enumerate(offsets) if pair and pair[0] < end <= pair[1]]
    return (first[0], last[-1]) if first and last else (0, 0)


def best_answer(windows, logits, context):
    best, text = None, ""
    for (_, offsets), (starts, ends) in zip(windows, logits):
        for start in starts.topk(min(NUM_BEST, len(starts))).indices.tolist():
            for end in ends.topk(min(NUM_BEST, len(ends))).indices.tolist():
                if not (offsets[start] and offsets[end] and start <= end < start + MAX_ANSWER):
                    continue
                score = (starts[start] + ends[end]).item()
                if best is None or score > best:
                    best, text = score, context[offsets[start][0] : offsets[end][1]]
    return text


def normalized(text):
    text = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def token_f1(predicted, gold):
    predicted, gold = normalized(predicted).split(), normalized(gold).split()
    common = sum((collections.Counter(predicted) & collections.Counter(gold)).values())
    return 2 * common / (len(predicted) + len(gold)) if common else 0.0


def answer_figures(rows, texts):
    exact, overlap = 0.0, 0.0
    for row, text in zip(rows, texts):
        golds = [answer["text"] for answer in row["answers"]]
        exact += max(normalized(text) == normalized(gold) for gold in golds)
        overlap += max(token_f1(text, gold) for gold in golds)
    return dict(exact_match=100 * exact / len(rows), f1=100 * overlap / len(rows))


def write_split(folder, **parts):
    """SQuAD files of the parts, so that another trainer gets the same rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, articles in parts.items():
        (folder / f"{part}.json").write_text(json.dumps(dict(version="1.1", data=articles)) + "\n")


PAD_WINDOWS = dict(input_ids=0, attention_mask=0, token_type_ids=0)


def xquad(options):
    folder = options.data or DATA / "xquad_en"
    train_articles, test_articles = split_articles(json.loads((folder / "xquad.en.json").read_text())["data"])
    if options.write:
        write_split(options.write, train=train_articles, test=test_articles)
    print("test articles:", ", ".join(article["title"] for article in test_articles), flush=True)
    train_rows, test_rows = questions(train_articles), questions(test_articles)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    tokenizer.backend_tokenizer.no_padding()
    windows = []
    for row in train_rows:
        for inputs, offsets in encode_windows(tokenizer, row, options):
            start, end = answer_tokens(offsets, row["answers"][0])
            windows.append(dict(inputs, start_positions=start, end_positions=end))
    test_windows = [encode_windows(tokenizer, row, options) for row in test_rows]
    counts = dict(train=len(train_rows), train_windows=len(windows), test=len(test_rows))
    counts["test_windows"] = sum(map(len, test_windows))
    counts["train_windows_without_answer"] = sum(window["end_positions"] == 0 for window in windows)
    print(counts, flush=True)
    for seed in options.seeds:
        seed_all(seed)
        model = AutoModelForQuestionAnswering.from_pretrained(options.model, **rates(options), dtype=torch.float32)
        seconds = train(model, windows, PAD_WINDOWS, options, seed)
        flat = [inputs for row in test_windows for inputs, _ in row]
        logits = iter(predict(model, flat, PAD_WINDOWS, ["start_logits", "end_logits"]))
        texts = [
            best_answer(row_windows, [next(logits) for _ in row_windows], row["context"])
            for row, row_windows in zip(test_rows, test_windows)
        ]
        figures = dict(test=answer_figures(test_rows, texts), stride=options.stride)
        report("xquad", options, seed, seconds, -(-len(windows) // options.batch_size) * options.epochs, **figures)


# ---------------------------------------------------------------- command line


def add_training(command, epochs, batch_size, learning_rate):
    """Arguments of a training, with these defaults."""
    command.add_argument("--seeds", type=int, nargs="+", default=[42])
    command.add_argument("--epochs", type=int, default=epochs)
    command.add_argument("--batch-size", type=int, default=batch_size)
    command.add_argument("--learning-rate", type=float, default=learning_rate)
    command.add_argument("--weight-decay", type=float, default=0.01)
    command.add_argument("--warmup", type=float, default=0.1, help="part of the steps")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, run, max_length in [("wnut17", wnut17, 128), ("xquad", xquad, 384)]:
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        command.add_argument("--model", type=Path, default=MODEL, help="folder of the model")
        command.add_argument("--data", type=Path, help="folder of the data")
        add_training(command, epochs=3, batch_size=16, learning_rate=5e-5)
        command.add_argument("--max-length", type=int, default=max_length)
        command.add_argument("--sequential", action="store_true", help="rows in their order, in every epoch")
        command.add_argument("--no-dropout", action="store_true")
        command.add_argument("--pad-to-multiple-of", type=int, default=1)
        if name == "xquad":
            command.add_argument("--stride", type=int, default=128, help="tokens that windows share")
            command.add_argument("--write", type=Path, help="folder for train.json and test.json")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
