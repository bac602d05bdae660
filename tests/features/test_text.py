"""Words are counted as Python's dictionaries count them, in buckets that a hash of another program tells."""

import hashlib
import math
import re
from collections import Counter

import numpy as np
import polars as pl
import pytest

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.types import Table
from mlcli.errors import ArtefactError, DataError
from mlcli.features.fit import fit_features
from mlcli.features.fitted import FittedFeatures
from mlcli.features.words import count_words
from tests.features.feature_tables import table_of

NOTES = ["Late, and late again!", "a new BOX", None, "box; box: box", "", "…", "größer als 3 4"]


def by_hand(text, buckets):
    """One row, by the definition."""
    counts = Counter()
    for word in re.findall(r"\w+", (text or "").lower()):
        code = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
        counts[code % 2**63 % buckets] += -1 if code >> 63 else 1
    row = np.zeros(buckets)
    row[list(counts)] = list(counts.values())
    length = math.sqrt((row**2).sum())
    return row / length if length else row


def fit(cells, buckets=8, **sections):
    settings = {"columns": {"note": {"encode": "hash", "buckets": buckets}}, "select": {"variance": None}, **sections}
    return fit_features(table_of(cells), FeaturesConfig.model_validate(settings), 0)


def rows(*cells):
    return Table(pl.DataFrame({"note": cells}, schema={"note": pl.String}), (), ())


@pytest.mark.parametrize("buckets", [2, 8, 1000])
def test_counts_are_those_made_by_hand(buckets):
    features = fit({"note": NOTES}, buckets)
    assert features.layout.names == tuple(f"note#{i}" for i in range(1, buckets + 1))
    expected = [by_hand(text, buckets) for text in NOTES]
    np.testing.assert_array_equal(features.transform(rows(*NOTES)), np.array(expected, dtype=np.float32))


def test_buckets_are_what_another_program_says():
    """`printf late | b2sum -l 64` gives the first of these; the first byte is the lowest."""
    x = fit({"note": ["late", "box"]}, 1000).transform(rows("LATE", "box"))
    told = {"late": "db18bc8c922b0938", "box": "83bfa848670f0651"}
    for row, digest in zip(x, told.values(), strict=True):
        code = int.from_bytes(bytes.fromhex(digest), "little")
        assert np.flatnonzero(row).tolist() == [code % 2**63 % 1000]
        assert row.sum() == (-1 if code >= 2**63 else 1)


def test_portions_change_nothing(monkeypatch):
    whole = count_words(pl.Series(NOTES), 50)
    monkeypatch.setattr("mlcli.features.words.PORTION", 2)
    parts = count_words(pl.Series(NOTES), 50)
    for name in ("row", "bucket", "value"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_nothing_is_fitted_and_nothing_is_unseen():
    one, other = fit({"note": ["late"] * 3 + ["box"]}), fit({"note": ["never", "seen", "before", "now"]})
    assert (one.transform(rows(*NOTES)) == other.transform(rows(*NOTES))).all()
    assert one.unseen(rows("unheard of")) == {}


def test_buckets_that_no_training_row_has_are_dropped():
    features = fit({"note": ["late", "late box"] * 5, "x": list(range(10))}, 500, select={"variance": 0.0})
    assert 1 < len([name for name in features.layout.names if name.startswith("note#")]) <= 2
    assert features.columns_of_features[features.layout.names[0]] == "note"
    assert set(features.report.imputed) == {"x"}
    assert (features.report.hashed, features.report.encoded) == ({"note": 500}, {})


WORDS = ["slow", "fine", "late", "broken", "again", "new", "box", "courier", "polite", "door", "rain", "lost"]


def remark(rng):
    return " ".join(rng.choice(WORDS, 6))


def test_free_text_is_refused_with_what_to_do():
    rng = np.random.default_rng(0)
    cells = {"x": list(range(40)), "note": [remark(rng) for _ in range(40)]}
    for encode in ("one_hot", "ordinal", "embedding", "target"):
        with pytest.raises(DataError) as caught:
            fit_features(table_of(cells), FeaturesConfig(encode=encode), 0, np.arange(40.0))
        for part in (
            "'note': 40 different texts in 40 training rows",
            "6 words",
            "dataset.drop: [note]",
            "encode: hash",
        ):
            assert part in str(caught.value)
    asked = FeaturesConfig.model_validate({"columns": {"note": {"encode": "one_hot"}}})
    assert fit_features(table_of(cells), asked, 0).layout.width == 41
    assert fit_features(table_of(cells), FeaturesConfig(encode="hash", buckets=4), 0).layout.width == 5


@pytest.mark.parametrize(
    "texts",
    [
        lambda rng: [f"C-{i}" for i in range(40)],
        lambda rng: [" ".join(rng.choice(WORDS, 3)) for _ in range(40)],
        lambda rng: [remark(rng) for _ in range(10)] * 4,
        lambda rng: [None] * 30 + [remark(rng) for _ in range(10)],
    ],
)
def test_names_ids_and_repeated_sentences_are_no_free_text(texts):
    cells = {"x": list(range(40)), "note": texts(np.random.default_rng(1))}
    assert fit_features(table_of(cells), FeaturesConfig(), 0).layout.width > 1


@pytest.mark.parametrize(
    ("sections", "parts"),
    [
        ({"columns": {"x": {"buckets": 8}}}, ["x.buckets", "holds numbers", "for text"]),
        ({"columns": {"note": {"encode": "hash", "scale": "minmax"}}}, ["note.scale", "encoded as hash"]),
    ],
)
def test_settings_that_do_not_fit(sections, parts):
    with pytest.raises(DataError) as caught:
        fit_features(table_of({"x": [1.0, 2.0], "note": ["a", "b"]}), FeaturesConfig.model_validate(sections), 0)
    assert [part for part in parts if part not in str(caught.value)] == []


def test_a_column_called_like_a_bucket_is_refused():
    with pytest.raises(DataError, match="'note#2' has the name of what is computed from 'note'"):
        fit({"note#2": [1.0, 2.0], "note": ["a", "b"]})


@pytest.mark.parametrize("change", [{"buckets": 0}, {"buckets": 10**9}, {"name": "x"}, {"name": "elsewhere"}])
def test_damaged_texts_are_refused(change):
    state, tensors = fit({"note": NOTES, "x": list(range(7))}).to_state()
    state["plan"]["texts"][0] |= change
    with pytest.raises(ArtefactError, match="fitted features"):
        FittedFeatures.from_state(state, tensors)
