"""What scikit-learn and cleanlab give for the rows in tests/fixtures/label_errors, which core/src/metrics/logistic.rs and
core/src/metrics/label_errors.rs must give too.

Run: python tests/python/make_label_error_fixtures.py
Needs numpy, scikit-learn and cleanlab (the committed files are of scikit-learn 1.9.1 and cleanlab 2.9.0).

Where counts are rounded, cleanlab sorts fractions of which some are equal, with a sort that keeps no order of equals: what it gives
then depends on the processor. Here it sorts with one that does, as core does.
"""

import functools
import json
import warnings
from pathlib import Path

import numpy as np
from cleanlab.count import compute_confident_joint, get_confident_thresholds
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_normalized_margin_for_each_label
from sklearn.linear_model import LogisticRegression

np.argsort = functools.partial(np.argsort, kind="stable")

OUT = Path(__file__).resolve().parents[1] / "fixtures" / "label_errors"


def blobs(random, num_rows, num_classes, dim, spread):
    """Rows around a point for each class, at length 1, as numbers that are exact in 32 bits."""
    centers = random.normal(size=(num_classes, dim))
    labels = random.integers(num_classes, size=num_rows)
    labels[:num_classes] = np.arange(num_classes)
    vectors = centers[labels] + spread * random.normal(size=(num_rows, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), labels


def logistic_case(name, seed, num_rows, num_classes, dim, spread, c):
    vectors, labels = blobs(np.random.default_rng(seed), num_rows, num_classes, dim, spread)
    x = vectors.astype(np.float64)
    fitted = LogisticRegression(C=c, solver="lbfgs", tol=1e-12, max_iter=100_000).fit(x, labels)
    # A second solver must agree: the committed numbers are those of the minimum, not of one solver's last step.
    other = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(x, labels)
    differences = [np.abs(fitted.coef_ - other.coef_).max(), np.abs(fitted.intercept_ - other.intercept_).max()]
    assert max(differences) < 1e-6, (name, differences)
    return {
        "name": name,
        "dim": dim,
        "num_classes": num_classes,
        "c": c,
        "vectors": [float(number) for number in vectors.ravel()],
        "labels": labels.tolist(),
        "coefficients": other.coef_.tolist(),
        "intercepts": other.intercept_.tolist(),
        "probabilities": other.predict_proba(x).ravel().tolist(),
    }


def cleanlab_case(name, seed, num_rows, num_classes, share_wrong, certainty, missing=None):
    """Probabilities of a model that is mostly right, and labels of which some were changed."""
    random = np.random.default_rng(seed)
    true = random.integers(num_classes, size=num_rows)
    scores = random.normal(size=(num_rows, num_classes))
    scores[np.arange(num_rows), true] += certainty
    labels = true.copy()
    wrong = random.random(num_rows) < share_wrong
    labels[wrong] = random.integers(num_classes, size=int(wrong.sum()))
    if missing is not None:
        labels[labels == missing] = (missing + 1) % num_classes
    # Few digits: what is written is what was computed with.
    probabilities = np.exp(scores)
    probabilities = np.round(probabilities / probabilities.sum(axis=1, keepdims=True), 9)
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for filter_by in ["prune_by_noise_rate", "prune_by_class", "both"]:
            rows = find_label_issues(
                labels, probabilities, filter_by=filter_by, return_indices_ranked_by="normalized_margin", n_jobs=1
            )
            found[filter_by] = rows.tolist()
        joint = compute_confident_joint(labels, probabilities)
    return {
        "name": name,
        "num_classes": num_classes,
        "labels": labels.tolist(),
        "probabilities": probabilities.ravel().tolist(),
        "thresholds": get_confident_thresholds(labels, probabilities).tolist(),
        "joint": joint.tolist(),
        "normalized_margin": get_normalized_margin_for_each_label(labels, probabilities).tolist(),
        **found,
    }


def write(name, cases):
    lines = ",\n".join(json.dumps(case) for case in cases)
    (OUT / name).write_text(f"[\n{lines}\n]\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    write(
        "logistic.json",
        [
            logistic_case("two classes", 1, 60, 2, 6, 1.0, 1.0),
            logistic_case("five classes", 2, 120, 5, 12, 1.2, 1.0),
            logistic_case("a weak penalty", 3, 90, 3, 4, 1.5, 20.0),
            logistic_case("a strong penalty", 4, 90, 4, 10, 0.8, 0.05),
        ],
    )
    write(
        "cleanlab.json",
        [
            cleanlab_case("two classes", 11, 120, 2, 0.15, 2.0),
            cleanlab_case("four classes", 12, 200, 4, 0.1, 3.0),
            cleanlab_case("many classes", 13, 240, 12, 0.2, 3.0),
            cleanlab_case("a poor model", 14, 150, 5, 0.3, 0.5),
            cleanlab_case("a class without rows", 15, 150, 5, 0.1, 2.5, missing=2),
            cleanlab_case("few rows", 16, 14, 6, 0.3, 2.0),
        ],
    )


if __name__ == "__main__":
    main()
