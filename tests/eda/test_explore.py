"""A small table explored; expected numbers are from polars and NumPy."""

import numpy as np
import polars as pl
import pytest

from mlcli.data.profile import profile_splits
from mlcli.data.tables.types import Column, Splits, Table
from mlcli.eda import explore as module
from mlcli.eda.explore import explore_table
from mlcli.eda.highlights import highlights, range_of, summarise_distribution
from mlcli.errors import UsageError

N = 400


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    size = rng.normal(50, 10, N)
    kind = np.array(["a", "b", "c"])[rng.choice(3, N, p=[0.6, 0.3, 0.1])]
    return pl.DataFrame(
        {
            "noise": rng.normal(size=N),
            "size": pl.Series(np.where(rng.random(N) < 0.1, np.nan, size)).fill_nan(None),
            "same": size * 2 + rng.normal(size=N) * 0.1,
            "kind": pl.Series(kind).set(pl.Series(np.arange(N) % 20 == 0), None),
            "flag": size > 45,
            "day": pl.Series(np.arange(N) // 4 * 86_400_000_000).cast(pl.Datetime("us")),
            "few": np.where(np.arange(N) < 10, 5.0, 0.0),
            "label": np.where(size + rng.normal(size=N) > 55, "yes", "no"),
            "price": 3 * size,
        },
        strict=False,
    )


FEATURES = [
    Column(name, {"kind": "category", "flag": "boolean", "day": "date"}.get(name, "number"))
    for name in ("noise", "size", "same", "kind", "flag", "day", "few")
]


def explored(frame, target, asked=(), split="train"):
    table = Table(frame.select([c.name for c in FEATURES] + [target.name]), tuple(FEATURES), (target,))
    task = "classification" if target.kind == "category" else "regression"
    profile = profile_splits(Splits(table, table.part(0, 50), table.part(0, 0), task), None, None)
    rows = table if split == "train" else table.part(0, 50)
    return explore_table(rows, profile, split, task == "classification", asked)


@pytest.fixture(scope="module")
def classes(frame):
    return explored(frame, Column("label", "category"))


@pytest.fixture(scope="module")
def prices(frame):
    return explored(frame, Column("price", "number"))


def column(found, name):
    return next(one for one in found.columns if one.name == name)


def test_missing_cells_and_whole_rows(frame, classes):
    assert {one.name: one.missing for one in classes.columns} == {
        one.name: frame[one.name].null_count() for one in FEATURES
    }
    assert column(classes, "size").missing_share == frame["size"].null_count() / N
    assert classes.complete == frame.drop_nulls().height


def test_numbers_are_numpys(frame, classes):
    values = frame["size"].drop_nulls().to_numpy()
    found = column(classes, "size").numbers
    assert found.mean == pytest.approx(values.mean())
    assert found.std == pytest.approx(values.std())
    assert found.skew == pytest.approx((((values - values.mean()) / values.std()) ** 3).mean())
    assert list(found.quantiles.values()) == pytest.approx(np.quantile(values, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]))
    for name, quartiles in zip(("no", "yes"), found.by_class, strict=True):
        own = frame.filter(label=name)["size"].drop_nulls().to_numpy()
        assert quartiles == pytest.approx(np.quantile(own, [0.25, 0.5, 0.75]))


def test_counts_by_class_add_up_to_all(frame, classes):
    for one in classes.columns:
        assert np.sum(one.by_class, axis=0).tolist() == list(one.counts)
        assert sum(one.counts) + one.missing == N
    kinds = column(classes, "kind")
    expected = frame["kind"].drop_nulls().value_counts(sort=True)
    assert (list(kinds.labels), list(kinds.counts)) == (expected["kind"].to_list(), expected["count"].to_list())


def test_true_and_false_are_two_categories(frame, classes):
    flag = column(classes, "flag")
    assert dict(zip(flag.labels, flag.counts, strict=True)) == {
        "true": frame["flag"].sum(),
        "false": (~frame["flag"]).sum(),
    }
    assert flag.association.measure == "cramers_v"


def test_dates_are_counted_by_days(frame, classes):
    day = column(classes, "day")
    assert day.numbers.quantiles["max"] == N / 4 - 1
    assert sum(day.counts) == N
    assert set(day.counts[:-1]) == {20}  # bins of five days, each in four rows
    assert summarise_distribution(day) == "1970-01-01 to 1970-04-10, median 1970-02-19 12:00"
    assert range_of(day) == ("1970-01-01", "1970-04-10")


def test_mean_targets_of_bins_and_categories(frame, prices):
    kinds = column(prices, "kind")
    for label, mean in zip(kinds.labels, kinds.target_means, strict=True):
        assert mean == pytest.approx(frame.filter(kind=label)["price"].mean())
    sizes = column(prices, "size")
    edges, known = sizes.numbers.edges, frame.drop_nulls("size")
    first = known.filter(pl.col("size") < edges[1])
    assert sizes.counts[0] == first.height
    assert sizes.target_means[0] == pytest.approx(first["price"].mean())


def test_the_columns_that_tell_most_stand_first(classes, prices):
    for found in (classes, prices):
        assert {found.columns[0].name, found.columns[1].name} == {"size", "same"}
        strengths = [one.strength for one in found.columns]
        assert strengths == sorted(strengths, reverse=True)


def test_correlations_are_numpys_and_the_target_stands_last(frame, prices):
    found = prices.correlations
    assert found.names[-1] == "price"
    matrix = dict(zip(found.names, found.r, strict=True))
    expected = np.corrcoef(frame["same"], frame["price"])[0, 1]
    assert matrix["same"][found.names.index("price")] == pytest.approx(expected)
    assert column(prices, "same").association.value == pytest.approx(expected)
    assert next(found.pairs())[2] == pytest.approx(1, abs=1e-3)


def test_columns_asked_for_come_in_their_order_with_a_scatter_of_two(frame):
    found = explored(frame, Column("label", "category"), ["same", "noise"])
    assert [one.name for one in found.columns] == ["same", "noise"]
    assert found.targets == ()
    assert (found.scatter.x_name, found.scatter.y_name) == ("noise", "same")
    assert found.scatter.groups == ("no", "yes")
    assert len(found.scatter.x) == N


def test_one_column_is_drawn_against_a_target_of_numbers(frame):
    scatter = explored(frame, Column("price", "number"), ["size"]).scatter
    assert (scatter.y_name, scatter.groups) == ("price", ())
    assert len(scatter.x) == N - frame["size"].null_count()
    assert np.corrcoef(scatter.x, scatter.y)[0, 1] == pytest.approx(1)


def test_the_targets_height_is_the_group_of_two_columns(frame):
    """Thirds of the way from its 5 % to its 95 % quantile."""
    scatter = explored(frame, Column("price", "number"), ["same", "noise"]).scatter
    low, high = np.quantile(frame["price"], [0.05, 0.95])
    expected = np.digitize(frame["price"], [low + (high - low) / 3, low + 2 * (high - low) / 3], right=True)
    assert np.bincount(scatter.group).tolist() == np.bincount(expected).tolist()
    assert scatter.grouped_by == "price"
    assert scatter.groups[1] == "between"


def test_an_unknown_column_is_named_with_the_nearest(frame):
    with pytest.raises(UsageError, match=r"no column 'sice'.*did you mean 'size'"):
        explored(frame, Column("label", "category"), ["sice"])


def test_other_splits_are_looked_at_alone(frame):
    found = explored(frame, Column("label", "category"), split="valid")
    assert found.looked_at == 50
    assert column(found, "size").missing == frame["size"].head(50).null_count()
    assert sum(found.classes.values()) == 50


def test_of_many_rows_a_sample_is_looked_at(frame, monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", 100)
    monkeypatch.setattr(module, "MIN_ROWS", 10)
    found = explored(frame, Column("label", "category"))
    assert found.looked_at == 100
    assert sum(column(found, "noise").counts) == 100
    assert column(found, "size").missing == frame["size"].null_count()  # told of all rows


def test_what_is_worth_a_look(classes):
    text = "\n".join(highlights(classes))
    share = 1 - classes.complete / N
    assert f"{100 * share:.1f} % of rows have missing values: size" in text
    assert "size and same 1.00" in text or "same and size 1.00" in text
    assert "noise" not in text


def test_a_scale_that_ended_is_worth_a_look(frame):
    cut = frame.with_columns(price=pl.col("price").clip(upper_bound=180.0), size=pl.col("size").clip(lower_bound=40.0))
    share = (cut["price"] == 180.0).mean()
    (note,) = [note for note in highlights(explored(cut, Column("price", "number"))) if "capped" in note]
    assert note == f"possibly capped: price at 180 ({100 * share:.1f} % of rows)"


def test_a_rare_class_is_worth_a_look(frame):
    rare = frame.with_columns(label=pl.when(pl.int_range(pl.len()) < 4).then(pl.lit("x")).otherwise(pl.lit("y")))
    notes = highlights(explored(rare, Column("label", "category")))
    assert any(note.startswith("imbalance: 396 rows of y, 99 times as many as x") for note in notes)
