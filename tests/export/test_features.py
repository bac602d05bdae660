"""Features as nodes give what `transform` gives: numbers of rows that no training row is like."""

import numpy as np
import polars as pl
import pytest

from mlcli.config.loading.load import parse_config
from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.selection import CellsConfig
from mlcli.data.tables.types import Images, Table
from mlcli.errors import ConfigError
from mlcli.export.columns import codes_of_texts, feeds_of, missing_text
from mlcli.export.dates import Calendar, keys_of_days
from mlcli.export.features import write_features
from mlcli.export.graph import FLOAT, INT64, Graph
from mlcli.export.verify import make_rows
from mlcli.features.encoding import MISSING, Vocabulary
from mlcli.features.fit import fit_features
from mlcli.features.readers import DateColumn
from tests.export.graphs import model_of, run_both
from tests.features.feature_cases import LATER_CASES, TABLE_CASES
from tests.features.feature_tables import binary_target, later_table, mixed_table, pictures
from tests.features.test_transform_contract import PICTURE_CASES

NO_WORDS = {"note": {"encode": "target"}}
CASES = {
    **{name: (mixed_table, sections) for name, sections in TABLE_CASES.items()},
    **{
        f"later {name}": (later_table, {**sections, "columns": {**sections.get("columns", {}), **NO_WORDS}})
        for name, sections in LATER_CASES.items()
        if sections.get("encode") != "hash"
    },
    "quantile and power": (
        later_table,
        {"scale": "quantile", "indicator": True, "columns": {**NO_WORDS, "age": {"scale": "power"}}},
    ),
    "quantiles of derived numbers": (
        mixed_table,
        {"scale": "quantile", "derive": {"log": "log1p(income)", "wave": "tan(age)", "power": "income ** 0.3"}},
    ),
    "days of the calendar": (
        later_table,
        {"columns": {**NO_WORDS, "signed": {"dates": ["month_day"]}, "seen": {"dates": ["nth_weekday", "hour"]}}},
    ),
    "categories alone": (
        lambda: Table(mixed_table().frame.select("city", "code"), mixed_table().features[3::2], ()),
        {"columns": {"city": {"encode": "embedding"}}, "max_categories": 6},
    ),
    "embedded alone": (
        lambda: Table(mixed_table().frame.select("city", "code"), mixed_table().features[3::2], ()),
        {"encode": "embedding"},
    ),
    **{f"pictures {name}": (pictures, sections) for name, sections in PICTURE_CASES.items()},
}
CONFIG = parse_config("dataset: {name: csv, path: t.csv, target: y}", "here", "t")


def inputs_of(features, data, config=CONFIG):
    """The feature matrix as nodes compute it."""
    graph = Graph({"numeric", "codes", "image", *(column.name for column in features.schema.columns)})
    found = write_features(graph, features, config)
    if found.numeric is not None:
        graph.add_output("numeric", found.numeric, FLOAT, [features.layout.n_numeric], "")
    if found.codes:
        graph.add_output("codes", graph.concat(found.codes), INT64, [len(found.codes)], "")
    if isinstance(data, Images):
        feeds = {"image": data.pixels}
    else:
        missing = {own.name: missing_text(own) for own in features.source.plan.vocabularies if not own.part}
        feeds = feeds_of(data, features.schema.columns, CellsConfig((), {}, {}, "."), missing)
    outputs = run_both(model_of(graph), feeds)
    return np.concatenate([outputs[name] for name in ("numeric", "codes") if name in outputs], axis=1)


def with_rows(train, made):
    if isinstance(train, Images):
        return Images(np.concatenate([train.pixels, made.pixels]), None, ())
    frame = pl.concat([train.frame.head(100).select(made.frame.columns), made.frame])
    return Table(frame, made.features, ())


@pytest.mark.parametrize("name", CASES)
def test_features_are_the_same(name):
    make, sections = CASES[name]
    train = make()
    y = np.arange(len(train)) % 3 if isinstance(train, Images) else binary_target(len(train))
    features = fit_features(train, FeaturesConfig.model_validate(sections), 0, y, classification=True)
    rows = with_rows(train, make_rows(features))
    np.testing.assert_allclose(inputs_of(features, rows), features.transform(rows), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_target_means_of_several_columns(kind):
    """Three classes, or two numbers: a category becomes as many means."""
    y = np.arange(230) % 3 if kind == "classes" else np.random.default_rng(0).normal(size=(230, 2))
    features = fit_features(
        mixed_table(), FeaturesConfig.model_validate({"encode": "target"}), 0, y, classification=kind == "classes"
    )
    rows = make_rows(features)
    np.testing.assert_allclose(inputs_of(features, rows), features.transform(rows), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"columns": {"note": {"encode": "hash"}}}, "features.columns.note.encode"),
        ({"encode": "hash"}, "features.encode"),
    ],
)
def test_hashed_words_are_refused_by_their_key(section, key):
    config = CONFIG.model_copy(update={"features": FeaturesConfig.model_validate(section)})
    table = later_table()
    texts = Table(table.frame.select("note"), tuple(one for one in table.features if one.name == "note"), ())
    features = fit_features(texts, config.features, 0)
    with pytest.raises(ConfigError, match=rf"{key}: hash .*'note'.*embedding or target.*dataset.drop: \[note\]"):
        write_features(Graph(set()), features, config)


@pytest.mark.parametrize(
    ("kept", "text", "code"),
    [
        (("1", "2.5"), "1", 0),
        (("1", "2.5"), "1.0", 0),
        (("1", "2.5"), "+2.50", 1),
        (("1", "x"), "1.0", None),
        (("é", "z"), "e\u0301", 0),
        (("a", MISSING), "", 1),
        (("a", MISSING), "NA", 1),
        (("a", MISSING), MISSING, 1),
        (("a", "b"), "old", 1),
        (("a", "b"), "void", None),
        (("", "b", MISSING), "", 0),
        (("", "b", MISSING), "NA", 2),
    ],
)
def test_texts_of_categories(kept, text, code):
    cells = CellsConfig(("NA",) if "" in kept else ("", "NA"), {"c": {"old": "b", "void": "NA"}}, {}, ".")
    codes = codes_of_texts(Vocabulary("c", "one_hot", kept), cells)
    assert codes.get(text, len(kept)) == (len(kept) if code is None else code)


def test_every_day_has_a_key():
    assert len(set(keys_of_days("month_day").values())) == len(keys_of_days("month_day")) == 366
    assert len(set(keys_of_days("nth_weekday").values())) == len(keys_of_days("nth_weekday")) == 5 * 7 * 12


def test_calendars_agree():
    """Parts of dates from 1600 to 2400, leap years and times before 1970 among them, as Polars has them."""

    parts = ("year", "month", "day", "day_of_year", "weekday", "hour", "elapsed")
    own = DateColumn("d", (*parts, "year_cycle", "month_cycle", "weekday_cycle", "hour_cycle"), "1999-12-31")
    rng = np.random.default_rng(0)
    seconds = rng.integers(-11_676_096_000, 13_569_465_600, 4000).astype(float)
    ends = [f"{year}-{day}" for year in (1600, 1900, 1969, 1970, 2000, 2023, 2024, 2100) for day in ("01-01", "02-28")]
    days = pl.Series(ends).str.to_date().cast(pl.Datetime("us"))
    more = np.concatenate(
        [days.dt.timestamp("us").to_numpy() / 1e6 + shift for shift in (-1, 0, 86_399, 86_400, 172_800)]
    )
    seconds = np.concatenate([seconds, more])
    dates = pl.Series("d", (seconds * 1e6).astype(np.int64)).cast(pl.Datetime("us"))
    expected = own.read(pl.DataFrame([dates])).series
    graph = Graph({"d", "y"})
    numbers = Calendar(graph, graph.add_input("d", 11, [1], "")).numbers(own)
    graph.add_output("y", graph.concat(numbers), 11, [len(numbers)], "")
    found = run_both(model_of(graph), {"d": seconds.reshape(-1, 1)})["y"]
    assert found.shape[1] == len(own.numbers) == len(expected)
    for i, name in enumerate(own.numbers):
        np.testing.assert_allclose(found[:, i], expected[i].to_numpy(), rtol=1e-12, atol=1e-12, err_msg=name)
