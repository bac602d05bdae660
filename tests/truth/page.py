"""What was found as Markdown: a section a suite, and the page of all."""

import datetime
import platform
import textwrap
from collections import Counter
from importlib.metadata import version

from tests.truth.nist import ANOVA, DEGREES, UNIVARIATE, Anova, Regression, Univariate, fit
from tests.truth.optimizers import KERAS, NOT_COMPARABLE
from tests.truth.suites import OUTCOMES, count

HEAD = """# Truth from outside

Made by `python -m tests.truth --data FOLDER --write` on {day}, with mlcli {mlcli}, Python {python}, polars {polars},
torch {torch}, pillow {pillow}, pyyaml {pyyaml} and pyarrow {pyarrow}.

The tests of mlcli were written beside it. What follows was not: files and numbers that others made to try programs of
this kind. FOLDER has the clones that each section names; nothing of them is part of mlcli. A case is

- right: read as the suite expects,
- refused: a message and exit code 2, 3 or 4, and nothing read,
- said: read as something else, with a note that says what was guessed, such as a first line that looks like a row,
- wrong: read in silence as something else,
- crashed: an error that mlcli does not expect, exit code 1.

A small part runs in every test run, from `tests/truth`.
"""
NIST = """## NIST's statistical reference datasets

Certified values of the [National Institute of Standards and Technology](https://www.itl.nist.gov/div898/strd/),
computed with 500 digits.
`{fetch}`, {version}.
A number is the count of digits that are right (McCullough, 1998), at most 15.

### Linear regression

A network without hidden layers, trained by L-BFGS on all rows, has the coefficients in its bundle. Weights and outputs
are float32, which has 7 digits; everything before and after is float64. A coefficient loses more digits where columns
are nearly collinear (Longley), or where its part of y is below the seventh digit of the largest y (Norris' B0; the
lower powers of Wampler1 and 3 to 5, beside y up to 4 million). The powers of Filip and Wampler, standardised as they
are, are so nearly collinear that L-BFGS stops long before the minimum; centred and whitened they are not.

- as it is: the columns of the file or their powers, standardised.
- whitened: powers of the centred column, such as `features.derive: {{p2: "((x1 + 5.9) / 2.8) ** 2"}}`, and
  `features.extract: {{name: pca, components: 0.999999999999, whiten: true}}`.

Every network has a bias: NoInt1 and NoInt2, whose lines have none, are trained on their rows and the mirror images of
these, (−x, −y), which have the same line.
"""
DESCRIBED = """
### Means, deviations and analysis of variance

Mean and standard deviation (mlcli's are of n, NIST's of n − 1) in the data report of `prepare`, and in `show`; and the
correlation ratio that `show` has for a category and a number, from the certified sums of squares. `show` takes a
column that varies by less than 1e-12 of its largest number for a constant one. The numbers of NumAcc3, NumAcc4 and
SmLs04 to 06 are rounded when they are read as float64, so that no more digits than about these can be known.
"""
NIST_MISSED = (
    "Not tried: nonlinear regression, whose formulas are no networks; autocorrelation, which mlcli does not tell; "
    "PiDigits, which is not in this collection."
)
OPTIMIZERS = """## Optimizers

Every step of every optimizer with each of its keys equals that of `torch.optim` built by hand, without fused kernels,
on a quadratic in float64 (`tests/truth/test_optimizers.py`; Muon's in `tests/training`). The tests of
[Keras 3](https://github.com/keras-team/keras/tree/master/keras/src/optimizers) expect certain weights after each step
of its own optimizers; mlcli's differ by:
"""
RELATIONS = """## Relations

No number is expected in `tests/truth/test_relations.py`; a training told in another way must predict the same.

- To the bit: columns and the target in other units (powers of two), other names of columns and of categories, a
  constant column, a column of the other sign, rows to predict in two files with columns in another order, and the same
  table as CSV (with and without a byte order mark, UTF-16, gzip, quotes, tabs), Parquet, JSON lines and SQLite.
- To the rounding of float32: rows, columns, categories and classes in another order, every row twice, a target from
  another zero.

Every metric of all rows twice is that of the rows.
"""
WIDTH = 120
PACKAGES = ("mlcli", "polars", "torch", "pillow", "pyyaml", "pyarrow")


def table(head, rows):
    """A table; the first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def wrapped(text):
    """A paragraph."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"


def suite_section(suite, cases, data):
    """Title, totals by outcome, and the text of a suite's section."""
    commit, day = suite.version(data)
    groups = count(cases)
    rows = [[group, *(found[outcome] or "" for outcome in OUTCOMES)] for group, found in groups.items()]
    wrong = [
        f"- `{case.name}` ({case.group}) {case.outcome}: {case.note}" for case in cases if case.outcome in OUTCOMES[3:]
    ]
    parts = [
        f"## {suite.title}\n",
        f"`{suite.fetch}`, commit {commit[:12]} of {day}.\n",
        wrapped(suite.about),
        table(["", *OUTCOMES], rows),
        "\n".join(wrong) + "\n" if wrong else "",
        wrapped(f"Not tried: {suite.missed}"),
    ]
    return suite.title, sum(groups.values(), Counter()), "\n".join(part for part in parts if part)


def nist_section(folder, fetch, version_line):
    """All of NIST's sets that the folder has, trained and described in the current folder."""
    rows = []
    for name in DEGREES:
        regression = Regression.read(folder / f"{name}.dat")
        fits = [fit(regression, whitened) for whitened in (False, True)]
        rows.append([name, *(f"{value:.1f}" for one in fits for value in (min(one.coefficients), one.deviation))])
    head = [
        "set",
        "as it is: worst coefficient",
        "residual deviation",
        "whitened: worst coefficient",
        "residual deviation",
    ]
    columns = [Univariate.read(folder / f"{name}.dat") for name in UNIVARIATE]
    described = [[one.name, *(f"{value:.1f}" for pair in one.describe() for value in pair)] for one in columns]
    found = [(name, Anova.read(folder / f"{name}.dat").describe()) for name in ANOVA]
    variance = [[name, "none shown" if value is None else f"{value:.1f}"] for name, value in found]
    parts = [
        NIST.format(fetch=fetch, version=version_line),
        table(head, rows),
        DESCRIBED,
        table(["set", "mean", "deviation", "`show`: mean", "deviation"], described),
        table(["set", "correlation ratio"], variance),
        wrapped(NIST_MISSED),
    ]
    return "\n".join(parts)


def optimizers_section():
    """Differences from the numbers of Keras."""
    rows = []
    for golden in KERAS:
        difference, allowed = golden.differences()
        rows.append([golden.test, f"{difference:.0e}", f"{allowed:.0e}", "yes" if difference <= allowed else "NO"])
    reasons = "; ".join(f"{test} ({reason})" for test, reason in NOT_COMPARABLE.items())
    parts = [
        OPTIMIZERS,
        table(["test", "largest difference", "allowed there", "within"], rows),
        wrapped(f"Not comparable, since mlcli's optimizers are PyTorch's: {reasons}."),
    ]
    return "\n".join(parts)


def whole_page(sections, others):
    """The page.

    sections : of suites, as `suite_section` gives them
    others   : texts of further sections
    """
    versions = {name: version(name) for name in PACKAGES}
    day = datetime.datetime.now(tz=datetime.UTC)
    head = HEAD.format(day=f"{day.day} {day:%B %Y}", python=platform.python_version(), **versions)
    rows = [[title, totals.total(), *(totals[outcome] for outcome in OUTCOMES)] for title, totals, _ in sections]
    total = sum((totals for _, totals, _ in sections), Counter())
    rows.append(["together", total.total(), *(total[outcome] for outcome in OUTCOMES)])
    texts = [text for *_, text in sections]
    return "\n".join([head, table(["suite", "cases", *OUTCOMES], rows), *texts, *others, RELATIONS])
