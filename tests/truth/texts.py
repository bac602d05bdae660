"""Suites of delimited text: csv-spectrum, csv-test-data, and Pollock's polluted files (Vitagliano et al., 2023)."""

import csv
import json
import re

from mlcli.config.loading.load import make_config
from mlcli.data.sources import source_of
from mlcli.data.tables.rows import BLANKS
from mlcli.suggest.source import find_source
from tests.truth.suites import REFUSED, Noted, Suite, judge

TOLD, FOUND = "told", "found by init"
# Of the suite's names for encodings, those that differ from UTF-8, as mlcli calls them.
ENCODINGS = {"latin1": "latin-1", "iso-8859-1": "latin-1", "windows-1252": "cp1252", "utf-16": "utf-16"}


def cells_of(frame):
    """Header and rows as text; what is missing is an empty cell."""
    return [frame.columns, *([cell or "" for cell in row] for row in frame.rows())]


def trimmed(rows):
    """Cells as mlcli keeps them: without the blanks around them."""
    return [[cell.strip(BLANKS) for cell in row] for row in rows]


def read_cells(path, **keys):
    """Header and rows of a file that the config describes; of one without a header its rows."""
    dataset = {"name": "csv", "path": str(path), "target": "y", **keys}
    source = source_of(make_config({"name": "truth", "dataset": dataset}, "truth", "truth").dataset)
    rows = source.read_file(path)
    return Noted(cells_of(rows.frame)[keys.get("header") is False :], rows.notes)


def find_cells(path):
    """The same as `mlcli init` finds it."""
    found = find_source(str(path))
    return Noted(cells_of(found.raw)[found.keys.get("header") is False :], found.notes)


def told_keys(parameters):
    """Keys of the dataset section for what the suite tells of a file."""
    header, preamble = int(parameters["header_lines"]), int(parameters["preamble_lines"])
    keys = {"delimiter": parameters["delimiter"], "encoding": ENCODINGS.get(parameters["encoding"].lower())}
    keys |= {"skip_rows": preamble, "skip_footer": int(parameters["footnote_lines"])}
    return {key: value for key, value in keys.items() if value} | ({} if header else {"header": False})


def csv_spectrum(folder):
    for path in sorted((folder / "csvs").glob("*.csv")):
        objects = json.loads((folder / "json" / f"{path.stem}.json").read_text())
        expected = trimmed([list(objects[0]), *(list(row.values()) for row in objects)])
        yield judge(TOLD, path.name, lambda path=path: read_cells(path), expected)
        yield judge(FOUND, path.name, lambda path=path: find_cells(path), expected)


def csv_test_data(folder):
    for path in sorted((folder / "csv").glob("*.csv")):
        form, expected = folder / "json" / f"{path.stem}.json", REFUSED
        if form.exists():
            rows = json.loads(form.read_text(encoding="utf-8"))
            named = [list(rows[0]), *(row.values() for row in rows)] if rows and isinstance(rows[0], dict) else rows
            expected = trimmed(named)
        kind = "not CSV" if path.name.startswith("bad") else "CSV"
        yield judge(kind, path.name, lambda path=path: read_cells(path), expected)


def pollock(folder):
    root = folder / "polluted_files"
    for path in sorted((root / "csv").glob("*.csv")):
        with (root / "clean" / path.name).open(newline="", encoding="utf-8") as clean:
            expected = trimmed(csv.reader(clean)) or REFUSED
        told = json.loads((root / "parameters" / f"{path.name}_parameters.json").read_text())
        kind = re.sub(r"(row_\w+?)_?\d.*", r"\1", path.stem) if path.stem.startswith("row") else "file"
        keys = told_keys(told)
        yield judge(f"{kind}, {TOLD}", path.name, lambda path=path, keys=keys: read_cells(path, **keys), expected)
        yield judge(f"{kind}, {FOUND}", path.name, lambda path=path: find_cells(path), expected)


def pollock_survey(folder):
    root = folder / "survey_sample"
    csv.field_size_limit(1 << 30)
    for path in sorted((root / "csv").iterdir()):
        with (root / "clean" / path.name).open(newline="", encoding="utf-8") as clean:
            rows = trimmed(csv.reader(clean))
        told = json.loads((root / "parameters" / f"{path.name}_parameters.json").read_text())
        keys = told_keys(told)
        # The authors named the columns of most files without a header.
        named = rows and (rows[0] == told["column_names"] or rows[0][0].startswith("col_"))
        expected = rows["header" in keys and bool(named) :] or REFUSED
        yield judge(TOLD, path.name, lambda path=path, keys=keys: read_cells(path, **keys), expected)
        yield judge(FOUND, path.name, lambda path=path: find_cells(path), expected)


SUITES = (
    Suite(
        "csv-spectrum",
        "csv-spectrum",
        "maxogden/csv-spectrum",
        "csvs",
        "Every cell is compared with the suite's JSON, blanks around cells left aside. Each file is read twice: with a "
        "config that names its delimiter, and as `mlcli init` finds it.",
        "nothing.",
        csv_spectrum,
    ),
    Suite(
        "csv-test-data",
        "csv-test-data",
        "sineemore/csv-test-data",
        "csv",
        "Files of RFC 4180, and files that are none, compared as those of csv-spectrum. mlcli takes the first line "
        "for a header and wants a row below it.",
        "nothing.",
        csv_test_data,
    ),
    Suite(
        "pollock",
        "Pollock",
        "HPI-Information-Systems/Pollock",
        "polluted_files/csv",
        "2,290 versions of one table of 83 rows, each with one fault: lines above the header, several tables, cells "
        "too few or too many, stray quotes, other delimiters. Right means that every cell equals that of the suite's "
        "clean version, blanks around cells left aside. Each file is read twice: told its delimiter, as the suite's "
        "parameters say, and as `mlcli init` finds it. The suite's own score is not computed: it rewards what can be "
        "saved of a damaged file, and mlcli stops at the first fault with the line and a remedy.",
        "the parameters for quotes and escapes, for which mlcli has no keys.",
        pollock,
    ),
    Suite(
        "pollock-survey",
        "Pollock's survey",
        "HPI-Information-Systems/Pollock",
        "survey_sample/csv",
        "Files of public authorities and of research, as they were published, beside the clean versions that the "
        "suite's authors wrote by hand; otherwise as above. The authors also repaired contents: letters that were "
        "decoded wrongly, `missing` in cells, empty rows and footnotes; where mlcli keeps them, it counts as wrong.",
        "of the 100 files those that a clone lacks, such as a snapshot without files of more than 4 MB.",
        pollock_survey,
    ),
)
