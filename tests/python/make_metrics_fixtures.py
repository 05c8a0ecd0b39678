"""Figures of scikit-learn, scipy and numpy for the rows in tests/fixtures/metrics, which core/src/metrics must give too.

Run: python tests/python/make_metrics_fixtures.py
Needs numpy, scipy, scikit-learn (the committed files are of scikit-learn 1.9.1 and scipy 1.17.1). What these libraries do not have
(expected calibration error, mid-p) is written here in a few lines of numpy. McNemar's exact and corrected chi-squared tests are
statsmodels' formulas (statsmodels.stats.contingency_tables.mcnemar).
"""

import json
import warnings
from pathlib import Path

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import binom, chi2
from sklearn import metrics as sk

OUT = Path(__file__).resolve().parents[1] / "fixtures" / "metrics"
NUM_BINS = 15
MASK = (1 << 64) - 1


class Resampler:
    """SplitMix64, as core/src/metrics/bootstrap.rs draws rows."""

    def __init__(self, seed):
        self.state = seed

    def number(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return mixed ^ (mixed >> 31)

    def rows(self, count):
        return np.array([((self.number() >> 32) * count) >> 32 for _ in range(count)])


def calibration_error(probability, is_right):
    """Guo et al. 2017: equal bins, each with its upper end."""
    ends = np.arange(1, NUM_BINS + 1) / NUM_BINS
    bins = np.minimum(np.searchsorted(ends, probability, side="left"), NUM_BINS - 1)
    parts = [abs(probability[bins == b].sum() - is_right[bins == b].sum()) for b in range(NUM_BINS)]
    return sum(parts) / len(probability)


def ranks_of_one(present, probability):
    """ROC area and average precision; None where scikit-learn has no value."""
    area = sk.roc_auc_score(present, probability) if 0 < present.sum() < len(present) else None
    precision = sk.average_precision_score(present, probability) if present.any() else None
    return area, precision


def mean_known(values, weights=None):
    known = [i for i, value in enumerate(values) if value is not None]
    if not known:
        return None
    return float(np.average([values[i] for i in known], weights=None if weights is None else [weights[i] for i in known]))


def class_figures(labels, logits):
    num_classes = logits.shape[1]
    probabilities = softmax(logits, axis=1)
    predicted = logits.argmax(axis=1)
    ids = list(range(num_classes))
    found = {
        "loss": sk.log_loss(labels, probabilities, labels=ids) if num_classes > 1 else 0.0,
        "accuracy": sk.accuracy_score(labels, predicted),
        "matthews_correlation": sk.matthews_corrcoef(labels, predicted),
    }
    for average in ("macro", "weighted"):
        scores = sk.precision_recall_fscore_support(labels, predicted, average=average, zero_division=0)
        found |= dict(zip((f"{average}_precision", f"{average}_recall", f"{average}_f1"), scores[:3]))
    kappa = sk.cohen_kappa_score(labels, predicted)
    if np.isfinite(kappa) and len(set(labels) | set(predicted)) > 1:
        found["cohen_kappa"] = kappa
    ranked = [1] if num_classes == 2 else ids
    each = [ranks_of_one(labels == c, probabilities[:, c]) for c in ranked]
    found["roc_auc"] = mean_known([area for area, _ in each])
    found["average_precision"] = mean_known([precision for _, precision in each])
    if num_classes > 2:
        found["weighted_roc_auc"] = mean_known([area for area, _ in each], [(labels == c).sum() for c in ranked])
    for k in (3, 5):
        if num_classes > k:
            found[f"top_{k}_accuracy"] = sk.top_k_accuracy_score(labels, logits, k=k, labels=ids)
    scale = num_classes == 2
    onehot = np.eye(num_classes)[labels]
    found["brier_score"] = ((probabilities - onehot) ** 2).sum(axis=1).mean() / (2 if scale else 1)
    if len(set(labels)) == num_classes:
        if scale:
            own = sk.brier_score_loss(labels, probabilities[:, 1])
        else:
            own = sk.brier_score_loss(labels, probabilities)
            whole = sk.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
            weighted = sk.roc_auc_score(labels, probabilities, multi_class="ovr", average="weighted")
            assert abs(whole - found["roc_auc"]) < 1e-12 and abs(weighted - found["weighted_roc_auc"]) < 1e-12
        assert abs(own - found["brier_score"]) < 1e-12
    confidence = probabilities.max(axis=1)
    found["expected_calibration_error"] = calibration_error(confidence, predicted == labels)
    return {name: float(value) for name, value in found.items() if value is not None}


def temperature(labels, logits):
    """Zero of the slope of the likelihood in 1/temperature; None where there is none between 1/20 and 20."""
    rows = np.arange(len(labels))

    def slope(inverse):
        return ((softmax(logits * inverse, axis=1) * logits).sum(axis=1) - logits[rows, labels]).sum()

    if not slope(0.05) < 0 < slope(20):
        return None
    inverse = brentq(slope, 0.05, 20, xtol=1e-15, rtol=1e-15, maxiter=500)
    predicted = logits.argmax(axis=1)

    def both(inverse):
        nll = -log_softmax(logits * inverse, axis=1)[rows, labels].mean()
        return float(nll), float(calibration_error(softmax(logits * inverse, axis=1).max(axis=1), predicted == labels))

    (nll_before, ece_before), (nll_after, ece_after) = both(1.0), both(inverse)
    return {
        "temperature": 1 / inverse,
        "nll_before": nll_before,
        "nll_after": nll_after,
        "ece_before": ece_before,
        "ece_after": ece_after,
    }


def class_intervals(labels, logits, draws, seed):
    resampler, drawn = Resampler(seed), {}
    for _ in range(draws):
        rows = resampler.rows(len(labels))
        for name, value in class_figures(labels[rows], logits[rows]).items():
            drawn.setdefault(name, []).append(value)
    kept = {name: values for name, values in drawn.items() if 2 * len(values) >= draws}
    return {name: [float(np.percentile(values, q)) for q in (2.5, 97.5)] for name, values in kept.items()}


def class_case(name, labels, logits, draws=0):
    labels, logits = np.array(labels), np.array(logits, dtype=np.float32).astype(np.float64)
    case = {
        "name": name,
        "num_classes": logits.shape[1],
        "labels": labels.tolist(),
        "logits": logits.ravel().tolist(),
        "figures": class_figures(labels, logits),
        "temperature": temperature(labels, logits),
    }
    if draws:
        case |= {"draws": draws, "seed": 7, "intervals": class_intervals(labels, logits, draws, 7)}
    return case


def class_cases():
    rng = np.random.default_rng(1)

    def noisy(labels, num_classes, signal, step=None):
        logits = rng.normal(size=(len(labels), num_classes)) * 2
        logits[np.arange(len(labels)), labels] += signal
        return np.round(logits / step) * step if step else np.round(logits, 3)

    two, four, eight = rng.integers(0, 2, 40), rng.integers(0, 4, 60), rng.integers(0, 8, 90)
    skewed = np.array([0] * 30 + [2] * 6 + [3] * 3 + [5])
    return [
        class_case("two classes", two, noisy(two, 2, 2.0), draws=60),
        class_case("two classes with ties", two, noisy(two, 2, 1.5, step=1.0)),
        class_case("four classes", four, noisy(four, 4, 2.0), draws=60),
        class_case("eight classes with ties", eight, noisy(eight, 8, 2.0, step=1.0)),
        class_case("classes without rows", skewed, noisy(skewed, 7, 2.5), draws=40),
        class_case("one class among the rows, predicted with mistakes", [1] * 8, noisy(np.ones(8, int), 3, 1.0)),
        class_case("one class among the rows, all right", [0, 0, 0], [[2, 1, 0], [3, 0, 0], [1, 0, -1]]),
        class_case("all right", [0, 1, 0, 1], [[2, 0], [0, 3], [1, 0], [0, 1]]),
        class_case("all wrong", [1, 0], [[2, 0], [0, 3]]),
        class_case("no logit is higher than another", [0, 1, 2, 0], np.zeros((4, 3))),
        class_case("one row", [1], [[0.5, 1.5, 0.25]]),
    ]


def label_figures(targets, probabilities, thresholds, losses):
    given = probabilities >= thresholds
    found = {"loss": losses.mean(), "subset_accuracy": sk.accuracy_score(targets, given)}
    found["hamming_loss"] = sk.hamming_loss(targets, given)
    occurs = (targets.sum(axis=0) + given.sum(axis=0)) > 0
    for average in ("micro", "macro", "weighted", "samples"):
        if average == "macro":
            scores = sk.precision_recall_fscore_support(targets, given, average=None, zero_division=0)
            scores = [score[occurs].mean() if occurs.any() else 0.0 for score in scores[:3]]
        else:
            scores = sk.precision_recall_fscore_support(targets, given, average=average, zero_division=0)
        names = ("f1",) if average == "samples" else ("precision", "recall", "f1")
        found |= {f"{average}_{name}": scores[("precision", "recall", "f1").index(name)] for name in names}
    columns = range(targets.shape[1])
    each = [ranks_of_one(targets[:, c], probabilities[:, c]) for c in columns]
    found["roc_auc"] = mean_known([area for area, _ in each])
    found["weighted_roc_auc"] = mean_known([area for area, _ in each], [targets[:, c].sum() for c in columns])
    found["average_precision"] = mean_known([precision for _, precision in each])
    found["brier_score"] = np.mean([np.mean((probabilities[:, c] - targets[:, c]) ** 2) for c in columns])
    found["expected_calibration_error"] = calibration_error(probabilities.ravel(), targets.ravel())
    return {name: float(value) for name, value in found.items() if value is not None}


def label_case(name, targets, probabilities, thresholds, draws=0):
    targets, thresholds = np.array(targets, dtype=bool), np.array(thresholds)
    probabilities = np.array(probabilities, dtype=np.float32).astype(np.float64)
    losses = -np.where(targets, np.log(probabilities), np.log1p(-probabilities)).mean(axis=1)
    case = {
        "name": name,
        "targets": targets.ravel().tolist(),
        "probabilities": probabilities.ravel().tolist(),
        "thresholds": thresholds.tolist(),
        "losses": losses.tolist(),
        "figures": label_figures(targets, probabilities, thresholds, losses),
    }
    if draws:
        resampler, drawn = Resampler(7), {}
        for _ in range(draws):
            rows = resampler.rows(len(targets))
            found = label_figures(targets[rows], probabilities[rows], thresholds, losses[rows])
            for key, value in found.items():
                drawn.setdefault(key, []).append(value)
        kept = {key: values for key, values in drawn.items() if 2 * len(values) >= draws}
        case |= {"draws": draws, "seed": 7}
        case["intervals"] = {key: [float(np.percentile(values, q)) for q in (2.5, 97.5)] for key, values in kept.items()}
    return case


def label_cases():
    rng = np.random.default_rng(2)

    def noisy(shape, share, step=None):
        targets = rng.random(shape) < share
        scores = 1 / (1 + np.exp(-(rng.normal(size=shape) * 1.5 + np.where(targets, 1.5, -1.5))))
        return targets, np.clip(np.round(scores / step) * step, step, 1 - step) if step else np.round(scores, 4)

    targets, scores = noisy((50, 4), 0.3)
    tied_targets, tied = noisy((40, 3), 0.4, step=0.125)
    rare = targets.copy()
    rare[:, 2], rare[:, 3] = False, True
    return [
        label_case("four labels", targets, scores, [0.5, 0.4, 0.6, 0.5], draws=50),
        label_case("ties", tied_targets, tied, [0.5, 0.25, 0.75], draws=30),
        label_case("a label of no row and one of all", rare, scores, [0.5] * 4, draws=30),
        label_case("no labels at all", np.zeros((5, 2)), rng.random((5, 2)) * 0.4 + 0.01, [0.5, 0.5]),
    ]


def mcnemar(b, c):
    fewer, n = min(b, c), b + c
    exact = min(1.0, 2 * binom.cdf(fewer, n, 0.5))
    at = binom.pmf(fewer, n, 0.5)
    # Fagerland, Lydersen and Laake 2013, supplement: of equal counts it is 1 less half of the middle term.
    mid = 1 - 0.5 * at if b == c and n else min(1.0, 2 * binom.cdf(fewer, n, 0.5) - at)
    statistic = max(abs(b - c) - 1, 0) ** 2 / n if n else 0.0
    return {"b": b, "c": c, "exact": float(exact), "mid": float(mid), "chi2": statistic, "p_chi2": float(chi2.sf(statistic, 1))}


def compare_case(draws=80):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 5, 70)
    runs = [np.where(rng.random(70) < right, labels, rng.integers(0, 5, 70)) for right in (0.6, 0.75)]
    resampler, accuracy, f1 = Resampler(11), [], []
    for _ in range(draws):
        rows = resampler.rows(70)
        a, b = (sk.accuracy_score(labels[rows], run[rows]) for run in runs)
        accuracy.append(b - a)
        a, b = (sk.f1_score(labels[rows], run[rows], average="macro", zero_division=0) for run in runs)
        f1.append(b - a)
    ends = lambda values: [float(np.percentile(values, q)) for q in (2.5, 97.5)]
    return {
        "num_classes": 5,
        "labels": labels.tolist(),
        "first": runs[0].tolist(),
        "second": runs[1].tolist(),
        "draws": draws,
        "seed": 11,
        "accuracy": [float(sk.accuracy_score(labels, run)) for run in runs],
        "accuracy_interval": ends(accuracy),
        "macro_f1": [float(sk.f1_score(labels, run, average="macro", zero_division=0)) for run in runs],
        "macro_f1_interval": ends(f1),
    }


def write(name, value):
    (OUT / name).write_text(json.dumps(value, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    OUT.mkdir(parents=True, exist_ok=True)
    write("classes.json", class_cases())
    write("labels.json", label_cases())
    pairs = [(0, 0), (1, 0), (3, 3), (2, 9), (9, 2), (25, 12), (120, 150), (1000, 1100), (0, 40)]
    write("compare.json", {"mcnemar": [mcnemar(b, c) for b, c in pairs], "paired": compare_case()})
