"""What `hone data report` finds of faults that were planted in 5,000 real texts, by kind: precision and recall.

    python tests/python/plant_faults.py plant ag_news/test.csv FOLDER --seed 7
    hone data report FOLDER/train.csv --valid FOLDER/valid.csv --test FOLDER/test.csv --text-column text --label-column label \\
        --json > FOLDER/report.json
    python tests/python/plant_faults.py compare FOLDER

`plant` takes texts that no other of the file is near to (rows of compare_label_errors.py), 4,000 to train on, 50 to validate and 950 to
test, puts a hundred pairs of each fault among them and notes them in planted.json. `compare` prints for each kind how many pairs were
found, and what share of them and of the planted ones that is. Near-duplicates are changed in several ways, each counted alone, and
beside each stands how many of its pairs share 0.8 of their pieces at all, which is what the report promises to find.
"""

import argparse
import csv
import json
import random
import re
from itertools import combinations
from pathlib import Path

from compare_label_errors import read_rows

NUM_TRAIN, NUM_VALID, NUM_TEST, OF_EACH = 4000, 50, 950, 100
THRESHOLD = 0.8


def normalized(text):
    """About as the report evens texts out; of ASCII texts exactly where no punctuation stands before a digit."""
    text = re.sub(r"['\"`]", "", text.lower())
    return " ".join(re.sub(r"[^\w\s#$%&*+<=>@^|~-]", " ", text).split())


def pieces(text):
    text = normalized(text)
    return {text[at : at + 4] for at in range(max(1, len(text) - 3))}


def share(a, b):
    a, b = pieces(a), pieces(b)
    return len(a & b) / len(a | b)


def typo(text, draw):
    at = draw.randrange(len(text) // 4, len(text))
    other = draw.choice([letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter != text[at].lower()])
    return text[:at] + other + text[at + 1 :]


def without_word(text, draw):
    words = text.split(" ")
    del words[draw.randrange(len(words))]
    return " ".join(words)


def swapped_words(text, draw):
    words = text.split(" ")
    at = draw.randrange(len(words) - 1)
    words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def three_typos(text, draw):
    return typo(typo(typo(text, draw), draw), draw)


def loud(text, _draw):
    return text.upper() + " !!"


CHANGES = {"typo": typo, "word left out": without_word, "words swapped": swapped_words, "three typos": three_typos, "loud": loud}


def far_apart(rows, draw, count):
    """Rows of which no two share half of their pieces, and that are ASCII of everyday lengths."""
    chosen, sizes, by_piece = [], [], {}
    rows = [(text.strip(), label) for text, label in rows if text.isascii() and 60 <= len(text) <= 400]
    draw.shuffle(rows)
    for text, label in rows:
        own, shared = pieces(text), {}
        for piece in own:
            for other in by_piece.get(piece, ()):
                shared[other] = shared.get(other, 0) + 1
        if any(both > 0.5 * (len(own) + sizes[other] - both) for other, both in shared.items()):
            continue
        for piece in own:
            by_piece.setdefault(piece, []).append(len(chosen))
        chosen.append((text, label))
        sizes.append(len(own))
        if len(chosen) == count:
            return chosen
    raise SystemExit(f"only {len(chosen)} rows are far apart")


def plant(args):
    draw = random.Random(args.seed)
    num_train, num_test = NUM_TRAIN - OF_EACH * (2 + len(CHANGES)), NUM_TEST - OF_EACH * 2
    rows = far_apart(read_rows(args.source), draw, num_train + NUM_VALID + num_test)
    labels = sorted({label for _, label in rows})
    train, valid, test = rows[:num_train], rows[num_train:-num_test], rows[-num_test:]
    sources = draw.sample(range(num_train), OF_EACH * (4 + len(CHANGES)))
    planted = {}

    def put(kind, split, change):
        for _ in range(OF_EACH):
            source = sources.pop()
            text, label = change(*train[source])
            where = train if split == "train" else test
            planted.setdefault(kind, []).append([["train", source], [split, len(where)]])
            where.append((text, label))

    put("leaks", "test", lambda text, label: (text, label))
    put("near_leaks", "test", lambda text, label: (typo(text, draw), label))
    put("duplicates", "train", lambda text, label: (text, label))
    put("conflicts", "train", lambda text, label: (text, draw.choice([other for other in labels if other != label])))
    for name, change in CHANGES.items():
        put(f"near_duplicates: {name}", "train", lambda text, label: (change(text, draw), label))

    folder = Path(args.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, split in [("train", train), ("valid", valid), ("test", test)]:
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("text", "label"), *split])
    (folder / "planted.json").write_text(json.dumps({"pairs": planted, "train": train, "valid": valid, "test": test}))
    print(f"{len(train)} training, {len(valid)} validation and {len(test)} test rows, {OF_EACH} pairs of each fault: {folder}")


def found_pairs(report, kind):
    """Pairs of (split, index) that stand in one group of a kind."""
    groups = [group["rows"] for finding in report["findings"] if finding["kind"] == kind for group in finding["groups"]]
    places = [sorted((row["split"], row["index"]) for row in group) for group in groups]
    return {pair for group in places for pair in combinations(group, 2)}


def compare(args):
    folder = Path(args.folder)
    planted = json.loads((folder / "planted.json").read_text())
    report = json.loads((folder / "report.json").read_text())
    texts = {split: [text for text, _ in planted[split]] for split in ["train", "valid", "test"]}
    sets = {kind: {tuple(sorted(map(tuple, pair))) for pair in pairs} for kind, pairs in planted["pairs"].items()}
    for kind in ["leaks", "conflicts", "duplicates", "near_leaks", "near_duplicates"]:
        found = found_pairs(report, kind)
        own = {name: pairs for name, pairs in sets.items() if name.split(":")[0] == kind}
        every = set().union(*own.values())
        hits = len(found & every)
        print(f"{kind}: {len(found)} pairs found, precision {hits / max(1, len(found)):.4f}, recall {hits / len(every):.4f}")
        for name, pairs in own.items() if len(own) > 1 else ():
            near = sum(share(*(texts[split][index] for split, index in pair)) >= THRESHOLD for pair in pairs)
            print(f"  {name.split(': ')[1]}: {len(found & pairs)} of {len(pairs)} found; {near} share {THRESHOLD} of their pieces")
        for pair in sorted(found - every)[: args.show]:
            print("  not planted:", *(f"\n    {split} {index}: {texts[split][index]}" for split, index in pair))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    planting = commands.add_parser("plant")
    planting.add_argument("source")
    planting.add_argument("folder")
    planting.add_argument("--seed", type=int, default=7)
    planting.set_defaults(run=plant)
    comparing = commands.add_parser("compare")
    comparing.add_argument("folder")
    comparing.add_argument("--show", type=int, default=3, help="pairs to print that were not planted")
    comparing.set_defaults(run=compare)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
