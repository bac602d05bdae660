"""Feature sections that between them use every transform of a table."""

DERIVED = {"log income": "log(income) ** 1.7", "gap": "age - `log income` ** 3", "hot": "sin(rooms) > 0.2"}
ORDER = {"size": {"encode": "ordinal", "order": ["S", "M", "L"]}}
EVERYTHING = {
    "derive": DERIVED,
    "indicator": True,
    "clip": 3.0,
    "pieces": 3,
    "max_categories": 12,
    "columns": {
        **ORDER,
        "code": {"encode": "target", "scale": "robust"},
        "income": {"scale": "power"},
        "rooms": {"scale": "quantile"},
    },
    "select": {"correlation": 0.95, "k_best": 10, "rfe": 9},
    "extract": {"name": "pca", "components": 7, "whiten": True},
}
TABLE_CASES = {
    **{f"scale {scale}": {"scale": scale} for scale in ("none", "standard", "minmax", "robust", "quantile", "power")},
    **{f"encode {encode}": {"encode": encode} for encode in ("one_hot", "ordinal", "embedding", "target")},
    "ordered": {"columns": ORDER},
    "rare categories": {"max_categories": 4},
    **{f"impute {impute}": {"impute": impute} for impute in ("mean", "median", "constant")},
    "indicator": {"indicator": True},
    "clip": {"clip": 1.5},
    "pieces": {"pieces": 5, "indicator": True, "derive": DERIVED, "columns": {"age": {"pieces": 0}}},
    "derive": {"derive": DERIVED},
    "drop": {"derive": DERIVED, "drop": ["income", "gap"], "indicator": True},
    "variance": {"select": {"variance": 0.1}},
    "no selection": {"select": {"variance": None}},
    "correlation": {"select": {"correlation": 0.3}},
    "k_best": {"select": {"k_best": 7}},
    "rfe": {"select": {"rfe": 5}},
    "pca": {"extract": {"name": "pca", "components": 5}},
    "pca share": {"extract": {"name": "pca", "components": 0.9, "whiten": True}},
    "embedding and pca": {"encode": "embedding", "extract": {"name": "pca", "components": 2}},
    "everything": EVERYTHING,
}
LATER_CASES = {
    "as they are": {},
    "all of all": {
        **EVERYTHING,
        "derive": {**DERIVED, "rich": "member * income", "wait": "seen_elapsed - signed_elapsed"},
        "dates": ["year", "month_cycle", "weekday_cycle", "hour_cycle", "elapsed"],
        "columns": {**EVERYTHING["columns"], "note": {"encode": "hash", "buckets": 30}},
    },
    "words": {"encode": "hash", "buckets": 16, "select": {"variance": None}},
    "dates alike": {"indicator": True, "columns": {"seen": {"dates": ["hour", "day"], "scale": "minmax"}}},
    "scaled truth": {"indicator": True, "columns": {"member": {"scale": "standard", "impute": "mean"}}},
}
