"""Real files and the bundled tables are read whole."""

import csv
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from pydantic import TypeAdapter
from sklearn import datasets

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data.sources import read_source

CONFIG = TypeAdapter(DatasetConfig)


def read(path, **options):
    return read_source(CONFIG.validate_python({"name": "csv", "path": str(path), **options}))


def records(path):
    """The file as the standard library reads it, trimmed."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file, skipinitialspace=True)
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def test_adult(real_data):
    folder = real_data / "adult"
    found = read(
        folder / "adult.data",
        test_path=str(folder / "adult.test"),
        target="classification",
        replace={"classification": {"<=50K.": "<=50K", ">50K.": ">50K"}},
    )
    assert (found.task, len(found.rows), len(found.test)) == ("classification", 32_561, 16_281)
    assert [column.kind for column in found.rows.features].count("number") == 6
    missing = {column.name: column.missing for column in found.cleaning.columns if column.missing}
    assert missing == {"workclass": 1836, "occupation": 1843, "native-country": 583}
    for table, name in ((found.rows, "adult.data"), (found.test, "adult.test")):
        expected = records(folder / name)
        for column in table.features:
            cells = [None if cell == "?" else cell for cell in expected[column.name]]
            convert = float if column.kind == "number" else str
            assert table.frame[column.name].to_list() == [cell if cell is None else convert(cell) for cell in cells]
        assert table.frame["classification"].to_list() == [cell.rstrip(".") for cell in expected["classification"]]
    assert found.cleaning.duplicates == 32_561 - len(set(zip(*records(folder / "adult.data").values(), strict=True)))


def test_california(real_data):
    path = real_data / "california" / "housing.csv"
    found = read(path, target="median_house_value")
    assert (found.task, len(found.rows)) == ("regression", 20_640)
    assert found.rows.frame["total_bedrooms"].null_count() == 207
    values = np.array(records(path)["median_house_value"], dtype=float)
    np.testing.assert_array_equal(found.rows.frame["median_house_value"].to_numpy(), values)
    assert [column.name for column in found.rows.features if column.kind == "category"] == ["ocean_proximity"]


@pytest.mark.parametrize(("options", "n_rows"), [({}, 344), ({"missing": {"drop_rows": True}}, 333)])
def test_penguins(real_data, options, n_rows):
    found = read(real_data / "penguins" / "penguins.csv", target="species", **options)
    assert (found.task, len(found.rows)) == ("classification", n_rows)
    counts = Counter(found.rows.frame["species"].to_list())
    assert counts == (
        {"Adelie": 152, "Gentoo": 124, "Chinstrap": 68}
        if n_rows == 344
        else {"Adelie": 146, "Gentoo": 119, "Chinstrap": 68}
    )


BUNDLED = {
    "iris": (datasets.load_iris, {}, "species", "classification"),
    "wine": (datasets.load_wine, {}, "cultivar", "classification"),
    "breast_cancer": (datasets.load_breast_cancer, {}, "diagnosis", "classification"),
    "diabetes": (datasets.load_diabetes, {"scaled": False}, "progression", "regression"),
}


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_tables_are_those_of_scikit_learn(name):
    load, options, target, task = BUNDLED[name]
    bunch = load(**options)
    found = read_source(CONFIG.validate_python({"name": name}))
    assert found.task == task
    np.testing.assert_array_equal(found.rows.frame.drop(target).to_numpy(), bunch.data)
    expected = bunch.target if task == "regression" else np.array(bunch.target_names)[bunch.target]
    np.testing.assert_array_equal(found.rows.frame[target].to_numpy(), expected)
    cleaned = [text.removesuffix(" (cm)").replace(" ", "_").replace("/", "_") for text in bunch.feature_names]
    assert [column.name for column in found.rows.features] == cleaned


def test_reading_a_table_imports_nothing_heavy():
    code = (
        "import sys; from mlcli.config.sections.dataset import BundledConfig; "
        "from mlcli.data.sources import read_source; "
        "read_source(BundledConfig(name='iris')); "
        "print(sorted({'sklearn', 'scipy', 'torch', 'sqlite3', 'sqlalchemy', 'PIL'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
