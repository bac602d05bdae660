import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.config.sections.rows import SplitConfig
from mlcli.data.splitting import moved_borders, split_rows
from mlcli.errors import DataError


def split(n, *, seed=0, classes=None, key=None, test_given=False, **config):
    return split_rows(n, SplitConfig(**config), seed, classes, key, test_given=test_given)


def sizes(indices):
    return len(indices.train), len(indices.valid), len(indices.test)


def as_lists(indices):
    return indices.train.tolist(), indices.valid.tolist(), indices.test.tolist()


def assert_partition(indices, n):
    joined = np.concatenate([indices.train, indices.valid, indices.test])
    assert joined.dtype == np.int64
    assert np.array_equal(np.sort(joined), np.arange(n))
    for rows in (indices.train, indices.valid, indices.test):
        assert np.all(np.diff(rows) > 0)


CASES = {
    "random": {"by": "random"},
    "stratified": {"by": "stratified", "classes": np.arange(300) % 7},
    "auto": {"classes": np.array(["a", "b", "b"] * 100)},
    "group": {"by": "group", "column": "k", "key": pl.Series("k", np.arange(300) // 3)},
    "time": {"by": "time", "column": "k", "key": pl.Series("k", np.arange(300)[::-1].copy())},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
class TestEveryKind:
    def test_partition_with_the_shares_asked_for(self, case):
        indices = split(300, test=0.2, valid=0.1, **case)
        assert_partition(indices, 300)
        assert np.allclose(sizes(indices), (210, 30, 60), atol=1)

    def test_whole_numbers_are_rows(self, case):
        assert np.allclose(sizes(split(300, test=50, valid=7, **case)), (243, 7, 50), atol=1)

    def test_same_seed_same_split(self, case):
        assert as_lists(split(300, seed=5, **case)) == as_lists(split(300, seed=5, **case))

    def test_the_splits_own_seed_wins(self, case):
        config = SplitConfig(seed=9, **{name: case[name] for name in ("by", "column") if name in case})
        values = case.get("classes"), case.get("key")
        first, second = (split_rows(300, config, seed, *values, test_given=False) for seed in (1, 2))
        assert as_lists(first) == as_lists(second)

    def test_test_rows_do_not_depend_on_the_share_of_validation(self, case):
        assert split(300, valid=0, **case).test.tolist() == split(300, valid=0.5, **case).test.tolist()

    def test_no_test_rows_where_they_are_given_apart(self, case):
        assert np.allclose(sizes(split(300, valid=0.1, test_given=True, **case)), (270, 30, 0), atol=1)

    def test_zero_keeps_none(self, case):
        assert sizes(split(300, test=0, valid=0, **case)) == (300, 0, 0)

    def test_too_few_rows(self, case):
        with pytest.raises(DataError, match=r"of 300 rows, 150 for test and 150 for validation leave none"):
            split(300, test=150, valid=0.5, **case)


@pytest.mark.parametrize("by", ["random", "stratified"])
def test_another_seed_gives_another_split(by):
    classes = np.arange(300) % 3
    assert as_lists(split(300, seed=1, by=by, classes=classes)) != as_lists(split(300, seed=2, by=by, classes=classes))


@pytest.mark.parametrize(("n", "test", "valid", "expected"), [(3, 0.2, 0.2, (1, 1, 1)), (10, 0.25, 0.0, (7, 0, 3))])
def test_small_shares_round_to_the_nearest_row_but_not_to_none(n, test, valid, expected):
    assert sizes(split(n, test=test, valid=valid, by="random")) == expected


@pytest.mark.parametrize("n", [0, 1, 2])
def test_nothing_left_for_training(n):
    with pytest.raises(DataError, match=f"of {n} rows"):
        split(n, by="random")


class TestStratified:
    def test_exact_where_it_can_be(self):
        classes = np.repeat(["a", "b", "c"], [500, 300, 200])
        indices = split(1000, classes=classes)
        for rows, share in ((indices.train, 0.6), (indices.valid, 0.2), (indices.test, 0.2)):
            names, counts = np.unique(classes[rows], return_counts=True)
            assert dict(zip(names, counts, strict=True)) == {"a": 500 * share, "b": 300 * share, "c": 200 * share}

    @settings(max_examples=60, deadline=None)
    @given(counts=st.lists(st.integers(3, 60), min_size=2, max_size=8), test=st.sampled_from([0.1, 0.2, 0.33]))
    def test_within_a_row_of_each_classs_share(self, counts, test):
        classes = np.repeat(np.arange(len(counts)), counts)
        indices = split(len(classes), classes=classes, test=test, valid=0.2)
        assert_partition(indices, len(classes))
        for rows in (indices.test, indices.valid):
            exact = np.array(counts) * (len(rows) / len(classes))
            found = np.bincount(classes[rows], minlength=len(counts))
            assert np.all(np.abs(found - exact) < 1)
        assert np.all(np.bincount(classes[indices.train], minlength=len(counts)) >= 1)

    def test_the_only_row_of_a_class_trains(self):
        classes = np.array(["common"] * 20 + ["rare", "scarce", "scarce"])
        for seed in range(20):
            indices = split(23, seed=seed, classes=classes)
            assert_partition(indices, 23)
            assert set(classes[indices.train]) == {"common", "rare", "scarce"}

    def test_rare_classes_are_not_always_left_out_of_the_same_split(self):
        classes = np.repeat(np.arange(20), 3)
        indices = split(60, classes=classes, test=0.2, valid=0.2)
        assert 0 < len(set(classes[indices.test]) & set(classes[indices.valid])) < 12

    def test_too_many_classes(self):
        with pytest.raises(DataError, match=r"10 classes in 10 rows are too many.*by: random"):
            split(10, classes=np.arange(10))

    def test_needs_classes(self):
        with pytest.raises(DataError, match="the target is a number"):
            split(10, by="stratified")


class TestGroup:
    def test_no_group_in_two_splits(self):
        rng = np.random.default_rng(0)
        key = pl.Series("patient", rng.integers(0, 40, 1000).astype(str))
        indices = split(1000, by="group", column="patient", key=key)
        names = [set(key.gather(rows)) for rows in (indices.train, indices.valid, indices.test)]
        assert sum(len(group) for group in names) == 40
        assert np.allclose(sizes(indices), (600, 200, 200), atol=25)

    def test_a_groups_place_does_not_depend_on_the_order_of_rows(self):
        values = np.random.default_rng(0).integers(0, 30, 400)
        order = np.random.default_rng(1).permutation(400)
        first = split(400, by="group", column="k", key=pl.Series("k", values))
        second = split(400, by="group", column="k", key=pl.Series("k", values[order]))
        assert set(values[first.test]) == set(values[order][second.test])

    def test_one_large_group_goes_where_it_fits(self):
        key = pl.Series("k", ["big"] * 80 + [str(n) for n in range(20)])
        for seed in range(10):
            indices = split(100, seed=seed, by="group", column="k", key=key, test=0.1, valid=0.1)
            assert sizes(indices) == (80, 10, 10)

    @pytest.mark.parametrize("small", [[25, 25], [10, 10, 10], [1, 1]])
    def test_small_groups_beside_a_giant_are_shared(self, small):
        giant = 200 - sum(small)
        key = pl.Series("k", ["giant"] * giant + [str(n) for n, size in enumerate(small) for _ in range(size)])
        for seed in range(5):
            indices = split(200, seed=seed, by="group", column="k", key=key)
            assert sizes(indices)[0] == giant
            assert all(size >= min(small) for size in sizes(indices)[1:])

    @pytest.mark.parametrize(
        ("keys", "sizes", "message"),
        [
            ("ab", {}, "training and dataset.split.test and dataset.split.valid need 3 groups or more, got 2; set "
             "dataset.split.test or dataset.split.valid to 0"),
            ("a", {}, "need 3 groups or more, got 1; set dataset.split.test and dataset.split.valid to 0"),
            ("a", {"test": 0}, "training and dataset.split.valid need 2 groups or more, got 1; set "
             "dataset.split.valid to 0"),
        ],
    )  # fmt: skip
    def test_too_few_groups(self, keys, sizes, message):
        with pytest.raises(DataError, match=message):
            split(10, by="group", column="k", key=pl.Series("k", [keys[i % len(keys)] for i in range(10)]), **sizes)

    def test_missing_key(self):
        with pytest.raises(DataError, match=r"'k': missing in 1 of 3 rows"):
            split(3, by="group", column="k", key=pl.Series("k", ["a", None, "b"]))


class TestTime:
    @pytest.mark.parametrize(
        "key",
        [
            pl.Series("t", ["9", "10", "8", "11", "2"]),
            pl.Series("t", [9.0, 10.0, 8.0, 11.0, 2.0]),
            pl.Series("t", ["2024-02-01", "2024-10-01", "2024-01-31", "2025-01-01", "2023-12-31"]),
            pl.Series("t", ["2024-02", "2024-10", "2024-01", "2025-01", "2023-12"]),
            pl.Series(
                "t", ["2024-01-01 09:05", "2024-01-01 10:00", "2023-12-31 23:00", "2024-01-01 10:01", "2023-01-01"]
            ),
            pl.Series("t", ["2024-02-01", "2024-10-01", "2024-01-31", "2025-01-01", "2023-12-31"]).str.to_date(),
        ],
    )
    def test_latest_is_test_and_next_latest_validation(self, key):
        assert as_lists(split(5, by="time", column="t", key=key)) == ([0, 2, 4], [1], [3])

    @given(
        st.lists(st.integers(0, 9), min_size=3, max_size=60).filter(lambda times: len(set(times)) >= 3),
        st.floats(0, 0.99),
        st.floats(0, 0.99),
    )
    @settings(max_examples=60, deadline=None)
    def test_rows_of_one_time_stay_together_and_the_borders_are_the_nearest(self, times, test_share, valid_share):
        n = len(times)
        test = 1 + int(test_share * (n - 2))
        valid = int(valid_share * (n - test))
        parts = 2 + (valid > 0)
        found = split(n, by="time", column="t", key=pl.Series("t", times), test=test, valid=valid)
        assert_partition(found, n)
        own = [[times[row] for row in rows] for rows in as_lists(found)]
        assert all(max(before) < min(after) for before, after in itertools.pairwise(part for part in own if part))
        later = [sum(time >= first for time in times) for first in sorted(set(times))]
        allowed = later[parts - 1 :]  # the times before the border must be enough for the other parts
        assert abs(len(own[2]) - test) == min(abs(rows - test) for rows in allowed)

    def test_seven_rows_a_day(self):
        key = pl.Series("t", [f"2024-01-{day + 1:02}" for day in range(20) for _ in range(7)])
        found = split(140, by="time", column="t", key=key, test=30, valid=30)
        assert sizes(found) == (77, 35, 28)  # borders after 80 and 110 rows go to the nearest days
        text = moved_borders(SplitConfig(by="time", column="t", test=30, valid=30), 140, 35, 28, test_given=False)
        assert "35 validation and 28 test rows in place of 30 and 30" in text

    def test_equal_times_cannot_be_split(self):
        with pytest.raises(DataError, match="need 3 different times or more, got 1"):
            split(5, by="time", column="t", key=pl.Series("t", [1, 1, 1, 1, 1]))

    @pytest.mark.parametrize("bad", ["2024-13-01", "2024-02-30", "2024-01-02T10:00Z"])
    def test_a_time_unlike_the_others(self, bad):
        with pytest.raises(DataError, match=f"'t': '{bad}' is no date of the form of '2024-01-01' "):
            split(3, by="time", column="t", key=pl.Series("t", ["2024-01-01", bad, "2024-01-03"]))

    @pytest.mark.parametrize("bad", ["soon", "31/12/2024"])
    def test_what_is_no_time(self, bad):
        remedy = "or their form in dataset.dates: {t: '%d/%m/%Y'}"
        with pytest.raises(DataError, match=f"'t': '{bad}' is neither a number nor a date.*{remedy}"):
            split(3, by="time", column="t", key=pl.Series("t", ["2024-01-01", bad, "2024-01-03"]))

    def test_missing(self):
        with pytest.raises(DataError, match="missing in 1 of 3 rows"):
            split(3, by="time", column="t", key=pl.Series("t", [1.0, float("nan"), 2.0]))


class TestGiven:
    def test_as_the_column_says(self):
        key = pl.Series("k", ["train", "test", " valid ", "train"])
        assert as_lists(split(4, by="given", column="k", key=key)) == ([0, 3], [2], [1])

    def test_other_value(self):
        with pytest.raises(DataError, match=r"2 rows have another value than train, valid, test, the first is 'dev'"):
            split(3, by="given", column="k", key=pl.Series("k", ["train", "dev", "x"]))

    def test_test_rows_named_twice(self):
        with pytest.raises(DataError, match=r"dataset\.test_path"):
            split(2, by="given", column="k", key=pl.Series("k", ["train", "test"]), test_given=True)

    def test_none_to_train(self):
        with pytest.raises(DataError, match="none of 2 rows is marked train"):
            split(2, by="given", column="k", key=pl.Series("k", ["valid", "test"]))


@pytest.mark.parametrize("by", ["group", "time", "given"])
def test_a_key_is_needed(by):
    with pytest.raises(DataError, match=r"needs dataset\.split\.column"):
        split(10, by=by)
