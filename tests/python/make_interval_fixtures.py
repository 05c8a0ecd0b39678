"""Intervals by drawn rows of figures of numbers, tags, answers, tokens and written texts, which core/src/metrics must give too.

Run: python tests/python/make_interval_fixtures.py
Writes tests/fixtures/metrics/intervals.json. Needs numpy, scipy, scikit-learn, seqeval, sacrebleu and rouge_score (the committed file is
of scikit-learn 1.9.1, scipy 1.17.1, seqeval 1.2.2 and sacrebleu 2). Each draw computes the figure of the drawn rows anew, with the
library, never out of sums. SQuAD's figures are means of what its script gives a question; a perplexity is that of
`transformers`: the exponential of the mean loss of all tokens.
"""

import json
import warnings

import numpy as np
from make_metrics_fixtures import OUT, Resampler
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF
from scipy import stats
from seqeval import metrics as seqeval
from seqeval.scheme import IOB2
from sklearn import metrics as sk

DRAWS, SEED = 60, 7


def drawn(num_rows, figures, draws=DRAWS, seed=SEED):
    """Ends of the middle 95 % of what the draws gave; a figure that is undefined in most draws is left out."""
    resampler, found = Resampler(seed), {}
    for _ in range(draws):
        for name, value in figures(resampler.rows(num_rows)).items():
            if value is not None and np.isfinite(value):
                found.setdefault(name, []).append(float(value))
    kept = {name: values for name, values in found.items() if 2 * len(values) >= draws}
    return {name: [float(np.percentile(values, q)) for q in (2.5, 97.5)] for name, values in kept.items()}


def number_figures(predictions, targets):
    columns = range(targets.shape[1])

    def mean(of):
        values = [of(predictions[:, c], targets[:, c]) for c in columns]
        return None if any(value is None for value in values) else float(np.mean(values))

    def correlation(function):
        is_constant = lambda left, right: len(set(left)) == 1 or len(set(right)) == 1
        return lambda left, right: None if is_constant(left, right) else function(left, right)[0]

    return {
        "mse": mean(lambda p, t: sk.mean_squared_error(t, p)),
        "mae": mean(lambda p, t: sk.mean_absolute_error(t, p)),
        "rmse": mean(lambda p, t: sk.root_mean_squared_error(t, p)),
        "r2": mean(lambda p, t: sk.r2_score(t, p)),
        "pearson": mean(correlation(stats.pearsonr)),
        "spearman": mean(correlation(stats.spearmanr)),
    }


def numbers():
    rng = np.random.default_rng(4)
    targets = np.round(rng.normal(size=(40, 2)) * 3 * 2) / 2
    predictions = np.round((targets + rng.normal(size=(40, 2))) * 2) / 2
    of_few = np.array([[1.0], [1.0], [1.0], [1.0], [2.0]]), np.array([[1.0], [2.0], [2.5], [3.0], [4.0]])

    def case(name, predictions, targets):
        return {
            "name": name,
            "num_outputs": targets.shape[1],
            "predictions": predictions.ravel().tolist(),
            "targets": targets.ravel().tolist(),
            "intervals": drawn(len(targets), lambda rows: number_figures(predictions[rows], targets[rows])),
        }

    return [case("two outputs with ties", predictions, targets), case("mostly the same prediction", *of_few)]


def tags():
    rng = np.random.default_rng(5)
    names = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    gold, predicted = [], []
    for _ in range(30):
        own = [names[i] for i in rng.integers(0, len(names), rng.integers(2, 9))]
        gold.append(own)
        predicted.append([names[rng.integers(0, len(names))] if rng.random() < 0.25 else tag for tag in own])

    def figures(rows):
        left, right = [gold[i] for i in rows], [predicted[i] for i in rows]
        found = {
            "f1": seqeval.f1_score(left, right, zero_division=0),
            "precision": seqeval.precision_score(left, right, zero_division=0),
            "recall": seqeval.recall_score(left, right, zero_division=0),
            "accuracy": seqeval.accuracy_score(left, right),
        }
        for name, function in (("f1", seqeval.f1_score), ("precision", seqeval.precision_score), ("recall", seqeval.recall_score)):
            found[f"strict_{name}"] = function(left, right, mode="strict", scheme=IOB2, zero_division=0)
        return found

    return {"gold": gold, "predicted": predicted, "figures": figures(range(30)), "intervals": drawn(30, figures)}


def sums(name, rows, others, figures):
    """Rows of sums of two models: intervals of the first, and of the second less the first."""
    rows, others = np.array(rows), np.array(others)

    def both(drawn_rows):
        one, other = figures(rows[drawn_rows]), figures(others[drawn_rows])
        return {key: other[key] - one[key] for key in one}

    every = np.arange(len(rows))
    return {
        "name": name,
        "rows": rows.tolist(),
        "others": others.tolist(),
        "figures": {key: float(value) for key, value in figures(rows).items()},
        "intervals": drawn(len(rows), lambda drawn_rows: figures(rows[drawn_rows])),
        "differences": {key: [float(value)] + ends for (key, value), ends in zip(both(every).items(), drawn(len(rows), both).values())},
    }


def answers():
    rng = np.random.default_rng(6)

    def model(share):
        exact = rng.random(50) < share
        f1 = np.where(exact, 1.0, np.round(rng.random(50), 3) * (rng.random(50) < 0.7))
        return np.stack([exact, f1, np.ones(50)], axis=1)

    figures = lambda rows: {"exact_match": 100 * rows[:, 0].mean(), "f1": 100 * rows[:, 1].mean()}
    return sums("answers", model(0.5), model(0.65), figures)


def tokens():
    rng = np.random.default_rng(7)
    counts = rng.integers(1, 40, 45)

    def model(level):
        losses = [np.round(rng.exponential(level, count), 4) for count in counts]
        right = [int((loss < 0.7).sum()) for loss in losses]
        return [[float(loss.sum()), hits, count] for loss, hits, count in zip(losses, right, counts)]

    def figures(rows):
        loss = rows[:, 0].sum() / rows[:, 2].sum()
        return {"loss": loss, "perplexity": np.exp(loss), "token_accuracy": rows[:, 1].sum() / rows[:, 2].sum()}

    return sums("tokens", model(2.0), model(1.9), figures)


def errors():
    rng = np.random.default_rng(8)

    def model(level):
        off = np.round(rng.normal(size=30) * level, 3)
        return np.stack([off**2, np.abs(off), np.ones(30)], axis=1)

    return sums("errors", model(1.0), model(0.8), lambda rows: {"mse": rows[:, 0].mean(), "mae": rows[:, 1].mean()})


def texts():
    rng = np.random.default_rng(9)
    words = "the a quick brown red fox dog jumps runs over under lazy old fence river, house. 12.5 it's".split()
    targets = [" ".join(rng.choice(words, rng.integers(4, 12))) for _ in range(24)]

    def change(text):
        kept = [word if rng.random() < 0.75 else str(rng.choice(words)) for word in text.split()]
        return " ".join(kept[: len(kept) - int(rng.integers(0, 3))])

    written = [text if i % 5 == 0 else change(text) for i, text in enumerate(targets)]
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"])

    def figures(rows):
        pairs = [(written[i], targets[i]) for i in rows]
        left, right = [pair[0] for pair in pairs], [[pair[1] for pair in pairs]]
        rouge = [scorer.score(target, predicted) for predicted, target in pairs]
        found = {"bleu": BLEU().corpus_score(left, right).score, "chrf": CHRF().corpus_score(left, right).score}
        found |= {name: float(np.mean([score[name].fmeasure for score in rouge])) for name in ("rouge1", "rouge2", "rougeL")}
        return found | {"exact_match": float(np.mean([predicted == target for predicted, target in pairs]))}

    return {"written": written, "targets": targets, "figures": figures(range(24)), "intervals": drawn(24, figures)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    found = {
        "draws": DRAWS,
        "seed": SEED,
        "numbers": numbers(),
        "tags": tags(),
        "sums": [answers(), tokens(), errors()],
        "texts": texts(),
    }
    (OUT / "intervals.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
