"""Label errors of hone beside those of cleanlab on the same probabilities, with labels that were changed on purpose.

    python tests/python/compare_label_errors.py plant train_5500.label trec.csv --share 0.05 --seed 7
    hone data label-errors trec.csv --model MODEL --label-column label --save-probabilities probabilities.jsonl --json > found.json
    python tests/python/compare_label_errors.py compare found.json probabilities.jsonl --planted trec.csv

`plant` reads TREC's lines (LABEL:fine question), AG News' own CSV file (class, title, description, without a header; text is title
and description) or a CSV file with the columns text and label, gives a share of the rows another label, and writes a CSV file whose column true_label says what there was. `compare` runs cleanlab and prints whether it names the same
rows in the same order, and with --planted precision and recall of the changed rows. Needs numpy and cleanlab.
"""

import argparse
import csv
import functools
import json
import random
import sys


# The classes of AG News, whose file has their numbers, from 1.
AG_NEWS = ["World", "Sports", "Business", "Sci/Tech"]


def read_rows(path):
    if path.endswith(".csv"):
        with open(path, newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        if "text" in header and "label" in header:
            text, label = header.index("text"), header.index("label")
            return [(row[text], row[label]) for row in rows]
        return [(f"{title} {description}", AG_NEWS[int(number) - 1]) for number, title, description in [header, *rows]]
    with open(path, encoding="latin-1") as file:
        lines = [line.rstrip("\n") for line in file if line.strip()]
    return [(line.split(" ", 1)[1], line.split(":", 1)[0]) for line in lines]


def plant(args):
    rows = read_rows(args.source)
    labels = sorted({label for _, label in rows})
    draw = random.Random(args.seed)
    wrong = set(draw.sample(range(len(rows)), round(args.share * len(rows))))
    with open(args.output, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "true_label"])
        for index, (text, label) in enumerate(rows):
            given = draw.choice([other for other in labels if other != label]) if index in wrong else label
            writer.writerow([text, given, label])
    print(f"{len(wrong)} of {len(rows)} labels were changed: {args.output}")


def compare(args):
    import numpy as np

    # Fractions that are equal are put in the order of their rows, as core does (make_label_error_fixtures.py).
    np.argsort = functools.partial(np.argsort, kind="stable")
    from cleanlab.filter import find_label_issues

    found = [error["row"] for error in json.load(open(args.found, encoding="utf-8"))["errors"]]
    lines = [json.loads(line) for line in open(args.probabilities, encoding="utf-8")]
    names = sorted(lines[0]["probabilities"])
    numbers = np.array([line["row"] for line in lines])
    labels = np.array([names.index(line["label"]) for line in lines])
    probabilities = np.array([[line["probabilities"][name] for name in names] for line in lines])
    for filter_by in ["prune_by_noise_rate", "both"]:
        indices = find_label_issues(
            labels, probabilities, filter_by=filter_by, return_indices_ranked_by="normalized_margin", n_jobs=1
        )
        rows = numbers[indices].tolist()
        print(f"cleanlab {filter_by}: {len(rows)} rows, of which hone names {len(set(rows) & set(found))} of its {len(found)}")
        if filter_by == "prune_by_noise_rate":
            is_same = rows == found
            print("the same rows in the same order" if is_same else "NOT the same")
    if args.planted:
        with open(args.planted, newline="", encoding="utf-8") as file:
            # Row 1 is the header, as hone counts.
            planted = {i for i, row in enumerate(csv.DictReader(file), start=2) if row["label"] != row["true_label"]}
        for top in [len(planted), len(found)]:
            hits = len(planted & set(found[:top]))
            print(f"first {top}: precision {hits / max(top, 1):.4f}, recall {hits / max(len(planted), 1):.4f}")
    return 0 if is_same else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    planting = commands.add_parser("plant")
    planting.add_argument("source")
    planting.add_argument("output")
    planting.add_argument("--share", type=float, default=0.05)
    planting.add_argument("--seed", type=int, default=7)
    planting.set_defaults(run=plant)
    comparing = commands.add_parser("compare")
    comparing.add_argument("found")
    comparing.add_argument("probabilities")
    comparing.add_argument("--planted")
    comparing.set_defaults(run=compare)
    args = parser.parse_args()
    sys.exit(args.run(args))


if __name__ == "__main__":
    main()
