"""Boosting and scikit-learn's network on one table: tables CONTENDER TRAIN TEST TARGET TASK SEED OUT.

Defaults, with native categories and, where the contender has it, early stopping on a tenth of the training rows.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HELD_OUT = 0.1
PATIENCE = 50


def main(contender: str, train: str, test: str, target: str, task: str, seed: str, out: str) -> None:
    """Fit, predict, write the predictions as mlcli names them."""
    rows, new = pd.read_csv(train), pd.read_csv(test)
    classes = task != "regression"
    y = rows[target].astype(str) if classes else rows[target].astype(float)
    x, new = rows.drop(columns=target), new.drop(columns=target)
    x, new = expand_dates(x, new)
    model = {"catboost": catboost, "lightgbm": lightgbm, "boosting": boosting, "mlp": mlp}[contender](
        x, y, classes, int(seed)
    )
    if classes:
        labels = model.classes_
        result = pd.DataFrame(model.predict_proba(new), columns=[f"probability_{label}" for label in labels])
    else:
        result = pd.DataFrame({"prediction": np.ravel(model.predict(new))})
    result.to_csv(out, index=False)


def expand_dates(x: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """ISO dates become year, month, day, weekday, day of the year and days since 1970, for every contender."""
    for name in [name for name in x.columns if x[name].dtype == object or str(x[name].dtype) == "str"]:
        if not x[name].dropna().astype(str).str.match(r"^\d{4}-\d{2}-\d{2}$").all():
            continue
        for frame in (x, new):
            when = pd.to_datetime(frame.pop(name)).dt
            for part in ("year", "month", "day", "dayofweek", "dayofyear"):
                frame[f"{name}_{part}"] = getattr(when, part)
            frame[f"{name}_days"] = (when.normalize() - pd.Timestamp(0)).dt.days
    return x, new


def texts(x: pd.DataFrame) -> list[str]:
    """Columns of categories."""
    return list(x.select_dtypes(exclude="number").columns)


def held_out(x: Any, y: Any, classes: bool, seed: int) -> Any:
    """Training and early-stopping rows."""
    stratify = y if classes and y.value_counts().min() > 1 else None
    return train_test_split(x, y, test_size=HELD_OUT, random_state=seed, stratify=stratify)


class AsCategories:
    """A booster that sees the same frame, with texts converted as it needs them."""

    def __init__(self, model: Any, convert: Any) -> None:
        self.model, self.convert = model, convert
        self.classes_ = getattr(model, "classes_", None)

    def predict(self, x: pd.DataFrame) -> Any:
        return self.model.predict(self.convert(x))

    def predict_proba(self, x: pd.DataFrame) -> Any:
        return self.model.predict_proba(self.convert(x))


def catboost(x: pd.DataFrame, y: Any, classes: bool, seed: int) -> Any:
    from catboost import CatBoostClassifier, CatBoostRegressor

    names = texts(x)

    def convert(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{name: frame[name].astype(object).fillna("").astype(str) for name in names})

    model = (CatBoostClassifier if classes else CatBoostRegressor)(
        random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False, cat_features=names
    )
    x, valid, y, y_valid = held_out(convert(x), y, classes, seed)
    model.fit(x, y, eval_set=(valid, y_valid), early_stopping_rounds=PATIENCE)
    return AsCategories(model, convert)


def lightgbm(x: pd.DataFrame, y: Any, classes: bool, seed: int) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping

    kinds = {name: pd.CategoricalDtype(sorted(x[name].dropna().astype(str).unique())) for name in texts(x)}
    x.columns = [str(index) for index in range(x.shape[1])]
    renamed = dict(zip(kinds, [c for c in x.columns if not pd.api.types.is_numeric_dtype(x[c])], strict=True))

    def convert(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.set_axis([str(index) for index in range(frame.shape[1])], axis=1)
        return frame.assign(**{renamed[name]: frame[renamed[name]].astype(kind) for name, kind in kinds.items()})

    model = (LGBMClassifier if classes else LGBMRegressor)(n_estimators=2000, random_state=seed, n_jobs=1, verbose=-1)
    x, valid, y, y_valid = held_out(convert(x), y, classes, seed)
    model.fit(x, y, eval_set=[(valid, y_valid)], callbacks=[early_stopping(PATIENCE, verbose=False)])
    return AsCategories(model, convert)


def boosting(x: pd.DataFrame, y: Any, classes: bool, seed: int) -> Any:
    names = texts(x)
    kinds = {name: pd.CategoricalDtype(sorted(x[name].dropna().astype(str).unique())[:254]) for name in names}

    def convert(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{name: frame[name].astype(kind) for name, kind in kinds.items()})

    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = kind(random_state=seed, categorical_features="from_dtype").fit(convert(x), y)
    return AsCategories(model, convert)


def mlp(x: pd.DataFrame, y: Any, classes: bool, seed: int) -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    others = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (others, make_column_selector(dtype_exclude="number"))
    )
    network = (MLPClassifier if classes else MLPRegressor)(random_state=seed, early_stopping=True, max_iter=500)
    return make_pipeline(columns, network).fit(x, y)


if __name__ == "__main__":
    main(*sys.argv[1:])
