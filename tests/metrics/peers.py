"""Each metric as scikit-learn computes it, and ECE, which it lacks, by hand."""

import numpy as np
import sklearn.metrics as sk


def calibration_error(truth, probabilities, weights=None):
    two = probabilities.shape[1] == 2
    promised = probabilities[:, 1] if two else probabilities.max(axis=1)
    kept = truth == 1 if two else truth == probabilities.argmax(axis=1)
    shares = np.ones(len(truth)) if weights is None else weights
    error = 0.0
    for k in range(15):
        here = (promised > k / 15) & (promised <= (k + 1) / 15) | ((k == 0) & (promised == 0))
        if shares[here].sum() > 0:
            gap = np.average(promised[here], weights=shares[here]) - np.average(kept[here], weights=shares[here])
            error += shares[here].sum() / shares.sum() * abs(gap)
    return error


def of_classes(truth, predicted, probabilities, weights=None):
    """Metric by name → value; classes without rows are left out of averages."""
    own = {"sample_weight": weights}
    n_classes = probabilities.shape[1]
    two, labels = n_classes == 2, np.unique(truth)
    positive = {} if two else {"labels": labels, "average": "macro"}
    macro, weighted = ({"labels": labels, "average": average} for average in ("macro", "weighted"))
    ranked = [1] if two else labels
    expected = {
        "accuracy": sk.accuracy_score(truth, predicted, **own),
        "balanced_accuracy": sk.recall_score(truth, predicted, **macro, **own),
        "mcc": sk.matthews_corrcoef(truth, predicted, **own),
        "kappa": sk.cohen_kappa_score(truth, predicted, **own),
        "log_loss": sk.log_loss(truth, probabilities, labels=range(n_classes), **own),
        "brier": sk.brier_score_loss(
            truth, probabilities[:, 1] if two else probabilities, labels=range(n_classes), **own
        ),
        "roc_auc": np.mean([sk.roc_auc_score(truth == k, probabilities[:, k], **own) for k in ranked]),
        "pr_auc": np.mean([sk.average_precision_score(truth == k, probabilities[:, k], **own) for k in ranked]),
        "ece": calibration_error(truth, probabilities, weights),
    }
    for name, score in {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}.items():
        variants = {name: positive, f"{name}_macro": macro, f"{name}_weighted": weighted}
        expected |= {key: score(truth, predicted, zero_division=0, **kind, **own) for key, kind in variants.items()}
    for k in (3, 5):
        if n_classes > k:
            top = sk.top_k_accuracy_score(truth, probabilities, k=k, labels=range(n_classes), **own)
            expected[f"top_{k}_accuracy"] = top
    return expected


def of_numbers(truth, values, q=None, weights=None):
    """Metric by name → value; (n, t). q : the quantile that is predicted."""
    by = {"sample_weight": weights}
    own = (
        {}
        if q is None
        else {
            "pinball": sk.mean_pinball_loss(truth, values, alpha=q, **by),
            "coverage": np.average(truth <= values, axis=0, weights=weights).mean(),
        }
    )
    if (truth >= 0).all() and (values > 0).all():
        deviances = [sk.mean_poisson_deviance(*one, **by) for one in zip(truth.T, values.T, strict=True)]
        own["poisson_deviance"] = np.mean(deviances)
    return own | {
        "rmse": sk.root_mean_squared_error(truth, values, **by),
        "mae": sk.mean_absolute_error(truth, values, **by),
        "r2": sk.r2_score(truth, values, **by),
        "mse": sk.mean_squared_error(truth, values, **by),
        "median_ae": sk.median_absolute_error(truth, values, **by),
        "max_error": np.mean([sk.max_error(truth[:, k], values[:, k]) for k in range(truth.shape[1])]),
        "mape": sk.mean_absolute_percentage_error(truth, values, **by),
    }
